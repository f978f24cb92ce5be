// Package channeltest is the conformance kit of the adapter contract: checks that hold for every adapter, whatever its
// provider. An adapter's test answers four questions (how to make the adapter, which addresses there are, what the
// provider's double can do, what proves a webhook) and runs Checks. It is a plain library, so that a command can run it
// too: it never imports testing.
package channeltest

import (
	"fmt"
	"runtime"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/sandbox"
)

// T is what a check reports to; *testing.T is one. Fatalf and Skipf do not return.
type T interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
}

// Double stands in for the provider during one check.
type Double interface {
	// URL is where it answers.
	URL() string
	// Script puts a fault in force.
	Script(sandbox.Fault) error
	// Clear ends all faults.
	Clear()
	// Seen lists the requests to send a message that reached it, oldest first, kept or not.
	Seen() []Seen
	// Reply makes a person write to whoever wrote to her last.
	Reply(address, text string) error
}

// Seen is a request to send a message, as the provider saw it.
type Seen struct {
	To   string
	Text string // as people read it
	ID   string // the provider's id, if it kept the message
	Kept bool
	Key  string // idempotency key of the request, as the provider got it; empty: none, or the double does not tell
}

// Subject is the adapter under test: the four answers.
type Subject struct {
	// Start starts a fresh double; stop ends it.
	Start func() (d Double, stop func(), err error)
	// Make makes the adapter against a double. hook is the public URL of its webhook; empty: none, it is polled.
	Make func(d Double, hook string) (channels.Adapter, error)
	// Stranger is Make with other credentials: what proves a webhook to one must not prove it to the other. Nil if the
	// provider calls no webhooks.
	Stranger func(d Double, hook string) (channels.Adapter, error)

	Valid   map[string]channels.Address // what people type → the canonical address
	Invalid []string                    // what is refused
	People  []channels.Address          // at least two that the double can send to
	Secrets []string                    // credentials that Make uses; they may appear in no error

	// Proof is the header that proves a webhook, or, behind a question mark, the parameter of its URL that does;
	// SignsBody says whether it covers query and body.
	Proof     string
	SignsBody bool
	// Prompt makes the provider call the webhook for a person that was written to. Nil: her reply does.
	Prompt func(d Double, address channels.Address) error
	// Nameless says that the provider cannot carry our attempt: its receipts name a message by its id alone.
	Nameless bool
	// Definite says that whatever the provider answers says whether it has the message: only silence and nonsense are doubt.
	Definite bool
	// Bodiless says that the provider's yes is a status without a body, of which nothing can come late.
	Bodiless bool
	// OptOut makes a person opt out at the provider, after which sending to her is Gone. Nil: people cannot.
	OptOut func(d Double, address channels.Address) error
	// Length measures a part as the provider does, in TextUnit; nil: its Text.
	Length func(channels.Part) int
	// Read reads a part with a parser of the channel's own format that is not the adapter's. Nil: only what holds for every
	// format is checked of hostile texts.
	Read func(channels.Part) (Shape, error)
}

// Check is one property of the contract.
type Check struct {
	Name string
	Why  string // what goes wrong for people when it does not hold
	Run  func(T)
}

// Checks lists all checks for an adapter, the pure ones first. Each starts a double of its own, so they may run in any
// order and side by side.
func Checks(s Subject) []Check {
	list := []struct {
		name, why string
		run       func(*probe)
	}{
		{"capabilities", "the gateway plans by them", checkCapabilities},
		{"addresses", "the same number would be two people, or none", checkAddresses},
		{"compose", "a text would be cut by the provider, or differ from what was approved", checkCompose},
		{"hostile", "somebody's name would change what others read, or call them", checkHostile},
		{"filling in", "a member's name would be shown otherwise than in a text of her own, or to somebody else", checkFilling},
		{"send", "a message would be lost, or sent twice", checkSend},
		{"faults", "doubt would be taken for failure, and a message sent twice; or for success, and lost", checkFaults},
		{"unreachable", "a message that never left would be in doubt", checkUnreachable},
		{"context", "a hanging provider would hold up its channel", checkContext},
		{"check", "looking after a channel would disturb people", checkCheck},
		{"receipts", "what became of a message would not be known", checkReceipts},
		{"inbound", "what people answer would be lost", checkInbound},
		{"forgery", "anyone could make receipts and STOPs up", checkForgery},
		{"opt-out", "STOP would not be final", checkOptOut},
		{"polling", "behind a home router nothing would come in", checkPolling},
		{"catching up", "after an outage people would be written to who had written STOP", checkCatchUp},
		{"look-up", "a message would be sent again although it arrived", checkLookUp},
		{"concurrency", "senders would disturb each other", checkConcurrency},
	}
	out := make([]Check, len(list))
	for i, c := range list {
		out[i] = Check{Name: c.name, Why: c.why, Run: func(t T) { s.run(t, c.run) }}
	}
	return out
}

// Result is the outcome of one check.
type Result struct {
	Name    string
	Skipped string   // why it does not apply; empty if it ran
	Faults  []string // what does not hold; empty: all does
}

// Run runs a check without a test framework. A panic of the adapter counts as a fault.
func Run(c Check) Result {
	r := &recorder{result: Result{Name: c.Name}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if v := recover(); v != nil {
				r.result.Faults = append(r.result.Faults, fmt.Sprintf("panic: %v", v))
			}
		}()
		c.Run(r)
	}()
	<-done
	return r.result
}

type recorder struct{ result Result }

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.result.Faults = append(r.result.Faults, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	runtime.Goexit()
}

func (r *recorder) Skipf(format string, args ...any) {
	r.result.Skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

var _ T = (*recorder)(nil)
