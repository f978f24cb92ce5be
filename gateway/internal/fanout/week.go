package fanout

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/templates"
)

// How many events of a week are listed, and how many of them a text message names. All are counted.
const (
	mostListed = 50
	mostNamed  = 5
	longName   = 40 // characters of a title in a text message
)

// ReadyWeek checks what a run of a schedule tells of the week ahead, and stores nothing. CodeNobody: nobody is meant, or nothing takes
// place.
func (f *Fanout) ReadyWeek(ctx context.Context, r Run, words gateway.WeekWords) (*gateway.ReadyBroadcast, error) {
	b, err := f.weekAhead(ctx, r, words)
	if err != nil {
		return nil, err
	}
	if _, _, err := f.ready(ctx, &b); err != nil {
		return nil, err
	}
	print := sha256.Sum256([]byte("week " + b.Key)) // what takes place may change between two tries of one run
	return &gateway.ReadyBroadcast{Broadcast: b, Fingerprint: print[:]}, nil
}

// WeekText says what a run would tell of the week ahead to somebody who reads a language (empty: the group's) and lives where
// the group does.
func (f *Fanout) WeekText(ctx context.Context, r Run, words gateway.WeekWords, locale string) (gateway.WeekText, error) {
	b, err := f.weekAhead(ctx, r, words)
	if err != nil {
		return gateway.WeekText{}, err
	}
	t, err := f.texts(ctx, b)
	if err == nil {
		err = checkTopic(t.group, b.Audience.Topic)
	}
	if err != nil {
		return gateway.WeekText{}, err
	}
	reader := templates.Reader{Chain: append(t.chain(cmp.Or(locale, t.group.Locale), nil), lastResort), Zone: t.home.clock, Now: b.StartAt}
	found, err := t.main.Choose(reader)
	if err != nil {
		return gateway.WeekText{}, gateway.Faultf(gateway.CodeInvalid, "locale: %w", err)
	}
	doc, err := t.render(found, reader, t.data)
	if err != nil {
		return gateway.WeekText{}, err
	}
	_, _, events := t.week.of(t.weekStart(reader.Chain[0]))
	return gateway.WeekText{Locale: found.Locale, Subject: doc.Subject, Text: doc.Plain(), Short: doc.Short, Events: len(events)}, nil
}

// weekAhead is the message of a run.
func (f *Fanout) weekAhead(ctx context.Context, r Run, words gateway.WeekWords) (b gateway.Broadcast, err error) {
	a := r.Schedule.Action.Week
	if a == nil {
		return b, gateway.Faultf(gateway.CodeInvalid, "week: say of which topic")
	}
	own, err := f.store.Wordings.Wordings(ctx, r.Schedule.GroupID)
	if err != nil {
		return b, fmt.Errorf("read the group's wordings: %w", err)
	}
	sources := templates.ShippedText(gateway.WeekAhead)
	maps.Copy(sources, own[gateway.WeekAhead])
	words.Empty = a.Empty
	d := gateway.Draft{Group: r.Schedule.GroupID, Key: r.Occurrence.BroadcastKey(), Kind: gateway.KindReminder, Audience: gateway.Audience{Topic: a.Topic}, Author: r.Schedule.Author, LocalAt: r.LocalAt, LateFor: r.LateFor,
		Words: gateway.Words{Sources: sources, Week: &words}}
	if r.Occurrence.By != "" {
		d.Author = r.Occurrence.By
	}
	b, err = f.broadcast(d)
	b.Kind = gateway.WeekAhead
	return b, err
}

// week is what a week ahead says to each reader in her own way.
type week struct {
	words                       *gateway.WeekWords
	event, own, later, discreet *templates.Set
}

// withWeek puts the events of a week in; wording gives texts with the group's own words.
func (t *texts) withWeek(wording wordingSource) error {
	w := &week{words: t.b.Words.Week}
	for name, p := range map[string]struct {
		set  **templates.Set
		data templates.Data
	}{
		"week-event":  {&w.event, templates.Data{"event": "?", "when": "2026-01-05T09:00", "all_day": "false", "place": "?"}},
		"own-time":    {&w.own, templates.Data{"when": time.Unix(0, 0)}},
		"place-later": {&w.later, nil},

		templates.EventNeutral: {&w.discreet, nil},
	} {
		var err error
		if *p.set, err = piece(wording, name, p.data); err != nil {
			return err
		}
	}
	t.week, t.shipped, t.zoned = w, true, true
	data, err := t.weekFor(t.data, t.weekStart(t.group.Locale), templates.Reader{Chain: append(t.chain(t.group.Locale, nil), lastResort), Zone: t.home.clock})
	if err == nil {
		t.data = data
	}
	return err
}

