package inbound_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
)

// recalls is a provider that can be asked what came.
type recalls struct {
	*wire
	pages  [][]channels.Event
	waits  int // times that it says it brings the rest itself
	keeps  time.Duration
	now    func() time.Time
	fails  error
	asked  []time.Time
	during func() // while it is asked
}

func (r *recalls) Capabilities() channels.Capabilities { return channels.Capabilities{Inbound: true} }

func (r *recalls) CatchUp(_ context.Context, since time.Time, cursor string) (channels.Caught, error) {
	if cursor == "" {
		r.asked = append(r.asked, since)
	}
	if r.during != nil {
		r.during()
	}
	if r.fails != nil {
		return channels.Caught{}, r.fails
	}
	var c channels.Caught
	if r.keeps > 0 && since.Before(r.now().Add(-r.keeps)) {
		c.Lost = r.now().Add(-r.keeps)
	}
	if r.waits > 0 {
		r.waits--
		c.Next = "pending"
		return c, nil
	}
	if len(cursor) < len(r.pages) {
		c.Events = r.pages[len(cursor)]
		if c.Next = cursor + "x"; len(c.Next) == len(r.pages) {
			c.Next = ""
		}
	}
	return c, nil
}

// house is one channel of a stage, and processes that come and go.
type house struct {
	*stage
	provider *recalls
	computer time.Time
	listener *inbound.Listener
}

func (h *house) All() []gateway.Channel { return []gateway.Channel{h.own} }

func (h *house) Adapter(gateway.ID) (channels.Adapter, bool) { return h.provider, true }

// start is what a process does first.
func (h *house) start(hears bool) *inbound.Listener {
	h.t.Helper()
	p := inbound.ListenerParts{Channels: h, Ledger: h.s, Clock: func() time.Time { return h.computer }}
	if hears {
		p.Ears = h.newEars()
		p.Ears.Channels, p.Ears.Polls = h, false
	}
	l := inbound.NewListener(p)
	h.ok(l.Look(h.t.Context()))
	return l
}

func (h *house) ByName(string) (gateway.Channel, channels.Adapter, bool) {
	return h.own, h.provider, true
}

// pass lets time go by, for all clocks.
func (h *house) pass(d time.Duration) {
	h.wind(d)
	h.computer = h.computer.Add(d)
}

func newHouse(t *testing.T) *house {
	st := newStage(t)
	h := &house{stage: st, computer: time.Now(), provider: &recalls{wire: st.wires[st.own.ID], now: st.now}}
	h.listener = h.start(true)
	if h.listener.Deaf(h.own.ID) {
		t.Fatal("a channel that is new has no gap")
	}
	return h
}

func (h *house) gap() *gateway.HearingGap {
	h.t.Helper()
	all, err := h.s.Listened(h.t.Context())
	h.ok(err)
	return all[slices.IndexFunc(all, func(l gateway.Listened) bool { return l.Channel == h.own.ID })].Gap
}

func text(id, from, words string, at time.Time) channels.Event {
	return channels.Event{ID: id, At: at, Inbound: &channels.Inbound{From: channels.Address(from), Text: words}}
}

// Everything is down for two hours. Ann writes STOP; Ben writes START, and STOP as soon as we are back; Cem wrote before.
func TestTwoHoursDown(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	ann, ben := h.enrol(h.harbour, "sms:+447700900001"), h.enrol(h.harbour, "sms:+447700900002")
	cem := h.enrol(h.harbour, "sms:+447700900003")
	h.listener = h.start(true)
	before := h.now().Add(-time.Second)
	h.say(h.own, told{ID: "c1", From: "+447700900003", Text: "hello", At: before})
	h.pass(2 * time.Hour)
	sender := h.start(false)
	h.listener = h.start(true)
	if !h.listener.Deaf(h.own.ID) || !sender.Deaf(h.own.ID) {
		t.Fatal("routine messages leave before anybody asked what came")
	}
	h.provider.pages = [][]channels.Event{
		{text("a1", "+447700900001", "STOP", h.now().Add(-time.Hour)), text("b1", "+447700900002", "START", h.now().Add(-time.Hour))},
		{text("c1", "+447700900003", "hello", before)},
	}
	h.provider.during = func() {
		h.provider.during = nil
		h.say(h.own, told{ID: "b2", From: "+447700900002", Text: "STOP", At: h.now()})
		if !h.listener.Deaf(h.own.ID) {
			t.Error("routine messages leave while the provider is asked")
		}
	}
	h.listener.Ask(ctx)
	h.ok(sender.Look(ctx))
	if h.listener.Deaf(h.own.ID) || sender.Deaf(h.own.ID) {
		t.Fatal("all is heard, and routine messages wait")
	}
	for id, want := range map[gateway.ID]string{ann: "stopped", ben: "stopped", cem: "active"} {
		if got := h.states(h.harbour, id); got != want {
			t.Errorf("somebody is %s, want %s", got, want)
		}
	}
	if n := len(h.inbox(h.harbour)); n != 4 {
		t.Errorf("%d messages are kept, want 4", n)
	}
	if since := h.provider.asked[0]; h.now().Sub(since).Round(time.Minute) != 2*time.Hour {
		t.Errorf("asked for what came since %v", since)
	}
	if g := h.gap(); g != nil {
		t.Errorf("a gap is said: %+v", g)
	}
	h.listener.Ask(ctx)
	if len(h.provider.asked) != 1 {
		t.Error("the provider is asked although there is no gap")
	}
}

