package fanout_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
	"github.com/carillon-gateway/carillon/templates"
)

// One report to people who differ in everything: each gets her language by her own chain, over the first channel she
// agreed to; who cannot be told is in the ledger with the reason; who did not agree is not meant.
func TestAReportReachesEachInHerLanguageOverHerChannel(t *testing.T) {
	st := newStage(t)
	ids := st.enrol(
		who{locale: "es", points: "sms telegram"},
		who{locale: "qu", fallback: []string{"es"}, points: "telegram sms"}, // Quechua falls back to Spanish
		who{locale: "de", points: "sms"},                                    // to her group's English
		who{locale: "en", neutral: true, points: "sms"},
		who{locale: "en", points: "-sms telegram"},
		who{locale: "en", points: "-sms"},
		who{locale: "en", points: "email"},
		who{locale: "en", points: "?sms"},
		who{locale: "en", points: "~sms"},
		who{locale: "en", points: ""},
	)
	st.run(st.f)
	all := st.planned(st.submit(report("r1")))
	want := `waiting es
waiting es-x-fallback
waiting en-x-fallback
waiting en
waiting en
ended en suppressed: said STOP
ended en suppressed: has no contact point that a channel of the group serves`
	if got := told(all); got != want {
		t.Fatalf("got\n%s\nwant\n%s", got, want)
	}
	for i, part := range []string{"Buenas noticias de Harbour Union: 7.", "[es] Buenas", "[en] Good news", "You have a message", "Good news of Harbour Union: 7."} {
		kind := map[gateway.ID]string{st.list[0].ID: "sms", st.list[1].ID: "telegram"}[all[i].ChannelID]
		if all[i].MemberID != ids[i] || !strings.Contains(st.text(all[i], kind), part) {
			t.Errorf("member %d gets %s over %s", i, st.text(all[i], kind), kind)
		}
	}
	if strings.Contains(st.text(all[3], "sms"), "Harbour") || !all[3].Neutral {
		t.Error("a neutral member must not see her group's name")
	}
	if all[1].ChannelID != st.list[1].ID || all[4].ChannelID != st.list[1].ID {
		t.Error("her order of preference, and STOP on another point, decide the channel")
	}
	// Fallback to another contact point must find a text too.
	if !strings.Contains(st.text(all[1], "sms"), "[es] Buenas") {
		t.Error("the text is there for the other kind as well")
	}
}

// What is wrong with a draft is said before anything is stored.
func TestWhatIsWrongIsSaidAtOnce(t *testing.T) {
	st := newStage(t)
	st.enrol(who{locale: "en", points: "sms"}, who{locale: "en", points: "?sms"})
	long := strings.Repeat("word ", 100)
	cases := []struct {
		name, says string
		code       gateway.Code
		change     func(*gateway.Draft)
	}{
		{"kind", "no kind", gateway.CodeInvalid, func(d *gateway.Draft) { d.Kind = "gossip" }},
		{"danger", "write an alert", gateway.CodeInvalid, func(d *gateway.Draft) { d.DangerToLife = true }},
		{"no topic", "name a topic", gateway.CodeInvalid, func(d *gateway.Draft) { d.Audience.Topic = "" }},
		{"topic", "reports, alerts", gateway.CodeInvalid, func(d *gateway.Draft) { d.Audience.Topic = "gossip" }},
		{"nobody", "preview", gateway.CodeNobody, func(d *gateway.Draft) { d.Audience.Tags = []string{"medic"} }},
		{"no words", "no language", gateway.CodeInvalid, func(d *gateway.Draft) { d.Words.Sources = nil }},
		{"placeholder", "{n}", gateway.CodeInvalid, func(d *gateway.Draft) { d.Words.Data = nil }},
		{"placeholders differ", "es: {n} is missing", gateway.CodeIncomplete, func(d *gateway.Draft) { d.Fallback, d.Words.Sources = nil, map[string]string{"en": "{n}", "es": "x"} }},
		{"the group's language lacks a placeholder", "left out is en.md: {n} is missing", gateway.CodeInvalid, func(d *gateway.Draft) { d.Words.Sources = map[string]string{"es": "{n}", "en": "x"} }},
		{"language", "write it in one of the group's languages", gateway.CodeInvalid, func(d *gateway.Draft) { d.Words.Sources = map[string]string{"es": "hola"} }},
		{"too long", "in es cannot be sent over channel text (sms): the text is too long", gateway.CodeInvalid, func(d *gateway.Draft) { d.Words.Sources = map[string]string{"en": "x", "es": long} }},
		{"words too long", "1048576", gateway.CodeTooLong, func(d *gateway.Draft) { d.Words.Sources["fr"] = strings.Repeat("x", 1<<20) }},
		{"key", "key", gateway.CodeInvalid, func(d *gateway.Draft) { d.Key = "a\nb" }},
		{"past", "is over already", gateway.CodeInvalid, func(d *gateway.Draft) { d.StartAt = time.Now().Add(-2 * time.Minute) }},
		{"late", "start_at", gateway.CodeInvalid, func(d *gateway.Draft) { d.StartAt = time.Now().Add(400 * 24 * time.Hour) }},
		{"over", "not after the start", gateway.CodeInvalid, func(d *gateway.Draft) { d.ExpiresAt = time.Now().Add(-time.Hour) }},
		{"long life", "31 days", gateway.CodeInvalid, func(d *gateway.Draft) { d.ExpiresAt = time.Now().Add(40 * 24 * time.Hour) }},
		{"locale", "marzipan", gateway.CodeInvalid, func(d *gateway.Draft) { d.Audience.Locales = []string{"marzipan"} }},
		{"list", "1001", gateway.CodeInvalid, func(d *gateway.Draft) { d.Audience.Members = make([]gateway.ID, 1001) }},
		{"unconfirmed", "account messages", gateway.CodeInvalid, func(d *gateway.Draft) { d.Audience.Unconfirmed = true }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := report(c.name)
			d.Group = st.group.ID
			c.change(&d)
			_, err := st.f.Submit(t.Context(), d)
			if !isCode(err, c.code) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %s with %q", err, c.code, c.says)
			}
		})
	}
	left, err := st.s.Broadcasts(t.Context(), st.group.ID, gateway.ID{}, 10)
	if err != nil || len(left) != 0 {
		t.Errorf("%d broadcasts were stored all the same (%v)", len(left), err)
	}
}

