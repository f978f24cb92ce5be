// Package api is the HTTP API: it authenticates, checks and bounds every request, and hands it to the services behind
// narrow interfaces. It keeps no state but rate limits and the requests at work.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Options is what the API stands on. All services are required; the rest says what its zero value means.
type Options struct {
	Groups     gateway.Groups
	CheckGroup func(gateway.Group) (gateway.Group, error) // gives it in canonical form, or says everything wrong with it
	// CheckCalendar gives a calendar of a group in canonical form, or says what is wrong with it.
	CheckCalendar func(gateway.Group, gateway.Calendar) (gateway.Calendar, error)
	CheckSeries   func(gateway.Group, gateway.Series) (gateway.Series, error) // the same for a series of reports
	CheckRota     func(gateway.Group, gateway.Rota) (gateway.Rota, error)     // and for a rota

	Directory  Directory
	Importer   Importer
	Broadcasts Broadcasts
	Releases   Releases
	Ledger     Ledger
	Costs      Costs
	Channels   Channels
	Wordings   Wordings
	Reviews    gateway.Reviews
	Calendars  Calendars
	Feeds      gateway.Feeds
	Schedules  Schedules
	WeekText   func(ctx context.Context, g gateway.Group, topic, locale string) (gateway.WeekText, error)
	Reports    Reports
	Rotas      Rotas
	// Gaps lists where an alert would find nobody, in some days from a time on.
	Gaps      func(ctx context.Context, group gateway.ID, from time.Time, days int) ([]gateway.DutyGap, error)
	Alerts    Alerts
	Inbox     Inbox
	Access    gateway.Access
	Replays   gateway.Replays
	Applied   gateway.ApplyLog
	Holdings  Holdings
	Link      func(ctx context.Context, group, member gateway.ID) error // sends a member a link to her own page
	Countries map[string]bool                                           // all kinds of contact point, and whether their addresses have countries

	// Inviter makes invitations, Invitations keeps them.
	Inviter     Inviter
	Invitations gateway.Invitations

	Status func(context.Context) (gateway.Status, error) // with all channels
	Ready  func(context.Context) []string                // why it cannot work now, in words safe to show; empty: ready
	// Waits says what this process waits for although it is ready, in words safe to show; nil, or nothing: nothing.
	Waits func() []string
	// Findings gives what the watchdog found, for /readyz; nil: there is none.
	Findings func() []gateway.Finding
	// Spool says what this process keeps on its disk until the ledger takes it, for /readyz; nil, or a nil answer: nothing.
	Spool   func() *gateway.SpoolStatus
	Metrics *prometheus.Registry

	OpenMetrics bool             // /metrics answers without a token
	Hooks       http.Handler     // serves /hooks/{channel}; nil: nothing there
	Pages       http.Handler     // serves /m/, /u/, /j/ and /y/; nil: nothing there
	Editions    http.Handler     // serves /r/{edition}; nil: nothing there
	BodyLimit   int64            // bytes of any other request's body; zero: 1 MiB
	ImportLimit int64            // bytes of one file of members; zero: 1 GiB
	Reveals     int              // members that one token may see in clear within an hour; zero: 30
	Log         *slog.Logger     // nil: nothing is logged
	Now         func() time.Time // nil: time.Now
}

const (
	defaultBodyLimit   = 1 << 20
	defaultImportLimit = 1 << 30
	defaultReveals     = 30
)

type server struct {
	Options
	huma    huma.API
	mux     *http.ServeMux
	routes  []route
	opened  []string // patterns of what anybody may ask for
	spec    []byte
	atWork  inFlight
	reveals limiter
	meter   *meter
	writing chan struct{} // of feeds
}

// New makes the handler of everything that is served under one address: the API, its document, health, metrics and
// webhooks. It registers its own metrics.
func New(o Options) (http.Handler, error) {
	s, err := build(o)
	if err != nil {
		return nil, err
	}
	if err := s.complete(); err != nil {
		return nil, err
	}
	if s.meter, err = newMeter(o.Metrics); err != nil {
		return nil, fmt.Errorf("registering the API's metrics: %w", err)
	}
	return s, nil
}

