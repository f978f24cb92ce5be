package model

import (
	"flag"
	"fmt"
	"hash/maphash"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/gateway"
)

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("rapid.steps", "100")
	_ = flag.Set("rapid.shrinktime", "1s")
	_ = flag.Set("rapid.nofailfile", "true") // a story says more, and the seed is printed
	os.Exit(m.Run())
}

var update = flag.Bool("update", false, "write what was found into docs/model.md")

// mostStates bounds an exhaustive walk: a world that has more is no small one.
const mostStates = 300_000

// Every interleaving of small worlds is walked, with every fault that their budgets allow at every moment, and from every
// state all must come to rest well once nothing goes wrong any more.
func TestExhaustive(t *testing.T) {
	for _, m := range worlds() {
		t.Run(m.name, func(t *testing.T) {
			if m.large && (raced || testing.Short()) {
				t.Skip("too many states for -race and -short")
			}
			t.Parallel()
			begun := time.Now()
			e := m.exhaust(mostStates)
			t.Logf("%d states, %d steps between them, at most %d from the first, in %v", e.states, e.steps, e.depth, time.Since(begun).Round(time.Millisecond))
			if e.finding != nil {
				t.Fatal("\n" + m.story(e.finding))
			}
			if e.capped {
				t.Fatalf("there are more than %d states: make the world smaller", mostStates)
			}
		})
	}
}

// large draws a world that is too large for all interleavings.
func large(r *rapid.T) *machine {
	m := &machine{class: rapid.SampledFrom([]gateway.Class{gateway.Report, gateway.Reminder, gateway.Alert, gateway.LifeSafety}).Draw(r, "class"),
		members: rapid.IntRange(1, mostMembers).Draw(r, "members"), points: rapid.IntRange(1, mostPoints).Draw(r, "points"),
		processes: rapid.IntRange(1, mostProcesses).Draw(r, "processes"), senders: rapid.IntRange(1, mostSenders).Draw(r, "senders"), window: rapid.IntRange(1, mostMembers).Draw(r, "window"),
		planning: rapid.Bool().Draw(r, "planning"), silent: rapid.Bool().Draw(r, "silent"), canLook: [mostPoints]bool{rapid.Bool().Draw(r, "look"), rapid.Bool().Draw(r, "look")},
		budget: budget{crashes: 2, pauses: 3, losses: 1, failovers: 1, repeats: 2, troubles: 2, bounces: 1, stops: 1, silences: 1, resends: 1, foreign: 1, ticks: 12}}
	if rapid.Bool().Draw(r, "keys") {
		m.dedupe[m.points-1] = 600
	}
	return m
}

// Large worlds are walked at random, with more members, senders, processes and faults at a time.
func TestRandom(t *testing.T) {
	if !set("rapid.checks") {
		walks := "8000"
		if raced {
			walks = "1000"
		}
		defer checks(walks)()
	}
	seed := maphash.MakeSeed()
	rapid.Check(t, func(r *rapid.T) {
		m := large(r)
		m.walk(r, seed, func(f *finding) { r.Fatal("\n" + m.story(m.shorten(f))) })
	})
}

const manual = "../../../docs/model.md"

// foundHere is where the generated part of the manual begins.
const foundHere = "<!-- What follows is written by go test ./gateway/internal/model -run Mutations -update -->\n"

// Every mutation must be caught, in its small world and most of them at random; what was found stands in the manual.
func TestMutations(t *testing.T) {
	text, err := os.ReadFile(manual)
	if err != nil {
		t.Fatal(err)
	}
	ours, written, there := strings.Cut(string(text), foundHere)
	if !there {
		t.Fatalf("%s has lost the line behind which the findings stand", manual)
	}
	table, stories := tableHead, ""
	for _, x := range mutants() {
		t.Run(x.name, func(t *testing.T) {
			m := worldOf(t, x.world)
			m.mutant = x.mutation
			e := m.exhaust(mostStates)
			if e.finding == nil {
				t.Fatalf("in the world %q nothing goes wrong", m.name)
			}
			row := fmt.Sprintf("| %s | %s | %s | %d | %d |\n", x.name, x.breaks, x.world, e.states, len(e.finding.steps))
			story := fmt.Sprintf("\n### %s%s\n\n%s", strings.ToUpper(x.name[:1]), x.name[1:], m.story(e.finding))
			table, stories = table+row, stories+story
			if !*update && (!strings.Contains(written, row) || !strings.Contains(written, story)) {
				t.Errorf("%s tells otherwise; run it with -update:\n%s%s", manual, row, story)
			}
			if x.random && !raced && !testing.Short() {
				if m, f := atRandom(x.mutation); f == nil {
					t.Error("no walk at random catches it")
				} else {
					t.Log("at random:\n" + m.story(f))
				}
			}
		})
	}
	if *update {
		if err := os.WriteFile(manual, []byte(ours+foundHere+table+"\n## How each goes wrong\n"+stories), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

const tableHead = "\n| left out | what it breaks | found in the world | after states | steps |\n|---|---|---|---:|---:|\n"

func worldOf(t *testing.T, name string) *machine {
	t.Helper()
	for _, m := range worlds() {
		if m.name == name {
			return m
		}
	}
	t.Fatalf("there is no world %q", name)
	return nil
}

// atRandom walks until something is wrong, and gives the shortest that rapid and shorten came to.
func atRandom(x mutation) (m *machine, f *finding) {
	defer checks("30000")()
	_ = flag.Set("rapid.seed", "1")
	defer flag.Set("rapid.seed", "0")
	seed := maphash.MakeSeed()
	done := make(chan struct{})
	go func() { // FailNow ends the goroutine
		defer close(done)
		rapid.Check(&silent{}, func(r *rapid.T) {
			w := large(r)
			w.mutant = x
			w.walk(r, seed, func(g *finding) {
				m, f = w, g
				r.Fatal(g.fault)
			})
		})
	}()
	<-done
	if f != nil {
		f = m.shorten(f)
	}
	return m, f
}

// set says whether a flag was given on the command line, and checks sets how many walks rapid takes.
func set(name string) (given bool) {
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name && f.Value.String() != f.DefValue })
	return given
}

func checks(n string) (undo func()) {
	f := flag.Lookup("rapid.checks")
	was := f.Value.String()
	_ = f.Value.Set(n)
	return func() { _ = f.Value.Set(was) }
}

// silent is a test that is expected to fail.
type silent struct{ failed bool }

func (s *silent) Helper()               {}
func (s *silent) Name() string          { return "mutation" }
func (s *silent) Logf(string, ...any)   {}
func (s *silent) Log(...any)            {}
func (s *silent) Skipf(string, ...any)  { runtime.Goexit() }
func (s *silent) Skip(...any)           { runtime.Goexit() }
func (s *silent) SkipNow()              { runtime.Goexit() }
func (s *silent) Errorf(string, ...any) { s.failed = true }
func (s *silent) Error(...any)          { s.failed = true }
func (s *silent) Fatalf(string, ...any) { s.FailNow() }
func (s *silent) Fatal(...any)          { s.FailNow() }
func (s *silent) FailNow()              { s.failed = true; runtime.Goexit() }
func (s *silent) Fail()                 { s.failed = true }
func (s *silent) Failed() bool          { return s.failed }
