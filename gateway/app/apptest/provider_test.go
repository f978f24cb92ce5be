package apptest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// TestBadProvider: half of a group has text messages, half has Telegram, and one provider misbehaves while a report goes
// out. The other half has it meanwhile. When the provider is well again each delivery of its own ends as the table of
// error classes says: what was surely not taken goes out, what perhaps was is in doubt and not sent again.
func TestBadProvider(t *testing.T) {
	const each = 20
	for name, c := range map[string]struct {
		fault  sandbox.Fault     // at Twilio, if it does not say where
		pause  gateway.PauseKind // that the channel shows meanwhile
		doubt  bool              // some end in doubt
		failed int               // end as failed
		left   int               // end as suppressed
	}{
		"hangs":                           {fault: sandbox.Fault{Kind: sandbox.Hang}, doubt: true},
		"drips":                           {fault: sandbox.Fault{Kind: sandbox.Drip, For: time.Second, Times: 2}}, // until we hang up; the receipt tells
		"drips, and gets there":           {fault: sandbox.Fault{Kind: sandbox.Drip, For: 3 * time.Millisecond, Times: 2}},
		"cuts, having lost it":            {fault: sandbox.Fault{Kind: sandbox.Cut}, doubt: true},
		"cuts, having taken it":           {fault: sandbox.Fault{Kind: sandbox.Cut, Kept: true}},
		"answers garbage, having lost it": {fault: sandbox.Fault{Kind: sandbox.Garbage}, doubt: true},
		"answers 429 for an hour":         {fault: sandbox.Fault{Kind: sandbox.Throttle, RetryAfter: "3600"}, pause: gateway.PauseThrottled},
		"answers 429 for a second":        {fault: sandbox.Fault{Kind: sandbox.Throttle, RetryAfter: "1"}},
		"refuses the credentials":         {fault: sandbox.Fault{Kind: sandbox.Unauthorized, On: sandbox.OnAll}, pause: gateway.PauseAuth},
		"refuses a number":                {fault: sandbox.Fault{Kind: sandbox.Failure, Status: 400, Code: 21211, Times: 1}, failed: 1},
		"says that a person opted out":    {fault: sandbox.Fault{Kind: sandbox.Failure, Status: 400, Code: 21610, Times: 1}, left: 1},

		"Telegram hangs":                   {fault: sandbox.Fault{Provider: sandbox.Telegram, Kind: sandbox.Hang}, doubt: true},
		"Telegram answers 429 for an hour": {fault: sandbox.Fault{Provider: sandbox.Telegram, Kind: sandbox.Throttle, RetryAfter: "3600"}, pause: gateway.PauseThrottled},
		"Telegram refuses the credentials": {fault: sandbox.Fault{Provider: sandbox.Telegram, Kind: sandbox.Unauthorized, On: sandbox.OnAll}, pause: gateway.PauseAuth},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := apptest.New(t, apptest.Options{Senders: 4})
			people := apptest.PeopleWith("s", apptest.Numbers(t, each))
			for i := range each {
				people = append(people, apptest.Person{Ref: fmt.Sprintf("t-%03d", i), Language: "en", Telegram: fmt.Sprint(900_000_001 + i)})
			}
			w.Start()
			w.Apply("harbour")
			w.Join("harbour", people)
			bad, good, well := "sms", "telegram", sandbox.Telegram
			if c.fault.Provider == sandbox.Telegram {
				bad, good, well = "telegram", "sms", sandbox.Twilio
			} else {
				c.fault.Provider = sandbox.Twilio
			}
			end := w.Script(c.fault)
			id := w.Report("harbour", "week-47", "The roof is mended.")
			w.UntilBox(10*time.Second, "for the other channel to have sent all", func() bool {
				return len(late(w, time.Time{}, func(e sandbox.Entry) bool { return e.Kept && e.Provider == well })) == each
			})
			w.UntilBox(10*time.Second, "for the provider to be met", func() bool {
				return len(late(w, time.Time{}, func(e sandbox.Entry) bool { return e.Provider == c.fault.Provider })) > 0 || c.pause == gateway.PauseAuth
			})
			if c.pause != "" {
				w.Until(10*time.Second, "for the channel to show its pause", func() bool { return w.Health(bad).Paused == c.pause })
			}
			if got := w.Health(good).Paused; got != "" {
				t.Errorf("the other channel is paused: %s", got)
			}
			end()
			switch c.pause {
			case gateway.PauseAuth:
				if result, err := w.API.CheckChannel(t.Context(), "", w.Channel(bad).ID); err != nil || !result.OK {
					t.Errorf("the credentials are good again, and the check says %+v, %v", result, err)
				}
			case gateway.PauseThrottled:
				w.Until(10*time.Second, "for the ledger to know what the other channel took", func() bool {
					counts := w.Counts("harbour", id) // before the kill, which would leave it in doubt
					return counts["accepted"]+counts["delivered"] == each
				})
				if counts := w.Counts("harbour", id); counts["waiting"] != each || counts["ended: failed"] > 0 {
					t.Errorf("what a provider puts off must wait: %v", counts)
				}
				w.Wind(50 * time.Minute)
				w.Kill()
				w.Start() // it knows that it has to wait still
				if h := w.Health(bad); h.Paused != gateway.PauseThrottled || w.Counts("harbour", id)["waiting"] != each {
					t.Errorf("before the hour is over: %+v, %v", h, w.Counts("harbour", id))
				}
				w.Wind(10*time.Minute + 2*time.Second)
			}
			w.Settled(90*time.Second, "harbour", id)
			w.Stop()
			books := w.Audit("harbour", id, people, "The roof is mended.")
			t.Logf("by the ledger: %v", books.States)
			clean(t, books)
			if c.doubt != (books.InDoubt > 0) {
				t.Errorf("%d are in doubt", books.InDoubt)
			}
			if books.States["ended: failed"] != c.failed {
				t.Errorf("%d are shown as failed", books.States["ended: failed"])
			}
			if books.States["ended: suppressed"] != c.left {
				t.Errorf("%d are shown as suppressed", books.States["ended: suppressed"])
			}
			if n := books.States["delivered"] + books.States["accepted"] + books.InDoubt + c.failed + c.left; n != len(people) {
				t.Errorf("%d of %d are accounted for", n, len(people))
			}
		})
	}
}

