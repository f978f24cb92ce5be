package gateway

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// ReleaseRule is a group's rule for what one person alone does not send.
type ReleaseRule struct {
	Alerts  bool `json:"alerts,omitempty"`  // every alert that is no exercise
	Above   int  `json:"above,omitempty"`   // whatever is meant for more members than this; zero: size does not count
	Minutes int  `json:"minutes,omitempty"` // how long it waits for a second person; zero: ReleaseAlerts, or ReleaseOthers
}

// How long something waits for a second person, unless the group says so or it would be too late anyway.
const (
	ReleaseAlerts = 2 * time.Hour
	ReleaseOthers = 24 * time.Hour
	// KeepReleases is how long the record of who released what is kept after its text is gone.
	KeepReleases = 400 * 24 * time.Hour
)

// ApproversTopic is the topic whose subscribers are told that something waits for a second person. In a group without it, or
// where nobody has subscribed to it, those of OwnersTopic are.
const ApproversTopic = "approvers"

// IsDuty says whether a topic is that of the people who look after a group: OwnersTopic or ApproversTopic. Its group gives it; a member
// does not take it by herself.
func IsDuty(topic string) bool { return topic == OwnersTopic || topic == ApproversTopic }

// May reports whether the rule may ask for a second person for what is of this kind, before anybody has counted members.
func (r *ReleaseRule) May(kind Kind) bool {
	return r != nil && (r.Above > 0 || r.Alerts && kind == KindAlert)
}

// Needs says why a second person is needed for what is meant for so many members; empty: she is not.
func (r *ReleaseRule) Needs(kind Kind, members int) string {
	switch {
	case r == nil:
	case r.Alerts && kind == KindAlert:
		return "it is an alert, and an alert of this group needs a second person"
	case r.Above > 0 && members > r.Above:
		return "it is for " + strconv.Itoa(members) + " members, and what is for more than " + strconv.Itoa(r.Above) + " needs a second person in this group"
	}
	return ""
}

// Waits gives how long something of this kind waits for a second person.
func (r *ReleaseRule) Waits(kind Kind) time.Duration {
	switch {
	case r != nil && r.Minutes > 0:
		return time.Duration(r.Minutes) * time.Minute
	case kind == KindAlert:
		return ReleaseAlerts
	}
	return ReleaseOthers
}

// CheckRelease gives a rule as it is kept, nil if it asks for nothing, or says what is wrong with it.
func CheckRelease(r *ReleaseRule) (*ReleaseRule, error) {
	const most = 7 * 24 * 60
	switch {
	case r == nil || *r == (ReleaseRule{}):
		return nil, nil
	case r.Above < 0:
		return nil, Faultf(CodeInvalid, "release.above: give the largest number of members that one person may write to alone")
	case r.Minutes < 0 || r.Minutes > most:
		return nil, Faultf(CodeInvalid, "release.minutes: use 1 to %d, or none", most)
	case !r.Alerts && r.Above == 0:
		return nil, Faultf(CodeInvalid, "release: say what needs a second person, with alerts or above")
	}
	return r, nil
}

// Weaker reports whether a rule asks for a second person where another one does, and this one does not.
func (r *ReleaseRule) Weaker(than *ReleaseRule) bool {
	switch {
	case than == nil:
		return false
	case r == nil:
		return true
	}
	return than.Alerts && !r.Alerts || than.Above > 0 && (r.Above == 0 || r.Above > than.Above)
}

// SamePerson reports whether two hands are, as far as can be told, one person's: they hold one token, or tokens under one
// label, which says whose a token is.
func (h Hand) SamePerson(o Hand) bool {
	return h.Token == o.Token || foldLabel(h.Label) == foldLabel(o.Label)
}

func foldLabel(label string) string {
	return strings.Join(strings.Fields(cases.Fold().String(norm.NFKC.String(label))), " ")
}

