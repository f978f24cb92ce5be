package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// vigil is a gateway with one message and its channels, a clock to wind, and what the command said.
type vigil struct {
	mu       sync.Mutex
	now      time.Time
	status   gateway.BroadcastStatus
	channels []gateway.ChannelView
	server   *httptest.Server
	away     http.HandlerFunc // answers in the gateway's stead; nil: it is there
	said     bytes.Buffer
	tick     chan time.Time
	out      bytes.Buffer
	ended    chan error
}

func (w *vigil) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.away != nil {
		w.away(rw, r)
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	if strings.HasSuffix(r.URL.Path, "/channels") {
		_ = json.NewEncoder(rw).Encode(map[string]any{"items": w.channels})
		return
	}
	_ = json.NewEncoder(rw).Encode(w.status)
}

func (w *vigil) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said.Write(p)
}

// change lets the world be otherwise when so much time has gone by, and gives what the command then says.
func (w *vigil) change(d time.Duration, do func()) string {
	w.mu.Lock()
	w.now = w.now.Add(d)
	w.said.Reset()
	if do != nil {
		do()
	}
	w.mu.Unlock()
	w.tick <- time.Time{}
	w.tick <- time.Time{} // it has done with the one before
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said.String()
}

// finish lets the message end like this, and gives how the command does.
func (w *vigil) finish(state gateway.BroadcastState, tallies ...gateway.Tally) error {
	w.mu.Lock()
	w.status.State, w.status.Tallies = state, tallies
	w.mu.Unlock()
	select {
	case w.tick <- time.Time{}:
		return <-w.ended
	case err := <-w.ended: // its first look saw this
		return err
	}
}

func wait(t *testing.T, class gateway.Class, channels ...gateway.ChannelView) *vigil {
	return follow(t, true, class, channels...)
}

func follow(t *testing.T, aloud bool, class gateway.Class, channels ...gateway.ChannelView) *vigil {
	w := &vigil{now: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC), channels: channels, tick: make(chan time.Time), ended: make(chan error, 1)}
	w.status.Broadcast = gateway.Broadcast{ID: gateway.NewID(), Class: class, State: gateway.Planned}
	if len(channels) == 0 {
		w.status.State, w.status.StartAt = gateway.Planning, w.now.Add(8*time.Hour)
	}
	for _, c := range channels {
		w.status.Tallies = append(w.status.Tallies, gateway.Tally{ChannelID: c.ID, State: gateway.Waiting, Count: 36})
	}
	w.server = httptest.NewServer(w)
	t.Cleanup(w.server.Close)
	f := follower{sh: &shell{out: &w.out, err: w}, api: client.New(w.server.URL, "crl_test", nil), group: "rivers", aloud: aloud, tick: w.tick, now: func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.now
	}}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() { w.ended <- f.wait(ctx, w.status.ID) }()
	w.tick <- time.Time{} // it has begun to wait
	return w
}

func theirs(name string, h gateway.ChannelHealth) gateway.ChannelView {
	return gateway.ChannelView{Channel: gateway.Channel{ID: gateway.NewID(), GroupID: gateway.NewID(), Name: name, Health: h}, Breaker: "closed"}
}

// TestAWaitSaysWhatItWaitsFor: a report over a channel that a coordinator paused. Within seconds she reads which one, since when and
// how to let it go on; then now and then how it stands, ever more rarely; and that it goes on.
func TestAWaitSaysWhatItWaitsFor(t *testing.T) {
	since := time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC)
	w := wait(t, gateway.Report, theirs("sms-rivers", gateway.ChannelHealth{Paused: gateway.PauseManual, Detail: "by a coordinator", Since: since}))
	if got := w.change(time.Second, nil); got != "" {
		t.Errorf("before anybody wonders: %s", got)
	}
	got := w.change(time.Second, nil)
	for _, want := range []string{"36 of 36 messages", "\n  36 over sms-rivers: paused until resumed", "since " + clock(since), "by a coordinator", ". Let it send: carillon channel resume sms-rivers --group rivers\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("without %q: %s", want, got)
		}
	}
	spoke := 0
	for range 6 * 60 { // an hour
		if got := w.change(10*time.Second, nil); got != "" {
			if spoke++; !strings.Contains(got, "36 over sms-rivers") {
				t.Errorf("later: %s", got)
			}
		}
	}
	if spoke != 8 { // after 1, 3, 7, 15, 25, 35, 45 and 55 minutes
		t.Errorf("it spoke %d times in an hour", spoke)
	}
	if got := w.change(time.Minute, func() { w.channels[0].Health = gateway.ChannelHealth{} }); !strings.Contains(got, "36 of 36 messages still to leave; no channel holds them any more") {
		t.Errorf("resumed: %s", got)
	}
	if got := w.change(time.Minute, nil); !strings.Contains(got, "quiet hours") {
		t.Errorf("nothing holds it: %s", got)
	}
	if err := w.finish(gateway.Planned, gateway.Tally{State: gateway.DeliveryAccepted, Count: 36}); err != nil || !strings.Contains(w.out.String(), "36      handed over") {
		t.Errorf("in the end: %v, %s", err, w.out.String())
	}
}

