package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Limits of a row's cells, in characters, and of lists, in entries.
const (
	maxRef       = 100
	maxTag       = 40
	maxTags      = 32
	maxWording   = 100
	maxProof     = 2000
	maxAddresses = 20
)

// reader turns rows into members of one group. It remembers what recurs in every row: languages, zones, lists.
type reader struct {
	d       *Directory
	group   gateway.Group
	imp     gateway.ID
	now     time.Time
	columns []column
	topics  map[string]bool
	locales map[string]string // as written → canonical; empty: none
	zones   map[string]*time.Location
	lists   map[string][]string

	calendars []string // that quiet hours may name
}

func (d *Directory) newReader(ctx context.Context, g gateway.Group, imp gateway.ID, columns []column) (*reader, error) {
	r := &reader{
		d: d, group: g, imp: imp, now: d.Now(), columns: columns,
		topics: map[string]bool{}, locales: map[string]string{}, zones: map[string]*time.Location{}, lists: map[string][]string{},
	}
	for _, t := range g.Topics {
		r.topics[t.Name] = true
	}
	if d.Calendars == nil {
		return r, nil
	}
	calendars, err := d.Calendars(ctx, g.ID)
	if err != nil {
		return nil, fmt.Errorf("read the group's calendars: %w", err)
	}
	for i := range calendars {
		r.calendars = append(r.calendars, calendars[i].Name)
	}
	return r, nil
}

// row is one row while it is read.
type row struct {
	*reader
	line        int
	m           gateway.Member
	order       []string
	evidence    evidence
	problems    []gateway.ImportProblem
	neutralSaid bool         // whether she is in neutral mode
	keeps       gateway.Kept // what the row does not say
}

// evidence is what the consent columns of a row say.
type evidence struct {
	topics, kinds          []string
	wording, locale, proof string
	time                   string
	given                  int // how many of the five columns are filled
}

func (r *row) flaw(column string, flaw gateway.ImportFlaw, format string, args ...any) {
	p := flawed(column, flaw, fmt.Sprintf(format, args...))
	p.Line = r.line
	r.problems = append(r.problems, p)
}

// read gives the member of a row, or what is wrong with it.
func (r *reader) read(line int, fields []string) (gateway.StagedMember, []gateway.ImportProblem) {
	w := row{reader: r, line: line}
	w.keeps = gateway.Kept{Locale: true, Fallback: true, Zone: true, Tags: true}
	w.m = gateway.Member{ID: gateway.NewID(), GroupID: r.group.ID, Locale: r.group.Locale, Zone: r.group.Zone, CreatedAt: r.now}
	if n := len(fields); n < len(r.columns) || strings.Join(fields[len(r.columns):], "") != "" {
		w.flaw("", gateway.FlawFields, "the row has %d fields and the header has %d; a separator is missing or too many, or a field that holds one is not in quotation marks", n, len(r.columns))
		return gateway.StagedMember{}, w.problems
	}
	for i, c := range r.columns {
		if cell := strings.TrimSpace(fields[i]); cell != "" && c.field != ignored {
			w.cell(c, cell)
		}
	}
	if len(w.problems) == 0 && w.m.Ref == "" && len(w.m.Points) == 0 {
		w.flaw("", gateway.FlawNobody, "the row has neither a ref nor an address; give one, or delete the row")
	}
	w.sortPoints()
	staged := gateway.StagedMember{Line: line, Consents: w.consents(), Member: w.m, KeepsNeutral: !w.neutralSaid, Keeps: w.keeps}
	return staged, w.problems
}