// TestNewCredentials: the operator changed the token at the provider and forgot the gateway. Text messages wait, Telegram
// goes on. With the new token in the channel's options everyone gets it, once.
func TestNewCredentials(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, apptest.Options{Senders: 4})
	people := apptest.PeopleWith("s", apptest.Numbers(t, 20))
	people = append(people, apptest.Person{Ref: "t-000", Language: "en", Telegram: "900000001"})
	w.Start()
	w.Apply("harbour")
	w.Join("harbour", people)
	const fresh = "00000000000000000000000000000002"
	w.Box.Account(sandbox.Account{SID: apptest.Account, Token: fresh, SMSURL: w.URL + "/hooks/sms", Numbers: []string{apptest.Number}})
	id := w.Report("harbour", "week-47", "The roof is mended.")
	w.Until(10*time.Second, "for the channel to show its pause", func() bool { return w.Health("sms").Paused == gateway.PauseAuth })
	if h := w.Health("sms"); h.Code != "20003" {
		t.Errorf("the provider's code is %q", h.Code)
	}
	w.Until(10*time.Second, "for the chat", func() bool { return w.Counts("harbour", id)["accepted"] == 1 })
	if counts := w.Counts("harbour", id); counts["waiting"] != 20 {
		t.Errorf("what the credentials hold up must wait: %v", counts)
	}
	options := fmt.Sprintf(`{"account_sid":%q,"auth_token":%q,"from":%q,"segments_per_second":100000,"base_url":%q}`, apptest.Account, fresh, apptest.Number, w.Wall)
	if _, err := w.API.PutChannel(t.Context(), "", client.NewChannel{Name: "sms", Adapter: "sms", Senders: 4, Options: []byte(options)}); err != nil {
		t.Fatal(err)
	}
	w.Settled(30*time.Second, "harbour", id)
	if got := w.Health("sms").Paused; got != "" {
		t.Errorf("the channel is still paused: %s", got)
	}
	w.Stop()
	books := w.Audit("harbour", id, people, "The roof is mended.")
	clean(t, books)
	if books.States["delivered"] != 20 || books.States["accepted"] != 1 {
		t.Errorf("by the ledger: %v", books.States)
	}
}
