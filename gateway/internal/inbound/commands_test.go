package inbound_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
)

// said gives the newest answers of a group, as text messages and others read them, with the kind of broadcast before each.
func (st *stage) said(g gateway.Group) []string {
	st.t.Helper()
	var all []string
	for _, d := range st.answers(g) {
		b, err := st.s.Broadcast(st.t.Context(), g.ID, d.BroadcastID)
		st.ok(err)
		kind := "sms"
		if d.ChannelID == st.chat.ID {
			kind = "telegram"
		}
		r, err := st.s.Rendering(st.t.Context(), g.ID, d.BroadcastID, d.Locale, kind, d.Neutral)
		st.ok(err)
		all = append(all, fmt.Sprintf("%s %s %s: %s", b.Kind, kind, d.Locale, r.Parts[0]))
	}
	return all
}

func (st *stage) member(g gateway.Group, id gateway.ID) gateway.Member {
	st.t.Helper()
	m, err := st.s.Member(st.t.Context(), g.ID, id)
	st.ok(err)
	return m
}

func (st *stage) has(answers []string, n int, parts ...string) {
	st.t.Helper()
	if len(answers) != n {
		st.t.Errorf("%d answers, want %d: %q", len(answers), n, answers)
		return
	}
	for _, p := range parts {
		if !strings.Contains(answers[n-1], p) {
			st.t.Errorf("the newest answer is %q, without %q", answers[n-1], p)
		}
	}
}

// A feature phone in Burmese, and then in Swahili: language, pause, who, stop, return, by text messages alone.
func TestAFeaturePhone(t *testing.T) {
	st := newStage(t)
	id := st.enrol(st.harbour, "sms:"+ann)
	n := 0
	say := func(text string) { n++; st.say(st.own, told{ID: fmt.Sprint(n), From: ann, Text: text}) }
	say("LANG မြန်မာ")
	if m := st.member(st.harbour, id); m.Locale != "my" {
		t.Errorf("she reads %s", m.Locale)
	}
	st.has(st.said(st.harbour), 1, "language-set sms my: ")
	say("ခဏရပ် ၁၄")
	if left := time.Until(st.member(st.harbour, id).PausedUntil); left < 13*24*time.Hour || left > 15*24*time.Hour {
		t.Errorf("paused for %s", left)
	}
	st.has(st.said(st.harbour), 2, "paused sms my: ")
	say("lang kiswahili")
	say("nani")
	st.has(st.said(st.harbour), 4, "help-here sms sw: ", "Harbour", "WRONG")
	say("lugha kijerumani") // German, in Swahili
	st.has(st.said(st.harbour), 5, "language-set sms de: ")
	say("lang sw")
	say("lang klingon")
	st.has(st.said(st.harbour), 7, "language-unknown sms sw: ", "SW", "MY")
	say("Lang.")
	st.has(st.said(st.harbour), 8, "language-which sms sw: ", "LANG EN", "AR العربية, DE Deutsch", "SW Kiswahili")
	say("acha")
	if got := st.states(st.harbour, id); got != "stopped" {
		t.Errorf("after acha: %s", got)
	}
	st.has(st.said(st.harbour), 9, "stopped sms sw: ")
	say("endelea")
	if m := st.member(st.harbour, id); m.Points[0].State != gateway.PointActive || !m.PausedUntil.IsZero() {
		t.Errorf("after her return: %s, paused until %s", m.Points[0].State, m.PausedUntil)
	}
	st.has(st.said(st.harbour), 10, "started sms sw: ")
	if len(st.inbox(st.harbour)) != n {
		t.Error("what she wrote is not kept")
	}
}

// A word for STOP in a sentence holds what is routine, asks back once, and is for people; START lets it go on.
func TestStopInASentence(t *testing.T) {
	st := newStage(t)
	id := st.enrol(st.harbour, "sms:"+ann)
	st.say(st.own, told{ID: "1", From: ann, Text: "please stop, I am at work"})
	m := st.member(st.harbour, id)
	if m.Points[0].State != gateway.PointActive || !m.PausedUntil.Equal(gateway.Endless) {
		t.Errorf("%s, paused until %s", m.Points[0].State, m.PausedUntil)
	}
	st.say(st.own, told{ID: "2", From: ann, Text: "I said stop!!"})
	st.has(st.said(st.harbour), 1, "stop-asked sms en: ")
	if box := st.inbox(st.harbour); len(box) != 2 || box[0].Meaning != "" {
		t.Errorf("inbox: %+v", box)
	}
	st.say(st.own, told{ID: "3", From: ann, Text: "start"})
	if m := st.member(st.harbour, id); !m.PausedUntil.IsZero() {
		t.Error("START does not end what STOP in a sentence began")
	}
	st.has(st.said(st.harbour), 2, "started")
}

