package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
)

var (
	alertQuery = "SELECT " + row.AlertColumns + ", body_sealed, saying_sealed FROM alerts WHERE "
	dueAlerts  = "due_at > 0 AND due_at <= " + nowSQL("$1") + " ORDER BY due_at LIMIT $2"
	nextAlert  = "SELECT " + nowSQL("$1") + ", COALESCE((SELECT due_at FROM alerts WHERE due_at > 0 AND due_at > " + nowSQL("$1") + " ORDER BY due_at LIMIT 1), 0)"
)

const (
	// askedQuery lists recent alerts with a delivery of a broadcast that asks one of some members.
	askedQuery = `SELECT a.id FROM alerts a WHERE a.group_id = $1 AND a.recent AND ($2 = '00000000-0000-0000-0000-000000000000'::uuid OR a.id = $2) AND EXISTS (
		SELECT 1 FROM alert_broadcasts b JOIN deliveries d ON d.group_id = b.group_id AND d.broadcast_id = b.broadcast_id AND d.member_id = ANY($3) WHERE b.group_id = a.group_id AND b.alert_id = a.id AND b.asks)
		ORDER BY a.id DESC LIMIT $4`
	overAlerts = "SELECT group_id, id, recent FROM alerts WHERE forget_at > 0 AND forget_at <= $1 ORDER BY forget_at LIMIT $2 FOR UPDATE SKIP LOCKED"
)

// PutAlert keeps an alert with what happened to it, submits and stops, in one transaction.
func (s *Store) PutAlert(ctx context.Context, w gateway.AlertWrite) (gateway.AlertCase, error) {
	a := &w.Alert
	key, err := s.groupKey(ctx, a.GroupID)
	if err != nil {
		return *a, err
	}
	if a.ID.IsZero() {
		a.ID = gateway.NewID()
	}
	parts, err := sealed.AlertWrite(key, &w)
	if err != nil {
		return *a, err
	}
	err = s.do(ctx, true, func(t *txn) error {
		if err := t.putAlert(a, &parts); err != nil {
			return err
		}
		for i := range w.Sends {
			if err := t.sendAlert(a, &w.Sends[i], parts.Words[i]); err != nil {
				return err
			}
		}
		for _, n := range w.Notices {
			if err := t.putNotice(n); err != nil {
				return err
			}
		}
		batch, known := &pgx.Batch{}, ""
		for i := range w.Events {
			e := &w.Events[i]
			batch.Queue("INSERT INTO alert_events (group_id, alert_id, no, key, body_sealed) VALUES ($1,$2,$3,$4,$5) ON CONFLICT DO NOTHING", a.GroupID, a.ID, e.No, e.Key, parts.Events[i]).Exec(func(tag pgconn.CommandTag) error {
				if tag.RowsAffected() == 0 {
					known = e.Key
				}
				return nil
			})
		}
		for _, id := range w.Stops {
			batch.Queue("UPDATE broadcasts SET stopped = true WHERE group_id = $1 AND id = $2", a.GroupID, id)
		}
		if err := t.send(batch); err != nil {
			return err
		}
		if known != "" {
			return row.AlertKnown(known)
		}
		return nil
	})
	a.Revision++
	return *a, err
}

// putAlert writes an alert if it stands where its revision says.
func (t *txn) putAlert(a *gateway.AlertCase, p *sealed.AlertParts) error {
	forget := row.ForgetAlert(a, row.FromMicros(t.now))
	if a.Revision == 0 {
		n, err := t.exec("INSERT INTO alerts ("+row.AlertColumns+", recent, due_at, forget_at, body_sealed, saying_sealed) VALUES ($1,$2,$3,$4,1,true,$5,$6,$7,$8) ON CONFLICT DO NOTHING",
			a.GroupID, a.ID, a.Reference, string(a.State), a.DueAt, forget, p.Body, p.Saying)
		if err == nil && n == 0 {
			err = row.AlertTaken(a.Reference)
		}
		return err
	}
	was, found := gateway.AlertCase{}, false
	if err := t.query("SELECT "+row.AlertColumns+" FROM alerts WHERE group_id = $1 AND id = $2 FOR UPDATE", []any{a.GroupID, a.ID}, func(r pgx.Rows) error {
		found = true
		return r.Scan(row.AlertInto(&was)...)
	}); err != nil {
		return err
	}
	if !found {
		return row.Missing("alert")
	}
	if err := row.CheckAlert(&was, a); err != nil {
		return err
	}
	_, err := t.exec("UPDATE alerts SET state = $3, revision = revision + 1, due_at = $4, forget_at = $5, body_sealed = $6, saying_sealed = $7 WHERE group_id = $1 AND id = $2",
		a.GroupID, a.ID, string(a.State), a.DueAt, forget, p.Body, p.Saying)
	return err
}

