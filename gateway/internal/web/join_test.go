package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// invitation makes one and gives the path of its page.
func (st *stage) invitation(uses int) (gateway.ID, string) {
	st.t.Helper()
	code, link := gateway.MintInvitation()
	i := gateway.Invitation{ID: gateway.NewID(), GroupID: st.group.ID, Label: "hall", Topics: []string{"reports"}, Uses: uses, CreatedAt: st.clock(), ExpiresAt: st.clock().Add(24 * time.Hour)}
	st.ok(st.s.PutInvitation(st.t.Context(), i, code, link))
	return i.ID, "/j/" + link.Reveal()
}

// give posts a mail address on an invitation's page.
func (st *stage) give(path, address string) answer {
	st.t.Helper()
	m := formField.FindStringSubmatch(st.get(path).body)
	if m == nil {
		st.t.Fatal("the page has no form")
	}
	return st.do(http.MethodPost, path, url.Values{"form": {m[1]}, "address": {address}})
}

// carryOut does what waits behind the answers.
func (st *stage) carryOut() {
	st.t.Helper()
	ctx, cancel := context.WithCancel(st.t.Context())
	cancel()
	st.ok(st.pages.Run(ctx))
}

// She opens the invitation, gives her mail address, opens the link in the mail and says yes there: opening changes nothing,
// her yes alone does, with the version of the words as evidence. Once more it changes nothing.
func TestSheJoinsByMail(t *testing.T) {
	st := newStage(t)
	_, path := st.invitation(2)
	page := st.do(http.MethodGet, path, nil, "Accept-Language", "de")
	if page.status != 200 || len(page.body) > 50_000 || !strings.Contains(page.body, "Harbour Watch") || !strings.Contains(page.body, "t.me/harbour_bot?start=") || !strings.Contains(page.body, "12025550142") || !strings.Contains(page.body, `lang="de"`) || page.header.Get("Content-Security-Policy") == "" {
		t.Fatalf("%d, %d bytes: %s", page.status, len(page.body), page.body)
	}
	if body := st.get(path + "?lang=ar").body; !strings.Contains(body, `lang="ar" dir="rtl"`) {
		t.Error("?lang=ar is not in Arabic")
	}
	if a := st.give(path, "no address"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("a text that is no address: %d", a.status)
	}
	if a := st.give(path, mail); a.status != 200 || len(st.told) != 0 {
		t.Fatalf("%d, told %d before the answer", a.status, len(st.told))
	}
	st.carryOut()
	if len(st.told) != 1 || st.told[0].wording != templates.EnrolLink || st.told[0].data["topics"] != "reports" {
		t.Fatalf("told: %+v", st.told)
	}
	yes := strings.TrimPrefix(st.told[0].data["link"], st.server.URL)
	ids, err := st.s.FindMembers(t.Context(), st.group.ID, "email", mail)
	if st.ok(err); len(ids) != 1 {
		t.Fatal("nobody was taken in")
	}
	question := st.get(yes)
	if m := st.member(ids[0]); question.status != 200 || m.Points[0].State != gateway.PointUnconfirmed {
		t.Fatalf("opening the link: %d, %s", question.status, m.Points[0].State)
	}
	if st.get("/m"+strings.TrimPrefix(yes, "/y")).status != http.StatusNotFound {
		t.Error("the link opens her page, too")
	}
	if a := st.do(http.MethodPost, yes, url.Values{"form": {"forged"}}); a.status != http.StatusForbidden {
		t.Errorf("a form from elsewhere: %d", a.status)
	}
	form := url.Values{"form": {formField.FindStringSubmatch(question.body)[1]}}
	for range 2 {
		if a := st.do(http.MethodPost, yes, form); a.status != 200 || !strings.Contains(a.body, "You are in") {
			t.Fatalf("yes: %d %s", a.status, a.body)
		}
	}
	evidence, err := st.s.Evidence(t.Context(), st.group.ID, ids[0])
	st.ok(err)
	if m := st.member(ids[0]); m.Points[0].State != gateway.PointActive || fmt.Sprint(m.Points[0].Topics) != "[reports]" || len(evidence) != 1 || !strings.HasPrefix(evidence[0].Wording, "enrol-link-") {
		t.Errorf("%+v, %+v", m.Points, evidence)
	}
	if len(st.told) != 2 || st.told[1].wording != templates.Welcome {
		t.Errorf("told: %+v", st.told[1:])
	}
}

// Threat T14: known, unknown, stopped and enrolled addresses, and too many of them, are answered alike before anything is
// looked up; invitations that never were, are over or revoked alike and no sooner.
func TestJoiningTellsNothing(t *testing.T) {
	st := newStage(t)
	_, path := st.invitation(10)
	st.enrol(nil, "email:"+mail)
	_, err := st.s.StopAddress(t.Context(), st.group.ID, "email", "bea@example.org", gateway.Consent{Source: "member"})
	st.ok(err)
	want := st.give(path, "new@example.org").body
	for _, address := range []string{mail, "bea@example.org", "new@example.org", "new@example.org", "new@example.org", "new@example.org"} {
		st.asked = nil
		if a := st.give(path, address); a.status != 200 || a.body != want || len(st.asked) != 0 {
			t.Errorf("%d, asked %v: %s", a.status, st.asked, a.body)
		}
	}
	st.carryOut()
	said := map[string]int{}
	for _, one := range st.told {
		said[one.wording]++
	}
	if said[templates.EnrolLink] != 3 || said[templates.EnrolAlready] != 1 || len(st.told) != 4 || len(st.noticed) != 2 {
		t.Errorf("said %v, notices %d", said, len(st.noticed))
	}
	revoked, ended := st.invitation(1)
	st.ok(st.s.RevokeInvitation(t.Context(), st.group.ID, revoked))
	_, never := gateway.MintInvitation()
	first := ""
	for _, link := range []string{ended, "/j/" + never.Reveal(), "/j/x", "/y/x"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			st.waited = nil
			a := st.do(method, link, url.Values{"address": {mail}})
			if first == "" {
				first = a.body
			}
			if a.status != http.StatusNotFound || a.body != first || len(st.waited) != 1 || st.waited[0] <= 0 {
				t.Errorf("%s: %d, waited %v", method, a.status, st.waited)
			}
		}
	}
}
