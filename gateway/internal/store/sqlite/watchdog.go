package sqlite

import (
	"context"
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// watchQueries give what is overdue by ?1, the time that is Patience ago: group, about, name, part, at, mark.
var watchQueries = [...]struct {
	code gateway.FindingCode
	text string
}{
	{gateway.RunsLate, "SELECT zeroblob(16), zeroblob(16), '', next_run, next_at, hex(id) FROM schedules WHERE next_run <> '' AND next_at <= ?1 ORDER BY next_at LIMIT 200"},
	{gateway.PlanningLate, "SELECT zeroblob(16), zeroblob(16), '', '', start_at, hex(id) || hex(cursor) FROM broadcasts WHERE state = 'planning' AND stopped = 0 AND start_at <= ?1 ORDER BY start_at LIMIT 1"},
	{gateway.ClaimsLeft, "SELECT zeroblob(16), zeroblob(16), '', '', until, no || '' FROM attempts WHERE state = 1 AND until <= ?1 ORDER BY until LIMIT 1"},
	{gateway.CalendarsLate, "SELECT zeroblob(16), zeroblob(16), '', '', next_at, hex(id) || edition FROM calendars INDEXED BY calendars_due WHERE next_at > 0 AND next_at <= ?1 ORDER BY next_at LIMIT 1"},
	{gateway.RunUndecided, `SELECT o.group_id, o.schedule_id, s.name, o.run, o.recorded_at, '' FROM
		(SELECT * FROM occurrences INDEXED BY occurrences_open WHERE state IN ('asked', 'failed') AND recorded_at <= ?1 ORDER BY recorded_at DESC LIMIT 1000) o
		JOIN schedules s ON s.group_id = o.group_id AND s.id = o.schedule_id
		WHERE NOT EXISTS (SELECT 1 FROM occurrences n WHERE n.group_id = o.group_id AND n.schedule_id = o.schedule_id AND n.id > o.id) ORDER BY o.recorded_at DESC LIMIT 100`},
	{gateway.CalendarFailing, `SELECT group_id, id, name, fresh, 0, '' FROM calendars INDEXED BY calendars_failing WHERE instr(fresh, '"failing_since":') > 0 AND ?1 > 0 ORDER BY group_id, id LIMIT 1000`},
	{gateway.InboxUnread, "SELECT group_id, group_id, '', '', min(unread_at), '' FROM threads INDEXED BY threads_unread WHERE unread_at > 0 AND unread_at <= ?1 GROUP BY group_id LIMIT 1000"},
	{gateway.RoleEnds, row.RoleEndsQuery("?1")},
	{gateway.RoleAlone, row.RoleAloneQuery("?1", "zeroblob(16)")},
	{gateway.AlertsLate, "SELECT zeroblob(16), zeroblob(16), '', '', due_at, hex(id) || revision FROM alerts WHERE due_at > 0 AND due_at <= ?1 ORDER BY due_at LIMIT 1"},
	{gateway.AlertUnheard, "SELECT group_id, id, '', reference, ?1, '' FROM alerts INDEXED BY alerts_unanswered WHERE state = 'nobody acknowledged' LIMIT 100"},
	{gateway.DrillWanting, row.WantingQuery("?1")},
	{gateway.NotHeard, row.GapQuery("?1")},
}

const (
	routes       = "SELECT id, name, lane FROM channels JOIN (SELECT 0 AS lane UNION ALL SELECT 1 UNION ALL SELECT 2)"
	openRoutes   = routes + " WHERE (paused = '' OR (paused_until > 0 AND paused_until <= ?2) OR (lane = ?1 AND routine_only = 1)) AND (lane = ?1 OR NOT EXISTS (SELECT 1 FROM incidents i WHERE i.channel_id = channels.id AND i.closed_at = 0))"
	findingQuery = "SELECT " + row.FindingColumns + " FROM findings ORDER BY opened_at, id"
)

// Signs lists what is overdue.
func (s *Store) Signs(ctx context.Context) ([]gateway.Sign, error) {
	now := row.FromMicros(s.micros())
	all, err := s.stuck(ctx)
	if err != nil {
		return nil, err
	}
	for _, q := range watchQueries {
		until := now.Add(-gateway.WatchFor(q.code).Patience)
		if q.code == gateway.RunsLate {
			until = now.Add(row.AheadOfRuns)
		}
		found, err := list(ctx, s, q.text, []any{row.ToMicros(until)}, row.OverdueInto)
		if err != nil {
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

// stuck finds lanes of channels that may send, where what is due the longest has been for too long.
func (s *Store) stuck(ctx context.Context) ([]gateway.Sign, error) {
	type route struct {
		id   gateway.ID
		name string
		lane int
	}
	until := s.micros() - gateway.WatchFor(gateway.SendingStuck).Patience.Microseconds()
	open, err := list(ctx, s, openRoutes, []any{int(gateway.Urgent), until}, func(r *route) []any { return []any{&r.id, &r.name, &r.lane} })
	if err != nil {
		return nil, err
	}
	signs := []gateway.Sign{}
	for _, r := range open {
		at, mark := int64(0), ""
		if err := s.reading(ctx, func(c *lite.Conn) error {
			return s.groupsIn(c, r.id, gateway.Lane(r.lane), func(no, group int64) error {
				q := c.Prepare(dueQuery).Int(1, no).Int(2, int64(r.lane)).Int(3, group).Int(4, until).Int(5, 1)
				if q.Step() && (at == 0 || q.ColInt(2) < at) {
					at, mark = q.ColInt(2), joined(q.ColInt(0), q.ColInt(1)).String()
				}
				return q.Reset()
			})
		}); err != nil {
			return nil, err
		}
		if at != 0 {
			signs = append(signs, gateway.Sign{Finding: gateway.Finding{Code: gateway.SendingStuck, About: r.id, Name: r.name, Part: gateway.Lane(r.lane).String(), Since: row.FromMicros(at)}, Mark: mark})
		}
	}
	return signs, nil
}

// Findings lists what is open.
func (s *Store) Findings(ctx context.Context) ([]gateway.Finding, error) {
	all, err := list(ctx, s, findingQuery, nil, row.FindingInto)
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
	err = s.write.do(ctx, false, func(t *txn) error {
		if err := t.holds(gateway.Fence{Duty: gateway.WatchDuty, Token: token}); err != nil {
			return err
		}
		for _, f := range opened {
			if _, err := t.exec("INSERT INTO findings ("+row.FindingColumns+") VALUES (?,?,?,?,?,?,?,?)", f.ID[:], string(f.Code), f.GroupID[:], f.About[:], f.Name, f.Part, row.ToMicros(f.Since), t.now); err != nil {
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
	n, err := t.exec("DELETE FROM findings WHERE id = ?", f.ID[:])
	if err != nil || n == 0 {
		return err
	}
	told := int64(0)
	once := f.Opening().Once
	if err := t.query("SELECT told_at FROM owner_notices WHERE once = ?", []any{once}, func(r *lite.Stmt) error { return r.Scan(&told) }); err != nil {
		return err
	}
	if told == 0 {
		_, err := t.exec("DELETE FROM owner_notices WHERE once = ? AND told_at = 0", once)
		return err
	}
	if end, says := f.Ending(); says && told > 0 {
		return t.putNotice(end)
	}
	return nil
}

var _ gateway.Watchdog = (*Store)(nil)
