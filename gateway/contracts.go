package gateway

import (
	"context"
	"time"
)

// The contracts below are what the ledger offers. A consumer declares the narrow view that it needs from these
// types; the store implements them all. Every method that names a group sees that group's rows only, and answers
// ErrNotFound for another's. Every slice is answered in order and in full, or the call fails and nothing was written.

// Ledger is the hot path: from planning to receipts (design, section 4).
type Ledger interface {
	// Plan writes a chunk and its cursor in one transaction. ErrStale: the cursor is not at Chunk.After.
	Plan(ctx context.Context, c Chunk) error
	// Due lists the waiting deliveries of a lane whose time has come by the store's clock: for each group that has some at
	// most each of them, the longest due first. The groups come in the order of their longest due.
	Due(ctx context.Context, channel ID, lane Lane, each int) ([]Share, error)
	// NextDue says when the first delivery of a lane is due that is not due yet, by the store's clock; zero: none waits.
	NextDue(ctx context.Context, channel ID, lane Lane) (time.Time, error)
	// Exchange writes what the claimant's senders did, then gives them what they do next, in one transaction; either list
	// may be empty, and both answers are in the order of their lists. An outcome whose token is no longer the newest gets
	// ErrStale at its place, others are written all the same. Each delivery that may be sent now is granted, after checking
	// again that nothing forbids it: state, due time, a stopped broadcast, expiry, STOP, erasure, the contact point.
	Exchange(ctx context.Context, by Claimant, done []Outcome, deliveries []ID) ([]error, []Claim, error)
	// Observe applies receipts, in any order and any number of times; a state only moves forward.
	Observe(ctx context.Context, receipts []Receipt) ([]Effect, error)
}

// Share is what one group has in a lane.
type Share struct {
	Group      ID
	Deliveries []ID
}

// Mender finds and moves what cannot go on by itself.
type Mender interface {
	// Orphans puts attempts in doubt whose claim ran out, or, if all is set (no other process can be alive), every
	// claimed one; LookAt is now. It returns how many.
	Orphans(ctx context.Context, all bool) (int, error)
	// Doubtful claims attempts in doubt whose LookAt has come for a look-up: each gets a new token and is not given
	// out again for the lease. Exchange takes the result; InDoubt with a later LookAt means: ask again then. Of what
	// several callers ask for at once, each gets others.
	Doubtful(ctx context.Context, by Claimant, limit int) ([]Claim, error)
	// Overdue lists accepted attempts without a receipt past ConfirmBy, and waiting deliveries past their MoveAfter, at most
	// limit of both together. It claims nothing: several callers get the same, and Advance carries out one's move.
	Overdue(ctx context.Context, limit int) ([]Claim, error)
	// Advance carries out moves; a move whose condition no longer holds is passed over. StepNone puts Again in the place of
	// ConfirmBy and clears MoveAfter: nothing is left to move to.
	Advance(ctx context.Context, moves []Move) error
	// Lapse ends waiting deliveries of expired broadcasts, at most limit; it returns how many.
	Lapse(ctx context.Context, limit int) (int, error)
}

// Hearing finds what no provider reported on.
type Hearing interface {
	// Unheard goes on behind an attempt through all that were claimed before a time, in the order of their ids, at most
	// limit of them. It lists those that are accepted, lead their delivery and wait for no receipt, and gives the last
	// attempt it passed: after, if there was none.
	Unheard(ctx context.Context, after ID, before time.Time, limit int) (found []Unheard, last ID, err error)
}

// Unheard is an attempt that was handed over; its receipt is not waited for.
type Unheard struct {
	Attempt  ID
	Delivery ID
	Channel  ID
}

// Cases describes attempts for whoever has to decide about them.
type Cases interface {
	// Cases gives all that a decision needs, in any order; unknown attempts are left out.
	Cases(ctx context.Context, attempts []ID) ([]Claim, error)
	// AttemptByRef finds the attempt of a polled channel by the provider's id of its part; ErrNotFound.
	AttemptByRef(ctx context.Context, channel ID, providerID string) (ID, error)
}

