// Package queuetest is the suite that every queue passes.
package queuetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/queue"
)

// Window is what the lanes of the queue under test must hold.
const Window = 100

// Subject is a queue under test, empty, with a way to lose everything in it.
type Subject struct {
	Queue queue.Queue
	Flush func()
	Twice bool // the same id may be popped twice
}

// patience bounds a wait for something that must happen.
const patience = 10 * time.Second

var (
	urgentOnly = []gateway.Lane{gateway.Urgent}
	anyLane    = []gateway.Lane{gateway.Urgent, gateway.Normal, gateway.Bulk}
)

// Run runs the suite; open gives a fresh subject for each story.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	for _, story := range []struct {
		name string
		tell func(*testing.T, Subject)
	}{
		{"first come, first served", order},
		{"a present id is not taken twice until it is done", presence},
		{"what a group has in a lane is bounded", bounded},
		{"groups take turns", turns},
		{"a group that runs low is told of once", low},
		{"urgent goes first", urgentFirst},
		{"channels and lanes do not mix", apart},
		{"a pop waits for a push", waits},
		{"a pop ends with its context", givesUp},
		{"a pop that gave up takes nothing with it", nothingLost},
		{"every waiter gets its share", everyWaiter},
		{"loses everything", losesEverything},
		{"says everything twice", saysTwice},
		{"many at once", crowd},
	} {
		t.Run(story.name, func(t *testing.T) { story.tell(t, open(t)) })
	}
}

func ids(n int) []gateway.ID {
	made := make([]gateway.ID, n)
	for i := range made {
		made[i] = gateway.NewID()
	}
	return made
}

// push offers ids of one group, behind which the ledger has nothing.
func push(t *testing.T, s Subject, lane queue.Lane, given []gateway.ID, want int) {
	t.Helper()
	if low := offer(t, s, lane, want, len(given)+1, gateway.Share{Group: lane.Channel, Deliveries: given}); low {
		t.Fatal("a group of which there is no more runs low")
	}
}

// offer pushes shares, and returns whether a group runs low.
func offer(t *testing.T, s Subject, lane queue.Lane, want, each int, shares ...gateway.Share) (low bool) {
	t.Helper()
	taken, low, err := s.Queue.Push(t.Context(), lane, shares, each)
	if err != nil || taken != want {
		t.Fatalf("Push took %d, %v; want %d", taken, err, want)
	}
	return low
}

func pop(t *testing.T, s Subject, channel gateway.ID, lanes []gateway.Lane, most int) (gateway.Lane, []gateway.ID) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b, err := s.Queue.Pop(ctx, channel, lanes, most)
	if err != nil || len(b.Deliveries) == 0 || len(b.Deliveries) > most {
		t.Fatalf("Pop of at most %d gave %d ids, %v", most, len(b.Deliveries), err)
	}
	return b.Lane, b.Deliveries
}

func empty(t *testing.T, s Subject, lane queue.Lane) {
	t.Helper()
	if waiting, _, err := s.Queue.Len(t.Context(), lane); err != nil || waiting != 0 {
		t.Fatalf("%d ids wait, %v; want none", waiting, err)
	}
}

func order(t *testing.T, s Subject) {
	lane := queue.Lane{Channel: gateway.NewID(), Lane: gateway.Bulk}
	given := ids(50)
	push(t, s, lane, given[:20], 20)
	push(t, s, lane, given[20:], 30)
	var got []gateway.ID
	for len(got) < 50 {
		from, some := pop(t, s, lane.Channel, anyLane, 7)
		if from != gateway.Bulk {
			t.Fatalf("came from lane %v", from)
		}
		got = append(got, some...)
	}
	if !slices.Equal(got, given) {
		t.Error("ids came in another order")
	}
}

