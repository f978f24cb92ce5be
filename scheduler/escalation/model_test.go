package escalation

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/gateway"
)

// world is an alert with the ledger around it: what is kept of it, its broadcasts, and one process that has prepared an effect
// and not written it yet. Whoever loses a race, or dies, leaves no trace: a write is all or nothing, under the revision
// that was read.
type world struct {
	Now    time.Time
	Alert  gateway.AlertCase
	Keys   []string // of the events
	Casts  []cast
	Effect string // that a process has prepared; empty: none
	Read   int64  // the revision that it read
	Resumes,
	Handed int // alert texts
	broken string // what should never happen
}

// cast is a broadcast: one person is told by it.
type cast struct {
	ID      gateway.ID
	Kind    gateway.AlertEffectKind
	Stopped bool
	State   byte // w waiting, s sending, h handed over
}

var (
	noon  = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	ann   = gateway.AlertHand{Members: []gateway.ID{{1}}, Way: "sms"}
	ben   = gateway.AlertHand{Members: []gateway.ID{{2}}, Way: "sms"}
	moves = []string{"ann", "ann again", "ben", "forged", "time", "time, silent", "time, one way", "refused", "prepare", "write", "dies", "nobody", "claim", "receipt", "update", "offer", "clear", "cancel"}
)

func newWorld(quorum, progress int) *world {
	w := &world{Now: noon, Alert: gateway.AlertCase{ID: gateway.ID{9}, Reference: "4711", Audience: gateway.Audience{Topic: "alerts"},
		Saying: gateway.AlertSaying{Until: noon.Add(time.Hour)},
		Policy: gateway.AlertPolicy{Quorum: quorum, Progress: progress, Last: []gateway.AlertTarget{{Topic: "owners"}},
			Steps: []gateway.AlertStep{{Targets: []gateway.AlertTarget{{Tags: []string{"first"}}}, Wait: 10}, {Targets: []gateway.AlertTarget{{Tags: []string{"second"}}}, Wait: 10}}},
		Climb: gateway.AlertClimb{Secret: []byte("secret")}}}
	w.do(Event{Kind: Raise})
	return w
}

// do decides and writes. What cannot be done changes nothing; a known event is refused with all that would follow from it.
func (w *world) do(e Event) {
	d, err := Decide(w.Alert, e, w.Now)
	if errors.Is(err, ErrSettled) || errors.Is(err, gateway.ErrConflict) || errors.Is(err, &gateway.Fault{Code: gateway.CodeInvalid}) {
		return
	}
	if err != nil {
		w.broken = err.Error()
		return
	}
	for _, n := range d.Events {
		if slices.Contains(w.Keys, n.Key) {
			if n.Key != e.Once {
				w.broken = "the engine made the event " + n.Key + " twice"
			}
			return
		}
	}
	for _, n := range d.Events {
		w.Keys = append(w.Keys, n.Key)
		if n.Kind == gateway.EventResumed {
			w.Resumes++
		}
	}
	for i := range w.Casts {
		if slices.Contains(d.Stops, w.Casts[i].ID) {
			w.Casts[i].Stopped = true
		}
	}
	w.Alert = d.Alert
	w.Alert.Revision++
}

