package gateway

import "github.com/carillon-gateway/carillon/gateway/civil"

// ActionWeek is a week ahead: the events of a topic, for its subscribers.
type ActionWeek struct {
	Topic string `json:"topic"`
	Empty bool   `json:"empty,omitempty"` // it is sent to those too in whose week nothing takes place
}

// WeekAhead is the wording of a week ahead.
const WeekAhead = "week-ahead"

// WeekDays is how far ahead of the day of a run the events of a week ahead lie: the week begins within seven days.
const WeekDays = 13

// WeekWords is what a week ahead says, for Words. Each reader's is the seven days that begin on her first day of the week, on the day
// of the run or the next such day.
type WeekWords struct {
	Date   civil.Wall  `json:"date"` // midnight of the day of the run
	Empty  bool        `json:"empty,omitempty"`
	Events []WeekEvent `json:"events"` // from that day on, in order of their starts
}

// WeekEvent is an event of a week ahead.
type WeekEvent struct {
	Summary  string       `json:"summary"`
	Location string       `json:"location,omitempty"`
	Zone     string       `json:"zone"` // IANA name of the place
	AllDay   bool         `json:"all_day,omitempty"`
	Start    civil.Moment `json:"start"` // in Zone

	Sensitive bool `json:"sensitive,omitempty"` // no text says what it is
}

// WeekText is what a reader of one language would be told of the week ahead.
type WeekText struct {
	Locale  string `json:"locale"` // of the text: another, where there is none in the language that was asked for
	Subject string `json:"subject,omitempty"`
	Text    string `json:"text"`  // without markup, the subject first
	Short   string `json:"short"` // as a text message has it
	Events  int    `json:"events"`
}
