package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/builtin"
	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/templates"
)

// everyLocale asks for a preview in each language of the text.
const everyLocale = "all"

// look is what the flags of template preview say.
type look struct {
	locale, channel, data, zone, price, html string
	values                                   templates.Data
	at                                       *time.Location
	each                                     *gateway.Money // for a segment; nil: not known
}

// shownPart is a line of `template preview`: one part as it would be sent.
type shownPart struct {
	Locale string           `json:"locale"` // that was asked for
	Gets   string           `json:"gets"`   // of the text that this reader gets
	Status templates.Status `json:"status"` // draft, or empty: its author answers for it
	No     int              `json:"part"`   // from 1
	channels.Part
	Units     int      `json:"units,omitempty"`     // of a text message
	Offending []string `json:"offending,omitempty"` // what keeps it from GSM-7
	Price     string   `json:"price,omitempty"`     // of all its segments
}

func (sh *shell) templatePreview() *cobra.Command {
	var l look
	c := &cobra.Command{
		Use:   "preview NAME",
		Short: "show a text exactly as it would be sent, with its length and cost",
		Long: "NAME is a shipped text, a topic of the palette, or a folder with a LOCALE.md a language (write ./NAME where both are there).\n" +
			"Without --data, typical values stand in the placeholders.",
		Example: "  carillon template preview report --locale fa\n  carillon template preview report --locale all --price '0.0750 EUR'\n" +
			"  carillon template preview ./words/weekly --locale sw --channel email --html weekly.html",
		Args: cobra.ExactArgs(1),
	}
	f := c.Flags()
	f.StringVar(&l.locale, "locale", "en", "language of the reader, or all: a line for each language of the text")
	f.StringVar(&l.channel, "channel", "sms", "kind of channel: "+anyOf(func(f channels.Factory) string { return f.Kind }))
	f.StringVar(&l.data, "data", "", "JSON file with one object: the values of the placeholders")
	f.StringVar(&l.zone, "zone", "UTC", "zone by whose clock times are told")
	f.StringVar(&l.price, "price", "", "what one segment costs, or one message of another kind, as in '0.0750 EUR'")
	f.StringVar(&l.html, "html", "", "write the HTML of a mail to this file")
	c.RunE = func(_ *cobra.Command, args []string) error {
		t, err := findText(args[0])
		if err != nil {
			return err
		}
		if err := l.read(); err != nil {
			return err
		}
		return sh.preview(t, l)
	}
	return c
}

// findText finds a text by name: a folder where the name is a path, else a shipped text or a topic of the palette.
func findText(name string) (text, error) {
	if sources := templates.ShippedText(name); sources != nil {
		return text{name: name, sources: sources}, nil
	}
	if talks := templates.Palette()[name]; talks != nil {
		sources := map[string]string{}
		for locale, talk := range talks {
			sources[locale] = talk.Source
		}
		return text{name: name, sources: sources}, nil
	}
	if _, err := os.Stat(name); err != nil {
		return text{}, wrong("there is no text %q: name a folder, a topic of the palette (carillon template palette), or one of the shipped texts: %s", name, strings.Join(slices.Sorted(maps.Keys(templates.Shipped())), ", "))
	}
	sources, err := readWords(name)
	return text{filepath.Base(name), name, sources}, err
}

// readData reads values from a file that holds one JSON object.
func readData(file string) (templates.Data, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, wrong(`--data %s cannot be read; here it names a file, which holds the values as in {"count": 3, "when": "2026-11-27T18:00"}`, file)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber() // the visible fraction digits decide plural forms
	var data templates.Data
	if err := dec.Decode(&data); err != nil || data == nil {
		return nil, wrong(`--data %s holds no JSON object; write {"count": 3, "when": "2026-11-27T18:00"}`, file)
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, wrong("--data %s holds more than one JSON object; keep one", file)
	}
	return data, nil
}

// read checks the flags.
func (l *look) read() error {
	var err error
	if l.data != "" {
		if l.values, err = readData(l.data); err != nil {
			return err
		}
	}
	if l.at, err = civil.Zone(l.zone); err != nil {
		return wrong("--zone: %w", err)
	}
	if l.html != "" && (l.locale == everyLocale || l.channel != "email") {
		return wrong("--html writes one mail: give one --locale, and --channel email")
	}
	if l.price == "" {
		return nil
	}
	amount, currency, _ := strings.Cut(l.price, " ")
	m := gateway.Money{Currency: strings.ToUpper(currency)}
	if m.Micros, err = gateway.ParseMicros(amount); err != nil {
		return wrong("--price: %w", err)
	}
	if len(m.Currency) != 3 || strings.Trim(m.Currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return wrong("--price needs an amount and a currency, as in '0.0750 EUR'")
	}
	l.each = &m
	return nil
}

