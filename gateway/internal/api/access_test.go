package api

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// deed is how a route is used rightly once, in a world of its own making.
type deed struct {
	path   string // as of the route, with {…} filled in but for {group}
	query  string
	body   any
	header map[string]string
}

// deeds has an entry for every route of the table; a new route without one fails the test.
func deeds(w *world) map[string]deed {
	b, d := w.doubtful(gateway.NewID().String())
	stopped, _ := w.planned(gateway.NewID().String())
	must(w.t, w.store.SetState(w.t.Context(), w.berlin.ID, stopped, true))
	must(w.t, w.store.PutWording(w.t.Context(), w.berlin.ID, "hello", map[string]string{"en": "Hello."}))
	digest := strings.Repeat("ab", 32)
	must(w.t, w.store.PutReview(w.t.Context(), w.berlin.ID, gateway.Review{Digest: digest, Name: "pointer", Locale: "fa", By: "Shirin", At: w.clock.Now()}))
	for name, files := range map[string][]string{"meetings": {icsMeeting}, "lost": {icsMeeting, ""}, "over": {icsMeeting}} {
		for _, events := range files { // what the last one lacks waits to be confirmed
			_, err := w.server.Calendars.Put(w.t.Context(), w.berlin, gateway.Calendar{Name: name, Topic: "reports"}, []byte(icsOf(w.soon(events))))
			must(w.t, err)
		}
	}
	invitation := gateway.NewID()
	code, link := gateway.MintInvitation()
	must(w.t, w.store.PutInvitation(w.t.Context(), gateway.Invitation{ID: invitation, GroupID: w.berlin.ID, Label: "hall", Topics: []string{"reports"}, Uses: 1, ExpiresAt: w.clock.Now().Add(time.Hour)}, code, link))
	feed, err := w.server.Calendars.Issue(w.t.Context(), w.berlin.ID, gateway.ID{}, "", "")
	must(w.t, err)
	for name, group := range map[string]gateway.ID{"sms-berlin-2": w.berlin.ID, "sms-shared-2": {}, "sms-berlin-3": w.berlin.ID, "sms-shared-3": {}} {
		_, err := w.store.PutChannel(w.t.Context(), gateway.Channel{GroupID: group, Name: name, Adapter: "sms", Kind: "sms"})
		must(w.t, err)
	}
	of := func(kind string, id gateway.ID) string { return kind + "/" + id.String() }
	draft := map[string]any{"kind": "report", "audience": map[string]any{"topic": "reports"}, "words": map[string]any{"sources": map[string]string{"en": "Hello."}}}
	group := map[string]any{"name": "X", "locale": "de", "zone": "Europe/Berlin", "topics": []map[string]string{{"name": "reports"}, {"name": gateway.OwnersTopic}}}
	why := map[string]string{"reason": "incident"}
	weekly := map[string]any{"cron": "0 9 * * MON", "send": map[string]any{"kind": "report", "topic": "reports", "words": map[string]string{"en": "Hello."}}}
	kept := w.schedule("kept")
	duty := w.duties()
	w.schedule("spare")
	freeze, approve := w.server.Reports.Freeze, w.server.Reports.Approve
	return map[string]deed{
		"list-groups": {}, "get-group": {}, "put-group": {body: group},
		"list-members": {}, "get-member": {path: of("members", w.member)}, "find-members": {body: map[string]string{"kind": "ref", "value": memberRef}},
		"reveal-member": {path: of("members", w.member) + "/reveal", body: why}, "export-member": {path: of("members", w.member) + "/export", body: why},
		"link-member":  {path: of("members", w.member) + "/link"},
		"erase-member": {path: of("members", w.member)}, "ask-members": {query: "?topic=reports"},
		"import-members":    {query: "?dry_run=true", body: strings.NewReader(people + row("K-99", "Another", "+447700900177")), header: map[string]string{"Content-Type": "text/csv"}},
		"submit-broadcast":  {body: draft},
		"preview-broadcast": {body: draft},
		"list-broadcasts":   {}, "get-broadcast": {path: of("broadcasts", b)}, "stop-broadcast": {path: of("broadcasts", b) + "/stop"},
		"resume-broadcast": {path: of("broadcasts", stopped) + "/resume"}, "replay-broadcast": {path: of("broadcasts", b) + "/replay"},
		"list-deliveries": {}, "get-delivery": {path: of("deliveries", d)}, "resend-delivery": {path: of("deliveries", d) + "/resend"},
		"list-group-channels": {}, "list-channels": {},
		"put-group-channel":   {body: map[string]any{"name": "sms-new", "adapter": "sms", "options": map[string]string{"k": "v"}}},
		"put-channel":         {body: map[string]any{"name": "sms-new-shared", "adapter": "sms"}},
		"check-group-channel": {path: "channels/sms-berlin/check"}, "pause-group-channel": {path: of("channels", w.channel.ID) + "/pause"}, "resume-group-channel": {path: "channels/sms-berlin/resume"},
		"check-channel": {path: "channels/sms-shared/check"}, "pause-channel": {path: "channels/sms-shared/pause"}, "resume-channel": {path: "channels/sms-shared/resume"},
		"list-former-group-channels": {path: "channels/former"}, "list-former-channels": {path: "channels/former"},
		"delete-group-channel": {path: "channels/sms-berlin-3"}, "delete-channel": {path: "channels/sms-shared-3"},
		"replace-group-channel": {path: "channels/sms-berlin/replace", query: "?by=sms-berlin-2"}, "replace-channel": {path: "channels/sms-shared/replace", query: "?by=sms-shared-2"},
		"list-group-prices": {}, "list-prices": {}, "get-spend": {},
		"set-group-prices": {body: map[string]any{"set": []any{map[string]any{"kind": "sms", "country": "DE", "currency": "EUR", "micros": 95_000}}}},
		"set-prices":       {body: map[string]any{"set": []any{map[string]any{"kind": "sms", "currency": "EUR", "micros": 80_000}}, "remove": []any{map[string]any{"kind": "sms", "country": "KE"}}}},
		"list-wordings":    {}, "put-wording": {path: "wordings/welcome", body: map[string]any{"sources": map[string]string{"sw": "{group}: {topics, list}."}}}, "delete-wording": {path: "wordings/hello"},
		"list-texts": {query: "?name=pointer&sources=true"}, "list-reviews": {}, "put-review": {body: map[string]any{"name": "pointer", "locale": "fa", "source": "سلام", "by": "Shirin"}}, "delete-review": {path: "reviews/" + digest},
		"create-invitation": {body: map[string]any{"label": "assembly", "topics": []string{"reports"}}}, "list-invitations": {}, "get-invitation": {path: of("invitations", invitation)}, "revoke-invitation": {path: of("invitations", invitation) + "/revoke"},
		"create-group-token": {body: map[string]any{"label": "new", "role": "viewer"}}, "create-token": {body: map[string]any{"label": "new"}},
		"list-group-tokens": {}, "list-tokens": {}, "revoke-group-token": {path: of("tokens", w.ids["berlin viewer"])}, "revoke-token": {path: of("tokens", w.ids["second operator"])},
		"list-calendars": {}, "get-calendar": {path: "calendars/meetings"}, "list-events": {path: "calendars/meetings/events"}, "put-calendar": {path: "calendars/new", body: map[string]any{"topic": "reports", "url": icsSecret}},
		"put-calendar-file": {path: "calendars/meetings/file", query: "?topic=reports", body: strings.NewReader(icsOf(w.soon(icsMeeting))), header: map[string]string{"Content-Type": "text/calendar"}},
		"delete-calendar":   {path: "calendars/over"}, "read-calendar": {path: "calendars/meetings/read"}, "confirm-calendar": {path: "calendars/lost/confirm"}, "mark-event": {path: "calendars/meetings/mark", body: map[string]any{"uid": "1"}},
		"create-feed": {body: map[string]any{"label": "website"}}, "list-feeds": {}, "revoke-feed": {path: of("feeds", feed.ID)},
		"list-schedules": {}, "get-schedule": {path: "schedules/kept"}, "put-schedule": {path: "schedules/weekly", body: weekly}, "delete-schedule": {path: "schedules/spare"},
		"preview-schedule": {body: weekly}, "next-runs": {path: "schedules/kept/next"}, "preview-week": {query: "?topic=reports"}, "list-occurrences": {path: "schedules/kept/occurrences"},
		"pause-schedule": {path: "schedules/kept/pause"}, "resume-schedule": {path: "schedules/kept/resume"}, "run-schedule": {path: "schedules/kept/run"},
		"skip-run":              {path: "schedules/kept/skip", query: "?run=" + url.QueryEscape(kept)},
		"list-alert-neighbours": {}, "list-rotas": {}, "duty-gaps": {}, "get-rota": {path: "rotas/kept"}, "put-rota": {path: "rotas/new", body: map[string]any{"rotation": "days", "start": "2026-03-28T08:00"}}, "delete-rota": {path: "rotas/spare"},
		"override-rota": {path: "rotas/kept/overrides", body: map[string]any{"from": "2026-03-28T08:00", "to": "2026-03-29T08:00"}},
		"note-absence":  {path: "absences", body: map[string]any{"member_id": w.member, "from": "2026-03-28T08:00", "to": "2026-03-29T08:00"}},
		"ask-swap":      {path: "rotas/asked/swaps", body: map[string]any{"from_id": w.member, "with_id": duty.other, "give": duty.give}},
		"answer-swap":   {path: "rotas/kept/swaps/" + duty.swap.String() + "/answer", body: map[string]any{"yes": false}}, "withdraw-from-rota": {path: "rotas/kept/changes/" + duty.override.String()},
		"list-series": {}, "put-series": {path: "series/new", body: map[string]any{"title": "News", "topic": "reports"}}, "list-editions": {path: path.Dir(w.edition("listed"))}, "get-edition": {path: w.edition("read")},
		"put-indicators": {path: w.counting("counting"), body: strings.NewReader("meals\n412\n"), header: map[string]string{"Content-Type": "text/csv"}},
		"contribute":     {body: map[string]any{"series": "listed", "section": "lessons", "texts": map[string]string{"en": "More chairs."}}},
		"freeze-edition": {path: w.edition("to-freeze") + "/freeze"}, "reopen-edition": {path: w.edition("to-reopen", freeze) + "/reopen"}, "approve-edition": {path: w.edition("to-approve", freeze) + "/approve"},
		"send-edition": {path: w.edition("to-send", freeze, approve) + "/send"}, "correct-edition": {path: w.edition("to-correct", freeze, approve, w.server.Reports.Send) + "/correct"}, "withdraw-edition": {path: w.edition("to-withdraw") + "/withdraw"},
		"list-inbox": {}, "read-inbox": {path: of("inbox", w.wrote("to read")) + "/read"}, "close-inbox": {path: of("inbox", w.wrote("to close")) + "/close"},
		"reply-inbox":   {path: of("inbox", w.wrote("to answer")) + "/reply", body: map[string]any{"text": "Help comes."}},
		"list-releases": {}, "get-release": {path: of("releases", w.wait(gateway.NewID().String(), false))}, "replace-release": {path: of("releases", w.wait(gateway.NewID().String(), false)), body: draft},
		"approve-release": {path: of("releases", w.wait(gateway.NewID().String(), false)) + "/approve", body: map[string]string{"digest": w.waitingDigest()}},
		"refuse-release":  {path: of("releases", w.wait(gateway.NewID().String(), false, "berlin author")) + "/refuse", body: map[string]string{}},
		"break-glass":     {path: of("releases", w.wait(gateway.NewID().String(), true)) + "/break-glass", body: map[string]string{"reason": "Nobody answers."}},
		"list-alerts":     {}, "raise-alert": {body: w.alertDraft()}, "get-alert": {path: w.raised(false)}, "alert-timeline": {path: w.raised(false) + "/timeline"}, "acknowledge-alert": {path: w.raised(false) + "/ack"},
		"update-alert": {path: w.raised(true) + "/update", body: map[string]any{"reason": "new"}}, "clear-alert": {path: w.raised(true) + "/clear", body: map[string]any{"reason": "over"}}, "cancel-alert": {path: w.raised(false) + "/cancel", body: map[string]any{"reason": "wrong"}},
		"remind-alert": {path: w.raised(false) + "/remind", body: map[string]any{"reason": "silent"}}, "handover-alert": {path: w.raised(true) + "/handover", body: map[string]any{"to": w.member}}, "list-alert-policies": {}, "get-alert-release": {path: w.held("read", false) + "/release"}, "alert-rollcall": {path: w.raised(false) + "/rollcall"}, "alert-report": {path: w.raised(false) + "/report"},
		"release-alert": {path: w.held("release", false) + "/release", body: map[string]any{"digest": w.heldDigest("release")}}, "break-glass-alert": {path: w.held("glass", true) + "/break-glass", body: map[string]any{"reason": "Nobody answers."}}, "put-alert-policy": {path: "alert-policies/day", body: w.alertPolicy("day")}, "delete-alert-policy": {path: "alert-policies/" + w.alertPolicy("night").Name},
		"list-drills": {}, "plan-drill": {body: w.drillDraft()}, "get-drill": {path: w.drill()}, "withdraw-drill": {path: w.drill() + "/withdraw"},
		"apply": {body: map[string]any{"groups": []any{}}}, "export": {}, "get-status": {},
	}
}

