package report

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/gateway"
)

// Store is what a Desk keeps series in, and the ledger whose figures it tells.
type Store interface {
	gateway.Reports
	gateway.PublicEditions
	gateway.Corrections
	Tallies(ctx context.Context, group, broadcast gateway.ID) ([]gateway.Tally, error)
	Broadcast(ctx context.Context, group, id gateway.ID) (gateway.Broadcast, error)
	Charges(ctx context.Context, group, broadcast gateway.ID) ([]gateway.Charge, error)
	Schedules(ctx context.Context, group, after gateway.ID, limit int) ([]gateway.Schedule, error)
	Occurrences(ctx context.Context, group, schedule, before gateway.ID, limit int) ([]gateway.Occurrence, error)
	Alerts(ctx context.Context, group, before gateway.ID, limit int) ([]gateway.AlertCase, error)
	AlertEvents(ctx context.Context, group, alert gateway.ID, after, limit int) ([]gateway.AlertEvent, error)
}

// Publisher puts an edition into words.
type Publisher interface {
	// Edition checks what is sent, and stores nothing. A fault says what is wrong with it.
	Edition(ctx context.Context, t gateway.Telling) (*gateway.ReadyBroadcast, error)
	// Look has whoever plans broadcasts look for new ones at once.
	Look()
}

// Desk is what people do with series and editions. It is safe for concurrent use.
type Desk struct {
	Store
	publisher Publisher
	now       func() time.Time
}

// NewDesk makes a desk.
func NewDesk(store Store, publisher Publisher, now func() time.Time) *Desk {
	return &Desk{store, publisher, now}
}

const (
	tries      = 10        // how often a change is made that meets another
	lookedAt   = 50        // editions of a series that may be unfinished at once
	maxEntries = 20        // of one group in one section
	maxTitle   = 100       // characters
	maxText    = 2000      // characters of one text
	maxWhole   = 40 * 1024 // bytes of an edition in one language
)

var (
	named   = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$`)
	locales = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$`)

	errBusy = gateway.Faultf(gateway.CodeUnavailable, "others change this at the same time; try again")
)

// Check gives a series of a group as Put keeps it, or says what is wrong with it.
func Check(g gateway.Group, s gateway.Series) (gateway.Series, error) {
	if s.Approve == "" {
		s.Approve = gateway.ApprovePerson
	}
	var err error
	switch {
	case !named.MatchString(s.Name):
		err = gateway.Faultf(gateway.CodeInvalid, "name: use 2 to 40 of a-z, 0-9 and -, with a letter or digit first and last")
	case !line(s.Title, maxTitle):
		err = gateway.Faultf(gateway.CodeInvalid, "title: give the series a title of 1 to %d printable characters; members read it", maxTitle)
	case !slices.ContainsFunc(g.Topics, func(t gateway.Topic) bool { return t.Name == s.Topic }):
		err = gateway.Faultf(gateway.CodeInvalid, "topic: the group has no topic %q; name one that its members may subscribe to", s.Topic)
	case s.Approve != gateway.ApprovePerson && s.Approve != gateway.ApproveNone:
		err = gateway.Faultf(gateway.CodeInvalid, "approve: use person or none")
	case slices.ContainsFunc(s.Contributors, func(slug string) bool { return !named.MatchString(slug) }):
		err = gateway.Faultf(gateway.CodeInvalid, "contributors: name groups by their slugs")
	default:
		s.Indicators, err = checkIndicators(s.Indicators)
	}
	s.GroupID = g.ID
	return s, err
}

// Put makes a series, or changes the one with its name. An indicator without an address keeps the one that it has, and what
// was read of it if it is read from the same place still; addresses are asked soon.
func (d *Desk) Put(ctx context.Context, g gateway.Group, s gateway.Series) (done gateway.Series, created bool, err error) {
	if s, err = Check(g, s); err != nil {
		return s, false, err
	}
	said := s.Indicators
	for range tries {
		have, err := d.Series(ctx, g.ID, s.Name)
		created = errors.Is(err, gateway.ErrNotFound)
		if err != nil && !created {
			return s, false, err
		}
		s.ID, s.Revision, s.Next = have.ID, have.Revision, time.Time{}
		s.Indicators = gateway.KeepIndicators(said, have.Indicators)
		if slices.ContainsFunc(s.Indicators, func(i gateway.Indicator) bool { return i.URL != "" }) {
			s.Next = d.now().UTC()
		}
		done, err = d.PutSeries(ctx, s)
		if !errors.Is(err, gateway.ErrStale) && !(created && errors.Is(err, gateway.ErrConflict)) {
			return done, created, err
		}
	}
	return s, false, errBusy
}

