package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// The times of a wait. What holds a message is looked for once it has not left within firstLook, and then every nextLook; it is
// said when that changes, and otherwise after firstWord, after twice as long, and so on until lastWord.
const (
	askEvery  = 500 * time.Millisecond
	firstLook = 2 * time.Second
	nextLook  = 10 * time.Second
	firstWord = time.Minute
	lastWord  = 10 * time.Minute
)

// The gateway may be silent for a while, as one is that is started anew or moved: patience is how long that is waited for, and
// oneAnswer how long for one answer.
const (
	patience  = 10 * time.Minute
	oneAnswer = 30 * time.Second
)

// follower waits for a message and says what it waits for.
type follower struct {
	sh    *shell
	api   *client.Client
	group string
	aloud bool // somebody reads along at a terminal
	now   func() time.Time
	tick  <-chan time.Time

	look, speak time.Time // when it looks, and speaks, next
	silence     time.Duration
	held        []string  // what held the message when it last looked
	lost        time.Time // when the gateway first did not answer; zero: it answers
}

// follow waits until nothing of a broadcast is left to send. What the group's cap holds is not waited for: that takes until
// the next month.
func (sh *shell) follow(ctx context.Context, c *client.Client, group string, id gateway.ID) error {
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	f := follower{sh: sh, api: c, group: group, aloud: sh.terminal(), now: time.Now, tick: tick.C}
	return f.wait(ctx, id)
}

func (f *follower) wait(ctx context.Context, id gateway.ID) error {
	bar := f.sh.progress(-1, "sending", false)
	defer func() { _ = bar.Finish() }()
	f.look, f.speak, f.silence = f.now().Add(firstLook), f.now().Add(firstWord), firstWord
	tell := func(text string) {
		if text != "" && f.aloud {
			_ = bar.Clear()
			fmt.Fprintln(f.sh.err, printable(text))
		}
	}
	for {
		status, err := f.status(ctx, id)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("the message goes on without us: %w", ctx.Err())
		case err != nil:
			text, err := f.silent(id, err)
			if err != nil {
				return err
			}
			tell(text)
		default:
			f.lost = time.Time{}
			left, total := remaining(status)
			if total > 0 {
				bar.ChangeMax(total)
				_ = bar.Set(total - left)
			}
			if status.State != gateway.Planning && (left == 0 || status.State == gateway.Stopped) {
				_ = bar.Finish()
				return f.end(status, left)
			}
			if f.aloud && !f.now().Before(f.look) {
				tell(f.word(ctx, status, left, total))
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the message goes on without us: %w", ctx.Err())
		case <-f.tick:
		}
	}
}

func (f *follower) status(ctx context.Context, id gateway.ID) (gateway.BroadcastStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, oneAnswer)
	defer cancel()
	return f.api.Broadcast(ctx, f.group, id)
}

// silent judges that the gateway gave no status: it gives what is to be said, once, where that may pass, and an error where it
// will not, or has lasted for too long.
func (f *follower) silent(id gateway.ID, err error) (string, error) {
	if !mayPass(err) {
		return "", err
	}
	now := f.now()
	switch {
	case f.lost.IsZero():
		f.lost = now
		return fmt.Sprintf("%s  the gateway gives no answer, which is waited for until %s: %v", now.Local().Format("15:04:05"), now.Add(patience).Local().Format("15:04:05"), err), nil
	case now.Sub(f.lost) < patience:
		return "", nil
	}
	return "", fmt.Errorf("what became of the message is not known, for the gateway has given no answer for %.0f minutes: %w\n"+
		"It was handed in and needs no second time. Once the gateway answers: carillon broadcast show %s --group %s", now.Sub(f.lost).Minutes(), err, id, f.group)
}

// mayPass says of a failure to ask the gateway whether asking again may end otherwise. What a gateway says of the request does
// not; no answer, a lost one, and that of a proxy whose gateway is away do.
func mayPass(err error) bool {
	var fault *gateway.Fault
	if !errors.As(err, &fault) {
		return true
	}
	return fault.Code == gateway.CodeUnavailable || fault.Code == gateway.CodeInternal || fault.Code == gateway.CodeTooMany
}

// remaining counts the deliveries that are waited for, and all of them.
func remaining(status gateway.BroadcastStatus) (left, total int) {
	for _, t := range status.Tallies {
		total += t.Count
		if waitedFor(t) {
			left += t.Count
		}
	}
	return left, total
}

func waitedFor(t gateway.Tally) bool {
	return t.State == gateway.Sending || t.State == gateway.Waiting && t.Reason != gateway.ReasonCapped
}

