package escalation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// submit makes what an alert has decided ready and writes it, an effect at a time, each in one transaction with the alert:
// whoever was overtaken, by an acknowledgement say, writes nothing. What cannot be done now is left to the next look.
func (d *Desk) submit(ctx context.Context, a gateway.AlertCase) {
	failed := map[string]bool{} // what another group does not take, say, keeps nothing else from leaving
	for range 1000 {            // a bound for what never ends
		next := slices.IndexFunc(a.Climb.Pending, func(e gateway.AlertEffect) bool { return !failed[e.Key] })
		if next < 0 {
			break
		}
		effect := a.Climb.Pending[next]
		d.At(FaultPoints[1])
		if stopped, err := d.follow(ctx, &a, &effect); stopped || err != nil {
			if err != nil {
				d.Log.Error("it cannot be read whether an alert of another group still needs somebody; it is tried again", "alert", a.ID, "group", a.GroupID, "error", err)
			}
			break
		}
		sends, left, err := d.ready(ctx, &a, &effect)
		e := Event{Kind: Submitted, Effect: effect.Key, Detail: left}
		var fault *gateway.Fault
		switch {
		case errors.As(err, &fault) && fault.Code != gateway.CodeUnavailable && fault.Code != gateway.CodeInternal:
			e.Kind, e.Nobody, e.Detail = Failed, true, fault.Text
			d.Log.Warn("a message of an alert reaches nobody", "alert", a.ID, "group", a.GroupID, "message", string(effect.Kind), "code", string(fault.Code))
			sends = nil
		case err != nil:
			d.Log.Error("a message of an alert cannot be made; it is tried again", "alert", a.ID, "group", a.GroupID, "message", string(effect.Kind), "error", err)
			e.Kind, sends = Failed, nil
		}
		for i := range sends {
			e.Broadcasts = append(e.Broadcasts, sends[i].Broadcast.ID)
		}
		g, err := d.groups.GroupByID(ctx, a.GroupID)
		if err == nil {
			e.Zone, err = civil.Zone(g.Zone)
		}
		if err != nil {
			e.Zone = time.UTC
		}
		decided, err := Decide(a, e, d.now().UTC())
		if err != nil {
			return // it is settled otherwise
		}
		done, err := d.PutAlert(ctx, gateway.AlertWrite{Alert: decided.Alert, Events: decided.Events, Sends: sends, Stops: decided.Stops})
		if err != nil {
			if !errors.Is(err, gateway.ErrStale) && ctx.Err() == nil {
				d.Log.Error("a message of an alert cannot be written; it is tried again", "alert", a.ID, "group", a.GroupID, "error", err)
			}
			d.look()
			break
		}
		d.At(FaultPoints[2])
		if e.Nobody && effect.Kind == gateway.AlertLast {
			d.lastFailed(ctx, &a)
		}
		if len(sends) > 0 { // it leaves while the next is made ready
			d.messenger.Look()
		}
		if a = done; e.Kind == Failed && !e.Nobody {
			failed[effect.Key] = true
		}
	}
}

// lastFailed tells the operator's contacts that nobody was reached even at the last resort.
func (d *Desk) lastFailed(ctx context.Context, a *gateway.AlertCase) {
	if d.Notice == nil {
		return
	}
	for _, group := range []gateway.ID{a.GroupID, {}} {
		n := gateway.OwnerNotice{Once: "alert-last/" + a.ID.String() + "/" + group.String(), GroupID: group, Wording: gateway.NoticeFound, Data: map[string]string{"finding": string(gateway.AlertUnheard) + " " + a.Reference}}
		if err := d.Notice(ctx, n); err != nil && ctx.Err() == nil {
			d.Log.Error("owners cannot be told that nobody acknowledged an alert", "alert", a.ID, "group", a.GroupID, "error", err)
		}
	}
}

