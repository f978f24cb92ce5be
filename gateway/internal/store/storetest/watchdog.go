package storetest

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// signs lists what is overdue, as "code name part".
func (w *world) signs() []string {
	w.Helper()
	found, err := w.Signs(w.ctx)
	w.ok(err)
	all := []string{}
	for _, s := range found {
		if s.Since.IsZero() || s.Since.After(w.clock.Now().Add(-gateway.WatchFor(s.Code).Patience)) {
			w.Fatalf("%s is overdue since %v, and it is %v", s.Code, s.Since, w.clock.Now())
		}
		all = append(all, fmt.Sprint(s.Code, " ", s.Name, " ", s.Part))
	}
	slices.Sort(all)
	return all
}

// mark gives what changes when the work of a sign goes on; empty: there is no such sign.
func (w *world) mark(code gateway.FindingCode) string {
	w.Helper()
	found, err := w.Signs(w.ctx)
	w.ok(err)
	for _, s := range found {
		if s.Code == code {
			return s.Mark
		}
	}
	return ""
}

// Each kind of work is left lying; its sign shows when it is overdue for longer than its patience, and goes when it is done.
func signs(t *testing.T, open Open) {
	w := newWorld(t, open)
	same(t, "at first", w.signs(), []string{})

	s := w.weekly("weekly-report") // is due in an hour
	w.clock.Wind(time.Hour + time.Minute)
	same(t, "a minute late", w.signs(), []string{})
	w.clock.Wind(2 * time.Minute)
	same(t, "three minutes late", w.signs(), []string{"runs-late  "})
	stands := w.mark(gateway.RunsLate)
	equal(t, "it stands", w.mark(gateway.RunsLate), stands)
	again := w.step(s)
	again.Next, again.At = s.Run, w.clock.Now().Add(10*time.Second) // it could not be moved on, and is tried again
	w.ok(w.Retime(w.ctx, again))
	same(t, "tried again and again", w.signs(), []string{})
	w.ok(w.Fire(w.ctx, w.step(s, outcome(s, gateway.OccurrenceFired, ""))))

	b := w.submit(gateway.Report)
	w.clock.Wind(3 * time.Minute)
	same(t, "not planned", w.signs(), []string{"planning-late  "})
	m, n := w.member("sms"), w.member("telegram")
	stands = w.mark(gateway.PlanningLate)
	c, _ := w.chunk(b, 1, m)
	c.Last = false
	w.ok(w.Plan(w.ctx, c))
	if w.mark(gateway.PlanningLate) == stands {
		t.Error("planning went on, and the mark stands")
	}
	rest, _ := w.chunk(b, 1, n)
	rest.After = c.Cursor
	w.ok(w.Plan(w.ctx, rest))
	same(t, "planned", w.signs(), []string{})

	w.clock.Wind(6 * time.Minute)
	stuck := []string{"sending-stuck " + w.sms.Name + " bulk", "sending-stuck " + w.telegram.Name + " bulk"}
	same(t, "not sent", w.signs(), stuck)
	w.ok(w.SetChannelHealth(w.ctx, w.telegram.ID, gateway.ChannelHealth{Paused: gateway.PauseManual, RoutineOnly: true, Since: w.clock.Now()}))
	same(t, "of which one is paused", w.signs(), stuck[:1])
	w.ok(w.SetChannelHealth(w.ctx, w.telegram.ID, gateway.ChannelHealth{Paused: gateway.PauseThrottled, PausedUntil: w.clock.Now().Add(time.Minute), Since: w.clock.Now()}))
	w.clock.Wind(5 * time.Minute)
	same(t, "of which one was paused until a while ago", w.signs(), stuck[:1])
	w.clock.Wind(time.Minute)
	same(t, "and should have gone on since", w.signs(), stuck)
	w.ok(w.SetChannelHealth(w.ctx, w.telegram.ID, gateway.ChannelHealth{Paused: gateway.PauseManual, RoutineOnly: true, Since: w.clock.Now()}))
	must(w.Strike(w.ctx, gateway.Strike{Channel: w.sms.ID, Delivery: c.Deliveries[0].ID, Trouble: gateway.TroubleFiltered, After: 1, Within: time.Hour}))
	same(t, "and one ailing", w.signs(), []string{})
	_, _, alert := w.one(gateway.Alert, 1, "telegram")
	w.clock.Wind(6 * time.Minute)
	same(t, "an alert passes a pause of what is routine", w.signs(), []string{"sending-stuck " + w.telegram.Name + " urgent"})

	w.granted(alert)
	w.clock.Wind(time.Minute)
	same(t, "its sender has just died", w.signs(), []string{})
	w.clock.Wind(3 * time.Minute)
	same(t, "and nobody noticed", w.signs(), []string{"claims-left  "})
	must(w.Orphans(w.ctx, false))
	same(t, "somebody noticed", w.signs(), []string{})

	cal := w.calendar("plenum")
	w.clock.Wind(40 * time.Minute)
	same(t, "not read", w.signs(), []string{"calendars-late  "})
	cal.Fresh.Since, cal.Fresh.Fault = w.clock.Now(), "it answers 500"
	cal = w.saveReading(cal)
	same(t, "failed once", w.signs(), []string{})
	w.clock.Wind(25 * time.Hour)
	same(t, "failed once, before the clock was set", w.signs(), []string{"calendars-late  "})
	cal.Fresh.Tried = w.clock.Now()
	cal = w.saveReading(cal)
	same(t, "failing for a day", w.signs(), []string{"calendar-failing plenum "})
	cal.Fresh.Since = time.Time{}
	w.saveReading(cal)
	same(t, "read", w.signs(), []string{})

	s = w.weekly("other-report")
	w.ok(w.Fire(w.ctx, w.step(s, outcome(s, gateway.OccurrenceFailed, gateway.RunFault))))
	same(t, "failed", w.signs(), []string{"run-undecided other-report 2026-03-30T09:00+02:00"})
	s.Run, s.At = "after "+s.Run, s.At.Add(7*24*time.Hour)
	asked := outcome(s, gateway.OccurrenceAsked, gateway.RunLate)
	w.ok(w.Fire(w.ctx, w.step(s, asked)))
	same(t, "a later one is asked about", w.signs(), []string{"run-undecided other-report after 2026-03-30T09:00+02:00"})
	asked.State, asked.Reason = gateway.OccurrenceSkipped, gateway.RunByHand
	w.ok(w.Decide(w.ctx, asked, nil))
	same(t, "decided", w.signs(), []string{})
}

