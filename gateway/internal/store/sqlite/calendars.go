package sqlite

import (
	"context"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// PutCalendar makes a calendar, or changes the one with its id.
func (s *Store) PutCalendar(ctx context.Context, c gateway.Calendar, file []byte) (gateway.Calendar, error) {
	key, err := s.groupKey(ctx, c.GroupID)
	if err != nil {
		return c, err
	}
	fresh := c.ID.IsZero()
	if fresh {
		c.ID = gateway.NewID()
	}
	c = c.At(c.URL)
	address := sealed.Text(key.Box, c.URL, c.ID, "url")
	if file != nil {
		file = key.Box.Seal(file, sealed.Place(c.ID, "file"))
	}
	seen := c.Edition
	err = s.write.do(ctx, false, func(t *txn) error {
		c.Edition = seen + 1
		if !fresh {
			n, err := t.exec("UPDATE calendars SET topic = ?4, zone = ?5, every = ?6, fresh = ?7, next_at = ?8, edition = ?9, url_sealed = ?10, file_sealed = CASE WHEN ?10 IS NULL THEN COALESCE(?11, file_sealed) END WHERE group_id = ?1 AND id = ?2 AND edition = ?3",
				c.GroupID, c.ID, seen, c.Topic, c.Zone, c.Every, row.JSON(c.Fresh), row.ToMicros(c.Fresh.Next), c.Edition, address, file)
			if err == nil && n == 0 {
				err = t.staleCalendar(c.GroupID, c.ID)
			}
			if err == nil { // its topic may be another
				_, err = t.exec(lookAgain, t.now, c.GroupID)
			}
			return err
		}
		n, taken := 0, false
		if err := t.query("SELECT name = ? FROM calendars WHERE group_id = ?", []any{c.Name, c.GroupID}, func(r *lite.Stmt) error {
			n++
			taken = taken || r.ColInt(0) != 0
			return nil
		}); err != nil {
			return err
		}
		if err := gateway.CheckNewCalendar(c, n, taken); err != nil {
			return err
		}
		_, err := t.exec("INSERT INTO calendars (group_id, id, name, topic, zone, every, fresh, next_at, edition, url_sealed, file_sealed) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
			c.GroupID, c.ID, c.Name, c.Topic, c.Zone, c.Every, row.JSON(c.Fresh), row.ToMicros(c.Fresh.Next), c.Edition, address, file)
		return err
	})
	return c, err
}

// staleCalendar says why a write found no calendar in the edition that it named.
func (t *txn) staleCalendar(group, id gateway.ID) error {
	err := error(row.Missing("calendar"))
	if e := t.query("SELECT 1 FROM calendars WHERE group_id = ? AND id = ?", []any{group, id}, func(*lite.Stmt) error { err = gateway.ErrStale; return nil }); e != nil {
		return e
	}
	return err
}

const (
	calendarColumns   = "group_id, id, name, topic, zone, every, fresh, edition, url_sealed, marks_sealed"
	dueCalendarsQuery = "SELECT " + calendarColumns + " FROM calendars INDEXED BY calendars_due WHERE next_at > 0 AND next_at <= ? ORDER BY next_at LIMIT ?"
)

func (s *Store) calendars(ctx context.Context, text string, args ...any) ([]gateway.Calendar, error) {
	read, err := list(ctx, s, text, args, func(r *sealed.StoredCalendar) []any {
		c := &r.Calendar
		return []any{&c.GroupID, &c.ID, &c.Name, &c.Topic, &c.Zone, &c.Every, &r.Fresh, &c.Edition, &r.URL, &r.Marks}
	})
	if err != nil {
		return nil, err
	}
	return sealed.OpenCalendars(read, func(group gateway.ID) (*seal.Group, error) { return s.groupKey(ctx, group) })
}

// Calendars lists a group's.
func (s *Store) Calendars(ctx context.Context, group gateway.ID) ([]gateway.Calendar, error) {
	return s.calendars(ctx, "SELECT "+calendarColumns+" FROM calendars WHERE group_id = ? ORDER BY name", group)
}

// DueCalendars lists those that are to be asked for.
func (s *Store) DueCalendars(ctx context.Context, limit int) ([]gateway.Calendar, error) {
	return s.calendars(ctx, dueCalendarsQuery, s.micros(), limit)
}

// CalendarFile gives what was uploaded.
func (s *Store) CalendarFile(ctx context.Context, group, id gateway.ID) ([]byte, error) {
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return nil, err
	}
	var file []byte
	if err := s.one(ctx, "file of a calendar", "SELECT file_sealed FROM calendars WHERE group_id = ? AND id = ? AND file_sealed IS NOT NULL", []any{group, id}, &file); err != nil {
		return nil, err
	}
	return key.Box.Open(file, sealed.Place(id, "file"))
}

// RemoveCalendar deletes a calendar with its events.
func (s *Store) RemoveCalendar(ctx context.Context, group, id gateway.ID) error {
	err := s.write.do(ctx, true, func(t *txn) error {
		n, err := t.exec("DELETE FROM calendars WHERE group_id = ? AND id = ?", group, id)
		if err != nil {
			return err
		}
		if n == 0 {
			return row.Missing("calendar")
		}
		_, err = t.exec("DELETE FROM events WHERE group_id = ? AND calendar_id = ?", group, id)
		return err
	})
	if err == nil {
		s.leftTraces()
	}
	return err
}

