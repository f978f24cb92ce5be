package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

func (sh *shell) channels() *cobra.Command {
	var deleted bool
	list := &cobra.Command{Use: "list", Short: "list channels: health, incidents, breaker, rates, senders, what waits and the latest errors", Args: cobra.NoArgs}
	list.Flags().BoolVar(&deleted, "deleted", false, "those that were deleted, when and by whom")
	sh.ofOwner(list, func(ctx context.Context, api *client.Client, group string, _ []string) error {
		if deleted {
			all, err := api.FormerChannels(ctx, group)
			if err != nil {
				return err
			}
			return listed(sh, all, []string{"NAME", "ADAPTER", "KIND", "DELETED", "BY", "ID"}, "No channel was deleted.", func(c gateway.FormerChannel) []string {
				return []string{c.Name, c.Adapter, c.Kind, clock(c.DeletedAt), c.DeletedBy, c.ID.String()}
			})
		}
		all, err := api.Channels(ctx, group)
		if err != nil {
			return err
		}
		return sh.listChannels(all)
	})
	return holder("channel", "set up, check, pause, resume, replace and delete channels", list, sh.channelAdd(), sh.channelCheck(), sh.channelPause(), sh.channelResume(), sh.channelReplace(), sh.channelDelete())
}

// ofOwner adds --group to a command about channels or tokens: of a group, or without it the operator's.
func (sh *shell) ofOwner(c *cobra.Command, do func(ctx context.Context, api *client.Client, group string, args []string) error) *cobra.Command {
	var named string
	c.Flags().StringVar(&named, "group", "", "of this group; absent: the operator's")
	c.RunE = func(c *cobra.Command, args []string) error {
		api, err := sh.connect()
		if err != nil {
			return err
		}
		return known(c.Context(), api, named, do(c.Context(), api, named, args))
	}
	return c
}

func (sh *shell) channelAdd() *cobra.Command {
	var n client.NewChannel
	var file string
	c := &cobra.Command{
		Use:   "add NAME",
		Short: "make or change a channel",
		Long: "Make or change a channel. Its options come from a YAML file in which secrets are references, {env: NAME} or\n" +
			"{file: PATH}; they are sealed on arrival and never shown again. carillon config schema lists every adapter's options.\n" +
			"Its provider is asked first whether the channel works, disturbing nobody: what it refuses is not kept.",
		Args: cobra.ExactArgs(1),
	}
	f := c.Flags()
	f.StringVar(&n.Adapter, "adapter", "", "which adapter speaks to the provider: "+anyOf(func(f channels.Factory) string { return f.Name }))
	f.StringVar(&file, "options", "", "YAML file with the adapter's options: what stands below options in docs/channels")
	f.IntVar(&n.Trip.After, "trip", 0, "so many deliveries refused for the channel's own sake hold its reports and reminders; 0: 10")
	f.IntVar(&n.Trip.Minutes, "trip-minutes", 0, "within so many minutes; 0: 60")
	f.IntVar(&n.Senders, "senders", 0, "how many messages it sends at once; 0: the adapter's default")
	f.StringSliceVar(&n.Groups, "for", nil, "for the operator's channel: groups that may use it; absent: all")
	f.BoolVar(&n.Unchecked, "unchecked", false, "keep it although its provider cannot be asked now, paused until a check passes")
	return sh.ofOwner(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		n.Name = args[0]
		structs := optionStructs()
		if n.Adapter == "" {
			return wrong("--adapter is missing; use %s", anyOf(func(f channels.Factory) string { return f.Name }))
		}
		if _, ok := structs[n.Adapter]; !ok {
			structs = nil // a gateway may have adapters of its own: it reads their options, and refuses what it does not have
		}
		if file != "" {
			section, err := config.LoadOptions(file, n.Adapter, sh.lookup, structs)
			if err != nil {
				return err
			}
			n.Options = section.JSON()
		}
		made, err := api.PutChannel(ctx, group, n)
		if err != nil {
			return err
		}
		if made.Health.Paused == gateway.PauseUntried {
			return sh.print(made, printable(made.Name+" is kept though it could not be tried, and paused until a check passes: "+strings.TrimSpace(made.Health.Code+" "+made.Health.Detail)))
		}
		return sh.print(made, made.Name+" is set up.")
	})
}

func (sh *shell) channelCheck() *cobra.Command {
	c := &cobra.Command{Use: "check NAME", Short: "ask the provider whether a channel works, disturbing nobody", Args: cobra.ExactArgs(1)}
	return sh.ofOwner(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		ch, err := findChannel(ctx, api, group, args[0])
		if err != nil {
			return err
		}
		result, err := api.CheckChannel(ctx, group, ch.ID)
		if err != nil {
			return err
		}
		text := ch.Name + " works."
		for _, w := range result.Warnings {
			text += "\nBut " + w + "."
		}
		if !result.OK {
			text = ch.Name + " does not work: " + strings.TrimSpace(result.Code+" "+result.Detail)
		}
		if err := sh.print(result, printable(text)); err != nil || result.OK {
			return err
		}
		return &toldError{exitFailed}
	})
}

