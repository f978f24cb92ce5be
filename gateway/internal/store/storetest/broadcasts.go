package storetest

import (
	"fmt"
	"maps"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

func submitted(t *testing.T, open Open) {
	w := newWorld(t, open)
	b := w.submit(gateway.Alert, func(b *gateway.Broadcast) {
		b.Kind, b.Sensitive = gateway.KindAlert, true
		b.Audience = gateway.Audience{Topic: "alerts", Tags: []string{"north"}, Locales: []string{"de"}, Members: []gateway.ID{gateway.NewID()}}
	})
	got, err := w.Broadcast(w.ctx, w.group.ID, b.ID)
	w.ok(err)
	if !reflect.DeepEqual(got, b) {
		t.Fatalf("read back\n%+v, stored\n%+v", got, b)
	}
	again := b
	again.ID = gateway.NewID()
	s, err := w.Submit(w.ctx, again, []byte(b.Key), nil)
	w.ok(err)
	equal(t, "submitted again", s, gateway.Submission{ID: b.ID})
	_, err = w.Broadcast(w.ctx, w.group.ID, again.ID)
	w.fails(err, gateway.CodeNotFound)
	_, err = w.Submit(w.ctx, again, []byte("another request"), nil)
	w.fails(err, gateway.CodeKeyReused)
	// What starts in the past is refused if it is new; a known key is answered all the same.
	w.clock.Wind(time.Hour)
	late := b
	late.ID, late.Key, late.CreatedAt = gateway.NewID(), "late", w.clock.Now()
	_, err = w.Submit(w.ctx, late, []byte("late"), nil)
	w.fails(err, gateway.CodeInvalid)
	late.Key = b.Key
	s, err = w.Submit(w.ctx, late, []byte(b.Key), nil)
	w.ok(err)
	equal(t, "repeated after its start", s, gateway.Submission{ID: b.ID})
	// So is what its sender refuses: a new one is not stored, a known key is answered.
	refused := b
	refused.ID, refused.Key, refused.Refused = gateway.NewID(), "refused", &gateway.Fault{Code: gateway.CodeIncomplete}
	_, err = w.Submit(w.ctx, refused, []byte("refused"), nil)
	w.fails(err, gateway.CodeIncomplete)
	refused.Key = b.Key
	s, err = w.Submit(w.ctx, refused, []byte(b.Key), nil)
	w.ok(err)
	equal(t, "repeated although it is refused", s, gateway.Submission{ID: b.ID})
	// The same key in another group is another broadcast.
	again.GroupID = w.other.ID
	s, err = w.Submit(w.ctx, again, []byte("another request"), nil)
	w.ok(err)
	equal(t, "in another group", s, gateway.Submission{ID: again.ID, Created: true})

	var all sync.WaitGroup
	var mu sync.Mutex
	made, ids := 0, map[gateway.ID]bool{}
	for range 20 {
		all.Go(func() {
			c := b
			c.ID, c.Key = gateway.NewID(), "at the same time"
			s, err := w.Submit(w.ctx, c, []byte("x"), nil)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			ids[s.ID] = true
			if s.Created {
				made++
			}
		})
	}
	all.Wait()
	equal(t, "made by twenty at once", fmt.Sprint(made, len(ids)), "1 1")
}

// A broadcast that comes with its only chunk is planned at once, or not stored at all.
func whole(t *testing.T, open Open) {
	w := newWorld(t, open)
	b := w.draft(gateway.Alert)
	c, ids := w.chunk(b, 2, w.member("sms"), w.member("sms"))
	bad := c
	bad.Deliveries = append([]gateway.NewDelivery{{ID: gateway.NewID(), MemberID: c.Deliveries[0].MemberID, Locale: "en", Channel: gateway.NewID(), Point: c.Deliveries[0].Point}}, c.Deliveries...)
	if s, err := w.Submit(w.ctx, b, []byte("whole"), &bad); err == nil {
		t.Errorf("a delivery over a channel that is not there was stored: %v", s)
	}
	_, err := w.Broadcast(w.ctx, w.group.ID, b.ID)
	w.fails(err, gateway.CodeNotFound)

	s, err := w.Submit(w.ctx, b, []byte("whole"), &c)
	w.ok(err)
	equal(t, "submitted with all of it", s, gateway.Submission{ID: b.ID, Created: true})
	got, err := w.Broadcast(w.ctx, w.group.ID, b.ID)
	w.ok(err)
	equal(t, "state", fmt.Sprint(got.State, " ", got.Planned, " ", got.Cursor == c.Cursor), "planned 2 true")
	equal(t, "parts", w.granted(ids[0]).FirstPart, 0)

	again := b
	again.ID = gateway.NewID()
	d, more := w.chunk(again, 1, w.member("sms"))
	s, err = w.Submit(w.ctx, again, []byte("whole"), &d)
	w.ok(err)
	equal(t, "submitted again", s, gateway.Submission{ID: b.ID})
	_, err = w.Delivery(w.ctx, w.group.ID, more[0])
	w.fails(err, gateway.CodeNotFound)
	_, err = w.Rendering(w.ctx, w.group.ID, again.ID, "en", "sms", false)
	w.fails(err, gateway.CodeNotFound)
	if got, want := w.recount(b.ID), (map[tallied]int{{w.sms.ID, gateway.Waiting, ""}: 1, {w.sms.ID, gateway.Sending, ""}: 1}); !maps.Equal(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}
}

// What a whole chunk claims is claimed as it would be a moment later, in the same transaction: the claim says the same, nobody else
// gets it, and where nothing is stored nothing is claimed.
func wholeClaimed(t *testing.T, open Open) {
	w := newWorld(t, open)
	b := w.draft(gateway.Alert)
	reader, late, silent, other := w.member("sms"), w.member("sms"), w.member("sms"), w.member("sms")
	_, err := w.StopAddress(w.ctx, w.group.ID, "sms", silent.Points[0].Address, gateway.Consent{Wording: "STOP", Locale: "en", At: w.clock.Now(), Proof: "she wrote STOP", Source: "member"})
	w.ok(err)
	c, ids := w.chunk(b, 2, reader, late, silent, other)
	c.Deliveries[1].Due = w.clock.Now().Add(time.Minute)
	by := w.by
	by.Urgent = true
	c.Claiming = &gateway.Claiming{By: by, Deliveries: ids[:3]}
	bad := c
	bad.Deliveries = append([]gateway.NewDelivery{{ID: gateway.NewID(), MemberID: gateway.NewID(), Locale: "en", Channel: gateway.NewID(), Point: gateway.NewID()}}, c.Deliveries...)
	if _, err = w.Submit(w.ctx, b, []byte("whole"), &bad); err == nil || c.Claiming.Answers != nil {
		t.Fatalf("of what could not be stored was claimed %v: %v", c.Claiming.Answers, err)
	}
	s, err := w.Submit(w.ctx, b, []byte("whole"), &c)
	w.ok(err)
	equal(t, "submitted", s, gateway.Submission{ID: b.ID, Created: true})
	got := c.Claiming.Answers
	equal(t, "answers", fmt.Sprint(len(got), got[0].Verdict, got[1].Verdict, got[2].Verdict), fmt.Sprint(3, gateway.Granted, gateway.NotDue, gateway.Silenced))
	equal(t, "claimed again", w.claim(ids[0]).Verdict, gateway.NotDue)
	like := w.granted(ids[3])
	want, have := like, got[0]
	want.Delivery, want.Member, want.Point, want.Attempt, want.Address = have.Delivery, have.Member, have.Point, have.Attempt, have.Address
	if !reflect.DeepEqual(have, want) || have.Address != reader.Points[0].Address {
		t.Errorf("claimed as it was written\n%+v, and a moment later\n%+v", have, like)
	}
	w.accepted(got[0])
	w.clock.Wind(time.Minute)
	w.granted(ids[1])
	if got, want := w.recount(b.ID), (map[tallied]int{{w.sms.ID, gateway.DeliveryAccepted, ""}: 1, {w.sms.ID, gateway.Sending, ""}: 2, {w.sms.ID, gateway.Ended, gateway.ReasonSuppressed}: 1}); !maps.Equal(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}

	again := b
	again.ID = gateway.NewID()
	d, more := w.chunk(again, 1, w.member("sms"))
	d.Claiming = &gateway.Claiming{By: by, Deliveries: more}
	s, err = w.Submit(w.ctx, again, []byte("whole"), &d)
	w.ok(err)
	equal(t, "submitted again", fmt.Sprint(s, d.Claiming.Answers), fmt.Sprint(gateway.Submission{ID: b.ID}, []gateway.Claim(nil)))
}

func listed(t *testing.T, open Open) {
	w := newWorld(t, open)
	report := w.submit(gateway.Report)
	alert := w.submit(gateway.Alert)
	later := w.submit(gateway.LifeSafety, func(b *gateway.Broadcast) { b.StartAt = w.clock.Now().Add(time.Hour) })
	stopped := w.submit(gateway.Reminder)
	w.ok(w.SetState(w.ctx, w.group.ID, stopped.ID, true))
	unplanned := func() (ids []gateway.ID) {
		all, err := w.Unplanned(w.ctx, 10)
		w.ok(err)
		for _, b := range all {
			ids = append(ids, b.ID)
			equal(t, "words", b.Words.Sources["en"], "All is well")
		}
		return ids
	}
	equal(t, "to be planned, urgent ones first", fmt.Sprint(unplanned()), fmt.Sprint([]gateway.ID{alert.ID, report.ID}))
	w.clock.Wind(time.Hour)
	equal(t, "an hour later", len(unplanned()), 3)
	w.plan(report, 1)
	equal(t, "one is planned", len(unplanned()), 2)
	page, err := w.Broadcasts(w.ctx, w.group.ID, gateway.ID{}, 3)
	w.ok(err)
	equal(t, "the newest first", fmt.Sprint(page[0].ID, page[1].ID, page[2].ID), fmt.Sprint(stopped.ID, later.ID, alert.ID))
	equal(t, "state", page[0].State, gateway.Stopped)
	equal(t, "words in a list", len(page[0].Words.Sources), 0)
	page, err = w.Broadcasts(w.ctx, w.group.ID, alert.ID, 3)
	w.ok(err)
	equal(t, "the rest", len(page), 1)
	equal(t, "the rest", page[0].ID, report.ID)
	page, err = w.Broadcasts(w.ctx, w.other.ID, gateway.ID{}, 3)
	w.ok(err)
	equal(t, "of another group", len(page), 0)
}

// stopResume is the reliability promise R18: stop in the middle, resume, and only the rest leaves.
func stopResume(t *testing.T, open Open) {
	w := newWorld(t, open)
	var people []gateway.Member
	for range 10 {
		people = append(people, w.member("sms"))
	}
	b := w.submit(gateway.Report)
	ids := w.plan(b, 1, people...)
	for _, id := range ids[:3] {
		w.accepted(w.granted(id))
	}
	w.ok(w.SetState(w.ctx, w.group.ID, b.ID, true))
	got, err := w.Broadcast(w.ctx, w.group.ID, b.ID)
	w.ok(err)
	equal(t, "state", got.State, gateway.Stopped)
	for _, id := range ids[3:8] {
		equal(t, "verdict", w.claim(id).Verdict, gateway.Held)
	}
	d := w.is(ids[3], gateway.Waiting, "")
	equal(t, "due while held", d.Due.IsZero(), true)
	equal(t, "offered while held", len(w.due(w.sms, gateway.Bulk)), 2)
	_, err = w.Release(w.ctx, w.group.ID, b.ID, false, 10)
	if err == nil {
		equal(t, "held again if released while stopped", w.claim(ids[3]).Verdict != gateway.Granted, true)
	}
	w.ok(w.SetState(w.ctx, w.group.ID, b.ID, false))
	got, err = w.Broadcast(w.ctx, w.group.ID, b.ID)
	w.ok(err)
	equal(t, "state", got.State, gateway.Planned)
	sum := 0
	for {
		n, err := w.Release(w.ctx, w.group.ID, b.ID, false, 2)
		w.ok(err)
		if n > 2 {
			t.Fatalf("%d released at a time, the limit is 2", n)
		}
		if sum += n; n == 0 {
			break
		}
	}
	equal(t, "due again", len(w.due(w.sms, gateway.Bulk)), 7)
	for _, id := range ids[3:] {
		w.accepted(w.granted(id))
	}
	equal(t, "handed over", w.recount(b.ID)[tallied{w.sms.ID, gateway.DeliveryAccepted, ""}], 10)

	// Stopped while it is planned: planning goes on at its cursor.
	b = w.submit(gateway.Report)
	c := gateway.Chunk{Broadcast: b.ID, Group: w.group.ID, Cursor: people[0].ID, Lane: gateway.Bulk}
	w.ok(w.Plan(w.ctx, c))
	w.ok(w.SetState(w.ctx, w.group.ID, b.ID, true))
	all, err := w.Unplanned(w.ctx, 10)
	w.ok(err)
	equal(t, "to be planned while stopped", len(all), 0)
	w.ok(w.SetState(w.ctx, w.group.ID, b.ID, false))
	all, err = w.Unplanned(w.ctx, 10)
	w.ok(err)
	equal(t, "to be planned again", len(all), 1)
	equal(t, "from where it was", all[0].Cursor, people[0].ID)
	equal(t, "state", all[0].State, gateway.Planning)
}

func stopConflicts(t *testing.T, open Open) {
	w := newWorld(t, open)
	b := w.submit(gateway.Account)
	w.fails(w.SetState(w.ctx, w.group.ID, b.ID, false), gateway.CodeConflict)
	w.fails(w.SetState(w.ctx, w.group.ID, gateway.NewID(), true), gateway.CodeNotFound)
	w.fails(w.SetState(w.ctx, w.other.ID, b.ID, true), gateway.CodeNotFound)
	w.ok(w.SetState(w.ctx, w.group.ID, b.ID, true))
	w.fails(w.SetState(w.ctx, w.group.ID, b.ID, true), gateway.CodeConflict)
	w.clock.Wind(time.Hour)
	w.fails(w.SetState(w.ctx, w.group.ID, b.ID, false), gateway.CodeConflict)

	// As long as one is under way it may be stopped; when all have arrived or ended it is over.
	b = w.submit(gateway.Report)
	ids := w.plan(b, 1, w.member("sms"), w.member("sms"))
	arrive := func(id gateway.ID) {
		c := w.granted(id)
		w.ok(w.settle(gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.AttemptDelivered}))
	}
	arrive(ids[0])
	w.ok(w.SetState(w.ctx, w.group.ID, b.ID, true))
	w.ok(w.SetState(w.ctx, w.group.ID, b.ID, false))
	arrive(ids[1])
	w.fails(w.SetState(w.ctx, w.group.ID, b.ID, true), gateway.CodeConflict)
	w.fails(w.SetState(w.ctx, w.group.ID, b.ID, false), gateway.CodeConflict)
}

