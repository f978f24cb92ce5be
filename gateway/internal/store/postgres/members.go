package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

// visible holds for members whom no import hides; $1 is the group. What an import brought is seen by nobody until it is
// published, and the members it brought name it for ever.
//
// COALESCE keeps the planner from what it knows of the column: where all came by one import, it takes an unknown list of
// hidden ones for all of them, expects one row, and sorts a whole group for every page.
const visible = "COALESCE(m.import_id, '00000000-0000-0000-0000-000000000000') <> ALL (ARRAY(SELECT i.id FROM imports i WHERE i.group_id = $1 AND i.state IN ('open', 'discarding')))"

const memberColumns = "m.id, m.import_id, m.locale, m.fallback, m.zone, m.neutral, m.quiet, m.leads, m.paused_until, m.own, m.tags, m.key_sealed, m.name_sealed, m.ref_sealed, m.created_at FROM members m"

// Member reads one.
func (s *Store) Member(ctx context.Context, group, id gateway.ID) (gateway.Member, error) {
	found, err := s.members(ctx, "SELECT "+memberColumns+" WHERE m.group_id = $1 AND m.id = $2 AND "+visible, group, id)
	return row.Only("member", found, err)
}

// Members lists a page.
func (s *Store) Members(ctx context.Context, group, after gateway.ID, limit int) ([]gateway.Member, error) {
	return s.members(ctx, "SELECT "+memberColumns+" WHERE m.group_id = $1 AND m.id > $2 AND "+visible+" ORDER BY m.id LIMIT $3", group, after, limit)
}

var memberPointsQuery = `SELECT p.member_id, p.id, p.kind, p.state, p.topics, p.address_sealed, p.note, COALESCE(p.country, ''), p.confirm_by, ` + nowSQL("$3") + `,
		COALESCE((SELECT true FROM contact_points o WHERE o.group_id = $1 AND o.kind = p.kind AND o.address_index = p.address_index AND o.member_id <> p.member_id AND (o.confirm_by >= 0 OR p.confirm_by < 0) LIMIT 1), false)
		FROM unnest($2::uuid[]) AS a (id) CROSS JOIN LATERAL (SELECT * FROM contact_points WHERE group_id = $1 AND member_id = a.id ORDER BY position) p ORDER BY p.member_id, p.position`

func (s *Store) members(ctx context.Context, text string, group gateway.ID, args ...any) ([]gateway.Member, error) {
	_, topics, err := s.group(ctx, "id = $1", group)
	if err != nil {
		return nil, err
	}
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return nil, err
	}
	rows, err := list(ctx, s, text, append([]any{group}, args...), func(row *roll.Stored) []any {
		m := &row.Member
		return []any{&m.ID, &row.Import, &m.Locale, &row.Fallback, &m.Zone, &m.Neutral, &m.Quiet, &m.Leads, &m.PausedUntil, &m.Own, &row.Labels, &row.Key, &row.Name, &row.Ref, &m.CreatedAt}
	})
	if err != nil || len(rows) == 0 {
		return []gateway.Member{}, err
	}
	ids, at := make([]gateway.ID, len(rows)), make(map[gateway.ID]int, len(rows))
	for i := range rows {
		ids[i] = rows[i].Member.ID
		at[ids[i]] = i
	}
	if err := s.query(ctx, memberPointsQuery, []any{group, ids, s.fixed()}, func(r pgx.Rows) error {
		var member gateway.ID
		var row roll.StoredPoint
		var confirmBy, now int64
		p := &row.Point
		err := r.Scan(&member, &p.ID, &p.Kind, &row.State, &row.Topics, &row.Address, &p.Note, &p.Country, &confirmBy, &now, &p.Shared)
		row.State = roll.StateNow(row.State, confirmBy, now)
		i := at[member]
		rows[i].Points = append(rows[i].Points, row)
		return err
	}); err != nil {
		return nil, err
	}
	all := make([]gateway.Member, 0, len(rows))
	for i := range rows {
		m, err := rows[i].Open(group, key, topics)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}