// BroadcastLog keeps broadcasts.
type BroadcastLog interface {
	// Submit stores a broadcast unless its key is known; then it returns the first id and records nothing. A known key
	// with another fingerprint is CodeKeyReused. The fingerprint is a digest of the request. A new one must pass
	// CheckNew. whole, if it is not nil, is all that fan-out would write, in one chunk: a new broadcast is stored with it,
	// in one transaction, and is Planned. Its Claiming is answered in it as Exchange would after it.
	Submit(ctx context.Context, b Broadcast, fingerprint []byte, whole *Chunk) (Submission, error)
	// Broadcast reads one with its words.
	Broadcast(ctx context.Context, group, id ID) (Broadcast, error)
	// Broadcasts lists the newest first, before the given id (zero: from the newest), without words.
	Broadcasts(ctx context.Context, group, before ID, limit int) ([]Broadcast, error)
	// Unplanned lists broadcasts in state Planning whose StartAt has come, urgent classes first, with words.
	Unplanned(ctx context.Context, limit int) ([]Broadcast, error)
	// SetState stops or resumes: Stopped from Planning or Planned, and back to what it was (Planning goes on at its
	// cursor). CodeConflict if it is in neither, has expired, or every delivery of it has arrived or ended.
	SetState(ctx context.Context, group, id ID, stopped bool) error
}

// Tracking is what screens read about deliveries, and what people do to them.
type Tracking interface {
	// Tallies counts a broadcast's deliveries by channel, state and reason; what would be zero is left out.
	Tallies(ctx context.Context, group, broadcast ID) ([]Tally, error)
	// Deliveries gives a page, without attempts. Within a broadcast they are in order of member, but of id where a state
	// Ended and a reason are asked for; without one, broadcast by broadcast, the oldest first. ErrNotFound: After is not there.
	Deliveries(ctx context.Context, f DeliveryFilter) ([]Delivery, error)
	// Delivery reads one with its attempts.
	Delivery(ctx context.Context, group, id ID) (Delivery, error)
	// Resend makes deliveries that are in doubt or ended as failed waiting again, due now, with one try left at least;
	// others are CodeConflict.
	Resend(ctx context.Context, group, id ID) error
	// Release makes held deliveries of a resumed broadcast due again, and replays dead letters if failed is set: at
	// most limit at a time. It returns how many.
	Release(ctx context.Context, group, broadcast ID, failed bool, limit int) (int, error)
}

// DeliveryFilter picks deliveries; zero fields do not restrict. Pages go on behind After.
type DeliveryFilter struct {
	Group     ID // required
	Broadcast ID
	Member    ID
	State     DeliveryState
	Reason    Reason
	After     ID
	Limit     int // 1 to 1,000
}

// Groups keeps groups.
type Groups interface {
	// PutGroup makes a group, or changes the one with its slug, and returns it with its id.
	PutGroup(ctx context.Context, g Group) (Group, error)
	Group(ctx context.Context, slug string) (Group, error)
	GroupByID(ctx context.Context, id ID) (Group, error)
	Groups(ctx context.Context) ([]Group, error)
}

// Members reads and erases members.
type Members interface {
	Member(ctx context.Context, group, id ID) (Member, error)
	// Members lists in order of id, behind after.
	Members(ctx context.Context, group, after ID, limit int) ([]Member, error)
	// FindMembers gives the members of a group who have this address, or this ref if kind is "ref".
	FindMembers(ctx context.Context, group ID, kind string, value Private) ([]ID, error)
	// Erase destroys a member's key and deletes her rows; STOP of her addresses stays, under its own key.
	Erase(ctx context.Context, group, id ID) error
	// Evidence lists a member's consents, the oldest first.
	Evidence(ctx context.Context, group, member ID) ([]Consent, error)
}

// Audiences pages through who is meant, in order of member id.
type Audiences interface {
	// Recipients gives the next published members behind after to whom every part of the rule but consent applies:
	// tags, locales, list. Their points say what they consented to. A page shorter than limit is the last.
	Recipients(ctx context.Context, group ID, a Audience, after ID, limit int) ([]Recipient, error)
	// Opening reads what a new broadcast is checked against, in one turn; what is urgent waits for nothing that can wait.
	Opening(ctx context.Context, group ID, a Audience, limit int, urgent bool) (Opening, error)
	// Locales lists the distinct locales of a group's members, sorted as bytes, at most limit of them. Its cost grows with
	// the locales, not with the members; those of members who are not published yet may be among them.
	Locales(ctx context.Context, group ID, limit int) ([]string, error)
}

// Opening is what a broadcast begins from.
type Opening struct {
	Group    Group
	Wordings map[string]map[string]string // all templates of the group: name → locale → source
	First    []Recipient                  // the first page of who is meant
}

