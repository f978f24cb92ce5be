package fanout

import (
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// asks reports whether a shipped text asks for YES. Where there are buttons one says it.
func asks(k gateway.Kind) bool {
	return k == templates.EnrolAsk || k == templates.LinkAsk || k == gateway.DutyAskCover || k == gateway.DutyAskSwap
}

// yesAction is what the button brings back: the word that counts in every language.
const yesAction = "YES"

// yesIn is the word for it that a button shows: that of the language, else the one that counts in all.
func yesIn(locale string) string {
	for _, w := range templates.Words().Words {
		if w.Command == templates.CommandYes && w.Locale == locale {
			return strings.TrimSpace(w.Text)
		}
	}
	return yesAction
}
