package gateway

import (
	"math/rand/v2"
	"testing"
	"time"
)

// Amounts are read and written digit by digit; nothing is rounded.
func TestAmounts(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "1": 1_000_000, "0.0075": 7_500, "12.5": 12_500_000, "0.000001": 1, "999999999.999999": 999_999_999_999_999, "007.10": 7_100_000} {
		if got, err := ParseMicros(text); err != nil || got != want {
			t.Errorf("%s is %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", ".", "1.", ".5", "-1", "+1", "1,5", "1.0000001", "1000000000", "1e3", "0x1", "1 ", "१", "1.2.3", "NaN"} {
		if got, err := ParseMicros(text); err == nil {
			t.Errorf("%q is read as %d", text, got)
		}
	}
	for micros, want := range map[int64]string{0: "0.00 EUR", 79_000: "0.079 EUR", 12_500_000: "12.50 EUR", 1: "0.000001 EUR", -1_500_000: "-1.50 EUR"} {
		if got := (Money{"EUR", micros}).String(); got != want {
			t.Errorf("%d is written %q, want %q", micros, got, want)
		}
	}
	for range 1000 {
		n := rand.Int64N(1_000_000_000 * Micro)
		text := Money{"", n}.String()
		if got, err := ParseMicros(text[:len(text)-1]); err != nil || got != n {
			t.Fatalf("%d is written %q and read %d, %v", n, text, got, err)
		}
	}
}

// A group's own price goes before the operator's, a channel's before its kind's, a country's before all others'; without
// any, only what has no country is free.
func TestPriceOrder(t *testing.T) {
	p := func(channel, country string, micros int64) Price {
		return Price{Kind: "sms", Channel: channel, Country: country, Currency: "EUR", Micros: micros}
	}
	order := []Price{p("a", "DE", 1), p("a", "", 2), p("", "DE", 3), p("", "", 4)}
	operators := []Price{p("a", "DE", 5), p("a", "", 6), p("", "DE", 7), p("", "", 8)}
	all := append(append([]Price{}, order...), operators...)
	for i := range all {
		own, ops := order[min(i, 4):], operators[max(0, i-4):]
		if got, priced := NewPriceTable(own, ops).Of("sms", "a", "DE"); !priced || got.Micros != all[i].Micros {
			t.Errorf("with all from the %d. on the price is %d, want %d", i+1, got.Micros, all[i].Micros)
		}
	}
	none := NewPriceTable(nil, []Price{p("b", "", 1), p("", "KE", 1), {Kind: "voice", Currency: "EUR", Micros: 1}})
	for _, c := range []struct {
		kind, channel, country string
		priced                 bool
	}{{"sms", "a", "DE", false}, {"sms", "a", UnknownCountry, false}, {"telegram", "t", "", true}, {"sms", "b", "DE", true}, {"sms", "a", "KE", true}} {
		if _, priced := none.Of(c.kind, c.channel, c.country); priced != c.priced {
			t.Errorf("%s over %s to %q is priced: %v", c.kind, c.channel, c.country, priced)
		}
	}
}

// A month is that of the wall clock, whatever the offset; it begins when the clock shows its first day.
func TestMonths(t *testing.T) {
	for _, c := range []struct{ zone, at, month string }{
		{"Europe/Berlin", "2026-03-31T21:59:59Z", "2026-03"}, {"Europe/Berlin", "2026-03-31T22:00:00Z", "2026-04"},
		{"Pacific/Kiritimati", "2026-12-31T10:00:00Z", "2027-01"}, {"America/Los_Angeles", "2027-01-01T07:59:59Z", "2026-12"},
		{"Asia/Kathmandu", "2026-02-28T18:15:00Z", "2026-03"}, {"", "2026-02-28T23:59:59Z", "2026-02"},
		{"America/Asuncion", "2023-10-01T03:30:00Z", "2023-09"}, {"America/Asuncion", "2023-10-01T04:00:00Z", "2023-10"}, // no midnight
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		month, from, to := MonthOf(c.zone, at)
		if month != c.month || at.Before(from) || !at.Before(to) {
			t.Errorf("%s in %s: %s from %v to %v, want %s", c.at, c.zone, month, from, to, c.month)
		}
		if next, _, _ := MonthOf(c.zone, to); next == month {
			t.Errorf("%s in %s: the month ends at %v and goes on", c.at, c.zone, to)
		}
	}
}

func TestBudgetCaps(t *testing.T) {
	b := Budget{Currency: "EUR", Soft: 10, Hard: 20, HardSegments: 5}
	for _, c := range []struct {
		micros, segments int64
		soft, hard       bool
	}{{0, 0, false, false}, {9, 4, false, false}, {10, 0, true, false}, {20, 0, true, true}, {0, 5, false, true}} {
		if soft, hard := b.Passed(c.micros, c.segments); soft != c.soft || hard != c.hard {
			t.Errorf("%d and %d: soft %v, hard %v", c.micros, c.segments, soft, hard)
		}
	}
	if soft, hard := (Budget{}).Passed(1<<40, 1<<40); soft || hard {
		t.Error("no cap is reached")
	}
	for class, exempt := range map[Class]bool{LifeSafety: true, Alert: true, Account: false, Reminder: false, Report: false} {
		if class.Exempt() != exempt {
			t.Errorf("%s is exempt: %v", class, class.Exempt())
		}
	}
}

// A notice about a channel never falls back to that channel.
func TestNoticesAvoidTheirChannel(t *testing.T) {
	ailing, other := Route{Point: NewID(), Channel: NewID()}, Route{Point: NewID(), Channel: NewID()}
	s := Situation{Claim: Claim{Avoid: ailing.Channel}}
	routes := []Route{ailing, other}
	s.Learn(routes, Delivery{})
	if len(s.Routes) != 1 || s.Routes[0] != other || routes[0] != ailing {
		t.Errorf("the ways are %+v", s.Routes)
	}
}
