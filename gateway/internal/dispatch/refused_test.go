package dispatch_test

import (
	"context"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

// An alert cannot reach her number from ours. That is told at the first refusal, when all that is known of it is in the ledger, though
// it is tried again until its tries are spent; of a report, and of an alert that arrives, nothing is told.
func TestTheFirstRefusalIsTold(t *testing.T) {
	story(t, func(w *world) {
		deaf := w.add("sms", &provider{send: func(context.Context, channels.Outbound) (channels.Sent, error) {
			return channels.Sent{}, &channels.Error{Class: channels.Permanent, Scope: channels.ScopeSender, Code: "21612"}
		}})
		alert := w.l.announce(gateway.Alert, 1)
		refused := w.l.plan(alert, deaf)
		w.l.plan(w.l.announce(gateway.Report, 1), deaf)
		w.l.plan(w.l.announce(gateway.Alert, 1), w.add("chat", &provider{}))
		var first time.Time
		begun, told := time.Now(), 0
		o := w.options()
		o.Refused = func(_, broadcast gateway.ID) {
			if broadcast != alert.id {
				t.Error("it is told of a message that was not refused, or is not urgent")
			}
			if told++; told > 1 {
				return
			}
			first = time.Now()
			d := w.is(refused)
			if all, forGood := d.Refused(); !all || !forGood {
				t.Errorf("when it is told, the delivery is %s with %+v", d.State, d.Attempts)
			}
		}
		w.start(o)
		w.pass(2 * time.Minute)
		if d := w.is(refused); d.State != gateway.Ended || len(d.Attempts) != gateway.PolicyOf(gateway.Alert).Tries || told != len(d.Attempts) {
			t.Errorf("it is %s after %d tries, and was told of %d times", d.State, len(d.Attempts), told)
		}
		if took := first.Sub(begun); first.IsZero() || took > time.Second {
			t.Errorf("it was told of after %s", took)
		}
	})
}
