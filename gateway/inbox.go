package gateway

import (
	"context"
	"encoding/hex"
	"strconv"
	"time"
)

// Conversations reads what members wrote that is no command, and what people of their group answered.
type Conversations interface {
	// Threads lists those of a group, without what was said: open ones first, then answered, then closed ones; of each the
	// urgent first, then the newest. It goes on behind after; zero: from the first. ErrNotFound: after is not there.
	Threads(ctx context.Context, group, after ID, limit int) ([]Thread, error)
	// Thread reads one with what was said, the oldest first, MostSaid of each at most, the newest.
	Thread(ctx context.Context, group, id ID) (Thread, error)
	// ThreadWith reads the one with a member alone, as Thread does; ErrNotFound. What was written from an address that she
	// shares is in none.
	ThreadWith(ctx context.Context, group, member ID) (Thread, error)
	// SentTo lists what left for a member between two times, by the newest attempt of each delivery, the newest first. It
	// looks through the newest MostSent broadcasts of the group.
	SentTo(ctx context.Context, group, member ID, from, until time.Time) ([]SentMessage, error)
	// OpenThreads counts the open ones of all groups, by how long they have been open: less than an hour, than a day, longer.
	OpenThreads(ctx context.Context) ([len(ThreadAges)]int, error)
}

// Answers changes conversations.
type Answers interface {
	// TurnThread notes that somebody read what was said, or closes it. A new message opens it again.
	TurnThread(ctx context.Context, group, id ID, closed bool) error
	// PutReply keeps an answer, once; the conversation is answered then, unless something in it was not read.
	PutReply(ctx context.Context, r Reply) error
}

const (
	// MostSaid is how many messages, and how many answers, of a conversation are read at once.
	MostSaid = 200
	// MostSent is how many of a group's newest broadcasts SentTo looks through.
	MostSent = 500
	// KeepConversations is how long a message or answer is kept, and a conversation after the last thing that happened in it.
	KeepConversations = 30 * 24 * time.Hour
	// KeepCommands is how long the text of a command is kept after it was obeyed; the evidence of consent is kept apart.
	KeepCommands = 24 * time.Hour
	// NoticeAgain is when people are told once more of a conversation that nobody read, if she writes again.
	NoticeAgain = time.Hour
	// GuessWithin is how long a message may have been out to be taken for the one that she answers.
	GuessWithin = 72 * time.Hour
)

// ThreadAges names what OpenThreads counts.
var ThreadAges = [...]string{"under an hour", "under a day", "over a day"}

// ThreadState is how far a conversation has come.
type ThreadState string

// The states of a conversation, in the order in which they are listed.
const (
	ThreadOpen    ThreadState = "open"    // somebody waits
	ThreadReplied ThreadState = "replied" // answered, or an answer is on its way
	ThreadClosed  ThreadState = "closed"
)

// ThreadStates lists all of them; a ledger keeps their places.
var ThreadStates = [...]ThreadState{ThreadOpen, ThreadReplied, ThreadClosed}

// Thread is what a group and one member, or one address that it does not know or that several share, say to each other.
// Everybody has one at most.
type Thread struct {
	ID        ID
	GroupID   ID
	MemberID  ID     // whose it is alone; zero: it is an address
	MemberIDs []ID   // who may have written last; none: a stranger
	Stranger  string // what to call a stranger, the same every time; empty: it is none
	Kind      string // of the address that was written from last
	ChannelID ID     // over which that came
	State     ThreadState
	Urgent    bool // something in it sounded like an emergency
	Messages  int  // that came in, all in all
	Unread    int
	OpenedAt  time.Time // when it was opened last
	ChangedAt time.Time
	ReadAt    time.Time // zero: never
	Said      []InboundMessage
	Replies   []Reply
}

// StrangerName is what to call whoever writes from an address that a group does not know: it says nothing of the address.
func StrangerName(index []byte) string { return "stranger " + hex.EncodeToString(index[:2]) }

// Reply is what people of a group answered. Its id is that of the broadcast that carries it.
type Reply struct {
	ID       ID
	GroupID  ID
	ThreadID ID
	Text     Private
	Locale   string // as its writer stated
	Author   string // label of the token
	At       time.Time
}