const (
	eventColumns       = "group_id, id, event_sealed, before_sealed, remind_at"
	changedEventsQuery = "SELECT " + eventColumns + " FROM events INDEXED BY events_changed WHERE settled < revision AND id > ? ORDER BY id LIMIT ?"
	calendarEvents     = "SELECT " + eventColumns + " FROM events WHERE group_id = ? AND calendar_id = ? AND end_at > ? ORDER BY start_at, id LIMIT ?"
	groupEvents        = "SELECT " + eventColumns + " FROM events WHERE group_id = ? AND end_at > ? ORDER BY start_at, id LIMIT ?"
	forgetEvents       = "DELETE FROM events WHERE (group_id, id) IN (SELECT group_id, id FROM events WHERE end_at <= ? LIMIT ?)"
)

func (s *Store) events(ctx context.Context, text string, args ...any) ([]gateway.EventChange, error) {
	read, err := list(ctx, s, text, args, func(r *sealed.StoredEvent) []any { return []any{&r.Group, &r.ID, &r.Event, &r.Before, &r.RemindAt} })
	if err != nil {
		return nil, err
	}
	return sealed.OpenEvents(read, func(group gateway.ID) (*seal.Group, error) { return s.groupKey(ctx, group) })
}

// Events lists a group's events that end after a time.
func (s *Store) Events(ctx context.Context, group, calendar gateway.ID, after time.Time, limit int) ([]gateway.Event, error) {
	if limit == 0 {
		limit = -1 // all
	}
	text, args := calendarEvents, []any{group, calendar, row.ToMicros(after), limit}
	if calendar.IsZero() {
		text, args = groupEvents, []any{group, row.ToMicros(after), limit}
	}
	return sealed.OnlyEvents(s.events(ctx, text, args...))
}

// ChangedEvents lists events that differ from what reminders were told.
func (s *Store) ChangedEvents(ctx context.Context, after gateway.ID, limit int) ([]gateway.EventChange, error) {
	return s.events(ctx, changedEventsQuery, after[:], limit)
}

// SaveReading writes what came of asking for a calendar.
func (s *Store) SaveReading(ctx context.Context, r gateway.Reading) error {
	key, err := s.groupKey(ctx, r.Group)
	if err != nil {
		return err
	}
	rows, err := sealed.Events(key, r)
	if err != nil {
		return err
	}
	marks, err := sealed.Marks(key, r)
	if err != nil {
		return err
	}
	return s.write.do(ctx, false, func(t *txn) error {
		n, err := t.exec("UPDATE calendars SET fresh = ?1, next_at = ?2, edition = edition + 1, marks_sealed = COALESCE(?6, marks_sealed) WHERE group_id = ?3 AND id = ?4 AND edition = ?5",
			row.JSON(r.Fresh), row.ToMicros(r.Fresh.Next), r.Group, r.Calendar, r.Edition, marks)
		if err == nil && n == 0 {
			err = t.staleCalendar(r.Group, r.Calendar)
		}
		if err != nil {
			return err
		}
		for i, u := range r.Events {
			e := &u.Event
			if _, err := t.exec(`INSERT INTO events (group_id, id, calendar_id, start_at, end_at, revision, settled, event_sealed, before_sealed) VALUES (?1,?2,?3,?4,?5,?6,0,?7,NULL)
				ON CONFLICT (group_id, id) DO UPDATE SET start_at = ?4, end_at = ?5, before_sealed = CASE WHEN settled = revision AND revision < ?6 THEN ?8 ELSE before_sealed END, revision = ?6, event_sealed = ?7`,
				r.Group, e.ID, r.Calendar, row.ToMicros(e.Start.Instant()), row.ToMicros(e.End.Instant()), e.Revision, rows[i].Event, rows[i].Before); err != nil {
				return err
			}
		}
		return nil
	})
}

// PutFeed keeps a feed.
func (s *Store) PutFeed(ctx context.Context, f gateway.Feed) error {
	return s.write.do(ctx, true, func(t *txn) error {
		n, err := t.exec("INSERT INTO feeds (group_id, id, member_id, label, digest, created_at, rota_id) SELECT ?1,?2,?3,?4,?5,?6,?8 WHERE (?7 OR EXISTS (SELECT 1 FROM members WHERE group_id = ?1 AND id = ?3)) AND (?9 OR EXISTS (SELECT 1 FROM rotas WHERE group_id = ?1 AND id = ?8))",
			f.GroupID, f.ID, f.MemberID[:], f.Label, f.Digest, row.ToMicros(f.CreatedAt), f.MemberID.IsZero(), f.RotaID[:], f.RotaID.IsZero())
		if err == nil && n == 0 {
			err = row.Missing("member or rota")
		}
		return err
	})
}

const (
	feedColumns = "group_id, id, member_id, label, digest, created_at, rota_id"
	feedQuery   = "SELECT " + feedColumns + " FROM feeds WHERE digest = ?"
)

func feedInto(f *gateway.Feed) []any {
	return []any{&f.GroupID, &f.ID, &f.MemberID, &f.Label, &f.Digest, &f.CreatedAt, &f.RotaID}
}

// Feeds lists a group's.
func (s *Store) Feeds(ctx context.Context, group, after gateway.ID, limit int) ([]gateway.Feed, error) {
	return list(ctx, s, "SELECT "+feedColumns+" FROM feeds WHERE group_id = ? AND id > ? ORDER BY id LIMIT ?", []any{group, after[:], limit}, feedInto)
}

// FeedByDigest finds the feed of a token.
func (s *Store) FeedByDigest(ctx context.Context, digest []byte) (f gateway.Feed, err error) {
	return f, s.one(ctx, "feed", feedQuery, []any{digest}, feedInto(&f)...)
}

// RevokeFeed ends a feed.
func (s *Store) RevokeFeed(ctx context.Context, group, id gateway.ID) error {
	return s.write.do(ctx, true, func(t *txn) error {
		n, err := t.exec("DELETE FROM feeds WHERE group_id = ? AND id = ?", group, id)
		if err == nil && n == 0 {
			err = row.Missing("feed")
		}
		return err
	})
}