// TestWhatHoldsAMessage: each hold has what ends it; alerts pass some, and the operator's channel is hers to resume.
func TestWhatHoldsAMessage(t *testing.T) {
	routine := gateway.ChannelHealth{Paused: gateway.PauseManual, RoutineOnly: true}
	incident, silent, deaf, broken := theirs("sms", gateway.ChannelHealth{}), theirs("sms", gateway.ChannelHealth{}), theirs("sms", gateway.ChannelHealth{}), theirs("sms", gateway.ChannelHealth{})
	incident.Incident, silent.Breaker, deaf.CatchingUp, broken.Problem = &gateway.Incident{Trouble: "filtered"}, "open", true, "it cannot be used until its options are mended"
	operators := theirs("sms", gateway.ChannelHealth{Paused: gateway.PauseManual})
	operators.GroupID = gateway.ID{}
	for name, c := range map[string]struct {
		class   gateway.Class
		channel gateway.ChannelView
		want    string // empty: it holds nothing
	}{
		"a report":            {gateway.Report, theirs("sms", routine), ". Let it send: carillon channel resume sms --group rivers\n"},
		"an alert":            {gateway.Alert, theirs("sms", routine), ""},
		"the operator's":      {gateway.Alert, operators, "Let it send: carillon channel resume sms, which is the operator's to do\n"},
		"throttled":           {gateway.Alert, theirs("sms", gateway.ChannelHealth{Paused: gateway.PauseThrottled}), "It goes on by itself."},
		"credentials":         {gateway.Alert, theirs("sms", gateway.ChannelHealth{Paused: gateway.PauseAuth}), "Once that is mended: carillon channel check sms --group rivers"},
		"not tried":           {gateway.Alert, theirs("sms", gateway.ChannelHealth{Paused: gateway.PauseUntried, Code: "unreachable"}), "not tried yet, until a check passes: unreachable. Once that is mended: carillon channel check sms --group rivers"},
		"an incident":         {gateway.Reminder, incident, "channel resume sms"},
		"an incident, alerts": {gateway.Alert, incident, ""},
		"no answer":           {gateway.Alert, silent, "does not answer"},
		"catching up":         {gateway.Report, deaf, "It goes on by itself."},
		"catching up, alerts": {gateway.LifeSafety, deaf, ""},
		"broken options":      {gateway.Report, broken, "Mend them: carillon channel add sms --group rivers"},
		"well":                {gateway.Report, theirs("sms", gateway.ChannelHealth{}), ""},
	} {
		w := wait(t, c.class, c.channel)
		if got := w.change(firstLook, nil); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestAWaitForAStart says when it starts, before anybody is planned.
func TestAWaitForAStart(t *testing.T) {
	w := wait(t, gateway.Report)
	if got := w.change(firstLook, nil); !strings.Contains(got, "it starts at "+clock(w.status.StartAt)) {
		t.Errorf("%q", got)
	}
}

// TestAWaitWhileItIsPlanned: of what is not planned yet nobody says that quiet hours keep it.
func TestAWaitWhileItIsPlanned(t *testing.T) {
	w := wait(t, gateway.Report)
	w.change(firstLook, func() { w.status.StartAt = time.Time{} })
	if got := w.change(firstWord, nil); !strings.Contains(got, "it is being planned") || strings.Contains(got, "quiet hours") {
		t.Errorf("%q", got)
	}
}

// TestHowAWaitEnds: with failure when the message was stopped, its time was over or it reached nobody.
func TestHowAWaitEnds(t *testing.T) {
	had := gateway.Tally{State: gateway.Delivered, Count: 30}
	failed := gateway.Tally{State: gateway.Ended, Reason: gateway.ReasonFailed, Count: 6}
	for want, c := range map[string]struct {
		state   gateway.BroadcastState
		tallies []gateway.Tally
	}{
		"":                                 {gateway.Planned, []gateway.Tally{had, failed}},
		"6 deliveries of it did not leave": {gateway.Stopped, []gateway.Tally{had, {State: gateway.Waiting, Count: 6}}},
		"for 6 of 36 members the message's time was over first": {gateway.Planned, []gateway.Tally{had, {State: gateway.Ended, Reason: gateway.ReasonExpired, Count: 6}}},
		"reached nobody": {gateway.Planned, []gateway.Tally{failed, {State: gateway.Ended, Reason: gateway.ReasonSuppressed, Count: 2}}},
	} {
		w := wait(t, gateway.Report, theirs("sms", gateway.ChannelHealth{}))
		err := w.finish(c.state, c.tallies...)
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || codeOf(err) != exitFailed) {
			t.Errorf("%v, want %q", err, want)
		}
		if !strings.Contains(w.out.String(), "PEOPLE") {
			t.Errorf("what became of it is not shown: %s", w.out.String())
		}
	}
}

// says answers every request with a status and a body.
func says(status int, code gateway.Code) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(status)
		if code != "" {
			_ = json.NewEncoder(rw).Encode(map[string]any{"code": code, "detail": "as it is"})
		}
	}
}

