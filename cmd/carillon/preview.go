package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/gateway"
)

// showPreview tells a person what a draft would do: who, in which language, over which channel, at what length, and
// who is left out and why.
func (sh *shell) showPreview(p gateway.Preview) error {
	if err := sh.say("%s meant, %d can be reached.\n", plural(p.Members, "member"), p.Reached); err != nil {
		return err
	}
	if p.Release != nil {
		if err := sh.say("%s\n", needs(p.Release, gateway.ID{}, "", false)); err != nil {
			return err
		}
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
	if err := sh.part([]string{"MISSING", "WHERE", "MEMBERS", ""}, missingRows(p.Missing)); err != nil {
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
		segments := 0
		for _, c := range p.Costs {
			if c.Kind == "sms" { // others have none
				segments += int(c.Segments)
			}
		}
		if err := sh.say("Together %s%s.\n", plural(segments, "segment"), sums(p.Total.Amounts, p.Total.Unpriced)); err != nil {
			return err
		}
	}
	if n := len(p.Quiet); n > 0 {
		waiting := 0
		for _, q := range p.Quiet {
			waiting += q.Members
		}
		if err := sh.say("%s waits for the end of her quiet hours: the first until %s, the last until %s.\n", plural(waiting, "member"),
			p.Quiet[0].Until.UTC().Format(time.RFC3339), p.Quiet[n-1].Until.UTC().Format(time.RFC3339)); err != nil {
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
	rows = rows[:0]
	for _, d := range p.Drafts {
		rows = append(rows, []string{orElse(d.Name, "this text"), d.Locale, strconv.Itoa(d.Members), "nobody has reviewed it; it is sent all the same"})
	}
	if err := sh.part([]string{"DRAFT", "LANGUAGE", "MEMBERS", ""}, rows); err != nil {
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
		if t.Encoding != "" {
			size += " of " + t.Encoding + " (" + plural(t.Units, "unit") + ")"
		}
		if t.Name != "" {
			neutral += ", by name"
			if t.Least > 0 {
				size = fmt.Sprintf("%d to %s", t.Least, size)
			}
		}
		if t.Kind != "sms" { // others have no segments
			size = plural(len(t.Parts), "message")
		}
		if err := sh.say("%s by %s%s, %s each, %s:", t.Locale, t.Kind, neutral, size, plural(t.Members, "member")); err != nil {
			return err
		}
		parts := strings.ReplaceAll(strings.Join(t.Parts, "\n---\n"), "\n", "\n  ")
		if _, err := fmt.Fprintf(sh.out, "  %s\n%s\n", isolating(parts), printable(offending(t))); err != nil {
			return err
		}
	}
	return nil
}

// draftsNote says which texts nobody has reviewed; empty: none.
func draftsNote(all []gateway.DraftText) string {
	var names []string
	languages := map[string][]string{}
	for _, d := range all {
		if languages[d.Name] == nil {
			names = append(names, d.Name)
		}
		languages[d.Name] = append(languages[d.Name], d.Locale)
	}
	if len(names) == 0 {
		return ""
	}
	for i, name := range names {
		names[i] = orElse(name, "this text") + " in " + strings.Join(languages[name], ", ")
	}
	return "\nNobody has reviewed " + strings.Join(names, "; ") + ". See carillon template review --help"
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

// missingRows tells what a text lacks, a line each.
func missingRows(missing []gateway.Missing) [][]string {
	var rows [][]string
	for _, m := range missing {
		where := m.Locale
		if m.What != gateway.MissingLanguage {
			where += ".md"
		}
		if m.Line > 0 {
			where += fmt.Sprintf(":%d:%d", m.Line, m.Column)
		}
		rows = append(rows, []string{string(m.What), where, strconv.Itoa(m.Members), m.Detail + "; " + m.Repair})
	}
	return rows
}

// incomplete tells a refusal for what is missing: as a table, unless that was shown, or as an object.
func (sh *shell) incomplete(err error, told bool) error {
	var fault *gateway.Fault
	if !errors.As(err, &fault) || fault.Code != gateway.CodeIncomplete {
		return err
	}
	if sh.json() {
		if err := sh.print(struct {
			Code    gateway.Code      `json:"code"`
			Missing []gateway.Missing `json:"missing"`
		}{fault.Code, fault.Missing}, ""); err != nil {
			return err
		}
	} else if !told {
		if err := sh.part([]string{"MISSING", "WHERE", "MEMBERS", ""}, missingRows(fault.Missing)); err != nil {
			return err
		}
	}
	return wrong("not sent: something is missing in the text; write it, or send the message with --fallback: then members get the next of their languages with its tag, and the form other")
}

// fewSigns is how many characters are worth naming: of a text in another alphabet all are foreign to GSM-7.
const fewSigns = 6

// offending is a line that says which characters make a text message long, and what to do about them; empty: none worth naming.
func offending(t gateway.PreviewText) string {
	var signs, instead []string
	for _, s := range t.Offending {
		r, _ := utf8.DecodeRuneInString(s.Text)
		signs = append(signs, fmt.Sprintf("%s (U+%04X)", s.Text, r))
		if s.Instead != "" && !slices.Contains(instead, s.Instead) {
			instead = append(instead, s.Instead)
		}
	}
	makes := "makes"
	if len(signs) > 1 {
		makes = "make"
	}
	switch {
	case len(signs) == 0:
		return ""
	case t.Smart > 0:
		return fmt.Sprintf("%s %s this text cost %s instead of %d; write %s, or set smart_encoding on the channel\n", strings.Join(signs, ", "), makes, plural(t.Cost, "segment"), t.Smart, strings.Join(instead, " "))
	case len(signs) <= fewSigns:
		return fmt.Sprintf("%s %s this text %s\n", strings.Join(signs, ", "), makes, t.Encoding)
	}
	return ""
}
