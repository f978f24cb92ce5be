package inbound

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// lateAnswer is how long behind the end of an alert an answer without a number is taken for one to it.
const lateAnswer = 24 * time.Hour

// lately says whether an alert is over, or its time is up, since not long ago.
func (v *visit) lately(a gateway.AlertCase) bool {
	ended := a.EndedAt
	if a.State == gateway.AlertExpired {
		ended = a.ExpiresAt
	}
	return !a.State.Open() && v.Now().Sub(ended) < lateAnswer
}

// asked lists the alerts that ask her to take charge. Where none does, it is the newest that did and has ended lately: whoever is
// late must hear that it is over.
func (v *visit) asked(ctx context.Context, k known) ([]gateway.AlertCase, error) {
	all, err := v.Alerts.Acknowledger.Asked(ctx, k.group.ID, k.ids)
	if err != nil {
		return nil, fmt.Errorf("find what she was asked: %w", err)
	}
	open := slices.DeleteFunc(slices.Clone(all), func(a gateway.AlertCase) bool { return !a.State.Open() })
	if len(open) > 0 {
		return open, nil
	}
	if i := slices.IndexFunc(all, v.lately); i >= 0 {
		return all[i : i+1], nil
	}
	return nil, nil
}

// askedHere is asked, for an answer that names no alert. At an address that may be another's by now nobody is taken for her by a word
// that anybody may say: whoever names the alert has read its message.
func (v *visit) askedHere(ctx context.Context, k known) ([]gateway.AlertCase, error) {
	asked, err := v.asked(ctx, k)
	if err != nil || len(asked) == 0 {
		return nil, err
	}
	if k, err = v.membersOf(ctx, k); err != nil {
		return nil, fmt.Errorf("read who wrote: %w", err)
	}
	if !slices.ContainsFunc(k.members, func(m gateway.Member) bool { p, ok := v.point(m); return !ok || p.State != gateway.PointStale }) {
		return nil, nil
	}
	return asked, nil
}

// meansAlert says whether an answer that names no alert can be to one of theirs. Otherwise it is what anybody may say at any time,
// and people read it.
func (v *visit) meansAlert(ctx context.Context, owners []known, r *reply) (bool, error) {
	if r.number != "" || !r.alert.IsZero() || r.AlertAnswer == gateway.AnswerHelp {
		return true, nil
	}
	for _, k := range owners {
		if r.AlertAnswer == gateway.AnswerTake {
			asked, err := v.askedHere(ctx, k)
			if err != nil || len(asked) > 0 {
				return err == nil, err
			}
			continue
		}
		if _, err := v.reported(ctx, k, *r); !errors.Is(err, gateway.ErrNotFound) {
			return err == nil, err
		}
	}
	return false, nil
}
