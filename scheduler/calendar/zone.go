package calendar

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-ical"

	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler/recur"
)

// zones finds the zones that a calendar names. It is made for reading one calendar, by one goroutine.
type zones struct {
	described map[string]block // the calendar's own VTIMEZONEs, by TZID
	found     map[string]found
	years     *int // that may still be looked at for changes of clocks, of all zones of the file together
}

type found struct {
	loc *time.Location
	err error
}

func newZones(blocks []block, years *int) *zones {
	z := &zones{map[string]block{}, map[string]found{}, years}
	for _, b := range blocks {
		for _, line := range b.lines {
			if i := headEnd(line); i >= 4 && strings.EqualFold(line[:4], "TZID") && (line[4] == ':' || line[4] == ';') {
				z.described[text(line[i+1:])] = b
			}
		}
	}
	return z
}

// find gives the zone that a TZID means: the IANA zone of that name, also with a maker's prefix; that of a Windows name;
// what the calendar's VTIMEZONE says is its name; or, evaluated, what it says its clocks do.
func (z *zones) find(tzid string) (*time.Location, error) {
	f, ok := z.found[tzid]
	if !ok && len(z.found) >= maxZones {
		return nil, fmt.Errorf("the calendar names more than %d time zones", maxZones)
	}
	if !ok {
		f.loc, f.err = z.search(tzid)
		z.found[tzid] = f
	}
	return f.loc, f.err
}

func (z *zones) search(tzid string) (*time.Location, error) {
	if loc := byName(tzid); loc != nil {
		return loc, nil
	}
	if loc, err := civil.Zone(windowsZone(tzid)); err == nil {
		return loc, nil
	}
	b, ok := z.described[text(tzid)]
	if !ok {
		return nil, fmt.Errorf("the time zone %q is unknown, and the calendar does not describe it", shorten(tzid))
	}
	c, err := b.decode()
	if err == nil {
		if loc := byName(strings.TrimSpace(value(c, "X-LIC-LOCATION"))); loc != nil {
			return loc, nil
		}
		var loc *time.Location
		if loc, err = evaluate(c, z.years); err == nil {
			return loc, nil
		}
	}
	return nil, fmt.Errorf("the time zone %q cannot be used: %w", shorten(tzid), err)
}

// byName finds an IANA zone, also behind a prefix as in "/freeassociation.sourceforge.net/Europe/Berlin"; nil if there is
// none.
func byName(name string) *time.Location {
	if loc, err := civil.Zone(name); err == nil {
		return loc
	}
	parts := strings.Split(name, "/")
	for n := 3; n >= 2 && parts[0] == ""; n-- { // a single word at the end of a path may be anything
		if loc, err := civil.Zone(strings.Join(parts[max(1, len(parts)-n):], "/")); err == nil {
			return loc
		}
	}
	return nil
}

// onset is when the clocks of a described zone begin to keep an offset.
type onset struct {
	at     int64 // Unix seconds
	offset int64 // seconds east of Greenwich
}

// Described zones are evaluated up to a year, after which they keep their last offset.
const (
	lastYear  = 2200
	maxZones  = 200    // that one calendar may name
	maxOnsets = 10_000 // of one zone; two a year since 1601 are 1200
	maxParts  = 200    // STANDARD and DAYLIGHT of one zone
	// maxYears bounds the years that the rules of all zones of a file are followed through, whether or not they find anything: each
	// takes some 2 µs. Two rules since 1601, as some programs write, are 1200.
	maxYears = 300_000
)

