package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

const nobody = "'00000000-0000-0000-0000-000000000000'::uuid"

// watchQueries give what is overdue by $1, the time that is Patience ago: group, about, name, part, at, mark.
var watchQueries = [...]struct {
	code gateway.FindingCode
	text string
}{
	{gateway.RunsLate, "SELECT " + nobody + ", " + nobody + ", '', next_run, next_at, id::text FROM schedules WHERE next_run <> '' AND next_at <= $1 ORDER BY next_at LIMIT 200"},
	{gateway.PlanningLate, "SELECT " + nobody + ", " + nobody + ", '', '', start_at, id::text || cursor::text FROM broadcasts WHERE state = 'planning' AND NOT stopped AND start_at <= $1 ORDER BY start_at LIMIT 1"},
	{gateway.ClaimsLeft, "SELECT " + nobody + ", " + nobody + ", '', '', until, id::text FROM attempts WHERE state = 1 AND until <= $1 ORDER BY until LIMIT 1"},
	{gateway.CalendarsLate, "SELECT " + nobody + ", " + nobody + ", '', '', next_at, id::text || edition FROM calendars WHERE next_at > 0 AND next_at <= $1 ORDER BY next_at LIMIT 1"},
	{gateway.RunUndecided, `SELECT o.group_id, o.schedule_id, s.name, o.run, o.recorded_at, '' FROM
		(SELECT * FROM occurrences WHERE state IN ('asked', 'failed') AND recorded_at <= $1 ORDER BY recorded_at DESC LIMIT 1000) o
		JOIN schedules s ON s.group_id = o.group_id AND s.id = o.schedule_id
		WHERE NOT EXISTS (SELECT FROM occurrences n WHERE n.group_id = o.group_id AND n.schedule_id = o.schedule_id AND n.id > o.id) ORDER BY o.recorded_at DESC LIMIT 100`},
	{gateway.CalendarFailing, `SELECT group_id, id, name, fresh, 0::bigint, '' FROM calendars WHERE position('"failing_since":' IN fresh) > 0 AND $1::bigint > 0 ORDER BY group_id, id LIMIT 1000`},
	{gateway.InboxUnread, "SELECT group_id, group_id, '', '', min(unread_at), '' FROM threads WHERE unread_at > 0 AND unread_at <= $1 GROUP BY group_id LIMIT 1000"},
	{gateway.RoleEnds, row.RoleEndsQuery("$1::bigint")},
	{gateway.RoleAlone, row.RoleAloneQuery("$1::bigint", nobody)},
	{gateway.AlertsLate, "SELECT " + nobody + ", " + nobody + ", '', '', due_at, id::text || revision FROM alerts WHERE due_at > 0 AND due_at <= $1 ORDER BY due_at LIMIT 1"},
	{gateway.AlertUnheard, "SELECT group_id, id, '', reference, $1::bigint, '' FROM alerts WHERE state = 'nobody acknowledged' LIMIT 100"},
	{gateway.DrillWanting, row.WantingQuery("$1::bigint")},
	{gateway.NotHeard, row.GapQuery("$1")},
	{gateway.CalendarMissing, `SELECT m.group_id, m.group_id, (SELECT COALESCE(string_agg(name, ','), '') FROM calendars c WHERE c.group_id = m.group_id), m.quiet, $1::bigint, ''
		FROM (WITH RECURSIVE said (group_id, quiet) AS (
			(SELECT group_id, quiet FROM members WHERE position('holidays ' IN quiet) > 0 AND (group_id, quiet) > (` + nobody + `, '') ORDER BY group_id, quiet LIMIT 1)
			UNION ALL
			SELECT n.group_id, n.quiet FROM said s, LATERAL (SELECT group_id, quiet FROM members
				WHERE position('holidays ' IN quiet) > 0 AND (group_id, quiet) > (s.group_id, s.quiet) ORDER BY group_id, quiet LIMIT 1) n)
			SELECT group_id, quiet FROM said LIMIT 1000) m`},
}

// stuckLanes steps from group to group of each lane in the index of what waits, over the deliveries of each, and gives the
// longest due of those lanes of channels that may send.
var stuckLanes = `WITH RECURSIVE w (channel_id, lane, group_id) AS (
		(SELECT d.channel_id, d.lane, d.group_id FROM deliveries d
			WHERE d.state = 0 AND (d.channel_id, d.lane, d.group_id) > (` + nobody + `, -1::smallint, ` + nobody + `) ORDER BY d.channel_id, d.lane, d.group_id LIMIT 1)
		UNION ALL
		SELECT n.channel_id, n.lane, n.group_id FROM w, LATERAL (SELECT d.channel_id, d.lane, d.group_id FROM deliveries d
			WHERE d.state = 0 AND (d.channel_id, d.lane, d.group_id) > (w.channel_id, w.lane, w.group_id) ORDER BY d.channel_id, d.lane, d.group_id LIMIT 1) n)
	SELECT DISTINCT ON (c.id, w.lane) c.id, c.name, w.lane, l.due_at, l.id::text FROM w JOIN channels c ON c.id = w.channel_id,
		LATERAL (SELECT d.id, d.due_at FROM deliveries d WHERE d.channel_id = w.channel_id AND d.lane = w.lane AND d.state = 0 AND d.group_id = w.group_id AND d.due_at <= $1 ORDER BY d.due_at LIMIT 1) l
	WHERE (c.paused = '' OR (c.paused_until > 0 AND c.paused_until <= $1) OR (w.lane = $2 AND c.routine_only)) AND (w.lane = $2 OR NOT EXISTS (SELECT FROM incidents i WHERE i.channel_id = c.id AND i.closed_at = 0))
	ORDER BY c.id, w.lane, l.due_at, l.id`

