package app

import (
	"strings"
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
	texts, err := callTexts(nil, "Harbour Watch", hand, now)
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

// Those on duty read in their own language who needs help: a member, by the last digits of her id, or somebody at a shared address.
func TestWhoNeedsHelpIsSaidInEachLanguage(t *testing.T) {
	one, two := gateway.AlertHand{Members: []gateway.ID{gateway.NewID()}}, gateway.AlertHand{Members: []gateway.ID{gateway.NewID(), gateway.NewID()}}
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	say := func(name, locale string, by gateway.AlertHand) string {
		t.Helper()
		set, err := templates.Wording(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		data := by.Words()
		data["code"] = "4711"
		doc, _, err := set.Render(templates.Reader{Chain: []string{locale}, Now: now}, templates.Text(data))
		if err != nil {
			t.Fatal(name, locale, err)
		}
		return doc.Subject + doc.Short
	}
	for _, name := range []string{templates.HelpHeard, templates.HelpCall} {
		for locale := range templates.ShippedText(name) {
			short := one.Members[0].Short()
			if said := say(name, locale, one); !strings.Contains(said, short) || locale != "en" && strings.Contains(said, "member "+short) {
				t.Errorf("%s in %s: %q", name, locale, said)
			}
			if said := say(name, locale, two); strings.Contains(said, two.Members[0].Short()) || locale != "en" && strings.Contains(said, "somebody") || locale == "en" && !strings.Contains(said, "somebody at a shared address") {
				t.Errorf("%s in %s of a shared address: %q", name, locale, said)
			}
		}
	}
}
