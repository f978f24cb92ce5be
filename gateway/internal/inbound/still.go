package inbound

import (
	"context"
	"fmt"

	"github.com/carillon-gateway/carillon/templates"
)

// doubts says whether a word is one that somebody writes who may not be the member: it does not count as hearing from her.
func doubts(word meaning) bool {
	return word == help || word == who || word == wrong || word == stop || word == stopAll || word == joins || word == proves
}

// reaffirm takes her word that the number is still hers, in a group.
func (v *visit) reaffirm(ctx context.Context, k known) error {
	if _, err := v.Consents.ReaffirmAddress(ctx, k.group.ID, v.ch.Kind, v.from, v.proof("that the number is still hers", true, "member")); err != nil {
		return fmt.Errorf("take a member's word that a number is hers: %w", err)
	}
	return nil
}

// disown ends what goes to an address whose owner says that it is not the member's (threat T12): like STOP in every group that knows it.
// From then on nobody is found by it, whoever writes from there joins as somebody new, and nobody is answered. As such a message can be
// forged, another address of hers is told, as of a STOP, and START there takes it back.
func (v *visit) disown(ctx context.Context, owners []known) error {
	for _, k := range owners {
		if _, err := v.Consents.DisownAddress(ctx, k.group.ID, v.ch.Kind, v.from, v.proof("that the number is not the member's", false, "member")); err != nil {
			return fmt.Errorf("stop an address that is not the member's: %w", err)
		}
	}
	v.farewells(ctx, owners, templates.Stopped, true)
	return nil
}
