package storetest

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

func planned(t *testing.T, open Open) {
	w := newWorld(t, open)
	b := w.submit(gateway.Report)
	m1, m2, m3 := w.member("sms"), w.member("sms"), w.member("sms")
	delivery := func(m gateway.Member) gateway.NewDelivery {
		return gateway.NewDelivery{ID: gateway.NewID(), MemberID: m.ID, Locale: "en", Channel: w.sms.ID, Point: m.Points[0].ID, Due: w.clock.Now()}
	}
	first := gateway.Chunk{Broadcast: b.ID, Group: w.group.ID, Cursor: m2.ID, Lane: gateway.Bulk, Deliveries: []gateway.NewDelivery{delivery(m1), {ID: gateway.NewID(), MemberID: m2.ID, Locale: "en", Reason: gateway.ReasonSuppressed, Detail: "no consent"}}}
	w.ok(w.Plan(w.ctx, first))
	again := first
	again.Deliveries = []gateway.NewDelivery{delivery(m1)}
	if err := w.Plan(w.ctx, again); !errors.Is(err, gateway.ErrStale) {
		t.Fatalf("a chunk behind a cursor that has gone on: %v", err)
	}
	got, err := w.Broadcast(w.ctx, w.group.ID, b.ID)
	w.ok(err)
	equal(t, "planned", got.Planned, 2)
	equal(t, "state", got.State, gateway.Planning)
	equal(t, "cursor", got.Cursor, m2.ID)

	w.ok(w.Plan(w.ctx, gateway.Chunk{Broadcast: b.ID, Group: w.group.ID, After: m2.ID, Cursor: m3.ID, Last: true, Lane: gateway.Bulk, Deliveries: []gateway.NewDelivery{delivery(m3)}}))
	got, err = w.Broadcast(w.ctx, w.group.ID, b.ID)
	w.ok(err)
	equal(t, "planned", got.Planned, 3)
	equal(t, "state", got.State, gateway.Planned)
	if err := w.Plan(w.ctx, gateway.Chunk{Broadcast: b.ID, Group: w.group.ID, After: m3.ID, Cursor: m3.ID, Last: true, Lane: gateway.Bulk}); !errors.Is(err, gateway.ErrStale) {
		t.Fatalf("a chunk behind the last: %v", err)
	}
	counts := w.recount(b.ID)
	equal(t, "waiting", counts[tallied{w.sms.ID, gateway.Waiting, ""}], 2)
	equal(t, "left out", counts[tallied{gateway.ID{}, gateway.Ended, gateway.ReasonSuppressed}], 1)
	d := w.delivery(first.Deliveries[1].ID)
	equal(t, "why she was left out", d.Detail, "no consent")

	big := gateway.Chunk{Broadcast: w.submit(gateway.Report).ID, Group: w.group.ID, Cursor: m3.ID, Deliveries: make([]gateway.NewDelivery, gateway.MaxChunk+1)}
	if w.Plan(w.ctx, big) == nil {
		t.Fatal("a chunk over the limit was taken")
	}
	// A member is planned once for a broadcast, whatever the cursor says; the chunk fails as a whole.
	b2 := w.submit(gateway.Report)
	if err := w.Plan(w.ctx, gateway.Chunk{Broadcast: b2.ID, Group: w.group.ID, Cursor: m1.ID, Lane: gateway.Bulk, Deliveries: []gateway.NewDelivery{delivery(m2), delivery(m1), delivery(m1)}}); err == nil {
		t.Fatal("one member was planned twice")
	}
	got, err = w.Broadcast(w.ctx, w.group.ID, b2.ID)
	w.ok(err)
	equal(t, "planned by a chunk that failed", got.Planned, 0)
	equal(t, "counted", len(w.recount(b2.ID)), 0)
}

