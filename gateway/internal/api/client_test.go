package api

import (
	"context"
	"errors"
	"net"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// watched notes which paths were asked for, and can lose answers on their way back.
type watched struct {
	asked map[string]bool
	lose  atomic.Int32
	t     *testing.T
	w     *world
}

func (v *watched) RoundTrip(r *http.Request) (*http.Response, error) {
	_, pattern := v.w.server.mux.Handler(r)
	v.asked[pattern] = true
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && v.lose.Add(-1) >= 0 {
		_ = resp.Body.Close()
		return nil, &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}
	}
	return resp, err
}

func (w *world) client(token string) (*client.Client, *watched) {
	v := &watched{asked: map[string]bool{}, t: w.t, w: w}
	return client.New(w.url+"/", gateway.Private(w.tokens[token]), &http.Client{Transport: v}), v
}

// A coordinator's day through the client, each method once, and by them each route.
func TestTheClientSpeaksEveryRoute(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	w.mint("second operator", gateway.ID{}, gateway.Operator)
	broadcast, delivery := w.doubtful("told")
	c, asked := w.client("berlin administrator")
	op, askedToo := w.client("operator")
	op2, _ := w.client("second operator")
	asked.asked = askedToo.asked

	ok := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	is := func(what string, good bool, got any, err error) {
		t.Helper()
		if err != nil || !good {
			t.Errorf("%s: %+v, %v", what, got, err)
		}
	}
	ok("ready", c.Ready(ctx))
	groups, err := op.Groups(ctx)
	is("groups", len(groups) == 3, groups, err)
	g, err := c.Group(ctx, "berlin")
	is("group", g.ID == w.berlin.ID, g, err)
	g.Name = "Berlin!"
	g, err = c.PutGroup(ctx, g)
	is("put group", g.Name == "Berlin!", g, err)
	status, err := c.Status(ctx)
	is("status", status.Version == "test" && len(status.Channels) == 2, status, err)

	members, err := c.Members(ctx, "berlin", 0)
	is("members", len(members) == 1 && members[0].Name != memberName, members, err)
	m, err := c.Member(ctx, "berlin", w.member)
	is("member", m.ID == w.member, m, err)
	ids, err := c.FindMembers(ctx, "berlin", "ref", memberRef)
	is("find", len(ids) == 1 && ids[0] == w.member, ids, err)
	m, err = c.RevealMember(ctx, "berlin", w.member, gateway.RevealContact)
	is("reveal", m.Points[0].Address == memberAddress, m, err)
	raw, err := c.ExportMember(ctx, "berlin", w.member, gateway.RevealRequest)
	is("export", strings.Contains(string(raw), memberAddress), string(raw), err)
	ok("link", c.LinkMember(ctx, "berlin", w.member))
	report, err := c.ImportMembers(ctx, "berlin", strings.NewReader(people+row("K-30", "Somebody", "+447700900130")), gateway.ImportOptions{})
	is("import", report.Published && report.New == 1, report, err)

	draft := gateway.Draft{Key: "k", Kind: gateway.KindAlert, DangerToLife: true, Audience: gateway.Audience{Topic: "reports", Tags: []string{"north"}, Locales: []string{"de"}, Members: ids},
		Words: gateway.Words{Sources: map[string]string{"en": "Hello {name}."}, Data: map[string]string{"name": "x"}}, Sensitive: true, StartAt: w.clock.Now(), ExpiresAt: w.clock.Now().AddDate(0, 0, 1)}
	preview, err := c.Preview(ctx, "berlin", draft)
	is("preview", preview.Members == 1, preview, err)
	sent, err := c.Submit(ctx, "berlin", draft)
	is("submit", sent.Created, sent, err)
	again, err := c.Submit(ctx, "berlin", draft)
	is("submit again", !again.Created && again.ID == sent.ID, again, err)
	list, err := c.Broadcasts(ctx, "berlin", 1)
	is("broadcasts", len(list) == 1 && list[0].ID == sent.ID && list[0].Class == gateway.LifeSafety, list, err)
	b, err := c.Broadcast(ctx, "berlin", broadcast)
	is("broadcast", b.ID == broadcast && len(b.Tallies) == 1 && b.Tallies[0].State == gateway.DeliveryInDoubt, b, err)
	ok("stop", c.StopBroadcast(ctx, "berlin", broadcast))
	ok("resume", c.ResumeBroadcast(ctx, "berlin", broadcast))
	n, err := c.ReplayBroadcast(ctx, "berlin", broadcast)
	is("replay", n == 0, n, err)
	d, err := c.Delivery(ctx, "berlin", delivery)
	is("delivery", len(d.Attempts) == 1 && d.Attempts[0].State == gateway.InDoubt, d, err)
	all, err := c.Deliveries(ctx, "berlin", gateway.DeliveryFilter{Broadcast: broadcast, Member: w.member, State: gateway.DeliveryInDoubt}, 0)
	is("deliveries", len(all) == 1, all, err)
	ok("resend", c.ResendDelivery(ctx, "berlin", delivery))

	w.onDuty(c, ok, is)
	channels, err := c.Channels(ctx, "berlin")
	is("channels", len(channels) == 2, channels, err)
	shared, err := op.Channels(ctx, "")
	is("the operator's channels", len(shared) == 1, shared, err)
	for _, side := range []struct {
		c       *client.Client
		group   string
		channel gateway.Channel
	}{{c, "berlin", w.channel}, {op, "", shared[0].Channel}} {
		made, err := side.c.PutChannel(ctx, side.group, client.NewChannel{Name: "sms-made-" + side.group + "x", Adapter: "sms", Options: []byte(`{"k":"v"}`)})
		is("put channel", made.Kind == "sms", made, err)
		checked, err := side.c.CheckChannel(ctx, side.group, side.channel.ID)
		is("check", checked.OK, checked, err)
		ok("pause", side.c.PauseChannel(ctx, side.group, side.channel.ID, false))
		ok("resume channel", side.c.ResumeChannel(ctx, side.group, side.channel.ID, false))
		ok("replace channel", side.c.ReplaceChannel(ctx, side.group, made.ID, side.channel.Name, false))
		extra, err := side.c.PutChannel(ctx, side.group, client.NewChannel{Name: "sms-extra-" + side.group + "x", Adapter: "sms", Options: []byte(`{"k":"v"}`)})
		is("put another channel", err == nil, extra, err)
		ok("delete channel", side.c.DeleteChannel(ctx, side.group, extra.ID))
		former, err := side.c.FormerChannels(ctx, side.group)
		is("former channels", err == nil && len(former) == 1 && former[0].ID == extra.ID && former[0].Name == extra.Name && former[0].DeletedBy != "", former, err)
		prices, err := side.c.SetPrices(ctx, side.group, []gateway.Price{{Kind: "sms", Country: "DE", Currency: "EUR", Micros: 95_000}}, []gateway.Price{{Kind: "sms", Country: "KE"}})
		is("set prices", len(prices) == 1 && prices[0].Micros == 95_000, prices, err)
		prices, err = side.c.Prices(ctx, side.group)
		is("prices", len(prices) == 1, prices, err)
		tokens, err := side.c.Tokens(ctx, side.group)
		is("tokens", len(tokens) >= 2, tokens, err)
		role := gateway.Viewer
		if side.group == "" {
			role = gateway.Operator
		}
		issued, err := side.c.CreateToken(ctx, side.group, role, "new", w.clock.Now().AddDate(1, 0, 0))
		is("create token", strings.HasPrefix(issued.Secret, "crl_"), issued.ID, err)
		ok("revoke", side.c.RevokeToken(ctx, side.group, issued.ID))
	}
	spend, err := c.Spend(ctx, "berlin")
	is("spend", spend.Month != "" && spend.Budget == nil, spend, err)
	ok("put wording", c.PutWording(ctx, "berlin", "hello", map[string]string{"en": "Hello."}))
	words, err := c.Wordings(ctx, "berlin")
	is("wordings", words["hello"]["en"] == "Hello.", words, err)
	review, err := c.PutReview(ctx, "berlin", "hello", "en", "Hello.", " Ana ")
	is("review", review.By == "Ana" && len(review.Digest) == 64, review, err)
	texts, err := c.Texts(ctx, "berlin", "hello", true)
	is("texts", len(texts) == 1 && texts[0].Own && texts[0].By == "Ana" && texts[0].State == gateway.TextReviewed && texts[0].Source == "Hello." && texts[0].Digest == review.Digest, texts, err)
	reviews, err := c.Reviews(ctx, "berlin")
	is("reviews", len(reviews) == 1 && reviews[0] == review, reviews, err)
	ok("drop review", c.DropReview(ctx, "berlin", review.Digest))
	ok("delete wording", c.DeleteWording(ctx, "berlin", "hello"))
	cal, err := c.PutCalendar(ctx, "berlin", "meetings", client.NewCalendar{Topic: "reports", URL: icsSecret, Zone: "Asia/Kathmandu", Every: 30})
	is("put calendar", cal.Fresh.Events == 3 && cal.Zone == "Asia/Kathmandu" && cal.Every == 30, cal, err)
	cal, err = c.UploadCalendar(ctx, "berlin", "file", "reports", "Asia/Kathmandu", strings.NewReader(icsOf(w.soon(icsMeeting))))
	is("upload calendar", cal.Fresh.Events == 3, cal, err)
	cal, err = c.UploadCalendar(ctx, "berlin", "file", "reports", "", strings.NewReader(icsOf()))
	is("upload nothing", cal.Fresh.Agreed == 3, cal, err)
	cancelled, err := c.ConfirmCalendar(ctx, "berlin", "file")
	is("confirm", cancelled == 3, cancelled, err)
	cal, err = c.ReadCalendar(ctx, "berlin", "meetings")
	is("read calendar", cal.Fresh.Events == 3, cal, err)
	cal, err = c.Calendar(ctx, "berlin", "meetings")
	is("calendar", cal.Host == "calendar.example", cal, err)
	events, err := c.Events(ctx, "berlin", "meetings", 2)
	is("events", len(events) == 2, events, err)
	meant, err := c.MarkEvent(ctx, "berlin", "meetings", gateway.EventMark{UID: events[0].UID, Sensitive: true, PlaceFrom: w.clock.Now().AddDate(0, 0, 1)})
	is("mark", meant == 3, meant, err)
	ok("remove calendar", c.RemoveCalendar(ctx, "berlin", "file"))
	calendars, err := c.Calendars(ctx, "berlin")
	is("calendars", len(calendars) == 1, calendars, err)
	feed, err := c.CreateFeed(ctx, "berlin", w.member, "", "telephone")
	is("create feed", strings.Contains(feed.Address, "/cal/"), feed.ID, err)
	feeds, err := c.Feeds(ctx, "berlin")
	is("feeds", len(feeds) == 1 && feeds[0].MemberID == w.member, feeds, err)
	ok("revoke feed", c.RevokeFeed(ctx, "berlin", feed.ID))
	invitation, err := c.CreateInvitation(ctx, "berlin", client.NewInvitation{Label: "assembly", Topics: []string{"reports"}, Uses: 5})
	is("create invitation", len(invitation.Code) == gateway.CodeDigits && invitation.Author == "berlin administrator", invitation.ID, err)
	invitations, err := c.Invitations(ctx, "berlin")
	is("invitations", len(invitations) == 1 && invitations[0].Uses == 5, invitations, err)
	invited, err := c.RevokeInvitation(ctx, "berlin", invitation.ID)
	is("revoke invitation", !invited.RevokedAt.IsZero(), invited, err)
	invited, err = c.Invitation(ctx, "berlin", invitation.ID)
	is("invitation", len(invited.Members) == 0 && !invited.RevokedAt.IsZero(), invited, err)
	doc, err := c.Export(ctx)
	is("export", len(doc.Groups) == 1, doc, err)
	applied, err := c.Apply(ctx, doc, true, true)
	is("apply", applied.DryRun && applied.Conflicts() == 0 && len(applied.Items) > 0, applied, err)
	useSchedules(t, w, c, "berlin administrator")
	useReports(t, w, c)
	useInbox(t, w, c)
	useAlerts(t, w, c)
	useHeldAlerts(t, w, c)
	useDrills(t, w, c)
	_, err = c.AskMembers(ctx, "berlin", []string{"reports"})
	ok("ask", err)
	ok("erase", c.EraseMember(ctx, "berlin", w.member))
	_, err = op2.Tokens(ctx, "berlin")
	if !errors.Is(err, &gateway.Fault{Code: gateway.CodeForbidden}) {
		t.Errorf("a fault keeps its code: %v", err)
	}
	w.releasedBy(c)
	for _, rt := range w.server.routes {
		if !asked.asked[rt.Method+" "+rt.Path] {
			t.Errorf("no method of the client asks %s %s", rt.Method, rt.Path)
		}
	}
	if n := reflect.TypeFor[*client.Client]().NumMethod(); n != 121 {
		t.Errorf("the client has %d methods; this story uses 119 of 121, and the next one the other two", n)
	}
}

