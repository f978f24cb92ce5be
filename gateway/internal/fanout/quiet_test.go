package fanout_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// span writes quiet hours in UTC around now.
func (st *stage) span(from, to time.Duration) string {
	now := st.now().UTC().Truncate(time.Minute)
	return fmt.Sprintf("%s-%s", now.Add(from).Format("15:04"), now.Add(to).Format("15:04"))
}

// TestQuietHoursArePlanned: a report waits for the end of each member's quiet hours, and ends at once where they outlast it;
// the preview says so before. An alert waits by her choice, danger to life only for her who refused it.
func TestQuietHoursArePlanned(t *testing.T) {
	st := newStage(t)
	st.run(st.f)
	end := st.now().UTC().Truncate(time.Minute).Add(7 * time.Hour)
	night := st.span(-time.Hour, 7*time.Hour)
	at := map[gateway.ID]string{}
	for name, p := range map[string]who{
		"awake": {}, "asleep": {quiet: night}, "wants no alerts": {quiet: night + "; alerts wait"}, "wants nothing": {quiet: night + "; danger waits"}, "elsewhere": {quiet: st.span(10*time.Hour, 12*time.Hour)},
	} {
		p.locale, p.points, p.zone = "en", "sms", "UTC"
		at[st.enrol(p)[0]] = name
	}
	plan := func(kind gateway.Kind, danger bool, lasts time.Duration) (waits, ends map[string]bool) {
		t.Helper()
		d := report(fmt.Sprint(kind, danger, lasts))
		d.Kind, d.DangerToLife, d.ExpiresAt = kind, danger, st.now().Add(lasts)
		p, err := st.f.Preview(t.Context(), func() gateway.Draft { d := d; d.Group = st.group.ID; return d }())
		st.ok(err)
		waits, ends = map[string]bool{}, map[string]bool{}
		for _, one := range st.planned(st.submit(d)) {
			switch name := at[one.MemberID]; {
			case one.State == gateway.Ended:
				if ends[name] = true; one.Reason != gateway.ReasonExpired || one.Detail != gateway.QuietLate {
					t.Errorf("%s: %s %q", name, one.Reason, one.Detail)
				}
			case !one.QuietUntil.IsZero():
				if waits[name] = true; !one.QuietUntil.Equal(end) || !one.Due.Equal(end) {
					t.Errorf("%s: due %s, until %s, want %s", name, one.Due, one.QuietUntil, end)
				}
			case one.Due.After(st.now()):
				t.Errorf("%s: due %s", name, one.Due)
			}
		}
		waiting, late := 0, 0
		for _, q := range p.Quiet {
			if waiting += q.Members; !q.Until.Equal(end) {
				t.Errorf("the preview has somebody wait until %s", q.Until)
			}
		}
		for _, l := range p.LeftOut {
			if l.Why == gateway.QuietLate && l.Meant {
				late += l.Members
			}
		}
		if waiting != len(waits) || late != len(ends) || p.Members != 5 || p.Reached != 5-len(ends) {
			t.Errorf("the preview has %d wait and %d too late, of %d %d reached; planned are %v and %v", waiting, late, p.Members, p.Reached, waits, ends)
		}
		return waits, ends
	}
	for _, c := range []struct {
		kind   gateway.Kind
		danger bool
		lasts  time.Duration
		want   string
	}{
		{gateway.KindReport, false, 24 * time.Hour, "map[asleep:true wants no alerts:true wants nothing:true] map[]"},
		{gateway.KindReport, false, 5 * time.Hour, "map[] map[asleep:true wants no alerts:true wants nothing:true]"},
		{gateway.KindReminder, false, 24 * time.Hour, "map[asleep:true wants no alerts:true wants nothing:true] map[]"},
		{gateway.KindAlert, false, 12 * time.Hour, "map[wants no alerts:true wants nothing:true] map[]"},
		{gateway.KindAlert, true, 12 * time.Hour, "map[wants nothing:true] map[]"},
		{gateway.KindAlert, true, 6 * time.Hour, "map[] map[wants nothing:true]"},
	} {
		waits, ends := plan(c.kind, c.danger, c.lasts)
		if got := fmt.Sprint(waits, " ", ends); got != c.want {
			t.Errorf("%s, danger %v, %s: %s, want %s", c.kind, c.danger, c.lasts, got, c.want)
		}
	}
}

// TestAReminderAtHerHourMovesEarlier: a reminder that each is to get at her own hour is planned before it, and comes a minute
// before the quiet hours that it would fall in.
func TestAReminderAtHerHourMovesEarlier(t *testing.T) {
	st := newStage(t)
	st.run(st.f)
	asleep := st.enrol(who{locale: "en", points: "sms", zone: "UTC", quiet: "22:00-07:00"})[0]
	st.enrol(who{locale: "en", points: "sms", zone: "UTC"})
	d := report("own")
	d.Kind, d.LocalAt = gateway.KindReminder, civil.Wall(st.now().Unix()).Midnight()+3*civil.Day+23*civil.Hour
	nominal := time.Unix(int64(d.LocalAt), 0)
	for _, one := range st.planned(st.submit(d)) {
		want := nominal
		if one.MemberID == asleep {
			want = nominal.Add(-61 * time.Minute)
		}
		if !one.Due.Equal(want) || !one.QuietUntil.IsZero() {
			t.Errorf("due %s until %s, want %s", one.Due, one.QuietUntil, want)
		}
	}
}