// line says whether a text is one line of printable characters.
func line(s string, most int) bool {
	n := utf8.RuneCountInString(s)
	return n > 0 && n <= most && utf8.ValidString(s) && !slices.ContainsFunc([]rune(s), func(r rune) bool { return !unicode.IsPrint(r) })
}

// Contribute puts what a group says into the edition that is collecting, or begins the next one. What it has said under the
// same section and entry before is changed: languages that are not named stay, an empty text takes one away. It gives the
// edition's number and what is kept now; without any text, the entry is gone.
// A correction is written under its own number; zero is any other edition.
func (d *Desk) Contribute(ctx context.Context, owner gateway.Group, name string, correction int, c gateway.Contribution) (number int, kept gateway.Contribution, err error) {
	s, err := d.Series(ctx, owner.ID, name)
	if err != nil {
		return 0, c, err
	}
	if c.Group != owner.Slug && !slices.Contains(s.Contributors, c.Group) {
		return 0, c, gateway.Faultf(gateway.CodeNotFound, "there is no such series that this group may contribute to; ask the group that makes it to name yours")
	}
	if err := check(&c, owner.Slug); err != nil {
		return 0, c, err
	}
	c.At = d.now().UTC()
	for range tries {
		e, err := d.collecting(ctx, s, correction)
		if err != nil {
			return 0, c, err
		}
		if e.Corrects != 0 && c.Section != gateway.SectionSummary {
			return 0, c, gateway.Faultf(gateway.CodeInvalid, "section: a correction has a summary only")
		}
		if kept, err = lay(&e, c); err != nil {
			return 0, c, err
		}
		if _, err = d.PutEdition(ctx, e, nil); !errors.Is(err, gateway.ErrStale) && !errors.Is(err, gateway.ErrConflict) { // it may have been frozen meanwhile
			return e.Number, kept, err
		}
	}
	return 0, c, errBusy
}

func check(c *gateway.Contribution, owner string) error {
	if c.Entry == 0 {
		c.Entry = 1
	}
	if c.Credit == "" {
		c.Credit = gateway.CreditGroup
	}
	invalid := func(format string, args ...any) error { return gateway.Faultf(gateway.CodeInvalid, format, args...) }
	switch {
	case c.Section == gateway.SectionSummary && (c.Group != owner || c.Entry != 1):
		return invalid("section: the group that makes the series writes its summary, one for each edition")
	case c.Section != gateway.SectionSummary && !slices.Contains(gateway.Sections[:], c.Section):
		return invalid("section: use summary, progress, lessons, objections, credit or cost")
	case c.Entry < 1 || c.Entry > maxEntries:
		return invalid("entry: use 1 to %d", maxEntries)
	case c.Credit != gateway.CreditGroup && c.Credit != gateway.CreditName && c.Credit != gateway.CreditAnonymous:
		return invalid("credit: use group, name or anonymous")
	case c.Credit == gateway.CreditName && !line(c.Name, maxTitle):
		return invalid("name: say who is to be named, with at most %d printable characters; or choose the credit group or anonymous", maxTitle)
	case len(c.Texts) == 0:
		return invalid("texts: give the text in at least one language")
	}
	if c.Credit == gateway.CreditAnonymous {
		c.Name = ""
	}
	for locale, text := range c.Texts {
		if !locales.MatchString(locale) {
			return invalid("texts: %.40q is no language; use a BCP 47 tag such as en, pt-BR or zh-Hant", locale)
		}
		if n := utf8.RuneCountInString(text); n > maxText || len(text) > 4<<10 {
			return gateway.Faultf(gateway.CodeTooLong, "the text in %s has %d characters and %d bytes; %d and %d are the most", locale, n, len(text), maxText, 4<<10)
		}
		if !utf8.ValidString(text) || slices.ContainsFunc([]rune(text), hidden) {
			return invalid("the text in %s holds control characters or marks that reorder text: delete them", locale)
		}
	}
	return nil
}

