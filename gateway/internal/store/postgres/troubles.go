package postgres

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

// staleNotice is how old a notice may be before nobody needs it any more.
const staleNotice = 24 * time.Hour

const incidentQuery = "SELECT id, channel_id, trouble, code, detail, deliveries, opened_at, closed_at, closed_by, EXISTS (SELECT 1 FROM owner_notices n WHERE n.once = 'open/' || replace(incidents.id::text, '-', '') AND n.told_at > 0) FROM incidents "

func incidentColumns(i *gateway.Incident) []any {
	return []any{&i.ID, &i.ChannelID, &i.Trouble, &i.Code, &i.Detail, &i.Deliveries, &i.OpenedAt, &i.ClosedAt, &i.ClosedBy, &i.Told}
}

func (t *txn) incidents(where string, args ...any) (all []gateway.Incident, err error) {
	err = t.query(incidentQuery+where, args, func(r pgx.Rows) error {
		var i gateway.Incident
		err := r.Scan(incidentColumns(&i)...)
		all = append(all, i)
		return err
	})
	return all, err
}

// Strike counts a delivery that was refused for its channel's sake, and opens an incident when they are too many.
func (s *Store) Strike(ctx context.Context, k gateway.Strike) (opened *gateway.Incident, err error) {
	err = s.do(ctx, true, func(t *txn) error {
		opened = nil
		if err := t.lock(channelLock, k.Channel, false); err != nil {
			return err
		}
		open, err := t.incidents("WHERE channel_id = $1 AND closed_at = 0", k.Channel)
		if err != nil || len(open) > 0 {
			return err
		}
		if _, err := t.exec("DELETE FROM strikes WHERE channel_id = $1 AND at <= $2", k.Channel, t.now-k.Within.Microseconds()); err != nil {
			return err
		}
		if _, err := t.exec("INSERT INTO strikes (channel_id, delivery_id, at) VALUES ($1,$2,$3) ON CONFLICT (channel_id, delivery_id) DO UPDATE SET at = excluded.at", k.Channel, k.Delivery, t.now); err != nil {
			return err
		}
		n := 0
		if err := t.query("SELECT COUNT(*) FROM strikes WHERE channel_id = $1", []any{k.Channel}, func(r pgx.Rows) error { return r.Scan(&n) }); err != nil || n < k.After {
			return err
		}
		opened = &gateway.Incident{ID: gateway.NewID(), ChannelID: k.Channel, Trouble: k.Trouble, Code: k.Code, Detail: k.Detail, Deliveries: n, OpenedAt: row.FromMicros(t.now)}
		return t.openIncident(opened, k.Locks)
	})
	if err != nil {
		opened = nil
	}
	return opened, err
}

