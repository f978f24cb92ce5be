package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// frozen is what never changes about a broadcast, with the number of parts of its renderings.
type frozen struct {
	class   gateway.Class
	topic   string
	answers gateway.ID // the contact point that an account message answers; it may be stopped
	policy  gateway.Policy
	lane    gateway.Lane
	expires int64
	parts   map[variant]int
}

type variant struct {
	locale, kind string
	neutral      bool
}

// keptBroadcasts bounds the frozen broadcasts held in memory.
const keptBroadcasts = 1024

// Due lists what is due in a lane.
func (s *Store) Due(ctx context.Context, channel gateway.ID, lane gateway.Lane, limit int) ([]gateway.ID, error) {
	rows, err := s.read.QueryContext(ctx, "SELECT id FROM deliveries WHERE channel_id = ? AND lane = ? AND state = 0 AND due_at <= ? ORDER BY due_at, id LIMIT ?",
		channel[:], int(lane), s.micros(), limit)
	if err != nil {
		return nil, err
	}
	return collect(rows, func(id *gateway.ID) []any { return []any{scanID(id)} })
}

// Claim gives deliveries to a claimant.
func (s *Store) Claim(ctx context.Context, by gateway.Claimant, ids []gateway.ID) ([]gateway.Claim, error) {
	claims := make([]gateway.Claim, len(ids))
	var granted []*claimRow
	err := s.write.do(ctx, by.Urgent, 2*len(ids), func(t *txn) (err error) {
		clear(claims)
		granted, err = t.claim(by, ids, claims)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, row := range granted { // outside the transaction: opening costs more than reading
		if err := s.openAddress(ctx, row); err != nil {
			return nil, fmt.Errorf("opening the address of delivery %s: %w", row.claim.Delivery, err)
		}
	}
	return claims, nil
}

func (s *Store) openAddress(ctx context.Context, row *claimRow) error {
	key, err := s.groupKey(ctx, s.read, row.claim.Group)
	if err != nil {
		return err
	}
	box, err := memberBox(key, row.claim.Member, row.keySealed)
	if err != nil {
		return err
	}
	row.claim.Address, err = openText(box, row.addressSealed, row.claim.Point, "address")
	return err
}

// claimRow is a delivery as a claim needs it.
type claimRow struct {
	claim         *gateway.Claim
	due           sql.NullInt64
	previous      gateway.ID
	no            int
	pointState    sql.NullInt64
	keySealed     []byte
	addressSealed []byte
}

const claimColumns = `d.id, d.group_id, d.broadcast_id, d.member_id, d.locale, d.neutral, d.channel_id, d.point_id, d.attempt_id,
	d.attempts, d.tries, d.resends, d.first_part, d.due_at, p.kind, p.state, p.address_sealed, m.key_sealed
	FROM deliveries d
	LEFT JOIN contact_points p ON p.group_id = d.group_id AND p.member_id = d.member_id AND p.id = d.point_id
	LEFT JOIN members m ON m.group_id = d.group_id AND m.id = d.member_id`

func (t *txn) claim(by gateway.Claimant, ids []gateway.ID, claims []gateway.Claim) ([]*claimRow, error) {
	place := make(map[gateway.ID]int, len(ids))
	for i, id := range ids {
		claims[i].Delivery = id
		if _, twice := place[id]; !twice {
			place[id] = i
		}
	}
	var granted []*claimRow
	stopped := map[gateway.ID]bool{}
	err := inBatches(len(ids), func(lo, hi int) error {
		args := make([]any, hi-lo)
		for i := range args {
			args[i] = ids[lo+i][:]
		}
		var rows []*claimRow
		query := "SELECT " + claimColumns + " WHERE d.state = 0 AND d.id IN (" + strings.TrimSuffix(strings.Repeat("?,", hi-lo), ",") + ")"
		if err := t.query(query, args, func(r *sql.Rows) error {
			row, err := scanClaim(r)
			if err != nil {
				return err
			}
			claim := &claims[place[row.claim.Delivery]]
			if claim.Verdict != gateway.NotDue || !claim.Group.IsZero() {
				return nil // the same id twice in one call
			}
			*claim, row.claim = *row.claim, claim
			rows = append(rows, row)
			return nil
		}); err != nil {
			return err
		}
		for _, row := range rows {
			if err := t.judge(row, stopped); err != nil {
				return err
			}
			if row.claim.Verdict == gateway.Granted {
				granted = append(granted, row)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading what is claimed: %w", err)
	}
	return granted, t.grant(by, granted)
}

func scanClaim(r *sql.Rows) (*claimRow, error) {
	row := &claimRow{claim: &gateway.Claim{}}
	c := row.claim
	var kind sql.NullString
	err := r.Scan(scanID(&c.Delivery), scanID(&c.Group), scanID(&c.Broadcast), scanID(&c.Member), &c.Locale, &c.Neutral, scanID(&c.Channel), scanID(&c.Point),
		scanID(&row.previous), &row.no, &c.Tries, &c.Resends, &c.FirstPart, &row.due, &kind, &row.pointState, &row.addressSealed, &row.keySealed)
	c.Kind = kind.String
	return row, err
}

// judge decides one claim, and carries out every verdict but Granted and Unusable.
func (t *txn) judge(row *claimRow, stopped map[gateway.ID]bool) error {
	c := row.claim
	info, err := t.frozenOf(c.Group, c.Broadcast)
	if err != nil {
		return err
	}
	info.fill(c)
	halted, known := stopped[c.Broadcast]
	if !known {
		if err := t.query("SELECT stopped FROM broadcasts WHERE group_id = ? AND id = ?", []any{c.Group[:], c.Broadcast[:]}, func(r *sql.Rows) error {
			return r.Scan(&halted)
		}); err != nil {
			return err
		}
		stopped[c.Broadcast] = halted
	}
	switch {
	case !row.due.Valid || row.due.Int64 > t.now:
		c.Verdict = gateway.NotDue
	case info.expires <= t.now:
		c.Verdict = gateway.Lapsed
		return t.end(c, gateway.ReasonExpired, "its time was over before it could be sent")
	case halted:
		c.Verdict = gateway.Held
		_, err := t.exec("UPDATE deliveries SET due_at = NULL WHERE id = ?", c.Delivery[:])
		return err
	case len(row.keySealed) == 0:
		c.Verdict = gateway.Silenced
		return t.end(c, gateway.ReasonSuppressed, "the member was erased")
	case row.pointState.Int64 == pointStopped && c.Class == gateway.Account && c.Point == info.answers:
		c.Verdict = gateway.Granted // the one answer to her own STOP
	case row.pointState.Int64 == pointStopped:
		c.Verdict = gateway.Silenced
		return t.end(c, gateway.ReasonSuppressed, "the person said STOP")
	case !row.usable(c.Class):
		c.Verdict = gateway.Unusable
	default:
		c.Verdict = gateway.Granted
	}
	return nil
}

// usable says whether a contact point may be written to. Account messages may also ask the unconfirmed.
func (row *claimRow) usable(class gateway.Class) bool {
	return row.pointState.Valid && (row.pointState.Int64 == pointActive || row.pointState.Int64 == pointUnconfirmed && class == gateway.Account)
}

// end finishes a waiting delivery.
func (t *txn) end(c *gateway.Claim, reason gateway.Reason, detail string) error {
	_, err := t.exec("UPDATE deliveries SET state = 2, due_at = NULL, reason = ?, detail = ? WHERE id = ?", string(reason), detail, c.Delivery[:])
	t.tally(c.Group, c.Broadcast, c.Channel, gateway.Waiting, "", -1)
	t.tally(c.Group, c.Broadcast, c.Channel, gateway.Ended, reason, 1)
	return err
}

// grant writes the attempts of what is granted.
func (t *txn) grant(by gateway.Claimant, granted []*claimRow) error {
	lease := t.now + by.Lease.Microseconds()
	return inBatches(len(granted), func(lo, hi int) error {
		rows := granted[lo:hi]
		inserts := make([]any, 0, 2+10*len(rows))
		inserts = append(inserts, t.now, lease)
		updates := make([]any, 0, 2*len(rows))
		for _, row := range rows {
			c := row.claim
			c.Attempt, c.Token, c.No = gateway.NewID(), 1, row.no+1
			info, err := t.frozenOf(c.Group, c.Broadcast)
			if err != nil {
				return err
			}
			parts, err := t.partsOf(info, c)
			if err != nil {
				return err
			}
			inserts = append(inserts, c.Attempt[:], c.Group[:], c.Broadcast[:], c.Delivery[:], bytesOf(row.previous), c.Channel[:], c.Point[:], c.No, parts, c.FirstPart)
			updates = append(updates, c.Delivery[:], c.Attempt[:])
			t.tally(c.Group, c.Broadcast, c.Channel, gateway.Waiting, "", -1)
			t.tally(c.Group, c.Broadcast, c.Channel, gateway.Sending, "", 1)
		}
		if _, err := t.exec(grantStatement(len(rows)), inserts...); err != nil {
			return fmt.Errorf("writing attempts: %w", err)
		}
		_, err := t.exec("UPDATE deliveries SET state = 1, due_at = NULL, attempts = attempts + 1, attempt_id = v.column2 FROM (VALUES "+values(len(rows), 2)+") v WHERE deliveries.id = v.column1", updates...)
		return err
	})
}

// grantStatement inserts attempts that share the time and the lease.
func grantStatement(rows int) string {
	return `INSERT INTO attempts (id, group_id, broadcast_id, delivery_id, previous_id, channel_id, point_id, no, parts, first_part, claimed_at, lease_until,
		state, token, left_behind, refs, arrived, cost, confirm_by, look_at, settled_at, class, scope, code, detail)
		SELECT v.*, s.*, 1, 1, 0, '', 0, 0, NULL, NULL, 0, '', '', '', '' FROM (SELECT ?, ?) s, (VALUES ` + values(rows, 10) + ") v"
}

// frozenOf reads what never changes about a broadcast, and keeps it.
func (t *txn) frozenOf(group, broadcast gateway.ID) (*frozen, error) {
	s := t.w.store
	s.mu.Lock()
	info, ok := s.broadcasts[broadcast]
	s.mu.Unlock()
	if ok {
		return info, nil
	}
	info = &frozen{parts: map[variant]int{}}
	var class, audience, policy string
	var lane int
	found := false
	err := t.query("SELECT class, audience, policy, lane, expires_at FROM broadcasts WHERE group_id = ? AND id = ?", []any{group[:], broadcast[:]}, func(r *sql.Rows) error {
		found = true
		return r.Scan(&class, &audience, &policy, &lane, &info.expires)
	})
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("broadcast %s of a delivery is not there", broadcast)
	}
	info.class, info.lane = gateway.Class(class), gateway.Lane(lane)
	var who gateway.Audience
	if err := fromJSON(audience, &who); err != nil {
		return nil, err
	}
	info.topic, info.answers = who.Topic, who.Point
	if info.policy, err = readPolicy(info.class, policy); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.broadcasts) >= keptBroadcasts {
		clear(s.broadcasts)
	}
	s.broadcasts[broadcast] = info
	return info, nil
}

// readPolicy adds the meaning of the class to the numbers that were frozen.
func readPolicy(class gateway.Class, numbers string) (gateway.Policy, error) {
	policy := gateway.PolicyOf(class)
	return policy, fromJSON(numbers, &policy)
}

func (info *frozen) fill(c *gateway.Claim) {
	c.Class, c.Topic, c.Policy, c.Expires = info.class, info.topic, info.policy, time.UnixMicro(info.expires).UTC()
}

// partsOf says how many parts the rendering of a claim has; only the writer's goroutine uses it.
func (t *txn) partsOf(info *frozen, c *gateway.Claim) (int, error) {
	key := variant{c.Locale, c.Kind, c.Neutral}
	if n, ok := info.parts[key]; ok {
		return n, nil
	}
	n := 1
	err := t.query("SELECT parts FROM renderings WHERE group_id = ? AND broadcast_id = ? AND locale = ? AND kind = ? AND neutral = ?",
		[]any{c.Group[:], c.Broadcast[:], c.Locale, c.Kind, c.Neutral}, func(r *sql.Rows) error { return r.Scan(&n) })
	if err == nil {
		info.parts[key] = n
	}
	return n, err
}
