package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

// chainQuery reads the attempts of a delivery, the newest first.
var chainQuery = `WITH RECURSIVE chain AS (
		SELECT n.* FROM attempts n WHERE n.id = $1 AND n.group_id = $2
		UNION ALL
		SELECT p.* FROM chain c JOIN attempts p ON p.id = c.previous_id)
	SELECT ` + attemptColumns + ` FROM chain a`

// Delivery reads one with its attempts.
func (s *Store) Delivery(ctx context.Context, group, id gateway.ID) (out gateway.Delivery, err error) {
	var d delivery
	if err := s.one(ctx, "delivery", "SELECT "+deliveryColumns+" FROM deliveries d WHERE d.id = $1 AND d.group_id = $2", []any{id, group}, deliveryInto(&d)...); err != nil {
		return out, err
	}
	var chain []*attempt
	if d.Attempts > 0 {
		if err := s.queryNow(ctx, chainQuery, []any{d.Attempt, group}, func(r pgx.Rows) error {
			a := &attempt{}
			chain = append(chain, a)
			return r.Scan(attemptInto(a)...)
		}); err != nil {
			return out, err
		}
	}
	var newest *attempt
	if len(chain) > 0 {
		newest = chain[0]
	}
	out = showDelivery(&d, newest)
	for i := len(chain) - 1; i >= 0; i-- {
		a := chain[i]
		shown := gateway.Attempt{ID: a.No, DeliveryID: id, No: a.Nth, ChannelID: a.Channel, PointID: a.Point, State: a.State, Parts: a.ProviderIDs(), Cost: a.Cost,
			Refusal: a.Refused(), ClaimedAt: row.FromMicros(a.ClaimedAt), SettledAt: row.FromMicros(a.SettledAt)}
		if a.Price != row.PriceFree && a.Cost != 0 {
			price, priced, err := moneyOf(s, reader{ctx, s}, a.Price)
			if err != nil {
				return out, err
			}
			charge := gateway.NewCharge(gateway.ID{}, int64(a.Cost), price, priced)
			shown.Charge = &charge
		}
		out.Attempts = append(out.Attempts, shown)
	}
	return out, nil
}

func showDelivery(d *delivery, newest *attempt) gateway.Delivery {
	out := gateway.Delivery{ID: d.No, GroupID: d.Group, BroadcastID: d.Broadcast, MemberID: d.Member, State: d.StateWith(newest).State, Reason: d.Reason, Detail: d.Detail, Locale: d.Locale,
		Neutral: d.Neutral, ChannelID: d.Channel, PointID: d.Point, Lane: d.Lane, Tries: d.Tries, Resends: d.Resends, AttemptID: d.Newest(), CreatedAt: d.No.Time()}
	if d.State == row.Waiting {
		out.Due = row.FromMicros(d.Due)
	}
	out.QuietUntil = row.FromMicros(d.Quiet)
	return out
}

// Deliveries lists a page, in order of broadcast and member; those of a broadcast that ended for one reason, in order of id.
func (s *Store) Deliveries(ctx context.Context, f gateway.DeliveryFilter) ([]gateway.Delivery, error) {
	var after delivery
	if !f.After.IsZero() {
		if err := s.one(ctx, "delivery to go on behind", "SELECT "+deliveryColumns+" FROM deliveries d WHERE d.id = $1 AND d.group_id = $2", []any{f.After, f.Group}, deliveryInto(&after)...); err != nil {
			return nil, err
		}
	}
	text, args, err := deliveriesQuery(f, &after)
	if err != nil {
		return nil, err
	}
	all := []gateway.Delivery{}
	err = s.query(ctx, text, args, func(r pgx.Rows) error {
		var d delivery
		var a attempt
		if err := r.Scan(append(deliveryInto(&d), &a.No, (*int)(&a.State), &a.Channel)...); err != nil {
			return err
		}
		all = append(all, showDelivery(&d, &a))
		return nil
	})
	return all, err
}

// deliveriesQuery writes the query for a filter.
func deliveriesQuery(f gateway.DeliveryFilter, after *delivery) (text string, args []any, err error) {
	arg := func(v any) string {
		args = append(args, v)
		return fmt.Sprintf("$%d", len(args))
	}
	where := []string{"d.group_id = " + arg(f.Group)}
	order := "d.broadcast_id, d.member_id"
	switch {
	case !f.Broadcast.IsZero() && f.State == gateway.Ended && f.Reason != "": // few among many: by their own index, in order of id
		order, where = "d.id", append(where, "d.broadcast_id = "+arg(f.Broadcast), "d.id > "+arg(f.After))
	case !f.Broadcast.IsZero():
		order, where = "d.member_id", append(where, "d.broadcast_id = "+arg(f.Broadcast), "d.member_id > "+arg(after.Member))
	case !f.Member.IsZero(): // a member has one delivery of each broadcast, if any
		where = append(where, "d.broadcast_id > "+arg(after.Broadcast))
	default:
		where = append(where, "(d.broadcast_id, d.member_id) > ("+arg(after.Broadcast)+", "+arg(after.Member)+")")
	}
	if !f.Member.IsZero() {
		where = append(where, "d.member_id = "+arg(f.Member))
	}
	if f.Reason != "" {
		where = append(where, "d.reason = "+arg(string(f.Reason)))
	}
	state, err := row.StateConditions(f.State)
	if err != nil {
		return "", nil, err
	}
	if state != "" {
		where = append(where, state)
	}
	from := "deliveries d"
	if f.Broadcast.IsZero() && !f.Member.IsZero() {
		from = "(SELECT b.id FROM broadcasts b WHERE b.group_id = $1 AND b.id > $2 ORDER BY b.id OFFSET 0) b JOIN deliveries d ON d.broadcast_id = b.id"
	}
	return "SELECT " + deliveryColumns + ", COALESCE(a.id, d.attempt_id), COALESCE(a.state, 0), COALESCE(a.channel_id, d.channel_id) FROM " + from + " LEFT JOIN attempts a ON a.id = d.attempt_id AND d.attempts > 0" +
		" WHERE " + strings.Join(where, " AND ") + " ORDER BY " + order + " LIMIT " + arg(min(max(f.Limit, 1), 1000)), args, nil
}
