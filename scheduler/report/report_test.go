package report_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler/report"
)

// Two groups write. Nothing freezes before there is a summary and something beside it; then what is in it stays, with its
// figures, and what comes later goes into the next.
func TestWhatIsFrozenStays(t *testing.T) {
	w := newWorld(t)
	w.make(gateway.Series{Contributors: []string{"rivers"}, Indicators: []gateway.Indicator{meals()}})
	_, err := w.HandIn(t.Context(), w.group, "news", nil, []byte("day,meals\n2026-03-27,412\n"))
	w.ok(err)
	number, _ := w.say("rivers", gateway.SectionProgress, 3, "en", "Two boats more.")
	_, err = w.Freeze(t.Context(), w.group, "news", number, hand(1))
	w.refused(err, gateway.CodeConflict)
	w.say("harbour", gateway.SectionSummary, 1, "en", "A good week.")
	frozen := w.take(number, 1, w.Freeze)
	if i := frozen.Figures[0].Indicated; i == nil || i.Value != "412" || i.Date != "2026-03-27" || frozen.Figures[0].Source != "the kitchen" {
		t.Fatalf("its figures are %+v", frozen.Figures)
	}
	next, _ := w.say("rivers", gateway.SectionProgress, 3, "en", "Three boats more.")
	if next != number+1 {
		t.Errorf("what comes late goes into edition %d", next)
	}
	_, err = w.HandIn(t.Context(), w.group, "news", nil, []byte("day,meals\n2026-03-28,500\n"))
	w.ok(err)
	_, e, err := w.Desk.Edition(t.Context(), w.group.ID, "news", number)
	w.ok(err)
	if len(e.Entries) != 2 || e.Entries[0].Texts["en"] != "Two boats more." || e.Figures[0].Indicated.Value != "412" {
		t.Errorf("what was frozen has become %+v", e)
	}
	reopened := w.take(number, 1, w.Reopen)
	if reopened.Figures != nil || reopened.State != gateway.EditionCollecting {
		t.Errorf("an edition that is collecting again: %+v", reopened)
	}
	if again := w.take(number, 1, w.Freeze); again.Figures[0].Indicated.Value != "500" {
		t.Errorf("frozen again it tells %+v", again.Figures)
	}
}

// Frozen twice, one behind the other or at the same time, an edition is frozen once, with the figures of the first.
func TestFrozenTwice(t *testing.T) {
	w := newWorld(t)
	w.make(gateway.Series{Indicators: []gateway.Indicator{meals()}})
	_, err := w.HandIn(t.Context(), w.group, "news", nil, []byte("day,meals\n2026-03-27,412\n"))
	w.ok(err)
	number := w.written()
	var first gateway.Edition
	w.between = func() {
		first = w.take(number, 1, w.Freeze)
		_, err := w.HandIn(t.Context(), w.group, "news", nil, []byte("day,meals\n2026-03-28,500\n"))
		w.ok(err)
	}
	_, err = w.Freeze(t.Context(), w.group, "news", number, hand(2))
	w.refused(err, gateway.CodeConflict)
	_, err = w.Freeze(t.Context(), w.group, "news", number, hand(3))
	w.refused(err, gateway.CodeConflict)
	_, e, err := w.Desk.Edition(t.Context(), w.group.ID, "news", number)
	w.ok(err)
	if e.Revision != first.Revision || len(e.Steps) != 1 || e.Steps[0].Token != hand(1).Token || e.Figures[0].Indicated.Value != "412" {
		t.Errorf("after all it is %+v", e)
	}
}

// A contribution that meets the freezing goes into the next edition and not into the void.
func TestAContributionThatIsALittleLate(t *testing.T) {
	w := newWorld(t)
	w.make(gateway.Series{})
	number := w.written()
	w.between = func() { w.take(number, 1, w.Freeze) }
	late, kept := w.say("harbour", gateway.SectionLessons, 1, "en", "Count the chairs.")
	if late != number+1 || kept.Texts["en"] == "" {
		t.Errorf("it went into edition %d: %+v", late, kept)
	}
}

