package gateway

import "time"

// BroadcastStatus is a broadcast with the fate of its deliveries.
type BroadcastStatus struct {
	Broadcast
	Tallies []Tally  `json:"tallies"`
	Charges []Charge `json:"charges"` // what it has cost so far; kinds that are free are left out
}

// Status is how the instance is.
type Status struct {
	Version  string          `json:"version"`
	Profile  string          `json:"profile"`           // "alone" or "scaled"
	Roles    []string        `json:"roles"`             // of the process that answers
	Sandbox  bool            `json:"sandbox"`           // since the process that answers started, a channel spoke to the sandbox: nobody gets anything from it, and every screen says so
	Unheard  bool            `json:"unheard,omitempty"` // the sandbox brings text messages to no webhook, and this instance, which has a public address, does not ask for them
	Backlog  int             `json:"backlog"`           // deliveries that are not handed over, with those that are due later
	Channels []ChannelStatus `json:"channels"`          // those that the asker may see
	// Findings are what should have happened by itself and has not. The operator sees her own and those of the groups that she acts
	// for, everybody else those of her group.
	Findings []Finding `json:"findings,omitempty"`
	// Stale are the groups with telephone numbers that may have new owners, seen as Findings are.
	Stale []StaleNumbers `json:"stale,omitempty"`
	// Spool is what the process that answers keeps on its disk; none where it has not the role inbound. It is the operator's to see.
	Spool *SpoolStatus `json:"spool,omitempty"`
	// Processes are those that share the work, this one among them; none in the profile alone. They are the operator's to see.
	Processes []ProcessStatus `json:"processes,omitempty"`
	// Wanting says what the process that answers finds away or unfit, in words: the ledger or Redis (which it may do without where
	// senders do not), and who holds locks in PostgreSQL that it waits for. It is the operator's to see.
	Wanting []string `json:"wanting,omitempty"`
}

// StaleNumbers says how many telephone numbers of a group's members wait for their word that they are still hers.
type StaleNumbers struct {
	GroupID ID     `json:"group_id"`
	Group   string `json:"group"` // its slug
	Count   int    `json:"count"`
}

// SpoolStatus is what a process keeps on its disk because the ledger could not take it.
type SpoolStatus struct {
	Records int       `json:"records"` // webhooks
	Bytes   int64     `json:"bytes"`
	Oldest  time.Time `json:"oldest,omitzero"`   // when the oldest of them came
	Damaged int       `json:"damaged,omitempty"` // that could not be opened and were set aside
}

// ProcessStatus is a process that is alive.
type ProcessStatus struct {
	ID    ID       `json:"id"`
	Roles []string `json:"roles"`
	// File tells the operator's file that it read from others, as far as all processes need the same; none of an older release.
	File string `json:"file,omitempty"`
}

// ChannelStatus is how one channel is.
type ChannelStatus struct {
	ID      ID            `json:"id"`
	Name    string        `json:"name"`
	Kind    string        `json:"kind"`
	Backlog int           `json:"backlog"`
	Health  ChannelHealth `json:"health"`
	Breaker string        `json:"breaker"` // "closed", or "open" while the provider does not answer
	// Incident is the open one.
	Incident *Incident `json:"incident,omitempty"`
	// CatchingUp: its provider is asked what came while nobody listened, and reports and reminders wait for that.
	CatchingUp bool        `json:"catching_up,omitempty"`
	Gap        *HearingGap `json:"gap,omitempty"` // what may not have been heard
}

// CheckResult says whether a channel's credentials and its way to the provider are good.
type CheckResult struct {
	OK     bool   `json:"ok"`
	Class  string `json:"class,omitempty"`  // of the error, as text
	Code   string `json:"code,omitempty"`   // the provider's, verbatim
	Detail string `json:"detail,omitempty"` // safe to show
	// Warnings say what works and should not be: a sender that tells members in neutral mode who writes.
	Warnings []string `json:"warnings,omitempty"`
}

// Refused says whether the provider refuses the channel's credentials.
func (r CheckResult) Refused() bool { return !r.OK && r.Class == classAuth }

// RevealReason says why a member is shown in clear. It is kept with the log entry; a closed list, so that no name ends
// up there.
type RevealReason string

// The reasons to show a member in clear.
const (
	RevealContact  RevealReason = "contact-her"
	RevealCorrect  RevealReason = "correct-record"
	RevealRequest  RevealReason = "her-request"
	RevealIncident RevealReason = "incident"
)
