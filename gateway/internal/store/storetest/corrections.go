package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

// edition is a small model of an edition that is sent, stopped, corrected and gone on with. Version 0 is the edition itself, each
// correction is one more, and so is what goes on with the edition after it.
type edition struct {
	*world
	random  *rand.Rand
	series  gateway.Series
	members []gateway.Member
	casts   []*cast // in the order in which they were submitted
	newest  *cast   // the newest correction; nil: none
	version int
	flying  []gateway.Claim      // under way, two at most
	had     map[gateway.ID][]int // member → the versions that left for her, in order
}

// cast is one broadcast of it.
type cast struct {
	gateway.Broadcast
	version  int
	stopped  bool
	replaced bool
}

// corrected stops, corrects and resumes an edition in every order that a few seeds give, with a crash between: nobody gets an
// older version behind a newer one, nobody gets a version twice, and when all has gone on everybody has the newest.
func corrected(t *testing.T, open Open) {
	w := newWorld(t, open)
	var members []gateway.Member
	for range 4 {
		members = append(members, w.member("sms"))
	}
	s, err := w.PutSeries(w.ctx, gateway.Series{GroupID: w.group.ID, Name: "harbour", Title: "Harbour report", Topic: "reports"})
	w.ok(err)
	for seed := range uint64(3) {
		e := &edition{world: w, random: rand.New(rand.NewPCG(seed, 6)), series: s, members: members, had: map[gateway.ID][]int{}}
		e.send(0, gateway.Audience{Topic: "reports"})
		steps := []func() bool{e.plan, e.plan, e.claimOne, e.claimOne, e.claimOne, e.land, e.land, e.stop, e.stop, e.resume, e.resume, e.correct, e.correct}
		for i := range 40 {
			if seed == 0 && i == 20 {
				e.crash()
			}
			steps[e.random.IntN(len(steps))]()
		}
		e.finish()
		for _, m := range e.members {
			versions := e.had[m.ID]
			if !slices.IsSorted(versions) || len(slices.Compact(slices.Clone(versions))) != len(versions) || len(versions) == 0 || versions[len(versions)-1] != e.version {
				t.Errorf("seed %d: the newest version is %d, and a member got %v", seed, e.version, versions)
			}
		}
	}
}

// send submits a broadcast of the edition as its desk does; false: it was refused.
func (e *edition) send(version int, a gateway.Audience) bool {
	e.Helper()
	e.serial++
	send := &gateway.ReadyBroadcast{Broadcast: e.draft(gateway.Report, func(b *gateway.Broadcast) { b.Audience = a }), Fingerprint: []byte("edition")}
	if a.Not.IsZero() {
		one, err := e.PutEdition(e.ctx, gateway.Edition{GroupID: e.group.ID, SeriesID: e.series.ID, Number: e.serial, State: gateway.EditionApproved}, nil)
		e.ok(err)
		e.ok(one.Step(gateway.EditionStep{To: gateway.EditionSent}))
		if _, err = e.PutEdition(e.ctx, one, send); errors.Is(err, gateway.ErrStale) {
			return false
		}
		e.ok(err)
	} else {
		send.Broadcast.Key = e.newest.Broadcast.Key + gateway.RestMark
		switch done, err := e.SubmitRest(e.ctx, send); {
		case errors.Is(err, gateway.ErrConflict):
			return false
		case err != nil:
			e.Fatal(err)
		case !done.Created:
			return false
		}
	}
	e.casts = append(e.casts, &cast{Broadcast: send.Broadcast, version: version})
	return true
}

