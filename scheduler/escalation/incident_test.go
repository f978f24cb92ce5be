package escalation_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/scheduler/escalation"
)

// The draft of a report tells what happened, when and over what, and names nobody: no member, no label, nothing that was typed.
func TestAnIncidentReportNamesNobody(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	raised := time.Date(2026, 3, 28, 9, 0, 0, 0, time.UTC)
	member, token, sms := gateway.NewID(), gateway.NewID(), gateway.NewID()
	after := func(d time.Duration, kind gateway.AlertEventKind, by gateway.AlertHand) gateway.AlertEvent {
		return gateway.AlertEvent{Kind: kind, At: raised.Add(d), By: by, Detail: "Ana Typed, +4915550100001"}
	}
	she, desk := gateway.AlertHand{Members: []gateway.ID{member}, Way: "sms"}, gateway.AlertHand{Token: token, Label: "Ana Label"}
	i := escalation.Incident{
		Alert: gateway.AlertCase{ID: gateway.NewID(), Reference: "4711", State: gateway.AlertCleared, RaisedAt: raised, EndedAt: raised.Add(time.Hour), Author: "Ana Label",
			Saying: gateway.AlertSaying{Texts: map[string]gateway.AlertText{"en": {Source: "Ana Said", Where: "Harbour"}}}},
		Events: []gateway.AlertEvent{after(0, gateway.EventRaised, desk), after(0, gateway.EventSent, gateway.AlertHand{}), after(90*time.Second, gateway.EventUnverified, gateway.AlertHand{Members: []gateway.ID{member, gateway.NewID()}}),
			after(2*time.Minute, gateway.EventAcked, she), after(time.Hour, gateway.EventCleared, she)},
		Tallies:  []gateway.Tally{{ChannelID: sms, State: gateway.Delivered, Count: 7}, {ChannelID: sms, State: gateway.DeliveryInDoubt, Count: 2}, {State: gateway.Ended, Count: 1}},
		Channels: map[gateway.ID]string{sms: "sms-berlin"}, Zone: zone,
	}
	draft := i.Draft()
	for _, want := range []string{"alert 4711", "2026-03-28 10:00:00 +01:00 (09:00:00Z)", "after 1h0m0s", "raised | coordinator A", "acknowledged | member B", "all-clear | member B", "somebody at a shared address",
		"taken charge of after 2m0s", "| sms-berlin | 9 | 7 | 0 | 2 | 0 |", "| no channel | 1 | 0 | 0 | 0 | 1 |", "2 deliveries are in doubt", "could not be verified", "No update was sent"} {
		if !strings.Contains(draft, want) {
			t.Errorf("%q is not in the draft:\n%s", want, draft)
		}
	}
	for _, secret := range []string{"Ana", "+49", "Harbour", member.String(), member.Short(), token.String(), token.Short()} {
		if strings.Contains(draft, secret) {
			t.Errorf("%q is in the draft:\n%s", secret, draft)
		}
	}
	if strings.Contains(draft, "Nobody took charge") {
		t.Errorf("somebody did:\n%s", draft)
	}
}
