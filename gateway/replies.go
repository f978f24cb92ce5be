package gateway

// Replies are a group's own about what its members write.
type Replies struct {
	// Contact is how members reach a person, such as a telephone number or an office hour; HELP and WHO say it. Empty: they
	// say that a person reads the answers. At most MaxContact characters.
	Contact string `json:"contact,omitempty" maxLength:"60"`
	// Words are other ways to say a command, by the command: stop, stop-all, start, pause, language, help, who, yes.
	Words map[string][]string `json:"words,omitempty"`
	// KeepDays is for how many days messages, the answers to them and their conversations are kept, 1 to 30; zero: 30. Commands
	// are kept for one day in any case.
	KeepDays int `json:"keep_days,omitempty" minimum:"0" maximum:"30"`
	// Acks are words that acknowledge an alert, by language.
	Acks map[string][]string `json:"acks,omitempty"`
}

// Limits of Replies.
const (
	MaxContact     = 60 // characters
	MaxReplyWords  = 20 // of one command, or one language
	MaxReplyLetter = 40 // characters of one word
)
