package escalation

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// Incident is what a report of an incident is drafted from.
type Incident struct {
	Alert    gateway.AlertCase
	Events   []gateway.AlertEvent // all of them, the oldest first
	Tallies  []gateway.Tally      // of all broadcasts of the alert
	Channels map[gateway.ID]string
	Zone     *time.Location // the group's; nil: UTC
}

// Draft writes the draft of an incident report in Markdown. It names nobody: people are letters, in the order in which they come
// up, and what was typed or said stays in the timeline, for it may name somebody.
func (i Incident) Draft() string {
	zone := cmp.Or(i.Zone, time.UTC)
	at := func(t time.Time) string {
		return t.In(zone).Format("2006-01-02 15:04:05 -07:00") + " (" + t.UTC().Format("15:04:05Z") + ")"
	}
	kind := "alert"
	switch {
	case i.Alert.Exercise:
		kind = "exercise"
	case i.Alert.DangerToLife:
		kind = "alert, danger to life"
	}
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	say("# Incident report (draft): %s %s\n", kind, i.Alert.Reference)
	say("State: %s. Raised %s.", i.Alert.State, at(i.Alert.RaisedAt))
	if !i.Alert.EndedAt.IsZero() {
		say("Ended %s, after %s.", at(i.Alert.EndedAt), i.Alert.EndedAt.Sub(i.Alert.RaisedAt).Round(time.Second))
	}
	say("\n## Timeline\n\n| when | what | who |\n|---|---|---|")
	people := persons{}
	var taken time.Time
	seen := map[gateway.AlertEventKind]int{}
	for _, e := range i.Events {
		if seen[e.Kind]++; e.Kind == gateway.EventAcked && taken.IsZero() {
			taken = e.At
		}
		what := string(e.Kind)
		if e.Step > 0 {
			what += fmt.Sprintf(", step %d", e.Step)
		}
		if e.Round > 1 {
			what += fmt.Sprintf(", round %d", e.Round)
		}
		say("| %s | %s | %s |", at(e.At), what, people.role(e.By))
	}
	say("\n## Reach\n")
	if taken.IsZero() {
		say("Nobody took charge.")
	} else {
		say("First taken charge of after %s.", taken.Sub(i.Alert.RaisedAt).Round(time.Second))
	}
	doubt, failed := i.reach(say)
	say("\n## Open questions\n")
	for _, q := range []struct {
		open bool
		text string
	}{
		{taken.IsZero(), "Nobody took charge. Who should have been asked, and why was nobody reached?"},
		{seen[gateway.EventExhausted] > 0, "Every step was over before somebody took charge. Are there enough steps?"},
		{seen[gateway.EventNobody] > 0, "A step reached nobody. Who was meant, and what is missing?"},
		{seen[gateway.EventResumed] > 0, "Nothing was heard of those in charge for a while. What kept them?"},
		{seen[gateway.EventOfferOver] > 0, "A handover was not accepted. Why?"},
		{seen[gateway.EventUnverified] > 0, "An acknowledgement could not be verified. Who sent it?"},
		{doubt > 0, fmt.Sprintf("%d deliveries are in doubt. Did these people hear of it?", doubt)},
		{failed > 0, fmt.Sprintf("%d deliveries ended without arriving. How are these people reached?", failed)},
		{seen[gateway.EventUpdated] == 0 && !i.Alert.EndedAt.IsZero(), "No update was sent. Was the promised time of the next one kept?"},
		{seen[gateway.EventWithdrawn] > 0, "It was a mistake. What led to it?"},
		{!i.Alert.State.Over(), "It has no end yet. Is it over?"},
		{true, "What went well, and what should be different next time?"},
	} {
		if q.open {
			say("- %s", q.text)
		}
	}
	return b.String()
}

// reach writes how many deliveries went over each channel, and gives those in doubt and those that did not arrive.
func (i Incident) reach(say func(string, ...any)) (doubt, failed int) {
	type line struct{ targeted, over, delivered, doubt, failed int }
	lines := map[string]*line{}
	for _, t := range i.Tallies {
		name := cmp.Or(i.Channels[t.ChannelID], "no channel")
		l := lines[name]
		if l == nil {
			l = &line{}
			lines[name] = l
		}
		l.targeted += t.Count
		switch t.State {
		case gateway.Delivered:
			l.delivered += t.Count
		case gateway.DeliveryAccepted:
			l.over += t.Count
		case gateway.DeliveryInDoubt:
			l.doubt += t.Count
		case gateway.Ended:
			l.failed += t.Count
		}
	}
	if len(lines) == 0 {
		say("\nNothing was sent.")
		return 0, 0
	}
	say("\n| channel | messages | delivered | handed over | in doubt | ended otherwise |\n|---|---|---|---|---|---|")
	names := make([]string, 0, len(lines))
	for name := range lines {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		l := lines[name]
		doubt, failed = doubt+l.doubt, failed+l.failed
		say("| %s | %d | %d | %d | %d | %d |", name, l.targeted, l.delivered, l.over, l.doubt, l.failed)
	}
	return doubt, failed
}

// persons gives those who come up in a report a letter each.
type persons []gateway.AlertHand

func (c *persons) role(h gateway.AlertHand) string {
	kind := "member"
	switch {
	case len(h.Members) > 1:
		return "somebody at a shared address"
	case len(h.Members) == 0 && h.Token.IsZero():
		return "Carillon"
	case len(h.Members) == 0:
		kind = "coordinator"
	}
	n := slices.IndexFunc(*c, h.Same)
	if n < 0 {
		n = len(*c)
		*c = append(*c, h)
	}
	letter := string(rune('A' + n%26))
	if n >= 26 {
		letter += fmt.Sprint(n / 26)
	}
	return kind + " " + letter
}
