package postgres

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

func (s *Store) desk(ctx context.Context, group gateway.ID) (roll.Desk, error) {
	_, topics, err := s.group(ctx, "id = $1", group)
	if err != nil {
		return roll.Desk{}, err
	}
	key, err := s.groupKey(ctx, group)
	now := s.fixed()
	if now == 0 {
		now = time.Now().UnixMicro()
	}
	return roll.Desk{Ring: s.ring, Key: key, Topics: topics, Group: group, Country: s.country, Now: now}, err
}

// Stage writes a chunk of rows that nobody sees yet, all of them or none.
func (s *Store) Stage(ctx context.Context, group, imp gateway.ID, rows []gateway.StagedMember) ([]gateway.Staged, error) {
	desk, err := s.desk(ctx, group)
	if err != nil {
		return nil, err
	}
	ready := make([]roll.Row, len(rows))
	for i, row := range rows {
		if ready[i], err = desk.Row(row); err != nil {
			return nil, fmt.Errorf("line %d: %w", row.Line, err)
		}
	}
	var staged []gateway.Staged
	err = s.do(ctx, false, func(t *txn) (err error) {
		if err := t.lock(rollLock, group, false); err != nil {
			return err
		}
		if err := t.holdImport(group, imp); err != nil {
			return err
		}
		st := &chunk{txn: t, desk: desk, imp: imp, rows: ready}
		staged, err = st.stage()
		return err
	})
	return staged, err
}

// holdImport renews the lease of an open import, and keeps it open until the transaction's end.
func (t *txn) holdImport(group, imp gateway.ID) error {
	n, err := t.exec("UPDATE imports SET lease_until = $1 WHERE group_id = $2 AND id = $3 AND state = 'open'", t.now+importLease.Microseconds(), group, imp)
	if err != nil || n > 0 {
		return err
	}
	state := ""
	if err := t.query("SELECT state FROM imports WHERE group_id = $1 AND id = $2", []any{group, imp}, func(r pgx.Rows) error { return r.Scan(&state) }); err != nil {
		return err
	}
	if state == "" {
		return row.Missing("import")
	}
	return gateway.Faultf(gateway.CodeConflict, "this import is %s; begin a new one", state)
}

// chunk is what one call of Stage takes in.
type chunk struct {
	*txn
	desk roll.Desk
	imp  gateway.ID
	rows []roll.Row

	byRef     map[string]*roll.Known
	byAddress map[string]*roll.Known // by kind and index
	taken     map[gateway.ID]int     // lines that change a member already
}

func addressKey(kind string, index []byte) string { return kind + "\x00" + string(index) }

// These look each of a list up by a whole key. OFFSET 0 and LIMIT hold the server to that: an import fills tables faster
// than their statistics follow, and by old ones it would rather read all of a group.
const (
	knownRefsQuery = `SELECT r.ref_index, m.id, m.import_id, m.line, m.own FROM unnest($2::bytea[]) AS r (ref_index)
		CROSS JOIN LATERAL (SELECT id, import_id, line, own FROM members WHERE group_id = $1 AND ref_index = r.ref_index LIMIT 1) m`
	knownAddressesQuery = `SELECT a.kind, a.address_index, m.id, m.import_id, m.line, m.own FROM unnest($2::text[], $3::bytea[]) AS a (kind, address_index)
		CROSS JOIN LATERAL (SELECT member_id FROM (SELECT member_id FROM contact_points WHERE group_id = $1 AND kind = a.kind AND address_index = a.address_index OFFSET 0) p ORDER BY member_id LIMIT 1) p
		CROSS JOIN LATERAL (SELECT id, import_id, line, own FROM members WHERE group_id = $1 AND id = p.member_id LIMIT 1) m`
	stopsQuery = `SELECT a.n FROM unnest($2::text[], $3::bytea[], $4::bytea[], $5::integer[]) AS a (kind, here, everywhere, n)
		WHERE COALESCE((SELECT s.source <> '` + roll.Lifted + `' FROM suppressions s WHERE s.group_id = $1 AND s.kind = a.kind AND s.address_index = a.here LIMIT 1),
			(SELECT true FROM suppressions_everywhere e WHERE e.kind = a.kind AND e.address_index = a.everywhere LIMIT 1), false)`
	takenQuery = `SELECT c.member_id, c.line FROM unnest($3::uuid[]) AS a (id)
		CROSS JOIN LATERAL (SELECT member_id, line FROM import_changes WHERE group_id = $1 AND import_id = $2 AND member_id = a.id LIMIT 1) c`
)

