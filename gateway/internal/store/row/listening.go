package row

import (
	"fmt"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// ShownGap gives a gap as it is shown now, in microseconds; nil: there is none, or nobody can do anything about it any more.
func ShownGap(g gateway.HearingGap, now int64) *gateway.HearingGap {
	if ToMicros(g.Until) == 0 || now >= ToMicros(g.Until)+gateway.GapShown.Microseconds() {
		return nil
	}
	return &g
}

// GapQuery gives the gaps that are shown at the time in its one parameter, named so, for the watchdog: group, about, name, part,
// at, mark.
func GapQuery(now string) string {
	return fmt.Sprintf("SELECT group_id, id, name, gap_reason, gap_from, '' FROM channels WHERE gap_until > 0 AND gap_until + %d > %s ORDER BY id", gateway.GapShown.Microseconds(), now)
}

// Listened is a row of a channel: up to when it was heard, and the clock of the store.
type Listened struct {
	Of  gateway.Listened
	Gap gateway.HearingGap
	Now int64
}

// ListenedInto names where the columns id, heard_at, gap_from, gap_until, gap_reason and the present time go.
func ListenedInto(l *Listened) []any {
	return []any{&l.Of.Channel, &l.Of.HeardAt, &l.Gap.From, &l.Gap.Until, (*string)(&l.Gap.Reason), &l.Now}
}

// AllListened makes what the ledger says of rows.
func AllListened(rows []Listened) []gateway.Listened {
	all := make([]gateway.Listened, len(rows))
	for i, r := range rows {
		all[i] = r.Of
		all[i].Silent = time.Duration(r.Now-ToMicros(r.Of.HeardAt)) * time.Microsecond
		all[i].Gap = ShownGap(r.Gap, r.Now)
	}
	return all
}