func (t *txn) openIncident(i *gateway.Incident, locks bool) error {
	if _, err := t.exec("INSERT INTO incidents (id, channel_id, trouble, code, detail, deliveries, opened_at, closed_at, closed_by) VALUES ($1,$2,$3,$4,$5,$6,$7,0,'')",
		i.ID, i.ChannelID, i.Trouble, i.Code, i.Detail, i.Deliveries, i.OpenedAt); err != nil {
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
	name := ""
	if err := t.query("SELECT group_id, name FROM channels WHERE id = $1", []any{i.ChannelID}, func(r pgx.Rows) error { return r.Scan(&group, &name) }); err != nil {
		return err
	}
	if name == "" {
		return row.Missing("channel")
	}
	return t.putNotice(i.Notice(when, wording, group, name))
}

// CloseIncident ends what is open of a channel.
func (s *Store) CloseIncident(ctx context.Context, channel gateway.ID, by string) (closed bool, err error) {
	err = s.do(ctx, true, func(t *txn) error {
		closed = false
		if err := t.lock(channelLock, channel, false); err != nil {
			return err
		}
		if by == gateway.ByCheck {
			wrong, err := t.incidents("WHERE channel_id = $1 AND closed_by = $2 AND closed_at > $3 LIMIT 1", channel, by, t.now-gateway.CheckTrust.Microseconds())
			if err != nil || len(wrong) > 0 {
				return err
			}
		}
		if _, err := t.exec("DELETE FROM strikes WHERE channel_id = $1", channel); err != nil {
			return err
		}
		open, err := t.incidents("WHERE channel_id = $1 AND closed_at = 0", channel)
		if err != nil || len(open) == 0 {
			return err
		}
		closed = true
		i := &open[0]
		if _, err := t.exec("UPDATE incidents SET closed_at = $1, closed_by = $2 WHERE id = $3", t.now, by, i.ID); err != nil {
			return err
		}
		if !i.Told { // nobody needs to hear of an end whose beginning nobody heard of
			_, err := t.exec("DELETE FROM owner_notices WHERE once = $1 AND told_at <= 0", "open/"+hex.EncodeToString(i.ID[:]))
			return err
		}
		return t.incidentNotice(i, "end/", gateway.NoticeWell)
	})
	return closed && err == nil, err
}

// Incidents lists those of a channel.
func (s *Store) Incidents(ctx context.Context, channel gateway.ID, limit int) ([]gateway.Incident, error) {
	return list(ctx, s, incidentQuery+"WHERE channel_id = $1 ORDER BY no DESC LIMIT $2", []any{channel, limit}, incidentColumns)
}

// NoteErrors adds to what is known of a channel's errors.
func (s *Store) NoteErrors(ctx context.Context, channel gateway.ID, errs []gateway.ChannelError) error {
	return s.do(ctx, false, func(t *txn) error {
		if err := t.lock(channelLock, channel, false); err != nil { // two processes note the same sorts, in any order
			return err
		}
		batch := &pgx.Batch{}
		for _, e := range errs {
			batch.Queue(`INSERT INTO channel_errors AS c (channel_id, class, scope, code, detail, trouble, n, first_at, last_at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)
				ON CONFLICT (channel_id, class, scope, code, detail) DO UPDATE SET trouble = excluded.trouble, n = c.n + excluded.n, last_at = greatest(c.last_at, excluded.last_at)`,
				channel, e.Class, e.Scope, row.Key(e.Code), row.Key(e.Detail), e.Trouble, e.Count, e.First, e.Last)
		}
		batch.Queue(`DELETE FROM channel_errors WHERE channel_id = $1 AND (class, scope, code, detail) NOT IN
			(SELECT class, scope, code, detail FROM channel_errors WHERE channel_id = $1 ORDER BY last_at DESC LIMIT $2)`, channel, gateway.MostErrors)
		return t.send(batch)
	})
}

// ChannelErrors gives the latest errors of every channel.
func (s *Store) ChannelErrors(ctx context.Context) (map[gateway.ID][]gateway.ChannelError, error) {
	all := map[gateway.ID][]gateway.ChannelError{}
	err := s.query(ctx, "SELECT channel_id, class, scope, code, detail, trouble, n, first_at, last_at FROM channel_errors ORDER BY channel_id, last_at DESC", nil, func(r pgx.Rows) error {
		var channel gateway.ID
		var e gateway.ChannelError
		err := r.Scan(&channel, &e.Class, &e.Scope, &e.Code, &e.Detail, &e.Trouble, &e.Count, &e.First, &e.Last)
		all[channel] = append(all[channel], e)
		return err
	})
	return all, err
}

// putNotice writes what owners must be told, unless they were told the same before.
func (t *txn) putNotice(n gateway.OwnerNotice) error {
	_, err := t.exec("INSERT INTO owner_notices (id, once, group_id, avoid, wording, data, at, told_at) VALUES ($1,$2,$3,$4,$5,$6,$7,0) ON CONFLICT (once) DO NOTHING",
		gateway.NewID(), n.Once, n.GroupID, n.Avoid, n.Wording, row.JSON(n.Data), t.now)
	return err
}

// PutNotice keeps what owners must be told.
func (s *Store) PutNotice(ctx context.Context, n gateway.OwnerNotice) error {
	return s.do(ctx, true, func(t *txn) error { return t.putNotice(n) })
}

// Untold lists the notices that nobody was told yet, and drops those that are too old.
func (s *Store) Untold(ctx context.Context, limit int) (all []gateway.OwnerNotice, err error) {
	err = s.do(ctx, false, func(t *txn) error {
		all = []gateway.OwnerNotice{}
		if _, err := t.exec("UPDATE owner_notices SET told_at = -1 WHERE told_at = 0 AND at <= $1", t.now-staleNotice.Microseconds()); err != nil {
			return err
		}
		return t.query("SELECT id, once, group_id, avoid, wording, data, at FROM owner_notices WHERE told_at = 0 ORDER BY at, id LIMIT $1", []any{limit}, func(r pgx.Rows) error {
			var n gateway.OwnerNotice
			var data string
			if err := r.Scan(&n.ID, &n.Once, &n.GroupID, &n.Avoid, &n.Wording, &data, &n.At); err != nil {
				return err
			}
			err := json.Unmarshal([]byte(data), &n.Data)
			all = append(all, n)
			return err
		})
	})
	return all, err
}

// Told notes that owners were told.
func (s *Store) Told(ctx context.Context, id gateway.ID) error {
	return s.do(ctx, false, func(t *txn) error {
		_, err := t.exec("UPDATE owner_notices SET told_at = $1 WHERE id = $2", t.now, id)
		return err
	})
}
