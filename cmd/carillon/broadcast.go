package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// inGroup adds --group to a command and runs it with a client, the group and the arguments.
func (sh *shell) inGroup(c *cobra.Command, do func(ctx context.Context, api *client.Client, group string, args []string) error) *cobra.Command {
	var named string
	c.Flags().StringVar(&named, "group", "", "the group's short name; not needed where there is only one")
	c.RunE = func(c *cobra.Command, args []string) error {
		api, err := sh.connect()
		if err != nil {
			return err
		}
		slug, err := group(c.Context(), api, named)
		if err != nil {
			return err
		}
		return known(c.Context(), api, slug, do(c.Context(), api, slug, args))
	}
	return c
}

func (sh *shell) broadcasts() *cobra.Command {
	var most int
	list := &cobra.Command{Use: "list", Short: "list the newest messages", Args: cobra.NoArgs}
	list.Flags().IntVar(&most, "limit", 20, "how many at most")
	sh.inGroup(list, func(ctx context.Context, api *client.Client, group string, _ []string) error {
		if most < 1 {
			return wrong("--limit must be at least 1")
		}
		all, err := api.Broadcasts(ctx, group, most)
		if err != nil {
			return err
		}
		return listed(sh, all, []string{"ID", "KIND", "STATE", "TOPIC", "STARTS", "PEOPLE", "BY", "KEY"}, "No messages yet. Send one with: carillon send", func(b gateway.Broadcast) []string {
			return []string{b.ID.String(), string(b.Kind), string(b.State), b.Audience.Topic, clock(b.StartAt), strconv.Itoa(b.Planned), b.Author, b.Key}
		})
	})
	show := sh.inGroup(&cobra.Command{Use: "show ID", Short: "show what became of a message", Args: cobra.ExactArgs(1)},
		func(ctx context.Context, api *client.Client, group string, args []string) error {
			id, err := broadcastID(ctx, api, group, args[0])
			if err != nil {
				return err
			}
			status, err := api.Broadcast(ctx, group, id)
			if err != nil {
				return err
			}
			return sh.showBroadcast(status)
		})
	return holder("broadcast", "follow, stop and resume messages", list, show,
		sh.broadcastStep("stop ID", "let nothing more of a message leave", "stopped: nothing more of it leaves", (*client.Client).StopBroadcast),
		sh.broadcastStep("resume ID", "go on with a stopped message", "goes on", (*client.Client).ResumeBroadcast),
		sh.replay())
}

func (sh *shell) broadcastStep(use, short, done string, step func(*client.Client, context.Context, string, gateway.ID) error) *cobra.Command {
	return sh.inGroup(&cobra.Command{Use: use, Short: short, Args: cobra.ExactArgs(1)},
		func(ctx context.Context, api *client.Client, group string, args []string) error {
			id, err := broadcastID(ctx, api, group, args[0])
			if err != nil {
				return err
			}
			if err := step(api, ctx, group, id); err != nil {
				return err
			}
			status, err := api.Broadcast(ctx, group, id)
			if err != nil {
				return err
			}
			return sh.print(map[string]any{"id": id, "tallies": status.Tallies}, id.String()+" "+done+". "+remains(status))
		})
}

// remains says what a stop holds back or a resumption lets go, and what is past recall.
func remains(b gateway.BroadcastStatus) string {
	counts := map[gateway.DeliveryState]int{}
	for _, t := range b.Tallies {
		counts[t.State] += t.Count
	}
	gone := counts[gateway.Sending] + counts[gateway.DeliveryAccepted] + counts[gateway.Delivered] + counts[gateway.DeliveryInDoubt]
	text := plural(counts[gateway.Waiting], "delivery") + " wait"
	switch n := counts[gateway.Waiting]; {
	case n == 1:
		text += "s"
	case n == 0 && b.Planned > 0:
		text = "No delivery waited any more"
	}
	return text + "; " + strconv.Itoa(gone) + " left before and cannot be called back."
}

