package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/roll"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
)

// An import is open, then publishing or discarding, then published or discarded. New members are visible from the moment
// it is publishing; changes to members that were there are carried out from then on, across restarts, by any process.
//
// Nobody sees from outside whether the process that reads a file still lives, so an open import has a lease, which each
// chunk renews. When it is over, the import counts as left behind: whoever comes next discards it, and its process, if it
// was only slow, is told so with its next chunk.
const (
	importLease  = 2 * time.Minute
	applyRows    = 200 // changes carried out in one transaction
	discardRows  = 500 // members deleted in one transaction
	unfinishedIn = "('open', 'publishing', 'discarding')"
)

// BeginImport opens an import, unless the group has one that is not over: what that has staged is seen by nobody, so a row
// of this one would change a member who may yet vanish. One that was left behind is undone first.
func (s *Store) BeginImport(ctx context.Context, imp gateway.Import) error {
	for {
		var before gateway.ID
		err := s.do(ctx, false, func(t *txn) error {
			if err := t.lock(rollLock, imp.GroupID, false); err != nil {
				return err
			}
			before = gateway.ID{}
			held := false
			if err := t.query("SELECT id, state = 'open' AND lease_until > $2 FROM imports WHERE group_id = $1 AND state IN ('open', 'discarding') ORDER BY 2 DESC LIMIT 1", []any{imp.GroupID, t.now}, func(r pgx.Rows) error {
				return r.Scan(&before, &held)
			}); err != nil {
				return err
			}
			if held {
				return gateway.Faultf(gateway.CodeConflict, "another file of members is being read for this group; try again when that has ended")
			}
			if !before.IsZero() {
				return nil
			}
			_, err := t.exec("INSERT INTO imports (group_id, id, author, at, state, lease_until) VALUES ($1,$2,$3,$4,'open',$5)", imp.GroupID, imp.ID, imp.Author, imp.At, t.now+importLease.Microseconds())
			return err
		})
		if err != nil || before.IsZero() {
			return err
		}
		if err := s.Discard(ctx, imp.GroupID, before); err != nil && !errors.Is(err, gateway.ErrConflict) { // another process may just have ended it
			return fmt.Errorf("undoing an import that was left behind: %w", err)
		}
	}
}

// Publish shows what was staged. The first transaction decides; the rest is carried out even if this process ends.
func (s *Store) Publish(ctx context.Context, group, imp gateway.ID) error {
	if err := s.turnImport(ctx, group, imp, "publishing", "open"); err != nil {
		return err
	}
	return s.finishPublishing(ctx, group, imp)
}

// turnImport ends the time in which an import may stage.
func (s *Store) turnImport(ctx context.Context, group, imp gateway.ID, state, or string) error {
	return s.do(ctx, false, func(t *txn) error {
		n, err := t.exec("UPDATE imports SET state = $1 WHERE group_id = $2 AND id = $3 AND state IN ('open', $4)", state, group, imp, or)
		if err == nil && n == 0 {
			err = gateway.Faultf(gateway.CodeConflict, "this import is not open any more")
		}
		return err
	})
}

// goOn carries out steps of an import in a state, a transaction each, until one says that no more is left; then the import
// is in the state end. Of several processes that are at it, one makes each step: whoever has the roll.
func (s *Store) goOn(ctx context.Context, group, imp gateway.ID, state, end string, step func(*txn) (more bool, err error), committed func()) error {
	for more := true; more; {
		if err := s.do(ctx, false, func(t *txn) error {
			more = false
			if err := t.lock(rollLock, group, false); err != nil {
				return err
			}
			there := false
			if err := t.query("SELECT true FROM imports WHERE group_id = $1 AND id = $2 AND state = $3", []any{group, imp, state}, func(r pgx.Rows) error { return r.Scan(&there) }); err != nil || !there {
				return err
			}
			var err error
			if more, err = step(t); err != nil || more {
				return err
			}
			_, err = t.exec("UPDATE imports SET state = $1 WHERE group_id = $2 AND id = $3", end, group, imp)
			return err
		}); err != nil {
			return err
		}
		committed()
	}
	return nil
}

func (s *Store) finishPublishing(ctx context.Context, group, imp gateway.ID) error {
	desk, err := s.desk(ctx, group)
	if err == nil {
		// Behind the last step there is nothing left before it, whichever process went on; so what was deleted is not read again.
		var done, from gateway.ID
		err = s.goOn(ctx, group, imp, "publishing", "published", func(t *txn) (bool, error) {
			a := &applier{txn: t, desk: desk, imp: imp, from: done}
			n, err := a.apply()
			if from = a.from; err == nil && n < applyRows {
				err = t.wishesChanged(group)
			}
			return n == applyRows, err
		}, func() { done = from })
	}
	if err != nil {
		return fmt.Errorf("publishing an import: %w", err)
	}
	return nil
}

