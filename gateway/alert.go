package gateway

import (
	"context"
	"slices"
	"strings"
	"time"
)

// AlertCase is an alert: what it says, whom it asks to take charge, and how far it is. Alert is the name of its class.
type AlertCase struct {
	ID           ID          `json:"id"`
	GroupID      ID          `json:"group_id"`
	Reference    string      `json:"reference"`                // AlertDigits digits; unique among the group's recent alerts
	Exercise     bool        `json:"exercise,omitempty"`       // settled when it is made: nothing turns an exercise into an actual alert, or back
	DangerToLife bool        `json:"danger_to_life,omitempty"` // its class is LifeSafety
	State        AlertState  `json:"state"`
	Audience     Audience    `json:"audience"`         // who is told at once; without a topic, only those are whom the policy asks
	Saying       AlertSaying `json:"saying"`           // as it stands now; sealed in the ledger, and empty when its time is over
	Policy       AlertPolicy `json:"policy"`           // frozen when it was raised; sealed
	Climb        AlertClimb  `json:"climb"`            // sealed
	Hold         *AlertHold  `json:"hold,omitempty"`   // sealed; nil: nobody had to release it, or somebody has
	Author       string      `json:"author"`           // label of the token that raised it
	Origin       *AlertLink  `json:"origin,omitempty"` // of one that has climbed here from another group: that group's. Sealed
	Revision     int64       `json:"revision"`         // zero: it is not kept yet
	RaisedAt     time.Time   `json:"raised_at"`
	ExpiresAt    time.Time   `json:"expires_at"` // when those in charge are asked whether it is over
	EndedAt      time.Time   `json:"ended_at,omitzero"`
	DueAt        time.Time   `json:"due_at,omitzero"` // when the engine looks at it next; zero: nothing waits for a time
}

// AlertDigits is the length of an alert's reference. No other number that a member may send has it: see ReferenceDigits.
const AlertDigits = 4

// AlertCodeDigits is the length of a code that one person alone was sent: her alert's reference and six digits of hers.
const AlertCodeDigits = 10

// Class gives the class of what an alert sends.
func (a *AlertCase) Class() Class {
	if a.DangerToLife {
		return LifeSafety
	}
	return Alert
}

// AlertState is how far an alert is; see AlertSteps.
type AlertState string

// The states of an alert.
const (
	AlertNew        AlertState = ""                    // it is not kept yet
	AlertHeld       AlertState = "to be released"      // nothing leaves before a second person has released it
	AlertClimbing   AlertState = "climbing"            // nobody has taken charge, and its steps go on
	AlertTaken      AlertState = "taken"               // somebody is in charge
	AlertUnanswered AlertState = "nobody acknowledged" // every step is over; whoever answers now is in charge, and no step follows
	AlertExpired    AlertState = "expired"             // its time is over, and nobody has said how it ended
	AlertCleared    AlertState = "cleared"             // it is over
	AlertCancelled  AlertState = "cancelled"           // it was a mistake
)

// AlertSteps lists every legal step of an alert.
var AlertSteps = map[AlertState][]AlertState{
	AlertNew:        {AlertHeld, AlertClimbing, AlertUnanswered},
	AlertHeld:       {AlertClimbing, AlertUnanswered, AlertCancelled, AlertExpired},
	AlertClimbing:   {AlertTaken, AlertUnanswered, AlertExpired, AlertCleared, AlertCancelled},
	AlertTaken:      {AlertClimbing, AlertUnanswered, AlertExpired, AlertCleared, AlertCancelled},
	AlertUnanswered: {AlertTaken, AlertExpired, AlertCleared, AlertCancelled},
	AlertExpired:    {AlertCleared, AlertCancelled},
	AlertCleared:    {},
	AlertCancelled:  {},
}

// CanStep reports whether an alert may go from s to next; staying is no step.
func (s AlertState) CanStep(next AlertState) bool { return slices.Contains(AlertSteps[s], next) }

// Over reports whether an alert has ended: nothing reopens it.
func (s AlertState) Over() bool { return s == AlertCleared || s == AlertCancelled }

