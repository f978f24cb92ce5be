package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// Attempts are numbered by the time they were made, so a walk in order of their numbers needs no index, and writing a
// receipt costs nothing for it.
const unheardQuery = "SELECT no, tail, claimed_at, state = 3 AND until = 0 AND left_behind = 0, channel_no, delivery_no FROM attempts WHERE no > ? ORDER BY no LIMIT ?"

// Unheard lists accepted attempts whose receipts are not waited for.
func (s *Store) Unheard(ctx context.Context, after gateway.ID, before time.Time, limit int) (found []gateway.Unheard, last gateway.ID, err error) {
	last = after
	type hit struct {
		attempt           gateway.ID
		channel, delivery int64
	}
	var hits []hit
	err = s.reading(ctx, func(c *lite.Conn) error {
		no, _ := halves(after)
		r := c.Prepare(unheardQuery).Int(1, no).Int(2, int64(limit))
		for r.Step() && r.ColInt(2) <= row.ToMicros(before) {
			last = joined(r.ColInt(0), r.ColInt(1))
			if r.ColInt(3) != 0 {
				hits = append(hits, hit{last, r.ColInt(4), r.ColInt(5)})
			}
		}
		if err := r.Reset(); err != nil {
			return err
		}
		for _, h := range hits {
			d := c.Prepare("SELECT tail FROM deliveries WHERE no = ?").Int(1, h.delivery)
			there := d.Step()
			u := gateway.Unheard{Attempt: h.attempt}
			if there {
				u.Delivery = joined(h.delivery, d.ColInt(0))
			}
			if err := d.Reset(); err != nil {
				return err
			}
			if u.Channel, err = s.channels.id(c, h.channel); err != nil {
				return err
			}
			if there {
				found = append(found, u)
			}
		}
		return nil
	})
	if err != nil {
		return nil, after, fmt.Errorf("looking for what was not reported on: %w", err)
	}
	return found, last, nil
}
