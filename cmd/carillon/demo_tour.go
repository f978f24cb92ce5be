package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway"
)

// summary is the last line of an unattended tour, counted from the sandbox's own log against the ledger.
type summary struct {
	Broadcasts int                       `json:"broadcasts"`
	Deliveries map[string]map[string]int `json:"deliveries"`
	Alerts     map[string]int            `json:"alerts"`
	Lost       int                       `json:"lost"`
	Duplicates int                       `json:"duplicates"`
}

// unattended runs the whole tour: a report with a crash in its middle, a reminder while a provider throttles, a report that
// some people can only get over their next channel, and an alert that climbs until somebody takes charge.
func (t *tour) unattended(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	t.say("A report to every group; in its middle the gateway is killed.")
	slow, err := t.box.Script(sandbox.Fault{Kind: sandbox.Latency, For: 150 * time.Millisecond})
	if err != nil {
		return err
	}
	if err := t.send(ctx, gateway.KindReport, "reports"); err != nil {
		return err
	}
	if err := t.box.Wait(ctx, func() bool { return t.box.Stats().Kept >= 10 }); err != nil {
		return fmt.Errorf("waiting for the first ten messages: %w", err)
	}
	if err := t.gateway.crash(); err != nil {
		return err
	}
	t.say("Killed after %d messages. Starting it again …", t.box.Stats().Kept)
	t.box.Clear(slow)
	if err := t.boot(ctx); err != nil {
		return err
	}
	t.say("A reminder to every group, while the provider of text messages answers nothing but errors for a while.")
	fault, err := t.box.Script(sandbox.Fault{Kind: sandbox.Throttle, Provider: sandbox.Twilio, RetryAfter: "1", Times: 3})
	if err != nil {
		return err
	}
	if err := t.send(ctx, gateway.KindReminder, "meetings"); err != nil {
		return err
	}
	if err := t.settled(ctx); err != nil {
		return err
	}
	t.box.Clear(fault)
	if err := t.roundabout(ctx); err != nil {
		return err
	}
	if err := t.alarm(ctx); err != nil {
		return err
	}
	result, err := t.account(ctx)
	if err != nil {
		return err
	}
	t.say("")
	t.say("%d broadcasts.", result.Broadcasts)
	for kind, states := range result.Deliveries {
		t.say("  %-10s %s", kind, counts(states))
	}
	t.say("  alerts     raised %d, climbed %d, acknowledged %d, cleared %d", result.Alerts["raised"], result.Alerts["climbed"], result.Alerts["acknowledged"], result.Alerts["cleared"])
	t.say("  lost %d, duplicates %d", result.Lost, result.Duplicates)
	if err := t.sh.print(result, printJSON(result)); err != nil {
		return err
	}
	if result.Lost > 0 || result.Duplicates > 0 {
		return fmt.Errorf("the ledger and the providers' log do not agree: lost %d, duplicates %d", result.Lost, result.Duplicates)
	}
	return nil
}

// roundabout sends a report that cannot reach some people by text message, and sees that each of them gets it another way.
func (t *tour) roundabout(ctx context.Context) error {
	t.say("A second report, while no text message reaches the %d people who have another address as well.", len(t.twoWays))
	for _, address := range t.twoWays {
		if _, err := t.box.Script(sandbox.Fault{Kind: sandbox.Failure, Provider: sandbox.Twilio, Address: address, Status: 400, Code: 21612}); err != nil {
			return err
		}
	}
	before := len(t.sent)
	if err := t.send(ctx, gateway.KindReport, "reports"); err != nil {
		return err
	}
	if err := t.settled(ctx); err != nil {
		return err
	}
	t.box.Clear()
	moved := 0
	var stuck []string
	for _, b := range t.sent[before:] {
		deliveries, err := t.api.Deliveries(ctx, b.group, gateway.DeliveryFilter{Broadcast: b.id}, 0)
		if err != nil {
			return err
		}
		for _, d := range deliveries {
			if d, err = t.api.Delivery(ctx, b.group, d.ID); err != nil {
				return err
			}
			reached := d.State == gateway.DeliveryAccepted || d.State == gateway.Delivered
			if n := len(d.Attempts); reached && n > 1 && d.Attempts[0].ChannelID != d.Attempts[n-1].ChannelID {
				moved++
			} else if n != 1 || !reached {
				stuck = append(stuck, fmt.Sprintf("%s is %s after %d attempts: %s", d.ID.Short(), d.State, n, d.Detail))
			}
		}
	}
	t.say("It reached %d of them over their next channel.", moved)
	if moved != len(t.twoWays) {
		return fmt.Errorf("the second report reached %d of %d people over their next channel (%s)", moved, len(t.twoWays), strings.Join(stuck, "; "))
	}
	return nil
}

