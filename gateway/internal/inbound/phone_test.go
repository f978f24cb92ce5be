package inbound_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/sms"
	"github.com/carillon-gateway/carillon/gateway"
)

// phone is somebody with a feature phone, and what she writes on her way.
type phone struct {
	number, reads string // her language
	invited       string // the language of her invitation; empty: as her number's country speaks
	asked         string // the language in which she is asked therefore
	digits        rune   // the nought of the script in which she types the code
	encoding      string // of what she reads
	most          int    // segments of an answer, as docs/words/segments.md has it

	yes, language, pause, who, question, stop, start, stopAll string
}

// The whole path by text messages alone, in five languages and four scripts, as the text adapter writes them: she joins by
// a code, says yes, chooses her language, pauses, asks who writes, asks people something and is answered, stops, returns,
// and stops everywhere. Each answer is in her language and as short as is promised. What the provider answers itself,
// the English words that it reserves, is not answered twice; its reserved words are nobody's but English.
func TestTheWholePathByTextMessages(t *testing.T) {
	for _, p := range []phone{
		{number: "+447700900201", reads: "en", asked: "en", digits: '0', encoding: "GSM-7", most: 1,
			yes: "Yes", language: "LANG EN", pause: "PAUSE 14", who: "Who is this?", question: "When does the boat leave?", stop: "STOP", start: "START", stopAll: "stop all"},
		{number: "+254700000202", reads: "sw", asked: "sw", digits: '0', encoding: "GSM-7", most: 1,
			yes: "ndiyo", language: "LUGHA KISWAHILI", pause: "pumzisha 14", who: "Nani?", question: "Boti litaondoka saa ngapi?", stop: "Simamisha", start: "endelea", stopAll: "simamisha yote"},
		{number: "+447700900203", reads: "ar", invited: "ar", asked: "ar", digits: '٠', encoding: "UCS-2", most: 2,
			yes: "نعم", language: "اللغة العربية", pause: "إيقاف مؤقت ١٤", who: "من أنتم؟", question: "متى يغادر القارب؟", stop: "أوقفوا", start: "استئناف", stopAll: "إيقاف الكل"},
		{number: "+447700900204", reads: "my", asked: "en", digits: '၀', encoding: "UCS-2", most: 2,
			yes: "YES", language: "LANG မြန်မာ", pause: "ခဏရပ် ၁၄", who: "ဘယ်သူလဲ", question: "လှေ ဘယ်အချိန် ထွက်မလဲ", stop: "ရပ်ပါ", start: "ပြန်စပါ", stopAll: "အားလုံးရပ်ပါ"},
		{number: "+447700900205", reads: "hi", asked: "en", digits: '०', encoding: "UCS-2", most: 2,
			yes: "yes", language: "भाषा हिन्दी", pause: "विराम १४", who: "आप कौन हैं?", question: "नाव कब जाएगी?", stop: "बंद", start: "शुरू", stopAll: "सब बंद करो"},
	} {
		t.Run(p.reads, p.walk)
	}
}

func (p phone) walk(t *testing.T) {
	st := newStage(t)
	adapter, err := sms.New(channels.Settings{Name: "harbour-text", Options: json.RawMessage(`{"account_sid":"AC00000000000000000000000000000001","auth_token":"sandboxtoken","from":"+12025550100"}`)})
	st.ok(err)
	st.wires[st.own.ID].Adapter, st.wires[st.own.ID].reserves = adapter, adapter.Capabilities().Reserved
	elsewhere := st.enrol(st.valley, "sms:"+p.number)

	n := 0 // answers so far
	next := func(written, wording, locale string) {
		t.Helper()
		st.say(st.own, told{ID: written, From: p.number, Text: written})
		p.expect(st, &n, wording, locale)
	}
	_, code, _ := st.invite(st.harbour, 1, p.invited)
	next(strings.Map(func(r rune) rune { return r - '0' + p.digits }, code), "enrol-ask", p.asked)
	next(p.yes, "welcome", p.asked)
	id := st.memberAt(st.harbour, "sms", p.number).ID
	next(p.language, "language-set", p.reads)
	next(p.pause, "paused", p.reads)
	if left := time.Until(st.member(st.harbour, id).PausedUntil); left < 13*24*time.Hour || left > 15*24*time.Hour {
		t.Errorf("paused for %s", left)
	}
	next(p.who, "help-here", p.reads)

	next(p.question, "", "")
	c := st.read()
	if c.State != gateway.ThreadOpen || c.Unread != 1 || c.Lines[len(c.Lines)-1].Text != p.question {
		t.Fatalf("in the inbox: %+v", c.ThreadView)
	}
	_, err = st.desk().Reply(t.Context(), st.harbour.ID, c.ID, gateway.ReplyDraft{Text: "18:00", Author: "anna"})
	st.ok(err)
	p.expect(st, &n, "inbox-reply", p.reads)

	own := func(written, wording string) string { // the provider answers what it reserves
		if slices.Contains(adapter.Capabilities().Reserved, strings.ToUpper(written)) {
			return ""
		}
		return wording
	}
	next(p.stop, own(p.stop, "stopped"), p.reads)
	if got := st.states(st.harbour, id) + " " + st.states(st.valley, elsewhere); got != "stopped active" {
		t.Errorf("after %s: %s", p.stop, got)
	}
	next(p.start, own(p.start, "started"), p.reads)
	if m := st.member(st.harbour, id); m.Points[0].State != gateway.PointActive || !m.PausedUntil.IsZero() || m.Locale != p.reads {
		t.Errorf("after %s: %s in %s, paused until %s", p.start, m.Points[0].State, m.Locale, m.PausedUntil)
	}
	next(p.stopAll, "stopped-all", p.reads)
	if got := st.states(st.harbour, id) + " " + st.states(st.valley, elsewhere); got != "stopped stopped" {
		t.Errorf("after %s: %s", p.stopAll, got)
	}
}

// expect insists on exactly one more answer in those words, which may pass to her phone; on none, if wording is empty.
func (p phone) expect(st *stage, n *int, wording, locale string) {
	st.t.Helper()
	answers := st.answers(st.harbour)
	if wording == "" {
		if len(answers) != *n {
			st.t.Fatalf("%d answers instead of %d", len(answers), *n)
		}
		return
	}
	if *n++; len(answers) != *n {
		st.t.Fatalf("%d answers instead of %d: no %s", len(answers), *n, wording)
	}
	d := answers[*n-1]
	b, err := st.s.Broadcast(st.t.Context(), st.harbour.ID, d.BroadcastID)
	st.ok(err)
	if string(b.Kind) != wording || d.Locale != locale {
		st.t.Errorf("%s in %s, want %s in %s", b.Kind, d.Locale, wording, locale)
	}
	_, claims, err := st.s.Exchange(st.t.Context(), gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute}, nil, []gateway.ID{d.ID})
	if err != nil || claims[0].Verdict != gateway.Granted || claims[0].Address.Reveal() != p.number {
		st.t.Errorf("%s does not pass to her: %v, %v", wording, claims[0].Verdict, err)
	}
	text := st.text(st.harbour, d)
	encoding, units, segments, letters := compose.Count(text)
	most := p.most
	want := p.encoding
	if locale == "en" {
		want, most = "GSM-7", 1
	}
	if wording == "inbox-reply" {
		want = encoding // it is what people wrote
	}
	if segments > most || encoding != want {
		st.t.Errorf("%s in %s: %d segments of %s (%d units, %s), want %d of %s: %s", wording, locale, segments, encoding, units, fmt.Sprint(letters), most, want, text)
	}
}
