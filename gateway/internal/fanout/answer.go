package fanout

import (
	"cmp"
	"maps"
	"slices"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// AnswersOver says how one can answer over a channel, by what it can do; pages: the instance has some.
func AnswersOver(can channels.Capabilities, pages bool) gateway.AnswerWay {
	switch {
	case can.Buttons:
		return gateway.ByButton
	case can.Links && pages:
		return gateway.ByPage
	case can.Inbound:
		return gateway.ByReply
	}
	return gateway.ByContact
}

func (f *Fanout) answersOver(can channels.Capabilities) gateway.AnswerWay {
	return AnswersOver(can, f.Pages)
}

// withAsk reads the requests that stand beneath a text.
func (t *texts) withAsk(ask *gateway.AskWords, wording wordingSource) error {
	var names []string
	if ask.Nobody {
		names = append(names, templates.AckNobody)
	}
	if slices.Contains(ask.Answers, gateway.AnswerTake) {
		names = append(names, templates.AckRequest)
	}
	if slices.ContainsFunc(ask.Answers, gateway.AlertAnswer.Reports) {
		names = append(names, templates.AskSafe)
	}
	for _, name := range names {
		set, err := piece(wording, name, t.requestData(gateway.ByReply, ""))
		if err != nil {
			return err
		}
		t.asking = append(t.asking, set)
	}
	return nil
}

// requestData says how one answers where one is told, in a language, and what that costs where the group says it.
func (t *texts) requestData(by gateway.AnswerWay, locale string) templates.Data {
	ask := t.b.Words.Ask
	contact, cost := ask.Contact, "none"
	if own := t.group.Replies; own != nil {
		contact = cmp.Or(contact, own.Contact)
		for _, in := range slices.Sorted(maps.Keys(own.Costs)) {
			if in == locale || cost == "none" && same(in, locale) {
				cost = own.Costs[in]
			}
		}
	}
	return templates.Data{"way": string(by), "code": ask.Number, "contact": cmp.Or(contact, t.group.Name), "cost": cost}
}

// composeAsking writes a document for one way, with the requests beneath that say how one answers there, and buttons. The
// pointer asks nothing.
func (t *texts) composeAsking(doc content.Document, w way, key versionKey, neutral bool) composed {
	ask := t.b.Words.Ask
	if ask == nil || neutral {
		return t.compose(doc, w, key)
	}
	by := cmp.Or(w.answers, gateway.ByContact)
	reader := templates.Reader{Chain: append(t.chain(doc.Locale, nil), lastResort), Zone: t.home.clock, Now: t.b.StartAt}
	doc.Blocks = slices.Clone(doc.Blocks)
	for _, set := range t.asking {
		request, _, err := set.Render(reader, t.requestData(by, doc.Locale))
		if err != nil {
			return composed{err: err}
		}
		doc.Blocks = append(doc.Blocks, request.Blocks...)
		if doc.Short != "" {
			doc.Short += "\n" + cmp.Or(request.Short, request.Plain())
		}
	}
	doc.Buttons = nil
	for _, a := range ask.Answers {
		doc.Buttons = append(doc.Buttons, content.Button{Label: templates.AnswerLabel(string(a), doc.Locale), Action: gateway.AlertAction(a, ask.Alert)})
	}
	return t.compose(doc, w, key)
}
