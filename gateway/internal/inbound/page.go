package inbound

import (
	"context"
	"fmt"
	"slices"

	"github.com/carillon-gateway/carillon/gateway"
)

// sendPage answers ME: every member with this address is sent a link to her own page, where she wrote from, or, if others share
// that, at another contact point of hers that is hers alone: on the page stand all her addresses. A stranger gets no answer, and
// an address that is stopped none either.
func (v *visit) sendPage(ctx context.Context, owners []known) error {
	if v.Page == nil {
		return nil
	}
	for _, k := range owners {
		for _, m := range k.members {
			point, ok := v.point(m)
			if !ok || point.State != gateway.PointActive && point.State != gateway.PointUnconfirmed {
				continue
			}
			if i := slices.IndexFunc(m.Points, func(p gateway.ContactPoint) bool { return p.State == gateway.PointActive && !p.Shared }); point.Shared && i >= 0 {
				point = m.Points[i]
			}
			err := v.Page(ctx, k.group.ID, m.ID, point.ID, v.replyKey("page:"+m.ID.String()))
			if v.hopeless(err) {
				continue
			}
			if err != nil {
				return fmt.Errorf("send a member a link to her page: %w", err)
			}
		}
	}
	return nil
}