func (sh *shell) channelPause() *cobra.Command {
	var routine bool
	c := &cobra.Command{
		Use:   "pause NAME",
		Short: "hold back everything that would go over a channel, or reports and reminders only",
		Long: "Hold back what would go over a channel until somebody resumes it. Without --routine that is everything: nothing passes, not even\n" +
			"what saves lives. With it alerts, account messages and what saves lives go on.",
		Args: cobra.ExactArgs(1),
	}
	c.Flags().BoolVar(&routine, "routine", false, "reports and reminders only; alerts and what saves lives go on")
	return sh.ofOwner(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		ch, err := findChannel(ctx, api, group, args[0])
		if err != nil {
			return err
		}
		if err := api.PauseChannel(ctx, group, ch.ID, routine); err != nil {
			return err
		}
		done := " is paused: nothing goes over it, not even what saves lives. Such messages leave over other channels where a member has any."
		if routine {
			done = " holds reports and reminders; alerts and what saves lives go on."
		}
		return sh.print(map[string]any{"id": ch.ID, "name": ch.Name, "routine_only": routine}, ch.Name+done)
	})
}

func (sh *shell) channelResume() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "resume NAME",
		Short: "let a paused channel send again, and end its incident",
		Long:  "Let a paused channel send again. An open incident ends only if a check passes now: --force ends it without one.",
		Args:  cobra.ExactArgs(1),
	}
	c.Flags().BoolVar(&force, "force", false, "end an open incident although a check does not pass")
	return sh.ofOwner(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		ch, err := findChannel(ctx, api, group, args[0])
		if err != nil {
			return err
		}
		if err := api.ResumeChannel(ctx, group, ch.ID, force); err != nil {
			return err
		}
		return sh.print(map[string]any{"id": ch.ID, "name": ch.Name}, ch.Name+" sends again.")
	})
}

func (sh *shell) channelReplace() *cobra.Command {
	var unchecked bool
	c := &cobra.Command{
		Use:   "replace OLD NEW",
		Short: "put another channel in the place of one: what waits leaves over the new one",
		Long: "Put another channel of the same owner, for the same kind of address, in the place of one. What waits on the old one leaves over\n" +
			"the new one, and nothing new is planned over the old one. What is under way or in doubt stays with the old one, and so do receipts\n" +
			"and answers, so nothing is sent twice. NEW must work, and is asked first.\n" +
			"carillon channel replace NEW OLD takes it back.",
		Args: cobra.ExactArgs(2),
	}
	c.Flags().BoolVar(&unchecked, "unchecked", false, "although NEW does not work now: what waits then waits on it")
	return sh.ofOwner(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		old, err := findChannel(ctx, api, group, args[0])
		if err != nil {
			return err
		}
		if err := api.ReplaceChannel(ctx, group, old.ID, args[1], unchecked); err != nil {
			return err
		}
		return sh.print(map[string]any{"id": old.ID, "name": old.Name, "by": args[1]}, printable(args[1])+" takes the place of "+old.Name+": what waits there leaves over it within a few seconds.")
	})
}

func (sh *shell) channelDelete() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "delete NAME",
		Short: "take a channel away that nobody needs any more",
		Long: "Take a channel away: its credentials are gone, its program is stopped, and its name is free. What it sent can still be read, and\n" +
			"channel list --deleted shows it. While messages wait on it or are under way nothing is deleted; carillon channel replace has what\n" +
			"waits leave over another channel.",
		Args: cobra.ExactArgs(1),
	}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask first")
	return sh.ofOwner(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		ch, err := findChannel(ctx, api, group, args[0])
		if err != nil {
			return err
		}
		if err := sh.confirm("Receipts, answers, STOP and links to unsubscribe of what "+ch.Name+" sent reach nobody any more, and its credentials cannot be had back. Delete it?", yes); err != nil {
			return err
		}
		if err := api.DeleteChannel(ctx, group, ch.ID); err != nil {
			return err
		}
		return sh.print(map[string]any{"id": ch.ID, "name": ch.Name}, ch.Name+" is deleted.")
	})
}

func findChannel(ctx context.Context, api *client.Client, group, name string) (gateway.ChannelView, error) {
	all, err := api.Channels(ctx, group)
	if err != nil {
		return gateway.ChannelView{}, err
	}
	for _, c := range all {
		if c.Name == name {
			return c, nil
		}
	}
	return gateway.ChannelView{}, wrong("there is no channel %s here; a group's own are found with --group", printable(name))
}