func (e *edition) any(which func(*cast) bool) *cast {
	var found []*cast
	for _, c := range e.casts {
		if which(c) {
			found = append(found, c)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found[e.random.IntN(len(found))]
}

// plan writes the next chunk of what is to be planned, of two members.
func (e *edition) plan() bool {
	todo, err := e.Unplanned(e.ctx, 10)
	e.ok(err)
	if len(todo) == 0 {
		return false
	}
	b := todo[e.random.IntN(len(todo))]
	page, err := e.Recipients(e.ctx, e.group.ID, b.Audience, b.Cursor, 2)
	e.ok(err)
	var members []gateway.Member
	for _, r := range page {
		members = append(members, e.members[slices.IndexFunc(e.members, func(m gateway.Member) bool { return m.ID == r.Member })])
	}
	chunk, _ := e.chunk(b, 1, members...)
	chunk.After, chunk.Last = b.Cursor, len(page) < 2
	if len(page) > 0 {
		chunk.Cursor = page[len(page)-1].Member
	}
	e.ok(e.Plan(e.ctx, chunk))
	return true
}

// claimOne claims one of what is due; it stays under way until it lands.
func (e *edition) claimOne() bool {
	due := e.due(e.sms, gateway.Bulk)
	if len(due) == 0 || len(e.flying) == 2 {
		return false
	}
	c := e.claim(due[e.random.IntN(len(due))])
	if c.Verdict == gateway.Granted {
		e.flying = append(e.flying, c)
	}
	return true
}

// land settles what is under way: it was handed over, or in doubt, or refused and is tried again.
func (e *edition) land() bool {
	if len(e.flying) == 0 {
		return false
	}
	i := e.random.IntN(len(e.flying))
	c := e.flying[i]
	e.flying = slices.Delete(e.flying, i, i+1)
	switch e.random.IntN(4) {
	case 0:
		e.refused(c, gateway.Step{Kind: gateway.StepRetry, Due: e.clock.Now()})
		return true
	case 1:
		e.inDoubt(c, e.clock.Now())
	default:
		e.accepted(c)
	}
	i = slices.IndexFunc(e.casts, func(b *cast) bool { return b.ID == c.Broadcast })
	e.had[c.Member] = append(e.had[c.Member], e.casts[i].version)
	return true
}

func (e *edition) stop() bool {
	if c := e.any(func(c *cast) bool { return !c.stopped }); c != nil {
		if err := e.SetState(e.ctx, e.group.ID, c.ID, true); !errors.Is(err, gateway.ErrConflict) { // it may be over
			e.ok(err)
			c.stopped = true
		}
	}
	return true
}

// resume resumes one that is stopped; what was corrected goes on in another.
func (e *edition) resume() bool {
	c := e.any(func(c *cast) bool { return c.stopped })
	if c == nil {
		return false
	}
	switch err := e.SetState(e.ctx, e.group.ID, c.ID, false); {
	case c.replaced != errors.Is(err, gateway.ErrReplaced):
		e.Fatalf("resumed: %v; corrected: %v", err, c.replaced)
	case c.replaced:
		e.send(e.version, gateway.Audience{Topic: "reports", Not: e.newest.ID})
	default:
		e.ok(err)
		c.stopped = false
		_, err = e.Release(e.ctx, e.group.ID, c.ID, false, 100)
		e.ok(err)
	}
	return true
}

// correct sends a correction to whoever had one of the broadcasts so far.
func (e *edition) correct() bool {
	var told []gateway.ID
	for _, c := range e.casts {
		told = append(told, c.ID)
	}
	if !e.send(e.version+1, gateway.Audience{Topic: "reports", Had: told}) {
		return false
	}
	e.version++
	e.newest = e.casts[len(e.casts)-1]
	for _, c := range e.casts[:len(e.casts)-1] {
		c.stopped, c.replaced = true, true
	}
	return true
}

// finish lets everything go on until nothing is left to do.
func (e *edition) finish() {
	for range 3 {
		for _, c := range e.casts {
			if c.stopped && !c.replaced {
				e.ok(e.SetState(e.ctx, e.group.ID, c.ID, false))
				c.stopped = false
				_, err := e.Release(e.ctx, e.group.ID, c.ID, false, 100)
				e.ok(err)
			}
		}
		for e.plan() || e.land() || e.claimOne() {
		}
		if e.newest != nil {
			e.send(e.version, gateway.Audience{Topic: "reports", Not: e.newest.ID})
		}
	}
}

// goesOn has what was corrected stay where it is, and what goes on with it be found, by its own group only.
func goesOn(t *testing.T, open Open) {
	w := newWorld(t, open)
	had, waits, fails := w.member("sms"), w.member("sms"), w.member("sms")
	s, err := w.PutSeries(w.ctx, gateway.Series{GroupID: w.group.ID, Name: "harbour", Title: "Harbour report", Topic: "reports"})
	w.ok(err)
	b := w.submit(gateway.Report)
	ids := w.plan(b, 1, had, waits, fails)
	c, failed := w.granted(ids[0]), w.granted(ids[2])
	w.refused(failed, gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed})
	correct := func(number int, told ...gateway.ID) (*gateway.ReadyBroadcast, error) {
		one, err := w.PutEdition(w.ctx, gateway.Edition{GroupID: w.group.ID, SeriesID: s.ID, Number: number, State: gateway.EditionApproved}, nil)
		w.ok(err)
		w.ok(one.Step(gateway.EditionStep{To: gateway.EditionSent}))
		send := &gateway.ReadyBroadcast{Broadcast: w.draft(gateway.Report, func(b *gateway.Broadcast) { b.Audience.Had = told }), Fingerprint: []byte("correction")}
		_, err = w.PutEdition(w.ctx, one, send)
		return send, err
	}
	refuse := func(what string, number int, told ...gateway.ID) {
		t.Helper()
		if _, err := correct(number, told...); !errors.Is(err, gateway.ErrStale) {
			t.Fatalf("a correction of what %s: %v", what, err)
		}
	}
	refuse("is on its way", 1, b.ID)
	w.ok(w.SetState(w.ctx, w.group.ID, b.ID, true))
	refuse("is leaving this moment", 2, b.ID)
	w.accepted(c)
	refuse("is not there", 3, b.ID, gateway.NewID())
	one, err := correct(4, b.ID)
	w.ok(err)
	if got := must(w.Broadcast(w.ctx, w.group.ID, b.ID)); !got.Replaced || got.State != gateway.Stopped {
		t.Fatalf("what was corrected is %s, replaced %t", got.State, got.Replaced)
	}
	for _, err := range []error{w.SetState(w.ctx, w.group.ID, b.ID, false), w.Resend(w.ctx, w.group.ID, ids[2])} {
		if w.fails(err, gateway.CodeConflict); !errors.Is(err, gateway.ErrReplaced) {
			t.Fatalf("what was corrected goes on: %v", err)
		}
	}

	rest := func(key string) *gateway.ReadyBroadcast {
		return &gateway.ReadyBroadcast{Broadcast: w.draft(gateway.Report, func(b *gateway.Broadcast) { b.Audience.Not, b.Key = one.Broadcast.ID, key }), Fingerprint: []byte("rest")}
	}
	key := one.Broadcast.Key + gateway.RestMark
	_, err = w.SubmitRest(w.ctx, rest(key))
	w.fails(err, gateway.CodeConflict) // whom the correction is for is not known yet
	again := w.plan(one.Broadcast, 1, had)[0]
	w.ok(w.SetState(w.ctx, w.group.ID, one.Broadcast.ID, true))
	_, err = w.SubmitRest(w.ctx, rest(key))
	w.fails(err, gateway.CodeConflict)
	w.ok(w.SetState(w.ctx, w.group.ID, one.Broadcast.ID, false))
	_, err = w.BroadcastByKey(w.ctx, w.group.ID, key)
	w.fails(err, gateway.CodeNotFound)
	first, second := must(w.SubmitRest(w.ctx, rest(key))), must(w.SubmitRest(w.ctx, rest(key)))
	equal(t, "submitted again", second, gateway.Submission{ID: first.ID})
	equal(t, "by its key", must(w.BroadcastByKey(w.ctx, w.group.ID, key)).ID, first.ID)
	_, err = w.BroadcastByKey(w.ctx, w.other.ID, key)
	w.fails(err, gateway.CodeNotFound)
	who := must(w.Recipients(w.ctx, w.group.ID, gateway.Audience{Topic: "reports", Not: one.Broadcast.ID}, gateway.ID{}, 10))
	if len(who) != 2 || who[0].Member != waits.ID || who[1].Member != fails.ID {
		t.Fatalf("it goes on for %+v", who)
	}
	w.memberOf(w.other.ID, "sms")
	equal(t, "members of another group for whom nothing was planned", len(must(w.Recipients(w.ctx, w.other.ID, gateway.Audience{Topic: "reports", Not: one.Broadcast.ID}, gateway.ID{}, 10))), 1)

	// Another correction stops what went on too; it must name it.
	w.ok(w.SetState(w.ctx, w.group.ID, first.ID, true))
	w.accepted(w.granted(again))
	refuse("goes on in one that it does not name", 5, b.ID, one.Broadcast.ID)
	_, err = correct(6, b.ID, one.Broadcast.ID, first.ID)
	w.ok(err)
	if _, err = w.SubmitRest(w.ctx, rest(fmt.Sprint(key, 2))); !errors.Is(err, gateway.ErrReplaced) {
		t.Fatalf("it goes on after a correction that was corrected: %v", err)
	}

	// What waits ends when its time is over, under its own reason.
	w.clock.Wind(gateway.PolicyOf(gateway.Report).Expires)
	_, err = w.Lapse(w.ctx, 100)
	w.ok(err)
	w.is(ids[0], gateway.DeliveryAccepted, "")
	w.is(ids[1], gateway.Ended, gateway.ReasonReplaced)
	w.is(ids[2], gateway.Ended, gateway.ReasonFailed)
}
