package escalation

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// Kind says what an Event is.
type Kind int

// What may happen to an alert.
const (
	Raise     Kind = iota // it is made; Event.Hold: a second person must let it go
	Release               // she does
	Break                 // it goes without her, for danger to life: Event.Glass says why
	Tick                  // time has passed
	Ack                   // somebody takes charge
	Offer                 // it is to be handed over to Event.To
	Update                // it says Event.Saying from now on
	Clear                 // it is over
	Cancel                // it was a mistake
	Submitted             // the effect Event.Effect was submitted, as Event.Broadcasts
	Failed                // it could not be: for now, or, with Event.Nobody, at all
	Remind                // whoever was told and has not said how she is, is asked again
	Note                  // Event.Detail belongs into its timeline
)

// Event is one thing that happens to an alert.
type Event struct {
	Kind   Kind
	Once   string // what has the same is the same; empty: it happens once anyway
	By     gateway.AlertHand
	Detail string // safe to show

	Zone  *time.Location // Tick, Raise, Release: the group's clocks. Nil: UTC
	Reach *Reach         // Tick: how far the last step's messages are. Nil: nobody has looked

	Hold     *gateway.AlertHold   // Raise: nil: nobody else is needed
	Glass    string               // Raise, Break: why nobody can be waited for
	Digest   string               // Release: of what was looked at
	Channels []gateway.ReleaseWay // Release: that would carry it

	Code   string // Ack: what she showed beside the reference; empty: nothing
	Proven bool   // Ack: the way shows who she is
	Asked  bool   // Ack: she was asked, or needs not be

	To     gateway.AlertHand   // Offer
	Saying gateway.AlertSaying // Update
	Second bool                // Update: whoever says it may release alerts

	Effect     string // Submitted, Failed: its key
	Broadcasts []gateway.ID
	Nobody     bool
}

// Reach says how far the messages of a step are.
type Reach struct {
	Reached int // delivered, or handed over where nobody reports more
	Moving  int // on their way, or without a receipt yet; what is tried again although all of it was refused for good is not
	Refused int // of those: nothing but refused so far, and tried again
	OneWay  int // of Reached and Moving: over channels where nobody can answer
}

// deaf reports whether nobody to whom something goes can answer there.
func (r *Reach) deaf() bool { return r.OneWay > 0 && r.OneWay == r.Reached+r.Moving }

// Decision is what follows from an event.
type Decision struct {
	Alert   gateway.AlertCase
	Events  []gateway.AlertEvent
	Stops   []gateway.ID
	Notices []gateway.OwnerNotice
	Result  gateway.AckResult // of Ack
}

// ErrSettled says that an effect is not to be submitted any more: what made it necessary is over.
var ErrSettled = errors.New("the alert does not need this any more")

const (
	mostExtensions = 2                // of one step, by its window each
	mostNoted      = 1000             // events of an alert, behind which what proves nothing is not recorded any more
	offerFor       = 10 * time.Minute // that a successor has to accept
)

// Decide says what follows from an event. It is pure: the same alert, event and time lead to the same decision. What cannot
// be done is a fault; then nothing follows.
func Decide(a gateway.AlertCase, e Event, now time.Time) (Decision, error) {
	d := &decider{now: now, event: e, before: a.State}
	d.Alert = clone(a)
	if err := d.decide(); err != nil {
		return Decision{}, err
	}
	if d.before != d.Alert.State && !d.before.CanStep(d.Alert.State) {
		return Decision{}, gateway.Faultf(gateway.CodeInternal, "an alert cannot go from %q to %q", d.before, d.Alert.State)
	}
	d.Alert.DueAt = due(&d.Alert, now)
	return d.Decision, nil
}

// clone copies what decisions change.
func clone(a gateway.AlertCase) gateway.AlertCase {
	a.Climb.Charge = slices.Clone(a.Climb.Charge)
	a.Climb.Sent = slices.Clone(a.Climb.Sent)
	a.Climb.Pending = slices.Clone(a.Climb.Pending)
	a.Climb.Links = slices.Clone(a.Climb.Links)
	return a
}

type decider struct {
	Decision
	now    time.Time
	event  Event
	before gateway.AlertState
}

