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
	p := s.newPage(group, a, after, limit)
	list := ""
	err := s.ask(ctx, p.settings, p.question, question{"SELECT topics FROM groups WHERE id = $1", []any{group}, func(r pgx.Rows) error { return r.Scan(&list) }})
	if err == nil && list == "" {
		err = row.Missing("group")
	}
	var topics []roll.Topic
	if err == nil {
		err = fromJSON(list, &topics)
	}
	if err != nil {
		return nil, err
	}
	return p.finish(ctx, topics)
}

// Opening reads what a new broadcast is checked against.
func (s *Store) Opening(ctx context.Context, group gateway.ID, a gateway.Audience, limit int, urgent bool) (o gateway.Opening, err error) {
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return o, err
	}
	o.Wordings = map[string]map[string]string{}
	var topics []roll.Topic
	p, ask := s.newPage(group, a, gateway.ID{}, limit), s.ask
	if urgent {
		ask = s.askNow
	}
	err = ask(ctx, p.settings, p.question,
		question{"SELECT " + groupColumns + " WHERE id = $1", []any{group}, func(r pgx.Rows) (err error) {
			o.Group, topics, err = scanGroup(r)
			return err
		}},
		question{wordingsQuery, []any{group}, func(r pgx.Rows) error { return scanWording(r, key, group, o.Wordings) }})
	if err == nil && o.Group.ID.IsZero() {
		err = row.Missing("group")
	}
	if err != nil {
		return o, err
	}
	o.First, err = p.finish(ctx, topics)
	return o, err
}

// page is one of who is meant, as it is read.
type page struct {
	question
	settings string // how it is planned
	s        *Store
	group    gateway.ID
	topic    string
	all      []gateway.Recipient
	room     []gateway.PointRef // one piece of memory for most of the page
	granted  []int64            // the bits of topics of each contact point
	from     int                // where the points of the last member begin in room
}

func (s *Store) newPage(group gateway.ID, a gateway.Audience, after gateway.ID, limit int) *page {
	p := &page{settings: s.planning.page, s: s, group: group, topic: a.Topic, all: make([]gateway.Recipient, 0, limit), room: make([]gateway.PointRef, 0, limit+limit/2)}
	p.granted = make([]int64, 0, cap(p.room))
	p.scan = p.scanPoint
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
		p.settings = s.planning.plans // a few of many, wherever they are
	}
	if !a.Told.IsZero() {
		only(meantTold, a.Told)
		p.settings = s.planning.plans // a few of many
	}
	p.args = append(args, s.fixed())
	p.text = fmt.Sprintf(meantPoints, text, nowSQL("$"+strconv.Itoa(len(p.args))))
	return p
}

func (p *page) scanPoint(r pgx.Rows) error {
	var m gateway.Recipient
	var point gateway.PointRef
	var fallback string
	var state int
	var bits, confirmBy, now int64
	var country *string
	if err := r.Scan(&m.Member, &m.Locale, &fallback, &m.Zone, &m.Neutral, &m.Quiet, &m.Leads, &m.PausedUntil, &m.Named, &point.ID, &point.Kind, &state, &bits, &country, &confirmBy, &now); err != nil {
		return err
	}
	if n := len(p.all); n == 0 || p.all[n-1].Member != m.Member {
		m.Fallback, p.from = roll.Split(fallback), len(p.room)
		p.all = append(p.all, m)
	}
	if point.ID.IsZero() { // she has none
		return nil
	}
	point.State = roll.State(roll.StateNow(state, confirmBy, now))
	if country != nil {
		point.Country = *country
	} else { // not derived yet
		point.Country = p.s.country(point.Kind, "")
	}
	p.room, p.granted = append(p.room, point), append(p.granted, bits)
	p.all[len(p.all)-1].Points = p.room[p.from:len(p.room):len(p.room)]
	return nil
}

// finish says what the rows alone do not: when holidays keep members quiet, and to what they have agreed.
func (p *page) finish(ctx context.Context, topics []roll.Topic) (all []gateway.Recipient, err error) {
	known := map[string][]string{}
	for i := range p.all {
		if p.all[i].Quiet, err = row.Holidays(p.all[i].Quiet, known, freshOf(reader{ctx, p.s}, p.group)); err != nil {
			return nil, err
		}
	}
	mask, n := roll.Bits(topics, []string{p.topic}), 0
	for i := range p.all {
		for j := range p.all[i].Points {
			p.all[i].Points[j].Subscribed = p.granted[n]&mask != 0
			n++
		}
	}
	return p.all, nil
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
