package inbound

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// tellHow tells her how to answer so that it counts, where an alert asks her to take charge and what she wrote takes charge of none:
// no yes and no other words are taken for that (ADR 80). She hears it once for each time that she was asked, where the address is hers.
// People read what she wrote besides.
func (v *visit) tellHow(ctx context.Context, owners []known) error {
	if v.Alerts.Acknowledger == nil {
		return nil
	}
	var open []gateway.AlertCase
	var of known
	var question gateway.ID // the newest
	for _, k := range owners {
		asked, err := v.askedHere(ctx, k)
		if err != nil {
			return err
		}
		for _, a := range asked {
			if !v.wants(a, k) {
				continue
			}
			if open = append(open, a); len(open) == 1 {
				of = k
			}
			q, err := v.question(ctx, k, a)
			if err != nil {
				return err
			}
			if bytes.Compare(q[:], question[:]) > 0 {
				question = q
			}
		}
	}
	if len(open) == 0 {
		return nil
	}
	of, err := v.membersOf(ctx, of)
	if err != nil {
		return fmt.Errorf("read who wrote: %w", err)
	}
	wording, data := templates.AckHow, map[string]string{"code": open[0].Reference}
	switch {
	case len(open) > 1:
		wording, data = templates.AckWhich, whichOf(open)
	case open[0].Policy.Code && forgeable(v.ch.Kind):
		wording = templates.AckUnverified
	}
	for _, m := range of.members {
		point, ok := v.point(m)
		if !ok || point.State != gateway.PointActive { // of one that may be another's now, nobody there hears that there is an alert
			continue
		}
		v.show(ctx, of, wording, data)
		once, by := templates.AckHow+":"+hex.EncodeToString(question[:])+":"+hex.EncodeToString(point.ID[:]), v.hand(of)
		if err := v.Answer(ctx, of.group.ID, "answer:"+once, wording, gateway.Audience{Members: []gateway.ID{m.ID}, Point: point.ID}, data); err != nil {
			v.Log.Error("a member is not answered", "channel", v.ch.ID, "group", of.group.ID, "wording", wording, "error", err)
		}
		if err := v.Alerts.Acknowledger.Note(ctx, of.group.ID, open[0].ID, once, by.Role()+" answered in words that do not take charge, and is told how to", by); err != nil && !v.hopeless(err) {
			return fmt.Errorf("note that a member answered: %w", err)
		}
		break
	}
	return nil
}

// wants says whether an alert still waits for somebody at this address to take charge, and did when she wrote.
func (v *visit) wants(a gateway.AlertCase, k known) bool {
	if !a.State.Open() || v.at.Before(a.RaisedAt.Add(-late)) {
		return false
	}
	by := v.hand(k)
	if a.Climb.Offer != nil && by.MayBe(a.Climb.Offer.To) {
		return true
	}
	for _, hand := range a.Climb.Charge {
		if by.MayBe(hand) {
			return false
		}
	}
	return a.State != gateway.AlertTaken
}

// mostQuestions bounds how many of the newest questions of an alert are looked through, each of which may have had one reader.
const mostQuestions = 20

// question names what last asked one of those at this address to take charge: the broadcast, or the alert where that is gone or
// mostQuestions ago.
func (v *visit) question(ctx context.Context, k known, a gateway.AlertCase) (gateway.ID, error) {
	for i, looked := len(a.Climb.Sent)-1, 0; i >= 0 && looked < mostQuestions; i-- {
		if !a.Climb.Sent[i].Kind.Requests() {
			continue
		}
		looked++
		for _, id := range k.ids {
			asked, err := v.Members.Deliveries(ctx, gateway.DeliveryFilter{Group: k.group.ID, Broadcast: a.Climb.Sent[i].ID, Member: id, Limit: 1})
			if err != nil {
				return gateway.ID{}, fmt.Errorf("find what asked her: %w", err)
			}
			if len(asked) > 0 {
				return a.Climb.Sent[i].ID, nil
			}
		}
	}
	return a.ID, nil
}
