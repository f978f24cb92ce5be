package escalation

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Store is what a Desk keeps alerts in.
type Store interface {
	gateway.Alerts
	gateway.AlertClock
	gateway.AlertPolicies
	gateway.AlertCasts
	gateway.Drills
	Roll
}

// Roll is who was told of an alert, and what became of it.
type Roll interface {
	Members(ctx context.Context, group, after gateway.ID, limit int) ([]gateway.Member, error)
	Recipients(ctx context.Context, group gateway.ID, a gateway.Audience, after gateway.ID, limit int) ([]gateway.Recipient, error)
	AlertReports(ctx context.Context, group, alert, after gateway.ID, limit int) ([]gateway.AlertReport, error)
	Tallies(ctx context.Context, group, broadcast gateway.ID) ([]gateway.Tally, error)
	Channels(ctx context.Context) ([]gateway.Channel, error)
	Deliveries(ctx context.Context, f gateway.DeliveryFilter) ([]gateway.Delivery, error)
}

// Groups reads groups.
type Groups interface {
	GroupByID(ctx context.Context, id gateway.ID) (gateway.Group, error)
	Group(ctx context.Context, slug string) (gateway.Group, error)
}

// Messenger puts alerts into words and knows how far they are.
type Messenger interface {
	// ReadyAlert checks a message of an alert. A fault says what is wrong with it: CodeNobody if nobody is meant.
	ReadyAlert(ctx context.Context, m gateway.AlertMessage) (*gateway.ReadyBroadcast, error)
	// Reach says how far broadcasts of a step are.
	Reach(ctx context.Context, group gateway.ID, broadcasts []gateway.ID) (Reach, error)
	// Meant lists members who are meant by a rule, at most limit of them.
	Meant(ctx context.Context, group gateway.ID, a gateway.Audience, limit int) ([]gateway.ID, error)
	// OfferAlert counts the members who are told of an alert at once, and lists the channels that would carry it.
	OfferAlert(ctx context.Context, a *gateway.AlertCase) (gateway.ReleaseOffer, error)
	// Look has whoever plans broadcasts look for new ones at once.
	Look()
}

// Options are the parts of a Desk that may be left out.
type Options struct {
	Rotas  gateway.OnDuty                                         // nil: there are none
	Notice func(ctx context.Context, n gateway.OwnerNotice) error // keeps what owners must be told; nil: nobody is
	Told   func()                                                 // has whoever tells owners look at once; nil: they look before long anyway
	// Approvers counts the people besides some hands who may release, and says what is lacking if there is none; nil: nobody counts.
	Approvers func(ctx context.Context, g gateway.Group, hands []gateway.Hand, need *gateway.ReleaseNeed) error
	// Belies finds a phrase in a text that says the contrary of what the alert is: of an exercise that it is none, or of an actual one
	// that it is an exercise. Nil: nobody looks.
	Belies func(exercise bool, text string) string
	// Languages counts who would read a message of an alert in which language; nil: nobody counts.
	Languages func(ctx context.Context, m gateway.AlertMessage) ([]gateway.PreviewLanguage, error)
	Log       *slog.Logger       // nil: nothing is logged
	At        func(point string) // called at each of FaultPoints; nil in production
}

// FaultPoints names the steps at which tests kill the process; the transactions between them have those of the store.
var FaultPoints = [...]string{"escalation: decided", "escalation: before submitting", "escalation: submitted"}

// Desk is what people do with alerts, and what has them climb. It is safe for concurrent use, in any number of processes.
type Desk struct {
	Store
	groups    Groups
	messenger Messenger
	now       func() time.Time
	Options
	wake chan struct{}
}

// NewDesk makes a desk. Alerts climb while Run runs, here or in another process.
func NewDesk(store Store, groups Groups, messenger Messenger, now func() time.Time, o Options) *Desk {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Told == nil {
		o.Told = func() {}
	}
	if o.At == nil {
		o.At = func(string) {}
	}
	return &Desk{Store: store, groups: groups, messenger: messenger, now: now, Options: o, wake: make(chan struct{}, 1)}
}

// tries is how often a change is made that meets another.
const tries = 10

var errBusy = gateway.Faultf(gateway.CodeUnavailable, "others change this alert at the same time; try again")