// A program that did not hear the answer submits again: one broadcast, the same id; another text under that key is refused.
func TestAKeyHappensOnce(t *testing.T) {
	st := newStage(t)
	st.enrol(who{locale: "en", points: "sms"})
	st.run(st.f)
	first := st.submit(report("weekly"))
	if again := st.submit(report("weekly")); again != first {
		t.Errorf("%s and %s", first, again)
	}
	other := report("weekly")
	other.Group, other.Words.Data = st.group.ID, map[string]string{"n": "8"}
	if _, err := st.f.Submit(t.Context(), other); !errors.Is(err, gateway.ErrKeyReused) {
		t.Errorf("another text under the key: %v", err)
	}
	if all := st.planned(first); len(all) != 1 {
		t.Errorf("%d deliveries", len(all))
	}
}

// The process is killed between any two steps of planning 1,700 members, again and again; at the end each is planned once.
func TestAKillAtAnyStepLosesAndDoublesNobody(t *testing.T) {
	st := newStage(t)
	st.enrol(many(1700, who{locale: "qu", fallback: []string{"es"}, points: "sms"})...)
	st.run(st.f)()
	id := st.submit(report("r1"))
	for kill := range 9 {
		f := st.newFanout()
		steps, cut := 0, make(chan struct{})
		ctx, cancel := context.WithCancel(context.Background())
		st.at = func(string) {
			if steps++; steps == kill%4+1 {
				cancel()
				close(cut)
				select {} // this goroutine is gone, as after a kill
			}
		}
		go func() { _ = f.Run(ctx) }()
		select {
		case <-cut:
		case <-time.After(5 * time.Second):
			if b, err := st.s.Broadcast(context.Background(), st.group.ID, id); err != nil || b.State != gateway.Planned {
				t.Fatalf("run %d does nothing (%v)", kill, err)
			}
		}
		cancel()
		if b, err := st.s.Broadcast(context.Background(), st.group.ID, id); err != nil {
			t.Fatal(err)
		} else if b.State == gateway.Planned {
			break
		}
	}
	st.at = func(string) {}
	st.run(st.newFanout())
	all := st.planned(id)
	seen := map[gateway.ID]bool{}
	for _, d := range all {
		if seen[d.MemberID] || d.State != gateway.Waiting {
			t.Fatalf("twice, or not waiting: %+v", d)
		}
		seen[d.MemberID] = true
	}
	if len(seen) != 1700 || !strings.Contains(st.text(all[0], "sms"), "[es]") {
		t.Errorf("%d of 1700 planned", len(seen))
	}
}

