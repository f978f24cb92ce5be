package apptest_test

import (
	"slices"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
)

// TestStopsOfAnOutage (reliability R13): the gateway is dead for thirty hours. Meanwhile three write that they want no more; the
// provider of text messages finds nobody who takes that, and brings it no more. When the gateway is back the provider is slow to
// say what came. An alert leaves at once; a report waits until all three are taken, and reaches everybody else. What Telegram
// forgot after a day is said, and nothing is said of the text messages.
func TestStopsOfAnOutage(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, apptest.Options{Senders: 4})
	people := apptest.PeopleWith("s", apptest.Numbers(t, 12))
	w.Start()
	w.Apply("harbour")
	w.Join("harbour", people)
	w.Kill()
	stopped := people[:3]
	for _, p := range stopped { // in words that the provider does not act upon by itself
		if _, err := w.Box.Reply(sandbox.Reply{Kind: sandbox.KindSMS, Address: p.SMS, To: apptest.Number, Text: "Please stop"}); err != nil {
			t.Fatal(err)
		}
	}
	w.Wind(30 * time.Hour)
	slow := w.Script(sandbox.Fault{Kind: sandbox.Latency, Provider: sandbox.Twilio, On: sandbox.OnRead, For: time.Second})
	w.Start()
	const routine, urgent = "The roof is mended.", "The bridge is closed."
	said := func(text string) (to []string) {
		for _, e := range w.Box.Log(0, 0) {
			if e.Kind == sandbox.EntryMessage && e.Text == text {
				to = append(to, e.To)
			}
		}
		return to
	}
	report := w.Report("harbour", "week-47", routine)
	alert := w.Submit("harbour", gateway.Draft{Kind: gateway.KindAlert, Key: "bridge", Audience: gateway.Audience{Topic: "reports"}, Words: apptest.Words(urgent)})
	w.UntilBox(20*time.Second, "for the alert", func() bool { return len(said(urgent)) > 0 })
	if n := len(said(routine)); n != 0 {
		t.Errorf("%d get a report before anybody knows who wrote meanwhile", n)
	}
	w.Settled(30*time.Second, "harbour", report)
	slow()
	w.Settled(30*time.Second, "harbour", alert)
	to := said(routine)
	for _, p := range stopped {
		if slices.Contains(to, p.SMS) {
			t.Error("who wrote that she wants no more gets a report")
		}
	}
	if counts := w.Counts("harbour", report); len(to) != len(people)-len(stopped) || counts["delivered"] != len(to) || counts["ended: suppressed"] != len(stopped) {
		t.Errorf("%d get the report: %v", len(to), counts)
	}
	w.Until(20*time.Second, "for the gap to be said", func() bool { return w.Channel("telegram").Gap != nil })
	if gap := w.Channel("telegram").Gap; gap.Reason != gateway.GapForgotten || gap.Until.Sub(gap.From).Round(time.Hour) != 6*time.Hour {
		t.Errorf("of thirty hours Telegram kept a day, and what is said is %+v", gap)
	}
	if gap := w.Channel("sms").Gap; gap != nil {
		t.Errorf("all text messages were taken, and what is said is %+v", gap)
	}
}
