package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/carillon-gateway/carillon/templates/internal/cldr"
)

var (
	styles  = []string{"short", "medium", "long", "full"} // as cldr.Style
	days    = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	units   = []string{"second", "minute", "hour", "day", "week", "month", "year"} // as cldr.Unit
	lists   = []string{"standard", "or", "unit"}                                   // as cldr.ListKind
	eraKind = []string{"eraAbbr", "eraNames", "eraNarrow"}
)

// calendarOf names the calendar of those locales whose people do not count by the Gregorian one first
// (calendarPreferenceData of the locale's likely region).
func (g *generator) calendarOf(locale string) string {
	language, region, _ := strings.Cut(locale, "-")
	if region == "" || len(region) == 4 {
		likely := get(g.file("cldr-core/supplemental/likelySubtags.json"), "supplemental", "likelySubtags")
		key := locale
		if !has(likely, key) {
			key = language
		}
		parts := strings.Split(text(likely, key), "-")
		region = parts[len(parts)-1]
	}
	order := get(g.file("cldr-core/supplemental/calendarPreferenceData.json"), "supplemental", "calendarPreferenceData")
	if !has(order, region) {
		region = "001"
	}
	return get(order, region).([]any)[0].(string)
}

func (g *generator) table(locale string) cldr.Table {
	t := cldr.Table{Locale: locale}
	if locale != "und" {
		t.Languages = g.languages(locale)
	}
	g.numbers(&t)
	gregorian := g.main("cldr-dates-full", locale, "ca-gregorian.json", "dates", "calendars", "gregorian")
	switch own := g.calendarOf(locale); own {
	case "gregorian":
	case "persian", "buddhist":
		c := g.main("cldr-cal-"+own+"-full", locale, "ca-"+own+".json", "dates", "calendars", own)
		calendar := calendar(own, c, "0")
		// What names the era is inherited from the pattern for any calendar, which is in the newer package.
		generic := g.main("cldr-dates-full", locale, "ca-generic.json", "dates", "calendars", "generic")
		for i, pattern := range calendar.Dates {
			if strings.Contains(pattern, "G") {
				calendar.Dates[i] = text(generic, "dateFormats", styles[i])
			}
		}
		t.Calendars = append(t.Calendars, calendar)
	default:
		panic(missing("no code for the calendar " + own + " of " + locale))
	}
	t.Calendars = append(t.Calendars, calendar("gregorian", gregorian, "1"))
	for i, s := range styles {
		t.Times[i] = text(gregorian, "timeFormats", s)
	}
	t.Glue = text(gregorian, "dateTimeFormats-atTime", "standard", "short")
	for i, d := range days {
		t.Weekdays[i] = text(gregorian, "days", "format", "wide", d)
		t.Alone[i] = text(gregorian, "days", "stand-alone", "wide", d)
	}
	g.day(&t, get(gregorian, "dayPeriods", "format", "abbreviated"))
	g.relative(&t)
	patterns := g.main("cldr-misc-full", locale, "listPatterns.json", "listPatterns")
	for i, kind := range lists {
		for j, part := range []string{"2", "start", "middle", "end"} {
			t.Lists[i][j] = text(patterns, "listPattern-type-"+kind, part)
		}
	}
	return t
}

func (g *generator) numbers(t *cldr.Table) {
	n := g.main("cldr-numbers-full", t.Locale, "numbers.json", "numbers")
	var err error
	if t.Minimum, err = strconv.Atoi(text(n, "minimumGroupingDigits")); err != nil {
		panic(missing("minimumGroupingDigits of " + t.Locale))
	}
	systems := []string{text(n, "defaultNumberingSystem")}
	if systems[0] != "latn" {
		systems = append(systems, "latn")
	}
	for _, name := range systems {
		symbols, formats := get(n, "symbols-numberSystem-"+name), get(n, "decimalFormats-numberSystem-"+name)
		s := cldr.System{
			Digits:  text(g.file("cldr-core/supplemental/numberingSystems.json"), "supplemental", "numberingSystems", name, "_digits"),
			Decimal: text(symbols, "decimal"), Group: text(symbols, "group"), Minus: text(symbols, "minusSign"), Percent: text(symbols, "percentSign"),
			Pattern: text(formats, "standard"), PercentPattern: text(n, "percentFormats-numberSystem-"+name, "standard"),
		}
		for i, width := range []string{"short", "long"} {
			s.Compact[i] = compact(get(formats, width, "decimalFormat"))
		}
		t.Systems = append(t.Systems, s)
	}
}

