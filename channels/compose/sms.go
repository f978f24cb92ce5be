package compose

import (
	"fmt"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
)

// LargestSMS is how many segments a text message of 1,600 UTF-16 code units takes at most.
const LargestSMS = 24

// SMS is what a channel of text messages takes: one part a message, which costs its segments.
type SMS struct {
	Limit int  // longest text, in UTF-16 code units
	Smart bool // write typographic signs plainly where that is cheaper
}

// Compose writes a document as one text message. The error is an *channels.Error (Permanent, content).
func (s SMS) Compose(doc content.Document) ([]channels.Part, error) {
	text := s.smart(TextMessage(doc))
	switch n := Length(text, channels.UTF16); {
	case n == 0:
		return nil, refused("there is no text to send")
	case n > s.Limit:
		return nil, refused(fmt.Sprintf("the text message is %d characters long and may have at most %d; shorten it, or give it a short form", n, s.Limit))
	}
	return []channels.Part{counted(text)}, nil
}

func (s SMS) smart(text string) string {
	if s.Smart {
		return Smart(text)
	}
	return text
}

func counted(text string) channels.Part {
	encoding, _, segments, _ := Count(text)
	return channels.Part{Text: text, Encoding: encoding, Cost: segments}
}

// Fill puts a name into a text message, which is encoded and counted anew.
func (s SMS) Fill(p channels.Part, name string) (channels.Part, bool) {
	if name = Name(name); name == "" {
		return p, false
	}
	if !content.HasHole(p.Text) {
		return p, true
	}
	return counted(s.smart(FillTextMessage(p.Text, name))), true
}

// Measure says how a text message is encoded.
func (SMS) Measure(p channels.Part) channels.Measure {
	encoding, units, segments, offending := Count(p.Text)
	m := channels.Measure{Encoding: encoding, Units: units}
	for _, sign := range offending {
		r, _ := utf8.DecodeRuneInString(sign)
		m.Offending = append(m.Offending, channels.Sign{Text: sign, Instead: Instead(r)})
	}
	if _, _, fewer, _ := Count(Smart(p.Text)); fewer < segments {
		m.Smart = fewer
	}
	return m
}
