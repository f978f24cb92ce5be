package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// groupCalendars are the commands about the calendars of a group.
func (sh *shell) groupCalendars() []*cobra.Command {
	list := &cobra.Command{Use: "list", Short: "list the calendars that a group reads, and how fresh they are", Args: cobra.NoArgs}
	sh.inGroup(list, func(ctx context.Context, api *client.Client, group string, _ []string) error {
		all, err := api.Calendars(ctx, group)
		if err != nil {
			return err
		}
		return listed(sh, all, []string{"NAME", "TOPIC", "FROM", "EVENTS", "FRESHNESS"}, "No calendars yet; add one with carillon calendar add.", func(c gateway.Calendar) []string {
			return []string{c.Name, c.Topic, origin(c), fmt.Sprint(c.Fresh.Events), freshness(c.Fresh, time.Now())}
		})
	})
	refresh := &cobra.Command{Use: "refresh NAME", Short: "read a calendar now", Args: cobra.ExactArgs(1)}
	sh.inGroup(refresh, func(ctx context.Context, api *client.Client, group string, args []string) error {
		c, err := api.ReadCalendar(ctx, group, args[0])
		return sh.tellCalendar(c, err)
	})
	confirm := &cobra.Command{
		Use:   "confirm NAME",
		Short: "cancel the events that a calendar has no more",
		Long: "Cancel the events that two good answers of a calendar lacked, one after the other. Nothing is cancelled because it is\n" +
			"missing unless somebody says so here: a calendar that fails or comes back half would cancel what takes place.",
		Args: cobra.ExactArgs(1),
	}
	var yes bool
	confirm.Flags().BoolVar(&yes, "yes", false, "do not ask")
	sh.inGroup(confirm, func(ctx context.Context, api *client.Client, group string, args []string) error {
		c, err := api.Calendar(ctx, group, args[0])
		if err != nil {
			return err
		}
		if c.Fresh.Agreed > 0 {
			if err := sh.confirm(fmt.Sprintf("%s that %s has no more will be shown as cancelled to everybody. See them with carillon calendar show %s.", plural(c.Fresh.Agreed, "event"), c.Name, c.Name), yes); err != nil {
				return err
			}
		}
		n, err := api.ConfirmCalendar(ctx, group, args[0])
		if err != nil {
			return err
		}
		return sh.print(map[string]any{"name": args[0], "cancelled": n}, plural(n, "event")+" cancelled.")
	})
	remove := &cobra.Command{Use: "remove NAME", Short: "take a calendar away with its events; nobody is told that they are cancelled", Args: cobra.ExactArgs(1)}
	sh.inGroup(remove, func(ctx context.Context, api *client.Client, group string, args []string) error {
		if err := api.RemoveCalendar(ctx, group, args[0]); err != nil {
			return err
		}
		return sh.print(map[string]any{"name": args[0], "removed": true}, args[0]+" is removed.")
	})
	return []*cobra.Command{list, sh.calendarAdd(), sh.calendarShow(), sh.calendarEvent(), refresh, confirm, remove, sh.feeds()}
}

func (sh *shell) calendarAdd() *cobra.Command {
	var n client.NewCalendar
	var address, file string
	var every time.Duration
	c := &cobra.Command{
		Use:   "add NAME",
		Short: "have a calendar read from an address, or upload one; or change one that is there",
		Long: "Have a group read a calendar: from an address that is asked again and again, or from a file. Such an address is often a\n" +
			"secret: --url - reads it from standard input, so that it is in no list of commands. It is sealed and never shown again.",
		Args: cobra.ExactArgs(1),
	}
	f := c.Flags()
	f.StringVar(&n.Topic, "topic", "", "topic of the group whose subscribers the events are for")
	f.StringVar(&address, "url", "", "where it is fetched from (https or webcal; - reads the address from standard input)")
	f.StringVar(&file, "file", "", "an .ics file in its place (- reads it from standard input)")
	f.StringVar(&n.Zone, "zone", "", "time zone of the place, where times without one are meant, as in Europe/Berlin; absent: as before, at first the group's")
	f.DurationVar(&every, "every", 0, "how often it is fetched, as in 30m; absent: as before, at first every hour")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		n.Every = int(every / time.Minute)
		switch {
		case n.Topic == "":
			return wrong("--topic is missing: whose subscribers are the events for?")
		case address != "" && file != "":
			return wrong("give --url or --file, not both")
		case every%time.Minute != 0 || every < 0:
			return wrong("--every must be whole minutes, as in 30m")
		case file != "" && every != 0:
			return wrong("a file is not fetched; leave --every out")
		}
		if file != "" {
			in, _, err := sh.open(file)
			if err != nil {
				return err
			}
			defer in.Close()
			made, err := api.UploadCalendar(ctx, group, args[0], n.Topic, n.Zone, in)
			return sh.tellCalendar(made, err)
		}
		if address == "-" {
			b, err := io.ReadAll(io.LimitReader(sh.in, 4096))
			if err != nil {
				return fmt.Errorf("reading the address: %w", err)
			}
			if address = strings.TrimSpace(string(b)); address == "" {
				return wrong("standard input holds no address")
			}
		}
		n.URL = gateway.Private(address)
		made, err := api.PutCalendar(ctx, group, args[0], n)
		return sh.tellCalendar(made, err)
	})
}

