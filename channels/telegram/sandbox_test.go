package telegram_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/channels/telegram"
)

const (
	token = "700000001:sandbox-secret_1"
	botID = "700000001"
	her   = "900000001"
	group = "-1009000000002"
)

// bench is the adapter, speaking over the wire to a sandbox in which she and a group know the bot.
type bench struct {
	*telegram.Adapter
	*sandbox.Sandbox
	t    testing.TB
	base string
}

// twin is another adapter of the same bot.
func (b *bench) twin(t testing.TB, s channels.Settings, options map[string]any) *telegram.Adapter {
	all := map[string]any{"token": token, "base_url": b.base}
	for k, v := range options {
		all[k] = v
	}
	return build(t, s, all)
}

func newBench(t testing.TB, options map[string]any) *bench {
	t.Helper()
	box := sandbox.New(sandbox.Options{Bots: []sandbox.Bot{{Token: token}}, Strict: true})
	server := httptest.NewServer(box.Handler())
	t.Cleanup(func() {
		_ = box.Close()
		server.Close()
	})
	for _, address := range []string{her, group} {
		phone := sandbox.Phone{Kind: sandbox.KindTelegram, Address: address, Started: []string{botID}}
		if err := box.Phones(phone); err != nil {
			t.Fatal(err)
		}
	}
	b := &bench{Sandbox: box, t: t, base: server.URL}
	b.Adapter = b.twin(t, channels.Settings{Name: "tg", PollWait: time.Second}, options)
	return b
}

func build(t testing.TB, s channels.Settings, options map[string]any) *telegram.Adapter {
	t.Helper()
	raw, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	s.Options = raw
	made, err := telegram.New(s)
	if err != nil {
		t.Fatal(err)
	}
	a := made.(*telegram.Adapter)
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func (b *bench) script(f sandbox.Fault) {
	b.t.Helper()
	if _, err := b.Script(f); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) reply(r sandbox.Reply) {
	b.t.Helper()
	r.Kind, r.To = sandbox.KindTelegram, botID
	if _, err := b.Reply(r); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) poll(cursor string) ([]channels.Event, string) {
	b.t.Helper()
	events, next, err := b.Poll(b.t.Context(), cursor)
	if err != nil {
		b.t.Fatal(err)
	}
	return events, next
}

func plainPart(text string) channels.Part { return channels.Part{Text: text, Cost: 1} }

func classOf(t testing.TB, err error) *channels.Error {
	t.Helper()
	e, ok := err.(*channels.Error)
	if !ok {
		t.Fatalf("the error is a %T: %v", err, err)
	}
	return e
}

func TestSheReadsTheReminderAndPressesItsButton(t *testing.T) {
	b := newBench(t, nil)
	parts, err := b.Compose(content.Document{
		Locale: "en", Subject: "Tomorrow", Reference: "K7Q2",
		Blocks:  []content.Block{content.Text("Harbour <3 assembly, 18:00 & food.")},
		Buttons: []content.Button{{Label: "I am coming", Action: "ack:yes"}},
	})
	if err != nil || len(parts) != 1 {
		t.Fatalf("%d parts, %v", len(parts), err)
	}
	sent, err := b.Send(t.Context(), channels.Outbound{Attempt: "a1", To: her, Part: parts[0], Protected: true})
	if err != nil || sent.ProviderID == "" || sent.Delivered {
		t.Fatalf("%+v, %v", sent, err)
	}
	if strings.Contains(sent.ProviderID, her) {
		t.Error("the provider's id holds the address")
	}
	log := b.Log(0, 0)
	if want := "Tomorrow\nHarbour <3 assembly, 18:00 & food.\n\nK7Q2"; len(log) != 1 || log[0].Plain != want {
		t.Fatalf("she reads %+v; want %q", log, want)
	}

	b.reply(sandbox.Reply{Address: her, Press: "ack:yes"})
	events, next := b.poll("")
	if len(events) != 1 || events[0].ID == "" || events[0].Inbound == nil {
		t.Fatalf("events: %+v", events)
	}
	if in := *events[0].Inbound; in.From != her || in.Action != "ack:yes" || in.Text != "" || in.To != botID {
		t.Errorf("the press: from %q, %+v", in.From.Reveal(), in)
	}
	again, _, err := b.twin(t, channels.Settings{Name: "tg"}, nil).Poll(t.Context(), next)
	if err != nil || len(again) != 0 {
		t.Errorf("after the cursor: %+v, %v", again, err)
	}
}

func TestATextOfSeveralPartsArrivesWhole(t *testing.T) {
	b := newBench(t, nil)
	long := strings.Repeat("A sentence about the harbour & its <people>. ", 300)
	parts, err := b.Compose(content.Document{Locale: "en", Blocks: []content.Block{content.Text(long)}, Reference: "R1"})
	if err != nil || len(parts) < 3 {
		t.Fatalf("%d parts, %v", len(parts), err)
	}
	for i, p := range parts {
		if _, err := b.Send(t.Context(), channels.Outbound{To: group, PartNo: i, Part: p}); err != nil {
			t.Fatalf("part %d: %v", i, err)
		}
	}
	words := 0
	for _, e := range b.Log(0, 0) {
		words += strings.Count(e.Plain, "<people>.")
	}
	if words != 300 {
		t.Errorf("%d of 300 sentences arrived", words)
	}
}

func TestWhatSheWritesAndThatSheStopsComesByPolling(t *testing.T) {
	b := newBench(t, nil)
	b.reply(sandbox.Reply{Address: her, Text: "STOP"})
	b.reply(sandbox.Reply{Address: her, Block: true})
	b.reply(sandbox.Reply{Address: her, Unblock: true})
	var events []channels.Event
	for cursor := ""; len(events) < 3; {
		var more []channels.Event
		more, cursor = b.poll(cursor)
		events = append(events, more...)
	}
	if in := events[0].Inbound; in == nil || in.Text != "STOP" || in.From != her {
		t.Errorf("first: %+v", events[0])
	}
	var signals []channels.SignalKind
	for _, e := range events[1:] {
		if e.Signal != nil && e.Signal.Address == her {
			signals = append(signals, e.Signal.Kind)
		}
	}
	if !slices.Equal(signals, []channels.SignalKind{channels.SignalStopped, channels.SignalStarted}) {
		t.Errorf("signals: %v", signals)
	}
}

func TestEachMisbehaviourHasItsClass(t *testing.T) {
	const moved = "-1009000000077"
	for name, c := range map[string]struct {
		fault sandbox.Fault
		class channels.Class
		scope channels.Scope
		kept  bool
	}{
		"cut":               {sandbox.Fault{Kind: sandbox.Cut}, channels.Unknown, channels.ScopeChannel, false},
		"cut, but taken":    {sandbox.Fault{Kind: sandbox.Cut, Kept: true}, channels.Unknown, channels.ScopeChannel, true},
		"garbage":           {sandbox.Fault{Kind: sandbox.Garbage, Kept: true}, channels.Unknown, channels.ScopeChannel, true},
		"a gateway's page":  {sandbox.Fault{Kind: sandbox.HTML, Status: 502}, channels.Unknown, channels.ScopeChannel, false},
		"a portal's page":   {sandbox.Fault{Kind: sandbox.HTML, Status: 403}, channels.Temporary, channels.ScopeChannel, false},
		"throttled":         {sandbox.Fault{Kind: sandbox.Throttle, RetryAfter: "7"}, channels.Throttled, channels.ScopeAddress, false},
		"throttled, no end": {sandbox.Fault{Kind: sandbox.Throttle}, channels.Throttled, channels.ScopeAddress, false},
		"throttled, absurd": {sandbox.Fault{Kind: sandbox.Throttle, RetryAfter: "soon"}, channels.Throttled, channels.ScopeAddress, false},
		"wrong token":       {sandbox.Fault{Kind: sandbox.Unauthorized}, channels.Auth, channels.ScopeSender, false},
		"migrated":          {sandbox.Fault{Kind: sandbox.Migrate, MovedTo: moved}, channels.Gone, channels.ScopeAddress, false},
		"server error":      {sandbox.Fault{Kind: sandbox.Failure, Status: 500, Code: 500, Text: "Internal Server Error"}, channels.Unknown, channels.ScopeChannel, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			c.fault.Times = 1
			b.script(c.fault)
			_, err := b.Send(t.Context(), channels.Outbound{To: group, Part: plainPart("x")})
			e := classOf(t, err)
			if e.Class != c.class || e.Scope != c.scope || e.Detail == "" {
				t.Errorf("%v; want %v (%v)", e, c.class, c.scope)
			}
			if c.fault.RetryAfter == "7" && e.RetryAfter != 7*time.Second {
				t.Errorf("retry after %v", e.RetryAfter)
			}
			if c.fault.Kind == sandbox.Migrate && e.MovedTo != moved {
				t.Errorf("moved to %q", e.MovedTo.Reveal())
			}
			log := b.Log(0, 0)
			if len(log) != 1 || log[0].Kept != c.kept {
				t.Errorf("one attempt makes one request: %+v", log)
			}
			if _, err := b.Send(t.Context(), channels.Outbound{To: her, Part: plainPart("y")}); err != nil {
				t.Errorf("afterwards: %v", err)
			}
		})
	}
}

