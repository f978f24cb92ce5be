package builtin

import (
	"encoding/json"
	"testing"
)

// Every adapter that is listed is described, and its options can be shown.
func TestAll(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range All() {
		if seen[f.Name] {
			t.Errorf("%s is listed twice", f.Name)
		}
		seen[f.Name] = true
		if f.Kind == "" || f.Summary == "" || f.New == nil || f.ParseAddress == nil {
			t.Errorf("%s is not fully described: %+v", f.Name, f)
		}
		if _, err := json.Marshal(f.Options()); err != nil {
			t.Errorf("%s: options: %v", f.Name, err)
		}
	}
	if len(seen) == 0 {
		t.Error("there are no adapters")
	}
}
