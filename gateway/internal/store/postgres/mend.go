package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

// orphanRows is how many claims one transaction of Orphans puts in doubt.
const orphanRows = 500

// What ran out is taken by whichever process comes first; nobody waits for another.
const orphanQuery = "SELECT " + attemptColumns + " FROM attempts a WHERE a.state = 1 AND a.until <= $1 ORDER BY a.until LIMIT $2 FOR UPDATE SKIP LOCKED"

var (
	doubtfulQuery  = "SELECT id FROM attempts WHERE state = 2 AND until > 0 AND until <= " + nowSQL("$1") + " ORDER BY until LIMIT $2"
	lateQuery      = "SELECT id FROM attempts WHERE state = 3 AND until > 0 AND until <= " + nowSQL("$1") + " AND NOT left_behind ORDER BY until LIMIT $2"
	stuckQuery     = "SELECT id FROM deliveries WHERE state = 0 AND move_at > 0 AND move_at <= " + nowSQL("$1") + " ORDER BY move_at LIMIT $2"
	lookUpQuery    = doubtfulQuery + " FOR UPDATE SKIP LOCKED"
	claimStatement = "UPDATE attempts a SET token = a.token + 1, until = $2 FROM unnest($1::uuid[]) AS u (id) WHERE a.id = u.id"
)

// Orphans puts attempts in doubt whose senders are gone.
func (s *Store) Orphans(ctx context.Context, all bool) (int, error) {
	sum := 0
	for {
		n := 0
		err := s.do(ctx, true, func(t *txn) error {
			until := t.now
			if all {
				until = 1 << 62
			}
			batch := &pgx.Batch{}
			t.takeAttempts(batch, orphanQuery, until, orphanRows)
			if err := t.send(batch); err != nil {
				return fmt.Errorf("looking for claims that ran out: %w", err)
			}
			for _, a := range t.attempts {
				row.Orphan(t, a)
				t.store(a, nil)
			}
			n = len(t.attempts)
			return nil
		})
		if sum += n; err != nil || n < orphanRows {
			return sum, err
		}
	}
}

// Doubtful claims attempts in doubt for a look-up.
func (s *Store) Doubtful(ctx context.Context, by gateway.Claimant, limit int) ([]gateway.Claim, error) {
	ids, err := s.ids(ctx, doubtfulQuery, s.fixed(), 1)
	if len(ids) == 0 || err != nil {
		return nil, err // no transaction for nothing
	}
	if err := s.do(ctx, by.Urgent, func(t *txn) error {
		ids = ids[:0]
		if err := t.query(lookUpQuery, []any{t.now, limit}, func(r pgx.Rows) error {
			var id gateway.ID
			err := r.Scan(&id)
			ids = append(ids, id)
			return err
		}); err != nil {
			return fmt.Errorf("looking for what is in doubt: %w", err)
		}
		_, err := t.exec(claimStatement, ids, t.now+by.Lease.Microseconds())
		return err
	}); err != nil || len(ids) == 0 {
		return nil, err
	}
	return s.Cases(ctx, ids)
}

// ids reads identifiers.
func (s *Store) ids(ctx context.Context, text string, args ...any) (ids []gateway.ID, err error) {
	err = s.queryNow(ctx, text, args, func(r pgx.Rows) error {
		var id gateway.ID
		err := r.Scan(&id)
		ids = append(ids, id)
		return err
	})
	return ids, err
}

// Overdue lists what was not confirmed, or not handed over, in time.
func (s *Store) Overdue(ctx context.Context, limit int) ([]gateway.Claim, error) {
	late, err := s.ids(ctx, lateQuery, s.fixed(), limit)
	if err != nil {
		return nil, err
	}
	var stuck []gateway.ID
	if len(late) < limit {
		if stuck, err = s.ids(ctx, stuckQuery, s.fixed(), limit-len(late)); err != nil {
			return nil, err
		}
	}
	cases, err := s.Cases(ctx, late)
	if err != nil {
		return nil, err
	}
	waiting, err := s.cases(ctx, waitingQuery, true, stuck)
	return append(cases, waiting...), err
}

const (
	caseColumns = "SELECT " + deliveryColumns + ", " + attemptColumns + ", COALESCE(p.kind, ''), p.address_sealed, m.key_sealed FROM unnest($1::uuid[]) WITH ORDINALITY AS u (id, n) "
	caseQuery   = caseColumns + `JOIN attempts a ON a.id = u.id JOIN deliveries d ON d.id = a.delivery_id
	LEFT JOIN contact_points p ON p.group_id = d.group_id AND p.member_id = d.member_id AND p.id = a.point_id LEFT JOIN members m ON m.group_id = d.group_id AND m.id = d.member_id ORDER BY u.n`
	waitingColumns = "SELECT " + deliveryColumns + ", COALESCE(p.kind, ''), p.address_sealed, m.key_sealed, d.attempt_id, COALESCE(a.token, 0), COALESCE(a.nth, 0) FROM unnest($1::uuid[]) WITH ORDINALITY AS u (id, n) "
	waitingQuery   = waitingColumns + `JOIN deliveries d ON d.id = u.id AND d.state = 0 LEFT JOIN attempts a ON a.id = d.attempt_id AND d.attempts > 0
	LEFT JOIN contact_points p ON p.group_id = d.group_id AND p.member_id = d.member_id AND p.id = d.point_id LEFT JOIN members m ON m.group_id = d.group_id AND m.id = d.member_id ORDER BY u.n`
)

// Cases describes attempts with all that a decision about them needs; unknown ones are left out.
func (s *Store) Cases(ctx context.Context, attempts []gateway.ID) ([]gateway.Claim, error) {
	return s.cases(ctx, caseQuery, false, attempts)
}

