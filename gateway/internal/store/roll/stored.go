package roll

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
)

// Stored is a member as she is stored.
type Stored struct {
	Member           gateway.Member // what of her is not sealed
	Fallback, Labels string
	Import           gateway.ID
	Key, Name, Ref   []byte
	Points           []StoredPoint
}

// StoredPoint is a contact point as it is stored.
type StoredPoint struct {
	Point   gateway.ContactPoint
	State   int // as of StateNow
	Topics  int64
	Address []byte
}

// Open makes a member of what is stored.
func (s *Stored) Open(group gateway.ID, key *seal.Group, topics []Topic) (gateway.Member, error) {
	m := s.Member
	m.GroupID, m.Fallback, m.Tags = group, Split(s.Fallback), Split(s.Labels)
	box, err := sealed.Member(key, m.ID, s.Key)
	if err != nil {
		return m, err
	}
	var errs [2]error
	m.Name, errs[0] = sealed.Open(box, s.Name, m.ID, "name")
	m.Ref, errs[1] = sealed.Open(box, s.Ref, m.ID, "ref")
	if err := errors.Join(errs[:]...); err != nil {
		return m, err
	}
	m.Points = make([]gateway.ContactPoint, 0, len(s.Points))
	for _, p := range s.Points {
		point := p.Point
		point.State, point.Topics = State(p.State), Names(topics, p.Topics)
		if point.Address, err = sealed.Open(box, p.Address, point.ID, "address"); err != nil {
			return m, err
		}
		m.Points = append(m.Points, point)
	}
	return m, nil
}

// StoredInbound is a message that came in, as it is stored.
type StoredInbound struct {
	Message    gateway.InboundMessage // what of it is not sealed
	Members    string                 // JSON
	From, Text []byte
	Owner      gateway.ID // the member under whose key it is sealed; zero: under the group's
	Key        []byte     // hers
}

// Open makes a message of what is stored.
func (s *StoredInbound) Open(group gateway.ID, key *seal.Group) (gateway.InboundMessage, error) {
	m := s.Message
	m.GroupID = group
	if err := json.Unmarshal([]byte(s.Members), &m.MemberIDs); err != nil {
		return m, err
	}
	box := key.Box
	if !s.Owner.IsZero() && (s.From != nil || s.Text != nil) {
		var err error
		if box, err = sealed.Member(key, s.Owner, s.Key); err != nil {
			return m, err
		}
	}
	var errs [2]error
	m.From, errs[0] = sealed.Open(box, s.From, m.ID, "from")
	m.Text, errs[1] = sealed.Open(box, s.Text, m.ID, "text")
	return m, errors.Join(errs[:]...)
}

// StoredConsent is a piece of evidence as it is stored.
type StoredConsent struct {
	Consent gateway.Consent // what of it is not sealed
	Proof   []byte
}

// OpenEvidence makes a member's evidence of what is stored, the oldest first.
func OpenEvidence(key *seal.Group, group, member gateway.ID, wrapped []byte, stored []StoredConsent) ([]gateway.Consent, error) {
	box, err := sealed.Member(key, member, wrapped)
	if err != nil {
		return nil, err
	}
	type placed struct {
		gateway.Consent
		place gateway.ID
	}
	all := make([]placed, 0, len(stored))
	for _, s := range stored {
		c, place := s.Consent, s.Consent.ID
		c.GroupID, c.MemberID = group, member
		if c.At.IsZero() {
			place, err = sealed.OpenEvidence(box, s.Proof, &c)
		} else { // as before migration 34, with its time in clear
			c.Proof, err = sealed.Open(box, s.Proof, c.ID, "proof")
		}
		if err != nil {
			return nil, err
		}
		all = append(all, placed{c, place})
	}
	slices.SortFunc(all, func(a, b placed) int { return bytes.Compare(a.place[:], b.place[:]) })
	ordered := make([]gateway.Consent, len(all))
	for i := range all {
		ordered[i] = all[i].Consent
	}
	return ordered, nil
}
