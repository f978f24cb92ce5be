package fanout

import (
	"log/slog"
	"testing"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// The button under a question says yes in the language of the question, and brings back the word that counts in all.
func TestTheButtonOfAQuestion(t *testing.T) {
	for locale, want := range map[string]string{"de": "JA", "es": "SÍ", "ru": "ДА", "xx": "YES"} {
		if got := yesIn(locale); got != want {
			t.Errorf("%s: %q", locale, got)
		}
	}
	if found := templates.Words().Find(templates.WordKey(yesAction)); len(found) != 1 || found[0].Command != templates.CommandYes {
		t.Errorf("%s means %v", yesAction, found)
	}
	for _, kind := range []gateway.Kind{templates.EnrolAsk, templates.LinkAsk} {
		seen := &seeing{}
		neutral := func(string) (*templates.Set, error) {
			return templates.NewSet(templates.ShippedText(templates.EnrolAsk + templates.Neutral))
		}
		words := gateway.Words{Sources: templates.ShippedText(string(kind)), Data: map[string]string{"topics": "reports", "address": "+1"}}
		texts, err := newTexts(slog.New(slog.DiscardHandler), gateway.Broadcast{Kind: kind, Class: gateway.Account, Words: words}, gateway.Group{Name: "Harbour", Locale: "de", Zone: "UTC"}, neutral, []way{{kind: "telegram", adapter: seen}})
		if err != nil {
			t.Fatal(err)
		}
		texts.read("de", nil, "UTC", false)
		if len(seen.doc.Buttons) != 1 || seen.doc.Buttons[0] != (content.Button{Label: "JA", Action: "YES"}) {
			t.Errorf("%s: %v", kind, seen.doc.Buttons)
		}
	}
}

// seeing is an adapter that keeps the document that it was last to compose.
type seeing struct {
	channels.Adapter
	doc content.Document
}

func (s *seeing) Compose(doc content.Document) ([]channels.Part, error) {
	s.doc = doc
	return []channels.Part{{Text: doc.Plain()}}, nil
}
