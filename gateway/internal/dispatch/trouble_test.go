package dispatch_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

func (l *ledger) Strike(_ context.Context, s gateway.Strike) (*gateway.Incident, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.struck == nil {
		l.struck, l.ailing = map[gateway.ID]map[gateway.ID]bool{}, map[gateway.ID]*gateway.Incident{}
	}
	if l.refuse != nil || l.ailing[s.Channel] != nil {
		return nil, l.refuse
	}
	if l.struck[s.Channel] == nil {
		l.struck[s.Channel] = map[gateway.ID]bool{}
	}
	l.struck[s.Channel][s.Delivery] = true
	if len(l.struck[s.Channel]) < s.After {
		return nil, nil
	}
	l.ailing[s.Channel] = &gateway.Incident{ID: gateway.NewID(), ChannelID: s.Channel, Trouble: s.Trouble, Code: s.Code, Detail: s.Detail, Deliveries: s.After, OpenedAt: time.Now()}
	return l.ailing[s.Channel], nil
}

func (l *ledger) CloseIncident(_ context.Context, channel gateway.ID, by string) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	open := l.ailing[channel] != nil
	if by == gateway.ByCheck {
		if at, ok := l.checked[channel]; ok && time.Since(at) < gateway.CheckTrust {
			return false, l.refuse
		}
		if l.checked == nil {
			l.checked = map[gateway.ID]time.Time{}
		}
		l.checked[channel] = time.Now()
	}
	delete(l.ailing, channel)
	delete(l.struck, channel)
	return open, l.refuse
}

func (l *ledger) NoteErrors(_ context.Context, channel gateway.ID, errors []gateway.ChannelError) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.heard == nil {
		l.heard = map[gateway.ID][]gateway.ChannelError{}
	}
	l.heard[channel] = append(l.heard[channel], errors...)
	return l.refuse
}

// sync carries what the ledger says of a channel to the dispatcher, as the app does.
func (w *world) sync(channel gateway.ID) {
	w.mu.Lock()
	c := w.records[channel]
	w.l.mu.Lock()
	c.Incident = w.l.ailing[channel]
	w.l.mu.Unlock()
	w.records[channel] = c
	w.mu.Unlock()
	w.d.Refresh()
	synctest.Wait()
}

// A carrier filters our texts. After some distinct deliveries reports over this channel wait and those still to come are
// not spoilt; alerts go on, no contact point is blamed, and reports leave when somebody says that all is well.
func TestFilteredChannel(t *testing.T) {
	story(t, func(w *world) {
		filtered := true
		p := &provider{send: func(_ context.Context, m channels.Outbound) (channels.Sent, error) {
			time.Sleep(time.Millisecond) // of the bubble: what was refused before is counted meanwhile, on a busy machine too
			if filtered {
				return channels.Sent{}, &channels.Error{Class: channels.Permanent, Scope: channels.ScopeContent, Trouble: channels.TroubleFiltered, Code: "30007", Detail: "filtered"}
			}
			return channels.Sent{ProviderID: "p-" + m.Attempt}, nil
		}}
		sms := w.add("sms", p)
		w.mu.Lock()
		c := w.records[sms]
		c.Trip, c.Senders = gateway.Trip{After: 5}, 2
		w.records[sms] = c
		w.mu.Unlock()
		report := w.l.announce(gateway.Report, 1)
		for range 40 {
			w.l.plan(report, sms)
		}
		w.start(w.options())
		w.pass(time.Hour)
		n := p.count()
		if n < 5 || n > 40 || w.l.count()[gateway.Waiting] != 40-n {
			t.Fatalf("%d were sent into the filter, and %v", n, w.l.count())
		}
		if n > 5+2*2 {
			t.Errorf("%d were spoilt; five and what two senders had under way are enough", n)
		}
		w.sync(sms)
		alert := w.l.plan(w.l.announce(gateway.Alert, 1), sms)
		w.pass(time.Second)
		if p.count() != n+1 || len(w.is(alert).Attempts) != 1 {
			t.Errorf("an alert is held: %d sends", p.count()-n)
		}
		if len(w.l.points) != 0 {
			t.Errorf("contact points are blamed: %v", w.l.points)
		}
		if len(w.notices) != 1 || w.notices[0].Event != "the provider refuses us" || w.notices[0].Code != "30007" {
			t.Errorf("told: %+v", w.notices)
		}
		w.pass(2 * time.Second)
		total := 0
		for _, e := range w.l.heard[sms] {
			total += e.Count
		}
		if total != n+1 || w.l.heard[sms][0].Detail != "filtered" {
			t.Errorf("of %d errors %+v are noted", n+1, w.l.heard[sms])
		}
		filtered = false
		if _, err := w.l.CloseIncident(t.Context(), sms, "the office"); err != nil {
			t.Fatal(err)
		}
		w.sync(sms)
		w.pass(2 * time.Second)
		if left := w.l.count()[gateway.Waiting]; left != 0 {
			t.Errorf("%d reports still wait", left)
		}
	})
}

