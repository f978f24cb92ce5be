package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/carillon-gateway/carillon/gateway"
)

// Alerts is what people do with alerts.
type Alerts interface {
	// RaiseAlert makes an alert and lets it go, or with DryRun says what is wrong with it.
	RaiseAlert(ctx context.Context, g gateway.Group, d gateway.AlertDraft, by gateway.AlertHand) (gateway.AlertCase, error)
	// FindAlert reads one by its id or its reference.
	FindAlert(ctx context.Context, group gateway.ID, name string) (gateway.AlertCase, error)
	// ActOnAlert does what a person decided: update, clear, cancel, handover, release or break-glass.
	ActOnAlert(ctx context.Context, g gateway.Group, name, what string, act gateway.AlertAct, by gateway.AlertHand) (gateway.AlertCase, error)
	Drills
	AlertLog
	AlertPolicies
	AlertRecords
}

// AlertRecords is what is read about an alert as a whole.
type AlertRecords interface {
	// Waiting reads one that waits for a second person.
	Waiting(ctx context.Context, g gateway.Group, name string) (gateway.AlertWaiting, error)
	// AlertReads counts who reads it in which language; nil: nobody counts.
	AlertReads(ctx context.Context, g gateway.Group, a gateway.AlertCase) (*gateway.AlertReads, error)
	// BriefReads is AlertReads where somebody waits; nil too where it cannot be counted, or takes too long.
	BriefReads(ctx context.Context, g gateway.Group, a gateway.AlertCase) *gateway.AlertReads
	RollCall(ctx context.Context, group gateway.ID, name string) (gateway.RollCall, error)
	Report(ctx context.Context, g gateway.Group, name string) (gateway.IncidentReport, error)
}

// AlertLog is what the API reads of alerts, and how they are answered.
type AlertLog interface {
	Alerts(ctx context.Context, group, before gateway.ID, limit int) ([]gateway.AlertCase, error)
	AlertEvents(ctx context.Context, group, alert gateway.ID, after, limit int) ([]gateway.AlertEvent, error)
	Acknowledge(ctx context.Context, a gateway.Acknowledgement) (gateway.AckResult, error)
}

// AlertPolicies keeps the policies of a group.
type AlertPolicies interface {
	AlertPolicies(ctx context.Context, group gateway.ID) ([]gateway.AlertPolicy, error)
	// CheckPolicy says everything that is wrong with a policy.
	CheckPolicy(g gateway.Group, p gateway.AlertPolicy) (gateway.AlertPolicy, error)
	PutPolicy(ctx context.Context, g gateway.Group, p gateway.AlertPolicy) (gateway.AlertPolicy, error)
	DeleteAlertPolicy(ctx context.Context, group, id gateway.ID) error
}

// InAlert is a path to an alert.
type InAlert struct {
	InGroup
	Alert string `path:"alert" minLength:"4" maxLength:"36" example:"4711" doc:"Its reference or its id."`
}

// InPolicy is a path to a policy.
type InPolicy struct {
	InGroup
	Policy string `path:"policy" minLength:"2" maxLength:"40" example:"night"`
}

type (
	listAlerts struct {
		InGroup
		Paging
	}
	raiseAlert struct {
		InGroup
		Body gateway.AlertDraft
	}
	actOnAlert struct {
		InAlert
		Body gateway.AlertAct
	}
	putPolicy struct {
		InPolicy
		Body gateway.AlertPolicy
	}
	alertRaised struct {
		Status int
		Body   gateway.AlertView
	}
)

const alertTag = "Alerts"

// becameOf counts what became of a message of an alert. What an alert has stopped waits for nothing: it is cancelled.
func (s *server) becameOf(ctx context.Context, group, broadcast gateway.ID) ([]gateway.Tally, error) {
	all, err := s.Ledger.Tallies(ctx, group, broadcast)
	if err != nil || !slices.ContainsFunc(all, func(t gateway.Tally) bool { return t.State == gateway.Waiting }) {
		return all, err
	}
	b, err := s.Ledger.Broadcast(ctx, group, broadcast)
	if err != nil || b.State != gateway.Stopped {
		return all, err
	}
	for i := range all {
		if all[i].State == gateway.Waiting {
			all[i].State, all[i].Reason = gateway.Ended, gateway.ReasonCancelled
		}
	}
	return all, nil
}

// mostEvents bounds a timeline.
const mostEvents = 2000