// Nobody approves what she wrote a part of, also a part that somebody else has amended since, or what she froze.
func TestWhoApproves(t *testing.T) {
	w := newWorld(t)
	w.make(gateway.Series{})
	number := w.written()
	w.say("harbour", gateway.SectionProgress, 4, "de", "Die Küche ist offen.") // beside what hand 1 wrote
	w.take(number, 2, w.Freeze)
	for _, by := range []byte{1, 2, 4} {
		_, err := w.Approve(t.Context(), w.group, "news", number, hand(by))
		w.refused(err, gateway.CodeForbidden)
	}
	_, err := w.Send(t.Context(), w.group, "news", number, hand(3))
	if w.refused(err, gateway.CodeConflict); !errors.Is(err, gateway.ErrUnapproved) || len(w.told) != 0 {
		t.Fatalf("an edition that nobody has approved: %v", err)
	}
	approved := w.take(number, 3, w.Approve)
	if last := approved.Steps[len(approved.Steps)-1]; last.Token != hand(3).Token || !last.At.Equal(w.now) {
		t.Errorf("its last step is %+v", last)
	}
	w.take(number, 1, w.Reopen)
	w.take(number, 2, w.Freeze)
	_, err = w.Send(t.Context(), w.group, "news", number, hand(3))
	w.refused(err, gateway.CodeConflict) // what was approved was another text
}

// A run sends what is approved, asks where a person must approve, and sends at once where the rule of the series is none.
func TestARunAndTheRuleOfItsSeries(t *testing.T) {
	w := newWorld(t)
	s := w.make(gateway.Series{})
	run := report.Run{Group: w.group, Series: "news", LocalAt: civil.At(2026, 3, 28, 9, 0, 0)}
	_, err := w.Ready(t.Context(), run)
	w.refused(err, gateway.CodeConflict)
	number := w.written()
	if _, err = w.Ready(t.Context(), run); !errors.Is(err, gateway.ErrUnapproved) {
		t.Fatalf("a run of an edition that nobody has approved: %v", err)
	}
	if w.kept[0].State != gateway.EditionFrozen {
		t.Errorf("it is %s: the run freezes it all the same", w.kept[0].State)
	}
	w.take(number, 2, w.Approve)
	send, err := w.Ready(t.Context(), run)
	w.ok(err)
	if send.Edition.State != gateway.EditionSent || w.told[0].LocalAt != run.LocalAt || w.told[0].Date != "2026-03-28" {
		t.Errorf("it sends %+v", w.told[0])
	}
	_, err = w.PutEdition(t.Context(), *send.Edition, send)
	w.ok(err)

	w.make(gateway.Series{ID: s.ID, Approve: gateway.ApproveNone})
	w.written()
	send, err = w.Ready(t.Context(), run)
	w.ok(err)
	if steps := send.Edition.Steps; len(steps) != 3 || steps[1].By != "the rule of the series" || !steps[1].Token.IsZero() {
		t.Errorf("its steps are %+v", steps)
	}
}