// move makes one thing happen, if it can.
func (w *world) move(what string) {
	switch what {
	case "ann":
		w.do(Event{Kind: Ack, By: ann, Asked: true, Proven: true, Once: "sms/1"})
	case "ann again":
		w.do(Event{Kind: Ack, By: ann, Asked: true, Proven: true, Once: "sms/2"})
	case "ben":
		w.do(Event{Kind: Ack, By: ben, Asked: true, Proven: true, Once: "sms/3"})
	case "forged":
		was := w.Alert
		w.do(Event{Kind: Ack, By: ann, Asked: true, Code: "000000", Once: "sms/4"})
		if was.State != w.Alert.State || len(was.Climb.Charge) != len(w.Alert.Climb.Charge) {
			w.broken = "a wrong code changed it"
		}
	case "time", "time, silent", "time, one way":
		if w.Alert.DueAt.IsZero() {
			return
		}
		if w.Alert.DueAt.After(w.Now) {
			w.Now = w.Alert.DueAt
		}
		e := Event{Kind: Tick, Reach: &Reach{Reached: 1}}
		switch what {
		case "time, silent":
			e.Reach = &Reach{Moving: 1}
		case "time, one way":
			e.Reach = &Reach{Reached: 1, OneWay: 1}
		}
		w.do(e)
	case "refused": // all that the step sent
		if slices.ContainsFunc(w.Alert.Climb.Sent, func(s gateway.AlertSent) bool { return s.Kind == gateway.AlertAsk && s.Asked == w.Alert.Climb.Asked }) {
			w.do(Event{Kind: Tick, Reach: &Reach{}})
		}
	case "prepare":
		if len(w.Alert.Climb.Pending) > 0 {
			w.Effect, w.Read = w.Alert.Climb.Pending[0].Key, w.Alert.Revision
		}
	case "dies":
		w.Effect = ""
	case "write", "nobody":
		if w.Effect == "" || w.Read != w.Alert.Revision {
			w.Effect = ""
			return
		}
		w.submit(what == "nobody")
	case "claim":
		for i := range w.Casts {
			if w.Casts[i].State == 'w' && !w.Casts[i].Stopped {
				w.Casts[i].State = 's'
				if w.Casts[i].Kind.Says() {
					w.Handed++
					if w.Alert.State.Over() || w.Alert.State == gateway.AlertExpired {
						w.broken = "an alert text left after its end"
					}
				}
				return
			}
		}
	case "receipt":
		for i := range w.Casts {
			if w.Casts[i].State == 's' {
				w.Casts[i].State = 'h'
				return
			}
		}
	case "update":
		w.do(Event{Kind: Update, Saying: gateway.AlertSaying{Until: noon.Add(2 * time.Hour)}, Once: "api/1"})
	case "offer":
		w.do(Event{Kind: Offer, By: ann, To: ben, Once: "api/2"})
	case "clear":
		w.do(Event{Kind: Clear, Once: "api/3"})
	case "cancel":
		w.do(Event{Kind: Cancel, Once: "api/4"})
	}
}

// submit writes the prepared effect with its broadcast.
func (w *world) submit(nobody bool) {
	at := slices.IndexFunc(w.Alert.Climb.Pending, func(e gateway.AlertEffect) bool { return e.Key == w.Effect })
	key := w.Effect
	w.Effect = ""
	if at < 0 {
		w.broken = "an effect is gone under the same revision"
		return
	}
	kind, state := w.Alert.Climb.Pending[at].Kind, w.Alert.State
	if kind == gateway.AlertAsk && state != gateway.AlertClimbing {
		w.broken = "a step was taken although the alert is " + string(state)
	}
	if kind.Says() && (state.Over() || state == gateway.AlertExpired) {
		w.broken = "the alert's text is sent although it is " + string(state)
	}
	if nobody {
		w.do(Event{Kind: Failed, Effect: key, Nobody: true})
		return
	}
	id := gateway.ID{100, byte(len(w.Casts))}
	w.do(Event{Kind: Submitted, Effect: key, Broadcasts: []gateway.ID{id}})
	w.Casts = append(w.Casts, cast{ID: id, Kind: kind, State: 'w'})
}

// check says what is wrong with the world as it stands.
func (w *world) check() string {
	a := &w.Alert
	if w.broken != "" {
		return w.broken
	}
	known := map[string]bool{}
	for _, k := range w.Keys {
		if known[k] {
			return "the event " + k + " was recorded twice"
		}
		known[k] = true
	}
	if a.State == gateway.AlertClimbing && (a.DueAt.IsZero() || a.Climb.StepAt.IsZero()) {
		return "it climbs, and nothing is due"
	}
	if (a.State.Open()) && (a.DueAt.IsZero() || a.DueAt.After(a.ExpiresAt)) {
		return "it is open, and nobody will ask how it ended"
	}
	for _, c := range w.Casts {
		if over := a.State.Over() || a.State == gateway.AlertExpired; over && c.Kind.Says() && !c.Stopped {
			return "it has ended, and " + string(c.Kind) + " may still leave"
		}
		if a.State == gateway.AlertTaken && c.Kind == gateway.AlertAsk && !c.Stopped && len(a.Climb.Charge) >= quorum(a) {
			return "somebody is in charge, and others may still be asked"
		}
	}
	if a.State == gateway.AlertTaken && len(a.Climb.Charge) == 0 {
		return "nobody is in charge of what is taken"
	}
	return ""
}

