package gateway

import (
	"context"
	"time"
)

// Duties shares out what only one process may do at a time. Whoever holds a duty must renew it before its lease ends;
// the store's clock decides. A duty alone stops nobody who was paused and resumed: what he writes under it must name his
// fence, and the ledger refuses it once somebody else holds the duty.
type Duties interface {
	// Hold takes a duty that is free, or whose lease has ended, and renews one that the process has. A process that keeps its
	// duty keeps its fence; every other holder gets one of his own. Somebody else has it: a fence that is not Held.
	Hold(ctx context.Context, duty string, by ID, lease time.Duration) (Fence, error)
	// Leave gives a duty back, so that another may take it at once. One that has passed on stays where it is.
	Leave(ctx context.Context, f Fence) error
	// Holders lists the duties whose names begin so and whose leases have not ended, in order of their names.
	Holders(ctx context.Context, prefix string) ([]Duty, error)
}

// Fence proves that a process holds a duty. No two holders of one duty ever get the same token.
type Fence struct {
	Duty  string
	Token int64 // zero: it is not held
}

// Held reports whether the fence is one.
func (f Fence) Held() bool { return f.Token != 0 }

// Duty is one that is held.
type Duty struct {
	Name  string
	By    ID
	Until time.Time // the end of the lease, unless it is renewed
}

// PolledDuty is held for a while after every poll of a channel that succeeded, by the channel itself, whichever process it
// was: a sign of life that ends by itself. All their names begin with PolledDuties.
func PolledDuty(channel ID) string { return PolledDuties + channel.String() }

// PolledDuties begins the names of PolledDuty.
const PolledDuties = "polled/"

// SpooledDuty is held for a while by a process whose spool is not empty: a sign that ends by itself. All their names begin
// with SpooledDuties.
func SpooledDuty(process ID) string { return SpooledDuties + process.String() }

// SpooledDuties begins the names of SpooledDuty.
const SpooledDuties = "spooled/"

// PollDuty is the duty of polling a channel: its cursor is written under it.
func PollDuty(channel ID) string { return "poll/" + channel.String() }
