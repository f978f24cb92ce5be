package report

import (
	"context"
	"errors"
	"slices"

	"github.com/carillon-gateway/carillon/gateway"
)

// Correct begins a correction of an edition that was sent. It is written, frozen, approved and sent as an edition is.
func (d *Desk) Correct(ctx context.Context, g gateway.Group, series string, number int, _ gateway.Hand) (gateway.Edition, error) {
	s, e, err := d.Edition(ctx, g.ID, series, number)
	if err != nil {
		return e, err
	}
	if e.State != gateway.EditionSent || e.Corrects != 0 {
		return e, gateway.Faultf(gateway.CodeConflict, "edition %d is %s; what can be corrected is an edition that was sent and is no correction itself", number, e.State)
	}
	all, err := d.Editions(ctx, g.ID, s.ID, 0, 1)
	if err != nil {
		return e, err
	}
	e = fresh(s, all)
	e.Corrects = number
	return d.put(ctx, e, nil)
}

// corrections lists the corrections of an edition that were sent, the oldest first.
func (d *Desk) corrections(ctx context.Context, s gateway.Series, number int) (sent []gateway.Edition, err error) {
	for before := 0; ; {
		page, err := d.Editions(ctx, s.GroupID, s.ID, before, lookedAt)
		if err != nil {
			return nil, err
		}
		for i := range page {
			if page[i].Corrects == number && page[i].State == gateway.EditionSent {
				sent = append(sent, page[i])
			}
		}
		if len(page) < lookedAt || page[len(page)-1].Number <= number {
			slices.Reverse(sent)
			return sent, nil
		}
		before = page[len(page)-1].Number
	}
}

// retelling is a correction that was sent, and how its edition went on after it.
type retelling struct{ correction, rest gateway.ID } // broadcasts; rest is zero if it did not go on

// retold lists the retellings of an edition, the oldest first.
func (d *Desk) retold(ctx context.Context, s gateway.Series, number int) ([]retelling, error) {
	sent, err := d.corrections(ctx, s, number)
	if err != nil {
		return nil, err
	}
	all := make([]retelling, len(sent))
	for i := range sent {
		all[i].correction = sent[i].BroadcastID
		rest, err := d.BroadcastByKey(ctx, s.GroupID, sent[i].RestKey())
		if err != nil && !errors.Is(err, gateway.ErrNotFound) {
			return nil, err
		}
		all[i].rest = rest.ID
	}
	return all, nil
}

// tallied counts whom an edition has reached, and of how many: those whom a correction was for and those with whom it went
// on after that are all who were meant.
func (d *Desk) tallied(ctx context.Context, s gateway.Series, e gateway.Edition, again []retelling) (count, of int64, err error) {
	add := func(broadcast gateway.ID, reached, meant *int64) {
		var tallies []gateway.Tally
		if err == nil && !broadcast.IsZero() {
			tallies, err = d.Tallies(ctx, s.GroupID, broadcast)
		}
		for _, t := range tallies {
			if *meant += int64(t.Count); t.State == gateway.DeliveryAccepted || t.State == gateway.Delivered {
				*reached += int64(t.Count)
			}
		}
	}
	add(e.BroadcastID, &count, &of)
	for _, r := range again {
		if r.rest.IsZero() {
			continue
		}
		var corrected int64
		of = 0
		add(r.correction, &corrected, &of)
		add(r.rest, &count, &of)
	}
	return min(count, of), of, err // a receipt may say late that she had it who was told again since
}

// corrected gives the broadcasts that have told an edition so far: its own, those of its corrections, and those that went on
// with it. While some are still to get one of them, it must be stopped: they would get what is wrong after it was put right.
func (d *Desk) corrected(ctx context.Context, s gateway.Series, number int) ([]gateway.ID, error) {
	_, e, err := d.Edition(ctx, s.GroupID, s.Name, number)
	if err != nil {
		return nil, err
	}
	again, err := d.retold(ctx, s, number)
	if err != nil {
		return nil, err
	}
	told := []gateway.ID{e.BroadcastID}
	for _, r := range again {
		if told = append(told, r.correction); !r.rest.IsZero() {
			told = append(told, r.rest)
		}
	}
	for _, id := range told {
		b, err := d.Broadcast(ctx, s.GroupID, id)
		if err != nil {
			return nil, err
		}
		tallies, err := d.Tallies(ctx, s.GroupID, id)
		if err != nil {
			return nil, err
		}
		counts := func(state gateway.DeliveryState) bool {
			return slices.ContainsFunc(tallies, func(t gateway.Tally) bool { return t.State == state && t.Count > 0 })
		}
		switch {
		case b.State == gateway.Planning || b.State == gateway.Planned && counts(gateway.Waiting):
			return nil, gateway.Faultf(gateway.CodeConflict, "edition %d is still on its way to some; stop it (carillon broadcast stop %s), or send the correction when all have it", number, id)
		case counts(gateway.Sending): // it might come behind the correction
			return nil, gateway.Faultf(gateway.CodeConflict, "edition %d is being sent to somebody this moment; try again in a minute", number)
		}
	}
	return told, nil
}