// change applies an event to an alert as it stands, and submits what follows from it. What came before is no fault: known says
// so, and nothing is changed.
func (d *Desk) change(ctx context.Context, read func() (gateway.AlertCase, Event, error)) (done gateway.AlertCase, result gateway.AckResult, known bool, err error) {
	for range tries {
		a, e, err := read()
		if err != nil {
			return a, result, false, err
		}
		at := d.now().UTC()
		decided, err := Decide(a, e, at)
		if err != nil {
			return a, result, false, err
		}
		if e.Kind == Update || e.Kind == Release || e.Kind == Break {
			if err := d.rehearse(ctx, decided.Alert, false); err != nil {
				return a, result, false, err
			}
		}
		d.At(FaultPoints[0])
		if len(decided.Events) == 0 && a.State == decided.Alert.State && a.Climb.ActiveAt.Equal(decided.Alert.Climb.ActiveAt) {
			return a, decided.Result, false, nil
		}
		done, err = d.PutAlert(ctx, gateway.AlertWrite{Alert: decided.Alert, Events: decided.Events, Stops: decided.Stops, Notices: decided.Notices})
		switch {
		case err == nil:
			d.Told()
			d.submit(ctx, done)
			return done, decided.Result, false, nil
		case errors.Is(err, gateway.ErrStale):
			continue
		case errors.Is(err, gateway.ErrConflict) && e.Once != "":
			if heard, lookup := d.heard(ctx, a, e.Once); lookup != nil || heard {
				return a, decided.Result, heard, lookup
			}
		}
		return a, result, false, err
	}
	return done, result, false, errBusy
}

// heard says whether an event is recorded.
func (d *Desk) heard(ctx context.Context, a gateway.AlertCase, once string) (bool, error) {
	for after := 0; ; {
		page, err := d.AlertEvents(ctx, a.GroupID, a.ID, after, 500)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(page, func(e gateway.AlertEvent) bool { return e.Key == once }) {
			return true, nil
		}
		if len(page) < 500 {
			return false, nil
		}
		after = page[len(page)-1].No
	}
}

// Raise makes an alert and lets it go; with Draft.DryRun it is only checked. Author and what it says are set by the caller.
func (d *Desk) Raise(ctx context.Context, g gateway.Group, draft gateway.AlertDraft, by gateway.AlertHand) (gateway.AlertCase, error) {
	a, err := d.Check(ctx, g, draft)
	if err != nil {
		return a, err
	}
	return d.raise(ctx, g, a, draft, by)
}

// raise makes an alert that was checked. One that is there already, by its id, is not raised again.
func (d *Desk) raise(ctx context.Context, g gateway.Group, a gateway.AlertCase, draft gateway.AlertDraft, by gateway.AlertHand) (gateway.AlertCase, error) {
	a.Author = by.Label
	zone, err := civil.Zone(g.Zone)
	if err != nil {
		return a, fmt.Errorf("the group's zone: %w", err)
	}
	hold, err := d.holds(ctx, g, &a, draft)
	if err != nil {
		return a, err
	}
	checked := false
	for range 50 {
		if a.Reference, err = reference(); err != nil {
			return a, err
		}
		decided, err := Decide(a, Event{Kind: Raise, By: by, Zone: zone, Detail: draft.Reason, Hold: hold, Glass: draft.Glass}, d.now().UTC())
		if err != nil {
			return a, err
		}
		if !checked { // what is sent once it is released is checked now
			free, err := Decide(a, Event{Kind: Raise, By: by, Zone: zone}, d.now().UTC())
			if err == nil {
				err = d.rehearse(ctx, free.Alert, draft.DryRun)
			}
			if err != nil || draft.DryRun {
				return decided.Alert, err
			}
			checked = true
		}
		done, err := d.PutAlert(ctx, gateway.AlertWrite{Alert: decided.Alert, Events: decided.Events, Notices: decided.Notices})
		if errors.Is(err, gateway.ErrConflict) {
			if raised, err := d.Alert(ctx, a.GroupID, a.ID); !errors.Is(err, gateway.ErrNotFound) {
				return raised, err
			}
			continue // the reference is another's
		}
		if err != nil {
			return a, err
		}
		d.Told()
		d.submit(ctx, done)
		return d.Alert(ctx, done.GroupID, done.ID)
	}
	return a, gateway.Faultf(gateway.CodeUnavailable, "no reference was free in fifty tries; the group has very many recent alerts")
}

