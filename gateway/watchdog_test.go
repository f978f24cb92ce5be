package gateway_test

import (
	"os"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

// Whoever meets a finding finds in the manual what it is.
func TestEachFindingIsInTheManual(t *testing.T) {
	manual, err := os.ReadFile("../docs/running.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range gateway.Watched() {
		if !strings.Contains(string(manual), "\n| `"+string(w.Code)+"` | ") {
			t.Errorf("docs/running.md has no row for %s", w.Code)
		}
	}
}