func (sh *shell) preview(t text, l look) error {
	factories := builtin.All()
	i := slices.IndexFunc(factories, func(f channels.Factory) bool { return f.Kind == l.channel && l.channel != "" })
	if i < 0 {
		return wrong("--channel %q does not exist; use %s", l.channel, anyOf(func(f channels.Factory) string { return f.Kind }))
	}
	set, err := templates.NewSet(t.sources)
	var faults templates.Faults
	if errors.As(err, &faults) {
		// What is missing in one language keeps nobody from looking at another, which would be sent.
		loose, grave := templates.NewLooseSet(t.sources)
		if grave != nil || !slices.Contains(loose.Locales(), l.locale) {
			return t.place(faults)
		}
		set, err = loose, nil
		fmt.Fprintln(sh.err, printable(t.place(faults).Error()))
	}
	locales := []string{l.locale}
	if l.locale == everyLocale {
		locales = set.Locales()
	}
	var all [][]shownPart
	for _, locale := range locales {
		parts, err := l.compose(set, locale, factories[i])
		if err != nil {
			return err
		}
		all = append(all, parts)
	}
	switch {
	case sh.json():
		for _, p := range slices.Concat(all...) {
			if err := sh.print(p, ""); err != nil {
				return err
			}
		}
	case l.locale == everyLocale:
		err = sh.showLengths(all, l)
	default:
		err = sh.showParts(all[0])
	}
	if err == nil && l.html != "" {
		if err = os.WriteFile(l.html, []byte(all[0][0].HTML), 0o600); err != nil {
			return fmt.Errorf("writing the mail's HTML: %w", err)
		}
	}
	return err
}

// compose gives the parts that a reader of one language would get.
func (l look) compose(set *templates.Set, locale string, f channels.Factory) ([]shownPart, error) {
	data := l.values
	if data == nil {
		data = set.Trial(locale)
	}
	doc, r, err := set.Render(templates.Reader{Chain: []string{locale}, Zone: l.at, Now: time.Now()}, data)
	switch {
	case errors.Is(err, templates.ErrNoLanguage):
		return nil, wrong("the text is not in %q; it is in %s", locale, strings.Join(set.Locales(), ", "))
	case err != nil:
		return nil, wrong("%w (give values with --data FILE)", err)
	}
	parts, err := f.Compose(doc)
	if err != nil {
		return nil, wrong("in %s: %w", locale, err)
	}
	var status templates.Status
	if slices.Contains(set.Drafts(nil), r.Locale) {
		status = templates.Draft
	}
	shown := make([]shownPart, len(parts))
	for i, p := range parts {
		shown[i] = shownPart{Locale: locale, Gets: r.Locale, Status: status, No: i + 1, Part: p}
		if p.Encoding != "" {
			_, shown[i].Units, _, shown[i].Offending = compose.Count(p.Text)
		}
		shown[i].Price = l.costs(p.Cost)
	}
	return shown, nil
}

// costs writes what so many segments or messages cost; empty if nobody said.
func (l look) costs(units int) string {
	if l.each == nil {
		return ""
	}
	return gateway.Money{Currency: l.each.Currency, Micros: l.each.Micros * int64(units)}.String()
}

// showParts prints the parts of one language, what is measured of each behind it.
func (sh *shell) showParts(parts []shownPart) error {
	for _, p := range parts {
		shown := p.Text
		if p.Subject != "" {
			shown = p.Subject + "\n\n" + shown
		}
		if _, err := fmt.Fprintln(sh.out, isolating(shown)); err != nil {
			return err
		}
		if err := sh.say("--- %s", strings.Join(p.about(len(parts)), ", ")); err != nil {
			return err
		}
	}
	return nil
}

// isolating is printable, but for the isolates that a channel puts around texts of the other direction: they are part of
// what is sent, and end with their line.
func isolating(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r >= 0x2066 && r <= 0x2069 {
			b.WriteRune(r)
			continue
		}
		b.WriteString(printable(string(r)))
	}
	return b.String()
}

// about says what there is to know of a part.
func (p shownPart) about(of int) []string {
	about := []string{p.Gets}
	if p.Status != "" {
		about = append(about, string(templates.Draft))
	}
	if of > 1 {
		about = append(about, fmt.Sprintf("part %d of %d", p.No, of))
	}
	if p.Encoding == "" {
		about = append(about, plural(compose.Length(p.Text, channels.Characters), "character"))
	} else {
		about = append(about, plural(p.Cost, "segment"), fmt.Sprintf("%s of %s", plural(p.Units, "unit"), p.Encoding))
	}
	if p.Price != "" {
		about = append(about, p.Price)
	}
	if few := p.Offending; len(few) > 0 && len(few) <= fewSigns {
		about = append(about, "UCS-2 because of "+strings.Join(few, " "))
	}
	return about
}

// showLengths prints a line for each language.
func (sh *shell) showLengths(all [][]shownPart, l look) error {
	head := []string{"LANGUAGE", "STATUS", "ENCODING", "UNITS", "SEGMENTS", "COST", ""}
	if l.channel != "sms" {
		head = []string{"LANGUAGE", "STATUS", "CHARACTERS", "MESSAGES", "COST"}
	}
	var rows [][]string
	for _, parts := range all {
		p, cost, characters := parts[0], 0, 0
		for _, one := range parts {
			cost += one.Cost
			characters += compose.Length(one.Text, channels.Characters)
		}
		row := []string{p.Gets, orElse(string(p.Status), "-"), strconv.Itoa(characters), strconv.Itoa(len(parts)), orElse(l.costs(cost), "-")}
		if l.channel == "sms" {
			because := ""
			if few := p.Offending; len(few) > 0 && len(few) <= fewSigns {
				because = "because of " + strings.Join(few, " ")
			}
			row = []string{row[0], row[1], p.Encoding, strconv.Itoa(p.Units), strconv.Itoa(cost), row[4], because}
		}
		rows = append(rows, row)
	}
	return sh.table(head, rows, "")
}
