package directory_test

import (
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

// Quiet hours come in a column, in the one form that everything else shows; nothing that is wrong is quoted.
func TestQuietHoursAreImported(t *testing.T) {
	s := &shelf{}
	r := take(t, s, "ref,quiet\na1,22:00-07:00; ALERTS wait\na2,None\na3,\n\"a4\",\"sat,sun 20:00-10:00|2026-12-25\"\na5,holidays school\n", gateway.ImportOptions{})
	if !r.Published || len(s.published) != 5 {
		t.Fatalf("report: %+v", r)
	}
	for i, want := range []string{"22:00-07:00; alerts wait", gateway.NoQuiet, "", "sat,sun 20:00-10:00; 2026-12-25", "holidays school"} {
		if got := s.published[i].Member.Quiet; got != want {
			t.Errorf("row %d: %q, want %q", i+1, got, want)
		}
	}
	for _, wrong := range []string{"when I sleep", "22:00", "00:00-24:00", ";", "holidays nowhere"} {
		s = &shelf{}
		r = take(t, s, "ref,Quiet Hours\na1,"+wrong+"\n", gateway.ImportOptions{})
		if len(r.Problems) != 1 || r.Problems[0].Column != "Quiet Hours" || r.Problems[0].Flaw != gateway.FlawValue || r.Published {
			t.Errorf("%q: %+v", wrong, r)
		} else if len(wrong) > 5 && strings.Contains(r.Problems[0].Text, wrong) {
			t.Errorf("the report quotes %q", wrong)
		}
	}
}

// How long before events she is reminded comes in a column too: by the topics of her group.
func TestLeadsAreImported(t *testing.T) {
	s := &shelf{}
	r := take(t, s, "ref,leads\na1,2H; reports 1w 1d@18:00\na2,Default\na3,\na4,none\n", gateway.ImportOptions{})
	if !r.Published || len(s.published) != 4 {
		t.Fatalf("report: %+v", r)
	}
	for i, want := range []string{"2h; reports 1w, 1d@18:00", gateway.DefaultRules, "", "none"} {
		if got := s.published[i].Member.Leads; got != want {
			t.Errorf("row %d: %q, want %q", i+1, got, want)
		}
	}
	for wrong, flaw := range map[string]gateway.ImportFlaw{"soon": gateway.FlawValue, "2h 120m": gateway.FlawValue, "reports": gateway.FlawValue, ";": gateway.FlawValue, "nowhere 2h": gateway.FlawTopic} {
		r = take(t, &shelf{}, "ref,Leads\na1,"+wrong+"\n", gateway.ImportOptions{})
		if len(r.Problems) != 1 || r.Problems[0].Column != "Leads" || r.Problems[0].Flaw != flaw || r.Published {
			t.Errorf("%q: %+v", wrong, r)
		} else if len(wrong) > 5 && strings.Contains(r.Problems[0].Text, wrong) {
			t.Errorf("the report quotes %q", wrong)
		}
	}
}