// GoOn goes on with an edition that was stopped and then corrected, to whom the correction was not for: they get the edition
// with what the newest correction says in the place of its summary. It may be asked for by any of the edition's broadcasts.
// CodeConflict: it has gone on already, or it has expired, or it is not known yet whom the correction is for.
func (d *Desk) GoOn(ctx context.Context, g gateway.Group, broadcast gateway.ID) error {
	b, err := d.Broadcast(ctx, g.ID, broadcast)
	if err != nil {
		return err
	}
	id, _ := gateway.EditionOf(&b)
	e, err := d.EditionByID(ctx, id)
	if err == nil && e.GroupID != g.ID {
		err = gateway.ErrNotFound
	}
	if err != nil {
		return err
	}
	s, err := d.seriesOf(ctx, g.ID, e.SeriesID)
	if err != nil {
		return err
	}
	if e.Corrects != 0 {
		if _, e, err = d.Edition(ctx, g.ID, s.Name, e.Corrects); err != nil {
			return err
		}
	}
	for range tries { // another correction may be sent at the same time
		if err = d.goOn(ctx, g, s, e); !errors.Is(err, gateway.ErrReplaced) {
			return err
		}
	}
	return errBusy
}

func (d *Desk) goOn(ctx context.Context, g gateway.Group, s gateway.Series, e gateway.Edition) error {
	first, err := d.Broadcast(ctx, g.ID, e.BroadcastID)
	if err != nil {
		return err
	}
	if !first.ExpiresAt.After(d.now()) {
		return gateway.Faultf(gateway.CodeConflict, "edition %d has expired; nothing of it can leave any more", e.Number)
	}
	sent, err := d.corrections(ctx, s, e.Number)
	if err != nil {
		return err
	}
	if len(sent) == 0 {
		return gateway.ErrNotFound
	}
	newest := sent[len(sent)-1]
	told, err := d.Broadcast(ctx, g.ID, newest.BroadcastID)
	if err != nil {
		return err
	}
	t := gateway.Telling{Series: s, Edition: newest, LocalAt: first.LocalAt, By: told.Author, Rest: told.ID, Until: first.ExpiresAt}
	t.Edition.Number, t.Edition.Corrects, t.Edition.Figures = e.Number, 0, e.Figures
	t.Edition.Entries = slices.Concat(newest.Entries, slices.DeleteFunc(slices.Clone(e.Entries), func(c gateway.Contribution) bool { return c.Section == gateway.SectionSummary }))
	if t.Date, err = d.date(g, t.LocalAt); err != nil {
		return err
	}
	send, err := d.publisher.Edition(ctx, t)
	if err != nil {
		return err
	}
	done, err := d.SubmitRest(ctx, send)
	if err != nil {
		return err
	}
	if !done.Created {
		return gateway.Faultf(gateway.CodeConflict, "edition %d has gone on already, with its correction, as broadcast %s; what is to be done is to be done to that", e.Number, done.ID)
	}
	d.publisher.Look()
	return nil
}

// seriesOf finds one by its id.
func (d *Desk) seriesOf(ctx context.Context, group, id gateway.ID) (gateway.Series, error) {
	for after := (gateway.ID{}); ; {
		page, err := d.SeriesOf(ctx, group, after, lookedAt)
		if err != nil {
			return gateway.Series{}, err
		}
		for _, s := range page {
			if after = s.ID; s.ID == id {
				return s, nil
			}
		}
		if len(page) < lookedAt {
			return gateway.Series{}, gateway.ErrNotFound
		}
	}
}