// stage asks what is known, decides about each row in order, and writes them all.
func (c *chunk) stage() ([]gateway.Staged, error) {
	if err := c.ask(); err != nil {
		return nil, err
	}
	staged := make([]gateway.Staged, len(c.rows))
	who := make([]*roll.Known, len(c.rows))
	var ids []gateway.ID
	for i := range c.rows {
		if k := c.find(&c.rows[i]); k != nil && k.Line == 0 {
			ids = append(ids, k.ID)
		}
	}
	c.taken = map[gateway.ID]int{}
	if len(ids) > 0 {
		if err := c.query(takenQuery, []any{c.desk.Group, c.imp, ids}, func(r pgx.Rows) error {
			var id gateway.ID
			var line int
			err := r.Scan(&id, &line)
			c.taken[id] = line
			return err
		}); err != nil {
			return nil, err
		}
	}
	w := &memberWriter{group: c.desk.Group, imp: c.imp, now: c.now}
	var changes changeColumns
	for i := range c.rows {
		r := &c.rows[i]
		if who[i] = c.find(r); who[i] != nil {
			staged[i] = r.Judge(who[i], c.taken[who[i].ID])
		} else {
			staged[i] = r.Judge(nil, 0)
		}
		switch staged[i].Kind {
		case gateway.StagedNew:
			c.remember(r)
			w.add(r)
		case gateway.StagedChange:
			c.taken[who[i].ID] = r.Line
			if err := changes.add(c.desk.Key, who[i].ID, r.StagedMember); err != nil {
				return nil, err
			}
		}
	}
	batch := &pgx.Batch{}
	w.queue(batch)
	if len(changes.members) > 0 {
		batch.Queue("INSERT INTO import_changes (group_id, import_id, member_id, line, row_sealed) SELECT $1, $2, * FROM unnest($3::uuid[], $4::integer[], $5::bytea[])",
			c.desk.Group, c.imp, changes.members, changes.lines, changes.sealed)
	}
	return staged, c.send(batch)
}

// ask reads who has the refs and addresses of the rows, and which STOPs stand against them.
func (c *chunk) ask() error {
	c.byRef, c.byAddress = map[string]*roll.Known{}, map[string]*roll.Known{}
	var refs, indexes [][]byte
	var kinds []string
	var points []*roll.Point
	for i := range c.rows {
		r := &c.rows[i]
		if r.RefIndex != nil {
			refs = append(refs, r.RefIndex)
		}
		for k := range r.Points {
			p := &r.Points[k]
			if r.RefIndex == nil {
				kinds, indexes = append(kinds, p.Kind), append(indexes, p.Index)
			}
			points = append(points, p)
		}
	}
	known := func(r pgx.Rows, into map[string]*roll.Known, key func() string, columns ...any) error {
		k := &roll.Known{}
		var imp gateway.ID
		var own int64
		if err := r.Scan(append(columns, &k.ID, &imp, &k.Line, &own)...); err != nil {
			return err
		}
		if k.Own = gateway.Own(own); imp != c.imp {
			k.Line = 0
		}
		into[key()] = k
		return nil
	}
	batch := &pgx.Batch{}
	if len(refs) > 0 {
		batch.Queue(knownRefsQuery, c.desk.Group, refs).Query(func(rows pgx.Rows) error {
			return each(rows, nil, func(r pgx.Rows) error {
				var ref []byte
				return known(r, c.byRef, func() string { return string(ref) }, &ref)
			})
		})
	}
	if len(kinds) > 0 {
		batch.Queue(knownAddressesQuery, c.desk.Group, kinds, indexes).Query(func(rows pgx.Rows) error {
			return each(rows, nil, func(r pgx.Rows) error {
				var kind string
				var index []byte
				return known(r, c.byAddress, func() string { return addressKey(kind, index) }, &kind, &index)
			})
		})
	}
	queueStops(batch, c.desk.Group, points)
	return c.send(batch)
}

