package gateway

import "time"

// NewDelivery is one member of a planned chunk. Either Channel and Point are set, or Reason says why she gets nothing.
type NewDelivery struct {
	ID       ID
	MemberID ID
	Locale   string // of the rendering that she gets
	Neutral  bool   // she is in neutral mode
	Channel  ID
	Point    ID
	Due      time.Time
	Expires  time.Time // zero: when its broadcast does
	Quiet    time.Time // the end of the quiet hours that it waits for; zero: none
	Reason   Reason    // ReasonSuppressed: ended before it began
	Detail   string    // why, safe to show
}

// Chunk is what fan-out writes in one transaction: at most 500 deliveries, the renderings that they need and the cursor.
type Chunk struct {
	Broadcast  ID
	Group      ID
	After      ID // the cursor this chunk follows on; if the ledger's differs, ErrStale
	Cursor     ID // the cursor behind it
	Last       bool
	Lane       Lane
	MoveAfter  time.Duration // not handed over for so long after it was planned and due: next contact point; zero: never
	Renderings []Rendering
	Deliveries []NewDelivery
	Claiming   *Claiming // of whoever submits a whole broadcast and sends some of it himself; nil: nothing is claimed
}

// Claiming asks for deliveries of a chunk in the transaction that writes it.
type Claiming struct {
	By         Claimant
	Deliveries []ID
	Answers    []Claim // of the ledger, in the order of Deliveries, once all is written; nil: nothing was, or nobody knows
}

// MaxChunk is the largest number of deliveries of a chunk.
const MaxChunk = 500

// Claimant is a process that sends, and how long its claims hold.
type Claimant struct {
	ID     ID
	Lease  time.Duration
	Urgent bool // for the urgent lane: goes before other work of the ledger
}

// Verdict is the ledger's answer to a claim.
type Verdict int

// The verdicts.
const (
	NotDue   Verdict = iota // someone else has it, it is ended, or not due yet: forget the hint
	Granted                 // send it
	Held                    // its broadcast is stopped; it comes back on resume
	Lapsed                  // it has expired and is ended now
	Silenced                // the person said STOP or paused, or is erased; it is ended now
	Unusable                // the contact point is no good any more, or she dropped the topic there: take the next one (Mender.Advance)
	Capped                  // the group's hard cap is reached; it comes back when the cap binds no more (Costs.Uncap)
)

// Claim is one answer; the rest is set when Verdict is Granted or Unusable. It also describes a case that Mender finds:
// a delivery that cannot go on by itself.
type Claim struct {
	Delivery  ID
	Verdict   Verdict
	Attempt   ID
	Token     int64 // fencing: an Outcome must show it
	No        int   // of the attempt in its delivery, from 1
	Group     ID
	Broadcast ID
	Member    ID
	Point     ID
	Channel   ID
	Kind      string  // of the contact point
	Address   Private // empty: she is erased, or Exchange could not open it and the store's log says why
	Name      Private // to be put into the text, which is NamedLocale's then; empty: the text says none. Cases leave it out
	Locale    string
	Neutral   bool // she is in neutral mode: nothing that leaves names the group
	Sensitive bool // its text is; the provider is asked to keep it from being passed on
	Pointer   bool // the pointer leaves instead of the text: she is in neutral mode, or the channel is not fit for a sensitive text
	FirstPart int  // parts before this one were handed over by an earlier attempt
	Tries     int  // spent before this attempt
	Resends   int  // of this delivery after doubt, so far
	Class     Class
	Topic     string // of the broadcast's audience
	Dropped   bool   // with Unusable: she has dropped the topic at the contact point since it was planned
	Avoid     ID     // a channel that must not carry it; zero: none
	Only      ID     // the one contact point that may carry it; zero: any of hers
	Policy    Policy
	Expires   time.Time
	State     AttemptState // of Attempt, for cases; zero: the delivery is waiting
	ClaimedAt time.Time    // of Attempt, for cases
	SettledAt time.Time    // when State began, for cases: one in doubt was over by then
	Parts     []string     // provider ids of Attempt so far, for cases
}

// WhyUnusable says why a claim was Unusable.
func (c *Claim) WhyUnusable() string {
	if c.Dropped {
		return "she takes this topic at that contact point no more"
	}
	return "the contact point was no good any more"
}

// Refusal is why an attempt was refused or is in doubt.
type Refusal struct {
	Class  string `json:"class"` // a channels.Class, as text
	Scope  string `json:"scope"`
	Code   string `json:"code,omitempty"`   // the provider's, verbatim
	Detail string `json:"detail,omitempty"` // safe to show
}

// StepKind is what a delivery does after an attempt.
type StepKind int

// The kinds of step.
const (
	StepNone  StepKind = iota // the attempt's state speaks for the delivery
	StepRetry                 // wait until Due, then the same contact point
	StepPoint                 // wait until Due, then Point over Channel
	StepEnd                   // over, for Reason
)

// Step is what a delivery does next. It is carried out only if the attempt is the delivery's newest and has just
// entered its state.
type Step struct {
	Kind    StepKind
	Due     time.Time
	Channel ID
	Point   ID
	Reason  Reason
	Resend  bool // counts as sending again after doubt
}

