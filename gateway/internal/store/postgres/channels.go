package postgres

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
)

// PutChannel makes a channel, or changes the one with its name. Options that are not given stay.
func (s *Store) PutChannel(ctx context.Context, given gateway.Channel) (gateway.Channel, error) {
	var c gateway.Channel
	err := s.do(ctx, false, func(t *txn) error {
		for made := false; ; {
			c = given
			var known, owner gateway.ID
			kind := ""
			if err := t.query("SELECT id, group_id, kind FROM channels WHERE name = $1 FOR UPDATE", []any{c.Name}, func(r pgx.Rows) error { return r.Scan(&known, &owner, &kind) }); err != nil {
				return err
			}
			if !known.IsZero() {
				if owner != c.GroupID {
					return gateway.Faultf(gateway.CodeConflict, "the channel name %q is taken; choose another", c.Name)
				}
				if kind != c.Kind {
					return row.OtherKind(c, kind)
				}
				c.ID = known
				return t.changeChannel(c)
			}
			if made { // by somebody else, who has just taken it away again: nothing does
				return row.Missing("channel")
			}
			if c.ID.IsZero() {
				c.ID = gateway.NewID()
			}
			if len(c.Options) == 0 {
				c.Options = json.RawMessage("{}")
			}
			keyID, options := s.ring.Wrap(c.Options, sealed.Place(c.ID, "options"))
			n, err := t.exec("INSERT INTO channels (id, group_id, name, adapter, kind, groups, senders, key_id, options_sealed, paused, paused_until, code, detail, since, cursor, trip_after, trip_minutes, sensitive) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,'',0,'','',0,'',$10,$11,$12) ON CONFLICT (name) DO NOTHING",
				c.ID, c.GroupID, c.Name, c.Adapter, c.Kind, row.JSON(c.Groups), c.Senders, keyID, options, c.Trip.After, c.Trip.Minutes, c.Sensitive)
			if err != nil {
				return err
			}
			if n > 0 {
				return t.moneyChanged()
			}
			made = true // another process made it meanwhile: change that one
		}
	})
	return c, err
}

func (t *txn) changeChannel(c gateway.Channel) error {
	if _, err := t.exec("UPDATE channels SET adapter = $1, groups = $2, senders = $3, trip_after = $4, trip_minutes = $5, sensitive = $6 WHERE id = $7", c.Adapter, row.JSON(c.Groups), c.Senders, c.Trip.After, c.Trip.Minutes, c.Sensitive, c.ID); err != nil {
		return err
	}
	if len(c.Options) > 0 {
		keyID, options := t.s.ring.Wrap(c.Options, sealed.Place(c.ID, "options"))
		if _, err := t.exec("UPDATE channels SET key_id = $1, options_sealed = $2 WHERE id = $3", keyID, options, c.ID); err != nil {
			return err
		}
	}
	return t.moneyChanged()
}

// Channels lists all in the order they were made.
func (s *Store) Channels(ctx context.Context) ([]gateway.Channel, error) {
	type line struct {
		c           gateway.Channel
		groups, key string
		options     []byte
		gap         gateway.HearingGap
		now         int64
	}
	read, err := list(ctx, s, "SELECT id, group_id, name, adapter, kind, groups, senders, key_id, options_sealed, paused, paused_until, code, detail, since, routine_only, trip_after, trip_minutes, sensitive, gap_from, gap_until, gap_reason, replaced_by, "+nowSQL("$1")+" FROM channels WHERE former = '' ORDER BY id", []any{s.fixed()}, func(r *line) []any {
		return []any{&r.c.ID, &r.c.GroupID, &r.c.Name, &r.c.Adapter, &r.c.Kind, &r.groups, &r.c.Senders, &r.key, &r.options, (*string)(&r.c.Health.Paused),
			&r.c.Health.PausedUntil, &r.c.Health.Code, &r.c.Health.Detail, &r.c.Health.Since, &r.c.Health.RoutineOnly, &r.c.Trip.After, &r.c.Trip.Minutes, &r.c.Sensitive, &r.gap.From, &r.gap.Until, (*string)(&r.gap.Reason), &r.c.ReplacedBy, &r.now}
	})
	if err != nil {
		return nil, err
	}
	open, err := list(ctx, s, incidentQuery+"WHERE closed_at = 0", nil, incidentColumns)
	if err != nil {
		return nil, err
	}
	ailing := map[gateway.ID]*gateway.Incident{}
	for i := range open {
		ailing[open[i].ChannelID] = &open[i]
	}
	all := make([]gateway.Channel, 0, len(read))
	for _, r := range read {
		plain, err := s.ring.Unwrap(r.key, r.options, sealed.Place(r.c.ID, "options"))
		if err := errors.Join(err, json.Unmarshal([]byte(r.groups), &r.c.Groups)); err != nil {
			return nil, err
		}
		r.c.Options, r.c.Incident, r.c.Gap = plain, ailing[r.c.ID], row.ShownGap(r.gap, r.now)
		all = append(all, r.c)
	}
	return all, nil
}

// SetChannelHealth records a pause or lifts it.
func (s *Store) SetChannelHealth(ctx context.Context, id gateway.ID, h gateway.ChannelHealth) error {
	return s.do(ctx, true, func(t *txn) error {
		n, err := t.exec("UPDATE channels SET paused = $1, paused_until = $2, code = $3, detail = $4, since = $5, routine_only = $6 WHERE id = $7 AND former = ''", string(h.Paused), h.PausedUntil, h.Code, h.Detail, h.Since, h.RoutineOnly, id)
		if err == nil && n == 0 {
			err = row.Missing("channel")
		}
		return err
	})
}

// Cursor reads where polling goes on.
func (s *Store) Cursor(ctx context.Context, channel gateway.ID) (cursor string, err error) {
	err = s.one(ctx, "channel", "SELECT cursor FROM channels WHERE id = $1", []any{channel}, &cursor)
	return cursor, err
}

// SetCursor writes where polling goes on, for whoever holds the duty.
func (s *Store) SetCursor(ctx context.Context, channel gateway.ID, cursor string, token int64) error {
	return s.do(ctx, false, func(t *txn) error {
		if err := t.holds(gateway.Fence{Duty: gateway.PollDuty(channel), Token: token}); err != nil {
			return err
		}
		_, err := t.exec("UPDATE channels SET cursor = $1 WHERE id = $2 AND former = ''", cursor, channel)
		return err
	})
}
