package inbound

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/carillon-gateway/carillon/templates"
)

// emergencies are words that sound like an emergency, in capital letters, for each shipped language; the first are everybody's.
// Who writes one of them in passing costs her group a look, who is not heard costs more.
const emergencies = "SOS MAYDAY EMERGENCY HELP HURT WOUNDED SHOT BLEEDING AMBULANCE " +
	"NOTFALL HILFE VERLETZT RETTUNGSWAGEN " +
	"URGENCE SECOURS BLESSÉ BLESSÉE BLESSÉS AMBULANCE " +
	"EMERGENCIA AUXILIO SOCORRO AYUDA HERIDO HERIDA HERIDOS AMBULANCIA " +
	"EMERGÊNCIA AJUDA FERIDO FERIDA FERIDOS AMBULÂNCIA " +
	"DHARURA MSAADA MAJERUHI " +
	"ACİL İMDAT YARDIM YARALI AMBULANS " +
	"ПОМОГИТЕ ПОМОЩЬ СПАСИТЕ РАНЕН РАНЕНЫ РАНЕНЫЙ СКОРАЯ " +
	"ДОПОМОЖІТЬ ДОПОМОГА РЯТУЙТЕ ПОРАНЕНИЙ ПОРАНЕНІ ШВИДКА " +
	"النجدة نجدة ساعدوني طوارئ جريح جرحى إسعاف " +
	"کمک اورژانس زخمی آمبولانس " +
	"बचाओ मदद आपातकाल घायल एम्बुलेंस"

// joinedEmergencies are those of languages that set no blanks between words: they count wherever they stand.
const joinedEmergencies = "救命 求救 紧急 受伤 救护车 ကယ်ပါ အရေးပေါ် ဒဏ်ရာ"

// emergency reports whether a message sounds like one.
func emergency(text string) bool {
	text = norm.NFC.String(text)
	upper := map[string]bool{}
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsMark(r) }) {
		upper[strings.ToUpper(word)] = true
		upper[strings.ToUpperSpecial(unicode.TurkishCase, word)] = true // i and İ
	}
	for _, word := range strings.Fields(emergencies) {
		if upper[word] {
			return true
		}
	}
	for _, word := range strings.Fields(joinedEmergencies) {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

// cries reports whether a message that asks for HELP may be a cry for it: in any words but the one that our own messages name.
func cries(text string) bool {
	return spoken(text) != templates.WordKey(string(templates.CommandHelp)) && emergency(text)
}