func (r *row) cell(c column, cell string) {
	if strings.ContainsFunc(cell, misleads) && (c.field != fieldProof || strings.ContainsFunc(cell, isOddControl)) {
		r.flaw(c.title, gateway.FlawControl, "the field holds control characters, such as a line break within it, or marks that reorder text; leave them out")
		return
	}
	switch c.field {
	case fieldRef:
		r.m.Ref = gateway.Private(r.text(c, cell, maxRef))
	case fieldName:
		r.m.Name = gateway.Private(r.text(c, cell, maxName))
	case fieldLanguage:
		r.keeps.Locale = false
		r.m.Locale = r.locale(c, cell)
	case fieldFallback:
		if r.keeps.Fallback = false; strings.EqualFold(cell, nothing) {
			return
		}
		for _, l := range r.list(cell) {
			r.m.Fallback = append(r.m.Fallback, r.locale(c, l))
		}
		if len(r.m.Fallback) > maxFallback {
			r.flaw(c.title, gateway.FlawTooLong, "more than %d languages; leave some out", maxFallback)
		}
	case fieldZone:
		r.keeps.Zone = false
		if r.zone(cell) == nil {
			r.flaw(c.title, gateway.FlawZone, "this is no time zone; use an IANA name such as Europe/Berlin or America/La_Paz")
		} else {
			r.m.Zone = cell
		}
	case fieldNeutral:
		r.neutral(c, cell)
	case fieldQuiet:
		r.quiet(c, cell)
	case fieldLeads:
		r.leads(c, cell)
	case fieldTags:
		r.tags(c, cell)
	case fieldOrder:
		r.order = r.kinds(c, cell)
	case fieldTopics:
		r.evidence.given++
		r.evidence.topics = r.list(cell)
		for _, t := range r.evidence.topics {
			if !r.topics[t] {
				r.flaw(c.title, gateway.FlawTopic, "a topic is not known in this group; its topics are %s", strings.Join(r.topicNames(), ", "))
				break
			}
		}
	case fieldWording:
		r.evidence.given++
		r.evidence.wording = r.text(c, cell, maxWording)
	case fieldConsentLanguage:
		r.evidence.given++
		r.evidence.locale = r.locale(c, cell)
	case fieldConsentTime:
		r.evidence.given++
		r.evidence.time = cell
	case fieldProof:
		r.evidence.given++
		r.evidence.proof = r.text(c, cell, maxProof)
	case fieldConsentKinds:
		r.evidence.kinds = r.kinds(c, cell)
	case fieldAddress:
		for _, raw := range strings.Split(cell, "|") {
			if raw = strings.TrimSpace(raw); raw != "" {
				r.address(c, raw)
			}
		}
	}
}

// isOddControl reports what not even a text of several lines may hold.
func isOddControl(c rune) bool { return misleads(c) && c != '\n' && c != '\t' }

func (r *row) text(c column, cell string, max int) string {
	if len(cell) > max && len([]rune(cell)) > max {
		r.flaw(c.title, gateway.FlawTooLong, "the field is longer than %d characters; shorten it", max)
	}
	return cell
}

func (r *row) locale(c column, cell string) string {
	if strings.EqualFold(cell, "kr") { // the one code of a country that stands beside those of meant and is a language's too
		r.flaw(c.title, gateway.FlawLanguage, "kr is Kanuri, and the country Korea; did you mean ko? For Kanuri write kr-NG")
		return ""
	}
	tag, known := r.locales[cell]
	if !known {
		tag, _ = canonicalLocale(cell)
		remember(r.locales, cell, tag)
	}
	if tag == "" {
		text := "this is no language; use a BCP 47 tag such as en, pt-BR or zh-Hant"
		if locale := meant[strings.ToLower(strings.TrimSpace(cell))]; locale != "" {
			text = "this is no language; did you mean " + locale + "?"
		}
		r.flaw(c.title, gateway.FlawLanguage, "%s", text)
	}
	return tag
}

func (r *row) zone(cell string) *time.Location {
	loc, known := r.zones[cell]
	if !known {
		loc, _ = civil.Zone(cell)
		remember(r.zones, cell, loc)
	}
	return loc
}

func (r *row) neutral(c column, cell string) {
	r.neutralSaid = true
	switch strings.ToLower(cell) {
	case "yes", "true", "1", "x", "y":
		r.m.Neutral = true
	case "no", "false", "0", "n":
	default:
		r.flaw(c.title, gateway.FlawValue, "write yes or no, or leave the field empty")
	}
}

