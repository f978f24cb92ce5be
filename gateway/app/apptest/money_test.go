package apptest_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// Where the owner is: she prefers text messages.
const byText, byTelegram = "+447700900999", "900000777"

// owned gives the gateway a group of people with an owner, who subscribes to nothing else.
func owned(w *apptest.World, people []apptest.Person, number string, change func(*gateway.Group)) {
	w.T.Helper()
	ctx := w.T.Context()
	w.Apply("harbour")
	g, err := w.API.Group(ctx, "harbour")
	if err != nil {
		w.T.Fatal(err)
	}
	g.Topics = append(g.Topics, gateway.Topic{Name: gateway.OwnersTopic})
	change(&g)
	if _, err = w.API.PutGroup(ctx, g); err != nil {
		w.T.Fatal(err)
	}
	w.Join("harbour", people)
	owner := "owner,The keeper,en," + number + "," + byTelegram + ",owners,join-2,en,2026-01-10T10:00:00Z,paper form\n"
	report, err := w.API.ImportMembers(ctx, "harbour", strings.NewReader(apptest.Header+owner), gateway.ImportOptions{})
	if err != nil || report.New != 1 {
		w.T.Fatalf("importing an owner: %v, %+v", err, report)
	}
}

// ownChannel gives the group a channel of its own for text messages.
func ownChannel(w *apptest.World) {
	w.T.Helper()
	options := fmt.Sprintf(`{"account_sid":%q,"auth_token":%q,"from":%q,"segments_per_second":100000,"base_url":%q}`, apptest.Account, apptest.Token, apptest.Number, w.Wall)
	if _, err := w.API.PutChannel(w.T.Context(), "harbour", client.NewChannel{Name: "sms-own", Adapter: "sms", Senders: w.Senders, Trip: gateway.Trip{After: 5}, Options: []byte(options)}); err != nil {
		w.T.Fatal(err)
	}
}

// view gives the channel of the group as its list shows it.
func view(w *apptest.World) gateway.ChannelView {
	w.T.Helper()
	all, err := w.API.Channels(w.T.Context(), "harbour")
	if err != nil {
		w.T.Fatal(err)
	}
	for _, c := range all {
		if c.Name == "sms-own" {
			return c
		}
	}
	w.T.Fatal("the group's channel is not there")
	return gateway.ChannelView{}
}

// toldOwner counts the messages with all these words that the owner got at an address.
func toldOwner(w *apptest.World, address string, words ...string) (n int) {
	for _, e := range late(w, time.Time{}, func(e sandbox.Entry) bool { return e.Kept && e.To == address }) {
		found := true
		for _, word := range words {
			found = found && strings.Contains(e.Text, word)
		}
		if found {
			n++
		}
	}
	return n
}

