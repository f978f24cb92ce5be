package web_test

import (
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/web"
)

// What is changed on her page is told to her other addresses, once a day, and not to the one that the link went to: it may have
// come into other hands. It says nothing of what was changed; a refused change is told to nobody.
func TestAChangeIsToldToHerOtherAddresses(t *testing.T) {
	st := newStage(t)
	m := st.enrol(nil, "sms:+15550107301", "email:ann@example.org")
	link := st.link(m)
	told := func() (to []gateway.ID) {
		for _, one := range st.told {
			if one.wording == web.ChangedText {
				if len(one.data) != 0 || !one.to.Only {
					t.Errorf("it says too much, or goes elsewhere: %+v", one)
				}
				to = append(to, one.to.Point)
			}
		}
		return to
	}
	st.post(link, "home", "do", "save", "locale", "klingon")
	if got := told(); len(got) != 0 {
		t.Fatalf("a refused change was told to %v", got)
	}
	st.post(link, "home", "do", "pause", "days", "7")
	if got := told(); len(got) != 1 || got[0] != m.Points[1].ID {
		t.Fatalf("told: %v, want %s alone", got, m.Points[1].ID)
	}
}
