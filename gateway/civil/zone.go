// Package civil knows wall clocks: which time zones exist and what their clocks show. It uses the standard library
// only, and carries the zone data with it, so it gives the same answers on a machine without any.
package civil

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // the rules of every zone, for machines that have none
)

// Zone loads an IANA zone such as "Europe/Berlin". It refuses what Go would take but nobody can mean as a member's
// zone: the empty name, "Local", file paths and the leap-second variants of the system's folder. It parses the
// zone's rules on every call; a caller with many members keeps what it got.
func Zone(name string) (*time.Location, error) {
	refused := name == "" || name == "Local" || len(name) > 64 ||
		strings.HasPrefix(name, "posix/") || strings.HasPrefix(name, "right/") || strings.HasPrefix(name, "posixrules")
	if !refused {
		if loc, err := time.LoadLocation(name); err == nil {
			return loc, nil
		}
	}
	return nil, fmt.Errorf("%q is no time zone; use an IANA name such as Europe/Berlin or America/La_Paz", name)
}
