package row

import "github.com/carillon-gateway/carillon/gateway"

// ReleaseColumns are the columns of a release, but for what is sealed; ReleaseInto names where they go.
const ReleaseColumns = "group_id, id, key, fingerprint, state, revision, digest, created_at, expires_at"

// ReleaseInto names where ReleaseColumns go.
func ReleaseInto(r *gateway.Release) []any {
	return []any{&r.GroupID, &r.ID, &r.Key, &r.Fingerprint, (*string)(&r.State), &r.Revision, &r.Digest, &r.CreatedAt, &r.ExpiresAt}
}

// CheckRelease says whether a release may be written over what is kept under its id; was is what is kept.
func CheckRelease(was, r *gateway.Release) error {
	switch {
	case was.ID != r.ID || was.Key != r.Key || was.Revision != r.Revision:
		return gateway.ErrStale
	case !was.State.CanStep(r.State):
		return gateway.Faultf(gateway.CodeConflict, "this is %s, so it cannot be %s", was.State, r.State)
	}
	return nil
}
