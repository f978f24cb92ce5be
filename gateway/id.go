package gateway

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// ID is a UUIDv7: it sorts by the time it was made; that of evidence is a RandomID. The zero value means "none". An ID is no secret.
type ID [16]byte

// NewID makes an identifier. IDs of one process rise strictly.
func NewID() ID {
	u, err := uuid.NewV7()
	if err != nil {
		panic("gateway: the system's random source failed: " + err.Error()) // nothing can go on without it
	}
	return ID(u)
}

// RandomID makes an identifier that tells no time, for what must not be told by it: a UUIDv4.
func RandomID() ID {
	u, err := uuid.NewRandom()
	if err != nil {
		panic("gateway: the system's random source failed: " + err.Error())
	}
	return ID(u)
}

// ParseID reads the canonical text form.
func ParseID(s string) (ID, error) {
	u, err := uuid.Parse(s)
	if err != nil || len(s) != 36 {
		return ID{}, fmt.Errorf("%q is no identifier: expected 36 characters like 0195a3c2-7b1e-7c3d-9f00-1a2b3c4d5e6f", s)
	}
	return ID(u), nil
}

// IsZero reports whether the ID is none.
func (id ID) IsZero() bool { return id == ID{} }

// String writes the canonical text form.
func (id ID) String() string { return uuid.UUID(id).String() }

// Short is the reference that people read and type: the last eight hex digits, random bits only.
func (id ID) Short() string { return hex.EncodeToString(id[12:]) }

// MarshalText writes the canonical text form.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the canonical text form.
func (id *ID) UnmarshalText(b []byte) error {
	parsed, err := ParseID(string(b))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}

// IDAt is the lowest ID that can be made at a time, to the millisecond; before 1970 the zero one.
func IDAt(t time.Time) (id ID) {
	binary.BigEndian.PutUint64(id[:8], uint64(max(0, t.UnixMilli()))<<16)
	return id
}

// Time is when the ID was made, by the clock of the process that made it, to the millisecond.
func (id ID) Time() time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(id[:8]) >> 16)).UTC()
}
