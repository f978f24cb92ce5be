package gateway_test

import (
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

// A reference is nine digits, the same whenever it is asked for; whoever mistypes one digit, or changes two neighbours, has none.
func TestReference(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := gateway.NewID()
		r := gateway.Reference(id)
		if !gateway.IsReference(r) || r != gateway.Reference(id) || seen[r] {
			t.Fatalf("%s of %s", r, id)
		}
		seen[r] = true
		for i := range r {
			for d := byte('0'); d <= '9'; d++ {
				slip := r[:i] + string(d) + r[i+1:]
				if gateway.IsReference(slip) != (d == r[i]) {
					t.Fatalf("%s for %s", slip, r)
				}
			}
			if i > 0 && r[i-1] != r[i] && r[i-1:i+1] != "09" && r[i-1:i+1] != "90" { // the one pair that this sum does not tell apart
				if slip := r[:i-1] + string(r[i]) + string(r[i-1]) + r[i+1:]; gateway.IsReference(slip) {
					t.Fatalf("%s for %s", slip, r)
				}
			}
		}
	}
	for _, none := range []string{"", "12345678", "000000001", "0000000000"} {
		if gateway.IsReference(none) {
			t.Errorf("%q is none", none)
		}
	}
}