// A correction has a summary only, goes to those who had the first, and leaves when nobody waits for that any more. A run
// never sends one.
func TestACorrection(t *testing.T) {
	w := newWorld(t)
	w.make(gateway.Series{})
	first := w.sent()
	_, err := w.Correct(t.Context(), w.group, "news", first.Number+1, hand(1))
	w.refused(err, gateway.CodeNotFound)
	c := w.take(first.Number, 1, w.Correct)
	_, _, err = w.Contribute(t.Context(), w.group, "news", c.Number, said("harbour", gateway.SectionProgress, 1, "en", "Not at all."))
	w.refused(err, gateway.CodeInvalid)
	_, _, err = w.Contribute(t.Context(), w.group, "news", first.Number, said("harbour", gateway.SectionSummary, 1, "en", "Not at all."))
	w.refused(err, gateway.CodeConflict)
	if number := w.written(); number == c.Number {
		t.Fatal("what is said for the next edition went into the correction")
	}
	_, _, err = w.Contribute(t.Context(), w.group, "news", c.Number, said("harbour", gateway.SectionSummary, 1, "en", "It was a bad week."))
	w.ok(err)
	if e := w.take(c.Number, 1, w.Freeze); e.Figures != nil {
		t.Errorf("a correction tells %+v", e.Figures)
	}
	_, err = w.Approve(t.Context(), w.group, "news", c.Number, hand(1))
	w.refused(err, gateway.CodeForbidden)
	w.take(c.Number, 2, w.Approve)
	_, err = w.Correct(t.Context(), w.group, "news", c.Number, hand(1))
	w.refused(err, gateway.CodeConflict)

	w.tallies = []gateway.Tally{{State: gateway.Delivered, Count: 3}, {State: gateway.Waiting, Count: 1}}
	_, err = w.Send(t.Context(), w.group, "news", c.Number, hand(1))
	w.refused(err, gateway.CodeConflict)
	w.tallies[1].State = gateway.Sending // it may be refused, and what is wrong would come behind what is right
	_, err = w.Send(t.Context(), w.group, "news", c.Number, hand(1))
	w.refused(err, gateway.CodeConflict)
	w.state = gateway.Stopped
	_, err = w.Send(t.Context(), w.group, "news", c.Number, hand(1))
	w.refused(err, gateway.CodeConflict)
	w.tallies[1].State = gateway.Waiting // as long as it is stopped, these do not get it
	w.take(c.Number, 1, w.Send)
	if told := w.told[len(w.told)-1]; !slices.Equal(told.Corrected, []gateway.ID{first.BroadcastID}) || told.Edition.Corrects != first.Number {
		t.Errorf("it is told to those who had %s: %+v", first.BroadcastID, told)
	}
	if _, err := w.Ready(t.Context(), report.Run{Group: w.group, Series: "news"}); !errors.Is(err, gateway.ErrUnapproved) {
		t.Errorf("a run beside a correction: %v", err)
	}
}

// Each stands under the name that she chose; who wants none has none. Nobody speaks for another group, and in the summary
// only the one that makes the series.
func TestCredit(t *testing.T) {
	w := newWorld(t)
	w.make(gateway.Series{Contributors: []string{"rivers"}})
	for _, c := range []struct {
		credit gateway.Credit
		name   string
		want   string
	}{{"", "Rivers", "Rivers"}, {gateway.CreditName, "Achieng", "Achieng"}, {gateway.CreditAnonymous, "Achieng", ""}} {
		one := said("rivers", gateway.SectionObjections, 3, "en", "Too few chairs.")
		one.Credit, one.Name = c.credit, c.name
		_, kept, err := w.Contribute(t.Context(), w.group, "news", 0, one)
		w.ok(err)
		if kept.Name != c.want || kept.Group != "rivers" {
			t.Errorf("credit %q: %+v", c.credit, kept)
		}
	}
	nameless := said("rivers", gateway.SectionObjections, 3, "en", "Too few chairs.")
	nameless.Credit, nameless.Name = gateway.CreditName, ""
	_, _, err := w.Contribute(t.Context(), w.group, "news", 0, nameless)
	w.refused(err, gateway.CodeInvalid)
	_, _, err = w.Contribute(t.Context(), w.group, "news", 0, said("hills", gateway.SectionProgress, 5, "en", "Hello."))
	w.refused(err, gateway.CodeNotFound)
	_, _, err = w.Contribute(t.Context(), w.group, "news", 0, said("rivers", gateway.SectionSummary, 3, "en", "All is lost."))
	w.refused(err, gateway.CodeInvalid)
}

