package main

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

func (sh *shell) deliveries() *cobra.Command {
	return holder("delivery", "see what became of a message for one member", sh.deliveryList(), sh.deliveryShow(), sh.deliveryResend())
}

// ends are the reasons for which a delivery may have ended. That it is capped is one for which it waits.
var ends = [...]string{string(gateway.ReasonFailed), string(gateway.ReasonSuppressed), string(gateway.ReasonExpired), string(gateway.ReasonCancelled), string(gateway.ReasonMerged), string(gateway.ReasonReplaced)}

func (sh *shell) deliveryList() *cobra.Command {
	var broadcast, member, state, reason string
	var most int
	c := &cobra.Command{Use: "list", Short: "list deliveries, as of one message or in one state", Args: cobra.NoArgs}
	f := c.Flags()
	f.StringVar(&broadcast, "broadcast", "", "of this message")
	f.StringVar(&member, "member", "", "of this member (id)")
	f.StringVar(&state, "state", "", "in this state: waiting, sending, accepted (handed over), delivered, \"in doubt\" or ended")
	f.StringVar(&reason, "reason", "", "ended for this reason: "+strings.Join(ends[:], ", ")+"; or waiting because it is "+string(gateway.ReasonCapped))
	f.IntVar(&most, "limit", 100, "how many at most; 0: all")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, _ []string) error {
		filter := gateway.DeliveryFilter{State: gateway.DeliveryState(state), Reason: gateway.Reason(reason)}
		if state == spoken(gateway.DeliveryAccepted, "") { // as the list shows it
			filter.State = gateway.DeliveryAccepted
		} else if state != "" && !slices.Contains(gateway.DeliveryStates[:], filter.State) {
			return wrong("--state %s does not exist; use waiting, sending, accepted, delivered, \"in doubt\" or ended", state)
		}
		if reason != "" && filter.Reason != gateway.ReasonCapped && !slices.Contains(ends[:], reason) {
			return wrong("--reason %s does not exist; use %s or %s", reason, strings.Join(ends[:], ", "), gateway.ReasonCapped)
		}
		if most < 0 {
			return wrong("--limit must be at least 0")
		}
		var err error
		if broadcast != "" {
			if filter.Broadcast, err = broadcastID(ctx, api, group, broadcast); err != nil {
				return err
			}
		}
		if member != "" {
			if filter.Member, err = memberID(ctx, api, group, member); err != nil {
				return err
			}
		}
		all, err := api.Deliveries(ctx, group, filter, most)
		if err != nil {
			return err
		}
		return listed(sh, all, []string{"ID", "MEMBER", "STATE", "LANGUAGE", "RETRIES", "WHY"}, "No such deliveries.", func(d gateway.Delivery) []string {
			return []string{d.ID.String(), d.MemberID.String(), spoken(d.State, d.Reason), spokenLocale(d.Locale), strconv.Itoa(d.Tries), d.Detail}
		})
	})
}

// spokenLocale says in which language a delivery goes out, from its version (templates.Result); what is not hers is
// marked there.
func spokenLocale(version string) string {
	locale, rest, _ := strings.Cut(version, "-x-")
	locale, _, _ = strings.Cut(locale, "-u-")         // her digits and calendar
	if strings.Contains("-"+rest+"-", "-fallback-") { // a zone or a pointer's language may stand behind it
		return locale + ", not hers"
	}
	return locale
}

func (sh *shell) deliveryShow() *cobra.Command {
	return sh.inGroup(&cobra.Command{Use: "show ID", Short: "show one delivery with its attempts", Args: cobra.ExactArgs(1)},
		func(ctx context.Context, api *client.Client, group string, args []string) error {
			id, err := parseID(args[0])
			if err != nil {
				return err
			}
			d, err := api.Delivery(ctx, group, id)
			if err != nil || sh.json() {
				return sh.printOr(err, d)
			}
			names := channelNames(ctx, api, group)
			if err := sh.say("%s  %s\nof message %s, to member %s, in %s\n", d.ID, strings.TrimSpace(spoken(d.State, d.Reason)+"  "+d.Detail), d.BroadcastID, d.MemberID, spokenLocale(d.Locale)); err != nil {
				return err
			}
			if d.State == gateway.Waiting && !d.QuietUntil.IsZero() && !d.Due.Before(d.QuietUntil) {
				if err := sh.say("waits for the end of her quiet hours, %s\n", clock(d.QuietUntil)); err != nil {
					return err
				}
			}
			rows := make([][]string, len(d.Attempts))
			for i, a := range d.Attempts {
				rows[i] = []string{strconv.Itoa(a.No), names[a.ChannelID], a.State.String(), clock(a.ClaimedAt), charged(a.Charge), strings.TrimSpace(a.Refusal.Code + " " + a.Refusal.Detail)}
			}
			return sh.table([]string{"NO", "CHANNEL", "STATE", "AT", "COST", "WHY"}, rows, "No attempt yet.")
		})
}

func (sh *shell) deliveryResend() *cobra.Command {
	var yes bool
	c := &cobra.Command{Use: "resend ID", Short: "send again what is in doubt or failed", Args: cobra.ExactArgs(1)}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask first")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		id, err := parseID(args[0])
		if err != nil {
			return err
		}
		if err := sh.confirm("If the first one did arrive, she gets it twice. Send again?", yes); err != nil {
			return err
		}
		if err := api.ResendDelivery(ctx, group, id); err != nil {
			return err
		}
		return sh.print(map[string]any{"id": id}, id.String()+" is waiting to be sent again.")
	})
}

// printOr prints an answer as JSON unless there is none.
func (sh *shell) printOr(err error, v any) error {
	if err != nil {
		return err
	}
	return sh.print(v, "")
}

// channelNames is a help for reading; without it ids would do.
func channelNames(ctx context.Context, api *client.Client, group string) map[gateway.ID]string {
	names := map[gateway.ID]string{}
	all, err := api.Channels(ctx, group)
	if err != nil {
		return names
	}
	for _, ch := range all {
		names[ch.ID] = ch.Name
	}
	former, err := api.FormerChannels(ctx, group)
	if err != nil {
		return names
	}
	for _, ch := range former {
		names[ch.ID] = ch.Name + ", deleted"
	}
	return names
}