// STOP ALL holds for every group of the instance, also one that she did not write to, and one that learns of her later;
// START to one of them is for that one.
func TestStopAll(t *testing.T) {
	st := newStage(t)
	here, there := st.enrol(st.harbour, "sms:"+ann), st.enrol(st.valley, "sms:"+ann)
	st.say(st.own, told{ID: "1", From: ann, Text: "Stopp alle"})
	if got := st.states(st.harbour, here) + " " + st.states(st.valley, there); got != "stopped stopped" {
		t.Errorf("after STOP ALL: %s", got)
	}
	st.has(st.said(st.harbour), 1, "stopped-all")
	st.has(st.said(st.valley), 0)
	late, err := st.s.PutGroup(t.Context(), gateway.Group{Slug: "late", Name: "Late", Locale: "en", Zone: "UTC", Topics: st.harbour.Topics})
	st.ok(err)
	if got := st.states(late, st.enrol(late, "sms:"+ann)); got != "stopped" {
		t.Errorf("in a group that came later: %s", got)
	}
	st.say(st.own, told{ID: "2", From: ann, Text: "START"})
	if got := st.states(st.harbour, here) + " " + st.states(st.valley, there); got != "active stopped" {
		t.Errorf("after START: %s", got)
	}
	if got := st.states(st.harbour, st.enrol(st.harbour, "sms:"+ann)) + " " + st.states(late, st.enrol(late, "sms:"+ann)); got != "active stopped" {
		t.Errorf("imported again: %s", got)
	}
}

// A group runs the adapter of its own channel, which may say what it likes: nobody whom the group does not know stops anything in
// another group over it. And what STOP ALL leaves in another group does not tell whose channel it came over.
func TestStopAllOfAnotherGroupsMembers(t *testing.T) {
	st := newStage(t)
	there := st.enrol(st.valley, "sms:"+ann)
	st.say(st.own, told{ID: "1", From: ann, Text: "STOP ALL"})
	if got := st.states(st.valley, there); got != "active" {
		t.Errorf("harbour's adapter named somebody whom harbour does not know, and in valley she is %s", got)
	}
	if got := st.states(st.harbour, st.enrol(st.harbour, "sms:"+ann)); got != "stopped" {
		t.Errorf("in harbour itself: %s", got)
	}
	st.say(st.own, told{ID: "2", From: ann, Text: "STOP ALL"})
	if got := st.states(st.valley, there); got != "stopped" {
		t.Errorf("a member of harbour, in valley: %s", got)
	}
	evidence, err := st.s.Evidence(t.Context(), st.valley.ID, there)
	st.ok(err)
	if last := evidence[len(evidence)-1].Proof.Reveal(); !strings.Contains(last, "STOP ALL") || strings.Contains(last, st.own.Name) {
		t.Errorf("valley reads: %s", last)
	}
	st.say(st.all, told{ID: "3", From: bea, Text: "STOP ALL"})
	if got := st.states(st.valley, st.enrol(st.valley, "sms:"+bea)); got != "stopped" {
		t.Errorf("a stranger over the operator's channel: %s", got)
	}
}

// Anybody can forge the sender of a text message. A STOP by text holds, and she hears of it in her chat, where START undoes it
// (threat T8); her STOP in the chat itself is hers.
func TestAForgedStop(t *testing.T) {
	st := newStage(t)
	id := st.enrol(st.harbour, "sms:"+ann, "telegram:700")
	st.say(st.own, told{ID: "1", From: ann, Text: "STOP"})
	answers := st.said(st.harbour)
	st.has(answers, 2)
	if all := strings.Join(answers, "\n"); !strings.Contains(all, "stopped sms") || !strings.Contains(all, "stopped-elsewhere telegram") {
		t.Errorf("%s", all)
	}
	st.say(st.chat, told{ID: "2", From: "700", Text: "start"})
	if got := st.states(st.harbour, id); got != "active active" {
		t.Errorf("after START in the chat: %s", got)
	}
	st.say(st.chat, told{ID: "3", From: "700", Text: "stop"})
	st.say(st.own, told{ID: "4", From: ann, Text: "start"})
	if got := st.states(st.harbour, id); got != "active stopped" {
		t.Errorf("a text message undid what she said in the chat: %s", got)
	}
}

