package agenda_test

import (
	"bytes"
	"errors"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler/agenda"
	"github.com/carillon-gateway/carillon/scheduler/calendar"
)

// An event by itself is a calendar that holds it under the name that feeds have for it.
func TestAnEventAsAFile(t *testing.T) {
	berlin, err := civil.Zone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	start, _ := civil.ParseWall("2026-04-01T18:00")
	e := gateway.Event{ID: gateway.NewID(), Zone: "Europe/Berlin", Start: civil.In(start, berlin), End: civil.In(start+civil.Hour, berlin), Status: gateway.EventCancelled, Summary: "Plenum; all, of us", Revision: 3, Changed: time.Unix(1_780_000_000, 0)}
	read, err := calendar.Read(bytes.NewReader(agenda.File(e)))
	if err != nil {
		t.Fatal(err)
	}
	all, faults, err := read.Expand(t.Context(), e.Start.Instant().Add(-time.Hour), e.Start.Instant().Add(time.Hour), nil)
	if err != nil || len(faults) > 0 || len(all) != 1 {
		t.Fatal(err, faults, len(all))
	}
	if o := all[0]; o.UID != e.ID.String() || o.Sequence != 2 || o.Status != "CANCELLED" || o.Summary != e.Summary || !o.Start.Moment.Instant().Equal(e.Start.Instant()) {
		t.Errorf("%+v", o)
	}
}

// issue makes a feed and gives its token.
func (w *world) issue(member gateway.ID) string { return w.issueOf(member, "") }

func (w *world) issueOf(member gateway.ID, rota string) string {
	w.Helper()
	f, err := w.Issue(w.ctx, w.group.ID, member, rota, "telephone")
	w.ok(err)
	dir, file := path.Split(f.Address)
	if dir != "/cal/" {
		w.Fatal("a feed is at", dir)
	}
	return strings.TrimSuffix(file, ".ics")
}

// subscribe reads a feed as a program does.
func (w *world) subscribe(token string) (string, []calendar.Occurrence) {
	w.Helper()
	b, err := w.Feed(w.ctx, token)
	w.ok(err)
	c, err := calendar.Read(strings.NewReader(string(b)))
	w.ok(err)
	all, faults, err := c.Expand(w.ctx, w.now.Add(-1000*time.Hour), w.now.Add(10_000*time.Hour), nil)
	if err != nil || len(faults)+len(c.Faults) > 0 || c.Cut {
		w.Fatal(err, faults, c.Faults)
	}
	return string(b), all
}

// A group's feed shows what its calendars hold; an event keeps its name there whatever is changed, and its SEQUENCE rises.
func TestAGroupSubscribes(t *testing.T) {
	w := newWorld(t)
	w.add(meeting, weekly, picnic)
	token := w.issue(gateway.ID{})
	text, all := w.subscribe(token)
	if len(all) != 7 || !strings.Contains(text, "X-WR-CALNAME:The harbour\r\n") || !strings.Contains(text, "REFRESH-INTERVAL;VALUE=DURATION:PT60M\r\n") || !strings.Contains(text, "BEGIN:VTIMEZONE\r\nTZID:Europe/Berlin\r\n") {
		t.Fatalf("%d events\n%s", len(all), text)
	}
	again, _ := w.subscribe(token)
	if again != text {
		t.Error("the same is written otherwise the second time")
	}
	if strings.Count(text, "TRIGGER;VALUE=DATE-TIME:") != 14 || !strings.Contains(text, "TRIGGER;VALUE=DATE-TIME:20260331T160000Z") || !strings.Contains(text, "TRIGGER;VALUE=DATE-TIME:20260401T140000Z") {
		t.Errorf("alarms of the day before and of two hours before:\n%s", text)
	}
	find := func(all []calendar.Occurrence, summary string) calendar.Occurrence {
		for _, o := range all {
			if o.Summary == summary {
				return o
			}
		}
		t.Fatalf("there is no %s", summary)
		return calendar.Occurrence{}
	}
	before := find(all, "Plenum")
	if before.UID == "a" || before.Location != "Harbour hall" || before.Sequence != 0 || before.Status != "CONFIRMED" || before.Start.String() != "2026-04-01T16:00:00Z" {
		t.Errorf("%+v", before)
	}
	if day := find(all, "Picnic"); day.Start.Kind != calendar.Date || day.Start.String() != "2026-05-01" || day.End.String() != "2026-05-02" {
		t.Errorf("%+v", day)
	}
	w.holds(event("a", "20260401T190000", "SUMMARY:Plenum\nLOCATION:Harbour hall\nSEQUENCE:2\nSTATUS:CANCELLED"), weekly, picnic)
	w.again()
	text, all = w.subscribe(token)
	if after := find(all, "Plenum"); after.UID != before.UID || after.Sequence != 1 || after.Status != "CANCELLED" || len(all) != 7 {
		t.Errorf("%+v", after)
	}
	if strings.Count(text, "BEGIN:VALARM") != 12 {
		t.Error("a cancelled event has alarms")
	}
	w.ok(w.RevokeFeed(w.ctx, w.group.ID, w.feeds[0].ID))
	if _, err := w.Feed(w.ctx, token); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("revoked: %v", err)
	}
	for _, wrong := range []string{"", "crl_", token[:len(token)-1]} {
		if _, err := w.Feed(w.ctx, wrong); !errors.Is(err, gateway.ErrNotFound) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// A member's feed holds the topics that she has subscribed to, and none after STOP; in neutral mode it says nothing of the
// group or of what takes place (T10).
func TestAMemberSubscribes(t *testing.T) {
	w := newWorld(t)
	w.add(meeting, weekly)
	w.member = gateway.Member{ID: gateway.NewID(), GroupID: w.group.ID, Locale: "en", Points: []gateway.ContactPoint{{State: gateway.PointActive, Topics: []string{"alerts"}}, {State: gateway.PointActive, Topics: []string{"plenum"}}}}
	token := w.issue(w.member.ID)
	if _, all := w.subscribe(token); len(all) != 6 {
		t.Errorf("%d events", len(all))
	}
	w.member.Neutral = true
	text, all := w.subscribe(token)
	if len(all) != 6 || strings.Count(text, "SUMMARY:Event\r\n") != 6 || !strings.Contains(text, "X-WR-CALNAME:Calendar\r\n") {
		t.Errorf("%s", text)
	}
	for _, telling := range []string{"arbour", "Plenum", "Kitchen", "arillon", "calendar.example", "\nLOCATION", "\nURL"} {
		if strings.Contains(text, telling) {
			t.Errorf("in neutral mode it says %s", telling)
		}
	}
	w.member.Points = w.member.Points[:1]
	if _, all := w.subscribe(token); len(all) != 0 {
		t.Errorf("of another topic %d events", len(all))
	}
	w.member.Points = []gateway.ContactPoint{{State: gateway.PointStopped, Topics: []string{"plenum"}}}
	if _, all := w.subscribe(token); len(all) != 0 {
		t.Errorf("after STOP %d events", len(all))
	}
	w.member = gateway.Member{}
	if _, err := w.Feed(w.ctx, token); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("erased: %v", err)
	}
}

