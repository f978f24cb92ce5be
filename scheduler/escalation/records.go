package escalation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// holds says whether an alert needs a second person: its policy says so, or the group's rule does. An exercise does not, nor what
// a member cries for.
func (d *Desk) holds(ctx context.Context, g gateway.Group, a *gateway.AlertCase, draft gateway.AlertDraft) (*gateway.AlertHold, error) {
	if a.Exercise || draft.Released {
		return nil, nil
	}
	hold := &gateway.AlertHold{For: g.Release.Waits(gateway.KindAlert)}
	if a.Policy.Release {
		hold.Why = fmt.Sprintf("its policy %q wants a second person", a.Policy.Name)
		return hold, nil
	}
	if !g.Release.May(gateway.KindAlert) {
		return nil, nil
	}
	offer, err := d.messenger.OfferAlert(ctx, a)
	if err != nil {
		return nil, err
	}
	if hold.Why = g.Release.Needs(gateway.KindAlert, offer.Members); hold.Why == "" {
		return nil, nil
	}
	return hold, nil
}

// Waiting reads an alert that waits for a second person, as she is asked about it.
func (d *Desk) Waiting(ctx context.Context, g gateway.Group, name string) (gateway.AlertWaiting, error) {
	a, err := d.Find(ctx, g.ID, name)
	if err != nil {
		return gateway.AlertWaiting{}, err
	}
	if a.State != gateway.AlertHeld || a.Hold == nil {
		return gateway.AlertWaiting{}, gateway.Faultf(gateway.CodeConflict, "alert %s is %s, so there is nothing to release", a.Reference, a.State)
	}
	offer, err := d.messenger.OfferAlert(ctx, &a)
	if err != nil {
		return gateway.AlertWaiting{}, err
	}
	w := gateway.AlertWaiting{Alert: a.View(), Need: gateway.ReleaseNeed{Why: a.Hold.Why, State: string(gateway.ReleaseWaiting), Until: a.ExpiresAt}, Members: offer.Members, Channels: offer.Channels, Hands: a.Hold.Hands}
	if w.Need.Digest, err = a.Digest(offer.Channels); err == nil && d.Approvers != nil {
		err = d.Approvers(ctx, g, a.Hold.Hands, &w.Need)
	}
	if err != nil {
		return w, err
	}
	w.Alert.Reads = d.BriefReads(ctx, g, a) // she can release it all the same
	return w, nil
}

// countTime is how long it is counted who reads an alert in which language where somebody waits: for the answer to an alert that
// has left, because counting takes from the same machine as sending, and for what she is about to release.
const countTime = 250 * time.Millisecond

// BriefReads is AlertReads within countTime. It is nil too where that is too short or something fails, which the log tells.
func (d *Desk) BriefReads(ctx context.Context, g gateway.Group, a gateway.AlertCase) *gateway.AlertReads {
	ctx, cancel := context.WithTimeout(ctx, countTime)
	defer cancel()
	r, err := d.AlertReads(ctx, g, a)
	if err != nil {
		d.Log.Warn("it is not counted who reads an alert in which language", "group", a.GroupID, "alert", a.ID, "error", err)
	}
	return r
}

