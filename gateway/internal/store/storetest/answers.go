package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// A thousand messages of a machine are answered ten times in an hour and forty times in a day; another contact point, and
// the same id in another group, are answered all the same. An answer that was given leave keeps it.
func answered(t *testing.T, open Open) {
	w := newWorld(t, open)
	her, other := gateway.NewID(), gateway.NewID()
	may := func(group, to gateway.ID, key string) bool {
		t.Helper()
		ok, err := gateway.MayAnswer(w.ctx, w, group, to, key)
		w.ok(err)
		return ok
	}
	given := 0
	for i := range 1000 {
		if i%10 == 0 {
			w.clock.Wind(2 * time.Minute) // 200 minutes in all
		}
		if may(w.group.ID, her, fmt.Sprint("a", i)) {
			given++
		}
	}
	if given <= 3*gateway.MostAnswersHour || given > 4*gateway.MostAnswersHour { // in each hour that has begun
		t.Errorf("%d answers in 200 minutes", given)
	}
	w.clock.Wind(time.Hour)
	for i := range 10 {
		if may(w.group.ID, her, fmt.Sprint("b", i)) {
			given++
		}
	}
	equal(t, "answers in a day", given, gateway.MostAnswersDay)
	equal(t, "what was given leave has it", may(w.group.ID, her, "a0"), true)
	equal(t, "what was not has not", may(w.group.ID, her, "c"), false)
	equal(t, "another contact point", may(w.group.ID, other, "c"), true)
	equal(t, "another group", may(w.other.ID, her, "c"), true)
	w.clock.Wind(24 * time.Hour)
	_, err := w.Retain(w.ctx, 1000)
	w.ok(err)
	equal(t, "the next day", may(w.group.ID, her, "d"), true)

	var n atomic.Int32
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			ok, err := gateway.MayAnswer(w.ctx, w, w.group.ID, gateway.ID{9}, fmt.Sprint(i))
			if err != nil {
				t.Error(err)
			}
			if ok {
				n.Add(1)
			}
		})
	}
	all.Wait()
	equal(t, "answers at once", int(n.Load()), gateway.MostAnswersHour)
}