// Release is a message that needs a second person. Its id is that of the broadcast that it becomes.
type Release struct {
	ID          ID            `json:"id"`
	GroupID     ID            `json:"group_id"`
	Key         string        `json:"key"` // of the broadcast
	Fingerprint []byte        `json:"-"`   // of the draft, as that of a broadcast
	State       ReleaseState  `json:"state"`
	Revision    int64         `json:"revision"` // zero: it is not kept yet
	Digest      string        `json:"digest"`   // of text, audience and channels: 64 hexadecimal digits. Whoever approves names it
	Class       Class         `json:"class"`
	Why         string        `json:"why"`            // a second person is needed, in words
	Members     int           `json:"members"`        // who were meant when it was handed in
	Channels    []ReleaseWay  `json:"channels"`       // over which it would leave
	Hands       []Hand        `json:"hands"`          // who wrote it: its author, then who changed it
	Steps       []ReleaseStep `json:"steps"`          // the oldest first
	Draft       *Draft        `json:"draft,omitzero"` // nil: it is forgotten, or only listed
	CreatedAt   time.Time     `json:"created_at"`
	ExpiresAt   time.Time     `json:"expires_at"` // when it waits no longer
}

// ReleaseWay is a channel that would carry a message.
type ReleaseWay struct {
	Kind      string `json:"kind"`
	ChannelID ID     `json:"channel_id"`
	Channel   string `json:"channel"`
}

// ReleaseState is how far a message has come that needs a second person; see ReleaseSteps.
type ReleaseState string

// The states of a release.
const (
	ReleaseWaiting   ReleaseState = "waiting"
	ReleaseApproved  ReleaseState = "approved"  // a second person has released it, and it is sent
	ReleaseRefused   ReleaseState = "refused"   // a second person does not
	ReleaseWithdrawn ReleaseState = "withdrawn" // its author has taken it back
	ReleaseExpired   ReleaseState = "expired"   // nobody has decided in time
	ReleaseGlass     ReleaseState = "glass"     // it was sent without her, for danger to life: she looks at it afterwards
	ReleaseReviewed  ReleaseState = "reviewed"  // she has
)

// ReleaseSteps lists every legal step. A step from waiting to waiting is an edit.
var ReleaseSteps = map[ReleaseState][]ReleaseState{
	ReleaseWaiting:   {ReleaseWaiting, ReleaseApproved, ReleaseRefused, ReleaseWithdrawn, ReleaseExpired, ReleaseGlass},
	ReleaseApproved:  {},
	ReleaseRefused:   {ReleaseWaiting},
	ReleaseWithdrawn: {},
	ReleaseExpired:   {ReleaseWaiting, ReleaseGlass},
	ReleaseGlass:     {ReleaseReviewed},
	ReleaseReviewed:  {},
}

// CanStep reports whether a release may go from s to next.
func (s ReleaseState) CanStep(next ReleaseState) bool { return slices.Contains(ReleaseSteps[s], next) }

// Open reports whether somebody has still to do something about it.
func (s ReleaseState) Open() bool { return s == ReleaseWaiting || s == ReleaseGlass }

// ReleaseStep is one step that was taken.
type ReleaseStep struct {
	To  ReleaseState `json:"to"`
	At  time.Time    `json:"at"`
	By  Hand         `json:"by"`            // no token: no person
	Why string       `json:"why,omitempty"` // the typed reason
}

// Step takes a step, or says why it cannot be taken.
func (r *Release) Step(s ReleaseStep) error {
	if !r.State.CanStep(s.To) {
		return Faultf(CodeConflict, "this is %s, so it cannot be %s", r.State, s.To)
	}
	r.State, r.Steps = s.To, append(slices.Clone(r.Steps), s)
	return nil
}

// WrittenBy reports whether a person had a hand in it.
func (r *Release) WrittenBy(h Hand) bool { return slices.ContainsFunc(r.Hands, h.SamePerson) }

