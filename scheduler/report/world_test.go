package report_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/scheduler/fetch"
	"github.com/carillon-gateway/carillon/scheduler/report"
)

// world is a group that makes a series, with a ledger of maps that keeps the rules of the real one, and a publisher that
// says nothing.
type world struct {
	*report.Desk
	t       *testing.T
	group   gateway.Group
	now     time.Time
	series  map[string]gateway.Series
	kept    []gateway.Edition
	told    []gateway.Telling
	rests   map[string]gateway.Broadcast // what went on after a correction, by its key
	between func()                       // once, before the next edition is written: what another hand does meanwhile

	tallies   []gateway.Tally // of every broadcast that is not in counted
	counted   map[gateway.ID][]gateway.Tally
	charges   []gateway.Charge
	state     gateway.BroadcastState
	expires   time.Time // of every broadcast
	schedules []gateway.Schedule
	runs      []gateway.Occurrence
	alerts    []gateway.AlertCase // the newest first
	events    map[gateway.ID][]gateway.AlertEvent

	answers map[string]fetch.Answer
	fails   error
	asked   []fetch.Version
	fetched func() // once, before a source answers
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: time.Date(2026, 3, 28, 9, 0, 0, 0, time.UTC), series: map[string]gateway.Series{}, state: gateway.Planned, answers: map[string]fetch.Answer{}, rests: map[string]gateway.Broadcast{},
		group: gateway.Group{ID: gateway.NewID(), Slug: "harbour", Name: "Harbour", Zone: "Europe/Berlin", Topics: []gateway.Topic{{Name: "reports"}}}}
	w.expires = w.now.Add(24 * time.Hour)
	w.Desk = report.NewDesk(w, w.publisher(), func() time.Time { return w.now })
	return w
}

func (w *world) PutSeries(_ context.Context, s gateway.Series) (gateway.Series, error) {
	if have, ok := w.series[s.Name]; s.ID.IsZero() && ok {
		return s, gateway.Faultf(gateway.CodeConflict, "taken")
	} else if ok && have.Revision != s.Revision {
		return s, gateway.ErrStale
	}
	if s.ID.IsZero() {
		s.ID = gateway.NewID()
	}
	s.Revision++
	w.series[s.Name] = s
	return s, nil
}

func (w *world) Series(_ context.Context, group gateway.ID, name string) (gateway.Series, error) {
	s, ok := w.series[name]
	if !ok || group != s.GroupID {
		return s, gateway.Faultf(gateway.CodeNotFound, "no such series")
	}
	s.Indicators = slices.Clone(s.Indicators)
	return s, nil
}

func (w *world) DueSeries(context.Context, int) (due []gateway.Series, err error) {
	for _, s := range w.series {
		if !s.Next.IsZero() && !s.Next.After(w.now) {
			s.Indicators = slices.Clone(s.Indicators)
			due = append(due, s)
		}
	}
	return due, nil
}

func (w *world) SeriesOf(context.Context, gateway.ID, gateway.ID, int) ([]gateway.Series, error) {
	return slices.Collect(maps.Values(w.series)), nil
}

func (w *world) PutEdition(_ context.Context, e gateway.Edition, send *gateway.ReadyBroadcast) (gateway.Edition, error) {
	if meanwhile := w.between; meanwhile != nil {
		w.between = nil
		meanwhile()
	}
	i := slices.IndexFunc(w.kept, func(k gateway.Edition) bool { return k.SeriesID == e.SeriesID && k.Number == e.Number })
	switch {
	case i < 0:
		e.ID = gateway.NewID()
		w.kept, i = append(w.kept, e), len(w.kept)
	case w.kept[i].Revision != e.Revision:
		return e, gateway.ErrStale
	case w.kept[i].State != e.State && !w.kept[i].State.CanStep(e.State):
		return e, gateway.Faultf(gateway.CodeConflict, "no such step")
	}
	e.Revision++
	if send != nil {
		e.BroadcastID = send.Broadcast.ID
	}
	w.kept[i] = e
	return e, nil
}

func (w *world) Editions(_ context.Context, group, series gateway.ID, before, limit int) (all []gateway.Edition, err error) {
	for _, e := range slices.Backward(w.kept) {
		if e.GroupID == group && e.SeriesID == series && (before == 0 || e.Number < before) && len(all) < limit {
			all = append(all, e)
		}
	}
	return all, nil
}

func (w *world) EditionByID(_ context.Context, id gateway.ID) (gateway.Edition, error) {
	if i := slices.IndexFunc(w.kept, func(e gateway.Edition) bool { return e.ID == id }); i >= 0 {
		return w.kept[i], nil
	}
	return gateway.Edition{}, gateway.ErrNotFound
}

func (w *world) SubmitRest(_ context.Context, send *gateway.ReadyBroadcast) (gateway.Submission, error) {
	if meanwhile := w.between; meanwhile != nil {
		w.between = nil
		meanwhile()
		return gateway.Submission{}, gateway.Faultf(gateway.CodeConflict, "no more: %w", gateway.ErrReplaced)
	}
	if have, ok := w.rests[send.Broadcast.Key]; ok {
		return gateway.Submission{ID: have.ID}, nil
	}
	w.rests[send.Broadcast.Key] = send.Broadcast
	return gateway.Submission{ID: send.Broadcast.ID, Created: true}, nil
}

func (w *world) BroadcastByKey(_ context.Context, _ gateway.ID, key string) (gateway.Broadcast, error) {
	if b, ok := w.rests[key]; ok {
		return b, nil
	}
	return gateway.Broadcast{}, gateway.ErrNotFound
}