// Recipient is what fan-out needs to know of a member. It holds no address.
type Recipient struct {
	Member      ID
	Locale      string
	Fallback    []string
	Zone        string
	Neutral     bool
	Named       bool       // she has a name
	Quiet       string     // as of Member
	Leads       string     // as of Member
	PausedUntil time.Time  // as of Member
	Points      []PointRef // in her order
}

// PointRef is a contact point without its address.
type PointRef struct {
	ID         ID
	Kind       string
	State      PointState
	Subscribed bool   // to the topic of the audience
	Country    string // of the address: ISO 3166, or ZZ if nobody can tell; empty for kinds without countries
}

// Routes gives the ways to a member.
type Routes interface {
	// Routes lists the contact points that may be used for a topic, each with the channel that serves it, in her order.
	Routes(ctx context.Context, group, member ID, topic string, class Class) ([]Route, error)
}

// Route is a contact point and the channel that serves it.
type Route struct {
	Point   ID
	Kind    string
	Channel ID
}

// Imports takes members in: staged in chunks, invisible until published in one step.
type Imports interface {
	// BeginImport opens an import. A group has one at a time: CodeConflict while another is open. What a caller left behind,
	// because Publish or Discard failed or its process died, is discarded first; its Stage answers CodeConflict from then on.
	BeginImport(ctx context.Context, imp Import) error
	// Stage writes a chunk of at most 500 rows and says of each what it will be. After an error some of them may be written;
	// the import is to be discarded.
	Stage(ctx context.Context, group, imp ID, rows []StagedMember) ([]Staged, error)
	// Publish makes all staged rows visible. After it returns, or after a crash in it and a restart, all are.
	Publish(ctx context.Context, group, imp ID) error
	// Discard deletes what was staged.
	Discard(ctx context.Context, group, imp ID) error
	// FinishImports goes on with publishing or discarding that a crash interrupted; imports still open are discarded. Where
	// processes share the ledger, one that another may still be at is left alone: it is open, and the last chunk was staged
	// within two minutes. Any number of processes may call it at any time.
	FinishImports(ctx context.Context) error
}

// Import is one file taken in.
type Import struct {
	ID      ID        `json:"id"`
	GroupID ID        `json:"group_id"`
	Author  string    `json:"author"`
	At      time.Time `json:"at"`
}

// StagedMember is one row of an import. A known Ref, or else a known address, makes it a change of that member.
type StagedMember struct {
	Line     int // in the file, from 1
	Member   Member
	Consents []Consent // evidence; PointID as in Member.Points
	// KeepsNeutral: the row does not say whether she is in neutral mode, so a member who is known stays in it or out of it.
	KeepsNeutral bool
	Keeps        Kept // what else the row does not say
}

// Kept is what a row of an import does not say, so that a member who is known keeps it.
type Kept struct {
	Locale, Fallback, Zone, Tags bool
}

// Staged says what a staged row will be.
type Staged struct {
	Kind     StagedKind
	Line     int  // for StagedDuplicate: the line that has it already
	Stopped  bool // a STOP stands against one of its addresses: it stays stopped
	Hers     bool // it speaks of what the member decided herself: that stays as it is
	MemberID ID
}

// StagedKind is what a staged row will be.
type StagedKind int

// The kinds of staged row.
const (
	StagedNew StagedKind = iota
	StagedChange
	StagedDuplicate // of an earlier line in the same file: not staged
)

// Consents changes what a contact point may be used for.
type Consents interface {
	// StopAddress stops every contact point of the group with this address, writes the evidence and a suppression
	// that outlives import and erasure. It returns the members concerned; none is no error.
	StopAddress(ctx context.Context, group ID, kind string, address Private, proof Consent) ([]ID, error)
	// StopEverywhere writes a suppression for every group of the instance, those to come included, under the instance's own
	// key (STOP ALL). StopAddress in each group does the rest.
	StopEverywhere(ctx context.Context, kind string, address Private) error
	// StartAddress undoes a STOP in this group by the person's own act, also where it was for every group.
	StartAddress(ctx context.Context, group ID, kind string, address Private, proof Consent) ([]ID, error)
	// ConfirmAddress turns unconfirmed contact points with this address into active ones for these topics.
	ConfirmAddress(ctx context.Context, group ID, kind string, address Private, topics []string, proof Consent) ([]ID, error)
	// MarkAddress records what a provider said of an address: gone, active again, or moved.
	MarkAddress(ctx context.Context, group ID, kind string, address Private, change PointChange) error
}

