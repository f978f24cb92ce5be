package api

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/scheduler/agenda"
	"github.com/carillon-gateway/carillon/scheduler/fetch"
	"github.com/carillon-gateway/carillon/scheduler/rota"
)

// icsServer is the server of the calendars that the tests read.
type icsServer struct {
	body string
	fail error
}

const (
	icsSecret  = "https://calendar.example/private-5e6f/basic.ics"
	icsMeeting = "BEGIN:VEVENT\r\nUID:1\r\nDTSTART:20990401T160000Z\r\nDURATION:PT2H\r\nSUMMARY:Plenum-marker\r\nLOCATION:Harbour hall\r\nRRULE:FREQ=DAILY;COUNT=3\r\nEND:VEVENT\r\n"
)

func icsOf(events ...string) string {
	return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + strings.Join(events, "") + "END:VCALENDAR\r\n"
}

func (s *icsServer) Get(context.Context, string, fetch.Version) (fetch.Answer, error) {
	return fetch.Answer{Body: []byte(s.body)}, s.fail
}

func newAgenda(w *world) *agenda.Agenda {
	w.ics = &icsServer{body: icsOf(w.soon(icsMeeting))}
	return agenda.New(agenda.Parts{Ledger: w.store, Feeds: w.store, People: w.store, Rotas: rota.NewDesk(w.store, sends{}, w.clock.Now), Fetcher: w.ics, PublicURL: "https://carillon.example", Now: w.clock.Now, Log: slog.New(slog.NewJSONHandler(w.log, nil)),
		Words: func(string, []string) agenda.Words { return agenda.Words{Event: "Event", Calendar: "Calendar"} }})
}

// soon moves the events of a calendar to a week from now.
func (w *world) soon(ics string) string {
	return strings.ReplaceAll(ics, "20990401", w.clock.Now().AddDate(0, 0, 7).UTC().Format("20060102"))
}

// A group reads a calendar: what is in it is shown with how fresh it is, its address never again, and what it lacks is
// cancelled when somebody says so.
func TestACalendarIsRead(t *testing.T) {
	w := newWorld(t)
	admin, viewer, author := "berlin administrator", "berlin viewer", "berlin author"
	at := "/api/v1/groups/berlin/calendars"
	var c gateway.Calendar
	r := w.want(200, ask{method: "PUT", path: at + "/meetings", token: admin, body: map[string]any{"topic": "reports", "url": icsSecret}}, &c)
	if c.Host != "calendar.example" || c.Every != 60 || c.Fresh.Events != 3 || c.Fresh.Fault != "" || c.Zone != "Europe/Berlin" {
		t.Fatalf("%s", r.body)
	}
	var list page[gateway.Calendar]
	w.want(200, ask{method: "GET", path: at, token: viewer}, &list)
	if len(list.Items) != 1 || list.Items[0].Name != "meetings" {
		t.Fatalf("%+v", list)
	}
	var events page[gateway.EventView]
	w.want(200, ask{method: "GET", path: at + "/meetings/events?limit=2", token: viewer}, &events)
	if len(events.Items) != 2 || events.Next == "" || events.Items[0].Summary != "Plenum-marker" {
		t.Fatalf("%+v", events)
	}
	var rest page[gateway.EventView]
	w.want(200, ask{method: "GET", path: at + "/meetings/events?limit=2&after=" + events.Next, token: viewer}, &rest)
	if len(rest.Items) != 1 || rest.Next != "" || rest.Items[0].Start <= events.Items[1].Start {
		t.Fatalf("%+v after %+v", rest, events)
	}
	w.want(409, ask{method: "GET", path: at + "/meetings/events?after=" + gateway.NewID().String(), token: viewer}, nil)

	w.ics.fail = errors.New("dial tcp 192.0.2.9:443: refused")
	w.want(200, ask{method: "POST", path: at + "/meetings/read", token: author}, &c)
	if c.Fresh.Fault == "" || c.Fresh.Since.IsZero() || c.Fresh.Events != 3 {
		t.Fatalf("%+v", c.Fresh)
	}
	w.ics.fail, w.ics.body = nil, icsOf(w.soon(strings.Replace(icsMeeting, "UID:1", "UID:2", 1)))
	w.ics.body = strings.Replace(w.ics.body, "Plenum-marker", "Picnic", 1)
	for range 2 {
		w.want(409, ask{method: "POST", path: at + "/meetings/confirm", token: author}, nil)
		w.want(200, ask{method: "POST", path: at + "/meetings/read", token: author}, &c)
	}
	if c.Fresh.Missing != 3 || c.Fresh.Agreed != 3 || c.Fresh.Events != 6 {
		t.Fatalf("%+v", c.Fresh)
	}
	var done confirmed
	w.want(200, ask{method: "POST", path: at + "/meetings/confirm", token: author}, &done)
	if done.Cancelled != 3 {
		t.Fatalf("%+v", done)
	}
	for _, wrong := range []map[string]any{{"topic": "elsewhere", "url": icsSecret}, {"topic": "reports", "url": "https://user:pass@calendar.example/"}, {"topic": "reports", "url": icsSecret, "every_minutes": 3}, {"topic": "reports"}} {
		w.want(422, ask{method: "PUT", path: at + "/other", token: admin, body: wrong}, nil)
	}
	w.want(204, ask{method: "DELETE", path: at + "/meetings", token: admin}, nil)
	w.want(404, ask{method: "GET", path: at + "/meetings", token: viewer}, nil)
	for _, secret := range []string{"private-5e6f", "Plenum-marker", "192.0.2.9"} {
		if strings.Contains(w.log.String(), secret) || strings.Contains(string(r.body), secret) {
			t.Errorf("%s came out", secret)
		}
	}
}

