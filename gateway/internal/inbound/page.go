package inbound

import (
	"context"
	"errors"
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
)

// sendPage answers ME: every member with this address is sent a link to her own page, where she wrote from. A stranger gets
// no answer, and an address that is stopped none either.
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
			err := v.Page(ctx, k.group.ID, m.ID, point.ID, v.replyKey("page:"+m.ID.String()))
			var fault *gateway.Fault
			if errors.As(err, &fault) { // it cannot be mended by asking again
				v.Log.Warn("a member asked for her page and gets no link", "channel", v.ch.ID, "group", k.group.ID, "error", err)
				continue
			}
			if err != nil {
				return fmt.Errorf("send a member a link to her page: %w", err)
			}
		}
	}
	return nil
}
