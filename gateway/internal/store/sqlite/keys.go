package sqlite

import (
	"context"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// groupKey opens a group's key, and keeps it.
func (s *Store) groupKey(ctx context.Context, group gateway.ID) (key *seal.Group, err error) {
	if key = s.keys.Kept(group); key != nil {
		return key, nil
	}
	err = s.reading(ctx, func(c *lite.Conn) error {
		key, err = s.readKey(c, group)
		return err
	})
	return key, err
}

func (t *txn) groupKey(group gateway.ID) (*seal.Group, error) {
	if key := t.w.store.keys.Kept(group); key != nil {
		return key, nil
	}
	return t.w.store.readKey(t.Conn, group)
}

func (s *Store) readKey(c *lite.Conn, group gateway.ID) (*seal.Group, error) {
	var id string
	var wrapped []byte
	if err := query(c, "SELECT key_id, key_sealed FROM groups WHERE id = ?", []any{group[:]}, func(r *lite.Stmt) error { return r.Scan(&id, &wrapped) }); err != nil {
		return nil, err
	}
	if id == "" {
		return nil, row.Missing("group")
	}
	return s.keys.Open(group, id, wrapped)
}

// checkKeys refuses keys that are not those of the ledger, and has a new ledger know its own.
func (s *Store) checkKeys(ctx context.Context) error {
	var mark []byte
	var groups []sealed.Wrapped
	if err := s.reading(ctx, func(c *lite.Conn) error {
		mark, groups = nil, nil
		if err := query(c, "SELECT value FROM instance WHERE name = 'index'", nil, func(r *lite.Stmt) error { return r.Scan(&mark) }); err != nil {
			return err
		}
		return query(c, "SELECT id, key_id, key_sealed FROM groups WHERE id IN (SELECT min(id) FROM groups GROUP BY key_id)", nil, func(r *lite.Stmt) error {
			var w sealed.Wrapped
			err := r.Scan(&w.Group, &w.RingKey, &w.Key)
			groups = append(groups, w)
			return err
		})
	}); err != nil {
		return err
	}
	if err := sealed.Fit(s.ring, mark, groups); err != nil || mark != nil {
		return err
	}
	return s.write.do(ctx, false, func(t *txn) error {
		_, err := t.exec("INSERT INTO instance (name, value) VALUES ('index', ?)", s.ring.Mark())
		return err
	})
}

// RotateKeys wraps every group's and channel's key anew under the ring's current key, a few at a time, while the gateway runs. It
// returns how many were wrapped; zero means that older ring keys are no longer needed.
func (s *Store) RotateKeys(ctx context.Context, limit int) (int, error) {
	n := 0
	err := s.write.do(ctx, false, func(t *txn) error {
		n = 0
		for _, table := range [...]struct{ name, column, place string }{{"groups", "key_sealed", "key"}, {"channels", "options_sealed", "options"}} {
			if err := t.rewrap(table.name, table.column, table.place, limit-n, &n); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && n > 0 { // who took an old ring key must not find what it opened; Retain sees to that
		s.leftTraces()
	}
	return n, err
}

func (t *txn) rewrap(table, column, where string, limit int, n *int) error {
	type row struct {
		id      gateway.ID
		key     string
		wrapped []byte
	}
	var rows []row
	current := t.w.store.ring.Current()
	err := t.query("SELECT id, key_id, "+column+" FROM "+table+" WHERE key_id <> ? LIMIT ?", []any{current, limit}, func(r *lite.Stmt) error {
		var one row
		if err := r.Scan(&one.id, &one.key, &one.wrapped); err != nil {
			return err
		}
		rows = append(rows, one)
		return nil
	})
	if err != nil {
		return err
	}
	for _, r := range rows {
		id, wrapped, err := t.w.store.keys.Rewrap(r.key, r.wrapped, sealed.Place(r.id, where))
		if err != nil {
			return err
		}
		if _, err := t.exec("UPDATE "+table+" SET key_id = ?, "+column+" = ? WHERE id = ?", id, wrapped, r.id[:]); err != nil {
			return err
		}
		*n++
	}
	return nil
}
