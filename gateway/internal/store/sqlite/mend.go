package sqlite

import (
	"bytes"
	"context"
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// orphanRows is how many claims one transaction of Orphans puts in doubt.
const orphanRows = 500

// Orphans puts attempts in doubt whose senders are gone.
func (s *Store) Orphans(ctx context.Context, all bool) (int, error) {
	sum := 0
	for {
		n := 0
		err := s.write.do(ctx, true, func(t *txn) (err error) {
			until := t.now
			if all {
				until = 1 << 62
			}
			n, err = t.orphans(until)
			return err
		})
		if sum += n; err != nil || n < orphanRows {
			return sum, err
		}
	}
}

func (t *txn) orphans(until int64) (int, error) {
	var found []*attempt
	r := t.Prepare(orphanQuery).Int(1, until).Int(2, orphanRows)
	for r.Step() {
		a := &attempt{}
		readAttempt(r, 0, a)
		found = append(found, a)
	}
	if err := r.Reset(); err != nil {
		return 0, fmt.Errorf("looking for claims that ran out: %w", err)
	}
	for _, a := range found {
		row.Orphan(t, a)
		if err := t.storeAttempt(a); err != nil {
			return 0, err
		}
	}
	return len(found), nil
}

const (
	orphanQuery   = "SELECT " + attemptColumns + " FROM attempts a WHERE a.state = 1 AND a.until <= ? ORDER BY a.until LIMIT ?"
	doubtfulQuery = "SELECT no, tail FROM attempts WHERE state = 2 AND until > 0 AND until <= ? ORDER BY until LIMIT ?"
	lateQuery     = "SELECT no, tail FROM attempts WHERE state = 3 AND until > 0 AND until <= ? AND left_behind = 0 ORDER BY until LIMIT ?"
	stuckQuery    = "SELECT no, tail FROM deliveries WHERE state = 0 AND move_at > 0 AND move_at <= ? ORDER BY move_at LIMIT ?"
)

// Doubtful claims attempts in doubt for a look-up.
func (s *Store) Doubtful(ctx context.Context, by gateway.Claimant, limit int) ([]gateway.Claim, error) {
	if none, err := s.nothing(ctx, doubtfulQuery); none || err != nil {
		return nil, err // the writer is not asked for nothing
	}
	var ids []gateway.ID
	err := s.write.do(ctx, by.Urgent, func(t *txn) (err error) {
		if ids, err = pairs(t.Conn, doubtfulQuery, t.now, limit); err != nil {
			return err
		}
		for _, id := range ids {
			no, _ := halves(id)
			if err := t.Prepare("UPDATE attempts SET token = token + 1, until = ? WHERE no = ?").Int(1, t.now+by.Lease.Microseconds()).Int(2, no).Run(); err != nil {
				return fmt.Errorf("claiming a look-up: %w", err)
			}
			t.w.live.forget(no)
		}
		return nil
	})
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	return s.Cases(ctx, ids)
}

func (s *Store) nothing(ctx context.Context, text string) (none bool, err error) {
	err = s.reading(ctx, func(c *lite.Conn) error {
		ids, err := pairs(c, text, s.micros(), 1)
		none = len(ids) == 0
		return err
	})
	return none, err
}

// pairs reads identifiers in two halves.
func pairs(c *lite.Conn, text string, now int64, limit int) ([]gateway.ID, error) {
	var ids []gateway.ID
	r := c.Prepare(text).Int(1, now).Int(2, int64(limit))
	for r.Step() {
		ids = append(ids, joined(r.ColInt(0), r.ColInt(1)))
	}
	return ids, r.Reset()
}

// Overdue lists what was not confirmed, or not handed over, in time.
func (s *Store) Overdue(ctx context.Context, limit int) ([]gateway.Claim, error) {
	var late, stuck []gateway.ID
	err := s.reading(ctx, func(c *lite.Conn) (err error) {
		if late, err = pairs(c, lateQuery, s.micros(), limit); err == nil && len(late) < limit {
			stuck, err = pairs(c, stuckQuery, s.micros(), limit-len(late))
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	cases, err := s.Cases(ctx, late)
	if err != nil {
		return nil, err
	}
	waiting, err := s.cases(ctx, waitingQuery, stuck)
	return append(cases, waiting...), err
}

const (
	caseQuery = "SELECT " + deliveryColumns + ", " + attemptColumns + ", p.kind, p.address_sealed, m.key_sealed FROM attempts a JOIN deliveries d ON d.no = a.delivery_no JOIN groups g ON g.no = d.group_no" +
		" LEFT JOIN contact_points p ON p.group_id = g.id AND p.member_id = d.member_id AND p.id = a.point_id LEFT JOIN members m ON m.group_id = g.id AND m.id = d.member_id WHERE a.no = ?"
	waitingQuery = "SELECT " + deliveryColumns + ", " + attemptColumns + ", p.kind, p.address_sealed, m.key_sealed FROM deliveries d JOIN groups g ON g.no = d.group_no LEFT JOIN attempts a ON a.no = d.attempt_no AND d.attempts > 0" +
		" LEFT JOIN contact_points p ON p.group_id = g.id AND p.member_id = d.member_id AND p.id = d.point_id LEFT JOIN members m ON m.group_id = g.id AND m.id = d.member_id WHERE d.no = ? AND d.state = 0"
)

// Cases describes attempts with all that a decision about them needs; unknown ones are left out.
func (s *Store) Cases(ctx context.Context, attempts []gateway.ID) ([]gateway.Claim, error) {
	return s.cases(ctx, caseQuery, attempts)
}

// cases reads a case for each identifier, of an attempt or of a waiting delivery.
func (s *Store) cases(ctx context.Context, text string, ids []gateway.ID) ([]gateway.Claim, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	claims := make([]gateway.Claim, 0, len(ids))
	sealed := make([]sealedAddress, 0, len(ids))
	err := s.reading(ctx, func(c *lite.Conn) error {
		known := map[int64]*frozen{}
		for _, id := range ids {
			claim, address, err := s.readCase(c, text, id, known)
			if err != nil {
				return fmt.Errorf("reading cases: %w", err)
			}
			if claim != nil {
				claims, sealed = append(claims, *claim), append(sealed, address)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range claims {
		if len(sealed[i].key) > 0 && len(sealed[i].address) > 0 {
			if err := s.openAddress(ctx, &claims[i], &sealed[i]); ctx.Err() != nil {
				return nil, ctx.Err()
			} else if err != nil { // one that cannot be opened must not hold up all others; without it nobody can ask about it
				s.log.Error(closedAddress, "delivery", claims[i].Delivery, "error", err)
			}
		}
	}
	return claims, nil
}

func (s *Store) readCase(c *lite.Conn, text string, id gateway.ID, known map[int64]*frozen) (*gateway.Claim, sealedAddress, error) {
	var d delivery
	var a attempt
	var sealed sealedAddress
	var kind string
	no, _ := halves(id)
	r := c.Prepare(text).Int(1, no)
	found := r.Step()
	if found {
		readDelivery(r, 0, &d)
		readAttempt(r, deliveryWidth, &a)
		kind = r.ColWord(deliveryWidth + attemptWidth)
		sealed.address, sealed.key = bytes.Clone(r.ColBlob(deliveryWidth+attemptWidth+1)), bytes.Clone(r.ColBlob(deliveryWidth+attemptWidth+2))
	}
	waiting := text == waitingQuery
	if err := r.Reset(); err != nil || !found || !waiting && attemptIDOf(&a) != id || waiting && deliveryIDOf(&d) != id {
		return nil, sealed, err
	}
	info, ok := known[d.Broadcast]
	if !ok {
		var err error
		if info, err = readFrozen(c, d.Broadcast); err != nil {
			return nil, sealed, err
		}
		known[d.Broadcast] = info
	}
	claim := &gateway.Claim{Delivery: deliveryIDOf(&d), Verdict: gateway.Unusable, Token: a.Token, No: a.Nth, Member: d.Member, Kind: kind, Locale: d.Locale, Neutral: d.Neutral,
		FirstPart: d.FirstPart, Tries: d.Tries, Resends: d.Resends, Point: d.Point}
	info.Fill(claim, d.Point, d.Expires)
	if a.No != 0 {
		claim.Attempt = attemptIDOf(&a)
	}
	channel := d.Channel
	if !waiting {
		channel = a.Channel
		claim.Point, claim.State, claim.ClaimedAt, claim.SettledAt, claim.Parts = a.Point, a.State, row.FromMicros(a.ClaimedAt), row.FromMicros(a.SettledAt), a.ProviderIDs()
	}
	said, err := saidBy(c, info, &a, d.Neutral, channel)
	if err != nil {
		return nil, sealed, err
	}
	claim.Pointer, claim.Locale = said == row.SaidPointer, info.Text(claim.Locale, said)
	claim.Channel, err = s.channels.id(c, channel)
	return claim, sealed, err
}

// saidBy tells what left in an attempt; what would leave now, if there is none or its release did not note it.
func saidBy(c *lite.Conn, info *frozen, a *attempt, neutral bool, channel int64) (row.Said, error) {
	if a.Said != row.SaidUnknown {
		return a.Said, nil
	}
	instead, err := pointer(c, info, neutral, channel)
	return row.SaidOf(instead), err
}

// AttemptByRef finds an attempt by the provider's id.
func (s *Store) AttemptByRef(ctx context.Context, channel gateway.ID, providerID string) (id gateway.ID, err error) {
	err = s.reading(ctx, func(c *lite.Conn) error {
		no, err := s.channels.no(c, channel)
		if err != nil {
			return err
		}
		r := c.Prepare(refQuery).Int(1, no).Text(2, providerID)
		if r.Step() {
			id = joined(r.ColInt(0), r.ColInt(1))
		}
		return r.Reset()
	})
	if err == nil && id.IsZero() {
		err = row.Missing("attempt")
	}
	return id, err
}

// Advance carries out moves whose condition still holds.
func (s *Store) Advance(ctx context.Context, moves []gateway.Move) error {
	return s.write.do(ctx, true, func(t *txn) error {
		for i := range moves {
			if err := t.advance(&moves[i]); err != nil {
				return fmt.Errorf("moving a delivery on: %w", err)
			}
		}
		return nil
	})
}

func (t *txn) advance(m *gateway.Move) error {
	a, d, err := t.loadDelivery(m.Delivery)
	if err != nil || d == nil {
		return err
	}
	var newest gateway.ID
	if a != nil {
		newest = attemptIDOf(a)
	}
	write, err := row.Advance(t, d, a, newest, m)
	if err != nil || !write {
		return err
	}
	return t.store(a, d)
}
