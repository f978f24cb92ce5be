package fanout_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
	"github.com/carillon-gateway/carillon/templates"
)

// frozen gives the text of a rendering, empty if there is none.
func (st *stage) frozen(d gateway.Delivery, kind string, pointer bool) string {
	locale := d.Locale
	if !pointer {
		locale = gateway.FullLocale(locale)
	}
	r, err := st.s.Rendering(st.t.Context(), st.group.ID, d.BroadcastID, locale, kind, pointer)
	if err != nil {
		return ""
	}
	return string(r.Parts[0])
}

// A text marked sensitive, too long for a text message, in a group whose chat is fit for it and whose text messages are
// not: who prefers the chat gets it, in her language; who prefers text messages gets the pointer, in hers; and for both
// the other one lies ready, should the delivery move. Whoever is in neutral mode gets the pointer anywhere. The author is
// told how many read only a pointer because of the channel, and over which.
func TestASensitiveTextLeavesInFullOnlyOverWhatIsFit(t *testing.T) {
	st := newStage(t)
	st.list[1].Sensitive = true
	st.enrol(who{locale: "es", points: "telegram sms"}, who{locale: "es", points: "sms telegram"}, who{locale: "de", points: "sms telegram"}, who{locale: "fr", points: "telegram sms"},
		who{locale: "en", points: "telegram", neutral: true})
	d := report("r1")
	d.Group, d.Sensitive, d.Words.Data["n"] = st.group.ID, true, strings.Repeat("7", 300)
	p, err := st.f.Preview(t.Context(), d)
	st.ok(err)
	if got := fmt.Sprint(p.Pointers); got != fmt.Sprintf("[{%s text sms 2}]", st.list[0].ID) {
		t.Errorf("the preview counts pointers %s", got)
	}
	if got := fmt.Sprint(p.Languages); got != "[{es es false 2} {de de false 1} {en en false 1} {fr en true 1}]" {
		t.Errorf("languages %s", got)
	}
	if len(p.Texts) != 5 {
		t.Errorf("%d texts: %+v", len(p.Texts), p.Texts)
	}
	s, err := st.f.Submit(t.Context(), d)
	st.ok(err)
	if fmt.Sprint(s.Pointers) != fmt.Sprint(p.Pointers) {
		t.Errorf("the author is told %v", s.Pointers)
	}
	st.run(st.f)
	all := st.planned(s.ID)
	for i, want := range []struct{ locale, text, pointer string }{
		{"es", "Buenas noticias", "Tiene"}, {"es", "Buenas noticias", "Tiene"}, {"en-x-fallback-pointer-de", "[en] Good news", "Nachricht"}, {"en-x-fallback-pointer-fr", "[en] Good news", "message"},
	} {
		full, sms, chat := st.frozen(all[i], "telegram", false), st.frozen(all[i], "sms", true), st.frozen(all[i], "telegram", true)
		if all[i].Neutral || all[i].Locale != want.locale || !strings.Contains(full, want.text) || sms != chat || strings.Contains(sms, "777") || strings.Contains(sms, "Harbour") || !strings.Contains(sms, want.pointer) {
			t.Errorf("member %d: %s\n%.80s\n%s\n%s", i, all[i].Locale, full, sms, chat)
		}
		if st.text(all[i], "telegram") != chat || st.text(all[i], "sms") != sms {
			t.Error("a process that does not know of sensitive texts would send more than the pointer")
		}
		if st.frozen(all[i], "sms", false) != "" {
			t.Error("the text was too long for a text message, and was kept")
		}
	}
	if !all[4].Neutral || all[4].Locale != "en" || !strings.Contains(st.text(all[4], "telegram"), "You have a message") {
		t.Errorf("in neutral mode: %+v", all[4])
	}
	again, err := st.f.Submit(t.Context(), d)
	st.ok(err)
	if again.Created || again.Pointers != nil {
		t.Errorf("a repetition counts anew: %+v", again)
	}
}

