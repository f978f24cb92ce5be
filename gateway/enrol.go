package gateway

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"math/big"
	"strconv"
	"time"
)

// Invitation lets strangers join a group, under a code to type or the link to a bot. Both are shown to whoever makes it, once; the
// ledger keeps a blind index of the one and a digest of the other.
type Invitation struct {
	ID        ID        `json:"id"`
	GroupID   ID        `json:"group_id"`
	Label     string    `json:"label"`            // what it is for
	Author    string    `json:"author"`           // label of the token that made it
	Topics    []string  `json:"topics"`           // that whoever joins is asked about
	Tags      []string  `json:"tags,omitempty"`   // that she gets
	Locale    string    `json:"locale,omitempty"` // of those invited; empty: as their number's country speaks, or the group
	Uses      int       `json:"uses"`             // how many may join
	Used      int       `json:"used"`             // how many did, or were asked and have not answered yet
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
}

// IssuedInvitation is a new invitation with what is never shown again.
type IssuedInvitation struct {
	Invitation
	Code     string `json:"code,omitempty"`     // to text to the group's number; empty in the answer to a repeated request
	Telegram string `json:"telegram,omitempty"` // opens the chat with the group's bot; empty where it has none
	SMS      string `json:"sms,omitempty"`      // URI that opens a text message with the code; empty where the group has no number
	Page     string `json:"page,omitempty"`     // the page that shows these ways, and joins by mail; empty where the instance has no public address
}

// InvitationView is an invitation with the members whom it brought in, as long as they are there.
type InvitationView struct {
	Invitation
	Members []ID `json:"members"` // those who agreed
	Asked   []ID `json:"asked"`   // those who have not answered yet
}

// Limits of invitations.
const (
	MaxUses       = 10_000
	MaxInvitation = 366 * 24 * time.Hour // from making one to its end
	// CodeDigits is the length of a code that is typed: 26.5 bits. Nobody may try many: see Tries.
	CodeDigits = 8
	// LinkDigits is the length of a code that links another address of a member. It is another than CodeDigits, so that a
	// message that is a code says of which sort.
	LinkDigits = 7
	// KeepUnanswered is how long somebody who sent a code may take to say yes; then what is known of her is deleted.
	KeepUnanswered = 3 * 24 * time.Hour
)

// linkBytes is how many random bytes a link has: 128 bits, 22 of the characters that Telegram takes in a deep link, of
// which it takes 64 (core.telegram.org/bots/features#deep-linking).
const linkBytes = 16

// MintInvitation makes a code to type and the secret of a link.
func MintInvitation() (code, link Private) {
	var secret [linkBytes]byte
	rand.Read(secret[:]) // never fails; see crypto/rand
	return MintDigits(CodeDigits), Private(base64.RawURLEncoding.EncodeToString(secret[:]))
}

// MintDigits makes a random code of that many digits.
func MintDigits(digits int) Private {
	most := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
	n, _ := rand.Int(rand.Reader, most) // never fails; see crypto/rand
	return Private(fmt.Sprintf("%0*d", digits, n))
}

// IsLinkSecret reports whether a text has the form of a link's secret.
func IsLinkSecret(text string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && len(raw) == linkBytes
}

// Invitations keeps invitations.
type Invitations interface {
	// PutInvitation keeps a new one with its code and its link's secret. CodeConflict: the group has that code already.
	PutInvitation(ctx context.Context, i Invitation, code, link Private) error
	// Invitations lists a group's in order of id, behind after.
	Invitations(ctx context.Context, group, after ID, limit int) ([]Invitation, error)
	// Invitation reads one with those whom it brought in.
	Invitation(ctx context.Context, group, id ID) (InvitationView, error)
	// RevokeInvitation ends one at once; those who were asked and have not answered cannot join any more. One that is
	// revoked stays so.
	RevokeInvitation(ctx context.Context, group, id ID) error
}

