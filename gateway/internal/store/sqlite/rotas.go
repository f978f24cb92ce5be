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
	rotaQuery  = "SELECT " + row.RotaColumns + ", body_sealed FROM rotas "
	rotaByName = "WHERE group_id = ? AND name = ?"
	dueRotas   = "INDEXED BY rotas_due WHERE next_at > 0 AND next_at <= ? ORDER BY next_at LIMIT ?"
)

// PutRota makes a rota or writes it, with what is said.
func (s *Store) PutRota(ctx context.Context, r gateway.Rota, say gateway.RotaSayings) (gateway.Rota, error) {
	key, err := s.groupKey(ctx, r.GroupID)
	if err != nil {
		return r, err
	}
	fresh := r.ID.IsZero()
	if fresh {
		r.ID, r.Revision = gateway.NewID(), 0
	}
	body, err := sealed.Rota(key, &r)
	if err != nil {
		return r, err
	}
	words := make([][]byte, len(say.Sends))
	for i, send := range say.Sends {
		closed, err := s.sealReady(ctx, send)
		if err != nil {
			return r, err
		}
		words[i] = closed.Words
	}
	err = s.write.do(ctx, false, func(t *txn) error {
		if err := t.putRota(&r, fresh, body); err != nil {
			return err
		}
		for i, send := range say.Sends {
			if _, err := t.submit(&send.Broadcast, words[i], send.Fingerprint); err != nil {
				return err
			}
		}
		for _, n := range say.Notices {
			if err := t.putNotice(n); err != nil {
				return err
			}
		}
		return nil
	})
	r.Revision++
	return r, err
}

// putRota writes a rota if it stands where its revision says.
func (t *txn) putRota(r *gateway.Rota, fresh bool, body []byte) error {
	if !fresh {
		n, err := t.exec("UPDATE rotas SET revision = revision + 1, next_at = ?, body_sealed = ? WHERE group_id = ? AND id = ? AND revision = ?", row.ToMicros(r.Next), body, r.GroupID[:], r.ID[:], r.Revision)
		if err == nil && n == 0 {
			err = gateway.ErrStale
		}
		return err
	}
	n, taken := 0, false
	if err := t.query("SELECT name = ? FROM rotas WHERE group_id = ?", []any{r.Name, r.GroupID[:]}, func(q *lite.Stmt) error {
		n++
		taken = taken || q.ColInt(0) != 0
		return nil
	}); err != nil {
		return err
	}
	if err := row.CheckNewRota(r.Name, n, taken); err != nil {
		return err
	}
	_, err := t.exec("INSERT INTO rotas ("+row.RotaColumns+", body_sealed) VALUES (?,?,?,1,?,?)", r.GroupID[:], r.ID[:], r.Name, row.ToMicros(r.Next), body)
	return err
}

// Rota reads one by its name.
func (s *Store) Rota(ctx context.Context, group gateway.ID, name string) (gateway.Rota, error) {
	all, err := s.listRotas(ctx, rotaByName, group[:], name)
	return row.Only("rota", all, err)
}

// Rotas lists a group's.
func (s *Store) Rotas(ctx context.Context, group gateway.ID) ([]gateway.Rota, error) {
	return s.listRotas(ctx, "WHERE group_id = ? ORDER BY name", group[:])
}

// DueRotas lists those that are to be looked at.
func (s *Store) DueRotas(ctx context.Context, limit int) ([]gateway.Rota, error) {
	return s.listRotas(ctx, dueRotas, s.micros(), limit)
}

func (s *Store) listRotas(ctx context.Context, where string, args ...any) ([]gateway.Rota, error) {
	all := []gateway.Rota{}
	var bodies [][]byte
	err := s.reading(ctx, func(c *lite.Conn) error {
		return query(c, rotaQuery+where, args, func(q *lite.Stmt) error {
			var one gateway.Rota
			var body []byte
			var next int64
			err := q.Scan(append(row.RotaInto(&one, &next), &body)...)
			one.Next = row.FromMicros(next)
			all, bodies = append(all, one), append(bodies, body)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return all, sealed.OpenRotas(all, bodies, func(group gateway.ID) (*seal.Group, error) { return s.groupKey(ctx, group) })
}

// DeleteRota deletes one, and the feeds of it.
func (s *Store) DeleteRota(ctx context.Context, group, id gateway.ID) error {
	err := s.write.do(ctx, true, func(t *txn) error {
		n, err := t.exec("DELETE FROM rotas WHERE group_id = ? AND id = ?", group[:], id[:])
		if err != nil || n == 0 {
			return orMissing(err, "rota")
		}
		_, err = t.exec("DELETE FROM feeds WHERE group_id = ? AND rota_id = ?", group[:], id[:])
		return err
	})
	if err == nil {
		s.leftTraces()
	}
	return err
}

var _ gateway.RotaBook = (*Store)(nil)