// Document gives the OpenAPI 3.1 document, indented, with a line feed at the end.
func Document() ([]byte, error) {
	s, err := build(Options{})
	if err != nil {
		return nil, err
	}
	return s.spec, nil
}

func (s *server) complete() error {
	needs := map[string]bool{
		"Groups": s.Groups == nil, "CheckGroup": s.CheckGroup == nil, "CheckCalendar": s.CheckCalendar == nil, "CheckSeries": s.CheckSeries == nil, "CheckRota": s.CheckRota == nil, "Directory": s.Directory == nil, "Importer": s.Importer == nil,
		"Broadcasts": s.Broadcasts == nil, "Releases": s.Releases == nil, "Ledger": s.Ledger == nil, "Costs": s.Costs == nil, "Channels": s.Channels == nil, "Wordings": s.Wordings == nil, "Reviews": s.Reviews == nil,
		"Calendars": s.Calendars == nil, "Feeds": s.Feeds == nil, "Schedules": s.Schedules == nil, "Reports": s.Reports == nil, "Alerts": s.Alerts == nil, "Rotas": s.Rotas == nil, "Gaps": s.Gaps == nil, "Inbox": s.Inbox == nil, "Inviter": s.Inviter == nil, "Invitations": s.Invitations == nil,
		"Access": s.Access == nil, "Replays": s.Replays == nil, "Applied": s.Applied == nil, "Status": s.Status == nil,
		"Ready": s.Ready == nil, "Metrics": s.Metrics == nil,
	}
	var errs []error
	for name, missing := range needs {
		if missing {
			errs = append(errs, fmt.Errorf("api: Options.%s is missing", name))
		}
	}
	return errors.Join(errs...)
}

func build(o Options) (*server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.BodyLimit == 0 {
		o.BodyLimit = defaultBodyLimit
	}
	if o.ImportLimit == 0 {
		o.ImportLimit = defaultImportLimit
	}
	if o.Reveals == 0 {
		o.Reveals = defaultReveals
	}
	s := &server{Options: o, mux: http.NewServeMux(), reveals: newLimiter(o.Reveals, time.Hour), writing: make(chan struct{}, feedsAtOnce)}

	config := huma.DefaultConfig("Carillon", "1")
	config.CreateHooks = nil
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.RejectUnknownQueryParameters = true
	strict := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshalStrict}
	config.Formats = map[string]huma.Format{"application/json": strict, "json": strict}
	config.Transformers = []huma.Transformer{s.translate}
	config.Info.Description = "A multi-channel broadcast gateway. Every answer but a few has the problem document of RFC 9457 for faults, whose `code` is stable. " +
		"A POST may carry an `Idempotency-Key`: repeated within 24 hours it gets the first answer and does nothing."
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "`crl_` and 43 characters. A token belongs to one group and has one role there, or it is the operator's."},
	}
	s.huma = humago.New(s.mux, config)
	s.huma.OpenAPI().Components.Schemas.RegisterTypeAlias(reflect.TypeFor[civil.Wall](), reflect.TypeFor[wall]())
	s.addRoutes()

	schemas := s.huma.OpenAPI().Components.Schemas.Map()
	delete(schemas, "ErrorModel") // the library's own, in whose place Problem stands
	delete(schemas, "ErrorDetail")
	spec, err := json.MarshalIndent(s.huma.OpenAPI(), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the OpenAPI document: %w", err)
	}
	s.spec = append(spec, '\n')
	return s, nil
}

func (s *server) addRoutes() {
	s.addGroups()
	s.addMembers()
	s.addImports()
	s.addBroadcasts()
	s.addReleases()
	s.addDeliveries()
	s.addChannels()
	s.addPrices()
	s.addWordings()
	s.addReviews()
	s.addCalendars()
	s.addSchedules()
	s.addReports()
	s.addRotas()
	s.addAlerts()
	s.addDrills()
	s.addInvitations()
	s.addInbox()
	s.addTokens()
	s.addDocuments()
	s.addStatus()

	s.open("GET /api/v1/openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, "application/vnd.oai.openapi+json", s.spec)
	})
	s.open("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, "application/json", []byte(`{"alive":true}`+"\n"))
	})
	s.open("GET /readyz", s.serveReady)
	if s.Pages != nil {
		for _, pattern := range memberPages {
			s.open(pattern, s.Pages.ServeHTTP)
		}
	}
	var metrics http.Handler
	if s.Metrics != nil {
		metrics = promhttp.HandlerFor(s.Metrics, promhttp.HandlerOpts{ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelError), MaxRequestsInFlight: 4})
	}
	s.open("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		if !s.OpenMetrics && !s.watches(w, r) {
			return
		}
		metrics.ServeHTTP(w, r)
	})
}

