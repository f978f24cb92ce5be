package escalation

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// town is a yard with two groups, of which tenants lets harbour's alerts climb to it. What happens between two writes is told by at.
type town struct {
	*yard
	at func(what string, a gateway.AlertCase)
}

var harbour, tenants = gateway.Group{ID: gateway.ID{8}, Slug: "harbour", Zone: "UTC"}, gateway.Group{ID: gateway.ID{9}, Slug: "tenants", Zone: "UTC", ClimbFrom: []string{"harbour"}}

func (w *town) GroupByID(_ context.Context, id gateway.ID) (gateway.Group, error) {
	if id == tenants.ID {
		return tenants, nil
	}
	return harbour, nil
}

func (w *town) Group(_ context.Context, slug string) (gateway.Group, error) {
	if slug == tenants.Slug {
		return tenants, nil
	}
	return harbour, nil
}

func (w *town) PutAlert(ctx context.Context, write gateway.AlertWrite) (gateway.AlertCase, error) {
	opens := write.Alert.Origin != nil && write.Alert.Revision == 0
	if opens {
		w.at("before it is opened", write.Alert)
	}
	a, err := w.yard.PutAlert(ctx, write)
	if opens && err == nil {
		w.at("once it is opened", a)
	}
	return a, err
}

func (w *town) ReadyAlert(ctx context.Context, m gateway.AlertMessage) (*gateway.ReadyBroadcast, error) {
	if stored, found := w.alerts[m.Alert.ID]; found && stored.Origin != nil && m.Effect.Kind == gateway.AlertAsk {
		w.at("before it asks", stored)
	}
	return w.yard.ReadyAlert(ctx, m)
}

// Somebody takes charge in the first group, or ends the alert, at each moment of its climbing to another: nobody is asked there any
// more, and the alert there is over or taken as well.
func TestATakenAlertAsksNobodyElsewhere(t *testing.T) {
	for _, moment := range []string{"before it is opened", "once it is opened", "before it asks"} {
		for kind, state := range map[Kind]gateway.AlertState{Ack: gateway.AlertTaken, Clear: gateway.AlertCleared, Cancel: gateway.AlertCancelled} {
			y, _ := newYard()
			w := &town{yard: y}
			desk := func() *Desk { return NewDesk(w, w, w, func() time.Time { return y.now }, Options{}) }
			origin, happened := gateway.NewID(), false
			w.at = func(what string, linked gateway.AlertCase) {
				if happened || what != moment {
					return
				}
				happened = true
				var err error
				if kind == Ack {
					_, err = desk().Acknowledge(t.Context(), gateway.Acknowledgement{Group: harbour.ID, Alert: origin, By: ann, Proven: true, Once: "sms/1"})
				} else {
					_, err = desk().Act(t.Context(), harbour, origin.String(), Event{Kind: kind, By: ann})
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			_, err := desk().raise(t.Context(), harbour, gateway.AlertCase{ID: origin, GroupID: harbour.ID, Exercise: true,
				Saying: gateway.AlertSaying{Until: noon.Add(time.Hour)}, Climb: gateway.AlertClimb{Secret: []byte("secret")},
				Policy: gateway.AlertPolicy{Name: "night", Steps: []gateway.AlertStep{{Targets: []gateway.AlertTarget{{Group: tenants.Slug, Tags: []string{"medic"}}}, Wait: 5}}}}, gateway.AlertDraft{}, gateway.AlertHand{Label: "office"})
			if err != nil {
				t.Fatal(err)
			}
			for range 20 {
				y.now = y.now.Add(time.Minute)
				if _, err := desk().Tick(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			linked := y.alerts[gateway.LinkedAlert(origin, "ask-1-0")]
			if !happened || y.alerts[origin].State != state || linked.State != state {
				t.Errorf("%s, %s: it happened: %v; the alert is %s, the one elsewhere %s", moment, state, happened, y.alerts[origin].State, linked.State)
			}
			if slices.ContainsFunc(y.events[linked.ID], func(e gateway.AlertEvent) bool {
				return e.Kind == gateway.EventSent && e.Detail == string(gateway.AlertAsk)
			}) {
				t.Errorf("%s, %s: somebody is asked elsewhere all the same", moment, state)
			}
		}
	}
}
