package inbound_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

// A report carries its reference. Who was sent it asks, in digits of any script, and hears when; of a number that is none of
// her messages she hears one and the same, and people read it. A stranger hears nothing.
func TestIsItGenuine(t *testing.T) {
	st := newStage(t)
	id := st.enrol(st.harbour, "sms:"+ann)
	st.enrol(st.valley, "sms:"+bea)
	report := func(g gateway.Group) string {
		_, err := st.f.Submit(t.Context(), gateway.Draft{Group: g.ID, Kind: gateway.KindReport, Audience: gateway.Audience{Topic: "reports"}, Words: gateway.Words{Sources: map[string]string{"en": "The well is dug. {reference}"}}})
		st.ok(err)
		sent := st.answers(g)
		text := st.text(g, sent[len(sent)-1])
		reference := regexp.MustCompile(`\d{9}`).FindString(text)
		if reference != gateway.Reference(sent[len(sent)-1].BroadcastID) {
			t.Fatalf("the text says %q", text)
		}
		return reference
	}
	hers, theirs := report(st.harbour), report(st.valley)
	eastern := strings.Map(func(r rune) rune { return r - '0' + '٠' }, hers)
	st.say(st.own, told{ID: "1", From: ann, Text: eastern[:6] + " " + eastern[6:]})
	answers := st.answers(st.harbour)
	if text := st.text(st.harbour, answers[len(answers)-1]); len(answers) != 2 || answers[1].MemberID != id || !strings.Contains(text, hers+" is from us") {
		t.Errorf("%d answers, %q", len(answers), text)
	}
	if box := st.inbox(st.harbour); box[0].Meaning != "reference" {
		t.Errorf("%+v", box[0])
	}
	var none []string
	for i, number := range []string{theirs, "123456782"} {
		st.say(st.own, told{ID: "n" + number, From: ann, Text: number})
		answers = st.answers(st.harbour)
		none = append(none, strings.Replace(st.text(st.harbour, answers[len(answers)-1]), number, "", 1))
		if box := st.inbox(st.harbour); len(answers) != 3+i || box[0].Meaning != "" {
			t.Errorf("%d answers, %+v", len(answers), box[0])
		}
	}
	if none[0] != none[1] || !strings.Contains(none[0], "no message") {
		t.Errorf("another group's and nobody's: %q", none)
	}
	st.say(st.own, told{ID: "s", From: "+447700900199", Text: hers}, told{ID: "slip", From: ann, Text: "123456789"})
	if n := len(st.answers(st.harbour)); n != 4 {
		t.Errorf("a stranger or a slip is answered: %d", n)
	}
}