// Discard deletes what was staged. It goes on with what an earlier call did not end.
func (s *Store) Discard(ctx context.Context, group, imp gateway.ID) error {
	if err := s.turnImport(ctx, group, imp, "discarding", "discarding"); err != nil {
		return err
	}
	return s.finishDiscarding(ctx, group, imp)
}

func (s *Store) finishDiscarding(ctx context.Context, group, imp gateway.ID) error {
	err := s.goOn(ctx, group, imp, "discarding", "discarded", func(t *txn) (bool, error) {
		var members []gateway.ID
		if err := t.query("SELECT id FROM members WHERE group_id = $1 AND import_id = $2 LIMIT $3", []any{group, imp, discardRows}, func(r pgx.Rows) error {
			var id gateway.ID
			err := r.Scan(&id)
			members = append(members, id)
			return err
		}); err != nil {
			return false, err
		}
		batch := &pgx.Batch{}
		if len(members) > 0 {
			for _, id := range members {
				for _, text := range [...]string{"DELETE FROM members WHERE group_id = $1 AND id = $2", eraseStatements[0], eraseStatements[1]} {
					batch.Queue(text, group, id)
				}
			}
		} else {
			batch.Queue("DELETE FROM import_changes WHERE group_id = $1 AND import_id = $2", group, imp)
		}
		return len(members) > 0, t.send(batch)
	}, func() {})
	if err != nil {
		return fmt.Errorf("discarding an import: %w", err)
	}
	return nil
}

