package fanout

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/language"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/templates"
)

// Limits of what is submitted.
const (
	maxKey     = 200 // characters
	maxListed  = 1000
	maxTags    = 32
	maxLocales = 200
	maxWords   = 1 << 20 // bytes of all languages together
	maxAhead   = 366 * 24 * time.Hour
	maxLife    = 31 * 24 * time.Hour
)

// job is a broadcast that is ready to be planned, with what Submit has found out already.
type job struct {
	b     gateway.Broadcast
	texts *texts              // nil: to be made
	first []gateway.Recipient // the first page of the audience, just read; nil: to be read
}

// Submit checks a draft, stores it and returns; Run plans it. Every error that the author can mend is a fault:
// CodeInvalid, CodeTooLong, CodeNobody if the audience is empty, CodeKeyReused, CodeIncomplete if the draft does not fall
// back and something is missing in its text.
func (f *Fanout) Submit(ctx context.Context, d gateway.Draft) (gateway.HandedIn, error) {
	b, err := f.broadcast(d)
	if err != nil {
		return gateway.HandedIn{}, err
	}
	print, err := fingerprint(d)
	if err != nil {
		return gateway.HandedIn{}, err
	}
	s, t, err := f.submit(ctx, b, print, d.FallsBack())
	if err != nil {
		return gateway.HandedIn{}, err
	}
	return f.handedIn(ctx, b, s, t), nil
}

// handedIn is what whoever hands in a broadcast is told of it. It is on its way already, so what cannot be found out is left
// out. Of t, only what never changes is read: it may be planned meanwhile.
func (f *Fanout) handedIn(ctx context.Context, b gateway.Broadcast, s gateway.Submission, t *texts) gateway.HandedIn {
	in := gateway.HandedIn{Submission: s}
	var err error
	if in.Drafts, err = f.drafts(ctx, b, t); err != nil {
		f.Log.Error("finding out which texts nobody has reviewed", "broadcast", b.ID, "error", err)
	}
	if s.Created && b.Sensitive {
		if in.Pointers, err = f.pointers(ctx, b); err != nil {
			f.Log.Error("counting who gets only a pointer", "broadcast", b.ID, "error", err)
		}
	}
	return in
}

// Note is a message that Carillon writes itself, in shipped words or the group's own.
type Note struct {
	ID       gateway.ID // of the broadcast, if it is new; zero: it gets one
	Group    gateway.ID
	Key      string        // makes it happen once
	Wording  string        // templates.Welcome, templates.Stopped, …
	Class    gateway.Class // zero: account
	Audience gateway.Audience
	Data     map[string]string // for the placeholders
	Locale   string            // the language of what Data says: it goes to everyone in that one, shown as such to who reads another; empty: to each in her own
	Author   string
	Lasts    time.Duration // how long it may wait for its channel; zero: as its class
}

// Tell submits a note as Submit does a draft.
func (f *Fanout) Tell(ctx context.Context, n Note) (gateway.Submission, error) {
	b, print, err := f.note(ctx, n)
	if err != nil {
		return gateway.Submission{}, err
	}
	s, _, err := f.submit(ctx, b, print, true)
	return s, err
}