// Long lists are read page by page as they are used, and a reader who stops asks for no more.
func TestTheClientReadsLists(t *testing.T) {
	w := newWorld(t)
	c, _ := w.client("berlin administrator")
	var file strings.Builder
	file.WriteString(people)
	for i := range 1100 {
		file.WriteString(row("P-"+strings.Repeat("x", 1+i%3)+string(rune('a'+i/3%26))+string(rune('a'+i/78)), "Somebody", "+4477009"+string([]byte{byte('0' + i/1000), byte('0' + i/100%10), byte('0' + i/10%10), byte('0' + i%10)})+"0"))
	}
	report, err := c.ImportMembers(t.Context(), "berlin", strings.NewReader(file.String()), gateway.ImportOptions{})
	must(t, err)
	if report.New != 1100 {
		t.Fatalf("import: %+v", report)
	}
	seen := map[gateway.ID]bool{}
	for m, err := range c.EachMember(t.Context(), "berlin") {
		must(t, err)
		seen[m.ID] = true
	}
	if len(seen) != 1101 {
		t.Errorf("%d members", len(seen))
	}
	some, err := c.Members(t.Context(), "berlin", 620)
	if err != nil || len(some) != 620 {
		t.Errorf("%d of 620 members, %v", len(some), err)
	}
	for range c.EachMember(t.Context(), "berlin") {
		break
	}
	for d, err := range c.EachDelivery(t.Context(), "berlin", gateway.DeliveryFilter{}) {
		t.Errorf("a delivery out of nowhere: %v, %v", d, err)
	}
	foreign, _ := w.client("nairobi administrator")
	for _, err := range foreign.EachMember(t.Context(), "berlin") {
		if !errors.Is(err, gateway.ErrNotFound) {
			t.Errorf("another's members: %v", err)
		}
	}
}

