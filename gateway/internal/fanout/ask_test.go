package fanout_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
	"github.com/carillon-gateway/carillon/templates"
)

// asked gives how often each contact point is asked by what was planned so far.
func (st *stage) asked() map[gateway.ID]int {
	st.t.Helper()
	all, err := st.s.Broadcasts(st.t.Context(), st.group.ID, gateway.ID{}, 100)
	st.ok(err)
	times := map[gateway.ID]int{}
	for _, b := range all {
		for _, d := range st.planned(b.ID) {
			times[d.PointID]++
		}
	}
	return times
}

// What she is asked about is called in the language in which she is asked, where the group has a title in it; else as the group calls it.
func TestTopicsAreCalledInTheLanguageOfTheQuestion(t *testing.T) {
	st := newStage(t)
	for _, w := range st.wires {
		w.limit = 1000
	}
	g := st.group
	g.Topics = []gateway.Topic{{Name: "reports", Title: "Progress reports", Titles: map[string]string{"de": "Berichte", "pt-BR": "Boletins"}}, {Name: "alerts"}}
	var err error
	st.group, err = st.s.PutGroup(t.Context(), g)
	st.ok(err)
	st.enrol(who{locale: "de-AT", points: "?sms"}, who{locale: "pt", points: "?sms"}, who{locale: "sw", points: "?sms"}, who{locale: "xh", fallback: []string{"de"}, points: "?sms"})
	st.run(st.f)
	in, err := st.f.Ask(t.Context(), st.group.ID, nil, "test")
	st.ok(err)
	for i, d := range st.planned(in.ID) {
		want := []string{"Berichte", "Boletins", "Progress reports", "Berichte"}[i]
		if said := st.text(d, "sms"); !strings.Contains(said, want) || !strings.Contains(said, "alerts") {
			t.Errorf("in %s she is asked %q, without %q", d.Locale, said, want)
		}
	}
}

// At each contact point that she has not confirmed she is asked, once a day: two numbers and a chat are three questions, a number
// that is confirmed none. Who comes in after that is asked on the next day.
func TestEachContactPointIsAsked(t *testing.T) {
	st := newStage(t)
	for _, w := range st.wires {
		w.limit = 1000
	}
	st.run(st.f)
	ask := func() gateway.HandedIn {
		t.Helper()
		in, err := st.f.Ask(t.Context(), st.group.ID, []string{"reports"}, "test")
		st.ok(err)
		return in
	}
	open := func(members ...gateway.ID) (points []gateway.ID) {
		for _, id := range members {
			m, err := st.s.Member(t.Context(), st.group.ID, id)
			st.ok(err)
			for _, p := range m.Points {
				if p.State == gateway.PointUnconfirmed {
					points = append(points, p.ID)
				}
			}
		}
		return points
	}
	only := func(each int, points []gateway.ID) {
		t.Helper()
		times := st.asked()
		for _, p := range points {
			if times[p] != each {
				t.Errorf("one of %d contact points is asked %d times, not %d", len(points), times[p], each)
			}
			delete(times, p)
		}
		if len(times) != 0 {
			t.Errorf("%d others are asked too", len(times))
		}
	}
	if _, err := st.f.Ask(t.Context(), st.group.ID, nil, "test"); !errors.Is(err, gateway.ErrNobody) {
		t.Fatalf("with nobody there: %v", err)
	}
	members := st.enrol(who{locale: "en", points: "?sms ?sms ?telegram"}, who{locale: "en", points: "sms ?telegram"}, who{locale: "en", points: "telegram"})
	points := open(members...)
	if first := ask(); !first.Created || len(points) != 4 {
		t.Fatalf("%+v, %d to ask", first, len(points))
	}
	only(1, points)

	m, err := st.s.Member(t.Context(), st.group.ID, members[slices.IndexFunc(members, func(id gateway.ID) bool { return len(open(id)) == 3 })])
	st.ok(err)
	proof := gateway.Consent{Granted: true, Wording: "w1", Locale: "en", Source: "member", At: st.now()}
	_, err = st.s.ConfirmAddress(t.Context(), st.group.ID, m.Points[0].Kind, m.Points[0].Address, []string{"reports"}, proof)
	st.ok(err)
	if again := ask(); again.Created {
		t.Errorf("asked twice on a day: %+v", again)
	}
	only(1, points)
	late := open(st.enrol(who{locale: "en", points: "?sms ?telegram"})...)
	if again := ask(); again.Created {
		t.Errorf("asked twice on a day: %+v", again)
	}
	only(1, points)
	if _, err := st.f.Ask(context.Background(), st.group.ID, []string{"alerts"}, "test"); !errors.Is(err, &gateway.Fault{Code: gateway.CodeKeyReused}) {
		t.Errorf("asked about other topics on the same day: %v", err)
	}

	st.wind(24 * time.Hour)
	if next := ask(); !next.Created {
		t.Error("nobody is asked on the next day")
	}
	times := st.asked()
	if times[m.Points[0].ID] != 1 || times[m.Points[1].ID] != 2 || times[late[0]] != 1 || times[late[1]] != 1 {
		t.Errorf("on the next day: %v", times)
	}
}

// Whoever is told of a cry for help is told as those of a topic: nobody who does not take it reads that a member needs help, least of all
// somebody who was never asked, or has said STOP.
func TestAnAnswerToATopicReachesThoseWhoTakeIt(t *testing.T) {
	st := newStage(t)
	ids := st.enrol(who{locale: "en", points: "~sms"}, who{locale: "en", points: "sms"}, who{locale: "en", points: "?sms"}, who{locale: "en", points: "-sms"}, who{locale: "en", points: "sms ~telegram"})
	st.run(st.f)
	told := func(key string, a gateway.Audience) (got []gateway.ID) {
		t.Helper()
		s, err := st.f.Tell(t.Context(), fanout.Note{Group: st.group.ID, Key: key, Wording: templates.HelpHeard, Data: map[string]string{"code": "4711", "role": "member", "short": "1"}, Audience: a})
		st.ok(err)
		for _, d := range st.planned(s.ID) {
			got = append(got, d.MemberID)
		}
		return got
	}
	if got := told("duty", gateway.Audience{Topic: "alerts"}); !slices.Equal(got, []gateway.ID{ids[0], ids[4]}) {
		t.Errorf("%d are told; want the two who take alerts: %v of %v", len(got), got, ids)
	}
	if got := told("her", gateway.Audience{Members: []gateway.ID{ids[2]}}); !slices.Equal(got, []gateway.ID{ids[2]}) {
		t.Errorf("without a topic %d are told; want her alone", len(got))
	}
	if _, err := st.f.Tell(t.Context(), fanout.Note{Group: st.group.ID, Key: "nobody", Wording: templates.HelpHeard, Data: map[string]string{"code": "4711", "role": "member", "short": "1"}, Audience: gateway.Audience{Topic: gateway.OwnersTopic}}); !errors.Is(err, gateway.ErrNobody) {
		t.Errorf("for a topic that nobody takes: %v", err)
	}
}