// memberPages are the paths of pages that members open. Requests are told of by these patterns, never by the tokens.
var memberPages = [...]string{"GET /m/{token}", "GET /m/{token}/{view}", "POST /m/{token}/{view}", "GET /u/{token}", "POST /u/{token}",
	"GET /j/{token}", "POST /j/{token}", "GET /y/{token}", "POST /y/{token}", "GET /a/{token}", "POST /a/{token}"}

// serveReady says whether requests can be served now, and if not, why. What the watchdog found stands beside it, by code
// alone, for anybody may ask: it is about all processes together, and that none served any more would mend nothing. The spool
// stands there whenever something waits in it: it is why a webhook is answered although the ledger is away.
func (s *server) serveReady(w http.ResponseWriter, r *http.Request) {
	reasons := s.Ready(r.Context())
	if len(reasons) == 0 {
		answer := struct {
			Ready    bool                 `json:"ready"`
			Waits    []string             `json:"waits,omitempty"`
			Findings []overdue            `json:"findings,omitempty"`
			Spool    *gateway.SpoolStatus `json:"spool,omitempty"`
		}{Ready: true, Waits: s.waits(), Findings: s.overdue(), Spool: s.spooled()}
		text, _ := json.Marshal(answer) // cannot fail
		write(w, http.StatusOK, "application/json", append(text, '\n'))
		return
	}
	if spool := s.spooled(); spool != nil {
		reasons = append(reasons, fmt.Sprintf("the spool keeps %d webhooks, the oldest since %s", spool.Records, spool.Oldest.Format(time.RFC3339)))
	}
	p := newProblem(r.Context(), http.StatusServiceUnavailable, gateway.CodeUnavailable, "not ready: "+strings.Join(reasons, "; "))
	for _, reason := range reasons {
		p.Errors = append(p.Errors, flaw{Text: reason})
	}
	writeProblem(w, p)
}

func (s *server) waits() []string {
	if s.Waits == nil {
		return nil
	}
	return s.Waits()
}

// spooled is the spool, if anything waits in it.
func (s *server) spooled() *gateway.SpoolStatus {
	if s.Spool == nil {
		return nil
	}
	if spool := s.Spool(); spool != nil && spool.Records+spool.Damaged > 0 {
		return spool
	}
	return nil
}

// overdue is what /readyz says of findings: their kind, and since when the oldest stands.
type overdue struct {
	Code  gateway.FindingCode `json:"code"`
	Since time.Time           `json:"since"`
}

func (s *server) overdue() (all []overdue) {
	if s.Findings == nil {
		return nil
	}
	for _, f := range s.Findings() {
		i := slices.IndexFunc(all, func(o overdue) bool { return o.Code == f.Code })
		switch {
		case i < 0:
			all = append(all, overdue{f.Code, f.Since})
		case f.Since.Before(all[i].Since):
			all[i].Since = f.Since
		}
	}
	return all
}

func write(w http.ResponseWriter, status int, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have gone; there is nobody to tell
}

// Directory is what the API needs to know of members.
type Directory interface {
	// Listed gives a page in order of id, behind after, names and addresses masked.
	Listed(ctx context.Context, group, after gateway.ID, limit int) ([]gateway.Member, error)
	// Look gives one member, name and addresses masked.
	Look(ctx context.Context, group, id gateway.ID) (gateway.Member, error)
	// Show gives one member in clear, with the evidence of her consent, oldest first.
	Show(ctx context.Context, group, id gateway.ID) (gateway.Member, []gateway.Consent, error)
	// Find gives those who have a ref (kind "ref") or an address of a kind, typed as people type it.
	Find(ctx context.Context, group gateway.Group, kind, value string) ([]gateway.ID, error)
	// Erase destroys a member's key and deletes her rows.
	Erase(ctx context.Context, group, id gateway.ID) error
}

