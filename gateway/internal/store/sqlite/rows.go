package sqlite

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// The values of deliveries.state; the rest follows from the newest attempt.
const (
	rowWaiting = 0
	rowFollows = 1
	rowEnded   = 2
	rowArrived = 3 // by an attempt that is not the newest
	rowHeld    = 4 // waiting, but its broadcast is stopped
)

// attempt is a row of attempts.
type attempt struct {
	no, tail, group, broadcast, delivery, previous, channel int64
	point                                                   gateway.ID
	nth                                                     int
	state                                                   gateway.AttemptState
	token, until                                            int64
	parts, firstPart                                        int
	left                                                    bool // its delivery went on without it
	arrived                                                 int64
	cost                                                    int
	claimedAt, settledAt                                    int64
	refs                                                    string
	refusal                                                 string
}

const attemptColumns = "a.no, a.tail, a.group_no, a.broadcast_no, a.delivery_no, a.previous_no, a.channel_no, a.point_id, a.nth, a.state, a.token, a.until, a.parts, a.first_part, a.left_behind, a.arrived, a.cost, a.claimed_at, a.settled_at, a.refs, a.refusal"

// attemptWidth is how many columns attemptColumns has.
const attemptWidth = 21

// read takes a row whose columns begin at c.
func (a *attempt) read(r *lite.Stmt, c int) {
	a.no, a.tail, a.group, a.broadcast, a.delivery, a.previous, a.channel = r.ColInt(c), r.ColInt(c+1), r.ColInt(c+2), r.ColInt(c+3), r.ColInt(c+4), r.ColInt(c+5), r.ColInt(c+6)
	a.point, a.nth, a.state, a.token, a.until = r.ColID(c+7), int(r.ColInt(c+8)), gateway.AttemptState(r.ColInt(c+9)), r.ColInt(c+10), r.ColInt(c+11)
	a.parts, a.firstPart, a.left, a.arrived, a.cost = int(r.ColInt(c+12)), int(r.ColInt(c+13)), r.ColInt(c+14) != 0, r.ColInt(c+15), int(r.ColInt(c+16))
	a.claimedAt, a.settledAt, a.refs, a.refusal = r.ColInt(c+17), r.ColInt(c+18), r.ColText(c+19), r.ColText(c+20)
}

func (a *attempt) id() gateway.ID { return joined(a.no, a.tail) }

// providerIDs gives the provider's ids of the parts so far; an unknown one between known ones is "".
func (a *attempt) providerIDs() []string {
	ids := strings.Fields(a.refs)
	for i, id := range ids {
		if id == "-" {
			ids[i] = ""
		}
	}
	return ids
}

// setRef notes the provider's id of a part. Blanks that kept room for it go as far as they are needed.
func (a *attempt) setRef(part int, id string) {
	if part == 0 && strings.TrimLeft(a.refs, " ") == "" && !strings.ContainsAny(id, " \t\n\r") { // the common case: one part, and room for it
		a.refs = padded(id, len(a.refs))
		return
	}
	ids := a.providerIDs()
	for len(ids) <= part {
		ids = append(ids, "")
	}
	ids[part] = strings.Join(strings.Fields(id), "_")
	for i := range ids {
		if ids[i] == "" {
			ids[i] = "-"
		}
	}
	a.refs = padded(strings.Join(ids, " "), len(a.refs))
}

func padded(s string, length int) string {
	if len(s) >= length {
		return s
	}
	return s + strings.Repeat(" ", length-len(s))
}

func (a *attempt) setRefusal(r gateway.Refusal) {
	a.refusal = ""
	if r != (gateway.Refusal{}) {
		a.refusal = toJSON(r)
	}
}

func (a *attempt) refused() (r gateway.Refusal) {
	if a.refusal != "" {
		_ = json.Unmarshal([]byte(a.refusal), &r) // our own writing
	}
	return r
}

