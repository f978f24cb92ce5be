package postgres

import (
	"context"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

// Listened says up to when each channel was heard.
func (s *Store) Listened(ctx context.Context) ([]gateway.Listened, error) {
	rows, err := list(ctx, s, "SELECT id, heard_at, gap_from, gap_until, gap_reason, "+nowSQL("$1")+" FROM channels WHERE former = '' ORDER BY id", []any{s.fixed()}, row.ListenedInto)
	return row.AllListened(rows), err
}

// Heard notes that a channel was heard until now.
func (s *Store) Heard(ctx context.Context, channel gateway.ID) error {
	return s.do(ctx, false, func(t *txn) error {
		_, err := t.exec("UPDATE channels SET heard_at = $1 WHERE id = $2", t.now, channel)
		return err
	})
}

// NoteGap notes the same, but for a gap.
func (s *Store) NoteGap(ctx context.Context, channel gateway.ID, g gateway.HearingGap) error {
	return s.do(ctx, false, func(t *txn) error {
		if g == (gateway.HearingGap{}) {
			_, err := t.exec("UPDATE channels SET heard_at = $1, gap_from = 0, gap_until = 0, gap_reason = '' WHERE id = $2", t.now, channel)
			return err
		}
		_, err := t.exec("UPDATE channels SET heard_at = $1::bigint, gap_from = CASE WHEN gap_from > 0 AND gap_until + $2::bigint > $1 THEN least(gap_from, $3::bigint) ELSE $3 END, gap_until = $4, gap_reason = $5 WHERE id = $6",
			t.now, gateway.GapShown.Microseconds(), row.ToMicros(g.From), row.ToMicros(g.Until), string(g.Reason), channel)
		return err
	})
}