// Open reports whether somebody may still take charge.
func (s AlertState) Open() bool {
	return s == AlertClimbing || s == AlertTaken || s == AlertUnanswered
}

// AlertSaying is what an alert says: in each language the parts that warning research calls for, and its times. What ends
// it is written with it, so that the end is two actions away.
type AlertSaying struct {
	Texts     map[string]AlertText `json:"texts"`               // by locale
	Until     time.Time            `json:"until"`               // how long it holds
	Next      time.Time            `json:"next"`                // by when people hear again, even if nothing has changed
	Update    map[string]AlertText `json:"update,omitempty"`    // draft of the update
	Clear     map[string]string    `json:"all_clear,omitempty"` // what the all-clear says beside its own words, by locale
	Withdrawn map[string]string    `json:"withdrawn,omitempty"` // the same of the message that the alert was a mistake
	Sensitive bool                 `json:"sensitive,omitempty"`
}

// AlertText is what an alert says in one language.
type AlertText struct {
	Source  string `json:"source"` // who says it
	What    string `json:"what"`
	Where   string `json:"where"`
	Do      string `json:"do"`                // what to do
	Legal   string `json:"legal,omitempty"`   // whom to call when somebody is held; empty: how the group is reached
	Details string `json:"details,omitempty"` // not in text messages
}

// AlertPolicy says how an alert climbs until somebody takes charge.
type AlertPolicy struct {
	ID       ID            `json:"-"`
	GroupID  ID            `json:"-"`
	Revision int64         `json:"-"`
	Name     string        `json:"name"` // a-z 0-9 -, 2 to 40 characters; unique in the group
	Steps    []AlertStep   `json:"steps"`
	Rounds   int           `json:"rounds,omitempty"`           // how often all steps are taken, 1 to 5. Zero: once
	Quorum   int           `json:"quorum,omitempty"`           // how many different people must take charge before it stops climbing, 1 to 5. Zero: one
	Progress int           `json:"progress_minutes,omitempty"` // with nothing heard of those in charge for so long, it climbs again; zero: never
	Last     []AlertTarget `json:"last_resort"`                // who is told when every step is over and nobody has taken charge
	Code     bool          `json:"code,omitempty"`             // whoever answers by text message shows a code that she alone was sent
	Named    bool          `json:"say_who,omitempty"`          // the others are told which member took charge, by her name; else by her role
	Members  bool          `json:"members,omitempty"`          // a member who needs help raises an alert by this policy
	Release  bool          `json:"second_person,omitempty"`    // an actual alert waits until a second person releases it
}

// AlertStep is one rung: who is asked, and how long before the next.
type AlertStep struct {
	Targets []AlertTarget `json:"targets"`
	Wait    int           `json:"wait_minutes"`             // before the next step, 1 to 1,440
	Repeat  int           `json:"repeat,omitempty"`         // how often it is asked again before the next step, after the same wait; 0 to 5
	Window  int           `json:"window_minutes,omitempty"` // without a receipt for so long, the next channel of the same person. Zero: the class's, and half the wait at most
	Hours   string        `json:"hours,omitempty"`          // as in 22:00-06:00, by the group's clocks: at any other time the step is left out. Empty: always
	Kinds   []string      `json:"channels,omitempty"`       // kinds of contact point, as in sms; none: each person's own order
}

// AlertTarget is whom a step asks. All parts that are set must hold, but a rota stands alone.
type AlertTarget struct {
	Topic   string   `json:"topic,omitempty"` // subscribed to it. Empty: the alert's, or AlertsTopic
	Tags    []string `json:"tags,omitempty"`
	Members []ID     `json:"members,omitempty"`
	Rota    string   `json:"rota,omitempty"`  // who is on duty by this rota of the group
	Group   string   `json:"group,omitempty"` // the slug of another group, whose topic, tags or rota these are: the alert climbs there, if that group allows it
}

// AlertsTopic is the topic of alerts that name no other.
const AlertsTopic = "alerts"