// Strangers are never answered, whatever they write.
func TestStrangersAreNotAnswered(t *testing.T) {
	st := newStage(t)
	for i, text := range []string{"HELP", "LANG DE", "PAUSE", "STOP ALL", "START", "who?", "please stop"} {
		st.say(st.own, told{ID: fmt.Sprint(i), From: bea, Text: text})
		st.say(st.all, told{ID: "all" + fmt.Sprint(i), From: bea, Text: text})
	}
	if n := len(st.answers(st.harbour)) + len(st.answers(st.valley)); n != 0 {
		t.Errorf("%d answers", n)
	}
}

// A group says how to reach a person, and adds words of its own; what would cut members off is refused.
func TestAGroupsOwnWords(t *testing.T) {
	st := newStage(t)
	replies, err := inbound.CheckReplies(&gateway.Replies{Contact: " 030 555 0100 ", Words: map[string][]string{"stop": {"Feierabend", "STOPP"}}, Acks: map[string][]string{"de": {"dabei", " ich  komme "}, "en": {"coming"}}, Costs: map[string]string{"de": " 12 Cent "}})
	st.ok(err)
	for _, costs := range []map[string]string{{"de": ""}, {"de": "one text message, as your contract has it"}, {"tlh": "1"}} {
		if _, err := inbound.CheckReplies(&gateway.Replies{Costs: costs}); !errors.Is(err, &gateway.Fault{Code: gateway.CodeInvalid}) {
			t.Errorf("%v is a cost: %v", costs, err)
		}
	}
	if replies.Costs["de"] != "12 Cent" || replies.Contact != "030 555 0100" || replies.Acks["de"][1] != "ich komme" {
		t.Errorf("%+v", replies)
	}
	g := st.harbour
	g.Replies = replies
	_, err = st.s.PutGroup(t.Context(), g)
	st.ok(err)
	id := st.enrol(st.harbour, "sms:"+ann)
	st.say(st.own, told{ID: "1", From: ann, Text: "help"})
	st.has(st.said(st.harbour), 1, "help sms en", "030 555 0100")
	st.say(st.own, told{ID: "2", From: ann, Text: "feierabend!"})
	if got := st.states(st.harbour, id); got != "stopped" {
		t.Errorf("her group's own word: %s", got)
	}
	for text, bad := range map[string]gateway.Replies{
		"reserved: carriers":         {Acks: map[string][]string{"en": {"Yes"}}},
		"means stop in Español":      {Acks: map[string][]string{"en": {"FIN"}}},
		"means yes in Deutsch":       {Acks: map[string][]string{"de": {"ja"}}},
		"\"ME\"":                     {Acks: map[string][]string{"en": {"ME"}}},
		"\"page\"":                   {Acks: map[string][]string{"de": {"page"}}},
		"begins with":                {Acks: map[string][]string{"en": {"pause 5"}}},
		"stands for":                 {Words: map[string][]string{"start": {"weiterhin"}}, Acks: map[string][]string{"de": {"WEITERHIN"}}},
		"no such command":            {Words: map[string][]string{"dance": {"tango"}}},
		"none of the shipped":        {Acks: map[string][]string{"tlh": {"hija"}}},
		"is no word":                 {Acks: map[string][]string{"en": {"!!!"}}},
		"at most 60":                 {Contact: strings.Repeat("x", 61)},
		"means help in العربية":      {Words: map[string][]string{"start": {"مساعدة"}}},
		"21 words; 20 is the most":   {Acks: map[string][]string{"en": make([]string, 21)}},
		"take it for stop; choose a": {Words: map[string][]string{"start": {"ＱＵＩＴ"}}},
	} {
		if _, err := inbound.CheckReplies(&bad); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
