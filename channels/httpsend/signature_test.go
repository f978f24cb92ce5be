package httpsend

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// The example of the specification (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md and its libraries' tests).
const (
	specSecret    = channels.Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	specID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	specBody      = `{"test": 2432232314}`
	specSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

var specTime = time.Unix(1614265330, 0)

func TestSignAsTheSpecificationDoes(t *testing.T) {
	s, err := NewSigner(specSecret)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	s.Sign(h, specID, specTime, []byte(specBody))
	if got := h.Get(HeaderSignature); got != specSignature {
		t.Errorf("signature %q, want %q", got, specSignature)
	}
	if id, ok := s.Verify(h, []byte(specBody), specTime.Add(Tolerance)); !ok || id != specID {
		t.Errorf("its own signature: %q, %v", id, ok)
	}
}

func TestVerifyRefuses(t *testing.T) {
	s, err := NewSigner(specSecret)
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(h http.Header, body *string, now *time.Time){
		"an altered body":        func(_ http.Header, body *string, _ *time.Time) { *body += " " },
		"another id":             func(h http.Header, _ *string, _ *time.Time) { h.Set(HeaderID, specID+"x") },
		"an id that moves a dot": func(h http.Header, _ *string, _ *time.Time) { h.Set(HeaderID, specID+".1614265330") },
		"another time":           func(h http.Header, _ *string, _ *time.Time) { h.Set(HeaderTimestamp, "1614265331") },
		"no time":                func(h http.Header, _ *string, _ *time.Time) { h.Del(HeaderTimestamp) },
		"two ids":                func(h http.Header, _ *string, _ *time.Time) { h.Add(HeaderID, specID) },
		"too late":               func(_ http.Header, _ *string, now *time.Time) { *now = now.Add(Tolerance + time.Second) },
		"too early":              func(_ http.Header, _ *string, now *time.Time) { *now = now.Add(-Tolerance - time.Second) },
		"another version":        func(h http.Header, _ *string, _ *time.Time) { h.Set(HeaderSignature, "v2"+specSignature[2:]) },
		"half a signature":       func(h http.Header, _ *string, _ *time.Time) { h.Set(HeaderSignature, specSignature[:20]) },
		"no signature":           func(h http.Header, _ *string, _ *time.Time) { h.Set(HeaderSignature, "") },
		"the key behind a flood": func(h http.Header, _ *string, _ *time.Time) {
			h.Set(HeaderSignature, strings.Repeat("v1,AA== ", 50)+specSignature)
		},
		"the secret of a stranger": func(h http.Header, body *string, _ *time.Time) {
			other, err := NewSigner(channels.Secret("whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))))
			if err != nil {
				t.Fatal(err)
			}
			other.Sign(h, specID, specTime, []byte(*body))
		},
	} {
		h, body, now := http.Header{}, specBody, specTime
		s.Sign(h, specID, specTime, []byte(body))
		change(h, &body, &now)
		if _, ok := s.Verify(h, []byte(body), now); ok {
			t.Errorf("%s was taken", what)
		}
	}
}

// TestManySignaturesCostOne: whoever has no secret cannot have a large body digested once for each signature that she makes up.
func TestManySignaturesCostOne(t *testing.T) {
	s, err := NewSigner(specSecret)
	if err != nil {
		t.Fatal(err)
	}
	body := make([]byte, 1<<20)
	took := func(signatures int) time.Duration {
		h := http.Header{}
		s.Sign(h, specID, specTime, nil)
		h.Set(HeaderSignature, strings.TrimSuffix(strings.Repeat("v1,"+base64.StdEncoding.EncodeToString(make([]byte, 32))+" ", signatures), " "))
		least := time.Hour
		for range 5 {
			began := time.Now()
			if _, ok := s.Verify(h, body, specTime); ok {
				t.Fatal("it was taken")
			}
			least = min(least, time.Since(began))
		}
		return least
	}
	if one, many := took(1), took(mostSignatures); many > 5*one {
		t.Errorf("one signature took %v, %d took %v", one, mostSignatures, many)
	}
}

// While a secret is changed, both ends may be at either stage.
func TestSecretsOverlap(t *testing.T) {
	next := channels.Secret("whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))))
	before, err := NewSigner(specSecret)
	if err != nil {
		t.Fatal(err)
	}
	between, err := NewSigner(next, specSecret)
	if err != nil {
		t.Fatal(err)
	}
	after, err := NewSigner(next, "")
	if err != nil {
		t.Fatal(err)
	}
	for what, pair := range map[string][2]*Signer{"old to both": {before, between}, "both to old": {between, before}, "both to new": {between, after}, "new to both": {after, between}} {
		h := http.Header{}
		pair[0].Sign(h, "1", specTime, nil)
		if _, ok := pair[1].Verify(h, nil, specTime); !ok {
			t.Errorf("%s: refused", what)
		}
	}
	h := http.Header{}
	before.Sign(h, "1", specTime, nil)
	if _, ok := after.Verify(h, nil, specTime); ok {
		t.Error("a secret that is no longer named is still taken")
	}
}

func TestSecretsThatAreNone(t *testing.T) {
	for _, secret := range []channels.Secret{"", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!", channels.Secret("whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65)))} {
		if _, err := NewSigner(secret); err == nil || len(secret) > 10 && strings.Contains(err.Error(), secret.Reveal()[7:]) {
			t.Errorf("%q: %v", secret.Reveal(), err)
		}
	}
}
