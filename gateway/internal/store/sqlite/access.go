package sqlite

import (
	"bytes"
	"context"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// Answers to requests are kept for a day; a reservation whose process died lapses after a minute.
const (
	keepAnswers     = 24 * time.Hour
	keepReservation = time.Minute
)

// PutToken keeps a token's digest.
func (s *Store) PutToken(ctx context.Context, token gateway.Token) error {
	return s.write.do(ctx, false, func(t *txn) error {
		_, err := t.exec("INSERT INTO tokens (id, group_id, role, label, digest, created_at, expires_at) VALUES (?1,?2,?3,?4,?5,?6,?7) ON CONFLICT (id) DO UPDATE SET role = ?3, label = ?4, digest = ?5, expires_at = ?7",
			token.ID[:], token.GroupID[:], string(token.Role), token.Label, token.Digest, row.ToMicros(token.CreatedAt), row.ToMicros(token.ExpiresAt))
		return err
	})
}

func tokenColumns(t *gateway.Token) []any {
	return []any{&t.ID, &t.GroupID, (*string)(&t.Role), &t.Label, &t.Digest, &t.CreatedAt, &t.ExpiresAt}
}

const tokenQuery = "SELECT id, group_id, role, label, digest, created_at, expires_at FROM tokens WHERE (expires_at = 0 OR expires_at > ?) AND "

// TokenByDigest finds a token that has not expired.
func (s *Store) TokenByDigest(ctx context.Context, digest []byte) (gateway.Token, error) {
	var token gateway.Token
	err := s.one(ctx, "token", tokenQuery+"digest = ?", []any{s.micros(), digest}, tokenColumns(&token)...)
	return token, err
}

// Tokens lists a group's tokens; the zero group's are the operator's.
func (s *Store) Tokens(ctx context.Context, group gateway.ID) ([]gateway.Token, error) {
	return list(ctx, s, tokenQuery+"group_id = ? ORDER BY id", []any{s.micros(), group[:]}, tokenColumns)
}

// RevokeToken deletes a token.
func (s *Store) RevokeToken(ctx context.Context, group, id gateway.ID) error {
	return s.write.do(ctx, true, func(t *txn) error {
		n, err := t.exec("DELETE FROM tokens WHERE group_id = ? AND id = ?", group[:], id[:])
		if err == nil && n == 0 {
			err = gateway.Faultf(gateway.CodeNotFound, "there is no such token")
		}
		return err
	})
}

// BeginRequest reserves an idempotency key.
func (s *Store) BeginRequest(ctx context.Context, token gateway.ID, key string, fingerprint []byte) (*gateway.Answer, error) {
	var answer *gateway.Answer
	err := s.write.do(ctx, true, func(t *txn) error {
		answer = nil
		var known gateway.Answer
		var print []byte
		var begun int64
		if err := t.query("SELECT fingerprint, begun_at, status, type, body FROM requests WHERE token_id = ? AND key = ?", []any{token[:], key}, func(r *lite.Stmt) error {
			return r.Scan(&print, &begun, &known.Status, &known.Type, &known.Body)
		}); err != nil {
			return err
		}
		old := begun <= t.now-keepAnswers.Microseconds() || known.Status == 0 && begun <= t.now-keepReservation.Microseconds()
		if print != nil && !old {
			switch {
			case !bytes.Equal(print, fingerprint):
				return gateway.Faultf(gateway.CodeKeyReused, "this Idempotency-Key was used for another request; use a new one")
			case known.Status == 0:
				return gateway.Faultf(gateway.CodeInProgress, "the first request with this Idempotency-Key is still at work; ask again in a moment")
			}
			answer = &known
			return nil
		}
		_, err := t.exec("INSERT INTO requests (token_id, key, fingerprint, begun_at, status, type, body) VALUES (?1,?2,?3,?4,0,'',NULL) ON CONFLICT DO UPDATE SET fingerprint = ?3, begun_at = ?4, status = 0, type = '', body = NULL",
			token[:], key, fingerprint, t.now)
		return err
	})
	return answer, err
}

// FinishRequest keeps the answer.
func (s *Store) FinishRequest(ctx context.Context, token gateway.ID, key string, a gateway.Answer) error {
	return s.write.do(ctx, true, func(t *txn) error {
		_, err := t.exec("UPDATE requests SET status = ?, type = ?, body = ? WHERE token_id = ? AND key = ?", a.Status, a.Type, a.Body, token[:], key)
		return err
	})
}

// ForgetRequest gives the key free.
func (s *Store) ForgetRequest(ctx context.Context, token gateway.ID, key string) error {
	return s.write.do(ctx, true, func(t *txn) error {
		_, err := t.exec("DELETE FROM requests WHERE token_id = ? AND key = ? AND status = 0", token[:], key)
		return err
	})
}

// Applied reads what the last apply wrote.
func (s *Store) Applied(ctx context.Context, group gateway.ID) (map[string][]byte, error) {
	type row struct {
		item   string
		digest []byte
	}
	read, err := list(ctx, s, "SELECT item, digest FROM applied WHERE group_id = ?", []any{group[:]}, func(r *row) []any { return []any{&r.item, &r.digest} })
	if err != nil {
		return nil, err
	}
	all := make(map[string][]byte, len(read))
	for _, r := range read {
		all[r.item] = r.digest
	}
	return all, nil
}

// SetApplied keeps the digest of one item.
func (s *Store) SetApplied(ctx context.Context, group gateway.ID, item string, digest []byte) error {
	return s.write.do(ctx, false, func(t *txn) error {
		_, err := t.exec("INSERT INTO applied (group_id, item, digest) VALUES (?1,?2,?3) ON CONFLICT DO UPDATE SET digest = ?3", group[:], item, digest)
		return err
	})
}
