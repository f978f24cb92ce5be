package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
)

// PutInvitation keeps a new invitation.
func (s *Store) PutInvitation(ctx context.Context, i gateway.Invitation, code, link gateway.Private) error {
	key, err := s.groupKey(ctx, i.GroupID)
	if err != nil {
		return err
	}
	return s.do(ctx, true, func(t *txn) error {
		n, err := t.exec("INSERT INTO invitations (group_id, id, code_index, link_digest, label, author, topics, tags, locale, uses, used, created_at, expires_at, revoked_at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,0,$11,$12,0) ON CONFLICT (group_id, code_index) DO NOTHING",
			i.GroupID, i.ID, key.Addresses.Of(roll.InvitationCode, code.Reveal()), gateway.DigestToken(link.Reveal()), i.Label, i.Author, roll.Labels(i.Topics), roll.Labels(i.Tags), i.Locale, i.Uses, row.ToMicros(i.CreatedAt), row.ToMicros(i.ExpiresAt))
		if err == nil && n == 0 {
			err = gateway.Faultf(gateway.CodeConflict, "the group has an invitation with this code already; make another")
		}
		return err
	})
}

// Invitations lists a group's.
func (s *Store) Invitations(ctx context.Context, group, after gateway.ID, limit int) ([]gateway.Invitation, error) {
	rows, err := list(ctx, s, "SELECT "+roll.InvitationColumns+" FROM invitations WHERE group_id = $1 AND id > $2 ORDER BY id LIMIT $3", []any{group, after, limit}, (*roll.StoredInvitation).Into)
	return roll.OpenInvitations(rows), err
}

// Invitation reads one with those whom it brought in.
func (s *Store) Invitation(ctx context.Context, group, id gateway.ID) (v gateway.InvitationView, err error) {
	if v.Invitation, err = s.invitation(ctx, "group_id = $1 AND id = $2", group, id); err != nil {
		return v, err
	}
	type guest struct {
		member    gateway.ID
		confirmed int64
	}
	guests, err := list(ctx, s, guestsQuery, []any{group, id}, func(g *guest) []any { return []any{&g.member, &g.confirmed} })
	v.Members, v.Asked = []gateway.ID{}, []gateway.ID{}
	for _, g := range guests {
		if g.confirmed > 0 {
			v.Members = append(v.Members, g.member)
		} else {
			v.Asked = append(v.Asked, g.member)
		}
	}
	return v, err
}

const guestsQuery = "SELECT member_id, confirmed_at FROM enrolments WHERE group_id = $1 AND invitation_id = $2 ORDER BY member_id"

func (s *Store) invitation(ctx context.Context, where string, args ...any) (gateway.Invitation, error) {
	var i roll.StoredInvitation
	err := s.one(ctx, "invitation", "SELECT "+roll.InvitationColumns+" FROM invitations WHERE "+where, args, i.Into()...)
	return i.Open(), err
}

// RevokeInvitation ends one.
func (s *Store) RevokeInvitation(ctx context.Context, group, id gateway.ID) error {
	return s.do(ctx, true, func(t *txn) error {
		n, err := t.exec("UPDATE invitations SET revoked_at = CASE revoked_at WHEN 0 THEN $1 ELSE revoked_at END WHERE group_id = $2 AND id = $3", t.now, group, id)
		if err == nil && n == 0 {
			err = row.Missing("invitation")
		}
		return err
	})
}

var liveInvitation = "revoked_at = 0 AND expires_at > " + nowSQL("$1") + " AND "

// InvitationByCode finds a live invitation of a group.
func (s *Store) InvitationByCode(ctx context.Context, group gateway.ID, code gateway.Private) (gateway.Invitation, error) {
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return gateway.Invitation{}, err
	}
	if gateway.IsLinkSecret(code.Reveal()) {
		return s.invitation(ctx, liveInvitation+"link_digest = $2 AND group_id = $3", s.fixed(), gateway.DigestToken(code.Reveal()), group)
	}
	return s.invitation(ctx, liveInvitation+"group_id = $2 AND code_index = $3", s.fixed(), group, key.Addresses.Of(roll.InvitationCode, code.Reveal()))
}

