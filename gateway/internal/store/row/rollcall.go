package row

import (
	"slices"

	"github.com/carillon-gateway/carillon/gateway"
)

// Report is what a member said of herself as it is kept.
type Report struct {
	gateway.AlertReport
	Place int // of the answer
}

// PlaceOf gives the place of an answer.
func PlaceOf(a gateway.AlertAnswer) int { return slices.Index(gateway.AlertAnswers[:], a) }

// Reports gives them as they were said.
func Reports(kept []Report) []gateway.AlertReport {
	all := make([]gateway.AlertReport, len(kept))
	for i, r := range kept {
		all[i] = r.AlertReport
		if r.Place >= 0 && r.Place < len(gateway.AlertAnswers) {
			all[i].Answer = gateway.AlertAnswers[r.Place]
		}
	}
	return all
}
