package model

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"pgregory.net/rapid"
)

// finding is a fault and the steps that lead to it.
type finding struct {
	fault string
	steps []step
	rest  int // of them, the last that a fair run took when faults had stopped
}

// story tells a finding, a line a step.
func (m *machine) story(f *finding) string {
	var b strings.Builder
	w := m.begin()
	for i, s := range f.steps {
		if i == len(f.steps)-f.rest && f.rest > 0 {
			b.WriteString("\n   From here on nothing else goes wrong:\n\n")
			m.unbound(&w)
		}
		fmt.Fprintf(&b, "%d. %s\n", i+1, m.tell(&w, s))
		m.act(&w, s)
	}
	fmt.Fprintf(&b, "\nSo: %s.\n", f.fault)
	return b.String()
}

// trail is how a state was reached.
type trail struct {
	from int32
	by   step
}

// explored is what an exhaustive walk found.
type explored struct {
	states, steps int
	depth         int
	finding       *finding
	capped        bool // there were more states than asked for
}

// exhaust walks all interleavings, the shortest first, up to a number of states. From each state a fair run must come
// to rest with everyone told, or shown as not told.
func (m *machine) exhaust(most int) explored {
	seed := maphash.MakeSeed()
	seen := map[uint64]struct{}{}
	good := map[uint64]struct{}{}
	first := m.begin()
	trails := []trail{{from: -1}}
	level, next := []world{first}, []world{}
	ids, nextIDs := []int32{0}, []int32{}
	seen[m.key(seed, &first)] = struct{}{}
	var out explored
	var options []step
	for ; len(level) > 0; out.depth++ {
		for i := range level {
			w := &level[i]
			if fault, rest := m.fair(w, seed, good); fault != "" {
				steps := append(pathTo(trails, ids[i]), rest...)
				out.finding, out.states = &finding{fault, steps, len(rest)}, len(trails)
				return out
			}
			options = m.enabled(w, options)
			for _, s := range options {
				after := *w
				fault := m.act(&after, s)
				out.steps++
				if fault != "" {
					out.finding, out.states = &finding{fault, append(pathTo(trails, ids[i]), s), 0}, len(trails)
					return out
				}
				h := m.key(seed, &after)
				if _, known := seen[h]; known {
					continue
				}
				if len(trails) >= most {
					out.capped = true
					continue
				}
				seen[h] = struct{}{}
				trails = append(trails, trail{ids[i], s})
				next, nextIDs = append(next, after), append(nextIDs, int32(len(trails)-1))
			}
		}
		level, next = next, level[:0]
		ids, nextIDs = nextIDs, ids[:0]
	}
	out.states = len(trails)
	return out
}

// key is the same for states that differ only in the names of two processes, or of two members whose order nobody chose.
func (m *machine) key(seed maphash.Seed, w *world) uint64 {
	h := maphash.Comparable(seed, *w)
	swaps := m.members == 2 && !m.planning
	if swaps {
		other := *w
		other.swapMembers()
		h = min(h, maphash.Comparable(seed, other))
	}
	if m.processes == 2 {
		other := *w
		other.swapProcesses()
		h = min(h, maphash.Comparable(seed, other))
		if swaps {
			other.swapMembers()
			h = min(h, maphash.Comparable(seed, other))
		}
	}
	return h
}

func (w *world) swapProcesses() {
	w.p[0], w.p[1] = w.p[1], w.p[0]
	for _, q := range []*queue{&w.q, &w.copy} {
		for d := range q.held {
			if q.held[d] && q.heldBy[d] != gone {
				q.heldBy[d] = 1 - q.heldBy[d]
			}
		}
	}
}

func (w *world) swapMembers() {
	w.d[0], w.d[1] = w.d[1], w.d[0]
	w.relayed[0], w.relayed[1] = w.relayed[1], w.relayed[0]
	for _, q := range []*queue{&w.q, &w.copy} {
		q.waiting[0], q.waiting[1] = q.waiting[1], q.waiting[0]
		q.held[0], q.held[1] = q.held[1], q.held[0]
		q.heldUntil[0], q.heldUntil[1] = q.heldUntil[1], q.heldUntil[0]
		q.heldBy[0], q.heldBy[1] = q.heldBy[1], q.heldBy[0]
	}
	for p := range w.p {
		for s := range w.p[p].senders {
			if x := &w.p[p].senders[s]; x.at != idle {
				x.d = 1 - x.d
			}
		}
		if x := &w.p[p].mender; x.at != idle {
			x.d = 1 - x.d
		}
	}
}

func pathTo(trails []trail, id int32) (steps []step) {
	for ; id > 0; id = trails[id].from {
		steps = append(steps, trails[id].by)
	}
	slices.Reverse(steps)
	return steps
}

// longest bounds a fair run: what takes more steps than that does not come to rest.
const longest = 2000

// unbound ends all faults and lets the clock run.
func (m *machine) unbound(w *world) { w.left = budget{ticks: 250} }

// fair lets every actor do what it can from a state on, without faults, until nothing is left to do. A run that joins
// one that is known to be good is good. A process that was killed stays so, if there is another one.
func (m *machine) fair(from *world, seed maphash.Seed, good map[uint64]struct{}) (fault string, steps []step) {
	w := *from
	m.unbound(&w)
	var joined []uint64
	var options []step
	for len(steps) < longest {
		h := m.key(seed, &w)
		if _, known := good[h]; known {
			break
		}
		joined = append(joined, h)
		options = m.enabled(&w, options)
		slices.SortStableFunc(options, func(a, b step) int { return int(a.k) - int(b.k) })
		one := m.choose(&w, options)
		if one == nil {
			if fault = m.rest(&w); fault != "" {
				return fault, steps
			}
			break
		}
		if one.k == stepClock {
			if fault := m.prompt(&w); fault != "" {
				return fault, steps
			}
			w.left.ticks = 250
		}
		steps = append(steps, *one)
		if fault := m.act(&w, *one); fault != "" {
			return fault, steps
		}
	}
	if len(steps) == longest {
		return "it never comes to rest", steps
	}
	for _, h := range joined {
		good[h] = struct{}{}
	}
	return "", nil
}