// Signs lists what is overdue.
func (s *Store) Signs(ctx context.Context) ([]gateway.Sign, error) {
	micros, err := s.clock(ctx)
	if err != nil {
		return nil, err
	}
	now := row.FromMicros(micros)
	all := []gateway.Sign{}
	until := now.Add(-gateway.WatchFor(gateway.SendingStuck).Patience)
	if err := s.query(ctx, stuckLanes, []any{row.ToMicros(until), int16(gateway.Urgent)}, func(r pgx.Rows) error {
		f := gateway.Sign{Finding: gateway.Finding{Code: gateway.SendingStuck}}
		var lane int16
		err := r.Scan(&f.About, &f.Name, &lane, &f.Since, &f.Mark)
		f.Part = gateway.Lane(lane).String()
		all = append(all, f)
		return err
	}); err != nil {
		return nil, fmt.Errorf("looking for %s: %w", gateway.SendingStuck, err)
	}
	for _, q := range watchQueries {
		until := now.Add(-gateway.WatchFor(q.code).Patience)
		if q.code == gateway.RunsLate {
			until = now.Add(row.AheadOfRuns)
		}
		found := []row.Overdue{}
		if err := s.queryPage(ctx, q.text, []any{row.ToMicros(until)}, func(r pgx.Rows) error {
			var o row.Overdue
			err := r.Scan(row.OverdueInto(&o)...)
			found = append(found, o)
			return err
		}); err != nil {
			return nil, fmt.Errorf("looking for %s: %w", q.code, err)
		}
		signs, err := row.Signs(q.code, now, found)
		if err != nil {
			return nil, err
		}
		all = append(all, signs...)
	}
	return all, nil
}

// Findings lists what is open.
func (s *Store) Findings(ctx context.Context) ([]gateway.Finding, error) {
	all, err := list(ctx, s, "SELECT "+row.FindingColumns+" FROM findings ORDER BY opened_at, id", nil, row.FindingInto)
	for i := range all {
		all[i].Explain()
	}
	return all, err
}

// SetFindings opens what is new and ends what is over.
func (s *Store) SetFindings(ctx context.Context, open []gateway.Finding, token int64) ([]gateway.Finding, error) {
	were, err := s.Findings(ctx)
	if err != nil {
		return nil, err
	}
	opened, ended := row.Turned(were, open)
	if len(opened)+len(ended) == 0 {
		return were, nil
	}
	for i := range opened {
		opened[i].ID = gateway.NewID()
	}
	err = s.do(ctx, false, func(t *txn) error {
		if err := t.holds(gateway.Fence{Duty: gateway.WatchDuty, Token: token}); err != nil {
			return err
		}
		for _, f := range opened {
			if _, err := t.exec("INSERT INTO findings ("+row.FindingColumns+") VALUES ($1,$2,$3,$4,$5,$6,$7,$8)", f.ID, string(f.Code), f.GroupID, f.About, f.Name, f.Part, row.ToMicros(f.Since), t.now); err != nil {
				return err
			}
			if err := t.putNotice(f.Opening()); err != nil {
				return err
			}
		}
		for _, f := range ended {
			if err := t.endFinding(f); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.Findings(ctx)
}

// endFinding deletes a finding. Nobody needs to hear of an end whose beginning nobody heard of.
func (t *txn) endFinding(f gateway.Finding) error {
	n, err := t.exec("DELETE FROM findings WHERE id = $1", f.ID)
	if err != nil || n == 0 {
		return err
	}
	told := int64(0)
	once := f.Opening().Once
	if err := t.query("SELECT told_at FROM owner_notices WHERE once = $1 FOR UPDATE", []any{once}, func(r pgx.Rows) error { return r.Scan(&told) }); err != nil {
		return err
	}
	if told == 0 {
		_, err := t.exec("DELETE FROM owner_notices WHERE once = $1 AND told_at = 0", once)
		return err
	}
	if end, says := f.Ending(); says && told > 0 {
		return t.putNotice(end)
	}
	return nil
}

var _ gateway.Watchdog = (*Store)(nil)
