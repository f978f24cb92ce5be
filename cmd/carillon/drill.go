package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

func (sh *shell) drills() *cobra.Command {
	return holder("drill", "exercises that are planned, and measured", sh.drillBegin("plan"), sh.drillBegin("run"), sh.drillList(), sh.drillShow(), sh.drillWithdraw())
}

// drillBegin plans a drill or begins one.
func (sh *shell) drillBegin(what string) *cobra.Command {
	var w alertWords
	var d gateway.DrillDraft
	var at, tags string
	c := &cobra.Command{Use: what, Short: map[string]string{"plan": "plan a drill for a time", "run": "begin a drill now"}[what], Args: cobra.NoArgs,
		Long: "An exercise climbs by a policy as an alert would, and says that it is one. Its update comes after a third of the time, the\nall-clear after two thirds; at the end it is measured. Give it three times as long as an answer may take."}
	c.Flags().StringVarP(&w.file, "file", "f", "", "JSON file of what it says, as of alert raise (- is standard input); its times are not used")
	c.Flags().StringVar(&w.locale, "locale", "en", "language of the flags below")
	c.Flags().StringVar(&w.text.Source, "source", "", "who says it")
	c.Flags().StringVar(&w.text.What, "what", "", "what has happened")
	c.Flags().StringVar(&w.text.Where, "where", "", "where")
	c.Flags().StringVar(&w.text.Do, "do", "", "what to do, as a sentence")
	c.Flags().StringVar(&d.Policy, "policy", "", "by which policy it climbs (absent: default)")
	c.Flags().StringVar(&d.Audience.Topic, "topic", "", "who is told at once: all who take this topic (absent: only those whom the policy asks)")
	c.Flags().StringVar(&tags, "tags", "", "of these, only who has all these labels, separated by commas")
	c.Flags().IntVar(&d.Minutes, "minutes", gateway.DefaultDrill, "how long it lasts, 6 to 1440")
	if what == "plan" {
		c.Flags().StringVar(&at, "at", "", "when it begins, as in 2026-12-01T18:00:00+01:00")
	}
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, _ []string) error {
		s, err := w.saying(sh)
		if err != nil {
			return err
		}
		if s == nil {
			return wrong("say what it is about: --source, --what, --where and --do, or --file")
		}
		if d.Texts, d.Update = s.Texts, s.Update; tags != "" {
			d.Audience.Tags = strings.Split(tags, ",")
		}
		if what == "plan" {
			if d.At, err = time.Parse(time.RFC3339, at); err != nil {
				return wrong("--at: %q is no time; write it as in 2026-12-01T18:00:00+01:00, or begin now with: carillon alert drill run", at)
			}
		}
		done, err := api.PlanDrill(ctx, group, d)
		if err != nil {
			return err
		}
		if done.State == gateway.DrillPlanned {
			return sh.print(done, fmt.Sprintf("Drill %s is planned for %s.", done.ID, clock(done.At)))
		}
		return sh.print(done, fmt.Sprintf("Drill %s has begun: exercise %s. What it shows: carillon alert drill show %s, from %s on.", done.ID, done.Reference, done.ID, clock(done.BegunAt.Add(time.Duration(done.Minutes)*time.Minute))))
	})
}

func (sh *shell) drillList() *cobra.Command {
	var most int
	c := &cobra.Command{Use: "list", Short: "list drills, the newest first, one line for each to compare them by", Args: cobra.NoArgs}
	c.Flags().IntVar(&most, "limit", 50, "how many at most; 0: all")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, _ []string) error {
		all, err := api.Drills(ctx, group, max(most, 0))
		if err != nil {
			return err
		}
		return listed(sh, all, []string{"DRILL", "AT", "POLICY", "STATE", "DELIVERED", "TAKEN AFTER", "DID NOT ANSWER"}, "No drills. Hold one with: carillon alert drill run", func(d gateway.Drill) []string {
			line := []string{d.ID.String(), clock(d.At), d.Policy, string(d.State), "", "", ""}
			if r := d.Result; r != nil {
				silent, asked := r.Silent()
				line[4], line[5], line[6] = reached(r.Alert), taken(r), fmt.Sprintf("%d of %d", silent, asked)
			}
			return line
		})
	})
}

func reached(r gateway.DrillReach) string {
	said := fmt.Sprintf("%d of %d", r.Delivered, r.Targeted)
	if r.HandedOver > 0 {
		said += fmt.Sprintf(", %d handed over", r.HandedOver)
	}
	return said
}

func taken(r *gateway.DrillResult) string {
	if !r.Taken {
		return "nobody"
	}
	return (time.Duration(r.Seconds) * time.Second).String()
}

func (sh *shell) drillShow() *cobra.Command {
	return sh.inGroup(&cobra.Command{Use: "show DRILL", Short: "show a drill, what it has shown, and the one before", Args: cobra.ExactArgs(1)},
		func(ctx context.Context, api *client.Client, group string, args []string) error {
			id, err := parseID(args[0])
			if err != nil {
				return err
			}
			d, err := api.Drill(ctx, group, id)
			if err != nil {
				return err
			}
			text := fmt.Sprintf("%s  %s, by policy %s, at %s for %d minutes", d.ID, d.State, d.Policy, clock(d.At), d.Minutes)
			if d.Reference != "" {
				text += "; exercise " + d.Reference
			}
			if d.Detail != "" {
				text += "\nnot held: " + d.Detail
			}
			text += shown("", &d)
			if d.Before != nil {
				text += shown("\nbefore, at "+clock(d.Before.At), d.Before)
			}
			return sh.print(d, text)
		})
}

// shown says what a drill has shown.
func shown(head string, d *gateway.Drill) string {
	r := d.Result
	if r == nil {
		return ""
	}
	text := head + fmt.Sprintf("\ndelivered: %s; update: %s; all-clear: %s\ntaken after: %s", reached(r.Alert), reached(r.Update), reached(r.Clear), taken(r))
	for _, n := range r.Unsent {
		text += "\nreached nobody: " + (gateway.DutyGap{Step: n}).Place()
	}
	for _, a := range r.Asked {
		step := "last resort"
		if a.Step > 0 {
			step = fmt.Sprintf("step %d", a.Step)
		}
		text += fmt.Sprintf("\n%s, %s: %d of %d did not answer", step, a.Role, a.Silent, a.Asked)
	}
	return text
}

func (sh *shell) drillWithdraw() *cobra.Command {
	return sh.inGroup(&cobra.Command{Use: "withdraw DRILL", Short: "take back a drill that has not begun", Args: cobra.ExactArgs(1)},
		func(ctx context.Context, api *client.Client, group string, args []string) error {
			id, err := parseID(args[0])
			if err != nil {
				return err
			}
			d, err := api.WithdrawDrill(ctx, group, id)
			if err != nil {
				return err
			}
			return sh.print(d, "Drill "+d.ID.String()+" is withdrawn.")
		})
}
