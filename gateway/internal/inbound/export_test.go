package inbound

// MeaningOf is what tests and fuzzing ask.
func MeaningOf(text string) string { return string(meaningOf(text)) }

// Emergency is what tests ask.
func Emergency(text string) bool { return emergency(text) }
