package inbound

import "context"

// Meant is what tests and fuzzing ask: the meaning, the days or the language behind it, and "within" where a word for STOP
// stands in a sentence.
func Meant(text string, locales ...string) (meaning string, days int, locale string, within bool) {
	u := understand(text, locales, nil)
	return string(u.meaning), u.days, u.locale, u.within
}

// CodeIn is what tests ask.
func CodeIn(text string) string { return codeIn(text).Reveal() }

// Ask has the listener ask providers now, as Run does after a Look, and returns when they have answered.
func (l *Listener) Ask(ctx context.Context) {
	l.ask(ctx)
	l.all.Wait()
}
