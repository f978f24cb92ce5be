package postgres

import (
	"bytes"
	"context"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
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
	err = s.do(ctx, false, func(t *txn) error {
		if fresh {
			n, err := t.exec("INSERT INTO schedules (group_id, id, name, timing, action_sealed, author, revision, paused, paused_until, next_run, next_at, changed_at) VALUES ($1,$2,$3,$4,$5,$6,1,$7,$8,$9,$10,$11) ON CONFLICT (group_id, name) DO NOTHING",
				p.GroupID, p.ID, p.Name, row.JSON(p.Timing), action, p.Author, p.Paused, p.PausedUntil, p.Run, p.At, t.now)
			if err == nil && n == 0 {
				err = row.NameTaken(p.Name)
			}
			return err
		}
		n, err := t.exec(`UPDATE schedules SET timing = $4, action_sealed = $5, author = $6, revision = revision + 1, paused = $7, paused_until = $8, changed_at = $9,
			next_run = CASE WHEN $10 THEN $11 ELSE next_run END, next_at = CASE WHEN $10 THEN $12::bigint ELSE next_at END WHERE group_id = $1 AND id = $2 AND revision = $3`,
			p.GroupID, p.ID, p.Revision, row.JSON(p.Timing), action, p.Author, p.Paused, p.PausedUntil, t.now, retime, p.Run, p.At)
		if err == nil && n == 0 {
			err = gateway.ErrStale
		}
		return err
	})
	if err != nil {
		return p, err
	}
	return s.schedule(ctx, "s.group_id = $1 AND s.id = $2", p.GroupID, p.ID)
}

// Schedule reads one by its name.
func (s *Store) Schedule(ctx context.Context, group gateway.ID, name string) (gateway.Schedule, error) {
	return s.schedule(ctx, "s.group_id = $1 AND s.name = $2", group, name)
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
	found, err := s.listSchedules(ctx, "s.group_id = $1 AND s.id > $2 ORDER BY s.id LIMIT $3", group, after, limit)
	return column(found, func(t gateway.TimelySchedule) gateway.Schedule { return t.Schedule }), err
}

