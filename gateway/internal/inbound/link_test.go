package inbound_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

var linkCode = regexp.MustCompile(`[0-9]{7}`)

// codeFor writes LINK from an address and gives the code of the answer.
func (st *stage) codeFor(id string) string {
	st.t.Helper()
	before := len(st.answers(st.harbour))
	st.say(st.own, told{ID: id, From: ann, Text: "link"})
	all := st.answers(st.harbour)
	if len(all) != before+1 {
		st.t.Fatalf("LINK has %d answers", len(all)-before)
	}
	return linkCode.FindString(st.text(st.harbour, all[before]))
}

// She writes LINK by text, sends the code from the bot, where nobody knows her, and says YES by text: the chat is hers, with
// the topics of the first address, and both are told. UNLINK from there takes it away.
func TestSheLinksAnotherAddress(t *testing.T) {
	st := newStage(t)
	id := st.enrol(st.harbour, "sms:"+ann)
	code := st.codeFor("1")
	st.say(st.chat, told{ID: "2", From: "700", Text: code[:3] + " " + code[3:]})
	all := st.answers(st.harbour)
	if len(all) != 2 || all[1].ChannelID != st.own.ID || !strings.Contains(st.text(st.harbour, all[1]), "came from Telegram") {
		t.Fatalf("asked back: %+v", all)
	}
	st.say(st.chat, told{ID: "3", From: "700", Text: "YES"}) // from the wrong end
	st.say(st.chat, told{ID: "4", From: "701", Text: code})  // a code is good for one address
	if st.states(st.harbour, id) != "active proving" || len(st.answers(st.harbour)) != 2 {
		t.Fatalf("before her yes: %s", st.states(st.harbour, id))
	}
	st.say(st.own, told{ID: "5", From: ann, Text: "yes"}, told{ID: "6", From: ann, Text: "yes"})
	m := st.memberAt(st.harbour, "telegram", "700")
	evidence, err := st.s.Evidence(t.Context(), st.harbour.ID, id)
	st.ok(err)
	if m.ID != id || st.states(st.harbour, id) != "active active" || strings.Join(m.Points[1].Topics, " ") != "reports" || len(evidence) != 2 || len(st.answers(st.harbour)) != 4 {
		t.Fatalf("%s, %+v, %d answers", st.states(st.harbour, id), evidence, len(st.answers(st.harbour)))
	}
	st.say(st.chat, told{ID: "7", From: "700", Text: "unlink"})
	if st.states(st.harbour, id) != "active" || len(st.answers(st.harbour)) != 5 {
		t.Errorf("after UNLINK: %s", st.states(st.harbour, id))
	}
	st.say(st.own, told{ID: "8", From: ann, Text: "unlink"}) // her only one stays
	if st.states(st.harbour, id) != "active" {
		t.Error("her only address was taken away")
	}
}

// A code is answered by nobody when its time is over, from an address with a STOP, or where several share the telephone.
func TestLinksThatLeadNowhere(t *testing.T) {
	st := newStage(t)
	id := st.enrol(st.harbour, "sms:"+ann)
	code := st.codeFor("1")
	st.wind(gateway.PageCodeLife)
	st.say(st.chat, told{ID: "2", From: "700", Text: code})
	code = st.codeFor("3")
	st.say(st.chat, told{ID: "4", From: "700", Text: "STOP"}, told{ID: "5", From: "700", Text: code})
	if st.states(st.harbour, id) != "active" || len(st.answers(st.harbour)) != 2 {
		t.Errorf("%s, %d answers", st.states(st.harbour, id), len(st.answers(st.harbour)))
	}
	st.enrol(st.harbour, "sms:"+ann)
	st.say(st.own, told{ID: "6", From: ann, Text: "LINK"})
	if len(st.answers(st.harbour)) != 2 {
		t.Error("LINK from a telephone that two share was answered")
	}
}

// What says that an address was taken away names it, so it goes to one that is hers alone.
func TestWhatWasUnlinkedIsToldToHerAlone(t *testing.T) {
	st := newStage(t)
	one := st.enrol(st.harbour, "sms:"+bea, "sms:"+ann, "telegram:700")
	two := st.enrol(st.harbour, "sms:+447700900103", "sms:"+ann)
	st.say(st.own, told{ID: "1", From: bea, Text: "UNLINK"}, told{ID: "2", From: "+447700900103", Text: "UNLINK"})
	if st.states(st.harbour, one) != "active active" || st.states(st.harbour, two) != "active" {
		t.Fatalf("%s, %s", st.states(st.harbour, one), st.states(st.harbour, two))
	}
	if said := st.said(st.harbour); len(said) != 1 || !strings.HasPrefix(said[0], "unlinked telegram en: ") {
		t.Errorf("answers: %q", said)
	}
}
