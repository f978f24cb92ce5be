package inbound_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
)

// atNoon gives the stage a clock that a test sets, and which shows noon.
func (st *stage) atNoon() *time.Time {
	at := time.Now().UTC().Truncate(24 * time.Hour).Add(12 * time.Hour)
	st.clock = func() time.Time { return at }
	return &at
}

// Ann was silent for a year, and her number may have a new owner. By day it is asked, once, whether it is still hers, in words that do
// not say who asks; at night nobody is. ME is answered by the same question and WHO without the group's name. Her YES ends it.
func TestANumberThatWasSilentIsAskedForItsOwner(t *testing.T) {
	st := newStage(t)
	at := st.atNoon()
	id := st.enrol(st.harbour, "sms:"+ann, "telegram:7")
	ask := func(want int) {
		t.Helper()
		n, err := st.f.AskStill(t.Context(), st.harbour.ID)
		if st.ok(err); n != want {
			t.Fatalf("%d are asked, not %d", n, want)
		}
	}
	ask(0)
	*at = at.Add(gateway.KeepConfirmed - 11*time.Hour) // one in the morning
	if st.states(st.harbour, id) != "stale active" {
		t.Fatalf("after a year: %s", st.states(st.harbour, id))
	}
	ask(0)
	*at = at.Add(9 * time.Hour)
	ask(1)
	ask(0)
	nameless := func(n int, kind string) {
		t.Helper()
		said := st.said(st.harbour)
		if len(said) != n || !strings.HasPrefix(said[n-1], kind+" sms en: ") || strings.Contains(said[n-1], "Harbour") {
			t.Fatalf("answers: %q", said)
		}
	}
	nameless(1, "still-yours")
	st.say(st.own, told{ID: "1", From: ann, Text: "me"})
	nameless(2, "still-yours")
	st.say(st.own, told{ID: "2", From: ann, Text: "who is this"})
	nameless(3, "help-here")
	st.say(st.own, told{ID: "3", From: ann, Text: "hello?"}) // from whom?
	if st.states(st.harbour, id) != "stale active" {
		t.Fatalf("before her word: %s", st.states(st.harbour, id))
	}
	st.say(st.own, told{ID: "4", From: ann, Text: "yes"}, told{ID: "4", From: ann, Text: "yes"})
	if st.states(st.harbour, id) != "active active" {
		t.Fatalf("after her word: %s", st.states(st.harbour, id))
	}
	nameless(4, "started")
	*at = at.Add(gateway.KeepConfirmed - 62*24*time.Hour)
	st.say(st.own, told{ID: "5", From: ann, Text: "all is well here"})
	*at = at.Add(62 * 24 * time.Hour)
	if st.states(st.harbour, id) != "active active" {
		t.Error("she was heard of two months ago, and is not believed")
	}
}

// Somebody has the number of a member of both groups, and says so: nothing more goes there, nobody is answered there, and the member is
// told over another address of hers. START from the number brings nothing back, and
// hers from that other address leaves it to be confirmed. A stranger's word changes nothing.
func TestAWrongNumberIsStopped(t *testing.T) {
	for language, word := range map[string]string{"code": "Wrong.", "English": "wrong number!", "Kiswahili": "umekosea namba"} {
		t.Run(language, func(t *testing.T) {
			st := newStage(t)
			id, other := st.enrol(st.harbour, "sms:"+ann, "telegram:7"), st.enrol(st.valley, "sms:"+ann)
			st.say(st.all, told{ID: "1", From: ann, Text: word}, told{ID: "2", From: "+447700900999", Text: word})
			if a, b := st.states(st.harbour, id), st.states(st.valley, other); a != "stopped active" || b != "stopped" {
				t.Fatalf("%s, %s", a, b)
			}
			if said := append(st.said(st.harbour), st.said(st.valley)...); len(said) != 1 || !strings.HasPrefix(said[0], "stopped-elsewhere telegram en: ") {
				t.Errorf("answers: %q", said)
			}
			thread, err := st.s.ThreadWith(t.Context(), st.harbour.ID, id)
			if st.ok(err); thread.State != gateway.ThreadOpen || len(thread.Said) != 1 {
				t.Errorf("for people: %+v", thread)
			}
			if st.heard[inbound.HeardWrong] != 2 {
				t.Errorf("counted: %v", st.heard)
			}
			st.say(st.all, told{ID: "3", From: ann, Text: "start"})
			if st.states(st.harbour, id) != "stopped active" {
				t.Errorf("after START: %s", st.states(st.harbour, id))
			}
			st.say(st.chat, told{ID: "4", From: "7", Text: "start"})
			if st.states(st.harbour, id) != "unconfirmed active" {
				t.Errorf("after her own START, elsewhere: %s", st.states(st.harbour, id))
			}
			m := st.member(st.harbour, id)
			evidence, err := st.s.Evidence(t.Context(), st.harbour.ID, id)
			st.ok(err)
			if len(m.Points[0].Topics) != 0 || !slices.ContainsFunc(evidence, func(c gateway.Consent) bool {
				return !c.Granted && strings.HasPrefix(c.Proof.Reveal(), "that the number is not the member's")
			}) {
				t.Errorf("%v, %d pieces of evidence", m.Points[0].Topics, len(evidence))
			}
		})
	}
}

