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
		sends, next := scheduler.Upcoming(&e, scheduler.Look{Wants: []scheduler.Wants{{Leads: leads(t, strings.Fields(c.leads)...)}}, Since: at(c.since), Now: at(c.now)})
		got, then := "", ""
		for _, send := range sends {
			got += send.Lead.String()
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
	for topic, want := range map[string]string{"plenum": "[1w 2h]", "alerts": "[]", "kitchen": fmt.Sprint(gateway.DefaultLeads())} {
		if got := fmt.Sprint(g.LeadsOf(topic)); got != want {
			t.Errorf("%s: %s, want %s", topic, got, want)
		}
	}
	for _, wrong := range [][]string{{"soon"}, {"2h", "120m"}, slices.Repeat([]string{"2h"}, gateway.MostLeads+1)} {
		if _, err := scheduler.CheckLeads(gateway.Group{Topics: []gateway.Topic{{Name: "plenum", Leads: wrong}}}); err == nil {
			t.Errorf("%v is taken", wrong)
		}
	}
}

// rounds writes what is sent at a look, and when the next one is.
func rounds(sends []scheduler.Round, next time.Time) string {
	var all []string
	for _, r := range sends {
		text := r.Lead.String()
		if r.Early {
			text += " early"
		}
		if strings.Join(r.Own, "") != "" {
			text += fmt.Sprintf(" %q", r.Own)
		}
		if len(r.Longer) > 0 {
			text += fmt.Sprintf(" +%d", len(r.Longer))
		}
		all = append(all, text)
	}
	if next.IsZero() {
		return strings.Join(all, ", ") + "; never"
	}
	return strings.Join(all, ", ") + "; " + next.UTC().Format("01-02T15:04")
}

// A member's own leads are looked at beside those of her group, and where somebody has quiet hours, each reminder a week before
// its time too.
func TestLooksAtAnEvent(t *testing.T) {
	at := func(text string) time.Time {
		w, err := civil.ParseWall(text)
		if err != nil {
			t.Fatal(err)
		}
		return civil.In(w, time.UTC).Instant()
	}
	start, _ := civil.ParseWall("2026-06-20T18:00")
	e := gateway.Event{Zone: "UTC", Start: civil.In(start, time.UTC), Changed: at("2026-05-01T00:00")}
	group := scheduler.Wants{Leads: leads(t, "1d", "2h")}
	more, same := scheduler.Wants{Own: "1w", Leads: leads(t, "1w")}, scheduler.Wants{Own: "2h", Leads: leads(t, "2h")}
	for _, c := range []struct {
		name, since string
		look        scheduler.Look
		want        string
	}{
		{"hers comes first", "2026-06-01T00:00", scheduler.Look{Wants: []scheduler.Wants{group, more}}, "; 06-13T18:00"},
		{"and is for her", "2026-06-13T18:00", scheduler.Look{Wants: []scheduler.Wants{group, more}}, `1w ["1w"]; 06-19T18:00`},
		{"who wants one thing gets one message, but for longer leads", "2026-06-20T16:00", scheduler.Look{Wants: []scheduler.Wants{group, more, same}}, `2h +1, 2h ["2h"]; never`},
		{"early, where somebody has quiet hours", "2026-06-12T18:00", scheduler.Look{Wants: []scheduler.Wants{group}, Quiet: true}, "1d early; 06-13T16:00"},
		{"each once", "2026-06-13T16:00", scheduler.Look{Wants: []scheduler.Wants{group}, Quiet: true}, "2h early +1; 06-19T18:00"},
		{"in its time", "2026-06-19T18:00", scheduler.Look{Wants: []scheduler.Wants{group}, Quiet: true}, "1d; 06-20T16:00"},
		{"all anew", "2026-06-19T12:00", scheduler.Look{Wants: []scheduler.Wants{group}, Quiet: true, Again: true}, "1d early, 2h early +1; 06-19T18:00"},
	} {
		c.look.Since, c.look.Now = at(c.since), at(c.since)
		if got := rounds(scheduler.Upcoming(&e, c.look)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
