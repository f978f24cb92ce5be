// Package channels is the contract between Carillon and a provider: what an adapter can do, how it says what went
// wrong, and how it is made from its settings. It speaks of one provider and one message, never of members, groups
// or broadcasts; package gateway speaks of those, and the two do not know each other.
package channels

import (
	"context"
	"net/http"
	"time"

	"github.com/carillon-gateway/carillon/channels/content"
)

// Adapter speaks to one provider with one set of credentials. All methods are safe for concurrent use.
type Adapter interface {
	// Capabilities is constant and does no I/O.
	Capabilities() Capabilities
	// ParseAddress turns what a person typed into the canonical address. It is pure and idempotent: parsing a
	// canonical address gives itself. The error can be shown to the person who typed it.
	ParseAddress(raw string) (Address, error)
	// Compose writes a document as parts that each fit the provider's limit. It is pure and deterministic, and cuts
	// structure, never markup. It returns an *Error with class Permanent and scope ScopeContent if it cannot.
	Compose(doc content.Document) ([]Part, error)
	// Send makes at most one attempt of one part. It never sleeps and never retries. Every error is an *Error.
	Send(ctx context.Context, m Outbound) (Sent, error)
	// Check proves credentials and reachability and disturbs nobody. Every error is an *Error.
	Check(ctx context.Context) error
}

// WebhookParser is implemented by adapters whose provider calls us.
type WebhookParser interface {
	// ParseWebhook verifies and decodes one request; body is its whole body, already read and bounded. It touches no
	// store. It returns ErrForged if the request does not prove that the provider sent it, and may return ErrBusy if its
	// provider keeps what was not taken.
	ParseWebhook(r *http.Request, body []byte) ([]Event, error)
}

// Poller is implemented by adapters that can fetch what a webhook would have brought.
type Poller interface {
	// Poll returns the events after cursor and the cursor to go on from; the empty cursor means "from now on, and
	// what the provider still holds". The new cursor must be stored only after the events are. Poll returns within the
	// context's deadline, and may wait for events (long polling) up to PollWait of the Settings.
	Poll(ctx context.Context, cursor string) (events []Event, next string, err error)
}

// Subscriber is implemented by adapters that must tell their provider where to report.
type Subscriber interface {
	// Subscribe points the provider at HookURL of the Settings or, where that is empty, makes it ready for polling. It
	// throws nothing away that the provider still holds, and may be repeated. Every error is an *Error.
	Subscribe(ctx context.Context) error
}

// Replier is implemented by adapters whose provider reads the answer to its webhook.
type Replier interface {
	// WebhookReply gives the answer to a request that ParseWebhook has accepted, to be written with status 200 once its
	// events are stored, and o says what became of them. It may ask the provider about a message whose buttons go, within the
	// context's deadline, and answers without that if it fails. An empty reply means that the status is all the provider wants.
	WebhookReply(ctx context.Context, body []byte, o Outcome) (contentType string, reply []byte)
}

// Outcome is what became of what a person did, where her provider can show it at once. Its zero value says that it was
// heard, and nothing more.
type Outcome struct {
	Text    string // to her, in her language: a sentence or two; empty: none
	Settled bool   // the message that she answered asks for nothing any more: its buttons go, and Text takes their place
}

// StatusFinder is implemented by adapters that can ask what became of a part whose answer was lost.
type StatusFinder interface {
	// FindStatus never takes a message for the part that is another's: see Query.Others.
	FindStatus(ctx context.Context, q Query) (Finding, error)
}

// Filler is implemented by adapters that can put a member's name into a text which they composed once for everybody.
type Filler interface {
	// Fill puts a name into the holes of a part (content.HoleMark), as data, whatever it holds: what is read is what Compose
	// would have made of a document with the name. It is pure. It is false where nobody is to be called by name: several
	// people read at that address, or nothing of the name can be seen.
	Fill(p Part, to Address, name string) (Part, bool)
}

