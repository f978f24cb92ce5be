package gateway

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"time"
)

// Indicator is a number that each edition of a series tells: what somebody counts, in a file that people hand in or under an
// address that is asked again and again.
type Indicator struct {
	Name   string            `json:"name"`           // a-z 0-9 -, 2 to 40 characters; unique in the series
	Titles map[string]string `json:"titles"`         // locale → what is counted, as readers are told; at most 100 characters
	Unit   string            `json:"unit,omitempty"` // stands behind the number; at most 20 characters
	Source string            `json:"source"`         // who counts, as readers are told; at most 100 characters
	URL    Private           `json:"-"`              // where it is fetched from, perhaps a secret; empty: files are handed in
	Host   string            `json:"host,omitempty"` // of the URL; only read
	Spot
	Stale   int     `json:"stale_days"` // how old its number may be and still be told
	Measure Measure `json:"measure"`
}

// Spot says where in a source its number stands: in JSON under a pointer (RFC 6901), or in CSV in a column and a row.
type Spot struct {
	Pointer string `json:"pointer,omitempty"` // JSON, as in /meals/total
	Column  string `json:"column,omitempty"`  // CSV: what the column is called in the first line
	Row     string `json:"row,omitempty"`     // CSV: what stands in the first column of the row; empty: the last row
	Date    string `json:"date,omitempty"`    // pointer or column of the date that the number is of, as in 2026-11-26; empty: the day when it was read
}

// Limits of indicators.
const (
	MaxIndicators  = 12 // of a series
	IndicatorStale = 40 // days, for one that does not say
	MaxStale       = 400
)

// Measure is what is known of an indicator.
type Measure struct {
	Value string    `json:"value,omitempty"`         // a decimal number, as in -12.5; empty: there never was one
	Date  string    `json:"date,omitempty"`          // that it is of, as in 2026-11-26
	Good  time.Time `json:"good,omitzero"`           // when it was last read well
	Fault string    `json:"fault,omitempty"`         // what was wrong at the last try, safe to show; empty: nothing
	Mute  bool      `json:"silent,omitempty"`        // the source did not answer: Fault is about the way to it, not about what it holds
	Since time.Time `json:"failing_since,omitzero"`  // the first of the tries in a row that failed
	ETag  string    `json:"etag,omitempty"`          // and Modified: the state that was read, as its server names it
	Mod   string    `json:"last_modified,omitempty"` //
}

// At gives the indicator with an address, whose host it shows.
func (i Indicator) At(address Private) Indicator {
	i.URL, i.Host = address, ""
	if u, err := url.Parse(address.Reveal()); err == nil {
		i.Host = u.Hostname()
	}
	return i
}

// SameSource reports whether two indicators read the same number.
func (i Indicator) SameSource(o Indicator) bool {
	return i.Name == o.Name && i.URL == o.URL && i.Spot == o.Spot
}

// KeepIndicators gives indicators as they are said, with the addresses and the numbers that are known of them.
func KeepIndicators(said, known []Indicator) []Indicator {
	said = slices.Clone(said)
	for n := range said {
		said[n].Measure = Measure{}
		for _, k := range known {
			if k.Name != said[n].Name {
				continue
			}
			if said[n].URL == "" {
				said[n] = said[n].At(k.URL)
			}
			if said[n].SameSource(k) {
				said[n].Measure = k.Measure
			}
		}
	}
	return said
}

// DocumentIndicator is an indicator as people write it.
type DocumentIndicator struct {
	Name   string            `json:"name"`
	Titles map[string]string `json:"titles"`         // locale → what is counted
	Unit   string            `json:"unit,omitempty"` // stands behind the number
	Source string            `json:"source"`         // who counts, as readers are told
	URL    string            `json:"url,omitempty"`  // in clear; read, never written. Absent: one that has an address keeps it, and for any other files are handed in
	Spot
	Stale int `json:"stale_days,omitempty"` // how old its number may be and still be told. Absent: 40
}

// Indicator gives the indicator itself.
func (d DocumentIndicator) Indicator() Indicator {
	return Indicator{Name: d.Name, Titles: d.Titles, Unit: d.Unit, Source: d.Source, Spot: d.Spot, Stale: d.Stale}.At(Private(d.URL))
}

// Document gives an indicator as people write it, without its address.
func (i Indicator) Document() DocumentIndicator {
	return DocumentIndicator{Name: i.Name, Titles: maps.Clone(i.Titles), Unit: i.Unit, Source: i.Source, Spot: i.Spot, Stale: i.Stale}
}

// Gap says why an edition has no figure of an indicator.
type Gap string

// The gaps.
const (
	GapNone   Gap = ""       // it has one
	GapNever  Gap = "never"  // nothing was handed in, or read yet
	GapSilent Gap = "silent" // the source does not answer
	GapStale  Gap = "stale"  // the newest figure is too old
	GapNumber Gap = "number" // what the source gives there is no number
)

// Indicated is what an edition tells of an indicator, as it was when the edition was frozen.
type Indicated struct {
	Name   string            `json:"name"`
	Titles map[string]string `json:"titles"`
	Unit   string            `json:"unit,omitempty"`
	Value  string            `json:"value,omitempty"` // empty: Gap says why
	Gap    Gap               `json:"gap,omitempty"`
	Date   string            `json:"date,omitempty"` // of the value; of a gap: since when there is none, or of the newest one that is too old
}

// Indicators is how the sources of indicators are asked, by any number of processes: what came is written with PutSeries.
type Indicators interface {
	// DueSeries lists series of all groups whose sources are to be asked, by the store's clock, the longest due first.
	DueSeries(ctx context.Context, limit int) ([]Series, error)
}
