package postgres

import (
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

// memory is what a process keeps of rows that never change. It is safe for concurrent use.
type memory struct {
	mu       sync.RWMutex
	frozen   map[gateway.ID]*frozen
	channels map[gateway.ID]bool
}

// keptRows bounds each map of memory.
const keptRows = 1024

func newMemory() *memory {
	return &memory{frozen: map[gateway.ID]*frozen{}, channels: map[gateway.ID]bool{}}
}

func (m *memory) channel(id gateway.ID) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.channels[id]
}

func (m *memory) keepChannel(id gateway.ID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.channels) >= keptRows {
		clear(m.channels)
	}
	m.channels[id] = true
}

func (m *memory) broadcast(id gateway.ID) *frozen {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.frozen[id]
}

func (m *memory) keepBroadcast(info *frozen) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.frozen) >= keptRows {
		clear(m.frozen)
	}
	m.frozen[info.ID] = info
}

// frozen is what never changes about a broadcast, with what is known of its renderings.
type frozen struct {
	row.Frozen
	parts sync.Map // variant: number of parts
}

type variant struct {
	locale, kind string
	neutral      bool
}

// keepParts notes how many parts renderings have that were written with their broadcast.
func (f *frozen) keepParts(all []gateway.Rendering) {
	for i := range all {
		r := &all[i]
		f.parts.Store(variant{r.Locale, r.Kind, r.Neutral}, len(r.Parts))
	}
}

// frozenOf reads what never changes about a broadcast, and keeps it.
func (s *Store) frozenOf(q querier, group, broadcast gateway.ID) (*frozen, error) {
	if info := s.memory.broadcast(broadcast); info != nil && info.Group == group {
		return info, nil
	}
	info := &frozen{}
	var class, audience, policy, local, topics string
	if err := q.query("SELECT b.id, b.group_id, b.class, b.audience, b.policy, b.local_at, b.start_at, b.expires_at, b.sensitive, b.personal, g.topics FROM broadcasts b JOIN groups g ON g.id = b.group_id WHERE b.group_id = $1 AND b.id = $2", []any{group, broadcast}, func(r pgx.Rows) error {
		return r.Scan(&info.ID, &info.Group, &class, &audience, &policy, &local, &info.Start, &info.Expires, &info.Sensitive, &info.Personal, &topics)
	}); err != nil {
		return nil, err
	}
	if info.ID.IsZero() {
		return nil, fmt.Errorf("broadcast %s of a delivery is not there", broadcast)
	}
	if err := info.Set(class, audience, policy, local, topics); err != nil {
		return nil, err
	}
	s.memory.keepBroadcast(info)
	return info, nil
}

// frozenOf is frozenOf of the store, which does not know yet what the transaction submits.
func (t *txn) frozenOf(group, broadcast gateway.ID) (*frozen, error) {
	if t.submits != nil && t.submits.ID == broadcast {
		return t.submits, nil
	}
	return t.s.frozenOf(t, group, broadcast)
}

// partsOf says how many parts the rendering of a claim has.
func (t *txn) partsOf(info *frozen, c *gateway.Claim) (int, error) {
	key := variant{c.Locale, c.Kind, c.Pointer}
	if n, ok := info.parts.Load(key); ok {
		return n.(int), nil
	}
	n := 1
	err := t.query("SELECT parts FROM renderings WHERE group_id = $1 AND broadcast_id = $2 AND locale = $3 AND kind = $4 AND neutral = $5",
		[]any{c.Group, c.Broadcast, c.Locale, c.Kind, c.Pointer}, func(r pgx.Rows) error { return r.Scan(&n) })
	if err == nil {
		info.parts.Store(key, n)
	}
	return n, err
}

// pointer says whether a claim gets the pointer: a member in neutral mode always, others where a channel is not fit for a
// sensitive text.
func pointer(q querier, fits map[gateway.ID]bool, info *frozen, neutral bool, channel gateway.ID) (bool, error) {
	if neutral || !info.Sensitive {
		return neutral, nil
	}
	fit, err := fitFor(q, fits, channel)
	return !fit, err
}

// fitFor says whether a channel is fit for sensitive texts. It is asked once of each, and kept in fits.
func fitFor(q querier, fits map[gateway.ID]bool, channel gateway.ID) (bool, error) {
	fit, known := fits[channel]
	if !known {
		if err := q.query("SELECT sensitive FROM channels WHERE id = $1", []any{channel}, func(r pgx.Rows) error { return r.Scan(&fit) }); err != nil {
			return false, err
		}
		fits[channel] = fit
	}
	return fit, nil
}

// saidBy tells what left in an attempt; what would leave now, if there is none or its release did not note it.
func saidBy(q querier, fits map[gateway.ID]bool, info *frozen, a *attempt, neutral bool, channel gateway.ID) (row.Said, error) {
	if a.Said != row.SaidUnknown {
		return a.Said, nil
	}
	instead, err := pointer(q, fits, info, neutral, channel)
	return row.SaidOf(instead), err
}