// complete says whether receipts have come for all parts that this attempt sent.
func (a *attempt) complete() bool {
	want := int64(1)<<min(a.parts, 62) - int64(1)<<min(a.firstPart, 62)
	return want != 0 && a.arrived&want == want
}

// enter takes a state; until is what that state waits for.
func (a *attempt) enter(state gateway.AttemptState, now, until int64) {
	a.state, a.settledAt, a.until = state, now, until
}

// delivery is a row of deliveries.
type delivery struct {
	no, tail, group, broadcast          int64
	member, point                       gateway.ID
	channel                             int64
	lane                                gateway.Lane
	locale                              string
	neutral                             bool
	state                               int
	due, move, attempt                  int64
	attempts, tries, resends, firstPart int
	reason                              gateway.Reason
	detail                              string
}

const deliveryColumns = "d.no, d.tail, d.group_no, d.broadcast_no, d.member_id, d.point_id, d.channel_no, d.lane, d.locale, d.neutral, d.state, d.due_at, d.move_at, d.attempt_no, d.attempts, d.tries, d.resends, d.first_part, d.reason, d.detail"

// deliveryWidth is how many columns deliveryColumns has.
const deliveryWidth = 20

func (d *delivery) read(r *lite.Stmt, c int) {
	d.no, d.tail, d.group, d.broadcast, d.member, d.point, d.channel = r.ColInt(c), r.ColInt(c+1), r.ColInt(c+2), r.ColInt(c+3), r.ColID(c+4), r.ColID(c+5), r.ColInt(c+6)
	d.lane, d.locale, d.neutral, d.state = gateway.Lane(r.ColInt(c+7)), r.ColWord(c+8), r.ColInt(c+9) != 0, int(r.ColInt(c+10))
	d.due, d.move, d.attempt, d.attempts = r.ColInt(c+11), r.ColInt(c+12), r.ColInt(c+13), int(r.ColInt(c+14))
	d.tries, d.resends, d.firstPart = int(r.ColInt(c+15)), int(r.ColInt(c+16)), int(r.ColInt(c+17))
	d.reason, d.detail = gateway.Reason(r.ColWord(c+18)), r.ColText(c+19)
}

func (d *delivery) id() gateway.ID { return joined(d.no, d.tail) }

// newest is the number of the newest attempt; 0 if there is none.
func (d *delivery) newest() int64 {
	if d.attempts == 0 {
		return 0
	}
	return d.attempt
}

// waits says whether the delivery waits, held or not.
func (d *delivery) waits() bool { return d.state == rowWaiting || d.state == rowHeld }

// counted is what tallies count a delivery under.
type counted struct {
	channel int64
	state   gateway.DeliveryState
	reason  gateway.Reason
}

