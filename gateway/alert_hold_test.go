package gateway_test

import (
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// Any change of text, audience, policy or channels gives another digest.
func TestADigestNamesWhatIsReleased(t *testing.T) {
	var a gateway.AlertCase
	ways := []gateway.ReleaseWay{{Kind: "sms", Channel: "sms-a"}}
	seen := map[string]bool{}
	for _, change := range []func(){
		func() {}, func() { a.Saying.Texts = map[string]gateway.AlertText{"en": {What: "Flood"}} }, func() { a.Saying.Until = time.Unix(1, 0).UTC() },
		func() { a.Audience.Topic = "alerts" }, func() { a.Policy.Quorum = 2 }, func() { a.DangerToLife = true }, func() { ways[0].Channel = "sms-b" },
	} {
		change()
		digest, err := a.Digest(ways)
		if err != nil || len(digest) != 64 || seen[digest] {
			t.Fatalf("%q after %d others, %v", digest, len(seen), err)
		}
		seen[digest] = true
	}
	a.State, a.Revision = gateway.AlertHeld, 7 // what no person decides about
	if again, err := a.Digest(ways); err != nil || !seen[again] {
		t.Errorf("%q is new, %v", again, err)
	}
}
