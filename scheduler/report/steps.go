package report

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// step takes one step of an edition that needs nothing else.
func (d *Desk) step(ctx context.Context, e gateway.Edition, to gateway.EditionState, who gateway.Hand) (gateway.Edition, error) {
	if err := e.Step(gateway.EditionStep{To: to, At: d.now().UTC(), By: who.Label, Token: who.Token}); err != nil {
		return e, err
	}
	return d.put(ctx, e, nil)
}

// Freeze ends the collecting for an edition, and writes its figures into it.
func (d *Desk) Freeze(ctx context.Context, g gateway.Group, series string, number int, who gateway.Hand) (gateway.Edition, error) {
	s, e, err := d.Edition(ctx, g.ID, series, number)
	if err != nil {
		return e, err
	}
	return d.freeze(ctx, s, e, who)
}

func (d *Desk) freeze(ctx context.Context, s gateway.Series, e gateway.Edition, who gateway.Hand) (gateway.Edition, error) {
	summary := func(c gateway.Contribution) bool { return c.Section == gateway.SectionSummary }
	if !slices.ContainsFunc(e.Entries, summary) {
		return e, gateway.Faultf(gateway.CodeConflict, "edition %d has no summary, which is all that a text message has room for; write it with report contribute --section summary", e.Number)
	}
	if e.Corrects != 0 {
		return d.step(ctx, e, gateway.EditionFrozen, who)
	}
	if !slices.ContainsFunc(e.Entries, func(c gateway.Contribution) bool { return !summary(c) }) {
		return e, gateway.Faultf(gateway.CodeConflict, "nobody has contributed to edition %d; there is nothing to tell", e.Number)
	}
	var err error
	if e.Figures, err = d.figures(ctx, s, e.Number); err != nil {
		return e, err
	}
	return d.step(ctx, e, gateway.EditionFrozen, who)
}

// Reopen lets groups go on with an edition that was frozen and not sent.
func (d *Desk) Reopen(ctx context.Context, g gateway.Group, series string, number int, who gateway.Hand) (gateway.Edition, error) {
	_, e, err := d.Edition(ctx, g.ID, series, number)
	if err != nil {
		return e, err
	}
	e.Figures = nil
	return d.step(ctx, e, gateway.EditionCollecting, who)
}

// Approve says that an edition may be sent. Whoever wrote a part of it or froze it cannot: CodeForbidden.
func (d *Desk) Approve(ctx context.Context, g gateway.Group, series string, number int, who gateway.Hand) (gateway.Edition, error) {
	_, e, err := d.Edition(ctx, g.ID, series, number)
	if err != nil {
		return e, err
	}
	wrote := slices.ContainsFunc(e.Entries, func(c gateway.Contribution) bool {
		return c.WrittenBy(who.Token) || who.SamePerson(gateway.Hand{Label: c.Author, Token: c.Token})
	})
	froze := false
	if n := len(e.Steps); n > 0 {
		froze = who.SamePerson(gateway.Hand{Label: e.Steps[n-1].By, Token: e.Steps[n-1].Token})
	}
	if wrote || froze {
		return e, gateway.Faultf(gateway.CodeForbidden, "whoever wrote a part of an edition or froze it does not approve it; ask another approver of the group")
	}
	return d.step(ctx, e, gateway.EditionApproved, who)
}

// Withdraw takes an edition away that was not sent. It stays in the archive.
func (d *Desk) Withdraw(ctx context.Context, g gateway.Group, series string, number int, who gateway.Hand) (gateway.Edition, error) {
	_, e, err := d.Edition(ctx, g.ID, series, number)
	if err != nil {
		return e, err
	}
	return d.step(ctx, e, gateway.EditionWithdrawn, who)
}

// Send sends an edition now. It must be approved, or frozen where the series' rule is none.
func (d *Desk) Send(ctx context.Context, g gateway.Group, series string, number int, who gateway.Hand) (gateway.Edition, error) {
	s, e, err := d.Edition(ctx, g.ID, series, number)
	if err != nil {
		return e, err
	}
	send, err := d.ready(ctx, g, s, e, gateway.Telling{}, who)
	if err != nil {
		return e, err
	}
	if e, err = d.put(ctx, *send.Edition, send); err == nil {
		d.publisher.Look()
	}
	return e, err
}

// Run is a run of a schedule that sends an edition.
type Run struct {
	Group   gateway.Group
	Series  string
	LocalAt civil.Wall
	LateFor time.Duration
	By      string // empty: the schedule
	Trial   bool   // look whether there is such a series, and no more
}

// Ready freezes the edition whose turn it is, if nobody has, and makes ready what it sends: the oldest that is frozen or
// approved, or else the one that is collecting. The cause of its fault is ErrUnapproved if a person must approve it first.
func (d *Desk) Ready(ctx context.Context, r Run) (send *gateway.ReadyBroadcast, err error) {
	for range tries { // another scheduler may freeze it at the same time
		if send, err = d.turn(ctx, r); !errors.Is(err, gateway.ErrStale) {
			return send, err
		}
	}
	return nil, errBusy
}

