package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
)

const (
	// replacedQuery locks a broadcast first: whoever goes on with it has it locked too, and is seen then.
	replacedQuery = "SELECT stopped FROM broadcasts WHERE group_id = $1 AND id = $2 FOR UPDATE"
	// goingQuery says whether something of a broadcast may leave if it is not stopped, and is leaving, and which goes on with it.
	goingQuery = `SELECT b.state = 'planning' OR (SELECT SUM(t.n) FROM tallies t WHERE t.group_id = b.group_id AND t.broadcast_id = b.id AND t.state = 'waiting') > 0 IS TRUE,
			(SELECT SUM(t.n) FROM tallies t WHERE t.group_id = b.group_id AND t.broadcast_id = b.id AND t.state = 'sending') > 0 IS TRUE,
			COALESCE((SELECT n.id FROM broadcasts n WHERE n.group_id = b.group_id AND n.key = b.key || '` + gateway.RestMark + `'), '00000000-0000-0000-0000-000000000000')
		FROM broadcasts b WHERE b.group_id = $1 AND b.id = $2`
	// succeedQuery has whoever corrects or goes on with the same edition wait.
	succeedQuery = "SELECT state = 'planned', stopped, replaced FROM broadcasts WHERE group_id = $1 AND id = $2 FOR UPDATE"
)

// replace stops broadcasts for good whose words are corrected.
func (t *txn) replace(group gateway.ID, broadcasts []gateway.ID) error {
	for _, id := range broadcasts {
		var found, stopped, going, leaving bool
		var rest gateway.ID
		if err := t.query(replacedQuery, []any{group, id}, func(r pgx.Rows) error {
			found = true
			return r.Scan(&stopped)
		}); err != nil {
			return err
		}
		if err := t.query(goingQuery, []any{group, id}, func(r pgx.Rows) error { return r.Scan(&going, &leaving, &rest) }); err != nil {
			return err
		}
		if err := row.Replace(found, stopped, going, leaving); err != nil {
			return err
		}
		if !rest.IsZero() && !slices.Contains(broadcasts, rest) {
			return gateway.ErrStale
		}
		if _, err := t.exec("UPDATE broadcasts SET stopped = true, replaced = true, state = 'planned' WHERE group_id = $1 AND id = $2", group, id); err != nil {
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
	err = s.do(ctx, false, func(t *txn) error {
		var found, planned, stopped, replaced bool
		if err := t.query(succeedQuery, []any{b.GroupID, b.Audience.Not}, func(r pgx.Rows) error {
			found = true
			return r.Scan(&planned, &stopped, &replaced)
		}); err != nil {
			return err
		}
		if err := row.Succeed(found, planned, stopped, replaced); err != nil {
			return err
		}
		answer.ID, err = t.submit(b, words, send.Fingerprint)
		answer.Created = answer.ID == b.ID
		return err
	})
	return answer, err
}

// BroadcastByKey finds a group's broadcast, without its words.
func (s *Store) BroadcastByKey(ctx context.Context, group gateway.ID, key string) (gateway.Broadcast, error) {
	found, err := s.listBroadcasts(ctx, false, "SELECT "+broadcastColumns+" WHERE group_id = $1 AND key = $2", group, key)
	return row.Only("broadcast", found, err)
}

var _ gateway.Corrections = (*Store)(nil)
