package inbound_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/spool"
	"github.com/carillon-gateway/carillon/gateway/internal/store"
	"github.com/carillon-gateway/carillon/gateway/internal/store/blank"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite"
)

// wire is an adapter whose provider sends its events as JSON, with "good" as its signature.
type wire struct {
	channels.Adapter
	reserves []string
	mailbox  bool // it hears by polling alone
	mu       sync.Mutex
	pages    [][]channels.Event // of polling, by cursor: "", "x", "xx", …
	polled   chan string        // cursors that were asked for
	sent     []channels.Outbound
}

func (w *wire) Send(_ context.Context, m channels.Outbound) (channels.Sent, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, m)
	return channels.Sent{ProviderID: m.Key}, nil
}

func (w *wire) Capabilities() channels.Capabilities {
	return channels.Capabilities{Reserved: w.reserves, Polled: w.mailbox}
}

func (w *wire) Compose(doc content.Document) ([]channels.Part, error) {
	if w.Adapter != nil {
		return w.Adapter.Compose(doc)
	}
	return []channels.Part{{Text: doc.Plain(), Cost: 1}}, nil
}

// told is an event on the wire; addresses do not survive encoding by themselves.
type told struct {
	ID, From, Text, Action, Signal, Moved, Receipt, ReplyTo string
	At                                                      time.Time
}

func (w *wire) ParseWebhook(r *http.Request, body []byte) ([]channels.Event, error) {
	if r.Header.Get("Signature") != "good" {
		return nil, channels.ErrForged
	}
	var all []told
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, err
	}
	var events []channels.Event
	for _, t := range all {
		if t.Text == "panic" {
			panic("a defect in the adapter")
		}
		events = append(events, t.event())
	}
	return events, nil
}

func (t told) event() channels.Event {
	e := channels.Event{ID: t.ID, At: t.At}
	switch {
	case t.Receipt != "":
		e.Receipt = &channels.Receipt{ProviderID: t.Receipt, Status: channels.StatusDelivered}
	case t.Signal != "":
		e.Signal = &channels.Signal{Kind: channels.SignalKind(t.Signal), Address: channels.Address(t.From), NewAddr: channels.Address(t.Moved)}
	default:
		e.Inbound = &channels.Inbound{From: channels.Address(t.From), Text: t.Text, Action: t.Action, ReplyTo: t.ReplyTo}
	}
	return e
}

func (w *wire) WebhookReply(context.Context, []byte, channels.Outcome) (string, []byte) {
	return "text/xml", []byte("<Response/>")
}