// The answers get lost on the way. The client asks again, and everything is done once.
func TestLostAnswers(t *testing.T) {
	w := newWorld(t)
	c, wire := w.client("berlin administrator")
	ctx := t.Context()
	wire.lose.Store(1)
	sent, err := c.Submit(ctx, "berlin", gateway.Draft{Kind: gateway.KindReport, Audience: gateway.Audience{Topic: "reports"}, Words: gateway.Words{Sources: map[string]string{"en": "Hello."}}})
	if err != nil || !sent.Created || w.fake.submitted() != 1 {
		t.Errorf("submit: %+v, %v, done %d times", sent, err, w.fake.submitted())
	}
	wire.lose.Store(1)
	if err := c.EraseMember(ctx, "berlin", w.member); err != nil {
		t.Errorf("an erasure whose answer was lost is done: %v", err)
	}
	if err := c.EraseMember(ctx, "berlin", w.member); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("erasing nobody: %v", err)
	}
	wire.lose.Store(1)
	_, err = c.CreateToken(ctx, "berlin", gateway.Viewer, "new", w.clock.Now().AddDate(1, 0, 0))
	if err == nil || !strings.Contains(err.Error(), "make another") {
		t.Errorf("a token whose text was lost: %v", err)
	}
	if list, err := c.Tokens(ctx, "berlin"); err != nil || len(list) != 5 {
		t.Errorf("%d tokens, %v", len(list), err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := c.Groups(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled call: %v", err)
	}
	nobody := client.New("http://127.0.0.1:1", "x", nil)
	if _, err := nobody.Groups(ctx); !errors.Is(err, &gateway.Fault{Code: gateway.CodeUnavailable}) {
		t.Errorf("nobody there: %v", err)
	}
}
