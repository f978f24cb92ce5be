// Package blank gives tests data folders with an empty ledger in SQLite. Its tables are made once in a process: with race
// detection that takes as long as dozens of tests do.
package blank

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	_ "modernc.org/sqlite" // the driver

	"github.com/carillon-gateway/carillon/gateway/internal/store"
)

const name = "carillon.db" // as the ledger names it

// Folder makes a folder of the test's own that holds an empty ledger. It is safe for concurrent use.
func Folder(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	Fill(t, dir)
	return dir
}

// Fill puts an empty ledger into a folder, unless one is there.
func Fill(t testing.TB, dir string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err == nil {
		return
	}
	ledger, err := made()
	if err == nil {
		err = os.WriteFile(path, ledger, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// made is the ledger's file.
var made = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "carillon-blank-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for an empty ledger: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, name)
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(off)&_pragma=synchronous(off)&_txlock=immediate")
	if err != nil {
		return nil, fmt.Errorf("making an empty ledger: %w", err)
	}
	db.SetMaxOpenConns(1)
	if err := errors.Join(store.Migrate(context.Background(), db, "sqlite"), db.Close()); err != nil {
		return nil, fmt.Errorf("making the tables of an empty ledger: %w", err)
	}
	return os.ReadFile(path)
})