func due(t *testing.T, open Open) {
	w := newWorld(t, open)
	b := w.submit(gateway.Report)
	var ids []gateway.ID
	c := gateway.Chunk{Broadcast: b.ID, Group: w.group.ID, Last: true, Cursor: gateway.NewID(), Lane: gateway.Bulk}
	for i := range 4 {
		m := w.member("sms")
		d := gateway.NewDelivery{ID: gateway.NewID(), MemberID: m.ID, Locale: "en", Channel: w.sms.ID, Point: m.Points[0].ID, Due: w.clock.Now().Add(time.Duration(3-i) * time.Minute)}
		if i == 3 {
			d.Channel = w.telegram.ID
		}
		c.Deliveries = append(c.Deliveries, d)
		ids = append(ids, d.ID)
	}
	w.ok(w.Plan(w.ctx, c))
	equal(t, "due at once on the other channel", slices.Equal(w.due(w.telegram, gateway.Bulk), ids[3:]), true)
	equal(t, "due before its time", len(w.due(w.sms, gateway.Bulk)), 0)
	w.clock.Wind(2 * time.Minute)
	equal(t, "the longest due first", slices.Equal(w.due(w.sms, gateway.Bulk), []gateway.ID{ids[2], ids[1]}), true)
	equal(t, "due in another lane", len(w.due(w.sms, gateway.Urgent)), 0)
	share, err := w.Due(w.ctx, w.sms.ID, gateway.Bulk, 1)
	w.ok(err)
	equal(t, "a share of one", len(share) == 1 && share[0].Group == w.group.ID && slices.Equal(share[0].Deliveries, ids[2:3]), true)
	equal(t, "a claim before its time", w.claim(ids[0]).Verdict, gateway.NotDue)
	w.granted(ids[2])
	equal(t, "due once claimed", slices.Equal(w.due(w.sms, gateway.Bulk), ids[1:2]), true)
	equal(t, "a claim of nothing", w.claim(gateway.NewID()).Verdict, gateway.NotDue)
}

// Each group with something due has its share, however much another has; a group with nothing due yet has none.
func dueByGroup(t *testing.T, open Open) {
	w := newWorld(t, open)
	later := w.putGroup("later", nil)
	put := func(group gateway.ID, n int, due time.Time) []gateway.ID {
		b := w.submit(gateway.Report, func(b *gateway.Broadcast) { b.GroupID = group })
		c := gateway.Chunk{Broadcast: b.ID, Group: group, Last: true, Cursor: gateway.NewID(), Lane: gateway.Bulk}
		var ids []gateway.ID
		for i := range n {
			m := w.memberOf(group, "sms")
			ids = append(ids, gateway.NewID())
			c.Deliveries = append(c.Deliveries, gateway.NewDelivery{ID: ids[i], MemberID: m.ID, Locale: "en", Channel: w.sms.ID, Point: m.Points[0].ID, Due: due.Add(time.Duration(i) * time.Second)})
		}
		w.ok(w.Plan(w.ctx, c))
		return ids
	}
	now := w.clock.Now()
	many, few := put(w.group.ID, 30, now), put(w.other.ID, 2, now.Add(-time.Minute))
	soon := put(later.ID, 1, now.Add(time.Hour))
	w.clock.Wind(time.Minute)
	check := func(what string, each int, want ...gateway.Share) {
		t.Helper()
		got, err := w.Due(w.ctx, w.sms.ID, gateway.Bulk, each)
		w.ok(err)
		equal(t, what, slices.EqualFunc(got, want, func(a, b gateway.Share) bool {
			return a.Group == b.Group && slices.Equal(a.Deliveries, b.Deliveries)
		}), true)
	}
	check("five of each, the longest due first", 5, gateway.Share{Group: w.other.ID, Deliveries: few}, gateway.Share{Group: w.group.ID, Deliveries: many[:5]})
	check("one of each", 1, gateway.Share{Group: w.other.ID, Deliveries: few[:1]}, gateway.Share{Group: w.group.ID, Deliveries: many[:1]})
	for _, id := range few {
		w.granted(id)
	}
	check("once one group's are claimed", 100, gateway.Share{Group: w.group.ID, Deliveries: many})
	next, err := w.NextDue(w.ctx, w.sms.ID, gateway.Bulk)
	w.ok(err)
	equal(t, "what comes, of whichever group", next.Equal(now.Add(time.Hour)), true)
	w.clock.Wind(time.Hour)
	check("when the third's time has come", 1, gateway.Share{Group: w.group.ID, Deliveries: many[:1]}, gateway.Share{Group: later.ID, Deliveries: soon})
}

func twoClaimants(t *testing.T, open Open) {
	w := newWorld(t, open)
	b := w.submit(gateway.Report)
	var people []gateway.Member
	for range 20 {
		people = append(people, w.member("sms"))
	}
	ids := w.plan(b, 1, people...)
	var mu sync.Mutex
	var all sync.WaitGroup
	tokens := map[gateway.ID]int{}
	for range 8 {
		all.Go(func() {
			_, claims, err := w.Exchange(w.ctx, gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute}, nil, ids)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			for i, c := range claims {
				if c.Delivery != ids[i] {
					t.Error("claims are answered out of order")
				}
				if c.Verdict == gateway.Granted {
					tokens[c.Delivery]++
				}
			}
		})
	}
	all.Wait()
	for _, id := range ids {
		equal(t, "how many got a delivery", tokens[id], 1)
	}
	equal(t, "sending", w.recount(b.ID)[tallied{w.sms.ID, gateway.Sending, ""}], 20)
}

