package cldr

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestPluralsFollowCLDRsOwnSamples takes every example that CLDR gives for its rules, in every language: integers,
// decimals with visible fraction digits, and compact numbers such as 1.2c6, which is 1.2 million.
func TestPluralsFollowCLDRsOwnSamples(t *testing.T) {
	packed, err := os.ReadFile("testdata/samples")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := Unpack(packed)
	if err != nil {
		t.Fatal(err)
	}
	var kinds [2]map[string]map[string]string
	if err := json.Unmarshal(plain, &kinds); err != nil {
		t.Fatal(err)
	}
	tested := 0
	for kind, languages := range kinds {
		for language, rules := range languages {
			l := Get(language)
			for category, examples := range rules {
				for _, example := range strings.FieldsFunc(examples, func(r rune) bool { return r == ' ' || r == ',' }) {
					if example[0] == '@' || example == "…" {
						continue
					}
					for _, number := range strings.Split(example, "~") {
						number, power, compact := strings.Cut(number, "c")
						d, ok := ParseDecimal(number)
						if !ok {
							t.Fatal(example)
						}
						o := d.operands()
						if compact {
							e := int(natural(power))
							d.shift(e)
							o = d.operands()
							o.e = e
						}
						if got := l.plurals[kind].category(o).String(); got != category {
							t.Errorf("%s %s: got %s, want %s", language, example, got, category)
						}
						tested++
					}
				}
			}
		}
	}
	if tested < 5000 {
		t.Errorf("only %d samples", tested)
	}
}

// TestEveryPatternCanBeWritten looks for a letter in a date pattern that the code would pass over.
func TestEveryPatternCanBeWritten(t *testing.T) {
	for name := range unpacked {
		table := Get(name).table
		patterns := table.Times[:]
		for _, c := range table.Calendars {
			patterns = append(patterns, c.Dates[:]...)
		}
		for _, p := range patterns {
			quoted := false
			for _, r := range p {
				if r == '\'' {
					quoted = !quoted
				}
				if !quoted && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') && !strings.ContainsRune("GyMdEchHmsaBz", r) {
					t.Errorf("%s: %q", name, p)
				}
			}
		}
	}
}
