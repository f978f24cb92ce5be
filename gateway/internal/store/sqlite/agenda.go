package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

const nextQuery = "SELECT due_at FROM deliveries WHERE channel_no = ? AND lane = ? AND state = 0 AND due_at > ? ORDER BY due_at LIMIT 1"

// NextDue reads the first time to come of a lane, from the index that Due reads.
func (s *Store) NextDue(ctx context.Context, channel gateway.ID, lane gateway.Lane) (at time.Time, err error) {
	err = s.reading(ctx, func(c *lite.Conn) error {
		no, err := s.channels.no(c, channel)
		if err != nil || no == 0 {
			return err
		}
		r := c.Prepare(nextQuery).Int(1, no).Int(2, int64(lane)).Int(3, s.micros())
		if r.Step() {
			at = fromMicros(r.ColInt(0))
		}
		return r.Reset()
	})
	if err != nil {
		return at, fmt.Errorf("looking for what comes: %w", err)
	}
	return at, nil
}
