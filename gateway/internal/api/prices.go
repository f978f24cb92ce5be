package api

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
)

// pricesIn says what changes in a list of prices.
type pricesIn struct {
	Replace bool       `json:"replace,omitempty" doc:"The list becomes exactly what is set; otherwise what is not named stays."`
	Set     []priceIn  `json:"set,omitempty" maxItems:"10000" doc:"Each in place of the one with its kind, channel and country."`
	Remove  []priceKey `json:"remove,omitempty" maxItems:"10000"`
}

type priceKey struct {
	Kind    string `json:"kind" pattern:"^[a-z]{1,40}$" doc:"Of contact point: sms, …"`
	Channel string `json:"channel,omitempty" maxLength:"40" doc:"Name of the only channel that it is for. Absent: every channel of the kind."`
	Country string `json:"country,omitempty" pattern:"^[A-Z]{2}$" doc:"ISO 3166; ZZ: numbers whose country nobody can tell. Absent: every country without a price of its own."`
}

type priceIn struct {
	Kind     string `json:"kind" pattern:"^[a-z]{1,40}$" doc:"Of contact point: sms, …"`
	Channel  string `json:"channel,omitempty" maxLength:"40" doc:"Name of the only channel that it is for. Absent: every channel of the kind."`
	Country  string `json:"country,omitempty" pattern:"^[A-Z]{2}$" doc:"ISO 3166; ZZ: numbers whose country nobody can tell. Absent: every country without a price of its own."`
	Currency string `json:"currency" pattern:"^[A-Z]{3}$" doc:"ISO 4217."`
	Micros   int64  `json:"micros" minimum:"0" maximum:"1000000000" doc:"Millionths of the currency's unit for one segment of a text message, or one message of another kind."`
}

type setGroupPrices struct {
	InGroup
	Body pricesIn
}

type setPrices struct{ Body pricesIn }

var samplePrice = gateway.Price{Kind: "sms", Country: "DE", Currency: "EUR", Micros: 95_000}

const costTag = "Costs"

func (s *server) addPrices() {
	sample := page[gateway.Price]{Items: []gateway.Price{samplePrice}}
	about := "A group's own prices go before the operator's; in each list a channel before its kind, and a country before all others."
	add(s, route{ID: "list-group-prices", Method: http.MethodGet, Path: "/api/v1/groups/{group}/prices", Tag: costTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "List a group's own prices", About: about, Answer: sample},
		func(ctx context.Context, who caller, _ *InGroup) (*body[page[gateway.Price]], error) {
			return s.listPrices(ctx, who.Group.ID)
		})
	add(s, route{ID: "list-prices", Method: http.MethodGet, Path: "/api/v1/prices", Tag: costTag, Scope: ofInstance, Role: gateway.Operator,
		Summary: "List the operator's prices", About: about, Answer: sample},
		func(ctx context.Context, _ caller, _ *struct{}) (*body[page[gateway.Price]], error) {
			return s.listPrices(ctx, gateway.ID{})
		})
	set := route{ID: "set-group-prices", Method: http.MethodPost, Path: "/api/v1/groups/{group}/prices", Tag: costTag, Scope: ofGroup, Role: gateway.Administrator,
		Summary: "Change a group's own prices", About: "In force for what is claimed from now on; what was sent keeps the price of its time. " + about,
		Example: pricesIn{Set: []priceIn{{Kind: "sms", Country: "DE", Currency: "EUR", Micros: 95_000}}, Remove: []priceKey{{Kind: "sms", Country: "KE"}}}, Answer: sample}
	add(s, set, func(ctx context.Context, who caller, in *setGroupPrices) (*body[page[gateway.Price]], error) {
		return s.setPrices(ctx, who, in.Body)
	})
	set.ID, set.Path, set.Scope, set.Role, set.Summary = "set-prices", "/api/v1/prices", ofInstance, gateway.Operator, "Change the operator's prices"
	add(s, set, func(ctx context.Context, who caller, in *setPrices) (*body[page[gateway.Price]], error) {
		return s.setPrices(ctx, who, in.Body)
	})
	add(s, route{ID: "get-spend", Method: http.MethodGet, Path: "/api/v1/groups/{group}/spend", Tag: costTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "Say what a group's month has cost", About: "The month is that of the group's zone. Amounts count what has a known price; unpriced counts the segments that have none.",
		Answer: gateway.Spend{Month: "2026-03", From: sampleTime, To: sampleTime, Segments: 236, Unpriced: 2, Amounts: []gateway.Money{{Currency: "EUR", Micros: 22_230_000}}, Budget: &gateway.Budget{Currency: "EUR", Soft: 40_000_000, Hard: 60_000_000}}},
		func(ctx context.Context, who caller, _ *InGroup) (*body[gateway.Spend], error) {
			spend, err := s.Costs.Spend(ctx, who.Group.ID)
			return &body[gateway.Spend]{spend}, err
		})
}

