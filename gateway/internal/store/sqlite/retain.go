package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

const (
	overQuery     = "SELECT group_id, id FROM broadcasts WHERE words_sealed IS NOT NULL AND forget_at <= ? LIMIT ?"
	forgetAnswers = "DELETE FROM requests WHERE (token_id, key) IN (SELECT token_id, key FROM requests WHERE begun_at <= ? LIMIT ?)"
	overInbounds  = "SELECT group_id, id, members FROM inbounds WHERE text_sealed IS NOT NULL AND at <= ?1 AND (?2 IS NULL OR group_id = ?2) LIMIT ?3"
	forgetInbound = "UPDATE inbounds SET from_sealed = NULL, text_sealed = NULL, sealed_for = NULL, members = '[]', reply_to = '' WHERE group_id = ? AND id = ?"
)

// Retain deletes texts and answers whose time is over. Once there is no more of them, it empties the journal too, and
// sweeps the gaps if that is due.
func (s *Store) Retain(ctx context.Context, limit int) (int, error) {
	n, more := 0, false
	err := s.write.do(ctx, false, func(t *txn) (err error) {
		n, more, err = t.retain(limit)
		return err
	})
	if err != nil {
		return 0, err
	}
	if n > 0 {
		s.unscrubbed.Store(true)
	}
	if more || !s.unscrubbed.Load() {
		return n, nil
	}
	if swept := s.sweptAt.Load(); swept == 0 || s.micros()-swept >= sweepEvery.Microseconds() {
		if err := s.sweep(ctx); err != nil {
			return n, fmt.Errorf("sweeping traces of what was deleted: %w", err)
		}
	}
	s.scrub(ctx)
	return n, nil
}

// retain deletes at most limit rows of each kind; more says that there may be further ones.
func (t *txn) retain(limit int) (n int, more bool, err error) {
	var over [][2]gateway.ID
	if err := t.query(overQuery, []any{t.now, limit}, func(r *lite.Stmt) error {
		over = append(over, [2]gateway.ID{r.ColID(0), r.ColID(1)})
		return nil
	}); err != nil {
		return 0, false, err
	}
	for _, b := range over {
		if _, err := t.exec("UPDATE broadcasts SET words_sealed = NULL WHERE group_id = ? AND id = ?", b[0][:], b[1][:]); err != nil {
			return 0, false, err
		}
		deleted, err := t.exec("DELETE FROM renderings WHERE group_id = ? AND broadcast_id = ?", b[0][:], b[1][:])
		if err != nil {
			return 0, false, err
		}
		n += deleted + 1
	}
	answers, err := t.exec(forgetAnswers, t.now-keepAnswers.Microseconds(), limit)
	if err != nil {
		return 0, false, err
	}
	if _, err := t.exec(forgetDuties, t.now-keepDuties.Microseconds()); err != nil {
		return 0, false, err
	}
	events, err := t.exec(forgetEvents, t.now-gateway.KeepEvents.Microseconds(), limit)
	if err != nil {
		return 0, false, err
	}
	told, err := t.exec(forgetReminders, t.now-gateway.KeepReminded.Microseconds(), limit)
	if err != nil {
		return 0, false, err
	}
	guests, err := t.unanswered(limit)
	if err != nil {
		return 0, false, err
	}
	tries, err := t.exec(forgetTries, t.now, limit)
	if err != nil {
		return 0, false, err
	}
	runs, err := t.exec(forgetOutcomes, t.now-gateway.KeepOccurrences.Microseconds(), limit)
	if err != nil {
		return 0, false, err
	}
	links, err := t.exec(forgetLinks, t.now, limit)
	if err != nil {
		return 0, false, err
	}
	proving := gateway.IDAt(time.UnixMicro(t.now).Add(-gateway.ProvingLife))
	claims, err := t.exec(forgetProving, proving[:], limit)
	if err != nil {
		return 0, false, err
	}
	reports, err := t.exec(forgetReports, t.now-gateway.KeepAlertReports.Microseconds(), limit)
	if err != nil {
		return 0, false, err
	}
	drafts, err := t.exec(forgetDrafts, t.now, limit)
	if err != nil {
		return 0, false, err
	}
	released, err := t.exec(forgetReleases, t.now-gateway.KeepReleases.Microseconds(), limit)
	if err != nil {
		return 0, false, err
	}
	drills, err := t.exec(forgetDrills, t.now-gateway.KeepDrills.Microseconds(), limit)
	if err != nil {
		return 0, false, err
	}
	alerts, err := t.retainAlerts(limit)
	if err != nil {
		return 0, false, err
	}
	said, most, err := t.retainThreads(limit)
	return n + alerts + drills + reports + answers + events + told + guests + tries + runs + links + claims + drafts + released + said, max(len(over), alerts, drills, reports, answers, events, told, guests, tries, runs, links, claims, drafts, released, most) >= limit, err
}
