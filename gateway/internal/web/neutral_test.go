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

// The time that a page for strangers takes does not tell what was found: whatever the ledger takes for a link that ended, and
// for one that never was, both are answered at the same time.
func TestTimeDoesNotTellEndedFromUnknown(t *testing.T) {
	st := newStage(t)
	ended := st.link(st.enrol(nil, "sms:"+ann))
	_, err := st.s.StopAddress(t.Context(), st.group.ID, "sms", ann, gateway.Consent{Source: "member"})
	st.ok(err)
	never, _ := gateway.MintPageToken()
	st.pages.Wait = func(_ context.Context, until time.Time) { st.wind(max(0, until.Sub(st.clock()))) }
	var first time.Duration
	for took, link := range map[time.Duration]string{time.Millisecond: ended, 90 * time.Millisecond: "/m/" + never.Reveal(), 3 * time.Millisecond: "/m/" + never.Reveal(), 70 * time.Millisecond: ended} {
		st.takes = func() { st.wind(took) }
		begun := st.clock()
		st.get(link)
		after := st.clock().Sub(begun)
		if first == 0 {
			first = after
		}
		if after != first || after < 100*time.Millisecond {
			t.Errorf("a link that the ledger looks for %v is answered after %v, another after %v", took, after, first)
		}
	}
}
