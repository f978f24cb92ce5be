package sqlite

import (
	"context"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// Delivery reads one with its attempts.
func (s *Store) Delivery(ctx context.Context, group, id gateway.ID) (gateway.Delivery, error) {
	var out gateway.Delivery
	err := s.reading(ctx, func(c *lite.Conn) error {
		no, _ := halves(id)
		var d delivery
		r := c.Prepare("SELECT "+deliveryColumns+" FROM deliveries d WHERE d.no = ?").Int(1, no)
		if r.Step() {
			readDelivery(r, 0, &d)
		}
		if err := r.Reset(); err != nil {
			return err
		}
		groupNo, err := s.groups.no(c, group)
		if err != nil {
			return err
		}
		if deliveryIDOf(&d) != id || d.Group != groupNo || id.IsZero() {
			return row.Missing("delivery")
		}
		var newest *attempt
		var attempts []gateway.Attempt
		for next := d.Newest(); next != 0; {
			a := &attempt{}
			r := c.Prepare("SELECT "+attemptColumns+" FROM attempts a WHERE a.no = ?").Int(1, next)
			if r.Step() {
				readAttempt(r, 0, a)
			}
			if err := r.Reset(); err != nil {
				return err
			}
			if newest == nil {
				newest = a
			}
			shown, err := s.showAttempt(c, a, id)
			if err != nil {
				return err
			}
			attempts = append([]gateway.Attempt{shown}, attempts...)
			next = a.Previous
		}
		out, err = s.showDelivery(c, &d, newest, broadcasts{})
		out.Attempts = attempts
		return err
	})
	return out, err
}

func (s *Store) showAttempt(c *lite.Conn, a *attempt, delivery gateway.ID) (gateway.Attempt, error) {
	channel, err := s.channels.id(c, a.Channel)
	if err != nil {
		return gateway.Attempt{}, err
	}
	charge, err := attemptCharge(c, a)
	return gateway.Attempt{ID: attemptIDOf(a), DeliveryID: delivery, No: a.Nth, ChannelID: channel, PointID: a.Point, State: a.State, Parts: a.ProviderIDs(), Cost: a.Cost, Charge: charge,
		Refusal: a.Refused(), ClaimedAt: row.FromMicros(a.ClaimedAt), SettledAt: row.FromMicros(a.SettledAt)}, err
}

// broadcasts keeps the identifiers of broadcasts while a list is read.
type broadcasts map[int64]gateway.ID

func (b broadcasts) id(c *lite.Conn, no int64) (gateway.ID, error) {
	if id, ok := b[no]; ok {
		return id, nil
	}
	var id gateway.ID
	err := query(c, "SELECT id FROM broadcasts WHERE no = ?", []any{no}, func(r *lite.Stmt) error { return r.Scan(&id) })
	b[no] = id
	return id, err
}

func (s *Store) showDelivery(c *lite.Conn, d *delivery, newest *attempt, known broadcasts) (out gateway.Delivery, err error) {
	out = gateway.Delivery{ID: deliveryIDOf(d), MemberID: d.Member, State: d.StateWith(newest).State, Reason: d.Reason, Detail: d.Detail, Locale: d.Locale, Neutral: d.Neutral,
		PointID: d.Point, Lane: d.Lane, Tries: d.Tries, Resends: d.Resends, CreatedAt: deliveryIDOf(d).Time()}
	if d.State == row.Waiting {
		out.Due = row.FromMicros(d.Due)
	}
	out.QuietUntil = row.FromMicros(d.Quiet)
	if newest != nil && d.Attempts > 0 {
		out.AttemptID = attemptIDOf(newest)
	}
	if out.GroupID, err = s.groups.id(c, d.Group); err != nil {
		return out, err
	}
	if out.BroadcastID, err = known.id(c, d.Broadcast); err != nil {
		return out, err
	}
	out.ChannelID, err = s.channels.id(c, d.Channel)
	return out, err
}

// Deliveries lists a page, in order of broadcast and member; those of a broadcast that ended for one reason, in order of id.
func (s *Store) Deliveries(ctx context.Context, f gateway.DeliveryFilter) ([]gateway.Delivery, error) {
	all := []gateway.Delivery{}
	err := s.reading(ctx, func(c *lite.Conn) error {
		group, err := s.groups.no(c, f.Group)
		if err != nil || group == 0 {
			return err
		}
		text, args, err := deliveriesQuery(c, group, f)
		if err != nil || text == "" {
			return err
		}
		type found struct {
			d delivery
			a attempt
		}
		var rows []found
		if err := queryOnce(c, text, args, func(r *lite.Stmt) error {
			var one found
			readDelivery(r, 0, &one.d)
			one.a.No, one.a.Tail, one.a.State, one.a.Channel = r.ColInt(deliveryWidth), r.ColInt(deliveryWidth+1), gateway.AttemptState(r.ColInt(deliveryWidth+2)), r.ColInt(deliveryWidth+3)
			rows = append(rows, one)
			return nil
		}); err != nil {
			return err
		}
		known := broadcasts{}
		for i := range rows {
			d, err := s.showDelivery(c, &rows[i].d, &rows[i].a, known)
			if err != nil {
				return err
			}
			all = append(all, d)
		}
		return nil
	})
	return all, err
}

// deliveriesQuery writes the query for a filter; an empty text: nothing can be found.
func deliveriesQuery(c *lite.Conn, group int64, f gateway.DeliveryFilter) (text string, args []any, err error) {
	var after delivery
	if !f.After.IsZero() {
		no, _ := halves(f.After)
		r := c.Prepare("SELECT "+deliveryColumns+" FROM deliveries d WHERE d.no = ?").Int(1, no)
		if r.Step() {
			readDelivery(r, 0, &after)
		}
		if err := r.Reset(); err != nil {
			return "", nil, err
		}
		if deliveryIDOf(&after) != f.After || after.Group != group {
			return "", nil, row.Missing("delivery to go on behind")
		}
	}
	q := strings.Builder{}
	q.WriteString("SELECT " + deliveryColumns + ", a.no, a.tail, a.state, a.channel_no FROM ")
	order := "d.no"
	where := []string{"d.group_no = ?"}
	args = []any{group}
	switch {
	case !f.Broadcast.IsZero():
		no, err := broadcastNo(c, f.Group, f.Broadcast)
		if err != nil || no == 0 {
			return "", nil, err
		}
		from := "deliveries d INDEXED BY deliveries_once"
		if f.State == gateway.Ended && f.Reason != "" { // few among many: by their own index, in order of id
			from, where, args = "deliveries d INDEXED BY deliveries_ended", append(where, "d.broadcast_no = ?", "d.no > ?"), append(args, no, after.No)
		} else {
			order, where, args = "d.member_id", append(where, "d.broadcast_no = ?", "d.member_id > ?"), append(args, no, after.Member[:])
		}
		q.WriteString(from)
	case !f.Member.IsZero(): // a member has one delivery of each broadcast, if any
		q.WriteString("broadcasts b CROSS JOIN deliveries d INDEXED BY deliveries_once ON d.broadcast_no = b.no")
		order, where, args = "b.no", append(where, "b.group_id = ?", "b.no > ?"), append(args, f.Group[:], after.Broadcast)
	default:
		q.WriteString("broadcasts b NOT INDEXED CROSS JOIN deliveries d INDEXED BY deliveries_once ON d.broadcast_no = b.no")
		order = "b.no, d.member_id"
		where, args = append(where, "b.group_id = ?", "b.no >= ?", "(b.no > ? OR d.member_id > ?)"), append(args, f.Group[:], after.Broadcast, after.Broadcast, after.Member[:])
	}
	q.WriteString(" LEFT JOIN attempts a ON a.no = d.attempt_no AND d.attempts > 0")
	if !f.Member.IsZero() {
		where, args = append(where, "d.member_id = ?"), append(args, f.Member[:])
	}
	if f.Reason != "" {
		where, args = append(where, "d.reason = ?"), append(args, string(f.Reason))
	}
	state, err := row.StateConditions(f.State)
	if err != nil {
		return "", nil, err
	}
	if state != "" {
		where = append(where, state)
	}
	q.WriteString(" WHERE " + strings.Join(where, " AND ") + " ORDER BY " + order + " LIMIT ?")
	return q.String(), append(args, min(max(f.Limit, 1), 1000)), nil
}
