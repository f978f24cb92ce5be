package main

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/gateway/client"
)

func (sh *shell) rotas() *cobra.Command {
	return holder("rota", "who is on duty when", sh.rotaList(), sh.rotaPut(), sh.rotaShow(), sh.rotaNext(), sh.rotaGaps(), sh.rotaOverride(), sh.rotaAway(), sh.rotaSwap(), sh.rotaAnswer(), sh.rotaWithdraw(), sh.rotaDelete())
}

func (sh *shell) rotaList() *cobra.Command {
	return sh.inGroup(&cobra.Command{Use: "list", Short: "list the rotas of a group", Args: cobra.NoArgs},
		func(ctx context.Context, api *client.Client, group string, _ []string) error {
			all, err := api.Rotas(ctx, group)
			if err != nil {
				return err
			}
			return listed(sh, all, []string{"NAME", "TITLE", "TURNS", "ZONE", "SINCE", "PEOPLE", "OPEN SWAPS"}, "No rota yet. Make one with: carillon rota put", func(r gateway.Rota) []string {
				turns := string(r.Kind)
				if r.Kind != gateway.RotaList {
					turns = strconv.Itoa(max(r.Every, 1)) + " " + turns
				}
				return []string{r.Name, r.Title, turns, r.Zone, r.Start.String(), strconv.Itoa(max(len(r.Members), len(r.Turns))), strconv.Itoa(len(r.Swaps))}
			})
		})
}

func (sh *shell) rotaPut() *cobra.Command {
	var d gateway.DocumentRota
	var kind, start, end string
	var members, turns []string
	c := &cobra.Command{Use: "put ROTA", Short: "make a rota or change its rule", Args: cobra.ExactArgs(1),
		Long:    "Make a rota, or change the rule of the one with this name; what was changed of its turns stays. Members are named by their\nid or by the group's own name for them. Whoever is on duty now is told.",
		Example: "  carillon rota put telephone --group harbour --rotation weeks --start 2026-03-30T08:00 --member K-1 --member K-2"}
	f := c.Flags()
	f.StringVar(&d.Title, "title", "", "as those on duty read it (absent: its name)")
	f.StringVar(&kind, "rotation", string(gateway.RotaWeeks), "how turns follow each other: days, weeks or list")
	f.IntVar(&d.Every, "every", 0, "days or weeks that a turn lasts (0: one)")
	f.StringVar(&d.Zone, "zone", "", "zone of all its times (absent: the group's)")
	f.StringVar(&start, "start", "", "when the first turn begins, and at which time of day people change")
	f.StringVar(&end, "until", "", "when the last turn ends (absent: never; a list needs it)")
	f.StringArrayVar(&members, "member", nil, "who takes turns, in this order (again for others; absent: they stay)")
	f.StringArrayVar(&turns, "turn", nil, "of a list: a turn, as in 2026-12-24T08:00=K-1, or = for nobody (again for others; absent: they stay)")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) (err error) {
		d.Kind = gateway.RotaKind(kind)
		for _, w := range []struct {
			flag, text string
			into       *civil.Wall
		}{{"start", start, &d.Start}, {"until", end, &d.Until}} {
			if *w.into, err = wallOf(w.flag, w.text); err != nil {
				return err
			}
		}
		for _, m := range members {
			id, err := memberID(ctx, api, group, m)
			if err != nil {
				return err
			}
			d.Members = append(d.Members, id)
		}
		for _, t := range turns {
			when, who, ok := strings.Cut(t, "=")
			if !ok {
				return wrong("--turn %q: write when it begins and whose it is, as in 2026-12-24T08:00=K-1", t)
			}
			one := gateway.ListedTurn{}
			if one.From, err = wallOf("turn", when); err != nil {
				return err
			}
			if who != "" {
				if one.Member, err = memberID(ctx, api, group, who); err != nil {
					return err
				}
			}
			d.Turns = append(d.Turns, one)
		}
		r, err := api.PutRota(ctx, group, args[0], d)
		if err != nil {
			return err
		}
		return sh.print(r, r.Name+" is kept. See who is on duty when with: carillon rota show "+r.Name+" --group "+group)
	})
}

// wallOf reads a date and a time of day; empty: none.
func wallOf(flag, text string) (civil.Wall, error) {
	if text == "" {
		return 0, nil
	}
	w, err := civil.ParseWall(text)
	if err != nil {
		return 0, wrong("--%s: %w", flag, err)
	}
	return w, nil
}

