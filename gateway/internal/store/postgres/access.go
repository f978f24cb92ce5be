package postgres

import (
	"bytes"
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

// Answers to requests are kept for a day; a reservation whose process died lapses after a minute.
const (
	keepAnswers     = 24 * time.Hour
	keepReservation = time.Minute
)

// PutToken keeps a token's digest.
func (s *Store) PutToken(ctx context.Context, token gateway.Token) error {
	return s.do(ctx, false, func(t *txn) error {
		_, err := t.exec("INSERT INTO tokens (id, group_id, role, label, digest, created_at, expires_at) VALUES ($1,$2,$3,$4,$5,$6,$7) ON CONFLICT (id) DO UPDATE SET role = excluded.role, label = excluded.label, digest = excluded.digest, expires_at = excluded.expires_at",
			token.ID, token.GroupID, string(token.Role), token.Label, token.Digest, token.CreatedAt, token.ExpiresAt)
		return err
	})
}

func tokenColumns(t *gateway.Token) []any {
	return []any{&t.ID, &t.GroupID, (*string)(&t.Role), &t.Label, &t.Digest, &t.CreatedAt, &t.ExpiresAt}
}

var tokenQuery = "SELECT id, group_id, role, label, digest, created_at, expires_at FROM tokens WHERE (expires_at = 0 OR expires_at > " + nowSQL("$1") + ") AND "

// TokenByDigest finds a token that has not expired.
func (s *Store) TokenByDigest(ctx context.Context, digest []byte) (gateway.Token, error) {
	var token gateway.Token
	err := s.one(ctx, "token", tokenQuery+"digest = $2", []any{s.fixed(), digest}, tokenColumns(&token)...)
	return token, err
}

// Tokens lists a group's tokens; the zero group's are the operator's.
func (s *Store) Tokens(ctx context.Context, group gateway.ID) ([]gateway.Token, error) {
	return list(ctx, s, tokenQuery+"group_id = $2 ORDER BY id", []any{s.fixed(), group}, tokenColumns)
}

// RevokeToken deletes a token.
func (s *Store) RevokeToken(ctx context.Context, group, id gateway.ID) error {
	return s.do(ctx, true, func(t *txn) error {
		n, err := t.exec("DELETE FROM tokens WHERE group_id = $1 AND id = $2", group, id)
		if err == nil && n == 0 {
			err = row.Missing("token")
		}
		return err
	})
}

// reserve takes a key that nobody has, or whose answer or reservation is too old. Of two processes that press it at once,
// one waits for the other's commit here, and then finds it taken.
const reserve = `INSERT INTO requests AS r (token_id, key, fingerprint, begun_at, status, type, body) VALUES ($1,$2,$3,$4,0,'',NULL)
	ON CONFLICT (token_id, key) DO UPDATE SET fingerprint = excluded.fingerprint, begun_at = excluded.begun_at, status = 0, type = '', body = NULL
	WHERE r.begun_at <= $5 OR r.status = 0 AND r.begun_at <= $6`

// BeginRequest reserves an idempotency key.
func (s *Store) BeginRequest(ctx context.Context, token gateway.ID, key string, fingerprint []byte) (answer *gateway.Answer, err error) {
	err = s.do(ctx, true, func(t *txn) error {
		answer = nil
		for {
			n, err := t.exec(reserve, token, key, fingerprint, t.now, t.now-keepAnswers.Microseconds(), t.now-keepReservation.Microseconds())
			if err != nil || n > 0 {
				return err
			}
			var known gateway.Answer
			var print []byte
			if err := t.query("SELECT fingerprint, status, type, body FROM requests WHERE token_id = $1 AND key = $2", []any{token, key}, func(r pgx.Rows) error {
				return r.Scan(&print, &known.Status, &known.Type, &known.Body)
			}); err != nil {
				return err
			}
			switch {
			case print == nil: // given free between the two statements
				continue
			case !bytes.Equal(print, fingerprint):
				return gateway.Faultf(gateway.CodeKeyReused, "this Idempotency-Key was used for another request; use a new one")
			case known.Status == 0:
				return gateway.Faultf(gateway.CodeInProgress, "the first request with this Idempotency-Key is still at work; ask again in a moment")
			}
			answer = &known
			return nil
		}
	})
	return answer, err
}

// FinishRequest keeps the answer.
func (s *Store) FinishRequest(ctx context.Context, token gateway.ID, key string, a gateway.Answer) error {
	return s.do(ctx, true, func(t *txn) error {
		_, err := t.exec("UPDATE requests SET status = $1, type = $2, body = $3 WHERE token_id = $4 AND key = $5", a.Status, a.Type, a.Body, token, key)
		return err
	})
}

// ForgetRequest gives the key free.
func (s *Store) ForgetRequest(ctx context.Context, token gateway.ID, key string) error {
	return s.do(ctx, true, func(t *txn) error {
		_, err := t.exec("DELETE FROM requests WHERE token_id = $1 AND key = $2 AND status = 0", token, key)
		return err
	})
}

// Applied reads what the last apply wrote.
func (s *Store) Applied(ctx context.Context, group gateway.ID) (map[string][]byte, error) {
	all := map[string][]byte{}
	err := s.query(ctx, "SELECT item, digest FROM applied WHERE group_id = $1", []any{group}, func(r pgx.Rows) error {
		var item string
		var digest []byte
		err := r.Scan(&item, &digest)
		all[item] = digest
		return err
	})
	return all, err
}

// SetApplied keeps the digest of one item.
func (s *Store) SetApplied(ctx context.Context, group gateway.ID, item string, digest []byte) error {
	return s.do(ctx, false, func(t *txn) error {
		_, err := t.exec("INSERT INTO applied (group_id, item, digest) VALUES ($1,$2,$3) ON CONFLICT (group_id, item) DO UPDATE SET digest = excluded.digest", group, item, digest)
		return err
	})
}
