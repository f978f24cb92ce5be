package api

import (
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// A coordinator pauses the schedule of a series and has its readers told: each in her language, once, as a report of hers, in the
// group's own words if it has any. Without being asked nobody is told, and of another schedule nobody can be.
func TestReadersAreToldOfAPause(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	c := client.New(w.url, gateway.Private(w.tokens["berlin author"]), nil)
	_, _, err := w.server.Reports.Put(ctx, w.berlin, gateway.Series{Name: "news", Title: "Harbour report", Topic: "reports"})
	must(t, err)
	s := gateway.DocumentSchedule{Name: "weekly-news", Cron: "0 9 * * MON", Zone: gateway.ZoneGroup, Late: gateway.LateAsk, Report: "news"}.Schedule()
	s.GroupID = w.berlin.ID
	_, err = w.store.PutSchedule(ctx, s, true)
	must(t, err)
	w.schedule("other")
	_, err = c.PauseSchedule(ctx, "berlin", "other", time.Time{}, true)
	if got, _ := c.Schedule(ctx, "berlin", "other"); err == nil || got.Paused {
		t.Errorf("what cannot be told is paused: %v, %+v", err, got)
	}
	silent, err := c.PauseSchedule(ctx, "berlin", "weekly-news", time.Time{}, false)
	if err != nil || !silent.Paused || silent.Told != nil || w.fake.submitted() != 0 {
		t.Errorf("%v, %+v", err, silent)
	}
	must(t, w.store.PutWording(ctx, w.berlin.ID, seriesPaused, map[string]string{"de": "---\nsubject: x\nsms: Pause.\n---\nPause."}))
	until := time.Date(w.clock.Now().Year()+1, 1, 6, 23, 30, 0, 0, time.UTC) // the seventh in Berlin
	for at, want := range map[time.Time]string{until: "until", {}: "open"} {
		told, err := c.PauseSchedule(ctx, "berlin", "weekly-news", at, true)
		if err != nil || told.Told == nil || !told.Told.Created || !told.Paused || told.Untold != "" {
			t.Fatalf("%v, %+v", err, told)
		}
		b, err := w.store.Broadcast(ctx, w.berlin.ID, told.Told.ID)
		must(t, err)
		data := b.Words.Data
		if b.Class != gateway.Report || b.Audience.Topic != "reports" || b.Author != "berlin author" || data["series"] != "Harbour report" || data["pause"] != want || want == "until" && data["until"] != until.Add(time.Hour).Format(time.DateOnly) {
			t.Errorf("%+v", b)
		}
		if len(b.Words.Sources) != 14 || b.Words.Sources["de"] != "---\nsubject: x\nsms: Pause.\n---\nPause." {
			t.Errorf("%d languages: %q", len(b.Words.Sources), b.Words.Sources["de"])
		}
	}
	w.fake.fail = gateway.Faultf(gateway.CodeNobody, "nobody subscribed")
	told, err := c.PauseSchedule(ctx, "berlin", "weekly-news", until, true)
	if err != nil || !told.Paused || told.Told != nil || told.Untold != "nobody subscribed" {
		t.Errorf("%v, %+v", err, told)
	}
}
