package twilio

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the algorithm is Twilio's choice
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/carillon-gateway/carillon/channels"
)

// SignatureHeader carries Twilio's signature of a request to us.
const SignatureHeader = "X-Twilio-Signature"

// Validator checks that Twilio signed a request to one public URL. It is safe for concurrent use.
//
// twilio-go's own validator is not used: it signs only the first value of a repeated parameter, its handling of ports
// breaks IPv6 literals, and it parses the URL six times a request.
type Validator struct {
	urls []string // the configured URL as the signer may have written it: with and without the scheme's port
	keys []*sync.Pool
}

// NewValidator makes a validator for a public URL, the one that the provider was given and never the one that a request
// claims, and for the auth tokens that are live: two while one replaces the other. Empty tokens count for nothing. A
// URL that cannot be parsed, or no token, gives a validator that accepts no request.
func NewValidator(publicURL string, tokens ...channels.Secret) *Validator {
	v := &Validator{}
	u, err := url.Parse(publicURL)
	if err != nil || u.Host == "" {
		return v
	}
	v.urls = append(v.urls, publicURL)
	if port := u.Port(); port != "" {
		v.urls = append(v.urls, strings.Replace(publicURL, u.Host, strings.TrimSuffix(u.Host, ":"+port), 1))
	} else if port = map[string]string{"https": ":443", "http": ":80"}[u.Scheme]; port != "" {
		v.urls = append(v.urls, strings.Replace(publicURL, u.Host, u.Host+port, 1))
	}
	for _, token := range tokens {
		if token != "" {
			key := []byte(token.Reveal())
			v.keys = append(v.keys, &sync.Pool{New: func() any { return &signer{mac: hmac.New(sha1.New, key)} }})
		}
	}
	return v
}

type signer struct {
	mac    hash.Hash
	buf    []byte
	digest [sha1.Size]byte
}

// Check verifies a POST: its query as it came, its whole body, and its signature. For a form it returns the
// parameters; for a body in JSON, whose digest stands in the signed query as bodySHA256, it returns nil.
//
// The signature is HMAC-SHA1 over the URL and the sorted names and values of a form
// (https://www.twilio.com/docs/usage/webhooks/webhooks-security). A form in which a parameter is repeated is refused:
// none of Twilio's messages has one, and signers differ in what they make of it.
func (v *Validator) Check(rawQuery string, body []byte, signature string) (url.Values, bool) {
	given, ok := decode(signature)
	if !ok {
		return nil, false
	}
	if strings.Contains(rawQuery, "bodySHA256=") {
		return nil, v.digestHolds(rawQuery, body) && v.signed(rawQuery, nil, given)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, false
	}
	for _, values := range form {
		if len(values) != 1 {
			return nil, false
		}
	}
	return form, v.signed(rawQuery, form, given)
}

func decode(signature string) ([]byte, bool) {
	given, err := base64.StdEncoding.Strict().DecodeString(signature)
	return given, err == nil && len(given) == sha1.Size
}

func (v *Validator) digestHolds(rawQuery string, body []byte) bool {
	q, err := url.ParseQuery(rawQuery)
	if err != nil {
		return false
	}
	want, err := hex.DecodeString(q.Get("bodySHA256"))
	if err != nil {
		return false
	}
	got := sha256.Sum256(body)
	return subtle.ConstantTimeCompare(want, got[:]) == 1
}

func (v *Validator) signed(rawQuery string, form url.Values, given []byte) bool {
	var space [32]string
	names := space[:0]
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, key := range v.keys {
		s := key.Get().(*signer)
		for _, publicURL := range v.urls {
			if subtle.ConstantTimeCompare(s.sign(publicURL, rawQuery, names, form), given) == 1 {
				key.Put(s)
				return true
			}
		}
		key.Put(s)
	}
	return false
}

func (s *signer) sign(publicURL, rawQuery string, names []string, form url.Values) []byte {
	b := append(s.buf[:0], publicURL...)
	if rawQuery != "" {
		b = append(append(b, '?'), rawQuery...)
	}
	for _, name := range names {
		b = append(append(b, name...), form[name][0]...)
	}
	s.buf = b
	s.mac.Reset()
	_, _ = s.mac.Write(b) // a hash never fails
	clear(b)              // the buffer waits in a pool: leave no number or text there
	return s.mac.Sum(s.digest[:0])
}
