package dispatch_test

import (
	"context"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

// The third part of an alert begins long after its claim. Were it looked up as if it had ended when a first part must have,
// a list that had no time to settle would be taken for proof, and people would get it twice.
func TestALookUpKnowsWhenALatePartEnded(t *testing.T) {
	story(t, func(w *world) {
		var ended time.Time
		p := &provider{send: func(_ context.Context, m channels.Outbound) (channels.Sent, error) {
			time.Sleep(9 * time.Second)
			if m.PartNo < 2 {
				return channels.Sent{ProviderID: "p"}, nil
			}
			ended = time.Now()
			return lost(context.Background(), m)
		}}
		looks := 0
		sms := w.add("sms", finder{p, func(q channels.Query) (channels.Finding, error) {
			looks++
			if q.Until.Before(ended) || q.PartNo != 2 {
				t.Errorf("asked about part %d until %v; it ended at %v", q.PartNo, q.Until, ended)
			}
			return channels.Finding{Found: channels.CannotTell}, nil
		}})
		w.l.plan(w.l.announce(gateway.Alert, 3), sms)
		w.start(w.options())
		w.pass(time.Minute)
		if looks == 0 {
			t.Error("nobody looked")
		}
	})
}
