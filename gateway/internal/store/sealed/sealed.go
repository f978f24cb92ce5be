// Package sealed is how a ledger keeps what is private: which key opens which column, and in what form texts are sealed.
// It knows no database; each of them reads and writes the bytes itself.
package sealed

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
)

// Place names a row and column, so that sealed bytes cannot be moved.
func Place(id gateway.ID, column string) []byte {
	return append(id[:len(id):len(id)], column...)
}

// unit is what texts are lengthened to a multiple of before they are sealed, in bytes: sealed bytes show their length,
// and the length of an address helps to tell whose it is.
const unit = 32

// Text lengthens a text by 0x80 and zeros (ISO/IEC 7816-4) and seals it; an empty one is nil, NULL in a column.
func Text(box seal.Box, text gateway.Private, id gateway.ID, column string) []byte {
	if text == "" {
		return nil
	}
	plain := make([]byte, (len(text)/unit+1)*unit)
	plain[copy(plain, text.Reveal())] = 0x80
	return box.Seal(plain, Place(id, column))
}

// Open opens what Text sealed.
func Open(box seal.Box, sealed []byte, id gateway.ID, column string) (gateway.Private, error) {
	if sealed == nil {
		return "", nil
	}
	plain, err := box.Open(sealed, Place(id, column))
	if err != nil {
		return "", err
	}
	end := bytes.LastIndexByte(plain, 0x80)
	if end < 0 {
		return "", fmt.Errorf("a sealed %s has no end: %w", column, seal.ErrOpen)
	}
	return gateway.Private(plain[:end]), nil
}

// ErrDestroyed: the member was erased, and her key with her.
var ErrDestroyed = errors.New("the member's key is destroyed")

// Member opens a member's wrapped key; an erased one has none: ErrDestroyed.
func Member(key *seal.Group, member gateway.ID, wrapped []byte) (seal.Box, error) {
	if len(wrapped) == 0 {
		return seal.Box{}, ErrDestroyed
	}
	return key.Member(wrapped, Place(member, "key"))
}

// Other is a member whose name is said to another; zero: nobody's is.
type Other struct {
	Member gateway.ID
	Key    []byte // wrapped
}

// Name opens the name that a text for a member says: her own, with her box, or another's.
func Name(key *seal.Group, hers seal.Box, member gateway.ID, o Other, name []byte) (gateway.Private, error) {
	if name == nil || o.Member.IsZero() {
		return Open(hers, name, member, "name")
	}
	box, err := Member(key, o.Member, o.Key)
	if err != nil {
		return "", err
	}
	return Open(box, name, o.Member, "name")
}

// EventKey is what tells a provider's event from others, for a group. It is an index under the group's key: where several
// groups hear the same person say something once, the provider's own id would tell that she is in all of them.
func EventKey(key *seal.Group, channel gateway.ID, event string) string {
	return hex.EncodeToString(key.Addresses.Of("event "+channel.String(), event))
}