// rehearse refuses what cannot be put into words, now and in what is kept for later, before anybody is told that it goes: later, it
// would reach nobody. With reach it also refuses an alert that is meant for nobody; otherwise it climbs on past such a step.
func (d *Desk) rehearse(ctx context.Context, a gateway.AlertCase, reach bool) error {
	var first *gateway.ReadyBroadcast // that would reach somebody
	opens := false                    // an alert in another group
	for _, e := range a.Climb.Pending {
		if e.Link != nil { // that group's words are checked as its alert is raised
			opens = true
			continue
		}
		ready, _, err := d.ready(ctx, &a, &e)
		switch {
		case errors.Is(err, &gateway.Fault{Code: gateway.CodeNobody}):
		case err != nil:
			return err
		case first == nil && len(ready) > 0:
			first = &ready[0]
		}
	}
	if first == nil {
		if reach && !opens && len(a.Climb.Pending) > 0 {
			return gateway.Faultf(gateway.CodeNobody, "nobody is meant by the audience or by the first step of the policy %q", a.Policy.Name)
		}
		return nil
	}
	later := []gateway.AlertEffectKind{gateway.AlertSayClear, gateway.AlertWithdraw}
	if len(a.Saying.Update) > 0 {
		later = append(later, gateway.AlertRenew)
	}
	for _, kind := range later {
		as := a
		if kind == gateway.AlertRenew {
			as.Saying.Texts = a.Saying.Update
		}
		m := gateway.AlertMessage{Alert: as, Effect: gateway.AlertEffect{Kind: kind, Key: "rehearsal"}, Key: "rehearsal", Audience: first.Broadcast.Audience, Opening: first.Opening}
		var fault *gateway.Fault
		if _, err := d.messenger.ReadyAlert(ctx, m); errors.As(err, &fault) {
			if fault.Code != gateway.CodeNobody {
				return gateway.Faultf(fault.Code, "what is kept with it for later (%s): %w", kind, err)
			}
		} else if err != nil {
			return err
		}
	}
	return nil
}

// reference is four digits that are easy on a keypad, none of them zero.
func reference() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(9*9*9*9))
	if err != nil {
		return "", fmt.Errorf("make a reference: %w", err)
	}
	digits := strconv.FormatInt(n.Int64(), 9)
	digits = strings.Repeat("0", gateway.AlertDigits-len(digits)) + digits
	return strings.Map(func(r rune) rune { return r + 1 }, digits), nil
}

// Find reads an alert by its id or its reference.
func (d *Desk) Find(ctx context.Context, group gateway.ID, name string) (gateway.AlertCase, error) {
	if id, err := gateway.ParseID(name); err == nil {
		return d.Alert(ctx, group, id)
	}
	a, err := d.AlertByReference(ctx, group, name)
	if errors.Is(err, gateway.ErrNotFound) {
		err = gateway.Faultf(gateway.CodeNotFound, "there is no recent alert %.40q; alert list shows them", name)
	}
	return a, err
}

// Act does what a person decided: Update, Clear, Cancel, Remind, Offer, Release or Break. Update takes the draft that was kept with the alert where
// nothing else is said.
func (d *Desk) Act(ctx context.Context, g gateway.Group, name string, e Event) (gateway.AlertCase, error) {
	zone, err := civil.Zone(g.Zone)
	if err != nil {
		return gateway.AlertCase{}, fmt.Errorf("the group's zone: %w", err)
	}
	e.Zone = zone
	said := e.Saying
	done, _, _, err := d.change(ctx, func() (gateway.AlertCase, Event, error) {
		a, err := d.Find(ctx, g.ID, name)
		if err == nil && e.Kind == Release {
			var offer gateway.ReleaseOffer
			offer, err = d.messenger.OfferAlert(ctx, &a)
			e.Channels = offer.Channels
		}
		if err != nil || e.Kind != Update {
			return a, e, err
		}
		if len(said.Texts)+len(said.Update) > 0 && !e.Second {
			released, err := d.heard(ctx, a, releasedKey)
			if err != nil {
				return a, e, err
			}
			if released {
				return a, e, gateway.Faultf(gateway.CodeForbidden, "a second person has let alert %s go as it stood: the text that was kept with it goes at once, another one needs the role approver", a.Reference)
			}
		}
		if e.Saying, err = renewed(a.Saying, said, d.now()); err == nil {
			if wrong := d.belied(a.Exercise, &e.Saying); wrong != nil {
				err = gateway.Faultf(gateway.CodeInvalid, "the update cannot be sent: %s", strings.Join(wrong, "; "))
			}
		}
		return a, e, err
	})
	if err != nil {
		return done, err
	}
	return d.Alert(ctx, done.GroupID, done.ID)
}

