package sqlite

import (
	"context"
	"slices"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// goingQuery says whether something of a broadcast may leave if it is not stopped, and is leaving, and which goes on with it.
const goingQuery = `SELECT b.stopped, b.state = 'planning' OR EXISTS (SELECT 1 FROM tallies t WHERE t.group_no = g.no AND t.broadcast_no = b.no AND t.n > 0 AND t.state = 'waiting'),
		EXISTS (SELECT 1 FROM tallies t WHERE t.group_no = g.no AND t.broadcast_no = b.no AND t.n > 0 AND t.state = 'sending'),
		COALESCE((SELECT id FROM broadcasts WHERE group_id = b.group_id AND key = b.key || '` + gateway.RestMark + `'), zeroblob(16))
	FROM broadcasts b JOIN groups g ON g.id = b.group_id WHERE b.group_id = ? AND b.id = ?`

// replace stops broadcasts for good whose words are corrected.
func (t *txn) replace(group gateway.ID, broadcasts []gateway.ID) error {
	for _, id := range broadcasts {
		var found, stopped, going, leaving bool
		var rest gateway.ID
		if err := t.query(goingQuery, []any{group[:], id[:]}, func(r *lite.Stmt) error {
			found = true
			return r.Scan(&stopped, &going, &leaving, &rest)
		}); err != nil {
			return err
		}
		if err := row.Replace(found, stopped, going, leaving); err != nil {
			return err
		}
		if !rest.IsZero() && !slices.Contains(broadcasts, rest) {
			return gateway.ErrStale
		}
		clear(t.stopped)
		if _, err := t.exec("UPDATE broadcasts SET stopped = 1, replaced = 1, state = 'planned' WHERE group_id = ? AND id = ?", group[:], id[:]); err != nil {
			return err
		}
	}
	return nil
}

// SubmitRest goes on with an edition after a correction.
func (s *Store) SubmitRest(ctx context.Context, send *gateway.ReadyBroadcast) (answer gateway.Submission, err error) {
	b := &send.Broadcast
	key, err := s.groupKey(ctx, b.GroupID)
	if err != nil {
		return answer, err
	}
	words, err := sealed.Words(key, b.ID, b.Words)
	if err != nil {
		return answer, err
	}
	err = s.write.do(ctx, false, func(t *txn) error {
		var found, planned, stopped, replaced bool
		if err := t.query("SELECT state = 'planned', stopped, replaced FROM broadcasts WHERE group_id = ? AND id = ?", []any{b.GroupID[:], b.Audience.Not[:]}, func(r *lite.Stmt) error {
			found = true
			return r.Scan(&planned, &stopped, &replaced)
		}); err != nil {
			return err
		}
		if err := row.Succeed(found, planned, stopped, replaced); err != nil {
			return err
		}
		answer, err = t.submit(b, words, send.Fingerprint)
		return err
	})
	return answer, err
}

// BroadcastByKey finds a group's broadcast, without its words.
func (s *Store) BroadcastByKey(ctx context.Context, group gateway.ID, key string) (gateway.Broadcast, error) {
	found, err := s.listBroadcasts(ctx, false, "SELECT "+broadcastColumns+" WHERE group_id = ? AND key = ?", group[:], key)
	return row.Only("broadcast", found, err)
}

var _ gateway.Corrections = (*Store)(nil)
