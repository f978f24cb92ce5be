package mattermost

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

var rewrite = flag.Bool("manual", false, "rewrite the table of refusals in the manual")

const manual = "../../docs/channels/mattermost.md"

func TestTheManualHoldsEveryRefusalAndEveryOption(t *testing.T) {
	raw, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- refusals: go test ./channels/mattermost -run Manual -manual -->\n", "<!-- /refusals -->"
	before, rest, ok := strings.Cut(string(raw), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no place for the table of refusals", manual)
	}
	if want := before + begin + refusalTable() + end + after; string(raw) != want {
		if !*rewrite {
			t.Fatalf("%s does not hold the table of refusals as it is now; run this test with -manual", manual)
		}
		if err := os.WriteFile(manual, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for f := range reflect.TypeFor[Options]().Fields() {
		if key, _, _ := strings.Cut(f.Tag.Get("json"), ","); !strings.Contains(string(raw), "| `"+key+"` |") {
			t.Errorf("%s does not tell of the option %s", manual, key)
		}
	}
}

// refusalTable writes the refusals as a Markdown table.
func refusalTable() string {
	var b strings.Builder
	b.WriteString("| status | the id of the error holds | written to | class | at fault | what it means |\n|---|---|---|---|---|---|\n")
	for _, v := range verdicts {
		status, id, to := "any", "anything else", "any"
		if v.status != 0 {
			status = strconv.Itoa(v.status)
		}
		if v.id != "" {
			id = "`" + v.id + "`"
		}
		if v.to != "" {
			to = v.to
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", status, id, to, v.class, v.scope, v.detail)
	}
	return b.String()
}
