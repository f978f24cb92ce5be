package fanout_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/blank"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite"
)

// stage is a real ledger with one group, two channels, and a fan-out that a test may run.
type stage struct {
	t       testing.TB
	s       *sqlite.Store
	group   gateway.Group
	wires   map[gateway.ID]*wire
	list    []gateway.Channel
	f       *fanout.Fanout
	mu      sync.Mutex
	clock   time.Duration
	nudges  chan gateway.Lane
	at      func(string)
	planErr func(gateway.Chunk) error
	places  []string // countries of the next telephone numbers that come in; used up: none
}

// wire is an adapter that writes plain text and sends nothing.
type wire struct {
	channels.Adapter
	limit  int
	public bool
	panics string // on texts in this language
	wrote  atomic.Int64
}

// Capabilities are those of a channel for short plain texts.
func (w *wire) Capabilities() channels.Capabilities {
	return channels.Capabilities{Short: true, Public: w.public}
}

func (w *wire) Compose(doc content.Document) ([]channels.Part, error) {
	w.wrote.Add(1)
	text := doc.Plain()
	if w.panics != "" && doc.Locale == w.panics {
		panic("a defect in the adapter")
	}
	if len(content.Narrow(text)) > w.limit {
		return nil, &channels.Error{Class: channels.Permanent, Scope: channels.ScopeContent, Detail: "the text is too long"}
	}
	return []channels.Part{{Text: text, Cost: 1 + len(content.Narrow(text))/70, Calendar: doc.Calendar}}, nil
}

func newStage(t testing.TB) *stage {
	ring, err := seal.NewRing(make([]byte, 32), seal.Key{ID: "k1", Secret: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	st := &stage{t: t, wires: map[gateway.ID]*wire{}, nudges: make(chan gateway.Lane, 10_000), at: func(string) {}}
	st.s, err = sqlite.Open(context.Background(), sqlite.Options{Dir: blank.Folder(t), Ring: ring, Now: st.now, Country: st.place})
	st.ok(err)
	t.Cleanup(func() { st.ok(st.s.Close()) })
	st.group, err = st.s.PutGroup(context.Background(), gateway.Group{Slug: "harbour", Name: "Harbour Union", Locale: "en", Fallback: []string{"fr"}, Zone: "Europe/Berlin",
		Topics: []gateway.Topic{{Name: "reports"}, {Name: "alerts"}}})
	st.ok(err)
	st.addChannel("text", "sms", 300)
	st.addChannel("chat", "telegram", 4000)
	st.f = st.newFanout()
	return st
}

// place gives the country of a new number.
func (st *stage) place(kind string, _ gateway.Private) (country string) {
	if kind == "sms" && len(st.places) > 0 {
		country, st.places = st.places[0], st.places[1:]
	}
	return country
}

func (st *stage) now() time.Time {
	st.mu.Lock()
	defer st.mu.Unlock()
	return time.Now().Add(st.clock)
}

func (st *stage) wind(d time.Duration) {
	st.mu.Lock()
	st.clock += d
	st.mu.Unlock()
	st.f.Wake()
}

func (st *stage) addChannel(name, kind string, limit int) {
	c, err := st.s.PutChannel(context.Background(), gateway.Channel{Name: name, Adapter: kind, Kind: kind})
	st.ok(err)
	st.list = append(st.list, c)
	st.wires[c.ID] = &wire{limit: limit}
}

func (st *stage) Usable(gateway.ID) []gateway.Channel { return st.list }

func (st *stage) Adapter(id gateway.ID) (channels.Adapter, bool) {
	w, ok := st.wires[id]
	return w, ok
}

func (st *stage) newFanout() *fanout.Fanout {
	return fanout.New(fanout.Store{Groups: st.s, Log: st.s, Audiences: st.s, Ledger: st, Tracking: st.s, Prices: st.s, Asks: st.s, Stale: st.s, Wordings: st.s, Reviews: st.s}, st,
		fanout.Options{Now: st.now, Sweep: time.Hour, At: func(p string) { st.at(p) }, Planned: func(c *gateway.Chunk) { st.nudges <- c.Lane }})
}

// Plan stands between fan-out and ledger, so that a test can fail it.
func (st *stage) Plan(ctx context.Context, c gateway.Chunk) error {
	if st.planErr != nil {
		if err := st.planErr(c); err != nil {
			return err
		}
	}
	return st.s.Plan(ctx, c)
}

func (st *stage) ok(err error) {
	st.t.Helper()
	if err != nil {
		st.t.Fatal(err)
	}
}

// run runs a fan-out until the test ends, or the returned function is called.
func (st *stage) run(f *fanout.Fanout) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = f.Run(ctx)
	}()
	stop = sync.OnceFunc(func() { cancel(); <-done })
	st.t.Cleanup(stop)
	return stop
}

// who describes a member: language, fallback, and points like "sms", "-telegram" (stopped), "?sms" (unconfirmed), "~sms"
// (another topic).
type who struct {
	locale   string
	fallback []string
	neutral  bool
	points   string
	zone     string // empty: the group's
	quiet    string // quiet hours
	leads    string // of reminders
}

