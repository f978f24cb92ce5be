package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

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
	return s.do(ctx, false, func(t *txn) error {
		_, err := t.exec("INSERT INTO reviews (group_id, digest, at, review_sealed) VALUES ($1,$2,$3,$4) ON CONFLICT (group_id, digest) DO UPDATE SET at = excluded.at, review_sealed = excluded.review_sealed", group, r.Digest, row.ToMicros(r.At), closed)
		return err
	})
}

// Reviews lists a group's reviews, the newest first.
func (s *Store) Reviews(ctx context.Context, group gateway.ID) ([]gateway.Review, error) {
	key, err := s.groupKey(ctx, group)
	if err != nil {
		return nil, err
	}
	all := []gateway.Review{}
	err = s.query(ctx, "SELECT digest, at, review_sealed FROM reviews WHERE group_id = $1 ORDER BY at DESC, digest", []any{group}, func(r pgx.Rows) error {
		var one gateway.Review
		var at int64
		var closed []byte
		if err := r.Scan(&one.Digest, &at, &closed); err != nil {
			return err
		}
		one.At = row.FromMicros(at)
		if err := sealed.OpenReview(key, group, &one, closed); err != nil {
			return err
		}
		all = append(all, one)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// DropReview deletes the review of a text.
func (s *Store) DropReview(ctx context.Context, group gateway.ID, digest string) error {
	return s.do(ctx, false, func(t *txn) error {
		n, err := t.exec("DELETE FROM reviews WHERE group_id = $1 AND digest = $2", group, digest)
		if err == nil && n == 0 {
			err = gateway.Faultf(gateway.CodeNotFound, "there is no review of this text")
		}
		return err
	})
}