// of gives the days of a reader's week and what takes place in it, by the dates of the places.
func (w *week) of(first time.Weekday) (from, to civil.Wall, events []gateway.WeekEvent) {
	from = w.words.Date
	for from.Fields().Weekday() != first {
		from += civil.Day
	}
	to = from + 6*civil.Day
	for _, e := range w.words.Events {
		if e.Start.Wall >= from && e.Start.Wall < to+civil.Day {
			events = append(events, e)
		}
	}
	return from, to, events
}

// weekFor adds what is said of the week of a reader, in the language of her text.
func (t *texts) weekFor(base templates.Data, first time.Weekday, r templates.Reader) (templates.Data, error) {
	from, to, events := t.week.of(first)
	list, names := content.Block{Kind: content.Bullets}, []string{}
	for i, e := range events {
		if i == mostListed {
			break
		}
		spans, name, err := t.week.line(&e, r)
		if err != nil {
			return nil, err
		}
		list.Items = append(list.Items, spans)
		if i < mostNamed {
			names = append(names, name)
		}
	}
	data := maps.Clone(base)
	data["from"], data["to"], data["count"] = from.Fields().Format(time.DateOnly), to.Fields().Format(time.DateOnly), len(events)
	data["items"], data["events"] = names, []content.Block{}
	if len(list.Items) > 0 {
		data["events"] = []content.Block{list}
	}
	return data, nil
}

// line says one event: in a list, and in a text message. The time is that of the place, and hers stands beside it if her clock shows
// another.
func (w *week) line(e *gateway.WeekEvent, r templates.Reader) (spans []content.Span, short string, err error) {
	place, err := civil.Zone(e.Zone)
	if err != nil {
		place = time.FixedZone("", int(e.Start.Offset))
	}
	there := r
	there.Zone = place
	data := templates.Data{"event": oneLine(e.Summary), "all_day": strconv.FormatBool(e.AllDay), "when": e.Start.Wall.Fields().Format("2006-01-02T15:04"), "place": oneLine(e.Location)}
	if e.Sensitive { // one text goes out over all channels, and some of them are not fit for it
		discreet, _, err := w.discreet.Render(r, nil)
		if err != nil {
			return nil, "", err
		}
		data["event"], data["place"] = discreet.Plain(), ""
	}
	if e.AllDay {
		data["when"] = e.Start.Wall.Fields().Format(time.DateOnly)
	}
	if data["place"] == "" {
		later, _, err := w.later.Render(r, nil)
		if err != nil {
			return nil, "", err
		}
		data["place"] = later.Plain()
	}
	said, _, err := w.event.Render(there, data)
	if err != nil {
		return nil, "", err
	}
	for _, b := range said.Blocks {
		spans = append(spans, b.Spans...)
	}
	if !e.AllDay && civil.Of(e.Start.Instant(), r.Zone).Offset != e.Start.Offset {
		own, _, err := w.own.Render(r, templates.Data{"when": e.Start.Instant()})
		if err != nil {
			return nil, "", err
		}
		spans = append(spans, content.Span{Text: ". "})
		for _, b := range own.Blocks {
			spans = append(spans, b.Spans...)
		}
	}
	if name := []rune(data["event"].(string)); len(name) > longName {
		data["event"] = strings.TrimSpace(string(name[:longName-1])) + "…"
	}
	brief, _, err := w.event.Render(there, data)
	return spans, brief.Short, err
}

// weekStart is the first day of a reader's week.
func (t *texts) weekStart(locale string) time.Weekday {
	return templates.WeekStart(locale, t.group.Region)
}

// isFor says whether somebody to whom the rule of the audience applies is meant by what is said too.
func (t *texts) isFor(r *gateway.Recipient) bool {
	if t.week != nil && !t.week.words.Empty {
		_, _, events := t.week.of(t.weekStart(r.Locale))
		return len(events) > 0
	}
	return t.reminds(r)
}