// Importer takes in files of members.
type Importer interface {
	// Import reads the file to its end or publishes nothing. A fault of the file is in the report, not in err.
	Import(ctx context.Context, group gateway.Group, file io.Reader, o gateway.ImportOptions) (gateway.ImportReport, error)
}

// Broadcasts is what people do with broadcasts.
type Broadcasts interface {
	Submit(ctx context.Context, d gateway.Draft) (gateway.HandedIn, error)
	Preview(ctx context.Context, d gateway.Draft) (gateway.Preview, error)
	Stop(ctx context.Context, group, id gateway.ID) error
	Resume(ctx context.Context, group, id gateway.ID) error
	// Ask asks every member without evidence of consent whether she wants these topics (none: all but the owners'), over the
	// contact points that she has; at most once a day.
	Ask(ctx context.Context, group gateway.ID, topics []string, author string) (gateway.HandedIn, error)
	// Replay sends again what ended as failed; it returns how many deliveries.
	Replay(ctx context.Context, group, id gateway.ID) (int, error)
}

// Ledger is what the API reads of broadcasts and deliveries.
type Ledger interface {
	Broadcast(ctx context.Context, group, id gateway.ID) (gateway.Broadcast, error)
	Broadcasts(ctx context.Context, group, before gateway.ID, limit int) ([]gateway.Broadcast, error)
	Tracking
}

// Tracking is what the API reads of deliveries, and what people do to them.
type Tracking interface {
	Tallies(ctx context.Context, group, broadcast gateway.ID) ([]gateway.Tally, error)
	Deliveries(ctx context.Context, f gateway.DeliveryFilter) ([]gateway.Delivery, error)
	Delivery(ctx context.Context, group, id gateway.ID) (gateway.Delivery, error)
	Resend(ctx context.Context, group, id gateway.ID) error
}

// Channels keeps channels and what is live of them.
type Channels interface {
	Channels(ctx context.Context) ([]gateway.Channel, error)
	// Try says what stands against a channel as it is given, and fills in its kind. One without options is tried with
	// those of the channel that has its name.
	Try(ctx context.Context, c gateway.Channel) (gateway.Channel, error)
	// PutChannel makes a channel or changes the one with its name, after what Try does, if its provider knows it. With unchecked one
	// whose provider could not be asked is kept too, paused until a check passes.
	PutChannel(ctx context.Context, c gateway.Channel, unchecked bool) (gateway.Channel, error)
	// Check asks the provider, disturbing nobody. A good answer lifts a pause for refused credentials.
	Check(ctx context.Context, id gateway.ID) (gateway.CheckResult, error)
	SetChannelHealth(ctx context.Context, id gateway.ID, h gateway.ChannelHealth) error
	// Replace puts a channel in the place of another: what waits on the old one leaves over the new one.
	Replace(ctx context.Context, old, by gateway.ID) error
	// Delete takes a channel away; by is a label of a token.
	Delete(ctx context.Context, c gateway.Channel, by string) error
	// Former lists the channels that were deleted.
	Former(ctx context.Context) ([]gateway.FormerChannel, error)
	// Views lists all channels with all that shows how they are.
	Views(ctx context.Context) ([]gateway.ChannelView, error)
	// CloseIncident ends a channel's open incident, if there is one, because somebody says so.
	CloseIncident(ctx context.Context, id gateway.ID, by string) error
}

// Costs keeps prices and what messages cost.
type Costs interface {
	Prices(ctx context.Context, owner gateway.ID) ([]gateway.Price, error)
	SetPrices(ctx context.Context, owner gateway.ID, all bool, prices []gateway.Price) error
	Charges(ctx context.Context, group, broadcast gateway.ID) ([]gateway.Charge, error)
	Spend(ctx context.Context, group gateway.ID) (gateway.Spend, error)
}

// Wordings keeps a group's own templates: name → locale → source.
type Wordings interface {
	PutWording(ctx context.Context, group gateway.ID, name string, sources map[string]string) error
	Wordings(ctx context.Context, group gateway.ID) (map[string]map[string]string, error)
}

var _ http.Handler = (*server)(nil)
