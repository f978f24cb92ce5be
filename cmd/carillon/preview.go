package main

import (
	"strconv"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
)

// showPreview tells a person what a draft would do: who, in which language, over which channel, at what length, and
// who is left out and why.
func (sh *shell) showPreview(p gateway.Preview) error {
	if err := sh.say("%s meant, %d can be reached.\n", plural(p.Members, "member"), p.Reached); err != nil {
		return err
	}
	if p.Members == 0 && len(p.LeftOut) == 0 {
		return sh.say("Nobody of this group subscribed to the topic and has these tags and languages too. See who is there: carillon member list\n")
	}
	rows := [][]string{}
	for _, l := range p.Languages {
		note := ""
		if l.Fallback {
			note = "not her language; its tag is shown"
		}
		rows = append(rows, []string{l.Wants, l.Gets, strconv.Itoa(l.Members), note})
	}
	if err := sh.part([]string{"WANTS", "GETS", "MEMBERS", ""}, rows); err != nil {
		return err
	}
	rows = rows[:0]
	for _, ch := range p.Channels {
		rows = append(rows, []string{ch.Channel, ch.Kind, strconv.Itoa(ch.Members), strconv.Itoa(ch.Parts), strconv.Itoa(ch.Cost)})
	}
	if err := sh.part([]string{"CHANNEL", "KIND", "MEMBERS", "MESSAGES", "SEGMENTS"}, rows); err != nil {
		return err
	}
	if err := sh.pointers(p.Pointers); err != nil {
		return err
	}
	if err := sh.part([]string{"CHANNEL", "COUNTRY", "LANGUAGE", "MEMBERS", "SEGMENTS", "PRICE EACH", "COST"}, costRows(p.Costs)); err != nil {
		return err
	}
	if len(p.Costs) > 0 {
		if err := sh.say("Together %s%s.\n", plural(int(p.Total.Segments), "segment"), sums(p.Total.Amounts, p.Total.Unpriced)); err != nil {
			return err
		}
	}
	rows = rows[:0]
	for _, l := range p.LeftOut {
		rows = append(rows, []string{strconv.Itoa(l.Members), l.Why})
	}
	if err := sh.part([]string{"LEFT OUT", "WHY"}, rows); err != nil {
		return err
	}
	for _, t := range p.Texts {
		neutral := ""
		if t.Neutral {
			neutral = ", as a pointer"
		}
		if t.Zone != "" {
			neutral += ", times by " + t.Zone
		}
		size := plural(t.Cost, "segment")
		if t.Kind != "sms" { // others have no segments
			size = plural(len(t.Parts), "message")
		}
		if err := sh.say("%s by %s%s, %s each, %s:\n  %s\n", t.Locale, t.Kind, neutral, size, plural(t.Members, "member"),
			strings.ReplaceAll(strings.Join(t.Parts, "\n---\n"), "\n", "\n  ")); err != nil {
			return err
		}
	}
	return nil
}

// pointers tells who gets only a pointer of a sensitive text, because of the channel.
func (sh *shell) pointers(all []gateway.PointerCount) error {
	for _, p := range all {
		if err := sh.say("Of this sensitive text %s over %s (%s) will read only that there is a message: others can read along on that channel. Tell them the rest another way.", plural(p.Members, "member"), p.Channel, p.Kind); err != nil {
			return err
		}
	}
	return nil
}

// part writes a table and an empty line, or nothing if it has no rows.
func (sh *shell) part(head []string, rows [][]string) error {
	if len(rows) == 0 {
		return nil
	}
	if err := sh.table(head, rows, ""); err != nil {
		return err
	}
	return sh.say("")
}
