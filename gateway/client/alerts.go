package client

import (
	"context"
	"net/http"

	"github.com/carillon-gateway/carillon/gateway"
)

// Alerts lists a group's alerts, the newest first, at most so many; 0: all.
func (c *Client) Alerts(ctx context.Context, group string, most int) ([]gateway.AlertView, error) {
	return list[gateway.AlertView](ctx, c, groupPath(group, "alerts"), nil, most, false)
}

// Alert reads one by its reference or id.
func (c *Client) Alert(ctx context.Context, group, name string) (gateway.AlertView, error) {
	return fetch[gateway.AlertView](ctx, c, call{method: http.MethodGet, path: groupPath(group, "alerts", name)})
}

// RaiseAlert raises one, or checks it if the draft says so.
func (c *Client) RaiseAlert(ctx context.Context, group string, d gateway.AlertDraft) (gateway.AlertView, error) {
	return fetch[gateway.AlertView](ctx, c, call{method: http.MethodPost, path: groupPath(group, "alerts"), in: d})
}

// AckAlert takes charge of one.
func (c *Client) AckAlert(ctx context.Context, group, name string) (gateway.AckResult, error) {
	return fetch[gateway.AckResult](ctx, c, call{method: http.MethodPost, path: groupPath(group, "alerts", name, "ack")})
}

// ActOnAlert does something to one: update, clear, cancel, handover, release, break-glass.
func (c *Client) ActOnAlert(ctx context.Context, group, name, what string, act gateway.AlertAct) (gateway.AlertView, error) {
	return fetch[gateway.AlertView](ctx, c, call{method: http.MethodPost, path: groupPath(group, "alerts", name, what), in: act})
}

// AlertTimeline lists what happened to one.
func (c *Client) AlertTimeline(ctx context.Context, group, name string) ([]gateway.TimelineEntry, error) {
	p, err := fetch[page[gateway.TimelineEntry]](ctx, c, call{method: http.MethodGet, path: groupPath(group, "alerts", name, "timeline")})
	return p.Items, err
}

// AlertWaiting reads one that waits for a second person.
func (c *Client) AlertWaiting(ctx context.Context, group, name string) (gateway.AlertWaiting, error) {
	return fetch[gateway.AlertWaiting](ctx, c, call{method: http.MethodGet, path: groupPath(group, "alerts", name, "release")})
}

// AlertRollCall says how those are whom one told.
func (c *Client) AlertRollCall(ctx context.Context, group, name string) (gateway.RollCall, error) {
	return fetch[gateway.RollCall](ctx, c, call{method: http.MethodGet, path: groupPath(group, "alerts", name, "rollcall")})
}

// AlertReport drafts the report of its incident.
func (c *Client) AlertReport(ctx context.Context, group, name string) (gateway.IncidentReport, error) {
	return fetch[gateway.IncidentReport](ctx, c, call{method: http.MethodGet, path: groupPath(group, "alerts", name, "report")})
}

// AlertPolicies lists a group's policies.
func (c *Client) AlertPolicies(ctx context.Context, group string) ([]gateway.AlertPolicy, error) {
	p, err := fetch[page[gateway.AlertPolicy]](ctx, c, call{method: http.MethodGet, path: groupPath(group, "alert-policies")})
	return p.Items, err
}

// AlertNeighbours lists the groups between which alerts may climb, as a group sees it.
func (c *Client) AlertNeighbours(ctx context.Context, group string) (gateway.AlertNeighbours, error) {
	return fetch[gateway.AlertNeighbours](ctx, c, call{method: http.MethodGet, path: groupPath(group, "alert-neighbours")})
}

// PutAlertPolicy makes a policy or changes it.
func (c *Client) PutAlertPolicy(ctx context.Context, group string, p gateway.AlertPolicy) (gateway.AlertPolicy, error) {
	return fetch[gateway.AlertPolicy](ctx, c, call{method: http.MethodPut, path: groupPath(group, "alert-policies", p.Name), in: p})
}

// DeleteAlertPolicy takes a policy away.
func (c *Client) DeleteAlertPolicy(ctx context.Context, group, name string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: groupPath(group, "alert-policies", name)})
}

// Drills lists a group's drills, the newest first, at most so many; 0: all.
func (c *Client) Drills(ctx context.Context, group string, most int) ([]gateway.Drill, error) {
	return list[gateway.Drill](ctx, c, groupPath(group, "drills"), nil, most, false)
}

// Drill reads one, with the one before.
func (c *Client) Drill(ctx context.Context, group string, id gateway.ID) (gateway.Drill, error) {
	return fetch[gateway.Drill](ctx, c, call{method: http.MethodGet, path: groupPath(group, "drills", id.String())})
}

// PlanDrill plans a drill, or begins one.
func (c *Client) PlanDrill(ctx context.Context, group string, d gateway.DrillDraft) (gateway.Drill, error) {
	return fetch[gateway.Drill](ctx, c, call{method: http.MethodPost, path: groupPath(group, "drills"), in: d})
}

// WithdrawDrill takes back one that has not begun.
func (c *Client) WithdrawDrill(ctx context.Context, group string, id gateway.ID) (gateway.Drill, error) {
	return fetch[gateway.Drill](ctx, c, call{method: http.MethodPost, path: groupPath(group, "drills", id.String(), "withdraw")})
}
