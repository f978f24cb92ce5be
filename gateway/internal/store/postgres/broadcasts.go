package postgres

import (
	"bytes"
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
)

const broadcastColumns = `group_id, id, key, kind, class, audience, sensitive, personal, author, state, stopped, replaced, policy, created_at, start_at, expires_at, planned, cursor, local_at, late_for, words_sealed FROM broadcasts`

func scanBroadcast(r pgx.Rows) (b gateway.Broadcast, words []byte, err error) {
	var audience, policy, local string
	var stopped bool
	var late int64
	if err = r.Scan(&b.GroupID, &b.ID, &b.Key, (*string)(&b.Kind), (*string)(&b.Class), &audience, &b.Sensitive, &b.Personal, &b.Author, (*string)(&b.State), &stopped, &b.Replaced, &policy,
		&b.CreatedAt, &b.StartAt, &b.ExpiresAt, &b.Planned, &b.Cursor, &local, &late, &words); err != nil {
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
	return b, words, fromJSON(audience, &b.Audience)
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

// noTopics stands for the topics of a group until storing tells them.
const noTopics = "[]"

const submitStatement = `INSERT INTO broadcasts (group_id, id, key, fingerprint, kind, class, audience, words_sealed, sensitive, author, state, stopped, policy, lane,
	created_at, start_at, expires_at, forget_at, planned, cursor, local_at, late_for, personal, lapsed) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,false,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,false)
	RETURNING (SELECT topics FROM groups WHERE id = $1)`

// Submit stores a broadcast once, with all its deliveries if they are given, in one round trip, or in two if some of them are
// claimed. If the answer of the one is lost it is stored again, and the key tells whether it was.
func (s *Store) Submit(ctx context.Context, b gateway.Broadcast, fingerprint []byte, whole *gateway.Chunk) (gateway.Submission, error) {
	key, err := s.groupKey(ctx, b.GroupID)
	if err != nil {
		return gateway.Submission{}, err
	}
	words, err := sealed.Words(key, b.ID, b.Words)
	if err != nil {
		return gateway.Submission{}, err
	}
	info := &frozen{Frozen: row.Frozen{ID: b.ID, Group: b.GroupID, Start: row.ToMicros(b.StartAt), Expires: row.ToMicros(b.ExpiresAt), Sensitive: b.Sensitive, Personal: b.Personal}}
	if err := info.Set(string(b.Class), row.JSON(b.Audience), row.JSON(b.Policy), row.LocalText(&b), noTopics); err != nil {
		return gateway.Submission{}, err
	}
	unfit := b.CheckNew()
	refused := unfit
	var claims []gateway.Claim
	offers := map[gateway.ID]*offer{}
	if unfit == nil {
		refused = s.transact(ctx, b.Policy.Lane == gateway.Urgent, func(t *txn) (bool, error) {
			if whole != nil {
				if err := t.knowChannels(whole); err != nil {
					return false, err
				}
			}
			batch := &pgx.Batch{}
			batch.Queue(submitStatement, submission(&b, words, fingerprint, whole)...).QueryRow(func(r pgx.Row) error {
				var topics string
				if err := r.Scan(&topics); err != nil {
					return err
				}
				return info.SetTopics(topics)
			})
			if whole != nil {
				if err := t.queueRenderings(batch, whole.Renderings, key); err != nil {
					return false, err
				}
				t.queueDeliveries(batch, whole)
				info.keepParts(whole.Renderings)
			}
			t.submits = info
			t.learned = append(t.learned, func() { s.memory.keepBroadcast(info) })
			if whole == nil || whole.Claiming == nil {
				return t.carry(batch)
			}
			ask := whole.Claiming
			clear(offers)
			t.takeOffers(batch, ask.Deliveries, ask.By.Urgent, offers)
			if err := t.begin(batch); err != nil {
				return false, err
			}
			if err := t.takeBudgets(); err != nil {
				return false, err
			}
			if claims, err = t.claimAll(ask.Deliveries, ask.By, offers); err != nil {
				return false, err
			}
			return t.commit()
		})
	}
	switch {
	case refused == nil:
		if claims != nil {
			s.openAddresses(ctx, claims, offers)
			whole.Claiming.Answers = claims
		}
		return gateway.Submission{ID: b.ID, Created: true}, nil
	case unfit == nil && !errors.Is(refused, &gateway.Fault{Code: gateway.CodeInvalid}): // neither unfit nor, perhaps, a key that is there
		return gateway.Submission{}, refused
	}
	id, err := s.submitted(ctx, &b, fingerprint)
	switch {
	case errors.Is(err, gateway.ErrNotFound):
		return gateway.Submission{}, refused
	case err != nil:
		return gateway.Submission{}, err
	}
	return gateway.Submission{ID: id, Created: id == b.ID}, nil
}

// submission gives what submitStatement writes. A broadcast that comes with its only chunk is planned.
func submission(b *gateway.Broadcast, words, fingerprint []byte, whole *gateway.Chunk) []any {
	state, planned, cursor := gateway.Planning, 0, gateway.ID{}
	if whole != nil {
		state, planned, cursor = gateway.Planned, len(whole.Deliveries), whole.Cursor
	}
	return []any{b.GroupID, b.ID, b.Key, fingerprint, string(b.Kind), string(b.Class), row.JSON(b.Audience), words, b.Sensitive, b.Author, string(state), row.JSON(b.Policy), int16(b.Policy.Lane),
		b.CreatedAt, b.StartAt, b.ExpiresAt, b.ExpiresAt.Add(b.Policy.Keep), planned, cursor, row.LocalText(b), b.LateFor.Microseconds(), b.Personal}
}

// submitted finds the broadcast that a key was used for.
func (s *Store) submitted(ctx context.Context, b *gateway.Broadcast, fingerprint []byte) (id gateway.ID, err error) {
	var known []byte
	if err := s.one(ctx, "broadcast", "SELECT id, fingerprint FROM broadcasts WHERE group_id = $1 AND key = $2", []any{b.GroupID, b.Key}, &id, &known); err != nil {
		return id, err
	}
	if !bytes.Equal(known, fingerprint) {
		return id, row.KeyReused(b.Key)
	}
	return id, nil
}

// Broadcast reads one with its words.
func (s *Store) Broadcast(ctx context.Context, group, id gateway.ID) (gateway.Broadcast, error) {
	found, err := s.listBroadcasts(ctx, true, "SELECT "+broadcastColumns+" WHERE group_id = $1 AND id = $2", group, id)
	return row.Only("broadcast", found, err)
}

// Broadcasts lists the newest first.
func (s *Store) Broadcasts(ctx context.Context, group, before gateway.ID, limit int) ([]gateway.Broadcast, error) {
	if before.IsZero() {
		before = highest
	}
	return s.listBroadcasts(ctx, false, "SELECT "+broadcastColumns+" WHERE group_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3", group, before, limit)
}

var unplannedQuery = "SELECT " + broadcastColumns + " WHERE state = 'planning' AND NOT stopped AND start_at <= " + nowSQL("$1") + " ORDER BY lane, start_at LIMIT $2"

// Unplanned lists what fan-out has to do.
func (s *Store) Unplanned(ctx context.Context, limit int) ([]gateway.Broadcast, error) {
	return s.listBroadcasts(ctx, true, unplannedQuery, s.fixed(), limit)
}

func (s *Store) listBroadcasts(ctx context.Context, words bool, text string, args ...any) ([]gateway.Broadcast, error) {
	all := []gateway.Broadcast{}
	var secrets [][]byte
	err := s.query(ctx, text, args, func(r pgx.Rows) error {
		b, secret, err := scanBroadcast(r)
		all, secrets = append(all, b), append(secrets, secret)
		return err
	})
	for i := 0; words && err == nil && i < len(all); i++ {
		err = s.openWords(ctx, &all[i], secrets[i])
	}
	return all, err
}

const stateQuery = `SELECT b.stopped, b.expires_at, b.state = 'planned' AND NOT EXISTS (
		SELECT 1 FROM tallies t WHERE t.group_id = b.group_id AND t.broadcast_id = b.id AND t.state NOT IN ('delivered', 'ended') GROUP BY t.channel_id, t.state, t.reason HAVING SUM(t.n) > 0), b.replaced
	FROM broadcasts b WHERE b.group_id = $1 AND b.id = $2 FOR UPDATE OF b`

// SetState stops or resumes a broadcast.
func (s *Store) SetState(ctx context.Context, group, id gateway.ID, stopped bool) error {
	return s.do(ctx, true, func(t *txn) error {
		var was, over, replaced bool
		var expires int64
		found := false
		if err := t.query(stateQuery, []any{group, id}, func(r pgx.Rows) error {
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
		_, err := t.exec("UPDATE broadcasts SET stopped = $3 WHERE group_id = $1 AND id = $2", group, id, stopped)
		return err
	})
}
