package dispatch_test

import (
	"context"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

// Two equal texts to one number come to doubt, as where two members share a telephone, and a third is known to be sent. Of the two
// messages that the provider lists, the third's is taken for nobody else's, and the other for one of the two, never for both. So it is
// whether the adapter asks whose a message is, or cannot tell messages apart; and whoever has none leaves again where the class
// says so.
func TestALookUpTakesNobodyElsesMessage(t *testing.T) {
	for what, asks := range map[string]bool{"the adapter asks": true, "it does not": false} {
		t.Run(what, func(t *testing.T) {
			story(t, func(w *world) {
				p := &provider{caps: channels.Capabilities{Receipts: channels.DeliveryReceipts}}
				p.send = func(context.Context, channels.Outbound) (channels.Sent, error) {
					return channels.Sent{ProviderID: "SM3"}, nil
				}
				sms := w.add("sms", finder{p, func(q channels.Query) (channels.Finding, error) {
					for _, id := range []string{"SM3", "SM1"} {
						if !asks || !q.IsOthers(id) {
							return channels.Finding{Found: channels.WasSent, Receipt: channels.Receipt{ProviderID: id, Status: channels.StatusAccepted}}, nil
						}
					}
					return channels.Finding{Found: channels.NotSent}, nil
				}})
				third := w.l.plan(w.l.announce(gateway.Alert, 1), sms)
				w.start(w.options())
				w.expect(map[gateway.DeliveryState]int{gateway.DeliveryAccepted: 1})
				p.mu.Lock()
				p.send = lost
				p.mu.Unlock()
				all := []gateway.ID{w.l.plan(w.l.announce(gateway.Alert, 1), sms), w.l.plan(w.l.announce(gateway.Alert, 1), sms)}
				w.pass(time.Minute)
				p.mu.Lock()
				p.send = func(_ context.Context, m channels.Outbound) (channels.Sent, error) {
					return channels.Sent{ProviderID: "SM again " + m.Attempt}, nil
				}
				p.mu.Unlock()
				w.pass(10 * time.Minute)
				has := map[string]int{}
				for _, id := range append(all, third) {
					for _, a := range w.is(id).Attempts {
						for _, part := range w.l.attempts[a.ID].parts {
							has[part]++
						}
					}
				}
				want := map[bool]int{true: 1}[asks] // who cannot tell messages apart leaves both in doubt
				if has["SM3"] != 1 || has["SM1"] != want {
					t.Errorf("the messages belong to %v", has)
				}
				for id, n := range has {
					if n > 1 {
						t.Errorf("%s belongs to %d", id, n)
					}
				}
			})
		})
	}
}
