package scheduler

import (
	"context"
	"errors"
	"reflect"
	"regexp"
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Store is what a Desk keeps schedules in.
type Store interface {
	gateway.Schedules
	Decide(ctx context.Context, o gateway.Occurrence, send *gateway.ReadyBroadcast) error
}

// Desk is what people do with schedules. It is safe for concurrent use.
type Desk struct {
	Store
	actor Actor
	now   func() time.Time
	wake  func() // after a schedule was set
}

// NewDesk makes a desk; wake is called after a schedule was set.
func NewDesk(store Store, actor Actor, now func() time.Time, wake func()) *Desk {
	return &Desk{store, actor, now, wake}
}

// maxRuns bounds a preview.
const maxRuns = 1000

// tries is how often a change is made that meets another.
const tries = 10

var named = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$`)

// Check gives a schedule in canonical form, or says what is wrong with it: CodeInvalid, CodeTooLong.
func (d *Desk) Check(ctx context.Context, g gateway.Group, s gateway.Schedule) (gateway.Schedule, error) {
	var err error
	if !named.MatchString(s.Name) {
		return s, gateway.Faultf(gateway.CodeInvalid, "name: use 2 to 40 of a-z, 0-9 and -, with a letter or digit first and last")
	}
	if s.Timing, err = d.CheckTiming(g, s.Timing); err != nil {
		return s, err
	}
	if s.HolidaysOf != "" {
		if _, err := d.actor.Holidays(ctx, g.ID, s.HolidaysOf, 0); err != nil {
			return s, noHolidays(s.HolidaysOf, err)
		}
	}
	if s.Action.Kind == "" {
		s.Action.Kind = gateway.ActBroadcast
	}
	does := 0
	for _, one := range []bool{s.Action.Broadcast != nil, s.Action.Series != "", s.Action.Week != nil} {
		if one {
			does++
		}
	}
	if does > 1 {
		return s, gateway.Faultf(gateway.CodeInvalid, "send, report and week: a run sends a message, an edition or the week ahead; name one of them")
	}
	s.GroupID = g.ID
	trial := Performance{Schedule: s, Occurrence: gateway.Occurrence{GroupID: g.ID, ScheduleID: gateway.NewID(), Run: "trial", At: d.now()}, Trial: true}
	var fault *gateway.Fault
	if _, err = d.actor.Ready(ctx, trial); errors.As(err, &fault) && (fault.Code == gateway.CodeNobody || fault.Code == gateway.CodeConflict) {
		err = nil // members and channels may come later
	}
	return s, err
}

// CheckTiming is Check for the zone of a group, now.
func (d *Desk) CheckTiming(g gateway.Group, t gateway.Timing) (gateway.Timing, error) {
	return Check(t, g.Zone, d.now())
}

// Put makes a schedule, or changes the one with its name in all but its pause. A change of when it runs holds from now on, and a run
// that was due and is none any more is recorded as left out; any other change leaves the next run as it is.
func (d *Desk) Put(ctx context.Context, g gateway.Group, s gateway.Schedule) (done gateway.Schedule, created bool, err error) {
	if s, err = d.Check(ctx, g, s); err != nil {
		return s, false, err
	}
	for range tries {
		have, err := d.Schedule(ctx, g.ID, s.Name)
		created = errors.Is(err, gateway.ErrNotFound)
		if err != nil && !created {
			return s, false, err
		}
		s.ID, s.Revision, s.Paused, s.PausedUntil = have.ID, have.Revision, have.Paused, have.PausedUntil
		retime := created || !reflect.DeepEqual(have.Timing, s.Timing)
		var dropped []gateway.Occurrence
		if retime {
			if s.Run, s.At, dropped, err = retimed(have, s, g.Zone, d.now()); err != nil {
				return s, false, err
			}
		}
		done, err = d.PutSchedule(ctx, s, retime)
		switch {
		case err == nil:
			d.wake()
			return done, created, d.drop(ctx, dropped)
		case !errors.Is(err, gateway.ErrStale) && !(created && errors.Is(err, gateway.ErrConflict)):
			return s, false, err
		}
	}
	return s, false, errBusy
}

// drop records runs as left out, but those that a scheduler has done meanwhile.
func (d *Desk) drop(ctx context.Context, runs []gateway.Occurrence) error {
	for _, o := range runs {
		if err := d.Decide(ctx, o, nil); err != nil && !errors.Is(err, gateway.ErrConflict) {
			return err
		}
	}
	return nil
}

var errBusy = gateway.Faultf(gateway.CodeUnavailable, "others change this schedule at the same time; try again")

// Pause has runs left out, until a time or (zero) until someone resumes it.
func (d *Desk) Pause(ctx context.Context, group gateway.ID, name string, until time.Time, by string) (gateway.Schedule, error) {
	if !until.IsZero() && !until.After(d.now()) {
		return gateway.Schedule{}, gateway.Faultf(gateway.CodeInvalid, "until (%s) is over already; give a time to come, or none", until.UTC().Format(time.RFC3339))
	}
	return d.change(ctx, group, name, func(s *gateway.Schedule) { s.Paused, s.PausedUntil, s.Author = true, until, by })
}

// Resume lets a paused schedule run again, from its next run on.
func (d *Desk) Resume(ctx context.Context, group gateway.ID, name, by string) (gateway.Schedule, error) {
	return d.change(ctx, group, name, func(s *gateway.Schedule) { s.Paused, s.PausedUntil, s.Author = false, time.Time{}, by })
}

func (d *Desk) change(ctx context.Context, group gateway.ID, name string, change func(*gateway.Schedule)) (gateway.Schedule, error) {
	for range tries {
		s, err := d.Schedule(ctx, group, name)
		if err != nil {
			return s, err
		}
		change(&s)
		if s, err = d.PutSchedule(ctx, s, false); !errors.Is(err, gateway.ErrStale) {
			return s, err
		}
	}
	return gateway.Schedule{}, errBusy
}

// Do does a run now: one that is asked about or has failed, or, without a name, one of its own that takes no other's place.
func (d *Desk) Do(ctx context.Context, g gateway.Group, name, run, by string) (gateway.Occurrence, error) {
	p, err := d.run(ctx, g, name, run, by)
	if err != nil {
		return p.Occurrence, err
	}
	p.Occurrence.State = gateway.OccurrenceFired
	send, err := d.actor.Ready(ctx, p)
	if err != nil {
		return p.Occurrence, err
	}
	if err := d.Decide(ctx, p.Occurrence, send); err != nil {
		if errors.Is(err, gateway.ErrStale) { // the edition that it sends was changed meanwhile
			err = errBusy
		}
		return p.Occurrence, err
	}
	d.actor.Look()
	return d.recorded(ctx, p.Occurrence)
}

// Skip leaves a run out that is asked about or has failed.
func (d *Desk) Skip(ctx context.Context, g gateway.Group, name, run, by string) (gateway.Occurrence, error) {
	if run == "" {
		return gateway.Occurrence{}, gateway.Faultf(gateway.CodeInvalid, "say which run is to be left out; schedule show lists them")
	}
	p, err := d.run(ctx, g, name, run, by)
	if err != nil {
		return p.Occurrence, err
	}
	p.Occurrence.State = gateway.OccurrenceSkipped
	if err := d.Decide(ctx, p.Occurrence, nil); err != nil {
		return p.Occurrence, err
	}
	return d.recorded(ctx, p.Occurrence)
}

// run finds the run that a person decides about.
func (d *Desk) run(ctx context.Context, g gateway.Group, name, which, by string) (Performance, error) {
	s, err := d.Schedule(ctx, g.ID, name)
	if err != nil {
		return Performance{}, err
	}
	t, err := read(s.Timing, g.Zone)
	if err != nil {
		return Performance{}, err
	}
	p := Performance{Schedule: s, Occurrence: gateway.Occurrence{GroupID: g.ID, ScheduleID: s.ID, Reason: gateway.RunByHand, By: by}}
	if which == "" { // its name has seconds, or those of no rule: it is nobody else's
		now := civil.Of(d.now(), t.loc)
		p.Occurrence.Run, p.Occurrence.At = now.String(), now.Instant()
		if now.Wall%civil.Minute == 0 {
			p.Occurrence.Run, p.Occurrence.At = civil.Moment{Wall: now.Wall + 1, Offset: now.Offset}.String(), now.Instant()
		}
		return p, nil
	}
	all, err := d.find(ctx, s, which)
	if err != nil {
		return Performance{}, err
	}
	p.Occurrence.Run, p.Occurrence.At = all.Run, all.At
	_, err = civil.ParseWall(which)
	p.Own = err == nil // it is a time of no zone
	return p, nil
}

// find looks for a recorded run by its name.
func (d *Desk) find(ctx context.Context, s gateway.Schedule, run string) (gateway.Occurrence, error) {
	var before gateway.ID
	for {
		page, err := d.Occurrences(ctx, s.GroupID, s.ID, before, 500)
		if err != nil {
			return gateway.Occurrence{}, err
		}
		if i := slices.IndexFunc(page, func(o gateway.Occurrence) bool { return o.Run == run }); i >= 0 {
			return page[i], nil
		}
		if len(page) < 500 {
			return gateway.Occurrence{}, gateway.Faultf(gateway.CodeNotFound, "nothing is recorded of the run %q; schedule show lists the runs there were", run)
		}
		before = page[len(page)-1].ID
	}
}

func (d *Desk) recorded(ctx context.Context, o gateway.Occurrence) (gateway.Occurrence, error) {
	s := gateway.Schedule{ID: o.ScheduleID, GroupID: o.GroupID}
	return d.find(ctx, s, o.Run)
}

// Preview is Runs for a timing that is not kept yet: one that would be refused is CodeInvalid.
func (d *Desk) Preview(ctx context.Context, g gateway.Group, t gateway.Timing, from time.Time, zone string, n int) ([]gateway.RunView, error) {
	t, err := d.CheckTiming(g, t)
	if err != nil {
		return nil, err
	}
	return d.Runs(ctx, g, gateway.Schedule{Timing: t}, from, zone, n)
}

// Runs lists the next n runs of a schedule strictly after a time (zero: now), with the clocks of a zone (empty: that of the
// schedule, or the group's where it runs at each member's own time), and says which are left out, because of a pause too.
func (d *Desk) Runs(ctx context.Context, g gateway.Group, s gateway.Schedule, from time.Time, zone string, n int) ([]gateway.RunView, error) {
	if n < 1 || n > maxRuns {
		return nil, gateway.Faultf(gateway.CodeInvalid, "list 1 to %d runs", maxRuns)
	}
	if from.IsZero() {
		from = d.now()
	}
	t := s.Timing
	tt, err := read(t, g.Zone)
	if err != nil {
		return nil, gateway.Faultf(gateway.CodeInvalid, "%w", err)
	}
	if zone == "" || zone == gateway.ZoneGroup || zone == gateway.ZoneMember {
		if zone = t.Zone; zone == gateway.ZoneGroup || zone == gateway.ZoneMember {
			zone = g.Zone
		}
	}
	loc, err := civil.Zone(zone)
	if err != nil {
		return nil, gateway.Faultf(gateway.CodeInvalid, "zone: %w", err)
	}
	if t.HolidaysOf != "" {
		if err := tt.keepFrom(ctx, d.actor, g.ID, civil.Of(from, loc).Wall-civil.Day); err != nil {
			return nil, noHolidays(t.HolidaysOf, err)
		}
	}
	runs := []gateway.RunView{}
	after := from
	if tt.own { // in this zone they may have begun already, although the first zone's have not
		after = time.Unix(int64(civil.Of(from, loc).Wall), 0)
	}
	for r, more := tt.next(after); more && len(runs) < n; r, more = tt.after(r) {
		v := gateway.RunView{Run: r.name(), Nominal: r.Wall, Zone: zone, UTC: r.Instant(), Note: r.Note, LeftOut: tt.heldBack(&s, r)}
		if tt.own {
			m := civil.In(r.Wall, loc)
			if v.UTC, v.Note = m.Instant(), m.Note; !v.UTC.After(from) {
				continue
			}
			if !civil.Exists(r.Wall, loc) {
				v.UTC, v.Note = time.Time{}, ""
			}
		}
		if !v.UTC.IsZero() {
			v.Local = v.UTC.In(loc).Format(time.RFC3339)
		}
		runs = append(runs, v)
	}
	return runs, nil
}

// noHolidays says that holidays are those of a calendar that the group does not have.
func noHolidays(calendar string, err error) error {
	if errors.Is(err, gateway.ErrNotFound) {
		return gateway.Faultf(gateway.CodeInvalid, "holidays_of: the group has no calendar %q; calendar list shows those that it has", calendar)
	}
	return err
}
