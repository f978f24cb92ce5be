package cldr_test

import (
	"math/big"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/templates/internal/cldr"
)

// FuzzNumbers writes any number in every style and compares plain ones with exact arithmetic, which rounds as we do.
func FuzzNumbers(f *testing.F) {
	for _, s := range []string{"0", "-0.5", "1.0005", "999.9995", "1e15", "12e-3", "0099.90", "+7", "99999999999999999999.99999999999999999999", "1e-40", "1e37", "."} {
		f.Add(s, 3)
	}
	names := cldr.Names()
	f.Fuzz(func(t *testing.T, s string, which int) {
		d, ok := cldr.ParseDecimal(s)
		if !ok {
			return
		}
		l := cldr.Get(names[uint(which)%uint(len(names))])
		for _, style := range []cldr.NumberStyle{cldr.Plain, cldr.Integer, cldr.Percentage, cldr.CompactShort, cldr.CompactLong} {
			for _, o := range []cldr.Options{{}, {LatinDigits: true}} {
				if out := l.AppendNumber(nil, d, style, cldr.Fraction{}, o); len(out) == 0 {
					t.Errorf("%s in style %d is empty", s, style)
				}
			}
		}
		l.Plural(&d)
		exact, ok := new(big.Rat).SetString(s)
		if !ok {
			t.Fatalf("%q is no number", s)
		}
		got := cldr.Get("en").AppendNumber(nil, d, cldr.Plain, cldr.Fraction{Set: true, Least: 3, Most: 3}, cldr.Options{})
		want := exact.FloatString(3)
		if strings.Trim(want, "-0.") == "" {
			want = strings.TrimPrefix(want, "-") // there is no minus zero here
		}
		if strings.ReplaceAll(string(got), ",", "") != want {
			t.Errorf("%s: got %s, want %s", s, got, want)
		}
	})
}

// BenchmarkPersianDate writes a full date, as for every member of a broadcast with a date of her own.
func BenchmarkPersianDate(b *testing.B) {
	l, at := cldr.Get("fa"), goldens().Instants[3]
	buf := make([]byte, 0, 128)
	b.ReportAllocs()
	for b.Loop() {
		buf = l.AppendDate(buf[:0], at, cldr.Full, cldr.Options{})
	}
}