// A role is found before it ends, and an administrator who has been the only one for long.
func roleSigns(t *testing.T, open Open) {
	w := newWorld(t, open)
	token := func(role gateway.Role, lasts time.Duration) gateway.Token {
		_, digest := gateway.MintToken()
		k := gateway.Token{ID: gateway.NewID(), GroupID: w.group.ID, Role: role, Label: "the office", Digest: digest, CreatedAt: w.clock.Now()}
		if lasts > 0 {
			k.ExpiresAt = w.clock.Now().Add(lasts)
		}
		w.ok(w.PutToken(w.ctx, k))
		return k
	}
	only := token(gateway.Administrator, 0)
	token(gateway.Approver, gateway.RoleNotice+time.Hour)
	same(t, "at first", w.signs(), []string{})
	w.clock.Wind(time.Hour)
	same(t, "a week before it ends", w.signs(), []string{"role-ends approver 2026-04-04"})
	w.clock.Wind(gateway.RoleNotice)
	same(t, "it has ended, and the administrator is alone", w.signs(), []string{"role-alone administrator "})
	second := token(gateway.Administrator, 30*24*time.Hour)
	same(t, "a second one", w.signs(), []string{})
	w.clock.Wind(30 * 24 * time.Hour)
	same(t, "the second one has ended", w.signs(), []string{"role-alone administrator "})
	w.ok(w.RevokeToken(w.ctx, w.group.ID, second.ID))
	w.ok(w.RevokeToken(w.ctx, w.group.ID, only.ID))
	same(t, "nobody: the operator acts for the group", w.signs(), []string{})
}

// What is found is open until it is well; those concerned are told of both, once each.
func findings(t *testing.T, open Open) {
	w := newWorld(t, open)
	fence := w.hold(gateway.WatchDuty, gateway.NewID())
	set := func(those ...gateway.Finding) []gateway.Finding {
		t.Helper()
		all, err := w.SetFindings(w.ctx, those, fence.Token)
		w.ok(err)
		return all
	}
	since := w.clock.Now().Add(-time.Minute)
	stuck := gateway.Finding{Code: gateway.SendingStuck, About: w.sms.ID, Name: w.sms.Name, Part: "bulk", Since: since}
	run := gateway.Finding{Code: gateway.RunUndecided, GroupID: w.group.ID, About: gateway.NewID(), Name: "weekly-report", Part: "2026-03-30T09:00+02:00", Since: since}
	all := set(stuck, run)
	equal(t, "open", len(all), 2)
	first := all[slices.IndexFunc(all, stuck.Same)]
	if first.ID.IsZero() || !first.Since.Equal(since) || !first.OpenedAt.Equal(w.clock.Now()) || first.Text == "" || first.About != w.sms.ID {
		t.Fatalf("open is %+v", first)
	}
	notices := must(w.Untold(w.ctx, 10))
	equal(t, "notices", len(notices), 2)
	for _, n := range notices {
		if want := map[string]gateway.ID{gateway.NoticeFound: {}, gateway.NoticeUndecided: w.group.ID}; n.GroupID != want[n.Wording] {
			t.Errorf("%s is for %s", n.Wording, n.GroupID)
		}
		if n.Wording == gateway.NoticeFound && n.Avoid != w.sms.ID {
			t.Error("it may be told over the channel that is stuck")
		}
	}
	w.untold()

	w.clock.Wind(time.Second)
	later := stuck
	later.Since = w.clock.Now()
	w.crash()
	all = set(run, later)
	equal(t, "it goes on", all[slices.IndexFunc(all, stuck.Same)].ID, first.ID)
	same(t, "told while it goes on", w.untold(), []string{})
	equal(t, "open when it is well", len(set()), 0)
	same(t, "told at the end", w.untold(), []string{gateway.NoticeMended})
	set(run, stuck)
	same(t, "told when it comes back", w.untold(), []string{gateway.NoticeFound})
	set()
	w.untold()

	set(stuck)
	set() // before anybody was told
	same(t, "told of what nobody saw", w.untold(), []string{})

	w.clock.Wind(2 * time.Minute)
	w.hold(gateway.WatchDuty, gateway.NewID())
	if _, err := w.SetFindings(w.ctx, []gateway.Finding{stuck}, fence.Token); !errors.Is(err, gateway.ErrStale) {
		t.Fatalf("a watchdog that was paused writes: %v", err)
	}
	equal(t, "open", len(must(w.Findings(w.ctx))), 0)
}
