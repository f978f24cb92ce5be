package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// settled notes that changes were told, and says of how many.
func (w *world) settled(changes ...gateway.EventChange) (n int) {
	w.Helper()
	for _, c := range changes {
		err := w.Remind(w.ctx, gateway.Reminding{Group: c.Event.GroupID, Event: c.Event.ID, Revision: c.Event.Revision, At: c.RemindAt, Settle: true})
		if err == nil {
			n++
		} else if !errors.Is(err, gateway.ErrStale) {
			w.Fatal(err)
		}
	}
	return n
}

func (w *world) stale(err error) {
	w.Helper()
	if !errors.Is(err, gateway.ErrStale) {
		w.Fatalf("want stale, got %v", err)
	}
}

// told lists the members of a group who were told of an event.
func (w *world) told(group, event gateway.ID) string {
	w.Helper()
	var all []gateway.ID
	var after gateway.ID
	for {
		page := must(w.Recipients(w.ctx, group, gateway.Audience{Topic: "reports", Told: event}, after, 2))
		for _, r := range page {
			all = append(all, r.Member)
			after = r.Member
		}
		if len(page) < 2 {
			return fmt.Sprint(all)
		}
	}
}

// telling is a message about an event that begins at nine.
func (w *world) telling(b gateway.Broadcast, lead string) []gateway.EventTelling {
	return []gateway.EventTelling{{Send: &gateway.ReadyBroadcast{Broadcast: b, Fingerprint: []byte("f")}, Lead: lead, Start: "2026-03-30T09:00"}}
}

// An event is due for its reminder when its time has come; of two who send it one does. Those who got it, or may have, are
// found again; what has not left yet can be stopped.
func reminders(t *testing.T, open Open) {
	w := newWorld(t, open)
	c := w.calendar("plenum")
	e := w.event(c, 48)
	c = w.saveReading(c, gateway.EventUpdate{Event: e})
	due := func() []gateway.EventChange { return must(w.DueEvents(w.ctx, 10)) }
	at := w.clock.Now().Add(time.Hour)
	first := gateway.Reminding{Group: w.group.ID, Event: e.ID, Revision: 1, Settle: true, Next: at}
	w.stale(w.Remind(w.ctx, gateway.Reminding{Group: w.group.ID, Event: e.ID, Revision: 1, Next: at})) // it has a change
	w.ok(w.Remind(w.ctx, first))
	w.stale(w.Remind(w.ctx, first))
	equal(t, "due too early", len(due()), 0)
	w.clock.Wind(time.Hour)
	if got := due(); len(got) != 1 || got[0].Event.ID != e.ID || !got[0].RemindAt.Equal(at) {
		t.Fatalf("due are %+v", got)
	}

	reached, doubted, refused, waiting, capped := w.member("sms"), w.member("sms"), w.member("sms"), w.member("sms"), w.member("sms")
	b := w.draft(gateway.Reminder)
	send := gateway.Reminding{Group: w.group.ID, Event: e.ID, Revision: 1, At: at, Next: at.Add(time.Hour), Sends: w.telling(b, "2h")}
	w.ok(w.Remind(w.ctx, send))
	w.stale(w.Remind(w.ctx, send))
	equal(t, "due after it was sent", len(due()), 0)
	w.crash()
	if got := must(w.Reminded(w.ctx, w.group.ID, e.ID)); len(got) != 1 || got[0].BroadcastID != b.ID || got[0].Lead != "2h" || !got[0].At.Equal(w.clock.Now()) {
		t.Fatalf("sent were %+v", got)
	}
	ids := w.plan(b, 1, reached, doubted, refused, waiting, capped)
	equal(t, "told before anything left", w.told(w.group.ID, e.ID), "[]")
	w.accepted(w.granted(ids[0]))
	w.inDoubt(w.granted(ids[1]), w.clock.Now().Add(time.Minute))
	w.refused(w.granted(ids[2]), gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed})
	equal(t, "told", w.told(w.group.ID, e.ID), fmt.Sprint([]gateway.ID{reached.ID, doubted.ID}))

	// A second broadcast tells of a change: whoever got only that was not reminded. It has the known key of the first in the
	// end, and is not sent again.
	moved := e
	moved.Revision, moved.Location = 2, "The town hall"
	c = w.saveReading(c, gateway.EventUpdate{Event: moved, Before: &e})
	w.clock.Wind(time.Hour)
	equal(t, "due with a change that nobody was told", len(due()), 0)
	notice := w.draft(gateway.Reminder)
	change := gateway.Reminding{Group: w.group.ID, Event: e.ID, Revision: 2, At: send.Next, Settle: true, Next: w.clock.Now(), Stop: true, Sends: w.telling(notice, "")}
	w.ok(w.Remind(w.ctx, change))
	equal(t, "changes", len(must(w.ChangedEvents(w.ctx, gateway.ID{}, 10))), 0)
	equal(t, "the reminder", must(w.Broadcast(w.ctx, w.group.ID, b.ID)).State, gateway.Stopped)
	equal(t, "the notice", must(w.Broadcast(w.ctx, w.group.ID, notice.ID)).State, gateway.Planning)
	w.accepted(w.granted(w.plan(notice, 1, capped)[0]))
	equal(t, "told after a notice", w.told(w.group.ID, e.ID), fmt.Sprint([]gateway.ID{reached.ID, doubted.ID}))
	again := gateway.Reminding{Group: w.group.ID, Event: e.ID, Revision: 2, At: change.Next, Sends: send.Sends}
	again.Sends[0].Send.Broadcast.ID = gateway.NewID()
	w.ok(w.Remind(w.ctx, again))
	equal(t, "sent", len(must(w.Reminded(w.ctx, w.group.ID, e.ID))), 2)

	// Other leads, or another topic, mean another look.
	equal(t, "due", len(due()), 0)
	w.group.Topics[0].Leads = []string{"1d"}
	must(w.PutGroup(w.ctx, w.group))
	equal(t, "due after the leads were changed", len(due()), 1)
	w.ok(w.Remind(w.ctx, gateway.Reminding{Group: w.group.ID, Event: e.ID, Revision: 2, At: due()[0].RemindAt}))
	must(w.PutGroup(w.ctx, w.group))
	equal(t, "due after the same leads were put", len(due()), 0)
	if got := must(w.GroupByID(w.ctx, w.group.ID)).Topics[0].Leads; fmt.Sprint(got) != "[1d]" {
		t.Fatalf("leads are %v", got)
	}
	must(w.PutCalendar(w.ctx, c, nil))
	equal(t, "due after the calendar was put", len(due()), 1)

	// Another group sees nothing of it.
	w.stale(w.Remind(w.ctx, gateway.Reminding{Group: w.other.ID, Event: e.ID, Revision: 2, At: due()[0].RemindAt}))
	equal(t, "sent for another group", len(must(w.Reminded(w.ctx, w.other.ID, e.ID))), 0)
	w.memberOf(w.other.ID, "sms")
	equal(t, "told of another group", w.told(w.other.ID, e.ID), "[]")
	w.ok(w.Erase(w.ctx, w.group.ID, doubted.ID))
	equal(t, "told after one was erased", w.told(w.group.ID, e.ID), fmt.Sprint([]gateway.ID{reached.ID}))

	w.clock.Wind(gateway.KeepReminded + time.Hour)
	must(w.Retain(w.ctx, 100))
	equal(t, "sent, long after", len(must(w.Reminded(w.ctx, w.group.ID, e.ID))), 0)
	left := w.event(c, 1) // so that there is something to move
	c = must(w.Calendars(w.ctx, w.group.ID))[0]
	w.saveReading(c, gateway.EventUpdate{Event: left})
	w.ok(w.Remind(w.ctx, gateway.Reminding{Group: w.group.ID, Event: left.ID, Revision: 1, Settle: true, Next: w.clock.Now(), Sends: w.telling(w.draft(gateway.Reminder), "2h")}))
}

