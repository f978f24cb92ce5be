package scheduler_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler"
)

// What is due of an event that begins on 1 April at 18:00 in Berlin: since when it was looked at, and now.
func TestWhatIsLateIsToldOnlyWhileItHelps(t *testing.T) {
	berlin, _ := civil.Zone("Europe/Berlin")
	at := func(text string) time.Time {
		w, err := civil.ParseWall(text)
		if err != nil {
			t.Fatal(err)
		}
		return civil.In(w, berlin).Instant()
	}
	for _, c := range []struct {
		name, leads, since, now, send, next string
		allDay                              bool
	}{
		{"nothing yet", "1w 1d@18:00 2h", "2026-03-01T12:00", "2026-03-01T12:00", "", "2026-03-25T18:00", false},
		{"in its second", "1w 1d@18:00 2h", "2026-03-25T18:00", "2026-03-25T18:00", "1w", "2026-03-31T18:00", false},
		{"a little late", "1w 1d@18:00 2h", "2026-03-25T18:00", "2026-03-27T18:00", "1w", "2026-03-31T18:00", false},
		{"nearer to the next", "1w 1d@18:00 2h", "2026-03-25T18:00", "2026-03-29T18:00", "", "2026-03-31T18:00", false},
		{"of several the latest", "1w 1d@18:00 2h", "2026-03-25T18:00", "2026-03-31T20:00", "1d@18:00", "2026-04-01T16:00", false},
		{"the last, until it begins", "1w 1d@18:00 2h", "2026-03-25T18:00", "2026-04-01T17:59", "2h", "", false},
		{"not once it has begun", "1w 1d@18:00 2h", "2026-03-25T18:00", "2026-04-01T18:00", "", "", false},
		{"what was due before anybody knew of it", "1w 1d@18:00 2h", "2026-03-31T18:01", "2026-03-31T18:01", "", "2026-04-01T16:00", false},
		{"no leads", "", "2026-03-01T12:00", "2026-04-01T16:00", "", "", false},
		{"a day is ahead until it is over", "0d@06:00", "2026-04-01T05:00", "2026-04-01T23:59", "0d@06:00", "", true},
	} {
		start, _ := civil.ParseWall("2026-04-01T18:00")
		if c.allDay {
			start = start.Midnight()
		}
		e := gateway.Event{Zone: "Europe/Berlin", AllDay: c.allDay, Start: civil.In(start, berlin)}
		send, next := scheduler.Upcoming(&e, leads(t, strings.Fields(c.leads)...), at(c.since), at(c.now))
		got, then := "", ""
		if send != nil {
			got = send.Lead.String()
		}
		if !next.IsZero() {
			then = civil.Of(next, berlin).Wall.String()
		}
		if got != c.send || then != c.next {
			t.Errorf("%s: %q is sent and %q is next; want %q, %q", c.name, got, then, c.send, c.next)
		}
	}
}

func TestLeadsOfAGroup(t *testing.T) {
	g := gateway.Group{Topics: []gateway.Topic{{Name: "plenum", Leads: []string{"1w", "120m"}}, {Name: "alerts", Leads: []string{}}, {Name: "kitchen"}}}
	g, err := scheduler.CheckLeads(g)
	if err != nil || fmt.Sprint(g.Topics[0].Leads) != "[1w 2h]" || g.Topics[1].Leads == nil || g.Topics[2].Leads != nil {
		t.Fatalf("%v, %+v", err, g.Topics)
	}
	for topic, want := range map[string]string{"plenum": "[1w 2h]", "alerts": "[]", "kitchen": fmt.Sprint(scheduler.DefaultLeads())} {
		if got := fmt.Sprint(scheduler.GroupLeads(g, topic)); got != want {
			t.Errorf("%s: %s, want %s", topic, got, want)
		}
	}
	for _, wrong := range [][]string{{"soon"}, {"2h", "120m"}, slices.Repeat([]string{"2h"}, scheduler.MostLeads+1)} {
		if _, err := scheduler.CheckLeads(gateway.Group{Topics: []gateway.Topic{{Name: "plenum", Leads: wrong}}}); err == nil {
			t.Errorf("%v is taken", wrong)
		}
	}
}
