package inbound

import (
	"context"
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
)

// Duties takes a yes of a member for the question about a swap of duty that is open for her; false: none is.
type Duties func(ctx context.Context, group, member gateway.ID) (bool, error)

// swapDuty takes a yes for a swap of duty that she was asked about. From a telephone that several share nobody can say whose yes
// it would be: there it does nothing.
func (v *visit) swapDuty(ctx context.Context, owners []known) (bool, error) {
	for _, k := range owners {
		for _, m := range k.members {
			point, ok := v.point(m)
			if !ok || point.State != gateway.PointActive || point.Shared || v.Swaps == nil {
				continue
			}
			taken, err := v.Swaps(ctx, k.group.ID, m.ID)
			if v.hopeless(err) {
				continue
			}
			if err != nil {
				return false, fmt.Errorf("take a yes to a swap of duty: %w", err)
			}
			if taken {
				return true, nil
			}
		}
	}
	return false, nil
}
