package fanout

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/carillon-gateway/carillon/gateway"
)

// prices reads what a group pays.
func (f *Fanout) prices(ctx context.Context, group gateway.ID) (*gateway.PriceTable, error) {
	own, err := f.store.Prices.Prices(ctx, group)
	if err != nil {
		return nil, fmt.Errorf("read the group's prices: %w", err)
	}
	operators, err := f.store.Prices.Prices(ctx, gateway.ID{})
	if err != nil {
		return nil, fmt.Errorf("read the operator's prices: %w", err)
	}
	return gateway.NewPriceTable(own, operators), nil
}

// cost counts one member among those who cost the same.
func (c *census) cost(r *gateway.Recipient, d *decision, segments int) {
	country := ""
	for i := range r.Points {
		if r.Points[i].ID == d.point {
			country = r.Points[i].Country
		}
	}
	key := costKey{d.said.plain, d.way, country}
	sum := c.costs[key]
	if sum == nil {
		ch := &c.t.ways[d.way].channel
		price, priced := c.prices.Of(ch.Kind, ch.Name, country)
		if priced && price.Currency == "" {
			return // it is free
		}
		sum = &gateway.PreviewCost{Locale: key.locale, Channel: ch.Name, Kind: ch.Kind, Country: country, Charge: gateway.NewCharge(ch.ID, 0, price, priced)}
		c.costs[key] = sum
	}
	n := int64(segments)
	sum.Members++
	sum.Segments += n
	if sum.Amount != nil {
		sum.Amount.Micros += n * sum.Price.Micros
	}
}

// sums puts the costs in order, the most segments first, and adds them up.
func (c *census) sums() ([]gateway.PreviewCost, gateway.Total) {
	costs, charges := []gateway.PreviewCost{}, make([]gateway.Charge, 0, len(c.costs))
	for _, sum := range c.costs {
		costs, charges = append(costs, *sum), append(charges, sum.Charge)
	}
	slices.SortFunc(costs, func(a, b gateway.PreviewCost) int {
		return cmp.Or(cmp.Compare(b.Segments, a.Segments), cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Country, b.Country), cmp.Compare(a.Locale, b.Locale))
	})
	return costs, gateway.TotalOf(charges)
}
