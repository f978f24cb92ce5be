package sqlite

import (
	"context"
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
)

// Replace puts a channel in the place of another.
func (s *Store) Replace(ctx context.Context, old, by gateway.ID) error {
	return s.write.do(ctx, true, func(t *txn) error {
		none := gateway.ID{}
		for _, change := range [][2]gateway.ID{{by, none}, {old, by}} {
			n, err := t.exec("UPDATE channels SET replaced_by = ? WHERE id = ?", change[1][:], change[0][:])
			if err == nil && n == 0 {
				err = gateway.Faultf(gateway.CodeNotFound, "there is no such channel")
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// inheritedQuery finds what waits on a channel and may leave over another: nothing of it can be with the channel's provider.
const inheritedQuery = `SELECT d.no, d.broadcast_no FROM deliveries d WHERE d.channel_no = ?1 AND d.lane = ?2 AND d.state = 0 AND d.group_no = ?3
	AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.no = d.attempt_no AND d.attempts > 0 AND a.channel_no = d.channel_no AND a.point_id = d.point_id AND a.state <> ?4)
	ORDER BY d.due_at LIMIT ?5`

// TakeOver moves what waits on replaced channels.
func (s *Store) TakeOver(ctx context.Context, limit int) ([]gateway.ID, error) {
	type pair struct{ old, heir gateway.ID }
	pairs, err := list(ctx, s, "SELECT id, replaced_by FROM channels WHERE replaced_by <> x'00000000000000000000000000000000'", nil, func(p *pair) []any { return []any{&p.old, &p.heir} })
	if err != nil || len(pairs) == 0 {
		return nil, err
	}
	var got []gateway.ID
	err = s.write.do(ctx, false, func(t *txn) error {
		left := limit
		got = nil
		for _, p := range pairs {
			to, err := t.channelNo(p.heir)
			if err != nil {
				return err
			}
			before := left
			for _, lane := range gateway.Lanes {
				if err := s.groupsIn(t.Conn, p.old, lane, func(from, group int64) error {
					n, err := t.inherit(from, to, group, lane, left)
					left -= n
					return err
				}); err != nil {
					return err
				}
			}
			if left < before {
				got = append(got, p.heir)
			}
		}
		return nil
	})
	return got, err
}

func (t *txn) inherit(from, to, group int64, lane gateway.Lane, limit int) (n int, err error) {
	type waiting struct{ no, broadcast int64 }
	var all []waiting
	r := t.Prepare(inheritedQuery).Int(1, from).Int(2, int64(lane)).Int(3, group).Int(4, int64(gateway.Refused)).Int(5, int64(limit))
	for r.Step() {
		all = append(all, waiting{r.ColInt(0), r.ColInt(1)})
	}
	if err := r.Reset(); err != nil {
		return 0, fmt.Errorf("looking for what waits: %w", err)
	}
	for _, d := range all {
		if err := t.Prepare("UPDATE deliveries SET channel_no = ? WHERE no = ?").Int(1, to).Int(2, d.no).Run(); err != nil {
			return n, fmt.Errorf("writing a delivery: %w", err)
		}
		t.tally(group, d.broadcast, from, gateway.Waiting, "", -1)
		t.tally(group, d.broadcast, to, gateway.Waiting, "", 1)
		n++
	}
	return n, nil
}