// Channels keeps channels and their health.
type Channels interface {
	// PutChannel makes a channel, or changes the one with its name. Its owner and its kind stay (CodeConflict).
	PutChannel(ctx context.Context, c Channel) (Channel, error)
	// Channels lists all, with options, health and open incidents, in the order they were made.
	Channels(ctx context.Context) ([]Channel, error)
	// SetChannelHealth takes the place of what was recorded; incidents are no part of it.
	SetChannelHealth(ctx context.Context, id ID, h ChannelHealth) error
	// Cursor of polling; empty at first.
	Cursor(ctx context.Context, channel ID) (string, error)
	// SetCursor moves it. ErrStale: the duty of polling (PollDuty) is not held under this token any more.
	SetCursor(ctx context.Context, channel ID, cursor string, token int64) error
}

// Troubles keeps what is wrong with channels themselves.
type Troubles interface {
	// Strike notes that a delivery was refused for its channel's sake. If that many distinct ones were within that time
	// and no incident is open, one opens, its owners' notice is written, and it is returned; otherwise nil.
	Strike(ctx context.Context, s Strike) (*Incident, error)
	// CloseIncident ends the open incident of a channel and forgets its strikes; false: none was open, or it is ByCheck and
	// another check was wrong within CheckTrust. Owners who were told of its beginning are to be told of its end.
	CloseIncident(ctx context.Context, channel ID, by string) (bool, error)
	// Incidents lists those of a channel, the newest first.
	Incidents(ctx context.Context, channel ID, limit int) ([]Incident, error)
	// NoteErrors adds to what is known of a channel's errors; only the latest MostErrors sorts are kept.
	NoteErrors(ctx context.Context, channel ID, errors []ChannelError) error
	// ChannelErrors gives them, the latest first, by channel.
	ChannelErrors(ctx context.Context) (map[ID][]ChannelError, error)
}

// Notices keeps what owners must be told until they are.
type Notices interface {
	// Untold lists what nobody was told yet, the oldest first. A notice is dropped after a day.
	Untold(ctx context.Context, limit int) ([]OwnerNotice, error)
	Told(ctx context.Context, id ID) error
	// PutNotice keeps what owners must be told, unless there was one with the same Once.
	PutNotice(ctx context.Context, n OwnerNotice) error
}

// Costs keeps prices, and what messages cost. Amounts are frozen when a delivery is claimed.
type Costs interface {
	// Prices lists a group's own price list, or the operator's for a zero owner.
	Prices(ctx context.Context, owner ID) ([]Price, error)
	// SetPrices makes the list exactly this (all), or puts each price in place of the one with its kind, channel and
	// country; there, one with negative Micros is taken away.
	SetPrices(ctx context.Context, owner ID, all bool, prices []Price) error
	// Charges says what a broadcast has cost so far. Kinds that are free are left out.
	Charges(ctx context.Context, group, broadcast ID) ([]Charge, error)
	// Spend says what a group's present month has cost so far.
	Spend(ctx context.Context, group ID) (Spend, error)
	// Uncap makes deliveries due again that wait for a cap which binds no more, at most limit; it returns how many.
	Uncap(ctx context.Context, limit int) (int, error)
}

// Inbox keeps what members send.
type Inbox interface {
	// Receive stores a message, sealed, unless an event with its channel and id is there already.
	Receive(ctx context.Context, m InboundMessage) (fresh bool, err error)
	// Inbound lists the newest first, before the given id (zero: from the newest). What was erased or forgotten has no text.
	Inbound(ctx context.Context, group, before ID, limit int) ([]InboundMessage, error)
}

// InboundMessage is what a member sent us.
type InboundMessage struct {
	ID        ID        `json:"id"`
	GroupID   ID        `json:"group_id"`
	ChannelID ID        `json:"channel_id"`
	EventID   string    `json:"-"` // the provider's; empty: not deduplicated
	MemberIDs []ID      `json:"member_ids"`
	Kind      string    `json:"kind"` // of the address
	From      Private   `json:"from"`
	Text      Private   `json:"text"`
	Meaning   string    `json:"meaning,omitempty"` // what was understood: stop, start, or nothing
	ReplyTo   string    `json:"-"`                 // the provider's id of the part that it answers; empty: it does not say
	Waits     bool      `json:"-"`                 // for a person: it goes into a conversation, which opens, and the group's people are told
	Urgent    bool      `json:"-"`                 // with Waits: it sounds like an emergency
	Hers      bool      `json:"-"`                 // nothing speaks against its being the member's own: see KeepConfirmed
	At        time.Time `json:"at"`
}

