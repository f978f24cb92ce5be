package fanout

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/templates"
)

// keptReadings bounds what is remembered of readers' languages: every member may have a chain of her own.
const keptReadings = 10_000

// keptTexts bounds the versions of one broadcast that are kept from one chunk to the next, in bytes: in many languages, by
// many clocks, they are many.
const keptTexts = 32 << 20

// lastResort is the language of the shipped texts for a reader whose chain has none of theirs.
const lastResort = "en"

// way is the first usable channel of a kind.
type way struct {
	kind    string
	channel gateway.Channel
	adapter channels.Adapter
	short   bool // it carries text messages: their short form, where there is one
	public  bool // everybody reads what leaves over it
	answers gateway.AnswerWay
}

// texts is everything that is said in one broadcast, composed when first needed and then kept. It is used by one
// goroutine at a time.
type texts struct {
	log      *slog.Logger
	b        gateway.Broadcast
	main     *templates.Set
	pointer  *templates.Set // instead of main for whom the text must stay neutral, and where a sensitive one must not leave
	instead  string         // the name of pointer
	quiet    templates.Data // for pointer: nothing that could say who writes
	zoned    bool           // the reader's zone has a say in what main says
	personal bool           // main calls members by name
	shipped  bool           // main is a shipped text
	data     templates.Data
	topics   []string         // the names of those that data calls by their titles; nil: it calls none
	asking   []*templates.Set // the requests beneath the text, for Words.Ask
	event    *about           // nil: it is about none
	week     *week            // it is about none
	alert    *frames          // it is of none
	edition  *pieces          // adds to data what is said in each language; nil: nothing
	group    gateway.Group
	home     place // the group's
	ways     []way
	readings map[readingKey]*version
	versions map[versionKey]*version
	bytes    int // of versions, about
}

// readingKey is what decides which text a reader gets.
type readingKey struct {
	locale, fallback, zone string
	neutral                bool
}

type versionKey struct {
	locale  string // templates.Result.Version: a language tag, and behind it what sets it apart
	neutral bool
}

// version is one text in one language, for every kind of usable channel.
type version struct {
	versionKey
	plain    string // the language alone
	zone     string // by whose clock it tells times; empty: the group's
	fallback bool
	byKind   []composed            // as texts.ways
	from     templates.Result      // the languages of its fields
	lacks    []templates.Shortfall // as texts.ways: what its readers miss; nil: that is not for the author to mend
	text     *version              // that it repeats under another name; itself, if it does not
	spare    *version              // the pointer that lies ready for whoever goes into neutral mode before she is told; nil: see pointer
	pointer  *version              // of a sensitive text: what leaves over channels that are not fit for it; nil: this is all there is
	written  bool                  // its renderings are in the ledger, or in the chunk that is being filled
}

// composed is a version for one kind, or why it cannot be had.
type composed struct {
	rendering gateway.Rendering
	parts     []channels.Part
	err       error
	named     *composed // beside a text that may call members by name: the one that does; nil: it never does
}

// wordingSource gives a shipped text with the group's own languages laid over it.
type wordingSource func(name string) (*templates.Set, error)

// newTexts parses what a broadcast says. Its error is a fault that the author can mend.
func newTexts(log *slog.Logger, b gateway.Broadcast, g gateway.Group, neutral wordingSource, ways []way) (*texts, error) {
	t := &texts{
		log: log, b: b, group: g, ways: ways, data: templates.Text(b.Words.Data), shipped: b.Kind.Shipped(),
		readings: map[readingKey]*version{}, versions: map[versionKey]*version{},
	}
	if topics, ok := b.Words.Data["topics"]; ok && t.shipped {
		t.topics = strings.Split(topics, "\n")
		t.data["topics"] = titles(g, t.topics, "")
	}
	if _, own := t.data["group"]; !own {
		t.data["group"] = g.Name
	}
	if _, own := t.data["reference"]; !own {
		t.data["reference"] = gateway.Reference(b.ID)
	}
	var err error
	if t.home.clock, err = civil.Zone(g.Zone); err != nil {
		return nil, gateway.Faultf(gateway.CodeInvalid, "the group's zone: %w", err)
	}
	if b.Words.Edition != nil {
		if err := t.readEdition(neutral); err != nil {
			return nil, err
		}
	}
	if t.main, err = templates.NewLooseSet(b.Words.Sources); err != nil {
		return nil, gateway.Faultf(gateway.CodeInvalid, "the text cannot be read: %w", err)
	}
	if b.Words.Ask != nil {
		if err := t.withAsk(b.Words.Ask, neutral); err != nil {
			return nil, err
		}
	}
	if b.Words.Event != nil {
		if err := t.withEvent(b.Words.Event, neutral); err != nil {
			return nil, err
		}
	}
	if b.Words.Alert != nil {
		if err := t.withAlert(neutral); err != nil {
			return nil, err
		}
	}
	if b.Words.Week != nil {
		if err := t.withWeek(neutral); err != nil {
			return nil, err
		}
	}
	if _, own := t.data[templates.Name]; !own && t.main.CallsByName() {
		if faults := t.main.NameFaults(); len(faults) > 0 {
			return nil, gateway.Faultf(gateway.CodeInvalid, "the text cannot call members by name: %w", faults)
		}
		t.personal, t.data[templates.Name] = true, templates.Nameless
	}
	if err := t.main.CheckData(t.data); err != nil {
		return nil, gateway.Faultf(gateway.CodeInvalid, "the text cannot be filled in: %w", err)
	}
	t.zoned = t.zoned || t.main.Zoned(t.data)
	instead := templates.Pointer
	if b.Class == gateway.Account { // it has a neutral form
		instead = string(b.Kind) + templates.Neutral
		t.quiet = maps.Clone(t.data)
		delete(t.quiet, "group")
		delete(t.quiet, templates.Name)
	}
	t.instead = instead
	if t.pointer, err = neutral(instead); err == nil {
		err = t.pointer.CheckData(t.quiet)
	}
	if err != nil {
		return nil, gateway.Faultf(gateway.CodeInvalid, "the group's own text %q cannot be used: %w", instead, err)
	}
	return t, nil
}