// drain lets everything that is due be submitted, then says whether the end was told to those who had heard of it.
func (w *world) drain() string {
	for range 50 {
		if len(w.Alert.Climb.Pending) == 0 {
			break
		}
		w.move("prepare")
		w.move("write")
	}
	if len(w.Alert.Climb.Pending) > 0 {
		return "what is pending is never submitted"
	}
	said := func(kinds ...gateway.AlertEffectKind) bool {
		return slices.ContainsFunc(w.Casts, func(c cast) bool { return slices.Contains(kinds, c.Kind) && !c.Stopped }) ||
			slices.ContainsFunc(w.Keys, func(k string) bool {
				return slices.ContainsFunc(kinds, func(e gateway.AlertEffectKind) bool {
					return len(k) >= len("nobody/")+len(e) && k[:len("nobody/")+len(e)] == "nobody/"+string(e)
				})
			})
	}
	switch w.Alert.State {
	case gateway.AlertCleared:
		if !said(gateway.AlertSayClear) {
			return "nobody is told that it is over"
		}
	case gateway.AlertCancelled:
		if !said(gateway.AlertWithdraw) {
			return "nobody is told that it was a mistake"
		}
	case gateway.AlertExpired:
		if !said(gateway.AlertAskEnd) {
			return "nobody is asked how it ended"
		}
	case gateway.AlertUnanswered:
		if !said(gateway.AlertLast) {
			return "it ended in silence"
		}
	}
	return ""
}

func (w *world) copy() *world {
	c := *w
	c.Keys, c.Casts = slices.Clone(w.Keys), slices.Clone(w.Casts)
	return &c
}

// TestEveryOrder tries every order of what may happen to a small alert, five things deep, and holds each against what must
// always be true; a state that was met before is not tried again.
func TestEveryOrder(t *testing.T) {
	const deep = 5
	type node struct {
		w    *world
		path []string
	}
	for _, quorum := range []int{1, 2} {
		level := []node{{w: newWorld(quorum, 30)}}
		seen := map[string]bool{}
		tried := 0
		for range deep {
			var next []node
			for _, n := range level {
				for _, m := range moves {
					w := n.w.copy()
					w.move(m)
					tried++
					path := append(slices.Clone(n.path), m)
					if wrong := w.check(); wrong != "" {
						t.Fatalf("quorum %d, after %v: %s", quorum, path, wrong)
					}
					raw, err := json.Marshal(w)
					if err != nil {
						t.Fatal(err)
					}
					if key := string(raw); !seen[key] {
						seen[key] = true
						if wrong := w.copy().drain(); wrong != "" {
							t.Fatalf("quorum %d, after %v: %s", quorum, path, wrong)
						}
						next = append(next, node{w, path})
					}
				}
			}
			level = next
		}
		t.Logf("quorum %d: %d moves, %d states", quorum, tried, len(seen))
		if len(seen) < 1000 {
			t.Errorf("only %d states were reached", len(seen))
		}
	}
}

// TestLongOrders does the same at random with up to a hundred things.
func TestLongOrders(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(rapid.IntRange(1, 3).Draw(r, "quorum"), rapid.SampledFrom([]int{0, 5, 30}).Draw(r, "progress"))
		var path []string
		for range rapid.IntRange(1, 100).Draw(r, "length") {
			m := rapid.SampledFrom(moves).Draw(r, "move")
			path = append(path, m)
			w.move(m)
			if wrong := w.check(); wrong != "" {
				r.Fatalf("after %v: %s", path, wrong)
			}
		}
		if wrong := w.drain(); wrong != "" {
			r.Fatalf("after %v: %s", path, wrong)
		}
	})
}

// TestItAlwaysEnds: nobody answers and nobody ends it. It climbs, says loudly that nobody acknowledged, and asks how it ended.
func TestItAlwaysEnds(t *testing.T) {
	w := newWorld(1, 0)
	var states []gateway.AlertState
	for range 100 {
		if s := w.Alert.State; len(states) == 0 || states[len(states)-1] != s {
			states = append(states, s)
		}
		w.move("prepare")
		w.move("write")
		if len(w.Alert.Climb.Pending) == 0 {
			w.move("time")
		}
	}
	want := []gateway.AlertState{gateway.AlertClimbing, gateway.AlertUnanswered, gateway.AlertExpired}
	if !slices.Equal(states, want) || !w.Alert.DueAt.IsZero() {
		t.Fatalf("it went through %v, and is due at %v", states, w.Alert.DueAt)
	}
	var kinds []string
	for _, c := range w.Casts {
		kinds = append(kinds, string(c.Kind))
	}
	if got := fmt.Sprint(kinds); got != "[tell ask ask last ask-end]" {
		t.Errorf("it sent %s", got)
	}
}
