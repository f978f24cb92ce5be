package roll

import (
	"encoding/json"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
)

// Row is a row of an import, sealed and ready to be written as a new member. For one who is there already the
// transaction finds that out, and takes the row and the indexes only.
type Row struct {
	gateway.StagedMember        // its member has the id of the new one
	Wrapped, Name, Ref   []byte // NULL where she has none
	RefIndex             []byte
	Points               []Point
}

// Point is a contact point that is ready to be written, with the evidence for it.
type Point struct {
	ID             gateway.ID
	Kind, Note     string
	Country        string
	Address, Index []byte
	Stops          Stops
	Topics         int64 // bits of those with consent
	Stopped        bool  // set within the transaction
	Consents       []gateway.Consent
	Proofs         [][]byte
}

// Desk makes rows of a group ready. It is safe for concurrent use.
type Desk struct {
	Ring    *seal.Ring
	Key     *seal.Group
	Topics  []Topic
	Group   gateway.ID
	Country func(kind string, address gateway.Private) string
	Now     int64 // of evidence that names no time, in microseconds
}

// Row makes a row ready. It is done outside the transaction: sealing costs as much as writing.
func (d Desk) Row(row gateway.StagedMember) (Row, error) {
	r := Row{StagedMember: row}
	m := &r.Member
	m.ID = gateway.NewID()
	box, wrapped, err := d.Key.NewMember(sealed.Place(m.ID, "key"))
	if err != nil {
		return r, err
	}
	r.Wrapped, r.Name, r.Ref = wrapped, sealed.Text(box, m.Name, m.ID, "name"), sealed.Text(box, m.Ref, m.ID, "ref")
	if m.Ref != "" {
		r.RefIndex = d.Key.Addresses.Of("ref", m.Ref.Reveal())
	}
	r.Points = make([]Point, 0, len(m.Points))
	for _, p := range m.Points {
		r.Points = append(r.Points, d.Point(box, m.ID, p, row.Consents))
	}
	return r, nil
}

// Point makes a contact point of a member ready, whose key box is.
func (d Desk) Point(box seal.Box, member gateway.ID, p gateway.ContactPoint, consents []gateway.Consent) Point {
	r := Point{ID: p.ID, Kind: p.Kind, Note: p.Note, Country: d.Country(p.Kind, p.Address), Index: d.Key.Addresses.Of(p.Kind, p.Address.Reveal()), Stops: StopsOf(d.Ring, d.Key, p.Kind, p.Address)}
	if r.ID.IsZero() {
		r.ID = gateway.NewID()
	}
	r.Address = sealed.Text(box, p.Address, r.ID, "address")
	var granted []string
	for _, c := range consents {
		if c.PointID != p.ID {
			continue
		}
		if c.Granted {
			granted = append(granted, c.Topic)
		}
		c.ID, c.GroupID, c.MemberID, c.PointID = gateway.NewID(), d.Group, member, r.ID
		id, proof := sealed.Evidence(box, c, d.Now)
		c.ID = id
		r.Consents, r.Proofs = append(r.Consents, c), append(r.Proofs, proof)
	}
	r.Topics = Bits(d.Topics, granted)
	return r
}

// Known is a member that has a row's ref or address.
type Known struct {
	ID   gateway.ID
	Line int // in this import; 0: she was there before
	Own  gateway.Own
}

// Judge says what a row will be: of a member whom nobody knows, of one that is known, or of one that an earlier line of
// the file made or, at the line taken, changes already.
func (r *Row) Judge(who *Known, taken int) gateway.Staged {
	out := gateway.Staged{}
	for i := range r.Points {
		out.Stopped = out.Stopped || r.Points[i].Stopped
	}
	switch {
	case who == nil:
		out.Kind, out.MemberID = gateway.StagedNew, r.Member.ID
	case who.Line > 0:
		return gateway.Staged{Kind: gateway.StagedDuplicate, Line: who.Line, MemberID: who.ID}
	case taken > 0:
		return gateway.Staged{Kind: gateway.StagedDuplicate, Line: taken, MemberID: who.ID}
	default:
		out.Kind, out.MemberID = gateway.StagedChange, who.ID
		row := r.StagedMember // the whole is kept, for she may decide otherwise until it is published
		out.Hers = Keep(who.Own, &row)
	}
	return out
}

// SealChange seals a row as a change of a member, until its import is published.
func SealChange(key *seal.Group, member gateway.ID, row gateway.StagedMember) ([]byte, error) {
	m := row.Member
	plain := plainRow{Name: m.Name.Reveal(), Locale: m.Locale, Zone: m.Zone, Fallback: m.Fallback, Tags: m.Tags, Neutral: m.Neutral, KeepsNeutral: row.KeepsNeutral, Keeps: row.Keeps, Quiet: m.Quiet, Leads: m.Leads}
	for _, p := range m.Points {
		plain.Points = append(plain.Points, plainPoint{p.ID, p.Kind, p.Address.Reveal()})
	}
	for _, c := range row.Consents {
		plain.Consents = append(plain.Consents, plainConsent{c, c.Proof.Reveal()})
	}
	text, err := json.Marshal(plain)
	if err != nil {
		return nil, err
	}
	return key.Box.Seal(text, sealed.Place(member, "change")), nil
}

// OpenChange opens what SealChange sealed.
func OpenChange(key *seal.Group, member gateway.ID, change []byte) (gateway.StagedMember, error) {
	text, err := key.Box.Open(change, sealed.Place(member, "change"))
	if err != nil {
		return gateway.StagedMember{}, err
	}
	var plain plainRow
	if err := json.Unmarshal(text, &plain); err != nil {
		return gateway.StagedMember{}, err
	}
	row := gateway.StagedMember{Member: gateway.Member{Name: gateway.Private(plain.Name), Locale: plain.Locale, Zone: plain.Zone, Fallback: plain.Fallback, Tags: plain.Tags, Neutral: plain.Neutral, Quiet: plain.Quiet, Leads: plain.Leads}, KeepsNeutral: plain.KeepsNeutral, Keeps: plain.Keeps}
	for _, p := range plain.Points {
		row.Member.Points = append(row.Member.Points, gateway.ContactPoint{ID: p.ID, Kind: p.Kind, Address: gateway.Private(p.Address)})
	}
	for _, c := range plain.Consents {
		c.Consent.Proof = gateway.Private(c.Words)
		row.Consents = append(row.Consents, c.Consent)
	}
	return row, nil
}

// plainRow is a staged change in clear, before it is sealed: the types that hide themselves would hide it for ever.
type plainRow struct {
	Name, Locale, Zone string
	Fallback, Tags     []string
	Neutral            bool
	KeepsNeutral       bool
	Keeps              gateway.Kept
	Quiet, Leads       string
	Points             []plainPoint
	Consents           []plainConsent
}

type plainPoint struct {
	ID            gateway.ID
	Kind, Address string
}

type plainConsent struct {
	gateway.Consent
	Words string
}

// Quiet is what an import changes quiet hours to; nil: nothing.
func Quiet(said string) any {
	if said == "" {
		return nil
	}
	return FirstQuiet(said)
}

// Leads is what an import changes a member's leads to; nil: nothing.
func Leads(said string) any {
	if said == "" {
		return nil
	}
	return FirstLeads(said)
}

// FirstLeads is what a new member's leads are.
func FirstLeads(said string) string {
	if said == gateway.DefaultRules {
		return ""
	}
	return said
}

// FirstQuiet is what a new member's quiet hours are.
func FirstQuiet(said string) string {
	if said == gateway.NoQuiet {
		return ""
	}
	return said
}