// A feed of a rota holds its turns, with the gaps, and no events; a member's holds hers alone. Nobody is named, and one in neutral
// mode is told of no duty. Where clocks are set a turn keeps its instants.
func TestTurnsAreSubscribedTo(t *testing.T) {
	w := newWorld(t)
	w.add(meeting)
	at := func(day int) time.Time { return time.Date(2026, 3, day, 7, 0, 0, 0, time.UTC) }
	w.member = gateway.Member{ID: gateway.NewID(), Name: "Ann Example", Locale: "en"}
	r := gateway.Rota{ID: gateway.NewID(), Name: "telephone", Title: "Telephone, day", Revision: 4, ChangedAt: at(1), Rotation: gateway.Rotation{Zone: "Europe/Berlin"}}
	w.rotas = []gateway.RotaTable{{Rota: gateway.Rota{ID: gateway.NewID(), Name: "other", Rotation: gateway.Rotation{Zone: "UTC"}}, Turns: []gateway.RotaTurn{{From: at(20), To: at(30), Member: w.member.ID}}},
		{Rota: r, Turns: []gateway.RotaTurn{{From: at(21), To: at(28), Member: gateway.NewID()}, {From: at(28), To: at(29).Add(-time.Hour), Member: w.member.ID}, {From: at(29).Add(-time.Hour), To: at(30), Planned: w.member.ID, Why: gateway.TurnAway}}}}
	shown := func(text string, all []calendar.Occurrence) (lines []string) {
		if strings.Contains(text, "Ann") || strings.Contains(text, w.member.ID.String()) {
			t.Error("the feed names somebody")
		}
		for _, o := range all {
			lines = append(lines, o.Start.Moment.Instant().UTC().Format(time.RFC3339)+" "+o.End.Moment.Instant().UTC().Format(time.RFC3339)+" "+o.Summary)
		}
		return lines
	}
	whole := w.issueOf(gateway.ID{}, "telephone")
	text, all := w.subscribe(whole)
	w.same("the whole rota", shown(text, all), "2026-03-21T07:00:00Z 2026-03-28T07:00:00Z Telephone, day: On duty", "2026-03-28T07:00:00Z 2026-03-29T06:00:00Z Telephone, day: On duty", "2026-03-29T06:00:00Z 2026-03-30T07:00:00Z Telephone, day: Nobody on duty")
	hers := w.issueOf(w.member.ID, "telephone")
	text, mine := w.subscribe(hers)
	w.same("hers", shown(text, mine), "2026-03-28T07:00:00Z 2026-03-29T06:00:00Z Telephone, day: On duty")
	w.rotas[1].Rota.Revision++
	if _, later := w.subscribe(whole); later[0].UID != all[0].UID || later[0].Sequence != all[0].Sequence+1 {
		t.Errorf("after a change: %+v", later[0])
	}
	w.member.Neutral = true
	text, mine = w.subscribe(hers)
	w.same("in neutral mode", shown(text, mine), "2026-03-28T07:00:00Z 2026-03-29T06:00:00Z Event")
	if strings.Contains(text, "Telephone") || strings.Contains(text, "harbour") {
		t.Error("the feed says what it is of")
	}
	if _, err := w.Issue(w.ctx, w.group.ID, gateway.ID{}, "nowhere", ""); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("a rota that is not there: %v", err)
	}
	w.rotas = w.rotas[:1]
	if _, err := w.Feed(w.ctx, whole); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("a rota that is gone: %v", err)
	}
}
