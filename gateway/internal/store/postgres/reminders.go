package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
)

const (
	remindedQuery = "SELECT broadcast_id, lead, at FROM reminders WHERE group_id = $1 AND event_id = $2 ORDER BY broadcast_id"
	lookAgain     = "UPDATE events SET remind_at = $1 WHERE group_id = $2 AND end_at > $1 AND (remind_at = 0 OR remind_at > $1) AND settled = revision"
)

var dueEventsQuery = "SELECT " + eventColumns + " FROM events WHERE remind_at > 0 AND settled = revision AND remind_at <= " + nowSQL("$1") + " ORDER BY remind_at LIMIT $2"

// DueEvents lists events that are to be looked at for a reminder.
func (s *Store) DueEvents(ctx context.Context, limit int) ([]gateway.EventChange, error) {
	return s.events(ctx, dueEventsQuery, s.fixed(), limit)
}

// Remind moves an event on and submits what is sent.
func (s *Store) Remind(ctx context.Context, r gateway.Reminding) error {
	sealed, err := s.sealReady(ctx, r.Send)
	if err != nil {
		return err
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
		if r.Stop {
			if err := t.stopTelling(r.Group, r.Event); err != nil {
				return err
			}
		}
		if r.Send == nil {
			return nil
		}
		id, err := t.submit(&r.Send.Broadcast, sealed.Words, r.Send.Fingerprint)
		if err != nil {
			return err
		}
		_, err = t.exec("INSERT INTO reminders (group_id, event_id, broadcast_id, lead, at) VALUES ($1,$2,$3,$4,$5) ON CONFLICT DO NOTHING", r.Group, r.Event, id, r.Lead, t.now)
		return err
	})
}

// stopTelling stops the broadcasts about an event that are not over.
func (t *txn) stopTelling(group, event gateway.ID) error {
	var running []gateway.ID
	if err := t.query(remindedQuery, []any{group, event}, func(r pgx.Rows) error {
		var m gateway.Reminded
		err := r.Scan(&m.BroadcastID, &m.Lead, &m.At)
		running = append(running, m.BroadcastID)
		return err
	}); err != nil {
		return err
	}
	for _, id := range running {
		stop := false
		if err := t.query(stateQuery, []any{group, id}, func(r pgx.Rows) error {
			var was, over bool
			var expires int64
			err := r.Scan(&was, &expires, &over)
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
	return list(ctx, s, remindedQuery, []any{group, event}, func(r *gateway.Reminded) []any { return []any{&r.BroadcastID, &r.Lead, &r.At} })
}
