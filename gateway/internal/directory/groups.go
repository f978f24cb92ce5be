package directory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Limits of a group's fields. Names, titles and languages are counted in characters and entries.
const (
	maxName     = 100
	maxFallback = 10
	maxFloor    = 1000
)

// PutGroup makes a group, or changes the one with its slug. Everything wrong with it is told at once (CodeInvalid).
func (d *Directory) PutGroup(ctx context.Context, g gateway.Group) (gateway.Group, error) {
	g, err := CheckGroup(g)
	if err != nil {
		return gateway.Group{}, err
	}
	return d.Groups.PutGroup(ctx, g)
}

// CheckGroup gives a group with its languages and country in canonical form, or a fault that names everything wrong.
func CheckGroup(g gateway.Group) (gateway.Group, error) {
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }

	if !isSlug(g.Slug) {
		say("slug %q: use 2 to 40 of a-z, 0-9 and -, with a letter or digit first and last", g.Slug)
	}
	if err := checkLine(g.Name, 1, maxName); err != nil {
		say("name: %v", err)
	}
	var err error
	if g.Locale, err = canonicalLocale(g.Locale); err != nil {
		say("locale %v", err)
	}
	g.Fallback = slices.Clone(g.Fallback)
	if len(g.Fallback) > maxFallback {
		say("fallback: at most %d languages", maxFallback)
	}
	for i, f := range g.Fallback {
		if g.Fallback[i], err = canonicalLocale(f); err != nil {
			say("fallback %d: %v", i+1, err)
		} else if slices.Contains(g.Fallback[:i], g.Fallback[i]) {
			say("fallback %d: %s is named twice", i+1, g.Fallback[i])
		}
	}
	if _, err := civil.Zone(g.Zone); err != nil {
		say("zone %v", err)
	}
	if len(g.ClimbFrom) > 50 {
		say("climb_from: at most 50 groups")
	}
	for i, from := range g.ClimbFrom {
		if !isSlug(from) || from == g.Slug || slices.Contains(g.ClimbFrom[:i], from) {
			say("climb_from %d, %q: name each other group once, by its slug", i+1, from)
		}
	}
	if g.Region != "" {
		r, err := language.ParseRegion(g.Region)
		if err != nil || len(g.Region) != 2 || !r.IsCountry() {
			say("region %q is no country; use two letters of ISO 3166 such as DE or KE", g.Region)
		} else {
			g.Region = r.String()
		}
	}
	if len(g.Topics) > gateway.MaxTopics {
		say("topics: %d are too many; a group has at most %d", len(g.Topics), gateway.MaxTopics)
	}
	names := map[string]bool{}
	g.Topics = slices.Clone(g.Topics)
	for i, t := range g.Topics {
		if !isSlug(t.Name) {
			say("topic %d, %q: use 2 to 40 of a-z, 0-9 and -, with a letter or digit first and last", i+1, t.Name)
		} else if names[t.Name] {
			say("topic %d: %s is named twice", i+1, t.Name)
		}
		names[t.Name] = true
		if err := checkLine(t.Title, 0, maxName); err != nil {
			say("title of topic %d: %v", i+1, err)
		}
		if g.Topics[i].Titles, err = checkTitles(t.Titles); err != nil {
			say("titles of topic %d: %v", i+1, err)
		}
	}
	if g.Floor < 0 || g.Floor > maxFloor {
		say("floor %d: use 0 (for the default, 10) to %d", g.Floor, maxFloor)
	}
	g.Countries = slices.Clone(g.Countries)
	for i, c := range g.Countries {
		r, err := language.ParseRegion(c)
		if err != nil || len(c) != 2 || !r.IsCountry() {
			say("countries: %q is no country; use two letters of ISO 3166 such as DE or KE", c)
			continue
		}
		g.Countries[i] = r.String()
	}
	slices.Sort(g.Countries)
	if g.Countries = slices.Compact(g.Countries); len(g.Countries) == 0 {
		g.Countries = nil
	}
	if g.Budget != nil {
		if err := g.Budget.Check(); err != nil {
			say("%v", err)
		}
		if *g.Budget == (gateway.Budget{}) {
			g.Budget = nil
		}
	}
	if wrong != nil {
		return gateway.Group{}, gateway.Faultf(gateway.CodeInvalid, "the group cannot be stored: %s", strings.Join(wrong, "; "))
	}
	return g, nil
}

func isSlug(s string) bool {
	if len(s) < 2 || len(s) > 40 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// checkTitles gives the titles of a topic by canonical locales; nil: there are none.
func checkTitles(titles map[string]string) (map[string]string, error) {
	if len(titles) > gateway.MaxTopicTitles {
		return nil, fmt.Errorf("in at most %d languages", gateway.MaxTopicTitles)
	}
	var all map[string]string
	for _, given := range slices.Sorted(maps.Keys(titles)) {
		locale, err := canonicalLocale(given)
		if err != nil {
			return nil, err
		}
		if err := checkLine(titles[given], 1, maxName); err != nil {
			return nil, fmt.Errorf("%s: %w", locale, err)
		}
		if _, twice := all[locale]; twice {
			return nil, fmt.Errorf("%s is named twice", locale)
		}
		if all == nil {
			all = map[string]string{}
		}
		all[locale] = titles[given]
	}
	return all, nil
}

// canonicalLocale gives a language tag in its canonical form: "pt-br" is "pt-BR", "iw" is "he".
func canonicalLocale(s string) (string, error) {
	tag, err := language.Parse(s)
	base, _ := tag.Base()
	if err != nil || tag == language.Und || base.String() == "und" || len(s) > 35 {
		return "", fmt.Errorf("%q is no language; use a BCP 47 tag such as en, pt-BR or zh-Hant", s)
	}
	return tag.String(), nil
}

var (
	errControl = errors.New("it holds control characters, such as line breaks, or marks that reorder text; leave them out")
	errNotUTF8 = errors.New("it is not UTF-8 text")
	errMissing = errors.New("it is missing")
	errBlank   = errors.New("it has only spaces")
)

// misleads reports what no line may hold that people read: control characters, and the invisible marks with which a name
// could reorder the words around it (UAX #9, explicit formatting). U+200E and U+200F, which only mark a direction, may stand.
func misleads(c rune) bool {
	return unicode.IsControl(c) || c == '\u2028' || c == '\u2029' || (c >= '\u202a' && c <= '\u202e') || (c >= '\u2066' && c <= '\u2069')
}

// checkLine checks one line of text that people read, of min to max characters.
func checkLine(s string, min, max int) error {
	switch {
	case s == "" && min > 0:
		return errMissing
	case !utf8.ValidString(s):
		return errNotUTF8
	case utf8.RuneCountInString(s) > max:
		return fmt.Errorf("it is longer than %d characters", max)
	case strings.ContainsFunc(s, misleads):
		return errControl
	case min > 0 && strings.TrimSpace(s) == "":
		return errBlank
	}
	return nil
}
