package gateway

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Group is an autonomous part of the coalition. It owns its members, channels, words and schedules.
type Group struct {
	ID        ID           `json:"id"`
	Slug      string       `json:"slug"`               // a-z 0-9 -, 2 to 40 characters; unique on the instance
	Name      string       `json:"name"`               // as its members know it
	Locale    string       `json:"locale"`             // BCP 47; the language of members without one
	Fallback  []string     `json:"fallback,omitempty"` // languages to try after the member's own chain, in order
	Zone      string       `json:"zone"`               // IANA name
	Region    string       `json:"region,omitempty"`   // ISO 3166 country of numbers without a prefix
	Topics    []Topic      `json:"topics"`
	Floor     int          `json:"floor,omitempty"`      // smallest number shown to others; zero: 10
	Budget    *Budget      `json:"budget,omitempty"`     // caps of a month; nil: none
	Countries []string     `json:"countries,omitempty"`  // ISO 3166, to which text messages may go, of every class; none: to all
	Replies   *Replies     `json:"replies,omitempty"`    // its own about what members write; nil: none
	Release   *ReleaseRule `json:"release,omitempty"`    // what needs a second person; nil: nothing
	ClimbFrom []string     `json:"climb_from,omitempty"` // slugs of groups whose alerts may climb to this one's members; none: nobody's
}

// longName is from how many letters on a name is found inside longer words too: endings are attached to names in many
// languages, and no other word holds so much of one by chance.
const longName = 6

// NamedIn reports whether a text or its Markdown names the group, by its name or its slug: in any case, however it is
// broken into lines, marked up or encoded. Short names count as words of their own only, where the script sets words apart.
func (g Group) NamedIn(text string) bool {
	text = plainly(text)
	for _, name := range []string{plainly(g.Name), plainly(g.Slug)} {
		for from := 0; name != ""; {
			at := strings.Index(text[from:], name)
			if at < 0 {
				break
			}
			at += from
			from = at + len(name)
			before, _ := utf8.DecodeLastRuneInString(text[:at])
			after, _ := utf8.DecodeRuneInString(text[from:])
			first, _ := utf8.DecodeRuneInString(name)
			last, _ := utf8.DecodeLastRuneInString(name)
			if utf8.RuneCountInString(name) >= longName || !oneWord(before, first) && !oneWord(last, after) {
				return true
			}
		}
	}
	return false
}

// oneWord reports whether two letters side by side belong to one word. In scripts without blanks between words, and in those
// that write small words onto others, nobody can tell: there they do not.
func oneWord(a, b rune) bool {
	inWord := func(r rune) bool {
		return unicode.IsDigit(r) || unicode.IsLetter(r) && (r < 0x80 || unicode.In(r, unicode.Latin, unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Georgian))
	}
	return inWord(a) && inWord(b)
}