func (d *decider) decide() error {
	e := d.event
	switch e.Kind {
	case Raise:
		return d.raise()
	case Release, Break:
		return d.release()
	case Tick:
		d.tick()
	case Ack:
		d.ack()
	case Offer:
		return d.offer()
	case Update:
		return d.update()
	case Clear, Cancel:
		return d.end()
	case Remind:
		return d.remind()
	case Submitted, Failed:
		return d.settle()
	case Note:
		d.note(gateway.EventNoted, e.Once)
	}
	return nil
}

// note adds an event. What happens once anyway gets a key of its own.
func (d *decider) note(kind gateway.AlertEventKind, once string) *gateway.AlertEvent {
	c := &d.Alert.Climb
	c.Notes++
	if once == "" {
		once = fmt.Sprintf("no/%d", c.Notes)
	}
	d.Events = append(d.Events, gateway.AlertEvent{No: c.Notes, Key: once, Kind: kind, At: d.now, By: d.event.By, Detail: d.event.Detail})
	return &d.Events[len(d.Events)-1]
}

func (d *decider) raise() error {
	a := &d.Alert
	if a.State != gateway.AlertNew {
		return gateway.Faultf(gateway.CodeConflict, "alert %s was raised already", a.Reference)
	}
	a.RaisedAt, a.ExpiresAt = d.now, a.Saying.Until
	a.Climb.Step = -1
	d.note(gateway.EventRaised, "raised")
	if d.event.Hold == nil {
		d.start()
		return nil
	}
	hold := *d.event.Hold
	a.Hold = &hold
	if d.event.Glass != "" {
		return d.smash()
	}
	d.hold(d.event.By)
	return nil
}

// start lets it go: everybody is told, and the first step is taken.
func (d *decider) start() {
	a := &d.Alert
	a.State = gateway.AlertClimbing
	if a.Audience.Topic != "" {
		d.send(gateway.AlertEffect{Kind: gateway.AlertTell, Key: "tell"})
	}
	d.climb()
}

func (d *decider) send(e gateway.AlertEffect) {
	d.Alert.Climb.Pending = append(d.Alert.Climb.Pending, e)
}

// drop takes back what is decided and not submitted, but for what another group is to hear.
func (d *decider) drop(which func(gateway.AlertEffectKind) bool) {
	c := &d.Alert.Climb
	c.Pending = slices.DeleteFunc(c.Pending, func(e gateway.AlertEffect) bool { return which(e.Kind) && e.Kind != gateway.AlertPass })
}

// stop lets nothing more leave of broadcasts.
func (d *decider) stop(which func(gateway.AlertEffectKind) bool) {
	c := &d.Alert.Climb
	kept := c.Sent[:0:0]
	for _, s := range c.Sent {
		if which(s.Kind) {
			d.Stops = append(d.Stops, s.ID)
			continue
		}
		kept = append(kept, s)
	}
	c.Sent = kept
}

// climb takes the next step, leaving out those that are not for this hour; there may be none any more.
func (d *decider) climb() {
	a := &d.Alert
	c := &a.Climb
	for {
		if !forward(c, &a.Policy) {
			d.exhaust()
			return
		}
		s := &a.Policy.Steps[c.Step]
		if !within(s.Hours, d.now, d.event.Zone) {
			n := d.note(gateway.EventLeftOut, "")
			n.By, n.Step, n.Round, n.Detail = gateway.AlertHand{}, c.Step+1, c.Round+1, s.Hours
			c.Try = s.Repeat // its repetitions are left out with it
			continue
		}
		c.Asked++
		if c.Try > 0 && elsewhereOnly(s) && !asksElsewhere(c) { // no other group was reached that would ask again
			continue
		}
		c.Extended = 0
		wait := time.Duration(s.Wait) * time.Minute
		c.StepAt, c.LookAt = d.now.Add(wait), d.now.Add(wait/2)
		for i, target := range s.Targets {
			d.ask(gateway.AlertEffect{Kind: gateway.AlertAsk, Key: fmt.Sprintf("ask-%d-%d", c.Asked, i), Target: target,
				Step: c.Step + 1, Asked: c.Asked, Kinds: s.Kinds, Window: window(a, s)})
		}
		return
	}
}

