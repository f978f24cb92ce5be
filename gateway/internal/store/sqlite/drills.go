package sqlite

import (
	"context"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

const (
	drillQuery   = "SELECT group_id, id, revision, due_at, body_sealed FROM drills WHERE "
	dueDrills    = "due_at > 0 AND due_at <= ? ORDER BY due_at LIMIT ?"
	forgetDrills = "DELETE FROM drills WHERE (group_id, id) IN (SELECT group_id, id FROM drills WHERE at < ? ORDER BY at LIMIT ?)"
)

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
	err = s.write.do(ctx, false, func(t *txn) error {
		var n int
		var err error
		if d.Revision == 0 {
			n, err = t.exec("INSERT INTO drills (group_id, id, revision, due_at, at, outcome, body_sealed) VALUES (?,?,1,?,?,?,?) ON CONFLICT DO NOTHING", d.GroupID[:], d.ID[:], row.ToMicros(d.DueAt), row.ToMicros(d.At), d.Outcome(), body)
		} else {
			n, err = t.exec("UPDATE drills SET revision = revision + 1, due_at = ?, outcome = ?, body_sealed = ? WHERE group_id = ? AND id = ? AND revision = ?", row.ToMicros(d.DueAt), d.Outcome(), body, d.GroupID[:], d.ID[:], d.Revision)
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
	all, err := s.listDrills(ctx, "group_id = ? AND id = ?", group[:], id[:])
	return row.Only("drill", all, err)
}

// Drills lists the newest first.
func (s *Store) Drills(ctx context.Context, group, before gateway.ID, limit int) ([]gateway.Drill, error) {
	if before.IsZero() {
		before = highest
	}
	return s.listDrills(ctx, "group_id = ? AND id < ? ORDER BY id DESC LIMIT ?", group[:], before[:], limit)
}

// DueDrills lists what is due, from the index of what comes next.
func (s *Store) DueDrills(ctx context.Context, limit int) ([]gateway.Drill, error) {
	return s.listDrills(ctx, dueDrills, s.micros(), limit)
}

func (s *Store) listDrills(ctx context.Context, where string, args ...any) ([]gateway.Drill, error) {
	all := []gateway.Drill{}
	var bodies [][]byte
	err := s.reading(ctx, func(c *lite.Conn) error {
		return query(c, drillQuery+where, args, func(r *lite.Stmt) error {
			var d gateway.Drill
			var due int64
			var body []byte
			err := r.Scan(&d.GroupID, &d.ID, &d.Revision, &due, &body)
			d.DueAt = row.FromMicros(due)
			all, bodies = append(all, d), append(bodies, body)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return all, sealed.OpenDrills(all, bodies, func(group gateway.ID) (*seal.Group, error) { return s.groupKey(ctx, group) })
}

var _ gateway.Drills = (*Store)(nil)
