package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// An import is open, then publishing or discarding, then published or discarded. New members are visible from the moment
// it is publishing; changes to members that were there are carried out from then on, across restarts.

// BeginImport opens an import, unless the group has one that is not over: what that has staged is seen by nobody, so a row
// of this one would change a member who may yet vanish. One that its caller left behind is undone first.
func (s *Store) BeginImport(ctx context.Context, imp gateway.Import) (err error) {
	s.importing.Store(imp.ID, true) // before anybody can find it
	defer func() {
		if err != nil {
			s.importing.Delete(imp.ID)
		}
	}()
	for {
		var before gateway.ID
		err := s.write.do(ctx, false, func(t *txn) error {
			hidden, err := hiddenImports(t.Conn, imp.GroupID)
			if err != nil {
				return err
			}
			before = gateway.ID{}
			for before = range hidden {
				return nil
			}
			_, err = t.exec("INSERT INTO imports (group_id, id, author, at, state) VALUES (?,?,?,?,'open')", imp.GroupID[:], imp.ID[:], imp.Author, row.ToMicros(imp.At))
			return err
		})
		if err != nil {
			return err
		}
		if before.IsZero() {
			return nil
		}
		if _, ok := s.importing.Load(before); ok {
			return gateway.Faultf(gateway.CodeConflict, "another file of members is being read for this group; try again when that has ended")
		}
		if err := s.Discard(ctx, imp.GroupID, before); err != nil && !errors.Is(err, gateway.ErrConflict) { // its caller may just have ended it
			return fmt.Errorf("undoing an import that was left behind: %w", err)
		}
	}
}

// Publish shows what was staged. The first transaction decides; the rest is carried out even across a restart.
func (s *Store) Publish(ctx context.Context, group, imp gateway.ID) error {
	if err := s.turnImport(ctx, group, imp, "publishing", "open"); err != nil {
		return err
	}
	return s.finishPublishing(ctx, group, imp)
}

// turnImport ends the time in which an import may stage. Its caller is done with it then, also if it cannot be turned.
func (s *Store) turnImport(ctx context.Context, group, imp gateway.ID, state, or string) error {
	defer s.importing.Delete(imp)
	return s.write.do(ctx, false, func(t *txn) error {
		n, err := t.exec("UPDATE imports SET state = ? WHERE group_id = ? AND id = ? AND state IN ('open', ?)", state, group[:], imp[:], or)
		if err == nil && n == 0 {
			err = gateway.Faultf(gateway.CodeConflict, "this import is not open any more")
		}
		return err
	})
}

func (s *Store) finishPublishing(ctx context.Context, group, imp gateway.ID) error {
	_, topics, err := s.group(ctx, "id = ?", group[:])
	if err != nil {
		return err
	}
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return err
	}
	for more := true; more; {
		err := s.write.do(ctx, false, func(t *txn) error {
			st := stager{txn: t, key: key, topics: topics, group: group, imp: imp}
			n, err := st.applyChanges(50)
			more = n == 50
			if err != nil || more {
				return err
			}
			if _, err = t.exec("UPDATE imports SET state = 'published' WHERE group_id = ? AND id = ?", group[:], imp[:]); err != nil {
				return err
			}
			return t.wishesChanged(group)
		})
		if err != nil {
			return fmt.Errorf("publishing an import: %w", err)
		}
	}
	return nil
}

// applyChanges carries out the next staged changes.
func (st *stager) applyChanges(limit int) (int, error) {
	type change struct {
		member gateway.ID
		sealed []byte
	}
	var changes []change
	if err := st.query("SELECT member_id, row_sealed FROM import_changes WHERE group_id = ? AND import_id = ? LIMIT ?", []any{st.group[:], st.imp[:], limit}, func(r *lite.Stmt) error {
		var c change
		err := r.Scan(&c.member, &c.sealed)
		changes = append(changes, c)
		return err
	}); err != nil {
		return 0, err
	}
	for _, c := range changes {
		row, err := roll.OpenChange(st.key, c.member, c.sealed)
		if err != nil {
			return 0, err
		}
		if err := st.apply(c.member, row); err != nil {
			return 0, err
		}
		if _, err := st.exec("DELETE FROM import_changes WHERE group_id = ? AND import_id = ? AND member_id = ?", st.group[:], st.imp[:], c.member[:]); err != nil {
			return 0, err
		}
	}
	return len(changes), nil
}

