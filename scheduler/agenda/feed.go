package agenda

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler/calendar"
)

// refresh is how often subscribers are asked to look. Some look every 8 to 24 hours, whatever they are asked.
const refresh = time.Hour

// mostEvents is how many events one feed is made from, the first ones: some programs give up on more.
const mostEvents = 10_000

// Issue makes a feed of a group, or of a member if one is named, with its secret address; with the name of a rota, one of its
// turns instead of events.
func (a *Agenda) Issue(ctx context.Context, group, member gateway.ID, rota, label string) (gateway.IssuedFeed, error) {
	token, digest := gateway.MintToken()
	f := gateway.Feed{ID: gateway.NewID(), GroupID: group, MemberID: member, Label: label, Digest: digest, CreatedAt: a.Now().UTC()}
	if rota != "" {
		r, err := a.Rotas.Rota(ctx, group, rota)
		if err != nil {
			return gateway.IssuedFeed{}, err
		}
		f.RotaID = r.ID
	}
	if err := a.Feeds.PutFeed(ctx, f); err != nil {
		return gateway.IssuedFeed{}, err
	}
	return gateway.IssuedFeed{Feed: f, Address: a.PublicURL + "/cal/" + token.Reveal() + ".ics"}, nil
}

// Feed gives the calendar of a token as it is now; ErrNotFound: there is none, or it was revoked. A group's holds all its
// events, a member's those of the topics that she has subscribed to on any contact point. What ended is there for a month,
// and so is what was cancelled, so that slow programs learn of it.
func (a *Agenda) Feed(ctx context.Context, token string) ([]byte, error) {
	f, err := a.Feeds.FeedByDigest(ctx, gateway.DigestToken(token))
	if err != nil {
		return nil, err
	}
	g, err := a.People.GroupByID(ctx, f.GroupID)
	if err != nil {
		return nil, err
	}
	now := a.Now()
	p := publication{now: now, zones: map[string]*time.Location{}}
	p.out = calendar.Publication{Name: g.Name, Product: "-//carillon//calendar//EN", Refresh: refresh}
	p.words = a.Words(g.Locale, g.Fallback)
	topics, leads := func(string) bool { return true }, g.LeadsOf
	if !f.MemberID.IsZero() {
		m, err := a.People.Member(ctx, f.GroupID, f.MemberID)
		if err != nil {
			return nil, err
		}
		topics = func(topic string) bool { return subscribed(m, topic) }
		leads = func(topic string) []gateway.LeadTime { return m.LeadsOf(g, topic) }
		p.hers, p.words = true, a.Words(m.Locale, append(slices.Clip(m.Fallback), g.Fallback...))
		if p.neutral = m.Neutral; p.neutral {
			p.out.Name, p.out.Product = p.words.Calendar, "-//calendar//calendar//EN"
		}
	}
	if !f.RotaID.IsZero() {
		if err := a.turns(ctx, f, &p); err != nil {
			return nil, err
		}
		return calendar.Write(p.out), nil
	}
	calendars, err := a.Ledger.Calendars(ctx, f.GroupID)
	if err != nil {
		return nil, err
	}
	events, err := a.Ledger.Events(ctx, f.GroupID, gateway.ID{}, now.Add(-gateway.KeepEvents), mostEvents)
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		if i := slices.IndexFunc(calendars, func(c gateway.Calendar) bool { return c.ID == e.CalendarID }); i >= 0 && topics(calendars[i].Topic) {
			p.add(e, leads(calendars[i].Topic))
		}
	}
	return calendar.Write(p.out), nil
}

// subscribed tells whether a member gets a topic anywhere.
func subscribed(m gateway.Member, topic string) bool {
	return slices.ContainsFunc(m.Points, func(p gateway.ContactPoint) bool {
		return p.State == gateway.PointActive && slices.Contains(p.Topics, topic)
	})
}

// publication is a feed that is being written.
type publication struct {
	now     time.Time
	words   Words
	neutral bool
	hers    bool // a member's
	zones   map[string]*time.Location
	out     calendar.Publication
}

// add adds an event. Its place is told on the clocks that it is meant on. In neutral mode nothing says what it is.
func (p *publication) add(e gateway.Event, leads []gateway.LeadTime) {
	loc := p.zone(e.Zone)
	e = e.Told(p.now)
	entry := Entry(e, loc)
	if !p.hers && !e.PlaceFrom.IsZero() { // of a group's feed nobody knows who reads it
		entry.Location, entry.Link = "", ""
	}
	if p.neutral || e.Sensitive { // programs fetch feeds over providers that are not fit for it
		entry.Summary, entry.Location, entry.Link = p.words.Event, "", ""
	}
	for _, l := range leads {
		if at, ok := l.Before(e.Start.Wall, e.AllDay, loc); ok && at.After(p.now) && e.Status != gateway.EventCancelled {
			entry.Alarms = append(entry.Alarms, calendar.Alarm{At: at})
		}
	}
	p.out.Entries = append(p.out.Entries, entry)
}

func (p *publication) zone(name string) *time.Location {
	if loc, known := p.zones[name]; known {
		return loc
	}
	loc, err := civil.Zone(name)
	if err != nil {
		loc = time.UTC // of a newer release, or gone from the tables: the instant is right all the same
	}
	p.zones[name] = loc
	return loc
}

// File gives an event as a calendar of its own, under the name that feeds have for it.
func File(e gateway.Event) []byte {
	loc, err := civil.Zone(e.Zone)
	if err != nil {
		loc = time.UTC // as in feeds
	}
	return calendar.Write(calendar.Publication{Product: "-//carillon//calendar//EN", Entries: []calendar.Entry{Entry(e, loc)}})
}

// Entry gives an event as calendars write it, under a name of ours: that of its source may hold an address.
func Entry(e gateway.Event, loc *time.Location) calendar.Entry {
	entry := calendar.Entry{UID: e.ID.String(), Start: calendar.Time{Moment: e.Start}, End: calendar.Time{Moment: e.End}, Zone: loc, Status: strings.ToUpper(string(e.Status)), Sequence: e.Revision - 1, Changed: e.Changed,
		Summary: e.Summary, Location: e.Location, Link: e.Link}
	if e.AllDay {
		entry.Start.Kind, entry.End.Kind = calendar.Date, calendar.Date
	}
	return entry
}