// FinishImports ends what a crash interrupted. An open import is discarded once its lease is over: until then the process
// that reads its file may live.
func (s *Store) FinishImports(ctx context.Context) error {
	type open struct {
		group, id gateway.ID
		state     string
	}
	all, err := list(ctx, s, "SELECT group_id, id, state FROM imports WHERE state IN "+unfinishedIn+" AND (state <> 'open' OR lease_until <= "+nowSQL("$1")+")", []any{s.fixed()}, func(o *open) []any { return []any{&o.group, &o.id, &o.state} })
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
			if err = s.Discard(ctx, o.group, o.id); errors.Is(err, gateway.ErrConflict) { // another process ended it
				err = nil
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// applier carries out staged changes of members who are there.
type applier struct {
	*txn
	desk roll.Desk
	imp  gateway.ID
	from gateway.ID // what stands before it was carried out

	boxes   map[gateway.ID][]byte // keys of those who are still there
	own     map[gateway.ID]gateway.Own
	points  map[string][]*changedPoint
	changed []*changedPoint
	write   memberWriter
}

// changedPoint is a contact point as it will be.
type changedPoint struct {
	roll.Found
	position int
	fresh    *roll.Point // nil: it was there
	kind     string      // of one that was there
	listed   bool
}

func pointKey(member gateway.ID, kind string, index []byte) string {
	return string(member[:]) + addressKey(kind, index)
}

// apply carries out the next changes, and returns how many.
func (a *applier) apply() (int, error) {
	group := a.desk.Group
	var members []gateway.ID
	var changes [][]byte
	if err := a.query("SELECT member_id, row_sealed FROM import_changes WHERE group_id = $1 AND import_id = $2 AND member_id > $3 ORDER BY member_id LIMIT $4", []any{group, a.imp, a.from, applyRows}, func(r pgx.Rows) error {
		var member gateway.ID
		var change []byte
		err := r.Scan(&member, &change)
		members, changes = append(members, member), append(changes, change)
		return err
	}); err != nil || len(members) == 0 {
		return 0, err
	}
	rows := make([]gateway.StagedMember, len(changes))
	for i, change := range changes {
		var err error
		if rows[i], err = roll.OpenChange(a.desk.Key, members[i], change); err != nil {
			return 0, err
		}
	}
	if err := a.read(members); err != nil {
		return 0, err
	}
	a.write = memberWriter{group: group, imp: a.imp, now: a.now}
	batch := &pgx.Batch{}
	for i, member := range members {
		if a.boxes[member] != nil { // else she was erased meanwhile
			if err := a.change(batch, member, rows[i]); err != nil {
				return 0, err
			}
		}
	}
	if err := a.freshStops(); err != nil {
		return 0, err
	}
	for _, p := range a.changed {
		if p.fresh != nil {
			state := p.State
			if p.fresh.Stopped {
				state = roll.Stopped
			}
			a.write.addPoint(p.Member, p.position, p.fresh, state, p.Topics)
			continue
		}
		batch.Queue("UPDATE contact_points SET position = $1, topics = $2, confirm_by = CASE state WHEN $3 THEN confirm_by ELSE $7 END, state = $3 WHERE group_id = $4 AND member_id = $5 AND id = $6", p.position, p.Topics, p.State, group, p.Member, p.ID, roll.ConfirmBy(a.s.numbered(p.kind), p.State, a.now))
	}
	a.write.queue(batch)
	batch.Queue("DELETE FROM import_changes WHERE group_id = $1 AND import_id = $2 AND member_id > $3 AND member_id <= $4", group, a.imp, a.from, members[len(members)-1])
	a.from = members[len(members)-1]
	return len(members), a.send(batch)
}

// The members are given in order. Each is looked up by her whole key, see stopsQuery.
const (
	lockMembers = "SELECT m.* FROM unnest($2::uuid[]) AS a (id) CROSS JOIN LATERAL (SELECT id, key_sealed, own FROM members WHERE group_id = $1 AND id = a.id LIMIT 1 FOR UPDATE) m"
	lockPoints  = `SELECT p.* FROM unnest($2::uuid[]) AS a (id)
		CROSS JOIN LATERAL (SELECT member_id, id, kind, address_index, state, topics, dropped, position FROM contact_points WHERE group_id = $1 AND member_id = a.id ORDER BY id FOR UPDATE) p`
)

// read locks members and their contact points, in the order of their identifiers.
func (a *applier) read(members []gateway.ID) error {
	a.boxes, a.own, a.points = make(map[gateway.ID][]byte, len(members)), make(map[gateway.ID]gateway.Own, len(members)), make(map[string][]*changedPoint, len(members))
	if err := a.query(lockMembers, []any{a.desk.Group, members}, func(r pgx.Rows) error {
		var id gateway.ID
		var wrapped []byte
		var own int64
		err := r.Scan(&id, &wrapped, &own)
		a.boxes[id], a.own[id] = wrapped, gateway.Own(own)
		return err
	}); err != nil {
		return err
	}
	return a.query(lockPoints, []any{a.desk.Group, members}, func(r pgx.Rows) error {
		p := &changedPoint{}
		var index []byte
		err := r.Scan(&p.Member, &p.ID, &p.kind, &index, &p.State, &p.Topics, &p.Dropped, &p.Position)
		at := pointKey(p.Member, p.kind, index)
		a.points[at] = append(a.points[at], p)
		return err
	})
}

// change changes a member as a row says, but for what she decided herself. Addresses that the row does not name stay; consent is added, never taken away;
// the state of a contact point that is there changes only from unconfirmed to active.
func (a *applier) change(batch *pgx.Batch, member gateway.ID, row gateway.StagedMember) error {
	box, err := sealed.Member(a.desk.Key, member, a.boxes[member])
	if err != nil {
		return err
	}
	own := a.own[member]
	roll.Keep(own, &row)
	m := row.Member
	batch.Queue("UPDATE members SET locale = CASE WHEN $11 THEN locale ELSE $1 END, fallback = CASE WHEN $12 THEN fallback ELSE $2 END, zone = CASE WHEN $13 THEN zone ELSE $3 END, neutral = $4 OR $10 AND neutral, tags = CASE WHEN $14 THEN tags ELSE $5 END, name_sealed = COALESCE($6, name_sealed), quiet = COALESCE($9, quiet), leads = COALESCE($15, leads) WHERE group_id = $7 AND id = $8",
		m.Locale, strings.Join(m.Fallback, ","), m.Zone, m.Neutral, roll.Labels(m.Tags), sealed.Text(box, m.Name, member, "name"), a.desk.Group, member, roll.Quiet(m.Quiet), row.KeepsNeutral,
		row.Keeps.Locale, row.Keeps.Fallback, row.Keeps.Zone, row.Keeps.Tags, roll.Leads(m.Leads))
	for i, p := range m.Points {
		at := pointKey(member, p.Kind, a.desk.Key.Addresses.Of(p.Kind, p.Address.Reveal()))
		if len(a.points[at]) == 0 {
			ready := a.desk.Point(box, member, p, row.Consents)
			fresh := &changedPoint{Found: roll.Found{Member: member, ID: ready.ID, State: roll.Fresh(false, ready.Topics), Topics: ready.Topics}, position: roll.Position(own, 0, i, true), fresh: &ready, listed: true}
			a.points[at] = append(a.points[at], fresh)
			a.changed = append(a.changed, fresh)
			continue
		}
		for _, there := range a.points[at] {
			var news []gateway.Consent
			there.State, there.Topics, news = roll.Granted(a.desk.Topics, there.Found, p.ID, row.Consents)
			there.position = roll.Position(own, there.Position, i, false)
			for _, c := range news {
				id, proof := sealed.Evidence(box, c, a.now)
				c.ID = id
				a.write.consents.add(c, proof)
			}
			if !there.listed {
				there.listed = true
				a.changed = append(a.changed, there)
			}
		}
	}
	return nil
}

// freshStops asks which STOPs stand against addresses that are new to their members.
func (a *applier) freshStops() error {
	var fresh []*roll.Point
	for _, p := range a.changed {
		if p.fresh != nil {
			fresh = append(fresh, p.fresh)
		}
	}
	batch := &pgx.Batch{}
	queueStops(batch, a.desk.Group, fresh)
	return a.send(batch)
}
