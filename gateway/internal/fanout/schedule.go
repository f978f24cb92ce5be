package fanout

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Run is a run of a schedule that is to be sent.
type Run struct {
	Schedule   gateway.Schedule
	Occurrence gateway.Occurrence
	Trial      bool          // the schedule is to be kept, and nothing is sent
	LocalAt    civil.Wall    // at each member's own time; zero: at once
	LateFor    time.Duration // of gateway.Broadcast
}

// Ready checks what a run of a schedule sends, as Submit does a draft, and stores nothing. What is missing in the text is asked
// about when the schedule is kept; a run goes with the fallback, because one member with another language must not keep the
// others from what they expect.
func (f *Fanout) Ready(ctx context.Context, r Run) (*gateway.ReadyBroadcast, error) {
	a := r.Schedule.Action.Broadcast
	if r.Schedule.Action.Kind != gateway.ActBroadcast || a == nil {
		return nil, gateway.Faultf(gateway.CodeInvalid, "action: %q is nothing that a schedule can do here; say under broadcast what it sends", r.Schedule.Action.Kind)
	}
	if a.Kind != gateway.KindReport && a.Kind != gateway.KindReminder {
		return nil, gateway.Faultf(gateway.CodeInvalid, "kind: %q cannot be sent by a schedule; use report or reminder", a.Kind)
	}
	d := gateway.Draft{Group: r.Schedule.GroupID, Key: r.Occurrence.BroadcastKey(), Kind: a.Kind, Audience: a.Audience, Words: a.Words, Sensitive: a.Sensitive, Author: r.Schedule.Author, LocalAt: r.LocalAt, LateFor: r.LateFor}
	if r.Occurrence.By != "" {
		d.Author = r.Occurrence.By
	}
	if (a.Wording == "") == (len(a.Words.Sources) == 0) {
		return nil, gateway.Faultf(gateway.CodeInvalid, "give the text itself or the name of one of the group's own wordings, one of both")
	}
	if a.Wording != "" {
		all, err := f.store.Wordings.Wordings(ctx, d.Group)
		if err != nil {
			return nil, fmt.Errorf("read the group's wordings: %w", err)
		}
		if d.Words.Sources = all[a.Wording]; d.Words.Sources == nil {
			return nil, gateway.Faultf(gateway.CodeInvalid, "wording: the group has no words of its own under the name %q; put them there first", a.Wording)
		}
	}
	b, err := f.broadcast(d)
	if err != nil {
		return nil, err
	}
	t, first, err := f.ready(ctx, &b)
	if err != nil {
		return nil, err
	}
	if r.Trial && !a.Fallback {
		missing, err := f.missing(ctx, t, first)
		if err != nil {
			return nil, err
		}
		if len(missing) > 0 {
			return nil, incomplete(missing)
		}
	}
	if !r.Trial {
		if err := f.alone(ctx, t, first, r.Schedule.Author, r.Occurrence.By); err != nil {
			return nil, err
		}
	}
	print := sha256.Sum256([]byte("run " + b.Key)) // what the schedule sends may be changed between two tries of one run
	return &gateway.ReadyBroadcast{Broadcast: b, Fingerprint: print[:]}, nil
}
