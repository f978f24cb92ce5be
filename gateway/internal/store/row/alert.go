package row

import (
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// AlertColumns are the columns of an alert, but for what it holds; AlertInto names where they go.
const AlertColumns = "group_id, id, reference, state, revision"

// AlertInto names where AlertColumns go.
func AlertInto(a *gateway.AlertCase) []any {
	return []any{&a.GroupID, &a.ID, &a.Reference, (*string)(&a.State), &a.Revision}
}

// CheckAlert says whether an alert may be written over what is kept of it.
func CheckAlert(was, a *gateway.AlertCase) error {
	switch {
	case was.Revision != a.Revision:
		return gateway.ErrStale
	case was.State != a.State && !was.State.CanStep(a.State):
		return gateway.Faultf(gateway.CodeConflict, "alert %s is %s, so it cannot be %s", a.Reference, was.State, a.State)
	}
	return nil
}

// ForgetAlert is when the texts of an alert are deleted, as it stands now; zero: it has not ended.
func ForgetAlert(a *gateway.AlertCase, now time.Time) time.Time {
	if a.State.Over() || a.State == gateway.AlertExpired {
		return now.Add(gateway.KeepAlertReference)
	}
	return time.Time{}
}

// AlertKnown is the answer to an event that is recorded already, and AlertTaken to a new alert with the reference of another.
func AlertKnown(key string) error {
	return gateway.Faultf(gateway.CodeConflict, "this is recorded of the alert already: %s", key)
}

// AlertTaken is the answer to a new alert with the reference of another.
func AlertTaken(reference string) error {
	return gateway.Faultf(gateway.CodeConflict, "another alert of the group has the reference %s", reference)
}

// PolicyTaken is the answer to a new policy with the name of another.
func PolicyTaken(name string) error {
	return gateway.Faultf(gateway.CodeConflict, "the group has a policy %q already; choose another name, or change that one", name)
}

// KeepAlertBody is how much longer than its texts an alert is kept, in microseconds.
const KeepAlertBody = int64((gateway.KeepAlerts - gateway.KeepAlertReference) / time.Microsecond)
