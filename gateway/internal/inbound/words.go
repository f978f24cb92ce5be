package inbound

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// meaning is what a member's words are understood as.
type meaning string

const (
	nothing meaning = ""
	stop    meaning = "stop"
	stopAll meaning = "stop-all"
	start   meaning = "start"
	yes     meaning = "yes"
	pause   meaning = "pause"
	tongue  meaning = "language"
	help    meaning = "help"
	who     meaning = "who"       // writes: answered as help is, and no cry for it
	asks    meaning = "reference" // whether a message is genuine
	page    meaning = "page"      // her own
	wrong   meaning = "wrong"     // the number is not the member's
	no      meaning = "no"        // she was asked whether STOP in a sentence was meant, and it was not
)

// understood is what a text asks for.
type understood struct {
	meaning meaning
	days    int    // of a pause, from 0
	locale  string // of tongue, empty: none that we have; of a yes in another language than she was asked in
	named   bool   // of tongue: she wrote which
	number  string // of an alert that is answered; empty: none
	within  bool   // with no other meaning: somewhere in it stands a word for STOP
}

const (
	maxCommand   = 64    // characters of the longest command
	maxSentence  = 2_000 // characters of a message in which a word for STOP is looked for
	pauseDays    = 7
	maxPauseDays = 90
)

// understand reads a message of somebody who reads these languages, in a group with words of its own. A command is all of a
// message, in any case, width and script, with whatever punctuation around it. Words that mean something else in another
// language count for those who read theirs alone; code forms, and the words that carriers reserve, count for all.
func understand(text string, locales []string, own map[string][]string) understood {
	if len(text) > 4*maxSentence {
		return understood{}
	}
	key := spoken(text)
	if utf8.RuneCountInString(key) <= maxCommand {
		if u, ok := command(key, locales, own); ok {
			return u
		}
		if word, ok := repeated(key); ok && find(word, locales, own) == templates.CommandStop {
			return understood{meaning: stop}
		}
		if word := spelled(key); word != "" && find(word, locales, own) == templates.CommandStop {
			return understood{meaning: stop}
		}
	}
	return understood{within: stopsWithin(key, locales) || stopsFirst(text, locales, own)}
}

// repeated finds the word that a key says over and over, as somebody does who is angry.
func repeated(key string) (word string, ok bool) {
	words := strings.Fields(key)
	if len(words) < 2 {
		return "", false
	}
	return words[0], !slices.ContainsFunc(words, func(w string) bool { return w != words[0] })
}

// spelled is a key that is nothing but letters, such as s t o p, as one word; empty: it is something else.
func spelled(key string) string {
	letters := strings.Fields(key)
	if len(letters) < 2 || slices.ContainsFunc(letters, func(w string) bool { return utf8.RuneCountInString(w) != 1 }) {
		return ""
	}
	return strings.Join(letters, "")
}

// stopsFirst says whether the first of several lines is STOP and nothing else: telephones and mail programs sign what is
// written with them.
func stopsFirst(text string, locales []string, own map[string][]string) bool {
	first, rest, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if rest == "" || len(first) > 4*maxCommand {
		return false
	}
	c := find(spoken(first), locales, own)
	return c == templates.CommandStop || c == templates.CommandStopAll
}

// spoken is the key of a message. A bot's command may name the bot: /stop@our_bot.
func spoken(text string) string {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "/") {
		name, rest, _ := strings.Cut(text, " ")
		name, _, _ = strings.Cut(name, "@")
		text = name + " " + rest
	}
	return templates.WordKey(text)
}