// word gives what is to be said now of a message that has not left; empty: nothing.
func (f *follower) word(ctx context.Context, status gateway.BroadcastStatus, left, total int) string {
	now := f.now()
	f.look = now.Add(nextLook)
	var holders, lines []string
	if left > 0 {
		ctx, cancel := context.WithTimeout(ctx, oneAnswer)
		defer cancel()
		all, err := f.api.Channels(ctx, f.group)
		if err != nil { // the message itself is asked after again before long, and then this too
			return ""
		}
		holders, lines = holding(status, all, f.group)
	}
	early := status.State == gateway.Planning && status.StartAt.After(now)
	if early {
		holders = append(holders, clock(status.StartAt))
	}
	changed := !slices.Equal(holders, f.held)
	switch {
	case changed:
		f.silence = firstWord
	case now.Before(f.speak):
		return ""
	default:
		f.silence = min(2*f.silence, lastWord)
	}
	f.held, f.speak = holders, now.Add(f.silence)
	text := fmt.Sprintf("%s  %d of %s still to leave", now.Local().Format("15:04:05"), left, plural(total, "message"))
	switch {
	case early && left == 0:
		return fmt.Sprintf("%s  it starts at %s; the message waits there without this command too", now.Local().Format("15:04:05"), clock(status.StartAt))
	case len(lines) > 0:
		return text + "\n  " + strings.Join(lines, "\n  ")
	case status.State == gateway.Planning && left == 0:
		return text + "; it is being planned"
	case changed:
		return text + "; no channel holds them any more"
	}
	return text + "; no channel holds them: they wait for quiet hours, for a rate or for another try. carillon delivery show tells of each"
}

// holding names the channels that hold deliveries of a message back, and tells of each how many, since when, why, and what to do.
func holding(status gateway.BroadcastStatus, all []gateway.ChannelView, group string) (names, lines []string) {
	waits := map[gateway.ID]int{}
	for _, t := range status.Tallies {
		if waitedFor(t) {
			waits[t.ChannelID] += t.Count
		}
	}
	for _, c := range all {
		if mend := mending(c, status.Class, group); mend != "" && waits[c.ID] > 0 {
			names = append(names, c.Name+": "+mend)
			lines = append(lines, fmt.Sprintf("%d over %s: %s. %s", waits[c.ID], c.Name, condition(c.Health, c.Incident, c.Breaker, c.Problem, c.CatchingUp, nil), mend))
		}
	}
	return names, lines
}

// mending says what lets a channel send messages of a class that it holds; empty: it holds none of them.
func mending(c gateway.ChannelView, class gateway.Class, group string) string {
	step := func(what string) string {
		if c.GroupID.IsZero() {
			return "carillon channel " + what + " " + c.Name + ", which is the operator's to do"
		}
		return "carillon channel " + what + " " + c.Name + " --group " + group
	}
	routine := class == gateway.Report || class == gateway.Reminder
	switch {
	case c.Problem != "":
		return "Mend them: " + step("add")
	case c.Health.Paused.UntilCheck():
		return "Once that is mended: " + step("check")
	case c.Health.Paused == gateway.PauseManual && (routine || !c.Health.RoutineOnly), c.Incident != nil && routine:
		return "Let it send: " + step("resume")
	case c.Health.Paused == gateway.PauseThrottled, c.Breaker == "open", c.CatchingUp && routine:
		return "It goes on by itself."
	}
	return ""
}

// end shows what became of the message, and fails if it did not leave as it was to.
func (f *follower) end(status gateway.BroadcastStatus, left int) error {
	if err := f.sh.showBroadcast(status); err != nil {
		return err
	}
	expired, missed, total := 0, 0, 0
	for _, t := range status.Tallies {
		total += t.Count
		switch {
		case t.State != gateway.Ended:
		case t.Reason == gateway.ReasonExpired:
			expired += t.Count
		case t.Reason == gateway.ReasonFailed, t.Reason == gateway.ReasonSuppressed:
			missed += t.Count
		}
	}
	switch {
	case left > 0:
		return fmt.Errorf("the message was stopped: %s of it did not leave; let it go on with: carillon broadcast resume %s --group %s", plural(left, "delivery"), status.ID, f.group)
	case expired > 0:
		return fmt.Errorf("for %d of %s the message's time was over first", expired, plural(total, "member"))
	case total > 0 && missed == total:
		return fmt.Errorf("the message reached nobody; carillon delivery list --broadcast %s --group %s says why", status.ID, f.group)
	}
	return nil
}