// Limits of policies.
const (
	MaxAlertSteps   = 10
	MaxAlertRounds  = 5
	MaxAlertTargets = 10
	MaxAlertQuorum  = 5
	MaxAlertWait    = 24 * 60 // minutes
	MaxAlertAsked   = 50      // people with codes of their own in one step
)

// AlertClimb is where an alert stands. Only the engine changes it.
type AlertClimb struct {
	Round    int           `json:"round"`              // from 0
	Step     int           `json:"step"`               // from 0: the one that was taken last; -1: none yet
	Try      int           `json:"try"`                // of that step, from 0
	Asked    int           `json:"asked"`              // steps that were taken, all in all
	StepAt   time.Time     `json:"step_at,omitzero"`   // when the next is taken
	LookAt   time.Time     `json:"look_at,omitzero"`   // when it is looked whether the step can reach anybody
	Extended int           `json:"extended,omitempty"` // how often the step was given more time, because its messages were on their way
	Charge   []AlertHand   `json:"charge,omitempty"`   // who takes charge; the last is the one in charge
	ActiveAt time.Time     `json:"active_at,omitzero"` // when they were last heard of
	Offer    *AlertOffer   `json:"offer,omitempty"`    // it is to be handed over
	Text     int           `json:"text"`               // updates so far
	RollAt   time.Time     `json:"roll_at,omitzero"`   // when whoever has not said how she is was reminded
	Sent     []AlertSent   `json:"sent,omitempty"`     // the broadcasts of it
	Pending  []AlertEffect `json:"pending,omitempty"`  // what has been decided and is not submitted yet, in order
	Tries    int           `json:"tries,omitempty"`    // how often submitting failed in a row
	Notes    int           `json:"notes"`              // events so far
	Secret   []byte        `json:"secret,omitempty"`   // of which the codes are made
	Links    []AlertLink   `json:"links,omitempty"`    // the alerts by which it asks other groups
}

// AlertOffer is an alert that is to be handed over.
type AlertOffer struct {
	To    AlertHand `json:"to"`
	Until time.Time `json:"until"`
}

// AlertSent is a broadcast of an alert.
type AlertSent struct {
	ID    ID              `json:"id"`
	Kind  AlertEffectKind `json:"kind"`
	Asked int             `json:"asked,omitempty"` // of AlertAsk: which step, as AlertClimb counts
}

// AlertEffect is something that an alert sends.
type AlertEffect struct {
	Kind    AlertEffectKind `json:"kind"`
	Key     string          `json:"key"` // within the alert: makes it happen once
	Target  AlertTarget     `json:"target,omitzero"`
	Step    int             `json:"step,omitempty"`  // of the policy, from 1; zero: none
	Asked   int             `json:"asked,omitempty"` // as AlertClimb counts
	Kinds   []string        `json:"channels,omitempty"`
	Window  time.Duration   `json:"window,omitempty"`
	Members []ID            `json:"members,omitempty"` // who alone is told
	Who     AlertHand       `json:"who,omitzero"`      // of whom it tells
	Link    *AlertLink      `json:"link,omitempty"`    // of an ask or last resort: the alert in another group that it opens; of AlertPass: whom it tells
	What    AlertPassed     `json:"what,omitempty"`    // of AlertPass
}

// AlertEffectKind names what an alert sends.
type AlertEffectKind string

// What an alert sends. What Says is about an alert that goes on: none of it leaves once it is over.
const (
	AlertTell     AlertEffectKind = "tell"     // to its audience
	AlertAsk      AlertEffectKind = "ask"      // to a step's targets, with the request to take charge
	AlertLast     AlertEffectKind = "last"     // to the last resort, with the request
	AlertRenew    AlertEffectKind = "renew"    // the update, to whoever was told before and to the audience
	AlertThank    AlertEffectKind = "thank"    // to the one who takes charge
	AlertSayTaken AlertEffectKind = "taken"    // to the others that were asked
	AlertRemind   AlertEffectKind = "remind"   // to whoever was told and has not said how she is
	AlertHandOver AlertEffectKind = "handover" // the request to a successor
	AlertAskEnd   AlertEffectKind = "ask-end"  // to those in charge: is it over?
	AlertSayClear AlertEffectKind = "clear"    // to whoever was told, or may have been
	AlertWithdraw AlertEffectKind = "withdraw" // the same, that it was a mistake
	AlertPass     AlertEffectKind = "pass"     // to a linked alert of another group: what has become of this one; no broadcast
)

