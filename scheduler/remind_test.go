package scheduler_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler"
)

func leads(t interface{ Fatal(...any) }, texts ...string) []gateway.LeadTime {
	var all []gateway.LeadTime
	for _, text := range texts {
		l, err := gateway.ParseLead(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	return all
}

func TestReminders(t *testing.T) {
	berlin, _ := civil.Zone("Europe/Berlin")
	for _, c := range []struct {
		name, start, leads, now string
		allDay                  bool
		want                    string
	}{
		{"in their order", "2026-04-01T18:00", "2h 1w 1d@18:00", "2026-03-01T12:00", false, "1w 2026-03-25T18:00, 1d@18:00 2026-03-31T18:00, 2h 2026-04-01T16:00"},
		{"what was due before is left out", "2026-04-01T18:00", "2h 1w 1d@18:00", "2026-03-28T12:00", false, "1d@18:00 2026-03-31T18:00, 2h 2026-04-01T16:00"},
		{"two that fall together are one", "2026-04-01T18:00", "24h 1d 2h", "2026-03-28T12:00", false, "24h 2026-03-31T18:00, 2h 2026-04-01T16:00"},
	} {
		start, _ := civil.ParseWall(c.start)
		now, _ := civil.ParseWall(c.now)
		var got []string
		for _, r := range scheduler.Reminders(start, c.allDay, berlin, leads(t, strings.Fields(c.leads)...), civil.In(now, berlin).Instant()) {
			got = append(got, fmt.Sprint(r.Lead, " ", civil.Of(r.At, berlin).Wall))
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s: %s, want %s", c.name, text, c.want)
		}
	}
}

// Her own leads come before her group's, and a topic that she names before all others.
func TestWhoseLeadsCount(t *testing.T) {
	g := gateway.Group{Topics: []gateway.Topic{{Name: "plenum", Leads: []string{"2h"}}, {Name: "alerts", Leads: []string{"1d"}}}}
	for _, c := range []struct{ hers, topic, want string }{
		{"", "plenum", "[2h]"}, {"", "kitchen", "[1d@18:00 2h]"}, {"plenum 1w; alerts none", "plenum", "[1w]"}, {"plenum 1w; alerts none", "alerts", "[]"},
		{"plenum 1w", "alerts", "[1d]"}, {"plenum 1w; 3h", "alerts", "[3h]"}, {"none", "plenum", "[]"},
	} {
		if got := fmt.Sprint(gateway.Member{Leads: c.hers}.LeadsOf(g, c.topic)); got != c.want {
			t.Errorf("%q, %s: %s, want %s", c.hers, c.topic, got, c.want)
		}
	}
}