// apply changes a member as a row says, but for what she decided herself. Addresses that the row does not name stay; consent is added, never taken away;
// the state of a contact point that is there changes only from unconfirmed to active.
func (st *stager) apply(member gateway.ID, row gateway.StagedMember) error {
	box, there, err := st.boxOf(st.key, st.group, member)
	if err != nil || !there { // not there: erased meanwhile
		return err
	}
	own := gateway.Own(0)
	if err := st.query("SELECT own FROM members WHERE group_id = ? AND id = ?", []any{st.group[:], member[:]}, func(r *lite.Stmt) error { own = gateway.Own(r.ColInt(0)); return nil }); err != nil {
		return err
	}
	roll.Keep(own, &row)
	m := row.Member
	if _, err := st.exec("UPDATE members SET locale = IIF(?, locale, ?), fallback = IIF(?, fallback, ?), zone = IIF(?, zone, ?), neutral = ? OR ? AND neutral, quiet = COALESCE(?, quiet), leads = COALESCE(?, leads), tags = IIF(?, tags, ?), name_sealed = COALESCE(?, name_sealed) WHERE group_id = ? AND id = ?",
		row.Keeps.Locale, m.Locale, row.Keeps.Fallback, strings.Join(m.Fallback, ","), row.Keeps.Zone, m.Zone, m.Neutral, row.KeepsNeutral, roll.Quiet(m.Quiet), roll.Leads(m.Leads), row.Keeps.Tags, roll.Labels(m.Tags), sealed.Text(box, m.Name, member, "name"), st.group[:], member[:]); err != nil {
		return err
	}
	for i, p := range m.Points {
		points, err := st.at(st.group, p.Kind, st.key.Addresses.Of(p.Kind, p.Address.Reveal()))
		if err != nil {
			return err
		}
		there := false
		for _, at := range points {
			if at.Member == member {
				there = true
				if err := st.addConsent(box, at, roll.Position(own, at.Position, i, false), p, row.Consents); err != nil {
					return err
				}
			}
		}
		if !there {
			ready := st.w.store.desk(st.group, st.key, st.topics).Point(box, member, p, row.Consents)
			if ready.Stopped, err = st.stands(st.group, p.Kind, ready.Stops); err != nil {
				return err
			}
			if err := st.insertPoint(member, roll.Position(own, 0, i, true), &ready); err != nil {
				return err
			}
		}
	}
	return nil
}

func (st *stager) addConsent(box seal.Box, at roll.Found, position int, p gateway.ContactPoint, consents []gateway.Consent) error {
	state, mask, news := roll.Granted(st.topics, at, p.ID, consents)
	for _, c := range news {
		c.GroupID = st.group
		if err := st.putConsent(box, c); err != nil {
			return err
		}
	}
	_, err := st.exec("UPDATE contact_points SET position = ?, topics = ?, confirm_by = CASE state WHEN ?3 THEN confirm_by ELSE ? END, state = ?3 WHERE group_id = ? AND member_id = ? AND id = ?", position, mask, state, st.confirmBy(p.Kind, state), st.group[:], at.Member[:], at.ID[:])
	return err
}

// Discard deletes what was staged, from the file and from the journal. It goes on with what an earlier call did not end.
func (s *Store) Discard(ctx context.Context, group, imp gateway.ID) error {
	if err := s.turnImport(ctx, group, imp, "discarding", "discarding"); err != nil {
		return err
	}
	return s.finishDiscarding(ctx, group, imp)
}

func (s *Store) finishDiscarding(ctx context.Context, group, imp gateway.ID) error {
	for more := true; more; {
		err := s.write.do(ctx, false, func(t *txn) error {
			var members []gateway.ID
			if err := t.query("SELECT id FROM members WHERE group_id = ? AND import_id = ? LIMIT 100", []any{group[:], imp[:]}, func(r *lite.Stmt) error {
				var id gateway.ID
				err := r.Scan(&id)
				members = append(members, id)
				return err
			}); err != nil {
				return err
			}
			more = len(members) > 0
			for _, id := range members {
				for _, statement := range [...]string{"DELETE FROM contact_points WHERE group_id = ? AND member_id = ?", "DELETE FROM consents WHERE group_id = ? AND member_id = ?", "DELETE FROM members WHERE group_id = ? AND id = ?"} {
					if _, err := t.exec(statement, group[:], id[:]); err != nil {
						return err
					}
				}
			}
			if more {
				return nil
			}
			if _, err := t.exec("DELETE FROM import_changes WHERE group_id = ? AND import_id = ?", group[:], imp[:]); err != nil {
				return err
			}
			_, err := t.exec("UPDATE imports SET state = 'discarded' WHERE group_id = ? AND id = ?", group[:], imp[:])
			return err
		})
		if err != nil {
			return fmt.Errorf("discarding an import: %w", err)
		}
	}
	s.purge(ctx)
	return nil
}

// FinishImports ends what a crash interrupted.
func (s *Store) FinishImports(ctx context.Context) error {
	type open struct {
		group, id gateway.ID
		state     string
	}
	all, err := list(ctx, s, "SELECT group_id, id, state FROM imports WHERE state NOT IN ('published', 'discarded')", nil, func(o *open) []any { return []any{&o.group, &o.id, &o.state} })
	if err != nil {
		return err
	}
	for _, o := range all {
		switch o.state {
		case "publishing":
			err = s.finishPublishing(ctx, o.group, o.id)
		case "discarding":
			err = s.finishDiscarding(ctx, o.group, o.id)
		default:
			err = s.Discard(ctx, o.group, o.id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