// choose takes the first step that changes anything.
func (m *machine) choose(w *world, options []step) *step {
	for i := range options {
		s := &options[i]
		if s.k >= stepCrash {
			return nil
		}
		if s.k == stepRestart && m.alive(w) || s.k == stepReceipt && m.silent {
			continue
		}
		after := *w
		if fault := m.act(&after, *s); fault != "" || after != *w {
			return s
		}
	}
	return nil
}

func (m *machine) alive(w *world) bool {
	for p := range m.processes {
		if w.p[p].up {
			return true
		}
	}
	return false
}

// prompt is asked before the clock moves because nothing else can. What is due must not have to wait for a sweep just
// because the queue lost it, and never longer than claims and hints hold.
func (m *machine) prompt(w *world) string {
	if w.stopped {
		return ""
	}
	next := m.next(w)
	for d := range m.members {
		row := &w.d[d]
		switch {
		case row.row == rowHeld && next > w.now+lease:
			return member(d) + " is held, though nothing is stopped any more"
		case row.row != rowWaiting || row.due > w.now:
		case next > w.now+lease:
			return member(d) + " is due, senders are free, and nobody sends it"
		case !w.faulty:
			return member(d) + " is due and waits for a sweep, though it could be noticed that the queue lost everything"
		}
	}
	return ""
}

// rest says what is wrong when nothing moves any more: everyone must be told, or shown as not told.
func (m *machine) rest(w *world) string {
	for d := range m.members {
		row := &w.d[d]
		if row.planned == 0 && !w.stopped {
			return member(d) + " is passed over by the planning"
		}
		copies := uint8(0)
		for _, n := range row.copies {
			copies += n
		}
		switch row.state() {
		case sWaiting:
			if !w.stopped {
				return member(d) + " waits, and nothing will ever move it"
			}
		case sSending:
			return member(d) + " is being sent to for ever"
		case sAccepted: // a carrier that gave it up may have lost the receipt: handed over is all that is said
			if row.newest().provider == nowhere {
				return member(d) + " is missing, and is shown as handed over"
			}
		case sDelivered:
			if copies == 0 {
				return member(d) + " is missing, and is shown as delivered"
			}
		case sInDoubt:
			if m.policy.Doubt == 0 {
				break
			}
			if copies == 0 && row.newest().until == 0 && m.canLook[row.newest().point] && w.now < m.expires && int(row.tries) < m.policy.Tries {
				return member(d) + " is in doubt, urgent, and nobody will ever ask about it"
			}
		}
	}
	return ""
}

// walk takes steps at random, and then a fair run. What goes wrong of itself comes less often than what is ordinary. What
// is found goes to failed, which must not return.
func (m *machine) walk(t *rapid.T, seed maphash.Seed, failed func(*finding)) {
	w := m.begin()
	var steps, options []step
	t.Repeat(map[string]func(*rapid.T){"step": func(t *rapid.T) {
		options = m.enabled(&w, options)
		ordinary := slices.DeleteFunc(slices.Clone(options), func(s step) bool { return s.k >= stepCrash })
		n := spread(rapid.Uint32().Draw(t, "step"))
		if n%8 != 7 && len(ordinary) > 0 {
			options = ordinary
		}
		if len(options) == 0 {
			return
		}
		s := options[n/8%uint32(len(options))]
		steps = append(steps, s)
		if fault := m.act(&w, s); fault != "" {
			failed(&finding{fault, steps, 0})
		}
	}})
	if fault, rest := m.fair(&w, seed, map[uint64]struct{}{}); fault != "" {
		failed(&finding{fault, append(steps, rest...), len(rest)})
	}
}

// spread undoes that rapid likes small numbers, and leaves zero as it is, so that shrinking still ends there.
func spread(n uint32) uint32 { return n * 2654435761 >> 7 }

// shorten leaves out steps as long as the rest can still be taken and something is still wrong. Rapid has done most of it.
func (m *machine) shorten(f *finding) *finding {
	seed := maphash.MakeSeed()
	steps := f.steps[:len(f.steps)-f.rest]
	for again := true; again; {
		again = false
		for i := len(steps) - 1; i >= 0; i-- {
			fewer := slices.Delete(slices.Clone(steps), i, i+1)
			if g := m.replay(fewer, seed); g != nil {
				f, again = g, true
				steps = f.steps[:len(f.steps)-f.rest]
				i = min(i, len(steps))
			}
		}
	}
	return f
}

// replay takes steps that must be possible, and then a fair run; nil: nothing is wrong, or one was not possible.
func (m *machine) replay(steps []step, seed maphash.Seed) *finding {
	w := m.begin()
	var options []step
	for i, s := range steps {
		if options = m.enabled(&w, options); !slices.Contains(options, s) {
			return nil
		}
		if fault := m.act(&w, s); fault != "" {
			return &finding{fault, steps[:i+1], 0}
		}
	}
	if fault, rest := m.fair(&w, seed, map[uint64]struct{}{}); fault != "" {
		return &finding{fault, append(slices.Clone(steps), rest...), len(rest)}
	}
	return nil
}
