package main

import (
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

// Who raises an alert is told how many read it in another language than theirs, per language, and how to change that.
func TestAnAlertSaysWhoReadsItInAnotherLanguage(t *testing.T) {
	reads := &gateway.AlertReads{Told: []gateway.PreviewLanguage{{Wants: "en", Gets: "en", Members: 8}, {Wants: "sw", Gets: "en", Fallback: true, Members: 3}, {Wants: "my", Gets: "de", Fallback: true, Members: 1}},
		Asked: []gateway.PreviewLanguage{{Wants: "en", Gets: "en", Members: 1}}}
	got := strings.Join(languagesOf(gateway.AlertView{Reads: reads}), "\n")
	want := "12 members told at once: 4 read it in another language than theirs, with its tag:\n  3 who read sw get en\n  1 who read my get de\n" +
		"1 member asked first: all read it in a language of theirs.\nTo have it in theirs, write it in several languages: --file, see docs/alerts.md"
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if said := languagesOf(gateway.AlertView{}); said != nil {
		t.Errorf("of a gateway that does not count: %q", said)
	}
}

// Whatever is done to an alert, a sentence says what follows, and of which alert.
func TestEachActOnAnAlertSaysWhatFollows(t *testing.T) {
	for _, what := range []string{"update", "clear", "cancel", "remind", "handover"} {
		for _, state := range []gateway.AlertState{gateway.AlertTaken, gateway.AlertHeld} {
			said := actDone(gateway.AlertView{Reference: "4711", State: state}, what, gateway.AlertAct{})
			if !strings.Contains(said, "lert 4711") || strings.Contains(said, "%") {
				t.Errorf("%s of one that is %s: %q", what, state, said)
			}
		}
	}
}
