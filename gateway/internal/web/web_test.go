package web_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/web"
	"github.com/carillon-gateway/carillon/templates"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

// She opens her link: the door shows nothing of her, the pages behind it everything, and looking changes nothing.
func TestHerPageShowsAllThatIsHeld(t *testing.T) {
	st := newStage(t)
	m := st.enrol(nil, "sms:"+ann, "email:"+mail)
	_, err := st.s.Receive(t.Context(), gateway.InboundMessage{ID: gateway.NewID(), GroupID: st.group.ID, ChannelID: st.sms.ID, MemberIDs: []gateway.ID{m.ID}, Kind: "sms", From: ann, Text: "is the <road> open?", At: st.clock()})
	st.ok(err)
	link := st.link(m)
	if token := link[len("/m/"):]; len(token) != 24 || strings.Contains(st.disk(), token) {
		t.Errorf("the token has %d characters, or stands on the disk", len(token))
	}
	before := st.disk()
	door := st.get(link)
	for _, secret := range []string{ann, mail, "Ann", "K-17", "Harbour", "north"} {
		if strings.Contains(door.body, secret) {
			t.Errorf("the door shows %q: programs that make previews open it", secret)
		}
	}
	data := st.get(link + "/data").body
	for _, want := range []string{ann, mail, "Ann Other", "K-17", "north", "paper form 12", "w1", "is the &lt;road&gt; open?"} {
		if !strings.Contains(data, want) && !strings.Contains(strings.ReplaceAll(data, "&#43;", "+"), want) {
			t.Errorf("her data lack %q:\n%s", want, data)
		}
	}
	plain := strings.ReplaceAll(data, "&#43;", "+") // in a line from right to left, a number that is not set apart has its + behind it
	if n := strings.Count(plain, ann); n < 2 || n != strings.Count(plain, `<bdi dir="ltr">`+ann) || strings.Contains(data, "*:") {
		t.Errorf("an address is not set apart, or a consent is to *:\n%s", data)
	}
	var export struct {
		Member   struct{ Ref, Name string }
		Consents []struct{ Proof string }
		Sent     []struct{ State, Text string }
		Wrote    []struct{ Text string }
	}
	file := st.get(link + "/export.json")
	if err := json.Unmarshal([]byte(file.body), &export); err != nil || file.header.Get("Content-Disposition") == "" || export.Member.Ref != "K-17" || len(export.Consents) != 2 || len(export.Sent) != 1 || len(export.Wrote) != 1 || export.Wrote[0].Text != "is the <road> open?" {
		t.Errorf("%v, the file: %s", err, file.body)
	}
	for _, view := range []string{"", "/home", "/home?saved", "/data", "/add", "/erase", "/export.json", "/point?p=" + m.Points[0].ID.String(), "/point?p=x", "/nowhere"} {
		a := st.get(link + view)
		h := a.header
		if h.Get("Referrer-Policy") != "no-referrer" || h.Get("Cache-Control") != "no-store" || h.Get("X-Frame-Options") != "DENY" ||
			!strings.HasPrefix(h.Get("Content-Security-Policy"), "default-src 'none'; style-src 'sha256-") || !strings.Contains(h.Get("Content-Security-Policy"), "form-action 'self'; frame-ancestors 'none'") || len(h.Values("Set-Cookie")) > 0 {
			t.Errorf("view %q has the headers %v", view, h)
		}
		for _, never := range []string{"<script", "http://", "https://", "<img", "style=\"", "onclick"} {
			if strings.Contains(a.body, never) {
				t.Errorf("view %q holds %s", view, never)
			}
		}
	}
	if st.disk() != before {
		t.Error("looking at the pages has changed what is stored")
	}
}

