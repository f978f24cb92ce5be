package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/directory"
	"github.com/carillon-gateway/carillon/gateway/internal/inbound"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/blank"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite"
	"github.com/carillon-gateway/carillon/scheduler"
	"github.com/carillon-gateway/carillon/scheduler/agenda"
	"github.com/carillon-gateway/carillon/scheduler/escalation"
	reporting "github.com/carillon-gateway/carillon/scheduler/report"
	"github.com/carillon-gateway/carillon/scheduler/rota"
)

// world is an instance as its users meet it: a real server, a real ledger, and three groups. Berlin has an
// administrator and one member, Nairobi has an administrator, Lhasa has nobody yet.
type world struct {
	t      *testing.T
	store  *sqlite.Store
	server *server
	url    string
	log    *lockedBuffer
	fake   *services
	clock  *clock
	ics    *icsServer

	berlin, nairobi, lhasa gateway.Group
	member                 gateway.ID
	channel                gateway.Channel
	tokens                 map[string]string // "operator", "berlin viewer", … → text
	ids                    map[string]gateway.ID
}

// Markers are what must never be seen where nobody asked for it.
const (
	memberName    = "Zipporah Quillfeather"
	memberAddress = "+447700900143"
	memberRef     = "K-17-marker"
)

const people = "ref,name,language,zone,sms,consent_topics,consent_wording,consent_language,consent_time,consent_proof\n"

func row(ref, name, address string) string {
	return ref + "," + name + ",de,Europe/Berlin," + address + ",reports,2026-01,de,2026-01-10T12:00:00Z,paper form\n"
}

func newWorld(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	ctx := context.Background()
	ring, err := seal.NewRing(make([]byte, 32), seal.Key{ID: "k1", Secret: make([]byte, 32)})
	must(t, err)
	w := &world{t: t, log: &lockedBuffer{}, tokens: map[string]string{}, ids: map[string]gateway.ID{}, clock: &clock{now: time.Now()}}
	w.store, err = sqlite.Open(ctx, sqlite.Options{Dir: blank.Folder(t), Ring: ring, Now: w.clock.Now})
	must(t, err)
	w.fake = &services{Store: w.store, clock: w.clock, checked: gateway.CheckResult{OK: true}}
	d := directory.New(directory.Parts{Groups: w.store, Members: w.store, Audiences: w.store, Imports: w.store, Kinds: func(gateway.ID) []string { return []string{"sms"} }, Now: w.clock.Now,
		Usable: func(gateway.ID) []gateway.Channel { return nil }, Parse: parseSMS})
	o := Options{Groups: w.store, CheckGroup: directory.CheckGroup, CheckCalendar: agenda.Check, CheckSeries: reporting.Check, CheckRota: rota.Check, Directory: d, Importer: d, Broadcasts: w.fake, Releases: newReleases(w), Ledger: w.store, Costs: w.store, Channels: w.fake, Wordings: w.store, Reviews: w.store, Calendars: newAgenda(w), Feeds: w.store, Schedules: scheduler.NewDesk(w.store, sends{}, w.clock.Now, func() {}), Alerts: alertsOf{escalation.NewDesk(w.store, w.store, cries{w.clock.Now}, w.clock.Now, escalation.Options{Approvers: newReleases(w).Others, Languages: cries{}.languages})}, Reports: reporting.NewDesk(w.store, sends{}, w.clock.Now), Rotas: rota.NewDesk(w.store, sends{}, w.clock.Now), Gaps: func(context.Context, gateway.ID, time.Time, int) ([]gateway.DutyGap, error) {
		return []gateway.DutyGap{{Policy: "night", Step: 2, Role: "medic", Why: "nobody is meant"}}, nil
	},
		Inbox:   inbound.NewDesk(inbound.DeskParts{Conversations: w.store, Answers: w.store, Members: w.store, Groups: w.store, Deliveries: w.store, Post: posts{}}),
		Inviter: invites{w.store}, Invitations: w.store, Access: w.store, Replays: w.store, Applied: w.store, Countries: map[string]bool{"sms": true, "telegram": false}, Status: w.fake.status, Ready: func(context.Context) []string { return w.fake.unready }, Metrics: prometheus.NewRegistry(),
		WeekText: func(_ context.Context, _ gateway.Group, topic, locale string) (gateway.WeekText, error) {
			return gateway.WeekText{Locale: locale, Text: topic}, nil
		},
		Hooks: http.HandlerFunc(w.fake.hook), Holdings: w.store, Link: func(context.Context, gateway.ID, gateway.ID) error { return nil }, Log: slog.New(slog.NewJSONHandler(w.log, nil)), Now: w.clock.Now}
	for _, c := range change {
		c(&o)
	}
	h, err := New(o)
	must(t, err)
	w.server = h.(*server)
	real := httptest.NewServer(h)
	w.url = real.URL
	t.Cleanup(func() {
		real.Close()
		must(t, w.store.Close())
	})
	w.settle(ctx, d)
	return w
}

