package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// scanRows is how many deliveries one look of Lapse or Release passes.
const scanRows = 2000

type scanKey struct {
	broadcast gateway.ID
	what      string
}

// Lapse ends waiting deliveries of expired broadcasts. It reads outside the writer, so a long broadcast holds up nobody.
func (s *Store) Lapse(ctx context.Context, limit int) (int, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT group_id, id FROM broadcasts WHERE lapsed = 0 AND expires_at <= ? AND state = 'planned' LIMIT 8", s.micros())
	if err != nil {
		return 0, err
	}
	type over struct{ group, id gateway.ID }
	expired, err := collect(rows, func(o *over) []any { return []any{scanID(&o.group), scanID(&o.id)} })
	if err != nil {
		return 0, err
	}
	n := 0
	for _, b := range expired {
		waiting, err := s.waiting(ctx, b.group, b.id)
		if err != nil {
			return n, err
		}
		if waiting == 0 {
			if err := s.write.do(ctx, false, 1, func(t *txn) error {
				_, err := t.exec("UPDATE broadcasts SET lapsed = 1 WHERE group_id = ? AND id = ?", b.group[:], b.id[:])
				return err
			}); err != nil {
				return n, err
			}
			continue
		}
		for n < limit {
			done, more, err := s.sweep(ctx, b.group, b.id, "lapse", "d.state = 0", limit-n, func(t *txn, d *delivery) {
				d.detail = "its time was over before it could be sent"
				t.step(d, nil, gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonExpired})
			})
			n += done
			if err != nil || !more {
				if err != nil {
					return n, err
				}
				break
			}
		}
	}
	return n, nil
}

func (s *Store) waiting(ctx context.Context, group, broadcast gateway.ID) (n int, err error) {
	err = s.read.QueryRowContext(ctx, "SELECT COALESCE(SUM(n), 0) FROM tallies WHERE group_id = ? AND broadcast_id = ? AND state = 'waiting'", group[:], broadcast[:]).Scan(&n)
	return n, err
}

// Release makes held deliveries due again; with failed set, it gives dead letters another try as well.
func (s *Store) Release(ctx context.Context, group, broadcast gateway.ID, failed bool, limit int) (int, error) {
	what, which := "release", "d.state = 0 AND d.due_at IS NULL"
	if failed {
		what, which = "replay", "(d.state = 0 AND d.due_at IS NULL OR d.state = 2 AND d.reason = 'failed')"
	}
	n := 0
	for n < limit {
		done, more, err := s.sweep(ctx, group, broadcast, what, which, limit-n, func(t *txn, d *delivery) { t.again(d) })
		n += done
		if err != nil || !more {
			return n, err
		}
	}
	return n, nil
}

// again makes a delivery wait, due now, with a try left at least.
func (t *txn) again(d *delivery) {
	if info, err := t.frozenOf(d.group, d.broadcast); err == nil {
		d.tries = min(d.tries, info.policy.Tries-1)
	}
	d.state, d.due, d.reason, d.detail = rowWaiting, fromMicros(t.now), "", ""
}

// sweep looks at the next scanRows deliveries of a broadcast, behind where the last look ended, and changes those that
// match. More is false at the end, and the next sweep begins anew.
func (s *Store) sweep(ctx context.Context, group, broadcast gateway.ID, what, which string, limit int, change func(*txn, *delivery)) (n int, more bool, err error) {
	key := scanKey{broadcast, what}
	s.mu.Lock()
	after := s.scans[key]
	s.mu.Unlock()
	rows, err := s.read.QueryContext(ctx, `SELECT id, member_id, hit FROM (SELECT d.id, d.member_id, `+which+` AS hit FROM deliveries d
		WHERE d.group_id = ? AND d.broadcast_id = ? AND d.member_id > ? ORDER BY d.member_id LIMIT ?)`, group[:], broadcast[:], after[:], scanRows)
	if err != nil {
		return 0, false, err
	}
	type look struct {
		id, member gateway.ID
		hit        bool
	}
	looked, err := collect(rows, func(l *look) []any { return []any{scanID(&l.id), scanID(&l.member), &l.hit} })
	if err != nil {
		return 0, false, err
	}
	full := len(looked) == scanRows
	var hits []gateway.ID
	for i, l := range looked {
		if !l.hit {
			continue
		}
		if hits = append(hits, l.id); len(hits) == limit {
			looked, full = looked[:i+1], full || i+1 < len(looked)
			break
		}
	}
	for len(hits) > 0 {
		chunk := hits[:min(len(hits), 200)]
		hits = hits[len(chunk):]
		if err := s.write.do(ctx, false, len(chunk), func(t *txn) error { return t.changeAll(chunk, change) }); err != nil {
			return n, false, fmt.Errorf("going through broadcast %s: %w", broadcast, err)
		}
		n += len(chunk)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !full {
		delete(s.scans, key)
		return n, false, nil
	}
	s.scans[key] = looked[len(looked)-1].member
	return n, true, nil
}

func (t *txn) changeAll(ids []gateway.ID, change func(*txn, *delivery)) error {
	for _, id := range ids {
		a, d, err := t.loadDelivery(id)
		if err != nil || d == nil {
			return err
		}
		if d.state == rowFollows {
			continue // it went on between the look and now
		}
		before := d.stateWith(a)
		change(t, d)
		t.moved(d, before, d.stateWith(a))
		if err := t.store(a, d); err != nil {
			return err
		}
	}
	return nil
}

// Resend gives a delivery that is in doubt or failed another try.
func (s *Store) Resend(ctx context.Context, group, id gateway.ID) error {
	return s.write.do(ctx, true, 1, func(t *txn) error {
		a, d, err := t.loadDelivery(id)
		if err != nil {
			return err
		}
		if d == nil || d.group != group {
			return gateway.Faultf(gateway.CodeNotFound, "there is no such delivery")
		}
		doubt := d.state == rowFollows && a != nil && a.state == gateway.InDoubt
		if !doubt && !(d.state == rowEnded && d.reason == gateway.ReasonFailed) {
			return gateway.Faultf(gateway.CodeConflict, "this delivery is %s; only one that is in doubt or has failed can be sent again", d.stateWith(a).state)
		}
		info, err := t.frozenOf(d.group, d.broadcast)
		if err != nil {
			return err
		}
		if info.expires <= t.now {
			return gateway.Faultf(gateway.CodeConflict, "the broadcast expired at %s; write a new one", time.UnixMicro(info.expires).UTC().Format(time.RFC3339))
		}
		before := d.stateWith(a)
		t.again(d)
		d.resends++
		if a != nil {
			a.left, a.lookAt, a.confirmBy = true, time.Time{}, time.Time{}
		}
		t.moved(d, before, d.stateWith(a))
		return t.store(a, d)
	})
}