func (w *wire) Poll(ctx context.Context, cursor string) ([]channels.Event, string, error) {
	select {
	case w.polled <- cursor:
	case <-ctx.Done():
		return nil, cursor, ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(cursor) >= len(w.pages) {
		return nil, cursor, nil
	}
	return w.pages[len(cursor)], cursor + "x", nil
}

// stage is a real ledger with two groups: harbour has a text and a chat channel of its own, valley shares the
// operator's text channel with it.
type stage struct {
	t               *testing.T
	s               store.Store
	spool           *spool.Spool // nil: none
	ring            *seal.Ring
	clock           func() time.Time // nil: the real one
	harbour, valley gateway.Group
	own, chat, all  gateway.Channel
	wires           map[gateway.ID]*wire
	ears            *inbound.Ears
	f               *fanout.Fanout
	mu              sync.Mutex
	heard           map[inbound.Heard]int
	receipts        []channels.Receipt
	later           time.Duration // by which the ledger's clock is wound
	alerts          inbound.Alerts
	out             []string // of alerts, and the number and who it was
	broken          error    // what the store answers, if anything is wrong with it
}

func newRing(t *testing.T) *seal.Ring {
	ring, err := seal.NewRing(make([]byte, 32), seal.Key{ID: "k1", Secret: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	return ring
}

func newStage(t *testing.T) *stage {
	ring := newRing(t)
	st := &stage{}
	s, err := sqlite.Open(t.Context(), sqlite.Options{Dir: blank.Folder(t), Ring: ring, Now: st.now, Country: countryOf})
	if err != nil {
		t.Fatal(err)
	}
	return st.on(t, s, ring)
}

func (st *stage) on(t *testing.T, s store.Store, ring *seal.Ring) *stage {
	st.t, st.s, st.ring, st.wires, st.heard = t, s, ring, map[gateway.ID]*wire{}, map[inbound.Heard]int{}
	var err error
	t.Cleanup(func() { st.ok(st.s.Close()) })
	topics := []gateway.Topic{{Name: "reports"}, {Name: "alerts"}}
	st.harbour, err = st.s.PutGroup(t.Context(), gateway.Group{Slug: "harbour", Name: "Harbour", Locale: "en", Zone: "UTC", Region: "GB", Countries: []string{"GB", "KE"}, Topics: topics})
	st.ok(err)
	st.valley, err = st.s.PutGroup(t.Context(), gateway.Group{Slug: "valley", Name: "Valley", Locale: "en", Zone: "UTC", Topics: topics})
	st.ok(err)
	st.own = st.channel(gateway.Channel{GroupID: st.harbour.ID, Name: "harbour-text", Adapter: "sms", Kind: "sms"})
	st.chat = st.channel(gateway.Channel{GroupID: st.harbour.ID, Name: "harbour-chat", Adapter: "telegram", Kind: "telegram"})
	st.all = st.channel(gateway.Channel{Name: "everyone-text", Adapter: "sms", Kind: "sms"})
	st.f = fanout.New(fanout.Store{Groups: st.s, Log: st.s, Audiences: st.s, Ledger: st.s, Tracking: st.s, Prices: st.s, Asks: st.s, Stale: st.s, Wordings: st.s, Reviews: st.s}, st, fanout.Options{Now: st.now})
	st.ears = st.newEars()
	return st
}

func (st *stage) now() time.Time {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.clock != nil {
		return st.clock()
	}
	return time.Now().Add(st.later)
}

func (st *stage) wind(d time.Duration) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.later += d
}

func (st *stage) channel(c gateway.Channel) gateway.Channel {
	c, err := st.s.PutChannel(context.Background(), c)
	st.ok(err)
	st.wires[c.ID] = &wire{polled: make(chan string)}
	return c
}

func (st *stage) newEars() *inbound.Ears {
	return inbound.New(inbound.Parts{
		Linking: inbound.Linking{Pages: st.s, Points: st.s, Digest: newRing(st.t).Suppression().Of}, Notice: st.s.PutNotice,
		Alerts: st.alerts, Channels: st, Receipts: st, Members: st.s, Groups: st, Consents: st.s, Inbox: st, Cursors: st.s, Limits: st.s, Guests: st.s, Country: countryOf, Polls: true, Spool: st.spool, Now: st.now, Pause: time.Millisecond,
		Wishes: st.s, Answer: func(ctx context.Context, group gateway.ID, key, wording string, to gateway.Audience, data map[string]string) error {
			st.mu.Lock()
			st.out = append(st.out, strings.Join(strings.Fields(strings.Join([]string{wording, data["code"], data["codes"], data["who"]}, " ")), " "))
			st.mu.Unlock()
			_, err := st.f.Tell(ctx, fanout.Note{Group: group, Key: key, Wording: wording, Audience: to, Data: data})
			return err
		},
		Duty: func(ctx context.Context, duty string, work func(context.Context, int64)) {
			f, err := st.s.Hold(ctx, duty, gateway.ID{1}, time.Hour)
			if err == nil && f.Held() {
				work(ctx, f.Token)
			}
		},
		Count: func(_ gateway.ID, what inbound.Heard) {
			st.mu.Lock()
			defer st.mu.Unlock()
			st.heard[what]++
		},
	})
}

// countryOf knows three prefixes.
func countryOf(kind string, address gateway.Private) string {
	if kind != "sms" {
		return ""
	}
	for prefix, country := range map[string]string{"+44": "GB", "+254": "KE", "+49": "DE"} {
		if strings.HasPrefix(address.Reveal(), prefix) {
			return country
		}
	}
	return gateway.UnknownCountry
}

func (st *stage) All() []gateway.Channel { return []gateway.Channel{st.own, st.chat, st.all} }

func (st *stage) Usable(group gateway.ID) []gateway.Channel {
	return slices.DeleteFunc(st.All(), func(c gateway.Channel) bool { return c.GroupID != group && !c.GroupID.IsZero() })
}

func (st *stage) Adapter(id gateway.ID) (channels.Adapter, bool) {
	w, ok := st.wires[id]
	return w, ok
}

func (st *stage) ByName(name string) (gateway.Channel, channels.Adapter, bool) {
	for _, c := range st.All() {
		if c.Name == name {
			return c, st.wires[c.ID], true
		}
	}
	return gateway.Channel{}, nil, false
}

func (st *stage) Observe(_ context.Context, _ gateway.ID, receipts []channels.Receipt) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.receipts = append(st.receipts, receipts...)
	return st.broken
}

// Receive stands before the real inbox, so that a test can break it.
func (st *stage) Receive(ctx context.Context, m gateway.InboundMessage) (bool, error) {
	st.mu.Lock()
	broken := st.broken
	st.mu.Unlock()
	if broken != nil {
		return false, broken
	}
	return st.s.Receive(ctx, m)
}

// Groups stands before the real ones, in the same way.
func (st *stage) Groups(ctx context.Context) ([]gateway.Group, error) {
	st.mu.Lock()
	broken := st.broken
	st.mu.Unlock()
	if broken != nil {
		return nil, broken
	}
	return st.s.Groups(ctx)
}

func (st *stage) Wordings(ctx context.Context, group gateway.ID) (map[string]map[string]string, error) {
	return st.s.Wordings(ctx, group)
}

func (st *stage) setBroken(err error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	st.broken = err
}

func (st *stage) ok(err error) {
	st.t.Helper()
	if err != nil {
		st.t.Fatal(err)
	}
}

// enrol makes a member with points such as "sms:+44…" or "?sms:+44…" (unconfirmed).
func (st *stage) enrol(g gateway.Group, points ...string) gateway.ID {
	st.t.Helper()
	return st.enrolAll(g, points)[0]
}

// enrolAll makes a member of each list of points.
func (st *stage) enrolAll(g gateway.Group, members ...[]string) (ids []gateway.ID) {
	st.t.Helper()
	ctx, imp := st.t.Context(), gateway.NewID()
	var rows []gateway.StagedMember
	for i, points := range members {
		row := gateway.StagedMember{Line: i + 2, Member: gateway.Member{Name: "Ann", Locale: "en", Zone: "UTC", Ref: gateway.Private(gateway.NewID().String())}}
		for _, p := range points {
			kind, address, _ := strings.Cut(strings.TrimPrefix(p, "?"), ":")
			point := gateway.ContactPoint{ID: gateway.NewID(), Kind: kind, Address: gateway.Private(address)}
			row.Member.Points = append(row.Member.Points, point)
			if !strings.HasPrefix(p, "?") {
				row.Consents = append(row.Consents, gateway.Consent{PointID: point.ID, Topic: "reports", Granted: true, Wording: "w1", Locale: "en", At: time.Now().Add(-time.Hour), Proof: "paper", Source: "import"})
			}
		}
		rows = append(rows, row)
	}
	st.ok(st.s.BeginImport(ctx, gateway.Import{ID: imp, GroupID: g.ID, At: time.Now()}))
	staged, err := st.s.Stage(ctx, g.ID, imp, rows)
	st.ok(err)
	st.ok(st.s.Publish(ctx, g.ID, imp))
	for _, s := range staged {
		ids = append(ids, s.MemberID)
	}
	return ids
}

// call sends a webhook and gives the answer.
func (st *stage) call(channel, signature string, body string) *httptest.ResponseRecorder {
	mux := http.NewServeMux()
	mux.Handle("/hooks/{channel}", st.ears)
	r := httptest.NewRequest(http.MethodPost, "/hooks/"+channel+"?a=1", strings.NewReader(body))
	r.Header.Set("Signature", signature)
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, r)
	return w
}

