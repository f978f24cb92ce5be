package sandbox

import (
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

// FuzzParseHTML holds that whatever arrives, what is shown is valid text and every style lies inside it.
func FuzzParseHTML(f *testing.F) {
	for _, seed := range []string{
		"", "<b>x</b>", "<a href='x.y'>z</a>", "<pre><code class=\"language-go\">x</code></pre>", "&lt;&#x1F600;&#0;&", "<b",
		"<blockquote expandable> a </blockquote>", "</", "<tg-emoji emoji-id=1>🔔</tg-emoji>", "\xff<b>\xfe</b>", "<i> \n</i>x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		p, err := parseHTML(in)
		if err != nil {
			return
		}
		if !utf8.ValidString(p.text) {
			t.Fatalf("%q gave invalid text", in)
		}
		units := len(utf16.Encode([]rune(p.text)))
		if units != p.units {
			t.Fatalf("%q has %d code units, counted %d", in, units, p.units)
		}
		for _, e := range p.entities {
			if e.offset < 0 || e.length <= 0 || e.offset+e.length > units {
				t.Fatalf("%q: entity %+v outside of %d units", in, e, units)
			}
		}
	})
}

// FuzzAppendString holds that what is written is the JSON of what was read.
func FuzzAppendString(f *testing.F) {
	for _, seed := range []string{"", "plain", "\"\\\n\x00\x7f", "é🔔\u2028", "\xff\xc0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		var out string
		if err := strict(appendString(nil, in), &out); err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		if want := string([]rune(in)); out != want {
			t.Fatalf("%q came back as %q", want, out)
		}
	})
}

func TestSegments(t *testing.T) {
	rep := func(s string, n int) (out string) {
		for range n {
			out += s
		}
		return out
	}
	for _, c := range []struct {
		text string
		want int
	}{
		{"", 1}, {rep("a", 160), 1}, {rep("a", 161), 2}, {rep("€", 80), 1}, {rep("€", 81), 2}, {rep("a", 306), 2}, {rep("a", 307), 3},
		{rep("ш", 70), 1}, {rep("ш", 71), 2}, {rep("🔔", 35), 1}, {rep("🔔", 36), 2}, {rep("🔔", 67), 3},
	} {
		if got := segments(c.text); got != c.want {
			t.Errorf("%d bytes of %.4q: %d segments, want %d", len(c.text), c.text, got, c.want)
		}
	}
}
