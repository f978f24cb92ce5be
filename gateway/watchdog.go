package gateway

import (
	"context"
	"encoding/hex"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

// WatchDuty is the duty of the watchdog: what it finds is written under it.
const WatchDuty = "watchdog"

// FindingCode names something that should happen by itself, and has not.
type FindingCode string

// What the watchdog finds. Watched says of each when, and in words what it means and what to do.
const (
	RunsLate        FindingCode = "runs-late"
	PlanningLate    FindingCode = "planning-late"
	SendingStuck    FindingCode = "sending-stuck"
	ClaimsLeft      FindingCode = "claims-left"
	PollingSilent   FindingCode = "polling-silent"
	SpoolWaiting    FindingCode = "spool-waiting"
	CalendarsLate   FindingCode = "calendars-late"
	RoleMissing     FindingCode = "role-missing"
	PingFailing     FindingCode = "ping-failing"
	RunUndecided    FindingCode = "run-undecided"
	CalendarFailing FindingCode = "calendar-failing"
	InboxUnread     FindingCode = "inbox-unread"
	NotHeard        FindingCode = "not-heard"
	RoleEnds        FindingCode = "role-ends"
	RoleAlone       FindingCode = "role-alone"
	AlertsLate      FindingCode = "alerts-late"
	AlertUnheard    FindingCode = "alert-unanswered"
	DrillWanting    FindingCode = "drill-wanting"
	DutyUnheard     FindingCode = "duty-unreachable"
	StepUnheard     FindingCode = "step-unreachable"
)

// Watch is one thing that the watchdog looks for.
type Watch struct {
	Code     FindingCode
	Patience time.Duration // what is overdue for less is no sign
	Looks    int           // a sign that stands unchanged through so many looks is a finding
	Silent   bool          // it does not keep the heartbeat from going out
	Text     string        // with {name} and {part} of the finding: what is so, and how to mend it
}

// Watched lists what the watchdog looks for. A sign that changes from look to look is work that goes on, however late it is;
// so neither a backlog nor a clock that was set, nor a computer that slept, is a finding.
func Watched() []Watch {
	return []Watch{
		{Code: RunsLate, Patience: 2 * time.Minute, Looks: 2,
			Text: "a run of a schedule is due and was not done: see in the log what a process with the role scheduler says, or start one"},
		{Code: PlanningLate, Patience: 2 * time.Minute, Looks: 2,
			Text: "a broadcast is due and is not planned any further: see in the log what a process with the role scheduler says, or start one"},
		{Code: SendingStuck, Patience: 5 * time.Minute, Looks: 2,
			Text: "messages over the channel {name} (lane {part}) are due and do not leave: see channel list for its provider, and that processes with the roles relay and sender run"},
		{Code: ClaimsLeft, Patience: 2 * time.Minute, Looks: 2,
			Text: "what a dead process was sending is not put in doubt, and nothing follows from it: see in the log what a process with the role relay says, or start one"},
		{Code: PollingSilent, Looks: 5,
			Text: "the channel {name} is not polled: replies, STOP among them, are not heard. See in the log what a process with the role inbound says, and channel check for its provider"},
		{Code: SpoolWaiting, Looks: 5,
			Text: "the process {name} keeps on its disk what providers and members told it, STOP perhaps among it, and the ledger does not take it: see in its log why"},
		{Code: AlertsLate, Patience: time.Minute, Looks: 2,
			Text: "an alert is due for its next step and does not climb: see in the log what a process with the role scheduler says, or start one"},
		{Code: CalendarsLate, Patience: 30 * time.Minute, Looks: 2,
			Text: "calendars are not read: see in the log what a process with the role scheduler says, or start one"},
		{Code: RoleMissing, Looks: 3,
			Text: "no process has the role {name}: start carillon serve --roles {name}"},
		{Code: PingFailing, Looks: 5, Silent: true,
			Text: "the address of watchdog.ping does not answer with success: nobody outside would notice if this instance fell silent"},

		// These are for the people of one group.
		{Code: RunUndecided, Looks: 1, Silent: true,
			Text: "the run {part} of the schedule {name} was not done and waits for a person: see schedule show {name}, then schedule run or schedule skip with --occurrence {part}"},
		{Code: AlertUnheard, Looks: 1, Silent: true,
			Text: "nobody acknowledged the alert {part}, and every step of its policy is over: see alert timeline {part}, and take charge with alert ack {part}"},
		{Code: DrillWanting, Looks: 1, Silent: true,
			Text: "the drill of {name} was not as it should be ({part}): see alert drill list, mend what it shows, and hold another"},
		{Code: DutyUnheard, Looks: 1, Silent: true,
			Text: "{part} has a turn by the rota {name} and cannot be told of an alert. See rota gaps for why; link a contact point of hers, or have somebody else take the turn with rota override"},
		{Code: StepUnheard, Looks: 1, Silent: true,
			Text: "an alert by the policy {name} would pass {part} at once, for nobody there can be told. See rota gaps; give somebody the role, or those who have it a contact point that takes alerts"},
		{Code: CalendarFailing, Patience: 24 * time.Hour, Looks: 2, Silent: true,
			Text: "the calendar {name} cannot be read for more than a day; what was read before stands. See calendar list, and mend its address"},
		{Code: InboxUnread, Patience: 24 * time.Hour, Looks: 2, Silent: true,
			Text: "somebody wrote, and nobody has read it for more than a day: see inbox list"},
		{Code: NotHeard, Looks: 1, Silent: true,
			Text: "what members sent to the channel {name} while nobody listened is not all heard ({part}), STOP perhaps among it, and routine messages leave again: see channel list for when that was, and look at the provider who wrote then"},
		{Code: RoleEnds, Looks: 2, Silent: true,
			Text: "a token with the role {name} ends on {part}: see token list, and issue another before then if its holder goes on"},
		{Code: RoleAlone, Patience: 7 * 24 * time.Hour, Looks: 2, Silent: true,
			Text: "one token only has the role {name}: if it is lost, nobody of the group can act for it. Issue a second one, for somebody else, with token create"},
	}
}

// RoleNotice is how long before a role ends its holders are told.
const RoleNotice = 7 * 24 * time.Hour

// WatchFor gives what Watched says of a code; one that it does not know is for an older or newer release to explain.
func WatchFor(code FindingCode) Watch {
	for _, w := range Watched() {
		if w.Code == code {
			return w
		}
	}
	return Watch{Code: code, Silent: true, Text: "the release that found it says more"}
}

// Finding is something that should have happened by itself and has not. It names no person.
type Finding struct {
	ID       ID          `json:"id"`
	Code     FindingCode `json:"code"`
	GroupID  ID          `json:"group_id,omitzero"` // whose people are told; zero: the operator
	About    ID          `json:"about,omitzero"`    // a channel, schedule, calendar or group
	Name     string      `json:"name,omitempty"`    // of that, or a role
	Part     string      `json:"part,omitempty"`    // a lane, or a run
	Since    time.Time   `json:"since"`             // what is overdue the longest was due then
	OpenedAt time.Time   `json:"opened_at"`
	Text     string      `json:"text"` // what is so, and how to mend it
}

// Same reports whether two findings are about the same thing.
func (f Finding) Same(o Finding) bool {
	return f.Code == o.Code && f.About == o.About && f.Part == o.Part && f.Name == o.Name
}

// Explain fills in the words.
func (f *Finding) Explain() {
	f.Text = strings.NewReplacer("{name}", f.Name, "{part}", f.Part).Replace(WatchFor(f.Code).Text)
}

// Opening is what those concerned are told of a finding.
func (f Finding) Opening() OwnerNotice {
	n := OwnerNotice{Once: "found/" + hex.EncodeToString(f.ID[:]), GroupID: f.GroupID, Wording: NoticeFound, Data: map[string]string{"finding": f.inShort()}}
	switch f.Code {
	case RunUndecided:
		n.Once = "run/" + hex.EncodeToString(f.About[:]) + "/" + f.Part // whatever becomes of the finding, told once
		n.Wording, n.Data = NoticeUndecided, map[string]string{"schedule": f.Name, "run": f.Part}
	case SendingStuck, PollingSilent, NotHeard:
		n.Avoid = f.About
	}
	return n
}

// Ending is what those who heard of a finding are told when it is well; ok is false for a run that a person decided about, for a
// drill, and for what nothing made well.
func (f Finding) Ending() (n OwnerNotice, ok bool) {
	return OwnerNotice{Once: "mended/" + hex.EncodeToString(f.ID[:]), GroupID: f.GroupID, Wording: NoticeMended, Data: map[string]string{"finding": f.inShort()}}, f.Code != RunUndecided && f.Code != DrillWanting && (f.Code != NotHeard || GapReason(f.Part).Closes())
}

func (f Finding) inShort() string {
	return strings.Join(strings.Fields(string(f.Code)+" "+f.Name+" "+f.Part), " ")
}

// The shipped texts of the watchdog's notices.
const (
	NoticeFound     = "watchdog-found"  // {finding}
	NoticeMended    = "watchdog-mended" // {finding}
	NoticeUndecided = "run-undecided"   // {run} of {schedule}
)

// Sign is something overdue in the ledger, as it stands now.
type Sign struct {
	Finding        // without ID, OpenedAt and Text
	Mark    string // differs as soon as the work goes on
}

// Watchdog keeps what the watchdog goes by and what it found.
type Watchdog interface {
	// Signs lists what is overdue for longer than Watched says, by the store's clock. Its cost grows with what there is of
	// groups and channels, not with what waits. Of runs without a decision it lists the newest 100 at most.
	Signs(ctx context.Context) ([]Sign, error)
	// Findings lists what is open, in the order in which it was found.
	Findings(ctx context.Context) ([]Finding, error)
	// SetFindings makes these and no others the open ones: those who are concerned by one that is new are to be told, and
	// told again once it is not there any more, if they heard of it. It returns what is open. ErrStale: the duty WatchDuty is
	// not held under this token any more.
	SetFindings(ctx context.Context, open []Finding, token int64) ([]Finding, error)
}

// LookDue says when a run is to be looked at, by its name (see Occurrence); at is what its schedule says, which is later while
// it is tried again and again.
func LookDue(run string, at time.Time) time.Time {
	due := at
	if m, err := civil.ParseMoment(run); err == nil {
		due = m.Instant()
	} else if w, err := civil.ParseWall(run); err == nil {
		due = w.Fields().Add(-FarthestAhead - Lead)
	}
	if due.After(at) {
		return at
	}
	return due
}
