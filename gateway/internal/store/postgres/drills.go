package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
)

var dueDrills = "due_at > 0 AND due_at <= " + nowSQL("$1") + " ORDER BY due_at LIMIT $2"

const overDrills = "SELECT group_id, id FROM drills WHERE at < $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED"

// PutDrill keeps a drill or changes it, if it stands where its revision says.
func (s *Store) PutDrill(ctx context.Context, d gateway.Drill) (gateway.Drill, error) {
	key, err := s.groupKey(ctx, d.GroupID)
	if err != nil {
		return d, err
	}
	body, err := sealed.Drill(key, &d)
	if err != nil {
		return d, err
	}
	err = s.do(ctx, false, func(t *txn) error {
		var n int
		var err error
		if d.Revision == 0 {
			n, err = t.exec("INSERT INTO drills (group_id, id, revision, due_at, at, outcome, body_sealed) VALUES ($1,$2,1,$3,$4,$5,$6) ON CONFLICT DO NOTHING", d.GroupID, d.ID, d.DueAt, d.At, d.Outcome(), body)
		} else {
			n, err = t.exec("UPDATE drills SET revision = revision + 1, due_at = $1, outcome = $2, body_sealed = $3 WHERE group_id = $4 AND id = $5 AND revision = $6", d.DueAt, d.Outcome(), body, d.GroupID, d.ID, d.Revision)
		}
		if err == nil && n == 0 {
			err = gateway.ErrStale
		}
		return err
	})
	d.Revision++
	return d, err
}

// Drill reads one.
func (s *Store) Drill(ctx context.Context, group, id gateway.ID) (gateway.Drill, error) {
	all, err := s.listDrills(ctx, "group_id = $1 AND id = $2", group, id)
	return row.Only("drill", all, err)
}

// Drills lists the newest first.
func (s *Store) Drills(ctx context.Context, group, before gateway.ID, limit int) ([]gateway.Drill, error) {
	if before.IsZero() {
		before = highest
	}
	return s.listDrills(ctx, "group_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3", group, before, limit)
}

// DueDrills lists what is due, from the index of what comes next.
func (s *Store) DueDrills(ctx context.Context, limit int) ([]gateway.Drill, error) {
	return s.listDrills(ctx, dueDrills, s.fixed(), limit)
}

func (s *Store) listDrills(ctx context.Context, where string, args ...any) ([]gateway.Drill, error) {
	all := []gateway.Drill{}
	var bodies [][]byte
	err := s.query(ctx, "SELECT group_id, id, revision, due_at, body_sealed FROM drills WHERE "+where, args, func(r pgx.Rows) error {
		var d gateway.Drill
		var body []byte
		err := r.Scan(&d.GroupID, &d.ID, &d.Revision, &d.DueAt, &body)
		all, bodies = append(all, d), append(bodies, body)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, sealed.OpenDrills(all, bodies, func(group gateway.ID) (*seal.Group, error) { return s.groupKey(ctx, group) })
}

// retainDrills deletes those whose time is over.
func (t *txn) retainDrills(limit int, forget func(text string, args ...any)) error {
	return t.query(overDrills, []any{t.now - gateway.KeepDrills.Microseconds(), limit}, func(r pgx.Rows) error {
		var group, id gateway.ID
		err := r.Scan(&group, &id)
		forget("DELETE FROM drills WHERE group_id = $1 AND id = $2", group, id)
		return err
	})
}

var _ gateway.Drills = (*Store)(nil)
