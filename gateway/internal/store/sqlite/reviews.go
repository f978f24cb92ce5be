package sqlite

import (
	"context"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
)

// PutReview keeps who has reviewed a text.
func (s *Store) PutReview(ctx context.Context, group gateway.ID, r gateway.Review) error {
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return err
	}
	closed, err := sealed.Review(key, group, &r)
	if err != nil {
		return err
	}
	return s.write.do(ctx, false, func(t *txn) error {
		_, err := t.exec("INSERT INTO reviews (group_id, digest, at, review_sealed) VALUES (?1,?2,?3,?4) ON CONFLICT DO UPDATE SET at = ?3, review_sealed = ?4", group[:], r.Digest, row.ToMicros(r.At), closed)
		return err
	})
}

// Reviews lists a group's reviews, the newest first.
func (s *Store) Reviews(ctx context.Context, group gateway.ID) ([]gateway.Review, error) {
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return nil, err
	}
	type stored struct {
		digest string
		at     int64
		sealed []byte
	}
	read, err := list(ctx, s, "SELECT digest, at, review_sealed FROM reviews WHERE group_id = ? ORDER BY at DESC, digest", []any{group[:]}, func(r *stored) []any { return []any{&r.digest, &r.at, &r.sealed} })
	if err != nil {
		return nil, err
	}
	all := make([]gateway.Review, len(read))
	for i, r := range read {
		all[i] = gateway.Review{Digest: r.digest, At: row.FromMicros(r.at)}
		if err := sealed.OpenReview(key, group, &all[i], r.sealed); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// DropReview deletes the review of a text.
func (s *Store) DropReview(ctx context.Context, group gateway.ID, digest string) error {
	return s.write.do(ctx, false, func(t *txn) error {
		n, err := t.exec("DELETE FROM reviews WHERE group_id = ? AND digest = ?", group[:], digest)
		if err == nil && n == 0 {
			err = gateway.Faultf(gateway.CodeNotFound, "there is no review of this text")
		}
		return err
	})
}
