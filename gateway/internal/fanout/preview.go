package fanout

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

// examples is how many members a preview names.
const examples = 5

// Preview says what a draft would do now, without writing anything: it makes the same checks and the same decisions as
// sending, member by member. An empty audience is no fault here: the preview says who is left out and why.
func (f *Fanout) Preview(ctx context.Context, d gateway.Draft) (gateway.Preview, error) {
	b, err := f.broadcast(d)
	if err == nil {
		err = b.CheckStart()
	}
	if err != nil {
		return gateway.Preview{}, err
	}
	t, err := f.texts(ctx, b)
	if err != nil {
		return gateway.Preview{}, err
	}
	if err := checkTopic(t.group, b.Audience.Topic); err != nil {
		return gateway.Preview{}, err
	}
	return f.count(ctx, t)
}

// Weigh says what a note would do now, as Preview does of a draft.
func (f *Fanout) Weigh(ctx context.Context, n Note) (gateway.Preview, error) {
	b, _, err := f.note(ctx, n)
	if err != nil {
		return gateway.Preview{}, err
	}
	t, err := f.texts(ctx, b)
	if err != nil {
		return gateway.Preview{}, err
	}
	return f.count(ctx, t)
}

// count makes the checks and decisions of sending.
func (f *Fanout) count(ctx context.Context, t *texts) (gateway.Preview, error) {
	if err := t.check(); err != nil {
		return gateway.Preview{}, err
	}
	prices, err := f.prices(ctx, t.b.GroupID)
	if err != nil {
		return gateway.Preview{}, err
	}
	reviewed, err := f.reviewed(ctx, t.b.GroupID)
	if err != nil {
		return gateway.Preview{}, err
	}
	c := newCensus(t, reviewed, prices, f.Now())
	for page, err := range f.audience(ctx, t.b, nil) {
		if err != nil {
			return gateway.Preview{}, err
		}
		for i := range page {
			c.count(&page[i])
		}
	}
	return c.preview(), nil
}

// census counts decisions.
type census struct {
	t         *texts
	p         gateway.Preview
	languages map[reading]*gateway.PreviewLanguage
	channels  []gateway.PreviewChannel // as texts.ways
	pointers  []int                    // as texts.ways
	leftOut   map[leftOut]int
	texts     map[textKey]int
	prices    *gateway.PriceTable
	costs     map[costKey]*gateway.PreviewCost
	drafts    *drafting
	shortage  shortage
	hours     hours
	now       time.Time
	waits     map[time.Time]int // for the end of quiet hours
}

func newCensus(t *texts, reviewed func(digest string) bool, prices *gateway.PriceTable, now time.Time) *census {
	return &census{t: t, drafts: newDrafting(t, reviewed), shortage: newShortage(t), prices: prices,
		costs: map[costKey]*gateway.PreviewCost{}, languages: map[reading]*gateway.PreviewLanguage{}, leftOut: map[leftOut]int{}, texts: map[textKey]int{},
		channels: make([]gateway.PreviewChannel, len(t.ways)), pointers: make([]int, len(t.ways)), now: now, waits: map[time.Time]int{}}
}

// reading is who wants one language and gets one.
type reading struct {
	wants, gets string
	fallback    bool
}

type costKey struct {
	locale  string
	way     int
	country string
}

type leftOut struct {
	why   string
	meant bool
}

type textKey struct {
	version *version
	way     int
	named   bool
}

func (c *census) count(r *gateway.Recipient) {
	d := c.t.decide(r)
	if d.meant {
		c.p.Members++
	}
	if d.way >= 0 {
		n := gateway.NewDelivery{Due: c.t.b.StartAt}
		if c.hours.set(&n, &c.t.b, r, c.t.group.Zone, c.now); n.Reason != "" {
			d.way, d.why = -1, n.Detail
		} else if !n.Quiet.IsZero() {
			c.waits[n.Quiet]++
		}
	}
	if d.way < 0 {
		c.leftOut[leftOut{d.why, d.meant}]++
		return
	}
	c.p.Reached++
	reads := reading{r.Locale, d.said.plain, d.said.fallback}
	l := c.languages[reads]
	if l == nil {
		l = &gateway.PreviewLanguage{Wants: r.Locale, Gets: d.said.plain, Fallback: d.said.fallback}
		c.languages[reads] = l
	}
	l.Members++
	w := c.t.ways[d.way]
	said, named := d.said.leaves(d.way, r)
	ch := &c.channels[d.way]
	ch.Members++
	ch.Parts += len(said.parts)
	ch.Cost += said.rendering.Cost
	c.p.Cost += said.rendering.Cost
	c.texts[textKey{d.said.text, d.way, named}]++
	c.cost(r, &d, said.rendering.Cost)
	c.drafts.count(d.said)
	c.shortage.count(r, &d)
	if d.said != d.version {
		c.pointers[d.way]++
	}
	if len(c.p.Examples) < examples {
		c.p.Examples = append(c.p.Examples, gateway.PreviewExample{MemberID: r.Member, Locale: d.said.plain, Kind: w.kind, Channel: w.channel.Name})
	}
}

