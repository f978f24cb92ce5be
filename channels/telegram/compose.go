package telegram

import (
	"strings"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
)

// maxParts is the most messages that one document may become; beyond it nobody reads on.
const maxParts = 10

// rawLimit is the most bytes of markup in a part. The Bot API server refuses a text of more than 32,768 bytes before it
// parses the markup (tdlib/telegram-bot-api, Client.cpp, get_formatted_text).
const rawLimit = 32000

// Compose writes a document in Telegram's HTML. Each part is well-formed by itself and ends with the document's
// reference and, where there are several, its number. Addresses of mail and telephone stand behind their text, because
// Telegram links the web only. Nobody is mentioned but whom the channel's options allow the author to mention, and what
// looks like a command is one in the author's words only. Buttons go under the last part.
func (a *Adapter) Compose(doc content.Document) ([]channels.Part, error) {
	w := writer{rtl: doc.Direction == content.RightToLeft}
	chat := compose.Chat{
		Name: "Telegram", Limit: textLimit, Unit: channels.UTF16, Parts: maxParts, Measure: w.measure,
		ButtonLimit: buttonLimit, ActionLimit: dataLimit,
		Calls: compose.Calls{Granted: a.opts.Mentions, Commands: true},
	}
	return chat.Compose(doc, func(piece []content.Block) channels.Part {
		return channels.Part{Text: html(w.runs(piece)), Markup: markup, Cost: 1}
	})
}

// Fill puts a name into a message to one person; groups and channels are called by none.
func (a *Adapter) Fill(p channels.Part, to channels.Address, name string) (channels.Part, bool) {
	chat := to.Reveal()
	if name = compose.Name(name); name == "" || strings.HasPrefix(chat, "-") || strings.HasPrefix(chat, "@") {
		return p, false
	}
	p.Text = compose.NewFilling(name, escaped.Replace).Into(p.Text)
	return p, true
}
