package api

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

const berlinMembers = "/api/v1/groups/berlin/members"

// Members are listed and read masked by everybody, the administrator included. She sees one in clear when she asks for
// that one, gives a reason, and has not asked too often.
func TestMembersAreMaskedUntilRevealed(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Reveals = 3 })
	one := berlinMembers + "/" + w.member.String()
	for _, token := range []string{"berlin viewer", "berlin administrator"} {
		for _, path := range []string{berlinMembers, one} {
			r := w.want(200, ask{method: "GET", path: path, token: token}, nil)
			for _, secret := range []string{memberName, memberAddress, memberAddress[4:], memberRef} {
				if bytes.Contains(r.body, []byte(secret)) {
					t.Errorf("%s as %s shows %q: %s", path, token, secret, r.body)
				}
			}
		}
	}
	reveal := ask{method: "POST", path: one + "/reveal", token: "berlin administrator", body: map[string]string{"reason": "contact-her"}}
	var m member
	w.want(200, reveal, &m)
	if m.Name != memberName || m.Points[0].Address != memberAddress || m.Ref != memberRef {
		t.Errorf("revealed: %+v", m)
	}
	w.want(422, ask{method: "POST", path: one + "/reveal", token: "berlin administrator", body: map[string]string{}}, nil)
	var export memberExport
	w.want(200, ask{method: "POST", path: one + "/export", token: "berlin administrator", body: map[string]string{"reason": "her-request"}}, &export)
	if export.Member.Name != memberName || len(export.Consents) != 1 || export.Consents[0].Proof != "paper form" || export.Consents[0].Topic != "reports" {
		t.Errorf("exported: %+v", export)
	}
	w.want(200, ask{method: "POST", path: berlinMembers + "/find", token: "berlin administrator", body: map[string]string{"kind": "sms", "value": "+44 7700 900143"}}, nil)
	r := w.want(429, reveal, nil)
	if p := r.problem(t); p.Code != gateway.CodeTooMany || r.header.Get("Retry-After") == "" {
		t.Errorf("the thief's fourth look: %+v, %v", p, r.header)
	}
	w.clock.wind(21 * time.Minute)
	w.want(200, reveal, nil)
}

// A whole list is paged through, each member once, and what is erased is gone.
func TestPagingAndErasing(t *testing.T) {
	w := newWorld(t)
	var file strings.Builder
	file.WriteString(people)
	for i := range 24 {
		file.WriteString(row(fmt.Sprintf("P-%d", i), "Somebody", fmt.Sprintf("+4477009002%02d", i)))
	}
	var report gateway.ImportReport
	w.want(200, importAsk(strings.NewReader(file.String()), ""), &report)
	if !report.Published || report.New != 24 {
		t.Fatalf("import: %+v", report)
	}
	seen := map[gateway.ID]bool{}
	next := ""
	for pages := 1; ; pages++ {
		var p page[member]
		w.want(200, ask{method: "GET", path: berlinMembers + "?limit=10" + next, token: "berlin viewer"}, &p)
		for _, m := range p.Items {
			if seen[m.ID] {
				t.Errorf("%v came twice", m.ID)
			}
			seen[m.ID] = true
		}
		if next = "&after=" + p.Next; p.Next == "" {
			if pages != 3 {
				t.Errorf("%d pages", pages)
			}
			break
		}
	}
	if len(seen) != 25 {
		t.Errorf("%d members of 25 came", len(seen))
	}
	w.want(204, ask{method: "DELETE", path: berlinMembers + "/" + w.member.String(), token: "berlin administrator"}, nil)
	w.want(404, ask{method: "GET", path: berlinMembers + "/" + w.member.String(), token: "berlin viewer"}, nil)
	w.want(404, ask{method: "DELETE", path: berlinMembers + "/" + w.member.String(), token: "berlin administrator"}, nil)
}

func importAsk(file io.Reader, query string) ask {
	return ask{method: "POST", path: "/api/v1/groups/berlin/imports" + query, token: "berlin administrator", body: file, header: map[string]string{"Content-Type": "text/csv; charset=utf-8"}}
}

