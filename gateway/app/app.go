package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/api"
	"github.com/carillon-gateway/carillon/gateway/internal/directory"
	"github.com/carillon-gateway/carillon/gateway/internal/dispatch"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
	"github.com/carillon-gateway/carillon/gateway/internal/queue"
	"github.com/carillon-gateway/carillon/gateway/internal/queue/memq"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite"
	"github.com/carillon-gateway/carillon/gateway/internal/track"
)

// pollWait is how long one poll may wait for events.
const pollWait = 25 * time.Second

// Options is what a gateway is made from.
type Options struct {
	Config    *config.Config
	Version   string
	Factories []channels.Factory
	Log       *slog.Logger     // nil: nothing is logged
	Now       func() time.Time // nil: time.Now
	At        func(string)     // called at each of FaultPoints, by tests that kill; nil in production
	Senders   int              // of a channel that does not say; zero: the default
}

// FaultPoints lists the steps at which tests kill the process.
func FaultPoints() []string {
	points := append([]string{}, sqlite.FaultPoints[:]...)
	points = append(points, fanout.FaultPoints[:]...)
	return append(points, dispatch.FaultPoints()...)
}

// App is a whole gateway in the profile alone.
type App struct {
	Options
	store      *sqlite.Store
	live       *live
	desk       *channelDesk
	directory  *directory.Directory
	fanout     *fanout.Fanout
	dispatch   *dispatch.Dispatcher
	track      *track.Tracker
	ears       *inbound.Ears
	duties     *duties
	metrics    *prometheus.Registry
	handler    http.Handler
	background []part

	resubscribe chan struct{} // a channel has changed
	notices     chan struct{} // owners may have to be told something
	uncap       chan struct{} // a cap may bind no more
}

// part is something that runs until its context ends, and then drains.
type part struct {
	name string
	run  func(context.Context) error
}

// New opens the ledger and builds every part. Nothing is sent before Run.
func New(ctx context.Context, o Options) (*App, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.At == nil {
		o.At = func(string) {}
	}
	ring, err := keyRing(o.Config)
	if err != nil {
		return nil, err
	}
	store, err := sqlite.Open(ctx, sqlite.Options{Dir: o.Config.Data, Ring: ring, Now: o.Now, Log: o.Log, At: o.At, Country: countries(o.Factories)})
	if err != nil {
		return nil, err
	}
	a := &App{Options: o, store: store, metrics: prometheus.NewRegistry(), resubscribe: make(chan struct{}, 1), notices: make(chan struct{}, 1), uncap: make(chan struct{}, 1)}
	if err := a.build(ctx); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return a, nil
}

func keyRing(c *config.Config) (*seal.Ring, error) {
	index, err := config.KeyBytes(c.IndexKey)
	if err != nil {
		return nil, fmt.Errorf("index_key: %w", err)
	}
	keys := make([]seal.Key, len(c.Keys))
	for i, k := range c.Keys {
		secret, err := k.Bytes()
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", k.ID, err)
		}
		keys[i] = seal.Key{ID: k.ID, Secret: secret}
	}
	return seal.NewRing(index, keys...)
}

