package sqlite

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// staleNotice is how old a notice may be before nobody needs it any more.
const staleNotice = 24 * time.Hour

const incidentColumns = "id, channel_id, trouble, code, detail, deliveries, opened_at, closed_at, closed_by, EXISTS (SELECT 1 FROM owner_notices n WHERE n.once = 'open/' || lower(hex(incidents.id)) AND n.told_at > 0)"

func readIncidents(c *lite.Conn, text string, args ...any) ([]gateway.Incident, error) {
	all := []gateway.Incident{}
	err := query(c, "SELECT "+incidentColumns+" FROM incidents "+text, args, func(r *lite.Stmt) error {
		var i gateway.Incident
		err := r.Scan(&i.ID, &i.ChannelID, &i.Trouble, &i.Code, &i.Detail, &i.Deliveries, &i.OpenedAt, &i.ClosedAt, &i.ClosedBy, &i.Told)
		all = append(all, i)
		return err
	})
	return all, err
}

// Strike counts a delivery that was refused for its channel's sake, and opens an incident when they are too many.
func (s *Store) Strike(ctx context.Context, k gateway.Strike) (opened *gateway.Incident, err error) {
	err = s.write.do(ctx, true, func(t *txn) error {
		opened = nil
		open, err := readIncidents(t.Conn, "WHERE channel_id = ? AND closed_at = 0", k.Channel)
		if err != nil || len(open) > 0 {
			return err
		}
		if _, err := t.exec("DELETE FROM strikes WHERE channel_id = ? AND at <= ?", k.Channel[:], t.now-k.Within.Microseconds()); err != nil {
			return err
		}
		if _, err := t.exec("INSERT INTO strikes (channel_id, delivery_id, at) VALUES (?1,?2,?3) ON CONFLICT DO UPDATE SET at = ?3", k.Channel[:], k.Delivery[:], t.now); err != nil {
			return err
		}
		n := 0
		if err := t.query("SELECT COUNT(*) FROM strikes WHERE channel_id = ?", []any{k.Channel[:]}, func(r *lite.Stmt) error { return r.Scan(&n) }); err != nil || n < k.After {
			return err
		}
		opened = &gateway.Incident{ID: gateway.NewID(), ChannelID: k.Channel, Trouble: k.Trouble, Code: k.Code, Detail: k.Detail, Deliveries: n, OpenedAt: row.FromMicros(t.now)}
		return t.openIncident(opened, k.Locks)
	})
	return opened, err
}

func (t *txn) openIncident(i *gateway.Incident, locks bool) error {
	if _, err := t.exec("INSERT INTO incidents (id, channel_id, trouble, code, detail, deliveries, opened_at, closed_at, closed_by) VALUES (?,?,?,?,?,?,?,0,'')",
		i.ID[:], i.ChannelID[:], i.Trouble, i.Code, i.Detail, i.Deliveries, row.ToMicros(i.OpenedAt)); err != nil {
		return err
	}
	wording := gateway.NoticeRefused
	if locks {
		wording = gateway.NoticeLocked
	}
	return t.incidentNotice(i, "open/", wording)
}

// incidentNotice has the owners of a channel told about it, over another one.
func (t *txn) incidentNotice(i *gateway.Incident, when, wording string) error {
	var group gateway.ID
	var name string
	if err := t.query("SELECT group_id, name FROM channels WHERE id = ?", []any{i.ChannelID[:]}, func(r *lite.Stmt) error { return r.Scan(&group, &name) }); err != nil {
		return err
	}
	if name == "" {
		return row.Missing("channel")
	}
	return t.putNotice(i.Notice(when, wording, group, name))
}

// CloseIncident ends what is open of a channel.
func (s *Store) CloseIncident(ctx context.Context, channel gateway.ID, by string) (closed bool, err error) {
	err = s.write.do(ctx, true, func(t *txn) error {
		closed = false
		if by == gateway.ByCheck {
			wrong, err := readIncidents(t.Conn, "WHERE channel_id = ? AND closed_by = ? AND closed_at > ? LIMIT 1", channel, by, t.now-gateway.CheckTrust.Microseconds())
			if err != nil || len(wrong) > 0 {
				return err
			}
		}
		if _, err := t.exec("DELETE FROM strikes WHERE channel_id = ?", channel[:]); err != nil {
			return err
		}
		open, err := readIncidents(t.Conn, "WHERE channel_id = ? AND closed_at = 0", channel)
		if err != nil || len(open) == 0 {
			return err
		}
		closed = true
		i := &open[0]
		if _, err := t.exec("UPDATE incidents SET closed_at = ?, closed_by = ? WHERE id = ?", t.now, by, i.ID[:]); err != nil {
			return err
		}
		if !i.Told { // nobody needs to hear of an end whose beginning nobody heard of
			_, err := t.exec("DELETE FROM owner_notices WHERE once = ? AND told_at <= 0", "open/"+hex.EncodeToString(i.ID[:]))
			return err
		}
		return t.incidentNotice(i, "end/", gateway.NoticeWell)
	})
	return closed, err
}

