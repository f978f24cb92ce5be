package main

import (
	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway"
)

// seriesList turns the series of a file into those of the API.
func seriesList(in []config.Series) (out []gateway.NamedSeries) {
	for _, s := range in {
		d := gateway.NamedSeries{Name: s.Name, DocumentSeries: gateway.DocumentSeries{Title: s.Title, Topic: s.Topic, Contributors: s.Contributors, Approve: gateway.Approval(s.Approve), Public: s.Public}}
		for _, i := range s.Indicators {
			d.Indicators = append(d.Indicators, gateway.DocumentIndicator{Name: i.Name, Titles: i.Titles, Unit: i.Unit, Source: i.Source, URL: i.URL.Reveal(),
				Spot: gateway.Spot{Pointer: i.Pointer, Column: i.Column, Row: i.Row, Date: i.Date}, Stale: i.StaleDays})
		}
		out = append(out, d)
	}
	return out
}

// writtenSeries are series as a coalition file has them, without the addresses of indicators.
func writtenSeries(all []gateway.NamedSeries) (list []map[string]any) {
	for _, s := range all {
		out := map[string]any{"name": s.Name, "title": s.Title, "topic": s.Topic}
		listGiven(out, "contributors", s.Contributors)
		given(out, "approve", string(s.Approve))
		given(out, "public", s.Public)
		var indicators []map[string]any
		for _, i := range s.Indicators {
			one := map[string]any{"name": i.Name, "titles": i.Titles, "source": i.Source}
			given(one, "unit", i.Unit)
			given(one, "pointer", i.Pointer)
			given(one, "column", i.Column)
			given(one, "row", i.Row)
			given(one, "date", i.Date)
			given(one, "stale_days", i.Stale)
			indicators = append(indicators, one)
		}
		if indicators != nil {
			out["indicators"] = indicators
		}
		list = append(list, out)
	}
	return list
}
