package postgres

import (
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

// scanRows is how many deliveries one look of Lapse passes.
const scanRows = 2000

// scans is where Lapse goes on in each broadcast.
type scans struct {
	mu sync.Mutex
	at map[gateway.ID]gateway.ID
}

func (s *scans) get(broadcast gateway.ID) gateway.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at[broadcast]
}

func (s *scans) set(broadcast, after gateway.ID, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if more {
		s.at[broadcast] = after
	} else {
		delete(s.at, broadcast)
	}
}

var lapseQuery = `SELECT b.group_id, b.id, COALESCE((SELECT SUM(n) FROM tallies t WHERE t.group_id = b.group_id AND t.broadcast_id = b.id AND t.state = 'waiting'), 0)::bigint, b.replaced
	FROM broadcasts b WHERE NOT b.lapsed AND b.expires_at <= ` + nowSQL("$1") + ` AND b.state = 'planned' ORDER BY b.expires_at LIMIT 8`

const lookQuery = "SELECT id, member_id, state IN (0, 4, 5) FROM deliveries WHERE group_id = $1 AND broadcast_id = $2 AND member_id > $3 ORDER BY member_id LIMIT $4"

// Lapse ends waiting deliveries of expired broadcasts. It reads without locks, so a long broadcast holds up nobody.
func (s *Store) Lapse(ctx context.Context, limit int) (int, error) {
	type over struct {
		group, id gateway.ID
		waiting   int64
		replaced  bool
	}
	expired, err := list(ctx, s, lapseQuery, []any{s.fixed()}, func(o *over) []any { return []any{&o.group, &o.id, &o.waiting, &o.replaced} })
	if err != nil {
		return 0, err
	}
	n := 0
	for _, b := range expired {
		if b.waiting == 0 {
			if err := s.do(ctx, false, func(t *txn) error {
				_, err := t.exec("UPDATE broadcasts SET lapsed = true WHERE group_id = $1 AND id = $2", b.group, b.id)
				return err
			}); err != nil {
				return n, err
			}
			continue
		}
		for more := true; more && n < limit; {
			ended, goesOn, err := s.lapse(ctx, b.group, b.id, b.replaced, limit-n)
			if n += ended; err != nil {
				return n, fmt.Errorf("ending what has expired: %w", err)
			}
			more = goesOn
		}
	}
	return n, nil
}

// lapse looks at the next scanRows deliveries of a broadcast, behind where the last look ended, and ends those that
// wait. More is false at the end, and the next look begins anew.
func (s *Store) lapse(ctx context.Context, group, broadcast gateway.ID, replaced bool, limit int) (n int, more bool, err error) {
	after := s.scans.get(broadcast)
	var hits []gateway.ID
	looked := 0
	if err := s.query(ctx, lookQuery, []any{group, broadcast, after, scanRows}, func(r pgx.Rows) error {
		if len(hits) == limit {
			return nil
		}
		var id, member gateway.ID
		var waits bool
		if err := r.Scan(&id, &member, &waits); err != nil {
			return err
		}
		looked++
		after = member
		if waits {
			hits = append(hits, id)
		}
		return nil
	}); err != nil {
		return 0, false, err
	}
	n, err = s.changeAll(ctx, hits, func(t *txn, d *delivery) error { return row.Lapse(t, d, replaced) })
	more = len(hits) == limit || looked == scanRows
	s.scans.set(broadcast, after, more)
	return n, more, err
}

const (
	heldQuery   = "SELECT id FROM deliveries WHERE group_id = $1 AND broadcast_id = $2 AND state = 4 LIMIT $3"
	failedQuery = "SELECT id FROM deliveries WHERE group_id = $1 AND broadcast_id = $2 AND state = 2 AND reason = 'failed' LIMIT $3"
)

// Release makes held deliveries due again; with failed set, it gives dead letters another try as well.
func (s *Store) Release(ctx context.Context, group, broadcast gateway.ID, failed bool, limit int) (int, error) {
	var stopped bool
	if err := s.one(ctx, "broadcast", "SELECT stopped FROM broadcasts WHERE group_id = $1 AND id = $2", []any{group, broadcast}, &stopped); err != nil {
		return 0, err
	}
	var ids []gateway.ID
	for _, q := range []struct {
		text string
		ask  bool
	}{{heldQuery, !stopped}, {failedQuery, failed}} { // what is held while the broadcast is stopped is held for good reason
		if !q.ask {
			continue
		}
		more, err := s.ids(ctx, q.text, group, broadcast, limit-len(ids))
		if err != nil {
			return 0, err
		}
		ids = append(ids, more...)
	}
	return s.changeAll(ctx, ids, func(t *txn, d *delivery) error {
		policy, err := t.PolicyOf(d.Broadcast)
		if err != nil {
			return err
		}
		row.Release(t, d, policy.Tries)
		return nil
	})
}

// Resend gives a delivery that is in doubt or failed another try.
func (s *Store) Resend(ctx context.Context, group, id gateway.ID) error {
	return s.do(ctx, true, func(t *txn) error {
		batch := &pgx.Batch{}
		t.takeAttempts(batch, "SELECT "+attemptColumns+" FROM attempts a WHERE a.id = ANY (ARRAY(SELECT d.attempt_id FROM deliveries d WHERE d.id = $1 AND d.group_id = $2 AND d.attempts > 0)) FOR UPDATE", id, group)
		t.takeDeliveries(batch, "SELECT "+deliveryColumns+" FROM deliveries d WHERE d.id = $1 AND d.group_id = $2 FOR UPDATE", id, group)
		if err := t.send(batch); err != nil {
			return err
		}
		d := t.deliveries[id]
		if d == nil {
			return row.Missing("delivery")
		}
		a := t.attempts[d.Newest()]
		if a == nil && d.Attempts > 0 {
			return errMore // it was claimed between the two statements
		}
		info, err := t.s.frozenOf(t, d.Group, d.Broadcast)
		if err != nil {
			return err
		}
		var replaced bool
		if err := t.query("SELECT replaced FROM broadcasts WHERE group_id = $1 AND id = $2 FOR SHARE", []any{d.Group, d.Broadcast}, func(r pgx.Rows) error { return r.Scan(&replaced) }); err != nil {
			return err
		}
		if err := row.Resend(t, d, a, replaced, info.Policy, row.Expiry(d.Expires, info.Expires)); err != nil {
			return err
		}
		t.store(a, d)
		return nil
	})
}
