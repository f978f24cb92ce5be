package templates

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/templates/internal/cldr"
)

// Data holds the values of placeholders by name. A value is one of
//
//   - string: a text; a number, as in 12 or 1.50, where the placeholder wants one; a time where it wants one: an instant
//     (2026-11-05T14:00:00Z), a wall clock in the reader's zone (2026-11-05T14:00) or a day (2026-11-05);
//   - int, int64, float64, json.Number: a number, of which the visible fraction digits count; as a time, milliseconds
//     since 1970;
//   - bool: true or false as a word;
//   - time.Time: an instant;
//   - []string, or []any of the above but times: a list; on a line of its own, bullets;
//   - []content.Block: blocks that code has made, for a placeholder on a line of its own.
type Data map[string]any

// Text makes Data of texts.
func Text(values map[string]string) Data {
	d := make(Data, len(values))
	for name, v := range values {
		d[name] = v
	}
	return d
}

// Room is the value of {name} for all who have one: their names are put into the composed text, see content.Hole. It is the
// direction of the text.
type Room content.Direction

// maxItems bounds a list.
const maxItems = 200

// check refuses values that no placeholder may take.
func (d Data) check() error {
	total := 0
	for name, v := range d {
		if !validName(name) {
			return fmt.Errorf("a placeholder cannot be called %q: use a letter a to z, then up to 39 letters, digits and _", shorten(name))
		}
		size, err := checkValue(name, v)
		if err != nil {
			return err
		}
		total += size
		if len(d) > maxNames || total > maxData {
			return fmt.Errorf("there are more than %d values or %d bytes of them: leave out what the text does not use", maxNames, maxData)
		}
	}
	return nil
}

// checkValue gives the bytes of a value's texts.
func checkValue(name string, v any) (int, error) {
	switch v := v.(type) {
	case string:
		return checkText(name, v)
	case int, int64, bool, time.Time, Room:
		return 8, nil
	case float64, json.Number:
		if _, ok := numberOf(v); !ok {
			return 0, fmt.Errorf("the value for {%s} is a number that is not finite or has more than %d digits: send it as a text", name, cldr.MaxDigits)
		}
		return 8, nil
	case []string:
		return checkList(name, len(v), func(i int) any { return v[i] })
	case []any:
		return checkList(name, len(v), func(i int) any { return v[i] })
	case []content.Block:
		return checkBlocks(name, v)
	}
	return 0, fmt.Errorf("the value for {%s} is neither a text, a number, a time nor a list: give one of these", name)
}

func checkText(name, v string) (int, error) {
	switch i := strings.IndexFunc(v, forbidden); {
	case len(v) > maxValue:
		return 0, fmt.Errorf("the value for {%s} has %d bytes: shorten it to %d", name, len(v), maxValue)
	case i >= 0:
		r, _ := utf8.DecodeRuneInString(v[i:])
		return 0, fmt.Errorf("the value for {%s} holds %s: delete that character", name, describe(r))
	}
	return len(v), nil
}

func checkList(name string, n int, item func(int) any) (int, error) {
	if n > maxItems {
		return 0, fmt.Errorf("the list for {%s} has %d items: shorten it to %d", name, n, maxItems)
	}
	total := 0
	for i := range n {
		switch item(i).(type) {
		case string, int, int64, float64, json.Number, bool:
		default:
			return 0, fmt.Errorf("the list for {%s} holds more than texts and numbers: give one of these for each item", name)
		}
		size, err := checkValue(name, item(i))
		if err != nil {
			return 0, err
		}
		total += size
	}
	return total, nil
}

func checkBlocks(name string, blocks []content.Block) (int, error) {
	total, items := 0, len(blocks)
	for _, b := range blocks {
		items += len(b.Items)
		for _, spans := range append([][]content.Span{b.Spans}, b.Items...) {
			for _, s := range spans {
				size, err := checkText(name, s.Text)
				if err != nil {
					return 0, err
				}
				if s.Link != "" && !validLink(s.Link) {
					return 0, fmt.Errorf("a link in the value for {%s} leads nowhere: give a whole http, https, mailto or tel address", name)
				}
				total += size + len(s.Link)
			}
		}
	}
	if items > maxBlocks {
		return 0, fmt.Errorf("the value for {%s} has %d paragraphs and list items: shorten it to %d", name, items, maxBlocks)
	}
	return total, nil
}

// placeholder is what a text asks of one value.
type placeholder struct {
	name string
	need need
}

// sorted lists placeholders by their names.
func sorted(needs map[string]need) []placeholder {
	out := make([]placeholder, 0, len(needs))
	for _, name := range slices.Sorted(maps.Keys(needs)) {
		out = append(out, placeholder{name, needs[name]})
	}
	return out
}

func namesOf(all []placeholder) []string {
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = p.name
	}
	return names
}

// legalContact is the placeholder that must not be filled with nothing: whoever is told to call somebody needs a number.
const legalContact = "legal"

