package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
)

// holdText takes a duty that is free, or renews one's own; no row: somebody else has it.
const holdText = `INSERT INTO duties AS d (name, holder, token, until) VALUES ($1, $2, $3, $4)
	ON CONFLICT (name) DO UPDATE SET holder = $2, token = CASE WHEN d.holder = $2 THEN d.token ELSE greatest(d.token + 1, $3) END, until = $4
	WHERE d.holder = $2 OR d.until <= $3 RETURNING token`

// Hold takes a duty or renews it.
func (s *Store) Hold(ctx context.Context, duty string, by gateway.ID, lease time.Duration) (f gateway.Fence, err error) {
	err = s.do(ctx, true, func(t *txn) error {
		f = gateway.Fence{Duty: duty}
		return t.query(holdText, []any{duty, by, t.now, t.now + lease.Microseconds()}, func(r pgx.Rows) error { return r.Scan(&f.Token) })
	})
	return f, err
}

// Leave gives a duty back. The row stays for a while, so that its next holder gets a higher token.
func (s *Store) Leave(ctx context.Context, f gateway.Fence) error {
	return s.do(ctx, true, func(t *txn) error {
		_, err := t.exec("UPDATE duties SET holder = $3, token = token + 1, until = $4 WHERE name = $1 AND token = $2", f.Duty, f.Token, gateway.ID{}, t.now)
		return err
	})
}

// Holders lists the duties that are held.
func (s *Store) Holders(ctx context.Context, prefix string) ([]gateway.Duty, error) {
	return list(ctx, s, "SELECT name, holder, until FROM duties WHERE starts_with(name, $1) AND until > "+nowSQL("$2")+` ORDER BY name COLLATE "C"`, []any{prefix, s.fixed()},
		func(d *gateway.Duty) []any { return []any{&d.Name, &d.By, &d.Until} })
}

// holds refuses whoever does not hold a duty any more, and keeps it from passing on before the transaction ends. A lease
// that has ended refuses nobody: nobody else has gone on.
func (t *txn) holds(f gateway.Fence) error {
	held := false
	if err := t.query("SELECT true FROM duties WHERE name = $1 AND token = $2 FOR SHARE", []any{f.Duty, f.Token}, func(r pgx.Rows) error { return r.Scan(&held) }); err != nil {
		return fmt.Errorf("reading a duty: %w", err)
	}
	if !held {
		return gateway.ErrStale
	}
	return nil
}

// forgetDuties deletes the duties that nobody has held for a while, and marks as old, which nobody asks for; it is for
// Retain.
func (t *txn) forgetDuties() error {
	before := t.now - keepDuties.Microseconds()
	_, err := t.exec("DELETE FROM duties WHERE until <= $1", before)
	if err == nil {
		_, err = t.exec("DELETE FROM marks WHERE at <= $1", before)
	}
	return err
}

// keepDuties is how long a duty stands that nobody holds, and a mark after which none was left.
const keepDuties = 24 * time.Hour