// All that she decides is kept, with the evidence.
func TestWhatSheDecides(t *testing.T) {
	st := newStage(t)
	m := st.enrol(nil, "sms:"+ann, "email:"+mail)
	link := st.link(m)
	before := st.member(m.ID)
	st.post(link, "home", "do", "save", "locale", before.Locale, "zone", before.Zone, "neutral", "1")
	if now := st.member(m.ID); now.Own != gateway.OwnNeutral {
		t.Errorf("she changed one thing, and what is hers is %v", now.Own.Names())
	}
	if a := st.post(link, "home", "do", "save", "locale", "fa", "digits", "latn", "zone", "Asia/Tehran", "from", "22:00", "to", "07:00", "alerts", "1", "neutral", "1", "leads", "1d@18:00, 2h"); a.status != http.StatusSeeOther || a.header.Get("Location") != link+"/home?saved" {
		t.Fatalf("%d to %q: %s", a.status, a.header.Get("Location"), a.body)
	}
	got := st.member(m.ID)
	if got.Locale != "fa-u-nu-latn" || got.Zone != "Asia/Tehran" || !got.Neutral || got.Quiet != "22:00-07:00; danger waits" || got.Leads != "1d@18:00, 2h" {
		t.Errorf("kept: %q, %q, neutral %v, %q", got.Locale, got.Zone, got.Neutral, got.Quiet)
	}
	home := st.get(link + "/home").body
	if !strings.Contains(home, `<html lang="fa" dir="rtl">`) || strings.Contains(home, "Harbour") || !strings.Contains(home, `value="22:00"`) || !strings.Contains(home, `<option value="1d@18:00, 2h" selected>روز پیش`) {
		t.Errorf("her page now: %s", home)
	}
	for _, step := range [][3]string{{"2h", "none", "2h; reports none"}, {"default", "1w, 1d@18:00", "reports 1w, 1d@18:00"}, {"1d@18:00", "", "1d@18:00"}} {
		st.post(link, "home", "do", "save", "locale", "fa", "digits", "latn", "zone", "Asia/Tehran", "from", "22:00", "to", "07:00", "alerts", "1", "neutral", "1", "leads", step[0], "leads-reports", step[1])
		if got := st.member(m.ID).Leads; got != step[2] {
			t.Errorf("with %q, and %q for reports, her lead times are %q, want %q", step[0], step[1], got, step[2])
		}
		if want := `<option value="` + step[1] + `" selected>`; step[1] != "" && !strings.Contains(st.get(link+"/home").body, want) {
			t.Errorf("her page does not show %q for reports", step[1])
		}
	}
	st.post(link, "home", "do", "save", "locale", "en", "zone", "Asia/Tehran", "danger", "1")
	if got = st.member(m.ID); got.Locale != "en" || got.Quiet != "" || got.Neutral {
		t.Errorf("without quiet hours: %+v", got)
	}
	for _, wrong := range [][]string{{"zone", "Nowhere/At-All"}, {"from", "22:00", "zone", "UTC"}, {"rule", "at night", "zone", "UTC"}, {"locale", "not a language", "zone", "UTC"}} {
		if a := st.post(link, "home", append([]string{"do", "save"}, wrong...)...); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, `role="alert"`) {
			t.Errorf("%v: %d", wrong, a.status)
		}
	}
	for _, c := range []struct{ zone, from, to, wrong string }{{"Kabul", "22:00", "07:00", `id="zone"`}, {"Asia/Kabul", "22:00", "", `id="from"`}} {
		a := st.post(link, "home", "do", "save", "locale", "en", "zone", c.zone, "from", c.from, "to", c.to, "danger", "1", "neutral", "1")
		if n := strings.Count(a.body, `aria-invalid="true"`); n == 0 || n > 2 || !regexp.MustCompile(`<input[^>]*`+c.wrong+`[^>]*aria-invalid="true"`).MatchString(a.body) {
			t.Errorf("%v: %d fields are marked", c, n)
		}
		if !strings.Contains(a.body, `value="`+c.zone+`"`) || !strings.Contains(a.body, `value="22:00"`) || strings.Contains(a.body, `id="alerts" name="alerts" value="1" checked`) || !strings.Contains(a.body, `id="neutral" name="neutral" value="1" checked`) {
			t.Errorf("%v: what she entered is gone", c)
		}
	}
	st.post(link, "home", "do", "up", "point", m.Points[1].ID.String())
	if got = st.member(m.ID); got.Points[0].Kind != "email" {
		t.Error("the order stays")
	}
	st.post(link, "home", "do", "pause", "days", "14")
	if got = st.member(m.ID); !got.PausedUntil.Equal(st.clock().Add(14 * 24 * time.Hour)) {
		t.Errorf("paused until %v", got.PausedUntil)
	}
	st.post(link, "home", "do", "resume")
	if got = st.member(m.ID); got.PausedUntil.After(st.clock()) {
		t.Errorf("paused until %v", got.PausedUntil)
	}
	sms := m.Points[0].ID.String()
	st.post(link, "point?p="+sms, "do", "topics", "topic", "alerts")
	for _, p := range st.member(m.ID).Points {
		if p.Kind == "sms" && (len(p.Topics) != 1 || p.Topics[0] != "alerts") {
			t.Errorf("topics: %v", p.Topics)
		}
	}
	evidence, err := st.s.Evidence(t.Context(), st.group.ID, m.ID)
	st.ok(err)
	last := evidence[len(evidence)-1]
	if len(evidence) != 4 || last.Source != "member" || !strings.Contains(last.Proof.Reveal(), "her own page") || last.Wording != "page-en" {
		t.Errorf("evidence: %d, %+v", len(evidence), last)
	}
}

