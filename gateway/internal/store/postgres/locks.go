package postgres

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
)

// Some rules span rows that are not there yet, so no row can be locked for them. Their locks are numbers, which the server
// gives back at the transaction's end. They are taken before any row's lock of the same tables, a group's roll first, then
// addresses in the order of their numbers; budgets in the order of their groups.
//
//   - A group's roll: an import asks which STOPs stand and who is known, and writes members by the answers. It holds the
//     roll alone for a chunk; a STOP, a moved address and an erasure share it, or a STOP could pass an import unseen.
//   - An address: STOP, START and a move to it follow one another.
//   - A channel: strikes and the end of an incident follow one another, or two processes would open two incidents, or none.
//   - Whom we answer: answers to one contact point are counted one after the other. No other lock is taken beside it.
//   - A budget: those who spend it follow one another, or together they would pass its cap.
const (
	rollLock    = "roll"
	addressLock = "address"
	channelLock = "channel"
	budgetLock  = "budget"
	tryLock     = "try"
)

func lockNumber(what string, id gateway.ID, more []byte) int64 {
	h := sha256.New()
	_, _ = h.Write([]byte(what))
	_, _ = h.Write(id[:])
	_, _ = h.Write(more)
	return int64(binary.BigEndian.Uint64(h.Sum(nil)))
}

// lock waits for a number; shared: beside others who share it.
func (t *txn) lock(what string, id gateway.ID, shared bool) error {
	text := "SELECT pg_advisory_xact_lock($1)"
	if shared {
		text = "SELECT pg_advisory_xact_lock_shared($1)"
	}
	_, err := t.exec(text, lockNumber(what, id, nil))
	return err
}

// lockAddresses waits for addresses of a group, by their indexes, and shares the group's roll.
func (t *txn) lockAddresses(group gateway.ID, indexes ...[]byte) error {
	if err := t.lock(rollLock, group, true); err != nil {
		return err
	}
	numbers := make([]int64, len(indexes))
	for i, index := range indexes {
		numbers[i] = lockNumber(addressLock, group, index)
	}
	slices.Sort(numbers)
	for _, n := range slices.Compact(numbers) {
		if _, err := t.exec("SELECT pg_advisory_xact_lock($1)", n); err != nil {
			return err
		}
	}
	return nil
}

// lockTries waits for what limits count, in an order that all keep to.
func (t *txn) lockTries(limits []gateway.Limit) error {
	numbers := make([]int64, len(limits))
	for i, l := range limits {
		numbers[i] = lockNumber(tryLock, gateway.ID{}, roll.TryKey(t.s.ring, l))
	}
	slices.Sort(numbers)
	for _, n := range slices.Compact(numbers) {
		if _, err := t.exec("SELECT pg_advisory_xact_lock($1)", n); err != nil {
			return err
		}
	}
	return nil
}
