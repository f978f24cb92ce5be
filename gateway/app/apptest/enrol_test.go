package apptest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// TestJoiningByText: an invitation for one hangs in the hall. Her telephone, which nobody knows, texts the code, is asked,
// says YES, is welcomed and gets the next report; a second telephone texts the same code and gets nothing, and so does one
// that makes a code up.
func TestJoiningByText(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, apptest.Options{})
	w.Start()
	w.Apply("harbour")
	g, err := w.API.Group(t.Context(), "harbour")
	if err != nil {
		t.Fatal(err)
	}
	g.Countries = []string{"GB"}
	if _, err := w.API.PutGroup(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	invitation, err := w.API.CreateInvitation(t.Context(), "harbour", client.NewInvitation{Label: "hall", Topics: []string{"reports"}})
	if err != nil || invitation.SMS != "sms:"+apptest.Number+"?body="+invitation.Code {
		t.Fatalf("%v, %d", err, len(invitation.SMS))
	}
	numbers := apptest.Numbers(t, 3)
	says := func(from, text string) {
		t.Helper()
		if _, err := w.Box.Reply(sandbox.Reply{Kind: sandbox.KindSMS, Address: from, To: apptest.Number, Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	reads := func(what string, words string) {
		t.Helper()
		w.UntilBox(20*time.Second, what, func() bool {
			for _, e := range w.Box.Log(0, 0) {
				if e.Kind == sandbox.EntryMessage && e.To == numbers[0] && strings.Contains(e.Text+e.Plain, words) {
					return true
				}
			}
			return false
		})
	}
	says(numbers[0], "join "+invitation.Code)
	reads("for the question", "do you want our messages")
	says(numbers[1], invitation.Code)
	says(numbers[2], "00000000")
	says(numbers[0], "yes")
	reads("for the welcome", "You will get: ")
	view, err := w.API.Invitation(t.Context(), "harbour", invitation.ID)
	if err != nil || len(view.Members) != 1 || view.Used != 1 {
		t.Fatalf("%v, brought in %d, used %d", err, len(view.Members), view.Used)
	}
	w.Report("harbour", "week-47", "The roof is mended.")
	reads("for the report", "The roof is mended.")
	for _, e := range w.Box.Log(0, 0) {
		if e.Kind == sandbox.EntryMessage && e.To != numbers[0] {
			t.Error("a stranger was answered")
		}
	}
}