func expiry(t *testing.T, open Open) {
	w := newWorld(t, open)
	b, _, id := w.one(gateway.Account, 1, "sms")
	w.clock.Wind(b.Policy.Expires)
	equal(t, "verdict", w.claim(id).Verdict, gateway.Lapsed)
	w.is(id, gateway.Ended, gateway.ReasonExpired)
	equal(t, "verdict of the next", w.claim(id).Verdict, gateway.NotDue)
}

func resend(t *testing.T, open Open) {
	w := newWorld(t, open)
	b, _, id := w.one(gateway.Account, 1, "sms")
	for range b.Policy.Tries {
		w.refused(w.granted(id), gateway.Step{Kind: gateway.StepRetry, Due: w.clock.Now()})
	}
	w.refused(w.granted(id), gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed})
	w.is(id, gateway.Ended, gateway.ReasonFailed)
	w.ok(w.Resend(w.ctx, w.group.ID, id))
	d := w.is(id, gateway.Waiting, "")
	equal(t, "due", d.Due, w.clock.Now())
	if d.Tries >= b.Policy.Tries {
		t.Fatalf("%d of %d tries are spent", d.Tries, b.Policy.Tries)
	}
	c := w.granted(id)
	w.fails(w.Resend(w.ctx, w.group.ID, id), gateway.CodeConflict)
	w.inDoubt(c, time.Time{})
	w.ok(w.Resend(w.ctx, w.group.ID, id))
	w.is(id, gateway.Waiting, "")
	w.granted(id)
	w.fails(w.Resend(w.ctx, w.group.ID, gateway.NewID()), gateway.CodeNotFound)
	w.fails(w.Resend(w.ctx, w.other.ID, id), gateway.CodeNotFound)

	_, _, id = w.one(gateway.Account, 1, "sms")
	w.refused(w.granted(id), gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed})
	w.clock.Wind(time.Hour)
	w.fails(w.Resend(w.ctx, w.group.ID, id), gateway.CodeConflict)
}

