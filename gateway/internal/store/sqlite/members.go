package sqlite

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
)

// visible leaves out members whose import is not published.
const visible = "(import_id IS NULL OR import_id NOT IN (SELECT id FROM imports WHERE imports.group_id = members.group_id AND state IN ('open', 'discarding')))"

const memberColumns = "id, locale, fallback, zone, neutral, tags, key_sealed, name_sealed, ref_sealed, created_at FROM members"

// Member reads one.
func (s *Store) Member(ctx context.Context, group, id gateway.ID) (gateway.Member, error) {
	found, err := s.members(ctx, group, "SELECT "+memberColumns+" WHERE group_id = ? AND id = ? AND "+visible, group[:], id[:])
	if err != nil {
		return gateway.Member{}, err
	}
	if len(found) == 0 {
		return gateway.Member{}, gateway.Faultf(gateway.CodeNotFound, "there is no such member")
	}
	return found[0], nil
}

// Members lists a page.
func (s *Store) Members(ctx context.Context, group, after gateway.ID, limit int) ([]gateway.Member, error) {
	return s.members(ctx, group, "SELECT "+memberColumns+" WHERE group_id = ? AND id > ? AND "+visible+" ORDER BY id LIMIT ?", group[:], after[:], limit)
}

func (s *Store) members(ctx context.Context, group gateway.ID, query string, args ...any) ([]gateway.Member, error) {
	_, topics, err := s.group(ctx, "id = ?", group[:])
	if err != nil {
		return nil, err
	}
	key, err := s.groupKey(ctx, s.read, group)
	if err != nil {
		return nil, err
	}
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	type row struct {
		m              gateway.Member
		fallback, tags string
		key, name, ref []byte
	}
	read, err := collect(rows, func(r *row) []any {
		return []any{scanID(&r.m.ID), &r.m.Locale, &r.fallback, &r.m.Zone, &r.m.Neutral, &r.tags, &r.key, &r.name, &r.ref, scanTime(&r.m.CreatedAt)}
	})
	if err != nil {
		return nil, err
	}
	all := make([]gateway.Member, 0, len(read))
	for _, r := range read {
		m := r.m
		m.GroupID, m.Fallback, m.Tags = group, splitList(r.fallback), splitList(r.tags)
		box, err := memberBox(key, m.ID, r.key)
		if err != nil {
			return nil, err
		}
		var err1, err2 error
		m.Name, err1 = openText(box, r.name, m.ID, "name")
		m.Ref, err2 = openText(box, r.ref, m.ID, "ref")
		if m.Points, err = s.points(ctx, group, m.ID, box, topics); errors.Join(err, err1, err2) != nil {
			return nil, errors.Join(err, err1, err2)
		}
		all = append(all, m)
	}
	return all, nil
}

