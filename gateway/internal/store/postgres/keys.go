package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
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

// moneyChanged tells all processes that a price, a budget, a group's zone or a channel has changed.
func (t *txn) moneyChanged() error {
	_, err := t.exec("UPDATE revisions SET n = n + 1 WHERE name = 'money'")
	return err
}