// queueStops asks which STOPs stand against addresses, in the group or everywhere.
func queueStops(batch *pgx.Batch, group gateway.ID, points []*roll.Point) {
	kinds, here, everywhere, places := make([]string, len(points)), make([][]byte, len(points)), make([][]byte, len(points)), make([]int32, len(points))
	for i, p := range points {
		p.Stopped = false
		kinds[i], here[i], everywhere[i], places[i] = p.Kind, p.Stops.Group, p.Stops.Everywhere, int32(i)
	}
	if len(points) == 0 {
		return
	}
	batch.Queue(stopsQuery, group, kinds, here, everywhere, places).Query(func(rows pgx.Rows) error {
		return each(rows, nil, func(r pgx.Rows) error {
			var n int
			err := r.Scan(&n)
			points[n].Stopped = true
			return err
		})
	})
}

// find looks for the member that a row speaks of: by ref, else by any of its addresses. A row with a ref of its own
// shares an address with others without being one of them.
func (c *chunk) find(r *roll.Row) *roll.Known {
	if r.RefIndex != nil {
		return c.byRef[string(r.RefIndex)]
	}
	for i := range r.Points {
		if k := c.byAddress[addressKey(r.Points[i].Kind, r.Points[i].Index)]; k != nil {
			return k
		}
	}
	return nil
}

// remember lets later rows of the chunk find a new member.
func (c *chunk) remember(r *roll.Row) {
	k := &roll.Known{ID: r.Member.ID, Line: r.Line}
	if r.RefIndex != nil {
		c.byRef[string(r.RefIndex)] = k
	}
	for i := range r.Points {
		if at := addressKey(r.Points[i].Kind, r.Points[i].Index); c.byAddress[at] == nil {
			c.byAddress[at] = k
		}
	}
}

type changeColumns struct {
	members []gateway.ID
	lines   []int32
	sealed  [][]byte
}

func (c *changeColumns) add(key *seal.Group, member gateway.ID, row gateway.StagedMember) error {
	change, err := roll.SealChange(key, member, row)
	c.members, c.lines, c.sealed = append(c.members, member), append(c.lines, int32(row.Line)), append(c.sealed, change)
	return err
}

// memberWriter gathers new members, contact points and evidence, column by column, for one statement each.
type memberWriter struct {
	group, imp gateway.ID
	now        int64

	ids                              []gateway.ID
	lines                            []int32
	locales, fallbacks, zones, tags  []string
	quiet, leads                     []string
	neutral                          []bool
	wrapped, names, refs, refIndexes [][]byte

	owners, points         []gateway.ID
	positions              []int32
	kinds, notes, country  []string
	states                 []int16
	topics, confirmBy      []int64
	addresses, addressKeys [][]byte

	consents consentRows
}

func (w *memberWriter) add(r *roll.Row) {
	m := &r.Member
	w.ids, w.lines = append(w.ids, m.ID), append(w.lines, int32(r.Line))
	w.locales, w.fallbacks, w.zones, w.tags = append(w.locales, m.Locale), append(w.fallbacks, strings.Join(m.Fallback, ",")), append(w.zones, m.Zone), append(w.tags, roll.Labels(m.Tags))
	w.neutral, w.quiet, w.leads = append(w.neutral, m.Neutral), append(w.quiet, roll.FirstQuiet(m.Quiet)), append(w.leads, roll.FirstLeads(m.Leads))
	w.wrapped, w.names, w.refs, w.refIndexes = append(w.wrapped, r.Wrapped), append(w.names, r.Name), append(w.refs, r.Ref), append(w.refIndexes, r.RefIndex)
	for i := range r.Points {
		p := &r.Points[i]
		w.addPoint(m.ID, i, p, roll.Fresh(p.Stopped, p.Topics), p.Topics)
	}
}

