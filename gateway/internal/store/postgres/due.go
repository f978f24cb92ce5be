package postgres

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
)

// groupsIn steps from group to group in the index of what waits, over the deliveries of each.
const groupsIn = `WITH RECURSIVE g (id) AS (
		(SELECT d.group_id FROM deliveries d WHERE d.channel_id = $1 AND d.lane = $2 AND d.state = 0 ORDER BY d.group_id LIMIT 1)
		UNION ALL
		SELECT (SELECT d.group_id FROM deliveries d WHERE d.channel_id = $1 AND d.lane = $2 AND d.state = 0 AND d.group_id > g.id ORDER BY d.group_id LIMIT 1) FROM g WHERE g.id IS NOT NULL)
	`

// What is due at the same moment comes in the order of the index, which is about the order in which it was planned.
var (
	dueQuery = groupsIn + `SELECT g.id, w.id, w.due_at FROM g, LATERAL (SELECT d.id, d.due_at FROM deliveries d
		WHERE d.channel_id = $1 AND d.lane = $2 AND d.state = 0 AND d.group_id = g.id AND d.due_at <= ` + nowSQL("$3") + ` ORDER BY d.due_at LIMIT $4) w WHERE g.id IS NOT NULL`
	nextQuery = groupsIn + `SELECT COALESCE(MIN(w.due_at), 0) FROM g, LATERAL (SELECT d.due_at FROM deliveries d
		WHERE d.channel_id = $1 AND d.lane = $2 AND d.state = 0 AND d.group_id = g.id AND d.due_at > ` + nowSQL("$3") + ` ORDER BY d.due_at LIMIT 1) w WHERE g.id IS NOT NULL`
)

// Due lists what is due in a lane, group by group.
func (s *Store) Due(ctx context.Context, channel gateway.ID, lane gateway.Lane, each int) ([]gateway.Share, error) {
	type dated struct {
		gateway.Share
		since int64
	}
	var due []dated
	if err := s.reads(lane)(ctx, dueQuery, []any{channel, int16(lane), s.fixed(), each}, func(r pgx.Rows) error {
		var group, id gateway.ID
		var at int64
		if err := r.Scan(&group, &id, &at); err != nil {
			return err
		}
		if n := len(due); n == 0 || due[n-1].Group != group {
			due = append(due, dated{Share: gateway.Share{Group: group}, since: at})
		}
		last := &due[len(due)-1]
		last.Deliveries, last.since = append(last.Deliveries, id), min(last.since, at)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("looking for what is due: %w", err)
	}
	slices.SortStableFunc(due, func(a, b dated) int { return cmp.Compare(a.since, b.since) })
	return column(due, func(d dated) gateway.Share { return d.Share }), nil
}

// reads gives the way to read for a lane.
func (s *Store) reads(lane gateway.Lane) func(context.Context, string, []any, func(pgx.Rows) error) error {
	if lane == gateway.Urgent {
		return s.queryNow
	}
	return s.query
}

// NextDue reads the first time to come of a lane, from the index that Due reads.
func (s *Store) NextDue(ctx context.Context, channel gateway.ID, lane gateway.Lane) (at time.Time, err error) {
	err = s.reads(lane)(ctx, nextQuery, []any{channel, int16(lane), s.fixed()}, func(r pgx.Rows) error { return r.Scan(&at) })
	if err != nil {
		return at, fmt.Errorf("looking for what comes: %w", err)
	}
	return at, nil
}
