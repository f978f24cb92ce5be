package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway"
)

// Who takes part in the alert of the tour: the coordinator has a feature phone and nothing else.
const (
	alertedGroup     = "harbour"
	coordinatorPhone = "+33639980128"
	medicPhone       = "+12025550133"
)

// samplePolicy asks the coordinator twice, a minute apart, and then the medics.
func samplePolicy() gateway.AlertPolicy {
	coordinator := []gateway.AlertTarget{{Tags: []string{"coordinator"}}}
	return gateway.AlertPolicy{Name: "night", Last: coordinator, Steps: []gateway.AlertStep{
		{Targets: coordinator, Wait: 1, Repeat: 1}, {Targets: []gateway.AlertTarget{{Tags: []string{"medic"}}}, Wait: 5}}}
}

// raise raises the sample alert.
func (t *tour) raise(ctx context.Context) (gateway.AlertView, error) {
	text, err := sample.ReadFile("demo/alert.json")
	if err != nil {
		return gateway.AlertView{}, err
	}
	now := time.Now().Add(t.gateway.wound()).UTC().Truncate(time.Second)
	draft := gateway.AlertDraft{Policy: samplePolicy().Name, Saying: gateway.AlertSaying{Until: now.Add(2 * time.Hour), Next: now.Add(time.Hour)}}
	if err := json.Unmarshal(text, &draft.Saying.Texts); err != nil {
		return gateway.AlertView{}, fmt.Errorf("reading the sample alert: %w", err)
	}
	a, err := t.api.RaiseAlert(ctx, alertedGroup, draft)
	if err != nil {
		return a, fmt.Errorf("raising an alert: %w", err)
	}
	return a, nil
}

// alarm raises an alert that asks one feature phone. Nobody answers; the line is cut; it climbs; somebody presses 1.
func (t *tour) alarm(ctx context.Context) error {
	t.say("An alert asks one feature phone, and nobody answers.")
	a, err := t.raise(ctx)
	if err != nil {
		return err
	}
	if err := t.box.Wait(ctx, func() bool { return t.read(coordinatorPhone, a.Reference) }); err != nil {
		return fmt.Errorf("waiting for the coordinator to be asked: %w", err)
	}
	if err := t.until(ctx, a, gateway.AlertAsk, "the coordinator's phone has it", func(asked []gateway.TimelineEntry) bool {
		return len(asked) == 1 && became(asked[0], gateway.Delivered)
	}); err != nil {
		return err
	}
	line, err := t.box.Script(sandbox.Fault{Kind: sandbox.Failure, Provider: sandbox.Twilio, Address: coordinatorPhone, Status: 400, Code: 21612})
	if err != nil {
		return err
	}
	t.say("A minute later her line is cut, so that asking her again is in vain.")
	if err := t.gateway.wind(time.Minute + time.Second); err != nil {
		return err
	}
	for !t.read(medicPhone, a.Reference) { // a minute and the tries of what cannot be sent, wound through
		if err := t.gateway.wind(5 * time.Second); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the alert to climb: %w", ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.box.Clear(line)
	t.say("It climbs to the medics. One of them presses 1.")
	if _, err := t.box.Reply(sandbox.Reply{Kind: sandbox.KindSMS, Address: medicPhone, To: sampleNumber, Text: "1"}); err != nil {
		return err
	}
	if err := t.until(ctx, a, gateway.AlertSayTaken, "the others hear who is in charge", func(told []gateway.TimelineEntry) bool { return len(told) == 1 }); err != nil {
		return err
	}
	if err := t.settled(ctx); err != nil { // the others have heard who is in charge
		return err
	}
	if _, err := t.api.ActOnAlert(ctx, alertedGroup, a.Reference, "clear", gateway.AlertAct{}); err != nil {
		return fmt.Errorf("giving the all-clear: %w", err)
	}
	t.say("She is in charge, and gives the all-clear.")
	if err := t.until(ctx, a, gateway.AlertSayClear, "the all-clear is on its way", func(told []gateway.TimelineEntry) bool { return len(told) == 1 }); err != nil {
		return err
	}
	return t.settled(ctx)
}

// became reports whether a message of the timeline has come to a state.
func became(e gateway.TimelineEntry, state gateway.DeliveryState) bool {
	return slices.ContainsFunc(e.Tallies, func(t gateway.Tally) bool { return t.State == state })
}

// read reports whether a text with these words is on a phone.
func (t *tour) read(phone, words string) bool {
	return slices.ContainsFunc(t.box.Log(0, 0), func(e sandbox.Entry) bool {
		return e.Kind == sandbox.EntryMessage && e.Kept && e.To == phone && strings.Contains(e.Text, words)
	})
}

// until waits until the messages of one kind that an alert has sent are as wanted.
func (t *tour) until(ctx context.Context, a gateway.AlertView, kind gateway.AlertEffectKind, what string, done func(sent []gateway.TimelineEntry) bool) error {
	for {
		all, err := t.api.AlertTimeline(ctx, alertedGroup, a.Reference)
		if err != nil {
			return fmt.Errorf("reading the alert's timeline: %w", err)
		}
		if done(slices.DeleteFunc(all, func(e gateway.TimelineEntry) bool { return e.Kind != gateway.EventSent || e.Detail != string(kind) })) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", what, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// adopt takes the broadcasts into account that the tour did not send itself: those of alerts, and answers.
func (t *tour) adopt(ctx context.Context) error {
	for _, g := range sampleGroups {
		all, err := t.api.Broadcasts(ctx, g.Slug, 0)
		if err != nil {
			return fmt.Errorf("listing broadcasts: %w", err)
		}
		for _, b := range all {
			if !slices.ContainsFunc(t.sent, func(s sentBroadcast) bool { return s.id == b.ID }) {
				t.sent = append(t.sent, sentBroadcast{group: g.Slug, id: b.ID})
			}
		}
	}
	return nil
}

// alerts counts what became of the alerts. One is acknowledged if the ledger says so and, in the sandbox's log, a person who
// was sent its reference answered.
func (t *tour) alerts(ctx context.Context) (map[string]int, error) {
	counts := map[string]int{"raised": 0, "climbed": 0, "acknowledged": 0, "cleared": 0}
	for _, g := range sampleGroups {
		all, err := t.api.Alerts(ctx, g.Slug, 0)
		if err != nil {
			return nil, fmt.Errorf("listing alerts: %w", err)
		}
		for _, a := range all {
			counts["raised"]++
			timeline, err := t.api.AlertTimeline(ctx, g.Slug, a.Reference)
			if err != nil {
				return nil, fmt.Errorf("reading an alert's timeline: %w", err)
			}
			climbed, acked, cleared := false, false, false
			for _, e := range timeline {
				climbed = climbed || e.Kind == gateway.EventSent && e.Step > 1
				acked = acked || e.Kind == gateway.EventAcked
				cleared = cleared || e.Kind == gateway.EventCleared
			}
			for what, did := range map[string]bool{"climbed": climbed, "acknowledged": acked && t.answered(a.Reference), "cleared": cleared} {
				if did {
					counts[what]++
				}
			}
		}
	}
	return counts, nil
}

// answered reports whether somebody who was sent this reference answered after that.
func (t *tour) answered(reference string) bool {
	asked := map[string]bool{}
	for _, e := range t.box.Log(0, 0) {
		switch e.Kind {
		case sandbox.EntryMessage:
			asked[e.To] = asked[e.To] || e.Kept && strings.Contains(e.Text, reference)
		case sandbox.EntryReply, sandbox.EntryPress:
			if asked[e.From] {
				return true
			}
		}
	}
	return false
}