// forward moves to the next try, step or round; false: there is none.
func forward(c *gateway.AlertClimb, p *gateway.AlertPolicy) bool {
	switch {
	case len(p.Steps) == 0:
		return false
	case c.Step >= 0 && c.Try < p.Steps[c.Step].Repeat:
		c.Try++
	case c.Step+1 < len(p.Steps):
		c.Step, c.Try = c.Step+1, 0
	case c.Round+1 < max(1, p.Rounds):
		c.Round, c.Step, c.Try = c.Round+1, 0, 0
	default:
		return false
	}
	return true
}

// window is how long a step's message waits for a receipt before it takes the same person's next channel: at most half of
// its wait, so that this comes before the next person.
func window(a *gateway.AlertCase, s *gateway.AlertStep) time.Duration {
	w := time.Duration(s.Window) * time.Minute
	if w == 0 {
		w = gateway.PolicyOf(a.Class()).Window
	}
	return min(w, time.Duration(s.Wait)*time.Minute/2)
}

// exhaust ends the climb loudly: the last resort is asked, and the state says so.
func (d *decider) exhaust() {
	a := &d.Alert
	c := &a.Climb
	c.StepAt, c.LookAt = time.Time{}, time.Time{}
	n := d.note(gateway.EventExhausted, "")
	n.By, n.Detail = gateway.AlertHand{}, ""
	for i, target := range a.Policy.Last {
		d.ask(gateway.AlertEffect{Kind: gateway.AlertLast, Key: fmt.Sprintf("last-%d-%d", c.Notes, i), Target: target})
	}
	if len(c.Charge) > 0 { // fewer than the policy wants, and still somebody
		n.Detail = fmt.Sprintf("%d of %d took charge", distinct(c.Charge), quorum(a))
		a.State = gateway.AlertTaken
		d.passTaken(c.Charge[len(c.Charge)-1])
		d.tellTaken(members(c.Charge))
		return
	}
	a.State = gateway.AlertUnanswered
}

func quorum(a *gateway.AlertCase) int { return max(1, a.Policy.Quorum) }

// tick does what time demands.
func (d *decider) tick() {
	a := &d.Alert
	c := &a.Climb
	passed := func(t time.Time) bool { return !t.IsZero() && !d.now.Before(t) }
	d.event.By, d.event.Detail = gateway.AlertHand{}, ""
	if (a.State.Open() || a.State == gateway.AlertHeld) && passed(a.ExpiresAt) {
		d.expire()
		return
	}
	if c.Offer != nil && passed(c.Offer.Until) {
		n := d.note(gateway.EventOfferOver, "")
		n.By = c.Offer.To
		c.Offer = nil
	}
	if a.State == gateway.AlertTaken && a.Policy.Progress > 0 && passed(c.ActiveAt.Add(progress(a))) {
		d.note(gateway.EventResumed, "")
		a.State, c.Charge, c.Offer = gateway.AlertClimbing, nil, nil
		c.Round, c.Step, c.Try = 0, -1, 0
		d.climb()
		return
	}
	if a.State != gateway.AlertClimbing {
		return
	}
	asking := slices.ContainsFunc(c.Pending, func(e gateway.AlertEffect) bool { return e.Kind == gateway.AlertAsk && e.Asked == c.Asked })
	r := d.event.Reach
	switch {
	case passed(c.StepAt):
		if r != nil && r.Reached == 0 && r.Moving > r.Refused && !r.deaf() && c.Extended < mostExtensions {
			d.extend()
			return
		}
		d.climb()
	case r == nil || asking || asksElsewhere(c):
		if passed(c.LookAt) {
			c.LookAt = time.Time{}
		}
	case r.Reached+r.Moving == 0: // there is nothing to wait for
		d.over(gateway.EventNobody)
	case passed(c.LookAt):
		if c.LookAt = (time.Time{}); r.deaf() { // no answer can come, whatever was delivered
			d.over(gateway.EventOneWay)
		}
	}
}

// over takes the next step before the time of this one is up, and says why.
func (d *decider) over(why gateway.AlertEventKind) {
	c := &d.Alert.Climb
	n := d.note(why, "")
	n.Step, n.Round = c.Step+1, c.Round+1
	d.climb()
}