func (d *Desk) turn(ctx context.Context, r Run) (*gateway.ReadyBroadcast, error) {
	s, err := d.Series(ctx, r.Group.ID, r.Series)
	if err != nil || r.Trial {
		return nil, err
	}
	all, err := d.Editions(ctx, s.GroupID, s.ID, 0, lookedAt)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(e gateway.Edition) bool { return e.Corrects != 0 }) // these are sent by hand
	at := -1
	for i, e := range all { // the newest first
		if e.State == gateway.EditionFrozen || e.State == gateway.EditionApproved {
			at = i
		}
	}
	for i, e := range all {
		if at < 0 && e.State == gateway.EditionCollecting {
			at = i
		}
	}
	if at < 0 {
		return nil, gateway.Faultf(gateway.CodeConflict, "no edition of the series %s is to be sent; contribute to it, then run this or leave it out", s.Name)
	}
	e, who := all[at], gateway.Hand{Label: "schedule"}
	if r.By != "" {
		who.Label = r.By
	}
	if e.State == gateway.EditionCollecting {
		if e, err = d.freeze(ctx, s, e, who); err != nil {
			return nil, err
		}
	}
	return d.ready(ctx, r.Group, s, e, gateway.Telling{LocalAt: r.LocalAt, LateFor: r.LateFor}, who)
}

// ready makes ready what an edition sends, with its last step.
func (d *Desk) ready(ctx context.Context, g gateway.Group, s gateway.Series, e gateway.Edition, t gateway.Telling, who gateway.Hand) (*gateway.ReadyBroadcast, error) {
	t.Series, t.Edition, t.By = s, e, who.Label
	if e.Corrects != 0 {
		var err error
		if t.Corrected, err = d.corrected(ctx, s, e.Corrects); err != nil {
			return nil, err
		}
	}
	var err error
	if t.Date, err = d.date(g, t.LocalAt); err != nil {
		return nil, err
	}
	if e.State == gateway.EditionFrozen {
		if s.Approve != gateway.ApproveNone {
			return nil, gateway.Faultf(gateway.CodeConflict, "edition %d of %s is frozen and %w; approve it first", e.Number, s.Name, gateway.ErrUnapproved)
		}
		if _, err := d.publisher.Edition(ctx, t); err != nil { // the group's rule may want a person all the same
			return nil, err
		}
		var err error
		if e, err = d.step(ctx, e, gateway.EditionApproved, gateway.Hand{Label: "the rule of the series"}); err != nil {
			return nil, err
		}
	}
	if err := e.Step(gateway.EditionStep{To: gateway.EditionSent, At: d.now().UTC(), By: who.Label, Token: who.Token}); err != nil {
		return nil, err
	}
	t.Edition = e
	send, err := d.publisher.Edition(ctx, t)
	if err != nil {
		return nil, err
	}
	send.Edition = &e
	return send, nil
}

// figures tells of the edition that was sent before, as the ledger knows it now, of runs, of alerts and of indicators.
func (d *Desk) figures(ctx context.Context, s gateway.Series, number int) ([]gateway.Figure, error) {
	all, err := d.Editions(ctx, s.GroupID, s.ID, number, lookedAt)
	if err != nil {
		return nil, err
	}
	others, err := d.onTime(ctx, s)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(e gateway.Edition) bool { return !e.BroadcastID.IsZero() && e.Corrects == 0 })
	var before *gateway.Edition
	if i >= 0 {
		before = &all[i]
	}
	alerts, err := d.answered(ctx, s.GroupID, before)
	if err != nil {
		return nil, err
	}
	others = append(append(others, alerts...), indicated(&s, d.now().UTC())...)
	if before == nil {
		return others, nil
	}
	again, err := d.retold(ctx, s, before.Number)
	if err != nil {
		return nil, err
	}
	charges, err := d.Charges(ctx, s.GroupID, before.BroadcastID)
	for i := 0; err == nil && i < len(again); i++ {
		if rest := again[i].rest; !rest.IsZero() {
			var more []gateway.Charge
			more, err = d.Charges(ctx, s.GroupID, rest)
			charges = append(charges, more...)
		}
	}
	if err != nil {
		return nil, err
	}
	figure := gateway.Figure{Kind: gateway.FigureReach, Edition: before.Number, Source: "Carillon's ledger, broadcast " + before.BroadcastID.String(), At: d.now().UTC()}
	if figure.Count, figure.Of, err = d.tallied(ctx, s, *before, again); err != nil {
		return nil, err
	}
	figures := []gateway.Figure{figure}
	total := gateway.TotalOf(charges)
	figure.Of = total.Segments
	if figure.Kind, figure.Count, figure.Money = gateway.FigureCost, 0, total.Amounts; len(total.Amounts) > 0 {
		figures = append(figures, figure)
	}
	if figure.Kind, figure.Count, figure.Money = gateway.FigureUnpriced, total.Unpriced, nil; total.Unpriced > 0 {
		figures = append(figures, figure)
	}
	return append(figures, others...), nil
}
