package fanout

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// How one answers stands in each text as it holds where it is read: by a button, on a page, by a reply and what that costs, or,
// where nobody hears her, another way. The buttons bring back the alert and the answer.
func TestARequestSaysHowOneAnswersHere(t *testing.T) {
	alert := gateway.NewID()
	group := gateway.Group{Name: "Harbour", Locale: "en", Zone: "UTC"}
	wording := func(name string) (*templates.Set, error) { return templates.Wording(name, nil) }
	read := func(ask gateway.AskWords, by gateway.AnswerWay, locale string) content.Document {
		t.Helper()
		seen := &asked{}
		b := gateway.Broadcast{Class: gateway.Alert, Words: gateway.Words{Sources: map[string]string{"en": "---\nsms: Leave.\n---\n\nLeave the pier.", "ar": "---\nsms: غادروا\n---\n\nغادروا."}, Ask: &ask}}
		texts, err := newTexts(slog.New(slog.DiscardHandler), b, group, wording, []way{{kind: "sms", adapter: seen, answers: by}})
		if err != nil {
			t.Fatal(err)
		}
		texts.find([]string{locale}, texts.home, false)
		return seen.doc
	}
	take := gateway.AskWords{Alert: alert, Number: "4711", Answers: []gateway.AlertAnswer{gateway.AnswerTake}}
	for by, want := range map[gateway.AnswerWay]string{
		gateway.ByButton: "Press a button.", gateway.ByPage: "Open the link below.", gateway.ByReply: "Reply 1 4711.",
		gateway.ByContact: "We cannot read replies here. Use this instead: Harbour", "": "We cannot read replies here. Use this instead: Harbour",
	} {
		doc := read(take, by, "en")
		if got := "Leave.\nCan you take charge? " + want; doc.Short != got || !strings.HasSuffix(doc.Plain(), want) {
			t.Errorf("%q: %q", by, doc.Short)
		}
		if len(doc.Buttons) != 1 || doc.Buttons[0] != (content.Button{Label: "I take charge", Action: gateway.AlertAction(gateway.AnswerTake, alert)}) {
			t.Errorf("buttons: %v", doc.Buttons)
		}
	}
	take.Contact = "+4420"
	group.Replies = &gateway.Replies{Costs: map[string]string{"en": "0.10 GBP", "de": "12 Cent"}}
	if doc := read(take, gateway.ByReply, "en"); !strings.HasSuffix(doc.Short, "Reply 1 4711. A reply costs 0.10 GBP.") {
		t.Errorf("%q", doc.Short)
	}
	if doc := read(take, gateway.ByContact, "en"); !strings.HasSuffix(doc.Short, "+4420") {
		t.Errorf("%q", doc.Short)
	}
	take.Nobody = true
	if doc := read(take, gateway.ByReply, "en"); !strings.HasPrefix(doc.Short, "Leave.\nNobody has taken charge yet.\nCan you take charge?") || !strings.Contains(doc.Plain(), "Nobody has taken charge yet.") {
		t.Errorf("the last resort reads %q", doc.Short)
	}
	how := gateway.AskWords{Alert: alert, Number: "4711", Answers: []gateway.AlertAnswer{gateway.AnswerSafe, gateway.AnswerHelp}}
	doc := read(how, gateway.ByReply, "ar")
	if !strings.Contains(doc.Short, "2 4711") || !strings.Contains(doc.Short, "3 4711") || strings.Contains(doc.Short, "1 4711") || strings.Contains(doc.Short, "GBP") || len(doc.Buttons) != 2 {
		t.Errorf("%q, %v", doc.Short, doc.Buttons)
	}
	for _, b := range doc.Buttons {
		if answer, id, ok := gateway.ParseAlertAction(b.Action); !ok || id != alert || !answer.Reports() || len(b.Action) > 40 {
			t.Errorf("%q means %s of %s: %v", b.Action, answer, id, ok)
		}
	}
}

// asked is an adapter that keeps the document that asked something.
type asked struct {
	channels.Adapter
	doc content.Document
}

func (s *asked) Compose(doc content.Document) ([]channels.Part, error) {
	if len(doc.Buttons) > 0 {
		s.doc = doc
	}
	return []channels.Part{{Text: doc.Plain()}}, nil
}

func TestHowOneAnswersOverAChannel(t *testing.T) {
	for _, c := range []struct {
		can   channels.Capabilities
		pages bool
		want  gateway.AnswerWay
	}{
		{channels.Capabilities{Buttons: true, Inbound: true}, true, gateway.ByButton},
		{channels.Capabilities{Links: true, Inbound: true}, true, gateway.ByPage},
		{channels.Capabilities{Links: true, Inbound: true}, false, gateway.ByReply},
		{channels.Capabilities{Links: true}, false, gateway.ByContact},
		{channels.Capabilities{}, true, gateway.ByContact},
	} {
		if got := AnswersOver(c.can, c.pages); got != c.want {
			t.Errorf("%+v: %s", c.can, got)
		}
	}
}

// What is not made as a button brings it back means nothing.
func TestActionsAreRead(t *testing.T) {
	good := gateway.AlertAction(gateway.AnswerSafe, gateway.NewID())
	for _, action := range []string{"", "YES", "safe", "safe:", "safe:AAAA", good + "A", "all:" + good[5:], strings.ToUpper(good)} {
		if _, _, ok := gateway.ParseAlertAction(action); ok {
			t.Errorf("%q is taken for an answer", action)
		}
	}
}