// turnLine writes a turn on the clocks of its rota.
func turnLine(r gateway.Rota, t gateway.RotaTurn) []string {
	loc, err := civil.Zone(r.Zone)
	if err != nil {
		loc = time.UTC
	}
	who, why := "nobody", string(t.Why)
	if !t.Member.IsZero() {
		who = t.Member.String()
	}
	if !t.Planned.IsZero() {
		why += ", for " + t.Planned.String()
	}
	return []string{civil.Of(t.From, loc).String(), civil.Of(t.To, loc).String(), who, why}
}

func (sh *shell) rotaShow() *cobra.Command {
	var days int
	c := &cobra.Command{Use: "show ROTA", Short: "show who is on duty when, gaps included", Args: cobra.ExactArgs(1)}
	c.Flags().IntVar(&days, "days", 28, "for how many days from now on")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		t, err := api.Rota(ctx, group, args[0], time.Time{}, days)
		if err != nil || sh.json() {
			return sh.printOr(err, t)
		}
		for _, o := range t.Rota.Overrides {
			if err := sh.say("override %s: %s to %s", o.ID, o.From, o.To); err != nil {
				return err
			}
		}
		for _, a := range t.Rota.Away {
			if err := sh.say("absence %s: %s, %s to %s", a.ID, a.Member, a.From, a.To); err != nil {
				return err
			}
		}
		for _, s := range t.Rota.Swaps {
			if err := sh.say("open swap %s: %s asks %s", s.ID, s.From, s.With); err != nil {
				return err
			}
		}
		return listed(sh, t.Turns, []string{"FROM", "UNTIL", "ON DUTY", "WHY"}, "It has no turn in this time.", func(one gateway.RotaTurn) []string { return turnLine(t.Rota, one) })
	})
}

func (sh *shell) rotaNext() *cobra.Command {
	return sh.inGroup(&cobra.Command{Use: "next ROTA", Short: "show who is on duty now, and who is next", Args: cobra.ExactArgs(1)},
		func(ctx context.Context, api *client.Client, group string, args []string) error {
			t, err := api.Rota(ctx, group, args[0], time.Time{}, gateway.MaxRotaDays)
			if err != nil {
				return err
			}
			return listed(sh, t.Turns[:min(len(t.Turns), 2)], []string{"FROM", "UNTIL", "ON DUTY", "WHY"}, "It has no turn to come.", func(one gateway.RotaTurn) []string { return turnLine(t.Rota, one) })
		})
}

func (sh *shell) rotaGaps() *cobra.Command {
	var days int
	c := &cobra.Command{Use: "gaps", Short: "show where an alert would find nobody: turns without anybody, people who cannot be told, steps that reach nobody", Args: cobra.NoArgs,
		Long: "Show where an alert would find nobody: turns of rotas for which nobody is on duty, or somebody who cannot be told, and steps of\npolicies that would reach nobody. An alert climbs past each at once. Owners are told of them."}
	c.Flags().IntVar(&days, "days", 28, "for how many days from now on")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, _ []string) error {
		all, err := api.DutyGaps(ctx, group, days)
		if err != nil {
			return err
		}
		return listed(sh, all, []string{"OF", "FROM", "UNTIL", "WHO", "WHY"}, "No gap: an alert finds somebody at every step, and in every turn.", func(g gateway.DutyGap) []string {
			if g.Rota == "" {
				return []string{"policy " + g.Policy + ", " + g.Place(), "", "", g.Role, g.Why}
			}
			who := "nobody"
			if !g.Member.IsZero() {
				who = g.Member.String()
			}
			return []string{"rota " + g.Rota, clock(g.From), clock(g.To), who, g.Why}
		})
	})
}

func (sh *shell) rotaOverride() *cobra.Command {
	var from, to, member string
	c := &cobra.Command{Use: "override ROTA", Short: "put somebody, or nobody, on duty for a time", Args: cobra.ExactArgs(1),
		Example: "  carillon rota override telephone --group harbour --from 2026-12-24T08:00 --to 2026-12-26T08:00 --member K-2"}
	c.Flags().StringVar(&from, "from", "", "from when, on the clocks of the rota's zone")
	c.Flags().StringVar(&to, "to", "", "until when")
	c.Flags().StringVar(&member, "member", "", "who (absent: nobody)")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) (err error) {
		var o gateway.RotaOverride
		if o.From, o.To, err = stretch(from, to); err != nil {
			return err
		}
		if member != "" {
			if o.Member, err = memberID(ctx, api, group, member); err != nil {
				return err
			}
		}
		r, err := api.OverrideRota(ctx, group, args[0], o)
		if err != nil {
			return err
		}
		return sh.print(r, "It holds. Whoever is on duty now is told if that has changed.")
	})
}

func stretch(from, to string) (a, b civil.Wall, err error) {
	if from == "" || to == "" {
		return 0, 0, wrong("--from and --to are needed, as in 2026-12-24T08:00")
	}
	if a, err = wallOf("from", from); err == nil {
		b, err = wallOf("to", to)
	}
	return a, b, err
}

