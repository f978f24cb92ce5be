package agenda

import (
	"context"
	"errors"

	"github.com/carillon-gateway/carillon/gateway"
)

// Mark keeps something back of an event of a calendar, or of a series, from now on: whatever is read of the calendar later. It
// takes the place of the mark that was there; one that keeps nothing back takes it away. It returns how many of the events that are
// to come are meant. CodeNotFound: there is none.
func (a *Agenda) Mark(ctx context.Context, group gateway.ID, name string, mark gateway.EventMark) (int, error) {
	if err := mark.Check(); err != nil {
		return 0, err
	}
	for {
		n, err := a.mark(ctx, group, name, mark)
		if !errors.Is(err, gateway.ErrStale) {
			return n, err
		}
	}
}

func (a *Agenda) mark(ctx context.Context, group gateway.ID, name string, mark gateway.EventMark) (int, error) {
	c, err := a.find(ctx, group, name)
	if err != nil {
		return 0, err
	}
	now := a.Now().UTC()
	kept, err := a.Ledger.Events(ctx, group, c.ID, now, 0)
	if err != nil {
		return 0, err
	}
	r := gateway.Reading{Group: group, Calendar: c.ID, Edition: c.Edition, Fresh: c.Fresh}
	if r.Marks, err = gateway.PutMark(c.Marks, mark); err != nil {
		return 0, err
	}
	meant := 0
	for i := range kept {
		was := &kept[i]
		if was.UID != mark.UID || mark.Instance != "" && was.Instance != mark.Instance {
			continue
		}
		meant++
		e := was.Marked(r.Marks)
		if e.Sensitive != was.Sensitive || !e.PlaceFrom.Equal(was.PlaceFrom) {
			e.Revision, e.Changed = was.Revision+1, now
			r.Events = append(r.Events, gateway.EventUpdate{Event: e, Before: was})
		}
	}
	if meant == 0 {
		return 0, gateway.Faultf(gateway.CodeNotFound, "nothing that is to come in the calendar has this uid and instance; calendar show lists them")
	}
	return meant, a.Ledger.SaveReading(ctx, r)
}
