package gateway

import (
	"encoding/hex"
	"time"
)

// OwnersTopic is the topic whose subscribers are told what a group's owners must know: that a channel is ailing, that a
// cap is reached.
const OwnersTopic = "owners"

// Trip says how many refusals for a channel's own sake open an incident. Zero fields take the defaults.
type Trip struct {
	After   int `json:"after,omitempty"`          // distinct deliveries; zero: DefaultTripAfter
	Minutes int `json:"within_minutes,omitempty"` // zero: DefaultTripMinutes
}

// The defaults of a Trip: one carrier that filters one text to nine people is no incident yet.
const (
	DefaultTripAfter   = 10
	DefaultTripMinutes = 60
)

// Limits gives the numbers in force.
func (t Trip) Limits() (after int, within time.Duration) {
	if t.After == 0 {
		t.After = DefaultTripAfter
	}
	if t.Minutes == 0 {
		t.Minutes = DefaultTripMinutes
	}
	return t.After, time.Duration(t.Minutes) * time.Minute
}

// The troubles of a channel, as package channels writes them.
const (
	TroubleFiltered     = "filtered"
	TroubleUnregistered = "unregistered"
	TroubleUnpaid       = "unpaid"
	TroubleCredentials  = "credentials"
)

// Incident is a time in which a provider refuses a channel for the channel's own sake. While it is open, reminders and
// reports wait on that channel, and no address is blamed.
type Incident struct {
	ID         ID        `json:"id"`
	ChannelID  ID        `json:"channel_id"`
	Trouble    string    `json:"trouble"`
	Code       string    `json:"code,omitempty"`   // the provider's, verbatim
	Detail     string    `json:"detail,omitempty"` // safe to show
	Deliveries int       `json:"deliveries"`       // distinct ones that were refused when it opened
	OpenedAt   time.Time `json:"opened_at"`
	ClosedAt   time.Time `json:"closed_at,omitzero"`
	ClosedBy   string    `json:"closed_by,omitempty"` // ByCheck, or the label of a token
	Told       bool      `json:"told"`                // its owners were written to
}

// ByCheck stands in ClosedBy when a check ended an incident. One that opens within CheckTrust after such an end shows that
// the check cannot see the trouble: only a person ends it, or the owners would be written to at every turn.
const (
	ByCheck    = "check"
	CheckTrust = time.Hour
)

// Mends says whether a passing Check of the channel ends the incident: it proves credentials and standing, but says
// nothing about filters and registrations.
func (i Incident) Mends() bool { return i.Trouble == TroubleCredentials || i.Trouble == TroubleUnpaid }

// Notice is what the owners of the incident's channel are told, over another channel, once for each of when.
func (i *Incident) Notice(when, wording string, owner ID, channel string) OwnerNotice {
	code := i.Code
	if code == "" {
		code = i.Trouble
	}
	return OwnerNotice{Once: when + hex.EncodeToString(i.ID[:]), GroupID: owner, Avoid: i.ChannelID, Wording: wording, Data: map[string]string{"channel": channel, "code": code}}
}

// Strike is one delivery that was refused for its channel's sake.
type Strike struct {
	Channel  ID
	Delivery ID
	Trouble  string
	Code     string
	Detail   string
	Locks    bool          // nothing at all leaves over the channel any more, not even alerts
	After    int           // distinct deliveries that open an incident, this one included
	Within   time.Duration // and in which time
}

// ChannelError is one sort of error of a channel, and how often it came. It names nobody.
type ChannelError struct {
	Class   string    `json:"class"`
	Scope   string    `json:"scope"`
	Trouble string    `json:"trouble,omitempty"`
	Code    string    `json:"code,omitempty"`   // the provider's, verbatim
	Detail  string    `json:"detail,omitempty"` // safe to show
	Count   int       `json:"count"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
}

// MostErrors is how many sorts of error are kept of a channel, the latest.
const MostErrors = 10

// ChannelRate is a limit that a channel keeps: so many units a second, with a burst.
type ChannelRate struct {
	PerSecond  float64 `json:"per_second"`
	Burst      int     `json:"burst"`
	PerAddress bool    `json:"per_address,omitempty"`
}

// ChannelView is a channel with all that a person needs to judge how it is.
type ChannelView struct {
	Channel
	Problem       string         `json:"problem,omitempty"`     // why it cannot be used until its options are mended
	CatchingUp    bool           `json:"catching_up,omitempty"` // as in ChannelStatus
	Breaker       string         `json:"breaker"`               // "closed", or "open" while the provider does not answer
	SendersNow    int            `json:"senders_now"`           // in force, besides those for urgent messages
	UrgentSenders int            `json:"urgent_senders"`
	Rates         []ChannelRate  `json:"rates"`
	Backlog       map[string]int `json:"backlog"` // waiting deliveries by lane
	Errors        []ChannelError `json:"errors"`  // the latest first
}

// OwnerNotice is something that the owners of a group, or the operator, must be told.
type OwnerNotice struct {
	ID      ID
	Once    string            // no second one with the same
	GroupID ID                // zero: the operator
	Avoid   ID                // a channel that must not carry it; zero: none
	Wording string            // name of a shipped text
	Data    map[string]string // for its placeholders; names nobody
	At      time.Time
}

// The shipped texts of notices.
const (
	NoticeRefused = "channel-refused" // routine messages of {channel} wait
	NoticeLocked  = "channel-locked"  // everything over {channel} waits
	NoticeWell    = "channel-well"
	NoticeSoft    = "spend-soft"   // {spent} of the cap {cap}
	NoticeHard    = "spend-hard"   // all but alerts waits
	NoticePassed  = "spend-passed" // an alert went out over the hard cap
)
