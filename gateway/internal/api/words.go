package api

import (
	"errors"
	"slices"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// checkWording says everything that is wrong with a group's own words, laid over the shipped ones of their name. Those for
// members in neutral mode must not tell which group writes, nor want a value which nobody gives them: they stand in for every
// text, so all that the group sends would be refused.
func checkWording(g gateway.Group, name string, sources map[string]string) error {
	if _, err := templates.Wording(name, sources); err != nil {
		return wordsFault(err)
	}
	if !templates.IsNeutral(name) {
		return nil
	}
	shipped := strings.TrimSuffix(name, templates.Neutral)
	for _, locale := range sortedKeys(sources) {
		if g.NamedIn(sources[locale]) {
			return namesGroup(name, locale)
		}
		own, err := templates.NewSet(map[string]string{locale: sources[locale]})
		if err != nil {
			return wordsFault(err)
		}
		for _, value := range own.Names() {
			switch {
			case value == "group":
				return namesGroup(name, locale)
			case name == templates.Pointer || !given(shipped, value):
				return gateway.Faultf(gateway.CodeInvalid, "the words of %s in %s want {%s}, for which there is no value there; leave it out", name, locale, value)
			}
		}
	}
	return nil
}

func namesGroup(name, locale string) error {
	return gateway.Faultf(gateway.CodeInvalid, "the words of %s in %s name the group; they are for members whose phone must not tell of it, so leave the name out", name, locale)
}

// given reports whether a shipped text has a value. A text that Carillon does not ship is sent by nobody.
func given(shipped, value string) bool {
	sources := templates.ShippedText(shipped)
	if sources == nil {
		return true
	}
	set, err := templates.NewSet(sources)
	return err == nil && slices.Contains(set.Names(), value)
}

// wordsFault makes a fault of what is wrong with a text.
func wordsFault(err error) error {
	var all templates.Faults
	if !errors.As(err, &all) {
		return gateway.Faultf(gateway.CodeInvalid, "the words cannot be used: %w", err)
	}
	texts := make([]string, len(all))
	for i, f := range all {
		texts[i] = f.Error()
	}
	return gateway.Faultf(gateway.CodeInvalid, "the words cannot be used: %s", strings.Join(texts, "; "))
}
