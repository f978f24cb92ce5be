package sqlite

import (
	"bytes"
	"context"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

const broadcastColumns = `group_id, id, key, kind, class, audience, sensitive, personal, author, state, stopped, replaced, policy, created_at, start_at, expires_at, planned, cursor, local_at, late_for, words_sealed FROM broadcasts`

func scanBroadcast(r *lite.Stmt) (b gateway.Broadcast, sealed []byte, err error) {
	var audience, policy, local string
	var stopped bool
	var late int64
	if err = r.Scan(&b.GroupID, &b.ID, &b.Key, (*string)(&b.Kind), (*string)(&b.Class), &audience, &b.Sensitive, &b.Personal, &b.Author, (*string)(&b.State), &stopped, &b.Replaced, &policy,
		&b.CreatedAt, &b.StartAt, &b.ExpiresAt, &b.Planned, &b.Cursor, &local, &late, &sealed); err != nil {
		return b, nil, err
	}
	if stopped {
		b.State = gateway.Stopped
	}
	if err = row.ReadLocal(&b, local, late); err != nil {
		return b, nil, err
	}
	if b.Policy, err = row.ReadPolicy(b.Class, policy); err != nil {
		return b, nil, err
	}
	return b, sealed, fromJSON(audience, &b.Audience)
}

// openWords reads what a broadcast says.
func (s *Store) openWords(ctx context.Context, b *gateway.Broadcast, words []byte) error {
	key, err := s.groupKey(ctx, b.GroupID)
	if err != nil {
		return err
	}
	b.Words, err = sealed.OpenWords(key, b.ID, words)
	return err
}

// Submit stores a broadcast once.
func (s *Store) Submit(ctx context.Context, b gateway.Broadcast, fingerprint []byte, whole *gateway.Chunk) (gateway.Submission, error) {
	key, err := s.groupKey(ctx, b.GroupID)
	if err != nil {
		return gateway.Submission{}, err
	}
	words, err := sealed.Words(key, b.ID, b.Words)
	if err != nil {
		return gateway.Submission{}, err
	}
	var answer gateway.Submission
	var claims []gateway.Claim
	var sealed []sealedAddress
	err = s.write.do(ctx, b.Policy.Lane == gateway.Urgent, func(t *txn) (err error) {
		claims, sealed = nil, nil
		answer, err = t.submit(&b, words, fingerprint)
		if err != nil || !answer.Created || whole == nil {
			return err
		}
		if err := t.plan(whole, key); err != nil || whole.Claiming == nil {
			return err
		}
		claims, sealed, err = t.claimAll(whole.Claiming.Deliveries, whole.Claiming.By)
		return err
	})
	if err != nil {
		return gateway.Submission{}, err
	}
	if claims != nil {
		s.openAddresses(ctx, claims, sealed)
		whole.Claiming.Answers = claims
	}
	return answer, nil
}

// submit stores a broadcast whose words are sealed, unless its key is known.
func (t *txn) submit(b *gateway.Broadcast, words, fingerprint []byte) (answer gateway.Submission, err error) {
	var known []byte
	if err := t.query("SELECT id, fingerprint FROM broadcasts WHERE group_id = ? AND key = ?", []any{b.GroupID[:], b.Key}, func(r *lite.Stmt) error {
		return r.Scan(&answer.ID, &known)
	}); err != nil {
		return answer, err
	}
	if known != nil {
		if !bytes.Equal(known, fingerprint) {
			return answer, row.KeyReused(b.Key)
		}
		return answer, nil
	}
	if err := b.CheckNew(); err != nil {
		return answer, err
	}
	_, err = t.exec(`INSERT INTO broadcasts (group_id, id, key, fingerprint, kind, class, audience, words_sealed, sensitive, personal, author, state, stopped, policy, lane,
		created_at, start_at, expires_at, forget_at, planned, cursor, lapsed, local_at, late_for) VALUES (?,?,?,?,?,?,?,?,?,?,?,'planning',0,?,?,?,?,?,?,0,?,0,?,?)`,
		b.GroupID[:], b.ID[:], b.Key, fingerprint, string(b.Kind), string(b.Class), row.JSON(b.Audience), words, b.Sensitive, b.Personal, b.Author, row.JSON(b.Policy), int(b.Policy.Lane),
		row.ToMicros(b.CreatedAt), row.ToMicros(b.StartAt), row.ToMicros(b.ExpiresAt), row.ToMicros(b.ExpiresAt.Add(b.Policy.Keep)), make([]byte, 16), row.LocalText(b), b.LateFor.Microseconds())
	return gateway.Submission{ID: b.ID, Created: true}, err
}

// Broadcast reads one with its words.
func (s *Store) Broadcast(ctx context.Context, group, id gateway.ID) (gateway.Broadcast, error) {
	found, err := s.listBroadcasts(ctx, true, "SELECT "+broadcastColumns+" WHERE group_id = ? AND id = ?", group[:], id[:])
	return row.Only("broadcast", found, err)
}

// Broadcasts lists the newest first.
func (s *Store) Broadcasts(ctx context.Context, group, before gateway.ID, limit int) ([]gateway.Broadcast, error) {
	if before.IsZero() {
		before = highest
	}
	return s.listBroadcasts(ctx, false, "SELECT "+broadcastColumns+" WHERE group_id = ? AND id < ? ORDER BY id DESC LIMIT ?", group[:], before[:], limit)
}

var highest = gateway.ID{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

const unplannedQuery = "SELECT " + broadcastColumns + " WHERE state = 'planning' AND stopped = 0 AND start_at <= ? ORDER BY lane, start_at LIMIT ?"

// Unplanned lists what fan-out has to do.
func (s *Store) Unplanned(ctx context.Context, limit int) ([]gateway.Broadcast, error) {
	return s.listBroadcasts(ctx, true, unplannedQuery, s.micros(), limit)
}

func (s *Store) listBroadcasts(ctx context.Context, words bool, text string, args ...any) ([]gateway.Broadcast, error) {
	all := []gateway.Broadcast{}
	var sealed [][]byte
	err := s.reading(ctx, func(c *lite.Conn) error {
		return query(c, text, args, func(r *lite.Stmt) error {
			b, secret, err := scanBroadcast(r)
			all, sealed = append(all, b), append(sealed, secret)
			return err
		})
	})
	for i := 0; words && err == nil && i < len(all); i++ {
		err = s.openWords(ctx, &all[i], sealed[i])
	}
	return all, err
}

// SetState stops or resumes a broadcast.
func (s *Store) SetState(ctx context.Context, group, id gateway.ID, stopped bool) error {
	return s.write.do(ctx, true, func(t *txn) error {
		var was, over, replaced bool
		var expires int64
		found := false
		if err := t.query(stateQuery, []any{group[:], id[:]}, func(r *lite.Stmt) error {
			found = true
			return r.Scan(&was, &expires, &over, &replaced)
		}); err != nil {
			return err
		}
		if !found {
			return row.Missing("broadcast")
		}
		if err := row.Turn(was, over, replaced, stopped, expires, t.now); err != nil {
			return err
		}
		clear(t.stopped)
		_, err := t.exec("UPDATE broadcasts SET stopped = ? WHERE group_id = ? AND id = ?", stopped, group[:], id[:])
		return err
	})
}

const stateQuery = `SELECT b.stopped, b.expires_at, b.state = 'planned' AND NOT EXISTS (
		SELECT 1 FROM tallies t WHERE t.group_no = g.no AND t.broadcast_no = b.no AND t.n > 0 AND t.state NOT IN ('delivered', 'ended')), b.replaced
	FROM broadcasts b JOIN groups g ON g.id = b.group_id WHERE b.group_id = ? AND b.id = ?`
