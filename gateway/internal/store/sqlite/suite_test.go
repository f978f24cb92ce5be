package sqlite_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite"
	"github.com/carillon-gateway/carillon/gateway/internal/store/storetest"
)

func testRing(t testing.TB) *seal.Ring {
	ring, err := seal.NewRing(bytes.Repeat([]byte{7}, 32), seal.Key{ID: "k1", Secret: bytes.Repeat([]byte{9}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func TestSuite(t *testing.T) {
	ring := testRing(t)
	storetest.Run(t, func(t testing.TB, place string, now func() time.Time) store.Store {
		s, err := sqlite.Open(context.Background(), sqlite.Options{Dir: place, Ring: ring, Now: now, Country: storetest.Country})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}
