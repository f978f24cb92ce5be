package escalation

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
)

// An alert climbs to another group as an alert of that group's, which is linked with it. Both are told of the other what matters
// by effects, so that a crash loses nothing of it.

// ask asks whom a target names. Another group is asked once a step: its own alert asks again.
func (d *decider) ask(e gateway.AlertEffect) {
	c := &d.Alert.Climb
	if e.Target.Group != "" {
		if e.Kind == gateway.AlertAsk && c.Try > 0 {
			return
		}
		e.Link = &gateway.AlertLink{Group: e.Target.Group, Alert: gateway.LinkedAlert(d.Alert.ID, e.Key), Asked: e.Asked}
		c.Links = append(c.Links, *e.Link)
	}
	d.send(e)
}

// asksElsewhere reports whether the step that an alert is at asks another group too: then it waits, whatever became of its own
// messages.
func asksElsewhere(c *gateway.AlertClimb) bool {
	return slices.ContainsFunc(c.Links, func(l gateway.AlertLink) bool { return l.Asked > c.Asked-c.Try-1 })
}

func elsewhereOnly(s *gateway.AlertStep) bool {
	return !slices.ContainsFunc(s.Targets, func(t gateway.AlertTarget) bool { return t.Group == "" })
}

// pass tells the alerts in other groups what has become of this one, but for that of one group.
func (d *decider) pass(what gateway.AlertPassed, but string) {
	for i, l := range d.Alert.Climb.Links {
		if l.Group != but {
			d.send(gateway.AlertEffect{Kind: gateway.AlertPass, Key: fmt.Sprintf("pass-%s-%d-%d", what, d.Alert.Climb.Notes, i), Link: &l, What: what})
		}
	}
}

// passTaken tells them, and the group from which this one came, that somebody has taken charge.
func (d *decider) passTaken(by gateway.AlertHand) {
	but := ""
	if by.Way == gateway.WayGroup {
		but = by.Label
	}
	d.pass(gateway.PassTaken, but)
	if from := d.Alert.Origin; from != nil && from.Group != but {
		d.send(gateway.AlertEffect{Kind: gateway.AlertPass, Key: fmt.Sprintf("pass-back-%d", d.Alert.Climb.Notes), Link: from, What: gateway.PassTaken})
	}
}

// checkGroups refuses a policy that climbs to a group which does not allow it. One that is not there does not either.
func (d *Desk) checkGroups(ctx context.Context, g gateway.Group, p gateway.AlertPolicy) error {
	var wrong []string
	each := func(where string, targets []gateway.AlertTarget) error {
		for i, t := range targets {
			if t.Group == "" {
				continue
			}
			why, err := d.barred(ctx, g.Slug, t)
			if err != nil {
				return err
			}
			if why != "" {
				wrong = append(wrong, fmt.Sprintf("%s[%d]: %s", where, i, why))
			}
		}
		return nil
	}
	for i, s := range p.Steps {
		if err := each(fmt.Sprintf("steps[%d].targets", i), s.Targets); err != nil {
			return err
		}
	}
	if err := each("last_resort", p.Last); err != nil {
		return err
	}
	if wrong != nil {
		return gateway.Faultf(gateway.CodeInvalid, "the policy cannot be used: %s", strings.Join(wrong, "; "))
	}
	return nil
}

// Barred says why a group's alerts cannot climb to a target in another group; empty: they can.
func (d *Desk) Barred(ctx context.Context, group gateway.ID, t gateway.AlertTarget) (string, error) {
	own, err := d.groups.GroupByID(ctx, group)
	if err != nil {
		return "", err
	}
	return d.barred(ctx, own.Slug, t)
}

func (d *Desk) barred(ctx context.Context, from string, t gateway.AlertTarget) (string, error) {
	other, err := d.groups.Group(ctx, t.Group)
	switch {
	case err != nil && !errors.Is(err, gateway.ErrNotFound):
		return "", err
	case err != nil || !other.LetsClimb(from):
		return notAllowed(t.Group), nil
	case t.Topic != "" && !slices.ContainsFunc(other.Topics, func(o gateway.Topic) bool { return o.Name == t.Topic }):
		return fmt.Sprintf("group %s has no topic %.40q", t.Group, t.Topic), nil
	}
	return "", nil
}

func notAllowed(group string) string {
	return fmt.Sprintf("group %.40q does not allow that alerts of yours climb to it; ask an administrator there for it (alert climb allow)", group)
}

// elsewhere carries out what an alert does in another group. A fault says why it cannot be done.
func (d *Desk) elsewhere(ctx context.Context, a *gateway.AlertCase, e *gateway.AlertEffect) error {
	own, err := d.groups.GroupByID(ctx, a.GroupID)
	if err != nil {
		return err
	}
	other, err := d.groups.Group(ctx, e.Link.Group)
	if errors.Is(err, gateway.ErrNotFound) {
		return gateway.Faultf(gateway.CodeNobody, "%s", notAllowed(e.Link.Group))
	}
	if err != nil {
		return err
	}
	if e.Kind == gateway.AlertPass {
		return d.hear(ctx, other, a, e, own.Slug)
	}
	return d.open(ctx, other, a, e, own.Slug)
}