// Credentials are refused: one refusal is enough for an incident, and the check that passes ends it.
func TestCredentialsIncident(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{refused: true}
		sms := w.add("sms", p)
		report := w.l.announce(gateway.Report, 1)
		for range 5 {
			w.l.plan(report, sms)
		}
		w.start(w.options())
		w.pass(time.Second)
		w.l.mu.Lock()
		i := w.l.ailing[sms]
		w.l.mu.Unlock()
		if i == nil || i.Trouble != gateway.TroubleCredentials {
			t.Fatalf("the incident is %+v", i)
		}
		p.mu.Lock()
		p.refused = false
		p.mu.Unlock()
		w.pass(15 * time.Minute)
		if w.l.ailing[sms] != nil {
			t.Error("a passing check left the incident open")
		}
		w.expect(map[gateway.DeliveryState]int{gateway.DeliveryAccepted: 5})
	})
}

// Sending is refused and every check passes, as at a mail server that asks for a password at MAIL only: the owners are not
// told of a beginning and an end at every turn.
func TestCheckThatSeesNothing(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{send: func(context.Context, channels.Outbound) (channels.Sent, error) {
			return channels.Sent{}, &channels.Error{Class: channels.Auth, Scope: channels.ScopeSender, Code: "530", Detail: "refused"}
		}}
		sms := w.add("sms", p)
		w.l.plan(w.l.announce(gateway.Report, 1), sms)
		w.start(w.options())
		w.pass(50 * time.Minute)
		opened := 0
		for _, n := range w.notices {
			if n.Event == "the provider refuses us" {
				opened++
			}
		}
		if opened != 2 { // the first, and the one that proves the check wrong
			t.Errorf("%d incidents opened", opened)
		}
		if w.l.ailing[sms] == nil {
			t.Error("a check that passes and is wrong closed the incident again")
		}
		if n := p.count(); n != 2 {
			t.Errorf("the report went out %d times", n)
		}
	})
}

// Of two sends under refused credentials, one hears of it only after a check has found them good: it proves nothing any more.
func TestARefusalThatComesLate(t *testing.T) {
	story(t, func(w *world) {
		var sends atomic.Int32
		p := &provider{send: func(_ context.Context, m channels.Outbound) (channels.Sent, error) {
			switch sends.Add(1) {
			case 2:
				time.Sleep(5 * time.Second)
				fallthrough
			case 1:
				return channels.Sent{}, &channels.Error{Class: channels.Auth, Scope: channels.ScopeChannel, Code: "20003", Detail: "refused"}
			}
			return channels.Sent{ProviderID: "p-" + m.Attempt}, nil
		}}
		sms := w.add("sms", p)
		report := w.l.announce(gateway.Report, 1)
		w.l.plan(report, sms)
		w.l.plan(report, sms)
		w.start(w.options())
		w.pass(time.Second)
		if w.l.ailing[sms] == nil {
			t.Fatal("no incident is open")
		}
		if _, err := w.l.CloseIncident(t.Context(), sms, gateway.ByCheck); err != nil {
			t.Fatal(err)
		}
		w.sync(sms)
		w.pass(20 * time.Second)
		if w.l.ailing[sms] != nil {
			t.Error("a refusal from before the check opened another incident, which only a person may end")
		}
		w.expect(map[gateway.DeliveryState]int{gateway.DeliveryAccepted: 2})
	})
}

