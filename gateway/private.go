package gateway

import "log/slog"

const hidden = "[private]"

// Private is a name, an address or a text of a person or to one. It prints as "[private]" in every format and
// encoding; Reveal gives it in clear. Whoever reveals it answers for where it goes.
type Private string

// Reveal gives the text in clear.
func (p Private) Reveal() string { return string(p) }

// String hides the text.
func (Private) String() string { return hidden }

// GoString hides the text from %#v.
func (Private) GoString() string { return hidden }

// LogValue hides the text from slog.
func (Private) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the text from encoders.
func (Private) MarshalText() ([]byte, error) { return []byte(hidden), nil }
