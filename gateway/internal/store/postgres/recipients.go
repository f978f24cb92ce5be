package postgres

import (
	"context"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

// A page of members and, in the same statement, their contact points. Labels stand between commas, so that one is found
// as a whole. What nobody asks for is not in the statement: a condition that always holds costs as much as the rest.
const (
	meantMembers = "SELECT id, locale, fallback, zone, neutral, quiet, leads, paused_until, name_sealed IS NOT NULL AS named FROM members m WHERE m.group_id = $1 AND m.id > $2 AND " + visible
	meantLocales = " AND (m.locale = ANY(%[1]s) OR split_part(m.locale, '-u-', 1) = ANY(%[1]s))"
	meantTags    = " AND NOT EXISTS (SELECT 1 FROM unnest(%s::text[]) tag WHERE position(tag IN m.tags) = 0)"
	meantNames   = " AND m.id = ANY(%s)"
	// meantTold: with a delivery of a reminder of an event that arrived, or may have.
	meantTold = ` AND EXISTS (SELECT 1 FROM reminders r JOIN deliveries d ON d.group_id = r.group_id AND d.broadcast_id = r.broadcast_id AND d.member_id = m.id LEFT JOIN attempts a ON a.group_id = d.group_id AND a.id = d.attempt_id
		WHERE r.group_id = $1 AND r.event_id = %s AND r.lead <> '' AND (d.state = 3 OR a.state IN (1, 2, 3, 5)))`
	// meantHad: one of some broadcasts has left, or may have, for her.
	meantHad = " AND EXISTS (SELECT 1 FROM deliveries d WHERE d.group_id = $1 AND d.broadcast_id = ANY(%s) AND d.member_id = m.id AND d.state IN (1, 3))" // row.Follows, row.Arrived
	// meantNot: a broadcast was not planned for her.
	meantNot = " AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.group_id = $1 AND d.broadcast_id = %s AND d.member_id = m.id)"
	// meantAlert: the text of an alert has left, or may have, for her.
	meantAlert = ` AND EXISTS (SELECT 1 FROM alert_broadcasts ab JOIN deliveries d ON d.group_id = ab.group_id AND d.broadcast_id = ab.broadcast_id AND d.member_id = m.id LEFT JOIN attempts a ON a.group_id = d.group_id AND a.id = d.attempt_id
		WHERE ab.group_id = $1 AND ab.alert_id = %s AND ab.says AND (d.state IN (1, 3) OR a.state IN (1, 2, 3, 5) OR d.attempts > 1)%s)`
	meantNotThese = " AND NOT m.id = ANY(%s)"
	// meantUnless: without a delivery of a reminder that arrived, or may have, or that is still on its way.
	meantUnless = ` AND NOT EXISTS (SELECT 1 FROM reminders r JOIN broadcasts b ON b.group_id = r.group_id AND b.id = r.broadcast_id JOIN deliveries d ON d.group_id = r.group_id AND d.broadcast_id = r.broadcast_id AND d.member_id = m.id
		LEFT JOIN attempts a ON a.group_id = d.group_id AND a.id = d.attempt_id WHERE r.group_id = $1 AND r.event_id = $%d AND r.lead = $%d AND r.start = $%d AND (d.state = 3 OR a.state IN (1, 2, 3, 5) OR d.state <> 2 AND NOT b.stopped))`
	meantPoints = `WITH m AS MATERIALIZED (%s ORDER BY m.id LIMIT $3)
		SELECT m.id, m.locale, m.fallback, m.zone, m.neutral, m.quiet, m.leads, m.paused_until, m.named, COALESCE(p.id, '00000000-0000-0000-0000-000000000000'), COALESCE(p.kind, ''), COALESCE(p.state, 0), COALESCE(p.topics, 0), p.country, COALESCE(p.confirm_by, 0), %s
		FROM m LEFT JOIN contact_points p ON p.group_id = $1 AND p.member_id = m.id ORDER BY m.id, p.position`
)

// Recipients pages through who is meant.
func (s *Store) Recipients(ctx context.Context, group gateway.ID, a gateway.Audience, after gateway.ID, limit int) ([]gateway.Recipient, error) {
	text, args := meantMembers, []any{group, after, limit}
	only := func(condition string, arg any) {
		args = append(args, arg)
		text += fmt.Sprintf(condition, "$"+strconv.Itoa(len(args)))
	}
	if len(a.Locales) > 0 {
		only(meantLocales, a.Locales)
	}
	if len(a.Tags) > 0 {
		tags := make([]string, len(a.Tags))
		for i, tag := range a.Tags {
			tags[i] = "," + tag + ","
		}
		only(meantTags, tags)
	}
	if len(a.Had) > 0 {
		only(meantHad, a.Had)
	}
	if !a.Not.IsZero() {
		only(meantNot, a.Not)
	}
	settings := s.planning.page
	if told := a.Alert; told != nil {
		args = append(args, told.Alert)
		asked := ""
		if told.Asked {
			asked = " AND ab.asks"
		}
		text += fmt.Sprintf(meantAlert, "$"+strconv.Itoa(len(args)), asked)
		if len(told.But) > 0 {
			only(meantNotThese, told.But)
		}
	}
	if a.Unless != (gateway.Announce{}) {
		n := len(args)
		args = append(args, a.Unless.Event, a.Unless.Lead, a.Unless.Start)
		text += fmt.Sprintf(meantUnless, n+1, n+2, n+3)
	}
	if len(a.Members) > 0 {
		only(meantNames, a.Members)
		settings = s.planning.plans // a few of many, wherever they are
	}
	if !a.Told.IsZero() {
		only(meantTold, a.Told)
		settings = s.planning.plans // a few of many
	}
	args = append(args, s.fixed())
	text = fmt.Sprintf(meantPoints, text, nowSQL("$"+strconv.Itoa(len(args))))
	page := make([]gateway.Recipient, 0, limit)
	room := make([]gateway.PointRef, 0, limit+limit/2) // one piece of memory for most of the page
	from := 0
	granted := make([]int64, 0, cap(room))
	var list string
	err := s.ask(ctx, settings, question{text, args, func(r pgx.Rows) error {
		var m gateway.Recipient
		var p gateway.PointRef
		var fallback string
		var state int
		var bits, confirmBy, now int64
		var country *string
		if err := r.Scan(&m.Member, &m.Locale, &fallback, &m.Zone, &m.Neutral, &m.Quiet, &m.Leads, &m.PausedUntil, &m.Named, &p.ID, &p.Kind, &state, &bits, &country, &confirmBy, &now); err != nil {
			return err
		}
		if n := len(page); n == 0 || page[n-1].Member != m.Member {
			m.Fallback, from = roll.Split(fallback), len(room)
			page = append(page, m)
		}
		if p.ID.IsZero() { // she has none
			return nil
		}
		p.State = roll.State(roll.StateNow(state, confirmBy, now))
		if country != nil {
			p.Country = *country
		} else { // not derived yet
			p.Country = s.country(p.Kind, "")
		}
		room, granted = append(room, p), append(granted, bits)
		page[len(page)-1].Points = room[from:len(room):len(room)]
		return nil
	}}, question{"SELECT topics FROM groups WHERE id = $1", []any{group}, func(r pgx.Rows) error { return r.Scan(&list) }})
	if err == nil && list == "" {
		err = row.Missing("group")
	}
	var topics []roll.Topic // what the bits of a contact point mean
	if err == nil {
		err = fromJSON(list, &topics)
	}
	if err != nil {
		return nil, err
	}
	known := map[string][]string{}
	for i := range page {
		if page[i].Quiet, err = row.Holidays(page[i].Quiet, known, freshOf(reader{ctx, s}, group)); err != nil {
			return nil, err
		}
	}
	mask, n := roll.Bits(topics, []string{a.Topic}), 0
	for i := range page {
		for j := range page[i].Points {
			page[i].Points[j].Subscribed = granted[n]&mask != 0
			n++
		}
	}
	return page, nil
}

// localesQuery skips through an index, from each locale to the next.
const localesQuery = `WITH RECURSIVE l AS (
		SELECT ''::text AS locale UNION ALL
		SELECT (SELECT m.locale FROM members m WHERE m.group_id = $1 AND m.locale COLLATE "C" > l.locale ORDER BY m.locale COLLATE "C" LIMIT 1) FROM l WHERE l.locale IS NOT NULL)
	SELECT locale FROM l WHERE locale <> '' LIMIT $2`

// Locales lists what members read.
func (s *Store) Locales(ctx context.Context, group gateway.ID, limit int) ([]string, error) {
	var locales []string
	err := s.query(ctx, localesQuery, []any{group, limit}, func(r pgx.Rows) error {
		var locale string
		err := r.Scan(&locale)
		locales = append(locales, locale)
		return err
	})
	return locales, err
}
