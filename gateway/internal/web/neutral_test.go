package web_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

func isNotFound(err error) bool { return errors.Is(err, gateway.ErrNotFound) }

var varying = regexp.MustCompile(`value="[0-9a-f-]{36}"|name="form" value="[^"]+"`)

// blind leaves out of a page what differs from request to request, and what was typed.
func blind(body, typed string) string {
	body = strings.ReplaceAll(strings.ReplaceAll(body, "&#43;", "+"), typed, "?")
	return varying.ReplaceAllString(body, "")
}

// Threat T14: a link that never was, one whose time is over, one that a STOP ended and one of a member who was erased are
// answered alike, after the same questions to the ledger, and no sooner than all the others.
func TestEndedLinksAreAnsweredAsUnknownOnes(t *testing.T) {
	st := newStage(t)
	unknown, _ := gateway.MintPageToken()
	old := st.link(st.enrol(nil, "sms:"+ann))
	st.wind(gateway.PageLinkLife)
	stopped := st.link(st.enrol(func(m *gateway.Member) { m.Ref = "K-18" }, "sms:"+bea))
	_, err := st.s.StopAddress(t.Context(), st.group.ID, "sms", bea, gateway.Consent{Source: "member"})
	st.ok(err)
	gone := st.enrol(func(m *gateway.Member) { m.Ref = "K-19" }, "sms:+447700900104")
	erased := st.link(gone)
	st.ok(st.s.Erase(t.Context(), st.group.ID, gone.ID))
	var first answer
	for i, link := range []string{"/m/" + unknown.Reveal(), "/m/x", old, stopped, erased} {
		for _, view := range []string{"", "/home", "/erase", "/export.json"} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				if method == http.MethodPost && (view == "" || view == "/export.json") {
					continue
				}
				st.asked, st.waited = nil, nil
				a := st.do(method, link+view, url.Values{"do": {"erase"}}, "Accept-Language", "de")
				a.header.Del("Date")
				if first.body == "" {
					first = a
				}
				if a.status != http.StatusNotFound || a.body != first.body || len(a.header) != len(first.header) {
					t.Errorf("link %d%s: %d, %d bytes, %v", i, view, a.status, len(a.body), a.header)
				}
				if strings.Join(st.asked, " ") != "PageLink" || len(st.waited) != 1 || st.waited[0] <= 0 {
					t.Errorf("link %d%s: asked %v, waited %v", i, view, st.asked, st.waited)
				}
			}
		}
	}
	if !strings.Contains(first.body, `lang="de"`) {
		t.Error("a stranger is spoken to as her browser asks for")
	}
}

// Mail is stopped by a POST alone, whether a program or a person sends it; what is not known is answered as what is.
func TestMailIsStoppedByPostAlone(t *testing.T) {
	st := newStage(t)
	link := "/u/0195a3c2-7b1e-7c3d-9f00-1a2b3c4d5e6f?u=sealed"
	page := st.get(link)
	if page.status != http.StatusOK || len(st.left) != 0 || !strings.Contains(page.body, `<form method="post">`) || page.body != st.get("/u/nobody").body {
		t.Errorf("%d, %v: %s", page.status, st.left, page.body)
	}
	done := st.do(http.MethodPost, link, url.Values{"List-Unsubscribe": {"One-Click"}})
	if done.status != http.StatusOK || len(st.left) != 1 || st.left[0] != strings.TrimPrefix(link, "/u/") || len(st.waited) != 1 || st.waited[0] <= 0 {
		t.Errorf("%d, %v, waited %v", done.status, st.left, st.waited)
	}
	for code, want := range map[int]int{http.StatusForbidden: http.StatusBadRequest, http.StatusNotFound: http.StatusBadRequest, http.StatusServiceUnavailable: http.StatusServiceUnavailable} {
		st.leaving = code
		if a := st.do(http.MethodPost, link, url.Values{"List-Unsubscribe": {"One-Click"}}); a.status != want || strings.Contains(a.body, "START") {
			t.Errorf("the channel says %d, the page %d", code, a.status)
		}
	}
}

