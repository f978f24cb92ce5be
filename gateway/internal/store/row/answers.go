package row

import (
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// KeepAnswered is how long an answer counts.
const KeepAnswered = 24 * time.Hour

// Answers counts what a contact point was answered.
type Answers struct {
	Known     bool // the answer that is asked about was given leave before
	hour, day int
}

// Count adds one that was given at a time; itself says that it is the one that is asked about. Times are in microseconds.
func (a *Answers) Count(itself bool, at, now int64) {
	a.Known = a.Known || itself
	if at > now-time.Hour.Microseconds() {
		a.hour++
	}
	if at > now-KeepAnswered.Microseconds() {
		a.day++
	}
}

// May says whether it may be given.
func (a *Answers) May() bool {
	return a.Known || a.hour < gateway.MostAnswersHour && a.day < gateway.MostAnswersDay
}
