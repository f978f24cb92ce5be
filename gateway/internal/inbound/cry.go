package inbound

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// mostCries is how often those on duty hear the same of one member or address during an alert, within answerAgain: whoever floods,
// or forges her number, must not drown them or have each of them sent messages without end. All of it is in the inbox.
const mostCries = 5

// hears reports whether what somebody says of herself is to go further than the roll-call and the inbox.
func (v *visit) hears(ctx context.Context, k known, a gateway.AlertCase, what string) (bool, error) {
	ids := slices.Clone(k.ids)
	slices.SortFunc(ids, func(a, b gateway.ID) int { return slices.Compare(a[:], b[:]) })
	by := a.ID.String()
	for _, id := range ids {
		by += " " + id.String()
	}
	room, err := v.Guests.Try(ctx, 1, gateway.Limit{What: "said to an alert: " + what, By: by, Most: mostCries, Within: answerAgain})
	if err != nil {
		return false, fmt.Errorf("count what is said to an alert: %w", err)
	}
	if !room {
		v.limited("what a member says to an alert goes to the inbox alone: she has said it very often")
	}
	return room, nil
}

// cry passes a cry for help on during an open alert: to those on duty at once, whatever the provider answered by itself
// (requirement 47).
func (v *visit) cry(ctx context.Context, owners []known) error {
	for _, k := range owners {
		if v.Alerts.Acknowledger == nil {
			return nil
		}
		a, err := v.openAlert(ctx, k.group.ID, false)
		if errors.Is(err, gateway.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		heard, err := v.hears(ctx, k, a, "cry")
		if err != nil {
			return err
		}
		if !heard {
			continue
		}
		by := v.hand(k)
		if err := v.Alerts.Acknowledger.Note(ctx, k.group.ID, a.ID, v.once(k), by.Role()+" wrote what sounds like a cry for help", by); err != nil && !v.hopeless(err) {
			return fmt.Errorf("note a cry for help: %w", err)
		}
		if err := v.tellDuty(ctx, k, a); err != nil {
			return err
		}
	}
	return nil
}

// tellDuty tells those in charge of an alert that somebody needs help; while nobody is, those whom its step asks, and the group's owners
// where that is nobody here, or may be nobody but herself.
func (v *visit) tellDuty(ctx context.Context, k known, a gateway.AlertCase) error {
	var to []gateway.Audience
	for _, hand := range a.Climb.Charge {
		if others := slices.DeleteFunc(slices.Clone(hand.Members), func(m gateway.ID) bool { return slices.Contains(k.ids, m) }); len(others) > 0 {
			to = append(to, gateway.Audience{Members: others})
		}
	}
	if len(to) == 0 {
		var err error
		if to, err = v.onDuty(ctx, k.group.ID, a); err != nil {
			return err
		}
		asked, err := v.asked(ctx, k)
		if err != nil {
			return err
		}
		hers := slices.ContainsFunc(asked, func(c gateway.AlertCase) bool { return c.ID == a.ID })
		told := slices.ContainsFunc(to, func(a gateway.Audience) bool {
			return a.Topic == gateway.OwnersTopic && len(a.Tags)+len(a.Members)+len(a.Locales) == 0
		})
		if !told && (len(to) == 0 || hers) { // a turn has ended, say, another group is asked, or she is the one who is asked
			to = append(to, gateway.Audience{Topic: gateway.OwnersTopic})
		}
	}
	data := v.hand(k).Words()
	data["code"] = a.Reference
	for i, audience := range to {
		if err := v.loud(ctx, k.group.ID, v.replyKey(templates.HelpHeard+strconv.Itoa(i)), templates.HelpHeard, audience, data); err != nil && !v.hopeless(err) {
			return fmt.Errorf("tell those on duty that somebody needs help: %w", err)
		}
	}
	return nil
}
