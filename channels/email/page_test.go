package email

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/channels"
)

// The link beneath a text is as if she had written ME: by a POST of its own form alone. It does not stop anything, and the link that does
// opens no page.
func TestTheLinkBeneathATextAsksForHerPage(t *testing.T) {
	a, err := made(options(nil), "https://public.example/hooks/email")
	if err != nil {
		t.Fatal(err)
	}
	press := func(query, value string) ([]channels.Event, error) {
		r := httptest.NewRequest(http.MethodPost, "/hooks/email?"+query, nil)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return a.ParseWebhook(r, []byte("List-Unsubscribe="+value))
	}
	page, leave := a.keys[0].hide(ownPage, "k", "anna@example.org"), a.keys[0].hide(oneClick, "k", "anna@example.org")
	events, err := press("p="+page, "Page")
	if err != nil || len(events) != 1 || events[0].Inbound == nil || events[0].Inbound.Action != "ME" || events[0].Inbound.From != "anna@example.org" || events[0].ID == "" {
		t.Fatalf("%+v, %v", events, err)
	}
	for query, value := range map[string]string{"p=" + page: "One-Click", "u=" + leave: "Page", "p=" + leave: "Page", "u=" + page: "One-Click", "u=" + leave + "&p=" + page: "Page"} {
		if events, err := press(query, value); err == nil || len(events) != 0 {
			t.Errorf("%s with %s: %+v", query, value, events)
		}
	}
	f := startFake(t, map[string]string{})
	over := f.adapter(t, nil, "https://gateway.example/hooks/email-kit")
	for _, m := range []channels.Outbound{outbound("k"), outbound("l")} {
		m.PageLink = m.Key == "l"
		if _, e := send(t, over, m); e != nil {
			t.Fatal(e)
		}
	}
	if sent, _, _ := f.got(); len(sent) != 2 || strings.Contains(sent[0], "PAGE") || !strings.Contains(sent[1], "PAGE") {
		t.Errorf("beneath what is not, and is, to a member: %q", sent)
	}
	part := footed(channels.Part{Text: "All is well\n", HTML: "<p>All is well</p>" + pageEnd}, "https://public.example/u/email?p=x")
	if part.Text != "All is well\n\n-- \nPAGE\nhttps://public.example/u/email?p=x\n" || !strings.Contains(part.HTML, `<a href="https://public.example/u/email?p=x">`) || fresh("STOP\n\n"+part.Text[len("All is well\n\n"):]) != "STOP" {
		t.Errorf("%+v", part)
	}
}
