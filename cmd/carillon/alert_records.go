package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// held says that an alert waits for a second person, and what can be done.
func held(w gateway.AlertWaiting, group string) string {
	name := w.Alert.Reference
	text := fmt.Sprintf("Alert %s waits: %s. Nobody is told of it before.", name, w.Need.Why)
	if w.Need.Lacks != "" {
		text += "\nBut " + w.Need.Lacks + "."
	} else {
		text += fmt.Sprintf("\nUntil %s one of %s releases it with:\n  carillon alert release %s --group %s", clock(w.Need.Until), plural(w.Need.Approvers, "other approver"), name, group)
	}
	if w.Alert.DangerToLife {
		text += fmt.Sprintf("\nIf nobody can be waited for:\n  carillon alert release %s --group %s --break-glass 'REASON'", name, group)
	}
	return text + fmt.Sprintf("\nIf it was a mistake:\n  carillon alert cancel %s --group %s", name, group)
}

// showWaiting shows an alert whole, as a second person is asked about it.
func (sh *shell) showWaiting(w gateway.AlertWaiting) error {
	a := w.Alert
	over := make([]string, len(w.Channels))
	for i, c := range w.Channels {
		over[i] = c.Channel
	}
	lines := []string{fmt.Sprintf("%s  %s, until %s. It waits until %s: %s.", a.Reference, alertKind(a), clock(a.Saying.Until), clock(w.Need.Until), w.Need.Why),
		"Written by: " + handsOf(gateway.Release{Hands: w.Hands}),
		fmt.Sprintf("To %s at once, over %s; then by policy %s:", plural(w.Members, "member"), strings.Join(over, ", "), a.Policy.Name)}
	for i, s := range a.Policy.Steps {
		lines = append(lines, fmt.Sprintf("  step %d, %s: %s", i+1, plural(s.Wait, "minute"), targetsOf(s.Targets)))
	}
	lines = append(lines, "  last resort: "+targetsOf(a.Policy.Last))
	lines = append(lines, languagesOf(a)...)
	for _, locale := range slices.Sorted(maps.Keys(a.Saying.Texts)) {
		t := a.Saying.Texts[locale]
		lines = append(lines, "", "["+locale+"] "+t.Source, t.What+", "+t.Where, t.Do)
		for _, more := range []string{t.Legal, t.Details} {
			if more != "" {
				lines = append(lines, more)
			}
		}
	}
	return sh.say("%s", strings.Join(append(lines, "", "Digest "+w.Need.Digest), "\n"))
}

// languagesOf says how many read an alert in another language than theirs: of those who are told at once, and of those who are asked
// first.
func languagesOf(a gateway.AlertView) (lines []string) {
	if a.Reads == nil {
		return nil
	}
	fallback := false
	for _, of := range []struct {
		are    string
		counts []gateway.PreviewLanguage
	}{{"told at once", a.Reads.Told}, {"asked first", a.Reads.Asked}} {
		all, others := 0, 0
		var rows []string
		for _, l := range of.counts {
			if all += l.Members; l.Fallback {
				others += l.Members
				rows = append(rows, fmt.Sprintf("  %d who read %s get %s", l.Members, l.Wants, l.Gets))
			}
		}
		switch {
		case all == 0:
		case others == 0:
			lines = append(lines, fmt.Sprintf("%s %s: all read it in a language of theirs.", plural(all, "member"), of.are))
		default:
			fallback = true
			lines = append(append(lines, fmt.Sprintf("%s %s: %d read it in another language than theirs, with its tag:", plural(all, "member"), of.are, others)), rows...)
		}
	}
	if fallback {
		lines = append(lines, "To have it in theirs, write it in several languages: --file, see docs/alerts.md")
	}
	return lines
}

func targetsOf(targets []gateway.AlertTarget) string {
	all := make([]string, len(targets))
	for i, t := range targets {
		var parts []string
		for _, p := range []struct{ what, value string }{{"group ", t.Group}, {"rota ", t.Rota}, {"topic ", t.Topic}, {"tags ", strings.Join(t.Tags, " and ")}} {
			if p.value != "" {
				parts = append(parts, p.what+p.value)
			}
		}
		if len(t.Members) > 0 {
			parts = append(parts, plural(len(t.Members), "member"))
		}
		all[i] = strings.Join(parts, ", ")
	}
	return strings.Join(all, "; ")
}

