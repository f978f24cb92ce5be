package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
)

// bare is a report whose author says nothing of a fallback.
func bare(key string, sources map[string]string) gateway.Draft {
	d := report(key)
	d.Fallback, d.Words.Sources = nil, sources
	return d
}

// refused submits a draft and gives what it is refused for, a line each.
func (st *stage) refused(d gateway.Draft) string {
	st.t.Helper()
	d.Group = st.group.ID
	_, err := st.f.Submit(st.t.Context(), d)
	var fault *gateway.Fault
	if !errors.As(err, &fault) || fault.Code != gateway.CodeIncomplete {
		st.t.Fatalf("got %v", err)
	}
	return listed(fault.Missing)
}

func listed(missing []gateway.Missing) string {
	var lines []string
	for _, m := range missing {
		place := ""
		if m.Line > 0 {
			place = fmt.Sprintf(":%d:%d", m.Line, m.Column)
		}
		lines = append(lines, fmt.Sprintf("%s %s%s [%s] %d: %s", m.What, m.Locale, place, m.Gets, m.Members, m.Detail))
	}
	return strings.Join(lines, "\n")
}

// What leaves only as a pointer is read by nobody in a language that is missing; over a channel that is fit for it, it is.
func TestNothingIsMissingInAPointer(t *testing.T) {
	st := newStage(t)
	st.list[1].Sensitive = true
	st.enrol(who{locale: "en", points: "sms"}, who{locale: "es", points: "sms"}, who{locale: "fr", points: "telegram"})
	d := bare("s1", map[string]string{"en": "{n} met."})
	d.Sensitive = true
	if got, want := st.refused(d), "language fr [en] 1: the text is not in fr; its readers would get [en]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A report in English and Russian to members who also read Persian, Ukrainian and Quechua: it is refused, with how many miss
// what; then its author says that the fallback will do. A repetition under its key is answered whatever members came since.
func TestAReportThatLacksALanguageIsRefused(t *testing.T) {
	st := newStage(t)
	st.enrol(who{locale: "en", points: "sms"}, who{locale: "ru", points: "sms"}, who{locale: "ru", points: "telegram"},
		who{locale: "fa", points: "sms"}, who{locale: "fa-u-nu-latn", points: "telegram"}, who{locale: "fa-AF", points: "sms"},
		who{locale: "uk", fallback: []string{"ru"}, points: "sms"},
		who{locale: "de", points: "~sms"}, who{locale: "it", points: "-sms"}, who{locale: "tr", points: "email"}, // who are not told
		who{locale: "qu", neutral: true, points: "sms"}) // who gets a pointer
	d := bare("week", map[string]string{
		"en": "{n, plural, one {# group} other {# groups}} of {group} met.",
		"ru": "Встретились {n, plural, one {# группа} many {# групп} other {# группы}}, {group}.",
	})
	want := `plural ru:1:13 [] 3: {n}: the form few is missing, as in 2, 3, 4
language fa [en] 2: the text is not in fa; its readers would get [en]
language fa-AF [en] 1: the text is not in fa-AF; its readers would get [en]
language uk [ru] 1: the text is not in uk; its readers would get [ru]`
	if got := st.refused(d); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	d.Group = st.group.ID
	p, err := st.f.Preview(t.Context(), d)
	if err != nil || listed(p.Missing) != want {
		t.Errorf("a preview is never refused, and says the same: %v\n%s", err, listed(p.Missing))
	}
	d.Fallback = new(true)
	first := st.submit(d)
	st.run(st.f)
	if all := st.planned(first); len(all) != 10 {
		t.Errorf("planned:\n%s", told(all))
	}

	whole := bare("whole", map[string]string{"en": "en", "ru": "ru", "fa": "fa", "uk": "uk"})
	id := st.submit(whole)
	st.enrol(who{locale: "my", points: "sms"})
	if again := st.submit(whole); again != id {
		t.Error("a known key is answered, though a member has come who cannot read it")
	}
	whole.Key = "another"
	if got := st.refused(whole); got != "language my [en] 1: the text is not in my; its readers would get [en]" {
		t.Error(got)
	}
}

// An alert is sent with what is missing unless its author says otherwise; Carillon's own notes are never refused.
func TestAnAlertIsSentWithItsFallback(t *testing.T) {
	st := newStage(t)
	st.enrol(who{locale: "uz", points: "~sms"})
	alert := func(key string, fallback *bool) gateway.Draft {
		d := bare(key, map[string]string{"en": "Use {n, plural, other {# fords}}."})
		d.Kind, d.Audience.Topic, d.Fallback = gateway.KindAlert, "alerts", fallback
		return d
	}
	want := "plural en:1:5 [] 1: {n}: the form one is missing, as in 1\nlanguage uz [en] 1: the text is not in uz; its readers would get [en]"
	if got := st.refused(alert("a1", new(false))); got != want {
		t.Error(got)
	}
	st.submit(alert("a2", nil))
	_, err := st.f.Tell(t.Context(), fanout.Note{Group: st.group.ID, Key: "n1", Wording: "stopped"})
	st.ok(err)
}

// A language that lacks a placeholder is refused although nobody reads it today, and left out with the fallback.
func TestALanguageThatLacksAPlaceholderIsLeftOut(t *testing.T) {
	st := newStage(t)
	d := bare("p1", map[string]string{"en": "{n} of {group}", "es": "{group}"})
	st.enrol(who{locale: "en", points: "sms"})
	if got := st.refused(d); got != "placeholder es [] 0: {n} is missing; en has it" {
		t.Error(got)
	}
	st.enrol(who{locale: "es", points: "sms"}, who{locale: "es-MX", points: "sms"})
	if got := st.refused(d); got != "placeholder es [] 2: {n} is missing; en has it" {
		t.Error(got)
	}
	d.Fallback = new(true)
	st.run(st.f)
	if got := told(st.planned(st.submit(d))); got != "waiting en\nwaiting en-x-fallback\nwaiting en-x-fallback" {
		t.Error(got)
	}
}

// asked counts what is read of an audience.
type asked struct {
	gateway.Audiences
	pages, locales int
}

func (a *asked) Recipients(ctx context.Context, group gateway.ID, rule gateway.Audience, after gateway.ID, limit int) ([]gateway.Recipient, error) {
	a.pages++
	return a.Audiences.Recipients(ctx, group, rule, after, limit)
}

func (a *asked) Opening(ctx context.Context, group gateway.ID, rule gateway.Audience, limit int, urgent bool) (gateway.Opening, error) {
	a.pages++
	return a.Audiences.Opening(ctx, group, rule, limit, urgent)
}

func (a *asked) Locales(ctx context.Context, group gateway.ID, limit int) ([]string, error) {
	a.locales++
	return a.Audiences.Locales(ctx, group, limit)
}

// Of a large group no more than the first page is read when nothing is missing: what languages its members have is known
// without them. They are counted when something is.
func TestALargeAudienceIsNotReadWhenNothingIsMissing(t *testing.T) {
	st := newStage(t)
	st.enrol(append(many(1200, who{locale: "en", points: "sms"}), many(70, who{locale: "es", points: "telegram"})...)...)
	a := &asked{Audiences: st.s}
	st.f = fanout.New(fanout.Store{Groups: st.s, Log: st.s, Audiences: a, Ledger: st, Tracking: st.s, Prices: st.s, Asks: st.s, Wordings: st.s}, st, fanout.Options{Now: st.now})
	st.submit(bare("both", map[string]string{"en": "en", "es": "es"}))
	if a.pages != 1 || a.locales != 1 {
		t.Errorf("nothing is missing: %d pages, locales asked for %d times", a.pages, a.locales)
	}
	*a = asked{Audiences: st.s}
	english := bare("english", map[string]string{"en": "en"})
	english.Audience.Locales = []string{"en"}
	st.submit(english)
	if a.pages != 1 || a.locales != 1 {
		t.Errorf("nothing is missing for readers of English: %d pages, locales asked for %d times", a.pages, a.locales)
	}
	*a = asked{Audiences: st.s}
	english.Key, english.Audience.Locales = "all", nil
	if got := st.refused(english); got != "language es [en] 70: the text is not in es; its readers would get [en]" || a.pages != 3 {
		t.Errorf("%s; %d pages", got, a.pages)
	}
	*a = asked{Audiences: st.s}
	english.Fallback = new(true)
	st.submit(english)
	if a.pages != 1 || a.locales != 0 {
		t.Errorf("with the fallback nothing is asked: %d pages, locales asked for %d times", a.pages, a.locales)
	}
}

// Every member of a group reads a language of her own: what is told names two hundred of them, and behind these how many
// members read others. Nobody is left uncounted.
func TestMoreLanguagesThanCanBeNamedAreCountedTogether(t *testing.T) {
	st := newStage(t)
	people := many(1, who{locale: "en", points: "sms"})
	for i := range 260 {
		people = append(people, who{locale: fmt.Sprintf("q%c%c", 'a'+i/26, 'a'+i%26), points: "sms"})
	}
	st.enrol(people...)
	d := bare("b", map[string]string{"en": "en"})
	d.Group = st.group.ID
	_, err := st.f.Submit(t.Context(), d)
	var fault *gateway.Fault
	if !errors.As(err, &fault) || len(fault.Missing) != 201 {
		t.Fatalf("%v", err)
	}
	members := 0
	for _, m := range fault.Missing {
		members += m.Members
	}
	if last := fault.Missing[200]; members != 260 || last.Locale != "und" || last.Members != 60 {
		t.Errorf("%d members, and last %+v", members, last)
	}
}
