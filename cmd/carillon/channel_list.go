package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
)

// listChannels tells how channels are: a line each, then what they keep to and what their providers said lately.
func (sh *shell) listChannels(all []gateway.ChannelView) error {
	if err := listed(sh, all, []string{"NAME", "ADAPTER", "KIND", "OWNER", "FOR", "SENDERS", "WAITING", "RATES", "SENSITIVE TEXTS", "HEALTH"}, "No channels here; a group's own are listed with --group. Make one with: carillon channel add", func(c gateway.ChannelView) []string {
		owner, serves := "operator", strings.Join(c.Groups, " ")
		if !c.GroupID.IsZero() {
			owner, serves = "group", "itself"
		} else if serves == "" {
			serves = "all groups"
		}
		return []string{c.Name, c.Adapter, c.Kind, owner, serves, senders(c), waiting(c.Backlog), rates(c.Rates), sensitive(c.Sensitive), replaced(all, c) + condition(c.Health, c.Incident, c.Breaker, c.Problem, c.CatchingUp, c.Gap)}
	}); err != nil || sh.json() {
		return err
	}
	var rows [][]string
	for _, c := range all {
		for _, e := range c.Errors {
			rows = append(rows, []string{c.Name, clock(e.Last), strconv.Itoa(e.Count), e.Code, e.Class + ", " + e.Scope, e.Detail})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if err := sh.say("\nThe latest errors:"); err != nil {
		return err
	}
	return sh.table([]string{"CHANNEL", "LAST", "TIMES", "CODE", "SORT", "WHAT"}, rows, "")
}

// sensitive says how a text that is marked sensitive leaves over a channel.
func sensitive(fit bool) string {
	if fit {
		return "in full"
	}
	return "as a pointer"
}

func senders(c gateway.ChannelView) string {
	switch {
	case c.SendersNow == 0 && c.Senders == 0:
		return "default"
	case c.SendersNow == 0: // it does not send
		return strconv.Itoa(c.Senders)
	}
	return fmt.Sprintf("%d+%d", c.SendersNow, c.UrgentSenders)
}

// waiting tells the backlog of each lane that has any.
func waiting(backlog map[string]int) string {
	var parts []string
	for _, lane := range gateway.Lanes {
		if n := backlog[lane.String()]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, lane))
		}
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

func rates(all []gateway.ChannelRate) string {
	var parts []string
	for _, r := range all {
		text := strconv.FormatFloat(r.PerSecond, 'g', 4, 64) + "/s"
		if r.Burst > 1 {
			text += fmt.Sprintf(" (burst %d)", r.Burst)
		}
		if r.PerAddress {
			text += " each"
		}
		parts = append(parts, text)
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// replaced names the channel that has taken this one's place.
func replaced(all []gateway.ChannelView, c gateway.ChannelView) string {
	for _, heir := range all {
		if !c.ReplacedBy.IsZero() && heir.ID == c.ReplacedBy {
			return "replaced by " + heir.Name + "; "
		}
	}
	return ""
}

// condition says in a few words how a channel is, the worst first.
func condition(h gateway.ChannelHealth, i *gateway.Incident, breaker, problem string, catchingUp bool, gap *gateway.HearingGap) string {
	var parts []string
	if problem != "" {
		parts = append(parts, problem)
	}
	if h.Paused != gateway.NotPaused {
		parts = append(parts, health(h))
	}
	if i != nil {
		told := "its owners are told"
		if !i.Told {
			told = "nobody could be told yet"
		}
		held := "reports and reminders are held, alerts go on"
		if h.Paused.UntilCheck() {
			held = "nothing leaves"
		}
		what := strings.TrimSpace(i.Trouble + " " + i.Code + " " + i.Detail)
		if h.Code == i.Code && h.Detail == i.Detail { // it is said already
			what = i.Trouble
		}
		parts = append(parts, fmt.Sprintf("incident since %s: %s; %s; %s", clock(i.OpenedAt), what, held, told))
	}
	if catchingUp {
		parts = append(parts, "its provider is asked what came while nobody listened; reports and reminders wait for that, alerts go on")
	}
	if gap != nil {
		parts = append(parts, "what was sent to it from "+clock(gap.From)+" to "+clock(gap.Until)+" is not all heard, STOP perhaps among it: "+reasonOf(gap.Reason))
	}
	if breaker == "open" {
		parts = append(parts, "the provider does not answer; a message tries now and then")
	}
	if parts == nil {
		return "sends"
	}
	return strings.Join(parts, "; ")
}

// reasonOf says why a gap is not closed.
func reasonOf(r gateway.GapReason) string {
	switch r {
	case gateway.GapUnreachable:
		return "the provider cannot be asked; it is tried again"
	case gateway.GapRefused:
		return "the provider refuses to say; it is asked again"
	case gateway.GapForgotten:
		return "the provider has forgotten it; ask those people, or see its own pages"
	}
	return "the adapter cannot ask the provider; see its own pages"
}

// health says who holds a channel, until when and why.
func health(h gateway.ChannelHealth) string {
	why := strings.TrimSpace(h.Code + " " + h.Detail)
	if why != "" {
		why = ": " + why
	}
	if !h.Since.IsZero() {
		why = " since " + clock(h.Since) + why
	}
	switch h.Paused {
	case gateway.NotPaused:
		return "sends"
	case gateway.PauseThrottled:
		return "waits until " + clock(h.PausedUntil) + ", as the provider asked" + why
	case gateway.PauseAuth:
		if h.Code == "description" { // the program's own word for it, not that of credentials
			return "refused, until a check passes" + why
		}
		return "credentials refused, until a check passes" + why
	case gateway.PauseUntried:
		return "not tried yet, until a check passes" + why
	}
	if h.RoutineOnly {
		return "holds reports and reminders until resumed, alerts go on" + why
	}
	return "paused until resumed, nothing leaves" + why
}