// note makes a broadcast of a note, and its fingerprint: that of its name, for the words may change between two tries.
func (f *Fanout) note(ctx context.Context, n Note) (gateway.Broadcast, []byte, error) {
	own, err := f.store.Wordings.Wordings(ctx, n.Group)
	if err != nil {
		return gateway.Broadcast{}, nil, fmt.Errorf("read the group's wordings: %w", err)
	}
	sources := templates.ShippedText(n.Wording)
	if sources == nil {
		return gateway.Broadcast{}, nil, gateway.Faultf(gateway.CodeInvalid, "there is no shipped text %q", n.Wording)
	}
	for locale, source := range own[n.Wording] {
		sources[locale] = source
	}
	if n.Locale != "" {
		source, ok := sources[n.Locale]
		if !ok {
			source = sources[lastResort]
		}
		sources = map[string]string{n.Locale: source}
	}
	if n.Class == "" {
		n.Class = gateway.Account
	}
	if n.ID.IsZero() {
		n.ID = gateway.NewID()
	}
	now := f.Now()
	b := gateway.Broadcast{
		ID: n.ID, GroupID: n.Group, Key: n.Key, Kind: gateway.Kind(n.Wording), Class: n.Class, Audience: n.Audience,
		Words: gateway.Words{Sources: sources, Data: n.Data}, Author: n.Author, State: gateway.Planning, Policy: gateway.PolicyOf(n.Class), CreatedAt: now, StartAt: now,
	}
	b.ExpiresAt = now.Add(cmp.Or(n.Lasts, b.Policy.Expires))
	print := sha256.Sum256([]byte(n.Wording))
	return b, print[:], nil
}

// ready checks a broadcast against what its group has, says in it whether it calls members by name, and gives its texts and
// the first page of its audience.
func (f *Fanout) ready(ctx context.Context, b *gateway.Broadcast) (*texts, []gateway.Recipient, error) {
	o, err := f.opening(ctx, b.GroupID, b.Audience, b.Policy.Lane)
	if err != nil {
		return nil, nil, err
	}
	t, err := f.readyFrom(ctx, b, o)
	return t, o.First, err
}

func (f *Fanout) opening(ctx context.Context, group gateway.ID, a gateway.Audience, lane gateway.Lane) (*gateway.Opening, error) {
	o, err := f.store.Audiences.Opening(ctx, group, a, gateway.MaxChunk, lane == gateway.Urgent)
	if err != nil && !errors.Is(err, gateway.ErrNotFound) {
		err = fmt.Errorf("read the group and its audience: %w", err)
	}
	return &o, err
}

