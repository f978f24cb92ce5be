package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/carillon-gateway/carillon/gateway"
)

const broadcastColumns = `group_id, id, key, kind, class, audience, sensitive, author, state, stopped, policy, created_at, start_at, expires_at, planned, cursor, words_sealed FROM broadcasts`

func (s *Store) scanBroadcast(ctx context.Context, r scanner, words bool) (b gateway.Broadcast, err error) {
	var audience, policy string
	var stopped bool
	var sealed []byte
	if err = r.Scan(scanID(&b.GroupID), scanID(&b.ID), &b.Key, (*string)(&b.Kind), (*string)(&b.Class), &audience, &b.Sensitive, &b.Author, (*string)(&b.State), &stopped, &policy,
		scanTime(&b.CreatedAt), scanTime(&b.StartAt), scanTime(&b.ExpiresAt), &b.Planned, scanID(&b.Cursor), &sealed); err != nil {
		return b, err
	}
	if stopped {
		b.State = gateway.Stopped
	}
	if b.Policy, err = readPolicy(b.Class, policy); err != nil {
		return b, err
	}
	if err = fromJSON(audience, &b.Audience); err != nil || !words || sealed == nil {
		return b, err
	}
	key, err := s.groupKey(ctx, s.read, b.GroupID)
	if err != nil {
		return b, err
	}
	plain, err := key.Box.Open(sealed, place(b.ID, "words"))
	if err != nil {
		return b, err
	}
	return b, json.Unmarshal(plain, &b.Words)
}

// Submit stores a broadcast once.
func (s *Store) Submit(ctx context.Context, b gateway.Broadcast, fingerprint []byte) (gateway.Submission, error) {
	key, err := s.groupKey(ctx, s.read, b.GroupID)
	if err != nil {
		return gateway.Submission{}, err
	}
	plain, err := json.Marshal(b.Words)
	if err != nil {
		return gateway.Submission{}, err
	}
	sealed := key.Box.Seal(plain, place(b.ID, "words"))
	var answer gateway.Submission
	err = s.write.do(ctx, b.Policy.Lane == gateway.Urgent, 1, func(t *txn) error {
		answer = gateway.Submission{}
		var known []byte
		if err := t.query("SELECT id, fingerprint FROM broadcasts WHERE group_id = ? AND key = ?", []any{b.GroupID[:], b.Key}, func(r *sql.Rows) error {
			return r.Scan(scanID(&answer.ID), &known)
		}); err != nil {
			return err
		}
		if known != nil {
			if !bytes.Equal(known, fingerprint) {
				return gateway.Faultf(gateway.CodeKeyReused, "the key %q was used for another broadcast of this group; use a new key", b.Key)
			}
			return nil
		}
		answer = gateway.Submission{ID: b.ID, Created: true}
		_, err := t.exec(`INSERT INTO broadcasts (group_id, id, key, fingerprint, kind, class, audience, words_sealed, sensitive, author, state, stopped, policy, lane,
			created_at, start_at, expires_at, forget_at, planned, cursor, lapsed) VALUES (?,?,?,?,?,?,?,?,?,?,'planning',0,?,?,?,?,?,?,0,?,0)`,
			b.GroupID[:], b.ID[:], b.Key, fingerprint, string(b.Kind), string(b.Class), toJSON(b.Audience), sealed, b.Sensitive, b.Author, toJSON(b.Policy), int(b.Policy.Lane),
			toMicros(b.CreatedAt), toMicros(b.StartAt), toMicros(b.ExpiresAt), toMicros(b.ExpiresAt.Add(b.Policy.Keep)), make([]byte, 16))
		return err
	})
	return answer, err
}

// Broadcast reads one with its words.
func (s *Store) Broadcast(ctx context.Context, group, id gateway.ID) (gateway.Broadcast, error) {
	b, err := s.scanBroadcast(ctx, s.read.QueryRowContext(ctx, "SELECT "+broadcastColumns+" WHERE group_id = ? AND id = ?", group[:], id[:]), true)
	if errors.Is(err, sql.ErrNoRows) {
		err = gateway.Faultf(gateway.CodeNotFound, "there is no such broadcast")
	}
	return b, err
}

// Broadcasts lists the newest first.
func (s *Store) Broadcasts(ctx context.Context, group, before gateway.ID, limit int) ([]gateway.Broadcast, error) {
	if before.IsZero() {
		before = highest
	}
	return s.listBroadcasts(ctx, false, "SELECT "+broadcastColumns+" WHERE group_id = ? AND id < ? ORDER BY id DESC LIMIT ?", group[:], before[:], limit)
}