// A file with bad rows changes nothing and says which, without repeating what is in them; with skip_bad the good rows
// are taken; a dry run takes none.
func TestImportReports(t *testing.T) {
	w := newWorld(t)
	file := people + row("A-1", "Somebody", "+447700900151") + row("A-2", memberName+"-bad", "nonsense-"+memberRef)
	var report gateway.ImportReport
	r := w.want(200, importAsk(strings.NewReader(file), ""), &report)
	if report.Published || report.Bad != 1 || report.Problems[0].Line != 3 || bytes.Contains(r.body, []byte("nonsense-")) {
		t.Errorf("a bad row: %s", r.body)
	}
	w.want(200, importAsk(strings.NewReader(file), "?skip_bad=true&dry_run=true"), &report)
	if report.Published || w.count() != 1 {
		t.Errorf("a dry run took members in: %+v", report)
	}
	w.want(200, importAsk(strings.NewReader(file), "?skip_bad=true"), &report)
	if !report.Published || w.count() != 2 {
		t.Errorf("the good row was not taken: %+v", report)
	}
}

// brokenOff is how net/http reads a body whose connection broke.
type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func (w *world) count() int {
	list, err := w.store.Members(w.t.Context(), w.berlin.ID, gateway.ID{}, 1000)
	must(w.t, err)
	return len(list)
}

// The operator's limit on a body holds, below and above it.
func TestTheOperatorsLimitOnBodiesHolds(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.BodyLimit = 2000 })
	for n, want := range map[int]int{1800: http.StatusOK, 2100: http.StatusRequestEntityTooLarge} {
		find := ask{method: "POST", path: berlinMembers + "/find", token: "berlin administrator", body: `{"kind":"ref","value":"A-1"}` + strings.Repeat(" ", n)}
		w.want(want, find, nil)
	}
}

// A file that is too large, not CSV, in the wrong encoding, not what its digest says or cut off in the middle changes nothing.
func TestImportsThatGoWrongChangeNothing(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.ImportLimit = 4096 })
	good := people + row("A-1", "Somebody", "+447700900151")
	large := good + strings.Repeat(row("A-2", "Somebody", "+447700900152"), 60)
	w.want(http.StatusRequestEntityTooLarge, importAsk(strings.NewReader(large), "?skip_bad=true"), nil)
	for _, kind := range []string{"application/json", "", "text/csv; charset=latin1", "text/plain"} {
		a := importAsk(strings.NewReader(good), "")
		a.header = map[string]string{"Content-Type": kind}
		w.want(422, a, nil)
	}
	a := importAsk(strings.NewReader(good), "")
	a.header["Content-Digest"] = digestOf(good + " ")
	if p := w.want(422, a, nil).problem(t); !strings.Contains(p.Detail, "Content-Digest") {
		t.Errorf("a file that is not what was announced: %+v", p)
	}
	cut := httptest.NewRequest(http.MethodPost, "/api/v1/groups/berlin/imports?skip_bad=true", io.MultiReader(strings.NewReader(good), brokenOff{}))
	cut.Header.Set("Content-Type", "text/csv")
	cut.Header.Set("Authorization", "Bearer "+w.tokens["berlin administrator"])
	answer := httptest.NewRecorder()
	w.server.ServeHTTP(answer, cut)
	if answer.Code != 422 || !strings.Contains(answer.Body.String(), "nothing was changed") {
		t.Errorf("a cut upload was answered %d: %s", answer.Code, answer.Body)
	}
	var report gateway.ImportReport
	w.want(200, importAsk(strings.NewReader(good), "?dry_run=true"), &report) // the server goes on
	if n := w.count(); n != 1 {
		t.Errorf("%d members, want the 1 of before", n)
	}
}

// A channel's credentials go in and never come out, in any answer.
func TestCredentialsNeverComeOut(t *testing.T) {
	w := newWorld(t)
	put := ask{method: "POST", path: "/api/v1/groups/berlin/channels", token: "berlin administrator",
		body: map[string]any{"name": "sms-two", "adapter": "sms", "options": map[string]string{"auth_token": "s3cr3t-marker-two"}}}
	answers := []reply{w.want(200, put, nil)}
	for _, path := range []string{"/api/v1/groups/berlin/channels", "/api/v1/export", "/api/v1/status"} {
		answers = append(answers, w.want(200, ask{method: "GET", path: path, token: "berlin administrator"}, nil))
	}
	for _, r := range answers {
		if bytes.Contains(r.body, []byte("s3cr3t-marker")) {
			t.Errorf("a secret came out: %s", r.body)
		}
	}
	if strings.Contains(w.log.String(), "s3cr3t-marker") {
		t.Error("a secret is in the log")
	}
	// Changing something else keeps what was sealed.
	w.want(200, ask{method: "POST", path: "/api/v1/groups/berlin/channels", token: "berlin administrator", body: map[string]any{"name": "sms-two", "adapter": "sms", "senders": 3}}, nil)
	all, err := w.store.Channels(t.Context())
	must(t, err)
	for _, c := range all {
		if c.Name == "sms-two" && (!strings.Contains(string(c.Options), "s3cr3t-marker-two") || c.Senders != 3) {
			t.Errorf("senders %d, options lost or changed", c.Senders)
		}
	}
}

