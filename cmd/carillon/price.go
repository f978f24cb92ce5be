package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

func (sh *shell) prices() *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "list what messages cost", Args: cobra.NoArgs}
	sh.ofOwner(list, func(ctx context.Context, api *client.Client, group string, _ []string) error {
		all, err := api.Prices(ctx, group)
		if err != nil {
			return err
		}
		return sh.listPrices(all)
	})
	return holder("price", "list and set what messages cost", list, sh.priceSet())
}

func (sh *shell) listPrices(all []gateway.Price) error {
	return listed(sh, all, []string{"KIND", "CHANNEL", "COUNTRY", "PRICE"}, "No prices yet. Set one with: carillon price set --kind sms --country DE --amount 0.0950 --currency EUR", func(p gateway.Price) []string {
		return []string{p.Kind, orElse(p.Channel, "any"), orElse(p.Country, "any"), p.Money().String()}
	})
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func (sh *shell) priceSet() *cobra.Command {
	var p gateway.Price
	var amount string
	var remove bool
	c := &cobra.Command{
		Use:   "set",
		Short: "set what one segment of a text message, or one message of another kind, costs",
		Long: "Set a price, in force for what is sent from now on. A channel's price goes before its kind's, a country's before that of all\n" +
			"countries, and a group's own prices before the operator's.",
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	f.StringVar(&p.Kind, "kind", "sms", "kind of contact point")
	f.StringVar(&p.Channel, "channel", "", "over this channel only; absent: every channel of the kind")
	f.StringVar(&p.Country, "country", "", "to this country, as in DE; absent: every country without a price of its own")
	f.StringVar(&amount, "amount", "", "in units of the currency, as in 0.0950")
	f.StringVar(&p.Currency, "currency", "", "as in EUR")
	f.BoolVar(&remove, "remove", false, "take the price away instead")
	return sh.ofOwner(c, func(ctx context.Context, api *client.Client, group string, _ []string) error {
		p.Country, p.Currency = strings.ToUpper(p.Country), strings.ToUpper(p.Currency)
		var set, gone []gateway.Price
		if remove {
			gone = append(gone, p)
		} else {
			var err error
			if p.Micros, err = gateway.ParseMicros(amount); err != nil {
				return wrong("--amount: %w", err)
			}
			if err := p.Check(); err != nil {
				return wrong("%w", err)
			}
			set = append(set, p)
		}
		all, err := api.SetPrices(ctx, group, set, gone)
		if err != nil {
			return err
		}
		return sh.listPrices(all)
	})
}

func (sh *shell) spending() *cobra.Command {
	show := sh.inGroup(&cobra.Command{Use: "show", Short: "show what a group's month has cost so far, and its caps", Args: cobra.NoArgs},
		func(ctx context.Context, api *client.Client, group string, _ []string) error {
			s, err := api.Spend(ctx, group)
			if err != nil || sh.json() {
				return sh.printOr(err, s)
			}
			return sh.showSpend(s)
		})
	return holder("spend", "see what messages cost, and cap it", show, sh.spendCap())
}

func (sh *shell) showSpend(s gateway.Spend) error {
	if err := sh.say("%s: %s%s", s.Month, plural(int(s.Segments), "segment"), sums(s.Amounts, s.Unpriced)); err != nil {
		return err
	}
	if s.Budget == nil {
		return sh.say("No cap. Set one with: carillon spend cap")
	}
	b := *s.Budget
	for _, c := range []struct {
		name             string
		micros, segments int64
		reached          bool
	}{{"soft cap, at which the owners are told", b.Soft, b.SoftSegments, s.Soft}, {"hard cap, at which all but alerts waits", b.Hard, b.HardSegments, s.Hard}} {
		var limits []string
		if c.micros > 0 {
			limits = append(limits, gateway.Money{Currency: b.Currency, Micros: c.micros}.String())
		}
		if c.segments > 0 {
			limits = append(limits, plural(int(c.segments), "segment"))
		}
		if limits == nil {
			continue
		}
		state := "not reached"
		if c.reached {
			state = "reached"
		}
		if err := sh.say("%s: %s, %s", c.name, strings.Join(limits, " or "), state); err != nil {
			return err
		}
	}
	if s.Held > 0 {
		return sh.say("%s for the cap; they go on in the next month, or under a higher cap.", waits(s.Held))
	}
	return nil
}

func waits(n int) string {
	if n == 1 {
		return "1 delivery waits"
	}
	return plural(n, "delivery") + " wait"
}

// sums tells amounts, and what they leave out: never as nothing.
func sums(amounts []gateway.Money, unpriced int64) string {
	var parts []string
	for _, m := range amounts {
		parts = append(parts, m.String())
	}
	if unpriced > 0 {
		parts = append(parts, plural(int(unpriced), "segment")+" of unknown price")
	}
	if parts == nil {
		return ""
	}
	return ", " + strings.Join(parts, ", ")
}

func (sh *shell) spendCap() *cobra.Command {
	var soft, hard string
	var b gateway.Budget
	c := &cobra.Command{
		Use:   "cap",
		Short: "set a group's caps for each month, in place of all it has",
		Long: "Set a group's caps for each month of its zone, in place of all it has; without flags it has none. At the soft cap those who\n" +
			"subscribe to the group's topic owners are told, and sending goes on. At the hard cap reports, reminders and account messages that\n" +
			"cost something wait for the next month or a higher cap; alerts and what saves lives leave all the same, and the owners are told.",
		Args: cobra.NoArgs,
	}
	f := c.Flags()
	f.StringVar(&b.Currency, "currency", "", "of the amounts, as in EUR")
	f.StringVar(&soft, "soft", "", "amount at which the owners are told, as in 40.00")
	f.StringVar(&hard, "hard", "", "amount at which all but alerts waits, as in 60.00")
	f.Int64Var(&b.SoftSegments, "soft-segments", 0, "the same in segments of text messages; 0: no such cap")
	f.Int64Var(&b.HardSegments, "hard-segments", 0, "the same in segments of text messages; 0: no such cap")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, _ []string) error {
		for _, amount := range []struct {
			flag, text string
			into       *int64
		}{{"soft", soft, &b.Soft}, {"hard", hard, &b.Hard}} {
			if !f.Changed(amount.flag) {
				continue
			}
			var err error
			if *amount.into, err = gateway.ParseMicros(amount.text); err != nil {
				return wrong("--%s: %w", amount.flag, err)
			}
			if *amount.into == 0 { // whoever writes it wants to spend nothing, and the API takes it for no cap
				return wrong("--%s: 0 would be no cap at all; write the smallest amount to have all wait, as in 0.000001, or leave the flag out for no cap", amount.flag)
			}
		}
		b.Currency = strings.ToUpper(b.Currency)
		if err := b.Check(); err != nil {
			return wrong("%w", err)
		}
		g, err := api.Group(ctx, group)
		if err != nil {
			return err
		}
		if g.Budget = &b; b == (gateway.Budget{}) {
			g.Budget = nil
		}
		if g, err = api.PutGroup(ctx, g); err != nil {
			return err
		}
		s, err := api.Spend(ctx, group)
		if err != nil || sh.json() {
			return sh.printOr(err, s)
		}
		return sh.showSpend(s)
	})
}

// charged tells what something cost.
func charged(c *gateway.Charge) string {
	switch {
	case c == nil:
		return ""
	case c.Amount == nil:
		return plural(int(c.Segments), "segment") + ", price unknown"
	}
	return plural(int(c.Segments), "segment") + ", " + c.Amount.String()
}

// costRows are the lines of a preview's costs.
func costRows(costs []gateway.PreviewCost) [][]string {
	rows := [][]string{}
	for _, c := range costs {
		price, amount := "unknown", "unknown"
		if c.Amount != nil {
			price, amount = c.Price.String(), c.Amount.String()
		}
		rows = append(rows, []string{c.Channel, orElse(c.Country, "-"), c.Locale, strconv.Itoa(c.Members), strconv.FormatInt(c.Segments, 10), price, amount})
	}
	return rows
}