// lastWait is how long, in minutes, another group is asked as a last resort before it is asked again, and lastRepeat how often.
const lastWait, lastRepeat = 5, 2

// open raises the alert in another group, once.
func (d *Desk) open(ctx context.Context, other gateway.Group, a *gateway.AlertCase, e *gateway.AlertEffect, from string) error {
	if _, err := d.Alert(ctx, other.ID, e.Link.Alert); !errors.Is(err, gateway.ErrNotFound) {
		return err
	}
	if !other.LetsClimb(from) {
		return gateway.Faultf(gateway.CodeNobody, "%s", notAllowed(other.Slug))
	}
	target := e.Target
	target.Group = ""
	step := gateway.AlertStep{Targets: []gateway.AlertTarget{target}, Wait: lastWait, Repeat: lastRepeat}
	if e.Step > 0 {
		s := &a.Policy.Steps[e.Step-1]
		step.Wait, step.Repeat, step.Window, step.Kinds = s.Wait, s.Repeat, s.Window, s.Kinds
	}
	secret := make([]byte, 16)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	linked := gateway.AlertCase{ID: e.Link.Alert, GroupID: other.ID, Exercise: a.Exercise, DangerToLife: a.DangerToLife, Saying: a.Saying,
		Policy: gateway.AlertPolicy{Name: a.Policy.Name, Steps: []gateway.AlertStep{step}, Code: a.Policy.Code},
		Origin: &gateway.AlertLink{Group: from, Alert: a.ID}, Climb: gateway.AlertClimb{Secret: secret}}
	by := gateway.AlertHand{Label: from, Way: gateway.WayGroup}
	if _, err := d.raise(ctx, other, linked, gateway.AlertDraft{Released: true, DryRun: true}, by); err != nil {
		return err
	}
	_, err := d.raise(ctx, other, linked, gateway.AlertDraft{Released: true, Reason: "alert " + a.Reference + " of group " + from + " climbs here"}, by)
	return err
}

// hear tells a linked alert what has become of this one. One that is over, or is not there, needs not hear it.
func (d *Desk) hear(ctx context.Context, other gateway.Group, a *gateway.AlertCase, e *gateway.AlertEffect, from string) error {
	event := Event{Once: "linked/" + a.ID.String() + "/" + e.Key, By: gateway.AlertHand{Label: from, Way: gateway.WayGroup}}
	switch e.What {
	case gateway.PassTaken:
		event.Kind, event.Proven, event.Asked = Ack, true, true
	case gateway.PassUpdated:
		if !other.LetsClimb(from) { // what ends it may still be said there, but nothing new
			return gateway.Faultf(gateway.CodeNobody, "%s", notAllowed(other.Slug))
		}
		event.Kind, event.Saying = Update, a.Saying
	case gateway.PassCleared:
		event.Kind = Clear
	case gateway.PassVoid:
		event.Kind = Cancel
	default:
		return gateway.Faultf(gateway.CodeInvalid, "%q is nothing that a group passes on", e.What)
	}
	_, _, _, err := d.change(ctx, func() (gateway.AlertCase, Event, error) {
		now, err := d.Alert(ctx, other.ID, e.Link.Alert)
		return now, event, err
	})
	return err
}

// follow looks, before an alert that came from another group asks somebody, whether it still needs to: the one from which it came
// may have been taken or ended while it was opened. Then it is so too, and nobody is asked.
func (d *Desk) follow(ctx context.Context, a *gateway.AlertCase, e *gateway.AlertEffect) (stopped bool, err error) {
	if a.Origin == nil || e.Kind != gateway.AlertAsk {
		return false, nil
	}
	from, err := d.groups.Group(ctx, a.Origin.Group)
	if err != nil {
		return false, err
	}
	origin, err := d.Alert(ctx, from.ID, a.Origin.Alert)
	if err != nil {
		return false, err
	}
	what := gateway.PassTaken
	switch origin.State {
	case gateway.AlertClimbing, gateway.AlertUnanswered:
		return false, nil
	case gateway.AlertCleared, gateway.AlertCancelled:
		what = gateway.AlertPassed(origin.State)
	case gateway.AlertExpired:
		return false, nil // so is this one
	}
	to, err := d.groups.GroupByID(ctx, a.GroupID)
	if err != nil {
		return false, err
	}
	pass := gateway.AlertEffect{Kind: gateway.AlertPass, Key: "followed-" + e.Key, Link: &gateway.AlertLink{Group: to.Slug, Alert: a.ID}, What: what}
	return true, d.hear(ctx, to, &origin, &pass, from.Slug)
}