// Says reports whether an effect carries the text of the alert, or asks about it while it goes on.
func (k AlertEffectKind) Says() bool {
	return k == AlertTell || k == AlertAsk || k == AlertLast || k == AlertRenew || k == AlertHandOver || k == AlertRemind
}

// Requests reports whether an effect asks somebody to take charge.
func (k AlertEffectKind) Requests() bool {
	return k == AlertAsk || k == AlertLast || k == AlertHandOver
}

// BroadcastKey is the key of the broadcast of an effect. Those of what Says begin with AlertToldKey, and of them those of what
// Requests with AlertAskedKey.
func (e AlertEffect) BroadcastKey(alert ID) string {
	switch {
	case e.Kind.Requests():
		return AlertAskedKey(alert) + e.Key
	case e.Kind.Says():
		return AlertToldKey(alert) + "s/" + e.Key
	}
	return AlertKeys + alert.String() + ":n/" + e.Key
}

// AlertKeys begins the keys of all broadcasts of alerts; nobody else may use such a key.
const AlertKeys = "alert:"

// AlertToldKey begins the keys of the broadcasts about an alert that goes on.
func AlertToldKey(alert ID) string { return AlertKeys + alert.String() + ":t/" }

// AlertAskedKey begins the keys of the broadcasts that ask somebody to take charge.
func AlertAskedKey(alert ID) string { return AlertToldKey(alert) + "q/" }

// AlertTold is who was told of an alert.
type AlertTold struct {
	Alert ID   `json:"alert"`
	Asked bool `json:"asked,omitempty"` // and asked to take charge
	But   []ID `json:"but,omitempty"`   // not these
	// Names is a member whose name the text says instead of its reader's, over channels that are fit for sensitive words. Zero: it
	// says none.
	Names ID `json:"names,omitzero"`
}

// AlertWords is what a message of an alert says, for Words: in each language its own.
type AlertWords struct {
	Texts    map[string]AlertText `json:"texts"`
	Details  map[string]string    `json:"details,omitempty"` // in the place of those of Texts
	Exercise bool                 `json:"exercise,omitempty"`
}

// AlertMessage is a message of an alert that is to be made ready.
type AlertMessage struct {
	Alert    AlertCase
	Effect   AlertEffect
	Key      string
	Audience Audience
	Code     string   // that answers it
	Opening  *Opening // of this audience, just read; nil: to be read
}

// AlertEvent is something that happened to an alert. Events are only added.
type AlertEvent struct {
	No        int            `json:"no"` // from 1
	Key       string         `json:"-"`  // of the alert's events only one has it
	Kind      AlertEventKind `json:"kind"`
	At        time.Time      `json:"at"`
	By        AlertHand      `json:"by,omitzero"`     // nobody: the engine did it
	Step      int            `json:"step,omitempty"`  // of the policy, from 1
	Round     int            `json:"round,omitempty"` // from 1
	Broadcast ID             `json:"broadcast_id,omitzero"`
	Detail    string         `json:"detail,omitempty"` // safe to show to the group's people
}

// AlertEventKind names what happened.
type AlertEventKind string

