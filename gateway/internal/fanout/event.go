package fanout

import (
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/templates"
)

// ReadyEvent checks a message about an event as Tell does a note, and stores nothing. It is in shipped words, with the
// group's own laid over them unless those cannot be used: a reminder is worth more than its wording. CodeNobody: nobody is
// meant.
func (f *Fanout) ReadyEvent(ctx context.Context, m gateway.EventMessage) (*gateway.ReadyBroadcast, error) {
	b := f.ofEvent(m)
	o, err := f.opening(ctx, b.GroupID, b.Audience, b.Policy.Lane)
	if err != nil {
		return nil, err
	}
	own := o.Wordings[m.Wording]
	maps.Copy(b.Words.Sources, own)
	_, err = f.readyFrom(ctx, &b, o)
	if len(own) > 0 && errors.Is(err, &gateway.Fault{Code: gateway.CodeInvalid}) {
		f.Log.Warn("the group's own wording cannot be used; the shipped one is sent; template check says why", "wording", m.Wording, "group", b.GroupID)
		b.Words.Sources = templates.ShippedText(m.Wording)
		_, err = f.readyFrom(ctx, &b, o)
	}
	if err != nil {
		return nil, err
	}
	print := sha256.Sum256([]byte("event " + b.Key)) // what an event says may change between two tries
	return &gateway.ReadyBroadcast{Broadcast: b, Fingerprint: print[:]}, nil
}

// ofEvent makes the broadcast of a message.
func (f *Fanout) ofEvent(m gateway.EventMessage) gateway.Broadcast {
	now, e := f.Now(), &m.Event
	words := gateway.Words{Sources: templates.ShippedText(m.Wording), Event: &m.Told,
		Data: map[string]string{"event": oneLine(e.Summary), "when": wallOf(e, e.AllDay), "all_day": strconv.FormatBool(e.AllDay)}}
	m.Told.Zone, m.Told.Calendar = e.Zone, m.Calendar
	if !e.AllDay {
		m.Told.Start = e.Start.Instant()
	}
	if place := oneLine(e.Location); place != "" {
		words.Data["place"] = place
	}
	if m.Before != nil {
		words.Data["was"] = wallOf(m.Before, e.AllDay) // the text tells both or neither by the hour
		if place := oneLine(m.Before.Location); place != "" {
			words.Data["was_place"] = place
		}
	}
	policy := gateway.PolicyOf(gateway.Reminder)
	return gateway.Broadcast{
		ID: gateway.NewID(), GroupID: e.GroupID, Key: m.Key, Kind: gateway.Kind(m.Wording), Class: gateway.Reminder, Audience: m.Audience, Words: words,
		Sensitive: e.Sensitive || m.Before != nil && m.Before.Sensitive, Author: "carillon", State: gateway.Planning, Policy: policy, CreatedAt: now, StartAt: now, ExpiresAt: earlier(m.Expires, now.Add(maxLife)),
	}
}

// longestWord is how much of a title or a place is said, in characters.
const longestWord = 200

// oneLine gives what a calendar says as texts may have it: one line, without signs that nobody sees.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && !unicode.IsSpace(r) || r == utf8.RuneError || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return -1
		}
		return r
	}, s)), " ")
	if signs := []rune(s); len(signs) > longestWord {
		s = string(signs[:longestWord-1]) + "…"
	}
	return s
}

// wallOf writes when an event begins on the clocks of its place, as texts read it: the day alone, or the hour too.
func wallOf(e *gateway.Event, day bool) string {
	if day {
		return e.Start.Wall.Fields().Format(time.DateOnly)
	}
	return e.Start.Wall.Fields().Format("2006-01-02T15:04")
}

// about is what a message about an event says to each reader in her own way.
type about struct {
	place  *time.Location
	start  time.Time      // zero: a whole day
	own    *templates.Set // her own time, where her clock shows another
	later  *templates.Set // instead of a place
	absent []string       // placeholders of places that nobody has named
	file   string         // the event as an iCalendar file
	hours  gateway.QuietBook
}