func command(key string, locales []string, own map[string][]string) (understood, bool) {
	switch find(key, locales, own) {
	case templates.CommandStop:
		return understood{meaning: stop}, true
	case templates.CommandStopAll:
		return understood{meaning: stopAll}, true
	case templates.CommandStart:
		return understood{meaning: start}, true
	case templates.CommandYes:
		return understood{meaning: yes}, true
	case templates.CommandHelp:
		return understood{meaning: help}, true
	case templates.CommandWho:
		return understood{meaning: who}, true
	case templates.CommandLanguage:
		return understood{meaning: tongue}, true
	case templates.CommandPage:
		return understood{meaning: page}, true
	case templates.CommandLink:
		return understood{meaning: links}, true
	case templates.CommandUnlink:
		return understood{meaning: unlinks}, true
	case templates.CommandWrong:
		return understood{meaning: wrong}, true
	case templates.CommandNo:
		return understood{meaning: no}, true
	case templates.CommandPause:
		return understood{meaning: pause, days: pauseDays}, true
	case templates.CommandTake:
		return understood{meaning: takes}, true
	case templates.CommandSafe:
		return understood{meaning: isSafe}, true
	case templates.CommandNeed:
		return understood{meaning: needs}, true
	}
	if word, number := behind(key); number != "" {
		switch find(word, locales, own) {
		case templates.CommandTake:
			return understood{meaning: takes, number: number}, true
		case templates.CommandSafe:
			return understood{meaning: isSafe, number: number}, true
		case templates.CommandNeed:
			return understood{meaning: needs, number: number}, true
		}
	}
	words := strings.Fields(key)
	for i := len(words) - 1; i > 0; i-- { // a command and what belongs to it
		rest := strings.Join(words[i:], " ")
		switch find(strings.Join(words[:i], " "), locales, own) {
		case templates.CommandLanguage:
			locale, ok := templates.Words().Locale(rest)
			if !ok {
				locale = templates.Words().LocaleNamed(rest, locales)
			}
			return understood{meaning: tongue, locale: locale, named: true}, true
		case templates.CommandPause:
			if days, err := strconv.Atoi(rest); err == nil {
				return understood{meaning: pause, days: min(days, maxPauseDays)}, true
			}
		}
	}
	return understood{}, false
}

// find says which command a key is.
func find(key string, locales []string, own map[string][]string) templates.Command {
	for _, w := range templates.Words().Find(key) {
		if !w.Only || slices.Contains(locales, w.Locale) {
			return w.Command
		}
	}
	for c, words := range own {
		if slices.ContainsFunc(words, func(w string) bool { return templates.WordKey(w) == key }) {
			return templates.Command(c)
		}
	}
	return ""
}

// stopsWithin looks for a word for STOP among others. Only words that hardly mean anything else count here: in many
// languages "stop" also means that a road is closed.
func stopsWithin(key string, locales []string) bool {
	if utf8.RuneCountInString(key) > maxSentence {
		return false
	}
	return slices.ContainsFunc(templates.Words().Words, func(w templates.Word) bool {
		return w.Within && (w.Locale == templates.CodeWords || slices.Contains(locales, w.Locale)) && w.StandsIn(key)
	})
}

// emergency reports whether a message sounds like one.
func emergency(text string) bool { return templates.Words().Emergency(templates.WordKey(text)) }

// cries reports whether a message that asks for HELP may be a cry for it: in any words but the one that our own messages name.
func cries(text string) bool {
	return spoken(text) != templates.WordKey(string(templates.CommandHelp)) && emergency(text)
}

// readsOf lists the shipped languages that one who wrote reads: hers with what she falls back to, and the group's.
func readsOf(k known) []string {
	var all []string
	add := func(locales ...string) {
		for _, l := range locales {
			if shipped, ok := templates.Words().Locale(templates.WordKey(l)); ok && !slices.Contains(all, shipped) {
				all = append(all, shipped)
			}
		}
	}
	for _, m := range k.members {
		add(m.Locale)
		add(m.Fallback...)
	}
	add(k.group.Locale)
	add(k.group.Fallback...)
	return all
}

// ownWords gives the words that groups have of their own, by command.
func ownWords(groups []gateway.Group) map[string][]string {
	own := map[string][]string{}
	for _, g := range groups {
		for c, words := range wordsOf(g) {
			own[c] = append(own[c], words...)
		}
	}
	return own
}

// wordsOf gives a group's own words.
func wordsOf(g gateway.Group) map[string][]string {
	if g.Replies == nil {
		return nil
	}
	return g.Replies.Words
}