// hidden says what no text may hold, as the renderer refuses it: better now than when the edition is to be sent.
func hidden(r rune) bool {
	return r != '\n' && unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// lay puts a contribution into an edition.
func lay(e *gateway.Edition, c gateway.Contribution) (gateway.Contribution, error) {
	e.Entries = slices.Clone(e.Entries)
	i := slices.IndexFunc(e.Entries, func(have gateway.Contribution) bool {
		return have.Group == c.Group && have.Section == c.Section && have.Entry == c.Entry
	})
	texts := map[string]string{}
	if i >= 0 {
		was := e.Entries[i]
		maps.Copy(texts, was.Texts)
		c.Others = slices.Clone(was.Others)
		if was.Token != c.Token && !slices.Contains(c.Others, was.Token) {
			c.Others = append(c.Others, was.Token)
		}
	}
	for locale, text := range c.Texts {
		if texts[locale] = text; text == "" {
			delete(texts, locale)
		}
	}
	c.Texts = texts
	switch {
	case i < 0 && len(texts) > 0:
		e.Entries = append(e.Entries, c)
	case i >= 0 && len(texts) > 0:
		e.Entries[i] = c
	case i >= 0:
		e.Entries = slices.Delete(e.Entries, i, i+1)
	}
	whole := 0
	for _, one := range e.Entries {
		longest := 0
		for _, text := range one.Texts {
			longest = max(longest, len(text))
		}
		whole += longest
	}
	if whole > maxWhole {
		return c, gateway.Faultf(gateway.CodeTooLong, "with this text the edition would have %d bytes in one language; %d is the most", whole, maxWhole)
	}
	return c, nil
}

// collecting gives a correction, or the oldest other edition to which groups contribute, or a new one that is not kept yet.
func (d *Desk) collecting(ctx context.Context, s gateway.Series, correction int) (gateway.Edition, error) {
	all, err := d.Editions(ctx, s.GroupID, s.ID, 0, lookedAt)
	if err != nil {
		return gateway.Edition{}, err
	}
	for _, e := range slices.Backward(all) {
		if e.State == gateway.EditionCollecting && (correction == 0 && e.Corrects == 0 || correction == e.Number && e.Corrects != 0) {
			return e, nil
		}
	}
	if correction != 0 {
		return gateway.Edition{}, gateway.Faultf(gateway.CodeConflict, "edition %d is no correction that can be written now", correction)
	}
	return fresh(s, all), nil
}

// fresh is the next edition of a series, of which all are the newest.
func fresh(s gateway.Series, all []gateway.Edition) gateway.Edition {
	e := gateway.Edition{GroupID: s.GroupID, SeriesID: s.ID, Number: 1, State: gateway.EditionCollecting}
	if len(all) > 0 {
		e.Number = all[0].Number + 1
	}
	return e
}

// Edition reads one by its number.
func (d *Desk) Edition(ctx context.Context, group gateway.ID, series string, number int) (gateway.Series, gateway.Edition, error) {
	s, err := d.Series(ctx, group, series)
	if err != nil {
		return s, gateway.Edition{}, err
	}
	all, err := d.Editions(ctx, group, s.ID, number+1, 1)
	if err == nil && (len(all) == 0 || all[0].Number != number) {
		err = gateway.Faultf(gateway.CodeNotFound, "the series %s has no edition %d", series, number)
	}
	if err != nil {
		return s, gateway.Edition{}, err
	}
	return s, all[0], nil
}

// put writes an edition after a step, and says what happened if somebody else was faster.
func (d *Desk) put(ctx context.Context, e gateway.Edition, send *gateway.ReadyBroadcast) (gateway.Edition, error) {
	done, err := d.PutEdition(ctx, e, send)
	if errors.Is(err, gateway.ErrStale) {
		err = &gateway.Fault{Code: gateway.CodeConflict, Text: fmt.Sprintf("somebody else has changed edition %d meanwhile; look at it again", e.Number), Err: gateway.ErrStale}
	}
	if err != nil {
		return e, fmt.Errorf("write edition %d: %w", e.Number, err)
	}
	return done, nil
}