// readyFrom is ready from what was read.
func (f *Fanout) readyFrom(ctx context.Context, b *gateway.Broadcast, o *gateway.Opening) (*texts, error) {
	t, err := f.textsOf(*b, o.Group, o.Wordings)
	if err != nil {
		return nil, err
	}
	b.Personal = t.personal && b.Audience.Names().IsZero() // for who does not know of others' names, it says none
	if b.Class != gateway.Account && b.Audience.Alert == nil {
		if err := checkTopic(t.group, b.Audience.Topic); err != nil {
			return nil, err
		}
	}
	if len(t.ways) == 0 {
		return nil, gateway.Faultf(gateway.CodeConflict, "no channel serves this group; add one, or ask the operator for one")
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	return t, f.anybody(ctx, t, o.First)
}

// submit checks a broadcast and stores it. It returns the texts that it was checked with.
func (f *Fanout) submit(ctx context.Context, b gateway.Broadcast, print []byte, fallback bool) (gateway.Submission, *texts, error) {
	t, first, err := f.ready(ctx, &b)
	if err != nil {
		return gateway.Submission{}, nil, err
	}
	if !fallback {
		missing, err := f.missing(ctx, t, first)
		if err != nil {
			return gateway.Submission{}, nil, err
		}
		if len(missing) > 0 {
			b.Refused = incomplete(missing)
		}
	}
	var whole *gateway.Chunk
	if b.Refused == nil {
		whole = f.whole(t, first)
	}
	s, err := f.record(ctx, b, print, whole)
	if err != nil || !s.Created {
		return s, t, err
	}
	switch {
	case whole != nil:
		f.Planned(whole)
	case f.Elsewhere != nil:
		f.Elsewhere()
	case !b.StartAt.After(f.Now()):
		select {
		case f.jobs <- &job{b: b, texts: t, first: first}:
		default:
			f.Wake()
		}
	}
	return s, t, nil
}

// record stores a broadcast. What is whole is claimed at once for senders that are free, and leaves before this returns.
func (f *Fanout) record(ctx context.Context, b gateway.Broadcast, print []byte, whole *gateway.Chunk) (s gateway.Submission, err error) {
	if whole != nil {
		defer f.Reserve(whole)()
	}
	if s, err = f.store.Log.Submit(ctx, b, print, whole); err == nil && s.Created {
		f.At(FaultPoints[0])
	}
	return s, err
}

// texts reads what a broadcast needs of its group and parses its words.
func (f *Fanout) texts(ctx context.Context, b gateway.Broadcast) (*texts, error) {
	g, err := f.store.Groups.GroupByID(ctx, b.GroupID)
	if err != nil {
		return nil, err
	}
	wordings, err := f.store.Wordings.Wordings(ctx, b.GroupID)
	if err != nil {
		return nil, fmt.Errorf("read the group's wordings: %w", err)
	}
	return f.textsOf(b, g, wordings)
}

func (f *Fanout) textsOf(b gateway.Broadcast, g gateway.Group, wordings map[string]map[string]string) (*texts, error) {
	g.Fallback = append(slices.Clone(g.Fallback), f.Languages...)
	if b.Kind.Shipped() && len(b.Words.Sources) == 1 || b.Words.Alert != nil { // what a person wrote is in one language, whatever is hers
		g.Fallback = slices.AppendSeq(g.Fallback, maps.Keys(b.Words.Sources))
	}
	return newTexts(f.Log, b, g, f.neutral(g, wordings), f.ways(b.GroupID, b.Audience.Avoid))
}

// ways lists the first usable channel of each kind, but for one to avoid.
func (f *Fanout) ways(group, avoid gateway.ID) []way {
	var ways []way
	for _, c := range f.channels.Usable(group) {
		if c.ID == avoid {
			continue
		}
		if slices.ContainsFunc(ways, func(w way) bool { return w.kind == c.Kind }) {
			continue
		}
		if a, ok := f.channels.Adapter(c.ID); ok {
			caps := a.Capabilities()
			ways = append(ways, way{kind: c.Kind, channel: c, adapter: a, short: caps.Short, public: caps.Public, answers: f.answersOver(caps)})
		}
	}
	return ways
}

// anybody looks for a member who is meant, from the first page of the audience on.
func (f *Fanout) anybody(ctx context.Context, t *texts, first []gateway.Recipient) error {
	for page, err := range f.audience(ctx, t.b, first) {
		if err != nil {
			return err
		}
		for i := range page {
			for j := 0; j < len(page[i].Points) && t.isFor(&page[i]); j++ {
				if _, meant, _ := t.admits(&page[i], &page[i].Points[j]); meant {
					return nil
				}
			}
		}
	}
	return gateway.Faultf(gateway.CodeNobody, "nobody is meant: no member to whom the audience applies has agreed to this topic; a preview says who is left out and why")
}

// broadcast turns a draft into a broadcast, or says everything that is wrong with it.
func (f *Fanout) broadcast(d gateway.Draft) (gateway.Broadcast, error) {
	class, err := gateway.ClassOf(d.Kind, d.DangerToLife)
	if err != nil {
		return gateway.Broadcast{}, err
	}
	now := f.Now()
	b := gateway.Broadcast{
		ID: gateway.NewID(), GroupID: d.Group, Key: d.Key, Kind: d.Kind, Class: class, Audience: d.Audience, Words: d.Words, Sensitive: d.Sensitive,
		Author: d.Author, State: gateway.Planning, Policy: gateway.PolicyOf(class), CreatedAt: now, StartAt: d.StartAt, ExpiresAt: d.ExpiresAt,
		LocalAt: d.LocalAt, LateFor: d.LateFor,
	}
	if b.Key == "" {
		b.Key = b.ID.String()
	}
	if b.StartAt.IsZero() || b.StartAt.Before(now) && b.CheckStart() == nil {
		b.StartAt = now
	}
	if b.ExpiresAt.IsZero() {
		b.ExpiresAt = b.StartAt.Add(b.Policy.Expires)
		if b.LocalAt != 0 { // that of the last zone
			if last := (civil.Moment{Wall: b.LocalAt}).Instant().Add(gateway.FarthestBehind); last.After(b.StartAt) {
				b.ExpiresAt = last.Add(b.Policy.Expires)
			}
		}
	}
	var wrong []string
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if utf8.RuneCountInString(b.Key) > maxKey || !utf8.ValidString(b.Key) || strings.ContainsFunc(b.Key, func(r rune) bool { return !unicode.IsPrint(r) }) {
		say("key: use 1 to %d printable characters", maxKey)
	}
	if strings.HasPrefix(b.Key, gateway.AlertKeys) {
		say("key: what begins with %s belongs to alerts", gateway.AlertKeys)
	}
	switch {
	case b.StartAt.Sub(now) > maxAhead:
		say("start_at is more than a year ahead")
	case !b.ExpiresAt.After(b.StartAt):
		say("expires_at (%s) is not after the start (%s); give a later time, or none", b.ExpiresAt.UTC().Format(time.RFC3339), b.StartAt.UTC().Format(time.RFC3339))
	case b.ExpiresAt.Sub(b.StartAt) > maxLife:
		say("expires_at is more than 31 days after the start")
	}
	b.Audience = checkAudience(b.Audience, say)
	size := 0
	for _, source := range b.Words.Sources {
		size += len(source)
	}
	if size > maxWords {
		return gateway.Broadcast{}, gateway.Faultf(gateway.CodeTooLong, "the texts have %d bytes together; %d is the most", size, maxWords)
	}
	if wrong != nil {
		return gateway.Broadcast{}, gateway.Faultf(gateway.CodeInvalid, "the broadcast cannot be sent: %s", strings.Join(wrong, "; "))
	}
	return b, nil
}

func checkAudience(a gateway.Audience, say func(string, ...any)) gateway.Audience {
	if a.Unconfirmed || !a.Point.IsZero() || a.Only || !a.Avoid.IsZero() || !a.Told.IsZero() || len(a.Had) > 0 || !a.Not.IsZero() || a.Alert != nil || len(a.Kinds) > 0 || a.Unless != (gateway.Announce{}) {
		say("audience: only Carillon's own account messages, notices and corrections go to those who have not confirmed, to one contact point, around a channel, or to those who were told before")
	}
	if len(a.Members) > maxListed {
		say("audience: %d members are listed; %d is the most, use a tag for more", len(a.Members), maxListed)
	}
	if len(a.Tags) > maxTags || len(a.Locales) > maxLocales {
		say("audience: at most %d tags and %d locales", maxTags, maxLocales)
	}
	for _, tag := range a.Tags {
		if tag == "" || strings.ContainsFunc(tag, func(r rune) bool { return r == ',' || unicode.IsSpace(r) || unicode.IsControl(r) }) {
			say("audience: %q is no tag; tags have no spaces and no commas", tag)
		}
	}
	a.Locales = slices.Clone(a.Locales)
	for i, l := range a.Locales {
		tag, err := language.Parse(l)
		if err != nil || tag == language.Und {
			say("audience: %q is no language; use a BCP 47 tag such as en, pt-BR or zh-Hant", l)
			continue
		}
		a.Locales[i] = tag.String()
	}
	return a
}

func checkTopic(g gateway.Group, topic string) error {
	names := make([]string, len(g.Topics))
	for i, t := range g.Topics {
		if names[i] = t.Name; t.Name == topic {
			return nil
		}
	}
	if topic == "" {
		return gateway.Faultf(gateway.CodeInvalid, "audience: name a topic; the group has %s", strings.Join(names, ", "))
	}
	return gateway.Faultf(gateway.CodeInvalid, "audience: the group has no topic %q; it has %s", topic, strings.Join(names, ", "))
}

// fingerprint is a digest of what a draft asks for, whoever asks.
func fingerprint(d gateway.Draft) ([]byte, error) {
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, errors.Join(gateway.Faultf(gateway.CodeInvalid, "the broadcast cannot be encoded"), err)
	}
	sum := sha256.Sum256(raw)
	return sum[:], nil
}