func presence(t *testing.T, s Subject) {
	lane := queue.Lane{Channel: gateway.NewID(), Lane: gateway.Normal}
	given := ids(3)
	push(t, s, lane, append(given, given...), 3)
	push(t, s, lane, given, 0)
	_, got := pop(t, s, lane.Channel, anyLane, 2)
	push(t, s, lane, given, 0) // popped is still present
	if waiting, held, err := s.Queue.Len(t.Context(), lane); waiting != 1 || held != 2 || err != nil {
		t.Fatalf("Len is %d and %d, %v; want 1 and 2", waiting, held, err)
	}
	if err := s.Queue.Done(t.Context(), lane, got); err != nil {
		t.Fatal(err)
	}
	push(t, s, lane, given, 2)
	if err := s.Queue.Done(t.Context(), lane, ids(1)); err != nil {
		t.Errorf("Done of an unknown id: %v", err)
	}
}

func bounded(t *testing.T, s Subject) {
	lane := queue.Lane{Channel: gateway.NewID(), Lane: gateway.Bulk}
	given := ids(Window + 10)
	offer(t, s, lane, Window, len(given)+1, gateway.Share{Group: lane.Channel, Deliveries: given})
	_, got := pop(t, s, lane.Channel, anyLane, 5)
	offer(t, s, lane, 5, len(given)+1, gateway.Share{Group: lane.Channel, Deliveries: given})
	if !slices.Equal(got, given[:5]) {
		t.Error("the window kept others than the longest due")
	}
}

// One group has a window full, another three: it is not kept waiting, and a third that comes later neither.
func turns(t *testing.T, s Subject) {
	lane := queue.Lane{Channel: gateway.NewID(), Lane: gateway.Bulk}
	groups, of := ids(3), map[gateway.ID]int{}
	share := func(group, n int) gateway.Share {
		made := ids(n)
		for _, id := range made {
			of[id] = group
		}
		return gateway.Share{Group: groups[group], Deliveries: made}
	}
	many, few := share(0, Window), share(1, 3)
	offer(t, s, lane, Window+3, Window+1, many, few)
	offer(t, s, lane, 0, Window+1, share(0, 1)) // its window is full, though not the lane
	count := func(most int) (counts [3]int) {
		_, got := pop(t, s, lane.Channel, anyLane, most)
		for _, id := range got {
			counts[of[id]]++
		}
		return counts
	}
	if got := count(2); got != [3]int{1, 1, 0} {
		t.Errorf("two were taken as %v", got)
	}
	for i := range 2 { // one at a time they take turns too
		if a, b := count(1), count(1); a[0]+b[0] != 1 || a[1]+b[1] != 1 {
			t.Errorf("round %d: %v, then %v", i, a, b)
		}
	}
	offer(t, s, lane, 2, Window+1, share(2, 2))
	if got := count(4); got != [3]int{2, 0, 2} {
		t.Errorf("four were taken as %v", got)
	}
	if got := count(Window); got != [3]int{Window - 5, 0, 0} {
		t.Errorf("the rest was taken as %v", got)
	}
}

func low(t *testing.T, s Subject) {
	lane := queue.Lane{Channel: gateway.NewID(), Lane: gateway.Normal}
	group, given := gateway.NewID(), ids(2*Window)
	share := func(n int) gateway.Share { return gateway.Share{Group: group, Deliveries: given[:n]} }
	if !offer(t, s, lane, 10, 10, share(10)) {
		t.Error("ten wait, there is more, and it does not run low")
	}
	if offer(t, s, lane, Window-10, 2*Window, share(2*Window)) {
		t.Error("a full window runs low")
	}
	told := 0
	for range Window / 5 {
		b, err := s.Queue.Pop(t.Context(), lane.Channel, anyLane, 5)
		if err != nil {
			t.Fatal(err)
		}
		waiting, _, err := s.Queue.Len(t.Context(), lane)
		if err != nil {
			t.Fatal(err)
		}
		if b.Low {
			told++
		}
		if (told > 0) != (waiting <= Window/4) {
			t.Fatalf("told %d times with %d waiting", told, waiting)
		}
	}
	if told != 1 {
		t.Errorf("told %d times", told)
	}
	other := ids(3)
	if offer(t, s, lane, 3, 4, gateway.Share{Group: group, Deliveries: other}) {
		t.Error("there is no more, and it runs low")
	}
	if b, err := s.Queue.Pop(t.Context(), lane.Channel, anyLane, 3); err != nil || b.Low {
		t.Errorf("there is no more: %+v, %v", b, err)
	}
}

