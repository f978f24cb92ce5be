package gateway

import (
	"time"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Draft is a broadcast as its author hands it in. Everything is checked before anything is stored.
type Draft struct {
	Group        ID        `json:"-"`
	Key          string    `json:"key,omitempty"` // 1 to 200 printable characters; empty: one is made, so that nothing is recognised as a repetition
	Kind         Kind      `json:"kind"`
	DangerToLife bool      `json:"danger_to_life,omitempty"` // alerts only
	Audience     Audience  `json:"audience"`
	Words        Words     `json:"words"`
	Sensitive    bool      `json:"sensitive,omitempty"`
	Fallback     *bool     `json:"fallback,omitempty"`    // send although some lack their language, a placeholder or a plural form; nil: as FallsBack says
	StartAt      time.Time `json:"start_at,omitzero"`     // zero: at once
	ExpiresAt    time.Time `json:"expires_at,omitzero"`   // zero: the class's time after the start
	Author       string    `json:"-"`                     // label of the token
	Token        ID        `json:"-"`                     // the token
	Glass        string    `json:"break_glass,omitempty"` // of an alert about danger to life: why it goes without the second person that it needs

	LocalAt civil.Wall    `json:"-"` // of Broadcast, for runs of schedules; StartAt and ExpiresAt are then left out
	LateFor time.Duration `json:"-"`
}

// FallsBack reports whether a draft is sent although something is missing in its text. If its author does not say, an alert
// is, for nobody in danger is to hear nothing because others would not be told in their language; a report or reminder
// is not (docs/adr/0031).
func (d Draft) FallsBack() bool {
	if d.Fallback != nil {
		return *d.Fallback
	}
	return d.Kind == KindAlert
}

// Missing is something that a text lacks, and how many of those who would be told it concerns. A language is missing for
// its readers only; a placeholder or plural form is missing in the text whether or not anybody reads it now.
type Missing struct {
	What    MissingKind `json:"what"`
	Locale  string      `json:"locale"`           // that is missing, or that lacks the placeholder or form
	Gets    string      `json:"gets,omitempty"`   // what its readers would get instead; empty for a plural form, and where a part of the text would be left out
	Detail  string      `json:"detail"`           // in words
	Repair  string      `json:"repair"`           //
	Line    int         `json:"line,omitempty"`   // of a plural form: in LOCALE.md, from 1
	Column  int         `json:"column,omitempty"` // in characters, from 1
	Members int         `json:"members"`
}

// MissingKind is what is missing.
type MissingKind string

// The kinds of what may be missing.
const (
	MissingLanguage    MissingKind = "language"
	MissingPlaceholder MissingKind = "placeholder"
	MissingPlural      MissingKind = "plural"
)

// Preview says what a draft would do, without doing it. It holds no address and no name.
type Preview struct {
	Members   int               `json:"members"` // meant: the rule applies to them and they consented to the topic
	Reached   int               `json:"reached"` // of these, how many have a way to be told
	Cost      int               `json:"cost"`    // units of all channels together; for text messages, segments
	Languages []PreviewLanguage `json:"languages"`
	Channels  []PreviewChannel  `json:"channels"`
	LeftOut   []PreviewLeftOut  `json:"left_out"`
	Texts     []PreviewText     `json:"texts"`
	Drafts    []DraftText       `json:"drafts"`             // texts that nobody has reviewed; they are sent all the same
	Missing   []Missing         `json:"missing"`            // those whom it concerns most first; what is sent without a fallback is refused for it
	Pointers  []PointerCount    `json:"pointers,omitempty"` // of a sensitive text: who gets only a pointer because of the channel
	Quiet     []PreviewQuiet    `json:"quiet,omitempty"`    // of those who are reached: who waits for the end of her quiet hours, the first end first
	Release   *ReleaseNeed      `json:"release,omitempty"`  // a second person is needed
	Examples  []PreviewExample  `json:"examples"`           // the first few who would be reached
	Costs     []PreviewCost     `json:"costs"`              // of everything that has a price or a country
	Total     Total             `json:"total"`              // of Costs
}

// PreviewQuiet counts the members whose quiet hours end at one time.
type PreviewQuiet struct {
	Until   time.Time `json:"until"`
	Members int       `json:"members"`
}

// PreviewLanguage counts the members who want one language and get one.
type PreviewLanguage struct {
	Wants    string `json:"wants"`
	Gets     string `json:"gets"`
	Fallback bool   `json:"fallback,omitempty"` // not her language: she is shown its tag
	Members  int    `json:"members"`
}

// PreviewChannel counts what one channel would carry.
type PreviewChannel struct {
	ChannelID ID     `json:"channel_id"`
	Channel   string `json:"channel"`
	Kind      string `json:"kind"`
	Members   int    `json:"members"`
	Parts     int    `json:"parts"` // provider messages
	Cost      int    `json:"cost"`  // for text messages, segments
}

// PreviewCost counts what one channel would carry to one country in one language.
type PreviewCost struct {
	Locale  string `json:"locale"` // of the text
	Channel string `json:"channel"`
	Kind    string `json:"kind"`
	Country string `json:"country,omitempty"` // ZZ: nobody can tell
	Members int    `json:"members"`
	Charge
}

// PreviewLeftOut counts the members who would get nothing, for one reason.
type PreviewLeftOut struct {
	Why     string `json:"why"`
	Meant   bool   `json:"meant"` // true: counted among Members, shown as suppressed; false: she did not consent, so she is not meant
	Members int    `json:"members"`
}

// PreviewText is the text that some members would get, exactly as it would be sent.
type PreviewText struct {
	Locale  string   `json:"locale"`
	Zone    string   `json:"zone,omitempty"` // by whose clock it tells times; empty: the group's, or it tells none
	Kind    string   `json:"kind"`
	Neutral bool     `json:"neutral,omitempty"` // a pointer instead of the text
	Name    string   `json:"name,omitempty"`    // it calls each of its readers by hers, in the place of this one; empty: by none
	Parts   []string `json:"parts"`
	Cost    int      `json:"cost"`            // of all parts; for text messages, segments. With the dearest name, if there is one
	Least   int      `json:"least,omitempty"` // with a short name, if that is fewer
	Members int      `json:"members"`

	Encoding  string        `json:"encoding,omitempty"`  // of text messages: GSM-7 or UCS-2
	Units     int           `json:"units,omitempty"`     // septets of GSM-7, 16-bit units of UCS-2
	Offending []PreviewSign `json:"offending,omitempty"` // the characters that force UCS-2, in order of appearance
	Smart     int           `json:"smart,omitempty"`     // segments with plain signs for typographic ones, if that is fewer
}

// PreviewSign is a character that makes a text message longer.
type PreviewSign struct {
	Text    string `json:"text"`
	Instead string `json:"instead,omitempty"` // what says the same in GSM-7; empty: nothing does
}

// PreviewExample is one member who would be reached, under her pseudonym.
type PreviewExample struct {
	MemberID ID     `json:"member_id"`
	Locale   string `json:"locale"`
	Kind     string `json:"kind"`
	Channel  string `json:"channel"`
}