// tellCalendar says how a calendar is. One that cannot be read has failed, although it is kept.
func (sh *shell) tellCalendar(c gateway.Calendar, err error) error {
	if err != nil {
		return err
	}
	if err := sh.print(c, printable(fmt.Sprintf("%s: %s to come; %s. What names no time zone is meant on the clocks of %s.", c.Name, plural(c.Fresh.Events, "event"), freshness(c.Fresh, time.Now()), c.Zone))); err != nil || c.Fresh.Fault == "" {
		return err
	}
	return &toldError{exitFailed}
}

func (sh *shell) calendarShow() *cobra.Command {
	var most int
	c := &cobra.Command{Use: "show NAME", Short: "show what is kept of a calendar, and how fresh that is", Args: cobra.ExactArgs(1)}
	c.Flags().IntVar(&most, "limit", 50, "so many events at most; 0: all")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		if most < 0 {
			return wrong("--limit must not be below zero")
		}
		cal, err := api.Calendar(ctx, group, args[0])
		if err != nil {
			return err
		}
		events, err := api.Events(ctx, group, args[0], most)
		if err != nil {
			return err
		}
		if sh.json() {
			return sh.print(map[string]any{"calendar": cal, "events": events}, "")
		}
		if err := sh.say("%s, from %s, for %s, on the clocks of %s: %s.\n", cal.Name, origin(cal), cal.Topic, cal.Zone, freshness(cal.Fresh, time.Now())); err != nil {
			return err
		}
		rows := make([][]string, len(events))
		for i, e := range events {
			state := string(e.Status)
			if !e.Missing.IsZero() {
				state = "missing since " + clock(e.Missing)
			}
			place := e.Location
			if time.Now().Before(e.PlaceFrom) {
				place += " (not told before " + clock(e.PlaceFrom) + ")"
			}
			if e.Sensitive {
				state += ", sensitive"
			}
			rows[i] = []string{e.Start, e.End, state, e.Summary, place, reminded(e.Reminders), strings.TrimSpace(e.UID + " " + e.Instance)}
		}
		if err := sh.table([]string{"START", "END", "STATUS", "SUMMARY", "PLACE", "REMINDERS", "UID"}, rows, "Nothing is to come."); err != nil || most == 0 || cal.Fresh.Events <= most {
			return err
		}
		return sh.say("\nThese are the first %d of %d; --limit 0 shows all.", most, cal.Fresh.Events)
	})
}

// reminded says what was told of an event, and what will be.
func reminded(all []gateway.Reminded) string {
	told, notices, next := 0, 0, ""
	for _, r := range all {
		switch {
		case r.BroadcastID.IsZero() && next == "":
			next = "next " + r.Lead + ", " + clock(r.At)
		case r.BroadcastID.IsZero():
		case r.Lead == "":
			notices++
		default:
			told++
		}
	}
	var parts []string
	if told > 0 {
		parts = append(parts, fmt.Sprintf("%d sent", told))
	}
	if notices > 0 {
		parts = append(parts, plural(notices, "notice"))
	}
	if next != "" {
		parts = append(parts, next)
	}
	return strings.Join(parts, "; ")
}

func origin(c gateway.Calendar) string {
	if c.Host == "" {
		return "a file"
	}
	return c.Host
}

