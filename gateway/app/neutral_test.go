package app

import (
	"context"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

// introduced is an adapter that goes by names.
type introduced struct {
	channels.Adapter
	names []string
	err   error
}

func (a introduced) Names(context.Context) ([]string, error) { return a.names, a.err }

// groupList is a store that has groups only.
type groupList struct {
	channelStore
	groups []gateway.Group
}

func (g groupList) Groups(context.Context) ([]gateway.Group, error) { return g.groups, nil }

// Two groups live on an instance. A channel whose sender tells of one of them is told of if it serves that one.
func TestACheckSaysWhichNamesTell(t *testing.T) {
	choir := gateway.Group{ID: gateway.NewID(), Slug: "zephyr-choir", Name: "Zephyr Harbour"}
	d := &channelDesk{store: groupList{groups: []gateway.Group{choir, {ID: gateway.NewID(), Slug: "mill", Name: "Mill Street"}, {ID: gateway.NewID(), Slug: "brass-band", Name: "🎺🎺"}}}}
	unreachable := &channels.Error{Class: channels.Temporary, Scope: channels.ScopeChannel, Detail: "nobody answers"}
	for what, one := range map[string]struct {
		channel gateway.Channel
		adapter channels.Adapter
		want    []string
	}{
		"a neutral one":                {gateway.Channel{}, introduced{names: []string{"+12025550100", "", "Messages"}}, nil},
		"the name":                     {gateway.Channel{}, introduced{names: []string{"The ZEPHYR-Harbour bot"}}, []string{"zephyr-choir"}},
		"the slug, in a domain":        {gateway.Channel{GroupID: choir.ID}, introduced{names: []string{"news@zephyr-choir.example"}}, []string{"zephyr-choir"}},
		"a name of signs alone":        {gateway.Channel{}, introduced{names: []string{"🎺🎺"}}, []string{"brass-band"}},
		"each of two groups":           {gateway.Channel{}, introduced{names: []string{"zephyr_choir at mill street"}}, []string{"zephyr-choir", "mill"}},
		"of a group that has no share": {gateway.Channel{Groups: []string{"mill"}}, introduced{names: []string{"zephyr-choir"}}, nil},
		"one that cannot be asked":     {gateway.Channel{}, introduced{err: unreachable}, []string{"nobody answers"}},
		"one that does not know":       {gateway.Channel{}, struct{ channels.Adapter }{}, nil},
	} {
		warnings, err := d.telltale(t.Context(), one.channel, one.adapter)
		if err != nil || len(warnings) != len(one.want) {
			t.Errorf("%s: %q, %v", what, warnings, err)
			continue
		}
		for i, want := range one.want {
			if !strings.Contains(warnings[i], want) {
				t.Errorf("%s: %q, want %q in it", what, warnings[i], want)
			}
		}
	}
}
