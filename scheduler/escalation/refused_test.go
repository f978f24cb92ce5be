package escalation

import (
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// asked is an alert whose first step was sent.
func asked(t *testing.T) gateway.AlertCase {
	t.Helper()
	w := newWorld(1, 0)
	for range 10 {
		w.move("prepare")
		w.move("write")
	}
	if wrong := w.check(); wrong != "" || len(w.Alert.Climb.Pending) > 0 {
		t.Fatalf("the first step is not sent: %q", wrong)
	}
	return w.Alert
}

// All that a step sent was refused for good, a second after it was sent: it climbs at once, long before half of its wait. What is on
// its way, or not sent yet, is waited for.
func TestItClimbsOnAtTheFirstRefusal(t *testing.T) {
	a := asked(t)
	unsent := newWorld(1, 0).Alert
	for _, c := range []struct {
		what   string
		alert  gateway.AlertCase
		reach  *Reach
		climbs bool
	}{
		{"refused for good", a, &Reach{}, true},
		{"refused for now", a, &Reach{Moving: 1, Refused: 1}, false},
		{"on its way", a, &Reach{Moving: 1}, false},
		{"arrived", a, &Reach{Reached: 1}, false},
		{"nobody has looked", a, nil, false},
		{"not sent yet", unsent, &Reach{}, false},
	} {
		d, err := Decide(c.alert, Event{Kind: Tick, Reach: c.reach}, noon.Add(time.Second))
		if err != nil {
			t.Fatal(err)
		}
		said := len(d.Events) == 1 && d.Events[0].Kind == gateway.EventNobody && d.Events[0].Step == 1
		if (d.Alert.Climb.Step == 1) != c.climbs || said != c.climbs {
			t.Errorf("%s: it is at step %d, and the timeline says %+v", c.what, d.Alert.Climb.Step+1, d.Events)
		}
		if !c.climbs && !d.Alert.DueAt.Equal(c.alert.DueAt) && len(c.alert.Climb.Pending) == 0 {
			t.Errorf("%s: a look in between moved when it is due from %v to %v", c.what, c.alert.DueAt, d.Alert.DueAt)
		}
	}
}

// A step whose every message was refused for now, and is tried again, gets its own wait and no more time; one of which something is
// under way gets some.
func TestARefusalIsNotWaitedForBeyondTheStep(t *testing.T) {
	a := asked(t)
	for _, c := range []struct {
		reach  Reach
		climbs bool
	}{{Reach{Moving: 2, Refused: 2}, true}, {Reach{Moving: 2, Refused: 1}, false}, {Reach{Moving: 2}, false}} {
		d, err := Decide(a, Event{Kind: Tick, Reach: &c.reach}, noon.Add(10*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if climbed := d.Alert.Climb.Step == 1; climbed != c.climbs || d.Alert.Climb.Extended > 0 == c.climbs {
			t.Errorf("%+v when the step's wait is over: climbed %v, given more time %d times", c.reach, climbed, d.Alert.Climb.Extended)
		}
	}
}