func (w *memberWriter) addPoint(member gateway.ID, position int, p *roll.Point, state int, topics int64) {
	w.owners, w.points, w.positions = append(w.owners, member), append(w.points, p.ID), append(w.positions, int32(position))
	w.kinds, w.notes, w.country = append(w.kinds, p.Kind), append(w.notes, p.Note), append(w.country, p.Country)
	w.states, w.topics, w.confirmBy = append(w.states, int16(state)), append(w.topics, topics), append(w.confirmBy, roll.ConfirmBy(p.Country != "", state, w.now))
	w.addresses, w.addressKeys = append(w.addresses, p.Address), append(w.addressKeys, p.Index)
	for i, c := range p.Consents {
		w.consents.add(c, p.Proofs[i])
	}
}

func (w *memberWriter) queue(batch *pgx.Batch) {
	if len(w.ids) > 0 {
		batch.Queue(`INSERT INTO members (group_id, import_id, created_at, id, line, locale, fallback, zone, neutral, tags, key_sealed, name_sealed, ref_sealed, ref_index, quiet, leads)
			SELECT $1, $2, $3, * FROM unnest($4::uuid[], $5::integer[], $6::text[], $7::text[], $8::text[], $9::boolean[], $10::text[], $11::bytea[], $12::bytea[], $13::bytea[], $14::bytea[], $15::text[], $16::text[])`,
			w.group, w.imp, w.now, w.ids, w.lines, w.locales, w.fallbacks, w.zones, w.neutral, w.tags, w.wrapped, w.names, w.refs, w.refIndexes, w.quiet, w.leads)
	}
	if len(w.points) > 0 {
		batch.Queue(`INSERT INTO contact_points (group_id, member_id, id, position, kind, state, topics, address_sealed, address_index, note, country, confirm_by)
			SELECT $1, * FROM unnest($2::uuid[], $3::uuid[], $4::integer[], $5::text[], $6::smallint[], $7::bigint[], $8::bytea[], $9::bytea[], $10::text[], $11::text[], $12::bigint[])`,
			w.group, w.owners, w.points, w.positions, w.kinds, w.states, w.topics, w.addresses, w.addressKeys, w.notes, w.country, w.confirmBy)
	}
	w.consents.queue(batch, w.group)
}

// consentRows gathers evidence, column by column.
type consentRows struct {
	members, ids, points              []gateway.ID
	topics, wordings, locales, source []string
	granted                           []bool
	proofs                            [][]byte
}

// add takes evidence whose proof holds its time: none stands in clear, see sealed.Evidence.
func (c *consentRows) add(p gateway.Consent, proof []byte) {
	c.members, c.ids, c.points = append(c.members, p.MemberID), append(c.ids, p.ID), append(c.points, p.PointID)
	c.topics, c.wordings, c.locales, c.source = append(c.topics, p.Topic), append(c.wordings, p.Wording), append(c.locales, p.Locale), append(c.source, p.Source)
	c.granted, c.proofs = append(c.granted, p.Granted), append(c.proofs, proof)
}

func (c *consentRows) queue(batch *pgx.Batch, group gateway.ID) {
	if len(c.ids) == 0 {
		return
	}
	batch.Queue(`INSERT INTO consents (group_id, member_id, id, point_id, topic, granted, wording, locale, proof_sealed, source, at)
		SELECT $1, *, 0 FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::boolean[], $7::text[], $8::text[], $9::bytea[], $10::text[])`,
		group, c.members, c.ids, c.points, c.topics, c.granted, c.wordings, c.locales, c.proofs, c.source)
}