func (w *world) settle(ctx context.Context, d *directory.Directory) {
	for _, g := range []struct {
		slug string
		into *gateway.Group
	}{{"berlin", &w.berlin}, {"nairobi", &w.nairobi}, {"lhasa", &w.lhasa}} {
		var err error
		topics := []gateway.Topic{{Name: "reports"}}
		if g.slug == "berlin" { // there alerts are raised
			topics = append(topics, gateway.Topic{Name: gateway.OwnersTopic})
		}
		*g.into, err = w.store.PutGroup(ctx, gateway.Group{Slug: g.slug, Name: strings.ToUpper(g.slug), Locale: "de", Zone: "Europe/Berlin", Region: "GB", Topics: topics})
		must(w.t, err)
	}
	w.mint("operator", gateway.ID{}, gateway.Operator)
	for _, role := range []gateway.Role{gateway.Viewer, gateway.Author, gateway.Approver, gateway.Administrator} {
		w.mint("berlin "+string(role), w.berlin.ID, role)
	}
	w.mint("nairobi administrator", w.nairobi.ID, gateway.Administrator)
	report, err := d.Import(ctx, w.berlin, strings.NewReader(people+row(memberRef, memberName, memberAddress)), gateway.ImportOptions{Author: "test"})
	must(w.t, err)
	if !report.Published {
		w.t.Fatalf("the member was not taken in: %+v", report)
	}
	list, err := w.store.Members(ctx, w.berlin.ID, gateway.ID{}, 10)
	must(w.t, err)
	w.member = list[0].ID
	w.channel, err = w.store.PutChannel(ctx, gateway.Channel{GroupID: w.berlin.ID, Name: "sms-berlin", Adapter: "sms", Kind: "sms", Options: json.RawMessage(`{"auth_token":"s3cr3t-marker"}`)})
	must(w.t, err)
	_, err = w.store.PutChannel(ctx, gateway.Channel{Name: "sms-shared", Adapter: "sms", Kind: "sms"})
	must(w.t, err)
}

func (w *world) mint(name string, group gateway.ID, role gateway.Role) {
	text, digest := gateway.MintToken()
	id := gateway.NewID()
	must(w.t, w.store.PutToken(context.Background(), gateway.Token{ID: id, GroupID: group, Role: role, Label: name, Digest: digest, CreatedAt: w.clock.Now()}))
	w.tokens[name], w.ids[name] = text.Reveal(), id
}

// planned is a broadcast of Berlin with one delivery.
func (w *world) planned(key string) (broadcast, delivery gateway.ID) {
	ctx := context.Background()
	done, err := w.fake.Submit(ctx, gateway.Draft{Group: w.berlin.ID, Key: key, Kind: gateway.KindReport, Audience: gateway.Audience{Topic: "reports"}, Words: gateway.Words{Sources: map[string]string{"en": "Hello."}}})
	must(w.t, err)
	m, err := w.store.Member(ctx, w.berlin.ID, w.member)
	must(w.t, err)
	delivery = gateway.NewID()
	must(w.t, w.store.Plan(ctx, gateway.Chunk{Broadcast: done.ID, Group: w.berlin.ID, Cursor: w.member, Last: true, Lane: gateway.Bulk,
		Deliveries: []gateway.NewDelivery{{ID: delivery, MemberID: w.member, Locale: "en", Channel: w.channel.ID, Point: m.Points[0].ID, Due: w.clock.Now()}}}))
	return done.ID, delivery
}

// doubtful is as planned, with an attempt of which nobody knows what became.
func (w *world) doubtful(key string) (broadcast, delivery gateway.ID) {
	ctx := context.Background()
	broadcast, delivery = w.planned(key)
	_, claims, err := w.store.Exchange(ctx, gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute}, nil, []gateway.ID{delivery})
	must(w.t, err)
	errs, _, err := w.store.Exchange(ctx, gateway.Claimant{}, []gateway.Outcome{{Attempt: claims[0].Attempt, Token: claims[0].Token, State: gateway.InDoubt, Refusal: gateway.Refusal{Class: "unknown", Scope: "channel"}}}, nil)
	must(w.t, errors.Join(append(errs, err)...))
	return broadcast, delivery
}