// unreminded lists the members of a group who do not have a reminder of an event yet.
func (w *world) unreminded(group gateway.ID, what gateway.Announce) string {
	w.Helper()
	all := []gateway.ID{}
	var after gateway.ID
	for {
		page := must(w.Recipients(w.ctx, group, gateway.Audience{Topic: "reports", Unless: what}, after, 2))
		for _, r := range page {
			all = append(all, r.Member)
			after = r.Member
		}
		if len(page) < 2 {
			return fmt.Sprint(all)
		}
	}
}

// What is planned early is for whom it reaches: everybody else gets the reminder at its time, also who got nothing because
// it was stopped.
func earlyReminders(t *testing.T, open Open) {
	w := newWorld(t, open)
	c := w.calendar("plenum")
	e := w.event(c, 48)
	w.saveReading(c, gateway.EventUpdate{Event: e})
	reached, waiting, failed, other := w.member("sms"), w.member("sms"), w.member("sms"), w.member("sms")
	early, main := w.draft(gateway.Reminder), w.draft(gateway.Reminder)
	sends := append(w.telling(early, "2h"), w.telling(main, "1d")...)
	sends[0].Early = true
	at := w.clock.Now().Add(time.Hour)
	w.ok(w.Remind(w.ctx, gateway.Reminding{Group: w.group.ID, Event: e.ID, Revision: 1, Settle: true, Next: at, Sends: sends}))
	ids := w.plan(early, 1, reached, waiting, failed)
	w.accepted(w.granted(ids[0]))
	w.refused(w.granted(ids[2]), gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed})
	what := gateway.Announce{Event: e.ID, Lead: "2h", Start: "2026-03-30T09:00"}
	equal(t, "without it", w.unreminded(w.group.ID, what), fmt.Sprint([]gateway.ID{failed.ID, other.ID}))
	everybody := fmt.Sprint([]gateway.ID{reached.ID, waiting.ID, failed.ID, other.ID})
	for _, o := range []gateway.Announce{{Event: e.ID, Lead: "1d", Start: what.Start}, {Event: e.ID, Lead: "2h", Start: "2026-03-31T09:00"}, {Event: gateway.NewID(), Lead: "2h", Start: what.Start}} {
		equal(t, "without another one", w.unreminded(w.group.ID, o), everybody)
	}
	if got := must(w.Reminded(w.ctx, w.group.ID, e.ID)); len(got) != 2 || got[0].Early == got[1].Early {
		t.Fatalf("sent were %+v", got)
	}
	w.ok(w.Remind(w.ctx, gateway.Reminding{Group: w.group.ID, Event: e.ID, Revision: 1, At: at, Next: at, StopEarly: true}))
	equal(t, "the early one", must(w.Broadcast(w.ctx, w.group.ID, early.ID)).State, gateway.Stopped)
	equal(t, "the other one", must(w.Broadcast(w.ctx, w.group.ID, main.ID)).State, gateway.Planning)
	w.crash()
	equal(t, "without it after it was stopped", w.unreminded(w.group.ID, what), fmt.Sprint([]gateway.ID{waiting.ID, failed.ID, other.ID}))
	w.memberOf(w.other.ID, "sms")
	if w.unreminded(w.other.ID, what) == "[]" {
		t.Error("a reminder of one group counts in another")
	}
}