// extend gives the step's people time to be reached over their next channels.
func (d *decider) extend() {
	c := &d.Alert.Climb
	c.Extended++
	c.StepAt = d.now.Add(max(time.Minute, window(&d.Alert, &d.Alert.Policy.Steps[c.Step])))
	n := d.note(gateway.EventWaits, "")
	n.Step, n.Round = c.Step+1, c.Round+1
}

func progress(a *gateway.AlertCase) time.Duration {
	return time.Duration(a.Policy.Progress) * time.Minute
}

// expire ends what nobody has ended: nothing more leaves, and those in charge, or the last resort, are asked.
func (d *decider) expire() {
	a := &d.Alert
	c := &a.Climb
	a.State, c.Offer = gateway.AlertExpired, nil
	n := d.note(gateway.EventExpired, "")
	if a.Hold != nil { // nobody was told of it, so there is nothing to ask whether it is over
		n.Detail = "nobody released it"
		d.Notices = append(d.Notices, a.Notice(gateway.NoticeAlertUnreleased))
		return
	}
	all := func(gateway.AlertEffectKind) bool { return true }
	d.drop(all)
	d.stop(all)
	c.StepAt, c.LookAt = time.Time{}, time.Time{}
	if who := members(c.Charge); len(who) > 0 {
		d.send(gateway.AlertEffect{Kind: gateway.AlertAskEnd, Key: "ask-end", Members: who})
		return
	}
	d.askLast()
}

// askLast asks the group's own last resort how it ended.
func (d *decider) askLast() {
	for i, target := range d.Alert.Policy.Last {
		if target.Group == "" {
			d.send(gateway.AlertEffect{Kind: gateway.AlertAskEnd, Key: fmt.Sprintf("ask-end-%d", i), Target: target})
		}
	}
}

func members(hands []gateway.AlertHand) (all []gateway.ID) {
	for _, h := range hands {
		all = append(all, h.Members...)
	}
	return all
}

// due is when an alert is to be looked at next.
func due(a *gateway.AlertCase, now time.Time) (at time.Time) {
	first := func(t time.Time) {
		if !t.IsZero() && (at.IsZero() || t.Before(at)) {
			at = t
		}
	}
	c := &a.Climb
	if len(c.Pending) > 0 {
		first(now.Add(retry(c.Tries)))
	}
	if a.State.Open() || a.State == gateway.AlertHeld {
		first(a.ExpiresAt)
	}
	if a.State == gateway.AlertClimbing {
		first(c.StepAt)
		first(c.LookAt)
	}
	if a.State == gateway.AlertTaken && a.Policy.Progress > 0 {
		first(c.ActiveAt.Add(progress(a)))
	}
	if c.Offer != nil {
		first(c.Offer.Until)
	}
	return at
}

// retry is how long what could not be submitted is left alone.
func retry(tries int) time.Duration {
	if tries == 0 {
		return 0
	}
	return min(time.Second<<min(tries-1, 6), 30*time.Second)
}

// within reports whether a clock shows one of the hours of a step, as in 22:00-06:00. Hours that cannot be read are all of
// them: nobody is left out for a slip.
func within(hours string, at time.Time, zone *time.Location) bool {
	from, to, err := ParseHours(hours)
	if hours == "" || err != nil {
		return true
	}
	if zone == nil {
		zone = time.UTC
	}
	local := at.In(zone)
	minute := local.Hour()*60 + local.Minute()
	if from < to {
		return minute >= from && minute < to
	}
	return minute >= from || minute < to
}

// ParseHours reads hours of a day, as in 22:00-06:00, in minutes from midnight.
func ParseHours(s string) (from, to int, err error) {
	var h1, m1, h2, m2 int
	if n, err := fmt.Sscanf(s, "%02d:%02d-%02d:%02d", &h1, &m1, &h2, &m2); n != 4 || err != nil || len(s) != len("22:00-06:00") || h1 > 23 || h2 > 23 || m1 > 59 || m2 > 59 || h1*60+m1 == h2*60+m2 {
		return 0, 0, fmt.Errorf("%.20q are no hours; write them as in 22:00-06:00", s)
	}
	return h1*60 + m1, h2*60 + m2, nil
}
