package sqlite

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"strings"
	"sync"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// halves splits an identifier: the first half is the key of its row.
func halves(id gateway.ID) (no, tail int64) {
	return int64(binary.BigEndian.Uint64(id[:8])), int64(binary.BigEndian.Uint64(id[8:]))
}

func joined(no, tail int64) (id gateway.ID) {
	binary.BigEndian.PutUint64(id[:8], uint64(no))
	binary.BigEndian.PutUint64(id[8:], uint64(tail))
	return id
}

func fromJSON(text string, into any) error { return json.Unmarshal([]byte(text), into) }

// batchSizes are the row counts for which statements over many rows are prepared, largest first.
var batchSizes = [...]int{64, 16, 4, 1}

// inBatches calls do for runs [lo, hi) whose lengths are of batchSizes only, so that the statements can be kept.
func inBatches(n int, do func(lo, hi int) error) error {
	for lo := 0; lo < n; {
		for _, size := range batchSizes {
			if n-lo >= size {
				if err := do(lo, lo+size); err != nil {
					return err
				}
				lo += size
				break
			}
		}
	}
	return nil
}

// repeated gives, for each of batchSizes, a statement whose row part stands that many times.
func repeated(head, row, tail string) map[int]string {
	all := make(map[int]string, len(batchSizes))
	for _, n := range batchSizes {
		all[n] = head + strings.TrimSuffix(strings.Repeat(row+",", n), ",") + tail
	}
	return all
}

// query runs a statement whose text is one of a bounded number, and calls scan for each row.
func query(c *lite.Conn, text string, args []any, scan func(*lite.Stmt) error) error {
	return each(c.Prepare(text).Bind(args...), scan)
}

// queryOnce is query for texts that vary with what is asked.
func queryOnce(c *lite.Conn, text string, args []any, scan func(*lite.Stmt) error) error {
	s := c.Once(text)
	defer s.Free()
	return each(s.Bind(args...), scan)
}

func each(s *lite.Stmt, scan func(*lite.Stmt) error) error {
	for s.Step() {
		if err := scan(s); err != nil {
			_ = s.Reset()
			return err
		}
	}
	return s.Reset()
}

// list reads all rows; columns names where the columns of one go.
func list[T any](ctx context.Context, s *Store, text string, args []any, columns func(*T) []any) ([]T, error) {
	all := []T{}
	err := s.reading(ctx, func(c *lite.Conn) error {
		return query(c, text, args, func(r *lite.Stmt) error {
			var one T
			err := r.Scan(columns(&one)...)
			all = append(all, one)
			return err
		})
	})
	return all, err
}

// one reads the only row; none is CodeNotFound.
func (s *Store) one(ctx context.Context, what, text string, args []any, into ...any) error {
	found := false
	err := s.reading(ctx, func(c *lite.Conn) error {
		return query(c, text, args, func(r *lite.Stmt) error {
			found = true
			return r.Scan(into...)
		})
	})
	if err == nil && !found {
		return row.Missing(what)
	}
	return err
}

// names translates between the identifiers of a table and the numbers that stand for them in other tables.
type names struct {
	table string
	mu    sync.RWMutex
	nos   map[gateway.ID]int64
	ids   map[int64]gateway.ID
}

func newNames(table string) *names {
	return &names{table: table, nos: map[gateway.ID]int64{}, ids: map[int64]gateway.ID{}}
}

// no gives the number of an identifier; 0 if there is none.
func (n *names) no(c *lite.Conn, id gateway.ID) (no int64, err error) {
	if id.IsZero() {
		return 0, nil
	}
	n.mu.RLock()
	no = n.nos[id]
	n.mu.RUnlock()
	if no != 0 {
		return no, nil
	}
	err = query(c, "SELECT no FROM "+n.table+" WHERE id = ?", []any{id}, func(r *lite.Stmt) error { return r.Scan(&no) })
	n.keep(no, id)
	return no, err
}

// id gives the identifier of a number; zero for 0.
func (n *names) id(c *lite.Conn, no int64) (id gateway.ID, err error) {
	if no == 0 {
		return id, nil
	}
	n.mu.RLock()
	id = n.ids[no]
	n.mu.RUnlock()
	if !id.IsZero() {
		return id, nil
	}
	err = query(c, "SELECT id FROM "+n.table+" WHERE no = ?", []any{no}, func(r *lite.Stmt) error { return r.Scan(&id) })
	n.keep(no, id)
	return id, err
}

func (n *names) keep(no int64, id gateway.ID) {
	if no == 0 || id.IsZero() {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.nos) >= 1<<14 {
		clear(n.nos)
		clear(n.ids)
	}
	n.nos[id], n.ids[no] = no, id
}