func (s *server) listPrices(ctx context.Context, owner gateway.ID) (*body[page[gateway.Price]], error) {
	list, err := s.Costs.Prices(ctx, owner)
	return &body[page[gateway.Price]]{page[gateway.Price]{Items: list}}, err
}

func (s *server) setPrices(ctx context.Context, who caller, in pricesIn) (*body[page[gateway.Price]], error) {
	list := make([]gateway.Price, 0, len(in.Set)+len(in.Remove))
	for _, k := range in.Remove {
		list = append(list, gateway.Price{Kind: k.Kind, Channel: k.Channel, Country: k.Country, Micros: -1})
	}
	var set []gateway.Price
	for _, p := range in.Set {
		set = append(set, gateway.Price(p))
	}
	all, err := s.Channels.Channels(ctx)
	if err != nil {
		return nil, err
	}
	if wrong := s.checkPrices(set, all, who.Group); len(wrong) > 0 {
		return nil, gateway.Faultf(gateway.CodeInvalid, "the prices cannot be stored: %s", strings.Join(wrong, "; "))
	}
	if err := s.Costs.SetPrices(ctx, who.Group.ID, in.Replace, append(list, set...)); err != nil {
		return nil, err
	}
	s.Log.Info("prices were changed", "request", requestID(ctx), "group", who.Group.ID, "count", len(list)+len(set), "token", who.Token.ID)
	return s.listPrices(ctx, who.Group.ID)
}

// checkPrice refuses a price that could never be used.
func (s *server) checkPrice(p gateway.Price) error {
	if err := p.Check(); err != nil {
		return err
	}
	countries, known := s.Countries[p.Kind]
	switch {
	case !known:
		return fmt.Errorf("kind %q: this instance knows %s", p.Kind, strings.Join(slices.Sorted(maps.Keys(s.Countries)), ", "))
	case p.Country != "" && !countries:
		return fmt.Errorf("country: addresses of kind %s have none; leave it out", p.Kind)
	}
	return nil
}

// checkPrices says everything that is wrong with prices of a group, or of the operator if it is zero.
func (s *server) checkPrices(prices []gateway.Price, all []gateway.Channel, g gateway.Group) (wrong []string) {
	seen := map[priceKey]bool{}
	for i, p := range prices {
		if err := s.checkPrice(p); err != nil {
			wrong = append(wrong, fmt.Sprintf("price %d: %v", i+1, err))
		}
		if p.Channel != "" && !slices.ContainsFunc(all, func(c gateway.Channel) bool {
			return c.Name == p.Channel && c.Kind == p.Kind && (g.ID.IsZero() && c.GroupID.IsZero() || !g.ID.IsZero() && serves(c, g))
		}) {
			wrong = append(wrong, fmt.Sprintf("price %d: channel %q does not exist here, or is of another kind than %s", i+1, p.Channel, p.Kind))
		}
		key := priceKey{p.Kind, p.Channel, p.Country}
		if seen[key] {
			wrong = append(wrong, fmt.Sprintf("price %d: it is there twice; leave one out", i+1))
		}
		seen[key] = true
	}
	return wrong
}

// prices plans a list of prices as one item, which has all but what the document says.
func (p *plan) prices(ctx context.Context, at string, prices []gateway.Price, it *item) error {
	if len(prices) == 0 {
		return nil
	}
	seen := map[priceKey]bool{}
	for i, price := range prices {
		if err := p.server.checkPrice(price); err != nil {
			p.flaw(fmt.Sprintf("%s.prices[%d]", at, i), "%v", err)
		}
		key := priceKey{price.Kind, price.Channel, price.Country}
		if seen[key] {
			p.flaw(at+".prices", "price %d: it is there twice; leave one out", i+1)
		}
		seen[key] = true
	}
	it.want = digest(slices.SortedFunc(slices.Values(prices), func(a, b gateway.Price) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Channel, b.Channel), strings.Compare(a.Country, b.Country))
	}))
	if it.barred == "" && !(it.within && it.owner.IsZero()) {
		have, err := p.server.Costs.Prices(ctx, *it.owner)
		if err != nil {
			return err
		}
		if len(have) > 0 {
			it.have = digest(have)
		}
	}
	it.write = func(ctx context.Context) error { return p.server.Costs.SetPrices(ctx, *it.owner, true, prices) }
	p.items = append(p.items, it)
	return nil
}
