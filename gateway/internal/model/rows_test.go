package model

import (
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

// transaction gives the rows of one delivery to package row, and writes back what has changed. A row is known by its
// place, counted from one.
type transaction struct {
	m   *machine
	w   *world
	d   int
	own *row.Delivery[int]
}

func inSeconds(d time.Duration) seconds { return seconds(d / time.Second) }

func micros(s seconds) int64 {
	if s == 0 {
		return 0
	}
	return s.time().UnixMicro()
}

func fromMicros(n int64) seconds {
	if n == 0 {
		return 0
	}
	return since(time.UnixMicro(n))
}

var becauseOf = map[gateway.Reason]uint8{gateway.ReasonFailed: becauseFailed, gateway.ReasonExpired: becauseExpired, gateway.ReasonSuppressed: becauseSuppressed}

var reasonOf = [...]gateway.Reason{becauseFailed: gateway.ReasonFailed, becauseExpired: gateway.ReasonExpired, becauseSuppressed: gateway.ReasonSuppressed}

func (m *machine) transact(w *world, d int) *transaction {
	r := &w.d[d]
	return &transaction{m, w, d, &row.Delivery[int]{No: d + 1, Group: 1, Broadcast: 1, Point: pointID(r.point), Channel: int(r.point) + 1, State: int(r.row) - 1, Due: micros(r.due), Move: micros(r.move),
		Attempt: int(r.attempts), Attempts: int(r.attempts), Tries: int(r.tries), Resends: int(r.resends), Reason: reasonOf[r.reason]}}
}

// attempt reads one by its index; nil: there is none.
func (t *transaction) attempt(i int) *row.Attempt[int] {
	if i < 0 {
		return nil
	}
	a := &t.w.d[t.d].a[i]
	return &row.Attempt[int]{No: i + 1, Group: 1, Broadcast: 1, Delivery: t.d + 1, Channel: int(a.point) + 1, Point: pointID(a.point), Nth: i + 1, State: a.is(), Token: int64(a.token),
		Until: micros(a.until), Parts: 1, Left: a.left, ClaimedAt: micros(a.claimedAt), SettledAt: micros(a.settledAt)}
}

// commit writes the delivery, and an attempt of it unless that is nil; refusal is what it was refused with, if it was.
func (t *transaction) commit(a *row.Attempt[int], refusal uint8, err error) {
	if err != nil {
		panic("model: " + err.Error())
	}
	r, o := &t.w.d[t.d], t.own
	was, due := r.row, r.due
	r.row, r.due, r.move, r.point = uint8(o.State)+1, fromMicros(o.Due), fromMicros(o.Move), uint8(pointOf(o.Point))
	r.tries, r.resends, r.reason = uint8(o.Tries), uint8(o.Resends), becauseOf[o.Reason]
	if r.row == rowWaiting && (was != rowWaiting || r.due != due) {
		t.w.nudge(t.d)
	}
	if a == nil {
		return
	}
	b := &r.a[a.No-1]
	if t.m.mutant == notLeftBehind && a.Left && !b.left {
		a.Left = false
		if a.State == b.is() {
			a.Until = micros(b.until)
		}
	}
	switch {
	case a.Refusal != "":
		b.refusal = refusal
	case a.State != gateway.Refused:
		b.refusal = 0
	}
	t.put(a)
}

func (t *transaction) put(a *row.Attempt[int]) {
	b := &t.w.d[t.d].a[a.No-1]
	b.state, b.token, b.left, b.until, b.settledAt = uint8(a.State), uint8(a.Token), a.Left, fromMicros(a.Until), fromMicros(a.SettledAt)
	b.known = b.known || a.State == gateway.Accepted || a.State == gateway.AttemptDelivered
}

// override is what mutations do: it takes a state whatever is known, and moves the delivery whoever leads it.
func (t *transaction) override(a *row.Attempt[int], o *outcome) {
	r := &t.w.d[t.d]
	t.w.tallies[r.state()]--
	a.State, a.SettledAt, a.Until = o.state, micros(t.w.now), micros(o.lookAt)
	next := o.next
	if o.state == gateway.Refused && next.Kind == gateway.StepNone {
		next = gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed}
	}
	err := row.Step(t, t.own, a, next)
	t.commit(a, o.refusal, err)
	if r.row == rowFollows && r.newest().is() == gateway.Refused {
		r.row, r.reason = rowEnded, becauseFailed
	}
	t.w.tallies[r.state()]++
}

func (t *transaction) Micros() int64 { return micros(t.w.now) }

func (t *transaction) ChannelNo(id gateway.ID) (int, error) { return pointOf(id) + 1, nil }

func (t *transaction) PolicyOf(int) (gateway.Policy, error) { return t.m.policy, nil }

func (t *transaction) Tally(_, _, _ int, s gateway.DeliveryState, _ gateway.Reason, n int) {
	t.w.tallies[stateOf[s]] += int8(n)
}

func (t *transaction) AttemptAt(no int) (*row.Attempt[int], error) { return t.attempt(no - 1), nil }

func (t *transaction) StoreAttempt(a *row.Attempt[int]) error {
	t.put(a)
	return nil
}

func (t *transaction) Charge(*row.Attempt[int], int) error { return nil }

func (t *transaction) Heal(*row.Attempt[int], *row.Delivery[int]) error { return nil }

var _ row.World[int] = (*transaction)(nil)