// Two processes plan the same broadcast: the cursor lets one write each chunk.
func TestTwoPlannersShareOneBroadcast(t *testing.T) {
	st := newStage(t)
	st.enrol(many(2600, who{locale: "en", points: "sms"})...)
	id := st.submit(report("r1"))
	st.run(st.newFanout())
	st.run(st.newFanout())
	if all := st.planned(id); len(all) != 2600 {
		t.Errorf("%d deliveries", len(all))
	}
}

// An adapter meets a defect on one language, which one of a thousand reads, on the second of three pages: that member's delivery ends as failed, the others go on.
func TestOnePoisonedMemberHarmsNobodyElse(t *testing.T) {
	st := newStage(t)
	people := many(1_010, who{locale: "en", points: "sms"})
	people[700] = who{locale: "es", points: "sms"}
	st.enrol(people...)
	id := st.submit(report("r1"))
	st.wires[st.list[0].ID].panics = "es" // since it was submitted
	st.run(st.newFanout())
	failed := 0
	all := st.planned(id)
	for _, d := range all {
		if d.Reason == gateway.ReasonFailed {
			failed++
		} else if d.State != gateway.Waiting {
			t.Fatalf("%+v", d)
		}
	}
	if failed != 1 || len(all) != len(people) {
		t.Errorf("%d failed of %d", failed, len(all))
	}
}

// A ledger that fails for a while delays planning and spoils nothing.
func TestAFailingLedgerDelaysPlanning(t *testing.T) {
	st := newStage(t)
	st.enrol(many(700, who{locale: "es", points: "sms"})...)
	fails, failed := 2, make(chan struct{}, 2)
	st.planErr = func(gateway.Chunk) error {
		if fails == 0 {
			return nil
		}
		fails--
		failed <- struct{}{}
		return errors.New("the disk is full")
	}
	st.run(st.f)
	id := st.submit(report("r1"))
	<-failed
	st.f.Wake()
	for range 100 { // until the second try began
		select {
		case <-failed:
		case <-time.After(10 * time.Millisecond):
			st.f.Wake()
			continue
		}
		break
	}
	st.wind(time.Minute)
	for range 500 {
		if b, err := st.s.Broadcast(t.Context(), st.group.ID, id); err == nil && b.State == gateway.Planned {
			break
		}
		<-time.After(10 * time.Millisecond)
		st.f.Wake()
	}
	all := st.planned(id)
	if len(all) != 700 || !strings.Contains(st.text(all[0], "sms"), "Buenas") {
		t.Errorf("%d deliveries", len(all))
	}
}

func TestAStartLaterIsKept(t *testing.T) {
	st := newStage(t)
	st.enrol(who{locale: "en", points: "sms"})
	st.run(st.f)
	d := report("r1")
	d.StartAt = st.now().Add(time.Hour)
	id := st.submit(d)
	st.f.Wake()
	if b, err := st.s.Broadcast(t.Context(), st.group.ID, id); err != nil || b.State != gateway.Planning || b.Planned != 0 {
		t.Fatalf("%+v, %v", b, err)
	}
	st.wind(61 * time.Minute)
	if all := st.planned(id); len(all) != 1 {
		t.Errorf("%d deliveries", len(all))
	}
}

// A clock that is a little behind ours sends at once, and so does a program that repeats its request after the start; what
// is new and in the past is refused, in a preview too.
func TestAStartInThePast(t *testing.T) {
	st := newStage(t)
	st.enrol(who{locale: "en", points: "sms"})
	st.run(st.f)
	d := report("r1")
	d.StartAt = st.now().Add(-50 * time.Second)
	id := st.submit(d)
	st.planned(id)
	st.wind(time.Hour)
	if again := st.submit(d); again != id {
		t.Errorf("repeated it is %s, not %s", again, id)
	}
	d.Group, d.Key = st.group.ID, "r2"
	if _, err := st.f.Preview(t.Context(), d); !isCode(err, gateway.CodeInvalid) || !strings.Contains(err.Error(), "is over already") {
		t.Errorf("a preview says %v", err)
	}
}

