package model

import (
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// The most of everything that a world has room for. A world is an array of numbers, so that it can be copied, compared
// and hashed.
const (
	mostMembers   = 3
	mostPoints    = 2
	mostAttempts  = 6
	mostProcesses = 3
	mostSenders   = 2
)

// seconds is a time since the broadcast was submitted, by the ledger's clock; 0 is no time, the start is 1.
type seconds int32

// How long things hold, as in package dispatch and as a queue between processes has it.
const (
	start     seconds = 1
	lease     seconds = 300
	lookLease seconds = 120
	hintLease seconds = 60 // after which a queue forgets who popped an id
	sweep     seconds = 1  // between two looks of a relay that knows of nothing new
	margin    seconds = 10 // before the end of its claim a sender begins no attempt
)

func (s seconds) time() time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(1_800_000_000+int64(s), 0)
}

func since(t time.Time) seconds {
	if t.IsZero() {
		return 0
	}
	return seconds(t.Unix() - 1_800_000_000)
}

// The values of a delivery's row: those of package row, counted from one.
const (
	rowUnplanned = iota
	rowWaiting
	rowFollows
	rowEnded
	rowArrived
	rowHeld
)

// What a provider knows of an attempt.
const (
	nowhere   = iota // it never came
	taken            // it will reach the phone
	arrived          // it has
	bounced          // it will not, after all
	sameAgain        // its key was known: the message before stands for it
)

// attempt is a row of the ledger, and what only the model knows.
type attempt struct {
	state, token, point         uint8
	left                        bool
	until, claimedAt, settledAt seconds
	refusal                     uint8 // a result
	provider                    uint8
	takenAt                     seconds
	resends                     uint8 // of the delivery at the claim: part of the key that a provider sees
	forbidden, foolish, known   bool  // granted against a stop; granted though one before was known to be taken; the ledger knew that this one was
}

// delivery is a row of the ledger, and what only the model knows.
type delivery struct {
	row, planned, point, attempts, tries, resends uint8
	reason                                        uint8 // ended: whether a late receipt lifts it, and why
	due, move                                     seconds
	stopped, invalid                              uint8 // contact points, as bits
	copies                                        [mostPoints]uint8
	asked                                         uint8 // how often a person had it sent again
	a                                             [mostAttempts]attempt
}

// The reasons of an end.
const (
	becauseFailed = iota + 1
	becauseExpired
	becauseSuppressed
)

// What a sender does.
const (
	idle    = iota
	popped  // has a hint
	judged  // mutation: has read whether anything forbids it
	claimed // has a claim
	begun   // found its claim good, and writes the request
	knows   // has an answer, or none
)

// What a sender or a look-up learnt.
const (
	unknown = iota
	good
	throttled
	temporary
	permanent // the address is wrong
	nothing   // a look-up: the provider does not have it
	reported  // a look-up: it arrived
	failed    // a look-up, or a receipt: it will not arrive
	late      // the claim was over before the request was written
	lapsed    // the message was
	doubtful  // another attempt under the same key may have been taken, and the key is forgotten
)

type sender struct {
	at, d, a, token, result uint8
	tries, resends          uint8 // as the claim said
	decided, ends           seconds
}

// What a mender does.
const (
	looking  = iota + 1 // has an attempt in doubt
	looked              // has an answer
	advanced            // moved the delivery, not yet the attempt
	moving              // has an overdue case
)

type mender struct {
	at, d, a, token, result uint8
	tries, resends          uint8
	decided                 seconds
}

// What a planner does.
const (
	read  = iota + 1 // has read its page
	moved            // mutation: has written the cursor and not the chunk
)

type process struct {
	up, paused bool
	senders    [mostSenders]sender
	planner    uint8
	after      uint8 // the cursor that the page follows on
	resumes    bool  // took a person's resume, and has not released what was held
	mender     mender
}

// queue holds hints. Losing it, or going back to an older copy, are things that happen to it.
type queue struct {
	generation uint8
	waiting    [mostMembers]uint8
	held       [mostMembers]bool
	heldUntil  [mostMembers]seconds
	heldBy     [mostMembers]uint8 // a process, or gone
}

// gone is a process that was killed.
const gone = mostProcesses

// budget says how often what is no ordinary step may still happen.
type budget struct {
	crashes, pauses, losses, failovers, repeats, troubles, bounces, stops, silences, resends, foreign, ticks uint8
}

// world is one state of everything.
type world struct {
	now      seconds
	cursor   uint8 // members planned
	stopped  bool
	d        [mostMembers]delivery
	p        [mostProcesses]process
	q, copy  queue
	copied   bool
	relayed  [mostMembers]bool // what the relay pushed since its last sweep
	relayGen uint8
	lastGen  uint8
	tallies  [states]int8
	left     budget
	faulty   bool  // something happened that only a sweep finds
	doubled  bool  // something happened that may have hints said twice
	inDoubt  uint8 // attempts that Orphans put in doubt
	excused  uint8 // senders that were busy when their processes crashed or paused
}

// The states of a delivery, as indices of tallies.
const (
	sUnplanned = iota
	sWaiting
	sSending
	sAccepted
	sDelivered
	sInDoubt
	sEnded
	states
)

var stateOf = map[gateway.DeliveryState]uint8{gateway.Waiting: sWaiting, gateway.Sending: sSending, gateway.DeliveryAccepted: sAccepted,
	gateway.Delivered: sDelivered, gateway.DeliveryInDoubt: sInDoubt, gateway.Ended: sEnded}

var nameOf = [states]gateway.DeliveryState{sUnplanned: "unplanned", sWaiting: gateway.Waiting, sSending: gateway.Sending, sAccepted: gateway.DeliveryAccepted,
	sDelivered: gateway.Delivered, sInDoubt: gateway.DeliveryInDoubt, sEnded: gateway.Ended}

// machine is what does not change in a run: how large the world is, what its channels can do, and the mutation.
type machine struct {
	name                                string
	class                               gateway.Class
	members, points, processes, senders int
	window                              int // of the queue
	planning                            bool
	canLook                             [mostPoints]bool
	dedupe                              [mostPoints]seconds
	silent                              bool // the provider's receipts are lost when faults have stopped, too
	large                               bool // too many states for the race detector and for -short
	budget                              budget
	mutant                              mutation
	policy                              gateway.Policy
	expires                             seconds
}

// begin gives the first state.
func (m *machine) begin() world {
	m.policy = gateway.PolicyOf(m.class)
	m.policy.Tries = min(m.policy.Tries, 3)
	m.expires = start + seconds(m.policy.Expires/time.Second)
	if m.window == 0 {
		m.window = mostMembers
	}
	w := world{now: start, left: m.budget, relayGen: 1, lastGen: 1}
	w.q.generation = 1
	for p := range m.processes {
		w.p[p].up = true
	}
	if !m.planning {
		for d := range m.members {
			m.plan(&w, d)
		}
		w.cursor = uint8(m.members)
	}
	return w
}

// running says whether a process takes steps.
func (p *process) running() bool { return p.up && !p.paused }

// busy counts the senders of a process that have a claim.
func (p *process) busy() (n uint8) {
	for _, s := range p.senders {
		if s.at >= claimed {
			n++
		}
	}
	return n
}

// quiet says whether a process is in the middle of nothing.
func (p *process) quiet() bool {
	for _, s := range p.senders {
		if s.at != idle {
			return false
		}
	}
	return p.planner == 0 && p.mender.at == idle
}
