package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

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

func (sh *shell) addressTools() *cobra.Command {
	var kind, region string
	c := &cobra.Command{Use: "parse", Short: "write addresses in their canonical form (one a line on standard input)", Args: cobra.NoArgs}
	c.Flags().StringVar(&kind, "kind", "", "kind of address: sms or telegram")
	c.Flags().StringVar(&region, "region", "", "country of telephone numbers without a prefix, as in DE")
	c.RunE = func(*cobra.Command, []string) error {
		adapter, err := parserOf(kind, region)
		if err != nil {
			return err
		}
		return sh.lines(func(_ int, line string) error {
			address, err := adapter.ParseAddress(line)
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

// parserOf makes an adapter that reads addresses and can do nothing else: its credentials are well-formed and wrong.
func parserOf(kind, region string) (channels.Adapter, error) {
	region = strings.ToUpper(region)
	options := map[string]map[string]string{
		"sms":      {"account_sid": "AC" + strings.Repeat("0", 32), "auth_token": "offline", "from": "+12025550100", "region": region},
		"telegram": {"token": "1:offline"},
	}[kind]
	if options == nil {
		return nil, wrong("--kind %q does not exist; use sms or telegram", kind)
	}
	if region != "" && kind != "sms" {
		return nil, wrong("--region is for --kind sms only; leave it out")
	}
	raw, err := json.Marshal(options)
	if err != nil {
		return nil, fmt.Errorf("preparing the reader of addresses: %w", err)
	}
	factory, ok := builtin.Find(kind)
	if !ok {
		return nil, wrong("--kind %q does not exist; use sms or telegram", kind)
	}
	adapter, err := factory.New(channels.Settings{Name: "address parse", Options: raw})
	if err != nil {
		return nil, wrong("--region %q: %w", region, err)
	}
	return adapter, nil
}
