package dispatch_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/dispatch"
	"github.com/carillon-gateway/carillon/gateway/internal/queue/memq"
)

// provider is an adapter that does as it is told, and its provider, which notes what it got.
type provider struct {
	caps channels.Capabilities
	send func(ctx context.Context, m channels.Outbound) (channels.Sent, error) // nil: takes it at once

	mu      sync.Mutex
	got     []channels.Outbound
	times   []time.Time
	sending int
	most    int
	checks  int
	refused bool  // the credentials
	silent  error // instead: what a check says
}

func (p *provider) Capabilities() channels.Capabilities {
	caps := p.caps
	if caps.LongestAttempt == 0 {
		caps.LongestAttempt = 10 * time.Second
	}
	return caps
}

func (p *provider) ParseAddress(raw string) (channels.Address, error) {
	return channels.Address(raw), nil
}

func (p *provider) Compose(content.Document) ([]channels.Part, error) { return nil, nil }

func (p *provider) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	p.mu.Lock()
	p.got, p.times = append(p.got, m), append(p.times, time.Now())
	p.sending++
	p.most = max(p.most, p.sending)
	refused := p.refused
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.sending--
		p.mu.Unlock()
	}()
	if refused {
		return channels.Sent{}, &channels.Error{Class: channels.Auth, Scope: channels.ScopeChannel, Code: "20003"}
	}
	if p.send != nil {
		return p.send(ctx, m)
	}
	return channels.Sent{ProviderID: "p-" + m.Attempt}, nil
}

func (p *provider) Check(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.checks++
	if p.silent != nil {
		return p.silent
	}
	if p.refused {
		return &channels.Error{Class: channels.Auth, Scope: channels.ScopeChannel}
	}
	return nil
}

func (p *provider) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.got)
}

// finder is a provider that can be asked.
type finder struct {
	*provider
	find func(channels.Query) (channels.Finding, error)
}

func (f finder) FindStatus(_ context.Context, q channels.Query) (channels.Finding, error) {
	return f.find(q)
}

// world is a dispatcher with its surroundings, inside a bubble of time.
type world struct {
	t       *testing.T
	l       *ledger
	q       *memq.Queue
	d       *dispatch.Dispatcher
	notices []dispatch.Notice

	mu       sync.Mutex
	order    []gateway.ID
	records  map[gateway.ID]gateway.Channel
	adapters map[gateway.ID]channels.Adapter

	stop   func() error
	second bool // life, after a kill
}

func (w *world) reborn() bool { return w.second }

func (w *world) All() []gateway.Channel {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []gateway.Channel
	for _, id := range w.order {
		if c, ok := w.records[id]; ok {
			all = append(all, c)
		}
	}
	return all
}

func (w *world) Adapter(id gateway.ID) (channels.Adapter, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, ok := w.adapters[id]
	return a, ok
}

func (w *world) add(name string, a channels.Adapter) gateway.ID {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := gateway.NewID()
	w.order = append(w.order, id)
	w.records[id], w.adapters[id] = gateway.Channel{ID: id, Name: name, Kind: "sms"}, a
	return id
}

// story runs a test inside a bubble of time, where waiting costs nothing and settle means that all is quiet.
func story(t *testing.T, tell func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, l: newLedger(), q: memq.New(64), records: map[gateway.ID]gateway.Channel{}, adapters: map[gateway.ID]channels.Adapter{}}
		defer func() {
			if w.stop != nil {
				if err := w.stop(); err != nil {
					t.Errorf("stopping: %v", err)
				}
			}
		}()
		tell(w)
	})
}

func (w *world) options() dispatch.Options {
	return dispatch.Options{Ledger: w.l, Mender: w.l, Known: w.l, Hearing: w.l, Heard: w.heard, Routes: w.l, Deliveries: w.l, Texts: w.l, Health: w.l, Live: w, Queue: w.q, Window: 64,
		Random: func() float64 { return 0.5 }, Senders: 8, UrgentSenders: 2, Alone: true,
		Notice: func(n dispatch.Notice) { w.mu.Lock(); w.notices = append(w.notices, n); w.mu.Unlock() }}
}

// heard stands for package track.
func (w *world) heard(ctx context.Context, channel gateway.ID, receipts []channels.Receipt) error {
	for _, r := range receipts {
		attempt, err := gateway.ParseID(r.Attempt)
		if err != nil {
			return err
		}
		told := gateway.Receipt{Attempt: attempt, Channel: channel, Part: r.PartNo, ProviderID: r.ProviderID, State: gateway.AttemptDelivered}
		if r.Status == channels.StatusFailed {
			told.State, told.Next = gateway.Refused, gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed}
		}
		if _, err := w.l.Observe(ctx, []gateway.Receipt{told}); err != nil {
			return err
		}
	}
	return nil
}

// start runs the dispatcher until the story ends or w.stop is called.
func (w *world) start(o dispatch.Options) {
	w.t.Helper()
	d, err := dispatch.New(o)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	w.d = d
	w.stop = func() error {
		cancel()
		w.stop = nil
		return <-ended
	}
	synctest.Wait()
}

// pass lets time pass, and then everything that is due happen.
func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// expect compares the deliveries in each state.
func (w *world) expect(want map[gateway.DeliveryState]int) {
	w.t.Helper()
	got := w.l.count()
	for s, n := range want {
		if got[s] != n {
			w.t.Fatalf("deliveries are %v; want %v", got, want)
		}
		delete(got, s)
	}
	if len(got) > 0 {
		w.t.Fatalf("besides there are %v", got)
	}
}

// is reads one delivery.
func (w *world) is(id gateway.ID) gateway.Delivery {
	w.t.Helper()
	d, err := w.l.Delivery(w.t.Context(), gateway.ID{}, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func fails(class channels.Class, scope channels.Scope) func(context.Context, channels.Outbound) (channels.Sent, error) {
	return func(context.Context, channels.Outbound) (channels.Sent, error) {
		return channels.Sent{}, &channels.Error{Class: class, Scope: scope, Code: "999", Detail: "the provider said so"}
	}
}

// hang never answers; it ends with its context, and the request was written.
func hang(ctx context.Context, _ channels.Outbound) (channels.Sent, error) {
	<-ctx.Done()
	return channels.Sent{}, &channels.Error{Class: channels.Unknown, Scope: channels.ScopeChannel, Cause: errors.Join(ctx.Err(), context.Cause(ctx))}
}
