package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
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
	"github.com/carillon-gateway/carillon/gateway/internal/limit"
	"github.com/carillon-gateway/carillon/gateway/internal/queue"
	"github.com/carillon-gateway/carillon/gateway/internal/release"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/spool"
	"github.com/carillon-gateway/carillon/gateway/internal/store"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite"
	"github.com/carillon-gateway/carillon/gateway/internal/track"
	"github.com/carillon-gateway/carillon/gateway/internal/web"
	"github.com/carillon-gateway/carillon/reach"
	"github.com/carillon-gateway/carillon/scheduler"
	"github.com/carillon-gateway/carillon/scheduler/agenda"
	"github.com/carillon-gateway/carillon/scheduler/escalation"
	"github.com/carillon-gateway/carillon/scheduler/report"
	"github.com/carillon-gateway/carillon/scheduler/rota"
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
	Roles     []Role           // of this process; none: all
	// Fetchable says which addresses calendars may be fetched from, and groups' own adapters be at, beside those that
	// private_networks allows to adapters; nil: those of the open internet. Tests have others.
	Fetchable func(netip.Addr) bool
}

// FaultPoints lists the steps at which tests kill the process.
func FaultPoints() []string {
	points := append([]string{}, sqlite.FaultPoints[:]...)
	points = append(points, fanout.FaultPoints[:]...)
	points = append(points, scheduler.FaultPoints[:]...)
	points = append(points, escalation.FaultPoints[:]...)
	points = append(points, scheduler.NotifyFaultPoints[:]...)
	points = append(points, rota.FaultPoints[:]...)
	return append(points, dispatch.FaultPoints()...)
}

// App is a gateway, or that part of one which the roles of this process are.
type App struct {
	Options
	ring       *seal.Ring
	store      store.Store
	queue      queue.Queue
	signals    queue.Signals                                             // to and from other processes; nil: there are none
	rates      func(channel gateway.ID, of []channels.Rate) limit.Shared // that all processes share; nil: there is only this one
	process    gateway.ID
	presence   *presence // nil: nobody has to be told of this process
	live       *live
	desk       *channelDesk
	directory  *directory.Directory
	fanout     *fanout.Fanout
	releases   *release.Desk
	dispatch   *dispatch.Dispatcher
	track      *track.Tracker
	ears       *inbound.Ears
	listener   *inbound.Listener
	pages      *web.Server
	inviter    *inviter
	spool      *spool.Spool // nil: this process hears nobody
	agenda     *agenda.Agenda
	alerts     *escalation.Desk
	refusals   *refusals
	duties     *duties
	ticker     *scheduler.Ticker
	rotas      *rota.Desk
	metrics    *prometheus.Registry
	handler    http.Handler
	background []part

	changes     chan struct{}                     // channels or groups may have changed
	resubscribe chan struct{}                     // a channel has changed
	notices     chan struct{}                     // owners may have to be told something
	uncap       chan struct{}                     // a cap may bind no more
	findings    atomic.Pointer[[]gateway.Finding] // of the watchdog, as this process last heard
	taken       atomic.Uint64                     // the edition of live that all parts have taken over
	othersSpool atomic.Bool                       // another process may keep a STOP on its disk
	draining    atomic.Bool
}

// part is something that runs until its context ends, and then drains.
type part struct {
	name string
	run  func(context.Context) error
}

