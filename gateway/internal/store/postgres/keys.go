package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
)

// querier reads rows, within a transaction or outside one.
type querier interface {
	query(text string, args []any, scan func(pgx.Rows) error) error
}

// reader reads outside a transaction, each statement as of its own moment.
type reader struct {
	ctx context.Context
	s   *Store
}

func (r reader) query(text string, args []any, scan func(pgx.Rows) error) error {
	return r.s.queryNow(r.ctx, text, args, scan)
}

// groupKey opens a group's key, and keeps it.
func (s *Store) groupKey(ctx context.Context, group gateway.ID) (*seal.Group, error) {
	return s.readKey(reader{ctx, s}, group)
}

func (t *txn) groupKey(group gateway.ID) (*seal.Group, error) { return t.s.readKey(t, group) }

func (s *Store) readKey(q querier, group gateway.ID) (*seal.Group, error) {
	if key := s.keys.Kept(group); key != nil {
		return key, nil
	}
	var id string
	var wrapped []byte
	if err := q.query("SELECT key_id, key_sealed FROM groups WHERE id = $1", []any{group}, func(r pgx.Rows) error { return r.Scan(&id, &wrapped) }); err != nil {
		return nil, err
	}
	if id == "" {
		return nil, row.Missing("group")
	}
	return s.keys.Open(group, id, wrapped)
}

// What a ledger keeps of its keys.
const (
	indexText   = "SELECT value FROM instance WHERE name = 'index'"
	indexedText = "INSERT INTO instance (name, value) VALUES ('index', $1) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING value" // whoever was first
	sealedText  = "SELECT DISTINCT ON (key_id) id, key_id, key_sealed FROM groups ORDER BY key_id, id"
)

// checkKeys refuses keys that are not those of the ledger, and has a new ledger know its own.
func (s *Store) checkKeys(ctx context.Context) error {
	var mark []byte
	scanMark := func(r pgx.Rows) error { return r.Scan(&mark) }
	if err := s.query(ctx, indexText, nil, scanMark); err != nil {
		return err
	}
	groups, err := list(ctx, s, sealedText, nil, func(w *sealed.Wrapped) []any { return []any{&w.Group, &w.RingKey, &w.Key} })
	if err != nil {
		return err
	}
	if err := sealed.Fit(s.ring, mark, groups); err != nil || mark != nil {
		return err
	}
	if err := s.do(ctx, false, func(t *txn) error { return t.query(indexedText, []any{s.ring.Mark()}, scanMark) }); err != nil {
		return err
	}
	return sealed.Fit(s.ring, mark, groups) // another process may have been first
}

// moneyChanged tells all processes that a price, a budget, a group's zone or a channel has changed.
func (t *txn) moneyChanged() error {
	_, err := t.exec("UPDATE revisions SET n = n + 1 WHERE name = 'money'")
	return err
}