// TestFilteredChannel: a carrier filters the group's report. After five people the channel is ailing: the rest of the
// report waits, an alert goes to everybody, the owner reads about it on Telegram, and nobody's number is blamed. It stays so
// over a restart. When somebody resumes the channel, the report reaches all who are left.
func TestFilteredChannel(t *testing.T) {
	t.Parallel()
	const many, text = 40, "The roof is mended."
	w := apptest.New(t, apptest.Options{Senders: 2})
	w.Start()
	people := apptest.PeopleWith("s", apptest.Numbers(t, many))
	owned(w, people, byText, func(*gateway.Group) {})
	ownChannel(w)
	end := w.Script(sandbox.Fault{Kind: sandbox.Failure, Provider: sandbox.Twilio, Status: 400, Code: 30007})
	report := w.Report("harbour", "week-47", text)
	w.Until(20*time.Second, "for an incident", func() bool { return view(w).Incident != nil })
	w.UntilBox(20*time.Second, "for the owner to be told", func() bool { return toldOwner(w, byTelegram, "sms-own", "30007") > 0 })
	w.Until(10*time.Second, "for the list to say that she is told", func() bool { return view(w).Incident.Told })
	end()
	c := view(w)
	if c.Incident.Trouble != gateway.TroubleFiltered || c.Incident.Deliveries != 5 || len(c.Errors) == 0 || c.Errors[0].Code != "30007" || c.Backlog["bulk"] < many-10 {
		t.Errorf("the list says %+v, incident %+v", c, c.Incident)
	}
	spoilt := w.Counts("harbour", report)["ended: failed"]
	if spoilt < 5 || spoilt > 5+2*2 {
		t.Errorf("%d people were spoilt; five and what two senders had under way are enough", spoilt)
	}

	alert := w.Submit("harbour", gateway.Draft{Kind: gateway.KindAlert, Key: "flood", Audience: gateway.Audience{Topic: "alerts"}, Words: apptest.Words("Leave the quay.")})
	w.Settled(30*time.Second, "harbour", alert)
	if n := w.Counts("harbour", alert)["delivered"]; n != many {
		t.Errorf("the alert reached %d of %d: %v", n, many, w.Counts("harbour", alert))
	}
	w.Stop()
	w.Start()
	if c := view(w); c.Incident == nil || w.Counts("harbour", report)["waiting"] != many-spoilt {
		t.Errorf("after a restart the incident is %+v, and the report %v", c.Incident, w.Counts("harbour", report))
	}
	members, err := w.API.Members(t.Context(), "harbour", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		for _, p := range m.Points {
			if p.State != gateway.PointActive || p.Note != "" {
				t.Errorf("a number is blamed: %s %q", p.State, p.Note)
			}
		}
	}

	if err := w.API.ResumeChannel(t.Context(), "harbour", c.ID, false); err != nil {
		t.Fatal(err)
	}
	if _, err := w.API.ReplayBroadcast(t.Context(), "harbour", report); err != nil {
		t.Fatal(err)
	}
	w.UntilBox(20*time.Second, "for the owner to hear that all is well", func() bool { return toldOwner(w, byText, "sms-own is well again") > 0 })
	w.Settled(30*time.Second, "harbour", report)
	if n := w.Counts("harbour", report)["delivered"]; n != many {
		t.Errorf("in the end the report reached %d of %d", n, many)
	}
	if n := toldOwner(w, byTelegram, "sms-own", "30007"); n != 1 {
		t.Errorf("the owner was told %d times", n)
	}
}

