package roll

import (
	"slices"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
)

// Wishes is the source of evidence of a wish that concerns how a member is written to.
const Wishes = "wish"

// Wished is what a wish makes of a member's contact points.
type Wished struct {
	Points   []Found // in their new order
	Evidence []gateway.Consent
	Own      gateway.Own // OwnTopics if she has dropped any
}

// Wish carries a wish out on contact points, which come in the order that they had.
func Wish(topics []Topic, points []Found, w gateway.Wish, proof gateway.Consent) (Wished, error) {
	out := Wished{Points: slices.Clone(points)}
	rank := func(p Found) int {
		if i := slices.Index(w.Order, p.ID); i >= 0 {
			return i
		}
		return len(w.Order)
	}
	for _, id := range w.Order {
		if !slices.ContainsFunc(points, func(p Found) bool { return p.ID == id }) {
			return out, gateway.Faultf(gateway.CodeInvalid, "the order names a contact point that is not hers")
		}
	}
	slices.SortStableFunc(out.Points, func(a, b Found) int { return rank(a) - rank(b) })
	for _, t := range w.Topics {
		i := slices.IndexFunc(out.Points, func(p Found) bool { return p.ID == t.Point })
		bit := Bits(topics, []string{t.Topic})
		if i < 0 || bit == 0 || t.Taken && !slices.Contains(Names(topics, bit), t.Topic) {
			return out, gateway.Faultf(gateway.CodeInvalid, "topic %q: the group has no such topic, or she no such contact point", t.Topic)
		}
		p := &out.Points[i]
		if t.Taken && p.State == Unconfirmed {
			return out, gateway.Faultf(gateway.CodeConflict, "this contact point is not confirmed yet; it has to be before it can take a topic")
		}
		if t.Taken {
			p.Dropped &^= bit
		}
		if t.Taken == (p.Topics&bit != 0) {
			continue
		}
		if p.Topics ^= bit; !t.Taken {
			p.Dropped |= bit
		}
		c := proof
		c.ID, c.PointID, c.Topic, c.Granted = gateway.NewID(), p.ID, t.Topic, t.Taken
		out.Evidence = append(out.Evidence, c)
	}
	if proof.Source == Wishes && !proof.PointID.IsZero() {
		c := proof
		c.ID = gateway.NewID()
		out.Evidence = append(out.Evidence, c)
	}
	for _, p := range out.Points {
		if p.Dropped != 0 {
			out.Own = gateway.OwnTopics
		}
	}
	return out, nil
}

// WishColumns is what a wish writes to a member's row: locale, fallback, zone, quiet, neutral, paused_until and leads, in this order
// (nil: as it was), and what it adds to own.
func WishColumns(w gateway.Wish) []any {
	said := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	columns := []any{said(w.Locale), nil, said(w.Zone), Quiet(w.Quiet), nil, nil, Leads(w.Leads), int64(w.Own())}
	if w.Fallback != nil {
		columns[1] = strings.Join(w.Fallback, ",")
	}
	if w.Neutral != nil {
		columns[4] = *w.Neutral
	}
	if w.PausedUntil != nil {
		columns[5] = int64(0)
		if !w.PausedUntil.IsZero() {
			columns[5] = w.PausedUntil.UnixMicro()
		}
	}
	return columns
}

// Keep takes out of a row of an import what its member decided herself, and says whether it spoke of any such thing. Which
// topics she dropped is looked up at each contact point, see Granted.
func Keep(own gateway.Own, row *gateway.StagedMember) (hers bool) {
	has := func(o gateway.Own, said bool) bool {
		kept := own&o != 0 && said
		hers = hers || kept
		return kept
	}
	m := &row.Member
	if has(gateway.OwnLocale, !row.Keeps.Locale) {
		row.Keeps.Locale = true
	}
	if has(gateway.OwnFallback, !row.Keeps.Fallback) {
		row.Keeps.Fallback = true
	}
	if has(gateway.OwnZone, !row.Keeps.Zone) {
		row.Keeps.Zone = true
	}
	if has(gateway.OwnQuiet, m.Quiet != "") {
		m.Quiet = ""
	}
	if has(gateway.OwnLeadTimes, m.Leads != "") {
		m.Leads = ""
	}
	if has(gateway.OwnNeutral, !row.KeepsNeutral) {
		m.Neutral, row.KeepsNeutral = false, true
	}
	has(gateway.OwnTopics, len(row.Consents) > 0)
	return hers
}

// behind is where addresses begin that a file brings to a member who chose an order.
const behind = 1000

// Position is the position of a contact point that stands at i in a row of an import; fresh: it is new to her.
func Position(own gateway.Own, was, i int, fresh bool) int {
	switch {
	case own&gateway.OwnOrder == 0:
		return i
	case fresh:
		return behind + i
	}
	return was
}
