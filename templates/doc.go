// Package templates turns words into structured text. A template is, for each locale, a Markdown text with front
// matter; its placeholders are a closed language, ICU MessageFormat without anything that computes (docs/templates.md):
// numbers, dates, lists and plural forms by the customs of the reader's locale. Values are put in after the Markdown has been read, so they are data and never markup. Which locale a reader
// gets is explicit: the first of her chain whose language and script we have, for each
// field of a text by itself. Escaping is left to the channels.
package templates
