package calendar

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/emersion/go-ical"

	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler/recur"
)

// Read reads a file of one or more calendars. It returns ErrNotCalendar, ErrTooBig or what reading r returned; events that
// cannot be used are in the calendar's Faults.
func Read(r io.Reader) (*Calendar, error) {
	objects, cut, err := split(r)
	if err != nil {
		return nil, err
	}
	c := &Calendar{Cut: cut}
	byUID := map[string]int{} // index in series
	years := maxYears
	for _, o := range objects {
		zones := newZones(o.zones, &years)
		for _, b := range o.events {
			e, err := b.event(zones)
			if err != nil {
				c.Faults = append(c.Faults, Fault{b.line, e.uid, err})
				continue
			}
			if o.method == "CANCEL" {
				e.status = "CANCELLED"
			}
			i, known := byUID[e.uid]
			if !known || e.uid == "" {
				i = len(c.series)
				c.series = append(c.series, series{})
				byUID[e.uid] = i
			}
			if err := c.series[i].add(e); err != nil {
				c.Faults = append(c.Faults, Fault{e.line, e.uid, err})
			}
		}
	}
	return c, nil
}

// add takes an event into its series: what says the same again, with a higher SEQUENCE or changed later, replaces what
// was there. The error tells of one that is lost although nothing says that it is older.
func (s *series) add(e *event) error {
	if e.recurrence == nil {
		old := s.master
		if old == nil || !e.olderThan(old) {
			s.master = e
		}
		if old != nil && !old.olderThan(e) && !e.olderThan(old) && !old.start.sameAs(e.start) {
			return fmt.Errorf("the event of line %d has the same UID and is no older; this one counts, the other does not", old.line)
		}
		return nil
	}
	at := slot{e.recurrence.kind, e.recurrence.at(nil).Instant().Unix()}
	if i, known := s.index[at]; known {
		if !e.olderThan(s.overrides[i]) {
			s.overrides[i] = e
		}
		return nil
	}
	if s.index == nil {
		s.index = map[slot]int{}
	}
	s.index[at] = len(s.overrides)
	s.overrides = append(s.overrides, e)
	return nil
}

func (e *event) olderThan(other *event) bool {
	if e.sequence != other.sequence {
		return e.sequence < other.sequence
	}
	return e.modified < other.modified
}

func (s stamp) sameAs(other stamp) bool {
	return s.kind == other.kind && s.at(nil).Instant().Equal(other.at(nil).Instant())
}

// event reads a VEVENT. With an error it returns what could be read, for naming it.
func (b block) event(zones *zones) (*event, error) {
	e := &event{line: b.line, uid: b.uid()}
	c, err := b.decode()
	if err != nil {
		return e, err
	}
	if err := e.readWhen(c, zones); err != nil {
		return e, err
	}
	if err := e.readRepeats(c, zones); err != nil {
		return e, err
	}
	e.status = strings.ToUpper(shorten(strings.TrimSpace(value(c, "STATUS"))))
	e.summary, e.location = text(value(c, "SUMMARY")), text(value(c, "LOCATION"))
	if link := text(value(c, "URL")); strings.HasPrefix(link, "https://") || strings.HasPrefix(link, "http://") {
		e.link = link
	}
	if n, err := strconv.ParseInt(strings.TrimSpace(value(c, "SEQUENCE")), 10, 32); err == nil {
		e.sequence = int(n)
	}
	for _, name := range []string{"LAST-MODIFIED", "DTSTAMP"} {
		if p := c.Props.Get(name); p != nil && e.modified == 0 {
			if s, err := readStamp(p.Value, ical.Prop{Name: name}, zones); err == nil {
				e.modified = s.wall
			}
		}
	}
	return e, nil
}

// uid reads the UID without the rest, so that an event can be named which cannot be read.
func (b block) uid() string {
	for _, line := range b.lines {
		if i := headEnd(line); i >= 3 && strings.EqualFold(line[:3], "UID") && (line[3] == ':' || line[3] == ';') {
			return text(line[i+1:])
		}
	}
	return ""
}

func value(c *ical.Component, name string) string {
	if p := c.Props.Get(name); p != nil {
		return p.Value
	}
	return ""
}

// readWhen reads start, length and RECURRENCE-ID.
func (e *event) readWhen(c *ical.Component, zones *zones) (err error) {
	start, end, duration := c.Props.Get("DTSTART"), c.Props.Get("DTEND"), c.Props.Get("DURATION")
	if start == nil {
		return errors.New("it has no DTSTART")
	}
	if e.start, err = readStamp(start.Value, *start, zones); err != nil {
		return err
	}
	switch {
	case end != nil:
		var until stamp
		if until, err = readStamp(end.Value, *end, zones); err == nil {
			e.length, err = between(e.start, until)
		}
	case duration != nil:
		if e.length, err = readDuration(duration.Value); err == nil && e.start.kind == Date {
			e.length = length{days: max(1, e.length.days+(e.length.seconds+int64(civil.Day)-1)/int64(civil.Day))}
		}
	case e.start.kind == Date: // section 3.6.1
		e.length.days = 1
	}
	if err != nil {
		return err
	}
	if p := c.Props.Get("RECURRENCE-ID"); p != nil {
		s, err := readStamp(p.Value, *p, zones)
		if err != nil {
			return err
		}
		e.recurrence, e.future = &s, strings.EqualFold(p.Params.Get("RANGE"), "THISANDFUTURE")
	}
	return nil
}

// readRepeats reads RRULE, EXRULE, RDATE and EXDATE, each of which may stand several times and hold lists.
func (e *event) readRepeats(c *ical.Component, zones *zones) error {
	if e.recurrence != nil {
		return nil // it stands for what a series has already
	}
	for name, into := range map[string]*[]recur.Rule{"RRULE": &e.rules, "EXRULE": &e.except} {
		if n := len(c.Props.Values(name)); n > maxRules { // each may take a tenth of a second to find nothing
			return fmt.Errorf("it has %d times %s, more than %d", n, name, maxRules)
		}
		for _, p := range c.Props.Values(name) {
			rule, err := recur.Parse(p.Value)
			if err == nil && e.start.kind == Date {
				rule, err = rule.Dates()
			}
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			*into = append(*into, rule)
		}
	}
	for _, p := range c.Props.Values("RDATE") {
		all, err := readPeriods(p, zones)
		if err != nil {
			return err
		}
		e.dates = append(e.dates, all...)
	}
	for _, p := range c.Props.Values("EXDATE") {
		all, err := stamps(p, zones)
		if err != nil {
			return err
		}
		e.exdates = append(e.exdates, all...)
	}
	return nil
}
