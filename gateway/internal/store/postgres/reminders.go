package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
)

const (
	remindedQuery = "SELECT broadcast_id, lead, at, early FROM reminders WHERE group_id = $1 AND event_id = $2 ORDER BY broadcast_id"
	lookAgain     = "UPDATE events SET remind_at = $1 WHERE group_id = $2 AND end_at > $1 AND (remind_at = 0 OR remind_at > $1) AND settled = revision"
)

var dueEventsQuery = "SELECT " + eventColumns + " FROM events WHERE remind_at > 0 AND settled = revision AND remind_at <= " + nowSQL("$1") + " ORDER BY remind_at LIMIT $2"

// DueEvents lists events that are to be looked at for a reminder.
func (s *Store) DueEvents(ctx context.Context, limit int) ([]gateway.EventChange, error) {
	return s.events(ctx, dueEventsQuery, s.fixed(), limit)
}

// Remind moves an event on and submits what is sent.
func (s *Store) Remind(ctx context.Context, r gateway.Reminding) error {
	words := make([][]byte, len(r.Sends))
	for i, send := range r.Sends {
		sealed, err := s.sealReady(ctx, send.Send)
		if err != nil {
			return err
		}
		words[i] = sealed.Words
	}
	return s.do(ctx, false, func(t *txn) error {
		n, err := t.exec("UPDATE events SET remind_at = $1, before_sealed = CASE WHEN settled < revision THEN NULL ELSE before_sealed END, settled = revision WHERE group_id = $2 AND id = $3 AND revision = $4 AND remind_at = $5 AND (settled < revision) = $6",
			r.Next, r.Group, r.Event, r.Revision, r.At, r.Settle)
		if err != nil {
			return err
		}
		if n == 0 {
			return gateway.ErrStale
		}
		if r.Stop || r.StopEarly {
			if err := t.stopTelling(r.Group, r.Event, !r.Stop); err != nil {
				return err
			}
		}
		for i, send := range r.Sends {
			id, err := t.submit(&send.Send.Broadcast, words[i], send.Send.Fingerprint)
			if err != nil {
				return err
			}
			if _, err = t.exec("INSERT INTO reminders (group_id, event_id, broadcast_id, lead, at, start, early) VALUES ($1,$2,$3,$4,$5,$6,$7) ON CONFLICT DO NOTHING", r.Group, r.Event, id, send.Lead, t.now, send.Start, send.Early); err != nil {
				return err
			}
		}
		return nil
	})
}

const (
	leadsQuery    = "SELECT leads FROM members WHERE group_id = $1 AND leads <> '' AND leads > $2 ORDER BY leads LIMIT 1" // the next after one
	anyLeadsQuery = "SELECT leads FROM members WHERE group_id = $1 AND leads <> '' AND leads > '' ORDER BY leads LIMIT 1"
	anyQuietQuery = "SELECT quiet FROM members WHERE group_id = $1 AND quiet <> '' AND quiet > '' ORDER BY quiet LIMIT 1"
)

// ReminderWishes gathers what members of a group want.
func (s *Store) ReminderWishes(ctx context.Context, group gateway.ID) (w gateway.ReminderWishes, err error) {
	for last, more := "", true; more; {
		next, err := list(ctx, s, leadsQuery, []any{group, last}, func(text *string) []any { return []any{text} })
		if err != nil {
			return w, err
		}
		if more = len(next) > 0; more {
			last = next[0]
			w.Leads = append(w.Leads, last)
		}
	}
	quiet, err := list(ctx, s, anyQuietQuery, []any{group}, func(text *string) []any { return []any{text} })
	w.Quiet = len(quiet) > 0
	return w, err
}

// wishesChanged has the events of a group looked at again if any member has wishes about reminders.
func (t *txn) wishesChanged(group gateway.ID) error {
	found := false
	for _, text := range [...]string{anyLeadsQuery, anyQuietQuery} {
		if err := t.query(text, []any{group}, func(pgx.Rows) error { found = true; return nil }); err != nil {
			return err
		}
	}
	if !found {
		return nil
	}
	_, err := t.exec(lookAgain, t.now, group)
	return err
}

// firstQuiet reports whether a member who chooses quiet hours is the first of her group to have any.
func (t *txn) firstQuiet(group gateway.ID, chosen string) (first bool, err error) {
	if chosen == "" || chosen == gateway.NoQuiet {
		return false, nil
	}
	first = true
	err = t.query(anyQuietQuery, []any{group}, func(pgx.Rows) error { first = false; return nil })
	return first, err
}

// stopTelling stops the broadcasts about an event that are not over; of reminders only those that were planned early, if early is set.
func (t *txn) stopTelling(group, event gateway.ID, early bool) error {
	var running []gateway.ID
	if err := t.query(remindedQuery, []any{group, event}, func(r pgx.Rows) error {
		var m gateway.Reminded
		err := r.Scan(&m.BroadcastID, &m.Lead, &m.At, &m.Early)
		if !early || m.Early {
			running = append(running, m.BroadcastID)
		}
		return err
	}); err != nil {
		return err
	}
	for _, id := range running {
		stop := false
		if err := t.query(stateQuery, []any{group, id}, func(r pgx.Rows) error {
			var was, over, replaced bool
			var expires int64
			err := r.Scan(&was, &expires, &over, &replaced)
			stop = !was && !over && expires > t.now
			return err
		}); err != nil {
			return err
		}
		if !stop {
			continue
		}
		if _, err := t.exec("UPDATE broadcasts SET stopped = true WHERE group_id = $1 AND id = $2", group, id); err != nil {
			return err
		}
	}
	return nil
}

// Reminded lists what was sent about an event.
func (s *Store) Reminded(ctx context.Context, group, event gateway.ID) ([]gateway.Reminded, error) {
	return list(ctx, s, remindedQuery, []any{group, event}, func(r *gateway.Reminded) []any { return []any{&r.BroadcastID, &r.Lead, &r.At, &r.Early} })
}
