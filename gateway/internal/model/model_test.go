package model

import (
	"flag"
	"hash/maphash"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/gateway"
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("rapid.steps", "100")
	os.Exit(m.Run())
}

func TestExhaustive(t *testing.T) {
	for _, m := range worlds() {
		t.Run(m.name, func(t *testing.T) {
			begun := time.Now()
			e := m.exhaust(400000)
			t.Logf("%d states, %d steps, depth %d, capped %v in %v", e.states, e.steps, e.depth, e.capped, time.Since(begun))
			if e.finding != nil {
				t.Fatalf("%s\n%s", e.finding.fault, m.story(e.finding))
			}
		})
	}
}

// large draws a world that is too large for all interleavings.
func large(r *rapid.T, class gateway.Class) *machine {
	m := &machine{class: class, members: rapid.IntRange(1, mostMembers).Draw(r, "members"), points: rapid.IntRange(1, mostPoints).Draw(r, "points"),
		processes: rapid.IntRange(1, mostProcesses).Draw(r, "processes"), senders: rapid.IntRange(1, mostSenders).Draw(r, "senders"),
		planning: rapid.Bool().Draw(r, "planning"), silent: rapid.Bool().Draw(r, "silent"), canLook: [mostPoints]bool{rapid.Bool().Draw(r, "look"), rapid.Bool().Draw(r, "look")},
		budget: budget{crashes: 2, pauses: 3, losses: 1, failovers: 1, repeats: 2, troubles: 2, bounces: 1, stops: 1, silences: 1, resends: 1, foreign: 1, ticks: 12}}
	if rapid.Bool().Draw(r, "dedupe") {
		m.dedupe[m.points-1] = 600
	}
	return m
}

var classes = []gateway.Class{gateway.Report, gateway.Reminder, gateway.Alert, gateway.LifeSafety}

func TestRandom(t *testing.T) {
	for _, class := range classes {
		t.Run(string(class), func(t *testing.T) {
			seed := maphash.MakeSeed()
			rapid.Check(t, func(r *rapid.T) {
				m := large(r, class)
				if f := m.walk(r, seed); f != nil {
					f = m.shorten(f)
					r.Fatalf("%s\n%s", f.fault, m.story(f))
				}
			})
		})
	}
}

func TestMutations(t *testing.T) {
	for _, x := range mutants() {
		t.Run(x.name, func(t *testing.T) {
			for _, m := range worlds() {
				m.mutant = x.mutation
				e := m.exhaust(100000)
				if e.finding == nil {
					continue
				}
				t.Logf("in %q, %d states: %s\n%s", m.name, e.states, e.finding.fault, m.story(e.finding))
				return
			}
			t.Errorf("survives")
		})
	}
}