// Measurer is implemented by adapters whose messages cost by how they are encoded.
type Measurer interface {
	// Measure says how a part that Compose made is encoded, and what makes it long. It is pure.
	Measure(p Part) Measure
}

// Measure is what a text message takes.
type Measure struct {
	Encoding  string // GSM-7 or UCS-2
	Units     int    // septets of GSM-7, 16-bit units of UCS-2
	Offending []Sign // the distinct characters that force UCS-2, in order of appearance
	Smart     int    // segments if typographic signs were written plainly; zero: no fewer
}

// Sign is a character that GSM-7 lacks, and what says the same in it.
type Sign struct {
	Text    string
	Instead string // empty: nothing does
}

// Introducer is implemented by adapters that know under which names a message reaches a member in neutral mode.
type Introducer interface {
	// Names lists everything a phone shows of the sender beside the text: display name, address, number. It may ask the
	// provider, and disturbs nobody. Every error is an *Error.
	Names(ctx context.Context) ([]string, error)
}

// Capabilities says what a channel can do.
type Capabilities struct {
	Kind           string        // the kind of contact point it takes: "sms", "telegram", …
	TextLimit      int           // longest text of a part, in TextUnit
	TextUnit       Unit          // what TextLimit counts
	RichText       bool          // bold, links, lists survive
	Short          bool          // it carries the short form of a text, where there is one
	Buttons        bool          // buttons are shown and come back as Inbound.Action
	Links          bool          // beneath a text that has buttons, Outbound.AnswerURL is written in their place
	Receipts       Receipts      // how far receipts reach
	ReceiptWithin  time.Duration // most receipts have come by then; zero without receipts
	Inbound        bool          // members can answer
	Polled         bool          // answers come by Poll even where there is a webhook, as from a mailbox or in direct messages
	Sensitive      bool          // fit for texts marked sensitive: nobody reads them on the way whom the group has not chosen
	Public         bool          // everybody can read it: only reports, reminders and alerts that are neither sensitive nor for one member leave here
	Reserved       []string      // messages that the provider answers itself, in capitals: after one of its words for STOP it blocks us
	DedupeWindow   time.Duration // how long the provider honours Outbound.Key; zero: it does not
	Rates          []Rate        // limits to keep, defaults of the provider
	LongestAttempt time.Duration // Send has returned by then, whatever the provider does
}

// Unit is what a text limit counts.
type Unit string

// The units of text limits.
const (
	Characters Unit = "characters" // Unicode code points
	UTF16      Unit = "utf-16"     // UTF-16 code units
	Bytes      Unit = "bytes"      // bytes of UTF-8
)

// Receipts says how far a provider's reports reach.
type Receipts int

// The reach of receipts, in rising order.
const (
	NoReceipts       Receipts = iota // nothing good is heard after the answer to Send; a failure may be
	SentReceipts                     // it reports that it passed the message on
	DeliveryReceipts                 // it reports that the handset or mailbox took the message
)

// Rate is a limit of a provider: so many units of cost a second, with a burst, for the whole channel or for each address.
type Rate struct {
	PerSecond  float64
	Burst      int
	PerAddress bool
}

// Part is one provider message, ready to send. It is frozen in the ledger as JSON when the broadcast is planned.
type Part struct {
	Text     string           `json:"text"`               // the text as the provider's API takes it
	Markup   string           `json:"markup,omitempty"`   // the adapter's own name of the markup of Text; empty: plain
	HTML     string           `json:"html,omitempty"`     // the same text as HTML, for channels that carry both
	Subject  string           `json:"subject,omitempty"`  // for channels with subjects
	Encoding string           `json:"encoding,omitempty"` // for text messages: GSM-7 or UCS-2
	Cost     int              `json:"cost"`               // what it takes from a Rate: segments of a text message, else 1
	Buttons  []content.Button `json:"buttons,omitempty"`
	Calendar string           `json:"calendar,omitempty"` // an iCalendar file to attach
	Locale   string           `json:"locale,omitempty"`   // language of Text, BCP 47, for channels that have to tell it
}

