package sandbox

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// Stats counts what the sandbox has seen.
type Stats struct {
	Received    uint64 `json:"received"`     // requests to send a message that passed authentication
	Kept        uint64 `json:"kept"`         // of these, the provider has the message
	Refused     uint64 `json:"refused"`      // of these, it said no, or lost the message by a fault
	Arrived     uint64 `json:"arrived"`      // kept messages that are on a phone by now
	Replies     uint64 `json:"replies"`      // texts and button presses of people
	Phones      int    `json:"phones"`       //
	Duplicates  uint64 `json:"duplicates"`   // kept messages whose address and text were kept before
	SameAttempt uint64 `json:"same_attempt"` // kept messages whose attempt and part were kept before
	Callbacks   uint64 `json:"callbacks"`    // answered with 2xx
	CallErrors  uint64 `json:"call_errors"`  // not answered, or with another status
	Pending     int    `json:"pending"`      // callbacks and deliveries still to be made
	Last        uint64 `json:"last"`         // newest sequence number of the log
}

// Repeat names a message that was kept more than once.
type Repeat struct {
	Provider string `json:"provider"`
	To       string `json:"to"`
	Attempt  string `json:"attempt,omitempty"`
	First    uint64 `json:"first"` // sequence numbers of its first and of its repeated line
	Again    uint64 `json:"again"`
}

const (
	tallyShards = 32
	maxRepeats  = 1000 // named one by one; the counts go on
)

// tally counts, and notices what comes twice.
type tally struct {
	received, kept, refused, arrived, replies atomic.Uint64
	duplicates, sameAttempt                   atomic.Uint64

	seed   maphash.Seed
	shards [tallyShards]struct {
		sync.Mutex
		first map[uint64]uint32 // hash of what identifies a message → sequence number
	}
	mu      sync.Mutex
	repeats []Repeat
}

func (t *tally) open(seed maphash.Seed) {
	t.seed = seed
	for i := range t.shards {
		t.shards[i].first = make(map[uint64]uint32)
	}
}

// count counts one request to send.
func (t *tally) count(r *record) {
	t.received.Add(1)
	if !r.kept {
		t.refused.Add(1)
		return
	}
	t.kept.Add(1)
	var h maphash.Hash
	h.SetSeed(t.seed)
	h.WriteString(r.owner.provider)
	h.WriteString(r.to)
	h.WriteByte(0)
	h.WriteString(r.text.Value())
	if first := t.before(h.Sum64(), r.seq); first != 0 {
		t.duplicates.Add(1)
		t.repeat(Repeat{Provider: r.owner.provider, To: r.to, First: first, Again: r.seq})
	}
	if r.attempt == "" {
		return
	}
	h.Reset()
	h.WriteString(r.attempt)
	h.WriteByte(1)
	h.WriteByte(byte(r.part))
	h.WriteByte(byte(r.part >> 8))
	if first := t.before(h.Sum64(), r.seq); first != 0 {
		t.sameAttempt.Add(1)
		t.repeat(Repeat{Provider: r.owner.provider, To: r.to, Attempt: r.attempt, First: first, Again: r.seq})
	}
}

// before returns the sequence number under which a key was first seen, zero if it is new.
func (t *tally) before(key, seq uint64) uint64 {
	sh := &t.shards[key%tallyShards]
	sh.Lock()
	defer sh.Unlock()
	if first, ok := sh.first[key]; ok {
		return uint64(first)
	}
	sh.first[key] = uint32(seq)
	return 0
}

func (t *tally) repeat(r Repeat) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.repeats) < maxRepeats {
		t.repeats = append(t.repeats, r)
	}
}

// Stats returns the counts so far.
func (s *Sandbox) Stats() Stats {
	t := &s.seen
	return Stats{
		Received: t.received.Load(), Kept: t.kept.Load(), Refused: t.refused.Load(), Arrived: t.arrived.Load(),
		Replies: t.replies.Load(), Phones: s.phones.count(), Duplicates: t.duplicates.Load(),
		SameAttempt: t.sameAttempt.Load(), Callbacks: s.box.answered.Load(), CallErrors: s.box.failed.Load(),
		Pending: s.box.pending(), Last: s.journal.len(),
	}
}

// Repeats returns what was kept more than once, in the order of the repetitions; at most the first thousand.
func (s *Sandbox) Repeats() []Repeat {
	s.seen.mu.Lock()
	defer s.seen.mu.Unlock()
	return append([]Repeat(nil), s.seen.repeats...)
}

// Addresses returns how many messages each address has had kept, by kind and address as in "sms:+12025550123".
func (s *Sandbox) Addresses() map[string]int {
	out := make(map[string]int)
	s.phones.each(func(p *phone) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.kept > 0 {
			out[p.key.String()] = p.kept
		}
	})
	return out
}