// dataIn gives the values for a text in a language.
func (t *texts) dataIn(locale string) templates.Data {
	if t.topics == nil {
		return t.data
	}
	data := maps.Clone(t.data)
	data["topics"] = titles(t.group, t.topics, locale)
	return data
}

// titles gives what topics are called in a language. What is none of the group's is called as it stands.
func titles(g gateway.Group, topics []string, locale string) []string {
	all := slices.Clone(topics)
	for i, name := range topics {
		if at := slices.IndexFunc(g.Topics, func(t gateway.Topic) bool { return t.Name == name }); at >= 0 {
			t := g.Topics[at]
			all[i] = t.Called(templates.Nearest(locale, slices.Collect(maps.Keys(t.Titles))))
		}
	}
	return all
}

// chain lists the languages to try: hers, her fallbacks, the group's, the group's fallbacks, in this order.
func (t *texts) chain(locale string, fallback []string) []string {
	chain := make([]string, 0, 3+len(fallback)+len(t.group.Fallback))
	chain = append(chain, locale)
	chain = append(chain, fallback...)
	chain = append(chain, t.group.Locale)
	return append(chain, t.group.Fallback...)
}

// read gives the version for a reader; nil: the text is in none of her languages. It composes it if she is the first.
func (t *texts) read(locale string, fallback []string, zone string, neutral bool) *version {
	key := readingKey{locale: locale, neutral: neutral}
	if t.zoned && !neutral && zone != t.group.Zone {
		key.zone = zone
	}
	if len(fallback) > 0 {
		key.fallback = strings.Join(fallback, ",")
	}
	v, known := t.readings[key]
	if !known {
		if len(t.readings) >= keptReadings {
			clear(t.readings)
		}
		chain := t.chain(locale, fallback)
		if v = t.find(chain, t.placed(key.zone), neutral); v != nil && t.b.Sensitive && !neutral {
			v = t.pair(v, t.find(chain, t.home, true))
		}
		t.readings[key] = v
	}
	return v
}

// rewrite takes all versions for unwritten.
func (t *texts) rewrite() {
	for _, v := range t.versions {
		v.written = false
	}
}

// trim forgets all versions if they have become too many; those that are met again are composed and written again, which the
// ledger takes for what it has.
func (t *texts) trim() {
	if t.bytes > keptTexts {
		clear(t.readings)
		clear(t.versions)
		t.bytes = 0
	}
}

func (t *texts) find(chain []string, where place, neutral bool) *version {
	set := t.main
	if neutral {
		set = t.pointer
	}
	if neutral || t.shipped {
		chain = append(chain, lastResort)
	}
	reader := templates.Reader{Chain: chain, Zone: where.clock, Now: t.b.StartAt}
	result, err := set.Choose(reader)
	if err != nil {
		return nil
	}
	key := versionKey{where.of(result.Version()), neutral}
	if t.week != nil && !neutral {
		key.locale = subtags(key.locale, "week-"+strings.ToLower(t.weekStart(chain[0]).String()[:3]))
	}
	if customs, told := result.Customs(); !told && !neutral && (t.event != nil || t.week != nil || t.edition != nil) && customs != result.Locale {
		key.locale = subtags(key.locale, "as-"+strings.ToLower(customs)) // its pieces are written so
	}
	v := t.versions[key]
	if v == nil {
		v = &version{versionKey: key, plain: result.Locale, zone: where.name, fallback: result.Fallback, from: result, byKind: make([]composed, len(t.ways))}
		v.text = v
		var doc content.Document
		if neutral {
			doc, err = result.Render(reader, t.quiet)
		} else {
			doc, err = t.render(result, reader, t.dataIn(result.Locale))
		}
		if asks(t.b.Kind) {
			doc.Buttons = []content.Button{{Label: yesIn(result.Locale), Action: yesAction}}
		}
		t.refer(&doc)
		if !neutral && !t.shipped {
			for _, w := range t.ways {
				v.lacks = append(v.lacks, result.Shortfall(w.short))
			}
		}
		for i, w := range t.ways {
			if v.byKind[i].err = err; err == nil {
				v.byKind[i] = t.composeAsking(doc, w, key, neutral)
				t.count(&v.byKind[i])
			}
		}
		t.versions[key] = v
		if t.personal && !neutral && err == nil {
			t.call(v, result, reader, doc.Direction)
		}
		if !neutral && !t.b.Sensitive && t.b.Class != gateway.Account {
			v.spare = t.spare(v)
		}
	}
	return v
}