func claimed(t *testing.T, open Open) {
	w := newWorld(t, open)
	m := w.member("sms", "telegram")
	b := w.submit(gateway.Reminder)
	id := w.plan(b, 2, m)[0]
	c := w.granted(id)
	equal(t, "group", c.Group, w.group.ID)
	equal(t, "broadcast", c.Broadcast, b.ID)
	equal(t, "member", c.Member, m.ID)
	equal(t, "point", c.Point, m.Points[0].ID)
	equal(t, "channel", c.Channel, w.sms.ID)
	equal(t, "kind", c.Kind, "sms")
	equal(t, "address", c.Address.Reveal(), m.Points[0].Address.Reveal())
	equal(t, "locale", c.Locale, "en")
	equal(t, "number", c.No, 1)
	equal(t, "first part", c.FirstPart, 0)
	equal(t, "class", c.Class, gateway.Reminder)
	equal(t, "topic", c.Topic, "reports")
	equal(t, "policy", c.Policy, b.Policy)
	equal(t, "expiry", c.Expires, b.ExpiresAt)
	if c.Attempt.IsZero() || c.Token == 0 {
		t.Fatal("a claim without attempt or token")
	}
	d := w.is(id, gateway.Sending, "")
	equal(t, "attempts", len(d.Attempts), 1)
	equal(t, "attempt", d.Attempts[0].ID, c.Attempt)
	equal(t, "claimed at", d.Attempts[0].ClaimedAt, w.clock.Now())

	w.ok(w.settle(gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Refused, Spent: true, Next: gateway.Step{Kind: gateway.StepPoint, Due: w.clock.Now(), Channel: w.telegram.ID, Point: m.Points[1].ID, Resend: true}}))
	c2 := w.granted(id)
	equal(t, "number of the second attempt", c2.No, 2)
	equal(t, "tries before it", c2.Tries, 1)
	equal(t, "resends before it", c2.Resends, 1)
	equal(t, "second kind", c2.Kind, "telegram")
	equal(t, "second address", c2.Address.Reveal(), m.Points[1].Address.Reveal())
	d = w.is(id, gateway.Sending, "")
	equal(t, "channel of the delivery", d.ChannelID, w.telegram.ID)
	equal(t, "attempts, oldest first", d.Attempts[0].ID == c.Attempt && d.Attempts[1].ID == c2.Attempt, true)
	equal(t, "number", d.Attempts[1].No, 2)
}

func staleToken(t *testing.T, open Open) {
	w := newWorld(t, open)
	_, _, id := w.one(gateway.Alert, 1, "sms")
	c := w.granted(id)
	w.clock.Wind(2 * time.Minute)
	n, err := w.Orphans(w.ctx, false)
	w.ok(err)
	equal(t, "orphans", n, 1)
	again, err := w.Doubtful(w.ctx, w.by, 10)
	w.ok(err)
	equal(t, "in doubt", len(again), 1)
	if again[0].Token == c.Token {
		t.Fatal("the look-up got the sender's token")
	}
	_, m2, id2 := w.one(gateway.Alert, 1, "sms")
	c2 := w.granted(id2)
	// The slow sender wakes: its outcome is refused, the one beside it is written.
	errs, _, err := w.Exchange(w.ctx, gateway.Claimant{}, []gateway.Outcome{
		{Attempt: c.Attempt, Token: c.Token, State: gateway.Refused, Spent: true, Next: gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed}},
		{Attempt: c2.Attempt, Token: c2.Token, State: gateway.Accepted, ProviderID: "SM1"},
		{Attempt: gateway.NewID(), Token: 1, State: gateway.Accepted},
		{Attempt: c2.Attempt, Token: c2.Token + 7, State: gateway.Refused},
	}, nil)
	w.ok(err)
	if !errors.Is(errs[0], gateway.ErrStale) || errs[1] != nil || errs[2] == nil || !errors.Is(errs[3], gateway.ErrStale) {
		t.Fatalf("answers %v", errs)
	}
	w.is(id, gateway.DeliveryInDoubt, "")
	w.is(id2, gateway.DeliveryAccepted, "")
	m, err := w.Member(w.ctx, w.group.ID, m2.ID)
	w.ok(err)
	equal(t, "point", m.Points[0].State, gateway.PointActive)
	w.ok(w.settle(gateway.Outcome{Attempt: again[0].Attempt, Token: again[0].Token, State: gateway.Accepted, ProviderID: "SM2"}))
	w.is(id, gateway.DeliveryAccepted, "")
}

