package email

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

var rewrite = flag.Bool("manual", false, "rewrite the table of codes in the manual")

const manual = "../../docs/channels/email.md"

// The manual holds every code as the adapter uses it, and tells of every option.
func TestTheManualIsFresh(t *testing.T) {
	raw, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- codes -->\n", "<!-- /codes -->"
	before, rest, ok := strings.Cut(string(raw), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the table of codes", manual)
	}
	want := before + begin + table() + end + after
	switch {
	case want == string(raw):
	case *rewrite:
		if err := os.WriteFile(manual, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s does not hold the table of codes as it is now; run this test with -manual", manual)
	}
	for _, of := range []reflect.Type{reflect.TypeFor[Options](), reflect.TypeFor[DKIMKey]()} {
		for f := range of.Fields() {
			key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if !strings.Contains(want, "`"+key+"`") {
				t.Errorf("%s does not tell of the option %s", manual, key)
			}
		}
	}
}

// table writes the verdicts as a Markdown table.
func table() string {
	var b strings.Builder
	b.WriteString("\n| code | class | scope | waits | meaning |\n|---|---|---|---|---|\n")
	for _, v := range verdicts {
		wait := "–"
		if v.Wait > 0 {
			wait = strings.TrimSuffix(v.Wait.String(), "0s")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", v.Code, v.Class, v.Scope, wait, v.Detail)
	}
	b.WriteString("\n")
	return b.String()
}