// evaluate makes a zone of what a VTIMEZONE describes (section 3.6.5).
func evaluate(c *ical.Component, years *int) (*time.Location, error) {
	var all []onset
	var initial, earliest int64
	budget := maxOnsets
	if len(c.Children) > maxParts {
		return nil, fmt.Errorf("its description has more than %d parts", maxParts)
	}
	for _, child := range c.Children {
		from, err := readOffset(value(child, "TZOFFSETFROM"))
		if err != nil {
			return nil, err
		}
		to, err := readOffset(value(child, "TZOFFSETTO"))
		if err != nil {
			return nil, err
		}
		walls, err := onsets(child, from, &budget, years)
		if err != nil {
			return nil, err
		}
		for _, w := range walls {
			at := int64(w) - from
			if len(all) == 0 || at < earliest {
				earliest, initial = at, from
			}
			all = append(all, onset{at, to})
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("its description has no offsets")
	}
	slices.SortStableFunc(all, func(a, b onset) int { return int(max(-1, min(1, a.at-b.at))) })
	return location(initial, all)
}

// onsets gives the wall times, in the offset that was kept until then, at which a STANDARD or DAYLIGHT begins.
func onsets(c *ical.Component, from int64, budget, years *int) ([]civil.Wall, error) {
	p := c.Props.Get("DTSTART")
	if p == nil {
		return nil, fmt.Errorf("its description has no DTSTART")
	}
	none := newZones(nil, nil)
	start, err := readStamp(p.Value, ical.Prop{Name: "DTSTART"}, none)
	if err != nil {
		return nil, err
	}
	all := []civil.Wall{start.wall}
	for _, p := range c.Props.Values("RDATE") {
		dates, err := readPeriods(ical.Prop{Name: "RDATE", Value: p.Value}, none)
		if err != nil {
			return nil, err
		}
		for _, d := range dates {
			all = append(all, d.start.wall)
		}
	}
	if *budget -= len(all); *budget < 0 {
		return nil, recur.ErrTooMany
	}
	if p := c.Props.Get("RRULE"); p != nil {
		rule, err := recur.Parse(p.Value)
		if err != nil {
			return nil, err
		}
		if !rule.Yearly() {
			return nil, fmt.Errorf("its clocks change otherwise than by the year")
		}
		if *years -= max(0, lastYear-start.wall.Fields().Year()); *years < 0 {
			return nil, recur.ErrTooMany
		}
		err = rule.Walk(start.wall, start.wall, civil.At(lastYear, 12, 31, 0, 0, 0), budget, func(w civil.Wall) bool {
			if rule.Over(civil.Moment{Wall: w, Offset: from}) {
				return false
			}
			if w != start.wall {
				all = append(all, w)
			}
			return true
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// readOffset reads "+0100", "-0330" or "+053000", in seconds.
func readOffset(value string) (int64, error) {
	value = strings.TrimSpace(value)
	wrong := fmt.Errorf("%q is no offset", shorten(value))
	if len(value) != 5 && len(value) != 7 || value[0] != '+' && value[0] != '-' {
		return 0, wrong
	}
	var n [3]int64
	for i := 1; i < len(value); i++ {
		if value[i] < '0' || value[i] > '9' {
			return 0, wrong
		}
		n[(i-1)/2] = n[(i-1)/2]*10 + int64(value[i]-'0')
	}
	seconds := n[0]*3600 + n[1]*60 + n[2]
	if n[1] > 59 || n[2] > 59 || seconds > 18*3600 {
		return 0, wrong
	}
	if value[0] == '-' {
		seconds = -seconds
	}
	return seconds, nil
}

// location writes onsets as a zone file (RFC 8536) and has Go read it, so that the rules of package civil hold for
// described zones too.
func location(initial int64, all []onset) (*time.Location, error) {
	offsets := []int64{initial} // the first is for what comes before; Go looks for one that no onset uses
	var times, kinds []byte
	for i, o := range all {
		if i+1 < len(all) && all[i+1].at == o.at {
			continue
		}
		kind := slices.Index(offsets[1:], o.offset) + 1
		if kind == 0 {
			kind = len(offsets)
			offsets = append(offsets, o.offset)
		}
		times, kinds = binary.BigEndian.AppendUint64(times, uint64(o.at)), append(kinds, byte(kind))
	}
	if len(offsets) > 200 {
		return nil, fmt.Errorf("its description has too many offsets")
	}
	header := func(times, types, chars int) []byte {
		h := append([]byte("TZif2"), make([]byte, 15)...)
		for _, n := range []int{0, 0, 0, times, types, chars} {
			h = binary.BigEndian.AppendUint32(h, uint32(n))
		}
		return h
	}
	file := slices.Concat(header(0, 0, 0), header(len(kinds), len(offsets), 4), times, kinds)
	for _, off := range offsets {
		file = append(binary.BigEndian.AppendUint32(file, uint32(int32(off))), 0, 0)
	}
	file = append(file, "LMT\x00\n\n"...)
	return time.LoadLocationFromTZData(describedZone, file)
}

// describedZone is the name of zones that only their calendars know.
const describedZone = "described"