func (s *server) addAlerts() {
	text := gateway.AlertText{Source: "Harbour office", What: "Flood", Where: "Harbour", Do: "Go uphill now."}
	said := gateway.AlertSaying{Texts: map[string]gateway.AlertText{"en": text}, Until: sampleTime, Next: sampleTime}
	policy := gateway.AlertPolicy{Name: "night", Steps: []gateway.AlertStep{{Targets: []gateway.AlertTarget{{Tags: []string{"medic"}}}, Wait: 5, Repeat: 1}}, Last: []gateway.AlertTarget{{Topic: gateway.OwnersTopic}}}
	draft := gateway.AlertDraft{Policy: "night", Audience: gateway.Audience{Topic: gateway.AlertsTopic}, Saying: said}
	sample := gateway.AlertCase{ID: sampleID, Reference: "4711", State: gateway.AlertClimbing, Audience: draft.Audience, Saying: said, Policy: policy, Author: "harbour office", RaisedAt: sampleTime, ExpiresAt: sampleTime}.View()

	raised := sample
	raised.Reads = &gateway.AlertReads{Told: []gateway.PreviewLanguage{{Wants: "en", Gets: "en", Members: 108}, {Wants: "sw", Gets: "en", Fallback: true, Members: 12}}, Asked: []gateway.PreviewLanguage{{Wants: "en", Gets: "en", Members: 2}}}

	add(s, route{ID: "list-alerts", Method: http.MethodGet, Path: "/api/v1/groups/{group}/alerts", Tag: alertTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "List alerts, the newest first", Answer: page[gateway.AlertView]{Items: []gateway.AlertView{sample}}},
		func(ctx context.Context, who caller, in *listAlerts) (*body[page[gateway.AlertView]], error) {
			list, err := s.Alerts.Alerts(ctx, who.Group.ID, in.After, in.Limit+1)
			views := make([]gateway.AlertView, len(list))
			for i := range list {
				views[i] = list[i].View()
			}
			return &body[page[gateway.AlertView]]{pageOf(views, in.Limit, func(v gateway.AlertView) gateway.ID { return v.ID })}, err
		})
	add(s, route{ID: "raise-alert", Method: http.MethodPost, Path: "/api/v1/groups/{group}/alerts", Tag: alertTag, Scope: ofGroup, Role: gateway.Author, Status: http.StatusCreated,
		Summary: "Raise an alert", About: "Everything is checked first. It tells its audience at once and climbs by its policy until somebody takes charge. With `dry_run` it is only checked, and its reference means nothing. `reads` counts in which languages those read it who are told at once, and those who are asked first. Where a second person must release it, its state is `to be released`; `break_glass` says why nobody can be waited for, and only of danger to life. Whether it is an exercise is settled here for ever.", Example: draft, Answer: raised},
		func(ctx context.Context, who caller, in *raiseAlert) (*alertRaised, error) {
			a, err := s.Alerts.RaiseAlert(ctx, who.Group, in.Body, who.alertHand())
			if err != nil {
				return nil, err
			}
			status := http.StatusCreated
			if in.Body.DryRun {
				status = http.StatusOK
			} else {
				s.Log.Info("an alert was raised", "request", requestID(ctx), "group", who.Group.ID, "alert", a.ID, "token", who.Token.ID, "exercise", a.Exercise)
			}
			v := a.View()
			if in.Body.DryRun {
				v.Reads, err = s.Alerts.AlertReads(ctx, who.Group, a)
				return &alertRaised{status, v}, err
			}
			v.Reads = s.Alerts.BriefReads(ctx, who.Group, a) // it is on its way
			return &alertRaised{status, v}, nil
		})
	add(s, route{ID: "get-alert", Method: http.MethodGet, Path: "/api/v1/groups/{group}/alerts/{alert}", Tag: alertTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "Read an alert", Answer: sample},
		func(ctx context.Context, who caller, in *InAlert) (*body[gateway.AlertView], error) {
			a, err := s.Alerts.FindAlert(ctx, who.Group.ID, in.Alert)
			return &body[gateway.AlertView]{a.View()}, err
		})
	add(s, route{ID: "alert-timeline", Method: http.MethodGet, Path: "/api/v1/groups/{group}/alerts/{alert}/timeline", Tag: alertTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "List what happened to an alert", About: "The oldest first, with what became of each message by channel and state.", Answer: page[gateway.TimelineEntry]{Items: []gateway.TimelineEntry{{AlertEvent: gateway.AlertEvent{No: 1, Kind: gateway.EventRaised, At: sampleTime}}}}},
		func(ctx context.Context, who caller, in *InAlert) (*body[page[gateway.TimelineEntry]], error) {
			a, err := s.Alerts.FindAlert(ctx, who.Group.ID, in.Alert)
			if err != nil {
				return nil, err
			}
			events, err := s.Alerts.AlertEvents(ctx, who.Group.ID, a.ID, 0, mostEvents)
			lines := make([]gateway.TimelineEntry, len(events))
			for i := 0; i < len(events) && err == nil; i++ {
				lines[i].AlertEvent = events[i]
				if !events[i].Broadcast.IsZero() {
					lines[i].Tallies, err = s.becameOf(ctx, who.Group.ID, events[i].Broadcast)
				}
			}
			return &body[page[gateway.TimelineEntry]]{page[gateway.TimelineEntry]{Items: lines}}, err
		})
	add(s, route{ID: "acknowledge-alert", Method: http.MethodPost, Path: "/api/v1/groups/{group}/alerts/{alert}/ack", Tag: alertTag, Scope: ofGroup, Role: gateway.Author,
		Summary: "Take charge of an alert", About: "The first who does is in charge, and it climbs no further; what became of a later answer is in `outcome`.", Answer: gateway.AckResult{Outcome: gateway.AckTaken, Alert: sampleID, Reference: "4711", State: gateway.AlertTaken}},
		func(ctx context.Context, who caller, in *InAlert) (*body[gateway.AckResult], error) {
			a, err := s.Alerts.FindAlert(ctx, who.Group.ID, in.Alert)
			if err != nil {
				return nil, err
			}
			done, err := s.Alerts.Acknowledge(ctx, gateway.Acknowledgement{Group: who.Group.ID, Alert: a.ID, By: who.alertHand(), Proven: true})
			return &body[gateway.AckResult]{done}, err
		})
	s.addAlertActs(draft, sample)

	add(s, route{ID: "list-alert-policies", Method: http.MethodGet, Path: "/api/v1/groups/{group}/alert-policies", Tag: alertTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "List how a group's alerts climb", Answer: page[gateway.AlertPolicy]{Items: []gateway.AlertPolicy{policy}}},
		func(ctx context.Context, who caller, _ *InGroup) (*body[page[gateway.AlertPolicy]], error) {
			all, err := s.Alerts.AlertPolicies(ctx, who.Group.ID)
			return &body[page[gateway.AlertPolicy]]{page[gateway.AlertPolicy]{Items: all}}, err
		})
	add(s, route{ID: "list-alert-neighbours", Method: http.MethodGet, Path: "/api/v1/groups/{group}/alert-neighbours", Tag: alertTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "List the groups between which alerts may climb", About: "`from`: groups whose alerts may climb to this one, as its administrator allows by `climb_from`. `to`: groups that allow it to this one.", Answer: gateway.AlertNeighbours{From: []string{"harbour"}, To: []string{"harbour"}}},
		func(ctx context.Context, who caller, _ *InGroup) (*body[gateway.AlertNeighbours], error) {
			all, err := s.Groups.Groups(ctx)
			return &body[gateway.AlertNeighbours]{gateway.NeighboursOf(who.Group, all)}, err
		})
	add(s, route{ID: "put-alert-policy", Method: http.MethodPut, Path: "/api/v1/groups/{group}/alert-policies/{policy}", Tag: alertTag, Scope: ofGroup, Role: gateway.Administrator,
		Summary: "Make or change a policy", About: "Alerts that were raised keep the one that they were raised by.", Example: policy, Answer: policy},
		func(ctx context.Context, who caller, in *putPolicy) (*body[gateway.AlertPolicy], error) {
			if in.Body.Name != "" && in.Body.Name != in.Policy {
				return nil, gateway.Faultf(gateway.CodeInvalid, "body.name is not the name of the path; leave it out")
			}
			in.Body.Name = in.Policy
			done, err := s.Alerts.PutPolicy(ctx, who.Group, in.Body)
			return &body[gateway.AlertPolicy]{done}, err
		})
	add(s, route{ID: "delete-alert-policy", Method: http.MethodDelete, Path: "/api/v1/groups/{group}/alert-policies/{policy}", Tag: alertTag, Scope: ofGroup, Role: gateway.Administrator,
		Summary: "Delete a policy"},
		func(ctx context.Context, who caller, in *InPolicy) (*nothing, error) {
			all, err := s.Alerts.AlertPolicies(ctx, who.Group.ID)
			if err != nil {
				return nil, err
			}
			for _, p := range all {
				if p.Name == in.Policy {
					return &nothing{}, s.Alerts.DeleteAlertPolicy(ctx, who.Group.ID, p.ID)
				}
			}
			return nil, gateway.Faultf(gateway.CodeNotFound, "there is no such policy")
		})
}
