package voice

import (
	"bytes"
	"encoding/xml"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/channels"
)

// speech is how a language is spoken: its tag and a voice, in Twilio's words.
type speech struct{ language, voice string }

// usualVoices are those of Twilio's library for TwiML (twilio-java, com.twilio.twiml.voice.Say), one a language. That list ends
// with 2021; the Ukrainian voice is of Google, and stands in lists that users of Twilio's page of voices have made since
// (twilio.com/docs/voice/twiml/say/text-speech). In none of these are Persian, Swahili and Burmese. A channel may name others.
var usualVoices = map[string]speech{
	"ar": {"arb", "Polly.Zeina"}, "cy": {"cy-GB", "Polly.Gwyneth"}, "da": {"da-DK", "Polly.Naja"}, "de": {"de-DE", "Polly.Marlene"},
	"en": {"en-US", "Polly.Joanna"}, "en-GB": {"en-GB", "Polly.Amy"}, "en-IN": {"en-IN", "Polly.Raveena"}, "es": {"es-ES", "Polly.Lucia"}, "es-MX": {"es-MX", "Polly.Mia"}, "es-US": {"es-US", "Polly.Lupe"},
	"fr": {"fr-FR", "Polly.Lea"}, "fr-CA": {"fr-CA", "Polly.Chantal"}, "hi": {"hi-IN", "Polly.Aditi"}, "is": {"is-IS", "Polly.Dora"}, "it": {"it-IT", "Polly.Bianca"},
	"ja": {"ja-JP", "Polly.Mizuki"}, "ko": {"ko-KR", "Polly.Seoyeon"}, "nb": {"nb-NO", "Polly.Liv"}, "nl": {"nl-NL", "Polly.Lotte"}, "pl": {"pl-PL", "Polly.Ewa"},
	"pt": {"pt-PT", "Polly.Ines"}, "pt-BR": {"pt-BR", "Polly.Camila"}, "ro": {"ro-RO", "Polly.Carmen"}, "ru": {"ru-RU", "Polly.Tatyana"},
	"sv": {"sv-SE", "Polly.Astrid"}, "tr": {"tr-TR", "Polly.Filiz"}, "uk": {"uk-UA", "Google.uk-UA-Standard-A"}, "zh-Hans": {"zh-CN", "Polly.Zhiyu"},
}

// voiceOf finds the voice for a locale: its own, or that of a shorter form of its tag. Extensions (-u-, -x-) count for nothing. A
// text without a locale is English.
func (a *Adapter) voiceOf(locale string) (speech, bool) {
	if locale == "" {
		locale = "en"
	}
	tag, _, _ := strings.Cut(locale, "-u-")
	tag, _, _ = strings.Cut(tag, "-x-")
	for {
		if v, ok := a.voices[tag]; ok {
			return v, true
		}
		i := strings.LastIndexByte(tag, '-')
		if i < 0 {
			return speech{}, false
		}
		tag = tag[:i]
	}
}

// mostTold is how many characters the instructions of a call may have (twilio.com/docs/voice/api/call-resource, Twiml).
const mostTold = 4000

// longestHook is how long the URL that a call reports to may be, without its answers.
const longestHook = 300

// fits says whether a part can be told, whatever XML makes of its characters.
func (a *Adapter) fits(part channels.Part) bool {
	told, ok := a.instructions(channels.Outbound{Part: part, CallbackURL: strings.Repeat("u", longestHook)})
	return ok && utf8.RuneCountInString(told) <= mostTold
}

// written is a text as it stands in XML.
func written(text string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(text)) // a buffer takes everything
	return b.String()
}

// instructions write what Twilio does when somebody takes the call: it speaks the text twice and, where there are answers, each
// with its key, all of it while a key is waited for (twilio.com/docs/voice/twiml/gather). "1: Yes" is read in every language.
func (a *Adapter) instructions(m channels.Outbound) (string, bool) {
	v, ok := a.voiceOf(m.Part.Locale)
	if !ok {
		return "", false
	}
	say := func(text string) string {
		return `<Say loop="2" language="` + written(v.language) + `" voice="` + written(v.voice) + `">` + written(text) + `</Say>`
	}
	if len(m.Part.Buttons) == 0 || m.CallbackURL == "" {
		return "<Response>" + say(m.Part.Text) + "</Response>", true
	}
	action := m.CallbackURL
	var keys []string
	for i, button := range m.Part.Buttons {
		key := strconv.Itoa(i + 1)
		action += "&k" + key + "=" + url.QueryEscape(button.Action)
		keys = append(keys, key+": "+button.Label+".")
	}
	return `<Response><Gather numDigits="1" timeout="10" method="POST" action="` + written(action) + `">` + say(m.Part.Text) + say(strings.Join(keys, " ")) + "</Gather></Response>", true
}
