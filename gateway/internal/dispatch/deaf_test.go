package dispatch_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// While a STOP may not be in the ledger yet, reports wait and alerts go; then the reports leave at once.
func TestNothingRoutineBeforeWhatMembersSaidIsKnown(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{}
		sms := w.add("sms", p)
		report := w.l.announce(gateway.Report, 1)
		for range 5 {
			w.l.plan(report, sms)
		}
		var deaf atomic.Bool
		deaf.Store(true)
		o := w.options()
		o.Deaf = func(channel gateway.ID) bool { return channel == sms && deaf.Load() }
		w.start(o)
		alert := w.l.plan(w.l.announce(gateway.Alert, 1), sms)
		w.pass(time.Minute)
		if p.count() != 1 || len(w.is(alert).Attempts) != 1 {
			t.Errorf("%d messages left, want the alert alone", p.count())
		}
		deaf.Store(false)
		w.sync(sms)
		w.pass(time.Second)
		if p.count() != 6 {
			t.Errorf("%d messages left, want all 6", p.count())
		}
	})
}
