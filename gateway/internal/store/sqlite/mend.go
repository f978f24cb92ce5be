package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
)

// Orphans puts attempts in doubt whose senders are gone.
func (s *Store) Orphans(ctx context.Context, all bool) (int, error) {
	n := 0
	err := s.write.do(ctx, true, 1, func(t *txn) error {
		n = 0
		query := `UPDATE attempts SET state = 2, token = token + 1, look_at = ?1, settled_at = ?1, class = 'unknown', scope = 'channel',
			detail = 'the sender stopped before it knew' WHERE state = 1 AND lease_until <= ?2 RETURNING group_id, broadcast_id, channel_id, left_behind`
		until := t.now
		if all {
			until = 1 << 62
		}
		return t.change(query, []any{t.now, until}, func(r *sql.Rows) error {
			var group, broadcast, channel gateway.ID
			var left bool
			if err := r.Scan(scanID(&group), scanID(&broadcast), scanID(&channel), &left); err != nil {
				return err
			}
			n++
			if !left {
				t.tally(group, broadcast, channel, gateway.Sending, "", -1)
				t.tally(group, broadcast, channel, gateway.DeliveryInDoubt, "", 1)
			}
			return nil
		})
	})
	return n, err
}

// Doubtful claims attempts in doubt for a look-up.
func (s *Store) Doubtful(ctx context.Context, by gateway.Claimant, limit int) ([]gateway.Claim, error) {
	var ids []gateway.ID
	err := s.write.do(ctx, by.Urgent, limit, func(t *txn) error {
		ids = ids[:0]
		return t.change(`UPDATE attempts SET token = token + 1, look_at = ? WHERE id IN
			(SELECT id FROM attempts WHERE state = 2 AND look_at <= ? ORDER BY look_at LIMIT ?) RETURNING id`,
			[]any{t.now + by.Lease.Microseconds(), t.now, limit}, func(r *sql.Rows) error {
				var id gateway.ID
				ids = append(ids, id)
				return r.Scan(scanID(&ids[len(ids)-1]))
			})
	})
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	return s.Cases(ctx, ids)
}

// Overdue lists what was not confirmed, or not handed over, in time.
func (s *Store) Overdue(ctx context.Context, limit int) ([]gateway.Claim, error) {
	now := s.micros()
	var attempts, deliveries []gateway.ID
	for _, part := range []struct {
		query string
		into  *[]gateway.ID
	}{
		{"SELECT id FROM attempts WHERE state = 3 AND confirm_by <= ? ORDER BY confirm_by LIMIT ?", &attempts},
		{"SELECT id FROM deliveries WHERE state = 0 AND move_at <= ? ORDER BY move_at LIMIT ?", &deliveries},
	} {
		rows, err := s.read.QueryContext(ctx, part.query, now, limit)
		if err != nil {
			return nil, err
		}
		if *part.into, err = collect(rows, func(id *gateway.ID) []any { return []any{scanID(id)} }); err != nil {
			return nil, err
		}
	}
	cases, err := s.Cases(ctx, attempts)
	if err != nil {
		return nil, err
	}
	waiting, err := s.cases(ctx, "SELECT "+deliveryColumns+", "+nullAttempt+", p.kind, p.address_sealed, m.key_sealed FROM deliveries d"+caseJoins("d.point_id")+" WHERE d.state = 0 AND d.id IN ", deliveries)
	return append(cases, waiting...), err
}

// nullAttempt stands for the columns of an attempt where there is none.
const nullAttempt = `NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, '', 0, 0, NULL, NULL, NULL, NULL, '', '', '', ''`

func caseJoins(point string) string {
	return ` LEFT JOIN contact_points p ON p.group_id = d.group_id AND p.member_id = d.member_id AND p.id = ` + point + `
	LEFT JOIN members m ON m.group_id = d.group_id AND m.id = d.member_id`
}

// AttemptByRef finds an attempt by the provider's id.
func (s *Store) AttemptByRef(ctx context.Context, channel gateway.ID, providerID string) (id gateway.ID, err error) {
	err = one(s.read.QueryRowContext(ctx, "SELECT attempt_id FROM refs WHERE channel_id = ? AND ref = ?", channel[:], providerID), "attempt", scanID(&id))
	return id, err
}

