package apptest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// TestFailingChannelIsReplaced: a group's own channel works when it is set up, and then its provider takes its credentials no
// more. It is paused, and its owner reads over another channel that it does not work. Another channel takes its place, the
// gateway is killed, and the report reaches everybody once.
func TestFailingChannelIsReplaced(t *testing.T) {
	t.Parallel()
	const many, theirs, number = 20, "AC00000000000000000000000000000077", "+12025550177"
	ctx := t.Context()
	w := apptest.New(t, apptest.Options{Senders: 2})
	w.Start()
	owned(w, apptest.PeopleWith("s", apptest.Numbers(t, many)), byText, func(*gateway.Group) {})
	w.Box.Account(sandbox.Account{SID: theirs, Token: apptest.Token, SMSURL: w.URL + "/hooks/sms-own", Numbers: []string{number}})
	options := fmt.Sprintf(`{"account_sid":%q,"auth_token":%q,"from":%q,"segments_per_second":100000,"base_url":%q}`, theirs, apptest.Token, number, w.Wall)
	if _, err := w.API.PutChannel(ctx, "harbour", client.NewChannel{Name: "sms-own", Adapter: "sms", Senders: w.Senders, Options: []byte(options)}); err != nil {
		t.Fatal(err)
	}
	w.Box.Account(sandbox.Account{SID: theirs, Token: "00000000000000000000000000000078", SMSURL: w.URL + "/hooks/sms-own", Numbers: []string{number}})
	report := w.Report("harbour", "week-47", "The roof is mended.")
	w.Until(20*time.Second, "for the channel to be paused", func() bool { return view(w).Health.Paused == gateway.PauseAuth })
	w.UntilBox(20*time.Second, "for the owner to be told", func() bool { return toldOwner(w, byText, "sms-own")+toldOwner(w, byTelegram, "sms-own") > 0 })
	if n := w.Counts("harbour", report)["waiting"]; n != many {
		t.Errorf("%d wait, want %d: %v", n, many, w.Counts("harbour", report))
	}
	options = fmt.Sprintf(`{"account_sid":%q,"auth_token":%q,"from":%q,"segments_per_second":100000,"base_url":%q}`, apptest.Account, apptest.Token, apptest.Number, w.Wall)
	if _, err := w.API.PutChannel(ctx, "harbour", client.NewChannel{Name: "sms-new", Adapter: "sms", Senders: w.Senders, Options: []byte(options)}); err != nil {
		t.Fatal(err)
	}
	if err := w.API.ReplaceChannel(ctx, "harbour", view(w).ID, "sms-new", false); err != nil {
		t.Fatal(err)
	}
	w.Kill()
	w.Start()
	w.Settled(30*time.Second, "harbour", report)
	if n := w.Counts("harbour", report)["delivered"]; n != many {
		t.Errorf("the report reached %d of %d: %v", n, many, w.Counts("harbour", report))
	}
	// Then nobody needs the old one any more, and what it did can be read all the same.
	old := view(w).ID
	if err := w.API.DeleteChannel(ctx, "harbour", old); err != nil {
		t.Error(err)
	}
	former, err := w.API.FormerChannels(ctx, "harbour")
	if err != nil || len(former) != 1 || former[0].ID != old || former[0].Name != "sms-own" {
		t.Errorf("%+v, %v", former, err)
	}
	if s := w.Box.Stats(); s.Duplicates > 0 || s.SameAttempt > 0 {
		t.Errorf("the provider kept %d duplicates", s.Duplicates)
	}
}