// ask is one request. A body that is no string or reader is sent as JSON.
type ask struct {
	method, path string
	token        string // a name in world.tokens, or a text; empty: none
	body         any
	header       map[string]string
}

type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r reply) problem(t *testing.T) problem {
	t.Helper()
	var p problem
	if err := json.Unmarshal(r.body, &p); err != nil || r.header.Get("Content-Type") != "application/problem+json" || p.Code == "" {
		t.Fatalf("status %d with %q is no problem document: %s", r.status, r.header.Get("Content-Type"), r.body)
	}
	return p
}

func (w *world) ask(a ask) reply {
	w.t.Helper()
	var body io.Reader
	kind := ""
	switch b := a.body.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
		kind = "application/json"
	case io.Reader:
		body = b
	default:
		text, err := json.Marshal(b)
		must(w.t, err)
		body, kind = bytes.NewReader(text), "application/json"
	}
	r, err := http.NewRequest(a.method, w.url+a.path, body)
	must(w.t, err)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if a.token != "" {
		text, named := w.tokens[a.token]
		if !named {
			text = a.token
		}
		r.Header.Set("Authorization", "Bearer "+text)
	}
	for name, value := range a.header {
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	must(w.t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	must(w.t, err)
	return reply{resp.StatusCode, resp.Header, text}
}

// want asks and expects a status; into gets the answer if it is not nil.
func (w *world) want(status int, a ask, into any) reply {
	w.t.Helper()
	r := w.ask(a)
	if r.status != status {
		w.t.Fatalf("%s %s as %q: status %d, want %d: %s", a.method, a.path, a.token, r.status, status, r.body)
	}
	if into != nil {
		if err := json.Unmarshal(r.body, into); err != nil {
			w.t.Fatalf("%s %s: %v in %s", a.method, a.path, err, r.body)
		}
	}
	return r
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func parseSMS(_ gateway.ID, _, _, raw string) (channels.Address, error) {
	digits := strings.ReplaceAll(raw, " ", "")
	if !strings.HasPrefix(digits, "+") || len(digits) < 9 {
		return "", errors.New("this is no number; write it with + and the country's prefix")
	}
	return channels.Address(digits), nil
}

// services stand where fan-out and the live channels will; they keep everything in the real ledger.
type services struct {
	*sqlite.Store
	clock   *clock
	unready []string
	found   []gateway.Finding
	checked gateway.CheckResult // what Check answers

	mu      sync.Mutex
	submits int
	gate    chan struct{} // if not nil, Submit waits for it
	entered chan struct{} // if not nil, Submit says that it began
	fail    error         // what Submit answers instead
	panics  any           // what Submit panics with instead
}

func (s *services) Submit(ctx context.Context, d gateway.Draft) (gateway.HandedIn, error) {
	s.mu.Lock()
	s.submits++
	gate, entered, fail, panics := s.gate, s.entered, s.fail, s.panics
	s.mu.Unlock()
	if entered != nil {
		entered <- struct{}{}
	}
	if gate != nil {
		<-gate
	}
	if panics != nil {
		panic(panics)
	}
	if fail != nil {
		return gateway.HandedIn{}, fail
	}
	class, err := gateway.ClassOf(d.Kind, d.DangerToLife)
	if err != nil {
		return gateway.HandedIn{}, err
	}
	now := s.clock.Now()
	if d.Key == "" {
		d.Key = gateway.NewID().String()
	}
	done, err := s.Store.Submit(ctx, gateway.Broadcast{ID: gateway.NewID(), GroupID: d.Group, Key: d.Key, Kind: d.Kind, Class: class, Audience: d.Audience, Words: d.Words, Author: d.Author,
		Policy: gateway.PolicyOf(class), CreatedAt: now, StartAt: now, ExpiresAt: now.Add(time.Hour)}, fmt.Append(nil, d.Kind, d.Audience, d.Words), nil)
	return gateway.HandedIn{Submission: done}, err
}

func (s *services) submitted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.submits
}

func (s *services) Preview(context.Context, gateway.Draft) (gateway.Preview, error) {
	return gateway.Preview{Members: 1, Reached: 1}, nil
}

func (s *services) Stop(ctx context.Context, group, id gateway.ID) error {
	return s.SetState(ctx, group, id, true)
}

func (s *services) Resume(ctx context.Context, group, id gateway.ID) error {
	return s.SetState(ctx, group, id, false)
}

func (s *services) Ask(ctx context.Context, group gateway.ID, _ []string, author string) (gateway.HandedIn, error) {
	now := time.Now()
	done, err := s.Store.Submit(ctx, gateway.Broadcast{ID: gateway.NewID(), GroupID: group, Key: "ask", Kind: "enrol-ask", Class: gateway.Account, Audience: gateway.Audience{Unconfirmed: true},
		Author: author, Policy: gateway.PolicyOf(gateway.Account), CreatedAt: now, StartAt: now, ExpiresAt: now.Add(time.Minute)}, []byte("ask"), nil)
	return gateway.HandedIn{Submission: done}, err
}

// invites stands where the live channels say how one gets in.
type invites struct{ gateway.Invitations }

func (s invites) Invite(ctx context.Context, i gateway.Invitation) (gateway.IssuedInvitation, error) {
	code, link := gateway.MintInvitation()
	return gateway.IssuedInvitation{Invitation: i, Code: code.Reveal(), SMS: "sms:+12025550142?body=" + code.Reveal()}, s.PutInvitation(ctx, i, code, link)
}

func (s *services) Replay(ctx context.Context, group, id gateway.ID) (int, error) {
	if _, err := s.Broadcast(ctx, group, id); err != nil {
		return 0, err
	}
	return s.Release(ctx, group, id, true, 100)
}

func (s *services) Try(ctx context.Context, c gateway.Channel) (gateway.Channel, error) {
	if c.Adapter != "sms" {
		return c, gateway.Faultf(gateway.CodeInvalid, "there is no adapter %q; use sms", c.Adapter)
	}
	c.Kind = "sms"
	return c, ctx.Err()
}

func (s *services) PutChannel(ctx context.Context, c gateway.Channel, _ bool) (gateway.Channel, error) {
	c, err := s.Try(ctx, c)
	if err != nil {
		return c, err
	}
	return s.Store.PutChannel(ctx, c)
}

func (s *services) Check(context.Context, gateway.ID) (gateway.CheckResult, error) {
	return s.checked, nil
}

func (s *services) Views(ctx context.Context) ([]gateway.ChannelView, error) {
	all, err := s.Channels(ctx)
	views := make([]gateway.ChannelView, len(all))
	for i, c := range all {
		views[i] = gateway.ChannelView{Channel: c, Breaker: "closed", Rates: []gateway.ChannelRate{}, Backlog: map[string]int{}, Errors: []gateway.ChannelError{}}
	}
	return views, err
}

func (s *services) Delete(ctx context.Context, c gateway.Channel, by string) error {
	return s.DeleteChannel(ctx, c.ID, by)
}

func (s *services) Former(ctx context.Context) ([]gateway.FormerChannel, error) {
	return s.FormerChannels(ctx)
}

func (s *services) CloseIncident(ctx context.Context, id gateway.ID, by string) error {
	_, err := s.Store.CloseIncident(ctx, id, by)
	return err
}

func (s *services) status(ctx context.Context) (gateway.Status, error) {
	all, err := s.Channels(ctx)
	st := gateway.Status{Version: "test", Profile: "alone", Findings: s.found}
	for _, c := range all {
		st.Channels = append(st.Channels, gateway.ChannelStatus{ID: c.ID, Name: c.Name, Kind: c.Kind, Backlog: 2})
	}
	return st, err
}

func (s *services) hook(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/hooks/panic" {
		panic("hook")
	}
	w.WriteHeader(http.StatusNoContent)
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) wind(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var (
	_ Directory  = (*directory.Directory)(nil)
	_ Importer   = (*directory.Directory)(nil)
	_ Broadcasts = (*services)(nil)
	_ Channels   = (*services)(nil)
	_ Ledger     = (*sqlite.Store)(nil)
	_ Wordings   = (*sqlite.Store)(nil)
)

// ReadyDuty makes ready what is said of duty.
func (sends) ReadyDuty(_ context.Context, m gateway.DutyMessage) (*gateway.ReadyBroadcast, error) {
	now := time.Date(2026, 3, 28, 9, 0, 0, 0, time.UTC)
	return &gateway.ReadyBroadcast{Fingerprint: []byte(m.Key), Broadcast: gateway.Broadcast{ID: gateway.NewID(), GroupID: m.Group, Key: m.Key, Kind: gateway.Kind(m.Wording), Class: gateway.Account, Audience: gateway.Audience{Members: []gateway.ID{m.Member}},
		Words: gateway.Words{Sources: map[string]string{"en": "Duty"}}, State: gateway.Planning, Policy: gateway.PolicyOf(gateway.Account), CreatedAt: now, StartAt: now, ExpiresAt: m.Expires}}, nil
}
