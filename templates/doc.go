// Package templates turns words into structured text. A template is, for each locale, a Markdown text with front
// matter; its placeholders are a closed language, a name between braces, quoted by apostrophes as ICU MessageFormat
// does. Values are put in after the Markdown has been read, so they are data and never markup. Which locale a reader
// gets is explicit: the first of her chain whose language and script we have. Escaping is left to the channels.
package templates
