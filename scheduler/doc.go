// Package scheduler says what is due when: rules that yield runs, as cron lines and as recurrence rules, placed in the
// zone of a group or of each member by the clock rules of package civil, and lead times before events. It does not store,
// fire or send.
package scheduler

import (
	"time"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Rule yields runs. A run is named by its nominal wall time and its UTC offset, which the moment holds: the same rule
// asked with each member's zone gives each her own local time. Rules may be used by many at once.
type Rule interface {
	// Next gives the first run strictly after an instant in a zone; false means that there is none any more. A wall
	// time that clocks skip is run at the offset before the gap, one that they show twice is run the first time, a
	// date that does not exist has no runs, and two wall times that fall on one instant are one run, under the one
	// that exists.
	Next(after time.Time, loc *time.Location) (civil.Moment, bool)
}
