package mattermost

import (
	"strings"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
)

// maxParts is the most posts that one document may become; beyond it nobody reads on.
const maxParts = 5

// Compose writes a document in Mattermost's Markdown. Each part is whole by itself and ends with the document's reference
// and, where there are several, its number. Buttons go under the last part; without a public URL they are left out,
// because a press could not come back. Nobody is called (@channel, @anna) but whom the channel's options allow the author
// to call.
func (a *Adapter) Compose(doc content.Document) ([]channels.Part, error) {
	w := writer{rtl: doc.Direction == content.RightToLeft}
	chat := compose.Chat{
		Name: "Mattermost", Limit: a.opts.TextLimit, Unit: channels.Characters, Parts: maxParts,
		Measure:     func(blocks []content.Block, _ int) int { return compose.Length(w.write(blocks), channels.Characters) },
		ButtonLimit: buttonLimit, ActionLimit: actionLimit, Calls: compose.Calls{Granted: a.opts.Mentions},
	}
	if a.hookURL == "" {
		doc.Buttons = nil
	}
	return chat.Compose(doc, func(piece []content.Block) channels.Part {
		return channels.Part{Text: w.write(piece), Markup: markup, Cost: 1}
	})
}

// Fill puts a name into a direct message; channels are called by none.
func (a *Adapter) Fill(p channels.Part, to channels.Address, name string) (channels.Part, bool) {
	if name = compose.Name(name); name == "" || strings.HasPrefix(to.Reveal(), channelPrefix) {
		return p, false
	}
	p.Text = compose.NewFilling(name, anywhere.Replace).Into(p.Text)
	return p, true
}

// anywhere writes a text as escape does, but for any place: also one behind or before what it would be read together with.
var anywhere = strings.NewReplacer("*", `\*`, "_", `\_`, "`", "\\`", "~", `\~`, "[", `\[`, "]", `\]`, "|", `\|`, `\`, "&#92;", "<", "&lt;", "&", "&amp;", "$", "&#36;", `"`, "&quot;")
