package sealed

import (
	"encoding/binary"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
)

// moment is what stands before the words of a proof: when she said it, in microseconds, and the id that it was given then, by
// which evidence is ordered.
const moment = 8 + 16

// Evidence seals the proof of a piece of evidence with its moment and its place among the others, and gives the random id that
// it is kept under. Whoever has the ledger without its keys sees no time: who writes to a number that several groups share
// leaves evidence in each of them within a millisecond, which would tell that she is in all (ADR 57). At zero, she said it now,
// in microseconds.
func Evidence(box seal.Box, c gateway.Consent, now int64) (gateway.ID, []byte) {
	if !c.At.IsZero() {
		now = c.At.UnixMicro()
	}
	plain := make([]byte, moment, moment+len(c.Proof))
	binary.BigEndian.PutUint64(plain, uint64(now))
	copy(plain[8:], c.ID[:])
	id := gateway.RandomID()
	return id, Text(box, gateway.Private(append(plain, c.Proof.Reveal()...)), id, "evidence")
}

// OpenEvidence opens what Evidence sealed, into a consent that has the id it is kept under: its words and its moment, and its place
// among the others.
func OpenEvidence(box seal.Box, sealed []byte, c *gateway.Consent) (place gateway.ID, err error) {
	text, err := Open(box, sealed, c.ID, "evidence")
	if err != nil {
		return place, err
	}
	if len(text) < moment {
		return place, seal.ErrOpen
	}
	plain := []byte(text.Reveal())
	c.At, c.Proof = time.UnixMicro(int64(binary.BigEndian.Uint64(plain))).UTC(), gateway.Private(plain[moment:])
	copy(place[:], plain[8:moment])
	return place, nil
}
