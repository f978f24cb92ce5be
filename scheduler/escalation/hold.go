package escalation

import (
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// hold keeps an alert that somebody wrote or changed until another person releases it. It waits from now on, but no longer
// than it holds; those who may release it are told.
func (d *decider) hold(by gateway.AlertHand) {
	a := &d.Alert
	hold := *a.Hold
	if hand := handOf(by); !slices.Contains(hold.Hands, hand) {
		hold.Hands = append(slices.Clone(hold.Hands), hand)
	}
	a.State, a.Hold = gateway.AlertHeld, &hold
	if a.ExpiresAt = d.now.Add(hold.For); a.ExpiresAt.After(a.Saying.Until) {
		a.ExpiresAt = a.Saying.Until
	}
	d.Notices = append(d.Notices, a.Notice(gateway.NoticeAlertWaits))
}

func handOf(h gateway.AlertHand) gateway.Hand { return gateway.Hand{Label: h.Label, Token: h.Token} }

// releasedKey is the key of the event that a second person let an alert go.
const releasedKey = "released"

// release lets an alert go that was held: a second person does, who has looked at just this, or danger to life.
func (d *decider) release() error {
	a, e := &d.Alert, &d.event
	switch {
	case a.State != gateway.AlertHeld || a.Hold == nil:
		return gateway.Faultf(gateway.CodeConflict, "alert %s is %s, so there is nothing to release", a.Reference, a.State)
	case !d.now.Before(a.ExpiresAt):
		return gateway.Faultf(gateway.CodeConflict, "alert %s has waited until %s, and is not sent any more; raise a new one", a.Reference, a.ExpiresAt.UTC().Format(time.RFC3339))
	case e.Kind == Break:
		return d.smash()
	case a.Hold.WrittenBy(handOf(e.By)):
		return gateway.Faultf(gateway.CodeForbidden, "whoever wrote or changed an alert does not release it, with whichever of her tokens; ask another person who may approve in this group")
	}
	digest, err := a.Digest(e.Channels)
	if err != nil {
		return err
	}
	if digest != e.Digest {
		return gateway.Faultf(gateway.CodeConflict, "it was changed since you looked at it, or other channels would carry it now; look at it again (carillon alert release %s), then release what you see", a.Reference)
	}
	d.note(gateway.EventReleased, releasedKey)
	d.free()
	return nil
}

// smash lets it go without a second person. Everybody who may release is told, and why stands in the timeline.
func (d *decider) smash() error {
	a, e := &d.Alert, &d.event
	reason, err := gateway.CheckReason(e.Glass, true)
	if err != nil {
		return err
	}
	if !a.DangerToLife {
		return gateway.Faultf(gateway.CodeInvalid, "only an alert about danger to life goes without a second person; cancel this one, and raise it as that (--danger-to-life) if it is")
	}
	d.note(gateway.EventGlass, "").Detail = reason
	d.Notices = append(d.Notices, a.Notice(gateway.NoticeAlertGlass))
	d.free()
	return nil
}

// free starts what was held. An update that was promised for a time that has passed meanwhile is not promised any more.
func (d *decider) free() {
	a := &d.Alert
	a.Hold, a.ExpiresAt = nil, a.Saying.Until
	if !a.Saying.Next.After(d.now) {
		a.Saying.Next = a.Saying.Until
	}
	d.event.Detail = ""
	d.start()
}