func (r *row) quiet(c column, cell string) {
	if strings.EqualFold(cell, gateway.NoQuiet) {
		r.m.Quiet = gateway.NoQuiet
		return
	}
	q, err := gateway.ParseQuiet(cell)
	for _, name := range q.Calendars() {
		if !slices.Contains(r.calendars, name) {
			r.flaw(c.title, gateway.FlawValue, "a calendar is named that the group does not have; its calendars are: %s", strings.Join(r.calendars, ", "))
		}
	}
	if r.m.Quiet = q.String(); err != nil || r.m.Quiet == "" {
		r.flaw(c.title, gateway.FlawValue, "these are no quiet hours, or they leave no time at all; write 22:00-07:00, or sat,sun 20:00-10:00; 2026-12-25; reports 20:00-17:00; alerts wait; or none")
	}
}

func (r *row) leads(c column, cell string) {
	if strings.EqualFold(cell, gateway.DefaultRules) {
		r.m.Leads = gateway.DefaultRules
		return
	}
	rules, err := gateway.ParseLeads(cell)
	if r.m.Leads = rules.String(); err != nil || r.m.Leads == "" {
		r.flaw(c.title, gateway.FlawValue, "these are no lead times; write 2h or 1d@18:00, 2h; meetings 1w; kitchen none; or default")
		return
	}
	for topic := range rules {
		if topic != "" && !r.topics[topic] {
			r.flaw(c.title, gateway.FlawTopic, "a topic is not known in this group; its topics are %s", strings.Join(r.topicNames(), ", "))
		}
	}
}

// nothing is the field that takes away what she has.
const nothing = "none"

func (r *row) tags(c column, cell string) {
	if r.keeps.Tags = false; strings.EqualFold(cell, nothing) {
		return
	}
	r.m.Tags = r.list(cell)
	if len(r.m.Tags) > maxTags {
		r.flaw(c.title, gateway.FlawTag, "more than %d tags; leave some out", maxTags)
	}
	for _, t := range r.m.Tags {
		if len([]rune(t)) > maxTag {
			r.flaw(c.title, gateway.FlawTag, "a tag is longer than %d characters; shorten it", maxTag)
		}
	}
}

// kinds reads a list of kinds of contact point.
func (r *row) kinds(c column, cell string) []string {
	kinds := r.list(strings.ToLower(cell))
	for _, k := range kinds {
		if known := r.d.Kinds(r.group.ID); !slices.Contains(known, k) {
			r.flaw(c.title, gateway.FlawValue, "a kind of contact point is not known here; the kinds are %s", strings.Join(known, ", "))
			return nil
		}
	}
	return kinds
}

func (r *row) address(c column, raw string) {
	if len(r.m.Points) == maxAddresses {
		r.flaw(c.title, gateway.FlawAddress, "the row has more than %d addresses; leave some out", maxAddresses)
		return
	}
	address, err := r.d.Parse(r.group.ID, c.kind, r.group.Region, raw)
	if err != nil {
		r.flaw(c.title, gateway.FlawAddress, "the address cannot be read: %s", unquoted(err, raw))
		return
	}
	for _, p := range r.m.Points {
		if p.Kind == c.kind && p.Address.Reveal() == address.Reveal() {
			r.flaw(c.title, gateway.FlawAddress, "the row gives this address twice; leave one out")
			return
		}
	}
	r.m.Points = append(r.m.Points, gateway.ContactPoint{
		ID: gateway.NewID(), Kind: c.kind, Address: gateway.Private(address.Reveal()), State: gateway.PointUnconfirmed,
	})
}

// unquoted is what an adapter says of an address, without the address.
func unquoted(err error, raw string) string {
	said := err.Error()
	for _, form := range []string{fmt.Sprintf("%q", raw), raw, strings.TrimSpace(raw)} {
		if form != "" {
			said = strings.ReplaceAll(said, form, "it")
		}
	}
	return said
}

// sortPoints puts the contact points in the member's order: the kinds she names first, then as the columns come.
func (r *row) sortPoints() {
	rank := func(p gateway.ContactPoint) int {
		if i := slices.Index(r.order, p.Kind); i >= 0 {
			return i
		}
		return len(r.order)
	}
	slices.SortStableFunc(r.m.Points, func(a, b gateway.ContactPoint) int { return rank(a) - rank(b) })
}

