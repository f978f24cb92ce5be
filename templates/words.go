package templates

import (
	"embed"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/carillon-gateway/carillon/channels/content"
)

//go:embed words
var wordFiles embed.FS

// Command is what a member may ask for with a word.
type Command string

// The commands.
const (
	CommandStop     Command = "stop"
	CommandStopAll  Command = "stop-all"
	CommandStart    Command = "start"
	CommandHelp     Command = "help"
	CommandLanguage Command = "language"
	CommandPage     Command = "page"
	CommandPause    Command = "pause"
	CommandWho      Command = "who"
	CommandYes      Command = "yes"
	CommandLink     Command = "link"
	CommandUnlink   Command = "unlink"
	CommandWrong    Command = "wrong" // the number is not that of whom you mean
	CommandNo       Command = "no"    // the answer to whoever asks whether STOP in a sentence was meant

	// What somebody says to an alert.
	CommandTake Command = "take"      // I take charge
	CommandSafe Command = "safe"      // I am safe
	CommandNeed Command = "need-help" // I need help; it raises an alert where there is none
)

// Commands lists them, as documents do.
var Commands = [...]Command{CommandStop, CommandStopAll, CommandStart, CommandPause, CommandPage, CommandLink, CommandUnlink, CommandLanguage, CommandHelp, CommandWho, CommandYes, CommandNo, CommandWrong, CommandTake, CommandSafe, CommandNeed}

// CodeWords is the locale of the words that are the same in every language.
const CodeWords = "code"

// Word is one way to say a command.
type Word struct {
	Text    string // as shown to people
	Key     string // WordKey of it
	Command Command
	Locale  string // of the list that it is in; CodeWords
	Only    bool   // it counts for those who read Locale alone, for elsewhere it means something else
	Within  bool   // it also counts inside a sentence
}

// Lexicon holds the words of every shipped language.
type Lexicon struct {
	Words  []Word              // by locale, those of CodeWords first
	Names  map[string][]string // of the languages, by locale: what people call it, in its own language first
	States map[string]string   // of each list, as in a text's front matter: draft until a person has reviewed it
	// Emergencies sound like one, by locale. Whoever writes one of them in passing costs her group a look; who is not heard costs more.
	Emergencies map[string][]string
	// Real are the phrases that say that an alert is no exercise, Exercise those that say that it is one, by locale. One that begins
	// with = is all of a text.
	Real, Exercise map[string][]string
	byKey          map[string][]Word
	alarms         []string // keys of Emergencies
}

// Words gives the shipped words. Nobody may change them.
var Words = sync.OnceValue(readWords)

