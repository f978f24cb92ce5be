package app

import (
	"context"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/scheduler/escalation"
)

// tries is a ledger with one broadcast that waits; each of its deliveries was refused with the class that is told, or not tried.
type tries struct {
	gateway.Tracking
	classes  []string
	planning bool
}

func (l tries) Tallies(context.Context, gateway.ID, gateway.ID) ([]gateway.Tally, error) {
	return []gateway.Tally{{State: gateway.Waiting, Count: len(l.classes)}}, nil
}

func (l tries) Broadcast(context.Context, gateway.ID, gateway.ID) (gateway.Broadcast, error) {
	if l.planning {
		return gateway.Broadcast{State: gateway.Planning}, nil
	}
	return gateway.Broadcast{State: gateway.Planned}, nil
}

func (l tries) Deliveries(_ context.Context, f gateway.DeliveryFilter) (page []gateway.Delivery, err error) {
	for i := int(f.After[0]); i < len(l.classes) && len(page) < f.Limit; i++ {
		d := gateway.Delivery{ID: gateway.ID{byte(i + 1)}}
		if l.classes[i] != "" {
			d.AttemptID = gateway.ID{1}
		}
		page = append(page, d)
	}
	return page, nil
}

func (l tries) Delivery(_ context.Context, _, id gateway.ID) (gateway.Delivery, error) {
	return gateway.Delivery{State: gateway.Waiting, Attempts: []gateway.Attempt{{State: gateway.Refused, Refusal: gateway.Refusal{Class: l.classes[id[0]-1]}}}}, nil
}

// What waits only because it was refused for good reaches nobody, on whatever page of the ledger it stands; one that was refused for
// now, or not tried, or not planned yet, may.
func TestWhomAStepMayReach(t *testing.T) {
	good := make([]string, 150)
	for i := range good {
		good[i] = "permanent"
	}
	with := func(last string) []string { return append(good[:149:149], last) }
	for what, c := range map[string]struct {
		ledger tries
		want   escalation.Reach
	}{
		"all for good":            {tries{classes: good}, escalation.Reach{}},
		"the last for now":        {tries{classes: with("temporary")}, escalation.Reach{Moving: 150, Refused: 150}},
		"the last not tried":      {tries{classes: with("")}, escalation.Reach{Moving: 150}},
		"others may be meant yet": {tries{classes: good, planning: true}, escalation.Reach{Moving: 1}},
	} {
		got, err := crier{ledger: c.ledger, broadcasts: c.ledger, live: &live{}}.Reach(t.Context(), gateway.ID{8}, []gateway.ID{{1}})
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v, want %+v", what, got, err, c.want)
		}
	}
}
