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
	StartAt      time.Time `json:"start_at,omitzero"`   // zero: at once
	ExpiresAt    time.Time `json:"expires_at,omitzero"` // zero: the class's time after the start
	Author       string    `json:"-"`                   // label of the token

	LocalAt civil.Wall    `json:"-"` // of Broadcast, for runs of schedules; StartAt and ExpiresAt are then left out
	LateFor time.Duration `json:"-"`
}

// Preview says what a draft would do, without doing it. It holds no address and no name.
type Preview struct {
	Members   int               `json:"members"` // meant: the rule applies to them and they consented to the topic
	Reached   int               `json:"reached"` // of these, how many have a way to be told
	Cost      int               `json:"cost"`    // units of all channels together; for text messages, segments
	Languages []PreviewLanguage `json:"languages"`
	Channels  []PreviewChannel  `json:"channels"`
	LeftOut   []PreviewLeftOut  `json:"left_out"`
	Texts     []PreviewText     `json:"texts"`
	Examples  []PreviewExample  `json:"examples"` // the first few who would be reached
	Costs     []PreviewCost     `json:"costs"`    // of everything that has a price or a country
	Total     Total             `json:"total"`    // of Costs
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
	Kind    string   `json:"kind"`
	Neutral bool     `json:"neutral,omitempty"` // a pointer instead of the text
	Parts   []string `json:"parts"`
	Cost    int      `json:"cost"`
	Members int      `json:"members"`
}

// PreviewExample is one member who would be reached, under her pseudonym.
type PreviewExample struct {
	MemberID ID     `json:"member_id"`
	Locale   string `json:"locale"`
	Kind     string `json:"kind"`
	Channel  string `json:"channel"`
}