// reminds says whether a message about an event is for somebody: by the leads that she wants, and by her quiet hours. Where those
// hold the time of a longer lead too, that one reminds her of both: the two would come at one moment.
func (t *texts) reminds(r *gateway.Recipient) bool {
	e := t.b.Words.Event
	if e == nil || e.At.IsZero() {
		return true
	}
	if e.Leads != nil && !slices.Contains(e.Leads, gateway.OwnLeads(r.Leads, t.b.Audience.Topic)) {
		return false
	}
	if r.Quiet == "" {
		return !e.Early
	}
	quiet, zone := t.event.hours.Hours(r.Quiet), t.event.hours.Zone(r.Zone, t.group.Zone)
	from, _, is := quiet.At(gateway.Reminder, e.At, zone)
	for _, longer := range e.Longer {
		if is && !longer.Before(from) {
			return false
		}
	}
	due, _, _ := quiet.Move(gateway.Reminder, e.At, t.b.StartAt, t.b.ExpiresAt, zone)
	return !e.Early || due.Before(e.At)
}

// withEvent puts the pieces of a message about an event in; neutral gives texts with the group's own words.
func (t *texts) withEvent(e *gateway.EventWords, wording wordingSource) error {
	a := &about{start: e.Start, file: e.Calendar}
	var err error
	if a.place, err = civil.Zone(e.Zone); err != nil {
		return gateway.Faultf(gateway.CodeInvalid, "the event's zone: %w", err)
	}
	if a.own, err = piece(wording, "own-time", templates.Data{"when": e.Start}); err != nil {
		return err
	}
	if a.later, err = piece(wording, "place-later", nil); err != nil {
		return err
	}
	t.data["own_time"], t.data["note"] = []content.Block{}, []content.Block{}
	for _, name := range []string{"place", "was_place"} {
		if _, named := t.data[name]; !named {
			a.absent = append(a.absent, name)
			t.data[name] = "?" // of the right kind; each reader gets words for it
		}
	}
	if _, named := t.data["was"]; !named {
		t.data["was"] = t.data["when"]
	}
	t.event, t.shipped, t.zoned = a, true, !e.Start.IsZero()
	return nil
}

// piece gives a text that is a part of others, in the group's own words if they can be filled in with this data.
func piece(wording wordingSource, name string, data templates.Data) (*templates.Set, error) {
	if set, err := wording(name); err == nil && set.CheckData(data) == nil {
		return set, nil
	}
	return templates.Wording(name, nil)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// render writes a text for a reader. One about an event tells the time of its place, and beside it hers if her clock shows
// another.
func (t *texts) render(text templates.Result, r templates.Reader, base templates.Data) (content.Document, error) {
	a := t.event
	customs, _ := text.Customs() // of the pieces too: whoever reads the same version reads the same pieces
	if t.alert != nil {
		return t.renderAlert(text, r, base)
	}
	if t.week != nil {
		data, err := t.weekFor(base, t.weekStart(r.Chain[0]), templates.Reader{Chain: append(t.chain(customs, nil), lastResort), Zone: r.Zone, Now: r.Now})
		if err != nil {
			return content.Document{}, err
		}
		return text.Render(r, data)
	}
	if t.edition != nil {
		data, err := t.edition.data(base, customs, r.Zone)
		if err != nil {
			return content.Document{}, err
		}
		return text.Render(r, data)
	}
	if a == nil {
		return text.Render(r, base)
	}
	data := maps.Clone(base)
	reads := templates.Reader{Chain: append(t.chain(customs, nil), lastResort), Zone: r.Zone, Now: r.Now}
	for _, name := range a.absent {
		later, _, err := a.later.Render(reads, nil)
		if err != nil {
			return content.Document{}, err
		}
		data[name] = later.Plain()
	}
	short := ""
	if !a.start.IsZero() && civil.Of(a.start, r.Zone).Offset != civil.Of(a.start, a.place).Offset {
		own, _, err := a.own.Render(reads, templates.Data{"when": a.start})
		if err != nil {
			return content.Document{}, err
		}
		data["own_time"] = own.Blocks
		if own.Short != "" {
			short = " " + own.Short
		}
	}
	r.Zone = a.place
	doc, err := text.Render(r, data)
	if doc.Short != "" {
		doc.Short += short
	}
	doc.Calendar = a.file
	return doc, err
}