// compact gathers the patterns of 1000, 10000, … by their powers of ten.
func compact(v any) []cldr.Row {
	var rows []cldr.Row
	for zeros := 3; zeros < 15; zeros++ {
		row := cldr.Row{}
		prefix := "1" + strings.Repeat("0", zeros) + "-count-"
		for _, key := range keysOf(v) {
			if category, ok := strings.CutPrefix(key, prefix); ok {
				row[category] = text(v, key)
			}
		}
		if row["other"] == "" {
			panic(missing("no pattern for " + prefix + "other"))
		}
		rows = append(rows, thin(row))
	}
	return rows
}

// thin leaves out what is as other is.
func thin(row cldr.Row) cldr.Row {
	for category, pattern := range row {
		if category != "other" && pattern == row["other"] {
			delete(row, category)
		}
	}
	return row
}

func calendar(name string, v any, era string) cldr.Calendar {
	c := cldr.Calendar{Name: name}
	for i, s := range styles {
		c.Dates[i] = text(v, "dateFormats", s)
	}
	for i, width := range []string{"wide", "abbreviated"} {
		for month := 1; month <= 12; month++ {
			c.Months[i] = append(c.Months[i], text(v, "months", "format", width, strconv.Itoa(month)))
		}
	}
	for i, kind := range eraKind {
		c.Eras[i] = text(v, "eras", kind, era)
	}
	return c
}

// day takes the names of a day's parts only where a time is told by them.
func (g *generator) day(t *cldr.Table, names any) {
	t.Day.AM, t.Day.PM = text(names, "am"), text(names, "pm")
	if !strings.Contains(t.Times[0], "B") {
		return
	}
	t.Day.Names = map[string]string{}
	all := get(g.file("cldr-core/supplemental/dayPeriods.json"), "supplemental", "dayPeriodRuleSet")
	key := t.Locale
	if !has(all, key) {
		key, _, _ = strings.Cut(key, "-")
	}
	rules := get(all, key)
	for _, name := range keysOf(rules) {
		if !has(names, name) {
			continue
		}
		span := cldr.Span{Name: name}
		if has(get(rules, name), "_at") {
			span.From = minutes(text(rules, name, "_at"))
			span.Before = span.From
		} else {
			span.From, span.Before = minutes(text(rules, name, "_from")), minutes(text(rules, name, "_before"))
		}
		t.Day.Names[name] = text(names, name)
		t.Day.Spans = append(t.Day.Spans, span)
	}
}

func minutes(clock string) int {
	var h, m int
	if _, err := fmt.Sscanf(clock, "%d:%d", &h, &m); err != nil {
		panic(missing("no time of day: " + clock))
	}
	return h*60 + m
}

func (g *generator) relative(t *cldr.Table) {
	fields := g.main("cldr-dates-full", t.Locale, "dateFields.json", "dates", "fields")
	for i, unit := range units {
		for j, width := range []string{"", "-short"} {
			field := get(fields, unit+width)
			r := cldr.Relative{Words: map[string]string{}, Past: cldr.Row{}, Future: cldr.Row{}}
			for _, key := range keysOf(field) {
				if n, ok := strings.CutPrefix(key, "relative-type-"); ok {
					r.Words[n] = text(field, key)
				}
			}
			for tense, row := range map[string]cldr.Row{"past": r.Past, "future": r.Future} {
				patterns := get(field, "relativeTime-type-"+tense)
				for _, key := range keysOf(patterns) {
					row[strings.TrimPrefix(key, "relativeTimePattern-count-")] = text(patterns, key)
				}
				thin(row)
			}
			t.Relative[i][j] = r
		}
	}
}

// languages names the locales that ship, each one's own name first of all. A regional form without a name of its own
// gets the language's with the region or script behind it.
func (g *generator) languages(locale string) map[string]string {
	names := g.main("cldr-localenames-full", locale, "languages.json", "localeDisplayNames", "languages")
	parts := map[bool]any{
		false: g.main("cldr-localenames-full", locale, "territories.json", "localeDisplayNames", "territories"),
		true:  g.main("cldr-localenames-full", locale, "scripts.json", "localeDisplayNames", "scripts"),
	}
	pattern := text(g.main("cldr-localenames-full", locale, "localeDisplayNames.json", "localeDisplayNames", "localeDisplayPattern"), "localePattern")
	out := map[string]string{}
	for _, l := range strings.Fields(locales) {
		language, part, _ := strings.Cut(l, "-")
		words := parts[len(part) == 4]
		switch {
		case has(names, l):
			out[l] = text(names, l)
		case has(names, language) && has(words, part):
			out[l] = strings.NewReplacer("{0}", text(names, language), "{1}", text(words, part)).Replace(pattern)
		}
	}
	return out
}