// A group sees its own channels and those of the operator that serve it; it pauses and resumes its own.
func TestChannelsOfAGroup(t *testing.T) {
	w := newWorld(t)
	w.want(200, ask{method: "POST", path: "/api/v1/channels", token: "operator", body: map[string]any{"name": "sms-nairobi-only", "adapter": "sms", "groups": []string{"nairobi"}}}, nil)
	var list page[gateway.Channel]
	w.want(200, ask{method: "GET", path: "/api/v1/groups/berlin/channels", token: "berlin viewer"}, &list)
	if len(list.Items) != 2 || list.Items[0].Name != "sms-berlin" || list.Items[1].Name != "sms-shared" {
		t.Errorf("berlin sees %+v", list.Items)
	}
	var status gateway.Status
	w.want(200, ask{method: "GET", path: "/api/v1/status", token: "berlin viewer"}, &status)
	if len(status.Channels) != 2 || status.Backlog != 4 {
		t.Errorf("berlin's status: %+v", status)
	}
	act := func(name, deed string, want int) reply {
		return w.want(want, ask{method: "POST", path: "/api/v1/groups/berlin/channels/" + name + "/" + deed, token: "berlin administrator"}, nil)
	}
	act("sms-berlin", "pause", 204)
	act("sms-berlin", "pause", 204)
	health := func() gateway.ChannelHealth {
		all, err := w.store.Channels(t.Context())
		must(t, err)
		return all[0].Health
	}
	if h := health(); h.Paused != gateway.PauseManual || h.Since.IsZero() {
		t.Errorf("paused: %+v", h)
	}
	act("sms-berlin", "resume", 204)
	act("sms-berlin", "resume", 204)
	if h := health(); h.Paused != gateway.NotPaused {
		t.Errorf("resumed: %+v", h)
	}
	act("sms-berlin", "pause", 204)
	w.fake.checked = gateway.CheckResult{Class: "temporary", Code: "unreachable"}
	act("sms-berlin", "resume", 204)
	act("sms-berlin", "pause", 204)
	w.fake.checked = gateway.CheckResult{Class: "auth", Code: "20003", Detail: "no such account"} // as it was before she paused
	if r := act("sms-berlin", "resume", 409); !strings.Contains(string(r.body), "refuses the credentials (20003 no such account)") {
		t.Errorf("resumed what is refused: %s", r.body)
	}
	if h := health(); h.Paused != gateway.PauseAuth || h.Code != "20003" {
		t.Errorf("refused: %+v", h)
	}
	for pause, want := range map[gateway.PauseKind]string{gateway.PauseAuth: "refused until a check passes (unreachable of late): put good credentials", gateway.PauseThrottled: "demands a pause",
		gateway.PauseUntried: "could not be asked when it was set up (unreachable of late); check"} { // kept with unchecked
		must(t, w.store.SetChannelHealth(t.Context(), w.channel.ID, gateway.ChannelHealth{Paused: pause, Code: "unreachable", Detail: "of late"}))
		if r := act("sms-berlin", "resume", 409); !strings.Contains(string(r.body), want) {
			t.Errorf("%s: %s", pause, r.body)
		}
	}
	act("sms-shared", "pause", 403)
	act("sms-nairobi-only", "pause", 404)
	act("sms-none", "pause", 404)
	for _, taken := range []string{"sms-shared", "sms-berlin"} {
		w.want(409, ask{method: "POST", path: "/api/v1/groups/nairobi/channels", token: "nairobi administrator", body: map[string]any{"name": taken, "adapter": "sms"}}, nil)
	}
}