func (a *App) build(ctx context.Context) error {
	var err error
	s, o := a.store, a.Options
	a.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := operatorToken(ctx, s, o.Config.TokenFile(), o.Now()); err != nil {
		return err
	}
	a.duties = newDuties(s, thisFolder(), o.Log)
	if err := s.FinishImports(ctx, true); err != nil {
		return fmt.Errorf("finishing imports that a crash interrupted: %w", err)
	}
	a.live = &live{store: s, factories: o.Factories, publicURL: strings.TrimRight(o.Config.PublicBaseURL, "/"), http: &http.Client{Transport: httpsend.Transport()}, now: o.Now, pollWait: pollWait, log: o.Log, slugs: a.slugs}
	a.desk = &channelDesk{store: s, live: a.live, changed: a.channelsChanged, state: func(id gateway.ID) (dispatch.State, bool) { return a.dispatch.State(id) }}
	if err := a.desk.adoptChannels(ctx, o.Config.Channels); err != nil {
		return err
	}
	if err := a.live.refresh(ctx); err != nil {
		return err
	}
	a.directory = directory.New(directory.Parts{Groups: s, Members: s, Audiences: s, Imports: s, Kinds: a.kinds(), Usable: a.live.Usable, Parse: a.parseAddress, Now: o.Now})
	a.dispatch, err = dispatch.New(dispatch.Options{
		Ledger: s, Mender: s, Hearing: s, Heard: a.heard, Routes: a.directory, Deliveries: s, Texts: s, Health: s, Live: a.live, Queue: memq.New(queue.Window), CallbackURL: a.live.callbackURL,
		Notice: a.notice, Metrics: a.metrics, Log: o.Log, Now: o.Now, At: o.At, Alone: true, Senders: o.Senders, Grace: time.Duration(o.Config.DrainGrace),
	})
	if err != nil {
		return err
	}
	a.fanout = fanout.New(fanout.Store{Groups: s, Log: s, Audiences: s, Ledger: s, Tracking: s, Prices: s, Wordings: s}, a.live,
		fanout.Options{Now: o.Now, Log: o.Log, Nudge: a.dispatch.Nudge, At: o.At})
	a.track = track.New(track.Parts{Ledger: s, Routes: a.directory, Nudge: a.dispatch.Nudge, Now: o.Now, Log: o.Log, Count: countReceipts(a.metrics), Heard: a.dispatch.Heard})
	a.ears = a.newEars()
	handler, err := api.New(api.Options{
		Groups: groupDesk{s, a.live, a.uncap}, CheckGroup: directory.CheckGroup, Directory: a.directory, Importer: a.directory, Broadcasts: a.fanout, Ledger: s, Costs: s, Channels: a.desk, Wordings: s,
		Access: s, Replays: s, Applied: s, Countries: a.countries(), Status: a.status, Ready: a.ready, Metrics: a.metrics, OpenMetrics: o.Config.OpenMetrics, Hooks: a.hooks(),
		BodyLimit: int64(o.Config.Limits.Body), ImportLimit: int64(o.Config.Limits.Import), Reveals: o.Config.Limits.Reveals, Log: o.Log, Now: o.Now,
	})
	if err != nil {
		return err
	}
	a.handler = handler
	a.background = []part{{"track", a.track.Run}, {"dispatch", a.dispatch.Run}, {"fanout", a.fanout.Run}, {"inbound", a.ears.Run}, {"subscriptions", a.subscribeAll}, {"housekeeping", a.keepHouse}, {"owners", a.tellOwners}}
	return nil
}

// Run serves and sends until the context ends; then it claims nothing new, lets what is on its way end, and closes the
// ledger.
func (a *App) Run(ctx context.Context, listener net.Listener) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ended := make(chan error, len(a.background)+1)
	for _, p := range a.background {
		go func() {
			err := p.run(running)
			if err != nil && !errors.Is(err, context.Canceled) {
				ended <- fmt.Errorf("%s: %w", p.name, err)
				return
			}
			ended <- nil
		}()
	}
	server := api.NewServer(a.handler, a.Log)
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			ended <- fmt.Errorf("serving: %w", err)
			return
		}
		ended <- nil
	}()
	_, port, _ := net.SplitHostPort(listener.Addr().String()) // a host in figures would be withheld, as a telephone number is
	a.Log.Info("the gateway is ready", "port", port, "version", a.Version, "profile", "alone")
	var failure error
	left := len(a.background) + 1
	select {
	case <-ctx.Done():
		a.Log.Info("the gateway is stopping: nothing new is claimed, what is on its way may end")
	case failure = <-ended:
		left--
		if failure == nil {
			failure = errors.New("a part of the gateway ended by itself")
		}
	}
	stop()
	grace, cancel := context.WithTimeout(context.Background(), time.Duration(a.Config.DrainGrace)+10*time.Second)
	defer cancel()
	errs := []error{failure, server.Shutdown(grace)}
	for ; left > 0; left-- {
		errs = append(errs, <-ended)
	}
	return errors.Join(append(errs, a.store.Close())...)
}

