package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// tenancy asks for everything of one group as another (threat T6): nothing is found, and nothing changes.
func tenancy(t *testing.T, open Open) {
	w := newWorld(t, open)
	b, m, id := w.one(gateway.Report, 1, "sms")
	foreign := w.other.ID
	imp := w.begin(w.group.ID)
	row := w.row("new", "sms")
	w.stage(w.group.ID, imp, row)
	token := gateway.Token{ID: gateway.NewID(), GroupID: w.group.ID, Role: gateway.Viewer, Label: "x", Digest: make([]byte, 32), CreatedAt: w.clock.Now()}
	w.ok(w.PutToken(w.ctx, token))
	w.ok(w.PutReview(w.ctx, w.group.ID, gateway.Review{Digest: "d", Name: "pointer", Locale: "en", By: "Ana", At: w.clock.Now()}))

	calendar := w.calendar("plenum")
	calendar = w.saveReading(calendar, gateway.EventUpdate{Event: w.event(calendar, 1)})
	_, digest := gateway.MintToken()
	feed := gateway.Feed{ID: gateway.NewID(), GroupID: w.group.ID, Digest: digest, CreatedAt: w.clock.Now()}
	w.ok(w.PutFeed(w.ctx, feed))
	invitation, _, _ := w.invite(w.group.ID, 1)
	as := calendar
	as.GroupID = foreign

	var nothing []error
	missing := func(err error) { nothing = append(nothing, err) }
	_, err := w.Broadcast(w.ctx, foreign, b.ID)
	missing(err)
	missing(w.SetState(w.ctx, foreign, b.ID, true))
	_, err = w.Delivery(w.ctx, foreign, id)
	missing(err)
	missing(w.Resend(w.ctx, foreign, id))
	_, err = w.Member(w.ctx, foreign, m.ID)
	missing(err)
	missing(w.Erase(w.ctx, foreign, m.ID))
	missing(w.Wish(w.ctx, foreign, m.ID, gateway.Wish{Locale: "de"}, gateway.Consent{}))
	_, err = w.Rendering(w.ctx, foreign, b.ID, "en", "sms", false)
	missing(err)
	_, err = w.Stage(w.ctx, foreign, imp, []gateway.StagedMember{w.row("intruder", "sms")})
	missing(err)
	missing(w.RevokeToken(w.ctx, foreign, token.ID))
	missing(w.DropReview(w.ctx, foreign, "d"))
	held := w.held("theirs")
	_, err = w.ReleaseByID(w.ctx, foreign, held.ID)
	missing(err)
	_, err = w.ReleaseByKey(w.ctx, foreign, held.Key)
	missing(err)
	_, err = w.CalendarFile(w.ctx, foreign, calendar.ID)
	missing(err)
	_, err = w.PutCalendar(w.ctx, as, []byte("BEGIN:VCALENDAR"))
	missing(err)
	missing(w.RemoveCalendar(w.ctx, foreign, calendar.ID))
	missing(w.SaveReading(w.ctx, gateway.Reading{Group: foreign, Calendar: calendar.ID, Edition: calendar.Edition}))
	missing(w.RevokeFeed(w.ctx, foreign, feed.ID))
	missing(w.RevokeInvitation(w.ctx, foreign, invitation.ID))
	_, err = w.Invitation(w.ctx, foreign, invitation.ID)
	missing(err)
	_, err = w.Enrol(w.ctx, gateway.Enrolment{GroupID: foreign, Invitation: invitation.ID, Kind: "sms", Address: "+4915550100001", Locale: "en", Zone: "UTC"})
	missing(err)
	_, err = w.Asked(w.ctx, foreign, m.ID)
	missing(err)
	for i, err := range nothing {
		if !errors.Is(err, gateway.ErrNotFound) {
			t.Errorf("question %d: %v", i, err)
		}
	}
	for name, err := range map[string]error{"publish": w.Publish(w.ctx, foreign, imp), "discard": w.Discard(w.ctx, foreign, imp),
		"plan": w.Plan(w.ctx, gateway.Chunk{Broadcast: b.ID, Group: foreign, Cursor: gateway.NewID(), Last: true})} {
		if err == nil {
			t.Errorf("%s of another group's went through", name)
		}
	}
	for name, n := range map[string]int{
		"tallies":     len(must(w.Tallies(w.ctx, foreign, b.ID))),
		"deliveries":  len(must(w.Deliveries(w.ctx, gateway.DeliveryFilter{Group: foreign, Broadcast: b.ID, Limit: 10}))),
		"of member":   len(must(w.Deliveries(w.ctx, gateway.DeliveryFilter{Group: foreign, Member: m.ID, Limit: 10}))),
		"broadcasts":  len(must(w.Broadcasts(w.ctx, foreign, gateway.ID{}, 10))),
		"members":     len(must(w.Members(w.ctx, foreign, gateway.ID{}, 10))),
		"recipients":  len(must(w.Recipients(w.ctx, foreign, gateway.Audience{Topic: "reports", Members: []gateway.ID{m.ID}}, gateway.ID{}, 10))),
		"opening":     len(must(w.Opening(w.ctx, foreign, gateway.Audience{Topic: "reports", Members: []gateway.ID{m.ID}}, 10, true)).First),
		"locales":     len(must(w.Locales(w.ctx, foreign, 10))),
		"found":       len(must(w.FindMembers(w.ctx, foreign, "sms", m.Points[0].Address))),
		"by ref":      len(must(w.FindMembers(w.ctx, foreign, "ref", m.Ref))),
		"stopped":     len(must(w.StopAddress(w.ctx, foreign, "sms", m.Points[0].Address, gateway.Consent{Source: "member"}))),
		"tokens":      len(must(w.Tokens(w.ctx, foreign))),
		"wordings":    len(must(w.Wordings(w.ctx, foreign))),
		"reviews":     len(must(w.Reviews(w.ctx, foreign))),
		"releases":    len(must(w.ReleasesOf(w.ctx, foreign, gateway.ID{}, 10))),
		"calendars":   len(must(w.Calendars(w.ctx, foreign))),
		"events":      len(must(w.Events(w.ctx, foreign, gateway.ID{}, time.Time{}, 0))),
		"feeds":       len(must(w.Feeds(w.ctx, foreign, gateway.ID{}, 10))),
		"invitations": len(must(w.Invitations(w.ctx, foreign, gateway.ID{}, 10))),
		"stale":       len(must(w.Stale(w.ctx, foreign, 10))) + must(w.CountStale(w.ctx, foreign)),
		"reaffirmed":  len(must(w.ReaffirmAddress(w.ctx, foreign, "sms", m.Points[0].Address, gateway.Consent{Source: "member"}))),
		"disowned":    len(must(w.DisownAddress(w.ctx, foreign, "sms", m.Points[0].Address, gateway.Consent{Source: "member"}))),
		"inbound":     len(must(w.Inbound(w.ctx, foreign, gateway.ID{}, 10))),
	} {
		if n != 0 {
			t.Errorf("another group sees %d %s", n, name)
		}
	}
	w.ok(w.MarkAddress(w.ctx, foreign, "sms", m.Points[0].Address, gateway.PointChange{State: gateway.PointGone}))
	if n, err := w.Release(w.ctx, foreign, b.ID, true, 10); n != 0 {
		t.Errorf("another group released %d: %v", n, err)
	}
	if _, err := w.Evidence(w.ctx, foreign, m.ID); !errors.Is(err, gateway.ErrNotFound) {
		t.Errorf("evidence: %v", err)
	}

	// All is as it was.
	got, err := w.Broadcast(w.ctx, w.group.ID, b.ID)
	w.ok(err)
	equal(t, "state", got.State, gateway.Planned)
	equal(t, "point", w.read(w.group.ID, m.ID).Points[0].State, gateway.PointActive)
	equal(t, "events", len(must(w.Events(w.ctx, w.group.ID, calendar.ID, time.Time{}, 0))), 1)
	w.granted(id)
	w.ok(w.Publish(w.ctx, w.group.ID, imp))
	equal(t, "members", w.count(), 2)
	_, err = w.TokenByDigest(w.ctx, token.Digest)
	w.ok(err)
}
