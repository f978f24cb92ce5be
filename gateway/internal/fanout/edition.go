package fanout

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/templates"
)

// The words of an edition, each a shipped text that a group may lay its own over.
const (
	reportText       = "report"
	reportCorrection = "report-correction"
	reportSection    = "report-section"
	reportEntry      = "report-entry"
	reportFigure     = "report-figure"
	reportIndicator  = "report-indicator"
	reportAlerts     = "report-alerts"
)

// ReadyEdition checks what an edition sends, as Submit does a draft, and stores nothing.
func (f *Fanout) ReadyEdition(ctx context.Context, e gateway.Telling) (*gateway.ReadyBroadcast, error) {
	own, err := f.store.Wordings.Wordings(ctx, e.Series.GroupID)
	if err != nil {
		return nil, fmt.Errorf("read the group's wordings: %w", err)
	}
	text, values := frame(e.Series, &e.Edition, e.Date)
	sources := templates.ShippedText(text)
	maps.Copy(sources, own[text])
	d := gateway.Draft{Group: e.Series.GroupID, Key: e.Edition.SendKey(), Kind: gateway.KindReport, Audience: gateway.Audience{Topic: e.Series.Topic}, Author: e.By, LocalAt: e.LocalAt, LateFor: e.LateFor, ExpiresAt: e.Until,
		Words: gateway.Words{Sources: sources, Data: values, Edition: wordsOf(&e.Edition)}}
	if !e.Rest.IsZero() {
		d.Key = e.Edition.RestKey()
	}
	b, err := f.broadcast(d)
	if err != nil {
		return nil, err
	}
	b.Audience.Had, b.Audience.Not = e.Corrected, e.Rest
	t, first, err := f.ready(ctx, &b)
	if err == nil && !e.Edition.ApprovedByPerson() {
		err = f.alone(ctx, t, first, e.By, "")
	}
	if err != nil {
		return nil, err
	}
	print := sha256.Sum256([]byte(b.Key)) // an edition that may be sent does not change any more
	return &gateway.ReadyBroadcast{Broadcast: b, Fingerprint: print[:]}, nil
}

// frame names the text that an edition stands in, and gives its values.
func frame(s gateway.Series, e *gateway.Edition, date string) (text string, values map[string]string) {
	text, number := reportText, e.Number
	if e.Corrects != 0 {
		text, number = reportCorrection, e.Corrects
	}
	groups := map[string]bool{}
	for _, c := range e.Entries {
		if c.Section != gateway.SectionSummary {
			groups[c.Group] = true
		}
	}
	return text, map[string]string{"series": s.Title, "when": date, "groups": strconv.Itoa(len(groups)), "edition": strconv.Itoa(number)}
}

func wordsOf(e *gateway.Edition) *gateway.EditionWords {
	return &gateway.EditionWords{Number: e.Number, Entries: e.Entries, Figures: e.Figures}
}

// EditionDocument gives an edition that was sent, as those read it who were sent it, in the first of some languages in which
// there are texts of reports.
func (f *Fanout) EditionDocument(ctx context.Context, g gateway.Group, s gateway.Series, e gateway.Edition, locales []string) (content.Document, error) {
	own, err := f.store.Wordings.Wordings(ctx, g.ID)
	if err != nil {
		return content.Document{}, fmt.Errorf("read the group's wordings: %w", err)
	}
	zone, err := civil.Zone(g.Zone)
	if err != nil {
		return content.Document{}, err
	}
	wording := f.neutral(g, own)
	text, values := frame(s, &e, e.Steps[len(e.Steps)-1].At.In(zone).Format(time.DateOnly))
	set, err := wording(text)
	if err != nil {
		return content.Document{}, err
	}
	home := append([]string{g.Locale}, g.Fallback...)
	p, err := newPieces(wordsOf(&e), home, wording)
	if err != nil {
		return content.Document{}, err
	}
	chain := append(append(slices.Clone(locales), home...), lastResort)
	locale := chain[0]
	for _, l := range chain {
		if slices.ContainsFunc(set.Locales(), func(have string) bool { return same(have, l) }) {
			locale = l
			break
		}
	}
	data, err := p.data(templates.Text(values), locale, zone)
	if err != nil {
		return content.Document{}, err
	}
	data[templates.Name] = templates.Nameless // whoever reads a page is called by no name
	doc, _, err := set.Render(templates.Reader{Chain: append([]string{locale}, chain...), Zone: zone}, data)
	return doc, err
}

// pieces builds the parts of an edition in the language of the text that they stand in.
type pieces struct {
	words           *gateway.EditionWords
	section, entry  *templates.Set
	figure, counted *templates.Set
	alerts          *templates.Set
	home            []string // languages to try behind it: the group's
}

// newPieces reads the texts that an edition is put together from.
func newPieces(words *gateway.EditionWords, home []string, wording wordingSource) (*pieces, error) {
	p := &pieces{words: words, home: home}
	for name, set := range map[string]**templates.Set{reportSection: &p.section, reportEntry: &p.entry, reportFigure: &p.figure, reportIndicator: &p.counted, reportAlerts: &p.alerts} {
		var err error
		if *set, err = wording(name); err != nil {
			return nil, gateway.Faultf(gateway.CodeInvalid, "the group's own text %q cannot be used: %w", name, err)
		}
	}
	return p, nil
}

func (t *texts) readEdition(wording wordingSource) error {
	p, err := newPieces(t.b.Words.Edition, t.chain(t.group.Locale, nil), wording)
	if err != nil {
		return err
	}
	t.edition = p
	data, err := p.data(t.data, t.group.Locale, t.home.clock)
	if err == nil {
		t.data = data
		return nil
	}
	return gateway.Faultf(gateway.CodeInvalid, "the edition cannot be put together: %w", err)
}

