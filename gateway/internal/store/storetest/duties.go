package storetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// hold takes or renews a duty for a minute.
func (w *world) hold(duty string, by gateway.ID) gateway.Fence {
	w.Helper()
	f, err := w.Hold(w.ctx, duty, by, time.Minute)
	w.ok(err)
	equal(w, "the duty of a fence", f.Duty, duty)
	return f
}

// Two processes want one duty. One has it for as long as it renews it; the other gets it when that stops, under a token
// of its own, and at once when it is given back.
func duties(t *testing.T, open Open) {
	w := newWorld(t, open)
	one, two := gateway.NewID(), gateway.NewID()
	first := w.hold("house", one)
	equal(t, "held by the first", first.Held(), true)
	equal(t, "held by the second", w.hold("house", two).Held(), false)
	equal(t, "another duty", w.hold("yard", two).Held(), true)

	w.clock.Wind(40 * time.Second)
	equal(t, "the fence after it was renewed", w.hold("house", one), first)
	w.clock.Wind(40 * time.Second)
	equal(t, "held by the second before the renewed lease ends", w.hold("house", two).Held(), false)

	w.clock.Wind(20 * time.Second)
	second := w.hold("house", two)
	if second.Token <= first.Token {
		t.Fatalf("the token after %d is %d", first.Token, second.Token)
	}
	equal(t, "held by the first, who comes back", w.hold("house", one).Held(), false)
	w.ok(w.Leave(w.ctx, first)) // it is not his any more
	equal(t, "the fence after another has left", w.hold("house", two), second)

	list, err := w.Holders(w.ctx, "")
	w.ok(err)
	if len(list) != 1 || list[0].Name != "house" || list[0].By != two || !list[0].Until.Equal(w.clock.Now().Add(time.Minute)) {
		t.Fatalf("held are %+v; the lease of the yard has ended", list)
	}
	list, err = w.Holders(w.ctx, "hous_") // no pattern
	w.ok(err)
	equal(t, "duties of another prefix", len(list), 0)

	w.ok(w.Leave(w.ctx, second))
	third := w.hold("house", one)
	if third.Token == first.Token || third.Token == second.Token {
		t.Fatal("a token came twice")
	}
	w.crash()
	equal(t, "the fence after a restart", w.hold("house", one), third)

	var race sync.WaitGroup
	won := make(chan gateway.Fence, 20)
	for range cap(won) {
		race.Go(func() {
			f, err := w.Hold(w.ctx, "race", gateway.NewID(), time.Minute)
			if err != nil {
				t.Error(err)
			}
			if f.Held() {
				won <- f
			}
		})
	}
	race.Wait()
	equal(t, "winners of twenty", len(won), 1)

	w.clock.Wind(48 * time.Hour) // what nobody holds is forgotten, and no token comes twice for that
	for n := 1; n > 0; {
		n, err = w.Retain(w.ctx, 100)
		w.ok(err)
	}
	if last := w.hold("house", two); last.Token <= third.Token {
		t.Fatalf("the token after %d is %d", third.Token, last.Token)
	}
}

// A process that polls a channel is paused beyond its lease. Another goes on; what the first writes when it is resumed is
// refused (R16).
func pausedPoller(t *testing.T, open Open) {
	w := newWorld(t, open)
	one, two := gateway.NewID(), gateway.NewID()
	duty := gateway.PollDuty(w.sms.ID)
	cursor := func() string {
		c, err := w.Cursor(w.ctx, w.sms.ID)
		w.ok(err)
		return c
	}
	stale := func(what string, token int64) {
		t.Helper()
		if err := w.SetCursor(w.ctx, w.sms.ID, "wrong", token); !errors.Is(err, gateway.ErrStale) {
			t.Fatalf("%s: %v", what, err)
		}
	}
	stale("nobody polls", 0)
	first := w.hold(duty, one)
	w.ok(w.SetCursor(w.ctx, w.sms.ID, "update-1", first.Token))
	w.clock.Wind(2 * time.Minute)
	w.ok(w.SetCursor(w.ctx, w.sms.ID, "update-2", first.Token)) // late, but nobody has gone on
	second := w.hold(duty, two)
	stale("paused and resumed", first.Token)
	w.ok(w.SetCursor(w.ctx, w.sms.ID, "update-3", second.Token))
	stale("paused and resumed, again", first.Token)
	equal(t, "cursor", cursor(), "update-3")
	w.ok(w.Leave(w.ctx, second))
	stale("after it was given back", second.Token)
	equal(t, "cursor", cursor(), "update-3")
}
