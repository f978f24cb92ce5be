package escalation

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// drilled is whose hand a drill is in the timeline of its exercise.
var drilled = gateway.AlertHand{Label: "drill"}

// PlanDrill checks a drill as its exercise will be checked, and keeps it; one for now begins at once.
func (d *Desk) PlanDrill(ctx context.Context, g gateway.Group, draft gateway.DrillDraft, by gateway.AlertHand) (gateway.Drill, error) {
	now := d.now().UTC()
	drill := gateway.Drill{ID: gateway.NewID(), GroupID: g.ID, State: gateway.DrillPlanned, Audience: draft.Audience, Texts: draft.Texts, Update: draft.Update, Minutes: cmp.Or(draft.Minutes, gateway.DefaultDrill), At: draft.At.UTC(), Author: by.Label}
	if draft.At.IsZero() {
		drill.At = now
	}
	switch {
	case drill.Minutes < gateway.MinDrill || drill.Minutes > gateway.MaxDrill:
		return drill, gateway.Faultf(gateway.CodeInvalid, "minutes: a drill lasts %d to %d minutes", gateway.MinDrill, gateway.MaxDrill)
	case drill.At.Before(now):
		return drill, gateway.Faultf(gateway.CodeInvalid, "at (%s) is over already; leave it out for now", drill.At.Format(time.RFC3339))
	case drill.At.Sub(now) > gateway.MaxDrillAhead:
		return drill, gateway.Faultf(gateway.CodeInvalid, "at is more than a year ahead")
	}
	policy, err := d.Policy(ctx, g.ID, draft.Policy)
	if err != nil {
		return drill, err
	}
	drill.Policy, drill.DueAt = policy.Name, drill.At
	a, err := d.Check(ctx, g, exercise(&drill, now))
	if err != nil {
		return drill, err
	}
	if _, err := d.raise(ctx, g, a, gateway.AlertDraft{DryRun: true}, by); err != nil {
		return drill, err
	}
	if drill, err = d.PutDrill(ctx, drill); err != nil || drill.At.After(now) {
		return drill, err
	}
	if err := d.moveDrill(ctx, drill); err != nil {
		return drill, err
	}
	return d.Drill(ctx, g.ID, drill.ID)
}

// exercise is what a drill raises at a time.
func exercise(drill *gateway.Drill, at time.Time) gateway.AlertDraft {
	update := drill.Update
	if len(update) == 0 {
		update = drill.Texts
	}
	return gateway.AlertDraft{Exercise: true, Policy: drill.Policy, Audience: drill.Audience,
		Saying: gateway.AlertSaying{Texts: drill.Texts, Update: update, Until: at.Add(length(drill, 3)).Truncate(time.Second), Next: at.Add(length(drill, 1)).Truncate(time.Second)}}
}

// length is how long so many thirds of a drill are.
func length(drill *gateway.Drill, thirds int) time.Duration {
	return time.Duration(drill.Minutes) * time.Minute * time.Duration(thirds) / 3
}

// FindDrill reads one, with the last one by the same policy that was measured before.
func (d *Desk) FindDrill(ctx context.Context, group, id gateway.ID) (gateway.Drill, error) {
	drill, err := d.Drill(ctx, group, id)
	if err != nil {
		return drill, err
	}
	for before := id; drill.Before == nil; {
		page, err := d.Drills(ctx, group, before, batch)
		if err != nil || len(page) == 0 {
			return drill, err
		}
		if i := slices.IndexFunc(page, func(o gateway.Drill) bool { return o.Policy == drill.Policy && o.Result != nil }); i >= 0 {
			drill.Before = &page[i]
		}
		before = page[len(page)-1].ID
	}
	return drill, nil
}

// WithdrawDrill takes back one that has not begun.
func (d *Desk) WithdrawDrill(ctx context.Context, group, id gateway.ID) (gateway.Drill, error) {
	drill, err := d.Drill(ctx, group, id)
	if err != nil {
		return drill, err
	}
	if drill.State != gateway.DrillPlanned {
		return drill, gateway.Faultf(gateway.CodeConflict, "the drill is %s; end its exercise with alert clear or alert cancel", drill.State)
	}
	finish(&drill, gateway.DrillWithdrawn)
	if drill, err = d.PutDrill(ctx, drill); errors.Is(err, gateway.ErrStale) {
		err = gateway.Faultf(gateway.CodeConflict, "the drill has begun meanwhile; end its exercise with alert clear or alert cancel")
	}
	return drill, err
}

// finish ends a drill; what it said is not kept.
func finish(drill *gateway.Drill, state gateway.DrillState) {
	drill.State, drill.DueAt, drill.Texts, drill.Update = state, time.Time{}, nil, nil
}

