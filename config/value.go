package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

const hidden = "[secret]"

// Secret is a text that is never shown: a key, a token, a password. It prints as "[secret]" in every format and
// encoding; Reveal gives it in clear. In a file it is always a reference: {env: NAME} or {file: PATH}.
type Secret struct{ clear string }

// Reveal gives the text in clear.
func (s Secret) Reveal() string { return s.clear }

// String hides the text.
func (Secret) String() string { return hidden }

// GoString hides the text from %#v.
func (Secret) GoString() string { return hidden }

// Format hides the text from every verb, those for numbers and pointers included.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// LogValue hides the text from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the text from encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// MarshalJSON hides the text from JSON.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// MarshalYAML hides the text from YAML.
func (Secret) MarshalYAML() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// Section is the part of a file that an adapter reads for itself. It prints as "[secret]", because it may hold some.
type Section struct{ options Secret }

// JSON gives the section as a JSON object with its secrets in clear. It is for the adapter and the sealed ledger only.
func (s Section) JSON() json.RawMessage {
	if s.options.clear == "" {
		return json.RawMessage("{}")
	}
	return json.RawMessage(s.options.clear)
}

// Given reports whether the file has the section at all.
func (s Section) Given() bool { return s.options.clear != "" }

// String hides the section.
func (Section) String() string { return hidden }

// GoString hides the section from %#v.
func (Section) GoString() string { return hidden }

// Format hides the section from every verb.
func (Section) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(hidden)) }

// LogValue hides the section from slog.
func (Section) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalJSON hides the section from JSON.
func (Section) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// MarshalYAML hides the section from YAML.
func (Section) MarshalYAML() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// Size is a number of bytes, written as 512KiB, 64MiB or 1GiB.
type Size int64

// The units of a Size.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
)

// UnmarshalText reads a whole number with a unit.
func (s *Size) UnmarshalText(text []byte) error {
	number, unit := string(text), Size(0)
	for suffix, u := range map[string]Size{"KiB": KiB, "MiB": MiB, "GiB": GiB} {
		if n, ok := strings.CutSuffix(number, suffix); ok {
			number, unit = strings.TrimSpace(n), u
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || unit == 0 || n < 1 || n > int64(1<<40/unit) {
		return fmt.Errorf("write a whole number with its unit, as in 512KiB, 64MiB or 1GiB")
	}
	*s = Size(n) * unit
	return nil
}

// String writes the size with the largest unit that divides it.
func (s Size) String() string {
	switch {
	case s >= GiB && s%GiB == 0:
		return strconv.FormatInt(int64(s/GiB), 10) + "GiB"
	case s >= MiB && s%MiB == 0:
		return strconv.FormatInt(int64(s/MiB), 10) + "MiB"
	default:
		return strconv.FormatInt(int64(s/KiB), 10) + "KiB"
	}
}

// Duration is a length of time, written as 30s, 5m or 1h30m.
type Duration time.Duration

// UnmarshalText reads a length of time above zero.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v <= 0 {
		return fmt.Errorf("write a length of time with its unit, as in 30s, 5m or 1h30m")
	}
	*d = Duration(v)
	return nil
}

// String writes the duration as 30s, 5m or 1h30m.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

var (
	_ fmt.Formatter  = Secret{}
	_ slog.LogValuer = Secret{}
	_ json.Marshaler = Section{}
)