// listSchedules reads schedules with their actions.
func (s *Store) listSchedules(ctx context.Context, where string, args ...any) ([]gateway.TimelySchedule, error) {
	all := []gateway.TimelySchedule{}
	var closed [][]byte
	err := s.queryPage(ctx, "SELECT "+row.ScheduleColumns+", g.zone, s.action_sealed FROM schedules s JOIN groups g ON g.id = s.group_id WHERE "+where, args, func(r pgx.Rows) error {
		var one gateway.TimelySchedule
		var timing string
		var action []byte
		if err := r.Scan(append(row.ScheduleInto(&one.Schedule, &timing), &one.GroupZone, &action)...); err != nil {
			return err
		}
		all, closed = append(all, one), append(closed, action)
		return fromJSON(timing, &all[len(all)-1].Timing)
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
	return s.do(ctx, false, func(t *txn) error {
		n, err := t.exec("DELETE FROM schedules WHERE group_id = $1 AND id = $2", group, id)
		if err != nil || n == 0 {
			return orMissing(err, "schedule")
		}
		_, err = t.exec("DELETE FROM occurrences WHERE group_id = $1 AND schedule_id = $2", group, id)
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
	all := []gateway.Occurrence{}
	err := s.queryPage(ctx, "SELECT "+row.OccurrenceColumns+" FROM occurrences WHERE group_id = $1 AND schedule_id = $2 AND id < $3 ORDER BY id DESC LIMIT $4", []any{group, schedule, before, limit}, func(r pgx.Rows) error {
		var o gateway.Occurrence
		err := r.Scan(row.OccurrenceInto(&o)...)
		all = append(all, o)
		return err
	})
	return all, err
}

// DueSchedules lists what is due, from the index of what comes next.
func (s *Store) DueSchedules(ctx context.Context, limit int) (gateway.Timely, error) {
	found := gateway.Timely{}
	now, err := s.clock(ctx)
	if err != nil {
		return found, err
	}
	found.Now = row.FromMicros(now)
	if found.Schedules, err = s.listSchedules(ctx, "s.next_run <> '' AND s.next_at <= $1 ORDER BY s.next_at LIMIT $2", now, limit); err != nil {
		return found, err
	}
	err = s.queryPage(ctx, "SELECT next_at FROM schedules WHERE next_run <> '' AND next_at > $1 ORDER BY next_at LIMIT 1", []any{now}, func(r pgx.Rows) error { return r.Scan(&found.Next) })
	return found, err
}

// Timings lists all schedules that have a next run, without actions.
func (s *Store) Timings(ctx context.Context, after gateway.ID, limit int) ([]gateway.TimelySchedule, error) {
	all := []gateway.TimelySchedule{}
	err := s.queryPage(ctx, "SELECT "+row.ScheduleColumns+", g.zone FROM schedules s JOIN groups g ON g.id = s.group_id WHERE s.next_run <> '' AND s.id > $1 ORDER BY s.id LIMIT $2", []any{after, limit}, func(r pgx.Rows) error {
		var one gateway.TimelySchedule
		var timing string
		if err := r.Scan(append(row.ScheduleInto(&one.Schedule, &timing), &one.GroupZone)...); err != nil {
			return err
		}
		all = append(all, one)
		return fromJSON(timing, &all[len(all)-1].Timing)
	})
	return all, err
}

// Retime puts a schedule at another run or instant.
func (s *Store) Retime(ctx context.Context, f gateway.Firing) error {
	return s.do(ctx, false, func(t *txn) error { return t.moveOn(&f) })
}

const moveOnStatement = "UPDATE schedules SET next_run = $5, next_at = $6 WHERE group_id = $1 AND id = $2 AND revision = $3 AND next_run = $4"

// moveOn puts a schedule at its next run if it stands where the firing says. Whoever does so has the schedule to himself
// until the transaction ends.
func (t *txn) moveOn(f *gateway.Firing) error {
	n, err := t.exec(moveOnStatement, f.Group, f.Schedule, f.Revision, f.Run, f.Next, f.At)
	if err == nil && n == 0 {
		err = gateway.ErrStale
	}
	return err
}

// Fire records the outcomes of runs, submits and moves on, in three turns to the server: many schedules may be due at one
// moment, and each is a transaction.
func (s *Store) Fire(ctx context.Context, f gateway.Firing) error {
	sealed, err := s.sealReady(ctx, f.Send)
	if err != nil {
		return err
	}
	return s.transact(ctx, false, func(t *txn) (bool, error) {
		found, err := t.takeOn(&f)
		if err != nil {
			return false, err
		}
		t.last = &pgx.Batch{}
		if f.Supersede {
			t.last.Queue("UPDATE occurrences SET state = 'skipped', reason = 'superseded', recorded_at = $3 WHERE group_id = $1 AND schedule_id = $2 AND state = 'asked'", f.Group, f.Schedule, t.now)
		}
		for _, o := range f.Occurrences {
			if slices.Contains(found.recorded, o.Run) {
				continue
			}
			if o.State == gateway.OccurrenceFired && f.Send != nil {
				if o.BroadcastID, err = t.queueSend(f.Send, &found, sealed); err != nil {
					return false, err
				}
			}
			t.last.Queue(outcomeStatement, outcomeRow(&o, t.now)...)
		}
		return t.commit()
	})
}

// fireFound is what a firing finds in the ledger.
type fireFound struct {
	recorded []string   // runs that have an outcome
	id       gateway.ID // of a broadcast with the key of what is sent; zero: there is none
	print    []byte     // its fingerprint
}

// takeOn begins the transaction of a firing, has the schedule to itself, and reads what is there already. The schedule is
// moved first, so that all that is read is as nobody else will change it.
func (t *txn) takeOn(f *gateway.Firing) (found fireFound, err error) {
	batch, moved := &pgx.Batch{}, false
	batch.Queue(moveOnStatement, f.Group, f.Schedule, f.Revision, f.Run, f.Next, f.At).Exec(func(tag pgconn.CommandTag) error {
		moved = tag.RowsAffected() > 0
		return nil
	})
	if len(f.Occurrences) > 0 {
		var runs []string
		for _, o := range f.Occurrences {
			runs = append(runs, o.Run)
		}
		batch.Queue("SELECT run FROM occurrences WHERE group_id = $1 AND schedule_id = $2 AND run = ANY($3)", f.Group, f.Schedule, runs).Query(func(r pgx.Rows) error {
			return each(r, nil, func(r pgx.Rows) error {
				var run string
				err := r.Scan(&run)
				found.recorded = append(found.recorded, run)
				return err
			})
		})
	}
	if f.Send != nil {
		b := &f.Send.Broadcast
		batch.Queue(submittedStatement, b.GroupID, b.Key).Query(func(r pgx.Rows) error {
			return each(r, nil, func(r pgx.Rows) error { return r.Scan(&found.id, &found.print) })
		})
	}
	if err = t.beginWith(t.s.planning.plans, batch); err == nil && !moved {
		err = gateway.ErrStale
	}
	return found, err
}

// queueSend leaves to the commit what a run sends, unless it is there already, and gives its id.
func (t *txn) queueSend(send *gateway.ReadyBroadcast, found *fireFound, c sealed.Closed) (gateway.ID, error) {
	b := &send.Broadcast
	id := found.id
	switch {
	case found.print != nil && !bytes.Equal(found.print, send.Fingerprint):
		return id, row.KeyReused(b.Key)
	case found.print == nil:
		if err := b.CheckNew(); err != nil {
			return id, err
		}
		id = b.ID
		t.last.Queue(submitStatement, submission(b, c.Words, send.Fingerprint, nil)...)
	}
	if send.Edition == nil {
		return id, nil
	}
	e := *send.Edition
	e.BroadcastID = id
	return id, t.putEdition(&e, c.Edition)
}

// Decide records what a person decided about one run.
func (s *Store) Decide(ctx context.Context, o gateway.Occurrence, send *gateway.ReadyBroadcast) error {
	sealed, err := s.sealReady(ctx, send)
	if err != nil {
		return err
	}
	return s.do(ctx, false, func(t *txn) error {
		there := false
		if err := t.query("SELECT true FROM schedules WHERE group_id = $1 AND id = $2 FOR UPDATE", []any{o.GroupID, o.ScheduleID}, func(r pgx.Rows) error { return r.Scan(&there) }); err != nil || !there {
			return orMissing(err, "schedule")
		}
		was, err := t.outcome(&o)
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

// submit stores the broadcast of a run unless its key is known. Who runs it has its schedule to himself.
func (t *txn) submit(b *gateway.Broadcast, words, fingerprint []byte) (id gateway.ID, err error) {
	var known []byte
	if err := t.query(submittedStatement, []any{b.GroupID, b.Key}, func(r pgx.Rows) error { return r.Scan(&id, &known) }); err != nil {
		return id, err
	}
	if known != nil {
		if !bytes.Equal(known, fingerprint) {
			err = row.KeyReused(b.Key)
		}
		return id, err
	}
	if err := b.CheckNew(); err != nil {
		return id, err
	}
	_, err = t.exec(submitStatement, submission(b, words, fingerprint, nil)...)
	return b.ID, err
}

// outcome reads what is recorded of a run.
func (t *txn) outcome(o *gateway.Occurrence) (state gateway.OccurrenceState, err error) {
	err = t.query("SELECT state FROM occurrences WHERE group_id = $1 AND schedule_id = $2 AND run = $3", []any{o.GroupID, o.ScheduleID, o.Run}, func(r pgx.Rows) error {
		return r.Scan((*string)(&state))
	})
	return state, err
}

// putOutcome writes the outcome of a run, and submits what it sends if it fired.
func (t *txn) putOutcome(o *gateway.Occurrence, send *gateway.ReadyBroadcast, c sealed.Closed) error {
	if o.State == gateway.OccurrenceFired && send != nil {
		var err error
		if o.BroadcastID, err = t.submit(&send.Broadcast, c.Words, send.Fingerprint); err != nil {
			return err
		}
		if send.Edition != nil {
			e := *send.Edition
			e.BroadcastID = o.BroadcastID
			if err := t.putEdition(&e, c.Edition); err != nil {
				return err
			}
		}
	}
	_, err := t.exec(outcomeStatement, outcomeRow(o, t.now)...)
	return err
}

const (
	submittedStatement = "SELECT id, fingerprint FROM broadcasts WHERE group_id = $1 AND key = $2"
	outcomeStatement   = "INSERT INTO occurrences (" + row.OccurrenceColumns + ") VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11) ON CONFLICT (group_id, schedule_id, run) DO UPDATE SET state = $6, reason = $7, detail = $8, decided_by = $9, broadcast_id = $10, recorded_at = $11"
)

func outcomeRow(o *gateway.Occurrence, now int64) []any {
	return []any{o.GroupID, o.ScheduleID, o.Run, gateway.NewID(), o.At, string(o.State), string(o.Reason), o.Detail, o.By, o.BroadcastID, now}
}
