package gateway

import (
	"context"
	"time"
)

// How well a channel is heard. What was sent to it while nobody listened is asked for before anything routine leaves.
const (
	GapAfter    = 5 * time.Minute    // a channel that was not heard for longer has a gap
	GapPatience = 15 * time.Minute   // so long routine messages wait for a provider that cannot be asked
	GapShown    = 7 * 24 * time.Hour // so long a gap is shown that nothing closes
	HeardEvery  = time.Minute        // Heard is written no more often, for each channel
)

// HearingGap is a time in which what was sent to a channel may not have been heard, STOP perhaps among it, while routine messages
// leave again.
type HearingGap struct {
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	Reason GapReason `json:"reason"`
}

// GapReason says why a gap is not closed.
type GapReason string

// Why a gap is not closed.
const (
	GapUnreachable GapReason = "unreachable" // the provider could not be asked for GapPatience; it is asked again until it can be
	GapRefused     GapReason = "refused"     // it refuses to say; it is asked again until it does
	GapForgotten   GapReason = "forgotten"   // it does not know any more
	GapUnasked     GapReason = "unasked"     // the adapter cannot ask
)

// Closes says whether asking again may close the gap.
func (r GapReason) Closes() bool { return r == GapUnreachable || r == GapRefused }

// Listened says up to when a channel was heard.
type Listened struct {
	Channel ID
	HeardAt time.Time     // by the store's clock; zero: nobody has listened yet
	Silent  time.Duration // since HeardAt, by the store's clock
	Gap     *HearingGap   // the latest; nil: none, or it was closed
}

// Listening keeps up to when each channel was heard, so that all processes know.
type Listening interface {
	// Listened gives that of all channels.
	Listened(ctx context.Context) ([]Listened, error)
	// Heard notes that all that was sent to a channel until now was heard.
	Heard(ctx context.Context, channel ID) error
	// NoteGap notes the same, but for a gap; one that was noted before goes into it. A zero gap says that what was noted is closed.
	NoteGap(ctx context.Context, channel ID, g HearingGap) error
}

// CatchUpDuty is the duty of asking a provider what came while nobody listened.
func CatchUpDuty(channel ID) string { return "catchup/" + channel.String() }
