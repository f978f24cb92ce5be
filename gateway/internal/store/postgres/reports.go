package postgres

import (
	"context"
	"math"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
)

// PutSeries makes a series or changes it.
func (s *Store) PutSeries(ctx context.Context, p gateway.Series) (gateway.Series, error) {
	key, err := s.groupKey(ctx, p.GroupID)
	if err != nil {
		return p, err
	}
	fresh := p.ID.IsZero()
	if fresh {
		p.ID, p.Revision = gateway.NewID(), 0
	}
	body, err := sealed.Series(key, &p)
	if err != nil {
		return p, err
	}
	err = s.do(ctx, false, func(t *txn) error {
		if fresh {
			n, err := t.exec("INSERT INTO series (group_id, id, name, revision, next_at, body_sealed) VALUES ($1,$2,$3,1,$4,$5) ON CONFLICT (group_id, name) DO NOTHING", p.GroupID, p.ID, p.Name, p.Next, body)
			if err == nil && n == 0 {
				err = row.SeriesTaken(p.Name)
			}
			return err
		}
		n, err := t.exec("UPDATE series SET revision = revision + 1, next_at = $1, body_sealed = $2 WHERE group_id = $3 AND id = $4 AND revision = $5", p.Next, body, p.GroupID, p.ID, p.Revision)
		if err == nil && n == 0 {
			err = gateway.ErrStale
		}
		return err
	})
	p.Revision++
	return p, err
}

// Series reads one by its name.
func (s *Store) Series(ctx context.Context, group gateway.ID, name string) (gateway.Series, error) {
	all, err := s.listSeries(ctx, "group_id = $1 AND name = $2", group, name)
	return row.Only("series", all, err)
}

// SeriesOf lists a group's.
func (s *Store) SeriesOf(ctx context.Context, group, after gateway.ID, limit int) ([]gateway.Series, error) {
	return s.listSeries(ctx, "group_id = $1 AND id > $2 ORDER BY id LIMIT $3", group, after, limit)
}

var dueSeries = "next_at > 0 AND next_at <= " + nowSQL("$1") + " ORDER BY next_at LIMIT $2"

// DueSeries lists those whose sources are to be asked.
func (s *Store) DueSeries(ctx context.Context, limit int) ([]gateway.Series, error) {
	return s.listSeries(ctx, dueSeries, s.fixed(), limit)
}

func (s *Store) listSeries(ctx context.Context, where string, args ...any) ([]gateway.Series, error) {
	all := []gateway.Series{}
	var bodies [][]byte
	err := s.query(ctx, "SELECT "+row.SeriesColumns+", body_sealed FROM series WHERE "+where, args, func(r pgx.Rows) error {
		var one gateway.Series
		var body []byte
		err := r.Scan(append(row.SeriesInto(&one, &one.Next), &body)...)
		all, bodies = append(all, one), append(bodies, body)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, sealed.OpenSeries(all, bodies, func(group gateway.ID) (*seal.Group, error) { return s.groupKey(ctx, group) })
}

// PutEdition keeps an edition, and submits what it sends.
func (s *Store) PutEdition(ctx context.Context, e gateway.Edition, send *gateway.ReadyBroadcast) (gateway.Edition, error) {
	key, err := s.groupKey(ctx, e.GroupID)
	if err != nil {
		return e, err
	}
	if e.ID.IsZero() {
		e.ID = gateway.NewID()
	}
	body, err := sealed.Edition(key, &e)
	if err != nil {
		return e, err
	}
	var words []byte
	if send != nil {
		if words, err = sealed.Words(key, send.Broadcast.ID, send.Broadcast.Words); err != nil {
			return e, err
		}
	}
	err = s.do(ctx, false, func(t *txn) error {
		if send != nil {
			var err error
			if e.BroadcastID, err = t.submit(&send.Broadcast, words, send.Fingerprint); err != nil {
				return err
			}
			if err := t.replace(e.GroupID, send.Broadcast.Audience.Had); err != nil {
				return err
			}
		}
		return t.putEdition(&e, body)
	})
	e.Revision++
	return e, err
}

// putEdition writes an edition if it stands where its revision says.
func (t *txn) putEdition(e *gateway.Edition, body []byte) error {
	if e.Revision == 0 {
		n, err := t.exec("INSERT INTO editions ("+row.EditionColumns+", body_sealed) VALUES ($1,$2,$3,$4,$5,1,$6,$7) ON CONFLICT DO NOTHING", e.GroupID, e.SeriesID, e.Number, e.ID, string(e.State), e.BroadcastID, body)
		if err == nil && n == 0 {
			err = gateway.ErrStale
		}
		return err
	}
	var was gateway.Edition
	if err := t.query("SELECT "+row.EditionColumns+" FROM editions WHERE group_id = $1 AND series_id = $2 AND number = $3 FOR UPDATE", []any{e.GroupID, e.SeriesID, e.Number}, func(r pgx.Rows) error {
		return r.Scan(row.EditionInto(&was)...)
	}); err != nil {
		return err
	}
	if err := row.CheckEdition(&was, e); err != nil {
		return err
	}
	_, err := t.exec("UPDATE editions SET state = $1, revision = revision + 1, broadcast_id = $2, body_sealed = $3 WHERE group_id = $4 AND series_id = $5 AND number = $6", string(e.State), e.BroadcastID, body, e.GroupID, e.SeriesID, e.Number)
	return err
}

// Editions lists the newest first.
func (s *Store) Editions(ctx context.Context, group, series gateway.ID, before, limit int) ([]gateway.Edition, error) {
	if before == 0 {
		before = math.MaxInt32
	}
	all := []gateway.Edition{}
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return nil, err
	}
	err = s.query(ctx, "SELECT "+row.EditionColumns+", body_sealed FROM editions WHERE group_id = $1 AND series_id = $2 AND number < $3 ORDER BY number DESC LIMIT $4", []any{group, series, before, limit}, func(r pgx.Rows) error {
		return openEdition(key, &all, r.Scan)
	})
	return all, err
}

// EditionByID finds one, whoever's it is.
func (s *Store) EditionByID(ctx context.Context, id gateway.ID) (e gateway.Edition, err error) {
	var body []byte
	if err := s.one(ctx, "edition", "SELECT "+row.EditionColumns+", body_sealed FROM editions WHERE id = $1", []any{id}, append(row.EditionInto(&e), &body)...); err != nil {
		return e, err
	}
	key, err := s.groupKey(ctx, e.GroupID)
	if err != nil {
		return e, err
	}
	return e, sealed.OpenEdition(key, &e, body)
}

func openEdition(key *seal.Group, all *[]gateway.Edition, scan func(...any) error) error {
	var e gateway.Edition
	var body []byte
	if err := scan(append(row.EditionInto(&e), &body)...); err != nil {
		return err
	}
	if err := sealed.OpenEdition(key, &e, body); err != nil {
		return err
	}
	*all = append(*all, e)
	return nil
}
