package sqlite

import (
	"bytes"
	"context"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store"
	"github.com/carillon-gateway/carillon/gateway/internal/store/blank"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
	"github.com/carillon-gateway/carillon/gateway/internal/store/storetest"
)

// big are the tables with a row for each member or message. No statement may read one from end to end.
var big = []string{"members", "contact_points", "consents", "suppressions", "suppressions_everywhere", "import_changes", "broadcasts", "renderings", "schedules", "occurrences", "editions", "deliveries", "attempts", "refs", "inbounds", "inbound_members", "requests", "invitations", "enrolments"}

// The suite runs every statement of the ledger; none of them may scan a big table.
func TestSuite(t *testing.T) {
	ring, err := seal.NewRing(bytes.Repeat([]byte{7}, 32), seal.Key{ID: "k1", Secret: bytes.Repeat([]byte{9}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	texts := &statements{all: map[string]bool{}}
	storetest.Run(t, func(t testing.TB, place string, now func() time.Time) store.Store {
		blank.Fill(t, place)
		s, err := Open(context.Background(), Options{Dir: place, Ring: ring, Now: now, Country: storetest.Country})
		if err != nil {
			t.Fatal(err)
		}
		return watched{s, texts}
	})
	conn := newHall(t).raw()
	all := slices.Sorted(maps.Keys(texts.all))
	if len(all) < 80 {
		t.Errorf("the suite ran %d statements only", len(all))
	}
	for _, text := range all {
		if verb, _, _ := strings.Cut(text, " "); !slices.Contains([]string{"SELECT", "INSERT", "UPDATE", "DELETE"}, verb) {
			continue
		}
		steps, err := explain(conn, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		for _, step := range steps {
			for _, table := range big {
				if scans(text, step, table) {
					t.Errorf("%s\nreads all of %s: %s", strings.Join(strings.Fields(text), " "), table, step)
				}
			}
		}
	}
}

// scans says whether a step of a plan reads a whole table, or all of a group in it; the statement may call the table by
// a letter.
func scans(text, step, table string) bool {
	if strings.HasSuffix(step, "INDEX deliveries_capped") || strings.Contains(step, "INDEX deliveries_capped (") {
		return false // it holds nothing but what waits for a cap
	}
	name, whole := strings.CutPrefix(step, "SCAN ")
	if !whole {
		var found bool
		if name, found = strings.CutPrefix(step, "SEARCH "); !found || !strings.Contains(step, "(group_id=?)") && !strings.Contains(step, "(group_no=?)") {
			return false
		}
	}
	name, _, _ = strings.Cut(name, " ")
	return name == table || len(name) == 1 && strings.Contains(text, " "+table+" "+name)
}

// explain is how SQLite carries out a statement, step by step.
func explain(c *lite.Conn, text string) (steps []string, err error) {
	explain := c.Once("EXPLAIN QUERY PLAN " + text)
	defer explain.Free()
	for i := range reflect.ValueOf(explain).Elem().FieldByName("params").Int() {
		explain.Null(int(i) + 1)
	}
	err = each(explain, func(r *lite.Stmt) error { steps = append(steps, r.ColText(3)); return nil })
	return steps, err
}

// raw opens a connection of the test's own.
func (h *hall) raw() *lite.Conn {
	h.t.Helper()
	c, err := lite.Open(filepath.Join(h.dir, "carillon.db"), pragmas(readerCache)...)
	h.ok(err)
	h.t.Cleanup(func() { h.ok(c.Close()) })
	return c
}

// statements gathers what ledgers ran.
type statements struct {
	mu  sync.Mutex
	all map[string]bool
}

// watched notes its statements when it is closed.
type watched struct {
	*Store
	texts *statements
}

func (w watched) Close() error {
	w.write.once.Do(func() { close(w.write.stop) })
	<-w.write.done
	w.texts.add(w.write.conn)
	for range readerCount {
		c := <-w.read.idle
		w.texts.add(c)
		w.read.idle <- c
	}
	return w.Store.Close()
}

func (s *statements) add(c *lite.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range reflect.ValueOf(c).Elem().FieldByName("stmts").MapKeys() {
		s.all[key.String()] = true
	}
}