func twice(t *testing.T, open Open) {
	w := newWorld(t, open)
	_, _, id := w.one(gateway.Report, 1, "sms")
	_, claims, err := w.Exchange(w.ctx, w.by, nil, []gateway.ID{id, id, gateway.NewID()})
	w.ok(err)
	equal(t, "first", claims[0].Verdict, gateway.Granted)
	equal(t, "second", claims[1].Verdict, gateway.NotDue)
	equal(t, "third", claims[2].Verdict, gateway.NotDue)
	c := claims[0]
	o := gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Accepted, ProviderID: "SM1", Cost: 1}
	errs, _, err := w.Exchange(w.ctx, gateway.Claimant{}, []gateway.Outcome{o, o}, nil)
	w.ok(err)
	w.ok(errors.Join(errs...))
	d := w.is(id, gateway.DeliveryAccepted, "")
	equal(t, "parts", slices.Equal(d.Attempts[0].Parts, []string{"SM1"}), true)
	r := gateway.Receipt{Attempt: c.Attempt, Channel: w.sms.ID, State: gateway.AttemptDelivered}
	effects, err := w.Observe(w.ctx, []gateway.Receipt{r, r})
	w.ok(err)
	equal(t, "effects", slices.Equal(effects, []gateway.Effect{gateway.Applied, gateway.Repeated}), true)
	w.is(id, gateway.Delivered, "")
}

// A sender hands in what it did and takes what it does next in one step, and what it did comes first.
func exchanged(t *testing.T, open Open) {
	w := newWorld(t, open)
	_, _, id := w.one(gateway.Report, 1, "sms")
	_, _, other := w.one(gateway.Report, 1, "sms")
	c := w.granted(id)
	errs, claims, err := w.Exchange(w.ctx, w.by, []gateway.Outcome{
		{Attempt: c.Attempt, Token: c.Token, State: gateway.Refused, Spent: true, Next: gateway.Step{Kind: gateway.StepRetry, Due: w.clock.Now()}},
		{Attempt: gateway.NewID(), Token: 1, State: gateway.Accepted},
	}, []gateway.ID{id, other, id})
	w.ok(err)
	if errs[0] != nil || !errors.Is(errs[1], gateway.ErrStale) {
		t.Fatalf("answers %v", errs)
	}
	equal(t, "the delivery that was due again", claims[0].Verdict, gateway.Granted)
	equal(t, "its attempt", claims[0].No, 2)
	equal(t, "tries before it", claims[0].Tries, 1)
	equal(t, "the other", claims[1].Verdict, gateway.Granted)
	equal(t, "the same once more", claims[2].Verdict, gateway.NotDue)
	errs, claims, err = w.Exchange(w.ctx, w.by, nil, nil)
	w.ok(err)
	equal(t, "answers to nothing", len(errs)+len(claims), 0)
}

func parts(t *testing.T, open Open) {
	w := newWorld(t, open)
	_, m, id := w.one(gateway.Report, 3, "sms", "telegram")
	c := w.granted(id)
	progress := func(part int, ref string) {
		w.ok(w.settle(gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Claimed, Part: part, ProviderID: ref, Cost: 1}))
	}
	progress(0, "SM0")
	w.is(id, gateway.Sending, "")
	w.ok(w.settle(gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Refused, Part: 1, Spent: true, Next: gateway.Step{Kind: gateway.StepRetry, Due: w.clock.Now()}}))
	w.is(id, gateway.Waiting, "")

	c = w.granted(id)
	equal(t, "first part of the retry at the same point", c.FirstPart, 1)
	progress(1, "SM1")
	w.ok(w.settle(gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Accepted, Part: 2, ProviderID: "SM2", Cost: 1}))
	d := w.is(id, gateway.DeliveryAccepted, "")
	equal(t, "cost", d.Attempts[1].Cost, 2)
	equal(t, "ids", slices.Equal(d.Attempts[1].Parts, []string{"", "SM1", "SM2"}), true)
	deliver := func(part int) gateway.Effect {
		return w.observe(gateway.Receipt{Attempt: c.Attempt, Channel: w.sms.ID, Part: part, State: gateway.AttemptDelivered})
	}
	deliver(2)
	w.is(id, gateway.DeliveryAccepted, "")
	deliver(1)
	w.is(id, gateway.Delivered, "")
	equal(t, "again", deliver(1), gateway.Repeated)

	// Another contact point begins anew, with the first part.
	b2 := w.submit(gateway.Report)
	id2 := w.plan(b2, 3, m)[0]
	c = w.granted(id2)
	progress(0, "SM7")
	w.ok(w.settle(gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Refused, Part: 1, Spent: true, Next: gateway.Step{Kind: gateway.StepPoint, Due: w.clock.Now(), Channel: w.telegram.ID, Point: m.Points[1].ID}}))
	equal(t, "first part elsewhere", w.granted(id2).FirstPart, 0)
}
