package fanout

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// Names that show what a text with room for a name takes: a usual one, and the dearest. No name makes more of it.
var (
	usualName   = "Ana"
	dearestName = strings.Repeat("Ж", 40)
)

// call composes the text that calls members by name beside each of a version, which is for those who are not: once for all of
// them, with room for the name. A channel that cannot fill it in sends the same to everybody.
func (t *texts) call(v *version, text templates.Result, reader templates.Reader, direction content.Direction) {
	data := maps.Clone(t.dataIn(v.plain))
	data[templates.Name] = templates.Room(direction)
	doc, err := t.render(text, reader, data)
	t.refer(&doc)
	for i, w := range t.ways {
		c := &v.byKind[i]
		if c.err != nil || !t.mayName(i) {
			continue
		}
		filler, fills := w.adapter.(channels.Filler)
		var named composed
		switch {
		case err != nil:
			named.err = err
		case fills:
			named = t.composeAsking(doc, w, v.versionKey, false)
		default:
			named = composed{rendering: c.rendering, parts: c.parts}
		}
		if named.err == nil && fills {
			named.err = named.narrow(filler, c.parts)
		}
		if named.err != nil { // the author was told; whoever reads it is called by no name
			named.rendering, named.parts = c.rendering, c.parts
		}
		named.rendering.Locale = gateway.NamedLocale(v.locale)
		c.named = &named
		t.count(c.named)
	}
}

// narrow leaves one mark for each place of a name, takes the subjects over from the parts without one, for they hold none, and
// says what the dearest name costs.
func (c *composed) narrow(filler channels.Filler, nameless []channels.Part) error {
	c.rendering.Cost, c.rendering.Parts = 0, nil
	for i := range c.parts {
		p := &c.parts[i]
		p.Text, p.HTML, p.Subject = content.Narrow(p.Text), content.Narrow(p.HTML), nameless[min(i, len(nameless)-1)].Subject
		filled, ok := filler.Fill(*p, "", dearestName)
		if !ok {
			return errors.New("no name can be put into it")
		}
		p.Cost = max(1, filled.Cost)
		raw, err := json.Marshal(p)
		if err != nil {
			return err
		}
		c.rendering.Parts = append(c.rendering.Parts, raw)
		c.rendering.Cost += p.Cost
	}
	return nil
}

// spare composes the pointer of a version, for whoever goes into neutral mode before it leaves for her.
func (t *texts) spare(v *version) *version {
	if p := t.find(append([]string{v.plain}, t.chain(t.group.Locale, nil)...), t.home, true); p != nil {
		return p.as(versionKey{v.locale, true})
	}
	return nil
}

// mayName says whether a way is fit for the name that a text says.
func (t *texts) mayName(way int) bool {
	return t.b.Audience.Names().IsZero() || t.ways[way].channel.Sensitive
}

// leaves gives what leaves of a version over a way for a member, and whether it calls her by name, as far as that is known
// before it leaves: one who shares her address is called by none.
func (v *version) leaves(way int, r *gateway.Recipient) (c *composed, named bool) {
	c = &v.byKind[way]
	if r.Named && c.named != nil && c.named.err == nil {
		return c.named, true
	}
	return c, false
}

// show fills a usual name in, and says which is the fewest that the text takes then.
func (c *composed) show(w way) (parts []channels.Part, least int) {
	filler, fills := w.adapter.(channels.Filler)
	for _, p := range c.parts {
		if fills {
			p, _ = filler.Fill(p, "", usualName)
		}
		parts, least = append(parts, p), least+max(1, p.Cost)
	}
	return parts, least
}