// Who has the number now says so, and everything else that might make her the member: she sees nothing of hers, changes nothing for her,
// and with a code is somebody new.
func TestANewOwnerInheritsNothing(t *testing.T) {
	st := newStage(t)
	var shown []gateway.ID
	st.ears.Page = func(_ context.Context, _, member, _ gateway.ID, _ string) error {
		shown = append(shown, member)
		return nil
	}
	id := st.enrol(st.harbour, "sms:"+ann)
	_, code, _ := st.invite(st.harbour, 1, "")
	for i, text := range []string{"WRONG", "START", "YES", "ME", "PAUSE 30", "LANG DE", "LINK", "UNLINK", "HELP", "hello"} {
		st.say(st.own, told{ID: fmt.Sprint(i), From: ann, Text: text})
	}
	if said := st.said(st.harbour); len(said)+len(shown) != 0 {
		t.Errorf("answers: %q, pages: %v", said, shown)
	}
	st.say(st.own, told{ID: "code", From: ann, Text: code}, told{ID: "yes", From: ann, Text: "YES"}, told{ID: "me", From: ann, Text: "ME"})
	m, other := st.member(st.harbour, id), st.memberAt(st.harbour, "sms", ann)
	if st.states(st.harbour, id) != "stopped" || m.Locale != "en" || !m.PausedUntil.IsZero() || len(m.Points[0].Topics) != 0 {
		t.Errorf("the member: %s, %s, %v", st.states(st.harbour, id), m.Locale, m.PausedUntil)
	}
	if other.ID == id || other.Name != "" || other.Points[0].State != gateway.PointActive || len(shown) != 1 || shown[0] != other.ID {
		t.Errorf("whoever has the number: %s, pages: %v", other.Points[0].State, shown)
	}
	thread, err := st.s.ThreadWith(t.Context(), st.harbour.ID, id)
	if err == nil && len(thread.Said) > 1 {
		t.Errorf("what somebody else wrote is taken for the member's: %d", len(thread.Said))
	}
}

// A code from a number that was silent for a year is answered by the question, which says nothing of the group, and not by word that
// somebody is enrolled; whoever it is new to says so, and then joins.
func TestACodeFromASilentNumber(t *testing.T) {
	st := newStage(t)
	at := st.atNoon()
	id := st.enrol(st.harbour, "sms:"+ann)
	*at = at.Add(gateway.KeepConfirmed)
	_, code, _ := st.invite(st.harbour, 1, "")
	st.say(st.own, told{ID: "1", From: ann, Text: code})
	if said := st.said(st.harbour); len(said) != 1 || !strings.HasPrefix(said[0], "still-yours sms en: ") {
		t.Fatalf("answers: %q", said)
	}
	for i, text := range []string{"WRONG", "START", code, "YES"} {
		st.say(st.own, told{ID: fmt.Sprint("n", i), From: ann, Text: text})
	}
	if m := st.memberAt(st.harbour, "sms", ann); m.ID == id || m.Points[0].State != gateway.PointActive {
		t.Errorf("joined: %v, %s", m.ID != id, m.Points[0].State)
	}
}
