package move_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/blank"
	"github.com/carillon-gateway/carillon/gateway/internal/store/move"
	"github.com/carillon-gateway/carillon/gateway/internal/store/postgres"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite"
)

// A ledger is opened with its own keys only, here and where it was moved to: whoever makes new ones for the other profile, or has
// two processes with different ones, is told so at the start, and by doctor.
func TestKeysOfAnotherInstance(t *testing.T) {
	ctx := t.Context()
	made := func(index byte, keys ...seal.Key) *seal.Ring {
		r, err := seal.NewRing(bytes.Repeat([]byte{index}, 32), keys...)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	key := func(id string, secret byte) seal.Key {
		return seal.Key{ID: id, Secret: bytes.Repeat([]byte{secret}, 32)}
	}
	dir, url := blank.Folder(t), address(t)
	from, err := sqlite.Open(ctx, sqlite.Options{Dir: dir, Ring: ring(t)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := from.PutGroup(ctx, gateway.Group{Slug: "harbour", Name: "The harbour", Locale: "en", Zone: "UTC", Region: "DE"}); err != nil {
		t.Fatal(err)
	}
	to, err := postgres.Load(ctx, postgres.Options{URL: url, Ring: ring(t)}, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := move.Copy(ctx, from, to, nil); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(to.Close(), from.Close()); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		ring *seal.Ring
		want string // nothing: it is opened
	}{
		"its own":               {ring(t), ""},
		"a new one before them": {made(7, key("k2", 1), key("k1", 9)), ""},
		"another secret":        {made(7, key("k1", 8)), `the key "k1" of the operator's file is not the one`},
		"another name":          {made(7, key("k2", 9)), `the key "k1", which is not among the keys`},
		"another index key":     {made(6, key("k1", 9)), "index_key in the operator's file is not the one"},
	} {
		said := func(where string, err error) {
			t.Helper()
			switch {
			case c.want == "" && err != nil:
				t.Errorf("%s, %s: %v", where, name, err)
			case c.want != "" && (!errors.Is(err, &gateway.Fault{Code: gateway.CodeInvalid}) || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%s, %s: %v", where, name, err)
			}
		}
		here, err := sqlite.Open(ctx, sqlite.Options{Dir: dir, Ring: c.ring, Moving: true})
		if err == nil {
			err = here.Close()
		}
		said("here", err)
		there, err := postgres.Open(ctx, postgres.Options{URL: url, Ring: c.ring})
		if err == nil {
			err = there.Close()
		}
		said("there", err)
		report, err := postgres.Examine(ctx, postgres.Options{URL: url, Ring: c.ring})
		if err != nil {
			t.Fatal(err)
		}
		said("doctor", report.Keys)
	}

	// A ledger of a release before has no mark. Whoever comes first with other keys is refused, and does not put his in the place of
	// those that are right.
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(ctx, "DELETE FROM instance"); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if s, err := postgres.Open(ctx, postgres.Options{URL: url, Ring: made(6, key("k1", 8))}); err == nil {
		_ = s.Close()
		t.Error("other keys open a ledger without a mark")
	}
	there, err := postgres.Open(ctx, postgres.Options{URL: url, Ring: ring(t)})
	if err != nil {
		t.Fatal(err)
	}
	if err := there.Close(); err != nil {
		t.Fatal(err)
	}
}