// Enrol takes an address in, so that it can be asked.
func (s *Store) Enrol(ctx context.Context, e gateway.Enrolment) (out gateway.Enrolled, err error) {
	desk, err := s.desk(ctx, e.GroupID)
	if err != nil {
		return out, err
	}
	guest, err := desk.Row(gateway.StagedMember{Member: gateway.Member{Locale: e.Locale, Zone: e.Zone, Points: []gateway.ContactPoint{{Kind: e.Kind, Address: e.Address}}}})
	if err != nil {
		return out, err
	}
	err = s.do(ctx, true, func(t *txn) error {
		out, err = t.enrol(e, guest)
		return err
	})
	return out, err
}

func (t *txn) enrol(e gateway.Enrolment, guest roll.Row) (out gateway.Enrolled, err error) {
	var i roll.StoredInvitation
	if err := t.lockAddresses(e.GroupID, guest.Points[0].Index); err != nil {
		return out, err
	}
	if err := t.query("SELECT "+roll.InvitationColumns+" FROM invitations WHERE group_id = $1 AND id = $2 AND revoked_at = 0 AND expires_at > $3 FOR UPDATE", []any{e.GroupID, e.Invitation, t.now}, func(r pgx.Rows) error { return r.Scan(i.Into()...) }); err != nil {
		return out, err
	}
	if i.ID.IsZero() {
		return out, row.Missing("invitation")
	}
	stopped, err := t.stands(e.GroupID, e.Kind, guest.Points[0].Stops)
	if err != nil {
		return out, err
	}
	points, err := t.at(e.GroupID, e.Kind, guest.Points[0].Index)
	if err != nil {
		return out, err
	}
	place, err := roll.Seat(stopped, points, func(member gateway.ID) (o roll.Open, err error) {
		err = t.query("SELECT invitation_id, made FROM enrolments WHERE group_id = $1 AND member_id = $2 AND confirmed_at = 0", []any{e.GroupID, member}, func(r pgx.Rows) error { return r.Scan(&o.Invitation, &o.Made) })
		return o, err
	})
	if err != nil {
		return out, err
	}
	out = gateway.Enrolled{Outcome: place.Outcome, Topics: i.Open().Topics}
	if place.At != nil {
		out.Member, out.Point = place.At.Member, place.At.ID
	}
	if place.Outcome != gateway.EnrolAsk {
		return out, nil
	}
	if place.Joins(i.ID) {
		if i.Used >= i.Uses {
			return out, row.Missing("invitation")
		}
		if _, err := t.exec("UPDATE invitations SET used = used + CASE id WHEN $2::uuid THEN 1 ELSE -1 END WHERE group_id = $1 AND id IN ($2, $3)", e.GroupID, i.ID, place.Open.Invitation); err != nil {
			return out, err
		}
	}
	made := place.Open.Made
	if place.At == nil {
		made, out.Member, out.Point = true, guest.Member.ID, guest.Points[0].ID
		guest.Member.Tags = i.Tags
		w, batch := &memberWriter{group: e.GroupID, now: t.now}, &pgx.Batch{}
		w.add(&guest)
		w.queue(batch)
		if err := t.send(batch); err != nil {
			return out, err
		}
	}
	_, err = t.exec(`INSERT INTO enrolments (group_id, member_id, invitation_id, point_id, topics, wording, locale, made, at, confirmed_at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,0)
		ON CONFLICT (group_id, member_id) DO UPDATE SET invitation_id = $3, point_id = $4, topics = $5, wording = $6, locale = $7, made = $8, at = $9, confirmed_at = 0`,
		e.GroupID, out.Member, i.ID, out.Point, roll.Labels(out.Topics), e.Wording, e.Locale, made, t.now)
	return out, err
}

// PutAsk keeps what a broadcast asks.
func (s *Store) PutAsk(ctx context.Context, group, broadcast gateway.ID, a gateway.Asked) error {
	return s.do(ctx, true, func(t *txn) error {
		_, err := t.exec("INSERT INTO asks (group_id, broadcast_id, topics, wording, at) VALUES ($1,$2,$3,$4,$5) ON CONFLICT DO NOTHING", group, broadcast, roll.Labels(a.Topics), a.Wording, row.ToMicros(a.At))
		return err
	})
}

