package gateway

// Replies are a group's own about what its members write.
type Replies struct {
	// Contact is how members reach a person, such as a telephone number or an office hour; HELP and WHO say it. Empty: they
	// say that a person reads the answers. At most MaxContact characters.
	Contact string `json:"contact,omitempty" maxLength:"60"`
	// Rota names the rota whose holder is told that somebody waits for an answer. Empty, or nobody is on duty: the group's
	// owners are.
	Rota string `json:"rota,omitempty" maxLength:"40"`
	// Words are other ways to say a command, by the command: stop, stop-all, start, pause, language, help, who, yes.
	Words map[string][]string `json:"words,omitempty"`
	// KeepDays is for how many days messages, the answers to them and their conversations are kept, 1 to 30; zero: 30. Commands
	// are kept for one day in any case.
	KeepDays int `json:"keep_days,omitempty" minimum:"0" maximum:"30"`
	// Costs say what a reply costs whoever sends it, by language, as in "0.10 EUR": texts that ask for one say it. At most
	// MaxReplyCost characters each.
	Costs map[string]string `json:"costs,omitempty"`
	// Acks are words that acknowledge an alert, by language.
	Acks map[string][]string `json:"acks,omitempty"`
}

// Limits of Replies.
const (
	MaxContact     = 60 // characters
	MaxReplyWords  = 20 // of one command, or one language
	MaxReplyLetter = 40 // characters of one word
	MaxReplyCost   = 20 // characters
)