func replay(t *testing.T, open Open) {
	w := newWorld(t, open)
	var people []gateway.Member
	for range 9 {
		people = append(people, w.member("sms"))
	}
	b := w.submit(gateway.Report)
	ids := w.plan(b, 1, people...)
	for i, id := range ids {
		c := w.granted(id)
		switch {
		case i < 5:
			w.refused(c, gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed})
		case i < 7:
			w.refused(c, gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonSuppressed})
		default:
			w.accepted(c)
		}
	}
	release := func(failed bool) (sum int) {
		for {
			n, err := w.Release(w.ctx, w.group.ID, b.ID, failed, 2)
			w.ok(err)
			if sum += n; n == 0 {
				return sum
			}
		}
	}
	equal(t, "released without replay", release(false), 0)
	equal(t, "replayed", release(true), 5)
	counts := w.recount(b.ID)
	equal(t, "waiting", counts[tallied{w.sms.ID, gateway.Waiting, ""}], 5)
	equal(t, "suppressed", counts[tallied{w.sms.ID, gateway.Ended, gateway.ReasonSuppressed}], 2)
	c := w.granted(ids[0])
	equal(t, "number of the replay", c.No, 2)
	n, err := w.Release(w.ctx, w.other.ID, b.ID, true, 10)
	if err == nil && n != 0 {
		t.Fatalf("another group released %d", n)
	}
}

