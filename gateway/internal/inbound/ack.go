package inbound

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// ackOf is an answer to an alert of one group.
type ackOf struct {
	known
	alert     gateway.ID // zero: reference names it
	reference string
}

// takesCharge is the digit that takes charge of the newest alert in which she was asked.
const takesCharge = "1"

// answersAlert finds the alerts that a message answers: the reference of one, perhaps with a code behind it, or 1 and one of the
// group's words for the newest in which she was asked. Nobody who was not asked answers with a word: it means something else then.
func (v *visit) answersAlert(ctx context.Context, text string) ([]ackOf, error) {
	if v.Alerts == nil {
		return nil, nil
	}
	digits := digitsIn(text)
	if len(digits) > gateway.AlertDigits && digits[:1] == takesCharge && gateway.IsAlertNumber(digits[1:]) && !gateway.IsAlertNumber(digits) {
		digits = digits[1:] // 1 4711
	}
	number := gateway.IsAlertNumber(digits)
	word := digits == takesCharge
	if !number && !word && !slices.ContainsFunc(v.groups, func(g gateway.Group) bool { return acks(g, text) != "" }) {
		return nil, nil
	}
	owners, err := v.owners(ctx, true)
	if err != nil {
		return nil, err
	}
	var all []ackOf
	for _, k := range owners {
		answer := ackOf{known: k, reference: digits}
		if !number {
			rest := acks(k.group, text)
			switch {
			case gateway.IsAlertNumber(rest):
				answer.reference = rest
			case word || rest == anyAlert:
				open, err := v.Alerts.Asked(ctx, k.group.ID, k.ids)
				if err != nil {
					return nil, fmt.Errorf("look for the alert that somebody answers: %w", err)
				}
				i := slices.IndexFunc(open, func(a gateway.AlertCase) bool { return a.State.Open() })
				if i < 0 {
					continue
				}
				answer.alert, answer.reference = open[i].ID, ""
			default:
				continue
			}
		} else if known, err := v.knows(ctx, k, digits); err != nil || !known {
			if err != nil {
				return nil, err
			}
			continue
		}
		all = append(all, answer)
	}
	return all, nil
}

// knows says whether a group has a recent alert in which she was asked under a reference.
func (v *visit) knows(ctx context.Context, k known, digits string) (bool, error) {
	asked, err := v.Alerts.Asked(ctx, k.group.ID, k.ids)
	if err != nil {
		return false, fmt.Errorf("look for the alert that somebody answers: %w", err)
	}
	return slices.ContainsFunc(asked, func(a gateway.AlertCase) bool { return a.Reference == digits[:gateway.AlertDigits] }), nil
}

// anyAlert is the answer of acks to a word without a number.
const anyAlert = "newest"

// acks says what follows a group's word for taking charge: a number, or anyAlert for nothing; empty: it is no such word.
func acks(g gateway.Group, text string) string {
	if g.Replies == nil || len(text) > 4*maxCommand {
		return ""
	}
	key := templates.WordKey(text)
	for _, words := range g.Replies.Acks {
		for _, w := range words {
			rest, is := strings.CutPrefix(key, templates.WordKey(w))
			if !is || w == "" {
				continue
			}
			if rest == "" {
				return anyAlert
			}
			if digits := digitsIn(rest); strings.HasPrefix(rest, " ") && gateway.IsAlertNumber(digits) {
				return digits
			}
		}
	}
	return ""
}

func ownersOf(answers []ackOf) (all []known) {
	for _, a := range answers {
		all = append(all, a.known)
	}
	return all
}

// takeCharge brings an answer to the alert, which thanks her and tells the others. The way proves who wrote unless
// it is a text message: its sender can be forged.
func (v *visit) takeCharge(ctx context.Context, answers []ackOf) error {
	for _, a := range answers {
		_, err := v.Alerts.Acknowledge(ctx, gateway.Acknowledgement{Group: a.group.ID, Alert: a.alert, Reference: a.reference, Once: hex.EncodeToString(v.key[:]),
			By: gateway.AlertHand{Members: a.ids, Way: v.ch.Kind}, Proven: v.ch.Kind != "sms" && v.ch.Kind != "email"})
		if err != nil {
			return fmt.Errorf("take an answer to an alert: %w", err)
		}
	}
	return nil
}
