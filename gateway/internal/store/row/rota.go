package row

import "github.com/carillon-gateway/carillon/gateway"

// RotaColumns are the columns of a rota, but for what it holds; RotaInto names where they go.
const RotaColumns = "group_id, id, name, revision, next_at"

// RotaInto names where RotaColumns go; next takes an instant.
func RotaInto(r *gateway.Rota, next any) []any {
	return []any{&r.GroupID, &r.ID, &r.Name, &r.Revision, next}
}

// CheckNewRota says whether a group that has some rotas may have one more.
func CheckNewRota(name string, has int, taken bool) error {
	switch {
	case taken:
		return gateway.Faultf(gateway.CodeConflict, "the group has a rota %q already; choose another name, or change that one", name)
	case has >= gateway.MaxRotas:
		return gateway.Faultf(gateway.CodeConflict, "the group has %d rotas, which is the most; delete one first", has)
	}
	return nil
}
