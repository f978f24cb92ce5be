package email

import (
	"html"
	"strings"

	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/channels/content"
)

// Inline styles: many programs throw a style element away (caniemail.com). Nothing is fetched from anywhere. No colour is
// set, so that light and dark are each program's own, and readable; what is small or set apart is so by size and place.
const (
	bodyStyle  = "margin:0;padding:16px;font-family:sans-serif;font-size:16px;line-height:1.6"
	frameStyle = "max-width:640px;margin:0 auto;overflow-wrap:anywhere;word-wrap:break-word"
	smallStyle = "margin:24px 0 0 0;font-size:14px"
)

// style gives the attribute of an element.
func style(element string) string {
	switch element {
	case "p":
		return ` style="margin:0 0 16px 0"`
	case "h2":
		return ` style="margin:24px 0 8px 0;font-size:20px;line-height:1.4"`
	case "ul", "ol":
		return ` style="margin:0 0 16px 0;padding:0 24px"`
	case "li":
		return ` style="margin:0 0 4px 0"`
	case "blockquote":
		return ` style="margin:0 0 16px 0;padding:0 12px;border-inline-start:3px solid #888888"`
	}
	return ""
}

// pageEnd ends every page.
const pageEnd = "</div>\n</body>\n</html>\n"

// page writes the HTML. Direction and language stand on the outermost element and once more inside, because some
// programs keep the body's children only.
func page(doc content.Document, title string, blocks []content.Block, tag, reference string) string {
	attributes := compose.Attributes(doc)
	var b strings.Builder
	b.Grow(2048)
	b.WriteString("<!doctype html>\n<html" + attributes + ">\n<head>\n<meta charset=\"utf-8\">\n" +
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n" +
		"<meta name=\"supported-color-schemes\" content=\"light dark\">\n" +
		"<title>" + html.EscapeString(title) + "</title>\n</head>\n<body" + attributes + ` style="` + bodyStyle + "\">\n" +
		"<div" + attributes + ` style="` + frameStyle + "\">\n")
	if tag != "" {
		b.WriteString("<p" + style("p") + "><bdi>[" + html.EscapeString(tag) + "]</bdi></p>\n")
	}
	compose.HTML{Attributes: style}.Write(&b, blocks)
	if reference != "" {
		b.WriteString(`<p style="` + smallStyle + `"><bdi>` + html.EscapeString(reference) + "</bdi></p>\n")
	}
	b.WriteString(pageEnd)
	return b.String()
}
