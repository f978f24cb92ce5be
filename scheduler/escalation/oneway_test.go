package escalation

import (
	"slices"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// A step whose every message goes where nobody can answer is over when it is looked at, after half of its wait, whatever was
// delivered; with one person who can answer it is not, nor before that.
func TestAStepThatNobodyCanAnswerIsNotWaitedFor(t *testing.T) {
	for _, c := range []struct {
		reach  Reach
		after  time.Duration
		climbs bool
	}{
		{Reach{Reached: 2, OneWay: 2}, 5 * time.Minute, true},
		{Reach{Moving: 2, OneWay: 2}, 5 * time.Minute, true},
		{Reach{Reached: 1, Moving: 1, OneWay: 2}, 5*time.Minute - time.Second, false},
		{Reach{Reached: 2, OneWay: 1}, 5 * time.Minute, false},
		{Reach{Reached: 2}, 5 * time.Minute, false},
	} {
		a := newWorld(1, 0).Alert
		for len(a.Climb.Pending) > 0 {
			d, err := Decide(a, Event{Kind: Submitted, Effect: a.Climb.Pending[0].Key, Broadcasts: []gateway.ID{{1}}}, noon)
			if err != nil {
				t.Fatal(err)
			}
			a = d.Alert
		}
		d, err := Decide(a, Event{Kind: Tick, Reach: &c.reach}, noon.Add(c.after))
		if err != nil {
			t.Fatal(err)
		}
		said := slices.ContainsFunc(d.Events, func(e gateway.AlertEvent) bool { return e.Kind == gateway.EventOneWay && e.Step == 1 })
		if climbed := d.Alert.Climb.Step == 1; climbed != c.climbs || said != c.climbs {
			t.Errorf("%+v after %s: climbed %v, the timeline says so: %v", c.reach, c.after, climbed, said)
		}
	}
}
