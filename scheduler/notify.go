package scheduler

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// NotifyFaultPoints names the steps at which tests kill the process while it tells of events.
var NotifyFaultPoints = [...]string{"reminders: before telling", "reminders: after telling"}

// Agenda is what a Notifier reads and writes.
type Agenda interface {
	gateway.Reminders
	GroupByID(ctx context.Context, id gateway.ID) (gateway.Group, error)
	Calendars(ctx context.Context, group gateway.ID) ([]gateway.Calendar, error)
}

// Messenger makes ready what is said about events.
type Messenger interface {
	// ReadyEvent checks a message. A fault says what is wrong with it: CodeNobody if nobody is meant.
	ReadyEvent(ctx context.Context, m gateway.EventMessage) (*gateway.ReadyBroadcast, error)
	// Look has whoever plans broadcasts look for new ones at once.
	Look()
}

// Notifier tells people of events: before they begin, and when they are changed. Any number of processes may each have one on
// the same ledger.
type Notifier struct {
	ledger Agenda
	sends  Messenger
	now    func() time.Time
	Options
}

// NewNotifier makes a notifier. Nobody is told anything before Run.
func NewNotifier(ledger Agenda, sends Messenger, now func() time.Time, o Options) *Notifier {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.At == nil {
		o.At = func(string) {}
	}
	return &Notifier{ledger: ledger, sends: sends, now: now, Options: o}
}

