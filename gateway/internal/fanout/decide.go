package fanout

import (
	"bytes"
	"iter"
	"slices"

	"github.com/carillon-gateway/carillon/gateway"
)

// Why a member gets nothing. These are shown to authors.
const (
	whyNoPoint     = "has no contact point"
	whyNoConsent   = "did not agree to this topic"
	whyUnconfirmed = "has not confirmed yet"
	whyStopped     = "said STOP"
	whyGone        = "blocked us or left"
	whyInvalid     = "has an address that is no good"
	whyStale       = "has a number that may have a new owner: she has not confirmed it again yet"
	whyNoChannel   = "has no contact point that a channel of the group serves"
	whyCountry     = "has a number in a country to which the group does not send"
	whyNoLanguage  = "reads none of the languages of the text"
	whyNoWriting   = "the text cannot be written for her channel"
	whyOtherKind   = "has no contact point of the kinds that this step uses"
	whyDefect      = "a defect on our side; the log has the cause"
)

// decision is what becomes of one member.
type decision struct {
	meant   bool // counts as audience; otherwise only why is set
	version *version
	said    *version // of version, what leaves over way
	way     int      // of texts.ways; below zero: none
	point   gateway.ID
	why     string // why she gets nothing
	failed  bool   // that is our fault, not her wish
}

// decide chooses the text and the way for one member.
func (t *texts) decide(r *gateway.Recipient) decision {
	d := decision{way: -1}
	if !t.isFor(r) {
		return d
	}
	for p := range surestFirst(r.Points) {
		open, meant, why := t.admits(r, p)
		d.meant = d.meant || meant
		if !meant {
			continue
		}
		if !open {
			d.because(why)
			continue
		}
		if !t.group.Allows(p.Country) {
			d.because(whyCountry)
			continue
		}
		way := t.wayFor(p.Kind)
		if way < 0 {
			d.because(whyNoChannel)
			continue
		}
		if neutral := r.Neutral || p.State == gateway.PointStale && t.b.Class != gateway.LifeSafety; d.version == nil || d.version.neutral != neutral {
			if d.version = t.read(r.Locale, r.Fallback, r.Zone, neutral); d.version == nil {
				d.why = whyNoLanguage
				return d
			}
		}
		said := t.over(d.version, way)
		if said.byKind[way].err != nil {
			d.why, d.failed = whyNoWriting, true
			continue
		}
		d.way, d.said, d.point, d.why, d.failed = way, said, p.ID, "", false
		return d
	}
	if !d.meant {
		d.why = t.leftOut(r)
	}
	return d
}

func (d *decision) because(why string) {
	if d.why == "" {
		d.why = why
	}
}

// admits says whether a point makes its owner part of the audience, and whether it may be used; if not, why.
func (t *texts) admits(r *gateway.Recipient, p *gateway.PointRef) (open, meant bool, why string) {
	a := &t.b.Audience
	if t.b.Class == gateway.Account {
		open = p.State == gateway.PointActive || p.State == gateway.PointUnconfirmed || p.State == gateway.PointStale
		switch {
		case a.Only:
			return open, p.ID == a.Point, whyOf(p.State)
		case !a.Point.IsZero():
			return true, p.ID == a.Point, ""
		case a.Unconfirmed:
			return true, p.State == gateway.PointUnconfirmed && nth(r, p) == a.Nth, ""
		}
		return open, a.Topic == "" || p.Subscribed, whyOf(p.State) // a cry for help is for those of a topic, and for nobody else
	}
	usable := p.State == gateway.PointActive || p.State == gateway.PointStale && t.b.Policy.Lane == gateway.Urgent
	switch {
	case a.Alert != nil: // she heard of the alert, and hears of its end whatever she takes now
		return usable, true, whyOf(p.State)
	case len(a.Kinds) > 0 && usable && !slices.Contains(a.Kinds, p.Kind):
		return false, p.Subscribed, whyOtherKind
	}
	return usable, p.Subscribed, whyOf(p.State)
}

// surestFirst gives contact points in her order, but those last that may not be hers any more.
func surestFirst(points []gateway.PointRef) iter.Seq[*gateway.PointRef] {
	return func(yield func(*gateway.PointRef) bool) {
		for _, stale := range [...]bool{false, true} {
			for i := range points {
				if (points[i].State == gateway.PointStale) == stale && !yield(&points[i]) {
					return
				}
			}
		}
	}
}

// nth says how many of a member's contact points are older. What becomes of them changes nothing about that.
func nth(r *gateway.Recipient, p *gateway.PointRef) (n int) {
	for i := range r.Points {
		if bytes.Compare(r.Points[i].ID[:], p.ID[:]) < 0 {
			n++
		}
	}
	return n
}

func whyOf(s gateway.PointState) string {
	switch s {
	case gateway.PointUnconfirmed:
		return whyUnconfirmed
	case gateway.PointStopped:
		return whyStopped
	case gateway.PointGone:
		return whyGone
	case gateway.PointInvalid:
		return whyInvalid
	case gateway.PointStale:
		return whyStale
	}
	return ""
}

// leftOut says why a member to whom the rule applies is not meant.
func (t *texts) leftOut(r *gateway.Recipient) string {
	if len(r.Points) == 0 {
		return whyNoPoint
	}
	for _, s := range []gateway.PointState{gateway.PointActive, gateway.PointUnconfirmed, gateway.PointStopped, gateway.PointGone, gateway.PointInvalid} {
		for _, p := range r.Points {
			if p.State == gateway.PointStale || p.State == s && s == gateway.PointActive {
				return whyNoConsent
			} else if p.State == s {
				return whyOf(s)
			}
		}
	}
	return whyNoConsent
}

func (t *texts) wayFor(kind string) int {
	for i := range t.ways {
		if t.ways[i].kind == kind {
			return i
		}
	}
	return -1
}
