package fanout_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// A step of an alert asks one person, who is not to be told for one reason or another: no message is made, so that the next step
// need not wait for her, and the reason is said. What is said beforehand is the same. With somebody who can be told, there is one.
func TestARequestThatReachesNobody(t *testing.T) {
	st := newStage(t)
	st.group.Countries = []string{"DE"}
	var err error
	st.group, err = st.s.PutGroup(t.Context(), st.group)
	st.ok(err)
	st.wires[st.list[0].ID].limit = 4000
	for _, c := range []struct {
		points string
		kinds  []string
		why    string // empty: she can be told
	}{
		{"sms", nil, ""},
		{"sms", []string{"telegram"}, "has no contact point of the kinds that this step uses"},
		{"-sms", nil, "said STOP"},
		{"sms", nil, "has a number in a country to which the group does not send"},
		{"signal", nil, "has no contact point that a channel of the group serves"},
		{"~telegram", nil, "did not agree to this topic"},
		{"sms telegram", []string{"telegram"}, ""},
	} {
		st.places = slices.Repeat([]string{"DE"}, 9)
		if strings.Contains(c.why, "country") {
			st.places = slices.Repeat([]string{"KE"}, 9)
		}
		her := st.enrol(who{locale: "en", points: c.points})
		a := gateway.Audience{Topic: "reports", Members: her, Kinds: c.kinds}
		said, err := st.f.Untold(t.Context(), st.group.ID, gateway.Alert, a)
		st.ok(err)
		alert := gateway.AlertCase{ID: gateway.NewID(), GroupID: st.group.ID, Reference: "4711", Policy: gateway.AlertPolicy{Name: "night"},
			Saying: gateway.AlertSaying{Until: st.now().Add(time.Hour), Next: st.now().Add(time.Hour), Texts: map[string]gateway.AlertText{"en": {Source: "Harbour", What: "Fire", Where: "Pier", Do: "Leave."}}}}
		m := gateway.AlertMessage{Alert: alert, Effect: gateway.AlertEffect{Kind: gateway.AlertAsk, Key: "ask"}, Key: gateway.NewID().String(), Audience: a}
		_, err = st.f.ReadyAlert(t.Context(), m)
		if c.why == "" {
			if said != "" || err != nil {
				t.Errorf("%s, %v: %q, %v", c.points, c.kinds, said, err)
			}
			continue
		}
		if !strings.Contains(said, c.why) {
			t.Errorf("%s, %v: it is said beforehand %q", c.points, c.kinds, said)
		}
		if !errors.Is(err, &gateway.Fault{Code: gateway.CodeNobody}) {
			t.Errorf("%s, %v: a message is made: %v", c.points, c.kinds, err)
		}
	}
	if said, err := st.f.Untold(t.Context(), st.group.ID, gateway.Alert, gateway.Audience{Topic: "reports", Tags: []string{"medic"}}); said != "nobody is meant" || err != nil {
		t.Errorf("a role that nobody has: %q, %v", said, err)
	}
}

// Whom a rule means is found however many others the group has: those who take the topic come last here, and the limit counts them
// alone.
func TestWhoIsMeantIsFoundAmongMany(t *testing.T) {
	st := newStage(t)
	st.enrol(slices.Repeat([]who{{locale: "en", points: "~sms"}}, 60)...)
	st.enrol(slices.Repeat([]who{{locale: "en", points: "-sms"}}, 5)...)
	ids := st.enrol(slices.Repeat([]who{{locale: "en", points: "sms"}}, 3)...)
	for limit := 1; limit <= 4; limit++ {
		found, err := st.f.Meant(t.Context(), st.group.ID, gateway.Audience{Topic: "reports"}, limit)
		slices.SortFunc(ids, func(a, b gateway.ID) int { return slices.Compare(a[:], b[:]) })
		if want := ids[:min(limit, 3)]; err != nil || !slices.Equal(found, want) {
			t.Errorf("at most %d: %v, want %v, %v", limit, found, want, err)
		}
	}
}