func (d deed) ask(rt route, group, token string) ask {
	path := rt.Path
	if i := strings.Index(path[len("/api/v1/"):], "{"); i >= 0 && rt.Scope == ofInstance {
		path = "/api/v1/" + d.path
	} else if rt.Scope != ofInstance {
		path = strings.Replace(path, "{group}", group, 1)
		if strings.Contains(path, "{") {
			path = "/api/v1/groups/" + group + "/" + d.path
		}
	}
	body := d.body
	if r, ok := body.(*strings.Reader); ok {
		_, _ = r.Seek(0, 0)
	}
	return ask{method: rt.Method, path: path + d.query, token: token, body: body, header: d.header}
}

// Every route, asked by everybody: nobody without a token gets in, a stranger cannot tell another's group from none,
// a role below the route's gets nothing, and the operator is kept out of a group that has an administrator.
func TestEveryRouteIsAskedByEverybody(t *testing.T) {
	w := newWorld(t)
	w.mint("second operator", gateway.ID{}, gateway.Operator)
	all := deeds(w)
	stranger := "crl_" + strings.Repeat("A", 43)
	roles := []gateway.Role{gateway.Viewer, gateway.Author, gateway.Approver, gateway.Administrator}
	var last []string // what ends something is done at the end
	for _, rt := range w.server.routes {
		d, ok := all[rt.ID]
		if !ok {
			t.Errorf("%s has no entry in deeds: add one, so that it is asked by everybody", rt.ID)
			continue
		}
		delete(all, rt.ID)
		expect := func(name string, a ask, status int, code gateway.Code) reply {
			r := w.ask(a)
			if r.status != status {
				t.Errorf("%s, %s: status %d, want %d: %s", rt.ID, name, r.status, status, r.body)
			} else if p := r.problem(t); p.Code != code {
				t.Errorf("%s, %s: code %s, want %s", rt.ID, name, p.Code, code)
			}
			return r
		}
		expect("no token", d.ask(rt, "berlin", ""), 401, gateway.CodeNoToken)
		expect("a wrong token", d.ask(rt, "berlin", stranger), 401, gateway.CodeNoToken)
		expect("no token at all but the word", ask{method: rt.Method, path: d.ask(rt, "berlin", "").path, header: map[string]string{"Authorization": "Bearer"}}, 401, gateway.CodeNoToken)
		if rt.Scope == ofInstance {
			for _, role := range roles {
				if role.Rank() < rt.Role.Rank() {
					expect(string(role), d.ask(rt, "", "berlin "+string(role)), 403, gateway.CodeForbidden)
				}
			}
		} else {
			foreign := expect("another group", d.ask(rt, "berlin", "nairobi administrator"), 404, gateway.CodeNotFound)
			unknown := expect("no group", d.ask(rt, "atlant", "nairobi administrator"), 404, gateway.CodeNotFound)
			if !bytes.Equal(anonymous(foreign.body), anonymous(unknown.body)) || !slices.Equal(names(foreign.header), names(unknown.header)) {
				t.Errorf("%s: a stranger can tell another's group from none:\n%s%s", rt.ID, foreign.body, unknown.body)
			}
			for _, role := range roles {
				if role.Rank() < rt.Role.Rank() {
					expect(string(role), d.ask(rt, "berlin", "berlin "+string(role)), 403, gateway.CodeForbidden)
				}
			}
			if rt.Scope != seenByOperator {
				expect("operator, where there is an administrator", d.ask(rt, "berlin", "operator"), 403, gateway.CodeForbidden)
			}
		}
		if rt.Method == http.MethodDelete {
			last = append(last, rt.ID)
			continue
		}
		w.rightly(t, rt, d)
	}
	all = deeds(w)
	for _, rt := range w.server.routes {
		if slices.Contains(last, rt.ID) {
			w.rightly(t, rt, all[rt.ID])
		}
	}
	for id := range all {
		if !slices.ContainsFunc(w.server.routes, func(rt route) bool { return rt.ID == id }) {
			t.Errorf("deeds has %s, which is no route", id)
		}
	}
	if log := w.log.String(); !strings.Contains(log, "a request was denied") || strings.Contains(log, memberRef) || strings.Contains(log, "atlant") {
		t.Error("denials are logged, and without what was asked for")
	}
}

