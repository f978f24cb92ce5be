package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store"
)

// world is a ledger with two groups and two channels.
type world struct {
	testing.TB
	store.Store
	ctx           context.Context
	clock         *Clock
	place         string
	open          Open
	group, other  gateway.Group
	sms, telegram gateway.Channel
	by            gateway.Claimant
	serial        int
}

func newWorld(t testing.TB, open Open) *world {
	w := &world{TB: t, ctx: context.Background(), clock: NewClock(), place: t.TempDir(), open: open, by: gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute}}
	w.Store = open(t, w.place, w.clock.Now)
	t.Cleanup(func() { w.ok(w.Close()) })
	topics := []gateway.Topic{{Name: "reports", Title: "Reports"}, {Name: "alerts", Title: "Alerts"}}
	w.group = w.putGroup("harbour", topics)
	w.other = w.putGroup("hill", topics)
	w.sms = w.putChannel("sms-main", "sms")
	w.telegram = w.putChannel("telegram-main", "telegram")
	return w
}

func (w *world) putGroup(slug string, topics []gateway.Topic) gateway.Group {
	g, err := w.PutGroup(w.ctx, gateway.Group{Slug: slug, Name: "The " + slug, Locale: "en", Fallback: []string{"de"}, Zone: "Europe/Berlin", Region: "DE", Topics: topics})
	w.ok(err)
	return g
}

func (w *world) putChannel(name, kind string) gateway.Channel {
	c, err := w.PutChannel(w.ctx, gateway.Channel{Name: name, Adapter: kind, Kind: kind, Options: []byte(`{"token":"hush"}`)})
	w.ok(err)
	return c
}

