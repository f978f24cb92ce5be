package templates

import (
	"fmt"

	"golang.org/x/text/language"
)

// Sentence is one message on its own, without front matter or Markdown. It is safe for concurrent use.
type Sentence struct {
	tag     language.Tag
	customs customs
	message message
	needs   []placeholder
}

// NewSentence reads a message in ICU MessageFormat for a locale. An error is Faults, in a file called message.
func NewSentence(locale, message string) (*Sentence, error) {
	f := &finder{file: "message", src: []byte(message)}
	tag, ok := parseLocale(locale)
	if !ok {
		f.whole(fmt.Sprintf("%q is no language", shorten(locale)), "write its BCP 47 tag, as in en, pt-BR or zh-Hans")
		return nil, f.err()
	}
	if !f.readable() {
		return nil, f.err()
	}
	l := customsIn(tag)
	s := &Sentence{tag: tag, customs: customs{l, l.Heed(options(tag))}}
	s.message = f.message(string(f.src), func(i int) int { return i })
	needs := map[string]need{}
	s.message.names(needs)
	s.needs = sorted(needs)
	if len(s.needs) > maxNames {
		f.whole(fmt.Sprintf("the text has %d placeholders", len(s.needs)), fmt.Sprintf("use at most %d", maxNames))
	}
	return s, f.err()
}

// Render puts values in. Numbers and dates are written as the sentence's locale asks for; of the reader, zone and now count.
func (s *Sentence) Render(r Reader, data Data) (string, error) {
	if err := data.check(); err != nil {
		return "", err
	}
	if err := data.fit(s.needs, func() []string { return []string{s.tag.String()} }); err != nil {
		return "", err
	}
	w := writer{customs: s.customs, watch: clockOf(r), data: data, left: maxText}
	out := w.say(s.message)
	if w.err != nil {
		return "", w.err
	}
	return out, nil
}
