package sealed

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
)

// keptGroups bounds the group keys held open.
const keptGroups = 4096

// Keys opens the keys of groups, and keeps them open. Rotation of the ring, by this process or another, changes how a
// group's secret is wrapped and never the secret, so what is kept stays right. It is safe for concurrent use.
type Keys struct {
	ring *seal.Ring
	mu   sync.Mutex
	kept map[gateway.ID]*seal.Group
}

// NewKeys opens with the instance's ring.
func NewKeys(ring *seal.Ring) *Keys { return &Keys{ring: ring, kept: map[gateway.ID]*seal.Group{}} }

// Kept gives a group's key if it is open; nil if not.
func (k *Keys) Kept(group gateway.ID) *seal.Group {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.kept[group]
}

// Open opens a group's key as it is stored, and keeps it.
func (k *Keys) Open(group gateway.ID, ringKey string, wrapped []byte) (*seal.Group, error) {
	secret, err := k.ring.Unwrap(ringKey, wrapped, Place(group, "key"))
	if err != nil {
		return nil, fmt.Errorf("opening a group's key: %w", err)
	}
	key, err := seal.NewGroup(secret)
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.kept) >= keptGroups {
		clear(k.kept)
	}
	k.kept[group] = key
	return key, nil
}

// Wrapped is a group's key as it is stored.
type Wrapped struct {
	Group   gateway.ID
	RingKey string
	Key     []byte
}

// Fit says why the ring is not that of a ledger (CodeInvalid); nil: it is. mark is what the ledger keeps of its ring; empty:
// nothing yet. Of the groups' keys one for each key of the ring will do.
func Fit(ring *seal.Ring, mark []byte, groups []Wrapped) error {
	const same = "every process of an instance, and every restore, needs the same keys: they stand on its backup sheet, and carillon init makes others"
	if len(mark) > 0 && !bytes.Equal(mark, ring.Mark()) {
		return gateway.Faultf(gateway.CodeInvalid, "index_key in the operator's file is not the one that the ledger was begun with; %s", same)
	}
	for _, g := range groups {
		if !ring.Has(g.RingKey) {
			return gateway.Faultf(gateway.CodeInvalid, "the ledger is sealed under the key %q, which is not among the keys of the operator's file; %s. A key may go once nothing is sealed under it any more", g.RingKey, same)
		}
		if _, err := ring.Unwrap(g.RingKey, g.Key, Place(g.Group, "key")); err != nil {
			return gateway.Faultf(gateway.CodeInvalid, "the key %q of the operator's file is not the one that the ledger is sealed under; %s", g.RingKey, same)
		}
	}
	return nil
}

// New makes the key of a new group, wrapped.
func (k *Keys) New(group gateway.ID) (ringKey string, wrapped []byte) {
	return k.ring.Wrap(seal.NewSecret(), Place(group, "key"))
}

// Rewrap wraps anew, under the ring's current key, what was wrapped under another.
func (k *Keys) Rewrap(ringKey string, wrapped, place []byte) (string, []byte, error) {
	secret, err := k.ring.Unwrap(ringKey, wrapped, place)
	if err != nil {
		return "", nil, err
	}
	ringKey, wrapped = k.ring.Wrap(secret, place)
	return ringKey, wrapped, nil
}

// Forget closes all.
func (k *Keys) Forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	clear(k.kept)
}
