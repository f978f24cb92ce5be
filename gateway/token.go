package gateway

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
)

// TokenPrefix begins every token's text, so that a leaked one is recognised by scanners.
const TokenPrefix = "crl_"

// MintToken makes the text of a new token: 256 random bits, shown to its owner once. Only its digest is kept.
func MintToken() (text Private, digest []byte) {
	var secret [32]byte
	rand.Read(secret[:]) // never fails; see crypto/rand
	text = Private(TokenPrefix + base64.RawURLEncoding.EncodeToString(secret[:]))
	return text, DigestToken(text.Reveal())
}

// DigestToken gives the digest under which a token is kept. The text has 256 random bits, so one round of a fast hash
// is enough.
func DigestToken(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// IssuedToken is a new token with its text, which is never shown again.
type IssuedToken struct {
	Token
	Secret string `json:"secret,omitempty"` // empty in the answer to a repeated request
}

// Rank orders roles: a role has the rights of every role of a lower rank in its group. The operator's rights are of
// another kind; see the HTTP API.
func (r Role) Rank() int {
	switch r {
	case Viewer:
		return 1
	case Author:
		return 2
	case Approver:
		return 3
	case Administrator:
		return 4
	case Operator:
		return 5
	}
	return 0
}
