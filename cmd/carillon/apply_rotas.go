package main

import (
	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// rotaList turns the rotas of a file into those of the API.
func rotaList(in []config.Rota) ([]gateway.NamedRota, error) {
	var out []gateway.NamedRota
	for _, r := range in {
		d := gateway.NamedRota{Name: r.Name, DocumentRota: gateway.DocumentRota{Title: r.Title, Kind: gateway.RotaKind(r.Rotation), Every: r.Every, Zone: r.Zone}}
		for _, w := range []struct {
			key, text string
			into      *civil.Wall
		}{{"start", r.Start, &d.Start}, {"until", r.Until, &d.Until}} {
			if w.text == "" {
				continue
			}
			var err error
			if *w.into, err = civil.ParseWall(w.text); err != nil {
				return nil, wrong("rotas: %s: %s: %w", r.Name, w.key, err)
			}
		}
		out = append(out, d)
	}
	return out, nil
}

// writtenRotas are rotas as a coalition file has them.
func writtenRotas(all []gateway.NamedRota) []map[string]any {
	var list []map[string]any
	for _, r := range all {
		out := map[string]any{"name": r.Name, "rotation": string(r.Kind), "start": r.Start.String()}
		given(out, "title", r.Title)
		given(out, "zone", r.Zone)
		if r.Every > 1 {
			out["every"] = r.Every
		}
		if r.Until != 0 {
			out["until"] = r.Until.String()
		}
		list = append(list, out)
	}
	return list
}