// Acknowledge takes that somebody takes charge.
func (d *Desk) Acknowledge(ctx context.Context, k gateway.Acknowledgement) (gateway.AckResult, error) {
	code := ""
	number := k.Reference
	if len(number) == gateway.AlertCodeDigits {
		number, code = number[:gateway.AlertDigits], number[gateway.AlertDigits:]
	}
	by := k.By
	by.Members = slices.Clone(by.Members)
	slices.SortFunc(by.Members, func(a, b gateway.ID) int { return slices.Compare(a[:], b[:]) })
	read := func() (gateway.AlertCase, error) {
		if !k.Alert.IsZero() {
			return d.Alert(ctx, k.Group, k.Alert)
		}
		return d.AlertByReference(ctx, k.Group, number)
	}
	a, err := read()
	if errors.Is(err, gateway.ErrNotFound) {
		return gateway.AckResult{Outcome: gateway.AckUnknown}, nil
	}
	if err != nil {
		return gateway.AckResult{}, err
	}
	asked := len(by.Members) == 0 // a token of the group
	if !asked {
		found, err := d.AskedAlerts(ctx, k.Group, a.ID, by.Members, 1)
		if err != nil {
			return gateway.AckResult{}, err
		}
		asked = len(found) > 0
	}
	once := k.Once
	if once != "" {
		once = "answer/" + once
	}
	done, result, known, err := d.change(ctx, func() (gateway.AlertCase, Event, error) {
		now, err := d.Alert(ctx, k.Group, a.ID)
		return now, Event{Kind: Ack, Once: once, By: by, Code: code, Proven: k.Proven, Asked: asked}, err
	})
	if known {
		result = standing(&done, &Event{By: by, Code: code, Asked: asked})
	}
	return result, err
}

// standing answers what was taken before, because it came twice, with how the alert stands. Whoever is in charge was thanked then.
func standing(a *gateway.AlertCase, e *Event) gateway.AckResult {
	r := gateway.AckResult{Outcome: gateway.AckOthers, Alert: a.ID, Reference: a.Reference, State: a.State}
	charge := a.Climb.Charge
	hand, _ := verify(a, e)
	switch yours := in(charge, hand); {
	case !e.Asked && !yours:
		r.Outcome = gateway.AckNotAsked
	case !a.State.Open():
		r.Outcome = gateway.AckOver
	case yours && a.State == gateway.AlertClimbing:
		r.Outcome, r.Needs = gateway.AckCounted, quorum(a)-distinct(charge)
	case yours:
		r.Outcome = gateway.AckTaken
	case a.State != gateway.AlertTaken:
		r.Outcome = gateway.AckUnverified
	}
	if len(charge) > 0 {
		r.Charge = charge[len(charge)-1]
	}
	return r
}

// Asked lists the newest alerts in which one of these members was asked.
func (d *Desk) Asked(ctx context.Context, group gateway.ID, members []gateway.ID) ([]gateway.AlertCase, error) {
	return d.AskedAlerts(ctx, group, gateway.ID{}, members, 10)
}

// Note adds something to the timeline of an alert, once.
func (d *Desk) Note(ctx context.Context, group, alert gateway.ID, once, detail string, by gateway.AlertHand) error {
	if once != "" {
		once = "note/" + once
	}
	_, _, _, err := d.change(ctx, func() (gateway.AlertCase, Event, error) {
		now, err := d.Alert(ctx, group, alert)
		return now, Event{Kind: Note, Once: once, Detail: detail, By: by}, err
	})
	return err
}

var _ gateway.Acknowledger = (*Desk)(nil)
