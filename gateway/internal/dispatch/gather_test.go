package dispatch

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/carillon-gateway/carillon/gateway"
)

// strict is a ledger that takes no call in which an outcome names a certain part of a provider.
type strict struct {
	Ledger
	bad   string
	wrote map[string]int
}

func (s *strict) Exchange(_ context.Context, _ gateway.Claimant, done []gateway.Outcome, ids []gateway.ID) ([]error, []gateway.Claim, error) {
	for i := range done {
		if done[i].ProviderID == s.bad {
			return nil, nil, gateway.Faultf(gateway.CodeInvalid, "the ledger cannot keep this")
		}
	}
	for i := range done {
		s.wrote[done[i].ProviderID]++
	}
	return make([]error, len(done)), make([]gateway.Claim, len(ids)), nil
}

// An outcome that the ledger will never take does not keep the others out, nor the next claims.
func TestAnOutcomeThatCannotBeKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := Options{Ledger: &strict{bad: "b", wrote: map[string]int{}}}
		o.complete()
		g := newGatherer(&o, gateway.Claimant{ID: gateway.NewID()})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for _, id := range []string{"a", "b", "c"} {
			g.settle(settlement{outcome: gateway.Outcome{Attempt: gateway.NewID(), ProviderID: id}})
		}
		go g.run(ctx)
		r := claimRequest{ids: []gateway.ID{gateway.NewID()}, done: make(chan struct{}, 1)}
		_, err := g.claim(ctx, &r)
		if errors.Is(err, &gateway.Fault{Code: gateway.CodeInvalid}) { // it was asked for together with the bad one
			_, err = g.claim(ctx, &r)
		}
		if err != nil {
			t.Fatal(err)
		}
		if got := o.Ledger.(*strict).wrote; got["a"] != 1 || got["c"] != 1 || got["b"] != 0 {
			t.Errorf("written: %v", got)
		}
	})
}