// data adds what is said in an edition to the values of a text in one language.
func (p *pieces) data(base templates.Data, locale string, zone *time.Location) (templates.Data, error) {
	reader := templates.Reader{Chain: append(append([]string{locale}, p.home...), lastResort), Zone: zone}
	data := maps.Clone(base)
	var blocks []content.Block
	data["summary"] = ""
	for _, c := range p.words.Entries {
		if c.Section == gateway.SectionSummary {
			data["summary"] = pick(c.Texts, reader.Chain)
		}
	}
	for _, section := range gateway.Sections {
		entries, err := p.entries(section, reader)
		if err != nil {
			return nil, err
		}
		if len(entries) == 0 {
			continue
		}
		doc, _, err := p.section.Render(reader, templates.Data{"kind": string(section), "title": string(section), "entries": entries})
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, doc.Blocks...)
	}
	data["sections"] = blocks
	return data, nil
}

// entries gives what stands in a section, as it was written.
func (p *pieces) entries(section gateway.Section, reader templates.Reader) ([]content.Block, error) {
	var blocks []content.Block
	for _, c := range p.words.Entries {
		if c.Section != section {
			continue
		}
		text := pick(c.Texts, reader.Chain)
		if c.Credit == gateway.CreditAnonymous {
			blocks = append(blocks, content.Block{Kind: content.Paragraph, Spans: []content.Span{{Text: text, Value: true}}})
			continue
		}
		doc, _, err := p.entry.Render(reader, templates.Data{"group": c.Name, "text": text})
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, doc.Blocks...)
	}
	if section == gateway.SectionCredit {
		blocks = append(blocks, p.thanks()...)
	}
	for _, f := range p.words.Figures {
		if in := gateway.SectionCost; f.Indicated != nil {
			in = gateway.SectionProgress
			if in != section {
				continue
			}
		} else if in != section {
			continue
		}
		doc, err := p.tell(f, reader)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, doc.Blocks...)
	}
	return blocks, nil
}

// tell puts a figure into words.
func (p *pieces) tell(f gateway.Figure, reader templates.Reader) (content.Document, error) {
	if a := f.Alerts; a != nil {
		minutes := func(seconds int64) int64 { return (seconds + 59) / 60 } // they say: within so many
		kind, drills := "some", "some"
		switch {
		case f.Of == 0:
			kind = "none"
		case f.Count == 0:
			kind = "nobody"
		}
		if a.Exercises == 0 {
			drills = "none"
		}
		doc, _, err := p.alerts.Render(reader, templates.Data{"kind": kind, "drills": drills, "since": a.Since.Format(time.RFC3339), "of": f.Of, "count": f.Count, "open": f.Of - f.Count, "median": minutes(a.Median), "worst": minutes(a.Worst), "exercises": a.Exercises})
		return doc, err
	}
	if f.Kind != gateway.FigureIndicator && f.Kind != gateway.FigureOnTime {
		var money []string
		for _, m := range f.Money {
			money = append(money, m.String())
		}
		doc, _, err := p.figure.Render(reader, templates.Data{"kind": string(f.Kind), "edition": f.Edition, "count": f.Count, "of": f.Of, "money": strings.Join(money, " + ")})
		return doc, err
	}
	data := templates.Data{"kind": string(f.Kind), "title": "", "value": "0", "unit": "", "source": f.Source, "when": f.At.Format(time.DateOnly), "count": f.Count, "of": f.Of, "days": gateway.OnTimeDays}
	if i := f.Indicated; i != nil {
		data["title"] = pick(i.Titles, reader.Chain)
		switch {
		case i.Gap != gateway.GapNone:
			data["kind"] = string(i.Gap)
		case i.Unit != "":
			data["unit"] = "\u00a0" + i.Unit // where there is none, there is no space either
		}
		if i.Value != "" {
			data["value"] = i.Value
		}
		if i.Date != "" {
			data["when"] = i.Date
		}
	}
	doc, _, err := p.counted.Render(reader, data)
	return doc, err
}

// thanks names all who want to be named, once each.
func (p *pieces) thanks() []content.Block {
	var names []string
	for _, c := range p.words.Entries {
		if c.Section != gateway.SectionSummary && c.Credit != gateway.CreditAnonymous && !slices.Contains(names, c.Name) {
			names = append(names, c.Name)
		}
	}
	if names == nil {
		return nil
	}
	list := content.Block{Kind: content.Bullets}
	for _, name := range names {
		list.Items = append(list.Items, []content.Span{{Text: name, Value: true}})
	}
	return []content.Block{list}
}

// pick gives the text in the first of the languages that it is in, or else in any; the tag of its language stands before
// one that is not in the first.
func pick(texts map[string]string, chain []string) string {
	for i, wanted := range chain {
		for _, locale := range slices.Sorted(maps.Keys(texts)) {
			if same(locale, wanted) {
				if i == 0 || same(locale, chain[0]) {
					return texts[locale]
				}
				return "[" + locale + "] " + texts[locale]
			}
		}
	}
	for _, locale := range slices.Sorted(maps.Keys(texts)) {
		return "[" + locale + "] " + texts[locale]
	}
	return ""
}

// same says whether two tags are of one language and script.
func same(a, b string) bool {
	x, y := language.Make(a), language.Make(b)
	xb, _ := x.Base()
	yb, _ := y.Base()
	xs, _ := x.Script()
	ys, _ := y.Script()
	return xb == yb && xs == ys
}
