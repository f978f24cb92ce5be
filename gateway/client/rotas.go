package client

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// Rotas lists a group's.
func (c *Client) Rotas(ctx context.Context, group string) ([]gateway.Rota, error) {
	return list[gateway.Rota](ctx, c, groupPath(group, "rotas"), nil, 0, true)
}

// Rota reads one with its turns of some days from a time on; zero: from now on.
func (c *Client) Rota(ctx context.Context, group, name string, from time.Time, days int) (gateway.RotaTable, error) {
	query := url.Values{"days": {strconv.Itoa(days)}}
	if !from.IsZero() {
		query.Set("from", from.UTC().Format(time.RFC3339))
	}
	return fetch[gateway.RotaTable](ctx, c, call{method: http.MethodGet, path: groupPath(group, "rotas", name), query: query})
}

// DutyGaps lists where an alert would find nobody: turns of some days from now on, and steps of policies.
func (c *Client) DutyGaps(ctx context.Context, group string, days int) ([]gateway.DutyGap, error) {
	return list[gateway.DutyGap](ctx, c, groupPath(group, "duty-gaps"), url.Values{"days": {strconv.Itoa(days)}}, 0, true)
}

// PutRota makes a rota or changes it.
func (c *Client) PutRota(ctx context.Context, group, name string, d gateway.DocumentRota) (gateway.Rota, error) {
	return fetch[gateway.Rota](ctx, c, call{method: http.MethodPut, path: groupPath(group, "rotas", name), in: d})
}

// DeleteRota deletes one.
func (c *Client) DeleteRota(ctx context.Context, group, name string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: groupPath(group, "rotas", name)})
}

// OverrideRota puts somebody on duty for a time.
func (c *Client) OverrideRota(ctx context.Context, group, name string, o gateway.RotaOverride) (gateway.Rota, error) {
	in := map[string]any{"from": o.From, "to": o.To}
	if !o.Member.IsZero() {
		in["member_id"] = o.Member
	}
	return fetch[gateway.Rota](ctx, c, call{method: http.MethodPost, path: groupPath(group, "rotas", name, "overrides"), in: in})
}

// NoteAbsence notes that a member is away; it gives the rotas that name her.
func (c *Client) NoteAbsence(ctx context.Context, group string, a gateway.Absence) ([]string, error) {
	out, err := fetch[struct {
		Rotas []string `json:"rotas"`
	}](ctx, c, call{method: http.MethodPost, path: groupPath(group, "absences"), in: map[string]any{"member_id": a.Member, "from": a.From, "to": a.To}})
	return out.Rotas, err
}

// AskSwap asks a member to take over a turn.
func (c *Client) AskSwap(ctx context.Context, group, name string, s gateway.Swap) (gateway.Swap, error) {
	in := map[string]any{"from_id": s.From, "with_id": s.With, "give": s.Give}
	if s.Take != 0 {
		in["take"] = s.Take
	}
	return fetch[gateway.Swap](ctx, c, call{method: http.MethodPost, path: groupPath(group, "rotas", name, "swaps"), in: in})
}

// AnswerSwap answers for who was asked.
func (c *Client) AnswerSwap(ctx context.Context, group, name string, swap gateway.ID, yes bool) (gateway.Rota, error) {
	return fetch[gateway.Rota](ctx, c, call{method: http.MethodPost, path: groupPath(group, "rotas", name, "swaps", swap.String(), "answer"), in: map[string]bool{"yes": yes}})
}

// WithdrawFromRota takes an override, an absence or a question of a swap back.
func (c *Client) WithdrawFromRota(ctx context.Context, group, name string, change gateway.ID) error {
	return c.do(ctx, call{method: http.MethodDelete, path: groupPath(group, "rotas", name, "changes", change.String())})
}
