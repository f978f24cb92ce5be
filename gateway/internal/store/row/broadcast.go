package row

import (
	"fmt"
	"strconv"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// StateConditions pick deliveries d with their newest attempts a in a state; no state picks all.
func StateConditions(state gateway.DeliveryState) (condition string, err error) {
	switch state {
	case "":
		return "", nil
	case gateway.Waiting:
		return "d.state IN (0, 4, 5)", nil
	case gateway.Ended:
		return "d.state = 2", nil
	case gateway.Delivered:
		return "(d.state = 3 OR d.state = 1 AND a.state = 5)", nil
	case gateway.Sending:
		return "d.state = 1 AND a.state = 1", nil
	case gateway.DeliveryInDoubt:
		return "d.state = 1 AND a.state = 2", nil
	case gateway.DeliveryAccepted:
		return "d.state = 1 AND a.state = 3", nil
	}
	return "", gateway.Faultf(gateway.CodeInvalid, "%q is no state of a delivery", state)
}

// LocalText writes the wall time at which each member is told; empty: none.
func LocalText(b *gateway.Broadcast) string {
	if b.LocalAt == 0 {
		return ""
	}
	return b.LocalAt.String()
}

// ReadLocal reads what LocalText wrote, and for how many microseconds somebody may be late.
func ReadLocal(b *gateway.Broadcast, local string, late int64) error {
	b.LateFor = time.Duration(late) * time.Microsecond
	if local == "" {
		return nil
	}
	return b.LocalAt.UnmarshalText([]byte(local))
}

// KeyReused is the answer to a key under which another broadcast was submitted.
func KeyReused(key string) error {
	return gateway.Faultf(gateway.CodeKeyReused, "the key %q was used for another broadcast of this group; use a new key", key)
}

// Turn says why a broadcast cannot be stopped, or resumed; nil: it can. over: every delivery of it has arrived or ended.
// replaced: what it says was corrected.
func Turn(was, over, replaced, stop bool, expires, now int64) error {
	switch {
	case replaced && !stop:
		return errReplaced()
	case was && stop:
		return gateway.Faultf(gateway.CodeConflict, "this broadcast is stopped already")
	case over && !was:
		return gateway.Faultf(gateway.CodeConflict, "this broadcast is over: every delivery has arrived or ended, and nothing waits that could be stopped or go on")
	case was == stop:
		return gateway.Faultf(gateway.CodeConflict, "this broadcast is not stopped")
	case expires <= now:
		return gateway.Faultf(gateway.CodeConflict, "this broadcast has expired; nothing of it can leave any more")
	}
	return nil
}

func errReplaced() error {
	return gateway.Faultf(gateway.CodeConflict, "this broadcast does not go on: %w", gateway.ErrReplaced)
}

// Replace says why a broadcast cannot give way to a correction of what it says; nil: it can. going: some of it is planned still
// or waits; leaving: some is being sent, and may come behind the correction.
func Replace(found, stopped, going, leaving bool) error {
	if !found || leaving || going && !stopped {
		return gateway.ErrStale
	}
	return nil
}

// Succeed says why an edition cannot go on after a correction of it; nil: it can.
func Succeed(found, planned, stopped, replaced bool) error {
	switch {
	case !found:
		return gateway.ErrNotFound
	case replaced:
		return errReplaced()
	case stopped || !planned:
		return gateway.Faultf(gateway.CodeConflict, "its correction is not planned yet, or stopped; whom that is for must be known first. Resume the correction, or try again in a minute")
	}
	return nil
}

// CapNotice is what a group's owners are told, once for each month and set of caps, of which the sums of that month have
// come to one.
func CapNotice(wording string, group gateway.ID, month string, b gateway.Budget, micros, segments int64) gateway.OwnerNotice {
	limit, most := b.Hard, b.HardSegments
	if wording == gateway.NoticeSoft {
		limit, most = b.Soft, b.SoftSegments
	}
	say := func(micros, segments int64) string {
		if limit > 0 {
			return gateway.Money{Currency: b.Currency, Micros: micros}.String()
		}
		return strconv.FormatInt(segments, 10)
	}
	return gateway.OwnerNotice{Once: fmt.Sprintf("%s/%s/%s/%s/%d/%d", wording, group, month, b.Currency, limit, most), GroupID: group, Wording: wording,
		Data: map[string]string{"month": month, "spent": say(micros, segments), "cap": say(limit, most)}}
}
