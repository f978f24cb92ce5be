package sqlite

import (
	"context"
	"fmt"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
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
	ready := make([]roll.Row, len(rows))
	desk := s.desk(group, key, topics)
	for i, row := range rows { // outside the transaction: sealing costs as much as writing
		if ready[i], err = desk.Row(row); err != nil {
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

func (s *Store) desk(group gateway.ID, key *seal.Group, topics []roll.Topic) roll.Desk {
	return roll.Desk{Ring: s.ring, Key: key, Topics: topics, Group: group, Country: s.country, Now: s.micros()}
}

type stager struct {
	*txn
	key        *seal.Group
	topics     []roll.Topic
	group, imp gateway.ID
}

func (st *stager) importState() (state string, err error) {
	err = st.query("SELECT state FROM imports WHERE group_id = ? AND id = ?", []any{st.group[:], st.imp[:]}, func(r *lite.Stmt) error { return r.Scan(&state) })
	if err == nil && state == "" {
		err = gateway.Faultf(gateway.CodeNotFound, "there is no such import")
	}
	return state, err
}

func (st *stager) stage(r *roll.Row) (gateway.Staged, error) {
	who, err := st.find(r)
	if err != nil {
		return gateway.Staged{}, err
	}
	for i := range r.Points {
		p := &r.Points[i]
		if p.Stopped, err = st.stands(st.group, p.Kind, p.Stops); err != nil {
			return gateway.Staged{}, err
		}
	}
	taken := 0
	if who != nil && who.Line == 0 {
		if err := st.query("SELECT line FROM import_changes WHERE group_id = ? AND import_id = ? AND member_id = ?", []any{st.group[:], st.imp[:], who.ID[:]}, func(r *lite.Stmt) error { return r.Scan(&taken) }); err != nil {
			return gateway.Staged{}, err
		}
	}
	result := r.Judge(who, taken)
	switch result.Kind {
	case gateway.StagedNew:
		err = st.insert(r)
	case gateway.StagedChange:
		var change []byte
		if change, err = roll.SealChange(st.key, who.ID, r.StagedMember); err == nil {
			_, err = st.exec("INSERT INTO import_changes (group_id, import_id, member_id, line, row_sealed) VALUES (?,?,?,?,?)", st.group[:], st.imp[:], who.ID[:], r.Line, change)
		}
	}
	return result, err
}

// find looks for the member that a row speaks of: by ref, else by any of its addresses. A row with a ref of its own
// shares an address with others without being one of them.
func (st *stager) find(row *roll.Row) (*roll.Known, error) {
	var who *roll.Known
	take := func(r *lite.Stmt) error {
		k := roll.Known{}
		var imp gateway.ID
		var own int64
		if err := r.Scan(&k.ID, &imp, &k.Line, &own); err != nil {
			return err
		}
		if k.Own = gateway.Own(own); imp != st.imp {
			k.Line = 0
		}
		who = &k
		return nil
	}
	if row.RefIndex != nil {
		return who, st.query(stagedRefQuery, []any{st.group[:], row.RefIndex}, take)
	}
	for i := range row.Points {
		err := st.query(stagedAddressQuery, []any{st.group[:], row.Points[i].Kind, row.Points[i].Index}, take)
		if err != nil || who != nil {
			return who, err
		}
	}
	return nil, nil
}

const (
	stagedRefQuery     = "SELECT id, import_id, line, own FROM members WHERE group_id = ? AND ref_index = ?"
	stagedAddressQuery = `SELECT m.id, m.import_id, m.line, m.own FROM contact_points p INDEXED BY contact_points_address CROSS JOIN members m ON m.group_id = p.group_id AND m.id = p.member_id
		WHERE p.group_id = ? AND p.kind = ? AND p.address_index = ? LIMIT 1`
)

// insert writes a new member, whom her import hides.
func (st *stager) insert(r *roll.Row) error {
	m := &r.Member
	if _, err := st.exec("INSERT INTO members (group_id, id, import_id, line, locale, fallback, zone, neutral, quiet, leads, tags, key_sealed, name_sealed, ref_sealed, ref_index, created_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
		st.group[:], m.ID[:], st.imp, r.Line, m.Locale, strings.Join(m.Fallback, ","), m.Zone, m.Neutral, roll.FirstQuiet(m.Quiet), roll.FirstLeads(m.Leads), roll.Labels(m.Tags), r.Wrapped, r.Name, r.Ref, r.RefIndex, st.now); err != nil {
		return err
	}
	for i := range r.Points {
		if err := st.insertPoint(m.ID, i, &r.Points[i]); err != nil {
			return err
		}
	}
	return nil
}

// insertPoint writes a contact point with the evidence for it.
func (st *stager) insertPoint(member gateway.ID, position int, p *roll.Point) error {
	for i, c := range p.Consents {
		if err := st.writeConsent(c, p.Proofs[i]); err != nil {
			return err
		}
	}
	state := roll.Fresh(p.Stopped, p.Topics)
	_, err := st.exec("INSERT INTO contact_points (group_id, member_id, id, position, kind, state, topics, address_sealed, address_index, note, country, confirm_by) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)",
		st.group[:], member[:], p.ID[:], position, p.Kind, state, p.Topics, p.Address, p.Index, p.Note, p.Country, roll.ConfirmBy(p.Country != "", state, st.now))
	return err
}