func TestAHangingProviderIsLeftInDoubtWhenTheTimeIsUp(t *testing.T) {
	b := newBench(t, nil)
	b.script(sandbox.Fault{Kind: sandbox.Hang, Kept: true})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_ = b.Wait(ctx, func() bool { return len(b.Log(0, 0)) == 1 })
		cancel()
	}()
	_, err := b.Send(ctx, channels.Outbound{To: her, Part: plainPart("x")})
	if e := classOf(t, err); e.Class != channels.Unknown {
		t.Errorf("%v", e)
	}
}

func TestPeopleWhoDoNotKnowTheBotAreAskedToPressStart(t *testing.T) {
	b := newBench(t, nil)
	_, err := b.Send(t.Context(), channels.Outbound{To: "900000099", Part: plainPart("x")})
	if e := classOf(t, err); e.Class != channels.Permanent || e.Scope != channels.ScopeAddress || !strings.Contains(e.Detail, "press Start") {
		t.Errorf("%v", e)
	}
	b.reply(sandbox.Reply{Address: her, Block: true})
	_, err = b.Send(t.Context(), channels.Outbound{To: her, Part: plainPart("x")})
	if e := classOf(t, err); e.Class != channels.Gone || e.Scope != channels.ScopeAddress {
		t.Errorf("%v", e)
	}
}

func TestCheckTellsARightTokenFromAWrongOne(t *testing.T) {
	b := newBench(t, nil)
	if err := b.Check(t.Context()); err != nil {
		t.Error(err)
	}
	wrong := newBench(t, map[string]any{"token": "700000001:another-secret"})
	if e := classOf(t, wrong.Check(t.Context())); e.Class != channels.Auth || !strings.Contains(e.Detail, "@BotFather") {
		t.Errorf("%v", e)
	}
}