// ForgetAt is when its text is forgotten.
func (r *Release) ForgetAt() time.Time { return r.ExpiresAt.Add(PolicyOf(r.Class).Keep) }

// Bounds of a typed reason, in characters.
const (
	leastReason = 10
	mostReason  = 300
)

// CheckReason gives a typed reason as it is kept, or says what is wrong with it. Without need it may be empty.
func CheckReason(text string, need bool) (string, error) {
	text = strings.Join(strings.Fields(text), " ")
	n := utf8.RuneCountInString(text)
	switch {
	case text == "" && !need:
	case need && n < leastReason:
		return "", Faultf(CodeInvalid, "reason: say in at least %d characters why nobody else can be waited for; it is kept, and shown to all who may approve", leastReason)
	case n > mostReason || !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "", Faultf(CodeInvalid, "reason: use at most %d printable characters", mostReason)
	}
	return text, nil
}

// ReleaseNeed says that something needs a second person, and what can be done about it.
type ReleaseNeed struct {
	Why       string    `json:"why"`
	State     string    `json:"state,omitempty"` // of what was handed in; empty: a preview
	Digest    string    `json:"digest,omitempty"`
	Until     time.Time `json:"until,omitzero"`
	Approvers int       `json:"approvers"` // other people whose tokens may approve
	Lacks     string    `json:"lacks,omitempty"`
}

// ReleaseOffer is a broadcast that is ready, as a second person is asked about it.
type ReleaseOffer struct {
	Ready    ReadyBroadcast
	Members  int // meant
	Channels []ReleaseWay
	Digest   string
}

// Releases keeps what needs a second person. What it says is sealed under the group's key; so is who decided and why.
type Releases interface {
	// PutRelease keeps one that is new (its revision is zero) or changes the one with its id, which must stand at its
	// revision (ErrStale), by a legal step. ErrStale too: another one has its key. send is submitted and the notices are put in
	// the same transaction.
	PutRelease(ctx context.Context, r Release, send *ReadyBroadcast, notices ...OwnerNotice) (Release, error)
	// ReleaseByID reads one whole; ErrNotFound.
	ReleaseByID(ctx context.Context, group, id ID) (Release, error)
	// ReleaseByKey reads the one with a key whole; ErrNotFound.
	ReleaseByKey(ctx context.Context, group ID, key string) (Release, error)
	// ReleasesOf lists the newest first, before the given id (zero: from the newest), without drafts.
	ReleasesOf(ctx context.Context, group, before ID, limit int) ([]Release, error)
	// OverdueReleases lists those of all groups that nobody has decided about in their time, whole, the longest overdue first.
	OverdueReleases(ctx context.Context, limit int) ([]Release, error)
}

// The shipped texts about releases. {reference} is the short form of its id.
const (
	NoticeReleaseWaits   = "release-waits"   // {reference}
	NoticeReleaseGlass   = "release-glass"   // {reference}
	NoticeReleaseExpired = "release-expired" // {reference}
	NoticeReleaseRule    = "release-rule"    // the rule asks for less than before
)

// Notice is what people are told of a release as it stands.
func (r *Release) Notice(wording string) OwnerNotice {
	return OwnerNotice{Once: wording + "/" + r.ID.String() + "/" + strconv.FormatInt(r.Revision, 10), GroupID: r.GroupID, Wording: wording, Data: map[string]string{"reference": r.ID.Short()}}
}

// Topics lists the topics whose subscribers are told: all of them, or the first of which there are any.
func (n OwnerNotice) Topics() (topics []string, all bool) {
	switch n.Wording {
	case NoticeReleaseWaits, NoticeAlertWaits:
		return []string{ApproversTopic, OwnersTopic}, false
	case NoticeReleaseGlass, NoticeReleaseExpired, NoticeReleaseRule, NoticeAlertGlass, NoticeAlertUnreleased:
		return []string{OwnersTopic, ApproversTopic}, true
	}
	return []string{OwnersTopic}, true
}