// PointChange is what an outcome means for the contact point.
type PointChange struct {
	State PointState // of an outcome or a receipt, PointStopped is a STOP by the provider's word, with its evidence
	Note  string     // safe to show
	Moved Private    // the successor address, canonical; State is then ignored
}

// Outcome is how an attempt ended, or one part of it. State Claimed reports progress: parts up to Part are handed over.
type Outcome struct {
	Attempt    ID
	Token      int64
	State      AttemptState
	Part       int    // the part this is about, from zero
	ProviderID string // of that part
	Cost       int
	Spent      bool // it costs a try
	Refusal    Refusal
	Next       Step
	Point      *PointChange
	ConfirmBy  time.Time // for Accepted: without a receipt by then, take the next contact point; zero: never
	LookAt     time.Time // for InDoubt: ask the provider then; zero: nobody can be asked
	Polled     bool      // receipts come by polling, under the provider's id
	Urgent     bool      // goes before other work of the ledger
	Found      bool      // a look-up found ProviderID: where another attempt has it (Known) this outcome is ErrStale
}

// Receipt is a provider's report on one part, as the ledger takes it. Either Attempt, or Channel and ProviderID, name the attempt.
type Receipt struct {
	Attempt    ID
	Channel    ID
	ProviderID string
	Part       int
	State      AttemptState // Accepted, Refused or AttemptDelivered
	Refusal    Refusal
	Spent      bool // it costs a try
	Next       Step
	Point      *PointChange
	ConfirmBy  time.Time // for Accepted that heals doubt
}

// Effect is what a receipt did.
type Effect int

// The effects of a receipt.
const (
	NoAttempt Effect = iota // no such attempt on this channel: ignore and log
	Repeated                // it changed nothing: known, or of a lower rank
	Applied
)

// Move is a step of a delivery without an attempt that ends. It is carried out only if Attempt is still the newest
// (zero: there is none), and the delivery is neither delivered nor ended.
type Move struct {
	Delivery ID
	Attempt  ID
	Doubt    bool // only if Attempt is still in doubt
	Next     Step
	Again    time.Time // for StepNone only: Overdue lists it again then, if it is accepted; zero: never
	Detail   string    // why, safe to show
}

// Delivery is one broadcast for one member, as screens show it.
type Delivery struct {
	ID          ID            `json:"id"`
	GroupID     ID            `json:"group_id"`
	BroadcastID ID            `json:"broadcast_id"`
	MemberID    ID            `json:"member_id"`
	State       DeliveryState `json:"state"`
	Reason      Reason        `json:"reason,omitempty"`
	Detail      string        `json:"detail,omitempty"`
	Locale      string        `json:"locale"`
	Neutral     bool          `json:"neutral,omitempty"`
	ChannelID   ID            `json:"channel_id"`
	PointID     ID            `json:"point_id"`
	Lane        Lane          `json:"-"`
	Due         time.Time     `json:"due,omitzero"`         // for Waiting; zero while its broadcast is stopped
	QuietUntil  time.Time     `json:"quiet_until,omitzero"` // the end of the quiet hours that it waits or waited for
	Tries       int           `json:"tries"`
	Resends     int           `json:"resends,omitempty"`
	AttemptID   ID            `json:"-"` // the newest; zero: none
	CreatedAt   time.Time     `json:"created_at"`
	Attempts    []Attempt     `json:"attempts,omitempty"` // oldest first; only where one delivery is asked for
}

// Refused says whether every try of a delivery that waits was refused, one where it waits among them, so that nothing of it can
// have arrived; and whether all were for good: then it is tried again in mere hope.
func (d *Delivery) Refused() (all, forGood bool) {
	last := map[ID]string{} // class of the last refusal at each contact point
	for _, a := range d.Attempts {
		if a.State != Refused {
			return false, false
		}
		last[a.PointID] = a.Refusal.Class
	}
	if last[d.PointID] == "" || d.State != Waiting {
		return false, false
	}
	for point, class := range last {
		if class != classPermanent && (class != classGone || point == d.PointID) { // gone, and it waits there: for her new address
			return true, false
		}
	}
	return true, true
}

// Attempt is one try of a delivery over one channel and contact point.
type Attempt struct {
	ID         ID           `json:"id"`
	DeliveryID ID           `json:"delivery_id"`
	No         int          `json:"no"`
	ChannelID  ID           `json:"channel_id"`
	PointID    ID           `json:"point_id"`
	State      AttemptState `json:"state"`
	Parts      []string     `json:"parts,omitempty"`  // the provider's ids, in order
	Cost       int          `json:"cost,omitempty"`   // segments of a text message, else messages
	Charge     *Charge      `json:"charge,omitempty"` // what they cost; nil: nothing, or nothing was sent
	Refusal    Refusal      `json:"refusal,omitzero"`
	ClaimedAt  time.Time    `json:"claimed_at"`
	SettledAt  time.Time    `json:"settled_at,omitzero"`
}
