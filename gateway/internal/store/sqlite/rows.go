package sqlite

import (
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// attempt is a row of attempts.
type attempt struct {
	id, group, broadcast, delivery, previous, channel, point gateway.ID
	no                                                       int
	state                                                    gateway.AttemptState
	token                                                    int64
	parts, firstPart                                         int
	left                                                     bool // its delivery went on without it
	refs                                                     string
	arrived                                                  int64
	cost                                                     int
	confirmBy, lookAt, claimedAt, settledAt                  time.Time
	refusal                                                  gateway.Refusal
}

const attemptColumns = `a.id, a.group_id, a.broadcast_id, a.delivery_id, a.previous_id, a.channel_id, a.point_id, a.no, a.state, a.token, a.parts, a.first_part,
	a.left_behind, a.refs, a.arrived, a.cost, a.confirm_by, a.look_at, a.claimed_at, a.settled_at, a.class, a.scope, a.code, a.detail`

func (a *attempt) columns() []any {
	return []any{scanID(&a.id), scanID(&a.group), scanID(&a.broadcast), scanID(&a.delivery), scanID(&a.previous), scanID(&a.channel), scanID(&a.point), &a.no,
		(*int)(&a.state), &a.token, &a.parts, &a.firstPart, &a.left, &a.refs, &a.arrived, &a.cost, scanTime(&a.confirmBy), scanTime(&a.lookAt),
		scanTime(&a.claimedAt), scanTime(&a.settledAt), &a.refusal.Class, &a.refusal.Scope, &a.refusal.Code, &a.refusal.Detail}
}

// providerIDs gives the provider's ids of the parts so far; an unknown one between known ones is "".
func (a *attempt) providerIDs() []string {
	if a.refs == "" {
		return nil
	}
	ids := strings.Split(a.refs, " ")
	for i, id := range ids {
		if id == "-" {
			ids[i] = ""
		}
	}
	return ids
}

func (a *attempt) setRef(part int, id string) {
	ids := a.providerIDs()
	for len(ids) <= part {
		ids = append(ids, "")
	}
	ids[part] = strings.ReplaceAll(id, " ", "_")
	for i := range ids {
		if ids[i] == "" {
			ids[i] = "-"
		}
	}
	a.refs = strings.Join(ids, " ")
}

// complete says whether receipts have come for all parts that this attempt sent.
func (a *attempt) complete() bool {
	want := int64(1)<<min(a.parts, 62) - int64(1)<<min(a.firstPart, 62)
	return want != 0 && a.arrived&want == want
}

func (a *attempt) enter(state gateway.AttemptState, now int64) {
	a.state, a.settledAt, a.lookAt = state, fromMicros(now), time.Time{}
	if state != gateway.Accepted {
		a.confirmBy = time.Time{}
	}
}

// delivery is a row of deliveries.
type delivery struct {
	id, group, broadcast, member, channel, point, attempt gateway.ID
	locale                                                string
	neutral                                               bool
	state                                                 int
	lane                                                  gateway.Lane
	due, move                                             time.Time
	attempts, tries, resends, firstPart                   int
	reason                                                gateway.Reason
	detail                                                string
}

const deliveryColumns = `d.id, d.group_id, d.broadcast_id, d.member_id, d.channel_id, d.point_id, d.attempt_id, d.locale, d.neutral, d.state, d.lane, d.due_at, d.move_at,
	d.attempts, d.tries, d.resends, d.first_part, d.reason, d.detail`

func (d *delivery) columns() []any {
	return []any{scanID(&d.id), scanID(&d.group), scanID(&d.broadcast), scanID(&d.member), scanID(&d.channel), scanID(&d.point), scanID(&d.attempt), &d.locale, &d.neutral,
		&d.state, (*int)(&d.lane), scanTime(&d.due), scanTime(&d.move), &d.attempts, &d.tries, &d.resends, &d.firstPart, (*string)(&d.reason), &d.detail}
}

// counted is what tallies count a delivery under.
type counted struct {
	channel gateway.ID
	state   gateway.DeliveryState
	reason  gateway.Reason
}

// stateWith gives the delivery's state; a is its newest attempt, or any other.
func (d *delivery) stateWith(a *attempt) counted {
	switch d.state {
	case rowWaiting:
		return counted{d.channel, gateway.Waiting, ""}
	case rowEnded:
		return counted{d.channel, gateway.Ended, d.reason}
	case rowArrived:
		return counted{d.channel, gateway.Delivered, ""}
	}
	if a != nil && a.id == d.attempt {
		return counted{a.channel, gateway.StateOf(a.state), ""}
	}
	return counted{} // follows another attempt: what happens to a does not count
}

// moved notes a change in the tallies.
func (t *txn) moved(d *delivery, from, to counted) {
	if from == to {
		return
	}
	if from.state != "" {
		t.tally(d.group, d.broadcast, from.channel, from.state, from.reason, -1)
	}
	if to.state != "" {
		t.tally(d.group, d.broadcast, to.channel, to.state, to.reason, 1)
	}
}

// follow carries out the step behind an attempt that has just entered its state, if the attempt leads its delivery.
func (t *txn) follow(d *delivery, a *attempt, next gateway.Step) {
	if d.attempt != a.id || d.state != rowFollows {
		return
	}
	if a.state == gateway.AttemptDelivered || a.state == gateway.Accepted && next.Kind == gateway.StepNone {
		return
	}
	if a.state == gateway.Refused && next.Kind == gateway.StepNone {
		next = gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed}
	}
	t.step(d, a, next)
}

