package report_test

import (
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// raise keeps an alert that began so long ago, with what happened so long after its beginning.
func (w *world) raise(ago time.Duration, a gateway.AlertCase, events ...gateway.AlertEvent) {
	a.ID, a.GroupID, a.RaisedAt = gateway.NewID(), w.group.ID, w.now.Add(-ago)
	for i := range events {
		events[i].No = i + 1
	}
	w.alerts = append(w.alerts, a)
	if w.events == nil {
		w.events = map[gateway.ID][]gateway.AlertEvent{}
	}
	w.events[a.ID] = events
}

func (w *world) happened(ago, later time.Duration, kind gateway.AlertEventKind) gateway.AlertEvent {
	return gateway.AlertEvent{Kind: kind, At: w.now.Add(-ago).Add(later)}
}

// Edition 2 tells of the alerts since edition 1 was frozen, a week ago: one was taken after four minutes, one after ten of which a
// second person let it wait eight, one after half an hour, behind more than a page of other events, and one not at all. One
// that nobody let go, one of before, and those of a drill that was planned long ago and of an exercise by hand do not count.
func TestHowLongUntilSomebodyTookCharge(t *testing.T) {
	w := newWorld(t)
	w.make(gateway.Series{})
	w.sent()
	w.now = w.now.Add(7 * 24 * time.Hour)
	const day = 24 * time.Hour
	w.raise(day, gateway.AlertCase{}, w.happened(day, 4*time.Minute, gateway.EventAcked), w.happened(day, time.Hour, gateway.EventAcked))
	w.raise(2*day, gateway.AlertCase{}, w.happened(2*day, 8*time.Minute, gateway.EventReleased), w.happened(2*day, 10*time.Minute, gateway.EventAcked))
	var long []gateway.AlertEvent
	for range 250 {
		long = append(long, w.happened(3*day, time.Minute, gateway.EventUnverified))
	}
	w.raise(3*day, gateway.AlertCase{}, append(long, w.happened(3*day, 30*time.Minute, gateway.EventAcked))...)
	w.raise(4*day, gateway.AlertCase{}, w.happened(4*day, time.Minute, gateway.EventUnverified))
	w.raise(5*day, gateway.AlertCase{Hold: &gateway.AlertHold{}})
	w.raise(5*day, gateway.AlertCase{Exercise: true}, w.happened(5*day, time.Second, gateway.EventAcked))
	w.raise(8*day, gateway.AlertCase{}, w.happened(8*day, time.Second, gateway.EventAcked))
	w.raise(6*day, gateway.AlertCase{Exercise: true}) // of a drill: its id is as old as the plan
	number := w.written()
	var found *gateway.Figure
	for _, f := range w.take(number, 1, w.Freeze).Figures {
		if f.Kind == gateway.FigureAlerts {
			found = &f
		}
	}
	if found == nil || found.Alerts == nil {
		t.Fatal("it tells nothing of alerts")
	}
	if found.Count != 3 || found.Of != 4 || found.Alerts.Median != 240 || found.Alerts.Worst != 1800 || found.Alerts.Exercises != 2 {
		t.Errorf("it tells %+v, %+v", found, found.Alerts)
	}
	if !found.Alerts.Since.Equal(w.now.Add(-7*day)) || found.Source != "Carillon's ledger, alerts since 2026-03-28T09:00:00Z" || !found.At.Equal(w.now) {
		t.Errorf("its period is %+v, %q", found.Alerts, found.Source)
	}
}

// The first edition tells of the last 90 days, and of two the middle. Where there was no alert, nothing is told.
func TestAlertsOfAFirstEdition(t *testing.T) {
	w := newWorld(t)
	w.make(gateway.Series{})
	const day = 24 * time.Hour
	tells := func() (found *gateway.Figure) {
		number := w.written()
		for _, f := range w.take(number, 1, w.Freeze).Figures {
			found = &f
		}
		w.take(number, 1, w.Withdraw)
		return found
	}
	if f := tells(); f != nil {
		t.Errorf("without any alert it tells %+v", f)
	}
	w.raise(80*day, gateway.AlertCase{}, w.happened(80*day, 2*time.Minute, gateway.EventAcked))
	w.raise(80*day, gateway.AlertCase{}, w.happened(80*day, 5*time.Minute, gateway.EventAcked))
	w.raise(91*day, gateway.AlertCase{})
	if f := tells(); f == nil || f.Of != 2 || f.Count != 2 || f.Alerts.Median != 210 || f.Alerts.Worst != 300 {
		t.Errorf("it tells %+v", f)
	}
	w.alerts = nil
	w.raise(day, gateway.AlertCase{})
	if f := tells(); f == nil || f.Of != 1 || f.Count != 0 || f.Alerts.Median != 0 || f.Alerts.Worst != 0 {
		t.Errorf("of one that nobody took it tells %+v", f)
	}
}
