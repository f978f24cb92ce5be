package gateway

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

// LeadTime is how long before an event somebody is reminded: some time on the clock that never stops, or days on the calendar,
// at the event's time of day or at one of its own.
type LeadTime struct {
	minutes int
	days    int
	clock   civil.Wall // time of day; noClock: the event's own
}

const (
	noClock = civil.Wall(-1)
	// MaxLead is the longest lead, in days.
	MaxLead = 60
	// allDayHour is when a day is announced that has no time of its own, unless a lead says when.
	allDayHour = 9 * civil.Hour
)

var leadForm = regexp.MustCompile(`^([0-9]{1,5})(m|h|d|w)(?:@([01][0-9]|2[0-3]):([0-5][0-9]))?$`)

// ParseLead reads "30m", "2h", "1d", "1w", or "1d@18:00": the day before at 18:00.
func ParseLead(text string) (LeadTime, error) {
	wrong := fmt.Errorf("%q is no lead time; write 30m, 2h, 1d, 1w, or 1d@18:00 for the day before at 18:00", text)
	m := leadForm.FindStringSubmatch(text)
	if m == nil {
		return LeadTime{}, wrong
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return LeadTime{}, wrong
	}
	l := LeadTime{clock: noClock}
	switch m[2] {
	case "m":
		l.minutes = n
	case "h":
		l.minutes = 60 * n
	case "d":
		l.days = n
	case "w":
		l.days = 7 * n
	}
	if l.days > MaxLead || l.minutes > MaxLead*24*60 {
		return LeadTime{}, fmt.Errorf("%q is longer than %d days", text, MaxLead)
	}
	if m[3] != "" {
		if m[2] == "m" || m[2] == "h" {
			return LeadTime{}, fmt.Errorf("%q has a time of day; that goes with days and weeks only, as in 1d@18:00", text)
		}
		hour, _ := strconv.Atoi(m[3])
		minute, _ := strconv.Atoi(m[4])
		l.clock = civil.Wall(hour)*civil.Hour + civil.Wall(minute)*civil.Minute
	}
	return l, nil
}

// String writes what ParseLead reads.
func (l LeadTime) String() string {
	switch {
	case l.minutes > 0 && l.minutes%60 == 0:
		return fmt.Sprintf("%dh", l.minutes/60)
	case l.minutes > 0 || l.days == 0 && l.clock == noClock:
		return fmt.Sprintf("%dm", l.minutes)
	}
	text := fmt.Sprintf("%dd", l.days)
	if l.days > 0 && l.days%7 == 0 {
		text = fmt.Sprintf("%dw", l.days/7)
	}
	if l.clock != noClock {
		text += fmt.Sprintf("@%02d:%02d", l.clock/civil.Hour, l.clock/civil.Minute%60)
	}
	return text
}

// Compare orders leads by how long they are, as far as that can be said without an event.
func (l LeadTime) Compare(o LeadTime) int {
	length := func(l LeadTime) int { return l.days*24*60 + l.minutes }
	return length(l) - length(o)
}

// Before gives the instant of a reminder of an event that starts at a wall time, on clocks of the place. False: it would
// come after the event has begun. A whole day is announced at 09:00 where the lead does not say when, and on that
// day itself by a lead of less than a day.
func (l LeadTime) Before(start civil.Wall, allDay bool, place *time.Location) (time.Time, bool) {
	begins := civil.In(start, place).Instant()
	clock := l.clock
	if allDay && clock == noClock {
		clock = allDayHour
	}
	var at time.Time
	switch {
	case clock != noClock:
		at = civil.In(start.Midnight()-civil.Wall(l.days)*civil.Day+clock, place).Instant()
	case l.days > 0:
		at = civil.In(start-civil.Wall(l.days)*civil.Day, place).Instant()
	default:
		at = begins.Add(-time.Duration(l.minutes) * time.Minute)
	}
	return at, allDay || !at.After(begins)
}

// DefaultLeads are those of a group that has none of its own: the day before at 18:00, and two hours before.
func DefaultLeads() []LeadTime {
	return []LeadTime{{days: 1, clock: 18 * civil.Hour}, {minutes: 120, clock: noClock}}
}

// LeadRules say how long before events somebody is reminded, by topic. The empty topic is for those that are not named. A
// list that is there and empty means: of these, not at all.
type LeadRules map[string][]LeadTime

