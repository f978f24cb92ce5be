package sqlite

import (
	"bytes"
	"context"
	"encoding/binary"
	"time"

	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// What is deleted must be in no file. SQLite overwrites a deleted row with zeros (secure_delete), and emptying the journal
// removes its older pages. One place is left: when SQLite moves rows to another page, because theirs is full, their bytes
// may stay behind in the unused middle of the old page, out of reach of a later delete. So those gaps are swept.

const (
	sweepPages = 256              // looked at in one read
	purgeWait  = 10 * time.Second // how long a caller waits until what it deleted is gone; 1 s is usual for a million members
	sweepEvery = time.Hour        // between two sweeps by Retain
)

// purge removes the last traces of what was deleted before it was called. What it cannot do in time, Retain does later.
func (s *Store) purge(ctx context.Context) {
	s.leftTraces()
	ctx, cancel := context.WithTimeout(ctx, purgeWait)
	defer cancel()
	if err := s.sweep(ctx); err != nil {
		s.sweptAt.Store(0) // whatever another sweep noted meanwhile
		s.log.Warn("traces of what was deleted are still to be swept from the ledger; trying again with the daily work", "error", err)
		return
	}
	s.scrub(ctx)
}

// leftTraces notes that something was deleted which may still stand in the journal and in gaps.
func (s *Store) leftTraces() {
	s.unscrubbed.Store(true)
	s.sweptAt.Store(0)
}

// scrub empties the journal, now or, if somebody reads for long, with the next Retain.
func (s *Store) scrub(ctx context.Context) {
	s.unscrubbed.Store(!s.write.check.scrub(ctx))
}

// sweep zeroes the gap of every page.
func (s *Store) sweep(ctx context.Context) error {
	began := max(1, s.micros())
	for from, last := int64(1), int64(1); from <= last; from += sweepPages {
		var dirty []int64
		if err := s.reading(ctx, func(c *lite.Conn) error {
			if err := query(c, "PRAGMA page_count", nil, func(r *lite.Stmt) error { last = r.ColInt(0); return nil }); err != nil {
				return err
			}
			for no := from; no < from+sweepPages && no <= last; no++ {
				if err := query(c, pageQuery, []any{no}, func(r *lite.Stmt) error {
					if !clean(gap(no, r.ColBlob(0))) {
						dirty = append(dirty, no)
					}
					return nil
				}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
		if len(dirty) == 0 {
			continue
		}
		if err := s.write.do(ctx, false, func(t *txn) error { return t.wipe(dirty) }); err != nil {
			return err
		}
	}
	s.sweptAt.Store(began)
	return nil
}

const pageQuery = "SELECT data FROM sqlite_dbpage WHERE pgno = ?"

// wipe zeroes the gaps of pages, as they are now.
func (t *txn) wipe(pages []int64) error {
	for _, no := range pages {
		var page []byte
		if err := t.query(pageQuery, []any{no}, func(r *lite.Stmt) error { page = bytes.Clone(r.ColBlob(0)); return nil }); err != nil {
			return err
		}
		unused := gap(no, page)
		if clean(unused) {
			continue
		}
		clear(unused)
		if _, err := t.exec("UPDATE sqlite_dbpage SET data = ? WHERE pgno = ?", page, no); err != nil {
			return err
		}
	}
	return nil
}

func clean(b []byte) bool {
	for len(b) >= 8 {
		if binary.NativeEndian.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// gap is the unused middle of a page of a tree: behind the list of its cells and before the first of them (the file
// format's section 1.6, B-tree Pages). Pages of other sorts begin with the number of another page, whose first byte is 0
// in a file under 64 GB; larger ones are left alone.
func gap(no int64, page []byte) []byte {
	if no >= 1<<24 || len(page) < 512 {
		return nil
	}
	head := 0
	if no == 1 { // the file's own header comes first
		head = 100
	}
	list := head
	switch page[head] {
	case 2, 5: // inner
		list += 12
	case 10, 13: // leaf
		list += 8
	default:
		return nil
	}
	from := list + 2*int(binary.BigEndian.Uint16(page[head+3:]))
	to := int(binary.BigEndian.Uint16(page[head+5:]))
	if from > to || to > len(page) {
		return nil
	}
	return page[from:to]
}
