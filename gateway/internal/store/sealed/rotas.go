package sealed

import (
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
)

// Rota seals a rota but for its name: who is on duty when, and who is away, is for nobody else to read.
func Rota(key *seal.Group, r *gateway.Rota) ([]byte, error) {
	return document(key, Place(r.ID, "rota"), rotaDocument{*r, r.Holder, r.Noted})
}

// rotaDocument is a rota with what was told, which is shown to nobody.
type rotaDocument struct {
	gateway.Rota
	Holder gateway.ID     `json:"holder,omitzero"`
	Noted  []gateway.Span `json:"noted,omitempty"`
}

// OpenRotas opens what Rota sealed, into rotas of which the columns are known, each under the key of its group.
func OpenRotas(all []gateway.Rota, sealed [][]byte, key func(group gateway.ID) (*seal.Group, error)) error {
	for i := range all {
		k, err := key(all[i].GroupID)
		if err != nil {
			return err
		}
		var d rotaDocument
		if err := open(k, Place(all[i].ID, "rota"), sealed[i], &d); err != nil {
			return err
		}
		r := &all[i]
		d.ID, d.GroupID, d.Name, d.Revision, d.Next = r.ID, r.GroupID, r.Name, r.Revision, r.Next
		d.Rota.Holder, d.Rota.Noted = d.Holder, d.Noted
		*r = d.Rota
	}
	return nil
}