// A group that says nothing is not in the edition at all, whether it never spoke or took back what it had said; and what is
// written in one language only is told as missing in the others.
func TestSilenceAndMissingLanguages(t *testing.T) {
	w := newWorld(t)
	w.make(gateway.Series{Contributors: []string{"rivers", "hills"}})
	number := w.written()
	w.say("rivers", gateway.SectionLessons, 3, "sw", "Hesabu viti.", "en", "Count the chairs.")
	w.say("rivers", gateway.SectionProgress, 3, "sw", "Mashua mbili.")
	w.say("rivers", gateway.SectionProgress, 3, "sw", "")
	e := w.take(number, 1, w.Freeze)
	for _, c := range e.Entries {
		if c.Group == "hills" || c.Group == "rivers" && c.Section == gateway.SectionProgress {
			t.Errorf("of a group that says nothing there stands %+v", c)
		}
	}
	view := e.View()
	if !slices.Equal(view.Locales, []string{"en", "sw"}) || len(view.Missing) != 2 {
		t.Fatalf("it is in %v, and lacks %+v", view.Locales, view.Missing)
	}
	for _, m := range view.Missing {
		if m.Group != "harbour" || !slices.Equal(m.Locales, []string{"sw"}) {
			t.Errorf("missing is %+v", m)
		}
	}
}

// The figures: whom the edition before reached, what that cost, and how many of the runs that were meant to happen were on
// time.
func TestFiguresOfTheLedger(t *testing.T) {
	w := newWorld(t)
	w.make(gateway.Series{})
	first := w.sent()
	w.tallies = []gateway.Tally{{State: gateway.Delivered, Count: 3}, {State: gateway.DeliveryAccepted, Count: 1}, {State: gateway.Ended, Count: 2}}
	w.charges = []gateway.Charge{{Segments: 4, Amount: &gateway.Money{Currency: "EUR", Micros: 300_000}}, {Segments: 2}}
	sends := gateway.Schedule{ID: gateway.NewID(), GroupID: w.group.ID, Action: gateway.Action{Kind: gateway.ActEdition, Series: "news"}}
	other := gateway.Schedule{ID: gateway.NewID(), GroupID: w.group.ID, Action: gateway.Action{Kind: gateway.ActEdition, Series: "others"}}
	w.schedules = []gateway.Schedule{sends, other}
	ran := func(s gateway.Schedule, ago time.Duration, state gateway.OccurrenceState, reason gateway.RunReason) {
		at := w.now.Add(-ago)
		w.runs = append(w.runs, gateway.Occurrence{ID: gateway.NewID(), ScheduleID: s.ID, At: at, RecordedAt: at, State: state, Reason: reason})
	}
	const day = 24 * time.Hour
	ran(other, day, gateway.OccurrenceFailed, gateway.RunFault)
	ran(sends, 7*day, gateway.OccurrenceFired, "")
	ran(sends, 14*day, gateway.OccurrenceFired, gateway.RunLate)
	ran(sends, 21*day, gateway.OccurrenceFired, gateway.RunByHand)
	ran(sends, 28*day, gateway.OccurrenceSkipped, gateway.RunHoliday)
	ran(sends, 35*day, gateway.OccurrenceFailed, gateway.RunFault)
	ran(sends, 200*day, gateway.OccurrenceFired, "")
	number := w.written()
	got := map[gateway.FigureKind]gateway.Figure{}
	for _, f := range w.take(number, 1, w.Freeze).Figures {
		got[f.Kind] = f
		if f.Source == "" || !f.At.Equal(w.now) {
			t.Errorf("a figure without a source or a time: %+v", f)
		}
	}
	if f := got[gateway.FigureReach]; f.Count != 4 || f.Of != 6 || f.Edition != first.Number {
		t.Errorf("reach: %+v", f)
	}
	if f := got[gateway.FigureCost]; len(f.Money) != 1 || f.Money[0].Micros != 300_000 {
		t.Errorf("cost: %+v", f)
	}
	if f := got[gateway.FigureUnpriced]; f.Count != 2 || f.Of != 6 {
		t.Errorf("unpriced: %+v", f)
	}
	if f := got[gateway.FigureOnTime]; f.Count != 1 || f.Of != 4 {
		t.Errorf("on time: %+v", f)
	}
}
