package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
)

// A page of members and, in the same statement, their contact points. Labels stand between commas, so that one is found
// as a whole. An empty list asks for nothing.
const (
	meantHead = `SELECT m.id, m.locale, m.fallback, m.zone, m.neutral, COALESCE(p.id, '00000000-0000-0000-0000-000000000000'), COALESCE(p.kind, ''), COALESCE(p.state, 0), COALESCE(p.topics, 0), p.country
		FROM (SELECT id, locale, fallback, zone, neutral FROM members m WHERE m.group_id = $1 AND m.id > $2`
	meantTail = ` AND (cardinality($4::text[]) = 0 OR m.locale = ANY($4)) AND NOT EXISTS (SELECT 1 FROM unnest($5::text[]) tag WHERE position(tag IN m.tags) = 0)
		AND ` + visible + ` ORDER BY m.id LIMIT $3) m
		LEFT JOIN LATERAL (SELECT * FROM contact_points WHERE group_id = $1 AND member_id = m.id ORDER BY position) p ON true ORDER BY m.id, p.position`
	everyoneQuery = meantHead + meantTail
	namedQuery    = meantHead + " AND m.id = ANY($6)" + meantTail
)

// Recipients pages through who is meant.
func (s *Store) Recipients(ctx context.Context, group gateway.ID, a gateway.Audience, after gateway.ID, limit int) ([]gateway.Recipient, error) {
	_, topics, err := s.group(ctx, "id = $1", group)
	if err != nil {
		return nil, err
	}
	mask := roll.Bits(topics, []string{a.Topic})
	tags := make([]string, len(a.Tags))
	for i, tag := range a.Tags {
		tags[i] = "," + tag + ","
	}
	locales := a.Locales
	if locales == nil {
		locales = []string{}
	}
	text, args := everyoneQuery, []any{group, after, limit, locales, tags}
	if len(a.Members) > 0 {
		text, args = namedQuery, append(args, a.Members)
	}
	page := make([]gateway.Recipient, 0, limit)
	room := make([]gateway.PointRef, 0, limit+limit/2) // one piece of memory for most of the page
	from := 0
	err = s.query(ctx, text, args, func(r pgx.Rows) error {
		var m gateway.Recipient
		var p gateway.PointRef
		var fallback string
		var state int
		var bits int64
		var country *string
		if err := r.Scan(&m.Member, &m.Locale, &fallback, &m.Zone, &m.Neutral, &p.ID, &p.Kind, &state, &bits, &country); err != nil {
			return err
		}
		if n := len(page); n == 0 || page[n-1].Member != m.Member {
			m.Fallback, from = roll.Split(fallback), len(room)
			page = append(page, m)
		}
		if p.ID.IsZero() { // she has none
			return nil
		}
		p.State, p.Subscribed = roll.State(state), bits&mask != 0
		if country != nil {
			p.Country = *country
		} else { // not derived yet
			p.Country = s.country(p.Kind, "")
		}
		room = append(room, p)
		page[len(page)-1].Points = room[from:len(room):len(room)]
		return nil
	})
	return page, err
}