// Incidents lists those of a channel.
func (s *Store) Incidents(ctx context.Context, channel gateway.ID, limit int) (all []gateway.Incident, err error) {
	err = s.reading(ctx, func(c *lite.Conn) error {
		all, err = readIncidents(c, "WHERE channel_id = ? ORDER BY no DESC LIMIT ?", channel, limit)
		return err
	})
	return all, err
}

// NoteErrors adds to what is known of a channel's errors.
func (s *Store) NoteErrors(ctx context.Context, channel gateway.ID, errs []gateway.ChannelError) error {
	return s.write.do(ctx, false, func(t *txn) error {
		for _, e := range errs {
			if _, err := t.exec(`INSERT INTO channel_errors (channel_id, class, scope, code, detail, trouble, n, first_at, last_at) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9)
				ON CONFLICT DO UPDATE SET trouble = ?6, n = n + ?7, last_at = max(last_at, ?9)`,
				channel[:], e.Class, e.Scope, e.Code, e.Detail, e.Trouble, e.Count, row.ToMicros(e.First), row.ToMicros(e.Last)); err != nil {
				return err
			}
		}
		_, err := t.exec(`DELETE FROM channel_errors WHERE channel_id = ?1 AND (class, scope, code, detail) NOT IN
			(SELECT class, scope, code, detail FROM channel_errors WHERE channel_id = ?1 ORDER BY last_at DESC LIMIT ?2)`, channel[:], gateway.MostErrors)
		return err
	})
}

// ChannelErrors gives the latest errors of every channel.
func (s *Store) ChannelErrors(ctx context.Context) (map[gateway.ID][]gateway.ChannelError, error) {
	all := map[gateway.ID][]gateway.ChannelError{}
	err := s.reading(ctx, func(c *lite.Conn) error {
		return query(c, "SELECT channel_id, class, scope, code, detail, trouble, n, first_at, last_at FROM channel_errors ORDER BY channel_id, last_at DESC", nil, func(r *lite.Stmt) error {
			var channel gateway.ID
			var e gateway.ChannelError
			err := r.Scan(&channel, &e.Class, &e.Scope, &e.Code, &e.Detail, &e.Trouble, &e.Count, &e.First, &e.Last)
			all[channel] = append(all[channel], e)
			return err
		})
	})
	return all, err
}

// putNotice writes what owners must be told, unless they were told the same before.
func (t *txn) putNotice(n gateway.OwnerNotice) error {
	id := gateway.NewID()
	_, err := t.exec("INSERT INTO owner_notices (id, once, group_id, avoid, wording, data, at, told_at) VALUES (?,?,?,?,?,?,?,0) ON CONFLICT DO NOTHING",
		id[:], n.Once, n.GroupID[:], n.Avoid[:], n.Wording, row.JSON(n.Data), t.now)
	return err
}

// PutNotice keeps what owners must be told.
func (s *Store) PutNotice(ctx context.Context, n gateway.OwnerNotice) error {
	return s.write.do(ctx, true, func(t *txn) error { return t.putNotice(n) })
}

const untoldQuery = "SELECT id, once, group_id, avoid, wording, data, at FROM owner_notices INDEXED BY owner_notices_untold WHERE told_at = 0 ORDER BY at LIMIT ?"

// Untold lists the notices that nobody was told yet, and drops those that are too old.
func (s *Store) Untold(ctx context.Context, limit int) ([]gateway.OwnerNotice, error) {
	type untold struct {
		n    gateway.OwnerNotice
		data string
	}
	rows, err := list(ctx, s, untoldQuery, []any{limit}, func(r *untold) []any {
		return []any{&r.n.ID, &r.n.Once, &r.n.GroupID, &r.n.Avoid, &r.n.Wording, &r.data, &r.n.At}
	})
	if err != nil {
		return nil, err
	}
	all := []gateway.OwnerNotice{}
	stale := s.micros() - staleNotice.Microseconds()
	for _, r := range rows {
		if row.ToMicros(r.n.At) <= stale {
			if err := s.told(ctx, r.n.ID, -1); err != nil {
				return nil, err
			}
			continue
		}
		if err := fromJSON(r.data, &r.n.Data); err != nil {
			return nil, err
		}
		all = append(all, r.n)
	}
	return all, nil
}

// Told notes that owners were told.
func (s *Store) Told(ctx context.Context, id gateway.ID) error { return s.told(ctx, id, s.micros()) }

func (s *Store) told(ctx context.Context, id gateway.ID, at int64) error {
	return s.write.do(ctx, false, func(t *txn) error {
		_, err := t.exec("UPDATE owner_notices SET told_at = ? WHERE id = ?", at, id[:])
		return err
	})
}
