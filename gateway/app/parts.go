package app

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
	"github.com/carillon-gateway/carillon/scheduler"
)

// countryOf gives the country of an address by its kind's adapter.
func countryOf(factories []channels.Factory) func(kind string, address gateway.Private) string {
	of := map[string]func(channels.Address) string{}
	for _, f := range factories {
		if f.Country != nil {
			of[f.Kind] = f.Country
		}
	}
	return func(kind string, address gateway.Private) string {
		if of[kind] == nil {
			return ""
		}
		if country := of[kind](channels.Address(address.Reveal())); country != "" {
			return country
		}
		return gateway.UnknownCountry
	}
}

// groupDesk keeps what is live in step with the groups: a channel of the operator may name a group before it exists.
type groupDesk struct {
	groupStore
	told     gateway.Notices
	live     *live
	uncap    chan struct{} // its cap may have changed
	announce func()
	ticker   *scheduler.Ticker
}

type groupStore interface{ gateway.Groups }

// PutGroup makes a group or changes it.
func (d groupDesk) PutGroup(ctx context.Context, g gateway.Group) (gateway.Group, error) {
	before, err := d.groupStore.Group(ctx, g.Slug)
	if err != nil && !errors.Is(err, gateway.ErrNotFound) {
		return g, err
	}
	if g, err = d.groupStore.PutGroup(ctx, g); err != nil {
		return g, err
	}
	if err := noteRule(ctx, d.told, before, g); err != nil {
		return g, err
	}
	if before.Zone != "" && before.Zone != g.Zone { // its schedules keep their hours
		d.ticker.Align(ctx)
	}
	signal(d.uncap)
	d.announce()
	return g, d.live.refresh(ctx)
}

// signal wakes whoever waits; one that is awake already looks again.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// heard takes receipts that a provider was asked for the way of those that it sent.
func (a *App) heard(ctx context.Context, channel gateway.ID, receipts []channels.Receipt) error {
	return a.track.Observe(ctx, channel, receipts)
}

// subscribe points the provider at our webhook, or makes it ready to be polled, where it must be told.
func subscribe(ctx context.Context, adapter channels.Adapter) error {
	if s, ok := adapter.(channels.Subscriber); ok {
		return s.Subscribe(ctx)
	}
	return nil
}

// subscribeRetry is how long a provider that could not be told is left alone.
const subscribeRetry = time.Minute

// subscribeAll tells every provider where to report: at the start, after a channel has changed, and again where it failed.
func (a *App) subscribeAll(ctx context.Context) error {
	told := map[channels.Adapter]bool{}
	for {
		for _, c := range a.live.All() {
			adapter, ok := a.live.Adapter(c.ID)
			if !ok || told[adapter] {
				continue
			}
			if err := subscribe(ctx, adapter); err != nil {
				if ctx.Err() == nil {
					a.Log.Warn("a provider could not be told where to report; it is tried again", "channel", c.Name, "wait", subscribeRetry, "error", err)
				}
				continue
			}
			told[adapter] = true
		}
		select {
		case <-a.resubscribe:
		case <-time.After(subscribeRetry):
		case <-ctx.Done():
			return nil
		}
	}
}

// countReceipts gives the counter of receipts by what they did.
func countReceipts(registry prometheus.Registerer) func(gateway.ID, gateway.Effect, gateway.AttemptState) {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "carillon_receipts_total", Help: "Receipts from providers, by what they said and did."}, []string{"state", "effect"})
	registry.MustRegister(counter)
	effects := map[gateway.Effect]string{gateway.NoAttempt: "no attempt", gateway.Repeated: "repeated", gateway.Applied: "applied"}
	type event struct {
		effect gateway.Effect
		state  gateway.AttemptState
	}
	count := counting(func(e event) prometheus.Counter { return counter.WithLabelValues(e.state.String(), effects[e.effect]) })
	return func(_ gateway.ID, effect gateway.Effect, state gateway.AttemptState) { count(event{effect, state}) }
}

