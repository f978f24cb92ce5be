package app

import (
	"os"
	"runtime/debug"
)

// collectorPercent is how far the heap may grow before it is collected, in hundredths of what is alive. A gateway keeps
// some ten megabytes alive, whatever the audience, and turns over a hundred a second: at Go's usual 100 it would spend a
// tenth of its time on collecting. At 200 it spends half of that, and takes some megabytes more.
const collectorPercent = 200

// TuneCollector sets the garbage collector of the process for a gateway, unless GOGC is set in the environment, and
// returns what undoes it. It is for a main to call.
func TuneCollector() (restore func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	before := debug.SetGCPercent(collectorPercent)
	return func() { debug.SetGCPercent(before) }
}
