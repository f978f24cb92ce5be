package app

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/carillon-gateway/carillon/channels/builtin"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/reach"
)

// listed are channels in the order in which they were made.
type listed []gateway.Channel

func (l listed) Channels(context.Context) ([]gateway.Channel, error) { return l, nil }

// Whoever makes the first channel of a kind does not say how others write their addresses of that kind, nor does it tell them that it
// is there; the operator's counts for all.
func TestAKindIsTheGroupsOwn(t *testing.T) {
	made := func(group gateway.ID, name, kind, pattern, example string) gateway.Channel {
		options := `{"url":"https://adapter.example/","secret":"whsec_MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=","description":{"protocol":1,"kind":"` + kind + `","text":{"limit":100,"markup":"plain"},"address":{"pattern":"` + pattern + `","example":"` + example + `"}}}`
		return gateway.Channel{ID: gateway.NewID(), GroupID: group, Name: name, Adapter: "external", Kind: kind, Options: json.RawMessage(options)}
	}
	first, second, third := gateway.NewID(), gateway.NewID(), gateway.NewID()
	l := liveFor(reach.Public)
	l.store = listed{made(first, "first", "pager", "x+", "x"), made(second, "second", "pager", "[0-9]+", "1"), made(gateway.ID{}, "all", "horn", "h+", "h"), made(first, "loud", "horn", "[0-9]+", "1")}
	l.slugs = func(context.Context) (map[gateway.ID]string, error) { return nil, nil }
	if err := l.refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer l.close()
	a := &App{live: l, Options: Options{Factories: builtin.All()}}
	for _, c := range []struct {
		group         gateway.ID
		kind, address string
		good          bool
	}{
		{first, "pager", "xx", true}, {first, "pager", "12", false}, {second, "pager", "12", true}, {second, "pager", "xx", false}, {third, "pager", "xx", false}, {third, "pager", "12", false},
		{first, "horn", "hh", true}, {second, "horn", "hh", true}, {second, "horn", "12", false},
	} {
		if _, err := a.parseAddress(c.group, c.kind, "", c.address); (err == nil) != c.good {
			t.Errorf("%s %q: %v", c.kind, c.address, err)
		}
	}
	if kinds := a.kinds(third); slices.Contains(kinds, "pager") || !slices.Contains(kinds, "horn") || !slices.Contains(kinds, "sms") || !slices.Contains(a.kinds(second), "pager") {
		t.Errorf("%v, %v", kinds, a.kinds(second))
	}
}