// New opens the ledger and the queue of the profile, and builds every part. Nothing is sent before Run.
func New(ctx context.Context, o Options) (*App, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	wound := o.Now
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.At == nil {
		o.At = func(string) {}
	}
	if err := o.checkRoles(); err != nil {
		return nil, err
	}
	a := &App{Options: o, process: gateway.NewID(), metrics: prometheus.NewRegistry(), changes: make(chan struct{}, 1), resubscribe: make(chan struct{}, 1), notices: make(chan struct{}, 1), uncap: make(chan struct{}, 1)}
	if err := a.open(ctx, wound); err != nil {
		return nil, errors.Join(err, a.close())
	}
	if err := a.build(ctx); err != nil {
		return nil, errors.Join(err, a.close())
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
	alone := o.Config.Storage.Alone()
	a.metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if o.has(RoleAPI) {
		if err := operatorToken(ctx, s, o.Config.TokenFile(), o.Now()); err != nil {
			return err
		}
	}
	a.metrics.MustRegister(newCountFindings(a.found))
	a.duties = newDuties(s, a.process, o.Log)
	if alone {
		if err := s.FinishImports(ctx); err != nil {
			return fmt.Errorf("finishing imports that a crash interrupted: %w", err)
		}
	}
	if err := a.openChannels(ctx); err != nil {
		return err
	}
	a.directory = directory.New(directory.Parts{Groups: s, Members: s, Audiences: s, Imports: s, Kinds: a.kinds, Usable: a.live.Usable, Parse: a.parseAddress, Calendars: s.Calendars, Now: o.Now})
	a.refusals = newRefusals(s, func(ctx context.Context, group, alert gateway.ID) error { return a.alerts.LookAt(ctx, group, alert) }, o.Log)
	if a.dispatch, err = a.newDispatch(); err != nil {
		return err
	}
	if !alone {
		file, err := fileMark(o.Config, a.ring)
		if err != nil {
			return err
		}
		a.presence = newPresence(s, a.checkQueue, a.process, o.Roles, file)
		a.presence.log = o.Log
	}
	planning := fanout.Options{Now: o.Now, Log: o.Log, Nudge: a.dispatch.Nudge, Planned: a.dispatch.Planned, Reserve: a.dispatch.Reserve, At: o.At, Rivals: !alone, Languages: o.Config.Languages, Pages: a.live.publicURL != ""}
	if !o.has(RoleScheduler) {
		planning.Elsewhere = a.callPlanners
	}
	a.fanout = fanout.New(fanout.Store{Groups: s, Log: s, Audiences: s, Ledger: s, Tracking: s, Prices: s, Asks: s, Stale: s, Wordings: s, Reviews: s}, a.live, planning)
	receiving := track.Parts{Ledger: s, Routes: a.directory, Nudge: a.dispatch.Nudge, Now: o.Now, Log: o.Log, Count: countReceipts(a.metrics), Heard: a.dispatch.Heard, Refused: a.refusals.note}
	if !alone {
		receiving.Gather = scaledGather
	}
	a.track = track.New(receiving)
	a.inviter = newInviter(s, a.live, o.Now)
	if a.pages, err = a.newPages(); err != nil {
		return err
	}
	a.rotas = a.newRotas()
	a.releases = release.New(release.Options{Store: s, Sender: a.fanout, Look: func() { look(a.fanout) }, Told: func() { signal(a.notices) }, Now: o.Now, Log: o.Log})
	a.alerts = a.newAlerts()
	a.ears = a.newEars()
	a.listener = a.newListener()
	a.agenda = a.newAgenda()
	handler, err := a.newAPI()
	if err != nil {
		return err
	}
	a.handler = o.offered(handler)
	a.background = a.parts()
	return a.listener.Look(ctx) // before anything leaves
}

// openChannels makes the adapters of all channels, those of the configuration among them.
func (a *App) openChannels(ctx context.Context) error {
	o := a.Options
	a.live = &live{store: a.store, factories: o.Factories, publicURL: strings.TrimRight(o.Config.PublicBaseURL, "/"), now: o.Now, pollWait: pollWait, log: o.Log, slugs: a.slugs, reach: o.reach(),
		http: &sandboxed{Transport: httpsend.Transport(), log: o.Log}, guarded: &sandboxed{Transport: httpsend.GuardedTransport(o.reach()), log: o.Log}}
	a.desk = &channelDesk{store: a.store, live: a.live, changed: a.changedHere, state: func(id gateway.ID) (dispatch.State, bool) { return a.dispatch.State(id) }, deaf: func(id gateway.ID) bool { return a.listener.Deaf(id) }, unwritten: a.unwritten}
	if !o.Config.Storage.Alone() {
		a.desk.others = func(ctx context.Context) ([]gateway.ProcessStatus, error) { return processes(ctx, a.store) }
	}
	changed, err := a.desk.adoptChannels(ctx, o.Config.Channels)
	if err == nil {
		err = a.tellFiles(ctx, changed)
	}
	if err != nil {
		return err
	}
	a.announce()
	return a.live.refresh(ctx)
}

// newDispatch makes what sends.
func (a *App) newDispatch() (*dispatch.Dispatcher, error) {
	s, o := a.store, a.Options
	sending := dispatch.Options{
		Ledger: s, Mender: s, Known: s, Succession: s, Hearing: s, Heard: a.heard, Routes: a.directory, Deliveries: s, Texts: s, Health: health{s, a.announce}, Live: a.live, Queue: a.queue, CallbackURL: a.live.callbackURL, AnswerURL: func(group, delivery gateway.ID) string { return a.pages.AnswerLink(group, delivery) },
		Deaf: a.deaf, Refused: a.refusals.note, Notice: a.notice, Metrics: a.metrics, Log: o.Log, Now: o.Now, At: o.At, Process: a.process, Alone: o.Config.Storage.Alone(), Work: o.work(), Call: a.callRelays, Rates: a.rates, Senders: o.Senders, Grace: time.Duration(o.Config.DrainGrace),
	}
	if !sending.Alone {
		sending.Rows, sending.Abreast = ScaledRows, ScaledAbreast
	}
	return dispatch.New(sending)
}

// newAPI makes the HTTP API, with the schedules and reports that stand on it.
func (a *App) newAPI() (http.Handler, error) {
	s, o := a.store, a.Options
	reports := report.NewDesk(s, publisher{a.fanout}, o.Now)
	schedules := a.schedules(reports)
	return api.New(api.Options{
		Groups: groupDesk{s, s, a.live, a.uncap, a.announce, a.ticker}, CheckGroup: checkGroup, CheckCalendar: agenda.Check, CheckSeries: report.Check, CheckRota: rota.Check, Directory: a.directory, Importer: a.directory, Broadcasts: broadcasts{a.releases, a.fanout, s, reports}, Releases: a.releases, Ledger: s, Costs: s, Channels: a.desk, Wordings: s, Reviews: s, Calendars: a.agenda, Feeds: s, Schedules: schedules, WeekText: performer{a.fanout, s, s, reports}.WeekText, Reports: reports, Alerts: alertDesk{a.alerts}, Rotas: a.rotas, Gaps: a.gapFinder().gaps, Inbox: a.newInbox(),
		Inviter: a.inviter, Invitations: s, Access: s, Replays: s, Applied: s, Countries: a.countries(), Status: a.status, Ready: a.ready, Waits: a.waits, Findings: a.found, Spool: a.spooled, Metrics: a.metrics, OpenMetrics: o.Config.OpenMetrics, Hooks: a.hooks(), Pages: a.pages, Holdings: s, Link: a.linkMember, Editions: web.NewReports(s, a.fanout.EditionDocument, o.Log),
		BodyLimit: int64(o.Config.Limits.Body), ImportLimit: int64(o.Config.Limits.Import), Reveals: o.Config.Limits.Reveals, Log: o.Log, Now: o.Now,
	})
}

// parts lists what the roles of this process keep running. Whatever they are, it hears of its channels, and what it is
// asked about receipts it writes.
func (a *App) parts() []part {
	parts := []part{{"dispatch", a.dispatch.Run}, {"fanout", a.fanout.Run}, {"changes", a.follow}, {"watchdog", a.watch}, {"findings", a.followFindings}, {"joins", a.pages.Run}, {"listening", a.listener.Run}, {"refusals", a.refusals.run}}
	if a.has(RoleInbound) {
		parts = append(parts, part{"inbound", a.ears.Run}, part{"subscriptions", a.subscribeAll}, part{"spool", a.noteSpool})
	}
	if a.has(RoleScheduler) {
		parts = append(parts, part{"housekeeping", a.keepHouse}, part{"owners", a.tellOwners}, part{"calendars", a.readCalendars}, part{"indicators", a.readIndicators}, part{"schedules", a.ticker.Run}, part{"alerts", a.alerts.Run}, part{"drills", a.alerts.RunDrills}, part{"reminders", a.notifier().Run}, part{"rotas", a.keeper().Run})
	}
	if a.has(RoleScheduler) || a.has(RoleAPI) {
		parts = append(parts, part{"caps", a.watchCaps})
	}
	if a.presence != nil {
		parts = append(parts, part{"presence", a.presence.run}, part{"hearing", a.hearOthers})
	}
	if a.signals != nil {
		parts = append(parts, part{"nudges", a.nudged})
	}
	return parts
}

// Run serves and works until the context ends. Then it drains: it says that it is not ready, claims nothing new, lets
// what is on its way end while it serves for as long as it takes others to go elsewhere, gives its duties back, and closes
// the ledger.
func (a *App) Run(ctx context.Context, listener net.Listener) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	receiving, deaf := context.WithCancel(context.WithoutCancel(ctx)) // receipts are written as long as anybody may bring some
	defer deaf()
	ended := make(chan error, len(a.background)+2)
	begin := func(ctx context.Context, p part) {
		go func() {
			err := p.run(ctx)
			if err != nil && !errors.Is(err, context.Canceled) {
				ended <- fmt.Errorf("%s: %w", p.name, err)
				return
			}
			ended <- nil
		}()
	}
	begin(receiving, part{"track", a.track.Run})
	for _, p := range a.background {
		begin(running, p)
	}
	server := api.NewServer(a.handler, a.Log)
	begin(running, part{"serving", func(context.Context) error {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		return nil
	}})
	_, port, _ := net.SplitHostPort(listener.Addr().String()) // a host in figures would be withheld, as a telephone number is
	a.Log.Info("the gateway is ready", "port", port, "version", a.Version, "profile", string(a.Config.Storage.Profile), "role", joinRoles(a.Roles, ","), "id", a.process)
	var failure error
	left := len(a.background) + 2
	select {
	case <-ctx.Done():
		a.Log.Info("the gateway is stopping: nothing new is claimed, what is on its way may end")
	case failure = <-ended:
		left--
		if failure == nil {
			failure = errors.New("a part of the gateway ended by itself")
		}
	}
	a.draining.Store(true)
	stop()
	if failure == nil {
		pause(context.WithoutCancel(ctx), time.Duration(a.Config.DrainNotice))
	}
	grace, cancel := context.WithTimeout(context.Background(), time.Duration(a.Config.DrainGrace)+10*time.Second)
	defer cancel()
	errs := []error{failure, server.Shutdown(grace)}
	for ; left > 1; left-- {
		errs = append(errs, <-ended)
	}
	deaf()
	for ; left > 0; left-- {
		errs = append(errs, <-ended)
	}
	return errors.Join(append(errs, a.close())...)
}

