package roll

import (
	"encoding/json"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// Retention is how long what people wrote is kept, and what they were answered.
type Retention struct {
	Group              gateway.ID // zero: every group
	Messages, Commands time.Duration
}

// Shorter adds what a group keeps for less long than all do; replies is what its row says.
func Shorter(keeps *[]Retention, group gateway.ID, replies string) error {
	var r gateway.Replies
	if err := json.Unmarshal([]byte(replies), &r); err != nil || r.KeepDays == 0 {
		return err
	}
	keep := time.Duration(r.KeepDays) * 24 * time.Hour
	*keeps = append(*keeps, Retention{group, keep, min(keep, gateway.KeepCommands)})
	return nil
}
