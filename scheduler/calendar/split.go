package calendar

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/emersion/go-ical"
)

// block is one component of a calendar: its lines, unfolded, as far as we read them.
type block struct {
	name  string
	line  int
	lines []string
	cut   bool // it has no end
}

// object is one VCALENDAR.
type object struct {
	method string
	events []block
	zones  []block
}

// The properties that are read. Whatever else an event holds may be as long or as broken as it likes.
func isRead(name string) bool {
	switch name {
	case "UID", "DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "EXRULE", "RECURRENCE-ID", "STATUS", "SEQUENCE", "SUMMARY", "LOCATION", "URL",
		"LAST-MODIFIED", "DTSTAMP", "TZID", "X-LIC-LOCATION", "TZOFFSETFROM", "TZOFFSETTO":
		return true
	}
	return false
}

// maxHead bounds the name and the parameters of one property: go-ical takes time by their square.
const maxHead = 2000

// split takes a file apart into its calendars. It does what go-ical cannot: it goes on after a broken component, does not
// mind a byte order mark, and nests no deeper than it has to.
func split(r io.Reader) (objects []object, cut bool, err error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, false, fmt.Errorf("reading the calendar: %w", err)
	}
	if len(data) > MaxBytes {
		return nil, false, fmt.Errorf("%w: more than %d MiB", ErrTooBig, MaxBytes>>20)
	}
	s := splitter{events: MaxEvents}
	unfold(bytes.TrimPrefix(data, []byte("\ufeff")), func(no int, line string) bool {
		err = s.take(no, line)
		return err == nil
	})
	if err == nil && s.objects == nil {
		err = ErrNotCalendar
	}
	if err != nil {
		return nil, false, err
	}
	if cut = s.within; cut {
		s.end(true)
	}
	return s.objects, cut, nil
}

// unfold gives each logical line with the number of its first one: a line that begins with a space or a tab goes on with
// the one before (section 3.1).
func unfold(data []byte, yield func(no int, line string) bool) {
	var line []byte
	first, no := 0, 0
	for len(data) > 0 {
		no++
		end := bytes.IndexAny(data, "\r\n")
		one := data
		if end < 0 {
			data = nil
		} else {
			one = data[:end]
			if bytes.HasPrefix(data[end:], []byte("\r\n")) {
				end++
			}
			data = data[end+1:]
		}
		if first > 0 && len(one) > 0 && (one[0] == ' ' || one[0] == '\t') {
			line = append(line, one[1:]...)
			continue
		}
		if first > 0 && len(line) > 0 && !yield(first, string(line)) {
			return
		}
		first, line = no, append(line[:0], one...)
	}
	if first > 0 && len(line) > 0 {
		yield(first, string(line))
	}
}

// splitter holds where in a file it is.
type splitter struct {
	objects []object
	events  int    // how many more may come
	within  bool   // a VCALENDAR
	open    *block // the event or zone that is being read
	skip    string // the component that is being passed over, within open or beside it
	nested  int    // how many of that name are open
	sub     string // STANDARD or DAYLIGHT, within a zone
}

func (s *splitter) take(no int, line string) error {
	name, value := strings.ToUpper(line), ""
	if i := strings.IndexAny(line, ";:"); i >= 0 {
		name, value = strings.ToUpper(line[:i]), strings.ToUpper(strings.TrimSpace(line[i+1:]))
	}
	switch {
	case s.skip != "":
		switch {
		case name == "BEGIN" && value == s.skip:
			s.nested++
		case name == "END" && value == s.skip:
			s.nested--
		case name == "END" && (s.open != nil && value == s.open.name || value == "VCALENDAR"): // its own end is missing
			s.nested = 0
		}
		if s.nested == 0 {
			ended := s.skip
			s.skip = ""
			if name == "END" && value != ended {
				return s.take(no, line)
			}
		}
	case !s.within:
		if name != "BEGIN" || value != "VCALENDAR" {
			if s.objects == nil {
				return ErrNotCalendar
			}
			return nil // what follows a calendar is none of ours
		}
		s.within = true
		s.objects = append(s.objects, object{})
	case name == "BEGIN" && s.open != nil && s.open.name == "VTIMEZONE" && s.sub == "" && (value == "STANDARD" || value == "DAYLIGHT"):
		s.sub = value
		s.open.lines = append(s.open.lines, "BEGIN:"+value)
	case name == "END" && s.sub != "" && value == s.sub:
		s.open.lines = append(s.open.lines, "END:"+s.sub)
		s.sub = ""
	case name == "BEGIN" && (value == "VEVENT" || value == "VTIMEZONE"):
		s.shut(true)
		if s.events--; s.events < 0 {
			return fmt.Errorf("%w: more than %d events", ErrTooBig, MaxEvents)
		}
		s.open = &block{name: value, line: no}
	case name == "BEGIN":
		s.skip, s.nested = value, 1
	case name == "END" && s.open != nil && value == s.open.name:
		s.shut(false)
	case name == "END" && value == "VCALENDAR":
		s.end(s.open != nil)
	case s.open != nil && isRead(name):
		s.open.lines = append(s.open.lines, line)
	case s.open == nil && name == "METHOD":
		s.objects[len(s.objects)-1].method = value
	}
	return nil
}

// shut ends the open event or zone, if there is one.
func (s *splitter) shut(cut bool) {
	if s.open == nil {
		return
	}
	s.open.cut = cut || s.sub != ""
	o := &s.objects[len(s.objects)-1]
	if s.open.name == "VEVENT" {
		o.events = append(o.events, *s.open)
	} else {
		o.zones = append(o.zones, *s.open)
	}
	s.open, s.sub = nil, ""
}

// end ends a calendar.
func (s *splitter) end(cut bool) {
	s.shut(cut)
	s.within, s.skip, s.nested = false, "", 0
}

// decode reads the properties of a block.
func (b block) decode() (c *ical.Component, err error) {
	if b.cut {
		return nil, errors.New("it has no end")
	}
	for _, line := range b.lines {
		if i := headEnd(line); i < 0 || i > maxHead {
			return nil, fmt.Errorf("the property %.20q has no value, or too many parameters", line)
		}
	}
	defer func() {
		if p := recover(); p != nil { // go-ical panics on a quoted parameter that goes on after its quotes
			c, err = nil, fmt.Errorf("its parameters are broken: %v", p)
		}
	}()
	lines := slices.Concat([]string{"BEGIN:VCALENDAR", "BEGIN:" + b.name}, b.lines, []string{"END:" + b.name, "END:VCALENDAR", ""})
	calendar, err := ical.NewDecoder(strings.NewReader(strings.Join(lines, "\r\n"))).Decode()
	if err != nil {
		return nil, err
	}
	return calendar.Children[0], nil
}

// headEnd finds the colon that ends name and parameters, which may hold others in quotes.
func headEnd(line string) int {
	quoted := false
	for i := range len(line) {
		switch {
		case line[i] == '"':
			quoted = !quoted
		case line[i] == ':' && !quoted:
			return i
		}
	}
	return -1
}