// ready gives the broadcasts of an effect: one, or where each person has a code of her own one a person, and for an update one
// for its audience and one for others who were told; none, where nobody but whoever took charge was asked. left says who is not told of those who are meant; empty: nobody.
func (d *Desk) ready(ctx context.Context, a *gateway.AlertCase, e *gateway.AlertEffect) (all []gateway.ReadyBroadcast, left string, err error) {
	if e.Link != nil {
		return nil, "", d.elsewhere(ctx, a, e)
	}
	audiences, err := d.audiences(ctx, a, e)
	if err != nil {
		return nil, "", err
	}
	var nobody error
	one := func(who gateway.Audience, key, code string) error {
		ready, err := d.messenger.ReadyAlert(ctx, gateway.AlertMessage{Alert: *a, Effect: *e, Key: key, Audience: who, Code: code})
		if errors.Is(err, &gateway.Fault{Code: gateway.CodeNobody}) {
			nobody = err
			return nil
		}
		if err == nil {
			all = append(all, *ready)
		}
		return err
	}
	for i, who := range audiences {
		key := e.BroadcastKey(a.ID)
		if i > 0 {
			key += "/rest"
		}
		if i > 1 {
			key += "-" + strconv.Itoa(i)
		}
		if !e.Kind.Requests() || !a.Policy.Code {
			if err := one(who, key, ""); err != nil {
				return nil, "", err
			}
			continue
		}
		members, err := d.messenger.Meant(ctx, a.GroupID, who, gateway.MaxAlertAsked+1)
		if err != nil {
			return nil, "", err
		}
		if len(members) > gateway.MaxAlertAsked {
			members = members[:gateway.MaxAlertAsked]
			left = fmt.Sprintf("only %d people are asked, which is the most where each is sent a code of her own; others who are meant are not", len(members))
		}
		for _, m := range members {
			her := who
			her.Members = []gateway.ID{m}
			if err := one(her, key+"/"+m.String(), a.Reference+Code(a, m)); err != nil {
				return nil, "", err
			}
		}
	}
	if len(all) == 0 && e.Kind == gateway.AlertSayTaken {
		if others, err := d.messenger.Meant(ctx, a.GroupID, audiences[0], 1); err != nil || len(others) == 0 {
			return nil, "", err // nobody else was asked
		}
	}
	if len(all) == 0 && e.Target.Rota != "" && nobody != nil {
		return nil, "", gateway.Faultf(gateway.CodeNobody, "whoever is on duty by the rota %q cannot be told: %w", e.Target.Rota, nobody)
	}
	if len(all) == 0 {
		return nil, "", cmp.Or(nobody, error(gateway.Faultf(gateway.CodeNobody, "nobody is meant")))
	}
	return all, left, nil
}

// audiences gives who is meant by an effect.
func (d *Desk) audiences(ctx context.Context, a *gateway.AlertCase, e *gateway.AlertEffect) ([]gateway.Audience, error) {
	topic := cmp.Or(a.Audience.Topic, gateway.AlertsTopic)
	told := func(asked bool, but ...gateway.ID) gateway.Audience {
		return gateway.Audience{Alert: &gateway.AlertTold{Alert: a.ID, Asked: asked, But: but}}
	}
	switch e.Kind {
	case gateway.AlertTell:
		return []gateway.Audience{a.Audience}, nil
	case gateway.AlertRenew:
		if a.Audience.Topic == "" {
			return []gateway.Audience{told(false)}, nil
		}
		both, err := d.both(ctx, a, told(true))
		return []gateway.Audience{a.Audience, told(true, both...)}, err
	case gateway.AlertSayClear, gateway.AlertWithdraw:
		return []gateway.Audience{told(false)}, nil
	case gateway.AlertSayTaken:
		who := told(true, append(members(a.Climb.Charge), e.Who.Members...)...)
		if a.Policy.Named && len(e.Who.Members) == 1 {
			who.Alert.Names = e.Who.Members[0]
		}
		return []gateway.Audience{who}, nil
	case gateway.AlertRemind:
		return d.silent(ctx, a)
	case gateway.AlertThank:
		who := told(true)
		who.Members = e.Members
		return []gateway.Audience{who}, nil
	}
	if len(e.Members) > 0 {
		return []gateway.Audience{{Topic: topic, Members: e.Members}}, nil
	}
	if e.Target.Rota == "" {
		return []gateway.Audience{{Topic: cmp.Or(e.Target.Topic, topic), Tags: e.Target.Tags, Members: e.Target.Members, Kinds: e.Kinds}}, nil
	}
	if d.Rotas == nil {
		return nil, gateway.Faultf(gateway.CodeNobody, "the rota %q is not known here", e.Target.Rota)
	}
	on, err := d.Rotas.OnDuty(ctx, a.GroupID, e.Target.Rota, d.now())
	if errors.Is(err, gateway.ErrNotFound) {
		return nil, gateway.Faultf(gateway.CodeNobody, "the group has no rota %q", e.Target.Rota)
	}
	if err != nil {
		return nil, err
	}
	if len(on) == 0 {
		return nil, gateway.Faultf(gateway.CodeNobody, "nobody is on duty by the rota %q", e.Target.Rota)
	}
	return []gateway.Audience{{Topic: cmp.Or(e.Target.Topic, topic), Members: on, Kinds: e.Kinds}}, nil
}

