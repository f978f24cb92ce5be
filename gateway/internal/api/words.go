package api

import (
	"errors"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// checkWording says everything that is wrong with a group's own words, laid over the shipped ones of their name. Those for
// members in neutral mode must not tell which group writes.
func checkWording(g gateway.Group, name string, sources map[string]string) error {
	if _, err := templates.Wording(name, sources); err != nil {
		return wordsFault(err)
	}
	if !templates.IsNeutral(name) {
		return nil
	}
	for _, locale := range sortedKeys(sources) {
		if g.NamedIn(sources[locale]) || strings.Contains(sources[locale], "{group") {
			return gateway.Faultf(gateway.CodeInvalid, "the words of %s in %s name the group; they are for members whose phone must not tell of it, so leave the name out", name, locale)
		}
	}
	return nil
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