// A new address is hers once she has both codes; a code that went elsewhere proves nothing.
func TestANewAddressIsProvenFromBothEnds(t *testing.T) {
	st := newStage(t)
	m := st.enrol(nil, "sms:"+ann)
	link := st.link(m)
	if a := st.post(link, "add", "do", "send", "kind", "email", "address", "nonsense"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("nonsense: %d", a.status)
	}
	a := st.post(link, "add", "do", "send", "kind", "email", "address", mail)
	codes := st.codes()
	if held := st.get(link+"/data").body + st.get(link+"/export.json").body; strings.Contains(held, codes[0]) || strings.Contains(held, codes[1]) {
		t.Error("what is kept of her tells whoever has the link the codes")
	}
	if a.status != http.StatusOK || len(codes) != 2 || strings.Contains(a.body, codes[0]) || strings.Contains(a.body, codes[1]) {
		t.Fatalf("%d, %d codes", a.status, len(codes))
	}
	point := st.member(m.ID).Points[1]
	if point.State != gateway.PointProving || st.told[len(st.told)-1].to.Point != point.ID {
		t.Fatalf("the second code went to %+v", st.told[len(st.told)-1].to)
	}
	take := func(old, fresh string) answer {
		t.Helper()
		return st.post(link, "add", "do", "take", "point", point.ID.String(), "code", old, "second", fresh)
	}
	if a := take(codes[1], codes[0]); a.status != http.StatusUnprocessableEntity {
		t.Errorf("the wrong way round: %d", a.status)
	}
	st.senders(st.member(m.ID))
	if a := take(arabic(codes[0]), " "+codes[1][:3]+" "+codes[1][3:]); a.status != http.StatusSeeOther {
		t.Fatalf("both codes: %d, %s", a.status, a.body)
	}
	got := st.member(m.ID).Points[1]
	if got.State != gateway.PointActive || got.Address != mail || len(got.Topics) != 1 || got.Topics[0] != "reports" {
		t.Errorf("the new address: %+v", got)
	}

	// She names an address of another's, whose code could not be delivered and went on to her own telephone.
	st.post(link, "add", "do", "send", "kind", "sms", "address", bea)
	codes = st.codes()[2:]
	point = st.member(m.ID).Points[2]
	if a := take(codes[0], codes[1]); a.status != http.StatusUnprocessableEntity || st.member(m.ID).Points[2].State != gateway.PointProving {
		t.Errorf("a code that nobody was sent: %d", a.status)
	}

	// Against an address that is stopped nothing is sent, and the answer is the same.
	_, err := st.s.StopAddress(t.Context(), st.group.ID, "sms", bea, gateway.Consent{Source: "member"})
	st.ok(err)
	free := st.post(link, "add", "do", "send", "kind", "sms", "address", "+447700900103")
	n := len(st.codes())
	stopped := st.post(link, "add", "do", "send", "kind", "sms", "address", bea)
	if len(st.codes()) != n+1 || stopped.status != free.status || blind(stopped.body, bea) != blind(free.body, "+447700900103") {
		t.Errorf("a stopped address is told from a free one: %d and %d, %d codes", stopped.status, free.status, len(st.codes())-n)
	}
}