// rightly uses a route with the lowest role that may.
func (w *world) rightly(t *testing.T, rt route, d deed) {
	token := "berlin " + string(rt.Role)
	if rt.Role == gateway.Operator {
		token = "operator"
	}
	if r := w.ask(d.ask(rt, "berlin", token)); r.status < 200 || r.status > 299 {
		t.Errorf("%s as %s: status %d: %s", rt.ID, token, r.status, r.body)
	}
}

var requestIDs = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)

func anonymous(b []byte) []byte { return requestIDs.ReplaceAll(b, nil) }

func names(h http.Header) []string {
	var all []string
	for name := range h {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// What anybody may ask for without a token is this list, and nothing else.
func TestOpenPaths(t *testing.T) {
	w := newWorld(t)
	want := []string{"GET /cal/{file}", "GET /api/v1/openapi.json", "GET /healthz", "GET /readyz", "GET /metrics"}
	if !slices.Equal(w.server.opened, want) {
		t.Fatalf("open to anybody: %v, want %v", w.server.opened, want)
	}
	for _, path := range []string{"/api/v1/openapi.json", "/healthz", "/readyz"} {
		w.want(200, ask{method: "GET", path: path}, nil)
	}
	w.want(401, ask{method: "GET", path: "/metrics"}, nil)
	w.want(403, ask{method: "GET", path: "/metrics", token: "berlin administrator"}, nil)
	if r := w.want(200, ask{method: "GET", path: "/metrics", token: "operator"}, nil); !bytes.Contains(r.body, []byte("carillon_http_requests_total")) {
		t.Errorf("no metrics: %s", r.body)
	}
	w.server.OpenMetrics = true
	w.want(200, ask{method: "GET", path: "/metrics", token: "berlin viewer"}, nil)
	w.want(200, ask{method: "GET", path: "/metrics"}, nil)
	since := time.Date(2026, 3, 28, 9, 0, 0, 0, time.UTC)
	w.server.Findings = func() []gateway.Finding {
		return []gateway.Finding{{Code: gateway.RunUndecided, Name: "secret-plan", Since: since.Add(time.Hour)}, {Code: gateway.RunUndecided, Name: "secret-plan", Since: since}}
	}
	if r := w.want(200, ask{method: "GET", path: "/readyz"}, nil); string(r.body) != `{"ready":true,"findings":[{"code":"run-undecided","since":"2026-03-28T09:00:00Z"}]}`+"\n" {
		t.Errorf("anybody is told %s", r.body)
	}
	w.server.Findings = nil
	w.server.Waits = func() []string { return []string{"for Redis", "for a lock"} }
	if r := w.want(200, ask{method: "GET", path: "/readyz"}, nil); string(r.body) != `{"ready":true,"waits":["for Redis","for a lock"]}`+"\n" {
		t.Errorf("of what it waits for it says %s", r.body)
	}
	w.fake.unready = []string{"the ledger's disk is full"}
	if p := w.want(503, ask{method: "GET", path: "/readyz"}, nil).problem(t); !strings.Contains(p.Detail, "disk is full") {
		t.Errorf("not ready, and why is not said: %+v", p)
	}
	var says *client.NotReady
	if err := client.New(w.url, "", nil).Ready(t.Context()); !errors.As(err, &says) || says.Reasons != "not ready: the ledger's disk is full" {
		t.Errorf("the client says %v", err)
	}
	if r := w.want(200, ask{method: "GET", path: "/healthz"}, nil); string(r.body) != `{"alive":true}`+"\n" {
		t.Errorf("doctor knows no gateway by %s", r.body)
	}
}

// What the watchdog found is for those whom it concerns: the operator's own, and each group's to those who act for it.
func TestFindingsOfOthers(t *testing.T) {
	w := newWorld(t)
	w.fake.found = []gateway.Finding{{Code: gateway.RunsLate}, {Code: gateway.RunUndecided, GroupID: w.berlin.ID, Name: "berlin"}, {Code: gateway.RunUndecided, GroupID: w.nairobi.ID, Name: "nairobi"},
		{Code: gateway.CalendarFailing, GroupID: w.lhasa.ID, Name: "lhasa"}}
	for token, want := range map[string]string{"operator": "runs-late  calendar-failing lhasa", "berlin viewer": "run-undecided berlin", "nairobi administrator": "run-undecided nairobi"} {
		var status gateway.Status
		w.want(200, ask{method: "GET", path: "/api/v1/status", token: token}, &status)
		var got []string
		for _, f := range status.Findings {
			got = append(got, string(f.Code)+" "+f.Name)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s is shown %q, want %q", token, got, want)
		}
	}
}

// Whatever watches the instance has a token of its own, which reads how it is and nothing of a group.
func TestAViewerOfTheInstance(t *testing.T) {
	w := newWorld(t)
	var issued gateway.IssuedToken
	w.want(201, ask{method: "POST", path: "/api/v1/tokens", token: "operator", body: map[string]any{"label": "watch", "role": "viewer"}}, &issued)
	w.tokens["watch"] = issued.Secret
	w.want(200, ask{method: "GET", path: "/metrics", token: "watch"}, nil)
	var groups page[gateway.Group]
	if w.want(200, ask{method: "GET", path: "/api/v1/groups", token: "watch"}, &groups); len(groups.Items) != 0 {
		t.Errorf("it sees %d groups", len(groups.Items))
	}
	var status gateway.Status
	if w.want(200, ask{method: "GET", path: "/api/v1/status", token: "watch"}, &status); len(status.Channels) != 1 || status.Channels[0].Name != "sms-shared" {
		t.Errorf("it sees the channels %+v", status.Channels)
	}
	all := deeds(w)
	for _, rt := range w.server.routes {
		switch {
		case rt.ID == "list-groups" || rt.ID == "get-status":
		case rt.Scope == ofInstance:
			w.want(403, all[rt.ID].ask(rt, "berlin", "watch"), nil)
		default:
			w.want(404, all[rt.ID].ask(rt, "berlin", "watch"), nil)
		}
	}
}

// Lhasa has nobody yet, so the operator sets it up. With its first administrator the operator loses sight of its
// members, and gets it back only when no administrator is left.
func TestTheOperatorActsForAGroupUntilItHasAnAdministrator(t *testing.T) {
	w := newWorld(t)
	members := ask{method: "GET", path: "/api/v1/groups/lhasa/members", token: "operator"}
	w.want(200, members, nil)
	var issued gateway.IssuedToken
	w.want(201, ask{method: "POST", path: "/api/v1/groups/lhasa/tokens", token: "operator",
		body: map[string]any{"label": "first", "role": "administrator", "expires_at": w.clock.Now().Add(time.Hour)}}, &issued)
	w.want(403, members, nil)
	w.want(403, ask{method: "POST", path: "/api/v1/groups/lhasa/tokens", token: "operator", body: map[string]any{"label": "mine", "role": "viewer"}}, nil)
	w.want(403, ask{method: "PUT", path: "/api/v1/groups/lhasa", token: "operator", body: map[string]any{"name": "Mine", "locale": "de", "zone": "UTC"}}, nil)
	w.want(200, ask{method: "GET", path: "/api/v1/groups/lhasa", token: "operator"}, nil)
	w.want(200, ask{method: "GET", path: "/api/v1/groups/lhasa/members", token: issued.Secret}, nil)
	w.clock.wind(2 * time.Hour)
	w.want(401, ask{method: "GET", path: "/api/v1/groups/lhasa/members", token: issued.Secret}, nil)
	w.want(200, members, nil)
}

// A token is random, shown once, listed without its text, and dead at once when revoked. The last administrator stays.
func TestTokensComeAndGo(t *testing.T) {
	w := newWorld(t)
	var issued gateway.IssuedToken
	w.want(201, ask{method: "POST", path: "/api/v1/groups/berlin/tokens", token: "berlin administrator", body: map[string]any{"label": "desk", "role": "author"}}, &issued)
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(issued.Secret, "crl_"))
	if err != nil || len(raw) != 32 {
		t.Fatalf("a token must have 256 random bits: %q", issued.Secret)
	}
	list := w.want(200, ask{method: "GET", path: "/api/v1/groups/berlin/tokens", token: "berlin administrator"}, nil)
	if bytes.Contains(list.body, []byte(issued.Secret)) || !bytes.Contains(list.body, []byte(issued.ID.String())) {
		t.Errorf("the list must name the token without its text: %s", list.body)
	}
	w.want(200, ask{method: "GET", path: "/api/v1/groups/berlin", token: issued.Secret}, nil)
	w.want(204, ask{method: "DELETE", path: "/api/v1/groups/berlin/tokens/" + issued.ID.String(), token: "berlin administrator"}, nil)
	w.want(401, ask{method: "GET", path: "/api/v1/groups/berlin", token: issued.Secret}, nil)
	own := ask{method: "DELETE", path: "/api/v1/groups/berlin/tokens/" + w.ids["berlin administrator"].String(), token: "berlin administrator"}
	w.want(409, own, nil)
	w.mint("berlin second", w.berlin.ID, gateway.Administrator)
	w.want(204, own, nil)
	w.want(404, ask{method: "DELETE", path: "/api/v1/groups/berlin/tokens/" + w.ids["nairobi administrator"].String(), token: "berlin second"}, nil)
	w.want(200, ask{method: "GET", path: "/api/v1/groups/nairobi", token: "nairobi administrator"}, nil)
	w.want(409, ask{method: "DELETE", path: "/api/v1/tokens/" + w.ids["operator"].String(), token: "operator"}, nil)
	w.want(422, ask{method: "POST", path: "/api/v1/groups/berlin/tokens", token: "berlin second", body: map[string]any{"label": "a\u0007b", "role": "author"}}, nil)
	w.want(422, ask{method: "POST", path: "/api/v1/groups/berlin/tokens", token: "berlin second", body: map[string]any{"label": "late", "role": "author", "expires_at": "2001-01-01T00:00:00Z"}}, nil)
}

// What belongs to another group is not there, by whatever id it is asked for.
func TestIDsOfAnotherGroup(t *testing.T) {
	w := newWorld(t)
	b, d := w.doubtful("theirs")
	for _, path := range []string{"members/" + w.member.String(), "broadcasts/" + b.String(), "deliveries/" + d.String()} {
		theirs := w.want(404, ask{method: "GET", path: "/api/v1/groups/nairobi/" + path, token: "nairobi administrator"}, nil)
		kind, _, _ := strings.Cut(path, "/")
		nobodys := w.want(404, ask{method: "GET", path: "/api/v1/groups/nairobi/" + kind + "/" + gateway.NewID().String(), token: "nairobi administrator"}, nil)
		if !bytes.Equal(anonymous(theirs.body), anonymous(nobodys.body)) {
			t.Errorf("%s: another's and nobody's differ:\n%s%s", path, theirs.body, nobodys.body)
		}
	}
	for _, deed := range []ask{
		{method: "POST", path: "/api/v1/groups/nairobi/broadcasts/" + b.String() + "/stop"},
		{method: "POST", path: "/api/v1/groups/nairobi/broadcasts/" + b.String() + "/replay"},
		{method: "POST", path: "/api/v1/groups/nairobi/deliveries/" + d.String() + "/resend"},
		{method: "POST", path: "/api/v1/groups/nairobi/members/" + w.member.String() + "/reveal", body: map[string]string{"reason": "incident"}},
		{method: "POST", path: "/api/v1/groups/nairobi/channels/sms-berlin/pause"},
		{method: "DELETE", path: "/api/v1/groups/nairobi/members/" + w.member.String()},
	} {
		deed.token = "nairobi administrator"
		w.want(404, deed, nil)
	}
	w.want(200, ask{method: "GET", path: "/api/v1/groups/berlin/members/" + w.member.String(), token: "berlin viewer"}, nil)
	var list page[json.RawMessage]
	w.want(200, ask{method: "GET", path: "/api/v1/groups/nairobi/deliveries?broadcast=" + b.String(), token: "nairobi administrator"}, &list)
	if len(list.Items) != 0 {
		t.Errorf("another's deliveries were listed: %s", list.Items)
	}
}

// Tokens of any shape but the right one are refused alike, however long or strange.
func TestStrangeTokens(t *testing.T) {
	w := newWorld(t)
	var noise [24]byte
	_, _ = rand.Read(noise[:])
	real := w.tokens["berlin viewer"]
	for _, header := range []string{"", "Bearer", "Bearer  ", "Basic " + real, real, "Bearer " + real + "x", "Bearer " + strings.ToLower(real), "Bearer " + strings.Repeat("x", 10_000),
		"Bearer " + base64.StdEncoding.EncodeToString(noise[:]), "Bearer " + real[:20]} {
		w.want(401, ask{method: "GET", path: "/api/v1/groups", header: map[string]string{"Authorization": header}}, nil)
	}
	w.want(200, ask{method: "GET", path: "/api/v1/groups", header: map[string]string{"Authorization": "bearer " + real}}, nil)
	w.want(401, ask{method: "GET", path: "/api/v1/groups?token=" + real}, nil)
}
