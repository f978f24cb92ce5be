package calendar

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Publication is a calendar to write.
type Publication struct {
	Name    string        // as programs show it; empty: they show what they like
	Product string        // who wrote it, as in "-//Example//Calendar//EN"
	Method  string        // PUBLISH for a feed, REQUEST or CANCEL for an event that is sent; empty: PUBLISH
	Refresh time.Duration // how often subscribers are to look, in whole minutes; zero: they look when they like
	Entries []Entry
}

// Entry is an event of a Publication. What is empty is left out.
type Entry struct {
	UID         string
	Start, End  Time           // of one kind; without an end, End is Start
	Zone        *time.Location // whose clocks an instant is shown on; nil: UTC
	Status      string         // CONFIRMED, TENTATIVE or CANCELLED
	Sequence    int
	Changed     time.Time // when it became what it is
	Summary     string
	Location    string
	Description string
	Link        string
	Alarms      []Alarm
}

// Alarm is when a program reminds of an entry.
type Alarm struct {
	At     time.Time     // an instant; zero: Before counts
	Before time.Duration // before the start, in whole seconds
}

// Write gives a calendar as a file (RFC 5545, with the names of RFC 7986 beside those that programs knew before). The same
// publication gives the same bytes. A time is written on the clocks of its zone, with a description of that zone for
// programs that do not know it, or in UTC where clocks show that time twice: programs differ in which one they take.
func Write(p Publication) []byte {
	w := &writer{breaks: strings.NewReplacer("\r\n", "\n", "\r", "\n"), escapes: strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`)}
	w.line("BEGIN", "VCALENDAR")
	w.line("VERSION", "2.0")
	w.text("PRODID", p.Product)
	w.line("CALSCALE", "GREGORIAN")
	w.line("METHOD", cmp.Or(p.Method, "PUBLISH"))
	if p.Name != "" {
		w.text("NAME", p.Name)
		w.text("X-WR-CALNAME", p.Name)
	}
	if p.Refresh > 0 {
		every := fmt.Sprintf("PT%dM", int(p.Refresh.Minutes()))
		w.line("REFRESH-INTERVAL;VALUE=DURATION", every)
		w.line("X-PUBLISHED-TTL", every)
	}
	for _, z := range zonesOf(p.Entries) {
		w.zone(z)
	}
	for _, e := range p.Entries {
		w.entry(e)
	}
	w.line("END", "VCALENDAR")
	return w.out.Bytes()
}

type writer struct {
	out             bytes.Buffer
	breaks, escapes *strings.Replacer
}

// maxLine is the longest line, without its end, in bytes (section 3.1).
const maxLine = 75

// line writes a property, folded so that no character is cut.
func (w *writer) line(name, value string) {
	s := name + ":" + value
	for room := maxLine; len(s) > room; room = maxLine - 1 {
		cut := room
		for cut > 1 && !utf8.RuneStart(s[cut]) {
			cut--
		}
		w.out.WriteString(s[:cut] + "\r\n ")
		s = s[cut:]
	}
	w.out.WriteString(s + "\r\n")
}

// text writes a property whose value is a text, if there is any (section 3.3.11).
func (w *writer) text(name, value string) {
	if value == "" {
		return
	}
	value = w.breaks.Replace(strings.ToValidUTF8(value, "\ufffd"))
	value = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, value)
	w.line(name, w.escapes.Replace(value))
}

func (w *writer) entry(e Entry) {
	w.line("BEGIN", "VEVENT")
	w.text("UID", e.UID)
	changed := e.Changed.UTC().Format(utcForm)
	w.line("DTSTAMP", changed)
	w.line("LAST-MODIFIED", changed)
	w.line("SEQUENCE", strconv.Itoa(e.Sequence))
	w.time("DTSTART", e.Start, e.Zone)
	if e.End != e.Start {
		w.time("DTEND", e.End, e.Zone)
	}
	if e.Status != "" {
		w.line("STATUS", e.Status)
	}
	w.text("SUMMARY", e.Summary)
	w.text("LOCATION", e.Location)
	w.text("DESCRIPTION", e.Description)
	if link := strings.TrimSpace(e.Link); link != "" && !strings.ContainsAny(link, "\r\n") {
		w.line("URL", link)
	}
	for _, a := range e.Alarms {
		w.line("BEGIN", "VALARM")
		w.line("ACTION", "DISPLAY")
		w.text("DESCRIPTION", cmp.Or(e.Summary, "-"))
		if a.At.IsZero() {
			w.line("TRIGGER", "-"+duration(a.Before))
		} else {
			w.line("TRIGGER;VALUE=DATE-TIME", a.At.UTC().Format(utcForm))
		}
		w.line("END", "VALARM")
	}
	w.line("END", "VEVENT")
}

const (
	wallForm = "20060102T150405"
	utcForm  = wallForm + "Z"
	dateForm = "20060102"
)

func (w *writer) time(name string, t Time, loc *time.Location) {
	switch t.Kind {
	case Date:
		w.line(name+";VALUE=DATE", t.Moment.Wall.Fields().Format(dateForm))
	case Floating:
		w.line(name, t.Moment.Wall.Fields().Format(wallForm))
	default:
		at := t.Moment.Instant()
		if m, ok := shown(at, loc); ok {
			w.line(name+";TZID="+loc.String(), m.Wall.Fields().Format(wallForm))
		} else {
			w.line(name, at.Format(utcForm))
		}
	}
}

// shown gives what clocks of a zone show at an instant, unless they show it twice, or there is no such zone.
func shown(at time.Time, loc *time.Location) (civil.Moment, bool) {
	if !named(loc) {
		return civil.Moment{}, false
	}
	m := civil.Of(at, loc)
	return m, m.Note == "" && m.Offset%60 == 0
}

// named tells whether a zone can be named and described in a calendar.
func named(loc *time.Location) bool {
	return loc != nil && loc.String() != "UTC" && loc.String() != "Local" && loc.String() != describedZone && loc.String() != ""
}

// duration writes a length of time of whole seconds (section 3.3.6).
func duration(d time.Duration) string {
	s := int64(d / time.Second)
	if s == 0 {
		return "PT0S"
	}
	days, rest := s/86400, s%86400
	out := "P"
	if days > 0 {
		out += fmt.Sprintf("%dD", days)
	}
	if rest == 0 {
		return out
	}
	out += "T"
	for _, unit := range []struct {
		length int64
		letter string
	}{{3600, "H"}, {60, "M"}, {1, "S"}} {
		if n := rest / unit.length; n > 0 {
			out += fmt.Sprintf("%d%s", n, unit.letter)
		}
		rest %= unit.length
	}
	return out
}

// used is a zone with the stretch of time that entries need of it.
type used struct {
	loc      *time.Location
	from, to int64 // Unix seconds
}

// zonesOf lists the zones that entries name, by their names.
func zonesOf(entries []Entry) []used {
	byName := map[string]*used{}
	for _, e := range entries {
		for _, t := range []Time{e.Start, e.End} {
			if t.Kind != Instant || !named(e.Zone) {
				continue
			}
			at := t.Moment.Instant().Unix()
			z := byName[e.Zone.String()]
			if z == nil {
				z = &used{e.Zone, at, at}
				byName[e.Zone.String()] = z
			}
			z.from, z.to = min(z.from, at), max(z.to, at)
		}
	}
	all := make([]used, 0, len(byName))
	for _, z := range byName {
		all = append(all, *z)
	}
	slices.SortFunc(all, func(a, b used) int { return strings.Compare(a.loc.String(), b.loc.String()) })
	return all
}

// around is how much more of a zone is described than entries need: programs show other times beside them.
const around = 400 * 86400

// zone describes what the clocks of a zone do (section 3.6.5): each change by itself, so that nothing is said that the zone's
// rules do not say.
func (w *writer) zone(z used) {
	w.line("BEGIN", "VTIMEZONE")
	w.line("TZID", z.loc.String())
	w.line("X-LIC-LOCATION", z.loc.String())
	span := civil.SpanAt(z.from-around, z.loc)
	start := span.Start
	if start == math.MinInt64 {
		start = -2208988800 // 1900
	}
	w.observance(z.loc, start, span.Offset, span.Offset)
	for span.End <= z.to+around {
		after := civil.SpanAt(span.End, z.loc)
		w.observance(z.loc, after.Start, span.Offset, after.Offset)
		span = after
	}
	w.line("END", "VTIMEZONE")
}

// observance says that clocks keep an offset from an instant on.
func (w *writer) observance(loc *time.Location, at, before, offset int64) {
	t := time.Unix(at, 0).In(loc)
	kind := "STANDARD"
	if t.IsDST() {
		kind = "DAYLIGHT"
	}
	w.line("BEGIN", kind)
	w.line("DTSTART", civil.Wall(at+before).Fields().Format(wallForm))
	w.line("TZOFFSETFROM", offsetText(before))
	w.line("TZOFFSETTO", offsetText(offset))
	name, _ := t.Zone()
	w.text("TZNAME", name)
	w.line("END", kind)
}

// offsetText writes an offset as in "-0330"; seconds only where there are any.
func offsetText(seconds int64) string {
	sign := '+'
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	s := fmt.Sprintf("%c%02d%02d", sign, seconds/3600, seconds/60%60)
	if seconds%60 != 0 {
		s += fmt.Sprintf("%02d", seconds%60)
	}
	return s
}
