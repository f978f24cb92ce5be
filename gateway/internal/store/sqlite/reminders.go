package sqlite

import (
	"context"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

const (
	dueEventsQuery = "SELECT " + eventColumns + " FROM events INDEXED BY events_remind WHERE remind_at > 0 AND settled = revision AND remind_at <= ? ORDER BY remind_at LIMIT ?"
	remindedQuery  = "SELECT broadcast_id, lead, at, early FROM reminders WHERE group_id = ? AND event_id = ? ORDER BY broadcast_id"
	lookAgain      = "UPDATE events SET remind_at = ?1 WHERE group_id = ?2 AND end_at > ?1 AND (remind_at = 0 OR remind_at > ?1) AND settled = revision"
	// toldQuery pages through those who have a delivery of a reminder of an event that arrived, or may have.
	toldQuery = `SELECT m.id, m.import_id, m.locale, m.fallback, m.zone, m.neutral, m.tags, m.quiet, m.leads, m.paused_until, m.name_sealed IS NOT NULL FROM members m WHERE m.group_id = ?1 AND m.id > ?2 AND EXISTS (
		SELECT 1 FROM reminders r JOIN broadcasts b ON b.group_id = r.group_id AND b.id = r.broadcast_id
		JOIN deliveries d ON d.group_no = (SELECT no FROM groups WHERE id = ?1) AND d.broadcast_no = b.no AND d.member_id = m.id LEFT JOIN attempts a ON a.no = d.attempt_no
		WHERE r.group_id = ?1 AND r.event_id = ?3 AND r.lead <> '' AND (d.state = 3 OR a.state IN (1, 2, 3, 5))) ORDER BY m.id`
	leadsQuery      = "SELECT leads FROM members INDEXED BY members_leads WHERE group_id = ? AND leads > ? AND leads <> '' ORDER BY leads LIMIT 1"
	anyQuietQuery   = "SELECT 1 FROM members INDEXED BY members_quiet WHERE group_id = ? AND quiet > '' AND quiet <> '' LIMIT 1"
	forgetReminders = "DELETE FROM reminders WHERE (group_id, event_id, broadcast_id) IN (SELECT group_id, event_id, broadcast_id FROM reminders WHERE at <= ? LIMIT ?)"
)

// DueEvents lists events that are to be looked at for a reminder.
func (s *Store) DueEvents(ctx context.Context, limit int) ([]gateway.EventChange, error) {
	return s.events(ctx, dueEventsQuery, s.micros(), limit)
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
	return s.write.do(ctx, false, func(t *txn) error {
		n, err := t.exec("UPDATE events SET remind_at = ?1, before_sealed = CASE WHEN settled < revision THEN NULL ELSE before_sealed END, settled = revision WHERE group_id = ?2 AND id = ?3 AND revision = ?4 AND remind_at = ?5 AND (settled < revision) = ?6",
			row.ToMicros(r.Next), r.Group, r.Event, r.Revision, row.ToMicros(r.At), r.Settle)
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
			done, err := t.submit(&send.Send.Broadcast, words[i], send.Send.Fingerprint)
			if err != nil {
				return err
			}
			if _, err = t.exec("INSERT INTO reminders (group_id, event_id, broadcast_id, lead, at, start, early) VALUES (?,?,?,?,?,?,?) ON CONFLICT DO NOTHING", r.Group, r.Event, done.ID, send.Lead, t.now, send.Start, send.Early); err != nil {
				return err
			}
		}
		return nil
	})
}

// ReminderWishes gathers what members of a group want. It skips through an index, from each wish to the next.
func (s *Store) ReminderWishes(ctx context.Context, group gateway.ID) (w gateway.ReminderWishes, err error) {
	err = s.reading(ctx, func(c *lite.Conn) error {
		last, more := "", true
		for more {
			more = false
			if err := query(c, leadsQuery, []any{group[:], last}, func(r *lite.Stmt) error {
				last, more = r.ColText(0), true
				w.Leads = append(w.Leads, last)
				return nil
			}); err != nil {
				return err
			}
		}
		return query(c, anyQuietQuery, []any{group[:]}, func(*lite.Stmt) error { w.Quiet = true; return nil })
	})
	return w, err
}

// wishesChanged has the events of a group looked at again if any member has wishes about reminders.
func (t *txn) wishesChanged(group gateway.ID) error {
	found := false
	note := func(*lite.Stmt) error { found = true; return nil }
	if err := t.query(leadsQuery, []any{group[:], ""}, note); err != nil {
		return err
	}
	if err := t.query(anyQuietQuery, []any{group[:]}, note); err != nil || !found {
		return err
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
	err = t.query(anyQuietQuery, []any{group}, func(*lite.Stmt) error { first = false; return nil })
	return first, err
}

// stopTelling stops the broadcasts about an event that are not over; of reminders only those that were planned early, if early is set.
func (t *txn) stopTelling(group, event gateway.ID, early bool) error {
	var running []gateway.ID
	if err := t.query(remindedQuery, []any{group, event}, func(r *lite.Stmt) error {
		if !early || r.ColInt(3) != 0 {
			running = append(running, r.ColID(0))
		}
		return nil
	}); err != nil {
		return err
	}
	for _, id := range running {
		stop := false
		if err := t.query(stateQuery, []any{group[:], id[:]}, func(r *lite.Stmt) error {
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
		clear(t.stopped)
		if _, err := t.exec("UPDATE broadcasts SET stopped = 1 WHERE group_id = ? AND id = ?", group, id); err != nil {
			return err
		}
	}
	return nil
}

// Reminded lists what was sent about an event.
func (s *Store) Reminded(ctx context.Context, group, event gateway.ID) ([]gateway.Reminded, error) {
	return list(ctx, s, remindedQuery, []any{group, event}, func(r *gateway.Reminded) []any { return []any{&r.BroadcastID, &r.Lead, &r.At, &r.Early} })
}