// The text of an alert that was stopped, by its all-clear say, is let go by nobody; the all-clear itself may be.
func TestTheTextOfAnAlertIsNotResumed(t *testing.T) {
	st := newStage(t)
	st.wires[st.list[0].ID].limit = 4000
	her := st.enrol(who{locale: "en", points: "sms"})
	alert := gateway.AlertCase{ID: gateway.NewID(), GroupID: st.group.ID, Reference: "4711",
		Saying: gateway.AlertSaying{Until: st.now().Add(time.Hour), Next: st.now().Add(time.Hour), Texts: map[string]gateway.AlertText{"en": {Source: "Harbour", What: "Fire", Where: "Pier", Do: "Leave."}}}}
	for kind, refused := range map[gateway.AlertEffectKind]bool{gateway.AlertTell: true, gateway.AlertAsk: true, gateway.AlertRenew: true, gateway.AlertSayClear: false, gateway.AlertWithdraw: false} {
		e := gateway.AlertEffect{Kind: kind, Key: string(kind)}
		ready, err := st.f.ReadyAlert(t.Context(), gateway.AlertMessage{Alert: alert, Effect: e, Key: e.BroadcastKey(alert.ID), Audience: gateway.Audience{Topic: "reports", Members: her}})
		st.ok(err)
		_, err = st.s.Submit(t.Context(), ready.Broadcast, ready.Fingerprint, nil)
		st.ok(err)
		id := ready.Broadcast.ID
		st.ok(st.f.Stop(t.Context(), st.group.ID, id))
		if err := st.f.Resume(t.Context(), st.group.ID, id); isCode(err, gateway.CodeConflict) != refused || !refused && err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// Planning is stopped in the middle, and resumed: the rest is planned, and what was held becomes due again.
func TestStopAndResume(t *testing.T) {
	st := newStage(t)
	st.enrol(many(1200, who{locale: "en", points: "sms"})...)
	reached, goOn := make(chan struct{}), make(chan struct{})
	chunks := 0
	st.at = func(p string) {
		if p == fanout.FaultPoints[2] {
			if chunks++; chunks == 1 {
				close(reached)
				<-goOn
			}
		}
	}
	stop := st.run(st.f)
	id := st.submit(report("r1"))
	<-reached
	st.ok(st.f.Stop(t.Context(), st.group.ID, id))
	close(goOn)
	due := st.due(600)
	_, claims, err := st.s.Exchange(t.Context(), gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute}, nil, due)
	st.ok(err)
	if len(due) != 500 || claims[0].Verdict != gateway.Held {
		t.Fatalf("%d due, first verdict %v", len(due), claims[0].Verdict)
	}
	if err := st.f.Stop(t.Context(), st.group.ID, id); !isCode(err, gateway.CodeConflict) {
		t.Errorf("stopping twice: %v", err)
	}
	// The gateway dies before it could release what is held; the next start does it.
	stop()
	st.ok(st.s.SetState(t.Context(), st.group.ID, id, false))
	st.run(st.newFanout())
	if all := st.planned(id); len(all) != 1200 {
		t.Errorf("%d deliveries", len(all))
	}
	for range 500 {
		if due = st.due(2000); len(due) == 1200 {
			break
		}
		<-time.After(10 * time.Millisecond)
	}
	if len(due) != 1200 {
		t.Errorf("%d are due after the restart", len(due))
	}
}

func TestReplayingDeadLetters(t *testing.T) {
	st := newStage(t)
	st.enrol(many(3, who{locale: "en", points: "sms"})...)
	st.run(st.f)
	id := st.submit(report("r1"))
	st.planned(id)
	due := st.due(10)
	_, claims, err := st.s.Exchange(t.Context(), gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute}, nil, due[:2])
	st.ok(err)
	var outcomes []gateway.Outcome
	for _, c := range claims {
		outcomes = append(outcomes, gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Refused, Next: gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed}})
	}
	_, _, err = st.s.Exchange(t.Context(), gateway.Claimant{}, outcomes, nil)
	st.ok(err)
	if n, err := st.f.Replay(t.Context(), st.group.ID, id); n != 2 || err != nil {
		t.Errorf("replayed %d, %v", n, err)
	}
	st.wind(25 * time.Hour)
	if _, err := st.f.Replay(t.Context(), st.group.ID, id); !isCode(err, gateway.CodeConflict) {
		t.Errorf("after it expired: %v", err)
	}
}