// Enrolments takes in those who were invited.
type Enrolments interface {
	// InvitationByCode finds the live invitation of a group with a code, or with a link's secret; ErrNotFound also for one
	// that was revoked or has expired. One that is used up is found: whoever has begun may begin again.
	InvitationByCode(ctx context.Context, group ID, code Private) (Invitation, error)
	// Enrol takes in an address that a code came from or that was given with a link, so that it can be asked. Nobody is
	// subscribed: that is what ConfirmAddress does, and it ends the enrolment. ErrNotFound: the invitation is used up, or
	// over.
	Enrol(ctx context.Context, e Enrolment) (Enrolled, error)
	// PutAsk keeps what a broadcast asks everybody who has not agreed; what is known of it stays.
	PutAsk(ctx context.Context, group, broadcast ID, a Asked) error
	// Asked gives what a member was last asked about: by PutAsk, if the broadcast has a delivery for her, or by an enrolment
	// that she has not answered. ErrNotFound: nothing, or last by an invitation that was revoked.
	Asked(ctx context.Context, group, member ID) (Asked, error)
}

// Enrolment is somebody who wants to join.
type Enrolment struct {
	GroupID    ID
	Invitation ID
	Kind       string
	Address    Private // canonical
	Locale     string  // BCP 47; of a new member
	Zone       string  // IANA name; of a new member
	Wording    string  // version of the words that she is to be asked with
}

// Enrolled is what became of an Enrolment.
type Enrolled struct {
	Outcome EnrolOutcome
	Member  ID
	Point   ID
	Topics  []string // that she is to be asked about
}

// EnrolOutcome says what became of an Enrolment.
type EnrolOutcome string

// The outcomes of an enrolment.
const (
	EnrolAsk     EnrolOutcome = "ask"     // she is to be asked: Member and Point say where
	EnrolAlready EnrolOutcome = "already" // the address is a member's: Member and Point say whose
	EnrolStopped EnrolOutcome = "stopped" // a STOP stands against the address: nothing was done
)

// Asked is what somebody was asked, for the evidence of her yes.
type Asked struct {
	Topics  []string
	Wording string // version of the words
	Locale  string // of the words, as far as it is known; else hers
	At      time.Time
}

// Tries counts what nobody may do often. What it counts by is kept as a blind index, until its time is over.
type Tries interface {
	// Try adds n to every limit, unless one of them has no room for as much: then it adds to none and answers false. Zero
	// asks whether there is room for one.
	Try(ctx context.Context, n int, limits ...Limit) (bool, error)
}

// How often somebody who wants to join is asked, whichever way she asks for it: no range of numbers, group or instance sends
// more questions than this.
const (
	asksOfAddress  = 3   // in a day
	asksOfRange    = 30  // to numbers that differ in their last four digits, in an hour
	asksOfGroup    = 500 // in a day
	asksOfInstance = 500 // in an hour
)

// AskLimits are the limits to asking an address of a kind whether its owner wants to join a group; country as of PointRef.
func AskLimits(group ID, kind string, address Private, country string) []Limit {
	limits := []Limit{
		{What: "ask", By: kind + " " + address.Reveal(), Most: asksOfAddress, Within: 24 * time.Hour},
		{What: "ask of group", By: group.String(), Most: asksOfGroup, Within: 24 * time.Hour},
		{What: "ask of all", Most: asksOfInstance, Within: time.Hour},
	}
	if number := address.Reveal(); country != "" && len(number) > 4 {
		limits = append(limits, Limit{What: "ask of range", By: kind + " " + number[:len(number)-4], Most: asksOfRange, Within: time.Hour})
	}
	return limits
}

// NoticeJoinLimited is the shipped text that tells owners that more want to join than may, or that codes are guessed.
const NoticeJoinLimited = "join-limited"

// LimitNotice tells a group's owners so, once an hour.
func LimitNotice(group ID, at time.Time) OwnerNotice {
	return OwnerNotice{Once: "join-limited/" + group.String() + "/" + strconv.FormatInt(at.Unix()/3600, 10), GroupID: group, Wording: NoticeJoinLimited}
}

// Limit is how often something may be done within a time that begins with the first.
type Limit struct {
	What   string // is done
	By     string // whom, or where; kept as a blind index
	Most   int
	Within time.Duration
}