// counting counts events; it looks each kind of event up in its counter only once. There must be few kinds.
func counting[E comparable](find func(E) prometheus.Counter) func(E) {
	var known sync.Map // E → prometheus.Counter
	return func(e E) {
		c, ok := known.Load(e)
		if !ok {
			c, _ = known.LoadOrStore(e, find(e))
		}
		c.(prometheus.Counter).Inc()
	}
}

// status says how the instance is.
func (a *App) status(ctx context.Context) (gateway.Status, error) {
	status := gateway.Status{Version: a.Version, Profile: string(a.Config.Storage.Profile), Spool: a.spooled(), Sandbox: a.live.http.seen.Load() || a.live.guarded.seen.Load(), Unheard: a.live.publicURL != "" && (a.live.http.deaf.Load() || a.live.guarded.deaf.Load())}
	for _, r := range a.Roles {
		status.Roles = append(status.Roles, string(r))
	}
	if a.presence != nil {
		var err error
		if status.Processes, err = processes(ctx, a.store); err != nil {
			return status, err
		}
		status.Wanting = a.presence.missing(true)
		by, _ := a.presence.waiting()
		status.Wanting = append(status.Wanting, by...)
	}
	var err error
	if status.Findings, err = a.store.Findings(ctx); err != nil {
		return status, err
	}
	groups, err := a.store.Groups(ctx)
	if err != nil {
		return status, err
	}
	for _, g := range groups {
		n, err := a.store.CountStale(ctx, g.ID)
		if err != nil {
			return status, err
		}
		if n > 0 {
			status.Stale = append(status.Stale, gateway.StaleNumbers{GroupID: g.ID, Group: g.Slug, Count: n})
		}
	}
	views, err := a.desk.Views(ctx)
	if err != nil {
		return status, err
	}
	for _, c := range views {
		if c.Problem != "" {
			continue
		}
		n := 0
		for _, waiting := range c.Backlog {
			n += waiting
		}
		status.Backlog += n
		status.Channels = append(status.Channels, gateway.ChannelStatus{ID: c.ID, Name: c.Name, Kind: c.Kind, Backlog: n, Health: c.Health, Breaker: c.Breaker, Incident: c.Incident, CatchingUp: c.CatchingUp, Gap: c.Gap})
	}
	return status, nil
}

// newEars makes what hears providers and members.
func (a *App) newEars() *inbound.Ears {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "carillon_heard_total", Help: "What providers and members told us, by what it was."}, []string{"channel", "heard"})
	a.metrics.MustRegister(counter)
	type event struct {
		channel gateway.ID
		heard   inbound.Heard
	}
	count := counting(func(e event) prometheus.Counter {
		record, _ := a.live.Channel(e.channel)
		return counter.WithLabelValues(record.Name, string(e.heard))
	})
	return inbound.New(inbound.Parts{
		Channels: a.live, Receipts: a.track, Members: a.store, Groups: a.store, Consents: a.store, Inbox: a.store, Cursors: a.store, Limits: a.store,
		Wishes: a.store, Answer: func(ctx context.Context, group gateway.ID, key, wording string, to gateway.Audience, data map[string]string) error {
			_, err := a.fanout.Tell(ctx, fanout.Note{Group: group, Key: key, Wording: wording, Audience: to, Data: data, Author: "carillon"})
			return err
		},
		Alerts: a.answersTo(a.alerts), Spool: a.spool, Waiting: a.dispatch.Refresh, Guests: a.store, Swaps: a.rotas.TakeYes, Country: countryOf(a.Factories), Page: a.pages.Issue, Linking: inbound.Linking{Pages: a.store, Points: a.store, Digest: a.ring.Suppression().Of}, Notice: a.store.PutNotice, Alive: a.polledAlive(), PolledAll: func(channel gateway.ID, all bool) { a.listener.Polled(channel, all) }, Duty: a.duties.during, Polls: a.live.publicURL == "", Now: a.Now, Log: a.Log,
		Count: func(channel gateway.ID, heard inbound.Heard) { count(event{channel, heard}) },
	})
}

// hooks serves providers' calls under the names of channels.
func (a *App) hooks() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /hooks/{channel}", a.ears)
	return mux
}
