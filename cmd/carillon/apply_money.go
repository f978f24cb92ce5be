package main

import (
	"strings"

	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway"
)

// budget turns the caps of a file into those of the API; nil: none.
func budget(in config.Budget) (*gateway.Budget, error) {
	if in == (config.Budget{}) {
		return nil, nil
	}
	b := gateway.Budget{Currency: in.Currency, SoftSegments: int64(in.SoftSegments), HardSegments: int64(in.HardSegments)}
	for text, into := range map[*string]*int64{&in.Soft: &b.Soft, &in.Hard: &b.Hard} {
		if *text == "" {
			continue
		}
		var err error
		if *into, err = gateway.ParseMicros(*text); err != nil {
			return nil, wrong("budget: %w", err)
		}
	}
	if err := b.Check(); err != nil {
		return nil, wrong("%w", err)
	}
	return &b, nil
}

// priceList turns the prices of a file into those of the API.
func priceList(in []config.Price) ([]gateway.Price, error) {
	var out []gateway.Price
	for _, p := range in {
		micros, err := gateway.ParseMicros(p.Amount)
		if err != nil {
			return nil, wrong("prices: %w", err)
		}
		out = append(out, gateway.Price{Kind: p.Kind, Channel: p.Channel, Country: p.Country, Currency: p.Currency, Micros: micros})
	}
	return out, nil
}

// written is an amount as a coalition file has it.
func written(micros int64) string {
	text, _, _ := strings.Cut(gateway.Money{Micros: micros}.String(), " ")
	return text
}

func writtenBudget(b gateway.Budget) map[string]any {
	out := map[string]any{}
	given(out, "currency", b.Currency)
	if b.Soft > 0 {
		out["soft"] = written(b.Soft)
	}
	if b.Hard > 0 {
		out["hard"] = written(b.Hard)
	}
	given(out, "soft_segments", b.SoftSegments)
	given(out, "hard_segments", b.HardSegments)
	return out
}

func writtenPrices(all []gateway.Price) []map[string]any {
	out := make([]map[string]any, len(all))
	for i, p := range all {
		out[i] = map[string]any{"kind": p.Kind, "currency": p.Currency, "amount": written(p.Micros)}
		given(out[i], "channel", p.Channel)
		given(out[i], "country", p.Country)
	}
	return out
}
