package sqlite

import (
	"bytes"
	"context"
	"slices"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

const (
	everyoneQuery = "SELECT id, import_id, locale, fallback, zone, neutral, tags, quiet, leads, paused_until, name_sealed IS NOT NULL FROM members WHERE group_id = ? AND id > ? ORDER BY id"
	namedQuery    = "SELECT id, import_id, locale, fallback, zone, neutral, tags, quiet, leads, paused_until, name_sealed IS NOT NULL FROM members WHERE group_id = ? AND id = ?"
	localeQuery   = "SELECT locale FROM members WHERE group_id = ? AND locale > ? ORDER BY locale LIMIT 1"
	hadQuery      = "SELECT state FROM deliveries WHERE group_no = ? AND broadcast_no = ? AND member_id = ?"
	// announcedQuery finds a delivery of a reminder that arrived, or may have, or that is still on its way.
	announcedQuery = `SELECT 1 FROM reminders r JOIN broadcasts b ON b.group_id = r.group_id AND b.id = r.broadcast_id
		JOIN deliveries d ON d.group_no = (SELECT no FROM groups WHERE id = ?1) AND d.broadcast_no = b.no AND d.member_id = ?5 LEFT JOIN attempts a ON a.no = d.attempt_no
		WHERE r.group_id = ?1 AND r.event_id = ?2 AND r.lead = ?3 AND r.start = ?4 AND (d.state = 3 OR a.state IN (1, 2, 3, 5) OR d.state <> 2 AND b.stopped = 0) LIMIT 1`
	pointsQuery = "SELECT member_id, id, position, kind, state, topics, country, confirm_by FROM contact_points WHERE group_id = ? AND member_id >= ? AND member_id <= ? ORDER BY member_id, id"
)

// Recipients pages through who is meant. Both reads are ranges of a clustered key, merged here.
func (s *Store) Recipients(ctx context.Context, group gateway.ID, a gateway.Audience, after gateway.ID, limit int) ([]gateway.Recipient, error) {
	_, topics, err := s.group(ctx, "id = ?", group[:])
	if err != nil {
		return nil, err
	}
	page := make([]gateway.Recipient, 0, limit)
	err = s.reading(ctx, func(c *lite.Conn) error {
		hidden, err := hiddenImports(c, group)
		if err != nil {
			return err
		}
		rule := newRule(a, hidden)
		if len(a.Had) > 0 {
			if rule.had, err = newHad(c, s.groups, group, a.Had...); err != nil {
				return err
			}
		}
		if !a.Not.IsZero() {
			if rule.not, err = newHad(c, s.groups, group, a.Not); err != nil {
				return err
			}
		}
		if a.Alert != nil {
			if rule.alert, err = alertCasts(c, s.groups, group, a.Alert.Alert, a.Alert.Asked); err != nil {
				return err
			}
			rule.alert.but = a.Alert.But
		}
		if a.Unless != (gateway.Announce{}) {
			rule.unless = &unless{c: c, group: group, what: a.Unless}
		}
		switch {
		case !a.Told.IsZero():
			page, err = rule.fill(c.Prepare(toldQuery).Key(1, group).Key(2, after).Key(3, a.Told), page, limit)
		case len(a.Members) > 0:
			page, err = rule.named(c, group, a.Members, after, page, limit)
		default:
			page, err = rule.fill(c.Prepare(everyoneQuery).Key(1, group).Key(2, after), page, limit)
		}
		if err != nil || len(page) == 0 {
			return err
		}
		known := map[string][]string{}
		for i := range page {
			if page[i].Quiet, err = row.Holidays(page[i].Quiet, known, freshOf(c, group)); err != nil {
				return err
			}
		}
		return s.addPoints(c, group, page, roll.Bits(topics, []string{a.Topic}))
	})
	return page, err
}

// Opening reads what a new broadcast is checked against.
func (s *Store) Opening(ctx context.Context, group gateway.ID, a gateway.Audience, limit int, _ bool) (o gateway.Opening, err error) {
	if o.Group, err = s.GroupByID(ctx, group); err != nil {
		return o, err
	}
	if o.Wordings, err = s.Wordings(ctx, group); err != nil {
		return o, err
	}
	o.First, err = s.Recipients(ctx, group, a, gateway.ID{}, limit)
	return o, err
}

// rule says whether a row of members is meant.
type rule struct {
	gateway.Audience
	hidden map[gateway.ID]bool
	tags   []string // each between commas, as in the row
	had    *had     // nil: whoever
	not    *had     // nil: whoever
	unless *unless  // nil: whoever
	alert  *casts   // nil: whoever
}

// had knows for whom broadcasts were planned, and for whom they have left.
type had struct {
	c          *lite.Conn
	group      int64
	broadcasts []int64
	err        error
}

func newHad(c *lite.Conn, groups *names, group gateway.ID, broadcasts ...gateway.ID) (*had, error) {
	t := &had{c: c, broadcasts: make([]int64, len(broadcasts))}
	var err error
	t.group, err = groups.no(c, group)
	for i := 0; err == nil && i < len(broadcasts); i++ {
		t.broadcasts[i], err = broadcastNo(c, group, broadcasts[i])
	}
	return t, err // 0: not this group's, so nobody had it
}

// has says whether one of them has left, or may have, for a member; with planned set, whether one was planned for her.
func (t *had) has(member gateway.ID, planned bool) bool {
	for _, broadcast := range t.broadcasts {
		r := t.c.Prepare(hadQuery).Int(1, t.group).Int(2, broadcast).Key(3, member)
		found := r.Step()
		if found && !planned {
			state := r.ColInt(0)
			found = state == row.Follows || state == row.Arrived
		}
		if err := r.Reset(); err != nil {
			t.err = err
		}
		if found {
			return true
		}
	}
	return false
}

// unless knows who has a reminder, or gets it from what is under way.
type unless struct {
	c     *lite.Conn
	group gateway.ID
	what  gateway.Announce
	err   error
}

func (t *unless) has(member gateway.ID) bool {
	r := t.c.Prepare(announcedQuery).Key(1, t.group).Key(2, t.what.Event).Text(3, t.what.Lead).Text(4, t.what.Start).Key(5, member)
	has := r.Step()
	if err := r.Reset(); err != nil {
		t.err = err
	}
	return has
}

func newRule(a gateway.Audience, hidden map[gateway.ID]bool) rule {
	r := rule{Audience: a, hidden: hidden}
	for _, tag := range a.Tags {
		r.tags = append(r.tags, ","+tag+",")
	}
	return r
}

func (u rule) holds(r *lite.Stmt) bool {
	if u.hidden != nil && u.hidden[r.ColID(1)] {
		return false
	}
	if len(u.Locales) > 0 && !u.Reads(r.ColWord(2)) {
		return false
	}
	for _, tag := range u.tags {
		if !bytes.Contains(r.ColBlob(6), []byte(tag)) {
			return false
		}
	}
	return (u.had == nil || u.had.has(r.ColID(0), false)) && (u.not == nil || !u.not.has(r.ColID(0), true)) && (u.unless == nil || !u.unless.has(r.ColID(0))) && (u.alert == nil || u.alert.has(r.ColID(0)))
}

// fill appends the members that are meant to a page.
func (u rule) fill(r *lite.Stmt, page []gateway.Recipient, limit int) ([]gateway.Recipient, error) {
	for len(page) < limit && r.Step() {
		if u.holds(r) {
			page = append(page, gateway.Recipient{Member: r.ColID(0), Locale: r.ColWord(2), Fallback: roll.Split(r.ColWord(3)), Zone: r.ColWord(4), Neutral: r.ColInt(5) != 0, Quiet: r.ColWord(7), Leads: r.ColWord(8), PausedUntil: r.ColTime(9), Named: r.ColInt(10) != 0})
		}
	}
	err := r.Reset()
	if u.had != nil && err == nil {
		err = u.had.err
	}
	if u.not != nil && err == nil {
		err = u.not.err
	}
	if u.unless != nil && err == nil {
		err = u.unless.err
	}
	if u.alert != nil && err == nil {
		err = u.alert.err
	}
	return page, err
}

// named looks the members of a list up, in order of their ids.
func (u rule) named(c *lite.Conn, group gateway.ID, ids []gateway.ID, after gateway.ID, page []gateway.Recipient, limit int) ([]gateway.Recipient, error) {
	ids = slices.Clone(ids)
	slices.SortFunc(ids, func(a, b gateway.ID) int { return bytes.Compare(a[:], b[:]) })
	for _, id := range slices.Compact(ids) {
		if bytes.Compare(id[:], after[:]) <= 0 {
			continue
		}
		var err error
		if page, err = u.fill(c.Prepare(namedQuery).Key(1, group).Key(2, id), page, len(page)+1); err != nil || len(page) == limit {
			return page, err
		}
	}
	return page, nil
}

// addPoints reads the contact points of a page in one range and merges them in.
func (s *Store) addPoints(c *lite.Conn, group gateway.ID, page []gateway.Recipient, mask int64) error {
	room := make([]gateway.PointRef, 0, len(page)+len(page)/2) // one piece of memory for most of the page
	order := make([]int, 0, 8)
	i, from, now := 0, 0, s.micros()
	r := c.Prepare(pointsQuery).Key(1, group).Key(2, page[0].Member).Key(3, page[len(page)-1].Member)
	for r.Step() {
		member := r.ColBlob(0)
		for i < len(page) && bytes.Compare(page[i].Member[:], member) < 0 {
			i, from, order = i+1, len(room), order[:0]
		}
		if i == len(page) || !bytes.Equal(page[i].Member[:], member) {
			continue // not meant
		}
		p := gateway.PointRef{ID: r.ColID(1), Kind: r.ColWord(3), State: roll.State(roll.StateNow(int(r.ColInt(4)), r.ColInt(7), now)), Subscribed: r.ColInt(5)&mask != 0, Country: r.ColWord(6)}
		if p.Country == "" && r.ColNull(6) { // not derived yet
			p.Country = s.country(p.Kind, "")
		}
		position, at := int(r.ColInt(2)), len(order)
		for at > 0 && order[at-1] > position {
			at--
		}
		order = slices.Insert(order, at, position)
		room = slices.Insert(room, from+at, p)
		page[i].Points = room[from:len(room):len(room)]
	}
	return r.Reset()
}

// Locales skips through an index, from each locale to the next.
func (s *Store) Locales(ctx context.Context, group gateway.ID, limit int) ([]string, error) {
	var locales []string
	err := s.reading(ctx, func(c *lite.Conn) error {
		last, more := "", true
		for more && len(locales) < limit {
			more = false
			if err := query(c, localeQuery, []any{group[:], last}, func(r *lite.Stmt) error {
				last, more = r.ColText(0), true
				locales = append(locales, last)
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	return locales, err
}
