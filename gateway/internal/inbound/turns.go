package inbound

import (
	"crypto/sha256"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

// turns lets what one person does happen one after the other, in the order in which it came.
type turns struct {
	seed  maphash.Seed
	locks [256]sync.Mutex // shared by addresses: rarely do two people wait for each other
}

func newTurns() *turns { return &turns{seed: maphash.MakeSeed()} }

// take waits for a person's turn and returns what ends it.
func (t *turns) take(channel gateway.ID, from channels.Address) (end func()) {
	lock := &t.locks[t.index(channel, from)]
	lock.Lock()
	return lock.Unlock
}

// takeAll waits for the turns of everybody in some events.
func (t *turns) takeAll(channel gateway.ID, events []channels.Event) (end func()) {
	var indexes []int
	for i := range events {
		if from, ok := personOf(&events[i]); ok {
			indexes = append(indexes, t.index(channel, from))
		}
	}
	slices.Sort(indexes) // who waits holds only what stands before
	indexes = slices.Compact(indexes)
	for _, i := range indexes {
		t.locks[i].Lock()
	}
	return func() {
		for _, i := range indexes {
			t.locks[i].Unlock()
		}
	}
}

func (t *turns) index(channel gateway.ID, from channels.Address) int {
	var h maphash.Hash
	h.SetSeed(t.seed)
	_, _ = h.Write(channel[:])
	_, _ = h.WriteString(from.Reveal())
	return int(h.Sum64() % uint64(len(t.locks)))
}

// memoryKey is a digest of an event's id on its channel.
type memoryKey [16]byte

func keyOf(channel gateway.ID, event string) (k memoryKey) {
	sum := sha256.Sum256(append(channel[:], event...))
	copy(k[:], sum[:])
	return k
}

// remembered is how many events each of two generations of a memory holds.
const remembered = 20_000

// memory knows the newest events that were wholly dealt with, so that a repetition costs nothing. What it has forgotten
// the ledger still knows.
type memory struct {
	mu       sync.Mutex
	new, old map[memoryKey]struct{}
}

func newMemory() *memory { return &memory{new: map[memoryKey]struct{}{}} }

func (m *memory) has(k memoryKey) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, young := m.new[k]
	_, old := m.old[k]
	return young || old
}

func (m *memory) add(k memoryKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.new) >= remembered {
		m.old, m.new = m.new, make(map[memoryKey]struct{}, remembered)
	}
	m.new[k] = struct{}{}
}
