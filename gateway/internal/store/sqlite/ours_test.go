package sqlite

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
)

// TestNobodyElseReadsTheFiles: a data folder that others can look into, as the mount of a volume often is. The ledger, its journal and
// what else lies there are readable by the gateway's own user only.
func TestNobodyElseReadsTheFiles(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	defer syscall.Umask(syscall.Umask(0o022)) // as where somebody has made it narrower, SQLite would do it right
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	ring, err := seal.NewRing(bytes.Repeat([]byte{7}, 32), seal.Key{ID: "k1", Secret: bytes.Repeat([]byte{9}, 32)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(ctx, Options{Dir: dir, Ring: ring})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.PutGroup(ctx, gateway.Group{Slug: "harbour", Name: "Harbour", Locale: "en", Zone: "UTC"}); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if others := info.Mode().Perm() & 0o077; others != 0 {
			t.Errorf("%s has the mode %v", filepath.Base(f), info.Mode().Perm())
		}
	}
}
