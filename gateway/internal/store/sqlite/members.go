package sqlite

import (
	"context"
	"errors"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

const memberColumns = "id, import_id, locale, fallback, zone, neutral, quiet, leads, paused_until, own, tags, key_sealed, name_sealed, ref_sealed, created_at FROM members"

// Member reads one.
func (s *Store) Member(ctx context.Context, group, id gateway.ID) (gateway.Member, error) {
	found, err := s.members(ctx, group, "SELECT "+memberColumns+" WHERE group_id = ? AND id = ?", 1, group[:], id[:])
	return row.Only("member", found, err)
}

// Members lists a page.
func (s *Store) Members(ctx context.Context, group, after gateway.ID, limit int) ([]gateway.Member, error) {
	return s.members(ctx, group, "SELECT "+memberColumns+" WHERE group_id = ? AND id > ? ORDER BY id", limit, group[:], after[:])
}

func (s *Store) members(ctx context.Context, group gateway.ID, text string, limit int, args ...any) ([]gateway.Member, error) {
	_, topics, err := s.group(ctx, "id = ?", group[:])
	if err != nil {
		return nil, err
	}
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return nil, err
	}
	now := s.micros()
	var rows []roll.Stored
	if err := s.reading(ctx, func(c *lite.Conn) error {
		hidden, err := hiddenImports(c, group)
		if err != nil {
			return err
		}
		r := c.Prepare(text).Bind(args...)
		for len(rows) < limit && r.Step() {
			var row roll.Stored
			var own int64
			m := &row.Member
			if err := r.Scan(&m.ID, &row.Import, &m.Locale, &row.Fallback, &m.Zone, &m.Neutral, &m.Quiet, &m.Leads, &m.PausedUntil, &own, &row.Labels, &row.Key, &row.Name, &row.Ref, &m.CreatedAt); err != nil {
				return errors.Join(err, r.Reset())
			}
			if m.Own = gateway.Own(own); !hidden[row.Import] {
				rows = append(rows, row)
			}
		}
		if err := r.Reset(); err != nil {
			return err
		}
		for i := range rows {
			if rows[i].Points, err = readPoints(c, group, rows[i].Member.ID, now); err != nil {
				return err
			}
		}
		return nil
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

const memberPointsQuery = `SELECT id, kind, state, topics, address_sealed, note, COALESCE(country, ''), confirm_by,
		EXISTS (SELECT 1 FROM contact_points o INDEXED BY contact_points_address WHERE o.group_id = p.group_id AND o.kind = p.kind AND o.address_index = p.address_index AND o.member_id <> p.member_id AND (o.confirm_by >= 0 OR p.confirm_by < 0))
		FROM contact_points p WHERE group_id = ? AND member_id = ? ORDER BY position`

func readPoints(c *lite.Conn, group, member gateway.ID, now int64) (rows []roll.StoredPoint, err error) {
	err = query(c, memberPointsQuery, []any{group[:], member[:]}, func(r *lite.Stmt) error {
		var row roll.StoredPoint
		var confirmBy int64
		p := &row.Point
		err := r.Scan(&p.ID, &p.Kind, &row.State, &row.Topics, &row.Address, &p.Note, &p.Country, &confirmBy, &p.Shared)
		row.State = roll.StateNow(row.State, confirmBy, now)
		rows = append(rows, row)
		return err
	})
	return rows, err
}

// hiddenImports lists the imports of a group that are not published: what they brought is seen by nobody.
func hiddenImports(c *lite.Conn, group gateway.ID) (map[gateway.ID]bool, error) {
	var hidden map[gateway.ID]bool
	err := query(c, hiddenQuery, []any{group[:]}, func(r *lite.Stmt) error {
		if hidden == nil {
			hidden = map[gateway.ID]bool{}
		}
		hidden[r.ColID(0)] = true
		return nil
	})
	return hidden, err
}

const hiddenQuery = "SELECT id FROM imports INDEXED BY imports_unfinished WHERE state NOT IN ('published', 'discarded') AND state <> 'publishing' AND group_id = ?"

const (
	findQuery    = "SELECT DISTINCT m.id, m.import_id FROM contact_points p INDEXED BY contact_points_address CROSS JOIN members m ON m.group_id = p.group_id AND m.id = p.member_id WHERE p.group_id = ? AND p.kind = ? AND p.address_index = ? AND p.confirm_by >= 0 ORDER BY m.id"
	findRefQuery = "SELECT id, import_id FROM members WHERE group_id = ? AND ref_index = ?"
)

// FindMembers finds by address or ref.
func (s *Store) FindMembers(ctx context.Context, group gateway.ID, kind string, value gateway.Private) ([]gateway.ID, error) {
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return nil, err
	}
	text := findQuery
	args := []any{group[:], kind, key.Addresses.Of(kind, value.Reveal())}
	if kind == "ref" {
		text = findRefQuery
		args = []any{group[:], key.Addresses.Of(kind, value.Reveal())}
	}
	ids := []gateway.ID{}
	err = s.reading(ctx, func(c *lite.Conn) error {
		hidden, err := hiddenImports(c, group)
		if err != nil {
			return err
		}
		return query(c, text, args, func(r *lite.Stmt) error {
			if !hidden[r.ColID(1)] {
				ids = append(ids, r.ColID(0))
			}
			return nil
		})
	})
	return ids, err
}

// Erase destroys a member's key and deletes all that was hers, from the file and from the journal. Deliveries stay as
// numbers without a person.
func (s *Store) Erase(ctx context.Context, group, id gateway.ID) error {
	if err := s.write.do(ctx, true, func(t *txn) error { return t.erase(group, id) }); err != nil {
		return err
	}
	s.purge(ctx)
	return nil
}

func (t *txn) erase(group, id gateway.ID) error {
	n, err := t.exec("DELETE FROM members WHERE group_id = ? AND id = ?", group[:], id[:])
	if err != nil {
		return err
	}
	if n == 0 {
		return gateway.Faultf(gateway.CodeNotFound, "there is no such member")
	}
	if err := t.eraseThreads(group, id); err != nil {
		return err
	}
	for _, text := range eraseStatements {
		if _, err := t.exec(text, group[:], id[:]); err != nil {
			return err
		}
	}
	return nil
}

// eraseStatements delete what was a member's, by group and member.
var eraseStatements = [...]string{
	"DELETE FROM contact_points WHERE group_id = ?1 AND member_id = ?2",
	"DELETE FROM consents WHERE group_id = ?1 AND member_id = ?2",
	"DELETE FROM import_changes WHERE group_id = ?1 AND member_id = ?2 AND import_id IN (SELECT id FROM imports INDEXED BY imports_unfinished WHERE state NOT IN ('published', 'discarded') AND group_id = ?1)",
	"UPDATE inbounds SET from_sealed = NULL, text_sealed = NULL WHERE group_id = ?1 AND id IN (SELECT inbound_id FROM inbound_members WHERE group_id = ?1 AND member_id = ?2)",
	"DELETE FROM inbound_members WHERE group_id = ?1 AND member_id = ?2",
	"DELETE FROM feeds INDEXED BY feeds_member WHERE group_id = ?1 AND member_id = ?2",
	"DELETE FROM page_links INDEXED BY page_links_member WHERE group_id = ?1 AND member_id = ?2",
	"DELETE FROM enrolments WHERE group_id = ?1 AND member_id = ?2",
	"UPDATE rotas SET next_at = 1 WHERE group_id = ?1 AND ?2 IS NOT NULL", // a turn of hers is a gap now
	"DELETE FROM alert_reports INDEXED BY alert_reports_member WHERE group_id = ?1 AND member_id = ?2",
}

// Evidence lists a member's consents, oldest first.
func (s *Store) Evidence(ctx context.Context, group, member gateway.ID) ([]gateway.Consent, error) {
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return nil, err
	}
	var wrapped []byte
	if err := s.one(ctx, "member", "SELECT key_sealed FROM members WHERE group_id = ? AND id = ?", []any{group[:], member[:]}, &wrapped); err != nil {
		return nil, err
	}
	read, err := list(ctx, s, "SELECT id, point_id, topic, granted, wording, locale, at, proof_sealed, source FROM consents WHERE group_id = ? AND member_id = ?", []any{group[:], member[:]}, func(r *roll.StoredConsent) []any {
		c := &r.Consent
		return []any{&c.ID, &c.PointID, &c.Topic, &c.Granted, &c.Wording, &c.Locale, &c.At, &r.Proof, &c.Source}
	})
	if err != nil {
		return nil, err
	}
	return roll.OpenEvidence(key, group, member, wrapped, read)
}