// Outbound is one part on its way to one address.
type Outbound struct {
	Attempt     string    // our attempt id; goes into the provider's callback URL
	PartNo      int       // from zero
	Key         string    // idempotency key of this part: the same whenever this part of this attempt is sent again
	To          Address   // canonical
	Part        Part      //
	Expires     time.Time // the message is worthless after that; zero: the provider's own limit
	Urgent      bool      // from the urgent lane: it may interrupt (sound, priority)
	Neutral     bool      // to a member in neutral mode: nothing beside the text may tell who writes
	Protected   bool      // ask the client not to forward or save it, where the provider can
	CallbackURL string    // where the provider is to report; empty: nowhere, we poll
	AnswerURL   string    // of the page where she can say, in a browser, what the part's buttons say; empty: there is none
	PageLink    bool      // to a member: beneath the text may stand the adapter's own link, sealed, by which a link to her page is sent to her
}

// Sent is the provider's acceptance of one part.
type Sent struct {
	ProviderID string // the provider's id of the message, non-empty
	Delivered  bool   // the answer itself proves delivery
}

// Query asks what became of a part.
type Query struct {
	Attempt    string
	PartNo     int
	Key        string    // as in the Outbound
	ProviderID string    // empty if the answer was lost
	To         Address   //
	Part       Part      //
	Since      time.Time // before the attempt began
	Until      time.Time // after it had ended, or now while it may still be under way
	// Others reports whether a message that looks alike, by its provider's id, is known to be another's. Whoever tells messages
	// apart by what they say must ask it. Nil: none is known to be.
	Others func(providerID string) bool
}

// IsOthers asks Others.
func (q *Query) IsOthers(providerID string) bool { return q.Others != nil && q.Others(providerID) }

// Finding is the answer to a Query.
type Finding struct {
	Found   Found
	Receipt Receipt // set when Found is WasSent
}

// Found says whether the provider knows the message.
type Found int

// What a look-up can find.
const (
	CannotTell Found = iota // look again later
	WasSent                 // the provider has it; see the receipt
	NotSent                 // the provider certainly does not have it
)

// Event is one thing that a provider told us. Exactly one of Receipt, Inbound and Signal is set.
type Event struct {
	ID      string    // the provider's own id of the event, for deduplication; empty if it has none
	At      time.Time // as the provider says, or the zero time
	Receipt *Receipt
	Inbound *Inbound
	Signal  *Signal
}

// Status is what a receipt says of a part.
type Status int

// The statuses of a receipt. They are not ordered by value; package gateway ranks them.
const (
	StatusAccepted  Status = iota + 1 // the provider has it and is working on it
	StatusDelivered                   // the handset or mailbox took it
	StatusFailed                      // it will not arrive; see Err
)

// Receipt is what a provider reports about one part.
type Receipt struct {
	Attempt    string // our attempt id, from the callback URL; empty if the provider cannot carry it
	PartNo     int
	ProviderID string
	Status     Status
	Err        *Error // set when Status is StatusFailed
}

// Inbound is what a member sent us.
type Inbound struct {
	From   Address
	To     string // the number, bot or mailbox it was sent to, as the provider names it
	Text   string
	Action string // of the button that was pressed; empty for a typed text
	// ReplyTo is the id that the provider gave, as in Sent, to the part of ours that this answers; empty: it does not say.
	// It may name a message that is not ours.
	ReplyTo string
}

// Signal is what a provider reports about an address rather than about a message.
type Signal struct {
	Address Address
	Kind    SignalKind
	NewAddr Address // for SignalMoved
}

// SignalKind is the kind of a Signal.
type SignalKind string

// The kinds of signal.
const (
	SignalStopped SignalKind = "stopped" // the person opted out at the provider, or blocked us
	SignalStarted SignalKind = "started" // the person opted in again at the provider, or unblocked us
	SignalMoved   SignalKind = "moved"   // the address has a successor
)
