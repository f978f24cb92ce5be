package httpsend

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// The headers of Standard Webhooks (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md).
const (
	HeaderID        = "webhook-id"
	HeaderTimestamp = "webhook-timestamp"
	HeaderSignature = "webhook-signature"
)

// Tolerance is how far the time of a signed request may be from ours, either way.
const Tolerance = 5 * time.Minute

const (
	secretPrefix   = "whsec_"
	signPrefix     = "v1,"
	fewestSecret   = 24 // bytes, as the specification wants
	mostSecret     = 64
	mostSignatures = 20 // in one header; more is no rotation
)

// Signer signs and verifies requests with symmetric secrets, as Standard Webhooks has it. While a secret is changed it knows
// two: it signs with both, and takes what either has signed. It is safe for concurrent use.
type Signer struct{ keys [][]byte }

// NewSigner reads secrets: whsec_ and 24 to 64 random bytes in base64. Empty ones are left out; the first must not be. The error
// holds nothing of a secret.
func NewSigner(secrets ...channels.Secret) (*Signer, error) {
	s := &Signer{}
	for i, secret := range secrets {
		if secret == "" && i > 0 {
			continue
		}
		text, marked := strings.CutPrefix(secret.Reveal(), secretPrefix)
		key, err := base64.StdEncoding.DecodeString(text)
		if !marked || err != nil || len(key) < fewestSecret || len(key) > mostSecret {
			return nil, errors.New("a secret is whsec_ and 24 to 64 random bytes in base64; make one with: echo whsec_$(openssl rand -base64 32)")
		}
		s.keys = append(s.keys, key)
	}
	return s, nil
}

// Sign sets the three headers of a request whose body is given. id names the request: another for every one that is made.
func (s *Signer) Sign(h http.Header, id string, at time.Time, body []byte) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, len(s.keys))
	for i, key := range s.keys {
		signatures[i] = signPrefix + base64.StdEncoding.EncodeToString(mac(key, id, stamp, body))
	}
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, stamp)
	h.Set(HeaderSignature, strings.Join(signatures, " "))
}

// Verify gives the id of a request that somebody with a secret signed, not longer ago than Tolerance; false for any other.
func (s *Signer) Verify(h http.Header, body []byte, now time.Time) (id string, genuine bool) {
	for _, name := range []string{HeaderID, HeaderTimestamp, HeaderSignature} {
		if len(h.Values(name)) != 1 {
			return "", false
		}
	}
	id = h.Get(HeaderID)
	stamp := h.Get(HeaderTimestamp)
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || id == "" || strings.Contains(id, ".") {
		return "", false
	}
	if off := now.Sub(time.Unix(seconds, 0)); off > Tolerance || off < -Tolerance {
		return "", false
	}
	signatures := strings.Fields(h.Get(HeaderSignature))
	if len(signatures) > mostSignatures {
		return "", false
	}
	good := make([][]byte, len(s.keys)) // once for each key: anybody may send a large body with many signatures
	for i, key := range s.keys {
		good[i] = mac(key, id, stamp, body)
	}
	for _, signature := range signatures {
		text, known := strings.CutPrefix(signature, signPrefix)
		shown, err := base64.StdEncoding.DecodeString(text)
		if !known || err != nil {
			continue
		}
		if slices.ContainsFunc(good, func(m []byte) bool { return hmac.Equal(shown, m) }) {
			return id, true
		}
	}
	return "", false
}

func mac(key []byte, id, stamp string, body []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write([]byte(id + "." + stamp + "."))
	m.Write(body)
	return m.Sum(nil)
}
