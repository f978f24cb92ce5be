package shoutrrr

import (
	"regexp"
	"strings"

	"github.com/carillon-gateway/carillon/channels/compose"
)

// webAddress finds what Discord makes a link of. It is written in angle brackets, which end it for certain and ask for no preview:
// without them Discord takes a backslash behind it for a part of it.
var webAddress = regexp.MustCompile(`https?://[^\s<>]+[^<>.,:;"')\]\s]`)

// special are the characters that can begin or end something in Discord's Markdown (its documentation, "Markdown Text 101"): each
// is read as itself behind a backslash.
const special = "\\*_~|`<>#[]()-+.:!"

// markdown writes a plain text so that Discord shows it as it is. Nobody is called: Discord calls whoever is named behind an @
// wherever that stands, so an invisible character comes behind each; in addresses of the web it is written %40.
func markdown(plain string) string {
	var b strings.Builder
	b.Grow(len(plain) + len(plain)/8)
	rest := plain
	for _, found := range webAddress.FindAllStringIndex(plain, -1) {
		escape(&b, plain[len(plain)-len(rest):found[0]])
		b.WriteString("<" + strings.ReplaceAll(plain[found[0]:found[1]], "@", "%40") + ">")
		rest = plain[found[1]:]
	}
	escape(&b, rest)
	return b.String()
}

func escape(b *strings.Builder, text string) {
	for _, r := range text {
		switch {
		case r == '@':
			b.WriteString("@" + compose.Apart)
			continue
		case r < 0x80 && strings.ContainsRune(special, r):
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
}
