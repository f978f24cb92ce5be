package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

func (sh *shell) channels() *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "list channels and their health", Args: cobra.NoArgs}
	sh.ofOwner(list, func(ctx context.Context, api *client.Client, group string, _ []string) error {
		all, err := api.Channels(ctx, group)
		if err != nil {
			return err
		}
		return listed(sh, all, []string{"NAME", "ADAPTER", "KIND", "OWNER", "FOR", "SENDERS", "HEALTH"}, "No channels here; a group's own are listed with --group. Make one with: carillon channel add", func(c gateway.Channel) []string {
			owner, serves, senders := "operator", strings.Join(c.Groups, " "), "default"
			if !c.GroupID.IsZero() {
				owner, serves = "group", "itself"
			} else if serves == "" {
				serves = "all groups"
			}
			if c.Senders > 0 {
				senders = strconv.Itoa(c.Senders)
			}
			return []string{c.Name, c.Adapter, c.Kind, owner, serves, senders, health(c.Health)}
		})
	})
	return holder("channel", "set up, check, pause and resume channels", list, sh.channelAdd(), sh.channelCheck(),
		sh.channelStep("pause NAME", "hold back everything that would go over a channel", "is paused: nothing goes over it.", (*client.Client).PauseChannel),
		sh.channelStep("resume NAME", "let a paused channel send again", "sends again.", (*client.Client).ResumeChannel))
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
			"{file: PATH}; they are sealed on arrival and never shown again. carillon config schema lists every adapter's options.",
		Args: cobra.ExactArgs(1),
	}
	f := c.Flags()
	f.StringVar(&n.Adapter, "adapter", "", "which adapter speaks to the provider: sms or telegram")
	f.StringVar(&file, "options", "", "YAML file with the adapter's options")
	f.IntVar(&n.Senders, "senders", 0, "how many messages it sends at once; 0: the adapter's default")
	f.StringSliceVar(&n.Groups, "for", nil, "for the operator's channel: groups that may use it; absent: all")
	return sh.ofOwner(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		n.Name = args[0]
		if _, ok := optionStructs()[n.Adapter]; !ok {
			return wrong("--adapter %q does not exist; use sms or telegram", n.Adapter)
		}
		if file != "" {
			section, err := config.LoadOptions(file, n.Adapter, sh.lookup, optionStructs())
			if err != nil {
				return err
			}
			n.Options = section.JSON()
		}
		made, err := api.PutChannel(ctx, group, n)
		if err != nil {
			return err
		}
		return sh.print(made, made.Name+" is set up. Try it with: carillon channel check "+made.Name)
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
		if !result.OK {
			text = ch.Name + " does not work: " + strings.TrimSpace(result.Code+" "+result.Detail)
		}
		if err := sh.print(result, printable(text)); err != nil || result.OK {
			return err
		}
		return &toldError{exitFailed}
	})
}

func (sh *shell) channelStep(use, short, done string, step func(*client.Client, context.Context, string, gateway.ID) error) *cobra.Command {
	return sh.ofOwner(&cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(1)},
		func(ctx context.Context, api *client.Client, group string, args []string) error {
			ch, err := findChannel(ctx, api, group, args[0])
			if err != nil {
				return err
			}
			if err := step(api, ctx, group, ch.ID); err != nil {
				return err
			}
			return sh.print(map[string]any{"id": ch.ID, "name": ch.Name}, ch.Name+" "+done)
		})
}

func findChannel(ctx context.Context, api *client.Client, group, name string) (gateway.Channel, error) {
	all, err := api.Channels(ctx, group)
	if err != nil {
		return gateway.Channel{}, err
	}
	for _, c := range all {
		if c.Name == name {
			return c, nil
		}
	}
	return gateway.Channel{}, wrong("there is no channel %s here; a group's own are found with --group", printable(name))
}

func health(h gateway.ChannelHealth) string {
	why := strings.TrimSpace(h.Code + " " + h.Detail)
	if why != "" {
		why = ": " + why
	}
	switch h.Paused {
	case gateway.NotPaused:
		return "sends"
	case gateway.PauseThrottled:
		return "waits until " + clock(h.PausedUntil) + ", as the provider asked" + why
	case gateway.PauseAuth:
		return "credentials refused" + why
	}
	return "paused" + why
}