func (s *Store) points(ctx context.Context, group, member gateway.ID, box seal.Box, topics []topicRow) ([]gateway.ContactPoint, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, kind, state, topics, address_sealed, note,
		EXISTS (SELECT 1 FROM contact_points o WHERE o.group_id = p.group_id AND o.kind = p.kind AND o.address_index = p.address_index AND o.member_id <> p.member_id)
		FROM contact_points p WHERE group_id = ? AND member_id = ? ORDER BY position`, group[:], member[:])
	if err != nil {
		return nil, err
	}
	type row struct {
		p      gateway.ContactPoint
		state  int
		mask   int64
		sealed []byte
	}
	read, err := collect(rows, func(r *row) []any {
		return []any{scanID(&r.p.ID), &r.p.Kind, &r.state, &r.mask, &r.sealed, &r.p.Note, &r.p.Shared}
	})
	if err != nil {
		return nil, err
	}
	points := make([]gateway.ContactPoint, 0, len(read))
	for _, r := range read {
		r.p.State, r.p.Topics = pointStates[r.state], topicNames(topics, r.mask)
		if r.p.Address, err = openText(box, r.sealed, r.p.ID, "address"); err != nil {
			return nil, err
		}
		points = append(points, r.p)
	}
	return points, nil
}

// FindMembers finds by address or ref.
func (s *Store) FindMembers(ctx context.Context, group gateway.ID, kind string, value gateway.Private) ([]gateway.ID, error) {
	key, err := s.groupKey(ctx, s.read, group)
	if err != nil {
		return nil, err
	}
	query := "SELECT DISTINCT id FROM members WHERE group_id = ?1 AND id IN (SELECT member_id FROM contact_points WHERE group_id = ?1 AND kind = ?2 AND address_index = ?3) AND " + visible
	if kind == "ref" {
		query = "SELECT id FROM members WHERE group_id = ?1 AND ?2 = 'ref' AND ref_index = ?3 AND " + visible
	}
	rows, err := s.read.QueryContext(ctx, query, group[:], kind, key.Addresses.Of(kind, value.Reveal()))
	if err != nil {
		return nil, err
	}
	return collect(rows, func(id *gateway.ID) []any { return []any{scanID(id)} })
}

// Erase destroys a member's key and deletes all that was hers. Deliveries stay as numbers without a person.
func (s *Store) Erase(ctx context.Context, group, id gateway.ID) error {
	return s.write.do(ctx, true, 10, func(t *txn) error {
		n, err := t.exec("DELETE FROM members WHERE group_id = ? AND id = ?", group[:], id[:])
		if err != nil {
			return err
		}
		if n == 0 {
			return gateway.Faultf(gateway.CodeNotFound, "there is no such member")
		}
		for _, table := range [...]string{"contact_points", "consents", "import_changes"} {
			if _, err := t.exec("DELETE FROM "+table+" WHERE group_id = ? AND member_id = ?", group[:], id[:]); err != nil {
				return err
			}
		}
		_, err = t.exec("UPDATE inbounds SET from_sealed = NULL, text_sealed = NULL WHERE group_id = ? AND members LIKE ?", group[:], "%"+id.String()+"%")
		return err
	})
}

// Evidence lists a member's consents, oldest first.
func (s *Store) Evidence(ctx context.Context, group, member gateway.ID) ([]gateway.Consent, error) {
	key, err := s.groupKey(ctx, s.read, group)
	if err != nil {
		return nil, err
	}
	var sealed []byte
	if err := one(s.read.QueryRowContext(ctx, "SELECT key_sealed FROM members WHERE group_id = ? AND id = ?", group[:], member[:]), "member", &sealed); err != nil {
		return nil, err
	}
	box, err := memberBox(key, member, sealed)
	if err != nil {
		return nil, err
	}
	rows, err := s.read.QueryContext(ctx, "SELECT id, point_id, topic, granted, wording, locale, at, proof_sealed, source FROM consents WHERE group_id = ? AND member_id = ? ORDER BY id", group[:], member[:])
	if err != nil {
		return nil, err
	}
	type row struct {
		c     gateway.Consent
		proof []byte
	}
	read, err := collect(rows, func(r *row) []any {
		return []any{scanID(&r.c.ID), scanID(&r.c.PointID), &r.c.Topic, &r.c.Granted, &r.c.Wording, &r.c.Locale, scanTime(&r.c.At), &r.proof, &r.c.Source}
	})
	if err != nil {
		return nil, err
	}
	all := make([]gateway.Consent, 0, len(read))
	for _, r := range read {
		r.c.GroupID, r.c.MemberID = group, member
		if r.c.Proof, err = openText(box, r.proof, r.c.ID, "proof"); err != nil {
			return nil, err
		}
		all = append(all, r.c)
	}
	return all, nil
}

// Recipients pages through who is meant. Both reads are ranges of a clustered key.
func (s *Store) Recipients(ctx context.Context, group gateway.ID, a gateway.Audience, after gateway.ID, limit int) ([]gateway.Recipient, error) {
	_, topics, err := s.group(ctx, "id = ?", group[:])
	if err != nil {
		return nil, err
	}
	mask := bits(topics, []string{a.Topic})
	query, args := recipientQuery(group, a, after, limit)
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	page := make([]gateway.Recipient, 0, limit)
	var fallback string
	for rows.Next() {
		var r gateway.Recipient
		if err := rows.Scan(scanID(&r.Member), &r.Locale, &fallback, &r.Zone, &r.Neutral); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		r.Fallback = splitList(fallback)
		page = append(page, r)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || len(page) == 0 {
		return page, err
	}
	return page, s.addPoints(ctx, group, page, mask)
}

func recipientQuery(group gateway.ID, a gateway.Audience, after gateway.ID, limit int) (string, []any) {
	q := strings.Builder{}
	q.WriteString("SELECT id, locale, fallback, zone, neutral FROM members WHERE group_id = ? AND id > ? AND " + visible)
	args := []any{group[:], after[:]}
	for _, tag := range a.Tags {
		q.WriteString(" AND instr(tags, ?) > 0")
		args = append(args, ","+tag+",")
	}
	if len(a.Locales) > 0 {
		q.WriteString(" AND locale IN " + values(1, len(a.Locales)))
		for _, l := range a.Locales {
			args = append(args, l)
		}
	}
	if len(a.Members) > 0 {
		q.WriteString(" AND id IN " + values(1, len(a.Members)))
		for _, id := range a.Members {
			args = append(args, slices.Clone(id[:]))
		}
	}
	q.WriteString(" ORDER BY id LIMIT ?")
	return q.String(), append(args, limit)
}

// addPoints reads the contact points of a page in one range and merges them in.
func (s *Store) addPoints(ctx context.Context, group gateway.ID, page []gateway.Recipient, mask int64) error {
	first, last := page[0].Member, page[len(page)-1].Member
	rows, err := s.read.QueryContext(ctx, "SELECT member_id, id, position, kind, state, topics FROM contact_points WHERE group_id = ? AND member_id >= ? AND member_id <= ? ORDER BY member_id, id",
		group[:], first[:], last[:])
	if err != nil {
		return err
	}
	defer rows.Close()
	i := 0
	positions := make([]int, 0, 8)
	for rows.Next() {
		var member gateway.ID
		var p gateway.PointRef
		var position, state int
		var topics int64
		if err := rows.Scan(scanID(&member), scanID(&p.ID), &position, &p.Kind, &state, &topics); err != nil {
			return err
		}
		for i < len(page) && string(page[i].Member[:]) < string(member[:]) {
			i, positions = i+1, positions[:0]
		}
		if i == len(page) || page[i].Member != member {
			continue // not meant
		}
		p.State, p.Subscribed = pointStates[state], topics&mask != 0
		at := len(positions)
		for at > 0 && positions[at-1] > position {
			at--
		}
		positions = slices.Insert(positions, at, position)
		page[i].Points = slices.Insert(page[i].Points, at, p)
	}
	return rows.Err()
}