// drillNap is how often drills are looked for: their time is planned by the minute.
const drillNap = 5 * time.Second

// RunDrills holds drills until the context ends, here and in any number of other processes.
func (d *Desk) RunDrills(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := d.TickDrills(ctx); err != nil && ctx.Err() == nil {
			d.Log.Error("looking for drills that are due; trying again", "error", err)
		}
		timer := time.NewTimer(drillNap)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return nil
}

// TickDrills does what is due with drills.
func (d *Desk) TickDrills(ctx context.Context) error {
	due, err := d.DueDrills(ctx, batch)
	if err != nil {
		return err
	}
	for _, drill := range due {
		if err := d.moveDrill(ctx, drill); err != nil && ctx.Err() == nil {
			d.Log.Error("a drill could not be moved on; it is tried again", "drill", drill.ID, "group", drill.GroupID, "error", err)
		}
	}
	return nil
}

// moveDrill does the next thing with a drill, and writes then that it is done. Each is done once, however often it is tried, by
// whomever: its exercise has the drill's id, and the update and the end have their keys in its timeline.
func (d *Desk) moveDrill(ctx context.Context, drill gateway.Drill) error {
	g, err := d.groups.GroupByID(ctx, drill.GroupID)
	if err != nil {
		return err
	}
	switch drill.State {
	case gateway.DrillPlanned:
		err = d.beginDrill(ctx, g, &drill)
	case gateway.DrillRunning:
		drill.State, drill.DueAt = gateway.DrillUpdated, drill.BegunAt.Add(length(&drill, 2))
		err = d.drillAct(ctx, g, &drill, Event{Kind: Update, Once: "drill/update", By: drilled})
	case gateway.DrillUpdated:
		drill.State, drill.DueAt = gateway.DrillCleared, drill.BegunAt.Add(length(&drill, 3))
		err = d.drillAct(ctx, g, &drill, Event{Kind: Clear, Once: "drill/clear", By: drilled})
	case gateway.DrillCleared:
		drill.Result, err = d.measure(ctx, &drill)
		finish(&drill, gateway.DrillOver)
	}
	if err != nil {
		return err
	}
	if _, err = d.PutDrill(ctx, drill); errors.Is(err, gateway.ErrStale) {
		return nil // somebody else was faster
	}
	return err
}

// beginDrill raises the exercise of a drill, or finds it raised.
func (d *Desk) beginDrill(ctx context.Context, g gateway.Group, drill *gateway.Drill) error {
	now := d.now().UTC()
	a, err := d.Alert(ctx, g.ID, drill.ID)
	if errors.Is(err, gateway.ErrNotFound) {
		if now.Sub(drill.At) > gateway.DrillLate {
			finish(drill, gateway.DrillMissed)
			d.Log.Warn("a drill was not held: its time had passed", "drill", drill.ID, "group", g.ID)
			return nil
		}
		if a, err = d.Check(ctx, g, exercise(drill, now)); err == nil {
			a.ID = drill.ID
			a, err = d.raise(ctx, g, a, gateway.AlertDraft{}, gateway.AlertHand{Label: drill.Author})
		}
		var fault *gateway.Fault
		if errors.As(err, &fault) && fault.Code == gateway.CodeInvalid { // its policy is gone, say
			finish(drill, gateway.DrillFailed)
			drill.Detail = fault.Text
			d.Log.Warn("a drill cannot be held", "drill", drill.ID, "group", g.ID, "code", string(fault.Code))
			return nil
		}
	}
	if err != nil {
		return err
	}
	drill.State, drill.Reference, drill.BegunAt, drill.DueAt = gateway.DrillRunning, a.Reference, a.RaisedAt, a.RaisedAt.Add(length(drill, 1))
	return nil
}

// drillAct updates or ends an exercise; a person may have been faster.
func (d *Desk) drillAct(ctx context.Context, g gateway.Group, drill *gateway.Drill, e Event) error {
	_, err := d.Act(ctx, g, drill.ID.String(), e)
	var fault *gateway.Fault
	if errors.As(err, &fault) && (fault.Code == gateway.CodeConflict || fault.Code == gateway.CodeInvalid) {
		return nil
	}
	return err
}