// consents gives the evidence of a row and makes the points that it covers active. Without any, they stay unconfirmed.
func (r *row) consents() []gateway.Consent {
	e := r.evidence
	if e.given == 0 {
		return nil
	}
	if e.given < 5 {
		r.flaw(r.firstConsentColumn(), gateway.FlawConsent, "the evidence of consent is incomplete; fill consent_topics, consent_wording, consent_language, consent_time and consent_proof, or leave all five empty and have the member asked to confirm")
		return nil
	}
	at, ok := r.consentTime(e.time)
	if !ok {
		r.flaw(r.titleOf(fieldConsentTime), gateway.FlawConsent, "this is no time of consent; write 2026-01-31, 2026-01-31 18:30 (both in the member's zone) or 2026-01-31T18:30:00Z")
		return nil
	}
	if at.After(r.now.Add(24*time.Hour)) || at.Year() < 1970 {
		r.flaw(r.titleOf(fieldConsentTime), gateway.FlawConsent, "consent cannot have been given then; correct the date")
		return nil
	}
	if len(r.problems) > 0 {
		return nil
	}
	var all []gateway.Consent
	for i := range r.m.Points {
		p := &r.m.Points[i]
		if len(e.kinds) > 0 && !slices.Contains(e.kinds, p.Kind) {
			continue
		}
		p.State, p.Topics = gateway.PointActive, e.topics
		for _, topic := range e.topics {
			all = append(all, gateway.Consent{
				ID: gateway.NewID(), GroupID: r.group.ID, MemberID: r.m.ID, PointID: p.ID, Topic: topic, Granted: true,
				Wording: e.wording, Locale: e.locale, At: at, Proof: gateway.Private(e.proof), Source: "import",
			})
		}
	}
	return all
}

// consentTime reads a time with its offset, or a time or date of the member's own clock.
func (r *row) consentTime(s string) (time.Time, bool) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), true
	}
	loc := r.zone(r.m.Zone)
	if loc == nil {
		loc = time.UTC
	}
	for _, form := range []string{"2006-01-02", "2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.ParseInLocation(form, s, loc); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

func (r *row) titleOf(f field) string {
	for _, c := range r.columns {
		if c.field == f {
			return c.title
		}
	}
	return ""
}

func (r *row) firstConsentColumn() string {
	for _, f := range []field{fieldTopics, fieldWording, fieldConsentLanguage, fieldConsentTime, fieldProof} {
		if title := r.titleOf(f); title != "" {
			return title
		}
	}
	return ""
}

func (r *row) topicNames() []string {
	names := make([]string, len(r.group.Topics))
	for i, t := range r.group.Topics {
		names[i] = t.Name
	}
	return names
}

// list reads words parted by spaces, bars, commas or semicolons; each counts once. The result is shared: do not change it.
func (r *row) list(cell string) []string {
	if l, ok := r.lists[cell]; ok {
		return l
	}
	words := strings.FieldsFunc(cell, func(c rune) bool { return c == '|' || c == ',' || c == ';' || unicode.IsSpace(c) })
	var once []string
	for _, w := range words {
		if !slices.Contains(once, w) {
			once = append(once, w)
		}
	}
	remember(r.lists, cell, once)
	return once
}

// remember keeps what recurs, but not without bound: a file may give every row values of its own.
func remember[V any](m map[string]V, key string, v V) {
	if len(m) < 10_000 {
		m[strings.Clone(key)] = v
	}
}

// meant is what people write in a list instead of a language's code, in small letters: the code of a country, or the language's name
// in English.
var meant = map[string]string{
	"arabic": "ar", "burmese": "my", "chinese": "zh-Hans or zh-Hant", "cn": "zh-Hans or zh-Hant", "cz": "cs", "czech": "cs", "danish": "da",
	"dk": "da", "english": "en", "french": "fr", "german": "de", "gr": "el", "greek": "el", "hindi": "hi",
	"japanese": "ja", "jp": "ja", "korean": "ko", "persian": "fa", "farsi": "fa", "portuguese": "pt or pt-BR", "russian": "ru",
	"spanish": "es", "swahili": "sw", "turkish": "tr", "ua": "uk", "ukrainian": "uk",
}