// Renderings reads frozen texts.
type Renderings interface {
	// Rendering reads one; ErrNotFound if the broadcast has none for that locale and kind.
	Rendering(ctx context.Context, group, broadcast ID, locale, kind string, neutral bool) (Rendering, error)
	// PutWording keeps a group's own template under a name: locale → source. An empty map deletes it.
	PutWording(ctx context.Context, group ID, name string, sources map[string]string) error
	// Wordings reads them all: name → locale → source.
	Wordings(ctx context.Context, group ID) (map[string]map[string]string, error)
}

// Access keeps tokens.
type Access interface {
	// PutToken keeps a token, or changes the one with its id.
	PutToken(ctx context.Context, t Token) error
	// TokenByDigest finds a token by the SHA-256 of its text; ErrNotFound also if it has expired.
	TokenByDigest(ctx context.Context, digest []byte) (Token, error)
	// Tokens lists those of a group that have not expired; the zero group's are the operator's.
	Tokens(ctx context.Context, group ID) ([]Token, error)
	RevokeToken(ctx context.Context, group, id ID) error
}

// Replays keeps answers to requests with an Idempotency-Key for 24 hours.
type Replays interface {
	// BeginRequest reserves the key for this token. It returns the stored answer, or nil if the caller is to do the
	// work. CodeKeyReused: another fingerprint. CodeInProgress: the first is still at work (a reservation that its
	// process did not survive lapses after a minute).
	BeginRequest(ctx context.Context, token ID, key string, fingerprint []byte) (*Answer, error)
	// FinishRequest keeps the answer for whoever asks again.
	FinishRequest(ctx context.Context, token ID, key string, a Answer) error
	// ForgetRequest gives the key free again: nothing was done.
	ForgetRequest(ctx context.Context, token ID, key string) error
}

// ApplyLog remembers what the last apply of a coalition's document wrote, so that the next one can tell what people
// changed since. A group is zero for what is the operator's.
type ApplyLog interface {
	// Applied gives the digest of every item of a group that an apply wrote, by the item's path.
	Applied(ctx context.Context, group ID) (map[string][]byte, error)
	// SetApplied keeps the digest of one item in place of the one before.
	SetApplied(ctx context.Context, group ID, item string, digest []byte) error
}

// Answer is a stored response. Body holds no address, name or text.
type Answer struct {
	Status int
	Type   string
	Body   []byte
}

// Token lets a program or person use the API.
type Token struct {
	ID        ID        `json:"id"`
	GroupID   ID        `json:"group_id"` // zero: the operator's
	Role      Role      `json:"role"`
	Label     string    `json:"label"`
	Digest    []byte    `json:"-"` // SHA-256 of the token's text; the text has 256 random bits
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
}

// Role is what a token may do in its group.
type Role string

// The roles, each holding the rights of the one before.
const (
	Viewer        Role = "viewer"        // reads broadcasts, deliveries and counts; members masked
	Author        Role = "author"        // submits, stops and resumes broadcasts
	Approver      Role = "approver"      // approves what others wrote
	Administrator Role = "administrator" // members, channels, words, tokens
	Operator      Role = "operator"      // groups and the instance; members only of groups without an administrator
)

// Keeper does the daily work, a few rows at a time. Several processes at once do it twice at worst.
type Keeper interface {
	// Retain deletes texts and answers whose time is over, at most limit rows of each kind; it returns how many.
	Retain(ctx context.Context, limit int) (int, error)
	// RotateKeys wraps the keys of groups and the options of channels anew under the ring's current key, at most limit of
	// them. It returns how many; zero means that older ring keys are no longer needed.
	RotateKeys(ctx context.Context, limit int) (int, error)
	// Place derives the countries of addresses that an earlier release took in, at most limit of them; it returns how many.
	Place(ctx context.Context, limit int) (int, error)
}

// Backlogs counts what waits.
type Backlogs interface {
	// Backlog counts the waiting deliveries of each channel by lane.
	Backlog(ctx context.Context) (map[ID][len(Lanes)]int, error)
}