// crash closes and opens again, as a new process would.
func (w *world) crash() {
	w.Helper()
	w.ok(w.Close())
	w.Store = w.open(w.TB, w.place, w.clock.Now)
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// fails checks the code of a fault.
func (w *world) fails(err error, code gateway.Code) {
	w.Helper()
	if !errors.Is(err, &gateway.Fault{Code: code}) {
		w.Fatalf("want a fault %q, got %v", code, err)
	}
}

func equal[T comparable](w testing.TB, what string, got, want T) {
	w.Helper()
	if got != want {
		w.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// number is an address of a kind that nobody has yet.
func (w *world) number(kind string) gateway.Private {
	w.serial++
	if kind == "sms" {
		return gateway.Private(fmt.Sprintf("+1555010%04d", w.serial))
	}
	return gateway.Private(fmt.Sprintf("%s-%d", kind, w.serial))
}

// row is a member of a file with consent to reports on every contact point.
func (w *world) row(ref string, kinds ...string) gateway.StagedMember {
	w.serial++
	row := gateway.StagedMember{Line: w.serial + 1, Member: gateway.Member{Ref: gateway.Private(ref), Name: gateway.Private("Name of " + ref), Locale: "en", Zone: "Europe/Berlin"}}
	for _, kind := range kinds {
		w.addPoint(&row, kind, w.number(kind), "reports")
	}
	return row
}

func (w *world) addPoint(row *gateway.StagedMember, kind string, address gateway.Private, topics ...string) {
	point := gateway.NewID()
	state := gateway.PointUnconfirmed
	for _, topic := range topics {
		state = gateway.PointActive
		row.Consents = append(row.Consents, gateway.Consent{PointID: point, Topic: topic, Granted: true, Wording: "v1", Locale: "en", At: w.clock.Now(), Proof: "a form on paper", Source: "import"})
	}
	row.Member.Points = append(row.Member.Points, gateway.ContactPoint{ID: point, Kind: kind, Address: address, State: state, Topics: topics})
}

func (w *world) begin(group gateway.ID) gateway.ID {
	imp := gateway.NewID()
	w.ok(w.BeginImport(w.ctx, gateway.Import{ID: imp, GroupID: group, Author: "the office", At: w.clock.Now()}))
	return imp
}

func (w *world) stage(group, imp gateway.ID, rows ...gateway.StagedMember) []gateway.Staged {
	w.Helper()
	staged, err := w.Stage(w.ctx, group, imp, rows)
	w.ok(err)
	equal(w, "answers to staging", len(staged), len(rows))
	return staged
}

// take imports rows in one go.
func (w *world) take(group gateway.ID, rows ...gateway.StagedMember) []gateway.Staged {
	w.Helper()
	imp := w.begin(group)
	staged := w.stage(group, imp, rows...)
	w.ok(w.Publish(w.ctx, group, imp))
	return staged
}

// member makes a member with consent to reports.
func (w *world) member(kinds ...string) gateway.Member {
	w.Helper()
	return w.memberOf(w.group.ID, kinds...)
}

func (w *world) memberOf(group gateway.ID, kinds ...string) gateway.Member {
	w.Helper()
	w.serial++
	staged := w.take(group, w.row(fmt.Sprintf("ref-%d", w.serial), kinds...))
	m, err := w.Member(w.ctx, group, staged[0].MemberID)
	w.ok(err)
	return m
}

// submit stores a broadcast of a class with a key of its own.
func (w *world) submit(class gateway.Class, change ...func(*gateway.Broadcast)) gateway.Broadcast {
	w.Helper()
	b := w.draft(class, change...)
	s, err := w.Submit(w.ctx, b, []byte(b.Key), nil)
	w.ok(err)
	equal(w, "submitted", s, gateway.Submission{ID: b.ID, Created: true})
	return b
}

func (w *world) draft(class gateway.Class, change ...func(*gateway.Broadcast)) gateway.Broadcast {
	w.serial++
	now := w.clock.Now()
	policy := gateway.PolicyOf(class)
	b := gateway.Broadcast{ID: gateway.NewID(), GroupID: w.group.ID, Key: fmt.Sprintf("key-%d", w.serial), Kind: gateway.KindReport, Class: class, Audience: gateway.Audience{Topic: "reports"},
		Words: gateway.Words{Sources: map[string]string{"en": "All is well"}, Data: map[string]string{"who": "we"}}, Author: "the office", State: gateway.Planning, Policy: policy,
		CreatedAt: now, StartAt: now, ExpiresAt: now.Add(policy.Expires)}
	for _, f := range change {
		f(&b)
	}
	return b
}

// plan writes one chunk with a delivery for each member at her first contact point, and the end.
func (w *world) plan(b gateway.Broadcast, partCount int, members ...gateway.Member) []gateway.ID {
	w.Helper()
	c, ids := w.chunk(b, partCount, members...)
	w.ok(w.Plan(w.ctx, c))
	return ids
}

func (w *world) chunk(b gateway.Broadcast, partCount int, members ...gateway.Member) (c gateway.Chunk, ids []gateway.ID) {
	c = gateway.Chunk{Broadcast: b.ID, Group: b.GroupID, Last: true, Lane: b.Policy.Lane, MoveAfter: b.Policy.Window, Cursor: gateway.NewID()}
	kinds := map[string]bool{}
	for _, m := range members {
		p := m.Points[0]
		d := gateway.NewDelivery{ID: gateway.NewID(), MemberID: m.ID, Locale: "en", Channel: w.channelOf(p.Kind).ID, Point: p.ID, Due: w.clock.Now()}
		c.Deliveries = append(c.Deliveries, d)
		ids = append(ids, d.ID)
		kinds[p.Kind] = true
	}
	for kind := range kinds {
		r := gateway.Rendering{BroadcastID: b.ID, GroupID: b.GroupID, Locale: "en", Kind: kind, Cost: partCount}
		for i := range partCount {
			r.Parts = append(r.Parts, fmt.Appendf(nil, `{"text":"part %d"}`, i))
		}
		c.Renderings = append(c.Renderings, r)
	}
	return c, ids
}

func (w *world) channelOf(kind string) gateway.Channel {
	if kind == "telegram" {
		return w.telegram
	}
	return w.sms
}

// one is a broadcast of a class to one new member, planned.
func (w *world) one(class gateway.Class, partCount int, kinds ...string) (gateway.Broadcast, gateway.Member, gateway.ID) {
	w.Helper()
	m := w.member(kinds...)
	b := w.submit(class)
	return b, m, w.plan(b, partCount, m)[0]
}

// claim gives one delivery to the usual claimant.
func (w *world) claim(delivery gateway.ID) gateway.Claim {
	w.Helper()
	_, claims, err := w.Exchange(w.ctx, w.by, nil, []gateway.ID{delivery})
	w.ok(err)
	equal(w, "answers to a claim", len(claims), 1)
	equal(w, "the claimed delivery", claims[0].Delivery, delivery)
	return claims[0]
}

// granted claims and insists.
func (w *world) granted(delivery gateway.ID) gateway.Claim {
	w.Helper()
	c := w.claim(delivery)
	equal(w, "verdict", c.Verdict, gateway.Granted)
	return c
}

func (w *world) settle(o gateway.Outcome) error {
	w.Helper()
	errs, _, err := w.Exchange(w.ctx, gateway.Claimant{}, []gateway.Outcome{o}, nil)
	w.ok(err)
	equal(w, "answers to settling", len(errs), 1)
	return errs[0]
}

// accepted settles a claim as handed over.
func (w *world) accepted(c gateway.Claim) {
	w.Helper()
	w.ok(w.settle(gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Accepted, Part: c.FirstPart, ProviderID: "SM" + c.Attempt.Short(), Cost: 1}))
}

// refused settles a claim as refused, with what comes next.
func (w *world) refused(c gateway.Claim, next gateway.Step) {
	w.Helper()
	w.ok(w.settle(gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Refused, Part: c.FirstPart, Spent: true, Next: next,
		Refusal: gateway.Refusal{Class: "permanent", Scope: "address", Code: "30005", Detail: "unknown handset"}}))
}

func (w *world) inDoubt(c gateway.Claim, lookAt time.Time) {
	w.Helper()
	w.ok(w.settle(gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.InDoubt, Part: c.FirstPart, Spent: true, LookAt: lookAt}))
}