func (w *world) Tallies(_ context.Context, _, broadcast gateway.ID) ([]gateway.Tally, error) {
	if tallies, ok := w.counted[broadcast]; ok {
		return tallies, nil
	}
	return w.tallies, nil
}

func (w *world) Charges(context.Context, gateway.ID, gateway.ID) ([]gateway.Charge, error) {
	return w.charges, nil
}

func (w *world) Broadcast(_ context.Context, _, id gateway.ID) (gateway.Broadcast, error) {
	b := gateway.Broadcast{ID: id, State: w.state, Author: "who sent it", ExpiresAt: w.expires}
	for i := range w.kept {
		if w.kept[i].BroadcastID == id {
			b.Key = w.kept[i].SendKey()
		}
	}
	for _, rest := range w.rests {
		if rest.ID == id {
			b.Key = rest.Key
		}
	}
	return b, nil
}

func (w *world) Schedules(context.Context, gateway.ID, gateway.ID, int) ([]gateway.Schedule, error) {
	return w.schedules, nil
}

func (w *world) Occurrences(_ context.Context, _, schedule, _ gateway.ID, _ int) (of []gateway.Occurrence, err error) {
	for _, o := range w.runs {
		if o.ScheduleID == schedule {
			of = append(of, o)
		}
	}
	return of, nil
}

func (w *world) Alerts(_ context.Context, group, before gateway.ID, limit int) (page []gateway.AlertCase, err error) {
	i := slices.IndexFunc(w.alerts, func(a gateway.AlertCase) bool { return a.ID == before }) + 1
	for _, a := range w.alerts[i:] {
		if a.GroupID == group && len(page) < limit {
			page = append(page, a)
		}
	}
	return page, nil
}

func (w *world) AlertEvents(_ context.Context, _, alert gateway.ID, after, limit int) (page []gateway.AlertEvent, err error) {
	for _, e := range w.events[alert] {
		if e.No > after && len(page) < limit {
			page = append(page, e)
		}
	}
	return page, nil
}

// Edition of the publisher: it makes ready what an edition sends.
type publisher struct{ *world }

func (w *world) publisher() publisher { return publisher{w} }

func (p publisher) Edition(_ context.Context, t gateway.Telling) (*gateway.ReadyBroadcast, error) {
	p.told = append(p.told, t)
	b := gateway.Broadcast{ID: gateway.NewID(), GroupID: t.Series.GroupID, Key: t.Edition.SendKey()}
	if !t.Rest.IsZero() {
		b.Key = t.Edition.RestKey()
	}
	return &gateway.ReadyBroadcast{Broadcast: b}, nil
}

func (publisher) Look() {}

// Get is the source of an indicator.
func (w *world) Get(_ context.Context, address string, known fetch.Version) (fetch.Answer, error) {
	w.asked = append(w.asked, known)
	if meanwhile := w.fetched; meanwhile != nil {
		w.fetched = nil
		meanwhile()
	}
	if w.fails != nil {
		return fetch.Answer{}, w.fails
	}
	a := w.answers[address]
	if known != (fetch.Version{}) && known == a.Version {
		return fetch.Answer{Unchanged: true, Version: known}, nil
	}
	return a, nil
}

func (w *world) ok(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) refused(err error, code gateway.Code) {
	w.t.Helper()
	var f *gateway.Fault
	if !errors.As(err, &f) || f.Code != code {
		w.t.Fatalf("%v, want the code %s", err, code)
	}
}

// make makes a series.
func (w *world) make(s gateway.Series) gateway.Series {
	w.t.Helper()
	s.Name, s.Title, s.Topic = "news", "News", "reports"
	done, _, err := w.Put(w.t.Context(), w.group, s)
	w.ok(err)
	return done
}

func hand(n byte) gateway.Hand {
	return gateway.Hand{Label: fmt.Sprint("hand ", n), Token: gateway.ID{15: n}}
}

// say contributes to the edition that is collecting, by the hand of a token.
func (w *world) say(group string, section gateway.Section, by byte, texts ...string) (int, gateway.Contribution) {
	w.t.Helper()
	number, kept, err := w.Contribute(w.t.Context(), w.group, "news", 0, said(group, section, by, texts...))
	w.ok(err)
	return number, kept
}

func said(group string, section gateway.Section, by byte, texts ...string) gateway.Contribution {
	c := gateway.Contribution{Group: group, Name: group, Section: section, Token: hand(by).Token, Author: hand(by).Label, Texts: map[string]string{}}
	for i := 0; i < len(texts); i += 2 {
		c.Texts[texts[i]] = texts[i+1]
	}
	return c
}

// written begins an edition with a summary and a word of progress, by hand 1.
func (w *world) written() int {
	w.t.Helper()
	w.say("harbour", gateway.SectionSummary, 1, "en", "A good week.")
	number, _ := w.say("harbour", gateway.SectionProgress, 1, "en", "The kitchen is open.")
	return number
}

// sent writes, freezes, approves and sends an edition.
func (w *world) sent() gateway.Edition {
	w.t.Helper()
	number := w.written()
	w.take(number, 1, w.Freeze)
	w.take(number, 2, w.Approve)
	return w.take(number, 1, w.Send)
}

func (w *world) take(number int, by byte, step func(context.Context, gateway.Group, string, int, gateway.Hand) (gateway.Edition, error)) gateway.Edition {
	w.t.Helper()
	e, err := step(w.t.Context(), w.group, "news", number, hand(by))
	w.ok(err)
	return e
}
