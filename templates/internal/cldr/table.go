package cldr

// Table is what the generator writes for one locale.
type Table struct {
	Locale    string
	Minimum   int        // digits that must stand before the first separator for it to be written (CLDR's minimum grouping digits)
	Systems   []System   // the locale's own digits; then Latin ones, where those are others
	Calendars []Calendar // the locale's own; then the Gregorian one, where that is another
	Times     [4]string  // patterns, by Style
	Glue      string     // joins a short date {1} and a short time {0}
	Weekdays  [7]string  // in a date, Sunday first
	Alone     [7]string  // standing alone
	Day       Day
	Relative  [7][2]Relative // by Unit; long, then short
	Lists     [3]List        // by ListKind
	Languages map[string]string
}

// System is a numbering system as one locale uses it.
type System struct {
	Digits         string // ten characters
	Decimal, Group string
	Minus, Percent string
	Pattern        string   // of a number
	PercentPattern string   // of a percentage
	Compact        [2][]Row // short, long: one row for each power of ten from 3
}

// Row holds the patterns of one power of ten by plural category; "1" is for the number one exactly.
type Row map[string]string

// Calendar is a calendar as one locale uses it.
type Calendar struct {
	Name   string      // gregorian, persian or buddhist
	Dates  [4]string   // patterns, by Style
	Months [2][]string // wide, abbreviated
	Eras   [3]string   // of the present era: abbreviated, wide, narrow
}

// Day names the parts of a day.
type Day struct {
	AM, PM string
	Names  map[string]string // of the periods below; only where a pattern asks for them
	Spans  []Span
}

// Span is a period of the day, in minutes from midnight; From == Before means that minute alone.
type Span struct {
	Name         string
	From, Before int
}

// Relative names distances in one unit.
type Relative struct {
	Words        map[string]string // -2 … 2
	Past, Future Row
}

// List joins items: the pattern of two, then of the first, the middle and the last pair of more.
type List [4]string

// Zones is what the generator writes about the time zones of one locale.
type Zones struct {
	GMT   string // around an offset
	Hour  string // "+HH:mm;-HH:mm"
	Names map[string]ZoneNames
}

// ZoneNames of a metazone or of one zone: long, then short; empty where the locale has none.
type ZoneNames [2]struct{ Standard, Daylight string }

// Shared is what the generator writes once for all locales.
type Shared struct {
	Plurals  map[string][2]map[string]string // language → cardinal, ordinal → category → condition
	Canon    map[string]string               // zone → its name in Zones, where that is another
	Metazone map[string]string               // canonical zone → metazone
	Weeks    map[string]string               // region → the first day of its week, as in sun; 001: of all others
}
