package sqlite

import (
	"context"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

const (
	releaseQuery     = "SELECT " + row.ReleaseColumns + ", record_sealed, draft_sealed FROM releases WHERE "
	releaseListed    = "SELECT " + row.ReleaseColumns + ", record_sealed, NULL FROM releases WHERE group_id = ? AND id < ? ORDER BY id DESC LIMIT ?"
	releaseByKey     = "group_id = ? AND key = ?"
	overdueReleases  = "state = 'waiting' AND expires_at <= ? ORDER BY expires_at LIMIT ?"
	forgetDrafts     = "UPDATE releases SET draft_sealed = NULL WHERE (group_id, id) IN (SELECT group_id, id FROM releases WHERE draft_sealed IS NOT NULL AND forget_at <= ? LIMIT ?)"
	forgetReleases   = "DELETE FROM releases WHERE (group_id, id) IN (SELECT group_id, id FROM releases WHERE forget_at <= ? LIMIT ?)"
	insertRelease    = "INSERT INTO releases (" + row.ReleaseColumns + ", forget_at, record_sealed, draft_sealed) VALUES (?,?,?,?,?,1,?,?,?,?,?,?) ON CONFLICT DO NOTHING"
	updateRelease    = "UPDATE releases SET fingerprint = ?, state = ?, revision = revision + 1, digest = ?, expires_at = ?, forget_at = ?, record_sealed = ?, draft_sealed = ? WHERE group_id = ? AND id = ?"
	releaseStateByID = "SELECT " + row.ReleaseColumns + " FROM releases WHERE group_id = ? AND id = ?"
)

// PutRelease keeps what needs a second person, and submits what is sent.
func (s *Store) PutRelease(ctx context.Context, r gateway.Release, send *gateway.ReadyBroadcast, notices ...gateway.OwnerNotice) (gateway.Release, error) {
	key, err := s.groupKey(ctx, r.GroupID)
	if err != nil {
		return r, err
	}
	record, draft, err := sealed.Release(key, &r)
	if err != nil {
		return r, err
	}
	closed, err := sealed.Ready(key, send)
	if err != nil {
		return r, err
	}
	err = s.write.do(ctx, true, func(t *txn) error {
		if err := t.putRelease(&r, record, draft); err != nil {
			return err
		}
		if send != nil {
			if _, err := t.submit(&send.Broadcast, closed.Words, send.Fingerprint); err != nil {
				return err
			}
		}
		for _, n := range notices {
			if err := t.putNotice(n); err != nil {
				return err
			}
		}
		return nil
	})
	r.Revision++
	return r, err
}

// putRelease writes a release if it stands where its revision says.
func (t *txn) putRelease(r *gateway.Release, record, draft []byte) error {
	forget := row.ToMicros(r.ForgetAt())
	if r.Revision == 0 {
		n, err := t.exec(insertRelease, r.GroupID[:], r.ID[:], r.Key, r.Fingerprint, string(r.State), r.Digest, row.ToMicros(r.CreatedAt), row.ToMicros(r.ExpiresAt), forget, record, draft)
		if err == nil && n == 0 {
			err = gateway.ErrStale
		}
		return err
	}
	var was gateway.Release
	if err := t.query(releaseStateByID, []any{r.GroupID[:], r.ID[:]}, func(q *lite.Stmt) error { return q.Scan(row.ReleaseInto(&was)...) }); err != nil {
		return err
	}
	if err := row.CheckRelease(&was, r); err != nil {
		return err
	}
	_, err := t.exec(updateRelease, r.Fingerprint, string(r.State), r.Digest, row.ToMicros(r.ExpiresAt), forget, record, draft, r.GroupID[:], r.ID[:])
	return err
}

// ReleaseByID reads one.
func (s *Store) ReleaseByID(ctx context.Context, group, id gateway.ID) (gateway.Release, error) {
	return s.oneRelease(ctx, "group_id = ? AND id = ?", group[:], id[:])
}

// ReleaseByKey reads the one with a key.
func (s *Store) ReleaseByKey(ctx context.Context, group gateway.ID, key string) (gateway.Release, error) {
	return s.oneRelease(ctx, releaseByKey, group[:], key)
}

func (s *Store) oneRelease(ctx context.Context, where string, args ...any) (gateway.Release, error) {
	all, err := s.releases(ctx, releaseQuery+where, args...)
	return row.Only("release", all, err)
}

// ReleasesOf lists the newest first.
func (s *Store) ReleasesOf(ctx context.Context, group, before gateway.ID, limit int) ([]gateway.Release, error) {
	if before.IsZero() {
		before = highest
	}
	return s.releases(ctx, releaseListed, group[:], before[:], limit)
}

// OverdueReleases lists those that nobody has decided about in their time.
func (s *Store) OverdueReleases(ctx context.Context, limit int) ([]gateway.Release, error) {
	return s.releases(ctx, releaseQuery+overdueReleases, s.micros(), limit)
}

func (s *Store) releases(ctx context.Context, text string, args ...any) ([]gateway.Release, error) {
	all := []gateway.Release{}
	var bodies [][2][]byte
	err := s.reading(ctx, func(c *lite.Conn) error {
		return query(c, text, args, func(q *lite.Stmt) error {
			var r gateway.Release
			var body [2][]byte
			err := q.Scan(append(row.ReleaseInto(&r), &body[0], &body[1])...)
			all, bodies = append(all, r), append(bodies, body)
			return err
		})
	})
	for i := 0; err == nil && i < len(all); i++ {
		key, missing := s.groupKey(ctx, all[i].GroupID)
		if err = missing; err == nil {
			err = sealed.OpenRelease(key, &all[i], bodies[i][0], bodies[i][1])
		}
	}
	return all, err
}
