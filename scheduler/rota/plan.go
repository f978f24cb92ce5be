package rota

import (
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Plan is a rota, read. It may be used by many at once.
type Plan struct {
	rota    *gateway.Rota
	loc     *time.Location
	step    civil.Wall  // how long a turn lasts on a clock that nobody sets; zero: the turns are listed
	listed  []time.Time // when the turns of a list begin, never falling
	end     time.Time   // when the last turn ends; zero: never
	changes []change    // overrides, then absences
	gone    Gone
}

// change is an override or an absence on the clocks of the zone.
type change struct {
	from, to time.Time
	by       *gateway.RotaOverride // nil: an absence
	away     gateway.ID
}

func (c *change) holds(at time.Time) bool { return !at.Before(c.from) && at.Before(c.to) }

// Read makes a plan of a rota that Check has passed; gone may be nil: nobody is.
func Read(r *gateway.Rota, gone Gone) (*Plan, error) {
	loc, err := civil.Zone(r.Zone)
	if err != nil {
		return nil, gateway.Faultf(gateway.CodeInvalid, "zone: %w", err)
	}
	if gone == nil {
		gone = func(gateway.ID) bool { return false }
	}
	p := &Plan{rota: r, loc: loc, gone: gone}
	switch r.Kind {
	case gateway.RotaDays:
		p.step = civil.Wall(max(r.Every, 1)) * civil.Day
	case gateway.RotaWeeks:
		p.step = civil.Wall(max(r.Every, 1)) * 7 * civil.Day
	default:
		for _, t := range r.Turns {
			at := p.instant(t.From)
			if n := len(p.listed); n > 0 && at.Before(p.listed[n-1]) { // in a gap of the clocks: never backwards
				at = p.listed[n-1]
			}
			p.listed = append(p.listed, at)
		}
	}
	if r.Until != 0 {
		p.end = p.instant(r.Until)
	}
	for i := range r.Overrides {
		o := &r.Overrides[i]
		p.changes = append(p.changes, change{from: p.instant(o.From), to: p.instant(o.To), by: o})
	}
	for _, a := range r.Away {
		p.changes = append(p.changes, change{from: p.instant(a.From), to: p.instant(a.To), away: a.Member})
	}
	return p, nil
}

func (p *Plan) instant(w civil.Wall) time.Time { return civil.In(w, p.loc).Instant() }

// wall is what the clocks of the rota show at an instant.
func (p *Plan) wall(at time.Time) civil.Wall { return civil.Of(at, p.loc).Wall }

// begin says when a turn begins, counted from 0; false: there is no such turn. Turns begin in their order, some at the same
// instant: where a date does not exist, its turn takes no time.
func (p *Plan) begin(n int64) (time.Time, bool) {
	if p.step == 0 {
		switch {
		case n < int64(len(p.listed)):
			return p.listed[n], true
		case n == int64(len(p.listed)) && n > 0 && !p.end.IsZero():
			return p.end, true
		}
		return time.Time{}, false
	}
	return p.instant(p.rota.Start + civil.Wall(n)*p.step), true
}

// last gives the number of the turn that runs at an instant, or of the first if none has begun.
func (p *Plan) last(at time.Time) int64 {
	n := int64(0)
	if p.step > 0 {
		n = max(0, int64((p.wall(at)-p.rota.Start)/p.step))
	}
	for n > 0 {
		if begins, ok := p.begin(n); ok && !begins.After(at) {
			break
		}
		n--
	}
	for {
		begins, ok := p.begin(n + 1)
		if !ok || begins.After(at) {
			return n
		}
		n++
	}
}

// turn gives who has a turn by the rotation.
func (p *Plan) turn(n int64) gateway.ID {
	if p.step == 0 {
		return p.rota.Turns[n].Member
	}
	if len(p.rota.Members) == 0 {
		return gateway.ID{}
	}
	return p.rota.Members[n%int64(len(p.rota.Members))]
}

// Turns gives whole turns, or pieces of them where they were changed, that hold any part of a time, in their order; each but the
// first begins when the one before it ends. Behind the last turn there are none.
func (p *Plan) Turns(from, to time.Time) []gateway.RotaTurn {
	turns := []gateway.RotaTurn{}
	for n := p.last(from); ; n++ {
		begins, ok := p.begin(n)
		ends, more := p.begin(n + 1)
		if !p.end.IsZero() && ends.After(p.end) {
			ends = p.end
		}
		if !ok || !more || !begins.Before(to) || !p.end.IsZero() && !begins.Before(p.end) {
			break
		}
		if begins.Before(ends) {
			turns = append(turns, p.pieces(n, begins, ends)...)
		}
	}
	return slices.DeleteFunc(turns, func(t gateway.RotaTurn) bool { return !t.To.After(from) || !t.From.Before(to) })
}

// pieces cuts a turn where something that was changed begins or ends.
func (p *Plan) pieces(n int64, begins, ends time.Time) []gateway.RotaTurn {
	cuts := []time.Time{begins, ends}
	for _, c := range p.changes {
		for _, edge := range [...]time.Time{c.from, c.to} {
			if edge.After(begins) && edge.Before(ends) {
				cuts = append(cuts, edge)
			}
		}
	}
	slices.SortFunc(cuts, time.Time.Compare)
	cuts = slices.CompactFunc(cuts, time.Time.Equal)
	var all []gateway.RotaTurn
	for i, from := range cuts[:len(cuts)-1] {
		piece := p.holder(n, from)
		piece.From, piece.To = from, cuts[i+1]
		if last := len(all) - 1; last >= 0 && all[last].Member == piece.Member && all[last].Planned == piece.Planned && all[last].Why == piece.Why {
			all[last].To = piece.To
			continue
		}
		all = append(all, piece)
	}
	return all
}

// holder says who has a turn at an instant: the latest override, or else the rotation, unless she is away or no member any more.
func (p *Plan) holder(n int64, at time.Time) gateway.RotaTurn {
	planned := p.turn(n)
	t := gateway.RotaTurn{Member: planned}
	for _, c := range p.changes {
		if c.by != nil && c.holds(at) {
			t.Member, t.Why = c.by.Member, gateway.TurnOverride
			if !c.by.Swap.IsZero() {
				t.Why = gateway.TurnSwap
			}
		}
	}
	away := func(c change) bool { return c.by == nil && c.away == t.Member && c.holds(at) }
	switch {
	case t.Member.IsZero():
		t.Why = gateway.TurnNobody
	case p.gone(t.Member):
		t.Member, planned, t.Why = gateway.ID{}, gateway.ID{}, gateway.TurnLeft
	case slices.ContainsFunc(p.changes, away):
		t.Member, planned, t.Why = gateway.ID{}, t.Member, gateway.TurnAway
	}
	if t.Member != planned {
		t.Planned = planned
	}
	return t
}

// At gives the turn that runs at an instant; false: none does.
func (p *Plan) At(at time.Time) (gateway.RotaTurn, bool) {
	turns := p.Turns(at, at.Add(time.Nanosecond))
	if len(turns) == 0 {
		return gateway.RotaTurn{}, false
	}
	return turns[0], true
}

// Gaps gives the stretches of a time for which nobody is on duty, whole turns and pieces that touch taken together.
func (p *Plan) Gaps(from, to time.Time) []gateway.Span {
	var gaps []gateway.Span
	for _, t := range p.Turns(from, to) {
		if !t.Member.IsZero() {
			continue
		}
		if last := len(gaps) - 1; last >= 0 && gaps[last].To.Equal(t.From) {
			gaps[last].To = t.To
			continue
		}
		gaps = append(gaps, gateway.Span{From: t.From, To: t.To})
	}
	return gaps
}
