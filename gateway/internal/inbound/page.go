package inbound

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// pressesOfPage is how often in a day the link beneath mail sends a link to a page: so that whoever else has the mail neither floods
// her nor uses up the links that she may have.
const pressesOfPage = 3

// sendPage answers ME: every member with this address is sent a link to her own page, where she wrote from, or, if others share
// that or she has not confirmed it, at another contact point of hers that is hers alone: on the page stand all her addresses. Where no link can be had, as without a
// public address of the gateway, she is told how to reach a person. A stranger gets no answer, and an address that is stopped
// none either.
func (v *visit) sendPage(ctx context.Context, owners []known) error {
	if in := v.event.Inbound; in.Text == "" && len(owners) > 0 { // the link beneath a mail, which whoever was forwarded it can press, too
		room, err := v.Guests.Try(ctx, 1, gateway.Limit{What: "page pressed", By: v.who(), Most: pressesOfPage, Within: 24 * time.Hour})
		if err != nil {
			return fmt.Errorf("count who asks for a page: %w", err)
		}
		if !room {
			v.limited("the link beneath mail for a member's page is pressed too often; no link is sent")
			return nil
		}
	}
	for _, k := range owners {
		without := false
		for _, m := range k.members {
			point, ok := v.point(m)
			if ok && point.State == gateway.PointStale { // on the page stands all that is kept of her
				v.tell(ctx, k, templates.StillYours, gateway.Audience{Members: []gateway.ID{m.ID}, Point: point.ID, Only: true}, nil)
				return nil
			}
			if !ok || point.State != gateway.PointActive && point.State != gateway.PointUnconfirmed {
				continue
			}
			if i := slices.IndexFunc(m.Points, func(p gateway.ContactPoint) bool { return p.State == gateway.PointActive && !p.Shared }); i >= 0 && (point.Shared || point.State != gateway.PointActive) {
				point = m.Points[i]
			}
			if v.Page == nil {
				without = true
				continue
			}
			err := v.Page(ctx, k.group.ID, m.ID, point.ID, v.replyKey("page:"+m.ID.String()))
			if v.hopeless(err) {
				without = true
				continue
			}
			if err != nil {
				return fmt.Errorf("send a member a link to her page: %w", err)
			}
		}
		if without {
			v.help(ctx, []known{k})
		}
	}
	return nil
}
