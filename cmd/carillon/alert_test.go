package main

import (
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

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
