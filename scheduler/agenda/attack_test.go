package agenda_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A program that counts SEQUENCE from the beginning again, and says of nothing when it was changed, is believed after a day: a
// cache is behind for hours. Until then an older answer, seen however often, changes nothing.
func TestSequenceGoesBackwards(t *testing.T) {
	w := newWorld(t)
	moved := event("a", "20260402T180000", "SUMMARY:Plenum\nLOCATION:Harbour hall\nSEQUENCE:7")
	w.add(moved, weekly)
	back := event("a", "20260409T180000", "SUMMARY:Plenum\nLOCATION:Harbour hall\nSEQUENCE:0")
	w.holds(back, weekly)
	for range 24 {
		c, changes := w.again()
		w.same("a cache that may be behind", changes)
		if c.Fresh.ETag != "" {
			t.Fatal("it would be asked only whether it is still behind")
		}
	}
	_, changes := w.again()
	w.same("it stays so", changes, "moved 2026-04-09T18:00:00+02:00 Plenum")
	w.holds(strings.Replace(back, "SEQUENCE:0", "SEQUENCE:0\nSTATUS:CANCELLED", 1), weekly)
	_, changes = w.again()
	w.same("from here on it counts anew", changes, "cancelled 2026-04-09T18:00:00+02:00 Plenum")
	w.holds(back, weekly)
	_, changes = w.again()
	w.same("restored under the same SEQUENCE", changes, "restored 2026-04-09T18:00:00+02:00 Plenum")
	_, changes = w.again()
	w.same("once", changes)
}

// An older answer that comes and goes, as from several servers of which one is behind, is never believed.
func TestOneServerOfSeveralIsBehind(t *testing.T) {
	w := newWorld(t)
	moved := event("a", "20260402T180000", "SUMMARY:Plenum\nSEQUENCE:7")
	w.add(moved)
	for i := range 60 {
		w.holds([]string{meeting, moved}[i%2])
		_, changes := w.again()
		w.same("by turns", changes)
	}
}

// What is known of an event, and with it what was told of it, outlives an export with new UIDs and a SEQUENCE from the beginning,
// and the calendar's being cancelled and restored under other UIDs.
func TestAnEventStaysItself(t *testing.T) {
	w := newWorld(t)
	w.add(event("a", "20260401T180000", "SUMMARY:Plenum\nSEQUENCE:5"))
	before, err := w.ledger.Events(w.ctx, w.group.ID, w.group.ID, w.now, 0)
	if err != nil || len(before) != 1 {
		t.Fatal(before, err)
	}
	for i, rest := range []string{"", "\nSTATUS:CANCELLED", ""} {
		w.holds(event(fmt.Sprint("new-", i), "20260401T180000", "SUMMARY:Plenum\nSEQUENCE:0"+rest))
		_, changes := w.again()
		w.same("under another UID"+rest, changes, [][]string{nil, {"cancelled 2026-04-01T18:00:00+02:00 Plenum"}, {"restored 2026-04-01T18:00:00+02:00 Plenum"}}[i]...)
	}
	after, err := w.ledger.Events(w.ctx, w.group.ID, w.group.ID, w.now, 0)
	if err != nil || len(after) != 1 || after[0].ID != before[0].ID || after[0].Start.Wall != before[0].Start.Wall {
		t.Errorf("it was %+v and is %+v: %v", before, after, err)
	}
}

// The dates of whole days are kept with a calendar, for quiet hours that name it: each once, without those of what is cancelled or
// over for two days; what is missing still counts until a person says that it is cancelled.
func TestDatesOfACalendar(t *testing.T) {
	w := newWorld(t)
	day := func(uid, from, to, rest string) string {
		return "BEGIN:VEVENT\nUID:" + uid + "\nDTSTART;VALUE=DATE:" + from + "\nDTEND;VALUE=DATE:" + to + "\nSUMMARY:Free\n" + rest + "END:VEVENT\n"
	}
	easter, may := day("e", "20260403", "20260407", ""), day("m", "20260501", "20260502", "")
	dates := func(want ...string) {
		t.Helper()
		c, _ := w.again()
		w.same("dates", c.Fresh.Holidays, want...)
	}
	w.add(meeting, easter, day("g", "20260403", "20260404", ""), may, day("x", "20260601", "20260602", "STATUS:CANCELLED\n"))
	all := []string{"2026-04-03", "2026-04-04", "2026-04-05", "2026-04-06", "2026-05-01"}
	dates(all...)
	w.holds(meeting, easter)
	dates(all...)
	dates(all...)
	if n, err := w.Confirm(w.ctx, w.group.ID, "meetings"); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	dates(all[:4]...)
	w.now = time.Date(2026, 4, 8, 20, 0, 0, 0, time.UTC)
	dates(all[:4]...) // by the clocks farthest behind, a day and more ago
	w.now = w.now.AddDate(0, 0, 2)
	dates()
}