// Those without evidence are asked to confirm, and nobody else; a neutral member is asked without her group's name.
func TestAskingToConfirm(t *testing.T) {
	st := newStage(t)
	for _, w := range st.wires {
		w.limit = 1000 // bytes: scripts of three a letter ask too
	}
	st.enrol(who{locale: "sw", points: "?sms"}, who{locale: "xh", points: "?telegram sms", neutral: true}, who{locale: "en", points: "sms"}, who{locale: "en", points: "-sms"})
	st.run(st.f)
	s, err := st.f.Tell(t.Context(), fanout.Note{Group: st.group.ID, Key: "ask-1", Wording: templates.EnrolAsk, Data: map[string]string{"topics": "Reports"}, Audience: gateway.Audience{Unconfirmed: true}})
	st.ok(err)
	all := st.planned(s.ID)
	if len(all) != 2 || all[0].Locale != "sw" || all[1].ChannelID != st.list[1].ID || all[1].Locale != "en-x-fallback" {
		t.Fatalf("%+v", all)
	}
	if !strings.Contains(st.text(all[0], "sms"), "Harbour Union") || strings.Contains(st.text(all[1], "telegram"), "Harbour") {
		t.Errorf("%s\n%s", st.text(all[0], "sms"), st.text(all[1], "telegram"))
	}
	again, err := st.f.Tell(t.Context(), fanout.Note{Group: st.group.ID, Key: "ask-1", Wording: templates.EnrolAsk, Data: map[string]string{"topics": "Reports"}, Audience: gateway.Audience{Unconfirmed: true}})
	if err != nil || again.Created || again.ID != s.ID {
		t.Errorf("asked twice: %+v, %v", again, err)
	}
}

// A preview counts exactly what sending then does, and writes nothing.
func TestAPreviewSaysWhatSendingDoes(t *testing.T) {
	st := newStage(t)
	st.enrol(who{locale: "es", points: "sms"}, who{locale: "es", points: "sms"}, who{locale: "qu", fallback: []string{"es"}, points: "telegram"},
		who{locale: "en", points: "-sms"}, who{locale: "en", points: "?sms"}, who{locale: "en", points: ""}, who{locale: "en", neutral: true, points: "sms"})
	d := report("r1")
	d.Group = st.group.ID
	p, err := st.f.Preview(t.Context(), d)
	st.ok(err)
	if p.Members != 5 || p.Reached != 4 || p.Cost != 5 || len(p.Examples) != 4 {
		t.Errorf("%+v", p)
	}
	if got := fmt.Sprint(p.Languages); got != "[{es es false 2} {en en false 1} {qu es true 1}]" {
		t.Errorf("languages %s", got)
	}
	if got := fmt.Sprint(p.LeftOut); got != "[{has no contact point false 1} {has not confirmed yet false 1} {said STOP true 1}]" {
		t.Errorf("left out %s", got)
	}
	if p.Channels[0].Members != 3 || p.Channels[1].Members != 1 || p.Texts[0].Members != 2 || !strings.HasPrefix(p.Texts[0].Parts[0], "Buenas") {
		t.Errorf("%+v, %+v", p.Channels, p.Texts)
	}
	if left, err := st.s.Broadcasts(t.Context(), st.group.ID, gateway.ID{}, 10); err != nil || len(left) != 0 {
		t.Errorf("a preview stored something: %v, %v", left, err)
	}
	st.run(st.f)
	waiting := 0
	all := st.planned(st.submit(report("r1")))
	for _, dl := range all {
		if dl.State == gateway.Waiting {
			waiting++
		}
	}
	if waiting != p.Reached || len(all) != p.Members {
		t.Errorf("sending reached %d of %d, the preview said %d of %d", waiting, len(all), p.Reached, p.Members)
	}
}

func BenchmarkPlan(b *testing.B) {
	st := newStage(b)
	st.enrol(many(b.N, who{locale: "es", points: "sms telegram"})...)
	st.run(st.f)
	b.ReportAllocs()
	b.ResetTimer()
	id := st.submit(report("r1"))
	for {
		if got, err := st.s.Broadcast(context.Background(), st.group.ID, id); err != nil || got.State == gateway.Planned {
			break
		}
		<-st.nudges
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "deliveries/s")
}

func BenchmarkUrgent(b *testing.B) {
	st := newStage(b)
	st.enrol(who{locale: "es", points: "sms"})
	st.run(st.f)
	d := report("")
	d.Group, d.Kind = st.group.ID, gateway.KindAlert
	for b.Loop() {
		if _, err := st.f.Submit(b.Context(), d); err != nil {
			b.Fatal(err)
		}
		<-st.nudges
	}
}