// kinds lists the kinds of contact point that this instance knows.
func (a *App) kinds() []string {
	var kinds []string
	for _, f := range a.Factories {
		kinds = append(kinds, f.Kind)
	}
	return kinds
}

// countries says of each kind whether its addresses have countries.
func (a *App) countries() map[string]bool {
	have := map[string]bool{}
	for _, f := range a.Factories {
		have[f.Kind] = f.Country != nil
	}
	return have
}

// parseAddress gives the canonical form of an address by the rules of its kind's adapter.
func (a *App) parseAddress(kind, region, raw string) (channels.Address, error) {
	for _, f := range a.Factories {
		if f.Kind == kind {
			return f.ParseAddress(region, raw)
		}
	}
	return "", fmt.Errorf("this instance has no channels of kind %q", kind)
}

func (a *App) slugs(ctx context.Context) (map[gateway.ID]string, error) {
	groups, err := a.store.Groups(ctx)
	slugs := make(map[gateway.ID]string, len(groups))
	for _, g := range groups {
		slugs[g.ID] = g.Slug
	}
	return slugs, err
}

func (a *App) channelsChanged(ctx context.Context) {
	a.dispatch.Refresh()
	signal(a.notices)
	a.ears.Refresh()
	signal(a.resubscribe)
	a.fanout.Wake()
}

// notice says what happened to a channel; everyone who may see it finds the same in channel list.
func (a *App) notice(n dispatch.Notice) {
	a.Log.Warn("a channel needs attention", "channel", n.Name, "event", string(n.Event), "until", n.Until, "code", n.Code, "detail", n.Detail)
	if err := a.live.refresh(context.Background()); err != nil {
		a.Log.Error("the channels could not be read again", "error", err)
		return
	}
	if n.Event == dispatch.NoticeIncident {
		a.dispatch.Refresh()
		signal(a.notices)
	}
}

// afterStart is how long the daily work waits: after a crash there are messages to send first.
const afterStart = 5 * time.Second

// uncapped is how many deliveries become due again in one step.
const uncapped = 500

// keepHouse does the daily work a little at a time.
func (a *App) keepHouse(ctx context.Context) error {
	next := time.NewTimer(afterStart)
	defer next.Stop()
	for {
		select {
		case <-next.C:
			next.Reset(time.Minute)
		case <-a.uncap:
		case <-ctx.Done():
			return nil
		}
		for {
			n, err := a.store.Retain(ctx, 200)
			if err != nil && ctx.Err() == nil {
				a.Log.Error("retention failed", "error", err)
			}
			rewrapped, rotateErr := a.store.RotateKeys(ctx, 100)
			if rotateErr != nil && ctx.Err() == nil {
				a.Log.Error("key rotation failed", "error", rotateErr)
			}
			placed, placeErr := a.store.Place(ctx, 200)
			if placeErr != nil && ctx.Err() == nil {
				a.Log.Error("countries of addresses cannot be derived", "error", placeErr)
			}
			if err != nil || rotateErr != nil || placeErr != nil || n+rewrapped+placed == 0 {
				break
			}
		}
		a.uncapAll(ctx)
	}
}

// uncapAll lets deliveries go on whose group's cap binds no more: a month has begun, or the cap was raised.
func (a *App) uncapAll(ctx context.Context) {
	for {
		n, err := a.store.Uncap(ctx, uncapped)
		if err != nil && ctx.Err() == nil {
			a.Log.Error("what waits for a cap cannot be released", "error", err)
		}
		if n > 0 {
			a.dispatch.Sweep()
		}
		if err != nil || n < uncapped {
			return
		}
	}
}

// ready says what keeps the gateway from working.
func (a *App) ready(ctx context.Context) []string {
	if _, err := a.store.Tokens(ctx, gateway.ID{}); err != nil {
		return []string{"the ledger cannot be read"}
	}
	probe := a.Config.Data + string(os.PathSeparator) + ".probe"
	if err := os.WriteFile(probe, []byte("1"), 0o600); err != nil {
		return []string{"the data folder cannot be written to"}
	}
	_ = os.Remove(probe)
	return nil
}
