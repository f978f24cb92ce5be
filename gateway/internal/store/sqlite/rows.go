package sqlite

import (
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// Rows are known by numbers here: the first half of their identifiers.
type (
	attempt  = row.Attempt[int64]
	delivery = row.Delivery[int64]
)

func attemptIDOf(a *attempt) gateway.ID   { return joined(a.No, a.Tail) }
func deliveryIDOf(d *delivery) gateway.ID { return joined(d.No, d.Tail) }

const attemptColumns = "a.no, a.tail, a.group_no, a.broadcast_no, a.delivery_no, a.previous_no, a.channel_no, a.point_id, a.nth, a.state, a.token, a.until, a.parts, a.first_part, a.left_behind, a.arrived, a.cost, a.claimed_at, a.settled_at, a.refs, a.refusal, a.price_no, a.said"

// attemptWidth is how many columns attemptColumns has.
const attemptWidth = 23

// readAttempt takes a row whose columns begin at c.
func readAttempt(r *lite.Stmt, c int, a *attempt) {
	a.No, a.Tail, a.Group, a.Broadcast, a.Delivery, a.Previous, a.Channel = r.ColInt(c), r.ColInt(c+1), r.ColInt(c+2), r.ColInt(c+3), r.ColInt(c+4), r.ColInt(c+5), r.ColInt(c+6)
	a.Point, a.Nth, a.State, a.Token, a.Until = r.ColID(c+7), int(r.ColInt(c+8)), gateway.AttemptState(r.ColInt(c+9)), r.ColInt(c+10), r.ColInt(c+11)
	a.Parts, a.FirstPart, a.Left, a.Arrived, a.Cost = int(r.ColInt(c+12)), int(r.ColInt(c+13)), r.ColInt(c+14) != 0, r.ColInt(c+15), int(r.ColInt(c+16))
	a.ClaimedAt, a.SettledAt, a.Refs, a.Refusal = r.ColInt(c+17), r.ColInt(c+18), r.ColText(c+19), r.ColText(c+20)
	a.Price, a.Said = r.ColInt(c+21), row.Said(r.ColInt(c+22))
}

const deliveryColumns = "d.no, d.tail, d.group_no, d.broadcast_no, d.member_id, d.point_id, d.channel_no, d.lane, d.locale, d.neutral, d.state, d.due_at, d.move_at, d.attempt_no, d.attempts, d.tries, d.resends, d.first_part, d.reason, d.detail, d.expires_at, d.quiet_until"

// deliveryWidth is how many columns deliveryColumns has.
const deliveryWidth = 22

func readDelivery(r *lite.Stmt, c int, d *delivery) {
	d.No, d.Tail, d.Group, d.Broadcast, d.Member, d.Point, d.Channel = r.ColInt(c), r.ColInt(c+1), r.ColInt(c+2), r.ColInt(c+3), r.ColID(c+4), r.ColID(c+5), r.ColInt(c+6)
	d.Lane, d.Locale, d.Neutral, d.State = gateway.Lane(r.ColInt(c+7)), r.ColWord(c+8), r.ColInt(c+9) != 0, int(r.ColInt(c+10))
	d.Due, d.Move, d.Attempt, d.Attempts = r.ColInt(c+11), r.ColInt(c+12), r.ColInt(c+13), int(r.ColInt(c+14))
	d.Tries, d.Resends, d.FirstPart = int(r.ColInt(c+15)), int(r.ColInt(c+16)), int(r.ColInt(c+17))
	d.Reason, d.Detail, d.Expires = gateway.Reason(r.ColWord(c+18)), r.ColText(c+19), r.ColInt(c+20)
	d.Quiet = r.ColInt(c + 21)
}

// What follows is row.World.

// Micros is the clock of the transaction.
func (t *txn) Micros() int64 { return t.now }

// ChannelNo gives a channel's number; 0 for none.
func (t *txn) ChannelNo(id gateway.ID) (int64, error) { return t.channelNo(id) }

// PolicyOf reads the frozen policy of a broadcast.
func (t *txn) PolicyOf(broadcast int64) (gateway.Policy, error) {
	info, err := t.frozenOf(broadcast)
	if err != nil {
		return gateway.Policy{}, err
	}
	return info.Policy, nil
}

// Tally notes a change in the counts.
func (t *txn) Tally(group, broadcast, channel int64, state gateway.DeliveryState, reason gateway.Reason, n int) {
	t.tally(group, broadcast, channel, state, reason, n)
}

// AttemptAt reads an attempt that is there.
func (t *txn) AttemptAt(no int64) (*attempt, error) {
	a, _, err := t.load(no)
	return a, err
}

// StoreAttempt writes an attempt back.
func (t *txn) StoreAttempt(a *attempt) error { return t.storeAttempt(a) }

// load reads an attempt and its delivery; nil if there is none.
func (t *txn) load(no int64) (*attempt, *delivery, error) {
	s := t.Prepare("SELECT "+attemptColumns+", "+deliveryColumns+" FROM attempts a JOIN deliveries d ON d.no = a.delivery_no WHERE a.no = ?").Int(1, no)
	var a *attempt
	var d *delivery
	if s.Step() {
		a, d = &attempt{}, &delivery{}
		readAttempt(s, 0, a)
		readDelivery(s, attemptWidth, d)
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
		readDelivery(s, 0, d)
	}
	if err := s.Reset(); err != nil || d == nil || d.Attempts == 0 {
		return nil, d, err
	}
	return t.load(d.Attempt)
}

// store writes back what may have changed of both.
func (t *txn) store(a *attempt, d *delivery) error {
	if a != nil {
		if err := t.storeAttempt(a); err != nil {
			return err
		}
	}
	s := t.Prepare("UPDATE deliveries SET state = ?, channel_no = ?, point_id = ?, due_at = ?, move_at = ?, attempt_no = ?, attempts = ?, tries = ?, resends = ?, first_part = ?, reason = ?, detail = ? WHERE no = ?")
	s.Int(1, int64(d.State)).Int(2, d.Channel).ID(3, d.Point).Int(4, d.Due).Int(5, d.Move).Int(6, d.Attempt).Int(7, int64(d.Attempts)).Int(8, int64(d.Tries))
	s.Int(9, int64(d.Resends)).Int(10, int64(d.FirstPart)).Text(11, string(d.Reason)).Text(12, d.Detail).Int(13, d.No)
	if err := s.Run(); err != nil {
		return fmt.Errorf("writing a delivery: %w", err)
	}
	return nil
}

func (t *txn) storeAttempt(a *attempt) error {
	s := t.Prepare("UPDATE attempts SET state = ?, token = ?, until = ?, left_behind = ?, arrived = ?, cost = ?, settled_at = ?, refs = ?, refusal = ? WHERE no = ?")
	s.Int(1, int64(a.State)).Int(2, a.Token).Int(3, a.Until)
	s.Bool(4, a.Left).Int(5, a.Arrived).Int(6, int64(a.Cost)).Int(7, a.SettledAt).Text(8, a.Refs)
	if a.Refusal == "" {
		s.Null(9)
	} else {
		s.Text(9, a.Refusal)
	}
	if err := s.Int(10, a.No).Run(); err != nil {
		return fmt.Errorf("writing an attempt: %w", err)
	}
	t.w.live.wrote(a)
	return nil
}