func (sh *shell) replay() *cobra.Command {
	var yes bool
	c := &cobra.Command{Use: "replay ID", Short: "give everyone whom a message failed to reach another try", Args: cobra.ExactArgs(1)}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask first")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		id, err := broadcastID(ctx, api, group, args[0])
		if err != nil {
			return err
		}
		if err := sh.confirm("Send it again to everyone whom it failed to reach?", yes); err != nil {
			return err
		}
		n, err := api.ReplayBroadcast(ctx, group, id)
		if err != nil {
			return err
		}
		return sh.print(map[string]any{"id": id, "replayed": n}, plural(n, "delivery")+" wait for another try.")
	})
}

// showBroadcast tells what became of a message, with the words that the ledger uses.
func (sh *shell) showBroadcast(b gateway.BroadcastStatus) error {
	if sh.json() {
		return sh.print(b, "")
	}
	to := ""
	if b.Audience.Topic != "" { // answers and the like go to one member
		to = "to " + b.Audience.Topic + ", "
	}
	if err := sh.say("%s  %s, %s, by %s\n%sfrom %s until %s, %s planned\n", b.ID, b.Kind, b.State, b.Author, to,
		clock(b.StartAt), clock(b.ExpiresAt), plural(b.Planned, "member")); err != nil {
		return err
	}
	if b.LocalAt != 0 {
		if err := sh.say("each at %s by her own clock\n", b.LocalAt); err != nil {
			return err
		}
	}
	type fate struct {
		state  gateway.DeliveryState
		reason gateway.Reason
	}
	counts := map[fate]int{}
	var order []fate
	for _, state := range gateway.DeliveryStates {
		for _, t := range b.Tallies {
			if f := (fate{t.State, t.Reason}); t.State == state && t.Count != 0 {
				if counts[f] == 0 {
					order = append(order, f)
				}
				counts[f] += t.Count
			}
		}
	}
	rows := make([][]string, len(order))
	for i, f := range order {
		rows[i] = []string{strconv.Itoa(counts[f]), spoken(f.state, f.reason)}
	}
	if err := sh.table([]string{"PEOPLE", "STATE"}, rows, "Nobody has been planned yet."); err != nil {
		return err
	}
	return sh.showCharges(b.Charges)
}

// showCharges tells what a message has cost so far.
func (sh *shell) showCharges(charges []gateway.Charge) error {
	if len(charges) == 0 {
		return nil
	}
	total := gateway.TotalOf(charges)
	return sh.say("\nIt has cost %s%s so far.", plural(int(total.Segments), "segment"), sums(total.Amounts, total.Unpriced))
}

// spoken says a state as people do: what was handed over has not arrived for all we know.
func spoken(state gateway.DeliveryState, reason gateway.Reason) string {
	switch {
	case state == gateway.DeliveryAccepted:
		return "handed over"
	case state == gateway.DeliveryInDoubt:
		return "in doubt: we do not know"
	case reason == gateway.ReasonCapped:
		return string(state) + ": the group's cap is reached"
	case reason != "":
		return string(state) + ": " + string(reason)
	}
	return string(state)
}

// broadcastID reads a whole id, or the short reference of a recent message.
func broadcastID(ctx context.Context, api *client.Client, group, arg string) (gateway.ID, error) {
	if len(arg) != 8 {
		return parseID(arg)
	}
	recent, err := api.Broadcasts(ctx, group, 500)
	if err != nil {
		return gateway.ID{}, err
	}
	for _, b := range recent {
		if b.ID.Short() == strings.ToLower(arg) {
			return b.ID, nil
		}
	}
	return gateway.ID{}, wrong("no recent message of %s has the reference %s; carillon broadcast list shows them", group, arg)
}

func parseID(arg string) (gateway.ID, error) {
	id, err := gateway.ParseID(arg)
	if err != nil {
		return id, wrong("%w", err)
	}
	return id, nil
}

// listed prints items: a JSON object a line, or a table.
func listed[T any](sh *shell, items []T, head []string, none string, row func(T) []string) error {
	if sh.json() {
		for _, item := range items {
			if err := sh.print(item, ""); err != nil {
				return err
			}
		}
		return nil
	}
	rows := make([][]string, len(items))
	for i, item := range items {
		rows[i] = row(item)
	}
	return sh.table(head, rows, none)
}

// clock writes an instant for people, in the machine's zone with its offset.
func clock(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04 -07:00")
}
