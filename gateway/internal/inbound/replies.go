package inbound

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// CheckReplies gives a group's replies without blanks around them, or a fault that names everything wrong. A word that a
// command or a carrier has in any shipped language cannot acknowledge an alert, nor mean another command: where a carrier
// takes it, the message never comes, and she is cut off (providers.md 4.5).
func CheckReplies(given *gateway.Replies) (*gateway.Replies, error) {
	if given == nil || given.Contact == "" && given.Rota == "" && len(given.Words) == 0 && len(given.Acks) == 0 && len(given.Costs) == 0 && given.KeepDays == 0 {
		return nil, nil
	}
	var wrong []string
	say := func(form string, args ...any) { wrong = append(wrong, fmt.Sprintf(form, args...)) }
	r := &gateway.Replies{Contact: strings.TrimSpace(given.Contact), KeepDays: given.KeepDays, Rota: given.Rota}
	if most := int(gateway.KeepConversations.Hours() / 24); r.KeepDays < 0 || r.KeepDays > most {
		say("replies.keep_days: 1 to %d days; leave it out for %d", most, most)
	}
	if n := utf8.RuneCountInString(r.Contact); n > gateway.MaxContact || strings.ContainsFunc(r.Contact, unicode.IsControl) {
		say("replies.contact: at most %d characters in one line", gateway.MaxContact)
	}
	taken := map[string]string{} // key → what it means
	for _, of := range slices.Sorted(maps.Keys(given.Words)) {
		path := "replies.words." + of
		if !slices.Contains(templates.Commands[:], templates.Command(of)) {
			say("%s: there is no such command; there are %s", path, commandNames())
			continue
		}
		if words := checkWords(path, given.Words[of], templates.Command(of), taken, say); len(words) > 0 {
			if r.Words == nil {
				r.Words = map[string][]string{}
			}
			r.Words[of] = words
		}
	}
	for _, locale := range slices.Sorted(maps.Keys(given.Acks)) {
		path := "replies.acks." + locale
		if _, known := templates.Words().Locale(templates.WordKey(locale)); !known {
			say("%s: this is none of the shipped languages", path)
			continue
		}
		if words := checkWords(path, given.Acks[locale], "", taken, say); len(words) > 0 {
			if r.Acks == nil {
				r.Acks = map[string][]string{}
			}
			r.Acks[locale] = words
		}
	}
	for _, locale := range slices.Sorted(maps.Keys(given.Costs)) {
		cost := strings.TrimSpace(given.Costs[locale])
		if _, known := templates.Words().Locale(templates.WordKey(locale)); !known {
			say("replies.costs.%s: this is none of the shipped languages", locale)
		}
		if n := utf8.RuneCountInString(cost); n == 0 || n > gateway.MaxReplyCost || strings.ContainsFunc(cost, unicode.IsControl) {
			say("replies.costs.%s: 1 to %d characters in one line, as in 0.10 EUR", locale, gateway.MaxReplyCost)
		}
		if r.Costs == nil {
			r.Costs = map[string]string{}
		}
		r.Costs[locale] = cost
	}
	if len(wrong) > 0 {
		return nil, gateway.Faultf(gateway.CodeInvalid, "%s", strings.Join(wrong, "; "))
	}
	return r, nil
}

// checkWords reads a list of words for a command, or for an acknowledgement: then it is empty.
func checkWords(path string, given []string, command templates.Command, taken map[string]string, say func(string, ...any)) []string {
	if len(given) > gateway.MaxReplyWords {
		say("%s: %d words; %d is the most", path, len(given), gateway.MaxReplyWords)
		return nil
	}
	meaning := "an acknowledgement"
	if command != "" {
		meaning = string(command)
	}
	var words []string
	for _, w := range given {
		w = strings.Join(strings.Fields(w), " ")
		key := templates.WordKey(w)
		other, known := taken[key]
		switch {
		case key == "" || utf8.RuneCountInString(w) > gateway.MaxReplyLetter:
			say("%s: %q is no word; use letters or digits, at most %d characters", path, w, gateway.MaxReplyLetter)
			continue
		case known && other != meaning:
			say("%s: %q stands for %s already; a word has one meaning", path, w, other)
			continue
		case known:
			continue
		}
		if clash := clashes(key, command); clash != "" {
			say("%s: %q %s; choose another word", path, w, clash)
			continue
		}
		taken[key] = meaning
		words = append(words, w)
	}
	return words
}

// clashes says what a word means already; empty: nothing else.
func clashes(key string, command templates.Command) string {
	for _, w := range templates.Words().Find(key) {
		switch {
		case w.Command == command:
		case w.Locale == templates.CodeWords:
			return fmt.Sprintf("is reserved: carriers, or Carillon in every language, take it for %s", w.Command)
		default:
			return fmt.Sprintf("means %s in %s", w.Command, templates.Words().Names[w.Locale][0])
		}
	}
	for first, rest := range withRest(key) {
		for _, w := range templates.Words().Find(first) {
			if w.Command != command && (w.Command == templates.CommandLanguage || w.Command == templates.CommandPause) && rest != "" {
				return fmt.Sprintf("begins with %q, which means %s", w.Text, w.Command)
			}
		}
	}
	return ""
}

// withRest gives every beginning of a key, and what is behind it.
func withRest(key string) map[string]string {
	all := map[string]string{}
	for i, r := range key {
		if r == ' ' {
			all[key[:i]] = key[i+1:]
		}
	}
	return all
}

func commandNames() string {
	names := make([]string, len(templates.Commands))
	for i, c := range templates.Commands {
		names[i] = string(c)
	}
	return strings.Join(names, ", ")
}
