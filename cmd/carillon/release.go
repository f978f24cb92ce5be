package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

func (sh *shell) releases() *cobra.Command {
	var most int
	var all bool
	list := &cobra.Command{Use: "list", Short: "list what waits for a second person", Args: cobra.NoArgs,
		Long: "List what waits for a second person, and what went without her and nobody else has looked at since. With --all, what was decided\ntoo."}
	list.Flags().IntVar(&most, "limit", 100, "how many at most are looked through, the newest")
	list.Flags().BoolVar(&all, "all", false, "what was decided too")
	sh.inGroup(list, func(ctx context.Context, api *client.Client, group string, _ []string) error {
		if most < 1 {
			return wrong("--limit must be at least 1")
		}
		found, err := api.Releases(ctx, group, most)
		if err != nil {
			return err
		}
		if !all {
			found = slices.DeleteFunc(found, func(r gateway.Release) bool { return !r.State.Open() })
		}
		return listed(sh, found, []string{"REFERENCE", "STATE", "CLASS", "MEMBERS", "BY", "UNTIL"}, "Nothing waits for a second person.", func(r gateway.Release) []string {
			return []string{r.ID.Short(), string(r.State), string(r.Class), strconv.Itoa(r.Members), handsOf(r), clock(r.ExpiresAt)}
		})
	})
	show := sh.inGroup(&cobra.Command{Use: "show ID", Short: "show what waits, whole: its text, to whom, over which channels", Args: cobra.ExactArgs(1)},
		func(ctx context.Context, api *client.Client, group string, args []string) error {
			r, err := findRelease(ctx, api, group, args[0])
			if err != nil {
				return err
			}
			if sh.json() {
				return sh.print(r, "")
			}
			return sh.showRelease(r)
		})
	return holder("release", "let a second person release what one alone does not send", list, show, sh.releaseApprove(), sh.releaseRefuse(), sh.releaseBreak())
}

// findRelease reads the one that an argument names: by its whole id, or by the short reference of a recent one.
func findRelease(ctx context.Context, api *client.Client, group, arg string) (gateway.Release, error) {
	if len(arg) != 8 {
		id, err := parseID(arg)
		if err != nil {
			return gateway.Release{}, err
		}
		return api.Release(ctx, group, id)
	}
	recent, err := api.Releases(ctx, group, 500)
	if err != nil {
		return gateway.Release{}, err
	}
	for _, r := range recent {
		if r.ID.Short() == strings.ToLower(arg) {
			return api.Release(ctx, group, r.ID)
		}
	}
	return gateway.Release{}, wrong("nothing of %s that needed a second person has the reference %s; carillon release list --all shows them", group, arg)
}

func handsOf(r gateway.Release) string {
	labels := []string{}
	for _, h := range r.Hands {
		if !slices.Contains(labels, h.Label) {
			labels = append(labels, h.Label)
		}
	}
	return strings.Join(labels, ", ")
}

func (sh *shell) showRelease(r gateway.Release) error {
	channels := make([]string, len(r.Channels))
	for i, c := range r.Channels {
		channels[i] = c.Channel
	}
	lines := []string{
		fmt.Sprintf("%s is %s, until %s. A second person is needed: %s.", r.ID, r.State, clock(r.ExpiresAt), r.Why),
		"Written by: " + handsOf(r),
		fmt.Sprintf("To %s, over %s", plural(r.Members, "member"), strings.Join(channels, ", ")),
	}
	if d := r.Draft; d != nil {
		audience := "Topic " + d.Audience.Topic
		for what, some := range map[string][]string{"; with the tags ": d.Audience.Tags, "; who read ": d.Audience.Locales} {
			if len(some) > 0 {
				audience += what + strings.Join(some, ", ")
			}
		}
		if len(d.Audience.Members) > 0 {
			audience += "; of " + plural(len(d.Audience.Members), "member") + " that are named"
		}
		lines = append(lines, audience)
		for _, locale := range slices.Sorted(maps.Keys(d.Words.Sources)) {
			lines = append(lines, "", "["+locale+"]", strings.TrimSpace(d.Words.Sources[locale]))
		}
		for _, name := range slices.Sorted(maps.Keys(d.Words.Data)) {
			lines = append(lines, "{"+name+"}: "+d.Words.Data[name])
		}
	} else {
		lines = append(lines, "Its text is forgotten.")
	}
	lines = append(lines, "", "Digest "+r.Digest)
	for _, s := range r.Steps {
		line := "  " + clock(s.At) + "  " + string(s.To) + ", by " + s.By.Label
		if s.Why != "" {
			line += ": " + s.Why
		}
		lines = append(lines, line)
	}
	return sh.say("%s", strings.Join(lines, "\n"))
}

