package telegram

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

var rewrite = flag.Bool("manual", false, "rewrite the table of refusals in the manual")

const manual = "../../docs/channels/telegram.md"

func TestTheManualHoldsEveryRefusalAndEveryOption(t *testing.T) {
	raw, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	const begin, end = "<!-- refusals -->\n", "<!-- /refusals -->"
	before, rest, ok := strings.Cut(text, begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the table of refusals", manual)
	}
	if want := before + begin + refusalTable() + end + after; text != want {
		if *rewrite {
			if err := os.WriteFile(manual, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		} else {
			t.Errorf("%s does not hold the table of refusals as it is now; run this test with -manual", manual)
		}
	}
	options := reflect.TypeFor[Options]()
	for i := range options.NumField() {
		key, _, _ := strings.Cut(options.Field(i).Tag.Get("json"), ",")
		if !strings.Contains(text, "`"+key+"`") {
			t.Errorf("%s does not tell of the option %s", manual, key)
		}
	}
}

// refusalTable writes the refusals as a Markdown table.
func refusalTable() string {
	var b strings.Builder
	b.WriteString("| code | Telegram says | class | at fault | what it means |\n|---|---|---|---|---|\n")
	for _, v := range verdicts {
		says := v.says
		if says == "" {
			says = "anything else"
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s |\n", v.code, says, v.class, v.scope, v.detail)
	}
	return b.String()
}