// What happens to an alert.
const (
	EventRaised     AlertEventKind = "raised"
	EventReleased   AlertEventKind = "released"           // a second person let it go
	EventGlass      AlertEventKind = "break-glass"        // it went without her, for danger to life; Detail says why
	EventSent       AlertEventKind = "sent"               // a broadcast was submitted; Detail says which
	EventNobody     AlertEventKind = "nobody reached"     // what was to be sent has nobody to go to, or cannot be sent
	EventLeftOut    AlertEventKind = "step left out"      // it is not for this hour
	EventWaits      AlertEventKind = "channel silent"     // no receipt yet: the same person's next channel, before the next person
	EventOneWay     AlertEventKind = "no answer possible" // whoever was asked reads it where she cannot answer: the next step, after half of the wait
	EventAcked      AlertEventKind = "acknowledged"       // one more has taken charge
	EventAckLate    AlertEventKind = "acknowledged late"
	EventAckAgain   AlertEventKind = "acknowledged again" // by somebody in charge
	EventAckOther   AlertEventKind = "acknowledged by another"
	EventUnverified AlertEventKind = "acknowledgement unverified" // it shows no code, or a wrong one; the alert goes on
	EventOffered    AlertEventKind = "handover offered"
	EventAccepted   AlertEventKind = "handover accepted"
	EventOfferOver  AlertEventKind = "handover not accepted"
	EventResumed    AlertEventKind = "climbing again" // nothing was heard of those in charge
	EventExhausted  AlertEventKind = "nobody acknowledged"
	EventReminded   AlertEventKind = "reminded" // whoever was told and has not said how she is
	EventUpdated    AlertEventKind = "updated"
	EventExpired    AlertEventKind = "expired"
	EventCleared    AlertEventKind = "all-clear"
	EventWithdrawn  AlertEventKind = "cancelled"
	EventNoted      AlertEventKind = "noted" // by a person
)

// AlertDraft is an alert as its author hands it in.
type AlertDraft struct {
	Exercise     bool        `json:"exercise,omitempty"`
	DangerToLife bool        `json:"danger_to_life,omitempty"`
	Policy       string      `json:"policy,omitempty"`  // its name. Absent: the group's policy "default", or its owners are asked
	Audience     Audience    `json:"audience,omitzero"` // who is told at once. Absent: only those whom the policy asks
	Saying       AlertSaying `json:"saying"`
	DryRun       bool        `json:"dry_run,omitempty"`     // it is checked, and nothing leaves
	Glass        string      `json:"break_glass,omitempty"` // why nobody can be waited for, of danger to life: it goes at once where a second person is needed
	Reason       string      `json:"-"`
	Released     bool        `json:"-"` // although the policy or the group wants a second person
}

// AlertWrite is one change of an alert: all of it is kept, or nothing.
type AlertWrite struct {
	Alert   AlertCase // with the revision that it was read with; zero: it is new
	Events  []AlertEvent
	Sends   []ReadyBroadcast
	Stops   []ID          // broadcasts of which nothing more may leave
	Notices []OwnerNotice // for owners and approvers
}

// Alerts keeps alerts and what happened to them.
type Alerts interface {
	// PutAlert keeps a new alert or changes one. ErrStale: somebody else changed it. CodeConflict: the reference of a new one
	// is taken, its state does not allow the step, or one of the events is known.
	PutAlert(ctx context.Context, w AlertWrite) (AlertCase, error)
	Alert(ctx context.Context, group, id ID) (AlertCase, error)
	// AlertByReference finds the one among the group's recent alerts.
	AlertByReference(ctx context.Context, group ID, reference string) (AlertCase, error)
	// Alerts lists the newest first, before the given id (zero: from the newest).
	Alerts(ctx context.Context, group, before ID, limit int) ([]AlertCase, error)
	// AlertEvents lists what happened, the oldest first, behind a number.
	AlertEvents(ctx context.Context, group, alert ID, after, limit int) ([]AlertEvent, error)
}

// AlertClock is how alerts climb in time, by any number of processes.
type AlertClock interface {
	// DueAlerts lists at most limit alerts that are to be looked at by the store's clock, the longest due first. Its cost
	// does not grow with the alerts that are not due.
	DueAlerts(ctx context.Context, limit int) (AlertsDue, error)
	// AskedAlerts lists the newest recent alerts of a group, at most limit, in which one of these members was asked to take
	// charge; of one alert, if it is named.
	AskedAlerts(ctx context.Context, group, alert ID, members []ID, limit int) ([]AlertCase, error)
}