func (w *world) observe(r gateway.Receipt) gateway.Effect {
	w.Helper()
	effects, err := w.Observe(w.ctx, []gateway.Receipt{r})
	w.ok(err)
	equal(w, "answers to a receipt", len(effects), 1)
	return effects[0]
}

func (w *world) delivery(id gateway.ID) gateway.Delivery {
	w.Helper()
	d, err := w.Delivery(w.ctx, w.group.ID, id)
	w.ok(err)
	return d
}

// is checks a delivery's state (and reason, if it is ended) and that the tallies agree with a recount.
func (w *world) is(id gateway.ID, state gateway.DeliveryState, reason gateway.Reason) gateway.Delivery {
	w.Helper()
	d := w.delivery(id)
	if d.State != state || d.Reason != reason {
		w.Fatalf("the delivery is %q %q, want %q %q (attempts %+v)", d.State, d.Reason, state, reason, d.Attempts)
	}
	w.recount(d.BroadcastID)
	return d
}

type tallied struct {
	channel gateway.ID
	state   gateway.DeliveryState
	reason  gateway.Reason
}

// recount compares a broadcast's tallies with its deliveries.
func (w *world) recount(broadcast gateway.ID) map[tallied]int {
	w.Helper()
	want := map[tallied]int{}
	var after gateway.ID
	for {
		page, err := w.Deliveries(w.ctx, gateway.DeliveryFilter{Group: w.group.ID, Broadcast: broadcast, After: after, Limit: 1000})
		w.ok(err)
		for _, d := range page {
			want[tallied{d.ChannelID, d.State, d.Reason}]++
			after = d.ID
		}
		if len(page) < 1000 {
			break
		}
	}
	tallies, err := w.Tallies(w.ctx, w.group.ID, broadcast)
	w.ok(err)
	got := map[tallied]int{}
	for _, t := range tallies {
		if t.Count <= 0 {
			w.Fatalf("a tally of %d: %+v", t.Count, t)
		}
		got[tallied{t.ChannelID, t.State, t.Reason}] += t.Count
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		w.Fatalf("the tallies are %v, a recount gives %v", got, want)
	}
	return want
}

// due lists what is due on a channel in the lane of a class.
func (w *world) due(channel gateway.Channel, lane gateway.Lane) []gateway.ID {
	w.Helper()
	shares, err := w.Due(w.ctx, channel.ID, lane, 1000)
	w.ok(err)
	var ids []gateway.ID
	for _, s := range shares {
		ids = append(ids, s.Deliveries...)
	}
	return ids
}
