package inbound

import (
	"context"
	"fmt"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// mostAsked is how many deliveries of a member are looked through for a reference, the oldest first.
const mostAsked = 20_000

// referenceIn finds the reference of a message in what is nothing but its digits, in any script.
func referenceIn(text string) string {
	if digits := digitsIn(text); gateway.IsReference(digits) {
		return digits
	}
	return ""
}

// genuine says when a message with this reference was sent to somebody with this address by the groups that know her; false:
// never, or so long ago that nothing is kept of it.
func (v *visit) genuine(ctx context.Context, owners []known, reference string) (of known, at time.Time, ok bool, err error) {
	for _, k := range owners {
		if room, err := v.mayAsk(ctx, k); err != nil || !room {
			return of, at, false, err
		}
		for _, member := range k.ids {
			f := gateway.DeliveryFilter{Group: k.group.ID, Member: member, Limit: 1000}
			for looked := 0; looked < mostAsked; looked += f.Limit {
				page, err := v.Members.Deliveries(ctx, f)
				if err != nil {
					return of, at, false, fmt.Errorf("look for a message: %w", err)
				}
				for _, d := range page {
					if gateway.Reference(d.BroadcastID) == reference {
						return k, d.CreatedAt, true, nil
					}
				}
				if len(page) < f.Limit {
					break
				}
				f.After = page[len(page)-1].ID
			}
		}
	}
	return of, at, false, nil
}

// mayAsk says whether she may be answered once more, before anything is looked up.
func (v *visit) mayAsk(ctx context.Context, k known) (bool, error) {
	if v.Limits == nil {
		return true, nil
	}
	for _, m := range k.members {
		if point, ok := v.point(m); ok {
			room, err := v.Limits.Try(ctx, 0, gateway.AnswerLimits(k.group.ID, point.ID)...)
			if err != nil {
				return false, fmt.Errorf("count a question: %w", err)
			}
			return room, nil
		}
	}
	return true, nil
}

// tellGenuine answers that a message with this reference was sent to her then.
func (v *visit) tellGenuine(ctx context.Context, of known, reference string, at time.Time) {
	v.answer(ctx, of, templates.Genuine, map[string]string{"reference": reference, "sent": at.UTC().Format(time.RFC3339)})
}

// tellNotGenuine answers whoever asks about a message that she was not sent: the same, whether there is one, of another group
// too, or not. A stranger gets no answer.
func (v *visit) tellNotGenuine(ctx context.Context, owners []known, reference string) {
	if len(owners) > 0 { // it speaks for all, as farewells do
		v.answer(ctx, owners[0], templates.NotGenuine, map[string]string{"reference": reference})
	}
}
