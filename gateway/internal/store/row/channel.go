package row

import (
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
)

// Undeletable says why a channel cannot be deleted now, as the statement of it found; nil: it can be. heirTo is the name of the
// channel that it is in the place of, if any; waiting and underway count deliveries.
func Undeletable(name, heirTo string, waiting, underway int) error {
	switch {
	case heirTo != "":
		return gateway.Faultf(gateway.CodeConflict, "%s is in the place of %s, whose messages leave over it; delete %s first, or put another channel in its place", name, heirTo, heirTo)
	case waiting+underway == 0:
		return nil
	}
	text := fmt.Sprintf("messages need %s yet: %d wait on it, and %d are under way", name, waiting, underway)
	if waiting > 0 {
		text += fmt.Sprintf(". What waits leaves over another channel once that has the place of %s (channel replace), or is held by stopping its broadcasts", name)
	}
	if underway > 0 {
		text += ". What is under way is over once it is confirmed, refused or given up; try again then"
	}
	return &gateway.Fault{Code: gateway.CodeConflict, Text: text}
}