// sendAlert submits a broadcast of an alert.
func (t *txn) sendAlert(a *gateway.AlertCase, send *gateway.ReadyBroadcast, words []byte) error {
	b := &send.Broadcast
	id, err := t.submit(b, words, send.Fingerprint)
	if err != nil {
		return err
	}
	_, asks, says := gateway.AlertOfKey(b.Key)
	_, err = t.exec("INSERT INTO alert_broadcasts (group_id, alert_id, broadcast_id, says, asks) VALUES ($1,$2,$3,$4,$5) ON CONFLICT DO NOTHING", a.GroupID, a.ID, id, says, asks)
	return err
}

// Alert reads one.
func (s *Store) Alert(ctx context.Context, group, id gateway.ID) (gateway.AlertCase, error) {
	return s.alert(ctx, "group_id = $1 AND id = $2", group, id)
}

// AlertByReference finds one among the recent.
func (s *Store) AlertByReference(ctx context.Context, group gateway.ID, reference string) (gateway.AlertCase, error) {
	return s.alert(ctx, "group_id = $1 AND reference = $2 AND recent", group, reference)
}

func (s *Store) alert(ctx context.Context, where string, args ...any) (gateway.AlertCase, error) {
	all, err := s.listAlerts(ctx, where, args...)
	return row.Only("alert", all, err)
}

// Alerts lists the newest first.
func (s *Store) Alerts(ctx context.Context, group, before gateway.ID, limit int) ([]gateway.AlertCase, error) {
	if before.IsZero() {
		before = highest
	}
	return s.listAlerts(ctx, "group_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3", group, before, limit)
}

func (s *Store) listAlerts(ctx context.Context, where string, args ...any) ([]gateway.AlertCase, error) {
	all := []gateway.AlertCase{}
	var bodies [][2][]byte
	err := s.query(ctx, alertQuery+where, args, func(r pgx.Rows) error {
		var a gateway.AlertCase
		var body, saying []byte
		err := r.Scan(append(row.AlertInto(&a), &body, &saying)...)
		all, bodies = append(all, a), append(bodies, [2][]byte{body, saying})
		return err
	})
	if err != nil {
		return all, err
	}
	return all, sealed.OpenAlerts(all, bodies, func(group gateway.ID) (*seal.Group, error) { return s.groupKey(ctx, group) })
}

// AlertEvents lists what happened to an alert.
func (s *Store) AlertEvents(ctx context.Context, group, alert gateway.ID, after, limit int) ([]gateway.AlertEvent, error) {
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return nil, err
	}
	all := []gateway.AlertEvent{}
	err = s.query(ctx, "SELECT key, body_sealed FROM alert_events WHERE group_id = $1 AND alert_id = $2 AND no > $3 ORDER BY no LIMIT $4", []any{group, alert, after, limit}, func(r pgx.Rows) error {
		var e gateway.AlertEvent
		var body []byte
		if err := r.Scan(&e.Key, &body); err != nil {
			return err
		}
		err := sealed.OpenAlertEvent(key, alert, &e, body)
		all = append(all, e)
		return err
	})
	return all, err
}

// DueAlerts lists what is due, from the index of what comes next.
func (s *Store) DueAlerts(ctx context.Context, limit int) (found gateway.AlertsDue, err error) {
	if err = s.query(ctx, nextAlert, []any{s.fixed()}, func(r pgx.Rows) error { return r.Scan(&found.Now, &found.Next) }); err != nil {
		return found, err
	}
	found.Alerts, err = s.listAlerts(ctx, dueAlerts, s.fixed(), limit)
	return found, err
}