// say sends what a member says over a channel; it must be taken.
func (st *stage) say(ch gateway.Channel, events ...told) {
	st.t.Helper()
	body, err := json.Marshal(events)
	st.ok(err)
	if w := st.call(ch.Name, "good", string(body)); w.Code != http.StatusOK {
		st.t.Fatalf("answered %d", w.Code)
	}
}

// states gives the states of a member's points, in her order.
func (st *stage) states(g gateway.Group, member gateway.ID) string {
	st.t.Helper()
	m, err := st.s.Member(st.t.Context(), g.ID, member)
	st.ok(err)
	var all []string
	for _, p := range m.Points {
		all = append(all, string(p.State))
	}
	return strings.Join(all, " ")
}

// inbox gives what a group can read, the newest first.
func (st *stage) inbox(g gateway.Group) []gateway.InboundMessage {
	st.t.Helper()
	all, err := st.s.Inbound(st.t.Context(), g.ID, gateway.ID{}, 100)
	st.ok(err)
	return all
}

// answers plans what is to be answered and gives the deliveries of a group.
func (st *stage) answers(g gateway.Group) []gateway.Delivery {
	st.t.Helper()
	ctx, cancel := context.WithCancel(st.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = st.f.Run(ctx)
	}()
	defer func() { cancel(); <-done }()
	for {
		open, err := st.s.Unplanned(ctx, 10)
		st.ok(err)
		if len(open) == 0 {
			break
		}
		st.f.Wake()
		<-time.After(time.Millisecond)
	}
	all, err := st.s.Deliveries(ctx, gateway.DeliveryFilter{Group: g.ID, Limit: 100})
	st.ok(err)
	return all
}
