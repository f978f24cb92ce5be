package inbound_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// A word for STOP in a sentence that meant something else: one short answer, in her language or as the code, and what is
// routine leaves again. Who was not asked says no to somebody else, and people read it.
func TestNoTakesAGuessedStopBack(t *testing.T) {
	for _, c := range []struct{ lang, sentence, answer string }{
		{"EN", "the driver will stop texting while he drives", "No."},
		{"DE", "wir müssen das Auto noch abmelden", "nein"},
		{"RU", "у автобуса знак СТОП на углу", "НЕТ!"},
		{"RU", "у автобуса знак СТОП на углу", "no"},
	} {
		t.Run(c.lang+" "+c.answer, func(t *testing.T) {
			st := newStage(t)
			id := st.enrol(st.harbour, "sms:"+ann)
			n := 0
			say := func(text string) {
				n++
				st.wind(time.Second)
				st.say(st.own, told{ID: fmt.Sprint(n), From: ann, Text: text, At: st.now()})
			}
			paused := func() bool { return st.member(st.harbour, id).PausedUntil.After(st.now()) }
			say("LANG " + c.lang)
			before := len(st.inbox(st.harbour))
			say(c.answer)
			if in := st.inbox(st.harbour); len(in) != before+1 || in[0].Meaning != "" {
				t.Errorf("a no that nobody asked for is understood as %q", in[0].Meaning)
			}
			say(c.sentence)
			if !paused() {
				t.Fatal("what is routine is not held back")
			}
			say(c.answer)
			if in := st.inbox(st.harbour); paused() || in[0].Meaning != "no" {
				t.Errorf("held back still: %v; understood as %q", paused(), in[0].Meaning)
			}
			st.has(st.said(st.harbour), 3, "started sms ")
		})
	}
}

// LANG and PAUSE leave evidence, and are answered once where they are said again and again.
func TestWishesLeaveEvidenceAndAreAnsweredOnce(t *testing.T) {
	st := newStage(t)
	id := st.enrol(st.harbour, "sms:"+ann)
	n := 0
	say := func(text string) {
		n++
		st.say(st.own, told{ID: fmt.Sprint(n), From: ann, Text: text})
	}
	for _, text := range []string{"LANG DE", "LANG DE", "LANG DE", "PAUSE 3", "PAUSE 3"} {
		say(text)
	}
	if got := len(st.answers(st.harbour)); got != 2 {
		t.Errorf("%d answers: %v", got, st.said(st.harbour))
	}
	say("LANG FR") // something new
	if got := len(st.answers(st.harbour)); got != 3 {
		t.Errorf("%d answers after another wish", got)
	}
	evidence, err := st.s.Evidence(t.Context(), st.harbour.ID, id)
	st.ok(err)
	kinds := map[string]int{}
	for _, c := range evidence {
		if c.Source == "wish" {
			word, _, _ := strings.Cut(c.Proof.Reveal(), ",")
			kinds[word]++
			if c.PointID.IsZero() || c.At.IsZero() || !c.Granted {
				t.Errorf("the evidence of %s says too little", word)
			}
		}
	}
	if kinds["LANG"] != 4 || kinds["PAUSE"] != 2 {
		t.Errorf("evidence: %v", kinds)
	}
}

// Who is in two groups behind one number is answered by one of them: two answers would tell, by their times, that both know
// her. Her pause ends at the beginning of a day in both.
func TestOneAnswerSpeaksForTheGroupsOfANumber(t *testing.T) {
	st := newStage(t)
	a, b := st.enrol(st.harbour, "sms:"+ann), st.enrol(st.valley, "sms:"+ann)
	for i, text := range []string{"PAUSE 5", "LANG DE", "STOPP", "START"} {
		st.say(st.all, told{ID: fmt.Sprint(i), From: ann, Text: text})
		if got := len(st.answers(st.harbour)) + len(st.answers(st.valley)); got != i+1 {
			t.Errorf("%s: %d answers in all", text, got)
		}
		if text == "PAUSE 5" {
			for _, m := range []gateway.Member{st.member(st.harbour, a), st.member(st.valley, b)} {
				if until := m.PausedUntil; !until.Equal(until.Truncate(24*time.Hour)) || until.Before(st.now().Add(5*24*time.Hour)) {
					t.Errorf("paused until %s", until)
				}
			}
		}
	}
	if got := st.states(st.harbour, a) + ", " + st.states(st.valley, b); got != "active, active" {
		t.Error(got)
	}
}
