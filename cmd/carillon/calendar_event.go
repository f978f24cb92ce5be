package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// calendarEvent is the command that says what is kept back of events.
func (sh *shell) calendarEvent() *cobra.Command {
	var from string
	var mark gateway.EventMark
	set := &cobra.Command{
		Use:   "set CALENDAR UID",
		Short: "say that an event is sensitive, or that its place is told only later",
		Long: "Say what a group keeps back of an event, or of a whole series: that it is sensitive (it leaves as a pointer over channels\n" +
			"that are not fit for it), and that its place is withheld until a time. That holds whatever the calendar says later. When the\n" +
			"time has come, those who were reminded are told the place. What is not given is taken back: without any flag nothing is kept\n" +
			"back. calendar show lists the UIDs, and behind them which of a series each event is.",
		Args: cobra.ExactArgs(2),
	}
	f := set.Flags()
	f.StringVar(&mark.Instance, "instance", "", "which of a series; absent: all of it, and what comes into it later")
	f.BoolVar(&mark.Sensitive, "sensitive", false, "it leaves in full only over channels that are fit for it")
	f.StringVar(&from, "place-from", "", "when its place may be told: 2026-04-01T12:00 on the clocks of the calendar, or with an offset")
	sh.inGroup(set, func(ctx context.Context, api *client.Client, group string, args []string) error {
		mark.UID = args[1]
		if from != "" {
			c, err := api.Calendar(ctx, group, args[0])
			if err != nil {
				return err
			}
			zone, err := civil.Zone(c.Zone)
			if err != nil {
				return err
			}
			if mark.PlaceFrom, err = instant(from, zone); err != nil {
				return wrong("--place-from: %w", err)
			}
		}
		n, err := api.MarkEvent(ctx, group, args[0], mark)
		if err != nil {
			return err
		}
		said := "nothing is kept back"
		switch {
		case mark.Sensitive && from != "":
			said = "sensitive, place from " + clock(mark.PlaceFrom)
		case mark.Sensitive:
			said = "sensitive"
		case from != "":
			said = "place from " + clock(mark.PlaceFrom)
		}
		return sh.print(map[string]any{"calendar": args[0], "mark": mark, "events": n}, fmt.Sprintf("%s to come: %s.", plural(n, "event"), said))
	})
	return holder("event", "say what is kept back of an event", set)
}