// heldBack is how the summary calls what waits of a broadcast that was stopped: nothing more leaves of that.
const heldBack = "stopped"

func counts(states map[string]int) string {
	var parts, all []string
	for _, state := range gateway.DeliveryStates {
		all = append(all, string(state))
	}
	for _, state := range append(all, heldBack) {
		if n := states[state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", state, n))
		}
	}
	return strings.Join(parts, ", ")
}

// settled waits until nothing waits, is on its way, or can still get a receipt.
func (t *tour) settled(ctx context.Context) error {
	for {
		if err := t.adopt(ctx); err != nil {
			return err
		}
		open := 0
		for _, b := range t.sent {
			status, err := t.api.Broadcast(ctx, b.group, b.id)
			if err != nil {
				return fmt.Errorf("asking for a broadcast: %w", err)
			}
			if status.State == gateway.Planning {
				open++
			}
			for _, tally := range status.Tallies {
				if tally.State == gateway.Waiting && status.State != gateway.Stopped || tally.State == gateway.Sending { // nothing more leaves of what is stopped
					open += tally.Count
				}
			}
		}
		if open == 0 && t.box.Stats().Pending == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d deliveries are still open: %w", open, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// account holds the ledger against what the sandbox says that it received.
func (t *tour) account(ctx context.Context) (summary, error) {
	result := summary{Broadcasts: len(t.sent), Deliveries: map[string]map[string]int{}, Alerts: map[string]int{}}
	kinds := map[gateway.ID]string{}
	channels, err := t.api.Channels(ctx, "")
	if err != nil {
		return result, err
	}
	for _, c := range channels {
		kinds[c.ID] = c.Kind
	}
	if result.Alerts, err = t.alerts(ctx); err != nil {
		return result, err
	}
	books := newBooks(t.box.Log(0, 0))
	for _, b := range t.sent {
		deliveries, err := t.api.Deliveries(ctx, b.group, gateway.DeliveryFilter{Broadcast: b.id}, 0)
		if err != nil {
			return result, err
		}
		result.Lost += max(0, b.meant-len(deliveries)) // nobody who was meant may be missing
		status, err := t.api.Broadcast(ctx, b.group, b.id)
		if err != nil {
			return result, err
		}
		for _, d := range deliveries {
			kind := kinds[d.ChannelID]
			if kind == "" {
				kind = "none"
			}
			if result.Deliveries[kind] == nil {
				result.Deliveries[kind] = map[string]int{}
			}
			state := string(d.State)
			if d.State == gateway.Waiting && status.State == gateway.Stopped {
				state = heldBack
			}
			result.Deliveries[kind][state]++
			if d, err = t.api.Delivery(ctx, b.group, d.ID); err != nil {
				return result, err
			}
			books.post(d)
		}
	}
	result.Lost += books.lost
	result.Duplicates = books.doubled + max(0, books.left-books.doubtful)
	return result, nil
}

// books match what the providers kept with the deliveries of the ledger. A kept message that no delivery knows must be
// one whose answer was lost; there can be no more of those than deliveries in doubt.
type books struct {
	kept                    map[string]int      // by the provider's id, which may be one of its chat only; taken out when a delivery answers for it
	attempts                map[string][]string // attempt and part → provider ids
	left                    int                 // kept and not taken out
	lost, doubled, doubtful int
}

func newBooks(log []sandbox.Entry) *books {
	b := &books{kept: map[string]int{}, attempts: map[string][]string{}}
	for _, entry := range log {
		if entry.Kind == sandbox.EntryMessage && entry.Kept {
			b.kept[entry.ID]++
			b.left++
			if entry.Attempt != "" {
				key := fmt.Sprint(entry.Attempt, " ", entry.Part)
				b.attempts[key] = append(b.attempts[key], entry.ID)
			}
		}
	}
	return b
}

// post takes the messages of one delivery out of the books. Each of its parts may have been kept once, over all of its
// attempts, unless an earlier attempt was given up on the provider's own word.
func (b *books) post(d gateway.Delivery) {
	parts := map[int]int{}
	for _, a := range d.Attempts {
		taken := map[string]int{}
		for i, ref := range a.Parts {
			taken[ref] = i
		}
		for i := range max(1, len(a.Parts)) {
			for _, ref := range b.attempts[fmt.Sprint(a.ID, " ", i)] {
				taken[ref] = i
			}
		}
		for ref, i := range taken {
			if b.kept[ref] > 0 {
				b.kept[ref]--
				b.left--
				if a.State != gateway.Refused {
					parts[i]++
				}
			} else if ref != "" && (a.State == gateway.Accepted || a.State == gateway.AttemptDelivered) {
				b.lost++
			}
		}
	}
	for _, n := range parts {
		b.doubled += n - 1
	}
	if d.State == gateway.DeliveryInDoubt {
		b.doubtful++
	}
}

// actions are the buttons of the wall's control strip.
func (t *tour) actions() []sandbox.Action {
	return []sandbox.Action{
		{Name: "report", Label: "Send a report", Hint: "A report to all four groups.", Done: "A report is on its way to all four groups.", Run: func(ctx context.Context) error { return t.send(ctx, gateway.KindReport, "reports") }},
		{Name: "reminder", Label: "Send a reminder", Hint: "A reminder to all four groups.", Done: "A reminder is on its way to all four groups.", Run: func(ctx context.Context) error { return t.send(ctx, gateway.KindReminder, "meetings") }},
		{Name: "alert", Label: "Raise an alert", Hint: "It asks the coordinator of Harbour Watch on her feature phone; with no answer again after a minute, and the medics after two.", Done: "An alert asks the coordinator of Harbour Watch, whose phone is now the first below. Answer 1 on it, or let a minute pass: then she is asked again, and after another the medics are.", Run: func(ctx context.Context) error {
			_, err := t.raise(ctx)
			return err
		}},
		{Name: "minute", Label: "Let a minute pass", Hint: "The gateway's clock is put forward by a minute.", Done: "The gateway's clock was put forward by a minute.", Run: func(context.Context) error { return t.gateway.wind(time.Minute) }},
		{Name: "crash", Label: "Kill the gateway", Hint: "A real SIGKILL; two seconds later it starts again.", Done: "The gateway was killed, and runs again.", Harm: true, Run: func(ctx context.Context) error {
			if err := t.gateway.crash(); err != nil {
				return err
			}
			select {
			case <-time.After(2 * time.Second):
			case <-ctx.Done():
				return ctx.Err()
			}
			return t.boot(ctx)
		}},
	}
}

// tracer shows the wall what the gateway knows of the deliveries to one address.
type tracer struct{ tour *tour }

// Trace asks the gateway, as any client would.
func (t tracer) Trace(ctx context.Context, kind, address string) ([]sandbox.Trace, error) {
	var traces []sandbox.Trace
	channels, err := t.tour.api.Channels(ctx, "")
	if errors.Is(err, &gateway.Fault{Code: gateway.CodeUnavailable}) {
		return nil, errors.New("it does not answer")
	}
	if err != nil {
		return nil, err
	}
	names := map[gateway.ID]string{}
	for _, c := range channels {
		names[c.ID] = c.Name
	}
	for _, g := range sampleGroups {
		members, err := t.tour.api.FindMembers(ctx, g.Slug, kind, gateway.Private(address))
		if err != nil {
			return nil, err
		}
		for _, member := range members {
			found, err := t.tour.api.Deliveries(ctx, g.Slug, gateway.DeliveryFilter{Member: member}, 20)
			if err != nil {
				return nil, err
			}
			for i := len(found) - 1; i >= 0; i-- {
				d, err := t.tour.api.Delivery(ctx, g.Slug, found[i].ID)
				if err != nil {
					return nil, err
				}
				traces = append(traces, traceOf(g.Name, d, names))
			}
		}
	}
	return traces, nil
}

func traceOf(group string, d gateway.Delivery, names map[gateway.ID]string) sandbox.Trace {
	trace := sandbox.Trace{Broadcast: group, Reference: d.BroadcastID.Short(), State: spoken(d.State, ""), Reason: d.Detail, Channel: names[d.ChannelID], Since: d.CreatedAt}
	if trace.Reason == "" {
		trace.Reason = string(d.Reason)
	}
	for _, a := range d.Attempts {
		trace.Attempts = append(trace.Attempts, sandbox.TraceAttempt{Channel: names[a.ChannelID], State: a.State.String(), Code: a.Refusal.Code, Detail: a.Refusal.Detail, Began: a.ClaimedAt, Ended: a.SettledAt})
		if !a.SettledAt.IsZero() {
			trace.Since = a.SettledAt
		}
	}
	return trace
}

var _ sandbox.Tracker = tracer{}