// AskedAlerts lists the newest in which one of these members was asked.
func (s *Store) AskedAlerts(ctx context.Context, group, alert gateway.ID, members []gateway.ID, limit int) ([]gateway.AlertCase, error) {
	var ids []gateway.ID
	err := s.query(ctx, askedQuery, []any{group, alert, members, limit}, func(r pgx.Rows) error {
		var id gateway.ID
		err := r.Scan(&id)
		ids = append(ids, id)
		return err
	})
	all := []gateway.AlertCase{}
	for i := 0; i < len(ids) && err == nil; i++ {
		var a gateway.AlertCase
		a, err = s.Alert(ctx, group, ids[i])
		all = append(all, a)
	}
	return all, err
}

// PutAlertPolicy makes a policy or changes it.
func (s *Store) PutAlertPolicy(ctx context.Context, p gateway.AlertPolicy) (gateway.AlertPolicy, error) {
	if _, err := s.groupKey(ctx, p.GroupID); err != nil {
		return p, err
	}
	fresh := p.ID.IsZero()
	if fresh {
		p.ID, p.Revision = gateway.NewID(), 0
	}
	err := s.do(ctx, false, func(t *txn) error {
		if fresh {
			n, err := t.exec("INSERT INTO alert_policies (group_id, id, name, revision, body) VALUES ($1,$2,$3,1,$4) ON CONFLICT (group_id, name) DO NOTHING", p.GroupID, p.ID, p.Name, row.JSON(p))
			if err == nil && n == 0 {
				err = row.PolicyTaken(p.Name)
			}
			return err
		}
		n, err := t.exec("UPDATE alert_policies SET revision = revision + 1, body = $1 WHERE group_id = $2 AND id = $3 AND revision = $4", row.JSON(p), p.GroupID, p.ID, p.Revision)
		if err == nil && n == 0 {
			err = gateway.ErrStale
		}
		return err
	})
	p.Revision++
	return p, err
}

// AlertPolicies lists a group's by name.
func (s *Store) AlertPolicies(ctx context.Context, group gateway.ID) ([]gateway.AlertPolicy, error) {
	all := []gateway.AlertPolicy{}
	err := s.query(ctx, "SELECT id, name, revision, body FROM alert_policies WHERE group_id = $1 ORDER BY name", []any{group}, func(r pgx.Rows) error {
		var p gateway.AlertPolicy
		var id gateway.ID
		var name, body string
		var revision int64
		if err := r.Scan(&id, &name, &revision, &body); err != nil {
			return err
		}
		err := fromJSON(body, &p)
		p.ID, p.GroupID, p.Name, p.Revision = id, group, name, revision
		all = append(all, p)
		return err
	})
	return all, err
}

// DeleteAlertPolicy deletes one; alerts that were raised by it keep what they have.
func (s *Store) DeleteAlertPolicy(ctx context.Context, group, id gateway.ID) error {
	return s.do(ctx, false, func(t *txn) error {
		n, err := t.exec("DELETE FROM alert_policies WHERE group_id = $1 AND id = $2", group, id)
		if err == nil && n == 0 {
			err = row.Missing("policy")
		}
		return err
	})
}

// retainAlerts deletes the texts of alerts whose time is over, and in the end the alerts.
func (t *txn) retainAlerts(limit int, forget func(text string, args ...any)) error {
	return t.query(overAlerts, []any{t.now, limit}, func(r pgx.Rows) error {
		var group, id gateway.ID
		var recent bool
		if err := r.Scan(&group, &id, &recent); err != nil {
			return err
		}
		if recent {
			forget("UPDATE alerts SET recent = false, due_at = 0, saying_sealed = NULL, forget_at = forget_at + $3 WHERE group_id = $1 AND id = $2", group, id, row.KeepAlertBody)
			return nil
		}
		for _, table := range []string{"alert_events", "alert_broadcasts"} {
			forget("DELETE FROM "+table+" WHERE group_id = $1 AND alert_id = $2", group, id)
		}
		forget("DELETE FROM alerts WHERE group_id = $1 AND id = $2", group, id)
		return nil
	})
}
