package sqlite

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/blank"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// journalBound is what the journal may have at most during a long import, in bytes: holdAt pages with their headers, and
// the transactions that were under way.
const journalBound = 64 << 20

// hall is a ledger with one group, seen from inside.
type hall struct {
	t     testing.TB
	ctx   context.Context
	dir   string
	s     *Store
	group gateway.Group
	bulk  string // lengthens names, so that few rows make many pages
}

func newHall(t testing.TB) *hall {
	h := &hall{t: t, ctx: context.Background(), dir: blank.Folder(t)}
	ring, err := seal.NewRing(seal.NewSecret(), seal.Key{ID: "k1", Secret: seal.NewSecret()})
	h.ok(err)
	h.s, err = Open(h.ctx, Options{Dir: h.dir, Ring: ring})
	h.ok(err)
	t.Cleanup(func() { h.ok(h.s.Close()) })
	h.group = h.putGroup("harbour")
	return h
}

func (h *hall) putGroup(slug string) gateway.Group {
	g, err := h.s.PutGroup(h.ctx, gateway.Group{Slug: slug, Name: slug, Locale: "en", Zone: "Europe/Berlin", Topics: []gateway.Topic{{Name: "reports"}}})
	h.ok(err)
	return g
}

func (h *hall) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// stage takes members [from, to) into an import; each has a number and consent.
func (h *hall) stage(group, imp gateway.ID, from, to int) []gateway.Staged {
	rows := make([]gateway.StagedMember, 0, to-from)
	for i := from; i < to; i++ {
		point := gateway.NewID()
		rows = append(rows, gateway.StagedMember{Line: i + 2,
			Member:   gateway.Member{Name: gateway.Private(fmt.Sprintf("Name %d", i) + h.bulk), Locale: "en", Zone: "Europe/Berlin", Points: []gateway.ContactPoint{{ID: point, Kind: "sms", Address: testNumber(i)}}},
			Consents: []gateway.Consent{{PointID: point, Topic: "reports", Granted: true, Wording: "w1", Locale: "en", At: time.Now(), Proof: "paper", Source: "import"}}})
	}
	staged, err := h.s.Stage(h.ctx, group, imp, rows)
	h.ok(err)
	return staged
}

func testNumber(i int) gateway.Private { return gateway.Private(fmt.Sprintf("+1202%07d", i)) }

func (h *hall) begin(group gateway.ID) gateway.ID {
	imp := gateway.NewID()
	h.ok(h.s.BeginImport(h.ctx, gateway.Import{ID: imp, GroupID: group, At: time.Now()}))
	return imp
}

// take imports n members in one go.
func (h *hall) take(group gateway.ID, n int) []gateway.ID {
	imp := h.begin(group)
	var ids []gateway.ID
	for i := 0; i < n; i += 500 {
		for _, s := range h.stage(group, imp, i, min(n, i+500)) {
			ids = append(ids, s.MemberID)
		}
	}
	h.ok(h.s.Publish(h.ctx, group, imp))
	return ids
}

// journalSize is the size of the journal's file in bytes.
func (h *hall) journalSize() int64 {
	info, err := os.Stat(filepath.Join(h.dir, "carillon.db-wal"))
	h.ok(err)
	return info.Size()
}

