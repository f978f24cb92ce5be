package email

import (
	"html"
	"regexp"
	"strings"
	"unicode"

	"github.com/carillon-gateway/carillon/channels/compose"
)

// answerText is what a person wrote anew: the text above quotation and signature.
func answerText(l letter) string {
	if plain, ok := l.first("text/plain"); ok {
		return clipped(fresh(plain.body))
	}
	if page, ok := l.first("text/html"); ok {
		return clipped(fresh(stripped(page.body)))
	}
	return ""
}

func clipped(text string) string {
	text = withoutAdvert(text)
	if len(text) > maxText {
		text = text[:compose.CutAt(text, maxText)]
	}
	return strings.TrimSpace(text)
}

// advert is what programs on telephones put under a text, in any language: a short line with the name of a product.
var advert = regexp.MustCompile(`(?i)\b(iphone|ipad|android|samsung|galaxy|huawei|xiaomi|outlook|yahoo|proton ?mail|gmx|web\.de|blackberry|windows|smartphone|mobile)\b`)

// withoutAdvert drops it, so that a bare word stays one.
func withoutAdvert(text string) string {
	text = strings.TrimSpace(text)
	if i := strings.LastIndex(text, "\n\n"); i > 0 && len(text)-i < 100 && !strings.Contains(text[i+2:], "\n") && advert.MatchString(text[i:]) {
		return strings.TrimSpace(text[:i])
	}
	return text
}

var (
	divider = regexp.MustCompile(`^(-{2,} ?[\p{L} ]+ ?-{2,}|_{10,}|-- ?)$`) // "-----Original Message-----", Outlook's rule, a signature
	field   = regexp.MustCompile(`^\*?[\p{L}][\p{L} -]{0,20}:\*? \S`)       // "From: …", in any language
	lead    = regexp.MustCompile(`[:：]$`)                                   // "On …, … wrote:", in any language
)

// fresh cuts a text where a quotation or signature begins.
func fresh(text string) string {
	lines := strings.Split(strings.ReplaceAll(compose.Clean(text), "\u00a0", " "), "\n")
	end := len(lines)
	for i, line := range lines {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, ">") {
			end = i
			break
		}
		if divider.MatchString(line) || i+2 < len(lines) && field.MatchString(line) && field.MatchString(strings.TrimSpace(lines[i+1])) && field.MatchString(strings.TrimSpace(lines[i+2])) {
			return strings.TrimSpace(strings.Join(lines[:i], "\n"))
		}
	}
	kept := lines[:end]
	if end < len(lines) {
		kept = withoutLead(kept)
	}
	return strings.TrimSpace(strings.Join(kept, "\n"))
}

// withoutLead drops the line that leads to a quotation, which may be broken in up to three.
func withoutLead(lines []string) []string {
	for len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) == "" {
		lines = lines[:len(lines)-1]
	}
	if len(lines) == 0 || !lead.MatchString(strings.TrimSpace(lines[len(lines)-1])) {
		return lines
	}
	for n := 0; n < 3 && len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) != ""; n++ {
		lines = lines[:len(lines)-1]
	}
	return lines
}

var (
	hiddenPart = regexp.MustCompile(`(?is)<(style|script|head|title)\b.*?</(style|script|head|title)\s*>|<!--.*?-->`)
	quotedPart = regexp.MustCompile(`(?is)<blockquote\b.*`)
	lineEnd    = regexp.MustCompile(`(?i)<(br|/p|/div|/li|/h[1-6]|/tr)\b[^>]*>`)
	anyTag     = regexp.MustCompile(`(?s)<[^>]*>`)
)

// stripped makes text of HTML, roughly: it is read as data and shown to nobody as HTML.
func stripped(page string) string {
	page = hiddenPart.ReplaceAllString(page, " ")
	page = quotedPart.ReplaceAllString(page, "\n>")
	page = strings.Join(strings.Fields(page), " ")
	page = lineEnd.ReplaceAllString(page, "\n")
	return html.UnescapeString(anyTag.ReplaceAllString(page, ""))
}

var answerPrefix = regexp.MustCompile(`(?i)^\s*(re|aw|sv|vs|antw|odp|ynt|res|rif|回复|答复|رد|תגובה)\s*[:：]\s*`)

// bareSubject is a subject that a person typed; that of our own message, answered, says nothing.
func bareSubject(subject string) string {
	if answerPrefix.MatchString(subject) {
		return ""
	}
	return strings.TrimFunc(compose.Clean(subject), unicode.IsSpace)
}
