package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// Hold takes a duty or renews it.
func (s *Store) Hold(ctx context.Context, duty string, by gateway.ID, lease time.Duration) (f gateway.Fence, err error) {
	err = s.write.do(ctx, true, func(t *txn) error {
		f = gateway.Fence{Duty: duty}
		var holder gateway.ID
		var token, until int64
		if err := t.query("SELECT holder, token, until FROM duties WHERE name = ?", []any{duty}, func(r *lite.Stmt) error { return r.Scan(&holder, &token, &until) }); err != nil {
			return fmt.Errorf("reading a duty: %w", err)
		}
		switch {
		case holder == by:
		case !holder.IsZero() && until > t.now:
			return nil
		default:
			token = max(token+1, t.now)
		}
		if _, err := t.exec("INSERT INTO duties (name, holder, token, until) VALUES (?1,?2,?3,?4) ON CONFLICT (name) DO UPDATE SET holder = ?2, token = ?3, until = ?4",
			duty, by[:], token, t.now+lease.Microseconds()); err != nil {
			return fmt.Errorf("taking a duty: %w", err)
		}
		f.Token = token
		return nil
	})
	return f, err
}

// Leave gives a duty back. The row stays for a while, so that its next holder gets a higher token.
func (s *Store) Leave(ctx context.Context, f gateway.Fence) error {
	return s.write.do(ctx, false, func(t *txn) error {
		var nobody gateway.ID
		_, err := t.exec("UPDATE duties SET holder = ?, token = token + 1, until = ? WHERE name = ? AND token = ?", nobody[:], t.now, f.Duty, f.Token)
		return err
	})
}

// Holders lists the duties that are held.
func (s *Store) Holders(ctx context.Context, prefix string) ([]gateway.Duty, error) {
	return list(ctx, s, "SELECT name, holder, until FROM duties WHERE substr(name, 1, length(?1)) = ?1 AND until > ?2 ORDER BY name", []any{prefix, s.micros()},
		func(d *gateway.Duty) []any { return []any{&d.Name, &d.By, &d.Until} })
}

// holds refuses whoever does not hold a duty any more. A lease that has ended refuses nobody: nobody else has gone on.
func (t *txn) holds(f gateway.Fence) error {
	held := false
	if err := t.query("SELECT 1 FROM duties WHERE name = ? AND token = ?", []any{f.Duty, f.Token}, func(*lite.Stmt) error {
		held = true
		return nil
	}); err != nil {
		return fmt.Errorf("reading a duty: %w", err)
	}
	if !held {
		return gateway.ErrStale
	}
	return nil
}

const forgetDuties = "DELETE FROM duties WHERE until <= ?"

// keepDuties is how long a duty stands that nobody holds.
const keepDuties = 24 * time.Hour