// AlertReads counts in which languages those read an alert who are told of it at once, and those whom its policy asks first. It is
// counted as it would leave now, whether it has left or waits. Nil: nobody counts.
func (d *Desk) AlertReads(ctx context.Context, g gateway.Group, a gateway.AlertCase) (*gateway.AlertReads, error) {
	if d.Languages == nil {
		return nil, nil
	}
	zone, err := civil.Zone(g.Zone)
	if err != nil {
		return nil, fmt.Errorf("the group's zone: %w", err)
	}
	r := &gateway.AlertReads{Told: []gateway.PreviewLanguage{}, Asked: []gateway.PreviewLanguage{}}
	count := func(e gateway.AlertEffect) ([]gateway.PreviewLanguage, error) {
		audiences, err := d.audiences(ctx, &a, &e)
		if errors.Is(err, &gateway.Fault{Code: gateway.CodeNobody}) || err == nil && len(audiences) == 0 {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		return d.Languages(ctx, gateway.AlertMessage{Alert: a, Effect: e, Key: "count", Audience: audiences[0]})
	}
	if a.Audience.Topic != "" {
		if r.Told, err = count(gateway.AlertEffect{Kind: gateway.AlertTell}); err != nil {
			return nil, err
		}
	}
	first := slices.IndexFunc(a.Policy.Steps, func(s gateway.AlertStep) bool { return within(s.Hours, d.now(), zone) })
	if first < 0 {
		return r, nil
	}
	for _, target := range a.Policy.Steps[first].Targets {
		if target.Group != "" { // whom that group asks is its own
			continue
		}
		more, err := count(gateway.AlertEffect{Kind: gateway.AlertAsk, Target: target, Kinds: a.Policy.Steps[first].Kinds})
		if err != nil {
			return nil, err
		}
		r.Asked = together(r.Asked, more)
	}
	return r, nil
}

// together adds up counts of languages, the largest first.
func together(all, more []gateway.PreviewLanguage) []gateway.PreviewLanguage {
	for _, l := range more {
		i := slices.IndexFunc(all, func(have gateway.PreviewLanguage) bool { return have.Wants == l.Wants && have.Gets == l.Gets })
		if i < 0 {
			all = append(all, l)
			continue
		}
		all[i].Members += l.Members
	}
	slices.SortStableFunc(all, func(a, b gateway.PreviewLanguage) int { return b.Members - a.Members })
	return all
}

const (
	readAtOnce = 500   // rows
	mostNamed  = 1_000 // members whom one rule names
)

// pages calls for one page after the other until one is not full.
func pages[T any](read func(last *T) ([]T, error), each func(*T)) error {
	var last *T
	for {
		page, err := read(last)
		if err != nil {
			return err
		}
		for i := range page {
			each(&page[i])
		}
		if len(page) < readAtOnce {
			return nil
		}
		last = &page[len(page)-1]
	}
}

// roll finds whom an alert told, and those who said how they are although it is not known that it told them.
func (d *Desk) roll(ctx context.Context, a *gateway.AlertCase) (map[gateway.ID]*gateway.RollMember, error) {
	roll := map[gateway.ID]*gateway.RollMember{}
	told := gateway.Audience{Alert: &gateway.AlertTold{Alert: a.ID}}
	err := pages(func(last *gateway.Recipient) ([]gateway.Recipient, error) {
		after := gateway.ID{}
		if last != nil {
			after = last.Member
		}
		return d.Recipients(ctx, a.GroupID, told, after, readAtOnce)
	}, func(r *gateway.Recipient) { roll[r.Member] = &gateway.RollMember{ID: r.Member} })
	if err != nil {
		return nil, fmt.Errorf("read who was told: %w", err)
	}
	err = pages(func(last *gateway.AlertReport) ([]gateway.AlertReport, error) {
		after := gateway.ID{}
		if last != nil {
			after = last.MemberID
		}
		return d.AlertReports(ctx, a.GroupID, a.ID, after, readAtOnce)
	}, func(r *gateway.AlertReport) {
		roll[r.MemberID] = &gateway.RollMember{ID: r.MemberID, Answer: r.Answer, Shared: r.Shared, Way: r.Way, At: r.At}
	})
	if err != nil {
		return nil, fmt.Errorf("read who has answered: %w", err)
	}
	return roll, nil
}

// silent gives the rules for those who were told and have not said how they are, as many as one rule may name in each.
func (d *Desk) silent(ctx context.Context, a *gateway.AlertCase) (all []gateway.Audience, err error) {
	roll, err := d.roll(ctx, a)
	if err != nil {
		return nil, err
	}
	var ids []gateway.ID
	for id, m := range roll {
		if m.Answer == "" {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b gateway.ID) int { return slices.Compare(a[:], b[:]) })
	for some := range slices.Chunk(ids, mostNamed) {
		all = append(all, gateway.Audience{Members: some, Alert: &gateway.AlertTold{Alert: a.ID}})
	}
	if all == nil {
		err = gateway.Faultf(gateway.CodeNobody, "everybody who was told has said how she is")
	}
	return all, err
}

// RollCall says how those are whom an alert told, and those who said how they are although it is not known that it told them.
func (d *Desk) RollCall(ctx context.Context, group gateway.ID, name string) (gateway.RollCall, error) {
	a, err := d.Find(ctx, group, name)
	if err != nil {
		return gateway.RollCall{}, err
	}
	roll, err := d.roll(ctx, &a)
	if err != nil {
		return gateway.RollCall{}, err
	}
	all := make([]gateway.RollMember, 0, len(roll))
	err = pages(func(last *gateway.Member) ([]gateway.Member, error) {
		after := gateway.ID{}
		if last != nil {
			after = last.ID
		}
		return d.Members(ctx, group, after, readAtOnce)
	}, func(m *gateway.Member) {
		if her := roll[m.ID]; her != nil {
			her.Tags, her.Locale = m.Tags, m.Locale
			all = append(all, *her)
		}
	})
	if err != nil {
		return gateway.RollCall{}, fmt.Errorf("read roles: %w", err)
	}
	return gateway.NewRollCall(&a, all), nil
}

// Report drafts the report of an incident from what happened and what became of its messages.
func (d *Desk) Report(ctx context.Context, g gateway.Group, name string) (gateway.IncidentReport, error) {
	a, err := d.Find(ctx, g.ID, name)
	if err != nil {
		return gateway.IncidentReport{}, err
	}
	i := Incident{Alert: a, Channels: map[gateway.ID]string{}}
	if i.Zone, err = civil.Zone(g.Zone); err != nil {
		return gateway.IncidentReport{}, fmt.Errorf("the group's zone: %w", err)
	}
	err = pages(func(last *gateway.AlertEvent) ([]gateway.AlertEvent, error) {
		after := 0
		if last != nil {
			after = last.No
		}
		return d.AlertEvents(ctx, g.ID, a.ID, after, readAtOnce)
	}, func(e *gateway.AlertEvent) { i.Events = append(i.Events, *e) })
	if err != nil {
		return gateway.IncidentReport{}, fmt.Errorf("read what happened: %w", err)
	}
	sent, err := d.AlertBroadcasts(ctx, g.ID, a.ID)
	for n := 0; err == nil && n < len(sent); n++ {
		var some []gateway.Tally
		some, err = d.Tallies(ctx, g.ID, sent[n])
		i.Tallies = append(i.Tallies, some...)
	}
	if err != nil {
		return gateway.IncidentReport{}, fmt.Errorf("count its messages: %w", err)
	}
	channels, err := d.Channels(ctx)
	if err != nil {
		return gateway.IncidentReport{}, fmt.Errorf("read the names of channels: %w", err)
	}
	for _, c := range channels {
		i.Channels[c.ID] = c.Name
	}
	return gateway.IncidentReport{Alert: a.ID, Reference: a.Reference, Markdown: i.Draft()}, nil
}