func (sh *shell) rotaAway() *cobra.Command {
	var from, to string
	c := &cobra.Command{Use: "away MEMBER", Short: "note that a member is away, in every rota that names her", Args: cobra.ExactArgs(1)}
	c.Flags().StringVar(&from, "from", "", "from when, on the clocks of each rota's zone")
	c.Flags().StringVar(&to, "to", "", "until when")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		a := gateway.Absence{}
		var err error
		if a.From, a.To, err = stretch(from, to); err != nil {
			return err
		}
		if a.Member, err = memberID(ctx, api, group, args[0]); err != nil {
			return err
		}
		names, err := api.NoteAbsence(ctx, group, a)
		if err != nil {
			return err
		}
		return sh.print(map[string]any{"rotas": names}, "Noted in "+strings.Join(names, ", ")+". Gaps show in: carillon rota show")
	})
}

func (sh *shell) rotaSwap() *cobra.Command {
	var from, with, give, take string
	c := &cobra.Command{Use: "swap ROTA", Short: "ask a member to take over a turn of another, for one of hers or for none", Args: cobra.ExactArgs(1),
		Long:    "Ask a member whether she takes over a turn. She answers YES by message, or you answer for her with rota answer. Nothing is\nswapped before.",
		Example: "  carillon rota swap telephone --group harbour --from K-1 --give 2026-04-06T08:00 --with K-2 --take 2026-04-13T08:00"}
	c.Flags().StringVar(&from, "from", "", "who gives a turn, and wants that")
	c.Flags().StringVar(&give, "give", "", "when that turn begins, on the clocks of the rota's zone")
	c.Flags().StringVar(&with, "with", "", "who is asked to take it")
	c.Flags().StringVar(&take, "take", "", "when the turn begins that she gives for it (absent: none)")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) (err error) {
		if from == "" || with == "" || give == "" {
			return wrong("--from, --give and --with are needed: whose turn, which, and who is asked")
		}
		var s gateway.Swap
		if s.Give, err = wallOf("give", give); err != nil {
			return err
		}
		if s.Take, err = wallOf("take", take); err != nil {
			return err
		}
		if s.From, err = memberID(ctx, api, group, from); err != nil {
			return err
		}
		if s.With, err = memberID(ctx, api, group, with); err != nil {
			return err
		}
		if s, err = api.AskSwap(ctx, group, args[0], s); err != nil {
			return err
		}
		told := "She is asked by message."
		if !s.Told {
			told = "She cannot be reached by message: ask her."
		}
		return sh.print(s, told+" To answer for her: carillon rota answer "+args[0]+" "+s.ID.String()+" --yes --group "+group)
	})
}

func (sh *shell) rotaAnswer() *cobra.Command {
	var yes, no bool
	c := &cobra.Command{Use: "answer ROTA SWAP", Short: "answer a question about a swap for who was asked", Args: cobra.ExactArgs(2)}
	c.Flags().BoolVar(&yes, "yes", false, "she agrees")
	c.Flags().BoolVar(&no, "no", false, "she does not")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		id, err := gateway.ParseID(args[1])
		if err != nil || yes == no {
			return wrong("%w", cmp.Or(err, wrong("say --yes or --no")))
		}
		r, err := api.AnswerSwap(ctx, group, args[0], id, yes)
		if err != nil {
			return err
		}
		return sh.print(r, map[bool]string{true: "Swapped. Who asked is told.", false: "Nothing is swapped. Who asked is told."}[yes])
	})
}

func (sh *shell) rotaWithdraw() *cobra.Command {
	return sh.inGroup(&cobra.Command{Use: "withdraw ROTA CHANGE", Short: "take an override, an absence or an open swap back", Args: cobra.ExactArgs(2)},
		func(ctx context.Context, api *client.Client, group string, args []string) error {
			id, err := gateway.ParseID(args[1])
			if err != nil {
				return wrong("%w", err)
			}
			if err := api.WithdrawFromRota(ctx, group, args[0], id); err != nil {
				return err
			}
			return sh.print(map[string]string{"withdrawn": args[1]}, "It is taken back.")
		})
}

func (sh *shell) rotaDelete() *cobra.Command {
	return sh.inGroup(&cobra.Command{Use: "delete ROTA", Short: "delete a rota", Args: cobra.ExactArgs(1)},
		func(ctx context.Context, api *client.Client, group string, args []string) error {
			if err := api.DeleteRota(ctx, group, args[0]); err != nil {
				return err
			}
			return sh.print(map[string]string{"deleted": args[0]}, args[0]+" is deleted.")
		})
}
