package sqlite

import (
	"context"
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// PutSchedule makes a schedule or changes it.
func (s *Store) PutSchedule(ctx context.Context, p gateway.Schedule, retime bool) (gateway.Schedule, error) {
	key, err := s.groupKey(ctx, p.GroupID)
	if err != nil {
		return p, err
	}
	fresh := p.ID.IsZero()
	if fresh {
		p.ID = gateway.NewID()
	}
	action, err := sealed.Action(key, p.ID, p.Action)
	if err != nil {
		return p, err
	}
	err = s.write.do(ctx, false, func(t *txn) error {
		p.ChangedAt = row.FromMicros(t.now)
		if fresh {
			p.Revision = 1
			n, err := t.exec("INSERT INTO schedules (group_id, id, name, timing, action_sealed, author, revision, paused, paused_until, next_run, next_at, changed_at) VALUES (?,?,?,?,?,?,1,?,?,?,?,?) ON CONFLICT (group_id, name) DO NOTHING",
				p.GroupID[:], p.ID[:], p.Name, row.JSON(p.Timing), action, p.Author, p.Paused, row.ToMicros(p.PausedUntil), p.Run, row.ToMicros(p.At), t.now)
			if err == nil && n == 0 {
				err = row.NameTaken(p.Name)
			}
			return err
		}
		n, err := t.exec("UPDATE schedules SET timing = ?, action_sealed = ?, author = ?, revision = revision + 1, paused = ?, paused_until = ?, changed_at = ? WHERE group_id = ? AND id = ? AND revision = ?",
			row.JSON(p.Timing), action, p.Author, p.Paused, row.ToMicros(p.PausedUntil), t.now, p.GroupID[:], p.ID[:], p.Revision)
		if err == nil && n == 0 {
			err = gateway.ErrStale
		}
		if err != nil || !retime {
			return err
		}
		_, err = t.exec("UPDATE schedules SET next_run = ?, next_at = ? WHERE group_id = ? AND id = ?", p.Run, row.ToMicros(p.At), p.GroupID[:], p.ID[:])
		return err
	})
	if err != nil {
		return p, err
	}
	return s.schedule(ctx, "s.group_id = ? AND s.id = ?", p.GroupID[:], p.ID[:])
}

// Schedule reads one by its name.
func (s *Store) Schedule(ctx context.Context, group gateway.ID, name string) (gateway.Schedule, error) {
	return s.schedule(ctx, byName, group[:], name)
}

func (s *Store) schedule(ctx context.Context, where string, args ...any) (gateway.Schedule, error) {
	all, err := s.listSchedules(ctx, where, args...)
	if err == nil && len(all) == 0 {
		err = row.Missing("schedule")
	}
	if err != nil {
		return gateway.Schedule{}, err
	}
	return all[0].Schedule, nil
}

// Schedules lists a group's.
func (s *Store) Schedules(ctx context.Context, group, after gateway.ID, limit int) ([]gateway.Schedule, error) {
	found, err := s.listSchedules(ctx, "s.group_id = ? AND s.id > ? ORDER BY s.id LIMIT ?", group[:], after[:], limit)
	all := make([]gateway.Schedule, len(found))
	for i := range found {
		all[i] = found[i].Schedule
	}
	return all, err
}

const (
	scheduleQuery  = "SELECT " + row.ScheduleColumns + ", g.zone, s.action_sealed FROM schedules s JOIN groups g ON g.id = s.group_id WHERE "
	byName         = "s.group_id = ? AND s.name = ?"
	dueSchedules   = "s.next_run <> '' AND s.next_at <= ? ORDER BY s.next_at LIMIT ?"
	nextSchedule   = "SELECT next_at FROM schedules WHERE next_run <> '' AND next_at > ? ORDER BY next_at LIMIT 1"
	timingsQuery   = "SELECT " + row.ScheduleColumns + ", g.zone FROM schedules s JOIN groups g ON g.id = s.group_id WHERE s.next_run <> '' AND s.id > ? ORDER BY s.id LIMIT ?"
	outcomesQuery  = "SELECT " + row.OccurrenceColumns + " FROM occurrences WHERE group_id = ? AND schedule_id = ? AND id < ? ORDER BY id DESC LIMIT ?"
	supersedeAsked = "UPDATE occurrences INDEXED BY occurrences_asked SET state = 'skipped', reason = 'superseded', recorded_at = ? WHERE group_id = ? AND schedule_id = ? AND state = 'asked'"
	forgetOutcomes = "DELETE FROM occurrences WHERE (group_id, schedule_id, run) IN (SELECT group_id, schedule_id, run FROM occurrences WHERE recorded_at <= ? LIMIT ?)"
)

// listSchedules reads schedules with their actions.
func (s *Store) listSchedules(ctx context.Context, where string, args ...any) ([]gateway.TimelySchedule, error) {
	all := []gateway.TimelySchedule{}
	var closed [][]byte
	err := s.reading(ctx, func(c *lite.Conn) error {
		return query(c, scheduleQuery+where, args, func(r *lite.Stmt) error {
			var one gateway.TimelySchedule
			var timing string
			var action []byte
			if err := r.Scan(append(row.ScheduleInto(&one.Schedule, &timing), &one.GroupZone, &action)...); err != nil {
				return err
			}
			all, closed = append(all, one), append(closed, action)
			return fromJSON(timing, &all[len(all)-1].Timing)
		})
	})
	for i := 0; err == nil && i < len(all); i++ {
		var key *seal.Group
		if key, err = s.groupKey(ctx, all[i].GroupID); err == nil {
			all[i].Action, err = sealed.OpenAction(key, all[i].ID, closed[i])
		}
		if err != nil && ctx.Err() == nil { // one that cannot be opened must not hold up all others; it does nothing
			s.log.Error("what a schedule does cannot be opened; see that all keys of the ring are there", "schedule", all[i].ID, "error", err)
			all[i].Action, err = gateway.Action{}, nil
		}
	}
	return all, err
}

// DeleteSchedule deletes one with the outcomes of its runs.
func (s *Store) DeleteSchedule(ctx context.Context, group, id gateway.ID) error {
	return s.write.do(ctx, false, func(t *txn) error {
		n, err := t.exec("DELETE FROM schedules WHERE group_id = ? AND id = ?", group[:], id[:])
		if err != nil || n == 0 {
			return orMissing(err, "schedule")
		}
		_, err = t.exec("DELETE FROM occurrences WHERE group_id = ? AND schedule_id = ?", group[:], id[:])
		return err
	})
}

func orMissing(err error, what string) error {
	if err == nil {
		err = row.Missing(what)
	}
	return err
}

// Occurrences lists the newest first.
func (s *Store) Occurrences(ctx context.Context, group, schedule, before gateway.ID, limit int) ([]gateway.Occurrence, error) {
	if before.IsZero() {
		before = highest
	}
	return list(ctx, s, outcomesQuery, []any{group[:], schedule[:], before[:], limit}, occurrenceInto)
}

func occurrenceInto(o *gateway.Occurrence) []any { return row.OccurrenceInto(o) }

// DueSchedules lists what is due, from the index of what comes next.
func (s *Store) DueSchedules(ctx context.Context, limit int) (gateway.Timely, error) {
	now := s.micros()
	found := gateway.Timely{Now: row.FromMicros(now)}
	var err error
	if found.Schedules, err = s.listSchedules(ctx, dueSchedules, now, limit); err != nil {
		return found, err
	}
	next := int64(0)
	err = s.reading(ctx, func(c *lite.Conn) error {
		return query(c, nextSchedule, []any{now}, func(r *lite.Stmt) error { return r.Scan(&next) })
	})
	found.Next = row.FromMicros(next)
	return found, err
}

// Timings lists all schedules that have a next run, without actions.
func (s *Store) Timings(ctx context.Context, after gateway.ID, limit int) ([]gateway.TimelySchedule, error) {
	all := []gateway.TimelySchedule{}
	err := s.reading(ctx, func(c *lite.Conn) error {
		return query(c, timingsQuery, []any{after[:], limit}, func(r *lite.Stmt) error {
			var one gateway.TimelySchedule
			var timing string
			if err := r.Scan(append(row.ScheduleInto(&one.Schedule, &timing), &one.GroupZone)...); err != nil {
				return err
			}
			all = append(all, one)
			return fromJSON(timing, &all[len(all)-1].Timing)
		})
	})
	return all, err
}

// Retime puts a schedule at another run or instant.
func (s *Store) Retime(ctx context.Context, f gateway.Firing) error {
	return s.write.do(ctx, false, func(t *txn) error { return t.moveOn(&f) })
}

// moveOn puts a schedule at its next run if it stands where the firing says.
func (t *txn) moveOn(f *gateway.Firing) error {
	n, err := t.exec("UPDATE schedules SET next_run = ?, next_at = ? WHERE group_id = ? AND id = ? AND revision = ? AND next_run = ?",
		f.Next, row.ToMicros(f.At), f.Group[:], f.Schedule[:], f.Revision, f.Run)
	if err == nil && n == 0 {
		err = gateway.ErrStale
	}
	return err
}

// Fire records the outcomes of runs, submits and moves on.
func (s *Store) Fire(ctx context.Context, f gateway.Firing) error {
	sealed, err := s.sealReady(ctx, f.Send)
	if err != nil {
		return err
	}
	return s.write.do(ctx, false, func(t *txn) error {
		if err := t.moveOn(&f); err != nil {
			return err
		}
		if f.Supersede {
			if _, err := t.exec(supersedeAsked, t.now, f.Group[:], f.Schedule[:]); err != nil {
				return fmt.Errorf("leaving out what was asked about: %w", err)
			}
		}
		for _, o := range f.Occurrences {
			_, recorded, err := t.outcome(&o)
			if err != nil {
				return err
			}
			if recorded {
				continue
			}
			if err := t.putOutcome(&o, f.Send, sealed); err != nil {
				return err
			}
		}
		return nil
	})
}

// Decide records what a person decided about one run.
func (s *Store) Decide(ctx context.Context, o gateway.Occurrence, send *gateway.ReadyBroadcast) error {
	sealed, err := s.sealReady(ctx, send)
	if err != nil {
		return err
	}
	return s.write.do(ctx, false, func(t *txn) error {
		there := false
		if err := t.query("SELECT 1 FROM schedules WHERE group_id = ? AND id = ?", []any{o.GroupID[:], o.ScheduleID[:]}, func(*lite.Stmt) error { there = true; return nil }); err != nil || !there {
			return orMissing(err, "schedule")
		}
		was, _, err := t.outcome(&o)
		if err != nil {
			return err
		}
		if err := row.Decided(was, &o); err != nil {
			return err
		}
		return t.putOutcome(&o, send, sealed)
	})
}

// sealReady seals what is ready under its group's key.
func (s *Store) sealReady(ctx context.Context, send *gateway.ReadyBroadcast) (sealed.Closed, error) {
	if send == nil {
		return sealed.Closed{}, nil
	}
	key, err := s.groupKey(ctx, send.Broadcast.GroupID)
	if err != nil {
		return sealed.Closed{}, err
	}
	return sealed.Ready(key, send)
}

// outcome reads what is recorded of a run.
func (t *txn) outcome(o *gateway.Occurrence) (state gateway.OccurrenceState, recorded bool, err error) {
	err = t.query("SELECT state FROM occurrences WHERE group_id = ? AND schedule_id = ? AND run = ?", []any{o.GroupID[:], o.ScheduleID[:], o.Run}, func(r *lite.Stmt) error {
		recorded = true
		return r.Scan((*string)(&state))
	})
	return state, recorded, err
}

// putOutcome writes the outcome of a run, and submits what it sends if it fired.
func (t *txn) putOutcome(o *gateway.Occurrence, send *gateway.ReadyBroadcast, c sealed.Closed) error {
	if o.State == gateway.OccurrenceFired && send != nil {
		done, err := t.submit(&send.Broadcast, c.Words, send.Fingerprint)
		if err != nil {
			return err
		}
		if o.BroadcastID = done.ID; send.Edition != nil {
			e := *send.Edition
			e.BroadcastID = done.ID
			if err := t.putEdition(&e, c.Edition); err != nil {
				return err
			}
		}
	}
	id := gateway.NewID()
	_, err := t.exec("INSERT INTO occurrences ("+row.OccurrenceColumns+") VALUES (?,?,?,?,?,?6,?7,?8,?9,?10,?11) ON CONFLICT (group_id, schedule_id, run) DO UPDATE SET state = ?6, reason = ?7, detail = ?8, decided_by = ?9, broadcast_id = ?10, recorded_at = ?11",
		o.GroupID[:], o.ScheduleID[:], o.Run, id[:], row.ToMicros(o.At), string(o.State), string(o.Reason), o.Detail, o.By, o.BroadcastID[:], t.now)
	return err
}