// Run tells what is to be told until the context ends. It looks at the ledger once a second, as a Ticker does.
func (n *Notifier) Run(ctx context.Context) error {
	tick := time.NewTicker(longestNap)
	defer tick.Stop()
	for ctx.Err() == nil {
		if err := n.Tick(ctx); err != nil && ctx.Err() == nil {
			n.Log.Error("looking for events to tell of; trying again", "error", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// mostChanges is how many changes are told before reminders have their turn again, as after a large calendar was read.
const mostChanges = 1000

// Tick tells what is to be told now. A reminder tells of an event as it is: while nobody was told of its change it is not due.
func (n *Notifier) Tick(ctx context.Context) error {
	l := look{Notifier: n, groups: map[gateway.ID]*known{}}
	for more := true; more; {
		page, err := n.ledger.DueEvents(ctx, batch)
		if err != nil {
			return err
		}
		l.moved = false
		l.all(ctx, page, l.due)
		more = len(page) == batch && l.moved
	}
	var after gateway.ID
	for told := 0; told < mostChanges; told += batch {
		page, err := n.ledger.ChangedEvents(ctx, after, batch)
		if err != nil {
			return err
		}
		l.all(ctx, page, l.changed)
		if len(page) < batch {
			break
		}
		after = page[batch-1].Event.ID
	}
	if l.sent {
		n.sends.Look()
	}
	return nil
}

// look is one look at what is to be told.
type look struct {
	*Notifier
	mu     sync.Mutex // of what follows
	groups map[gateway.ID]*known
	moved  bool // an event went on, here or elsewhere
	sent   bool
}

// known is what is known of a group.
type known struct {
	wants  map[gateway.ID][]Wants // by calendar
	topics map[gateway.ID]string
	quiet  bool // somebody has quiet hours
}

// all tells of events, some side by side.
func (l *look) all(ctx context.Context, page []gateway.EventChange, tell telling) {
	var done sync.WaitGroup
	places := make(chan struct{}, sideways)
	for _, c := range page {
		places <- struct{}{}
		done.Go(func() {
			defer func() { <-places }()
			l.safely(ctx, c, tell)
		})
	}
	done.Wait()
}

// telling decides what is told of an event.
type telling func(ctx context.Context, c gateway.EventChange) (gateway.Reminding, error)

// safely keeps what is wrong with one event from the others.
func (l *look) safely(ctx context.Context, c gateway.EventChange, tell telling) {
	defer func() {
		if cause := recover(); cause != nil {
			l.Log.Error("telling of an event met a defect; it is tried again", "event", c.Event.ID, "group", c.Event.GroupID, "error", gateway.DefectOf(cause))
		}
	}()
	r, err := tell(ctx, c)
	if err == nil {
		l.At(NotifyFaultPoints[0])
		err = l.ledger.Remind(ctx, r)
		if errors.Is(err, gateway.ErrKeyReused) { // somebody took the key for a broadcast of his own
			l.Log.Error("nobody is told of an event: the key of a message is taken", "event", r.Event, "group", r.Group)
			r.Sends = nil
			err = l.ledger.Remind(ctx, r)
		}
		l.At(NotifyFaultPoints[1])
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.moved, l.sent = true, l.sent || len(r.Sends) > 0
	case errors.Is(err, gateway.ErrStale): // another process did it, or a calendar changed it
		l.moved = true
	case ctx.Err() == nil:
		l.Log.Error("an event could not be told of; it is tried again", "event", c.Event.ID, "group", c.Event.GroupID, "error", err)
	}
}

// changed tells those who were told of an event that it is another now, and finds its next reminder.
func (l *look) changed(ctx context.Context, c gateway.EventChange) (gateway.Reminding, error) {
	e, now := &c.Event, l.now()
	r := gateway.Reminding{Group: e.GroupID, Event: e.ID, Revision: e.Revision, At: c.RemindAt, Settle: true, Next: c.RemindAt}
	since, wording := e.Changed, gateway.EventChangedNotice
	switch kind := c.Kind(); {
	case kind == gateway.EventWasDropped:
		wording = gateway.EventCancelledNotice
	case e.Status == gateway.EventCancelled:
		r.Next = time.Time{}
		return r, nil
	case kind == gateway.EventIsNew:
		return r, l.remind(ctx, e, &r, since, now, true)
	case kind == gateway.EventIsBack, kind == gateway.EventWasMoved && shows(e, c.Before), e.ShowsPlace(*c.Before, now):
	default: // nobody is told: its text alone, or when it ends. What is planned early is planned again.
		if e.Hides(*c.Before, now) { // what has not left says too much
			return r, l.anew(ctx, e, &r, now)
		}
		if !c.RemindAt.IsZero() || e.Withheld(now) {
			r.StopEarly, r.Next = true, now
			if !c.RemindAt.IsZero() && c.RemindAt.Before(now) { // a moment before what is due, so that the look takes everything for new
				r.Next = c.RemindAt.Add(-time.Microsecond)
			}
		}
		return r, nil
	}
	r.Stop = true
	over := c.Before.Over(zoneOf(c.Before))
	if now := e.Over(zoneOf(e)); now.After(over) {
		over = now
	}
	if now.Before(over) {
		m := gateway.EventMessage{Key: gateway.NoticeKey(e.ID, e.Revision), Wording: wording, Event: *e, Expires: over}
		if wording == gateway.EventChangedNotice {
			m.Before = c.Before
		}
		if wording == gateway.EventCancelledNotice { // what they know is what does not take place
			m.Event.Start, m.Event.AllDay, m.Event.Zone, m.Event.Location = c.Before.Start, c.Before.AllDay, c.Before.Zone, c.Before.Location
		}
		m.Audience.Told = e.ID
		if err := l.ready(ctx, m, &r, gateway.EventTelling{}); err != nil {
			return r, err
		}
	}
	if wording == gateway.EventCancelledNotice {
		r.Next = time.Time{}
		return r, nil
	}
	if len(r.Sends) > 0 {
		since = now // who has just been told needs no reminder now
	}
	return r, l.remind(ctx, e, &r, since, now, true)
}

// shows reports whether a message would show another time.
func shows(e, before *gateway.Event) bool {
	return e.AllDay != before.AllDay || e.Start.Wall != before.Start.Wall || !e.AllDay && e.Start.Offset != before.Start.Offset
}

// due sends the reminder of an event whose time has come.
func (l *look) due(ctx context.Context, c gateway.EventChange) (gateway.Reminding, error) {
	e, now := &c.Event, l.now()
	if now.Before(c.RemindAt) { // the ledger's clock is a little ahead of ours
		now = c.RemindAt
	}
	r := gateway.Reminding{Group: e.GroupID, Event: e.ID, Revision: e.Revision, At: c.RemindAt}
	if e.Status == gateway.EventCancelled {
		return r, nil
	}
	if !e.PlaceFrom.IsZero() && !e.PlaceFrom.Before(c.RemindAt) && !e.Withheld(now) {
		return r, l.reveal(ctx, e, &r, now)
	}
	return r, l.remind(ctx, e, &r, c.RemindAt, now, false)
}

// reveal tells the place of an event at the time until which it was withheld: those who were reminded, by a change; those whose
// reminder has not left yet, by a reminder that names it.
func (l *look) reveal(ctx context.Context, e *gateway.Event, r *gateway.Reminding, now time.Time) error {
	if err := l.anew(ctx, e, r, now); err != nil || e.Location == "" {
		return err
	}
	k, err := l.group(ctx, e.GroupID)
	if err != nil {
		return err
	}
	everybody := len(k.wants[e.CalendarID]) == 1 && !k.quiet
	for _, s := range r.Sends {
		if everybody && s.Lead != "" && !s.Early && !r.At.After(s.Send.Broadcast.Words.Event.At) {
			return nil // a reminder that is due just now tells them too
		}
	}
	before := *e
	before.Location, before.Link = "", ""
	m := gateway.EventMessage{Key: gateway.PlaceKey(e.ID, e.PlaceFrom), Wording: gateway.EventChangedNotice, Event: *e, Before: &before, Expires: e.Over(zoneOf(e))}
	m.Audience.Told = e.ID
	return l.ready(ctx, m, r, gateway.EventTelling{})
}

// anew stops what has not left of an event and reminds in its place, because other things may be told of it from now on. Who has a
// reminder is not told it again.
func (l *look) anew(ctx context.Context, e *gateway.Event, r *gateway.Reminding, now time.Time) error {
	told, err := l.ledger.Reminded(ctx, e.GroupID, e.ID)
	if err != nil {
		return err
	}
	since := now
	if !r.At.IsZero() && r.At.Before(now) {
		since = r.At
	}
	if slices.ContainsFunc(told, func(t gateway.Reminded) bool { return t.Lead != "" && !t.Early }) {
		since = time.Time{} // the last one may not have left
	}
	r.Stop = true
	return l.remind(ctx, e, r, since, now, true)
}

// remind finds the reminders that are due of those since a time, and when there will be more.
func (l *look) remind(ctx context.Context, e *gateway.Event, r *gateway.Reminding, since, now time.Time, anew bool) error {
	k, err := l.group(ctx, e.GroupID)
	if err != nil {
		return err
	}
	told := len(r.Sends) > 0
	look := Look{Wants: k.wants[e.CalendarID], Quiet: k.quiet, Since: since, Now: now}
	look.Again = anew || !look.foresaw(e)
	var rounds []Round
	rounds, r.Next = Upcoming(e, look)
	if e.Withheld(now) && e.PlaceFrom.Before(e.Over(zoneOf(e))) && (r.Next.IsZero() || e.PlaceFrom.Before(r.Next)) {
		r.Next = e.PlaceFrom
	}
	for _, round := range rounds {
		if told && !round.Early {
			continue
		}
		lead := round.Lead.String()
		m := gateway.EventMessage{Key: round.key(e, now), Wording: gateway.EventReminder, Event: *e, Expires: e.Over(zoneOf(e)), Told: gateway.EventWords{Early: round.Early, At: round.At, Longer: round.Longer}}
		if len(look.Wants) > 1 {
			m.Told.Leads = round.Own
		}
		m.Audience.Unless = gateway.Announce{Event: e.ID, Lead: lead, Start: e.Start.Wall.String()}
		if err := l.ready(ctx, m, r, gateway.EventTelling{Lead: lead, Start: m.Audience.Unless.Start, Early: round.Early}); err != nil {
			return err
		}
	}
	return nil
}

// foresaw says whether a look takes place when an earlier one wanted it, and not because somebody's wishes have changed.
func (l Look) foresaw(e *gateway.Event) bool {
	for _, w := range l.Wants {
		for _, r := range Reminders(e.Start.Wall, e.AllDay, zoneOf(e), w.Leads, l.Since) {
			if r.At.Equal(l.Since) || r.At.Add(-gateway.EarlyReminders).Equal(l.Since) {
				return true
			}
		}
	}
	return false
}

// Planned lists the reminders of an event that are to come, for somebody without wishes of her own.
func Planned(e *gateway.Event, leads []gateway.LeadTime, now time.Time) []Reminder {
	if e.Status == gateway.EventCancelled {
		return nil
	}
	return Reminders(e.Start.Wall, e.AllDay, zoneOf(e), leads, now)
}

// ready makes a message ready for the subscribers of an event's topic. Nobody to tell, or what only a person can mend, keeps no
// event from going on.
func (l *look) ready(ctx context.Context, m gateway.EventMessage, r *gateway.Reminding, telling gateway.EventTelling) error {
	k, err := l.group(ctx, m.Event.GroupID)
	if err != nil {
		return err
	}
	now := l.now()
	m.Event, m.Audience.Topic = m.Event.Told(now), k.topics[m.Event.CalendarID]
	if m.Before != nil {
		before := m.Before.Told(now)
		m.Before = &before
	}
	telling.Send, err = l.sends.ReadyEvent(ctx, m)
	var fault *gateway.Fault
	if errors.As(err, &fault) && slices.Contains([]gateway.Code{gateway.CodeNobody, gateway.CodeInvalid, gateway.CodeTooLong, gateway.CodeConflict}, fault.Code) {
		if fault.Code != gateway.CodeNobody { // its text may quote what nobody may read in a log
			l.Log.Error("nobody is told of an event: the message cannot be sent", "event", m.Event.ID, "group", m.Event.GroupID, "code", string(fault.Code))
		}
		return nil
	}
	if err == nil {
		r.Sends = append(r.Sends, telling)
	}
	return err
}

// group reads a group once for each look.
func (l *look) group(ctx context.Context, id gateway.ID) (*known, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k := l.groups[id]; k != nil {
		return k, nil
	}
	g, err := l.ledger.GroupByID(ctx, id)
	if err != nil {
		return nil, err
	}
	calendars, err := l.ledger.Calendars(ctx, id)
	if err != nil {
		return nil, err
	}
	wishes, err := l.ledger.ReminderWishes(ctx, id)
	if err != nil {
		return nil, err
	}
	k := &known{wants: map[gateway.ID][]Wants{}, topics: map[gateway.ID]string{}, quiet: wishes.Quiet}
	for _, c := range calendars {
		k.wants[c.ID], k.topics[c.ID] = wanted(g, c.Topic, wishes.Leads), c.Topic
	}
	l.groups[id] = k
	return k, nil
}

// wanted lists which leads somebody wants of a topic, those of the group first.
func wanted(g gateway.Group, topic string, wishes []string) []Wants {
	all, known := []Wants{{Leads: g.LeadsOf(topic)}}, map[string]bool{"": true}
	for _, text := range wishes {
		own := gateway.OwnLeads(text, topic)
		if known[own] {
			continue
		}
		known[own] = true
		leads := gateway.Member{Leads: text}.LeadsOf(g, topic)
		all = append(all, Wants{own, leads})
	}
	return all
}

// CheckLeads gives a group with its leads as they are kept, or says what is wrong with them.
func CheckLeads(g gateway.Group) (gateway.Group, error) {
	g.Topics = slices.Clone(g.Topics)
	for i := range g.Topics {
		t := &g.Topics[i]
		if len(t.Leads) > gateway.MostLeads {
			return g, gateway.Faultf(gateway.CodeInvalid, "topic %q: %d leads; %d is the most", t.Name, len(t.Leads), gateway.MostLeads)
		}
		t.Leads = slices.Clone(t.Leads)
		for j, text := range t.Leads {
			l, err := gateway.ParseLead(text)
			if err != nil {
				return g, gateway.Faultf(gateway.CodeInvalid, "topic %q, leads: %w", t.Name, err)
			}
			if t.Leads[j] = l.String(); slices.Contains(t.Leads[:j], t.Leads[j]) {
				return g, gateway.Faultf(gateway.CodeInvalid, "topic %q: the lead %s is named twice", t.Name, t.Leads[j])
			}
		}
	}
	return g, nil
}

// zoneOf gives the clocks of an event's place; of a zone that this machine does not know, clocks that show the same then.
func zoneOf(e *gateway.Event) *time.Location {
	if loc, err := civil.Zone(e.Zone); err == nil {
		return loc
	}
	return time.FixedZone("", int(e.Start.Offset))
}