// The link beneath a mail has a link to her own page sent to her, by a POST alone, and says the same to whoever presses.
func TestTheLinkBeneathAMailSendsOne(t *testing.T) {
	st := newStage(t)
	link := "/u/0195a3c2-7b1e-7c3d-9f00-1a2b3c4d5e6f?p=sealed"
	opened := st.get(link)
	if opened.status != http.StatusOK || len(st.left) != 0 || !strings.Contains(opened.body, `value="Page"`) || strings.Contains(opened.body, "One-Click") {
		t.Errorf("%d, %v: %s", opened.status, st.left, opened.body)
	}
	done := st.do(http.MethodPost, link, url.Values{"List-Unsubscribe": {"Page"}})
	if done.status != http.StatusOK || len(st.left) != 1 || st.left[0] != strings.TrimPrefix(link, "/u/") || !strings.Contains(done.body, "on its way") || len(st.waited) != 1 {
		t.Errorf("%d, %v, waited %v: %s", done.status, st.left, st.waited, done.body)
	}
}

// Threat T10: a member in neutral mode finds nothing of her group on any page, nor in the link.
func TestNeutralMembersReadNoName(t *testing.T) {
	st := newStage(t)
	m := st.enrol(func(m *gateway.Member) { m.Neutral = true }, "sms:"+ann, "email:"+mail)
	link := st.link(m)
	for _, view := range []string{"", "/home", "/add", "/erase", "/data", "/point?p=" + m.Points[0].ID.String()} {
		if body := strings.ToLower(st.get(link + view).body); strings.Contains(body, "harbour") {
			t.Errorf("view %q names the group", view)
		}
	}
	if strings.Contains(strings.ToLower(st.told[0].data["link"]), "harbour") {
		t.Error("the link names the group")
	}
}

// Threat T14: what was is answered as what never was, with the same words at the same time, however long the ledger looks for
// either: a link to a member's page that a STOP ended, an invitation that was revoked, the question to somebody whose invitation
// was, and an alert's link of a member who was erased.
func TestTimeDoesNotTellEndedFromUnknown(t *testing.T) {
	a := newAsker(t, "en")
	st := a.st
	ended := st.link(st.enrol(func(m *gateway.Member) { m.Ref = "K-18" }, "sms:"+ann))
	_, err := st.s.StopAddress(t.Context(), st.group.ID, "sms", ann, gateway.Consent{Source: "member"})
	st.ok(err)
	invitation, revoked := st.invitation(2)
	st.give(revoked, "new@example.org")
	st.carryOut()
	question := strings.TrimPrefix(st.told[len(st.told)-1].data["link"], st.server.URL)
	if st.get(question).status != http.StatusOK {
		t.Fatal("the question is not put")
	}
	st.ok(st.s.RevokeInvitation(t.Context(), st.group.ID, invitation))
	alert := strings.TrimPrefix(st.pages.AnswerLink(st.group.ID, a.delivery), st.server.URL)
	st.ok(st.s.Erase(t.Context(), st.group.ID, a.member.ID))
	never, _ := gateway.MintPageToken()
	_, secret := gateway.MintInvitation()
	st.pages.Wait = func(_ context.Context, until time.Time) { st.wind(max(0, until.Sub(st.clock()))) }
	for _, page := range []struct{ was, never string }{
		{ended, "/m/" + never.Reveal()},
		{revoked, "/j/" + secret.Reveal()},
		{question, "/y/" + never.Reveal()},
		{alert, strings.TrimPrefix(st.pages.AnswerLink(st.group.ID, gateway.NewID()), st.server.URL)},
		{alert, "/a/" + never.Reveal()},
	} {
		var first time.Duration
		want := st.get(page.never)
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			for _, look := range []struct {
				took time.Duration
				link string
			}{{time.Millisecond, page.was}, {30 * time.Millisecond, page.never}, {3 * time.Millisecond, page.never}, {20 * time.Millisecond, page.was}} {
				if method == http.MethodPost && strings.HasPrefix(look.link, "/m/") {
					look.link += "/home" // what is posted goes to a view
				}
				st.takes = func() { st.wind(look.took) }
				begun := st.clock()
				got := st.do(method, look.link, url.Values{"do": {"take"}, "address": {mail}})
				after := st.clock().Sub(begun)
				if first == 0 {
					first = after
				}
				if after != first || after < 100*time.Millisecond {
					t.Errorf("%s %.3s: what the ledger looks for %v is answered after %v, another after %v", method, look.link, look.took, after, first)
				}
				if got.status != http.StatusNotFound || got.body != want.body {
					t.Errorf("%s %.3s: %d, and not the words for what never was", method, look.link, got.status)
				}
			}
		}
		st.takes = func() {}
	}
}