// plainly writes a text so that what reads the same is the same: small letters, one form for each character (Unicode's
// NFKC), single blanks, and nothing that is invisible or marks up.
func plainly(text string) string {
	text = norm.NFKC.String(strings.ToLower(norm.NFKC.String(text)))
	text = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || strings.ContainsRune("*_`\\", r) {
			return -1
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// Allows reports whether messages may go to an address of a country; kinds without countries have none.
func (g Group) Allows(country string) bool {
	return country == "" || len(g.Countries) == 0 || slices.Contains(g.Countries, country)
}

// Topic is what a member may subscribe to. A group has at most 62.
type Topic struct {
	Name  string `json:"name"`            // a-z 0-9 -, 2 to 40 characters
	Title string `json:"title,omitempty"` // what members read; empty: Name
	// Titles are what those read instead who read a text or a page in these languages, by locale; at most MaxTopicTitles.
	Titles map[string]string `json:"titles,omitempty"`
	// Leads say how long before its events people are reminded, as in 1w, 1d@18:00 or 2h. Nil: DefaultLeads of package
	// scheduler; none: not at all.
	Leads []string `json:"leads,omitzero"`
}

// TopicsOf gives those of some names that are topics of the group, in its order.
func (g Group) TopicsOf(names []string) []string {
	has := make([]string, 0, len(names))
	for _, t := range g.Topics {
		if slices.Contains(names, t.Name) {
			has = append(has, t.Name)
		}
	}
	return has
}

// Called is what a topic is called under a locale of its Titles; under any other it is its title, or its name.
func (t Topic) Called(locale string) string { return cmp.Or(t.Titles[locale], t.Title, t.Name) }

// MaxTopicTitles is in how many languages besides a topic may have a title.
const MaxTopicTitles = 50

// MaxTopics is the largest number of topics of a group: a contact point's subscriptions are kept as bits.
const MaxTopics = 62

// Member is a person, under a pseudonymous id.
type Member struct {
	ID          ID             `json:"id"`
	GroupID     ID             `json:"group_id"`
	Ref         Private        `json:"ref,omitempty"`  // the group's own pseudonym for her; unique in the group
	Name        Private        `json:"name,omitempty"` //
	Locale      string         `json:"locale"`         // BCP 47
	Fallback    []string       `json:"fallback,omitempty"`
	Zone        string         `json:"zone"`                  // IANA name
	Neutral     bool           `json:"neutral,omitempty"`     // no group name, a pointer instead of the text
	Quiet       string         `json:"quiet,omitempty"`       // when she is not to be disturbed, as ParseQuiet reads it; of an import, empty: as it was, NoQuiet: never
	Leads       string         `json:"leads,omitempty"`       // when she is reminded of events, as ParseLeads reads it; empty: as her group says; of an import, empty: as it was, DefaultRules: as her group says
	PausedUntil time.Time      `json:"paused_until,omitzero"` // she gets no reports and no reminders until then; Endless: until she says so
	Own         Own            `json:"-"`                     // what of this she decided herself, so that no import changes it
	Tags        []string       `json:"tags,omitempty"`
	Points      []ContactPoint `json:"points"` // in the order she prefers
	CreatedAt   time.Time      `json:"created_at"`
}

// ContactPoint is one address of a member.
type ContactPoint struct {
	ID      ID         `json:"id"`
	Kind    string     `json:"kind"`    // "sms", "telegram", …
	Address Private    `json:"address"` // canonical
	State   PointState `json:"state"`
	Topics  []string   `json:"topics"`            // with consent
	Country string     `json:"country,omitempty"` // of the address, as the ledger derived it: ISO 3166, or ZZ if nobody can tell; empty for kinds without countries
	Note    string     `json:"note,omitempty"`    // why it is in this state; safe to show
	Shared  bool       `json:"shared,omitempty"`  // other members of the group have this address too
}

// PointState is the consent and health of a contact point.
type PointState string

// The states of a contact point.
const (
	PointActive      PointState = "active"
	PointUnconfirmed PointState = "unconfirmed" // no evidence of consent: she can only be asked to confirm
	PointStopped     PointState = "stopped"     // the person said STOP; only she can undo it
	PointGone        PointState = "gone"        // the provider says that she blocked us or left
	PointInvalid     PointState = "invalid"     // the provider says that the address is no good
	PointProving     PointState = "proving"     // she is adding it: it can be sent a code to prove it, and nothing else
	PointStale       PointState = "stale"       // a telephone number that may have a new owner: see KeepConfirmed
)

// Consent is one piece of evidence, kept for ever and never changed.
type Consent struct {
	ID       ID        `json:"id"`
	GroupID  ID        `json:"group_id"`
	MemberID ID        `json:"member_id"`
	PointID  ID        `json:"point_id"`
	Topic    string    `json:"topic"`
	Granted  bool      `json:"granted"`
	Wording  string    `json:"wording"` // version of the words she agreed to
	Locale   string    `json:"locale"`  // language of those words
	At       time.Time `json:"at"`
	Proof    Private   `json:"proof"`  // how it is known: paper form, web form, her message …
	Source   string    `json:"source"` // import, member, provider, administrator; wish: how she is written to, not whether
}

// Channel is one configured adapter with its owner.
type Channel struct {
	ID      ID              `json:"id"`
	GroupID ID              `json:"group_id"` // zero: the operator's
	Name    string          `json:"name"`     // a-z 0-9 -, unique on the instance
	Adapter string          `json:"adapter"`
	Kind    string          `json:"kind"`              // of contact points it reaches
	Groups  []string        `json:"groups"`            // for an operator's channel: slugs of the groups that may use it; empty: all
	Options json.RawMessage `json:"-"`                 // with secrets in clear; sealed in the ledger, never shown
	Senders int             `json:"senders,omitempty"` // how many send at once; zero: the default
	// Sensitive: its adapter says that it is fit for texts marked sensitive; over others they leave as a pointer.
	Sensitive bool          `json:"sensitive,omitempty"`
	Trip      Trip          `json:"trip,omitzero"`
	Health    ChannelHealth `json:"health"`
	// ReplacedBy is the channel in whose favour nothing new is planned over this one; zero: none. Only read.
	ReplacedBy ID `json:"replaced_by,omitzero"`
	// Incident is the open one; only read.
	Incident *Incident `json:"incident,omitempty"`
	// Gap is what of the last seven days may not have been heard; only read.
	Gap *HearingGap `json:"gap,omitempty"`
}

// ChannelHealth is what stands between a channel and sending.
type ChannelHealth struct {
	Paused      PauseKind `json:"paused,omitempty"`
	RoutineOnly bool      `json:"routine_only,omitempty"` // with a manual pause: alerts and account messages go on
	PausedUntil time.Time `json:"paused_until,omitzero"`  // zero with a pause: until someone or a Check lifts it
	Code        string    `json:"code,omitempty"`         // the provider's, verbatim
	Detail      string    `json:"detail,omitempty"`       // safe to show
	Since       time.Time `json:"since,omitzero"`
}

// PauseKind says who paused a channel and what lifts it.
type PauseKind string

// The kinds of pause.
const (
	NotPaused      PauseKind = ""
	PauseManual    PauseKind = "manual"    // a coordinator; lifted by one
	PauseThrottled PauseKind = "throttled" // the provider; lifted by time
	PauseAuth      PauseKind = "auth"      // credentials refused; lifted by a passing Check
	PauseUntried   PauseKind = "untried"   // its provider could not be asked when it was set up; lifted by a passing Check
)

// UntilCheck says whether a passing Check of the channel lifts it.
func (k PauseKind) UntilCheck() bool { return k == PauseAuth || k == PauseUntried }
