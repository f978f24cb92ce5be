package report_test

import (
	"slices"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// correct sends a correction of an edition.
func (w *world) correct(number int, text string) gateway.Edition {
	w.t.Helper()
	c := w.take(number, 1, w.Correct)
	_, _, err := w.Contribute(w.t.Context(), w.group, "news", c.Number, said("harbour", gateway.SectionSummary, 1, "en", text))
	w.ok(err)
	w.take(c.Number, 1, w.Freeze)
	w.take(c.Number, 2, w.Approve)
	return w.take(c.Number, 1, w.Send)
}

// An edition that was stopped and corrected goes on with what the correction says in the place of its summary, once, by
// whichever of its broadcasts it is asked for. Another correction goes to whoever had any of them, and it goes on again.
func TestGoingOnAfterACorrection(t *testing.T) {
	w := newWorld(t)
	w.make(gateway.Series{})
	first := w.sent()
	w.state = gateway.Stopped
	w.refused(w.GoOn(t.Context(), w.group, first.BroadcastID), gateway.CodeNotFound) // nothing was corrected
	one := w.correct(first.Number, "It was a bad week.")
	other := w.group
	other.ID = gateway.NewID()
	w.refused(w.GoOn(t.Context(), other, first.BroadcastID), gateway.CodeNotFound)
	w.ok(w.GoOn(t.Context(), w.group, first.BroadcastID))
	told := w.told[len(w.told)-1]
	if told.Rest != one.BroadcastID || told.Corrected != nil || !told.Until.Equal(w.expires) || told.By != "who sent it" {
		t.Errorf("it is told as %+v", told)
	}
	e := told.Edition
	if e.Number != first.Number || e.Corrects != 0 || !e.ApprovedByPerson() || len(e.Entries) != 2 || e.Entries[0].Texts["en"] != "It was a bad week." || e.Entries[1].Texts["en"] != "The kitchen is open." || len(e.Figures) != len(first.Figures) {
		t.Errorf("it says %+v", e)
	}
	w.refused(w.GoOn(t.Context(), w.group, one.BroadcastID), gateway.CodeConflict)

	rest := w.rests[one.RestKey()].ID
	two := w.correct(first.Number, "It was a fair week.")
	if got := w.told[len(w.told)-1].Corrected; !slices.Equal(got, []gateway.ID{first.BroadcastID, one.BroadcastID, rest}) {
		t.Errorf("the second correction is for who had %v", got)
	}
	w.between = func() { two = w.correct(first.Number, "It was a week.") } // while it is about to go on
	w.ok(w.GoOn(t.Context(), w.group, rest))
	if got := w.told[len(w.told)-1]; got.Rest != two.BroadcastID || got.Edition.Entries[0].Texts["en"] != "It was a week." {
		t.Errorf("it goes on with %+v", got)
	}

	w.now = w.expires.Add(time.Second)
	w.refused(w.GoOn(t.Context(), w.group, first.BroadcastID), gateway.CodeConflict)
}

// Whom an edition has reached that went on after a correction: who had it, and who got it corrected, of all who were meant.
func TestReachOfACorrectedEdition(t *testing.T) {
	w := newWorld(t)
	w.make(gateway.Series{})
	first := w.sent()
	w.state = gateway.Stopped
	one := w.correct(first.Number, "It was a bad week.")
	w.ok(w.GoOn(t.Context(), w.group, first.BroadcastID))
	w.counted = map[gateway.ID][]gateway.Tally{
		first.BroadcastID:         {{State: gateway.Delivered, Count: 3}, {State: gateway.Ended, Reason: gateway.ReasonReplaced, Count: 2}},
		one.BroadcastID:           {{State: gateway.DeliveryAccepted, Count: 3}},
		w.rests[one.RestKey()].ID: {{State: gateway.Delivered, Count: 1}, {State: gateway.Ended, Reason: gateway.ReasonFailed, Count: 1}},
	}
	next := w.take(w.written(), 1, w.Freeze)
	if f := next.Figures[0]; f.Kind != gateway.FigureReach || f.Edition != first.Number || f.Count != 4 || f.Of != 5 {
		t.Errorf("it reached %+v", f)
	}
}
