package row

import "github.com/carillon-gateway/carillon/gateway"

// SeriesColumns are the columns of a series, but for what it holds; SeriesInto names where they go.
const SeriesColumns = "group_id, id, name, revision, next_at"

// SeriesInto names where SeriesColumns go; next takes an instant.
func SeriesInto(s *gateway.Series, next any) []any {
	return []any{&s.GroupID, &s.ID, &s.Name, &s.Revision, next}
}

// EditionColumns are the columns of an edition, but for what it holds; EditionInto names where they go.
const EditionColumns = "group_id, series_id, number, id, state, revision, broadcast_id"

// EditionInto names where EditionColumns go.
func EditionInto(e *gateway.Edition) []any {
	return []any{&e.GroupID, &e.SeriesID, &e.Number, &e.ID, (*string)(&e.State), &e.Revision, &e.BroadcastID}
}

// SeriesTaken is the answer to a new series with the name of another.
func SeriesTaken(name string) error {
	return gateway.Faultf(gateway.CodeConflict, "the group has a series %q already; choose another name, or change that one", name)
}

// CheckEdition says whether an edition may be written over what is kept under its number; was is what is kept.
func CheckEdition(was, e *gateway.Edition) error {
	switch {
	case was.ID != e.ID || was.Revision != e.Revision:
		return gateway.ErrStale
	case was.State != e.State && !was.State.CanStep(e.State):
		return gateway.Faultf(gateway.CodeConflict, "edition %d is %s, so it cannot be %s", e.Number, was.State, e.State)
	case was.State == e.State && e.State != gateway.EditionCollecting:
		return gateway.Faultf(gateway.CodeConflict, "edition %d is %s: nothing in it changes any more", e.Number, e.State)
	}
	return nil
}
