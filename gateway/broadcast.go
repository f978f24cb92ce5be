package gateway

import (
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Audience is the rule that says who is meant. All parts that are set must hold. The members of one group only.
type Audience struct {
	Topic       string     `json:"topic"`                 // subscribed, with consent, on at least one contact point
	Tags        []string   `json:"tags,omitempty"`        // has every one of them
	Locales     []string   `json:"locales,omitempty"`     // one of these languages
	Members     []ID       `json:"members,omitempty"`     // one of these, at most 1,000
	Unconfirmed bool       `json:"unconfirmed,omitempty"` // those who have not confirmed yet, at that address alone: account messages only
	Nth         int        `json:"nth,omitempty"`         // with Unconfirmed: at which of a member's contact points in order of id, from 0
	Told        ID         `json:"told,omitzero"`         // has, or may have, got a reminder of this event
	Had         []ID       `json:"had,omitempty"`         // one of these broadcasts has left for her: corrections only
	Not         ID         `json:"not,omitzero"`          // this broadcast was not for her: an edition that goes on after its correction only
	Unless      Announce   `json:"unless,omitzero"`       // not who has this reminder already, or gets it
	Alert       *AlertTold `json:"alert,omitempty"`       // the text of an alert has left for her, or may have: what ends it, and who took charge
	Avoid       ID         `json:"avoid,omitzero"`        // a channel that carries none of it: Carillon's own notices about that channel
	Point       ID         `json:"point,omitzero"`        // this contact point only, for account messages that answer what came from it; it may be stopped
	Kinds       []string   `json:"kinds,omitempty"`       // of contact point that it is planned for: steps of alerts only
	Only        bool       `json:"only,omitempty"`        // with Point: nor may it be stopped, nor does any other carry it later
}

// Reads reports whether the rule applies to who reads a locale, as far as languages go: with the digits and the calendar that
// she asks for, or without them.
func (a Audience) Reads(locale string) bool {
	plain, _, _ := strings.Cut(locale, "-u-") // BCP 47, as in fa-u-nu-latn
	return len(a.Locales) == 0 || slices.Contains(a.Locales, plain) || slices.Contains(a.Locales, locale)
}

// Names gives the member whose name the text says instead of its reader's; zero: it says no other's.
func (a Audience) Names() ID {
	if a.Alert == nil {
		return ID{}
	}
	return a.Alert.Names
}

// Broadcast is one message to one audience of one group. Its key makes it happen once.
type Broadcast struct {
	ID        ID             `json:"id"`
	GroupID   ID             `json:"group_id"`
	Key       string         `json:"key"` // unique in the group; 1 to 200 printable characters
	Kind      Kind           `json:"kind"`
	Class     Class          `json:"class"`
	Audience  Audience       `json:"audience"`
	Words     Words          `json:"-"`                   // sealed in the ledger
	Sensitive bool           `json:"sensitive,omitempty"` // leaves only as a pointer over channels that are not fit for it
	Personal  bool           `json:"-"`                   // has a text beside the one for all, with room for the member's name: see NamedLocale
	Author    string         `json:"author"`              // label of the token that sent it
	State     BroadcastState `json:"state"`
	Policy    Policy         `json:"-"` // frozen when submitted
	CreatedAt time.Time      `json:"created_at"`
	StartAt   time.Time      `json:"start_at"`
	ExpiresAt time.Time      `json:"expires_at"`
	LocalAt   civil.Wall     `json:"local_at,omitzero"`  // each member is told at this wall time of her own zone; ExpiresAt is then that of the last zone. Zero: all are told at StartAt
	LateFor   time.Duration  `json:"-"`                  // with LocalAt: whose time was over for longer when she was planned is not told
	Planned   int            `json:"planned"`            // deliveries written so far
	Cursor    ID             `json:"-"`                  // the last member planned; fan-out goes on behind her
	Replaced  bool           `json:"replaced,omitempty"` // what it says was corrected: it is stopped for good
	Refused   error          `json:"-"`                  // why it may not be stored if it is new; never kept
}

// CheckNew refuses a broadcast that may not be stored if it is new. A known key is answered before this is asked: a program
// that did not hear the answer may repeat its request late, when other members read other languages.
func (b Broadcast) CheckNew() error {
	if b.Refused != nil {
		return b.Refused
	}
	return b.CheckStart()
}

// skew is how far an author's clock may be behind ours.
const skew = time.Minute

// CheckStart refuses a start that was over before the broadcast was made.
func (b Broadcast) CheckStart() error {
	if b.CreatedAt.Sub(b.StartAt) <= skew {
		return nil
	}
	return Faultf(CodeInvalid, "the start (%s) is over already: it is %s now; give a time to come, or none to send at once",
		b.StartAt.UTC().Format(time.RFC3339), b.CreatedAt.UTC().Format(time.RFC3339))
}

// Words is what a broadcast says: for each locale the source of a template, and the data for its placeholders.
type Words struct {
	Sources map[string]string `json:"sources"` // locale → Markdown with front matter
	Data    map[string]string `json:"data,omitempty"`
	Ask     *AskWords         `json:"ask,omitempty"`   // of a message that asks for an answer; else nil
	Event   *EventWords       `json:"event,omitempty"` // of a message about an event; else nil
	Week    *WeekWords        `json:"-"`               // of a week ahead: only a schedule puts it there
	Alert   *AlertWords       `json:"-"`               // of an alert: only the engine puts it there
	Edition *EditionWords     `json:"-"`               // for the placeholders summary and sections: only a series' desk puts it there
}

// BroadcastState is how far a broadcast has come.
type BroadcastState string

// The states of a broadcast.
const (
	Planning BroadcastState = "planning" // fan-out is at work, or waits for StartAt
	Planned  BroadcastState = "planned"  // every delivery is in the ledger
	Stopped  BroadcastState = "stopped"  // nothing new leaves; may be resumed until it expires
)

// Rendering is the text of a broadcast for one locale and kind, cut into parts, frozen.
type Rendering struct {
	BroadcastID ID
	GroupID     ID
	Locale      string
	Kind        string   // of contact point
	Neutral     bool     // the pointer, or what else takes the place of the text
	Parts       [][]byte // each a JSON channels.Part; sealed in the ledger
	Cost        int      // of all parts together
}

// FullLocale is the locale under which the full text of a sensitive broadcast is kept. Under the plain one lies the
// pointer, for members in neutral mode and for others: who does not know of sensitive texts, such as a process of the
// release before during an upgrade, sends the pointer.
func FullLocale(locale string) string {
	if strings.Contains(locale, "-x-") {
		return locale + "-full"
	}
	return locale + "-x-full"
}

// NamedLocale is the locale under which a text lies that has room for the member's name. Under the one it is made of lies
// the text for whoever is not to be called by name; who knows of no names, such as a process of the release before during an
// upgrade, sends that one.
func NamedLocale(locale string) string {
	if strings.Contains(locale, "-x-") {
		return locale + namedMark
	}
	return locale + "-x" + namedMark
}

// NamelessLocale is the locale that NamedLocale was made of; others are given back as they are.
func NamelessLocale(locale string) string {
	return strings.TrimSuffix(strings.TrimSuffix(locale, namedMark), "-x")
}

const namedMark = "-named"

// Submission is the answer to submitting a broadcast.
type Submission struct {
	ID      ID   `json:"id"`
	Created bool `json:"created"` // false: the key was known, and nothing was recorded
}

// HandedIn is the answer to whoever hands in a broadcast.
type HandedIn struct {
	Submission
	Drafts []DraftText `json:"drafts,omitempty"` // what it may say although nobody has reviewed it
	// Pointers of a new sensitive text: who, by the channel that she prefers, gets only a pointer.
	Pointers []PointerCount `json:"pointers,omitempty"`
	// Release says that a second person is needed: it waits for her, or it went without her.
	Release *ReleaseNeed `json:"release,omitempty"`
}

// DraftText is a text that would be sent although nobody has reviewed it.
type DraftText struct {
	Name    string `json:"name,omitempty"` // of a shipped text or the group's wording in its place; empty: the text of the broadcast itself
	Locale  string `json:"locale"`
	Members int    `json:"members,omitempty"` // who would get it; a submission does not count them
}

// PointerCount counts the members who get a pointer instead of a sensitive text because a channel is not fit for it.
type PointerCount struct {
	ChannelID ID     `json:"channel_id"`
	Channel   string `json:"channel"`
	Kind      string `json:"kind"`
	Members   int    `json:"members"`
}

// Tally counts the deliveries of one broadcast in one state.
type Tally struct {
	ChannelID ID            `json:"channel_id"` // zero: had no channel
	State     DeliveryState `json:"state"`
	Reason    Reason        `json:"reason,omitempty"`
	Count     int           `json:"count"`
}
