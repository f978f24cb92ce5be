package inbound

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// meaning is what a member's words are understood as.
type meaning string

const (
	nothing meaning = ""
	stop    meaning = "stop"
	start   meaning = "start"
	yes     meaning = "yes"
	page    meaning = "page"
)

// meaningOf understands a message that is one bare word, in any case and width, with whatever punctuation around it.
// The opt-out and opt-in words are those that Twilio reserves (help.twilio.com/articles/223134027; REVOKE and OPTOUT
// since May 2025) and the French ones of its other products; YES is what the shipped text "confirm" asks for.
func meaningOf(text string) meaning {
	if len(text) > 64 {
		return nothing
	}
	word := strings.ToUpper(norm.NFKC.String(text))
	word = strings.TrimFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	word, _, _ = strings.Cut(word, "@") // a bot's command may name the bot: /stop@our_bot
	switch strings.Map(dropMarks, word) {
	case "STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT", "ARRET", "ARRÊT", "ARRETE", "ARRÊTE", "ARRETT":
		return stop
	case "START", "UNSTOP":
		return start
	case "YES":
		return yes
	case "ME", "PAGE":
		return page
	}
	return nothing
}

// dropMarks leaves out what cannot be seen, and the hyphen of OPT-OUT.
func dropMarks(r rune) rune {
	if r == '-' || unicode.Is(unicode.Cf, r) {
		return -1
	}
	return r
}
