package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
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
	err = s.do(ctx, false, func(t *txn) error {
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

// putRota writes a rota if it stands where its revision says. Whoever does so has it to himself until the transaction ends.
func (t *txn) putRota(r *gateway.Rota, fresh bool, body []byte) error {
	if !fresh {
		n, err := t.exec("UPDATE rotas SET revision = revision + 1, next_at = $1, body_sealed = $2 WHERE group_id = $3 AND id = $4 AND revision = $5", r.Next, body, r.GroupID, r.ID, r.Revision)
		if err == nil && n == 0 {
			err = gateway.ErrStale
		}
		return err
	}
	n, taken := 0, false
	if err := t.query("SELECT count(*), coalesce(bool_or(name = $1), false) FROM rotas WHERE group_id = $2", []any{r.Name, r.GroupID}, func(q pgx.Rows) error { return q.Scan(&n, &taken) }); err != nil {
		return err
	}
	if err := row.CheckNewRota(r.Name, n, taken); err != nil {
		return err
	}
	added, err := t.exec("INSERT INTO rotas ("+row.RotaColumns+", body_sealed) VALUES ($1,$2,$3,1,$4,$5) ON CONFLICT (group_id, name) DO NOTHING", r.GroupID, r.ID, r.Name, r.Next, body)
	if err == nil && added == 0 { // another process made it meanwhile
		err = row.CheckNewRota(r.Name, n, true)
	}
	return err
}

// Rota reads one by its name.
func (s *Store) Rota(ctx context.Context, group gateway.ID, name string) (gateway.Rota, error) {
	all, err := s.listRotas(ctx, "group_id = $1 AND name = $2", group, name)
	return row.Only("rota", all, err)
}

// Rotas lists a group's.
func (s *Store) Rotas(ctx context.Context, group gateway.ID) ([]gateway.Rota, error) {
	return s.listRotas(ctx, "group_id = $1 ORDER BY name", group)
}

var dueRotas = "next_at > 0 AND next_at <= " + nowSQL("$1") + " ORDER BY next_at LIMIT $2"

// DueRotas lists those that are to be looked at.
func (s *Store) DueRotas(ctx context.Context, limit int) ([]gateway.Rota, error) {
	return s.listRotas(ctx, dueRotas, s.fixed(), limit)
}

func (s *Store) listRotas(ctx context.Context, where string, args ...any) ([]gateway.Rota, error) {
	all := []gateway.Rota{}
	var bodies [][]byte
	err := s.query(ctx, "SELECT "+row.RotaColumns+", body_sealed FROM rotas WHERE "+where, args, func(q pgx.Rows) error {
		var one gateway.Rota
		var body []byte
		err := q.Scan(append(row.RotaInto(&one, &one.Next), &body)...)
		all, bodies = append(all, one), append(bodies, body)
		return err
	})
	if err != nil {
		return nil, err
	}
	return all, sealed.OpenRotas(all, bodies, func(group gateway.ID) (*seal.Group, error) { return s.groupKey(ctx, group) })
}

// DeleteRota deletes one, and the feeds of it.
func (s *Store) DeleteRota(ctx context.Context, group, id gateway.ID) error {
	return s.do(ctx, true, func(t *txn) error {
		n, err := t.exec("DELETE FROM rotas WHERE group_id = $1 AND id = $2", group, id)
		if err != nil || n == 0 {
			return orMissing(err, "rota")
		}
		_, err = t.exec("DELETE FROM feeds WHERE group_id = $1 AND rota_id = $2", group, id)
		return err
	})
}

var _ gateway.RotaBook = (*Store)(nil)
