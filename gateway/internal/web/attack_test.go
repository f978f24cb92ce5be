package web_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/web"
)

// Two members share a telephone. What was written there may be the other one's: neither finds it on her page or in her file.
func TestWhatWasWrittenAtASharedTelephone(t *testing.T) {
	st := newStage(t)
	one := st.enrol(nil, "sms:"+ann)
	two := st.enrol(func(m *gateway.Member) { m.Ref = "K-18" }, "sms:"+ann)
	for _, m := range []gateway.InboundMessage{
		{MemberIDs: []gateway.ID{one.ID, two.ID}, Text: "a secret of one of them"},
		{MemberIDs: []gateway.ID{one.ID}, Text: "before they shared it"},
	} {
		m.ID, m.GroupID, m.ChannelID, m.Kind, m.From, m.At = gateway.NewID(), st.group.ID, st.sms.ID, "sms", ann, st.clock()
		_, err := st.s.Receive(t.Context(), m)
		st.ok(err)
	}
	for n, m := range []gateway.Member{one, two} {
		link := st.link(m)
		for _, view := range []string{"/data", "/export.json"} {
			body := st.get(link + view).body
			if strings.Contains(body, "a secret of one of them") || strings.Contains(body, "before they shared it") != (n == 0) {
				t.Errorf("%s of member %d: %s", view, n, body)
			}
		}
	}
}

// A code is for what it was asked for, whom, and through which link.
func TestACodeOpensNothingElse(t *testing.T) {
	st := newStage(t)
	one := st.enrol(nil, "sms:"+ann, "email:"+mail)
	two := st.enrol(func(m *gateway.Member) { m.Ref = "K-18" }, "sms:"+bea)
	mine, again, other := st.link(one), st.link(one), st.link(two)
	st.post(mine, "erase", "do", "send")
	code := st.codes()[0]
	point := "point?p=" + one.Points[1].ID.String()
	for _, try := range []struct{ link, view, do string }{{other, "erase", "erase"}, {again, "erase", "erase"}, {mine, point, "drop"}, {other, point, "stop"}, {other, point, "drop"}} {
		if a := st.post(try.link, "home", "do", "none"); a.status == 200 {
			t.Errorf("a form that asks for nothing: %d", a.status)
		}
		form := formField.FindStringSubmatch(st.get(try.link + "/home").body)[1]
		if a := st.do("POST", try.link+"/"+try.view, map[string][]string{"form": {form}, "do": {try.do}, "code": {code}}); a.status < 400 {
			t.Errorf("%s %s: %d", try.view, try.do, a.status)
		}
	}
	if got := st.member(one.ID); len(got.Points) != 2 || got.Points[1].State != gateway.PointActive || st.member(two.ID).ID != two.ID {
		t.Errorf("%+v", got.Points)
	}
}

// What members and groups are called is data on every page, never markup.
func TestNamesAreNoMarkup(t *testing.T) {
	st := newStage(t)
	const evil = `"><script>x</script><img src=//e.example onerror=x>`
	g := st.group
	g.Name, g.Topics = "Harbour "+evil, []gateway.Topic{{Name: "reports", Title: "Reports " + evil}, {Name: "alerts"}}
	_, err := st.s.PutGroup(t.Context(), g)
	st.ok(err)
	m := st.enrol(func(m *gateway.Member) {
		m.Name, m.Ref = "Ann "+evil, gateway.Private("K "+evil)
		m.Tags = []string{"north"}
	}, "sms:"+ann, "email:"+mail)
	_, err = st.s.Receive(t.Context(), gateway.InboundMessage{ID: gateway.NewID(), GroupID: g.ID, ChannelID: st.sms.ID, MemberIDs: []gateway.ID{m.ID}, Kind: "sms", From: ann, Text: evil, At: st.clock()})
	st.ok(err)
	link := st.link(m)
	for _, view := range []string{"", "/home", "/add", "/data", "/erase", "/point?p=" + m.Points[0].ID.String(), "/home?saved=" + "%22%3E%3Cscript%3E", "/point?p=%3Cscript%3E"} {
		a := st.get(link + view)
		if strings.Contains(a.body, "<script") || strings.Contains(a.body, "<img") || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: %v %s", view, a.header, a.body)
		}
	}
	if a := st.post(link, "add", "do", "send", "kind", "sms", "address", "no "+evil); strings.Contains(a.body, "<script") || a.status != 422 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// longMember is a ledger in which a member has had a thousand messages, which come first.