// The provider brings by itself what it kept, and it keeps a day: of thirty hours, six are lost, and that is said.
func TestThirtyHoursDown(t *testing.T) {
	h := newHouse(t)
	h.provider.keeps, h.provider.waits = 24*time.Hour, 2
	h.listener = h.start(true)
	from := h.now()
	h.pass(30 * time.Hour)
	h.listener = h.start(true)
	h.listener.Ask(t.Context())
	if !h.listener.Deaf(h.own.ID) {
		t.Fatal("routine messages leave although the provider has not brought all")
	}
	h.listener.Ask(t.Context())
	if h.listener.Deaf(h.own.ID) {
		t.Fatal("the provider has brought all, and routine messages wait")
	}
	g := h.gap()
	if g == nil || g.Reason != gateway.GapForgotten || g.From.Sub(from).Abs() > time.Minute || g.Until.Sub(from.Add(6*time.Hour)).Abs() > time.Minute {
		t.Errorf("the gap is said as %+v", g)
	}
}

// A provider that cannot be asked holds what is routine for a quarter of an hour; the gap is said, and closed once it answers.
func TestAProviderThatCannotBeAsked(t *testing.T) {
	h := newHouse(t)
	h.provider.fails = &channels.Error{Class: channels.Temporary, Scope: channels.ScopeChannel, Cause: errors.New("away")}
	h.listener = h.start(true)
	h.pass(time.Hour)
	h.listener = h.start(true)
	for range 14 {
		h.listener.Ask(t.Context())
		h.pass(time.Minute)
	}
	if !h.listener.Deaf(h.own.ID) || h.gap() != nil {
		t.Fatal("routine messages leave before a quarter of an hour is over")
	}
	h.pass(time.Minute)
	h.listener.Ask(t.Context())
	if g := h.gap(); h.listener.Deaf(h.own.ID) || g == nil || g.Reason != gateway.GapUnreachable {
		t.Fatalf("after a quarter of an hour the gap is %+v", g)
	}
	h.provider.fails = nil
	ann := h.enrol(h.harbour, "sms:+447700900001")
	h.provider.pages = [][]channels.Event{{text("a1", "+447700900001", "STOP", h.now().Add(-30*time.Minute))}}
	for range 6 { // somebody listens meanwhile: there is no new gap
		h.pass(time.Minute)
		h.ok(h.listener.Look(t.Context()))
	}
	h.listener.Ask(t.Context())
	if g := h.gap(); g != nil || h.states(h.harbour, ann) != "stopped" {
		t.Errorf("the provider answers again, and the gap is %+v", g)
	}
}

// A provider that refuses to say is not waited for: the gap is said at once. And a sender alone does not wait for ever.
func TestAProviderThatRefuses(t *testing.T) {
	h := newHouse(t)
	h.provider.fails = &channels.Error{Class: channels.Permanent, Scope: channels.ScopeChannel}
	h.listener = h.start(true)
	h.pass(time.Hour)
	sender := h.start(false)
	h.listener = h.start(true)
	h.listener.Ask(t.Context())
	if g := h.gap(); h.listener.Deaf(h.own.ID) || g == nil || g.Reason != gateway.GapRefused {
		t.Fatalf("the gap is %+v", g)
	}
	h.pass(gateway.GapAfter + time.Minute)
	h.ok(sender.Look(t.Context()))
	if !sender.Deaf(h.own.ID) {
		t.Fatal("nobody listens, and routine messages leave")
	}
	h.pass(gateway.GapPatience + 2*time.Minute)
	h.ok(sender.Look(t.Context()))
	if sender.Deaf(h.own.ID) {
		t.Error("routine messages wait for ever for somebody who listens")
	}
}