// For gives the leads for a topic; false: the rules do not speak of it.
func (r LeadRules) For(topic string) ([]LeadTime, bool) {
	for _, name := range [...]string{topic, ""} {
		if leads, ok := r[name]; ok {
			return leads, true
		}
	}
	return nil, false
}

// Words in which a member says what she wants.
const (
	NoLead       = "none"    // of this topic, or of all: no reminder
	DefaultRules = "default" // of an import: whatever her group has, as at first
)

const (
	// MostLeads is how many leads a topic may have.
	MostLeads    = 5
	maxLeadRules = 50
	maxLeadText  = 1000
)

// ParseLeads reads what a member wants, entries parted by semicolons or bars: "meetings 1w, 1d@18:00" for a topic, "kitchen none"
// for none of it, and "2h" for all topics that are not named. Its String is canonical.
func ParseLeads(text string) (LeadRules, error) {
	if len(text) > maxLeadText {
		return nil, fmt.Errorf("leads of more than %d characters; shorten them", maxLeadText)
	}
	rules := LeadRules{}
	for _, entry := range strings.FieldsFunc(strings.ToLower(text), func(c rune) bool { return c == ';' || c == '|' }) {
		words := strings.FieldsFunc(entry, func(c rune) bool { return c == ' ' || c == ',' || c == '\t' })
		if len(words) == 0 {
			continue
		}
		topic := ""
		if _, err := ParseLead(words[0]); err != nil && words[0] != NoLead {
			topic, words = words[0], words[1:]
		}
		leads, err := leadList(words)
		if err != nil {
			return nil, err
		}
		if _, twice := rules[topic]; twice {
			return nil, fmt.Errorf("leads are given twice for one topic; write each topic once")
		}
		rules[topic] = leads
	}
	if len(rules) > maxLeadRules {
		return nil, fmt.Errorf("leads for more than %d topics; leave some out", maxLeadRules)
	}
	return rules, nil
}

func leadList(words []string) ([]LeadTime, error) {
	leads := []LeadTime{}
	if len(words) == 1 && words[0] == NoLead {
		return leads, nil
	}
	if len(words) == 0 || len(words) > MostLeads {
		return nil, fmt.Errorf("%d leads of one topic; write 1 to %d of them, as in meetings 1w, 1d@18:00, or none", len(words), MostLeads)
	}
	for _, word := range words {
		l, err := ParseLead(word)
		if err != nil {
			return nil, err
		}
		if slices.Contains(leads, l) {
			return nil, fmt.Errorf("the lead %s is named twice", l)
		}
		leads = append(leads, l)
	}
	return leads, nil
}

// String writes what ParseLeads reads.
func (r LeadRules) String() string {
	var entries []string
	for _, topic := range slices.Sorted(maps.Keys(r)) {
		entries = append(entries, strings.TrimSpace(topic+" "+LeadList(r[topic])))
	}
	return strings.Join(entries, "; ")
}

// LeadList writes leads as ParseLeads reads them.
func LeadList(leads []LeadTime) string {
	words := make([]string, len(leads))
	for i, l := range leads {
		words[i] = l.String()
	}
	if len(words) == 0 {
		return NoLead
	}
	return strings.Join(words, ", ")
}

// OwnLeads gives the leads that a member has chosen for a topic, in one text; empty: she leaves it to her group, or this release
// cannot read what she chose.
func OwnLeads(text, topic string) string {
	if text == "" {
		return ""
	}
	rules, err := ParseLeads(text)
	if err != nil {
		return ""
	}
	if leads, ok := rules.For(topic); ok {
		return LeadList(leads)
	}
	return ""
}

// LeadsOf gives the leads of a group for a topic: its own, or DefaultLeads.
func (g Group) LeadsOf(topic string) []LeadTime {
	for _, t := range g.Topics {
		if t.Name != topic || t.Leads == nil {
			continue
		}
		leads := make([]LeadTime, 0, len(t.Leads))
		for _, text := range t.Leads {
			if l, err := ParseLead(text); err == nil { // they were checked when they were put
				leads = append(leads, l)
			}
		}
		return leads
	}
	return DefaultLeads()
}

// LeadsOf gives the leads by which a member is reminded of a topic: her own, or else those of her group.
func (m Member) LeadsOf(g Group, topic string) []LeadTime {
	if rules, err := ParseLeads(m.Leads); err == nil {
		if leads, ok := rules.For(topic); ok {
			return leads
		}
	}
	return g.LeadsOf(topic)
}