// stateWith gives the delivery's state; a is its newest attempt, or any other.
func (d *delivery) stateWith(a *attempt) counted {
	switch d.state {
	case rowWaiting, rowHeld:
		return counted{d.channel, gateway.Waiting, ""}
	case rowEnded:
		return counted{d.channel, gateway.Ended, d.reason}
	case rowArrived:
		return counted{d.channel, gateway.Delivered, ""}
	}
	if a != nil && a.no == d.newest() {
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
func (t *txn) follow(d *delivery, a *attempt, next gateway.Step) error {
	if d.newest() != a.no || d.state != rowFollows {
		return nil
	}
	if a.state == gateway.AttemptDelivered || a.state == gateway.Accepted && next.Kind == gateway.StepNone {
		return nil
	}
	if a.state == gateway.Refused && next.Kind == gateway.StepNone {
		next = gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed}
	}
	return t.step(d, a, next)
}

// step moves a delivery on. An attempt that may still arrive is left behind, not forgotten.
func (t *txn) step(d *delivery, a *attempt, next gateway.Step) error {
	switch next.Kind {
	case gateway.StepNone:
		return nil
	case gateway.StepRetry:
		d.state, d.due = rowWaiting, toMicros(next.Due)
	case gateway.StepPoint:
		channel, err := t.channelNo(next.Channel)
		if err != nil {
			return err
		}
		info, err := t.frozenOf(d.broadcast)
		if err != nil {
			return err
		}
		d.state, d.due, d.channel, d.point, d.firstPart = rowWaiting, toMicros(next.Due), channel, next.Point, 0
		if info.policy.Window > 0 {
			d.move = t.now + info.policy.Window.Microseconds()
		}
	case gateway.StepEnd:
		d.state, d.due, d.reason = rowEnded, 0, next.Reason
		if a != nil && d.detail == "" {
			d.detail = a.refused().Detail
		}
	}
	if a != nil {
		a.left = true
		if a.state == gateway.Accepted || next.Kind != gateway.StepEnd {
			a.until = 0 // nothing is waited for any more; a look-up goes on only for a delivery that ended
		}
	}
	if next.Resend {
		d.resends++
	}
	return nil
}

// load reads an attempt and its delivery; nil if there is none.
func (t *txn) load(no int64) (*attempt, *delivery, error) {
	s := t.Prepare("SELECT "+attemptColumns+", "+deliveryColumns+" FROM attempts a JOIN deliveries d ON d.no = a.delivery_no WHERE a.no = ?").Int(1, no)
	var a *attempt
	var d *delivery
	if s.Step() {
		a, d = &attempt{}, &delivery{}
		a.read(s, 0)
		d.read(s, attemptWidth)
	}
	return a, d, s.Reset()
}

// loadDelivery reads a delivery and its newest attempt, either of which may be nil.
func (t *txn) loadDelivery(id gateway.ID) (*attempt, *delivery, error) {
	no, tail := halves(id)
	s := t.Prepare("SELECT "+deliveryColumns+" FROM deliveries d WHERE d.no = ?").Int(1, no)
	var d *delivery
	if s.Step() && s.ColInt(1) == tail {
		d = &delivery{}
		d.read(s, 0)
	}
	if err := s.Reset(); err != nil || d == nil || d.attempts == 0 {
		return nil, d, err
	}
	return t.load(d.attempt)
}

// store writes back what may have changed of both.
func (t *txn) store(a *attempt, d *delivery) error {
	if a != nil {
		if err := t.storeAttempt(a); err != nil {
			return err
		}
	}
	s := t.Prepare("UPDATE deliveries SET state = ?, channel_no = ?, point_id = ?, due_at = ?, move_at = ?, attempt_no = ?, attempts = ?, tries = ?, resends = ?, first_part = ?, reason = ?, detail = ? WHERE no = ?")
	s.Int(1, int64(d.state)).Int(2, d.channel).ID(3, d.point).Int(4, d.due).Int(5, d.move).Int(6, d.attempt).Int(7, int64(d.attempts)).Int(8, int64(d.tries))
	s.Int(9, int64(d.resends)).Int(10, int64(d.firstPart)).Text(11, string(d.reason)).Text(12, d.detail).Int(13, d.no)
	if err := s.Run(); err != nil {
		return fmt.Errorf("writing a delivery: %w", err)
	}
	return nil
}

func (t *txn) storeAttempt(a *attempt) error {
	s := t.Prepare("UPDATE attempts SET state = ?, token = ?, until = ?, left_behind = ?, arrived = ?, cost = ?, settled_at = ?, refs = ?, refusal = ? WHERE no = ?")
	s.Int(1, int64(a.state)).Int(2, a.token).Int(3, a.until)
	s.Bool(4, a.left).Int(5, a.arrived).Int(6, int64(a.cost)).Int(7, a.settledAt).Text(8, a.refs)
	if a.refusal == "" {
		s.Null(9)
	} else {
		s.Text(9, a.refusal)
	}
	if err := s.Int(10, a.no).Run(); err != nil {
		return fmt.Errorf("writing an attempt: %w", err)
	}
	t.w.live.wrote(a)
	return nil
}