// measure counts whom a drill reached, and who answered.
func (d *Desk) measure(ctx context.Context, drill *gateway.Drill) (*gateway.DrillResult, error) {
	a, err := d.Alert(ctx, drill.GroupID, drill.ID)
	if err != nil {
		return nil, err
	}
	r := &gateway.DrillResult{MeasuredAt: d.now().UTC(), Asked: []gateway.DrillAsked{}}
	answered := map[gateway.ID]bool{}
	type asked struct {
		step int
		role string
	}
	who := map[asked]map[gateway.ID]bool{}
	var order []asked
	for after := 0; ; {
		page, err := d.AlertEvents(ctx, drill.GroupID, drill.ID, after, 500)
		if err != nil {
			return nil, err
		}
		for i := range page {
			e := &page[i]
			switch e.Kind {
			case gateway.EventAcked, gateway.EventAckLate, gateway.EventAckAgain, gateway.EventAckOther, gateway.EventAccepted:
				if len(e.By.Members) == 1 {
					answered[e.By.Members[0]] = true
				}
				if e.Kind == gateway.EventAcked && !r.Taken {
					r.Taken, r.Seconds = true, int(e.At.Sub(a.RaisedAt).Round(time.Second)/time.Second)
				}
			case gateway.EventNobody:
				what, _, _ := strings.Cut(e.Detail, ":")
				last := what == string(gateway.AlertLast)
				if (last || e.Step > 0) && !slices.Contains(r.Unsent, e.Step) {
					r.Unsent = append(r.Unsent, e.Step)
				}
			case gateway.EventSent:
				if err := d.reach(ctx, drill.GroupID, e, r); err != nil {
					return nil, err
				}
				role, asks := asks(&a, e)
				if !asks {
					continue
				}
				of := asked{e.Step, role}
				if who[of] == nil {
					who[of] = map[gateway.ID]bool{}
					order = append(order, of)
				}
				if err := d.meant(ctx, drill.GroupID, e.Broadcast, who[of]); err != nil {
					return nil, err
				}
			}
		}
		if len(page) < 500 {
			break
		}
		after = page[len(page)-1].No
	}
	for _, of := range order {
		line := gateway.DrillAsked{Step: of.step, Role: of.role, Asked: len(who[of])}
		for m := range who[of] {
			if !answered[m] {
				line.Silent++
			}
		}
		r.Asked = append(r.Asked, line)
	}
	return r, nil
}

// reach counts what became of the messages of one broadcast of an exercise.
func (d *Desk) reach(ctx context.Context, group gateway.ID, e *gateway.AlertEvent, r *gateway.DrillResult) error {
	to := map[gateway.AlertEffectKind]*gateway.DrillReach{gateway.AlertTell: &r.Alert, gateway.AlertAsk: &r.Alert, gateway.AlertLast: &r.Alert,
		gateway.AlertRenew: &r.Update, gateway.AlertSayClear: &r.Clear, gateway.AlertWithdraw: &r.Clear}[gateway.AlertEffectKind(e.Detail)]
	if to == nil {
		return nil
	}
	tallies, err := d.Tallies(ctx, group, e.Broadcast)
	to.Add(tallies)
	return err
}

// meant adds those for whom a broadcast was meant.
func (d *Desk) meant(ctx context.Context, group, broadcast gateway.ID, who map[gateway.ID]bool) error {
	f := gateway.DeliveryFilter{Group: group, Broadcast: broadcast, Limit: 1000}
	for {
		page, err := d.Deliveries(ctx, f)
		if err != nil {
			return err
		}
		for i := range page {
			who[page[i].MemberID] = true
		}
		if len(page) < f.Limit {
			return nil
		}
		f.After = page[len(page)-1].ID
	}
}

// asks says whom a message that was sent asks to take charge; false: nobody.
func asks(a *gateway.AlertCase, e *gateway.AlertEvent) (role string, asks bool) {
	targets := a.Policy.Last
	var n int
	switch gateway.AlertEffectKind(e.Detail) {
	case gateway.AlertAsk: // sent/ask-STEPS-TARGET
		if e.Step < 1 || e.Step > len(a.Policy.Steps) {
			return "", false
		}
		targets, n = a.Policy.Steps[e.Step-1].Targets, 2
	case gateway.AlertLast: // sent/last-EVENT-TARGET, and of an update sent/last-TARGET-text-UPDATES
		if n = 2; strings.Contains(e.Key, "-text-") {
			n = 1
		}
	default:
		return "", false
	}
	key, _, _ := strings.Cut(strings.TrimPrefix(e.Key, "sent/"), "/")
	i, err := strconv.Atoi(strings.Split(key, "-")[n])
	if err != nil || i < 0 || i >= len(targets) {
		return "", false
	}
	return RoleOf(&targets[i]), true
}

// RoleOf names whom a target means, and no person.
func RoleOf(t *gateway.AlertTarget) string {
	switch {
	case t.Group != "":
		return "group " + t.Group
	case t.Rota != "":
		return "rota " + t.Rota
	case len(t.Tags) > 0:
		return strings.Join(t.Tags, " and ")
	case len(t.Members) > 0:
		return fmt.Sprintf("%d named members", len(t.Members))
	}
	return "topic " + cmp.Or(t.Topic, gateway.AlertsTopic)
}
