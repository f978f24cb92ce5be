package storetest

import (
	"reflect"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// What a member says of herself during an alert takes the place of what she said before, and of nothing that she said later.
// It stays within its group and its alert, and goes with her, or in time.
func alertReports(t *testing.T, open Open) {
	w := newWorld(t, open)
	her, other := w.member("sms"), w.member("sms")
	alert, next := gateway.NewID(), gateway.NewID()
	put := func(r gateway.AlertReport, want bool) gateway.AlertReport {
		t.Helper()
		kept, err := w.PutAlertReport(w.ctx, r)
		w.ok(err)
		equal(t, "kept", kept, want)
		return r
	}
	said := func(group, alert, after gateway.ID, limit int, want ...gateway.AlertReport) {
		t.Helper()
		got, err := w.AlertReports(w.ctx, group, alert, after, limit)
		w.ok(err)
		if len(got) != len(want) || len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Fatalf("said %+v, want %+v", got, want)
		}
	}
	r := gateway.AlertReport{GroupID: w.group.ID, AlertID: alert, MemberID: her.ID, Answer: gateway.AnswerSafe, Way: "sms", At: w.clock.Now()}
	put(r, true)
	put(r, false) // the same once more
	late := r
	late.Answer, late.At = gateway.AnswerHelp, r.At.Add(-time.Second)
	put(late, false)
	late.At, late.Shared = r.At, true // as fast as a provider's clock can tell
	put(late, true)
	late.At, late.Way = r.At.Add(time.Minute), "telegram"
	put(late, true)
	w.crash()
	said(w.group.ID, alert, gateway.ID{}, 10, late)
	said(w.group.ID, next, gateway.ID{}, 10)
	said(w.other.ID, alert, gateway.ID{}, 10)

	foreign := r
	foreign.GroupID = w.other.ID
	put(foreign, false) // a member of another group
	second := r
	second.MemberID = other.ID
	put(second, true)
	first, last := late, second
	if string(first.MemberID[:]) > string(last.MemberID[:]) {
		first, last = last, first
	}
	said(w.group.ID, alert, gateway.ID{}, 10, first, last)
	said(w.group.ID, alert, gateway.ID{}, 1, first)
	said(w.group.ID, alert, first.MemberID, 10, last)

	w.ok(w.Erase(w.ctx, w.group.ID, her.ID))
	said(w.group.ID, alert, gateway.ID{}, 10, second)
	put(late, false)
	w.clock.Wind(gateway.KeepAlertReports - time.Minute)
	_, err := w.Retain(w.ctx, 100)
	w.ok(err)
	said(w.group.ID, alert, gateway.ID{}, 10, second)
	w.clock.Wind(2 * time.Minute)
	_, err = w.Retain(w.ctx, 100)
	w.ok(err)
	said(w.group.ID, alert, gateway.ID{}, 10)
}