// Asked gives what a member was last asked about.
func (s *Store) Asked(ctx context.Context, group, member gateway.ID) (gateway.Asked, error) {
	var all []roll.StoredAsk
	for _, text := range [...]string{guestAsked, everybodyAsked} {
		rows, err := list(ctx, s, text, []any{group, member}, (*roll.StoredAsk).Into)
		if err != nil {
			return gateway.Asked{}, err
		}
		all = append(all, rows...)
	}
	last, ok := roll.LastAsk(all)
	if !ok {
		return gateway.Asked{}, row.Missing("question")
	}
	return last, nil
}

const (
	guestAsked = `SELECT e.topics, e.wording, e.locale, e.at, i.revoked_at <> 0 FROM enrolments e JOIN invitations i ON i.group_id = e.group_id AND i.id = e.invitation_id
	WHERE e.group_id = $1 AND e.member_id = $2 AND e.confirmed_at = 0`
	everybodyAsked = `SELECT a.topics, a.wording, d.locale, a.at, false FROM asks a CROSS JOIN LATERAL (SELECT locale FROM deliveries WHERE group_id = a.group_id AND broadcast_id = a.broadcast_id AND member_id = $2 LIMIT 1) d
	WHERE a.group_id = $1 ORDER BY a.at DESC LIMIT 1`
)

// joined ends the enrolments of those who said yes.
func (t *txn) joined(group gateway.ID, members []gateway.ID) error {
	for _, m := range members {
		if _, err := t.exec("UPDATE enrolments SET confirmed_at = $1 WHERE group_id = $2 AND member_id = $3 AND confirmed_at = 0", t.now, group, m); err != nil {
			return err
		}
	}
	return nil
}

// unanswered ends enrolments that nobody answered in time, at most limit: whoever was nobody before is erased.
func (t *txn) unanswered(limit int) (int, error) {
	type guest struct {
		group, member, invitation gateway.ID
		made                      bool
	}
	var guests []guest
	if err := t.query(unansweredQuery, []any{t.now - gateway.KeepUnanswered.Microseconds(), limit}, func(r pgx.Rows) error {
		var g guest
		err := r.Scan(&g.group, &g.member, &g.invitation, &g.made)
		guests = append(guests, g)
		return err
	}); err != nil {
		return 0, err
	}
	for _, g := range guests {
		if _, err := t.exec("DELETE FROM enrolments WHERE group_id = $1 AND member_id = $2", g.group, g.member); err != nil {
			return 0, err
		}
		if _, err := t.exec("UPDATE invitations SET used = used - 1 WHERE group_id = $1 AND id = $2", g.group, g.invitation); err != nil {
			return 0, err
		}
		agreed := false
		if err := t.query("SELECT 1 FROM contact_points WHERE group_id = $1 AND member_id = $2 AND topics <> 0", []any{g.group, g.member}, func(pgx.Rows) error { agreed = true; return nil }); err != nil {
			return 0, err
		}
		if g.made && !agreed {
			if err := t.erase(g.group, g.member); err != nil && !errors.Is(err, gateway.ErrNotFound) {
				return 0, err
			}
		}
	}
	return len(guests), nil
}

const unansweredQuery = "SELECT group_id, member_id, invitation_id, made FROM enrolments WHERE confirmed_at = 0 AND at <= $1 ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED"

// Try counts what nobody may do often.
func (s *Store) Try(ctx context.Context, n int, limits ...gateway.Limit) (room bool, err error) {
	err = s.do(ctx, true, func(t *txn) error {
		room = true
		if n > 0 { // several processes that count the same take turns
			if err := t.lockTries(limits); err != nil {
				return err
			}
		}
		for _, l := range limits {
			had := 0
			if err := t.query("SELECT n FROM tries WHERE key = $1 AND until_at > $2", []any{roll.TryKey(s.ring, l), t.now}, func(r pgx.Rows) error { return r.Scan(&had) }); err != nil {
				return err
			}
			room = room && had+max(n, 1) <= l.Most
		}
		for _, l := range limits {
			if !room || n == 0 {
				break
			}
			if _, err := t.exec("INSERT INTO tries (key, n, until_at) VALUES ($1,$2,$3) ON CONFLICT (key) DO UPDATE SET n = CASE WHEN tries.until_at > $4 THEN tries.n + $2 ELSE $2 END, until_at = CASE WHEN tries.until_at > $4 THEN tries.until_at ELSE $3 END",
				roll.TryKey(s.ring, l), n, t.now+l.Within.Microseconds(), t.now); err != nil {
				return err
			}
		}
		return nil
	})
	return room, err
}
