package agenda

import (
	"context"
	"fmt"
	"slices"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler/calendar"
)

// turns adds the turns of a rota: a member's own, or all with the gaps between them. Nobody is named: programs fetch feeds over
// providers that must not learn who is on duty.
func (a *Agenda) turns(ctx context.Context, f gateway.Feed, p *publication) error {
	tables, err := a.Rotas.Tables(ctx, f.GroupID, p.now.Add(-behind), p.now.Add(ahead))
	if err != nil {
		return err
	}
	i := slices.IndexFunc(tables, func(t gateway.RotaTable) bool { return t.Rota.ID == f.RotaID })
	if i < 0 {
		return fmt.Errorf("the rota of a feed: %w", gateway.ErrNotFound)
	}
	r, loc := &tables[i].Rota, p.zone(tables[i].Rota.Zone)
	for _, t := range tables[i].Turns {
		if p.hers && t.Member != f.MemberID {
			continue
		}
		what := p.words.Duty
		if t.Member.IsZero() {
			what = p.words.Nobody
		}
		what = r.Shown() + ": " + what
		if p.neutral {
			what = p.words.Event
		}
		p.out.Entries = append(p.out.Entries, calendar.Entry{UID: fmt.Sprintf("%s-%d", r.ID, t.From.Unix()), Start: calendar.Time{Moment: civil.Of(t.From, loc)}, End: calendar.Time{Moment: civil.Of(t.To, loc)}, Zone: loc,
			Status: "CONFIRMED", Sequence: r.Revision, Changed: r.ChangedAt, Summary: what})
	}
	return nil
}
