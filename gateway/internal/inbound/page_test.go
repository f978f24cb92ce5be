package inbound_test

import (
	"context"
	"fmt"
	"maps"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

// She writes ME: a link to her page goes to where she wrote from, once however often the message comes. Who is not known or
// has stopped gets nothing. Where no link can be had she is told how to reach a person.
func TestMeSendsHerALink(t *testing.T) {
	st := newStage(t)
	type sent struct{ member, point gateway.ID }
	links := map[string]sent{}
	var fault error
	st.ears.Page = func(_ context.Context, group, member, point gateway.ID, key string) error {
		if group != st.harbour.ID {
			t.Errorf("a link for group %v", group)
		}
		links[key] = sent{member, point}
		return fault
	}
	id := st.enrol(st.harbour, "telegram:700", "sms:"+ann)
	m, err := st.s.Member(t.Context(), st.harbour.ID, id)
	st.ok(err)
	st.say(st.own, told{ID: "1", From: ann, Text: " Me! "})
	st.say(st.own, told{ID: "1", From: ann, Text: " Me! "})
	st.say(st.own, told{ID: "2", From: bea, Text: "ME"})
	if len(links) != 1 {
		t.Fatalf("links: %v", links)
	}
	for _, l := range links {
		if l.member != id || l.point != m.Points[1].ID {
			t.Errorf("a link for %v at %v", l.member, l.point)
		}
	}
	other := st.enrol(st.harbour, "?sms:"+bea)
	st.enrol(st.harbour, "sms:+447700900103")
	fault = gateway.Faultf(gateway.CodeTooMany, "enough") // must not make the provider call again
	st.say(st.own, told{ID: "3", From: bea, Text: "page"})
	if answers := st.answers(st.harbour); len(links) != 2 || len(answers) != 1 || answers[0].MemberID != other {
		t.Errorf("links: %v, answers %+v", links, answers)
	}
	st.say(st.own, told{ID: "4", From: bea, Text: "STOP"})
	st.say(st.own, told{ID: "5", From: bea, Text: "ME"})
	if len(links) != 2 || other.IsZero() || len(st.answers(st.harbour)) != 2 {
		t.Errorf("links: %v, %d answers", links, len(st.answers(st.harbour)))
	}
}

// Threat T14: STOP, START and ME by somebody who is a member and by somebody who is not get the same answer from the hook, in
// status, headers and body.
func TestTheHookAnswersMembersAndStrangersAlike(t *testing.T) {
	st := newStage(t)
	st.ears.Page = func(context.Context, gateway.ID, gateway.ID, gateway.ID, string) error { return nil }
	st.enrol(st.harbour, "sms:"+ann)
	for i, word := range []string{"STOP", "START", "ME", "hello", "STOP"} {
		member := st.call(st.own.Name, "good", fmt.Sprintf(`[{"ID":"m%d","From":%q,"Text":%q}]`, i, ann, word))
		stranger := st.call(st.own.Name, "good", fmt.Sprintf(`[{"ID":"s%d","From":%q,"Text":%q}]`, i, bea, word))
		if member.Code != 200 || member.Code != stranger.Code || member.Body.String() != stranger.Body.String() || !maps.EqualFunc(member.Header(), stranger.Header(), func(a, b []string) bool { return fmt.Sprint(a) == fmt.Sprint(b) }) {
			t.Errorf("%s: a member gets %d %q, a stranger %d %q", word, member.Code, member.Body, stranger.Code, stranger.Body)
		}
	}
}
