package api

import (
	"context"
	"net/http"

	"github.com/carillon-gateway/carillon/gateway"
)

// Drills is what people do with drills.
type Drills interface {
	// PlanDrill checks a drill and keeps it; one for now begins at once.
	PlanDrill(ctx context.Context, g gateway.Group, d gateway.DrillDraft, by gateway.AlertHand) (gateway.Drill, error)
	// FindDrill reads one, with the one before.
	FindDrill(ctx context.Context, group, id gateway.ID) (gateway.Drill, error)
	Drills(ctx context.Context, group, before gateway.ID, limit int) ([]gateway.Drill, error)
	// WithdrawDrill takes back one that has not begun.
	WithdrawDrill(ctx context.Context, group, id gateway.ID) (gateway.Drill, error)
}

// InDrill is a path to a drill.
type InDrill struct {
	InGroup
	Drill gateway.ID `path:"drill" example:"0195a3c2-7b1e-7c3d-9f00-1a2b3c4d5e6f"`
}

type planDrill struct {
	InGroup
	Body gateway.DrillDraft
}

func (s *server) addDrills() {
	texts := map[string]gateway.AlertText{"en": {Source: "Harbour office", What: "Flood", Where: "Harbour", Do: "Go uphill now."}}
	draft := gateway.DrillDraft{Policy: "night", Texts: texts, Minutes: 30, At: sampleTime}
	sample := gateway.Drill{ID: sampleID, GroupID: sampleID, State: gateway.DrillPlanned, Policy: "night", Texts: texts, Minutes: 30, At: sampleTime, DueAt: sampleTime, Author: "harbour office"}
	over := gateway.Drill{ID: sampleID, GroupID: sampleID, State: gateway.DrillOver, Policy: "night", Minutes: 30, At: sampleTime, BegunAt: sampleTime, Reference: "4711", Author: "harbour office",
		Result: &gateway.DrillResult{MeasuredAt: sampleTime, Alert: gateway.DrillReach{Targeted: 12, Delivered: 11, HandedOver: 1}, Taken: true, Seconds: 95, Asked: []gateway.DrillAsked{{Step: 1, Role: "medic", Asked: 3, Silent: 1}}}}

	add(s, route{ID: "list-drills", Method: http.MethodGet, Path: "/api/v1/groups/{group}/drills", Tag: alertTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "List drills, the newest first", Answer: page[gateway.Drill]{Items: []gateway.Drill{over}}},
		func(ctx context.Context, who caller, in *listAlerts) (*body[page[gateway.Drill]], error) {
			list, err := s.Alerts.Drills(ctx, who.Group.ID, in.After, in.Limit+1)
			return &body[page[gateway.Drill]]{pageOf(list, in.Limit, func(d gateway.Drill) gateway.ID { return d.ID })}, err
		})
	add(s, route{ID: "plan-drill", Method: http.MethodPost, Path: "/api/v1/groups/{group}/drills", Tag: alertTag, Scope: ofGroup, Role: gateway.Author, Status: http.StatusCreated,
		Summary: "Plan a drill, or begin one", About: "An exercise climbs by a policy from `at` on, or now. Its update and its all-clear are sent by themselves, after a third and two thirds of its `minutes`; then it is measured.", Example: draft, Answer: sample},
		func(ctx context.Context, who caller, in *planDrill) (*body[gateway.Drill], error) {
			d, err := s.Alerts.PlanDrill(ctx, who.Group, in.Body, gateway.AlertHand{Token: who.Token.ID, Label: who.Token.Label, Way: "api"})
			if err == nil {
				s.Log.Info("a drill was planned", "request", requestID(ctx), "group", who.Group.ID, "drill", d.ID, "token", who.Token.ID)
			}
			return &body[gateway.Drill]{d}, err
		})
	add(s, route{ID: "get-drill", Method: http.MethodGet, Path: "/api/v1/groups/{group}/drills/{drill}", Tag: alertTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "Read a drill, and what it has shown", About: "`before` is the last one by the same policy that was measured before.", Answer: over},
		func(ctx context.Context, who caller, in *InDrill) (*body[gateway.Drill], error) {
			d, err := s.Alerts.FindDrill(ctx, who.Group.ID, in.Drill)
			return &body[gateway.Drill]{d}, err
		})
	add(s, route{ID: "withdraw-drill", Method: http.MethodPost, Path: "/api/v1/groups/{group}/drills/{drill}/withdraw", Tag: alertTag, Scope: ofGroup, Role: gateway.Author,
		Summary: "Take back a drill that has not begun", Answer: sample},
		func(ctx context.Context, who caller, in *InDrill) (*body[gateway.Drill], error) {
			d, err := s.Alerts.WithdrawDrill(ctx, who.Group.ID, in.Drill)
			return &body[gateway.Drill]{d}, err
		})
}
