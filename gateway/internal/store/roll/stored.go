package roll

import (
	"errors"

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
	State   int
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
