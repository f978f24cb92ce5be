package fanout

import (
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// hours says when each member of one broadcast is told.
type hours struct{ gateway.QuietBook }

// set gives a member her time: her own hour, if the broadcast has one, and not within her quiet hours. Who is late for too
// long, or has no such date, is not told; nor is she whose quiet hours outlast the broadcast, or who has paused until after it is due.
func (h *hours) set(n *gateway.NewDelivery, b *gateway.Broadcast, r *gateway.Recipient, group string, now time.Time) {
	if b.LocalAt != 0 {
		h.setLocal(n, b, h.Zone(r.Zone, group), now)
	}
	if e := b.Words.Event; e != nil && e.Early {
		n.Due = e.At
	}
	if n.Reason != "" {
		return
	}
	at, expires := n.Due, n.Expires
	if at.Before(now) {
		at = now
	}
	if expires.IsZero() {
		expires = b.ExpiresAt
	}
	due, until, late := at, time.Time{}, false
	if r.Quiet != "" {
		due, until, late = h.Hours(r.Quiet).Move(b.Class, at, now, expires, h.Zone(r.Zone, group))
	}
	switch {
	case gateway.Paused(b.Class, r.PausedUntil, due):
		n.Reason, n.Detail = gateway.ReasonSuppressed, gateway.PausedDetail
	case late:
		n.Reason, n.Detail = gateway.ReasonExpired, gateway.QuietLate
	case !due.Equal(at):
		n.Due, n.Quiet = due, until
	}
}

func (h *hours) setLocal(n *gateway.NewDelivery, b *gateway.Broadcast, loc *time.Location, now time.Time) {
	at := civil.In(b.LocalAt, loc).Instant()
	switch {
	case !civil.Exists(b.LocalAt, loc):
		n.Reason, n.Detail = gateway.ReasonSuppressed, "her calendar has no "+b.LocalAt.Fields().Format(time.DateOnly)
		return
	case b.LateFor > 0 && now.Sub(at) > b.LateFor:
		n.Reason, n.Detail = gateway.ReasonExpired, "her "+b.LocalAt.Fields().Format("15:04")+" was over for too long before it could be planned"
		return
	case at.Before(now):
		at = now
	}
	n.Due, n.Expires = at, at.Add(b.Policy.Expires)
}
