package builtin

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/channels/content"
)

// Every adapter that is listed is described, and its options can be shown.
func TestAll(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range All() {
		if seen[f.Name] {
			t.Errorf("%s is listed twice", f.Name)
		}
		seen[f.Name] = true
		if _, err := json.Marshal(f.Options()); err != nil {
			t.Errorf("%s: options: %v", f.Name, err)
		}
		if f.Summary == "" || f.New == nil || (f.Kind == "") != (f.ParseAddress == nil) || (f.Kind == "") != (f.Compose == nil) {
			t.Errorf("%s is not fully described: %+v", f.Name, f)
			continue
		}
		if f.Kind == "" { // its channels have their own, and the kit holds each against the protocol
			continue
		}
		parts, err := f.Compose(content.Document{Short: "The bridge is open.", Blocks: []content.Block{content.Text("The bridge is open.")}})
		if err != nil || len(parts) != 1 || !strings.Contains(parts[0].Text, "The bridge is open.") {
			t.Errorf("%s composes %+v, %v", f.Name, parts, err)
		}
	}
	if len(seen) == 0 {
		t.Error("there are no adapters")
	}
}