// TestRefusedCredentials: the operator's channel loses its credentials. Those whom the operator named read about it on
// Telegram, and again when a check finds them good, without anybody's doing.
func TestRefusedCredentials(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, apptest.Options{Senders: 2})
	settings, err := os.OpenFile(w.ConfigFile(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := settings.WriteString("contacts: harbour\n"); err != nil || settings.Close() != nil {
		t.Fatal(err)
	}
	w.Start()
	owned(w, apptest.PeopleWith("s", apptest.Numbers(t, 1)), "", func(*gateway.Group) {})
	w.Apply("rivers")
	w.Join("rivers", apptest.PeopleWith("r", apptest.Numbers(t, 3)))
	end := w.Script(sandbox.Fault{Kind: sandbox.Unauthorized, Provider: sandbox.Twilio, On: sandbox.OnAll})
	report := w.Report("rivers", "week-47", "The roof is mended.")
	w.UntilBox(20*time.Second, "for the operator's people to be told", func() bool { return toldOwner(w, byTelegram, "Channel sms:", "credentials") == 1 })
	if i := w.Channel("sms").Incident; i == nil || i.Trouble != gateway.TroubleCredentials {
		t.Errorf("the incident is %+v", i)
	}
	w.Until(10*time.Second, "for the list to say so", func() bool { return w.Channel("sms").Incident.Told })
	end()
	if result, err := w.API.CheckChannel(t.Context(), "", w.Channel("sms").ID); err != nil || !result.OK {
		t.Fatalf("the check says %+v, %v", result, err)
	}
	w.UntilBox(20*time.Second, "for them to hear that all is well", func() bool {
		return toldOwner(w, byTelegram, "sms is well again") == 1
	})
	w.Settled(30*time.Second, "rivers", report)
	if n := w.Counts("rivers", report)["delivered"]; n != 3 || w.Channel("sms").Incident != nil {
		t.Errorf("in the end %d were reached, and the incident is %+v", n, w.Channel("sms").Incident)
	}
}

// TestHardCap: two reports race, and in the middle the group's hard cap for the month is reached. No more than what senders
// had in flight passes it. A warning of danger to life reaches everybody all the same, the owner hears of it all, and a
// higher cap lets the reports go on.
func TestHardCap(t *testing.T) {
	t.Parallel()
	const many, senders, limit = 30, 4, 20
	w := apptest.New(t, apptest.Options{Senders: senders})
	w.Start()
	people := apptest.PeopleWith("s", apptest.Numbers(t, many))
	hard := func(g *gateway.Group) {
		g.Budget = &gateway.Budget{Currency: "EUR", Soft: 1_000_000, Hard: limit * 100_000}
	}
	owned(w, people, byText, hard)
	ownChannel(w)
	ctx := t.Context()
	if _, err := w.API.SetPrices(ctx, "harbour", []gateway.Price{{Kind: "sms", Country: "GB", Currency: "EUR", Micros: 100_000}}, nil); err != nil {
		t.Fatal(err)
	}
	draft := gateway.Draft{Kind: gateway.KindReport, Audience: gateway.Audience{Topic: "reports"}, Words: apptest.Words("The roof is mended.")}
	preview, err := w.API.Preview(ctx, "harbour", draft)
	if err != nil || len(preview.Costs) != 1 || preview.Costs[0].Country != "GB" || len(preview.Total.Amounts) != 1 || preview.Total.Amounts[0] != (gateway.Money{Currency: "EUR", Micros: many * 100_000}) {
		t.Fatalf("the preview says %+v %+v, %v", preview.Costs, preview.Total, err)
	}
	one, two := w.Report("harbour", "week-47", "The roof is mended."), w.Report("harbour", "week-48", "The night bus runs again.")
	spend := func() gateway.Spend {
		s, err := w.API.Spend(ctx, "harbour")
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	var s gateway.Spend
	w.Until(30*time.Second, "for the cap to hold the rest", func() bool {
		s = spend()
		return s.Hard && s.Held+int(s.Segments) == 2*many
	})
	if s.Segments < limit || s.Segments >= limit+senders || len(s.Amounts) != 1 || s.Amounts[0].Micros != s.Segments*100_000 {
		t.Errorf("spent under a cap of %d messages with %d senders: %+v", limit, senders, s)
	}
	capped, err := w.API.Deliveries(ctx, "harbour", gateway.DeliveryFilter{State: gateway.Waiting, Reason: gateway.ReasonCapped}, 0)
	if err != nil || len(capped) != s.Held {
		t.Errorf("%d deliveries are shown as capped, %d are held: %v", len(capped), s.Held, err)
	}
	w.UntilBox(20*time.Second, "for the owner to be told of both caps", func() bool {
		return toldOwner(w, byText, "past the mark of 1.00 EUR") == 1 && toldOwner(w, byText, "the cap is 2.00 EUR") == 1
	})

	id := w.Submit("harbour", gateway.Draft{Kind: gateway.KindAlert, DangerToLife: true, Key: "flood", Audience: gateway.Audience{Topic: "alerts"}, Words: apptest.Words("Leave the quay now.")})
	w.Settled(30*time.Second, "harbour", id)
	if n := w.Counts("harbour", id)["delivered"]; n != many {
		t.Errorf("the warning reached %d of %d", n, many)
	}
	status, err := w.API.Broadcast(ctx, "harbour", id)
	if err != nil || len(status.Charges) != 1 || status.Charges[0].Amount == nil || status.Charges[0].Amount.Micros != many*100_000 {
		t.Errorf("the warning cost %+v, %v", status.Charges, err)
	}
	w.UntilBox(20*time.Second, "for the alarm", func() bool { return toldOwner(w, byText, "an alert went out although the cap") == 1 })
	if now := spend(); now.Held != s.Held {
		t.Errorf("%d were held, %d are", s.Held, now.Held)
	}

	g, err := w.API.Group(ctx, "harbour")
	if err != nil {
		t.Fatal(err)
	}
	g.Budget.Hard = 100_000_000
	if _, err := w.API.PutGroup(ctx, g); err != nil {
		t.Fatal(err)
	}
	for _, id := range []gateway.ID{one, two} {
		w.Until(30*time.Second, "for the reports to go on", func() bool { return w.Counts("harbour", id)["delivered"] == many })
	}
}