// cases reads a case for each identifier, of an attempt or of a waiting delivery.
func (s *Store) cases(ctx context.Context, text string, waiting bool, ids []gateway.ID) ([]gateway.Claim, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	type found struct {
		d                delivery
		a                attempt
		kind             string
		address, wrapped []byte
	}
	var all []*found
	if err := s.queryNow(ctx, text, []any{ids}, func(r pgx.Rows) error {
		f := &found{}
		into := deliveryInto(&f.d)
		if waiting {
			into = append(into, &f.kind, &f.address, &f.wrapped, &f.a.No, &f.a.Token, &f.a.Nth)
		} else {
			into = append(append(into, attemptInto(&f.a)...), &f.kind, &f.address, &f.wrapped)
		}
		all = append(all, f)
		return r.Scan(into...)
	}); err != nil {
		return nil, fmt.Errorf("reading cases: %w", err)
	}
	claims, fits := make([]gateway.Claim, len(all)), map[gateway.ID]bool{}
	for i, f := range all {
		d, a, c := &f.d, &f.a, &claims[i]
		info, err := s.frozenOf(reader{ctx, s}, d.Group, d.Broadcast)
		if err != nil {
			return nil, fmt.Errorf("reading cases: %w", err)
		}
		*c = gateway.Claim{Delivery: d.No, Verdict: gateway.Unusable, Attempt: a.No, Token: a.Token, No: a.Nth, Member: d.Member, Kind: f.kind, Locale: d.Locale, Neutral: d.Neutral,
			FirstPart: d.FirstPart, Tries: d.Tries, Resends: d.Resends, Point: d.Point, Channel: d.Channel}
		info.Fill(c, d.Point, d.Expires)
		if !waiting {
			c.Channel, c.Point, c.State, c.ClaimedAt, c.SettledAt, c.Parts = a.Channel, a.Point, a.State, row.FromMicros(a.ClaimedAt), row.FromMicros(a.SettledAt), a.ProviderIDs()
		}
		said, err := saidBy(reader{ctx, s}, fits, info, a, d.Neutral, c.Channel)
		if err != nil {
			return nil, fmt.Errorf("reading cases: %w", err)
		}
		c.Pointer, c.Locale = said == row.SaidPointer, info.Text(c.Locale, said)
		if len(f.wrapped) > 0 && len(f.address) > 0 {
			if err := s.openAddress(ctx, c, &offer{key: f.wrapped, address: f.address}, nil); ctx.Err() != nil {
				return nil, ctx.Err()
			} else if err != nil { // one that cannot be opened must not hold up all others; without it nobody can ask about it
				s.log.Error(closedAddress, "delivery", d.No, "error", err)
			}
		}
	}
	return claims, nil
}

// AttemptByRef finds an attempt by the provider's id.
func (s *Store) AttemptByRef(ctx context.Context, channel gateway.ID, providerID string) (id gateway.ID, err error) {
	return id, s.one(ctx, "attempt", "SELECT attempt_id FROM refs WHERE channel_id = $1 AND ref = $2 LIMIT 1", []any{channel, row.Key(providerID)}, &id)
}

// Advance carries out moves whose condition still holds.
func (s *Store) Advance(ctx context.Context, moves []gateway.Move) error {
	if len(moves) == 0 {
		return nil
	}
	attempts, deliveries := []gateway.ID{}, []gateway.ID{}
	for i := range moves {
		if !moves[i].Attempt.IsZero() {
			attempts = append(attempts, moves[i].Attempt)
		}
		deliveries = append(deliveries, moves[i].Delivery)
	}
	attempts, deliveries = sortedIDs(attempts), sortedIDs(deliveries)
	return s.do(ctx, true, func(t *txn) error {
		batch := &pgx.Batch{}
		t.takeAttempts(batch, lockAttempts, attempts)
		t.takeDeliveries(batch, lockDeliveries, deliveries)
		if err := t.send(batch); err != nil {
			return fmt.Errorf("moving deliveries on: %w", err)
		}
		for i := range moves {
			d := t.deliveries[moves[i].Delivery]
			if d == nil || d.Newest() != moves[i].Attempt {
				continue
			}
			a := t.attempts[d.Newest()]
			write, err := row.Advance(t, d, a, d.Newest(), &moves[i])
			if err != nil {
				return fmt.Errorf("moving a delivery on: %w", err)
			}
			if write {
				t.store(a, d)
			}
		}
		return nil
	})
}

// Attempts are made in the order of their identifiers, but not quite where several processes make them; whoever asks goes
// no further than a time that is well over.
const unheardQuery = `SELECT a.id, a.claimed_at, a.state = 3 AND a.until = 0 AND NOT a.left_behind, a.channel_id, a.delivery_id FROM attempts a WHERE a.id > $1 ORDER BY a.id LIMIT $2`

// Unheard lists accepted attempts whose receipts are not waited for.
func (s *Store) Unheard(ctx context.Context, after gateway.ID, before time.Time, limit int) (found []gateway.Unheard, last gateway.ID, err error) {
	over := false
	last = after
	err = s.query(ctx, unheardQuery, []any{after, limit}, func(r pgx.Rows) error {
		var u gateway.Unheard
		var claimed int64
		var silent bool
		if err := r.Scan(&u.Attempt, &claimed, &silent, &u.Channel, &u.Delivery); err != nil {
			return err
		}
		if over = over || claimed > row.ToMicros(before); over {
			return nil
		}
		if last = u.Attempt; silent {
			found = append(found, u)
		}
		return nil
	})
	if err != nil {
		return nil, after, fmt.Errorf("looking for what was not reported on: %w", err)
	}
	return slices.Clip(found), last, nil
}
