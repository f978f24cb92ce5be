package app

import (
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// A member of a group writes that she needs help. Whatever those on duty read, the alert that this raises can be put into words:
// what it says of her stands in its text as a value, in the direction of each language.
func TestACallForHelpCanBeSaid(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	hand := gateway.AlertHand{Members: []gateway.ID{gateway.NewID()}}
	texts, err := callTexts(nil, "Harbour Watch", hand.Role(), now)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"alert", "update", "all-clear", "alert-withdrawn"} {
		set, err := templates.Wording(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		shipped := templates.ShippedText(name)
		for locale, said := range texts {
			if shipped[locale] == "" {
				t.Errorf("%s is not there in %s", name, locale)
			}
			data := templates.Data{"source": said.Source, "what": said.What, "where": said.Where, "do": said.Do, "legal": "030 555 0100", "details": "", "danger": "other", "until": now, "next": now, "ended": now, "code": "4711"}
			if _, _, err := set.Render(templates.Reader{Chain: []string{locale}, Now: now}, data); err != nil {
				t.Errorf("%s in %s: %v", name, locale, err)
			}
		}
	}
	if len(texts) < 14 {
		t.Errorf("it is said in %d languages", len(texts))
	}
}