func TestACalendarIsUploaded(t *testing.T) {
	w := newWorld(t)
	put := func(body io.Reader, kind string) ask {
		return ask{method: "PUT", path: "/api/v1/groups/berlin/calendars/file/file?topic=reports", token: "berlin administrator", body: body, header: map[string]string{"Content-Type": kind}}
	}
	var c gateway.Calendar
	w.want(200, put(strings.NewReader(icsOf(w.soon(icsMeeting))), "text/calendar; charset=utf-8"), &c)
	if c.Every != 0 || c.Fresh.Events != 3 || c.Host != "" {
		t.Fatalf("%+v", c)
	}
	w.want(422, put(strings.NewReader("<html>please log in</html>"), "text/calendar"), nil)
	w.want(422, put(strings.NewReader(icsOf()), "text/html"), nil)
	w.want(413, put(io.LimitReader(endless{}, 11<<20), "text/calendar"), nil)
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// Whoever has a feed's address reads it, until it is revoked; nobody else learns of it, and no log has it.
func TestAFeedIsSecret(t *testing.T) {
	w := newWorld(t)
	admin := "berlin administrator"
	w.want(200, ask{method: "PUT", path: "/api/v1/groups/berlin/calendars/meetings", token: admin, body: map[string]any{"topic": "reports", "url": icsSecret}}, nil)
	feeds := "/api/v1/groups/berlin/feeds"
	var f, hers gateway.IssuedFeed
	create := ask{method: "POST", path: feeds, token: admin, body: map[string]any{"label": "website"}, header: map[string]string{"Idempotency-Key": "feed-1"}}
	w.want(201, create, &f)
	path, ok := strings.CutPrefix(f.Address, "https://carillon.example")
	if !ok || !strings.HasPrefix(path, "/cal/crl_") || !strings.HasSuffix(path, ".ics") {
		t.Fatalf("a feed is at %s", f.Address)
	}
	if r := w.want(201, create, nil); strings.Contains(string(r.body), "address") {
		t.Errorf("the address is kept: %s", r.body)
	}
	w.want(201, ask{method: "POST", path: feeds, token: admin, body: map[string]any{"member_id": w.member}}, &hers)
	w.want(404, ask{method: "POST", path: feeds, token: admin, body: map[string]any{"member_id": gateway.NewID()}}, nil)
	w.want(422, ask{method: "POST", path: feeds, token: admin, body: map[string]any{"label": "a\nb"}}, nil)

	got := w.want(200, ask{method: "GET", path: path}, nil)
	if kind := got.header.Get("Content-Type"); kind != "text/calendar; charset=utf-8" || strings.Count(string(got.body), "BEGIN:VEVENT") != 3 {
		t.Fatalf("%s: %s", kind, got.body)
	}
	if got.header.Get("Cache-Control") != "private, no-cache" || got.header.Get("ETag") == "" || got.header.Get("Content-Disposition") != `inline; filename="calendar.ics"` {
		t.Errorf("%v", got.header)
	}
	again := w.want(304, ask{method: "GET", path: path, header: map[string]string{"If-None-Match": `"x", W/` + got.header.Get("ETag")}}, nil)
	if len(again.body) != 0 {
		t.Errorf("unchanged: %s", again.body)
	}
	w.want(200, ask{method: "HEAD", path: path}, nil)
	w.want(405, ask{method: "POST", path: path}, nil)
	if r := w.want(200, ask{method: "GET", path: strings.TrimPrefix(hers.Address, "https://carillon.example")}, nil); strings.Count(string(r.body), "BEGIN:VEVENT") != 3 {
		t.Errorf("hers: %s", r.body)
	}
	for _, nowhere := range []string{"/cal/", "/cal/x.ics", strings.TrimSuffix(path, ".ics"), path[:len(path)-5] + ".ics"} {
		if r := w.want(404, ask{method: "GET", path: nowhere}, nil); r.problem(t).Code != gateway.CodeNotFound {
			t.Errorf("%s", r.body)
		}
	}
	var list page[gateway.Feed]
	w.want(200, ask{method: "GET", path: feeds, token: admin}, &list)
	if len(list.Items) != 2 || list.Items[0].Label != "website" || list.Items[1].MemberID != w.member {
		t.Fatalf("%+v", list)
	}
	w.want(404, ask{method: "DELETE", path: "/api/v1/groups/nairobi/feeds/" + f.ID.String(), token: "nairobi administrator"}, nil)
	w.want(204, ask{method: "DELETE", path: feeds + "/" + f.ID.String(), token: admin}, nil)
	w.want(404, ask{method: "GET", path: path}, nil)
	w.want(204, ask{method: http.MethodDelete, path: "/api/v1/groups/berlin/members/" + w.member.String(), token: admin}, nil)
	w.want(404, ask{method: "GET", path: strings.TrimPrefix(hers.Address, "https://carillon.example")}, nil)
	if log := w.log.String(); strings.Contains(log, "crl_") || !strings.Contains(log, `"route":"GET /cal/{file}"`) {
		t.Error("the log has a feed's address, or lacks its route")
	}
}

// A document seeds calendars by their addresses, and never gives one back; people's changes stand.
func TestApplyCalendars(t *testing.T) {
	w := newWorld(t)
	doc := func(calendars string) string {
		return `{"groups":[{"slug":"bergen","name":"Bergen","locale":"en","zone":"Europe/Oslo","topics":[{"name":"reports"},{"name":"meetings"}],"calendars":[` + calendars + `]}]}`
	}
	one := `{"name":"meetings","topic":"meetings","url":"webcal://calendar.example/private-5e6f/basic.ics"}`
	path := "groups/bergen/calendars/meetings"
	want := func(what gateway.ApplyWhat, body, query string) {
		t.Helper()
		if got := w.applied(applyAsk(body, query, "operator"))[path]; got != what {
			t.Errorf("the calendar is %q, want %q", got, what)
		}
	}
	want(gateway.ApplyCreate, doc(one), "?dry_run=true")
	want(gateway.ApplyCreate, doc(one), "")
	want(gateway.ApplySame, doc(one), "")
	want(gateway.ApplySame, doc(`{"name":"meetings","topic":"meetings"}`), "")
	r := w.want(200, ask{method: "GET", path: "/api/v1/export", token: "operator"}, nil)
	if strings.Contains(string(r.body), "private-5e6f") || !strings.Contains(string(r.body), `"calendars":[{"name":"meetings","topic":"meetings","zone":"Europe/Oslo","every_minutes":60}]`) {
		t.Errorf("%s", r.body)
	}
	want(gateway.ApplyChange, doc(strings.Replace(one, "basic", "other", 1)), "")
	w.want(200, ask{method: "PUT", path: "/api/v1/groups/bergen/calendars/meetings", token: "operator", body: map[string]any{"topic": "reports"}}, nil)
	want(gateway.ApplyConflict, doc(one), "")
	want(gateway.ApplyChange, doc(one), "?overwrite=true")
	if got := w.applied(applyAsk(doc(one+`,{"name":"more","topic":"meetings"}`), "", "operator")); got["groups/bergen/calendars/more"] != gateway.ApplyConflict {
		t.Errorf("a new calendar without an address: %v", got)
	}
	for _, wrong := range []string{one + "," + one, `{"name":"meetings","topic":"elsewhere"}`, `{"name":"x1","topic":"meetings","url":"ftp://x.example/"}`} {
		w.want(422, applyAsk(doc(wrong), "", "operator"), nil)
	}
	all, err := w.store.DueCalendars(t.Context(), 10)
	if err != nil || len(all) != 1 || all[0].URL != "https://calendar.example/private-5e6f/basic.ics" {
		t.Errorf("%d are read soon, %v", len(all), err)
	}
}
