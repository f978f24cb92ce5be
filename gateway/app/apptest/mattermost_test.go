package apptest_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
)

// TestMattermost: Zora joined with her name on a Mattermost server. A report finds her, and from then on her account's id
// is her address, whatever she calls herself. An answer of the server is lost while it has the next report: it is found
// there, and not sent again. She writes STOP in her direct messages, which no hook tells of, and is sent nothing more but
// the word that it was heard.
func TestMattermost(t *testing.T) {
	t.Parallel()
	const zora, token = "zoraaaaaaaaaaaaaaaaaaaaaa1", "storybottoken0000000000001"
	w := apptest.New(t, apptest.Options{Sandbox: sandbox.Options{TeamBots: []sandbox.MattermostBot{{Token: token}}}})
	if err := w.Box.Phones(sandbox.Phone{Kind: sandbox.KindMattermost, Address: zora, Username: "zora"}); err != nil {
		t.Fatal(err)
	}
	file, err := os.OpenFile(w.ConfigFile(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	secret := func(name, value string) string {
		t.Helper()
		if err := os.WriteFile(w.Dir+"/"+name, []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
		return "{file: " + name + "}"
	}
	_, err = fmt.Fprintf(file, "  - name: mattermost\n    adapter: mattermost\n    options: {token: %s, action_secret: %s, base_url: %q}\n",
		secret("bot", token), secret("buttons", "a-secret-for-the-buttons-of-a-story"), w.Wall)
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.Start()
	w.Apply("harbour")
	rows := "ref,language,mattermost,consent_topics,consent_wording,consent_language,consent_time,consent_proof\n" +
		"zora,en,@Zora,reports,join-2,en,2026-01-10T10:00:00Z,paper form\n"
	if report, err := w.API.ImportMembers(t.Context(), "harbour", strings.NewReader(rows), gateway.ImportOptions{}); err != nil || report.New != 1 {
		t.Fatalf("%+v, %v", report, err)
	}
	sent := func() (texts []string) {
		for _, e := range w.Box.Log(0, 0) {
			if e.Kind == sandbox.EntryMessage && e.Kept && e.To == zora {
				texts = append(texts, e.Plain+e.Text)
			}
		}
		return texts
	}
	states := func(id gateway.ID) []string {
		var out []string
		for state := range w.Counts("harbour", id) {
			out = append(out, state)
		}
		return out
	}
	first := w.Report("harbour", "week-1", "The roof is mended.")
	w.Until(20*time.Second, "for the report to have found her", func() bool { return slices.Equal(states(first), []string{"accepted"}) })
	if found, err := w.API.FindMembers(t.Context(), "harbour", "mattermost", zora); err != nil || len(found) != 1 {
		t.Errorf("her address is not her account's id: %v, %v", found, err)
	}
	end := w.Script(sandbox.Fault{Kind: sandbox.Cut, Provider: sandbox.Mattermost, Kept: true, Times: 1})
	second := w.Report("harbour", "week-2", "The bridge is open.")
	w.Until(90*time.Second, "for the doubt to be settled", func() bool { return slices.Equal(states(second), []string{"accepted"}) })
	end()
	if n := len(sent()); n != 2 {
		t.Errorf("two reports became %d messages", n)
	}
	if _, err := w.Box.Reply(sandbox.Reply{Kind: sandbox.KindMattermost, Address: zora, Text: "STOP"}); err != nil {
		t.Fatal(err)
	}
	w.UntilBox(30*time.Second, "for her to read that STOP was heard", func() bool { return len(sent()) == 3 })
	third := w.Report("harbour", "week-3", "Nobody reads this.")
	w.Until(20*time.Second, "for the third report to be planned", func() bool { return !slices.Contains(states(third), "planning") })
	if counts := w.Counts("harbour", third); counts["ended: suppressed"] != 1 || len(counts) != 1 {
		t.Errorf("after her STOP a report was not left out: %v", counts)
	}
	if n := len(sent()); n != 3 {
		t.Errorf("after her STOP she has %d messages", n)
	}
}