// A long import writes many times the bound while others read without pause and alerts are sent. The journal stays
// short all the time.
func TestTheJournalStaysShortDuringALongImport(t *testing.T) {
	h := newHall(t)
	h.take(h.group.ID, 1000)
	h.bulk = strings.Repeat("x", 4000)
	ctx, stop := context.WithCancel(h.ctx)
	defer stop()
	var all sync.WaitGroup
	all.Go(func() {
		for ctx.Err() == nil {
			if _, err := h.s.Recipients(h.ctx, h.group.ID, gateway.Audience{Topic: "reports"}, gateway.ID{}, 500); err != nil {
				t.Error(err)
			}
		}
	})
	var waits []time.Duration
	all.Go(func() {
		for ctx.Err() == nil {
			begun := time.Now()
			if _, err := h.s.Orphans(h.ctx, false); err != nil { // an urgent operation
				t.Error(err)
			}
			waits = append(waits, time.Since(begun))
			select {
			case <-ctx.Done():
			case <-time.After(5 * time.Millisecond): // alerts come now and then
			}
		}
	})
	imp, longest := h.begin(h.group.ID), int64(0)
	last := 13_000
	if raced {
		last = 8_000
	}
	for i := 1000; i < last; i += 500 {
		h.stage(h.group.ID, imp, i, i+500)
		longest = max(longest, h.journalSize())
	}
	stop()
	all.Wait()
	slices.Sort(waits)
	t.Logf("the journal had %.1f MiB at most; %d urgent operations, half of them within %v, all within %v", float64(longest)/(1<<20), len(waits), waits[len(waits)/2], waits[len(waits)-1])
	if longest > journalBound {
		t.Errorf("the journal had %d bytes, the bound is %d", longest, journalBound)
	}
	if longest < journalBound/2 {
		t.Errorf("the journal had %d bytes: this import is too short to show anything", longest)
	}
}

// Somebody reads the ledger as it was, for long: the journal cannot begin anew. Bulk work waits a moment and goes on,
// urgent work does not wait at all, and once the reader is gone the journal is short again.
func TestALongReaderHoldsUpNobody(t *testing.T) {
	if raced {
		t.Skip("it writes 64 MiB, which takes a minute under the race detector; the test above runs the same code")
	}
	h := newHall(t)
	h.take(h.group.ID, 500)
	h.bulk = strings.Repeat("x", 4000)
	reader, err := lite.Open(filepath.Join(h.dir, "carillon.db"), pragmas(readerCache)...)
	h.ok(err)
	h.ok(reader.Exec("BEGIN"))
	h.ok(reader.Exec("SELECT COUNT(*) FROM members"))
	imp := h.begin(h.group.ID)
	for i := 1000; h.journalSize() < journalBound; i += 500 {
		h.stage(h.group.ID, imp, i, i+500)
		begun := time.Now()
		_, err := h.s.Orphans(h.ctx, false)
		h.ok(err)
		if waited := time.Since(begun); waited > busyTimeout*time.Millisecond/2 {
			t.Fatalf("an urgent operation waited %v: for the reader", waited)
		}
	}
	h.ok(reader.Exec("ROLLBACK"))
	h.ok(reader.Close())
	h.s.write.check.scrub(h.ctx)
	if size := h.journalSize(); size != 0 {
		t.Errorf("the journal has %d bytes after the reader is gone", size)
	}
}

// Somebody reads the newest page of the journal, so that it can be copied but not emptied. Who asks for that waits as long
// as she wants to, and nobody else waits; it is done once the reader is gone.
func TestEmptyingTheJournalWaitsForNobody(t *testing.T) {
	h := newHall(t)
	h.take(h.group.ID, 500)
	reader := h.raw()
	h.ok(reader.Exec("BEGIN"))
	h.ok(reader.Exec("SELECT COUNT(*) FROM members"))
	short, cancel := context.WithTimeout(h.ctx, 50*time.Millisecond)
	defer cancel()
	if h.s.write.check.scrub(short) {
		t.Error("the journal was emptied under a reader")
	}
	begun := time.Now()
	_, err := h.s.Orphans(h.ctx, false)
	h.ok(err)
	h.take(h.group.ID, 1) // bulk work goes on after a while
	if waited := time.Since(begun); waited > busyTimeout*time.Millisecond/2 {
		t.Errorf("the writer waited %v for the reader", waited)
	}
	h.ok(reader.Exec("ROLLBACK"))
	if !h.s.write.check.scrub(h.ctx) || h.journalSize() != 0 {
		t.Errorf("the journal has %d bytes after the reader is gone", h.journalSize())
	}
}
