package move_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/servers"
	"github.com/carillon-gateway/carillon/gateway/internal/store"
	"github.com/carillon-gateway/carillon/gateway/internal/store/blank"
	"github.com/carillon-gateway/carillon/gateway/internal/store/move"
	"github.com/carillon-gateway/carillon/gateway/internal/store/postgres"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite"
	"github.com/carillon-gateway/carillon/gateway/internal/store/storetest"
)

// server is one PostgreSQL for all tests, started when it is first needed and ended behind them.
var server func() (*servers.Postgres, error)

func TestMain(m *testing.M) {
	end := func() {}
	server = sync.OnceValues(func() (*servers.Postgres, error) {
		p, err := servers.StartPostgres(context.Background(), servers.PostgresOptions{Unsafe: true})
		if err == nil {
			end = p.Close
		}
		return p, err
	})
	code := m.Run()
	end()
	os.Exit(code)
}

func ring(t testing.TB) *seal.Ring {
	t.Helper()
	r, err := seal.NewRing(bytes.Repeat([]byte{7}, 32), seal.Key{ID: "k1", Secret: bytes.Repeat([]byte{9}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// database makes an empty one, and gives its server and name.
func database(t testing.TB) (*servers.Postgres, string) {
	t.Helper()
	p, err := server()
	servers.Need(t, err)
	name, err := p.NewDatabase(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return p, name
}

func address(t testing.TB) string {
	t.Helper()
	p, name := database(t)
	return p.URL(name)
}

// moving is a ledger that is moved before it is closed.
type moving struct {
	*sqlite.Store
	move func(*sqlite.Store) error
}

// Close moves first.
func (m *moving) Close() error {
	return errors.Join(m.move(m.Store), m.Store.Close())
}

// Every ledger that a story of the suite has left is moved, and is the same afterwards. Together they leave a row in every
// table that anything writes to.
func TestEveryStoryMoves(t *testing.T) {
	ctx := context.Background()
	p, name := database(t)
	rows := map[string]int64{}
	moved := func(s *sqlite.Store) error {
		to, err := postgres.Load(ctx, postgres.Options{URL: p.URL(name), Ring: ring(t)}, false)
		if err != nil {
			return err
		}
		tables, err := move.Copy(ctx, s, to, nil)
		for _, table := range tables {
			rows[table.Table] += table.Rows
		}
		return errors.Join(err, to.Close(), p.EmptyDatabase(ctx, name, "revisions", "goose_db_version"))
	}
	storetest.Run(t, func(t testing.TB, place string, now func() time.Time) store.Store {
		blank.Fill(t, place)
		s, err := sqlite.Open(ctx, sqlite.Options{Dir: place, Ring: ring(t), Now: now, Country: storetest.Country, Moving: true}) // stories open again what they closed
		if err != nil {
			t.Fatal(err)
		}
		return &moving{s, moved}
	})
	for _, table := range move.Tables {
		if rows[table.Name] == 0 && table.Name != "suppressions_everywhere" { // nothing writes to it yet
			t.Errorf("no story leaves a row in %s", table.Name)
		}
	}
}

// The list names every column that the target has, but for what only the target's own processes need.
func TestNothingIsForgotten(t *testing.T) {
	ctx := context.Background()
	url := address(t)
	to, err := postgres.Load(ctx, postgres.Options{URL: url, Ring: ring(t)}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, "SELECT table_name::text, column_name::text FROM information_schema.columns WHERE table_schema = current_schema()")
	if err != nil {
		t.Fatal(err)
	}
	have := map[string][]string{}
	var table, column string
	if _, err := pgx.ForEachRow(rows, []any{&table, &column}, func() error {
		have[table] = append(have[table], column)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	own := []string{"goose_db_version", "moves", "revisions", "duties", "marks", "findings", "answered", "instance"}
	for table, columns := range have {
		i := slices.IndexFunc(move.Tables, func(t move.Table) bool { return t.Name == table })
		if i < 0 {
			if !slices.Contains(own, table) {
				t.Errorf("%s is not moved", table)
			}
			continue
		}
		for _, column := range columns {
			if !slices.ContainsFunc(move.Tables[i].Columns, func(c move.Column) bool { return c.Name == column }) && !slices.Contains([]string{"incidents.no", "imports.lease_until"}, table+"."+column) {
				t.Errorf("%s.%s is not moved", table, column)
			}
		}
	}
}

var errCut = errors.New("cut")

// cut is a target that fails after so many chunks.
type cut struct {
	move.Target
	after int
}

func (c *cut) Write(ctx context.Context, t *move.Table, rows []move.Row, p move.Progress) error {
	if c.after--; c.after < 0 {
		return errCut
	}
	return c.Target.Write(ctx, t, rows, p)
}

// A move that was interrupted at any chunk goes on there; until it is whole, nobody opens the ledger; and a ledger is
// never moved into another.
func TestInterrupted(t *testing.T) {
	ctx := t.Context()
	from := many{rows: 3*move.Chunk + 7}
	url := address(t)
	options := postgres.Options{URL: url, Ring: ring(t)}
	chunks := 0
	for {
		to, err := postgres.Load(ctx, options, false)
		if err != nil {
			t.Fatal(err)
		}
		_, err = move.Copy(ctx, from, &cut{to, 1}, nil)
		if closed := to.Close(); closed != nil {
			t.Fatal(closed)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, errCut) {
			t.Fatal(err)
		}
		if _, err := postgres.Open(ctx, options); err == nil {
			t.Fatal("a ledger that is being moved was opened")
		}
		chunks++
	}
	if want := len(move.Tables) + 2; chunks < want {
		t.Errorf("the move was interrupted %d times, want at least %d", chunks, want)
	}
	s, err := postgres.Open(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.Load(ctx, options, true); err == nil {
		t.Fatal("a ledger was moved into another")
	}
}

// A source that was used between two runs is found out, and can be moved again from its beginning.
func TestChangedMeanwhile(t *testing.T) {
	ctx := t.Context()
	options := postgres.Options{URL: address(t), Ring: ring(t)}
	to, err := postgres.Load(ctx, options, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := move.Copy(ctx, many{rows: move.Chunk + 1}, &cut{to, 4}, nil); !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	if _, err := move.Copy(ctx, many{rows: move.Chunk + 1, granted: true}, to, nil); !errors.Is(err, move.ErrDiffers) {
		t.Fatalf("want %v, got %v", move.ErrDiffers, err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	if to, err = postgres.Load(ctx, options, true); err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if _, err := move.Copy(ctx, many{rows: move.Chunk + 1, granted: true}, to, nil); err != nil {
		t.Fatal(err)
	}
}

// unended is a target that fails at the end.
type unended struct{ move.Target }

func (unended) Finish(context.Context) error { return errCut }

// A move that is interrupted between its last two steps leaves no moment in which both ledgers can be opened. It goes on
// into the same database, and into no other.
func TestInterruptedAtItsEnd(t *testing.T) {
	ctx := t.Context()
	place := sqlite.Options{Dir: blank.Folder(t), Ring: ring(t)}
	here := func() *sqlite.Store {
		t.Helper()
		o := place
		o.Moving = true
		s, err := sqlite.Open(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	there := postgres.Options{URL: address(t), Ring: ring(t)}
	from := here()
	if _, err := from.PutGroup(ctx, gateway.Group{Slug: "harbour", Name: "The harbour", Locale: "en", Zone: "UTC", Region: "DE"}); err != nil {
		t.Fatal(err)
	}
	to, err := postgres.Load(ctx, there, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := move.Copy(ctx, from, unended{to}, nil); !errors.Is(err, errCut) {
		t.Fatal(err)
	}
	if err := errors.Join(to.Close(), from.Close()); err != nil {
		t.Fatal(err)
	}
	conflict := &gateway.Fault{Code: gateway.CodeConflict}
	if _, err := sqlite.Open(ctx, place); !errors.Is(err, conflict) {
		t.Errorf("the ledger that is left: %v", err)
	}
	if _, err := postgres.Open(ctx, there); !errors.Is(err, conflict) {
		t.Errorf("the ledger that is not whole: %v", err)
	}
	if from = here(); !from.Left() {
		t.Error("the ledger does not know that it was left")
	}
	if _, err := postgres.Resume(ctx, postgres.Options{URL: address(t), Ring: ring(t)}, false); !errors.Is(err, conflict) {
		t.Errorf("another database: %v", err)
	}
	if to, err = postgres.Resume(ctx, there, false); err != nil {
		t.Fatal(err)
	}
	if _, err := move.Copy(ctx, from, to, nil); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(to.Close(), from.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.Resume(ctx, there, true); !errors.Is(err, conflict) {
		t.Errorf("a ledger that is whole: %v", err)
	}
	s, err := postgres.Open(ctx, there)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// A database on which a process of a gateway is alive is not filled, even if it holds no ledger yet.
func TestAliveThere(t *testing.T) {
	ctx := t.Context()
	options := postgres.Options{URL: address(t), Ring: ring(t)}
	s, err := postgres.Open(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Hold(ctx, "process/sender/1", gateway.NewID(), time.Minute); err != nil {
		t.Fatal(err)
	}
	if _, err := postgres.Load(ctx, options, false); !errors.Is(err, &gateway.Fault{Code: gateway.CodeConflict}) {
		t.Errorf("a ledger is moved under a process that is alive: %v", err)
	}
}

// many is a source with so many consents and nothing else.
type many struct {
	rows    int
	granted bool
}

func (m many) Count(_ context.Context, t *move.Table) (int64, error) {
	if t.Name != "consents" {
		return 0, nil
	}
	return int64(m.rows), nil
}

func (many) MoveAway() error { return nil }

func (m many) Rows(_ context.Context, t *move.Table, behind move.Key, each func(func() move.Key, move.Row) error) error {
	if t.Name != "consents" {
		return nil
	}
	first := int64(0)
	if behind != nil {
		first = behind[0].(int64) + 1
	}
	for i := first; i < int64(m.rows); i++ {
		row := move.Row{[16]byte{1}, [16]byte{2}, [16]byte{3, byte(i >> 16), byte(i >> 8), byte(i)}, [16]byte{4}, "reports", m.granted, "v1", "en", i, nil, "import"}
		if len(row) != len(t.Columns) {
			return errors.New("the columns of consents have changed")
		}
		if err := each(func() move.Key { return move.Key{i, "text", []byte{0, 255}} }, row); err != nil {
			return err
		}
	}
	return nil
}

// A key is the same after it was written down and read.
func TestKeys(t *testing.T) {
	key := move.Key{int64(-5), "a b", "", []byte{0, 1}, []byte{}}
	got, err := move.ParseKey(key.String())
	if err != nil || got.String() != key.String() || len(got) != len(key) || !slices.Equal(got[3].([]byte), key[3].([]byte)) {
		t.Fatalf("%v %v became %v", err, key, got)
	}
	for _, bad := range []string{"x1", "i", "b!", "ione"} {
		if _, err := move.ParseKey(bad); err == nil {
			t.Errorf("%q was read as a key", bad)
		}
	}
}

// An import that was open when its ledger was moved is undone there, and what it had staged is nobody's.
func TestAnOpenImportMoves(t *testing.T) {
	ctx := t.Context()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	from, err := sqlite.Open(ctx, sqlite.Options{Dir: blank.Folder(t), Ring: ring(t)})
	ok(err)
	defer from.Close()
	group, err := from.PutGroup(ctx, gateway.Group{Slug: "harbour", Name: "The harbour", Locale: "en", Zone: "UTC", Region: "DE", Topics: []gateway.Topic{{Name: "reports", Title: "Reports"}}})
	ok(err)
	stage := func(s store.Store, publish bool) {
		t.Helper()
		id, point := gateway.NewID(), gateway.NewID()
		ok(s.BeginImport(ctx, gateway.Import{ID: id, GroupID: group.ID, Author: "the office", At: time.Now()}))
		_, err := s.Stage(ctx, group.ID, id, []gateway.StagedMember{{Line: 1, Member: gateway.Member{Locale: "en", Zone: "UTC", Points: []gateway.ContactPoint{{ID: point, Kind: "sms", Address: "+15550000001", State: gateway.PointActive, Topics: []string{"reports"}}}},
			Consents: []gateway.Consent{{PointID: point, Topic: "reports", Granted: true, Wording: "v1", Locale: "en", At: time.Now(), Proof: "paper", Source: "import"}}}})
		ok(err)
		if publish {
			ok(s.Publish(ctx, group.ID, id))
		}
	}
	stage(from, false)
	options := postgres.Options{URL: address(t), Ring: ring(t)}
	to, err := postgres.Load(ctx, options, false)
	ok(err)
	_, err = move.Copy(ctx, from, to, nil)
	ok(err)
	ok(to.Close())
	s, err := postgres.Open(ctx, options)
	ok(err)
	defer s.Close()
	count := func(want int) {
		t.Helper()
		found, err := s.Recipients(ctx, group.ID, gateway.Audience{Topic: "reports"}, gateway.ID{}, 10)
		if err != nil || len(found) != want {
			t.Errorf("%d members, want %d; %v", len(found), want, err)
		}
	}
	count(0)
	ok(s.FinishImports(ctx))
	count(0)
	stage(s, true)
	count(1)
}
