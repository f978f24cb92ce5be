package api

import (
	"context"
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
)

// rotas plans the rotas of a group, which are to have the rules that the document says. Who is in them a document does not say.
func (p *plan) rotas(ctx context.Context, at, path string, g gateway.Group, d gateway.DocumentGroup, owner *gateway.ID, records map[string][]byte, barred string) error {
	have := map[string]gateway.Rota{}
	if len(d.Rotas) > 0 && !owner.IsZero() && barred == "" {
		all, err := p.server.Rotas.Rotas(ctx, *owner)
		if err != nil {
			return err
		}
		for _, r := range all {
			have[r.Name] = r
		}
	}
	for i, one := range d.Rotas {
		here, itsPath := fmt.Sprintf("%s.rotas[%d]", at, i), path+"/rotas/"+one.Name
		if !p.once(here, itsPath) {
			continue
		}
		known, exists := have[one.Name]
		switch {
		case len(one.Members) > 0 || len(one.Turns) > 0:
			p.flaw(here, "a document names nobody: leave members and turns out, and put people in with rota put")
			continue
		case exists && (known.Kind == gateway.RotaList) != (one.Kind == gateway.RotaList):
			p.flaw(here+".rotation", "between a list and a rotation its people would be lost; change it with rota put")
			continue
		}
		want := one.Rota(one.Name)
		want.Members, want.Turns = known.Members, known.Turns
		want, err := p.server.CheckRota(g, want)
		if err != nil {
			if err := p.fault(here, err); err != nil {
				return err
			}
			continue
		}
		it := &item{path: itsPath, owner: owner, within: true, want: digest(want.Document()), last: records[itsPath], barred: barred}
		if exists {
			it.have = digest(known.Document())
		}
		it.write = func(ctx context.Context) error {
			group, err := p.server.Groups.GroupByID(ctx, *owner)
			if err == nil {
				_, _, err = p.server.Rotas.Put(ctx, group, want)
			}
			return err
		}
		p.items = append(p.items, it)
	}
	return nil
}

// documentRotas writes the rotas of a group as a document has them, in order of their names.
func (s *server) documentRotas(ctx context.Context, group gateway.ID) ([]gateway.NamedRota, error) {
	all, err := s.Rotas.Rotas(ctx, group)
	var list []gateway.NamedRota
	for i := range all {
		list = append(list, gateway.NamedRota{Name: all[i].Name, DocumentRota: all[i].Document()})
	}
	return list, err
}