// She takes an address away with a code, but not her last one.
func TestAnAddressIsTakenAway(t *testing.T) {
	st := newStage(t)
	m := st.enrol(nil, "sms:"+ann, "email:"+mail)
	link := st.link(m)
	view := "point?p=" + m.Points[1].ID.String()
	if a := st.post(link, view, "do", "drop", "code", "123456"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("without a code: %d", a.status)
	}
	if a := st.post(link, view, "do", "dropcode"); a.status != http.StatusOK || !strings.Contains(a.body, `name="code"`) {
		t.Errorf("asked for a code: %d", a.status)
	}
	if a := st.post(link, view, "do", "drop", "code", st.codes()[0]); a.status != http.StatusSeeOther || len(st.member(m.ID).Points) != 1 {
		t.Errorf("%d, %d addresses", a.status, len(st.member(m.ID).Points))
	}
	view = "point?p=" + m.Points[0].ID.String()
	st.post(link, view, "do", "dropcode")
	if a := st.post(link, view, "do", "drop", "code", st.codes()[1]); a.status != http.StatusUnprocessableEntity || len(st.member(m.ID).Points) != 1 {
		t.Errorf("the last one: %d", a.status)
	}
}

// She erases everything: nothing of her is left, and she has a proof that others can check.
func TestSheErasesEverything(t *testing.T) {
	st := newStage(t)
	m := st.enrol(nil, "sms:"+ann)
	other := st.enrol(func(m *gateway.Member) { m.Ref = "K-18" }, "sms:"+bea)
	link := st.link(m)
	if a := st.post(link, "erase", "do", "erase", "code", "000000"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("without a code: %d", a.status)
	}
	st.post(link, "erase", "do", "send")
	a := st.post(link, "erase", "do", "erase", "code", st.codes()[0])
	if a.status != http.StatusOK {
		t.Fatalf("%d: %s", a.status, a.body)
	}
	if _, err := st.s.Member(t.Context(), st.group.ID, m.ID); !isNotFound(err) {
		t.Errorf("she is still there: %v", err)
	}
	if st.member(other.ID).Ref != "K-18" {
		t.Error("another member is gone too")
	}
	_, text, _ := strings.Cut(a.body, "<textarea")
	_, text, _ = strings.Cut(text, ">")
	text, _, _ = strings.Cut(text, "</textarea>")
	text = strings.NewReplacer("&#34;", `"`, "&#43;", "+", "&#39;", "'", "&amp;", "&").Replace(text)
	var proof web.Erasure
	if err := json.Unmarshal([]byte(text), &proof); err != nil {
		t.Fatal(err, text)
	}
	key, signature := decode(t, proof.Key), decode(t, proof.Signature)
	if !verified(key, []byte(proof.Statement), signature) || verified(key, []byte(proof.Statement+" "), signature) {
		t.Error("the signature does not hold, or holds for another text")
	}
	if published := strings.TrimSpace(st.get("/m/key").body); published != proof.Key {
		t.Errorf("the instance's key is %s, the proof's %s", published, proof.Key)
	}
	var said web.ErasureStatement
	if err := json.Unmarshal([]byte(proof.Statement), &said); err != nil || !said.At.Equal(st.clock()) || said.Request == "" || len(said.Erased) == 0 {
		t.Errorf("%v, %+v", err, said)
	}
	for _, secret := range []string{m.ID.String(), ann, "Ann", "K-17", "harbour", "Harbour", st.group.ID.String()} {
		if strings.Contains(text, secret) {
			t.Errorf("the proof holds %q", secret)
		}
	}
	if got := st.get(link + "/home").status; got != http.StatusNotFound {
		t.Errorf("her link still works: %d", got)
	}
}

// STOP on the page holds at once, and ends the link.
func TestSheStops(t *testing.T) {
	st := newStage(t)
	m := st.enrol(nil, "sms:"+ann, "email:"+mail)
	link := st.link(m)
	if a := st.post(link, "point?p="+m.Points[1].ID.String(), "do", "stop"); a.status != http.StatusOK {
		t.Errorf("%d", a.status)
	}
	if p := st.member(m.ID).Points; p[0].State != gateway.PointActive || p[1].State != gateway.PointStopped {
		t.Errorf("%s, %s", p[0].State, p[1].State)
	}
	if a := st.post(link, "home", "do", "stopall"); a.status != http.StatusOK || !strings.Contains(a.body, "START") {
		t.Errorf("%d", a.status)
	}
	if p := st.member(m.ID).Points; p[0].State != gateway.PointStopped {
		t.Errorf("%s", p[0].State)
	}
	if got := st.get(link + "/home").status; got != http.StatusNotFound {
		t.Errorf("the link still works: %d", got)
	}
}