type longMember struct{ web.Sent }

func (l longMember) Deliveries(ctx context.Context, f gateway.DeliveryFilter) ([]gateway.Delivery, error) {
	if f.After.IsZero() {
		old := make([]gateway.Delivery, 1000)
		old[999].ID = gateway.NewID()
		return old, nil
	}
	f.After = gateway.ID{}
	return l.Sent.Deliveries(ctx, f)
}

// Who has been a member for long can prove a new address like anybody else.
func TestANewAddressAfterAThousandMessages(t *testing.T) {
	st := newStage(t)
	st.pages.Sent = longMember{st.s}
	m := st.enrol(nil, "sms:"+ann)
	link := st.link(m)
	st.post(link, "add", "do", "send", "kind", "email", "address", mail)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = st.f.Run(ctx) }()
	for open := []gateway.Broadcast{{}}; len(open) > 0; <-time.After(time.Millisecond) {
		var err error
		open, err = st.s.Unplanned(ctx, 10)
		st.ok(err)
		st.f.Wake()
	}
	cancel()
	<-ended
	st.senders(m)
	codes := st.codes()
	a := st.post(link, "add", "do", "take", "point", st.member(m.ID).Points[1].ID.String(), "code", codes[0], "second", codes[1])
	if a.status != http.StatusSeeOther || st.member(m.ID).Points[1].State != gateway.PointActive {
		t.Errorf("%d, %s", a.status, st.member(m.ID).Points[1].State)
	}
}

// A number of hers is somebody else's by now, who has said so. STOP ALL on her page is not for that one.
func TestStopAllSparesWhoeverHasHerOldNumber(t *testing.T) {
	st := newStage(t)
	m := st.enrol(nil, "email:"+mail, "sms:"+ann)
	valley, err := st.s.PutGroup(t.Context(), gateway.Group{Slug: "valley", Name: "Valley Watch", Locale: "en", Zone: "Europe/Berlin", Topics: []gateway.Topic{{Name: "reports"}}})
	st.ok(err)
	_, err = st.s.DisownAddress(t.Context(), st.group.ID, "sms", ann, gateway.Consent{Source: "member", Proof: "WRONG"})
	st.ok(err)
	harbour := st.group
	st.group = valley
	other := st.enrol(nil, "sms:"+ann)
	st.group = harbour
	if a := st.post(st.link(m), "everywhere", "do", "stop"); a.status != http.StatusOK {
		t.Fatalf("%d", a.status)
	}
	elsewhere, err := st.s.Member(t.Context(), valley.ID, other.ID)
	st.ok(err)
	if got := st.member(m.ID).Points; got[0].State != gateway.PointStopped || elsewhere.Points[0].State != gateway.PointActive {
		t.Errorf("her mail %s, the number %s", got[0].State, elsewhere.Points[0].State)
	}
}

// A coordinator has a link sent to somebody who shares her first address: it goes to the one that is hers alone.
func TestALinkByHandIsNotForASharedTelephone(t *testing.T) {
	st := newStage(t)
	one := st.enrol(nil, "sms:"+ann, "email:"+mail)
	two := st.enrol(func(m *gateway.Member) { m.Ref = "K-18" }, "sms:"+ann)
	for i, want := range map[gateway.ID]gateway.ID{one.ID: one.Points[1].ID, two.ID: two.Points[0].ID} {
		st.told = nil
		st.ok(st.pages.Issue(t.Context(), st.group.ID, i, gateway.ID{}, "by hand "+i.String()))
		if len(st.told) != 1 || st.told[0].to.Point != want {
			t.Errorf("%+v", st.told)
		}
	}
}
