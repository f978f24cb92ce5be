package app

import (
	"context"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/api"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
	"github.com/carillon-gateway/carillon/scheduler/escalation"
	"github.com/carillon-gateway/carillon/templates"
)

// crier puts alerts into words, and knows how far they are.
type crier struct {
	*fanout.Fanout
	ledger     gateway.Tracking
	broadcasts oneBroadcast
	live       *live
}

// Reach says how far the messages of a step are. Who was handed one over a channel that reports nothing more is reached.
func (c crier) Reach(ctx context.Context, group gateway.ID, broadcasts []gateway.ID) (r escalation.Reach, err error) {
	waiting := 0
	for _, b := range broadcasts {
		tallies, err := c.ledger.Tallies(ctx, group, b)
		if err != nil {
			return r, err
		}
		for _, t := range tallies {
			if t.State == gateway.Waiting {
				waiting += t.Count
			}
			if t.State != gateway.Ended && c.oneWay(t.ChannelID) {
				r.OneWay += t.Count
			}
			switch {
			case t.State == gateway.Delivered, t.State == gateway.DeliveryAccepted && c.silent(t.ChannelID):
				r.Reached += t.Count
			case t.State != gateway.Ended:
				r.Moving += t.Count
			}
		}
	}
	if r.Reached == 0 && r.Moving > 0 && r.Moving == waiting {
		all, forGood, err := c.refused(ctx, group, broadcasts)
		switch {
		case err != nil:
			return r, err
		case forGood:
			r = escalation.Reach{}
		case all:
			r.Refused = r.Moving
		}
	}
	if r.Reached == 0 && r.Moving == 0 { // it may not be planned yet
		all, err := c.planned(ctx, group, broadcasts)
		if err != nil || !all {
			r.Moving = 1
		}
		return r, err
	}
	return r, nil
}

// refused says whether all that waits of broadcasts was tried and refused, and whether all of it was for good. It reads no further
// than the first of which that is not so.
func (c crier) refused(ctx context.Context, group gateway.ID, broadcasts []gateway.ID) (all, forGood bool, err error) {
	forGood = true
	for _, b := range broadcasts {
		f := gateway.DeliveryFilter{Group: group, Broadcast: b, State: gateway.Waiting, Limit: 100}
		for {
			page, err := c.ledger.Deliveries(ctx, f)
			if err != nil {
				return false, false, err
			}
			for i := range page {
				if page[i].AttemptID.IsZero() {
					return false, false, nil
				}
				d, err := c.ledger.Delivery(ctx, group, page[i].ID)
				if err != nil {
					return false, false, err
				}
				refused, good := d.Refused()
				if !refused {
					return false, false, nil
				}
				forGood = forGood && good
			}
			if len(page) < f.Limit {
				break
			}
			f.After = page[len(page)-1].ID
		}
	}
	return true, forGood, nil
}

func (c crier) planned(ctx context.Context, group gateway.ID, broadcasts []gateway.ID) (bool, error) {
	for _, id := range broadcasts {
		b, err := c.broadcasts.Broadcast(ctx, group, id)
		if err != nil || b.State == gateway.Planning {
			return false, err
		}
	}
	return true, nil
}

func (c crier) silent(channel gateway.ID) bool {
	a, ok := c.live.Adapter(channel)
	return !ok || a.Capabilities().Receipts < channels.DeliveryReceipts
}

// oneWay reports whether nobody can answer over a channel. Of one that is not known yet it is not said.
func (c crier) oneWay(channel gateway.ID) bool {
	a, ok := c.live.Adapter(channel)
	return ok && fanout.AnswersOver(a.Capabilities(), c.Pages) == gateway.ByContact
}

// Look has whoever plans look for the broadcasts of alerts.
func (c crier) Look() { look(c.Fanout) }

// newAlerts builds what has alerts climb, and what people do with them.
func (a *App) newAlerts() *escalation.Desk {
	return escalation.NewDesk(a.store, a.store, crier{a.fanout, a.store, a.store, a.live}, a.Now, escalation.Options{Rotas: atDuty{a.rotas}, Notice: a.store.PutNotice, Told: func() { signal(a.notices) }, Approvers: a.releases.Others, Belies: templates.Words().Belies, Languages: a.fanout.AlertLanguages, Log: a.Log, At: a.At})
}

// alertDesk is what the API does with alerts.
type alertDesk struct{ *escalation.Desk }

// RaiseAlert raises one.
func (d alertDesk) RaiseAlert(ctx context.Context, g gateway.Group, draft gateway.AlertDraft, by gateway.AlertHand) (gateway.AlertCase, error) {
	return d.Raise(ctx, g, draft, by)
}

// CheckPolicy says everything that is wrong with a policy.
func (alertDesk) CheckPolicy(g gateway.Group, p gateway.AlertPolicy) (gateway.AlertPolicy, error) {
	return escalation.CheckPolicy(g, p)
}

// FindAlert reads one.
func (d alertDesk) FindAlert(ctx context.Context, group gateway.ID, name string) (gateway.AlertCase, error) {
	return d.Find(ctx, group, name)
}

// ActOnAlert does what a person decided.
func (d alertDesk) ActOnAlert(ctx context.Context, g gateway.Group, name, what string, act gateway.AlertAct, by gateway.AlertHand) (gateway.AlertCase, error) {
	e := escalation.Event{By: by, Detail: act.Reason}
	switch what {
	case "update":
		e.Kind, e.Second = escalation.Update, act.Second
		if act.Saying != nil {
			e.Saying = *act.Saying
		}
	case "clear":
		e.Kind = escalation.Clear
	case "cancel":
		e.Kind = escalation.Cancel
	case "remind":
		e.Kind = escalation.Remind
	case "handover":
		e.Kind, e.To = escalation.Offer, gateway.AlertHand{Members: []gateway.ID{act.To}}
	case "release":
		e.Kind, e.Digest = escalation.Release, act.Digest
	case "break-glass":
		e.Kind, e.Glass = escalation.Break, act.Reason
	default:
		return gateway.AlertCase{}, gateway.Faultf(gateway.CodeInvalid, "nothing like %q can be done to an alert", what)
	}
	return d.Act(ctx, g, name, e)
}

var (
	_ escalation.Messenger = crier{}
	_ api.Alerts           = alertDesk{}
)
