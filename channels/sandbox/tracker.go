package sandbox

import (
	"context"
	"time"
)

// Tracker tells what the gateway knows of the deliveries to one address. The phone wall shows it beside the phone.
type Tracker interface {
	// Trace returns the deliveries that have an attempt at the address, newest first; at most a few dozen. An error is
	// shown to the reader, so it says nothing secret.
	Trace(ctx context.Context, kind, address string) ([]Trace, error)
}

// Trace is one delivery as the gateway knows it. All texts are shown as they are.
type Trace struct {
	Broadcast string         // title of the broadcast
	Reference string         // short reference by which a reader recognises it
	State     string         // "waiting", "handed over", "delivered", "in doubt", "failed", …
	Reason    string         // why it ended, or why it waits
	Channel   string         // name of the channel of the newest attempt
	Since     time.Time      // of this state
	Attempts  []TraceAttempt // oldest first
}

// TraceAttempt is one try of a delivery.
type TraceAttempt struct {
	Channel string    // name
	State   string    // "claimed", "accepted", "delivered", "in doubt", "refused"
	Code    string    // the provider's code
	Detail  string    // one sentence for people
	Began   time.Time //
	Ended   time.Time // zero while it is under way
}

// Action is a button of the wall's control strip, for what the sandbox cannot do alone ("crash the gateway").
type Action struct {
	Name  string // 1 to 40 characters a-z 0-9 -; part of a URL
	Label string // on the button
	Hint  string // one sentence about what will happen
	Done  string // one sentence for after it, if it worked; empty: "Done."
	Harm  bool   // it breaks something, and looks like it
	Run   func(ctx context.Context) error
}
