package sqlite

import (
	"context"
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// politeRows is how many rows are staged at least before urgent work cuts in.
const politeRows = 16

// Stage writes a chunk of rows that nobody sees yet. If it fails, some of them may be written: the import is to be
// discarded.
func (s *Store) Stage(ctx context.Context, group, imp gateway.ID, rows []gateway.StagedMember) ([]gateway.Staged, error) {
	_, topics, err := s.group(ctx, "id = ?", group[:])
	if err != nil {
		return nil, err
	}
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return nil, err
	}
	ready := make([]readyRow, len(rows))
	for i, row := range rows { // outside the transaction: sealing costs as much as writing
		if ready[i], err = s.prepare(key, topics, group, row); err != nil {
			return nil, fmt.Errorf("line %d: %w", row.Line, err)
		}
	}
	staged := make([]gateway.Staged, len(rows))
	for done, more := 0, true; more; more = done < len(rows) {
		n := 0
		err := s.write.do(ctx, false, func(t *txn) error {
			st := stager{txn: t, key: key, topics: topics, group: group, imp: imp}
			state, err := st.importState()
			if err != nil {
				return err
			}
			if state != "open" {
				return gateway.Faultf(gateway.CodeConflict, "this import is %s; begin a new one", state)
			}
			for n = 0; done+n < len(rows) && (n < politeRows || len(t.w.urgent) == 0); n++ { // what is urgent need not wait for the rest
				if staged[done+n], err = st.stage(&ready[done+n]); err != nil {
					return fmt.Errorf("line %d: %w", rows[done+n].Line, err)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		done += n
	}
	return staged, nil
}

type stager struct {
	*txn
	key        *seal.Group
	topics     []topicRow
	group, imp gateway.ID
}

func (st *stager) importState() (state string, err error) {
	err = st.query("SELECT state FROM imports WHERE group_id = ? AND id = ?", []any{st.group[:], st.imp[:]}, func(r *lite.Stmt) error { return r.Scan(&state) })
	if err == nil && state == "" {
		err = gateway.Faultf(gateway.CodeNotFound, "there is no such import")
	}
	return state, err
}

// known is a member that has a row's ref or address.
type known struct {
	id   gateway.ID
	line int // in this import; 0: she was there before
}

func (st *stager) stage(r *readyRow) (gateway.Staged, error) {
	result := gateway.Staged{Kind: gateway.StagedNew}
	who, err := st.find(r)
	if err != nil {
		return result, err
	}
	for i := range r.points {
		p := &r.points[i]
		if p.stopped, err = st.stands(st.group, p.kind, p.stops); err != nil {
			return result, err
		}
		result.Stopped = result.Stopped || p.stopped
	}
	switch {
	case who == nil:
		result.MemberID = r.row.Member.ID
		return result, st.insert(r)
	case who.line > 0:
		return gateway.Staged{Kind: gateway.StagedDuplicate, Line: who.line, MemberID: who.id}, nil
	}
	result.Kind, result.MemberID = gateway.StagedChange, who.id
	taken := 0
	if err := st.query("SELECT line FROM import_changes WHERE group_id = ? AND import_id = ? AND member_id = ?", []any{st.group[:], st.imp[:], who.id[:]}, func(r *lite.Stmt) error { return r.Scan(&taken) }); err != nil {
		return result, err
	}
	if taken > 0 {
		return gateway.Staged{Kind: gateway.StagedDuplicate, Line: taken, MemberID: who.id}, nil
	}
	plain, err := encodeRow(r.row)
	if err != nil {
		return result, err
	}
	_, err = st.exec("INSERT INTO import_changes (group_id, import_id, member_id, line, row_sealed) VALUES (?,?,?,?,?)",
		st.group[:], st.imp[:], who.id[:], r.row.Line, st.key.Box.Seal(plain, place(who.id, "change")))
	return result, err
}

// find looks for the member that a row speaks of: by ref, else by any of its addresses. A row with a ref of its own
// shares an address with others without being one of them.
func (st *stager) find(row *readyRow) (*known, error) {
	var who *known
	take := func(r *lite.Stmt) error {
		k := known{}
		var imp gateway.ID
		if err := r.Scan(&k.id, &imp, &k.line); err != nil {
			return err
		}
		if imp != st.imp {
			k.line = 0
		}
		who = &k
		return nil
	}
	if row.refIndex != nil {
		return who, st.query(stagedRefQuery, []any{st.group[:], row.refIndex}, take)
	}
	for i := range row.points {
		err := st.query(stagedAddressQuery, []any{st.group[:], row.points[i].kind, row.points[i].index}, take)
		if err != nil || who != nil {
			return who, err
		}
	}
	return nil, nil
}

const (
	stagedRefQuery     = "SELECT id, import_id, line FROM members WHERE group_id = ? AND ref_index = ?"
	stagedAddressQuery = `SELECT m.id, m.import_id, m.line FROM contact_points p INDEXED BY contact_points_address CROSS JOIN members m ON m.group_id = p.group_id AND m.id = p.member_id
		WHERE p.group_id = ? AND p.kind = ? AND p.address_index = ? LIMIT 1`
)

// readyRow is a row, sealed and ready to be written as a new member. For one who is there already the transaction finds
// that out, and takes the row and the indexes only.
type readyRow struct {
	row                          gateway.StagedMember // its member has the id of the new one
	wrapped, name, ref, refIndex []byte               // NULL where she has none
	points                       []readyPoint
}

// readyPoint is a contact point that is ready to be written, with the evidence for it.
type readyPoint struct {
	id             gateway.ID
	kind, note     string
	address, index []byte
	stops          stopIndexes
	topics         int64 // bits of those with consent
	stopped        bool  // set within the transaction
	consents       []gateway.Consent
	proofs         [][]byte
}

func (s *Store) prepare(key *seal.Group, topics []topicRow, group gateway.ID, row gateway.StagedMember) (readyRow, error) {
	r := readyRow{row: row}
	m := &r.row.Member
	m.ID = gateway.NewID()
	box, wrapped, err := key.NewMember(place(m.ID, "key"))
	if err != nil {
		return r, err
	}
	r.wrapped, r.name, r.ref = wrapped, sealText(box, m.Name, m.ID, "name"), sealText(box, m.Ref, m.ID, "ref")
	if m.Ref != "" {
		r.refIndex = key.Addresses.Of("ref", m.Ref.Reveal())
	}
	r.points = make([]readyPoint, 0, len(m.Points))
	for _, p := range m.Points {
		r.points = append(r.points, s.preparePoint(key, box, topics, group, m.ID, p, row.Consents))
	}
	return r, nil
}

func (s *Store) preparePoint(key *seal.Group, box seal.Box, topics []topicRow, group, member gateway.ID, p gateway.ContactPoint, consents []gateway.Consent) readyPoint {
	r := readyPoint{id: p.ID, kind: p.Kind, note: p.Note, index: key.Addresses.Of(p.Kind, p.Address.Reveal()), stops: s.stopsOf(key, p.Kind, p.Address)}
	if r.id.IsZero() {
		r.id = gateway.NewID()
	}
	r.address = sealText(box, p.Address, r.id, "address")
	var granted []string
	for _, c := range consents {
		if c.PointID != p.ID {
			continue
		}
		if c.Granted {
			granted = append(granted, c.Topic)
		}
		c.ID, c.GroupID, c.MemberID, c.PointID = gateway.NewID(), group, member, r.id
		r.consents, r.proofs = append(r.consents, c), append(r.proofs, sealText(box, c.Proof, c.ID, "proof"))
	}
	r.topics = bits(topics, granted)
	return r
}

// insert writes a new member, whom her import hides.
func (st *stager) insert(r *readyRow) error {
	m := &r.row.Member
	if _, err := st.exec("INSERT INTO members (group_id, id, import_id, line, locale, fallback, zone, neutral, tags, key_sealed, name_sealed, ref_sealed, ref_index, created_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
		st.group[:], m.ID[:], st.imp, r.row.Line, m.Locale, joinList(m.Fallback), m.Zone, m.Neutral, joinTags(m.Tags), r.wrapped, r.name, r.ref, r.refIndex, st.now); err != nil {
		return err
	}
	for i := range r.points {
		if err := st.insertPoint(m.ID, i, &r.points[i]); err != nil {
			return err
		}
	}
	return nil
}

// insertPoint writes a contact point with the evidence for it. It is active only with evidence, and never against a STOP.
func (st *stager) insertPoint(member gateway.ID, position int, p *readyPoint) error {
	for i, c := range p.consents {
		if err := st.writeConsent(c, p.proofs[i]); err != nil {
			return err
		}
	}
	state := pointUnconfirmed
	switch {
	case p.stopped:
		state = pointStopped
	case p.topics != 0:
		state = pointActive
	}
	_, err := st.exec("INSERT INTO contact_points (group_id, member_id, id, position, kind, state, topics, address_sealed, address_index, note) VALUES (?,?,?,?,?,?,?,?,?,?)",
		st.group[:], member[:], p.id[:], position, p.kind, state, p.topics, p.address, p.index, p.note)
	return err
}
