package gateway

import (
	"context"
	"fmt"
	"time"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Schedule is a rule that yields runs, and what each of them does.
type Schedule struct {
	ID      ID     `json:"id"`
	GroupID ID     `json:"group_id"`
	Name    string `json:"name"` // a-z 0-9 -, 2 to 40 characters; unique in the group
	Timing
	Action      Action    `json:"action"` // sealed in the ledger
	Author      string    `json:"author"` // label of the token that changed it last
	Revision    int64     `json:"revision"`
	Paused      bool      `json:"paused,omitempty"`
	PausedUntil time.Time `json:"paused_until,omitzero"` // zero with a pause: until someone resumes it
	Run         string    `json:"next,omitempty"`        // the name of the next run, see Occurrence; empty: there is none any more
	At          time.Time `json:"next_at,omitzero"`      // when it is to be looked at: its instant; at each member's own time, an hour before the first zone's
	ChangedAt   time.Time `json:"changed_at"`
}

// Timing says when a schedule runs. Its wall times are those of its zone.
type Timing struct {
	Cron       string     `json:"cron,omitempty"`  // minute hour day month weekday, as in "0 9 * * MON"
	RRule      string     `json:"rrule,omitempty"` // or a recurrence rule of RFC 5545, counted from Start
	Start      civil.Wall `json:"start,omitzero"`
	Zone       string     `json:"zone"`            // IANA name, ZoneGroup or ZoneMember
	Starts     civil.Wall `json:"starts,omitzero"` // no run before it; zero: none
	Ends       civil.Wall `json:"ends,omitzero"`   // no run from it on; zero: none
	Except     []string   `json:"except,omitempty"`
	Holidays   []string   `json:"holidays,omitempty"`    // dates as Except has them, as in 2026-12-25: no run on them
	HolidaysOf string     `json:"holidays_of,omitempty"` // name of a calendar of the group: what is in it for whole days are holidays too
	Late       LatePolicy `json:"late"`
	Window     int        `json:"window_minutes,omitempty"` // for LateOnce: how late a run may be
}

// Zones that are no IANA names.
const (
	ZoneGroup  = "group"  // the group's
	ZoneMember = "member" // each member's own
)

// LatePolicy says what becomes of a run that nobody could do in its time. There is never more than one catch-up.
type LatePolicy string

// The late policies.
const (
	LateOnce LatePolicy = "once" // the newest is done late, if it is within Window; earlier ones are left out
	LateSkip LatePolicy = "skip" // it is left out, and noted
	LateAsk  LatePolicy = "ask"  // a person decides about the newest
)

// OnTime is how late a run may be and still be on time.
const OnTime = time.Minute

// Lead is how long before the first zone's instant a run at each member's own time is planned: a process that is away for
// less makes nobody's message late.
const Lead = time.Hour

// The clocks farthest ahead of and behind Greenwich: Kiritimati and Baker Island.
const (
	FarthestAhead  = 14 * time.Hour
	FarthestBehind = 12 * time.Hour
)

// Action is what a run does: its kind, and the payload of that kind.
type Action struct {
	Kind      ActionKind       `json:"kind"`
	Broadcast *ActionBroadcast `json:"broadcast,omitempty"` // of ActBroadcast
	Series    string           `json:"series,omitempty"`    // of ActEdition: the series' name
	Week      *ActionWeek      `json:"week,omitempty"`      // of ActWeek
}

// ActionKind names what a run does.
type ActionKind string

// What a run may do.
const (
	ActBroadcast ActionKind = "broadcast" // send a message
	ActEdition   ActionKind = "edition"   // freeze and send the edition of a series whose turn it is
	ActWeek      ActionKind = "week"      // tell of the events of the week ahead
)

// ActionBroadcast is what is sent. The key, the start and the end are those of the run.
type ActionBroadcast struct {
	Kind      Kind     `json:"kind"` // KindReport or KindReminder
	Audience  Audience `json:"audience"`
	Wording   string   `json:"wording,omitempty"` // name of the group's own words, as they stand when it runs; else Words.Sources
	Words     Words    `json:"words,omitzero"`
	Sensitive bool     `json:"sensitive,omitempty"`
	Fallback  bool     `json:"fallback,omitempty"` // keep the schedule although something is missing in the text; runs never fail for that
}

// Occurrence is one run of a schedule, and its outcome. Its name, Run, is its nominal wall time with the UTC offset, as in
// "2026-10-25T02:30+01:00", or without one where it is each member's own time.
type Occurrence struct {
	ID          ID              `json:"id"` // made when it was recorded
	GroupID     ID              `json:"group_id"`
	ScheduleID  ID              `json:"schedule_id"`
	Run         string          `json:"run"`
	At          time.Time       `json:"at"` // its instant; at each member's own time, that of the first zone
	State       OccurrenceState `json:"state"`
	Reason      RunReason       `json:"reason,omitempty"`
	Detail      string          `json:"detail,omitempty"`      // for OccurrenceFailed and RunUnapproved: what was wrong and how to mend it
	By          string          `json:"by,omitempty"`          // label of the token that decided
	BroadcastID ID              `json:"broadcast_id,omitzero"` // of OccurrenceFired
	RecordedAt  time.Time       `json:"recorded_at"`
}

// OccurrenceState is the outcome of a run; see OccurrenceSteps.
type OccurrenceState string

// The states of an occurrence.
const (
	OccurrenceDue     OccurrenceState = ""        // nothing is recorded yet
	OccurrenceFired   OccurrenceState = "fired"   // it did what it does
	OccurrenceSkipped OccurrenceState = "skipped" // it will not
	OccurrenceAsked   OccurrenceState = "asked"   // a person is to decide
	OccurrenceFailed  OccurrenceState = "failed"  // it could not; a person may run it once that is mended
)

// OccurrenceSteps lists every legal step of an occurrence.
var OccurrenceSteps = map[OccurrenceState][]OccurrenceState{
	OccurrenceDue:     {OccurrenceFired, OccurrenceSkipped, OccurrenceAsked, OccurrenceFailed},
	OccurrenceAsked:   {OccurrenceFired, OccurrenceSkipped, OccurrenceFailed},
	OccurrenceFailed:  {OccurrenceFired, OccurrenceSkipped, OccurrenceFailed},
	OccurrenceFired:   {},
	OccurrenceSkipped: {},
}

// CanStep reports whether an occurrence may go from s to next.
func (s OccurrenceState) CanStep(next OccurrenceState) bool {
	for _, legal := range OccurrenceSteps[s] {
		if legal == next {
			return true
		}
	}
	return false
}

// RunReason says why a run had its outcome.
type RunReason string

// The reasons. A run that was done in its time has none.
const (
	RunLate       RunReason = "late"       // done late, asked about or left out: nobody could do it in its time
	RunSuperseded RunReason = "superseded" // a later one was due by then
	RunPaused     RunReason = "paused"
	RunExcepted   RunReason = "excepted" // on one of the dates left out
	RunHoliday    RunReason = "holiday"
	RunChanged    RunReason = "changed"    // it was due when the schedule was changed, which has no such run any more
	RunNobody     RunReason = "nobody"     // nobody is meant, or nothing takes place in the week ahead
	RunByHand     RunReason = "by hand"    // a person decided
	RunFault      RunReason = "fault"      // Detail says what is wrong
	RunUnapproved RunReason = "unapproved" // nobody has approved the edition
)

// RunView is a run to come, as a preview shows it.
type RunView struct {
	Run     string     `json:"run"` // see Occurrence
	Nominal civil.Wall `json:"nominal"`
	Zone    string     `json:"zone"`            // whose clocks Local is about
	UTC     time.Time  `json:"utc,omitzero"`    // zero: the zone has no such date
	Local   string     `json:"local,omitempty"` // what its clocks show then, with their offset
	Note    civil.Note `json:"note,omitempty"`  // a clock change shifts it
	LeftOut RunReason  `json:"left_out,omitempty"`
}

// BroadcastKey is the key of the broadcast that a run sends: the same for every try.
func (o Occurrence) BroadcastKey() string { return fmt.Sprintf("schedule-%s-%s", o.ScheduleID, o.Run) }

// Schedules keeps schedules and what became of their runs.
type Schedules interface {
	// PutSchedule makes a schedule if its id is zero (CodeConflict: the name is taken), or changes the one with its id and
	// revision (ErrStale: somebody else changed it). Run and At are taken if retime is set, or else stay as they are.
	PutSchedule(ctx context.Context, s Schedule, retime bool) (Schedule, error)
	Schedule(ctx context.Context, group ID, name string) (Schedule, error)
	// Schedules lists a group's behind after, in order of id.
	Schedules(ctx context.Context, group, after ID, limit int) ([]Schedule, error)
	// DeleteSchedule deletes a schedule with what is recorded of its runs; its broadcasts stay.
	DeleteSchedule(ctx context.Context, group, id ID) error
	// Occurrences lists the newest first, before the given id (zero: from the newest).
	Occurrences(ctx context.Context, group, schedule, before ID, limit int) ([]Occurrence, error)
}

// Timetable is how runs are done on time, by any number of processes.
type Timetable interface {
	// DueSchedules lists at most limit schedules whose time has come by the store's clock, the longest due first.
	DueSchedules(ctx context.Context, limit int) (Timely, error)
	// Fire records outcomes of runs, submits what the one that fired sends and puts the schedule at its next run, in one
	// transaction. ErrStale, and nothing is written: the schedule is not as Firing says, so somebody else did it. A run
	// whose outcome is recorded already keeps that outcome, and nothing is sent for it.
	Fire(ctx context.Context, f Firing) error
	// Decide records what a person decided about one run, and submits what it sends, in one transaction. CodeConflict: its
	// outcome does not allow that step.
	Decide(ctx context.Context, o Occurrence, send *ReadyBroadcast) error
	// Timings lists the schedules of all groups that have a next run, behind after in order of id, without actions.
	Timings(ctx context.Context, after ID, limit int) ([]TimelySchedule, error)
	// Retime puts a schedule at another run, or another instant of it, without any outcome: the rules of its zone have
	// changed. ErrStale as for Fire.
	Retime(ctx context.Context, f Firing) error
}

// Timely is an answer of DueSchedules.
type Timely struct {
	Now       time.Time // of the store's clock
	Next      time.Time // when the first is due that is not due yet; zero: none
	Schedules []TimelySchedule
}

// TimelySchedule is a schedule with the zone of its group.
type TimelySchedule struct {
	Schedule
	GroupZone string
}

// Firing moves a schedule on.
type Firing struct {
	Group, Schedule ID
	Revision        int64  // as it was read
	Run             string // where it stood
	Next            string // where it stands then; empty: there is no run any more
	At              time.Time
	Occurrences     []Occurrence    // in order of their time; at most one is fired
	Supersede       bool            // runs that are still asked about are left out: there is never more than one catch-up
	Send            *ReadyBroadcast // what the fired one sends
}

// ReadyBroadcast is one that was checked, with the digest of the request for it.
type ReadyBroadcast struct {
	Broadcast   Broadcast
	Fingerprint []byte
	Edition     *Edition // that it sends: it is written with it, as PutEdition does
	Opening     *Opening `json:"-"` // what it was checked against, for whoever checks another one for the same audience; nil: not told
}

// KeepOccurrences is how long the outcomes of runs are kept.
const KeepOccurrences = 400 * 24 * time.Hour
