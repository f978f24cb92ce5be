package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/text/language"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/builtin"
)

// optionStructs gives each adapter's options by its name, for reading files strictly and for their schemas.
func optionStructs() map[string]any {
	all := map[string]any{}
	for _, f := range builtin.All() {
		all[f.Name] = f.Options()
	}
	return all
}

// anyOf writes the names of adapters, or of kinds, as a choice: "sms, telegram or email".
func anyOf(name func(channels.Factory) string) string {
	var names []string
	for _, f := range builtin.All() {
		if n := name(f); !slices.Contains(names, n) { // two adapters may take one kind
			names = append(names, n)
		}
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

func (sh *shell) addressTools() *cobra.Command {
	var kind, region string
	c := &cobra.Command{Use: "parse", Short: "write addresses in their canonical form (one a line on standard input)", Args: cobra.NoArgs}
	c.Flags().StringVar(&kind, "kind", "", "kind of address: "+anyOf(func(f channels.Factory) string { return f.Kind }))
	c.Flags().StringVar(&region, "region", "", "country of telephone numbers without a prefix, as in DE")
	c.RunE = func(*cobra.Command, []string) error {
		region = strings.ToUpper(region)
		parse, err := parserOf(kind, region)
		if err != nil {
			return err
		}
		return sh.lines(func(_ int, line string) error {
			address, err := parse(region, line)
			if err != nil {
				return sh.print(struct {
					Input string `json:"input"`
					Error string `json:"error"`
				}{line, err.Error()}, printable(line+": "+err.Error()))
			}
			return sh.print(struct {
				Input   string `json:"input"`
				Address string `json:"address"`
			}{line, address.Reveal()}, printable(address.Reveal()))
		})
	}
	return holder("address", "read addresses as channels do", c)
}

// parserOf finds who reads addresses of a kind.
func parserOf(kind, region string) (func(region, raw string) (channels.Address, error), error) {
	factories := builtin.All()
	i := slices.IndexFunc(factories, func(f channels.Factory) bool { return f.Kind == kind })
	if i < 0 {
		return nil, wrong("--kind %q does not exist; use %s", kind, anyOf(func(f channels.Factory) string { return f.Kind }))
	}
	if region != "" && kind != "sms" {
		return nil, wrong("--region is for --kind sms only; leave it out")
	}
	if known, err := language.ParseRegion(region); region != "" && (err != nil || !known.IsCountry()) {
		return nil, wrong("--region %q is no country; write its two letters, as in DE", region)
	}
	return factories[i].ParseAddress, nil
}
