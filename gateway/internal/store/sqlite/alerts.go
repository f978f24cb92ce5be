package sqlite

import (
	"context"
	"slices"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

const (
	alertQuery    = "SELECT " + row.AlertColumns + ", body_sealed, saying_sealed FROM alerts WHERE "
	alertByRef    = "group_id = ? AND reference = ? AND recent = 1"
	dueAlerts     = "due_at > 0 AND due_at <= ? ORDER BY due_at LIMIT ?"
	nextAlert     = "SELECT due_at FROM alerts WHERE due_at > 0 AND due_at > ? ORDER BY due_at LIMIT 1"
	eventsOf      = "SELECT key, body_sealed FROM alert_events WHERE group_id = ? AND alert_id = ? AND no > ? ORDER BY no LIMIT ?"
	castsOf       = "SELECT b.no, a.asks FROM alert_broadcasts a JOIN broadcasts b ON b.group_id = a.group_id AND b.id = a.broadcast_id WHERE a.group_id = ? AND a.alert_id = ? AND a.says = 1"
	askedQuery    = "SELECT 1 FROM deliveries WHERE group_no = ? AND broadcast_no = ? AND member_id = ?"
	policiesQuery = "SELECT id, name, revision, body FROM alert_policies WHERE group_id = ? ORDER BY name"
	recentAlerts  = "SELECT id FROM alerts WHERE group_id = ? AND recent = 1 AND id < ? ORDER BY id DESC LIMIT ?"
	overAlerts    = "SELECT group_id, id, recent FROM alerts WHERE forget_at > 0 AND forget_at <= ? ORDER BY forget_at LIMIT ?"
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
	err = s.write.do(ctx, true, func(t *txn) error {
		if err := t.putAlert(a, &parts); err != nil {
			return err
		}
		for i := range w.Events {
			e := &w.Events[i]
			n, err := t.exec("INSERT INTO alert_events (group_id, alert_id, no, key, body_sealed) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING", a.GroupID[:], a.ID[:], e.No, e.Key, parts.Events[i])
			if err == nil && n == 0 {
				err = row.AlertKnown(e.Key)
			}
			if err != nil {
				return err
			}
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
		for i := range w.Stops {
			clear(t.stopped)
			if _, err := t.exec("UPDATE broadcasts SET stopped = 1 WHERE group_id = ? AND id = ?", a.GroupID[:], w.Stops[i][:]); err != nil {
				return err
			}
		}
		return nil
	})
	a.Revision++
	return *a, err
}

// putAlert writes an alert if it stands where its revision says.
func (t *txn) putAlert(a *gateway.AlertCase, p *sealed.AlertParts) error {
	forget := row.ToMicros(row.ForgetAlert(a, row.FromMicros(t.now)))
	if a.Revision == 0 {
		n, err := t.exec("INSERT INTO alerts ("+row.AlertColumns+", recent, due_at, forget_at, body_sealed, saying_sealed) VALUES (?,?,?,?,1,1,?,?,?,?) ON CONFLICT DO NOTHING",
			a.GroupID[:], a.ID[:], a.Reference, string(a.State), row.ToMicros(a.DueAt), forget, p.Body, p.Saying)
		if err == nil && n == 0 {
			err = row.AlertTaken(a.Reference)
		}
		return err
	}
	was, found := gateway.AlertCase{}, false
	if err := t.query("SELECT "+row.AlertColumns+" FROM alerts WHERE group_id = ? AND id = ?", []any{a.GroupID[:], a.ID[:]}, func(r *lite.Stmt) error {
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
	_, err := t.exec("UPDATE alerts SET state = ?, revision = revision + 1, due_at = ?, forget_at = ?, body_sealed = ?, saying_sealed = ? WHERE group_id = ? AND id = ?",
		string(a.State), row.ToMicros(a.DueAt), forget, p.Body, p.Saying, a.GroupID[:], a.ID[:])
	return err
}

// sendAlert submits a broadcast of an alert.
func (t *txn) sendAlert(a *gateway.AlertCase, send *gateway.ReadyBroadcast, words []byte) error {
	b := &send.Broadcast
	done, err := t.submit(b, words, send.Fingerprint)
	if err != nil {
		return err
	}
	_, asks, says := gateway.AlertOfKey(b.Key)
	_, err = t.exec("INSERT INTO alert_broadcasts (group_id, alert_id, broadcast_id, says, asks) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING", a.GroupID[:], a.ID[:], done.ID[:], says, asks)
	return err
}

// Alert reads one.
func (s *Store) Alert(ctx context.Context, group, id gateway.ID) (gateway.AlertCase, error) {
	return s.alert(ctx, "group_id = ? AND id = ?", group[:], id[:])
}

// AlertByReference finds one among the recent.
func (s *Store) AlertByReference(ctx context.Context, group gateway.ID, reference string) (gateway.AlertCase, error) {
	return s.alert(ctx, alertByRef, group[:], reference)
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
	return s.listAlerts(ctx, "group_id = ? AND id < ? ORDER BY id DESC LIMIT ?", group[:], before[:], limit)
}

func (s *Store) listAlerts(ctx context.Context, where string, args ...any) ([]gateway.AlertCase, error) {
	all := []gateway.AlertCase{}
	var bodies [][2][]byte
	err := s.reading(ctx, func(c *lite.Conn) error {
		return query(c, alertQuery+where, args, func(r *lite.Stmt) error {
			var a gateway.AlertCase
			var body, saying []byte
			err := r.Scan(append(row.AlertInto(&a), &body, &saying)...)
			all, bodies = append(all, a), append(bodies, [2][]byte{body, saying})
			return err
		})
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
	err = s.reading(ctx, func(c *lite.Conn) error {
		return query(c, eventsOf, []any{group[:], alert[:], after, limit}, func(r *lite.Stmt) error {
			var e gateway.AlertEvent
			var body []byte
			if err := r.Scan(&e.Key, &body); err != nil {
				return err
			}
			err := sealed.OpenAlertEvent(key, alert, &e, body)
			all = append(all, e)
			return err
		})
	})
	return all, err
}

// DueAlerts lists what is due, from the index of what comes next.
func (s *Store) DueAlerts(ctx context.Context, limit int) (gateway.AlertsDue, error) {
	now := s.micros()
	found := gateway.AlertsDue{Now: row.FromMicros(now)}
	var err error
	if found.Alerts, err = s.listAlerts(ctx, dueAlerts, now, limit); err != nil {
		return found, err
	}
	next := int64(0)
	err = s.reading(ctx, func(c *lite.Conn) error {
		return query(c, nextAlert, []any{now}, func(r *lite.Stmt) error { return r.Scan(&next) })
	})
	found.Next = row.FromMicros(next)
	return found, err
}

// mostAsked is how many of a group's newest alerts are looked through for one in which a member was asked.
const mostAsked = 200

// AskedAlerts lists the newest in which one of these members was asked.
func (s *Store) AskedAlerts(ctx context.Context, group, alert gateway.ID, members []gateway.ID, limit int) ([]gateway.AlertCase, error) {
	var ids []gateway.ID
	err := s.reading(ctx, func(c *lite.Conn) error {
		candidates := []gateway.ID{alert}
		if alert.IsZero() {
			candidates = nil
			if err := query(c, recentAlerts, []any{group[:], highest[:], mostAsked}, func(r *lite.Stmt) error {
				candidates = append(candidates, r.ColID(0))
				return nil
			}); err != nil {
				return err
			}
		}
		for _, id := range candidates {
			casts, err := alertCasts(c, s.groups, group, id, true)
			if err != nil {
				return err
			}
			asked := false
			for _, m := range members {
				for i := 0; i < len(casts.nos) && !asked; i++ {
					if err := query(c, askedQuery, []any{casts.group, casts.nos[i], m[:]}, func(*lite.Stmt) error { asked = true; return nil }); err != nil {
						return err
					}
				}
			}
			if asked {
				ids = append(ids, id)
			}
			if len(ids) == limit {
				return nil
			}
		}
		return nil
	})
	all := []gateway.AlertCase{}
	for _, id := range ids {
		if err != nil {
			return nil, err
		}
		var a gateway.AlertCase
		a, err = s.Alert(ctx, group, id)
		all = append(all, a)
	}
	return all, err
}

// casts are the broadcasts that say an alert's text.
type casts struct {
	c     *lite.Conn
	group int64
	nos   []int64
	but   []gateway.ID
	err   error
}

func alertCasts(c *lite.Conn, groups *names, group, alert gateway.ID, asking bool) (*casts, error) {
	k := &casts{c: c}
	var err error
	if k.group, err = groups.no(c, group); err != nil {
		return k, err
	}
	return k, query(c, castsOf, []any{group[:], alert[:]}, func(r *lite.Stmt) error {
		if no, asks := r.ColInt(0), r.ColInt(1) != 0; asks || !asking {
			k.nos = append(k.nos, no)
		}
		return nil
	})
}

// leftQuery finds a delivery that has left, or may have, over any contact point.
const leftQuery = `SELECT 1 FROM deliveries d LEFT JOIN attempts a ON a.no = d.attempt_no AND d.attempts > 0 WHERE d.group_no = ? AND d.broadcast_no = ? AND d.member_id = ?
	AND (d.state IN (1, 3) OR a.state IN (1, 2, 3, 5) OR d.attempts > 1)`

// has reports whether one of the broadcasts has left for a member, or may have.
func (k *casts) has(member gateway.ID) bool {
	if slices.Contains(k.but, member) {
		return false
	}
	for _, no := range k.nos {
		r := k.c.Prepare(leftQuery).Int(1, k.group).Int(2, no).Key(3, member)
		left := r.Step()
		if err := r.Reset(); err != nil {
			k.err = err
		}
		if left {
			return true
		}
	}
	return false
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
	err := s.write.do(ctx, false, func(t *txn) error {
		if fresh {
			n, err := t.exec("INSERT INTO alert_policies (group_id, id, name, revision, body) VALUES (?,?,?,1,?) ON CONFLICT (group_id, name) DO NOTHING", p.GroupID[:], p.ID[:], p.Name, row.JSON(p))
			if err == nil && n == 0 {
				err = row.PolicyTaken(p.Name)
			}
			return err
		}
		n, err := t.exec("UPDATE alert_policies SET revision = revision + 1, body = ? WHERE group_id = ? AND id = ? AND revision = ?", row.JSON(p), p.GroupID[:], p.ID[:], p.Revision)
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
	err := s.reading(ctx, func(c *lite.Conn) error {
		return query(c, policiesQuery, []any{group[:]}, func(r *lite.Stmt) error {
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
	})
	return all, err
}

// DeleteAlertPolicy deletes one; alerts that were raised by it keep what they have.
func (s *Store) DeleteAlertPolicy(ctx context.Context, group, id gateway.ID) error {
	return s.write.do(ctx, false, func(t *txn) error {
		n, err := t.exec("DELETE FROM alert_policies WHERE group_id = ? AND id = ?", group[:], id[:])
		if err == nil && n == 0 {
			err = row.Missing("policy")
		}
		return err
	})
}

// retainAlerts deletes the texts of alerts whose time is over, and in the end the alerts.
func (t *txn) retainAlerts(limit int) (n int, err error) {
	type over struct {
		group, id gateway.ID
		recent    bool
	}
	var all []over
	if err := t.query(overAlerts, []any{t.now, limit}, func(r *lite.Stmt) error {
		all = append(all, over{r.ColID(0), r.ColID(1), r.ColInt(2) != 0})
		return nil
	}); err != nil {
		return 0, err
	}
	for _, o := range all {
		if o.recent {
			_, err = t.exec("UPDATE alerts SET recent = 0, due_at = 0, saying_sealed = NULL, forget_at = forget_at + ? WHERE group_id = ? AND id = ?", row.KeepAlertBody, o.group[:], o.id[:])
		} else {
			for _, text := range []string{"DELETE FROM alert_events WHERE group_id = ? AND alert_id = ?", "DELETE FROM alert_broadcasts WHERE group_id = ? AND alert_id = ?", "DELETE FROM alerts WHERE group_id = ? AND id = ?"} {
				if _, err = t.exec(text, o.group[:], o.id[:]); err != nil {
					break
				}
			}
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
