package inbound

// MeaningOf is what tests and fuzzing ask.
func MeaningOf(text string) string { return string(meaningOf(text)) }
