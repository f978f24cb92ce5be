package fanout_test

import (
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/gateway"
)

// Fill puts a name in, and counts anew.
func (w *wire) Fill(p channels.Part, _ channels.Address, name string) (channels.Part, bool) {
	p.Text = strings.NewReplacer(content.HoleMark, name, content.HoleMarkRTL, name).Replace(p.Text)
	p.Cost = 1 + len(p.Text)/70
	return p, name != ""
}

const greeting = "{name, select, none {Hello} other {Hello {name}}}, we meet at the north gate tonight, at seven."

// named gives the text that calls by name, of a delivery planned for whoever it is.
func (st *stage) named(d gateway.Delivery, kind string) string {
	st.t.Helper()
	r, err := st.s.Rendering(st.t.Context(), st.group.ID, d.BroadcastID, gateway.NamedLocale(d.Locale), kind, false)
	st.ok(err)
	return string(r.Parts[0])
}

// A text that calls members by name is written twice for all who read a language over a kind of channel: for those who are
// called by name, with room for it, and for those who are not. The author sees both before she sends them, with what the
// dearest name costs.
func TestATextThatCallsByNameIsComposedOnceForAll(t *testing.T) {
	st := newStage(t)
	st.enrol(many(300, who{locale: "en", points: "sms"})...)
	st.enrol(who{locale: "en", points: "sms telegram", neutral: true}, who{locale: "fr", points: "sms"})
	d := report("r1")
	d.Group, d.Words = st.group.ID, gateway.Words{Sources: map[string]string{"en": greeting}}
	p, err := st.f.Preview(t.Context(), d)
	st.ok(err)
	if got := p.Texts[0]; got.Members != 300 || got.Name == "" || got.Parts[0] != "Hello "+got.Name+", we meet at the north gate tonight, at seven." || got.Cost != 2 || got.Least != 1 {
		t.Errorf("the preview shows %+v", got)
	}
	if p.Cost != 300*2+1*2+2 { // the pointer, and the text with the tag of its language
		t.Errorf("the preview counts %d segments", p.Cost)
	}
	for _, w := range st.wires {
		w.wrote.Store(0)
	}
	st.run(st.f)
	all := st.planned(st.submit(d))
	if got := st.text(all[0], "sms"); !strings.Contains(got, `"Hello, we meet`) {
		t.Errorf("for whoever is called by no name: %s", got)
	}
	if got := st.named(all[0], "sms"); !strings.Contains(got, `"Hello `+content.HoleMark+`, we meet`) {
		t.Errorf("for the others: %q", got)
	}
	if got := st.named(all[301], "telegram"); !strings.Contains(got, `"[en] Hello `+content.HoleMark+`, we meet`) {
		t.Errorf("as a fallback: %q", got)
	}
	if !all[300].Neutral || strings.Contains(st.text(all[300], "sms"), "Hello") {
		t.Errorf("in neutral mode: %s", st.text(all[300], "sms"))
	}
	for id, w := range st.wires {
		if n := w.wrote.Load(); n > 40 { // a few for checking, and the pointers
			t.Errorf("channel %s composed %d times", id, n)
		}
	}
	b, err := st.s.Broadcast(t.Context(), st.group.ID, all[0].BroadcastID)
	st.ok(err)
	if !b.Personal {
		t.Error("the ledger does not know that it calls by name")
	}
}

// A text in which a member without a name would read "Hello ," is refused, and so is a name in a subject, a link, a web
// address or code. One that has a value of its own for the name may do as it likes.
func TestANameNeedsAnAlternative(t *testing.T) {
	st := newStage(t)
	st.enrol(who{locale: "en", points: "sms"})
	for source, want := range map[string]string{
		"Hello {name}!": "en.md:1:7: here a member without a name would read nothing; say what she reads instead",
		"{name, select, none {Hello {name}} other {Hello {name}}}!":                                            "en.md:1:28: here a member without a name",
		"{name, select, other {Hello {name}}}!":                                                                "en.md:1:1: the cases of a name are none and other",
		"{name, select, none {Hello} Ana {You} other {Hello {name}}}!":                                         "en.md:1:1: the cases of a name are none and other",
		"---\nsubject: \"{name, select, none {Hello} other {Hello {name}}}\"\n---\nHello!":                     "en.md:2:11: no name can stand here",
		"See `{name, select, none {x} other {{name}}}`!":                                                       "en.md:1:6: no name can stand here",
		"See [it](https://example.org/{name})!":                                                                "en.md:1:6: no name can stand here",
		"See https://example.org/{name, select, none {x} other {{name}}}":                                      "no name can stand here",
		"---\nsms: \"{name, select, none {Hello} other {Hello {name, list}}}\"\n---\nHello!":                   "a name has no format",
		"---\nsms: \"{name, select, none {Hello} other {Hello {name}}}\"\n---\nHello {name}, again and again.": "en.md:4:7: here a member without a name",
	} {
		d := report("r1")
		d.Group, d.Words = st.group.ID, gateway.Words{Sources: map[string]string{"en": source}}
		if _, err := st.f.Preview(t.Context(), d); !isCode(err, gateway.CodeInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", source, err)
		}
	}
	d := report("r1")
	d.Group, d.Words = st.group.ID, gateway.Words{Sources: map[string]string{"en": "Hello {name}!"}, Data: map[string]string{"name": "friends"}}
	p, err := st.f.Preview(t.Context(), d)
	if err != nil || p.Texts[0].Parts[0] != "Hello friends!" || p.Texts[0].Name != "" {
		t.Errorf("with a value of its own: %+v, %v", p.Texts, err)
	}
}

// A member goes into neutral mode while a report waits for her quiet hours to end: its pointer lies ready in her language, for
// every kind of channel.
func TestAPointerLiesReadyForWhoeverGoesIntoNeutralMode(t *testing.T) {
	st := newStage(t)
	st.enrol(who{locale: "es", points: "sms"}, who{locale: "de", points: "sms"})
	st.run(st.f)
	all := st.planned(st.submit(report("r1")))
	for i, want := range []string{"Tienes un mensaje", "You have a message"} { // the second reads [en]
		for _, kind := range []string{"sms", "telegram"} {
			r, err := st.s.Rendering(t.Context(), st.group.ID, all[i].BroadcastID, all[i].Locale, kind, true)
			if err != nil || !strings.Contains(string(r.Parts[0]), want) {
				t.Errorf("member %d, %s, %s: %s, %v", i, all[i].Locale, kind, r.Parts, err)
			}
		}
	}
}