func (sh *shell) releaseApprove() *cobra.Command {
	var digest string
	var yes bool
	c := &cobra.Command{Use: "approve ID", Short: "release a message: it is sent now", Args: cobra.ExactArgs(1),
		Long: "Show a message that waits, ask, and have it sent. What is changed after it was shown is not released with it. Of a message that\nwent without a second person, say that you have looked at it."}
	c.Flags().StringVar(&digest, "digest", "", "of what you have looked at, as release show tells it: nothing is asked then")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "release it as it is now, without asking")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		r, err := findRelease(ctx, api, group, args[0])
		if err != nil {
			return err
		}
		if digest == "" {
			if !sh.json() {
				if err := sh.showRelease(r); err != nil {
					return err
				}
			}
			if err := sh.confirm("Have it sent?", yes); err != nil {
				return err
			}
			digest = r.Digest
		}
		if r, err = api.ApproveRelease(ctx, group, r.ID, digest); err != nil {
			return err
		}
		text := "Released. Follow it with: carillon broadcast show " + r.ID.String() + " --group " + group
		if r.State == gateway.ReleaseReviewed {
			text = "It stands there now that you have looked at it."
		}
		return sh.print(r, text)
	})
}

func (sh *shell) releaseRefuse() *cobra.Command {
	var reason string
	c := &cobra.Command{Use: "refuse ID", Short: "keep a message from being sent, or take your own back", Args: cobra.ExactArgs(1)}
	c.Flags().StringVar(&reason, "reason", "", "for its author")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		r, err := findRelease(ctx, api, group, args[0])
		if err == nil {
			r, err = api.RefuseRelease(ctx, group, r.ID, reason)
		}
		if err != nil {
			return err
		}
		if r.State == gateway.ReleaseWithdrawn {
			return sh.print(r, "Taken back; nothing of it is sent.")
		}
		return sh.print(r, "Refused; nothing of it is sent. It can be changed with: carillon send --replace "+r.ID.String())
	})
}

func (sh *shell) releaseBreak() *cobra.Command {
	var reason string
	c := &cobra.Command{Use: "break-glass ID", Short: "danger to life: send an alert now, without the second person", Args: cobra.ExactArgs(1),
		Long: "Send an alert about danger to life at once. All owners and approvers of the group are told, the reason is kept, and somebody\nelse looks at it afterwards."}
	c.Flags().StringVar(&reason, "reason", "", "why nobody can be waited for")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		if reason == "" {
			return wrong("--reason is missing: why can nobody be waited for?")
		}
		r, err := findRelease(ctx, api, group, args[0])
		if err == nil {
			r, err = api.BreakGlass(ctx, group, r.ID, reason)
		}
		if err != nil {
			return err
		}
		return sh.print(r, "Sent without a second person; all who may approve are told. Follow it with: carillon broadcast show "+r.ID.String()+" --group "+group)
	})
}

// needs says that a second person is needed, and what can be done.
func needs(n *gateway.ReleaseNeed, id gateway.ID, group string, danger bool) string {
	text := "A second person is needed: " + n.Why + "."
	if n.Lacks != "" {
		text += "\nBut " + n.Lacks + "."
	}
	switch {
	case n.State == string(gateway.ReleaseGlass):
		return "Sent without a second person, as " + id.String() + ". All owners and approvers are told."
	case n.State == "":
		text += fmt.Sprintf("\nIt would wait until one of %s has released it.", plural(n.Approvers, "other approver"))
	case n.State == string(gateway.ReleaseWaiting):
		text += fmt.Sprintf("\nIt waits until %s, and nothing is sent before. One of %s releases it with:\n  carillon release approve %s --group %s", clock(n.Until), plural(n.Approvers, "other approver"), id, group)
	default:
		text += "\nIt is " + n.State + "."
	}
	if danger {
		text += "\nIf nobody can be waited for:\n  carillon "
		if n.State == "" {
			return text + "send … --break-glass 'REASON'"
		}
		text += "release break-glass " + id.String() + " --group " + group + " --reason 'REASON'"
	}
	return text
}

// releaseOf reads a coalition file's rule of a group; nil: it has none.
func releaseOf(r config.Release) *gateway.ReleaseRule {
	if r == (config.Release{}) {
		return nil
	}
	return &gateway.ReleaseRule{Alerts: r.Alerts, Above: r.Above, Minutes: r.Minutes}
}
