package app

import (
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite"
)

// A gateway whose address is taken says so, and lets its data folder go.
func TestServeWhereTheAddressIsTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "carillon.yaml")
	text := fmt.Sprintf("listen: %s\ndata: %s\nkeys: [{id: one, secret: {env: KEY}}]\nindex_key: {env: KEY}\n", taken.Addr(), dir)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	key := fmt.Sprintf("%x", []byte(rand.Text()+rand.Text()[:6]))
	lookup := func(name string) (string, bool) { return key, name == "KEY" }
	if err := Serve(t.Context(), Serving{File: file, Lookup: lookup, Log: io.Discard}); err == nil || !strings.Contains(err.Error(), "change listen") {
		t.Fatalf("%v", err)
	}
	settings, err := config.Load(file, lookup, nil)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := keyRing(settings)
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := sqlite.Open(t.Context(), sqlite.Options{Dir: dir, Ring: ring})
	if err != nil {
		t.Fatalf("the data folder is still held: %v", err)
	}
	if err := ledger.Close(); err != nil {
		t.Error(err)
	}
}