// preview puts the counts in order, the largest first.
func (c *census) preview() gateway.Preview {
	p := c.p
	p.Costs, p.Total = c.sums()
	p.Drafts = c.drafts.list()
	p.Missing = c.shortage.list()
	for until, n := range c.waits {
		p.Quiet = append(p.Quiet, gateway.PreviewQuiet{Until: until, Members: n})
	}
	slices.SortFunc(p.Quiet, func(a, b gateway.PreviewQuiet) int { return a.Until.Compare(b.Until) })
	p.Pointers = c.t.countPointers(c.pointers)
	p.Languages, p.Channels, p.LeftOut, p.Texts = []gateway.PreviewLanguage{}, []gateway.PreviewChannel{}, []gateway.PreviewLeftOut{}, []gateway.PreviewText{}
	if p.Examples == nil {
		p.Examples = []gateway.PreviewExample{}
	}
	for _, l := range c.languages {
		p.Languages = append(p.Languages, *l)
	}
	slices.SortFunc(p.Languages, func(a, b gateway.PreviewLanguage) int {
		return cmp.Or(b.Members-a.Members, cmp.Compare(a.Wants, b.Wants), cmp.Compare(a.Gets, b.Gets))
	})
	for i, ch := range c.channels {
		w := c.t.ways[i]
		ch.ChannelID, ch.Channel, ch.Kind = w.channel.ID, w.channel.Name, w.kind
		p.Channels = append(p.Channels, ch)
	}
	for l, n := range c.leftOut {
		p.LeftOut = append(p.LeftOut, gateway.PreviewLeftOut{Why: l.why, Meant: l.meant, Members: n})
	}
	slices.SortFunc(p.LeftOut, func(a, b gateway.PreviewLeftOut) int {
		return cmp.Or(b.Members-a.Members, cmp.Compare(a.Why, b.Why))
	})
	for k, n := range c.texts {
		said := &k.version.byKind[k.way]
		text := gateway.PreviewText{Locale: k.version.plain, Kind: c.t.ways[k.way].kind, Zone: k.version.zone, Neutral: k.version.neutral, Cost: said.rendering.Cost, Members: n}
		parts := said.parts
		if k.named {
			text.Name = usualName
			text.Cost = said.named.rendering.Cost
			if parts, text.Least = said.named.show(c.t.ways[k.way]); text.Least == text.Cost {
				text.Least = 0
			}
		}
		for _, part := range parts {
			shown := part.Text
			if part.Subject != "" {
				shown = part.Subject + "\n\n" + shown
			}
			text.Parts = append(text.Parts, shown)
		}
		if m, ok := c.t.ways[k.way].adapter.(channels.Measurer); ok {
			measure(&text, parts, m)
		}
		p.Texts = append(p.Texts, text)
	}
	slices.SortFunc(p.Texts, func(a, b gateway.PreviewText) int {
		return cmp.Or(b.Members-a.Members, cmp.Compare(a.Locale, b.Locale), cmp.Compare(a.Kind, b.Kind), len(b.Parts)-len(a.Parts), slices.Compare(a.Parts, b.Parts))
	})
	return p
}

// measure adds how text messages are encoded, and what makes them long.
func measure(text *gateway.PreviewText, parts []channels.Part, by channels.Measurer) {
	shorter := false
	for _, p := range parts {
		m := by.Measure(p)
		text.Units += m.Units
		if text.Encoding == "" || len(m.Offending) > 0 {
			text.Encoding = m.Encoding
		}
		for _, sign := range m.Offending {
			if s := (gateway.PreviewSign{Text: sign.Text, Instead: sign.Instead}); !slices.Contains(text.Offending, s) {
				text.Offending = append(text.Offending, s)
			}
		}
		if m.Smart > 0 {
			text.Smart, shorter = text.Smart+m.Smart, true
		} else {
			text.Smart += p.Cost
		}
	}
	if !shorter {
		text.Smart = 0
	}
}