// kinds lists the kinds of contact point that a group knows here.
func (a *App) kinds(group gateway.ID) []string {
	var kinds []string
	for _, f := range a.Factories {
		if f.Kind != "" && !slices.Contains(kinds, f.Kind) { // two adapters may take one kind; channels of others name theirs
			kinds = append(kinds, f.Kind)
		}
	}
	for _, kind := range a.live.kinds(group) {
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// reach says which addresses adapters of groups may be at.
func (o Options) reach() func(netip.Addr) bool {
	open := o.Fetchable
	if open == nil {
		open = reach.Public
	}
	private := o.Config.Private()
	return func(a netip.Addr) bool {
		return open(a) || slices.ContainsFunc(private, func(p netip.Prefix) bool { return p.Contains(a.Unmap().WithZone("")) })
	}
}

// countries says of each kind whether its addresses have countries.
func (a *App) countries() map[string]bool {
	have := map[string]bool{}
	for _, f := range a.Factories {
		have[f.Kind] = f.Country != nil
	}
	return have
}

// parseAddress gives the canonical form of a group's address by the rules of its kind's adapter.
func (a *App) parseAddress(group gateway.ID, kind, region, raw string) (channels.Address, error) {
	for _, f := range a.Factories {
		if f.Kind == kind && f.ParseAddress != nil {
			return f.ParseAddress(region, raw)
		}
	}
	if adapter, ok := a.live.ofKind(group, kind); ok {
		return adapter.ParseAddress(raw)
	}
	return "", fmt.Errorf("the group has no channels of kind %q", kind)
}

func (a *App) slugs(ctx context.Context) (map[gateway.ID]string, error) {
	groups, err := a.store.Groups(ctx)
	slugs := make(map[gateway.ID]string, len(groups))
	for _, g := range groups {
		slugs[g.ID] = g.Slug
	}
	return slugs, err
}

// notice says what happened to a channel; everyone who may see it finds the same in channel list.
func (a *App) notice(n dispatch.Notice) {
	said := []any{"channel", n.Name, "event", string(n.Event)}
	if !n.Until.IsZero() {
		said = append(said, "until", n.Until)
	}
	if n.Code+n.Detail != "" {
		said = append(said, "code", n.Code, "detail", n.Detail)
	}
	if n.Event.Good() {
		a.Log.Info("a channel works again", said...)
	} else {
		a.Log.Warn("a channel needs attention", said...)
	}
	signal(a.changes)
}