// AlertsDue is an answer of DueAlerts.
type AlertsDue struct {
	Now    time.Time // of the store's clock
	Next   time.Time // when the first is due that is not due yet; zero: none
	Alerts []AlertCase
}

// AlertPolicies keeps the policies of groups.
type AlertPolicies interface {
	// PutAlertPolicy makes a policy if its id is zero (CodeConflict: the name is taken), or changes the one with its id and
	// revision (ErrStale: somebody else changed it). Alerts that were raised keep what they have.
	PutAlertPolicy(ctx context.Context, p AlertPolicy) (AlertPolicy, error)
	// AlertPolicies lists those of a group, by name.
	AlertPolicies(ctx context.Context, group ID) ([]AlertPolicy, error)
	DeleteAlertPolicy(ctx context.Context, group, id ID) error
}

// Acknowledger takes what people answer to alerts, whichever way it came.
type Acknowledger interface {
	// Acknowledge takes that somebody takes charge. What is wrong with it is no error but an outcome.
	Acknowledge(ctx context.Context, a Acknowledgement) (AckResult, error)
	// Asked lists the newest recent alerts in which one of these members was asked, at most ten.
	Asked(ctx context.Context, group ID, members []ID) ([]AlertCase, error)
	// Note adds something to the timeline, once by its key: an answer of the roll-call, say.
	Note(ctx context.Context, group, alert ID, once, detail string, by AlertHand) error
}

// Acknowledgement is one answer to an alert.
type Acknowledgement struct {
	Group     ID
	Alert     ID     // zero: Reference names it
	Reference string // AlertDigits digits, or AlertCodeDigits with the code
	Once      string // what came twice, with the same value, is one answer; empty: it cannot come twice
	By        AlertHand
	Proven    bool // the way itself shows who it is: a button, a link or a token, but no text message
}

// AckOutcome is what became of an answer.
type AckOutcome string

// The outcomes.
const (
	AckTaken      AckOutcome = "taken"      // she is in charge
	AckCounted    AckOutcome = "counted"    // she takes charge, and more people are needed
	AckYours      AckOutcome = "yours"      // she was in charge already
	AckOthers     AckOutcome = "others"     // somebody else is
	AckOver       AckOutcome = "over"       // the alert has ended, or its time is up; it stays so
	AckUnverified AckOutcome = "unverified" // a code is missing or wrong: the alert goes on
	AckNotAsked   AckOutcome = "not asked"  // nobody asked her
	AckUnknown    AckOutcome = "unknown"    // there is no such alert
	AckNotYet     AckOutcome = "not yet"    // it is not released
)

// Settles reports whether nothing more is wanted of whoever gave the answer.
func (o AckOutcome) Settles() bool {
	return o == AckTaken || o == AckCounted || o == AckYours || o == AckOthers || o == AckOver
}

// AckResult is the answer to an answer.
type AckResult struct {
	Outcome   AckOutcome `json:"outcome"`
	Alert     ID         `json:"alert_id,omitzero"`
	Reference string     `json:"reference,omitempty"`
	State     AlertState `json:"state,omitempty"`
	Charge    AlertHand  `json:"in_charge,omitzero"`
	Needs     int        `json:"needs,omitempty"` // of AckCounted: how many more
}

// KeepAlerts is how long an alert and what happened to it are kept after its end; its texts go when those of its class do.
// A reference may be given again KeepAlertReference after the end.
const (
	KeepAlerts         = 400 * 24 * time.Hour
	KeepAlertReference = 30 * 24 * time.Hour
)

// OnDuty finds who is on duty. A rota that the group does not have is CodeNotFound; nobody is no error.
type OnDuty interface {
	OnDuty(ctx context.Context, group ID, rota string, at time.Time) ([]ID, error)
}

// IsAlertNumber reports whether digits can be the reference of an alert, or one with a code.
func IsAlertNumber(digits string) bool {
	return (len(digits) == AlertDigits || len(digits) == AlertCodeDigits) && strings.Trim(digits, "0123456789") == ""
}