// Cases describes attempts with all that a decision about them needs; unknown ones are left out.
func (s *Store) Cases(ctx context.Context, attempts []gateway.ID) ([]gateway.Claim, error) {
	return s.cases(ctx, "SELECT "+deliveryColumns+", "+attemptColumns+", p.kind, p.address_sealed, m.key_sealed FROM attempts a JOIN deliveries d ON d.id = a.delivery_id"+caseJoins("a.point_id")+" WHERE a.id IN ", attempts)
}

func (s *Store) cases(ctx context.Context, query string, ids []gateway.ID) ([]gateway.Claim, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	args := make([]any, len(ids))
	for i := range ids {
		args[i] = ids[i][:]
	}
	var found []*claimRow
	// Read by the writer, which keeps what is frozen about a broadcast.
	err := s.write.do(ctx, true, 1, func(t *txn) error {
		found = found[:0]
		if err := t.query(query+"("+strings.TrimSuffix(strings.Repeat("?,", len(ids)), ",")+")", args, func(r *sql.Rows) error {
			row, err := scanCase(r)
			found = append(found, row)
			return err
		}); err != nil {
			return err
		}
		for _, row := range found {
			info, err := t.frozenOf(row.claim.Group, row.claim.Broadcast)
			if err != nil {
				return err
			}
			info.fill(row.claim)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading cases: %w", err)
	}
	claims := make([]gateway.Claim, 0, len(found))
	for _, row := range found {
		if len(row.keySealed) > 0 && len(row.addressSealed) > 0 {
			if err := s.openAddress(ctx, row); err != nil {
				return nil, err
			}
		}
		claims = append(claims, *row.claim)
	}
	return claims, nil
}

func scanCase(r *sql.Rows) (*claimRow, error) {
	var d delivery
	var a attempt
	var kind sql.NullString
	row := &claimRow{}
	columns := append(append(d.columns(), a.columns()...), &kind, &row.addressSealed, &row.keySealed)
	if err := r.Scan(columns...); err != nil {
		return nil, err
	}
	row.claim = &gateway.Claim{Delivery: d.id, Verdict: gateway.Unusable, Attempt: a.id, Token: a.token, No: a.no, Group: d.group, Broadcast: d.broadcast, Member: d.member,
		Point: d.point, Channel: d.channel, Kind: kind.String, Locale: d.locale, Neutral: d.neutral, FirstPart: d.firstPart, Tries: d.tries, Resends: d.resends,
		State: a.state, ClaimedAt: a.claimedAt, Parts: a.providerIDs()}
	if !a.id.IsZero() {
		row.claim.Point, row.claim.Channel = a.point, a.channel
	}
	return row, nil
}

// Advance carries out moves whose condition still holds.
func (s *Store) Advance(ctx context.Context, moves []gateway.Move) error {
	return s.write.do(ctx, true, len(moves), func(t *txn) error {
		for _, m := range moves {
			if err := t.advance(m); err != nil {
				return fmt.Errorf("moving a delivery on: %w", err)
			}
		}
		return nil
	})
}

func (t *txn) advance(m gateway.Move) error {
	a, d, err := t.loadDelivery(m.Delivery)
	if err != nil || d == nil || d.state == rowEnded || d.state == rowArrived || d.attempt != m.Attempt && !(d.state == rowWaiting && m.Attempt.IsZero()) {
		return err
	}
	if d.state == rowFollows && (a == nil || a.state != gateway.Accepted && a.state != gateway.InDoubt) {
		return nil
	}
	before := d.stateWith(a)
	if m.Next.Kind == gateway.StepNone {
		d.move = fromMicros(0)
		if d.state == rowFollows {
			a.confirmBy = fromMicros(0)
		}
		return t.store(a, d)
	}
	if m.Detail != "" {
		d.detail = m.Detail
	}
	t.step(d, a, m.Next)
	t.moved(d, before, d.stateWith(a))
	return t.store(a, d)
}