// From her page she stops every group that has an address of hers, and those to come; the view with the button changes nothing. Another
// member of the group is left alone.
func TestSheStopsEveryGroup(t *testing.T) {
	st := newStage(t)
	m, friend := st.enrol(nil, "sms:"+ann, "email:ann@example.org"), st.enrol(func(m *gateway.Member) { m.Ref = "K-18" }, "sms:"+bea)
	valley, err := st.s.PutGroup(t.Context(), gateway.Group{Slug: "valley", Name: "Valley Watch", Locale: "en", Zone: "Europe/Berlin", Topics: []gateway.Topic{{Name: "reports"}}})
	st.ok(err)
	harbour := st.group
	st.group = valley
	other := st.enrol(nil, "sms:"+ann)
	st.group = harbour
	link := st.link(m)
	if a := st.get(link + "/home"); !strings.Contains(a.body, `href="everywhere"`) {
		t.Error("her page has no way to it")
	}
	before := st.disk()
	if a := st.get(link + "/everywhere"); a.status != http.StatusOK || !strings.Contains(a.body, `action="everywhere"`) || strings.Contains(a.body, "Valley") {
		t.Errorf("%d: %s", a.status, a.body)
	}
	if st.disk() != before {
		t.Error("opening it has changed something")
	}
	if a := st.post(link, "everywhere", "do", "stop"); a.status != http.StatusOK || !strings.Contains(a.body, "START") {
		t.Errorf("%d", a.status)
	}
	elsewhere, err := st.s.Member(t.Context(), valley.ID, other.ID)
	st.ok(err)
	if p := st.member(m.ID).Points; p[0].State != gateway.PointStopped || p[1].State != gateway.PointStopped || elsewhere.Points[0].State != gateway.PointStopped {
		t.Errorf("%s, %s, in the other group %s", p[0].State, p[1].State, elsewhere.Points[0].State)
	}
	if p := st.member(friend.ID).Points; p[0].State != gateway.PointActive {
		t.Errorf("somebody else: %s", p[0].State)
	}
	evidence, err := st.s.Evidence(t.Context(), valley.ID, other.ID)
	st.ok(err)
	if last := evidence[len(evidence)-1]; last.Granted || strings.Contains(last.Proof.Reveal(), "link") {
		t.Errorf("the other group's evidence: %s", last.Proof.Reveal())
	}
	st.group, err = st.s.PutGroup(t.Context(), gateway.Group{Slug: "later", Name: "Later", Locale: "en", Zone: "Europe/Berlin", Topics: []gateway.Topic{{Name: "reports"}}})
	st.ok(err)
	if late := st.enrol(nil, "sms:"+ann); late.Points[0].State != gateway.PointStopped {
		t.Errorf("in a group that comes later: %s", late.Points[0].State)
	}
}

// Forms from elsewhere change nothing: without the token, with another link's, or from another site.
func TestForeignFormsAreRefused(t *testing.T) {
	st := newStage(t)
	m := st.enrol(nil, "sms:"+ann)
	link, other := st.link(m), st.link(m)
	token := func(link string) string { return formField.FindStringSubmatch(st.get(link + "/home").body)[1] }
	before := st.disk()
	for what, a := range map[string]answer{
		"no token":       st.do(http.MethodPost, link+"/home", url.Values{"do": {"stopall"}}),
		"another link's": st.do(http.MethodPost, link+"/home", url.Values{"do": {"stopall"}, "form": {token(other)}}),
		"another site":   st.do(http.MethodPost, link+"/home", url.Values{"do": {"stopall"}, "form": {token(link)}}, "Sec-Fetch-Site", "cross-site"),
		"a sister site":  st.do(http.MethodPost, link+"/home", url.Values{"do": {"stopall"}, "form": {token(link)}}, "Sec-Fetch-Site", "same-site"),
	} {
		if a.status != http.StatusForbidden {
			t.Errorf("%s: %d", what, a.status)
		}
	}
	if st.disk() != before {
		t.Error("something has changed")
	}
	if a := st.do(http.MethodPost, link+"/home", url.Values{"do": {"pause"}, "days": {"3"}, "form": {token(link)}}, "Sec-Fetch-Site", "same-origin"); a.status != http.StatusSeeOther {
		t.Errorf("her own form: %d", a.status)
	}
}