// Another process has planned the first ten of a sensitive report without its texts. Who goes on writes both of them, the text
// and its pointer.
func TestBothTextsAreWrittenAnewBehindARival(t *testing.T) {
	st := newStage(t)
	st.enrol(many(30, who{locale: "de", points: "sms"})...)
	rival := true
	st.planErr = func(c gateway.Chunk) error {
		if !rival {
			return nil
		}
		rival = false
		c.Renderings, c.Deliveries, c.Last = nil, c.Deliveries[:10], false
		c.Cursor = c.Deliveries[9].MemberID
		st.ok(st.s.Plan(t.Context(), c))
		return gateway.ErrStale
	}
	d := report("r1")
	d.Group, d.Sensitive = st.group.ID, true
	st.run(st.f)
	all := st.planned(st.submit(d))
	if len(all) != 30 || rival {
		t.Fatalf("%d planned", len(all))
	}
	if full, pointer := st.frozen(all[29], "sms", false), st.frozen(all[29], "sms", true); !strings.Contains(full, "Good news") || !strings.Contains(pointer, "Nachricht") {
		t.Errorf("%q, %q", full, pointer)
	}
}

// A meeting at 18:00 in Berlin, told as an instant: members there read 18:00, one in New York reads noon, one whose zone
// nobody knows reads the group's clock. A text without instants has one version for all of them.
func TestTimesAreToldByHerOwnClock(t *testing.T) {
	st := newStage(t)
	st.enrol(who{locale: "en", points: "sms"}, who{locale: "en", points: "sms", zone: "America/New_York"}, who{locale: "en", points: "sms", zone: "America/New_York"},
		who{locale: "en", points: "sms", zone: "Nowhere/At_All"}, who{locale: "en", points: "sms", zone: "America/New_York", neutral: true}, who{locale: "de", points: "sms", zone: "Etc/GMT+5"})
	d := report("r1")
	d.Group = st.group.ID
	d.Words = gateway.Words{Sources: map[string]string{"en": "We meet at {when, time, short}."}, Data: map[string]string{"when": "2026-11-05T17:00:00Z"}}
	p, err := st.f.Preview(t.Context(), d)
	st.ok(err)
	if len(p.Texts) != 4 || p.Texts[0].Zone != "America/New_York" || p.Texts[0].Members != 2 || p.Texts[1].Zone != "" {
		t.Errorf("%+v", p.Texts)
	}
	if got := fmt.Sprint(p.Languages); got != "[{en en false 5} {de en true 1}]" {
		t.Errorf("languages %s", got)
	}
	st.run(st.f)
	var told []string
	for _, one := range st.planned(st.submit(d)) {
		told = append(told, one.Locale+": "+strings.ReplaceAll(st.text(one, "sms"), "\u202f", " "))
	}
	want := `en: {"text":"We meet at 6:00 PM.","cost":1}
en-x-zone-america-new-york: {"text":"We meet at 12:00 PM.","cost":1}
en-x-zone-america-new-york: {"text":"We meet at 12:00 PM.","cost":1}
en: {"text":"We meet at 6:00 PM.","cost":1}
en: {"text":"You have a message. Ask the person you know, or open the app you agreed on.","cost":2}
en-x-fallback-zone-etc-gmtplus5: {"text":"[en] We meet at 12:00 PM.","cost":1}`
	if got := strings.Join(told, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	d.Key, d.Words.Data["when"] = "r2", "2026-11-05T18:00"
	for _, one := range st.planned(st.submit(d)) {
		if strings.Contains(one.Locale, "zone") {
			t.Errorf("a wall clock is told by zones: %s", one.Locale)
		}
	}
}

// The coalition's languages come last, for a group that has none in common with the text.
func TestTheCoalitionsLanguagesComeLast(t *testing.T) {
	st := newStage(t)
	st.f = fanout.New(fanout.Store{Groups: st.s, Log: st.s, Audiences: st.s, Ledger: st, Tracking: st.s, Prices: st.s, Asks: st.s, Wordings: st.s}, st, fanout.Options{Now: st.now, Languages: []string{"sw", "es"}})
	st.enrol(who{locale: "de", points: "sms"})
	st.run(st.f)
	d := report("r1")
	delete(d.Words.Sources, "en")
	if all := st.planned(st.submit(d)); all[0].Locale != "es-x-fallback" {
		t.Errorf("%+v", all[0])
	}
}

// A group that names itself in its word on STOP does not do so to a member in neutral mode: she reads what is shipped, or
// what the group wrote for her.
func TestAccountTextsNameNobodyInNeutralMode(t *testing.T) {
	st := newStage(t)
	st.enrol(who{locale: "en", points: "sms"}, who{locale: "en", points: "sms", neutral: true})
	st.ok(st.s.PutWording(t.Context(), st.group.ID, templates.Stopped, map[string]string{"en": "Harbour Union is silent from now on."}))
	st.run(st.f)
	tell := func(key string) (texts []string) {
		s, err := st.f.Tell(t.Context(), fanout.Note{Group: st.group.ID, Key: key, Wording: templates.Stopped})
		st.ok(err)
		for _, d := range st.planned(s.ID) {
			texts = append(texts, st.text(d, "sms"))
		}
		return texts
	}
	if texts := tell("s1"); !strings.Contains(texts[0], "Harbour Union is silent") || !strings.Contains(texts[1], "You will get no more messages") {
		t.Errorf("%q", texts)
	}
	st.ok(st.s.PutWording(t.Context(), st.group.ID, templates.Stopped+templates.Neutral, map[string]string{"en": "Silence from now on."}))
	if texts := tell("s2"); !strings.Contains(texts[1], "Silence from now on.") {
		t.Errorf("%q", texts)
	}
}

// A group whose words for members in neutral mode say "beacon" takes a name with that word in it: from then on the shipped
// words leave in their place, in that language; its words in other languages stay.
func TestANewNameIsNotInOldNeutralWords(t *testing.T) {
	st := newStage(t)
	st.enrol(who{locale: "en", points: "sms", neutral: true}, who{locale: "de", points: "sms", neutral: true})
	st.ok(st.s.PutWording(t.Context(), st.group.ID, templates.Pointer, map[string]string{"en": "A ship is in\nthe **beacon**.", "de": "Ein Schiff ist da."}))
	st.run(st.f)
	said := func(key string) (texts []string) {
		d := report(key)
		d.Group = st.group.ID
		s, err := st.f.Submit(t.Context(), d)
		st.ok(err)
		for _, d := range st.planned(s.ID) {
			texts = append(texts, st.text(d, "sms"))
		}
		return texts
	}
	if texts := said("r1"); !strings.Contains(texts[0], "beacon") || !strings.Contains(texts[1], "Schiff") {
		t.Errorf("%q", texts)
	}
	g := st.group
	g.Name = "The Beacon"
	_, err := st.s.PutGroup(t.Context(), g)
	st.ok(err)
	if texts := said("r2"); strings.Contains(texts[0], "beacon") || !strings.Contains(texts[0], "You have a message") || !strings.Contains(texts[1], "Schiff") {
		t.Errorf("%q", texts)
	}
}

// Every shipped text that names the group has a form for members in neutral mode, or reaches them as a pointer: as a part of
// a report, or as a notice of the class alert.
func TestWhatNamesTheGroupHasANeutralForm(t *testing.T) {
	instead := map[string]bool{"report-entry": true, "report-silent": true, "report-figure": true, "report-indicator": true, "report-alerts": true, gateway.NoticeSoft: true, gateway.NoticeHard: true, gateway.NoticePassed: true}
	for name := range templates.Shipped() {
		set, err := templates.Wording(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		names := strings.Contains(strings.Join(set.Names(), " ")+" ", "group ")
		if neutral := templates.ShippedText(name + templates.Neutral); names && len(neutral) == 0 && !instead[name] {
			t.Errorf("%s names the group, and has no form without", name)
		}
		if names && (strings.HasSuffix(name, templates.Neutral) || name == templates.Pointer) {
			t.Errorf("%s names the group", name)
		}
	}
}
