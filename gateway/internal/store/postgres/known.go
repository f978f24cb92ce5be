package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

// elsewhereQuery looks at the attempts of a time: their ids begin with it.
const elsewhereQuery = "SELECT EXISTS (SELECT 1 FROM attempts WHERE id BETWEEN $1 AND $2 AND channel_id = $3 AND id <> $4 AND $5 = ANY (string_to_array(refs, ' ')))"

// Elsewhere reports whether another attempt has a provider's id.
func (s *Store) Elsewhere(ctx context.Context, attempt gateway.ID, providerID string) (others bool, err error) {
	a := &row.Attempt[gateway.ID]{No: attempt}
	r := reader{ctx, s}
	err = r.query("SELECT group_id, channel_id, claimed_at, settled_at FROM attempts WHERE id = $1", []any{attempt}, func(r pgx.Rows) error { return r.Scan(&a.Group, &a.Channel, &a.ClaimedAt, &a.SettledAt) })
	if err != nil || a.ClaimedAt == 0 {
		return false, err
	}
	return elsewhere(r, a, providerID)
}

func elsewhere(q querier, a *row.Attempt[gateway.ID], providerID string) (others bool, err error) {
	first, last := gateway.Around(a.No, a.Span())
	err = q.query(elsewhereQuery, []any{first, last, a.Channel, a.No, row.Ref(providerID)}, func(r pgx.Rows) error { return r.Scan(&others) })
	return others, err
}

// elsewhere is asked within the transaction that takes the message; two that take the same one wait for each other.
func (t *txn) elsewhere(a *attempt, providerID string) (bool, error) {
	if _, err := t.exec("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", a.Channel.String()+" "+providerID); err != nil {
		return false, err
	}
	return elsewhere(t, a, providerID)
}

var _ gateway.Known = (*Store)(nil)