// TestAWaitOutlivesARestart: a gateway that is started anew, behind a proxy that says so, is waited for. That is said once; then the
// wait goes on as before, also through a second restart.
func TestAWaitOutlivesARestart(t *testing.T) {
	w := wait(t, gateway.Report, theirs("sms", gateway.ChannelHealth{}))
	for _, away := range []http.HandlerFunc{says(http.StatusBadGateway, ""), says(http.StatusServiceUnavailable, gateway.CodeUnavailable), says(http.StatusInternalServerError, gateway.CodeInternal), says(http.StatusTooManyRequests, gateway.CodeTooMany)} {
		if got := w.change(time.Second, func() { w.away = away }); !strings.Contains(got, "the gateway gives no answer, which is waited for until ") {
			t.Errorf("%q", got)
		}
		if got := w.change(patience-time.Second, nil); got != "" {
			t.Errorf("again: %q", got)
		}
		w.change(0, func() { w.away = nil })
	}
	if err := w.finish(gateway.Planned, gateway.Tally{State: gateway.DeliveryAccepted, Count: 36}); err != nil {
		t.Error(err)
	}
}

// TestAWaitForAGatewayThatStaysAway ends after a bound of time, as a failure that says how to go on. What the gateway says of the
// request itself ends it at once.
func TestAWaitForAGatewayThatStaysAway(t *testing.T) {
	w := wait(t, gateway.Report, theirs("sms", gateway.ChannelHealth{}))
	w.server.Close() // maybe while it asks, so that it is without an answer from now or from a second later
	w.change(time.Second, nil)
	w.change(patience-2*time.Second, nil)
	w.mu.Lock()
	w.now = w.now.Add(2 * time.Second)
	w.mu.Unlock()
	err := w.finish(gateway.Planned)
	if err == nil || codeOf(err) != exitFailed || !strings.Contains(err.Error(), "no answer for 10 minutes: no gateway answers at ") || !strings.Contains(err.Error(), "carillon broadcast show "+w.status.ID.String()+" --group rivers") {
		t.Errorf("%v", err)
	}
	w = wait(t, gateway.Report, theirs("sms", gateway.ChannelHealth{}))
	w.mu.Lock()
	w.away = says(http.StatusUnauthorized, gateway.CodeNoToken)
	w.mu.Unlock()
	if err := w.finish(gateway.Planned); err == nil || err.Error() != "as it is" || codeOf(err) != exitFailed {
		t.Errorf("%v", err)
	}
}

// TestAWaitInAPipe says nothing but how it ended.
func TestAWaitInAPipe(t *testing.T) {
	w := follow(t, false, gateway.Report, theirs("sms", gateway.ChannelHealth{Paused: gateway.PauseManual}))
	for _, away := range []http.HandlerFunc{nil, says(http.StatusBadGateway, ""), nil} {
		if got := w.change(firstWord, func() { w.away = away }); got != "" {
			t.Errorf("%q", got)
		}
	}
	if err := w.finish(gateway.Planned, gateway.Tally{State: gateway.DeliveryAccepted, Count: 36}); err != nil || !strings.Contains(w.out.String(), "36      handed over") {
		t.Errorf("%v, %s", err, w.out.String())
	}
}

var _ io.Writer = (*vigil)(nil)