func urgentFirst(t *testing.T, s Subject) {
	channel := gateway.NewID()
	for _, lane := range []gateway.Lane{gateway.Bulk, gateway.Normal, gateway.Urgent} {
		push(t, s, queue.Lane{Channel: channel, Lane: lane}, ids(2), 2)
	}
	for _, want := range gateway.Lanes {
		if lane, got := pop(t, s, channel, anyLane, 10); lane != want || len(got) != 2 {
			t.Fatalf("got %d ids of lane %v; want 2 of %v", len(got), lane, want)
		}
	}
}

func apart(t *testing.T, s Subject) {
	mine, other, given := gateway.NewID(), gateway.NewID(), ids(1)
	push(t, s, queue.Lane{Channel: other, Lane: gateway.Urgent}, given, 1)
	push(t, s, queue.Lane{Channel: mine, Lane: gateway.Bulk}, given, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Queue.Pop(ctx, mine, urgentOnly, 1); !errors.Is(err, context.Canceled) {
		t.Fatalf("Pop of an empty lane: %v", err)
	}
	if lane, got := pop(t, s, mine, anyLane, 1); lane != gateway.Bulk || got[0] != given[0] {
		t.Error("another id came")
	}
}

// popping starts a Pop that has to wait.
func popping(t *testing.T, ctx context.Context, s Subject, channel gateway.ID, lanes []gateway.Lane) <-chan []gateway.ID {
	t.Helper()
	got := make(chan []gateway.ID, 1)
	go func() {
		b, err := s.Queue.Pop(ctx, channel, lanes, 1)
		if err != nil {
			b.Deliveries = nil
		}
		got <- b.Deliveries
	}()
	return got
}

func await(t *testing.T, got <-chan []gateway.ID) []gateway.ID {
	t.Helper()
	select {
	case some := <-got:
		return some
	case <-time.After(patience):
		t.Fatal("a Pop did not return")
		return nil
	}
}

func waits(t *testing.T, s Subject) {
	channel, given := gateway.NewID(), ids(2)
	urgent := popping(t, t.Context(), s, channel, urgentOnly)
	push(t, s, queue.Lane{Channel: channel, Lane: gateway.Bulk}, given[:1], 1)
	select {
	case <-urgent:
		t.Fatal("a Pop of the urgent lane took something else")
	default:
	}
	push(t, s, queue.Lane{Channel: channel, Lane: gateway.Urgent}, given[1:], 1)
	if got := await(t, urgent); len(got) != 1 || got[0] != given[1] {
		t.Error("the waiting Pop got something else")
	}
}

func givesUp(t *testing.T, s Subject) {
	ctx, cancel := context.WithCancel(t.Context())
	got := popping(t, ctx, s, gateway.NewID(), anyLane)
	cancel()
	if some := await(t, got); some != nil {
		t.Error("a Pop without ids returned some")
	}
}

func nothingLost(t *testing.T, s Subject) {
	channel := gateway.NewID()
	lane := queue.Lane{Channel: channel, Lane: gateway.Urgent}
	for range 100 {
		ctx, cancel := context.WithCancel(t.Context())
		first, second := popping(t, ctx, s, channel, urgentOnly), popping(t, t.Context(), s, channel, urgentOnly)
		go cancel() // races with the push
		push(t, s, lane, ids(1), 1)
		if await(t, first) != nil {
			push(t, s, lane, ids(1), 1)
		}
		if await(t, second) == nil {
			t.Fatal("the one that stayed got nothing")
		}
	}
	empty(t, s, lane)
}

func everyWaiter(t *testing.T, s Subject) {
	channel := gateway.NewID()
	var waiting []<-chan []gateway.ID
	for range 10 {
		waiting = append(waiting, popping(t, t.Context(), s, channel, anyLane))
	}
	push(t, s, queue.Lane{Channel: channel, Lane: gateway.Normal}, ids(10), 10)
	for _, got := range waiting {
		await(t, got)
	}
}

func losesEverything(t *testing.T, s Subject) {
	lane := queue.Lane{Channel: gateway.NewID(), Lane: gateway.Bulk}
	given := ids(10)
	push(t, s, lane, given, 10)
	_, got := pop(t, s, lane.Channel, anyLane, 4)
	s.Flush()
	select {
	case <-s.Queue.Lost():
	case <-time.After(patience):
		t.Fatal("nobody was told of the loss")
	}
	empty(t, s, lane)
	if err := s.Queue.Done(t.Context(), lane, got); err != nil {
		t.Fatalf("Done of what was lost: %v", err)
	}
	push(t, s, lane, given, 10)
	late := popping(t, t.Context(), s, lane.Channel, urgentOnly)
	s.Flush()
	push(t, s, queue.Lane{Channel: lane.Channel, Lane: gateway.Urgent}, ids(1), 1)
	if await(t, late) == nil {
		t.Error("a Pop that waited over the loss got nothing")
	}
}

func saysTwice(t *testing.T, s Subject) {
	lane := queue.Lane{Channel: gateway.NewID(), Lane: gateway.Bulk}
	given := ids(20)
	push(t, s, lane, given, 20)
	times := map[gateway.ID]int{}
	for waiting := 20; waiting > 0; {
		_, got := pop(t, s, lane.Channel, anyLane, 6)
		for _, id := range got {
			times[id]++
		}
		push(t, s, lane, given, 0) // the relay sees them all as due still
		var err error
		if waiting, _, err = s.Queue.Len(t.Context(), lane); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range given {
		if n := times[id]; n == 0 || n > 1 && !s.Twice {
			t.Errorf("an id came %d times", n)
		}
	}
}

func crowd(t *testing.T, s Subject) {
	channel := gateway.NewID()
	const pushers, each, poppers = 4, 500, 4
	groups := ids(3)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var pushing, pops sync.WaitGroup
	var mu sync.Mutex
	seen := map[gateway.ID]int{}
	for i := range pushers {
		lane := queue.Lane{Channel: channel, Lane: gateway.Lanes[i%3]}
		pushing.Go(func() {
			for left := ids(each); len(left) > 0 && ctx.Err() == nil; {
				n, _, err := s.Queue.Push(ctx, lane, []gateway.Share{{Group: groups[len(left)%len(groups)], Deliveries: left[:min(25, len(left))]}}, each)
				if err != nil {
					t.Error(err)
					return
				}
				left = left[n:]
			}
		})
	}
	for range poppers {
		pops.Go(func() {
			for {
				b, err := s.Queue.Pop(ctx, channel, anyLane, 9)
				if err != nil {
					return
				}
				mu.Lock()
				for _, id := range b.Deliveries {
					seen[id]++
				}
				if len(seen) == pushers*each {
					cancel()
				}
				mu.Unlock()
				if err := s.Queue.Done(context.WithoutCancel(ctx), queue.Lane{Channel: channel, Lane: b.Lane}, b.Deliveries); err != nil {
					t.Error(err)
				}
			}
		})
	}
	pushing.Wait()
	pops.Wait()
	if len(seen) != pushers*each {
		t.Fatalf("%d of %d ids came", len(seen), pushers*each)
	}
	for _, n := range seen {
		if n > 1 && !s.Twice {
			t.Fatal("an id came twice")
		}
	}
}
