package fanout_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/scheduler/escalation"
)

// An alert in English and German is tried out in a group that reads Swahili and Portuguese too: it is said how many get which, of those
// who are told and of those who are asked, as the messages then leave; and a second person is told the same.
func TestWhoReadsAnAlertInWhichLanguage(t *testing.T) {
	st := newStage(t)
	st.wires[st.list[0].ID].limit = 4000
	ids := st.enrol(who{locale: "en", points: "~sms"}, who{locale: "sw", points: "~sms"}, who{locale: "sw", points: "~sms"}, who{locale: "pt-BR", fallback: []string{"de"}, points: "~sms"}, who{locale: "de", points: "~sms"})
	st.run(st.f)
	desk := escalation.NewDesk(st.s, st.s, messenger{st.f}, st.now, escalation.Options{Languages: st.f.AlertLanguages})
	policy := gateway.AlertPolicy{Name: "night", Release: true, Last: []gateway.AlertTarget{{Topic: "alerts"}}, Steps: []gateway.AlertStep{
		{Targets: []gateway.AlertTarget{{Topic: "alerts", Members: ids[1:2]}, {Topic: "alerts", Members: ids[2:4]}}, Wait: 10}}}
	_, err := desk.PutPolicy(t.Context(), st.group, policy)
	st.ok(err)
	draft := gateway.AlertDraft{Policy: "night", DryRun: true, Audience: gateway.Audience{Topic: "alerts"}, Saying: gateway.AlertSaying{Until: st.now().Add(time.Hour),
		Texts: map[string]gateway.AlertText{"en": {Source: "the office", What: "Flood", Where: "harbour", Do: "Go uphill."}, "de": {Source: "das Büro", What: "Flut", Where: "Hafen", Do: "Geht bergauf."}}}}
	told := []gateway.PreviewLanguage{{Wants: "sw", Gets: "en", Fallback: true, Members: 2}, {Wants: "de", Gets: "de", Members: 1}, {Wants: "en", Gets: "en", Members: 1}, {Wants: "pt-BR", Gets: "de", Fallback: true, Members: 1}}
	asked := []gateway.PreviewLanguage{told[0], told[3]}
	is := func(what string, r *gateway.AlertReads, err error) {
		t.Helper()
		if st.ok(err); r == nil || !slices.Equal(r.Told, told) || !slices.Equal(r.Asked, asked) {
			t.Errorf("%s: %+v", what, r)
		}
	}
	a, err := desk.Raise(t.Context(), st.group, draft, gateway.AlertHand{Label: "harbour"})
	st.ok(err)
	r, err := desk.AlertReads(t.Context(), st.group, a)
	is("tried out", r, err)

	draft.DryRun = false
	a, err = desk.Raise(t.Context(), st.group, draft, gateway.AlertHand{Label: "harbour"})
	st.ok(err)
	w, err := desk.Waiting(t.Context(), st.group, a.Reference)
	is("as a second person is asked", w.Alert.Reads, err)

	draft.Audience, told = gateway.Audience{}, []gateway.PreviewLanguage{}
	draft.DryRun = true
	a, err = desk.Raise(t.Context(), st.group, draft, gateway.AlertHand{Label: "harbour"})
	st.ok(err)
	r, err = desk.AlertReads(t.Context(), st.group, a)
	is("where only the policy asks", r, err)

	draft.Policy = ""
	if _, err = desk.Raise(t.Context(), st.group, draft, gateway.AlertHand{Label: "harbour"}); !isCode(err, gateway.CodeInvalid) || !strings.Contains(err.Error(), "or name one of the group's policies: night") {
		t.Errorf("without a policy, in a group whose owners cannot be asked: %v", err)
	}
}