func (sh *shell) alertRelease() *cobra.Command {
	var digest, reason string
	var yes bool
	c := &cobra.Command{Use: "release ALERT", Short: "let an alert go that waits for a second person", Args: cobra.ExactArgs(1),
		Long: "Show an alert that waits for a second person, ask, and have it go. What is changed after it was shown is not released with it.\nWith --break-glass an alert about danger to life goes without her: all owners and approvers are told, and the reason is kept."}
	c.Flags().StringVar(&digest, "digest", "", "of what you have looked at, as it was shown: nothing is asked then")
	c.Flags().StringVar(&reason, "break-glass", "", "danger to life: why nobody can be waited for")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "release it as it is now, without asking")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		name := args[0]
		done := func(a gateway.AlertView, err error) error {
			if err != nil {
				return err
			}
			return sh.print(a, fmt.Sprintf("Alert %s is on its way. Take charge: carillon alert ack %s. End it: carillon alert clear %s, or cancel if it was a mistake.", a.Reference, a.Reference, a.Reference))
		}
		if reason != "" {
			return done(api.ActOnAlert(ctx, group, name, "break-glass", gateway.AlertAct{Reason: reason}))
		}
		if digest == "" {
			w, err := api.AlertWaiting(ctx, group, name)
			if err != nil {
				return err
			}
			if !sh.json() {
				if err := sh.showWaiting(w); err != nil {
					return err
				}
			}
			if err := sh.confirm("Have it go?", yes); err != nil {
				return err
			}
			digest, name = w.Need.Digest, w.Alert.ID.String()
		}
		return done(api.ActOnAlert(ctx, group, name, "release", gateway.AlertAct{Digest: digest}))
	})
}

func (sh *shell) alertRollcall() *cobra.Command {
	return sh.inGroup(&cobra.Command{Use: "rollcall ALERT", Short: "say how those are whom an alert told, and who has not answered", Args: cobra.ExactArgs(1)},
		func(ctx context.Context, api *client.Client, group string, args []string) error {
			r, err := api.AlertRollCall(ctx, group, args[0])
			if err != nil || sh.json() {
				return orPrint(sh, r, ofAlert(err, group, args[0]))
			}
			if err := sh.say("Alert %s: of %s, %d need help, %d have not answered, %d are safe, and at the shared addresses of %d somebody is.", r.Reference, plural(r.Told, "member"), r.Help, r.Silent, r.Safe, r.Shared); err != nil {
				return err
			}
			for _, by := range []struct {
				what   string
				counts []gateway.RollCount
			}{{"language ", r.Languages}, {"", r.Tags}} {
				for _, c := range by.counts {
					if err := sh.say("  %s%s: of %d, %d need help, %d have not answered, %d are safe, and at the shared addresses of %d somebody is", by.what, c.Of, c.Told, c.Help, c.Silent, c.Safe, c.Shared); err != nil {
						return err
					}
				}
			}
			if r.Silent > 0 {
				if err := sh.say("Ask those who have not answered with: carillon alert remind %s --group %s", r.Reference, group); err != nil {
					return err
				}
			}
			return listed(sh, r.Members, []string{"MEMBER", "ROLES", "ANSWER", "BY", "AT"}, "Nobody was told.", func(m gateway.RollMember) []string {
				answer, at := string(m.Answer), ""
				switch {
				case answer == "":
					answer = "none yet"
				case m.Shared:
					answer += ", somebody at a shared address"
				}
				if !m.At.IsZero() {
					at = clock(m.At)
				}
				return []string{m.ID.Short(), strings.Join(m.Tags, ", "), answer, m.Way, at}
			})
		})
}

// orPrint prints an object of one line, unless it could not be read.
func orPrint(sh *shell, v any, err error) error {
	if err != nil {
		return err
	}
	return sh.print(v, "")
}

func (sh *shell) alertReport() *cobra.Command {
	return sh.inGroup(&cobra.Command{Use: "report ALERT", Short: "draft the report of an incident, in Markdown", Args: cobra.ExactArgs(1),
		Long: "Draft the report of an incident, in Markdown: its timeline, reach by channel and open questions. It names nobody."},
		func(ctx context.Context, api *client.Client, group string, args []string) error {
			r, err := api.AlertReport(ctx, group, args[0])
			if err != nil {
				return err
			}
			return sh.print(r, strings.TrimRight(r.Markdown, "\n"))
		})
}