func readWords() *Lexicon {
	l := &Lexicon{Names: map[string][]string{}, States: map[string]string{}, Emergencies: map[string][]string{}, Real: map[string][]string{}, Exercise: map[string][]string{}, byKey: map[string][]Word{}}
	files, _ := wordFiles.ReadDir("words") // it is embedded
	for _, f := range files {
		locale := strings.TrimSuffix(f.Name(), ".txt")
		text, _ := wordFiles.ReadFile("words/" + f.Name())
		for line := range strings.Lines(string(text)) {
			key, list, _ := strings.Cut(strings.TrimSpace(line), ": ")
			for entry := range strings.SplitSeq(list, ", ") {
				switch key {
				case "state":
					l.States[locale] = entry
				case "name":
					l.Names[locale] = append(l.Names[locale], entry)
				case "no-exercise":
					l.Real[locale] = append(l.Real[locale], entry)
				case "exercise":
					l.Exercise[locale] = append(l.Exercise[locale], entry)
				case "emergency":
					l.Emergencies[locale] = append(l.Emergencies[locale], entry)
					l.alarms = append(l.alarms, WordKey(entry))
				default:
					w := Word{Command: Command(key), Locale: locale, Only: strings.HasPrefix(entry, "~"), Within: strings.HasPrefix(entry, "+")}
					w.Text = strings.TrimLeft(entry, "~+")
					w.Key = WordKey(w.Text)
					l.Words = append(l.Words, w)
				}
			}
		}
	}
	slices.SortStableFunc(l.Words, func(a, b Word) int {
		if (a.Locale == CodeWords) != (b.Locale == CodeWords) {
			if a.Locale == CodeWords {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Locale, b.Locale)
	})
	for _, w := range l.Words {
		l.byKey[w.Key] = append(l.byKey[w.Key], w)
	}
	return l
}

// Find gives the words with a key, of any language.
func (l *Lexicon) Find(key string) []Word { return l.byKey[key] }

// Label is the word that a button shows for a command in a language: the first of its list, else of the English one.
func (l *Lexicon) Label(c Command, locale string) string {
	label := string(c)
	for _, w := range l.Words {
		switch {
		case w.Command == c && w.Locale == locale:
			return w.Text
		case w.Command == c && w.Locale == "en" && label == string(c):
			label = w.Text
		}
	}
	return label
}

// Emergency reports whether a message, given as its key, sounds like an emergency in any language.
func (l *Lexicon) Emergency(message string) bool {
	return slices.ContainsFunc(l.alarms, func(key string) bool { return stands(key, message) })
}

// Belies finds the phrase of any language in a text of an alert that says the contrary of what the alert is: in an exercise that it is
// none, in an actual one that it is an exercise. Empty: none.
func (l *Lexicon) Belies(exercise bool, text string) string {
	phrases := l.Exercise
	if exercise {
		phrases = l.Real
	}
	message := WordKey(text)
	for _, locale := range slices.Sorted(maps.Keys(phrases)) {
		for _, phrase := range phrases[locale] {
			if whole, ok := strings.CutPrefix(phrase, "="); ok && WordKey(whole) == message || !ok && stands(WordKey(phrase), message) {
				return strings.TrimPrefix(phrase, "=")
			}
		}
	}
	return ""
}

// StandsIn reports whether a word stands in a message, given as its key.
func (w Word) StandsIn(message string) bool { return stands(w.Key, message) }

// stands looks for a key in that of a message: between blanks, or anywhere in a script that sets none between words.
func stands(key, message string) bool {
	if strings.ContainsFunc(key, func(r rune) bool { return unicode.In(r, unicode.Han, unicode.Myanmar) }) {
		return strings.Contains(message, key)
	}
	return strings.Contains(" "+message+" ", " "+key+" ")
}

// Locale finds a shipped language by its code in any case, alone or with a script or region that we have or not, or by its
// name; spoken is a key (WordKey).
func (l *Lexicon) Locale(spoken string) (string, bool) {
	for locale, names := range l.Names {
		if WordKey(locale) == spoken || slices.ContainsFunc(names, func(n string) bool { return WordKey(n) == spoken }) {
			return locale, true
		}
	}
	base, region, _ := strings.Cut(spoken, " ")
	for locale := range l.Names {
		if own, _, _ := strings.Cut(strings.ToLower(locale), "-"); own == base && len(region) <= len("hans cn") {
			return locale, true
		}
	}
	return "", false
}

// LocaleNamed finds a shipped language by what it is called in one of some others, as in allemand, or by a word of that which no other
// shipped language has there, as in chinois; spoken is a key (WordKey). Empty: none is called so.
func (l *Lexicon) LocaleNamed(spoken string, in []string) string {
	for _, reader := range in {
		var by []string
		for _, locale := range slices.Sorted(maps.Keys(l.Names)) {
			switch name := WordKey(LanguageName(locale, reader)); {
			case name == spoken:
				return locale
			case slices.Contains(strings.Fields(name), spoken):
				by = append(by, locale)
			}
		}
		if len(by) == 1 {
			return by[0]
		}
	}
	return ""
}

// WordKey writes a text so that what people take for the same word is the same: one form for each character (NFKC), in small
// letters, without accents and vowel signs where those who type leave them out, digits of every script as 0 to 9, what is
// invisible left out, and everything between words one blank. Letters and digits side by side are two words.
func WordKey(text string) string {
	var b strings.Builder
	last := ' '
	for _, r := range norm.NFKD.String(strings.ToLower(norm.NFKC.String(text))) {
		r = plainLetter(r)
		switch {
		case r < 0:
			continue
		case unicode.IsLetter(r), unicode.IsMark(r):
			if isDigit(last) {
				b.WriteByte(' ')
			}
		case isDigit(r):
			if last != ' ' && !isDigit(last) {
				b.WriteByte(' ')
			}
		default:
			r = ' '
			if last == ' ' {
				continue
			}
		}
		b.WriteRune(r)
		last = r
	}
	return strings.TrimRight(norm.NFC.String(b.String()), " ")
}

func isDigit(r rune) bool { return r >= '0' && r <= '9' }

// plainLetter gives the plain form of a character that was taken apart; below zero: it is left out.
func plainLetter(r rune) rune {
	switch r {
	case 'ı': // Turkish, without its dot
		return 'i'
	case 'ي', 'ى': // Arabic keyboards and Persian ones
		return 'ی'
	case 'ك':
		return 'ک'
	case 'ـ', '\'', '’', '‘', 'ʼ': // within words
		return -1
	}
	switch {
	case r < 0x80:
		return r
	case unicode.Is(unicode.Cf, r), unicode.In(r, unicode.Inherited) && unicode.IsMark(r): // what cannot be seen; accents of Latin, Greek, Cyrillic and Arabic
		return -1
	case unicode.IsDigit(r):
		return '0' + rune(content.Digit(r))
	}
	return r
}