var highest = gateway.ID{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// Unplanned lists what fan-out has to do.
func (s *Store) Unplanned(ctx context.Context, limit int) ([]gateway.Broadcast, error) {
	return s.listBroadcasts(ctx, true, "SELECT "+broadcastColumns+" WHERE state = 'planning' AND stopped = 0 AND start_at <= ? ORDER BY lane, start_at LIMIT ?", s.micros(), limit)
}

func (s *Store) listBroadcasts(ctx context.Context, words bool, query string, args ...any) ([]gateway.Broadcast, error) {
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	all := []gateway.Broadcast{}
	for rows.Next() {
		b, err := s.scanBroadcast(ctx, rows, words)
		if err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		all = append(all, b)
	}
	return all, errors.Join(rows.Err(), rows.Close())
}

// SetState stops or resumes a broadcast.
func (s *Store) SetState(ctx context.Context, group, id gateway.ID, stopped bool) error {
	return s.write.do(ctx, true, 1, func(t *txn) error {
		var was bool
		var expires int64
		found := false
		if err := t.query("SELECT stopped, expires_at FROM broadcasts WHERE group_id = ? AND id = ?", []any{group[:], id[:]}, func(r *sql.Rows) error {
			found = true
			return r.Scan(&was, &expires)
		}); err != nil {
			return err
		}
		switch {
		case !found:
			return gateway.Faultf(gateway.CodeNotFound, "there is no such broadcast")
		case was == stopped && stopped:
			return gateway.Faultf(gateway.CodeConflict, "this broadcast is stopped already")
		case was == stopped:
			return gateway.Faultf(gateway.CodeConflict, "this broadcast is not stopped")
		case expires <= t.now:
			return gateway.Faultf(gateway.CodeConflict, "this broadcast has expired; nothing of it can leave any more")
		}
		_, err := t.exec("UPDATE broadcasts SET stopped = ? WHERE group_id = ? AND id = ?", stopped, group[:], id[:])
		return err
	})
}

// Delivery reads one with its attempts.
func (s *Store) Delivery(ctx context.Context, group, id gateway.ID) (gateway.Delivery, error) {
	var d delivery
	if err := one(s.read.QueryRowContext(ctx, "SELECT "+deliveryColumns+" FROM deliveries d WHERE d.id = ? AND d.group_id = ?", id[:], group[:]), "delivery", d.columns()...); err != nil {
		return gateway.Delivery{}, err
	}
	var newest *attempt
	var attempts []gateway.Attempt
	for next := d.attempt; !next.IsZero(); {
		a := &attempt{}
		if err := one(s.read.QueryRowContext(ctx, "SELECT "+attemptColumns+" FROM attempts a WHERE a.id = ?", next[:]), "attempt", a.columns()...); err != nil {
			return gateway.Delivery{}, err
		}
		if newest == nil {
			newest = a
		}
		attempts = append([]gateway.Attempt{a.public()}, attempts...)
		next = a.previous
	}
	out := d.public(newest)
	out.Attempts = attempts
	return out, nil
}

func (a *attempt) public() gateway.Attempt {
	return gateway.Attempt{ID: a.id, DeliveryID: a.delivery, No: a.no, ChannelID: a.channel, PointID: a.point, State: a.state, Parts: a.providerIDs(), Cost: a.cost,
		Refusal: a.refusal, ClaimedAt: a.claimedAt, SettledAt: a.settledAt}
}

func (d *delivery) public(newest *attempt) gateway.Delivery {
	return gateway.Delivery{ID: d.id, GroupID: d.group, BroadcastID: d.broadcast, MemberID: d.member, State: d.stateWith(newest).state, Reason: d.reason, Detail: d.detail,
		Locale: d.locale, Neutral: d.neutral, ChannelID: d.channel, PointID: d.point, Lane: d.lane, Due: d.due, Tries: d.tries, Resends: d.resends, AttemptID: d.attempt, CreatedAt: d.id.Time()}
}

// Deliveries lists a page in order of member for one broadcast, or else in order of id.
func (s *Store) Deliveries(ctx context.Context, f gateway.DeliveryFilter) ([]gateway.Delivery, error) {
	limit := min(max(f.Limit, 1), 1000)
	where, order, args := "d.group_id = ? AND d.id > ?", "d.id", []any{f.Group[:], f.After[:]}
	if !f.Broadcast.IsZero() {
		var after gateway.ID
		if !f.After.IsZero() {
			if err := one(s.read.QueryRowContext(ctx, "SELECT member_id FROM deliveries WHERE id = ? AND group_id = ?", f.After[:], f.Group[:]), "delivery to go on behind", scanID(&after)); err != nil {
				return nil, err
			}
		}
		where, order, args = "d.group_id = ? AND d.broadcast_id = ? AND d.member_id > ?", "d.member_id", []any{f.Group[:], f.Broadcast[:], after[:]}
	}
	if !f.Member.IsZero() {
		where, args = where+" AND d.member_id = ?", append(args, f.Member[:])
	}
	if f.Reason != "" {
		where, args = where+" AND d.reason = ?", append(args, string(f.Reason))
	}
	switch f.State {
	case "":
	case gateway.Waiting:
		where += " AND d.state = 0"
	case gateway.Ended:
		where += " AND d.state = 2"
	case gateway.Delivered:
		where += " AND (d.state = 3 OR d.state = 1 AND a.state = 5)"
	default:
		attempt, ok := map[gateway.DeliveryState]gateway.AttemptState{gateway.Sending: gateway.Claimed, gateway.DeliveryAccepted: gateway.Accepted,
			gateway.DeliveryInDoubt: gateway.InDoubt}[f.State]
		if !ok {
			return nil, gateway.Faultf(gateway.CodeInvalid, "%q is no state of a delivery", f.State)
		}
		where, args = where+" AND d.state = 1 AND a.state = ?", append(args, int(attempt))
	}
	rows, err := s.read.QueryContext(ctx, "SELECT "+deliveryColumns+", COALESCE(a.state, 0) FROM deliveries d LEFT JOIN attempts a ON a.id = d.attempt_id WHERE "+where+" ORDER BY "+order+" LIMIT ?", append(args, limit)...)
	if err != nil {
		return nil, err
	}
	type row struct {
		d     delivery
		state gateway.AttemptState
	}
	read, err := collect(rows, func(r *row) []any { return append(r.d.columns(), (*int)(&r.state)) })
	if err != nil {
		return nil, err
	}
	all := make([]gateway.Delivery, 0, len(read))
	for _, r := range read {
		all = append(all, r.d.public(&attempt{id: r.d.attempt, state: r.state, channel: r.d.channel}))
	}
	return all, nil
}