// Codes cost messages, and cannot be guessed.
func TestCodesAreFew(t *testing.T) {
	st := newStage(t)
	link := st.link(st.enrol(nil, "sms:"+ann))
	for range gateway.MaxPageCodes {
		if a := st.post(link, "erase", "do", "send"); a.status != http.StatusOK {
			t.Fatalf("%d", a.status)
		}
	}
	if a := st.post(link, "erase", "do", "send"); a.status != http.StatusUnprocessableEntity || len(st.codes()) != gateway.MaxPageCodes {
		t.Errorf("one more: %d, %d were sent", a.status, len(st.codes()))
	}
	right := st.codes()[gateway.MaxPageCodes-1]
	for range gateway.MaxPageTries {
		wrong := "000000"
		if right == wrong {
			wrong = "000001"
		}
		st.post(link, "erase", "do", "erase", "code", wrong)
	}
	if a := st.post(link, "erase", "do", "erase", "code", right); a.status != http.StatusUnprocessableEntity {
		t.Errorf("after too many tries: %d", a.status)
	}
}

func decode(t *testing.T, text string) []byte {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// arabic writes digits as Arabic has them.
func arabic(digits string) string {
	return strings.Map(func(r rune) rune { return r - '0' + '٠' }, digits)
}

// A member of whom much is held, in every language: no view passes 50 kB, all told.
func TestPagesAreSmall(t *testing.T) {
	st := newStage(t)
	var topics []gateway.Topic
	for i := range gateway.MaxTopics {
		topics = append(topics, gateway.Topic{Name: fmt.Sprintf("topic-%d", i), Title: fmt.Sprintf("A topic with a long title, number %d", i)})
	}
	g := st.group
	g.Topics = append(g.Topics, topics[:gateway.MaxTopics-2]...)
	var err error
	st.group, err = st.s.PutGroup(t.Context(), g)
	st.ok(err)
	largest := 0
	for i, locale := range slices.Sorted(maps.Keys(templates.ShippedText(templates.EnrolAsk))) {
		var addresses []string
		for k := range gateway.MaxPagePoints {
			addresses = append(addresses, fmt.Sprintf("email:somebody-with-a-long-name-%d-%d@department.example.org", i, k))
		}
		m := st.enrol(func(m *gateway.Member) { m.Locale, m.Ref = locale, gateway.Private("ref-"+locale) }, addresses...)
		for k := range 12 {
			_, err := st.s.Receive(t.Context(), gateway.InboundMessage{ID: gateway.NewID(), GroupID: st.group.ID, ChannelID: st.email.ID, MemberIDs: []gateway.ID{m.ID}, Kind: "email", From: m.Points[0].Address, Text: gateway.Private(strings.Repeat("မင်္ဂလာပါ ", 100) + fmt.Sprint(k)), At: st.clock()})
			st.ok(err)
		}
		for k := range gateway.MaxTopics / 2 {
			w := gateway.Wish{Topics: []gateway.TopicWish{{Point: m.Points[0].ID, Topic: st.group.Topics[2+k].Name, Taken: true}}}
			st.ok(st.s.Wish(t.Context(), st.group.ID, m.ID, w, gateway.Consent{At: st.clock(), Source: "member", Granted: true, Wording: "page-my", Proof: gateway.Private(strings.Repeat("သဘောတူ ", 60))}))
		}
		link := st.link(m)
		for _, view := range []string{"", "/home", "/point?p=" + m.Points[0].ID.String(), "/add", "/data", "/erase"} {
			a := st.get(link + view)
			if a.status != http.StatusOK || len(a.body) >= 50_000 {
				t.Errorf("%s%s: %d, %d bytes", locale, view, a.status, len(a.body))
			}
			largest = max(largest, len(a.body))
		}
	}
	t.Logf("the largest view has %d bytes", largest)
}