// fit finds out whether there is a value of the right kind for every placeholder of a text; in says in which languages.
func (d Data) fit(all []placeholder, in func() []string) error {
	var missing []string
	for _, p := range all {
		v, ok := d[p.name]
		if !ok {
			missing = append(missing, "{"+p.name+"}")
		} else if what := fits(v, p.need); what != "" {
			return fmt.Errorf("the value for {%s} %s", p.name, what)
		} else if s, text := v.(string); text && p.name == legalContact && strings.TrimSpace(s) == "" {
			return fmt.Errorf("the value for {%s} is empty: give the local legal contact, a number that somebody answers, or a name and a number", p.name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("no value for %s, which the text needs in %s", strings.Join(missing, ", "), strings.Join(in(), ", "))
	}
	return nil
}

// fits reports what is wrong with a value for what a placeholder needs; empty: nothing.
func fits(v any, n need) string {
	switch v.(type) {
	case []content.Block:
		if n != 0 {
			return "is no text: put the placeholder on a line of its own, without a format"
		}
		return ""
	case []string, []any:
		if n&^(needList|needText) != 0 {
			return "is a list: give it a placeholder with the format list"
		}
		return ""
	}
	if n&needTime != 0 && !isTime(v) {
		return "is no time: write one as in 2026-11-05T14:00:00Z, 2026-11-05T14:00 or 2026-11-05"
	}
	if n&(needNumber|needDistance) != 0 {
		_, isNumber := numberOf(v)
		if n&needNumber != 0 && !isNumber {
			return "is no number: write one as in 3 or 2.50"
		}
		if !isNumber && !isTime(v) {
			return "is neither a time nor a number: write one as in 2026-11-05T14:00:00Z or -3"
		}
	}
	return ""
}

func isTime(v any) bool {
	_, ok := timeOf(v, time.UTC)
	return ok
}

// numberOf reads a value as a number.
func numberOf(v any) (cldr.Decimal, bool) {
	switch v := v.(type) {
	case string:
		return cldr.ParseDecimal(strings.TrimSpace(v))
	case json.Number:
		return cldr.ParseDecimal(string(v))
	case int:
		return cldr.FromInt(int64(v)), true
	case int64:
		return cldr.FromInt(v), true
	case float64:
		return cldr.FromFloat(v)
	}
	return cldr.Decimal{}, false
}

// moment is a time, or a whole day.
type moment struct {
	time.Time
	day bool
}

// isInstant says whether a value is a time that clocks of different zones show differently.
func isInstant(v any) bool {
	s, text := v.(string)
	if !text {
		return isTime(v)
	}
	m, ok := parseTime(s, time.UTC)
	return ok && !m.day && len(s) > len("2006-01-02T15:04:05")
}

// timeOf reads a value as a time, on the clock of a zone.
func timeOf(v any, zone *time.Location) (moment, bool) {
	var m moment
	switch v := v.(type) {
	case time.Time:
		m.Time = v
	case string:
		var ok bool
		if m, ok = parseTime(v, zone); !ok {
			return m, false
		}
	default:
		d, ok := numberOf(v)
		milliseconds, whole := d.Int()
		if !ok || !whole {
			return m, false
		}
		m.Time = time.UnixMilli(milliseconds)
	}
	m.Time = m.In(zone)
	return m, m.Year() >= 1 && m.Year() <= 9999
}

func parseTime(s string, zone *time.Location) (moment, bool) {
	layout := time.RFC3339Nano
	switch len(s) { // errors of time.Parse cost more than what they say is worth here
	case len("2006-01-02"):
		layout = time.DateOnly
	case len("2006-01-02T15:04"):
		layout = "2006-01-02T15:04"
	case len("2006-01-02T15:04:05"):
		layout = "2006-01-02T15:04:05"
	}
	t, err := time.Parse(layout, s)
	switch {
	case err != nil:
		return moment{}, false
	case layout == time.RFC3339Nano:
		return moment{Time: t}, true
	case layout == time.DateOnly: // at noon, as some zones skip midnights
		return moment{placed(t.Add(12*time.Hour), zone), true}, true
	}
	return moment{Time: placed(t, zone)}, true
}

// placed reads the fields of a time on the clock of a zone.
func placed(fields time.Time, zone *time.Location) time.Time {
	return civil.In(civil.Wall(fields.Unix()), zone).Instant()
}

// bare writes a value without any locale, for addresses and for the keys of select.
func bare(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return string(v)
	case int:
		return strconv.Itoa(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	}
	return ""
}

func describe(r rune) string {
	switch {
	case r == '\r':
		return "a carriage return"
	case r == utf8.RuneError:
		return "bytes that are not UTF-8"
	case r < ' ' || (r >= 0x7f && r < 0xa0):
		return fmt.Sprintf("a control character (U+%04X)", r)
	}
	if r >= 0xfdd0 && r <= 0xfdef {
		return fmt.Sprintf("what is no character (U+%04X)", r)
	}
	return fmt.Sprintf("an invisible mark that reorders text (U+%04X)", r)
}

func shorten(s string) string {
	if len(s) > 40 {
		s = strings.ToValidUTF8(s[:40], "") + "…"
	}
	return s
}
