package api

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/carillon-gateway/carillon/gateway"
)

// series plans the series of reports of a group, which is to be as the document says.
func (p *plan) series(ctx context.Context, at, path string, g gateway.Group, d gateway.DocumentGroup, owner *gateway.ID, records map[string][]byte, barred string) error {
	have := map[string]gateway.Series{}
	if len(d.Series) > 0 && !owner.IsZero() && barred == "" {
		all, err := p.server.allSeries(ctx, *owner)
		if err != nil {
			return err
		}
		for _, s := range all {
			have[s.Name] = s
		}
	}
	for i, one := range d.Series {
		here, itsPath := fmt.Sprintf("%s.series[%d]", at, i), path+"/series/"+one.Name
		if !p.once(here, itsPath) {
			continue
		}
		want, err := p.server.CheckSeries(g, one.Series(one.Name))
		if err != nil {
			if err := p.fault(here, err); err != nil {
				return err
			}
			continue
		}
		want.Author = p.who.Token.Label
		it := &item{path: itsPath, owner: owner, within: true, barred: barred, last: records[itsPath]}
		known, exists := have[one.Name]
		if exists {
			it.have = digestSeries(known)
		}
		compared := want
		compared.Indicators = gateway.KeepIndicators(want.Indicators, known.Indicators)
		it.want = digestSeries(compared)
		it.write = func(ctx context.Context) error {
			group, err := p.server.Groups.GroupByID(ctx, *owner)
			if err == nil {
				_, _, err = p.server.Reports.Put(ctx, group, want)
			}
			return err
		}
		p.items = append(p.items, it)
	}
	return nil
}

// digestSeries digests what a document says of a series, and where its indicators are read from.
func digestSeries(s gateway.Series) []byte {
	d := s.Document()
	if len(d.Contributors) == 0 {
		d.Contributors = nil
	}
	addresses := []string{}
	for _, one := range s.Indicators {
		addresses = append(addresses, one.URL.Reveal())
	}
	return digest(map[string]any{"series": d, "addresses": addresses})
}

// allSeries reads the series of a group.
func (s *server) allSeries(ctx context.Context, group gateway.ID) ([]gateway.Series, error) {
	var all []gateway.Series
	for {
		var after gateway.ID
		if len(all) > 0 {
			after = all[len(all)-1].ID
		}
		page, err := s.Reports.SeriesOf(ctx, group, after, 500)
		all = append(all, page...)
		if err != nil || len(page) < 500 {
			return all, err
		}
	}
}

// documentSeries writes the series of a group as a document has them, in order of their names.
func (s *server) documentSeries(ctx context.Context, group gateway.ID) ([]gateway.NamedSeries, error) {
	all, err := s.allSeries(ctx, group)
	var list []gateway.NamedSeries
	for _, one := range all {
		list = append(list, gateway.NamedSeries{Name: one.Name, DocumentSeries: one.Document()})
	}
	slices.SortFunc(list, func(a, b gateway.NamedSeries) int { return cmp.Compare(a.Name, b.Name) })
	return list, err
}