// freshness says how good what is kept of a calendar is: how old, and what is wrong since when.
func freshness(f gateway.Freshness, now time.Time) string {
	text := "never read well"
	if !f.Good.IsZero() {
		text = "last read " + ago(now.Sub(f.Good))
	}
	if f.Fault != "" {
		text += fmt.Sprintf("; since %s only failures: %s", span(now.Sub(f.Since)), f.Fault)
	}
	if f.Skipped > 0 {
		text += "; " + plural(f.Skipped, "event") + " unreadable"
	}
	if f.Missing > 0 {
		text += fmt.Sprintf("; %s missing and kept", plural(f.Missing, "event"))
	}
	if f.Agreed > 0 {
		text += fmt.Sprintf(": if %d are cancelled, say so with carillon calendar confirm", f.Agreed)
	}
	return text
}

func ago(d time.Duration) string {
	if d < time.Minute {
		return "just now"
	}
	return span(d) + " ago"
}

// span says how long something lasts, in its largest unit.
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	case d >= time.Minute:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return "a moment"
}

func (sh *shell) feeds() *cobra.Command {
	list := &cobra.Command{Use: "list", Short: "list a group's calendars that can be subscribed to; their addresses are shown once only", Args: cobra.NoArgs}
	sh.inGroup(list, func(ctx context.Context, api *client.Client, group string, _ []string) error {
		all, err := api.Feeds(ctx, group)
		if err != nil {
			return err
		}
		return listed(sh, all, []string{"ID", "FOR", "LABEL", "MADE"}, "No feeds yet; make one with carillon calendar feed create.", func(f gateway.Feed) []string {
			whose := "the group"
			if !f.MemberID.IsZero() {
				whose = "member " + f.MemberID.String()
			}
			return []string{f.ID.String(), whose, f.Label, clock(f.CreatedAt)}
		})
	})
	var member, rota, label string
	create := &cobra.Command{
		Use:   "create",
		Short: "make a calendar that can be subscribed to, under a secret address",
		Long: "Make a calendar that calendar programs subscribe to: of everything that the group's calendars hold, or of the topics of one\n" +
			"member. Whoever has the address reads it until it is revoked. Programs look when they like, some once in 8 to 24 hours.",
		Args: cobra.NoArgs,
	}
	create.Flags().StringVar(&member, "member", "", "the member (ID) whose topics it holds; absent: it is the group's")
	create.Flags().StringVar(&rota, "rota", "", "a rota whose turns it holds instead of events: hers if a member is named, or else all with the gaps")
	create.Flags().StringVar(&label, "label", "", "what it is for, to tell it from others; no name of a person")
	sh.inGroup(create, func(ctx context.Context, api *client.Client, group string, _ []string) error {
		var id gateway.ID
		if member != "" {
			var err error
			if id, err = parseID(member); err != nil {
				return err
			}
		}
		f, err := api.CreateFeed(ctx, group, id, rota, label)
		if err != nil {
			return err
		}
		if strings.HasPrefix(f.Address, "/") {
			base, _, err := sh.server()
			if err != nil {
				return errors.Join(err, api.RevokeFeed(ctx, group, f.ID))
			}
			f.Address = strings.TrimRight(base, "/") + f.Address
		}
		return sh.print(f, "Feed "+f.ID.String()+" is made. Its address is shown this once; whoever has it reads the calendar:\n"+f.Address)
	})
	revoke := &cobra.Command{Use: "revoke ID", Short: "end a feed at once", Args: cobra.ExactArgs(1)}
	sh.inGroup(revoke, func(ctx context.Context, api *client.Client, group string, args []string) error {
		id, err := parseID(args[0])
		if err != nil {
			return err
		}
		if err := api.RevokeFeed(ctx, group, id); err != nil {
			return err
		}
		return sh.print(map[string]any{"id": id, "revoked": true}, id.String()+" is revoked.")
	})
	return holder("feed", "give calendars out to subscribe to", create, list, revoke)
}

// staleAfter is how long a calendar may fail before a person should look.
const staleAfter = 24 * time.Hour

// examineCalendars looks at the calendars of the groups that the token acts for.
func (sh *shell) examineCalendars(ctx context.Context, api *client.Client) (out []finding) {
	groups, err := api.Groups(ctx)
	if err != nil {
		return nil // said already
	}
	for _, g := range groups {
		all, err := api.Calendars(ctx, g.Slug)
		if err != nil {
			continue // the group has an administrator, who sees it
		}
		for _, c := range all {
			good := (c.Fresh.Fault == "" || time.Since(c.Fresh.Since) < staleAfter) && c.Fresh.Agreed == 0
			out = append(out, finding{"calendar " + g.Slug + "/" + c.Name, good, freshness(c.Fresh, time.Now())})
		}
	}
	return out
}