// both lists those of an alert's audience who were asked as well, so that an update reaches them once. Of more than a rule can name
// it lists none: they get it twice.
func (d *Desk) both(ctx context.Context, a *gateway.AlertCase, asked gateway.Audience) ([]gateway.ID, error) {
	who := a.Audience
	found, err := d.messenger.Meant(ctx, a.GroupID, asked, mostNamed+1)
	if err != nil || len(found) > mostNamed {
		return nil, err
	}
	if len(who.Members) > 0 {
		found = slices.DeleteFunc(found, func(m gateway.ID) bool { return !slices.Contains(who.Members, m) })
	}
	if who.Members = found; len(found) == 0 {
		return nil, nil
	}
	return d.messenger.Meant(ctx, a.GroupID, who, mostNamed)
}

const (
	batch      = 100         // alerts that are taken at once
	longestNap = time.Second // sleep: a clock may be set at any time
)

// look makes Run look at once.
func (d *Desk) look() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run has alerts climb until the context ends. It looks at the ledger's clock at least once a second.
func (d *Desk) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		wait := longestNap
		next, err := d.Tick(ctx)
		if err != nil && ctx.Err() == nil {
			d.Log.Error("looking for alerts that are due; trying again", "error", err)
		} else {
			wait = min(wait, next)
		}
		timer := time.NewTimer(wait)
		select {
		case <-d.wake:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return nil
}

// Tick does what is due, and says how long it is until the next. Its cost does not grow with alerts that are not due.
func (d *Desk) Tick(ctx context.Context) (time.Duration, error) {
	found, err := d.DueAlerts(ctx, batch)
	if err != nil {
		return 0, err
	}
	for i := range found.Alerts {
		if err := d.one(ctx, found.Alerts[i]); err != nil && ctx.Err() == nil {
			d.Log.Error("an alert could not be moved on; it is tried again", "alert", found.Alerts[i].ID, "group", found.Alerts[i].GroupID, "error", err)
		}
	}
	switch {
	case len(found.Alerts) == batch:
		return 0, nil
	case found.Next.IsZero():
		return longestNap, nil
	}
	return max(0, found.Next.Sub(found.Now)), nil
}

// LookAt looks at once whether the step that an alert is at can reach anybody yet, as when a message of it was refused.
func (d *Desk) LookAt(ctx context.Context, group, alert gateway.ID) error {
	a, err := d.Alert(ctx, group, alert)
	if err != nil || a.State != gateway.AlertClimbing {
		return err
	}
	return d.one(ctx, a)
}

// one moves an alert on that is due.
func (d *Desk) one(ctx context.Context, a gateway.AlertCase) error {
	e := Event{Kind: Tick, Zone: time.UTC}
	g, err := d.groups.GroupByID(ctx, a.GroupID)
	if err != nil {
		return err
	}
	if zone, err := civil.Zone(g.Zone); err == nil {
		e.Zone = zone
	}
	if a.State == gateway.AlertClimbing {
		var step []gateway.ID
		for _, s := range a.Climb.Sent {
			if s.Kind == gateway.AlertAsk && s.Asked == a.Climb.Asked {
				step = append(step, s.ID)
			}
		}
		if len(step) > 0 {
			reach, err := d.messenger.Reach(ctx, a.GroupID, step)
			if err != nil {
				return err
			}
			e.Reach = &reach
		}
	}
	decided, err := Decide(a, e, d.now().UTC())
	if err != nil {
		return err
	}
	d.At(FaultPoints[0])
	if len(decided.Events) > 0 || len(decided.Alert.Climb.Pending) != len(a.Climb.Pending) || !decided.Alert.DueAt.Equal(a.DueAt) && len(a.Climb.Pending) == 0 {
		done, err := d.PutAlert(ctx, gateway.AlertWrite{Alert: decided.Alert, Events: decided.Events, Stops: decided.Stops, Notices: decided.Notices})
		if errors.Is(err, gateway.ErrStale) {
			return nil // somebody else was faster
		}
		if err != nil {
			return err
		}
		a = done
	}
	d.submit(ctx, a)
	return nil
}