const (
	findQuery    = "SELECT DISTINCT m.id FROM contact_points p JOIN members m ON m.group_id = p.group_id AND m.id = p.member_id WHERE p.group_id = $1 AND p.kind = $2 AND p.address_index = $3 AND p.confirm_by >= 0 AND " + visible + " ORDER BY m.id"
	findRefQuery = "SELECT m.id FROM members m WHERE m.group_id = $1 AND m.ref_index = $2 AND " + visible
)

// FindMembers finds by address or ref.
func (s *Store) FindMembers(ctx context.Context, group gateway.ID, kind string, value gateway.Private) ([]gateway.ID, error) {
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return nil, err
	}
	text, args := findQuery, []any{group, kind, key.Addresses.Of(kind, value.Reveal())}
	if kind == "ref" {
		text, args = findRefQuery, []any{group, key.Addresses.Of(kind, value.Reveal())}
	}
	return list(ctx, s, text, args, func(id *gateway.ID) []any { return []any{id} })
}

// Erase destroys a member's key and deletes all that was hers. Deliveries stay as numbers without a person. The server
// overwrites the bytes in its own time; what that means is in docs/adr/0015.
func (s *Store) Erase(ctx context.Context, group, id gateway.ID) error {
	return s.do(ctx, true, func(t *txn) error { return t.erase(group, id) })
}

func (t *txn) erase(group, id gateway.ID) error {
	if err := t.lock(rollLock, group, true); err != nil {
		return err
	}
	n, err := t.exec("DELETE FROM members WHERE group_id = $1 AND id = $2", group, id)
	if err != nil {
		return err
	}
	if n == 0 {
		return row.Missing("member")
	}
	batch := &pgx.Batch{}
	if err := t.query("SELECT inbound_id FROM inbound_members WHERE group_id = $1 AND member_id = $2", []any{group, id}, func(r pgx.Rows) error {
		var inbound gateway.ID
		err := r.Scan(&inbound)
		batch.Queue(forgetInbound, group, inbound)
		return err
	}); err != nil {
		return err
	}
	if err := t.eraseThreads(group, id, batch); err != nil {
		return err
	}
	for _, text := range eraseStatements {
		batch.Queue(text, group, id)
	}
	return t.send(batch)
}

// eraseStatements delete what was a member's, by group and member; what she wrote is forgotten beside them.
var eraseStatements = [...]string{
	"DELETE FROM contact_points WHERE group_id = $1 AND member_id = $2",
	"DELETE FROM consents WHERE group_id = $1 AND member_id = $2",
	"DELETE FROM import_changes WHERE group_id = $1 AND member_id = $2 AND import_id = ANY (ARRAY(SELECT id FROM imports WHERE group_id = $1 AND state IN ('open', 'publishing', 'discarding')))",
	"DELETE FROM inbound_members WHERE group_id = $1 AND member_id = $2",
	"DELETE FROM feeds WHERE group_id = $1 AND member_id = $2",
	"DELETE FROM page_links WHERE group_id = $1 AND member_id = $2",
	"DELETE FROM enrolments WHERE group_id = $1 AND member_id = $2",
	"UPDATE rotas SET next_at = 1 WHERE group_id = $1 AND $2::uuid IS NOT NULL", // a turn of hers is a gap now
	"DELETE FROM alert_reports WHERE group_id = $1 AND member_id = $2",
}

// Evidence lists a member's consents, oldest first.
func (s *Store) Evidence(ctx context.Context, group, member gateway.ID) ([]gateway.Consent, error) {
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return nil, err
	}
	var wrapped []byte
	if err := s.one(ctx, "member", "SELECT key_sealed FROM members WHERE group_id = $1 AND id = $2", []any{group, member}, &wrapped); err != nil {
		return nil, err
	}
	read, err := list(ctx, s, "SELECT id, point_id, topic, granted, wording, locale, at, proof_sealed, source FROM consents WHERE group_id = $1 AND member_id = $2", []any{group, member}, func(r *roll.StoredConsent) []any {
		c := &r.Consent
		return []any{&c.ID, &c.PointID, &c.Topic, &c.Granted, &c.Wording, &c.Locale, &c.At, &r.Proof, &c.Source}
	})
	if err != nil {
		return nil, err
	}
	return roll.OpenEvidence(key, group, member, wrapped, read)
}
