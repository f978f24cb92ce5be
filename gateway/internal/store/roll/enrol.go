package roll

import (
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
)

// Open is an enrolment that is not answered yet; a zero Invitation: there is none.
type Open struct {
	Invitation gateway.ID
	Made       bool // she was nobody before it
}

// Place is what becomes of an address that somebody wants to join with.
type Place struct {
	Outcome gateway.EnrolOutcome
	At      *Found // the contact point; nil: she is to be made
	Open    Open   // her enrolment before this one
}

// Seat decides about an address: whose contact points are found there, and which of their owners has an open enrolment.
// Who has not agreed yet is asked once more, about what is offered now; anybody else is a member already.
func Seat(stopped bool, points []Found, open func(member gateway.ID) (Open, error)) (Place, error) {
	if stopped {
		return Place{Outcome: gateway.EnrolStopped}, nil
	}
	place := Place{Outcome: gateway.EnrolAsk}
	for i := range points {
		p := &points[i]
		switch {
		case !p.Seen || p.State == Gone || p.State == Invalid || p.NotHers: // what was dead and speaks may have a new owner: she inherits nothing
			continue
		case p.State != Unconfirmed:
			return Place{Outcome: gateway.EnrolAlready, At: p}, nil
		case place.At == nil || place.Open.Invitation.IsZero():
			o, err := open(p.Member)
			if err != nil {
				return Place{}, err
			}
			if place.At == nil || !o.Invitation.IsZero() {
				place.At, place.Open = p, o
			}
		}
	}
	return place, nil
}

// Joins reports whether a place takes one of an invitation's uses.
func (p Place) Joins(invitation gateway.ID) bool {
	return p.Outcome == gateway.EnrolAsk && p.Open.Invitation != invitation
}

// TryKey is the blind index that a limit is counted under.
func TryKey(ring *seal.Ring, l gateway.Limit) []byte {
	return ring.Suppression().Of("try "+l.What, l.By)
}

// InvitationCode is the kind of the blind index of a code that is typed.
const InvitationCode = "invitation"

// InvitationColumns are the columns of invitations that StoredInvitation.Into takes.
const InvitationColumns = "group_id, id, label, author, topics, tags, locale, uses, used, created_at, expires_at, revoked_at"

// StoredInvitation is a row of invitations.
type StoredInvitation struct {
	gateway.Invitation
	topics, tags string
}

// Into lists where the columns go.
func (i *StoredInvitation) Into() []any {
	return []any{&i.GroupID, &i.ID, &i.Label, &i.Author, &i.topics, &i.tags, &i.Locale, &i.Uses, &i.Used, &i.CreatedAt, &i.ExpiresAt, &i.RevokedAt}
}

// Open gives the invitation of a row.
func (i *StoredInvitation) Open() gateway.Invitation {
	i.Topics, i.Tags = Split(i.topics), Split(i.tags)
	return i.Invitation
}

// OpenInvitations gives the invitations of rows.
func OpenInvitations(rows []StoredInvitation) []gateway.Invitation {
	all := make([]gateway.Invitation, len(rows))
	for i := range rows {
		all[i] = rows[i].Open()
	}
	return all
}

// StoredAsk is a row of what somebody was asked.
type StoredAsk struct {
	asked   gateway.Asked
	topics  string
	revoked bool // with the invitation
}

// Into lists where topics, wording, locale, time and whether it was revoked go.
func (a *StoredAsk) Into() []any {
	return []any{&a.topics, &a.asked.Wording, &a.asked.Locale, &a.asked.At, &a.revoked}
}

// LastAsk gives the newest of what somebody was asked; false: there is none. One that was revoked does not bring back the one
// before: her yes was not to that.
func LastAsk(rows []StoredAsk) (last gateway.Asked, ok bool) {
	for _, r := range rows {
		if last.At.IsZero() || r.asked.At.After(last.At) {
			last, ok = r.asked, !r.revoked
			last.Topics = Split(r.topics)
			last.Locale, _, _ = strings.Cut(last.Locale, "-x-") // what sets a version of the text apart
		}
	}
	return last, ok
}