// enrol imports members and gives their ids in order of id.
func (st *stage) enrol(people ...who) []gateway.ID {
	ctx := context.Background()
	imp := gateway.NewID()
	st.ok(st.s.BeginImport(ctx, gateway.Import{ID: imp, GroupID: st.group.ID, At: st.now()}))
	var ids []gateway.ID
	var stops []gateway.ContactPoint
	for lo := 0; lo < len(people); lo += 500 {
		var rows []gateway.StagedMember
		for i, p := range people[lo:min(lo+500, len(people))] {
			m := gateway.StagedMember{Line: lo + i + 2, Member: gateway.Member{Name: "Ann", Locale: p.locale, Fallback: p.fallback, Zone: cmp.Or(p.zone, st.group.Zone), Neutral: p.neutral, Quiet: p.quiet, Leads: p.leads, Ref: gateway.Private(gateway.NewID().String())}}
			for _, kind := range strings.Fields(p.points) {
				mark := strings.TrimRight(kind, "abcdefghijklmnopqrstuvwxyz")
				point := gateway.ContactPoint{ID: gateway.NewID(), Kind: strings.TrimPrefix(kind, mark), Address: gateway.Private(gateway.NewID().String())}
				topic := "reports"
				if mark == "~" {
					topic = "alerts"
				}
				if mark == "-" {
					stops = append(stops, point)
				}
				if mark != "?" {
					m.Consents = append(m.Consents, gateway.Consent{PointID: point.ID, Topic: topic, Granted: true, Wording: "w1", Locale: "en", At: st.now(), Proof: "paper", Source: "import"})
				}
				m.Member.Points = append(m.Member.Points, point)
			}
			rows = append(rows, m)
		}
		staged, err := st.s.Stage(ctx, st.group.ID, imp, rows)
		st.ok(err)
		for _, s := range staged {
			ids = append(ids, s.MemberID)
		}
	}
	st.ok(st.s.Publish(ctx, st.group.ID, imp))
	for _, p := range stops {
		_, err := st.s.StopAddress(ctx, st.group.ID, p.Kind, p.Address, gateway.Consent{Source: "member"})
		st.ok(err)
	}
	return ids
}

func many(n int, p who) []who {
	all := make([]who, n)
	for i := range all {
		all[i] = p
	}
	return all
}

// report is a draft that is sent whatever languages its readers miss.
func report(key string) gateway.Draft {
	return gateway.Draft{Key: key, Fallback: new(true), Kind: gateway.KindReport, Audience: gateway.Audience{Topic: "reports"}, Author: "test",
		Words: gateway.Words{Sources: map[string]string{"en": "Good news of {group}: {n}.", "es": "Buenas noticias de {group}: {n}."}, Data: map[string]string{"n": "7"}}}
}

func (st *stage) submit(d gateway.Draft) gateway.ID {
	st.t.Helper()
	d.Group = st.group.ID
	s, err := st.f.Submit(context.Background(), d)
	st.ok(err)
	return s.ID
}

// planned waits until a broadcast is planned and gives its deliveries in order of member.
func (st *stage) planned(id gateway.ID) []gateway.Delivery {
	st.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		b, err := st.s.Broadcast(ctx, st.group.ID, id)
		st.ok(err)
		if b.State == gateway.Planned {
			return st.deliveries(id)
		}
		select {
		case <-st.nudges:
		case <-time.After(time.Millisecond): // a fan-out that a test made for itself tells nobody
		case <-ctx.Done():
			st.t.Fatal("it is never planned")
		}
	}
}

func (st *stage) deliveries(id gateway.ID) []gateway.Delivery {
	st.t.Helper()
	var all []gateway.Delivery
	var after gateway.ID
	for {
		page, err := st.s.Deliveries(context.Background(), gateway.DeliveryFilter{Group: st.group.ID, Broadcast: id, After: after, Limit: 1000})
		st.ok(err)
		if len(page) == 0 {
			return all
		}
		all = append(all, page...)
		after = page[len(page)-1].ID
	}
}

// text gives the text that a delivery would send.
func (st *stage) text(d gateway.Delivery, kind string) string {
	st.t.Helper()
	r, err := st.s.Rendering(context.Background(), st.group.ID, d.BroadcastID, d.Locale, kind, d.Neutral)
	st.ok(err)
	return string(r.Parts[0])
}

func isCode(err error, code gateway.Code) bool { return errors.Is(err, &gateway.Fault{Code: code}) }

// told shortens deliveries to what a story checks.
func told(all []gateway.Delivery) string {
	var lines []string
	for _, d := range all {
		line := fmt.Sprint(d.State, " ", d.Locale)
		if d.Reason != "" {
			line += fmt.Sprint(" ", d.Reason, ": ", d.Detail)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

// due lists what is due over the first channel, at most each of every group.
func (st *stage) due(each int) (ids []gateway.ID) {
	st.t.Helper()
	shares, err := st.s.Due(st.t.Context(), st.list[0].ID, gateway.Bulk, each)
	st.ok(err)
	for _, s := range shares {
		ids = append(ids, s.Deliveries...)
	}
	return ids
}