// step moves a delivery on. An attempt that may still arrive is left behind, not forgotten.
func (t *txn) step(d *delivery, a *attempt, next gateway.Step) {
	switch next.Kind {
	case gateway.StepNone:
		return
	case gateway.StepRetry:
		d.state, d.due = rowWaiting, next.Due
	case gateway.StepPoint:
		d.state, d.due, d.channel, d.point, d.firstPart = rowWaiting, next.Due, next.Channel, next.Point, 0
		if info, err := t.frozenOf(d.group, d.broadcast); err == nil && info.policy.Window > 0 {
			d.move = fromMicros(t.now).Add(info.policy.Window)
		}
	case gateway.StepEnd:
		d.state, d.due, d.reason = rowEnded, time.Time{}, next.Reason
		if a != nil && d.detail == "" {
			d.detail = a.refusal.Detail
		}
	}
	if a != nil {
		a.left, a.confirmBy = true, time.Time{}
		if next.Kind != gateway.StepEnd {
			a.lookAt = time.Time{}
		}
	}
	if next.Resend {
		d.resends++
	}
}

// load reads an attempt and its delivery; nil if there is none.
func (t *txn) load(id gateway.ID) (*attempt, *delivery, error) {
	var a *attempt
	var d *delivery
	err := t.query("SELECT "+attemptColumns+", "+deliveryColumns+" FROM attempts a JOIN deliveries d ON d.id = a.delivery_id WHERE a.id = ?", []any{id[:]}, func(r *sql.Rows) error {
		a, d = &attempt{}, &delivery{}
		return r.Scan(append(a.columns(), d.columns()...)...)
	})
	return a, d, err
}

// loadDelivery reads a delivery and its newest attempt, either of which may be nil.
func (t *txn) loadDelivery(id gateway.ID) (*attempt, *delivery, error) {
	var d *delivery
	err := t.query("SELECT "+deliveryColumns+" FROM deliveries d WHERE d.id = ?", []any{id[:]}, func(r *sql.Rows) error {
		d = &delivery{}
		return r.Scan(d.columns()...)
	})
	if err != nil || d == nil || d.attempt.IsZero() {
		return nil, d, err
	}
	return t.load(d.attempt)
}

// store writes back what may have changed of both.
func (t *txn) store(a *attempt, d *delivery) error {
	if a != nil {
		_, err := t.exec(`UPDATE attempts SET state = ?, token = ?, left_behind = ?, refs = ?, arrived = ?, cost = ?, confirm_by = ?, look_at = ?, settled_at = ?,
			class = ?, scope = ?, code = ?, detail = ? WHERE id = ?`,
			int(a.state), a.token, a.left, a.refs, a.arrived, a.cost, orNull(a.confirmBy), orNull(a.lookAt), toMicros(a.settledAt),
			a.refusal.Class, a.refusal.Scope, a.refusal.Code, a.refusal.Detail, a.id[:])
		if err != nil {
			return fmt.Errorf("writing an attempt: %w", err)
		}
	}
	_, err := t.exec(`UPDATE deliveries SET state = ?, channel_id = ?, point_id = ?, due_at = ?, move_at = ?, attempt_id = ?, tries = ?, resends = ?, first_part = ?, reason = ?, detail = ? WHERE id = ?`,
		d.state, bytesOf(d.channel), bytesOf(d.point), orNull(d.due), orNull(d.move), bytesOf(d.attempt), d.tries, d.resends, d.firstPart, string(d.reason), d.detail, d.id[:])
	if err != nil {
		return fmt.Errorf("writing a delivery: %w", err)
	}
	return nil
}
