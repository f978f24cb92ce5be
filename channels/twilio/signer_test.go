package twilio

import (
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/channels"
)

// vectors are requests that Twilio's own library for Node has signed; testdata/sign.sh writes them anew.
type vectors struct {
	Token, Old string
	Cases      []struct{ Name, URL, Body, Signature, Old string }
}

func signedByTwilio(t *testing.T) vectors {
	t.Helper()
	raw, err := os.ReadFile("testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(raw, &v); err != nil || len(v.Cases) < 9 {
		t.Fatalf("%d cases, %v", len(v.Cases), err)
	}
	return v
}

// What Twilio's own signer signs is taken, and nothing else: under neither token once it is another's, not for another
// address, not for other bytes. The old token counts for as long as it is given beside the new one.
func TestAgreesWithTwiliosOwnSigner(t *testing.T) {
	v := signedByTwilio(t)
	for _, c := range v.Cases {
		base, query, _ := strings.Cut(c.URL, "?")
		now := NewValidator(base, channels.Secret(v.Token))
		both := NewValidator(base, channels.Secret(v.Token), channels.Secret(v.Old))
		check := func(v *Validator, query, body, signature string) bool {
			_, ok := v.Check(query, []byte(body), signature)
			return ok
		}
		if !check(now, query, c.Body, c.Signature) {
			t.Errorf("%s: refused", c.Name)
		}
		if !check(both, query, c.Body, c.Signature) || !check(both, query, c.Body, c.Old) {
			t.Errorf("%s: refused while the token is changed", c.Name)
		}
		if check(now, query, c.Body, c.Old) {
			t.Errorf("%s: the old token counts after its time", c.Name)
		}
		if check(NewValidator(base+"-2", channels.Secret(v.Token)), query, c.Body, c.Signature) {
			t.Errorf("%s: taken for another channel", c.Name)
		}
		if check(now, query, c.Body+"&Extra=1", c.Signature) || check(now, query+"&extra=1", c.Body, c.Signature) {
			t.Errorf("%s: taken although something was added", c.Name)
		}
		form, err := url.ParseQuery(c.Body)
		if err != nil || strings.HasPrefix(c.Body, "{") {
			continue
		}
		for name := range form {
			altered := url.Values{}
			for n, values := range form {
				altered[n] = values
			}
			altered[name] = []string{form.Get(name) + "x"}
			if check(now, query, altered.Encode(), c.Signature) {
				t.Errorf("%s: taken although %s was altered", c.Name, name)
			}
			if check(now, query, c.Body+"&"+url.QueryEscape(name)+"="+url.QueryEscape(form.Get(name)), c.Signature) {
				t.Errorf("%s: taken although %s stands there twice", c.Name, name)
			}
		}
	}
}
