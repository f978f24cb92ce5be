package storetest

import (
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// quietly makes a member of the first group with quiet hours, in Berlin.
func (w *world) quietly(hours string, kinds ...string) gateway.Member {
	w.Helper()
	row := w.row("quiet-"+hours+"-"+time.Duration(w.serial).String(), kinds...)
	row.Member.Quiet = hours
	m, err := w.Member(w.ctx, w.group.ID, w.take(w.group.ID, row)[0].MemberID)
	w.ok(err)
	return m
}

// quietHours: whatever makes a delivery due in its member's quiet hours, it is not sent in them. Danger to life passes and
// what belongs to her account does, alerts by her choice; what would be too late ends.
func quietHours(t *testing.T, open Open) {
	w := newWorld(t, open)
	ann, bea, cal := w.quietly("22:00-07:00", "sms", "telegram"), w.quietly("22:00-07:00; alerts wait", "sms"), w.quietly("22:00-07:00; danger waits", "sms")
	end := time.Date(2026, 3, 29, 5, 0, 0, 0, time.UTC) // clocks were put forward that night
	first, resumed := w.submit(gateway.Report), w.submit(gateway.Report)
	moves, stopped := w.plan(first, 1, ann)[0], w.plan(resumed, 1, ann)[0]
	c := w.granted(moves)
	w.clock.Wind(12*time.Hour + 30*time.Minute) // 22:30
	w.refused(c, gateway.Step{Kind: gateway.StepPoint, Due: w.clock.Now(), Channel: w.telegram.ID, Point: ann.Points[1].ID})
	w.ok(w.SetState(w.ctx, w.group.ID, resumed.ID, true))
	equal(t, "while it is stopped", w.claim(stopped).Verdict, gateway.Held)
	w.ok(w.SetState(w.ctx, w.group.ID, resumed.ID, false))
	if _, err := w.Release(w.ctx, w.group.ID, resumed.ID, false, 10); err != nil {
		t.Fatal(err)
	}
	waits := func(what string, id gateway.ID) {
		t.Helper()
		equal(t, what, w.claim(id).Verdict, gateway.NotDue)
		d, err := w.Delivery(w.ctx, w.group.ID, id)
		w.ok(err)
		equal(t, what+": state", d.State, gateway.Waiting)
		equal(t, what+": due", d.Due, end)
		equal(t, what+": the end of quiet hours", d.QuietUntil, end)
	}
	waits("after it moved on", moves)
	waits("after it was resumed", stopped)
	urgent := func(class gateway.Class, m gateway.Member) gateway.ID { return w.plan(w.submit(class), 1, m)[0] }
	for _, one := range []struct {
		what  string
		class gateway.Class
		m     gateway.Member
		want  gateway.Verdict
	}{
		{"an alert to one who lets it pass", gateway.Alert, ann, gateway.Granted},
		{"danger to one who lets it pass", gateway.LifeSafety, bea, gateway.Granted},
		{"a code to one who wants nothing", gateway.Account, cal, gateway.Granted},
		{"danger to one who refused it", gateway.LifeSafety, cal, gateway.Lapsed}, // in six hours it would be over
		{"a reminder", gateway.Reminder, ann, gateway.NotDue},
	} {
		equal(t, one.what, w.claim(urgent(one.class, one.m)).Verdict, one.want)
	}
	late := urgent(gateway.LifeSafety, cal)
	w.claim(late)
	d, err := w.Delivery(w.ctx, w.group.ID, late)
	w.ok(err)
	equal(t, "what is too late", string(d.State)+" "+string(d.Reason)+": "+d.Detail, "ended expired: "+gateway.QuietLate)
	alert := urgent(gateway.Alert, bea)
	waits("an alert to one who lets it wait", alert)
	w.clock.Wind(time.Hour)
	overdue, err := w.Overdue(w.ctx, 100)
	w.ok(err)
	for _, o := range overdue {
		if o.Delivery == alert {
			t.Error("what waits for the end of quiet hours is not overdue before")
		}
	}
	w.clock.Wind(end.Sub(w.clock.Now()) - time.Second)
	equal(t, "a second before the end", w.claim(alert).Verdict, gateway.NotDue)
	w.clock.Wind(time.Second)
	w.granted(alert)
	equal(t, "the kind after it moved on", w.granted(stopped).Kind, "sms")
}

// merged: of reports on one topic that wait for one end of a member's quiet hours the newest is sent, in whatever order
// they are claimed. Others stay: on another topic, to another member, stopped, or of which a part has left; nor does one
// take another's place whose own time is over.
func merged(t *testing.T, open Open) {
	w := newWorld(t, open)
	ann, bea := w.quietly("12:00-18:00", "sms"), w.quietly("12:00-18:00", "sms")
	w.ok(w.Wish(w.ctx, w.group.ID, ann.ID, gateway.Wish{Topics: []gateway.TopicWish{{Point: ann.Points[0].ID, Topic: "alerts", Taken: true}}}, gateway.Consent{Source: "member"}))
	half := w.submit(gateway.Report)
	begun := w.granted(w.plan(half, 2, ann)[0])
	w.ok(w.settle(gateway.Outcome{Attempt: begun.Attempt, Token: begun.Token, State: gateway.Claimed, Part: 0, ProviderID: "SM-half", Cost: 1}))
	w.clock.Wind(3 * time.Hour) // 13:00
	begun.FirstPart = 1
	w.refused(begun, gateway.Step{Kind: gateway.StepRetry, Due: w.clock.Now()})
	at := func(topic string) func(*gateway.Broadcast) {
		return func(b *gateway.Broadcast) { b.Audience.Topic = topic }
	}
	older, newest, other := w.submit(gateway.Report), w.submit(gateway.Report, func(b *gateway.Broadcast) { b.StartAt = b.StartAt.Add(time.Minute) }), w.submit(gateway.Report, at("alerts"))
	later := w.submit(gateway.Report) // written last, but it starts before the newest
	stopped := w.submit(gateway.Report, func(b *gateway.Broadcast) { b.StartAt = b.StartAt.Add(time.Hour) })
	over := w.submit(gateway.Report, func(b *gateway.Broadcast) {
		b.StartAt, b.ExpiresAt = b.StartAt.Add(time.Hour), b.StartAt.Add(5*time.Hour+time.Minute)
	})
	ending := w.submit(gateway.Report, func(b *gateway.Broadcast) { b.StartAt = b.StartAt.Add(2 * time.Hour) })
	hers, endings := w.chunk(ending, 1, ann)
	hers.Deliveries[0].Expires = w.clock.Now().Add(5*time.Hour + time.Minute)
	w.ok(w.Plan(w.ctx, hers))
	ids := map[string]gateway.ID{"ending": endings[0], "over": w.plan(over, 1, ann)[0], "half": begun.Delivery, "older": w.plan(older, 1, ann)[0], "newest": w.plan(newest, 1, ann)[0], "other": w.plan(other, 1, ann)[0], "later": w.plan(later, 1, ann, bea)[0], "stopped": w.plan(stopped, 1, ann)[0]}
	for name, id := range ids {
		equal(t, name+" in quiet hours", w.claim(id).Verdict, gateway.NotDue)
	}
	w.ok(w.SetState(w.ctx, w.group.ID, stopped.ID, true))
	w.clock.Wind(5*time.Hour + 2*time.Minute)
	equal(t, "the older one, before the newest", w.claim(ids["older"]).Verdict, gateway.NotDue)
	w.granted(ids["newest"])
	equal(t, "one behind the newest", w.claim(ids["later"]).Verdict, gateway.NotDue)
	w.granted(ids["other"])
	w.granted(ids["half"])
	equal(t, "the stopped one", w.claim(ids["stopped"]).Verdict, gateway.Held)
	for _, name := range []string{"older", "later"} {
		d, err := w.Delivery(w.ctx, w.group.ID, ids[name])
		w.ok(err)
		equal(t, name, string(d.State)+" "+string(d.Reason), "ended merged")
		if !strings.Contains(d.Detail, newest.ID.String()) {
			t.Errorf("%s does not say what took its place: %q", name, d.Detail)
		}
	}
	tallies, err := w.Tallies(w.ctx, w.group.ID, later.ID)
	w.ok(err)
	equal(t, "the other member and the merged one", len(tallies), 2)
	for _, n := range tallies {
		equal(t, "tally", n.Count, 1)
	}
}

// mergedOverChange: in a night in which clocks are put forward quiet hours end an hour sooner. Whatever is claimed before or
// after the change waits for that one end, and is merged there; what is over by then ends, and what would be over only by the
// hours of another night does not.
func mergedOverChange(t *testing.T, open Open) {
	w := newWorld(t, open)
	ann := w.quietly("22:00-07:00", "sms")
	end := time.Date(2026, 3, 29, 5, 0, 0, 0, time.UTC) // 07:00 in summer time
	report := func(hours time.Duration, expires time.Time) (gateway.Broadcast, gateway.ID) {
		b := w.submit(gateway.Report, func(b *gateway.Broadcast) { b.StartAt, b.ExpiresAt = b.StartAt.Add(hours*time.Hour), expires })
		return b, w.plan(b, 1, ann)[0]
	}
	_, evening := report(0, end.Add(time.Hour))
	_, barely := report(1, end.Add(30*time.Minute)) // by winter time it would be over
	newest, night := report(2, end.Add(time.Hour))
	_, over := report(3, end)
	w.clock.Wind(12*time.Hour + 30*time.Minute) // 22:30
	waits := func(what string, id gateway.ID) {
		t.Helper()
		equal(t, what, w.claim(id).Verdict, gateway.NotDue)
		d, err := w.Delivery(w.ctx, w.group.ID, id)
		w.ok(err)
		equal(t, what+" waits until", d.QuietUntil, end)
	}
	waits("in the evening", evening)
	waits("what expires in the morning", barely)
	equal(t, "what is over when they end", w.claim(over).Verdict, gateway.Lapsed)
	w.clock.Wind(3 * time.Hour) // 02:30, which no clock shows: 03:30
	waits("behind the change", night)
	w.clock.Wind(end.Sub(w.clock.Now()))
	w.claim(evening)
	w.claim(barely)
	w.granted(night)
	for what, id := range map[string]gateway.ID{"the first": evening, "the second": barely} {
		d, err := w.Delivery(w.ctx, w.group.ID, id)
		w.ok(err)
		equal(t, what, string(d.State)+" "+string(d.Reason)+": "+d.Detail, "ended merged: a newer report on the same topic came when her quiet hours ended: "+newest.ID.String())
	}
}

// quietOfCalendar: quiet hours that name a calendar are on its dates as it has them now, also for what was planned before; those of
// another group's calendar, or of one that is gone, are none.
func quietOfCalendar(t *testing.T, open Open) {
	w := newWorld(t, open)
	ann, bea, cal := w.quietly("holidays school 08:00-20:00", "sms"), w.quietly("reports 12:00-13:00; holidays harbour", "sms"), w.quietly("holidays nowhere", "sms")
	school := w.calendar("school")
	_, err := w.PutCalendar(w.ctx, gateway.Calendar{GroupID: w.other.ID, Name: "harbour", Topic: "reports", Zone: "Europe/Berlin", Fresh: gateway.Freshness{Holidays: []string{"2026-03-28"}}}, []byte("BEGIN:VCALENDAR"))
	w.ok(err)
	hours := func(m gateway.Member) string {
		t.Helper()
		page, err := w.Recipients(w.ctx, w.group.ID, gateway.Audience{Topic: "reports", Members: []gateway.ID{m.ID}}, gateway.ID{}, 10)
		w.ok(err)
		equal(t, "members", len(page), 1)
		return page[0].Quiet
	}
	equal(t, "without dates", hours(ann), "")
	report := w.plan(w.submit(gateway.Report), 3, ann, bea, cal)
	school.Fresh.Holidays = []string{"2026-03-28", "2026-03-30"}
	school = w.saveReading(school)
	equal(t, "with dates", hours(ann), "2026-03-28 08:00-20:00; 2026-03-30 08:00-20:00")
	equal(t, "another group's calendar", hours(bea), "reports 12:00-13:00")
	equal(t, "no calendar", hours(cal), "")
	equal(t, "on the day", w.claim(report[0]).Verdict, gateway.NotDue)
	d, err := w.Delivery(w.ctx, w.group.ID, report[0])
	w.ok(err)
	equal(t, "until", d.QuietUntil, time.Date(2026, 3, 28, 19, 0, 0, 0, time.UTC))
	w.granted(report[1])
	w.granted(report[2])
	got, err := w.Member(w.ctx, w.group.ID, ann.ID)
	w.ok(err)
	equal(t, "what she said", got.Quiet, "holidays school 08:00-20:00")
	later := w.plan(w.submit(gateway.Report), 1, ann)
	w.fails(w.Wish(w.ctx, w.group.ID, cal.ID, gateway.Wish{Quiet: "sat 10:00-12:00; holidays harbour"}, gateway.Consent{}), gateway.CodeInvalid)
	same(t, "calendars that are not there", w.signs(), []string{"calendar-missing harbour ", "calendar-missing nowhere "})
	w.ok(w.Wish(w.ctx, w.group.ID, cal.ID, gateway.Wish{Quiet: "holidays school; holidays school 08:00-20:00"}, gateway.Consent{}))
	same(t, "calendars that are not there", w.signs(), []string{"calendar-missing harbour "})
	w.ok(w.RemoveCalendar(w.ctx, w.group.ID, school.ID))
	same(t, "one is gone", w.signs(), []string{"calendar-missing harbour ", "calendar-missing school "})
	w.granted(later[0])
}

// quietKept: a member's quiet hours are hers: a file that does not speak of them leaves them as they are.
func quietKept(t *testing.T, open Open) {
	w := newWorld(t, open)
	row := w.row("ann", "sms")
	row.Member.Quiet = "22:00-07:00; danger waits"
	id := w.take(w.group.ID, row)[0].MemberID
	for _, step := range []struct{ said, want string }{{"", "22:00-07:00; danger waits"}, {"sat 10:00-12:00", "sat 10:00-12:00"}, {gateway.NoQuiet, ""}, {"", ""}} {
		row.Member.Quiet = step.said
		w.take(w.group.ID, row)
		m, err := w.Member(w.ctx, w.group.ID, id)
		w.ok(err)
		equal(t, "after "+step.said, m.Quiet, step.want)
		page, err := w.Recipients(w.ctx, w.group.ID, gateway.Audience{Topic: "reports"}, gateway.ID{}, 10)
		w.ok(err)
		equal(t, "as a recipient", page[0].Quiet, step.want)
	}
	never := w.row("bea", "sms")
	never.Member.Quiet = gateway.NoQuiet
	m, err := w.Member(w.ctx, w.group.ID, w.take(w.group.ID, never)[0].MemberID)
	w.ok(err)
	equal(t, "a new member without", m.Quiet, "")
}