func filters(t *testing.T, open Open) {
	w := newWorld(t, open)
	people := []gateway.Member{w.member("sms"), w.member("sms"), w.member("telegram"), w.member("sms"), w.member("sms")}
	b1, b2 := w.submit(gateway.Report), w.submit(gateway.Reminder)
	ids := w.plan(b1, 1, people...)
	w.plan(b2, 1, people[:2]...)
	w.accepted(w.granted(ids[0]))
	w.refused(w.granted(ids[1]), gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed})
	w.inDoubt(w.granted(ids[2]), time.Time{})
	w.granted(ids[3])
	list := func(f gateway.DeliveryFilter) (found []gateway.ID) {
		f.Group = w.group.ID
		if f.Limit == 0 {
			f.Limit = 2
		}
		for {
			page, err := w.Deliveries(w.ctx, f)
			w.ok(err)
			if len(page) == 0 {
				return found
			}
			for _, d := range page {
				found = append(found, d.ID)
				f.After = d.ID
			}
		}
	}
	equal(t, "all of one broadcast", len(list(gateway.DeliveryFilter{Broadcast: b1.ID})), 5)
	equal(t, "all of the group", len(list(gateway.DeliveryFilter{})), 7)
	equal(t, "of a member", len(list(gateway.DeliveryFilter{Member: people[1].ID})), 2)
	equal(t, "of a member in one broadcast", fmt.Sprint(list(gateway.DeliveryFilter{Member: people[1].ID, Broadcast: b1.ID})), fmt.Sprint(ids[1:2]))
	for state, want := range map[gateway.DeliveryState]gateway.ID{gateway.DeliveryAccepted: ids[0], gateway.Ended: ids[1], gateway.DeliveryInDoubt: ids[2], gateway.Sending: ids[3], gateway.Waiting: ids[4]} {
		equal(t, string(state), fmt.Sprint(list(gateway.DeliveryFilter{Broadcast: b1.ID, State: state})), fmt.Sprint([]gateway.ID{want}))
		page, err := w.Deliveries(w.ctx, gateway.DeliveryFilter{Group: w.group.ID, Broadcast: b1.ID, State: state, Limit: 10})
		w.ok(err)
		equal(t, "state in the answer", page[0].State, state)
	}
	equal(t, "delivered", len(list(gateway.DeliveryFilter{Broadcast: b1.ID, State: gateway.Delivered})), 0)
	equal(t, "failed", fmt.Sprint(list(gateway.DeliveryFilter{Reason: gateway.ReasonFailed})), fmt.Sprint(ids[1:2]))
	equal(t, "of another group", len(list(gateway.DeliveryFilter{Broadcast: gateway.NewID()})), 0)
}