// SentMessage is one that left for a member.
type SentMessage struct {
	Delivery  ID
	Broadcast ID
	Kind      Kind
	Point     ID
	Channel   ID
	At        time.Time
	Parts     []string // the provider's ids
}

// NoticeWaiting is the shipped text that tells people that somebody wrote; it holds no word of what.
const NoticeWaiting = "inbox-waiting"

// WaitingNotice is what people of a group are told of a conversation: at is when that was decided, in microseconds.
func WaitingNotice(group, thread ID, at int64) OwnerNotice {
	return OwnerNotice{Once: "inbox/" + hex.EncodeToString(thread[:]) + "/" + strconv.FormatInt(at, 10), GroupID: group, Wording: NoticeWaiting}
}

// ThreadView is a conversation as people see it in a list. It holds no address.
type ThreadView struct {
	ID        ID          `json:"id"`
	MemberIDs []ID        `json:"member_ids"`         // who wrote; several: one of those who share the address; none: a stranger
	Stranger  string      `json:"stranger,omitempty"` // what to call a stranger
	Locale    string      `json:"locale,omitempty"`   // hers; of several, the first one's
	Kind      string      `json:"kind,omitempty"`     // of the address that was written from last
	ChannelID ID          `json:"channel_id,omitzero"`
	State     ThreadState `json:"state"`
	Urgent    bool        `json:"urgent,omitempty"` // something in it sounded like an emergency
	Messages  int         `json:"messages"`         // that came in, all in all
	Unread    int         `json:"unread"`
	OpenedAt  time.Time   `json:"opened_at"`
	ChangedAt time.Time   `json:"changed_at"`
	ReadAt    time.Time   `json:"read_at,omitzero"`
}

// Counts gives what may be seen of a conversation without knowing whose it is.
func (v ThreadView) Counts() ThreadView {
	v.MemberIDs, v.Stranger, v.Locale, v.Kind, v.ChannelID = []ID{}, "", "", "", ID{}
	return v
}

// Conversation is one with what was said, the oldest first.
type Conversation struct {
	ThreadView
	Lines []ConversationLine `json:"lines"`
}

// ConversationLine is one thing that was said.
type ConversationLine struct {
	ID      ID            `json:"id"`
	At      time.Time     `json:"at"`
	Text    string        `json:"text"`
	Ours    bool          `json:"ours,omitempty"`    // an answer of the group's people; otherwise it came in
	Kind    string        `json:"kind,omitempty"`    // of what came in: of the address
	Answers *Answered     `json:"answers,omitempty"` // of what came in: the message that it answers
	Locale  string        `json:"locale,omitempty"`  // of an answer: its language, as its writer stated
	Author  string        `json:"author,omitempty"`  // of an answer: label of the token
	State   DeliveryState `json:"state,omitempty"`   // of an answer: what became of it
	Detail  string        `json:"detail,omitempty"`  // of an answer: why it has not arrived
}

// Answered is the message that another one answers.
type Answered struct {
	Delivery  ID        `json:"delivery_id"`
	Broadcast ID        `json:"broadcast_id"`
	Kind      Kind      `json:"kind"`
	At        time.Time `json:"at"`              // when it left
	Guess     bool      `json:"guess,omitempty"` // the provider does not say: it is the newest that she had got there within 72 hours
}

// ReplyDraft is an answer as a person writes it.
type ReplyDraft struct {
	Key    string  // makes it happen once; empty: it is new
	Text   Private // plain
	As     Private // how it is signed; empty: not at all
	Locale string  // of the text; empty: hers
	DryRun bool    // send nothing
	Author string  // label of the token
}

// ReplyAnswer says what became of an answer, or what would.
type ReplyAnswer struct {
	ID        ID       `json:"id,omitzero"` // of the message that carries it; absent: nothing was sent
	Kind      string   `json:"kind"`        // of the address that it goes to
	Locale    string   `json:"locale"`      // of the answer
	HerLocale string   `json:"her_locale"`
	Segments  int      `json:"segments"` // of a text message; else parts
	Total     Total    `json:"total"`
	Warnings  []string `json:"warnings"`
}