// A provider reports afterwards that it filters: receipts count as answers do, each delivery once.
func TestHeard(t *testing.T) {
	story(t, func(w *world) {
		sms := w.add("sms", &provider{})
		w.start(w.options())
		e := &channels.Error{Class: channels.Permanent, Scope: channels.ScopeSender, Trouble: channels.TroubleUnregistered, Code: "30034"}
		same := gateway.NewID()
		for range 30 {
			w.d.Heard(sms, same, e)
			w.d.Heard(gateway.NewID(), gateway.NewID(), e) // a channel that is not there
		}
		for range gateway.DefaultTripAfter - 2 {
			w.d.Heard(sms, gateway.NewID(), e)
		}
		w.pass(time.Second)
		if w.l.ailing[sms] != nil {
			t.Fatal("one delivery counts more than once")
		}
		w.l.mu.Lock()
		w.l.refuse = errDown
		w.l.mu.Unlock()
		w.d.Heard(sms, gateway.NewID(), e)
		w.pass(time.Second)
		w.l.mu.Lock()
		w.l.refuse = nil
		w.l.mu.Unlock()
		w.d.Heard(sms, same, e)
		w.pass(time.Second)
		if w.l.ailing[sms] == nil {
			t.Error("ten deliveries open no incident")
		}
	})
}

// A person holds routine messages only: reports wait, alerts go on.
func TestRoutinePause(t *testing.T) {
	story(t, func(w *world) {
		p := &provider{}
		sms := w.add("sms", p)
		pause := func(h gateway.ChannelHealth) {
			w.mu.Lock()
			c := w.records[sms]
			c.Health = h
			w.records[sms] = c
			w.mu.Unlock()
			w.d.Refresh()
			synctest.Wait()
		}
		w.start(w.options())
		pause(gateway.ChannelHealth{Paused: gateway.PauseManual, RoutineOnly: true})
		w.l.plan(w.l.announce(gateway.Report, 1), sms)
		w.l.plan(w.l.announce(gateway.LifeSafety, 1), sms)
		w.pass(time.Minute)
		w.expect(map[gateway.DeliveryState]int{gateway.Waiting: 1, gateway.DeliveryAccepted: 1})
		pause(gateway.ChannelHealth{})
		w.pass(2 * time.Second)
		w.expect(map[gateway.DeliveryState]int{gateway.DeliveryAccepted: 2})
		if s, ok := w.d.State(sms); !ok || s.Breaker != "closed" || s.Senders != 8 || s.Urgent != 2 {
			t.Errorf("the state is %+v", s)
		}
	})
}

// Both foundations name the same troubles, though they do not know each other.
func TestTroublesHaveOneName(t *testing.T) {
	for trouble, name := range map[channels.Trouble]string{channels.TroubleFiltered: gateway.TroubleFiltered, channels.TroubleUnregistered: gateway.TroubleUnregistered,
		channels.TroubleUnpaid: gateway.TroubleUnpaid, channels.TroubleCredentials: gateway.TroubleCredentials} {
		if string(trouble) != name {
			t.Errorf("%q is %q in the ledger", trouble, name)
		}
	}
	for _, c := range []struct {
		e    channels.Error
		want channels.Trouble
	}{{channels.Error{Class: channels.Auth}, channels.TroubleCredentials}, {channels.Error{Class: channels.Auth, Trouble: channels.TroubleUnpaid}, channels.TroubleUnpaid},
		{channels.Error{Class: channels.Permanent, Scope: channels.ScopeSender}, ""}, {channels.Error{Class: channels.Permanent, Scope: channels.ScopeContent, Trouble: channels.TroubleFiltered}, channels.TroubleFiltered}} {
		if got := channels.TroubleOf(&c.e); got != c.want {
			t.Errorf("%v means the trouble %q, want %q", &c.e, got, c.want)
		}
	}
}
