package fanout_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
)

// One process takes a report in, and two others plan. Both begin at once and meet at the first chunk: one goes on alone, and
// everybody is planned once. When the one that went on hangs in the middle, the other goes on at the cursor.
func TestRivals(t *testing.T) {
	for name, dies := range map[string]bool{"both live": false, "one dies": true} {
		t.Run(name, func(t *testing.T) {
			st := newStage(t)
			st.enrol(many(2100, who{locale: "en", points: "sms"})...)
			options := fanout.Options{Now: st.now, Sweep: time.Hour, Rivals: true}
			store := fanout.Store{Groups: st.s, Log: st.s, Audiences: st.s, Ledger: st, Tracking: st.s, Prices: st.s, Asks: st.s, Wordings: st.s, Reviews: st.s}
			one, two := fanout.New(store, st, options), fanout.New(store, st, options)
			options.Elsewhere = func() { one.Look(); two.Look() }
			st.f = fanout.New(store, st, options)

			var both sync.WaitGroup
			both.Add(2)
			var calls atomic.Int32
			third, resumed := make(chan struct{}), make(chan struct{})
			st.planErr = func(gateway.Chunk) error {
				switch n := calls.Add(1); {
				case n <= 2:
					both.Done()
					both.Wait()
				case n == 3 && dies:
					close(third)
					<-resumed // this process hangs until the story is over
				}
				return nil
			}
			st.run(one)
			st.run(two)
			st.run(st.f)
			t.Cleanup(func() { close(resumed) })
			id := st.submit(report("r1"))
			if dies {
				<-third
				stop := make(chan struct{})
				defer close(stop)
				go func() { // the other gives way at first, some time soon, and then has waited long enough
					for {
						select {
						case <-stop:
							return
						case <-time.After(10 * time.Millisecond):
							st.wind(5 * time.Second)
							one.Look()
							two.Look()
						}
					}
				}()
			}
			if n := len(st.planned(id)); n != 2100 {
				t.Errorf("%d of 2100 are planned", n)
			}
			most := int32(7) // five chunks, one that met another, and one that hangs
			if dies {
				most = 9 // it is taken for dead by the clock, and a slow one that lives too, now and then
			}
			if n := calls.Load(); n > most {
				t.Errorf("%d chunks were tried for five: two plan the same all along", n)
			}
		})
	}
}