// reminderWishes: a member's leads are hers, as quiet hours are; what a group's members want is looked at again when it changes.
func reminderWishes(t *testing.T, open Open) {
	w := newWorld(t, open)
	row := w.row("ann", "sms")
	row.Member.Leads = "reports 1w"
	id := w.take(w.group.ID, row)[0].MemberID
	c := w.calendar("plenum")
	e := w.event(c, 48)
	w.saveReading(c, gateway.EventUpdate{Event: e})
	w.ok(w.Remind(w.ctx, gateway.Reminding{Group: w.group.ID, Event: e.ID, Revision: 1, Settle: true}))
	for _, step := range []struct{ said, want string }{{"", "reports 1w"}, {"2h", "2h"}, {gateway.DefaultRules, ""}, {"", ""}, {"none", "none"}} {
		row.Member.Leads = step.said
		w.take(w.group.ID, row)
		equal(t, "after "+step.said, must(w.Member(w.ctx, w.group.ID, id)).Leads, step.want)
		page := must(w.Recipients(w.ctx, w.group.ID, gateway.Audience{Topic: "reports"}, gateway.ID{}, 10))
		equal(t, "as a recipient", page[0].Leads, step.want)
	}
	if due := must(w.DueEvents(w.ctx, 10)); len(due) != 1 {
		t.Errorf("after wishes have changed, %d events are looked at", len(due))
	}
	bea := w.row("bea", "sms")
	bea.Member.Leads, bea.Member.Quiet = "none", "22:00-07:00"
	cal := w.row("cal", "sms")
	cal.Member.Leads = gateway.DefaultRules
	w.take(w.group.ID, bea, cal)
	got := must(w.ReminderWishes(w.ctx, w.group.ID))
	equal(t, "wishes", fmt.Sprint(got.Leads, got.Quiet), "[none] true")
	got = must(w.ReminderWishes(w.ctx, w.other.ID))
	equal(t, "another group's", fmt.Sprint(got.Leads, got.Quiet), "[] false")
}

// firstQuiet: reminders are planned early only where somebody has quiet hours; so the first who chooses some has events looked at again.
func firstQuiet(t *testing.T, open Open) {
	w := newWorld(t, open)
	members := w.take(w.group.ID, w.row("ann", "sms"), w.row("bea", "sms"))
	c := w.calendar("plenum")
	e := w.event(c, 48)
	w.saveReading(c, gateway.EventUpdate{Event: e})
	w.ok(w.Remind(w.ctx, gateway.Reminding{Group: w.group.ID, Event: e.ID, Revision: 1, Settle: true}))
	for _, step := range []struct {
		who   int
		quiet string
		want  int
	}{{0, gateway.NoQuiet, 0}, {0, "22:00-07:00", 1}, {1, "23:00-06:00", 0}, {0, "", 0}} {
		w.ok(w.Wish(w.ctx, w.group.ID, members[step.who].MemberID, gateway.Wish{Quiet: step.quiet}, gateway.Consent{}))
		due := must(w.DueEvents(w.ctx, 10))
		equal(t, "events to look at after "+step.quiet, len(due), step.want)
		for _, c := range due {
			w.ok(w.Remind(w.ctx, gateway.Reminding{Group: w.group.ID, Event: e.ID, Revision: 1, At: c.RemindAt}))
		}
	}
}
