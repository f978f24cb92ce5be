package sqlite

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// PutChannel makes a channel, or changes the one with its name. Options that are not given stay.
func (s *Store) PutChannel(ctx context.Context, c gateway.Channel) (gateway.Channel, error) {
	err := s.write.do(ctx, false, func(t *txn) error {
		var known, owner gateway.ID
		kind := ""
		if err := t.query("SELECT id, group_id, kind FROM channels WHERE name = ?", []any{c.Name}, func(r *lite.Stmt) error { return r.Scan(&known, &owner, &kind) }); err != nil {
			return err
		}
		clear(t.w.money.priced)
		if !known.IsZero() && owner != c.GroupID {
			return gateway.Faultf(gateway.CodeConflict, "the channel name %q is taken; choose another", c.Name)
		}
		if !known.IsZero() && kind != c.Kind {
			return row.OtherKind(c, kind)
		}
		if known.IsZero() {
			if c.ID.IsZero() {
				c.ID = gateway.NewID()
			}
			if len(c.Options) == 0 {
				c.Options = json.RawMessage("{}")
			}
			keyID, options := s.ring.Wrap(c.Options, sealed.Place(c.ID, "options"))
			_, err := t.exec("INSERT INTO channels (id, group_id, name, adapter, kind, groups, senders, key_id, options_sealed, paused, paused_until, code, detail, since, cursor, trip_after, trip_minutes, sensitive) VALUES (?,?,?,?,?,?,?,?,?,'',0,'','',0,'',?,?,?)",
				c.ID[:], c.GroupID[:], c.Name, c.Adapter, c.Kind, row.JSON(c.Groups), c.Senders, keyID, options, c.Trip.After, c.Trip.Minutes, c.Sensitive)
			return err
		}
		c.ID = known
		if _, err := t.exec("UPDATE channels SET adapter = ?, groups = ?, senders = ?, trip_after = ?, trip_minutes = ?, sensitive = ? WHERE id = ?", c.Adapter, row.JSON(c.Groups), c.Senders, c.Trip.After, c.Trip.Minutes, c.Sensitive, c.ID[:]); err != nil || len(c.Options) == 0 {
			return err
		}
		keyID, options := s.ring.Wrap(c.Options, sealed.Place(c.ID, "options"))
		_, err := t.exec("UPDATE channels SET key_id = ?, options_sealed = ? WHERE id = ?", keyID, options, c.ID[:])
		return err
	})
	return c, err
}

// Channels lists all in the order they were made.
func (s *Store) Channels(ctx context.Context) ([]gateway.Channel, error) {
	type line struct {
		c           gateway.Channel
		groups, key string
		sealed      []byte
		gap         gateway.HearingGap
	}
	read, err := list(ctx, s, "SELECT id, group_id, name, adapter, kind, groups, senders, key_id, options_sealed, paused, paused_until, code, detail, since, routine_only, trip_after, trip_minutes, sensitive, gap_from, gap_until, gap_reason, replaced_by FROM channels WHERE former = '' ORDER BY id", nil, func(r *line) []any {
		return []any{&r.c.ID, &r.c.GroupID, &r.c.Name, &r.c.Adapter, &r.c.Kind, &r.groups, &r.c.Senders, &r.key, &r.sealed, (*string)(&r.c.Health.Paused),
			&r.c.Health.PausedUntil, &r.c.Health.Code, &r.c.Health.Detail, &r.c.Health.Since, &r.c.Health.RoutineOnly, &r.c.Trip.After, &r.c.Trip.Minutes, &r.c.Sensitive, &r.gap.From, &r.gap.Until, (*string)(&r.gap.Reason), &r.c.ReplacedBy}
	})
	if err != nil {
		return nil, err
	}
	ailing := map[gateway.ID]*gateway.Incident{}
	if err := s.reading(ctx, func(c *lite.Conn) error {
		open, err := readIncidents(c, "WHERE closed_at = 0")
		for i := range open {
			ailing[open[i].ChannelID] = &open[i]
		}
		return err
	}); err != nil {
		return nil, err
	}
	all := make([]gateway.Channel, 0, len(read))
	for _, r := range read {
		plain, err := s.ring.Unwrap(r.key, r.sealed, sealed.Place(r.c.ID, "options"))
		if err := errors.Join(err, fromJSON(r.groups, &r.c.Groups)); err != nil {
			return nil, err
		}
		r.c.Options, r.c.Incident, r.c.Gap = plain, ailing[r.c.ID], row.ShownGap(r.gap, s.micros())
		all = append(all, r.c)
	}
	return all, nil
}

// SetChannelHealth records a pause or lifts it.
func (s *Store) SetChannelHealth(ctx context.Context, id gateway.ID, h gateway.ChannelHealth) error {
	return s.write.do(ctx, true, func(t *txn) error {
		n, err := t.exec("UPDATE channels SET paused = ?, paused_until = ?, code = ?, detail = ?, since = ?, routine_only = ? WHERE id = ? AND former = ''", string(h.Paused), row.ToMicros(h.PausedUntil), h.Code, h.Detail, row.ToMicros(h.Since), h.RoutineOnly, id[:])
		if err == nil && n == 0 {
			err = gateway.Faultf(gateway.CodeNotFound, "there is no such channel")
		}
		return err
	})
}

// Cursor reads where polling goes on.
func (s *Store) Cursor(ctx context.Context, channel gateway.ID) (cursor string, err error) {
	err = s.one(ctx, "channel", "SELECT cursor FROM channels WHERE id = ?", []any{channel[:]}, &cursor)
	return cursor, err
}

// SetCursor writes where polling goes on, for whoever holds the duty.
func (s *Store) SetCursor(ctx context.Context, channel gateway.ID, cursor string, token int64) error {
	return s.write.do(ctx, false, func(t *txn) error {
		if err := t.holds(gateway.Fence{Duty: gateway.PollDuty(channel), Token: token}); err != nil {
			return err
		}
		_, err := t.exec("UPDATE channels SET cursor = ? WHERE id = ? AND former = ''", cursor, channel[:])
		return err
	})
}