// count adds what a composed text takes.
func (t *texts) count(c *composed) {
	for _, raw := range c.rendering.Parts {
		t.bytes += 3 * len(raw) // it is kept as parts too
	}
}

// refer gives a document the reference by which a reader knows it again.
func (t *texts) refer(doc *content.Document) {
	if t.b.Class == gateway.LifeSafety || t.b.Class == gateway.Alert {
		doc.Reference = t.b.ID.Short() // these may come twice after doubt
	}
}

// errPublic says that a text is for one member, or for those only whom the group knows, and the channel is read by everybody. It
// is no fault of the text: whoever has another contact point gets it there.
var errPublic = errors.New("it is not for the public, and everybody can read what leaves over this channel")

// compose writes a document for one kind. An adapter that panics spoils this text on its own channel and nothing else.
func (t *texts) compose(doc content.Document, w way, key versionKey) (c composed) {
	defer func() {
		if r := recover(); r != nil {
			t.log.Error("an adapter met a defect while writing a text", "broadcast", t.b.ID, "channel", w.channel.Name, "error", gateway.DefectOf(r))
			c = composed{err: fmt.Errorf("the adapter %s met a defect while writing it; the log says where", w.channel.Adapter)}
		}
	}()
	if w.public && (key.neutral || t.b.Sensitive || t.b.Class == gateway.Account) {
		return composed{err: errPublic}
	}
	parts, err := w.adapter.Compose(doc)
	if err == nil && len(parts) == 0 {
		err = errors.New("nothing is left of it")
	}
	if err != nil {
		return composed{err: sayable(err)}
	}
	c.parts = parts
	c.rendering = gateway.Rendering{BroadcastID: t.b.ID, GroupID: t.b.GroupID, Locale: key.locale, Kind: w.kind, Neutral: key.neutral}
	for _, p := range parts {
		raw, err := json.Marshal(p)
		if err != nil {
			return composed{err: err}
		}
		c.rendering.Parts = append(c.rendering.Parts, raw)
		c.rendering.Cost += p.Cost
	}
	return c
}

// sayable is an adapter's error in words for the author, without its class and scope.
func sayable(err error) error {
	var e *channels.Error
	if errors.As(err, &e) && e.Detail != "" {
		return errors.New(e.Detail)
	}
	return err
}

// check composes every language for every kind, so that an author hears now what would fail later. It also sees to it
// that the group's own languages lead to a text: then everybody gets one.
func (t *texts) check() error {
	own := t.chain(t.group.Locale, nil)
	if t.find(own, t.home, false) == nil {
		left := ""
		for _, gap := range t.main.Gaps() {
			if gap.Placeholder != "" && t.main.LeftOut(gap.Locale) != nil {
				left += "; left out is " + gap.Error()
			}
		}
		return gateway.Faultf(gateway.CodeInvalid, "the text is in %s, and the group falls back to %s: members who read neither would get nothing; write it in one of the group's languages as well%s",
			strings.Join(t.main.Locales(), ", "), strings.Join(own[1:], ", "), left)
	}
	for _, locale := range t.main.Locales() {
		if err := t.checkVersion(t.find([]string{locale}, t.home, false), locale); err != nil {
			return err
		}
	}
	return t.checkVersion(t.find(own, t.home, true), "neutral")
}

func (t *texts) checkVersion(v *version, locale string) error {
	if v == nil {
		return nil
	}
	for i, c := range v.byKind {
		err := c.err
		if err == nil && c.named != nil {
			err = c.named.err
		}
		if err != nil && !errors.Is(err, errPublic) && (v.neutral || t.fit(i)) {
			return gateway.Faultf(gateway.CodeInvalid, "the text in %s cannot be sent over channel %s (%s): %w", locale, t.ways[i].channel.Name, t.ways[i].kind, err)
		}
	}
	return nil
}

// renderings gives what the ledger needs before the first delivery of a version, its pointer included; empty once it was
// asked for.
func (v *version) renderings() []gateway.Rendering {
	if v.written {
		return nil
	}
	v.written = true
	var all []gateway.Rendering
	for _, c := range v.byKind {
		if c.err == nil {
			all = append(all, c.rendering)
		}
		if c.named != nil {
			all = append(all, c.named.rendering)
		}
	}
	instead := cmp.Or(v.pointer, v.spare)
	if instead == nil {
		return all
	}
	for _, c := range instead.byKind {
		if c.err != nil {
			continue
		}
		all = append(all, c.rendering)
		if v.pointer != nil {
			plain := c.rendering
			plain.Neutral = false // see gateway.FullLocale
			all = append(all, plain)
		}
	}
	return all
}
