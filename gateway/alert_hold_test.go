package gateway_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// A roll-call has those who need help first, then the silent ones; that somebody at a shared address is safe counts apart.
func TestARollCall(t *testing.T) {
	id := func(n byte) gateway.ID { return gateway.ID{n} }
	members := []gateway.RollMember{{ID: id(1), Answer: gateway.AnswerSafe}, {ID: id(2), Answer: gateway.AnswerSafe, Shared: true}, {ID: id(3)}, {ID: id(4), Answer: gateway.AnswerHelp, Shared: true}, {ID: id(5)}}
	r := gateway.NewRollCall(&gateway.AlertCase{Reference: "4711"}, members)
	if r.Told != 5 || r.Help != 1 || r.Silent != 2 || r.Shared != 1 || r.Safe != 1 || r.Reference != "4711" {
		t.Fatalf("counted: %+v", r)
	}
	var order []gateway.ID
	for _, m := range r.Members {
		order = append(order, m.ID)
	}
	if want := []gateway.ID{id(4), id(3), id(5), id(2), id(1)}; !reflect.DeepEqual(order, want) {
		t.Errorf("in the order %v", order)
	}
}

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
