package inbound

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
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
	help    meaning = "help" // also who writes
	page    meaning = "page" // her own
)

// understood is what a text asks for.
type understood struct {
	meaning meaning
	days    int    // of a pause, from 0
	locale  string // of tongue; empty: none that we have
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
	}
	return understood{within: stopsWithin(key, locales)}
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
	case templates.CommandHelp, templates.CommandWho:
		return understood{meaning: help}, true
	case templates.CommandLanguage:
		return understood{meaning: tongue}, true
	case templates.CommandPage:
		return understood{meaning: page}, true
	case templates.CommandLink:
		return understood{meaning: links}, true
	case templates.CommandUnlink:
		return understood{meaning: unlinks}, true
	case templates.CommandPause:
		return understood{meaning: pause, days: pauseDays}, true
	}
	words := strings.Fields(key)
	for i := len(words) - 1; i > 0; i-- { // a command and what belongs to it
		rest := strings.Join(words[i:], " ")
		switch find(strings.Join(words[:i], " "), locales, own) {
		case templates.CommandLanguage:
			locale, _ := templates.Words().Locale(rest)
			return understood{meaning: tongue, locale: locale}, true
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
	around := " " + key + " "
	for _, w := range templates.Words().Words {
		if !w.Within || w.Locale != templates.CodeWords && !slices.Contains(locales, w.Locale) {
			continue
		}
		if unspaced(w.Key) && strings.Contains(key, w.Key) || strings.Contains(around, " "+w.Key+" ") {
			return true
		}
	}
	return false
}

// unspaced says whether a word is in a script that sets no blanks between words.
func unspaced(key string) bool {
	return strings.ContainsFunc(key, func(r rune) bool { return unicode.In(r, unicode.Han, unicode.Myanmar) })
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

// wordsOf gives a group's own words.
func wordsOf(g gateway.Group) map[string][]string {
	if g.Replies == nil {
		return nil
	}
	return g.Replies.Words
}
