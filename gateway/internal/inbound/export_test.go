package inbound

// CodeIn is what tests ask.
func CodeIn(text string) string { return codeIn(text).Reveal() }

// MeaningOf is what tests and fuzzing ask.
func MeaningOf(text string) string { return string(meaningOf(text)) }
