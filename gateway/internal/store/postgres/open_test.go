package postgres

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/servers"
	"github.com/carillon-gateway/carillon/gateway/internal/store"
)

// Migrations are paired by name, so that a ledger can be moved from one database to the other.
func TestMigrationsPairByName(t *testing.T) {
	names := func(dialect string) (all []string) {
		entries, err := fs.ReadDir(store.Migrations, "migrations/"+dialect)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			all = append(all, e.Name())
		}
		return all
	}
	if a, b := names("sqlite"), names("postgres"); !slices.Equal(a, b) {
		t.Errorf("sqlite has %v, postgres has %v", a, b)
	}
}

// Several processes that start at once make the tables once; behind a pooler too.
func TestManyOpenAtOnce(t *testing.T) {
	p := quick(t)
	pooler, err := shared.pooler()
	servers.Need(t, err)
	name := newDatabase(t, p)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			o := Options{URL: p.URL(name), Ring: newRing(t)}
			if i%2 == 1 {
				o.URL, o.Pooled = pooler.URL(name), true
			}
			s, err := Open(context.Background(), o)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			err = s.do(context.Background(), false, func(tx *txn) error {
				if tx.now == 0 || tx.money == 0 {
					t.Errorf("clock %d, revision %d", tx.now, tx.money)
				}
				_, err := tx.exec("INSERT INTO wordings (group_id, name, sources_sealed) VALUES ($1, $2, $3)", gateway.NewID(), "w", []byte{1})
				return err
			})
			if err != nil {
				t.Error(err)
			}
			var ids []gateway.ID
			if err := s.query(context.Background(), "SELECT group_id FROM wordings WHERE name = ANY($1)", []any{[]string{"w"}}, func(r pgx.Rows) error {
				var id gateway.ID
				err := r.Scan(&id)
				ids = append(ids, id)
				return err
			}); err != nil || len(ids) == 0 {
				t.Errorf("%v, read %v", err, ids)
			}
		})
	}
	all.Wait()
}

// Our types come back as they went.
func TestTypesGoThereAndBack(t *testing.T) {
	p := quick(t)
	s, err := Open(context.Background(), Options{URL: p.URL(newDatabase(t, p)), Ring: newRing(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	id, at := gateway.NewID(), time.UnixMicro(1_790_000_000_000_001).UTC()
	var gotID, none gateway.ID
	var gotAt, never time.Time
	err = s.query(context.Background(), "SELECT $1::uuid, NULL::uuid, $2::bigint, 0::bigint", []any{id, at}, func(r pgx.Rows) error {
		return r.Scan(&gotID, &none, &gotAt, &never)
	})
	if err != nil || gotID != id || !none.IsZero() || !gotAt.Equal(at) || !never.IsZero() {
		t.Errorf("%v: %v %v %v %v", err, gotID, none, gotAt, never)
	}
	n := 0
	err = s.query(context.Background(), "SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::integer[], $4::smallint[], $5::text[], $6::boolean[], $7::bytea[])",
		[]any{[]gateway.ID{id, id}, []int64{-1, 2}, []int32{-3, 4}, []int16{-5, 6}, []string{"", "ä"}, []bool{true, false}, [][]byte{nil, {1}}}, func(r pgx.Rows) error {
			var a gateway.ID
			var b, c, d int64
			var e string
			var f bool
			var g []byte
			if err := r.Scan(&a, &b, &c, &d, &e, &f, &g); err != nil {
				return err
			}
			if n == 0 && (a != id || b != -1 || c != -3 || d != -5 || e != "" || !f || g != nil) || n == 1 && (b != 2 || c != 4 || d != 6 || e != "ä" || f || len(g) != 1) {
				t.Errorf("row %d: %v %v %v %v %q %v %v", n, a, b, c, d, e, f, g)
			}
			n++
			return nil
		})
	if err != nil || n != 2 {
		t.Errorf("%v, %d rows", err, n)
	}
}

// A ledger that is not there says so in words that help; what ends in a conflict is carried out again.
func TestTroubleIsTold(t *testing.T) {
	ctx := context.Background()
	if _, err := Open(ctx, Options{URL: "postgres://nobody:secret@127.0.0.1:1/none", Ring: newRing(t)}); !errors.Is(err, &gateway.Fault{Code: gateway.CodeUnavailable}) {
		t.Errorf("no server: %v", err)
	}
	p := quick(t)
	s, err := Open(ctx, Options{URL: p.URL(newDatabase(t, p)), Ring: newRing(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	tries := 0
	err = s.do(ctx, true, func(tx *txn) error {
		tries++
		if tries < 3 {
			_, err := tx.exec("DO $$ BEGIN RAISE EXCEPTION 'a rehearsal' USING ERRCODE = '40P01'; END $$")
			return err
		}
		return nil
	})
	if err != nil || tries != 3 {
		t.Errorf("%v after %d tries", err, tries)
	}
	// A connection that died while nobody looked is replaced.
	tries = 0
	err = s.do(ctx, true, func(tx *txn) error {
		if tries++; tries == 1 {
			_, err := tx.exec("SELECT pg_terminate_backend(pg_backend_pid())")
			return err
		}
		return nil
	})
	if err != nil || tries != 2 {
		t.Errorf("%v after %d tries", err, tries)
	}
}
