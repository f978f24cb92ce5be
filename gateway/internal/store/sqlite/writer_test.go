package sqlite

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// together has operations carried out in one transaction, in their order, and gives the error of each.
func (h *hall) together(ops ...func(*txn) error) []error {
	h.t.Helper()
	errs := make([]error, len(ops))
	entered, full := make(chan struct{}), make(chan struct{})
	var once sync.Once
	var all sync.WaitGroup
	all.Go(func() {
		if err := h.s.write.do(h.ctx, true, func(*txn) error {
			once.Do(func() { close(entered); <-full })
			return nil
		}); err != nil {
			h.t.Error(err)
		}
	})
	<-entered
	for i, run := range ops {
		all.Go(func() { errs[i] = h.s.write.do(h.ctx, true, run) })
		for len(h.s.write.urgent) <= i {
			runtime.Gosched()
		}
	}
	close(full)
	all.Wait()
	return errs
}

// An operation fails in the middle of others. Whatever it did before, nothing of it stays, and the others are done once.
func TestOneThatFailsSpoilsNothingForTheOthers(t *testing.T) {
	errBad := errors.New("bad")
	for name, fails := range map[string]func(*txn) error{
		"before it did anything": func(*txn) error { return errBad },
		"after it wrote": func(t *txn) error {
			_, err := t.exec("INSERT INTO probe (v) VALUES (0)")
			return errors.Join(err, errBad)
		},
		"after it counted, with nothing written": func(t *txn) error {
			t.tally(1, 1, 1, "sending", "", 100)
			return errBad
		},
		"by a panic after it counted": func(t *txn) error {
			t.tally(1, 1, 1, "sending", "", 100)
			panic(errBad)
		},
		"because the disk failed, which ends the transaction": func(t *txn) error {
			return errors.Join(t.Prepare("ROLLBACK").Run(), errBad)
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHall(t)
			h.ok(h.s.write.do(h.ctx, true, func(t *txn) error {
				_, err := t.exec("CREATE TABLE probe (v)")
				return err
			}))
			good := func(v int) func(*txn) error {
				return func(t *txn) error {
					t.tally(1, 1, 1, "sending", "", 1)
					_, err := t.exec("INSERT INTO probe (v) VALUES (?)", v)
					return err
				}
			}
			errs := h.together(good(1), fails, good(3))
			if errs[0] != nil || errs[1] == nil || errs[2] != nil {
				t.Fatalf("answers: %v", errs)
			}
			c := h.raw()
			var got []int64
			h.ok(query(c, "SELECT v FROM probe ORDER BY v", nil, func(r *lite.Stmt) error { got = append(got, r.ColInt(0)); return nil }))
			if len(got) != 2 || got[0] != 1 || got[1] != 3 {
				t.Errorf("rows %v, want 1 and 3 once each", got)
			}
			var n int64
			h.ok(query(c, "SELECT n FROM tallies", nil, func(r *lite.Stmt) error { n = r.ColInt(0); return nil }))
			if n != 2 {
				t.Errorf("%d are counted, want 2", n)
			}
		})
	}
}

// The journal cannot be looked at while bulk work is held back: that is not for ever, for nobody else may commit.
func TestAJournalThatCannotBeReadHoldsNobody(t *testing.T) {
	h := newHall(t)
	conn := h.raw()
	h.ok(conn.Exec("BEGIN"))
	h.ok(conn.Exec("SELECT COUNT(*) FROM members")) // within a transaction a look at the journal is refused
	c := &checkpointer{wake: make(chan struct{}, 1), copied: make(chan struct{}, 1), scrubs: make(chan chan struct{}, 1), holdFrom: holdAt, again: time.NewTimer(time.Hour)}
	done := make(chan struct{})
	c.take(done, conn)
	if c.held {
		t.Error("bulk work is held back, and nothing will look again")
	}
	h.ok(conn.Exec("ROLLBACK"))
	<-c.again.C // it looks again by itself
	c.look(conn, false)
	select {
	case <-done:
	default:
		t.Error("the journal was not emptied for the one that waits")
	}
}

// Another program keeps the file locked: the ledger says that it cannot be written and what to do, until it can again.
func TestALockedLedgerIsNotWritable(t *testing.T) {
	h := newHall(t)
	if !h.s.Writable() {
		t.Error("a new ledger cannot be written")
	}
	h.s.write.conn.BusyTimeout(1)
	other := h.raw()
	h.ok(other.Exec("BEGIN IMMEDIATE"))
	var fault *gateway.Fault
	err := h.s.write.do(h.ctx, false, func(*txn) error { return nil })
	if !errors.As(err, &fault) || fault.Code != gateway.CodeUnavailable || !strings.Contains(fault.Text, "another program") {
		t.Errorf("a write to a locked ledger: %v", err)
	}
	if h.s.Writable() {
		t.Error("it is said to be writable")
	}
	h.ok(other.Exec("ROLLBACK"))
	for end := time.Now().Add(time.Minute); !h.s.Writable(); { // it finds that out by itself, though nobody writes
		if time.Now().After(end) {
			t.Fatal("a minute after the other program has ended, it is still said not to be writable")
		}
		runtime.Gosched()
	}
}
