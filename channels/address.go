package channels

import (
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
)

const hidden = "[address]"

// Address is a canonical address. It prints as "[address]" everywhere; Reveal gives the text.
type Address string

// Reveal gives the address in clear. Callers are the adapter that sends and the store that seals.
func (a Address) Reveal() string { return string(a) }

// String hides the address.
func (Address) String() string { return hidden }

// GoString hides the address from %#v.
func (Address) GoString() string { return hidden }

// LogValue hides the address from slog.
func (Address) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the address from encoders.
func (Address) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Secret is a credential. It decodes from a plain string and prints as "[secret]" everywhere.
type Secret string

// Reveal gives the credential in clear.
func (s Secret) Reveal() string { return string(s) }

// Is reports whether what somebody showed is the credential, in a time that tells neither its length nor a prefix of it.
// An empty credential is nobody's.
func (s Secret) Is(shown string) bool {
	x, y := sha256.Sum256([]byte(shown)), sha256.Sum256([]byte(s))
	return s != "" && subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// String hides the credential.
func (Secret) String() string { return "[secret]" }

// GoString hides the credential from %#v.
func (Secret) GoString() string { return "[secret]" }

// LogValue hides the credential from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// MarshalText hides the credential from encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte("[secret]"), nil }
