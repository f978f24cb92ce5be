package email

import (
	"html"
	"regexp"
	"strings"

	"github.com/carillon-gateway/carillon/channels/content"
)

// Inline styles: many programs throw a style element away (caniemail.com). Nothing is fetched from anywhere.
const (
	bodyStyle  = "margin:0;padding:16px;font-family:sans-serif;font-size:16px;line-height:1.5"
	frameStyle = "max-width:640px;margin:0 auto"
	blockStyle = "margin:0 0 16px 0"
	quoteStyle = "margin:0 0 16px 0;padding:0 12px;border-inline-start:3px solid #888888"
	smallStyle = "margin:24px 0 0 0;font-size:13px;opacity:0.75"
)

var languageTag = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)

// page writes the HTML. Direction and language stand on the outermost element and once more inside, because some
// programs keep the body's children only.
func page(doc content.Document, title string, blocks []content.Block, tag, reference string) string {
	dir := doc.Direction
	if dir != content.RightToLeft {
		dir = content.LeftToRight
	}
	attributes := ` dir="` + string(dir) + `"`
	if languageTag.MatchString(doc.Locale) {
		attributes = ` lang="` + doc.Locale + `"` + attributes
	}
	var b strings.Builder
	b.WriteString("<!doctype html>\n<html" + attributes + ">\n<head>\n<meta charset=\"utf-8\">\n" +
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n" +
		"<title>" + html.EscapeString(title) + "</title>\n</head>\n<body" + attributes + ` style="` + bodyStyle + "\">\n" +
		"<div" + attributes + ` style="` + frameStyle + "\">\n")
	if tag != "" {
		b.WriteString(`<p style="` + blockStyle + `"><bdi>[` + html.EscapeString(tag) + "]</bdi></p>\n")
	}
	for _, block := range blocks {
		writeBlock(&b, block)
	}
	if reference != "" {
		b.WriteString(`<p style="` + smallStyle + `"><bdi>` + html.EscapeString(reference) + "</bdi></p>\n")
	}
	b.WriteString("</div>\n</body>\n</html>\n")
	return b.String()
}

func writeBlock(b *strings.Builder, block content.Block) {
	name, style := "p", blockStyle
	switch block.Kind {
	case content.Heading:
		name = "h2"
	case content.Quote:
		name, style = "blockquote", quoteStyle
	case content.Bullets:
		name = "ul"
	case content.Numbered:
		name = "ol"
	}
	b.WriteString("<" + name + ` style="` + style + `">`)
	if name == "ul" || name == "ol" {
		b.WriteString("\n")
		for _, item := range block.Items {
			b.WriteString("<li>")
			writeSpans(b, item)
			b.WriteString("</li>\n")
		}
	} else {
		writeSpans(b, block.Spans)
	}
	b.WriteString("</" + name + ">\n")
}

func writeSpans(b *strings.Builder, spans []content.Span) {
	for _, s := range spans {
		var open, shut string
		wrap := func(on bool, element, attributes string) {
			if on {
				open, shut = open+"<"+element+attributes+">", "</"+element+">"+shut
			}
		}
		wrap(s.Link != "", "a", ` href="`+html.EscapeString(s.Link)+`"`)
		wrap(s.Strong, "strong", "")
		wrap(s.Emph, "em", "")
		wrap(s.Code, "code", "")
		b.WriteString(open + strings.ReplaceAll(html.EscapeString(s.Text), "\n", "<br>\n") + shut)
	}
}
