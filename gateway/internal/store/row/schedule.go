package row

import (
	"github.com/carillon-gateway/carillon/gateway"
)

// ScheduleColumns are the columns of a schedule s, but for its action; ScheduleInto names where they go.
const ScheduleColumns = "s.group_id, s.id, s.name, s.timing, s.author, s.revision, s.paused, s.paused_until, s.next_run, s.next_at, s.changed_at"

// ScheduleInto names where ScheduleColumns go; timing is JSON.
func ScheduleInto(s *gateway.Schedule, timing *string) []any {
	return []any{&s.GroupID, &s.ID, &s.Name, timing, &s.Author, &s.Revision, &s.Paused, &s.PausedUntil, &s.Run, &s.At, &s.ChangedAt}
}

// OccurrenceColumns are the columns of an occurrence.
const OccurrenceColumns = "group_id, schedule_id, run, id, at, state, reason, detail, decided_by, broadcast_id, recorded_at"

// OccurrenceInto names where OccurrenceColumns go.
func OccurrenceInto(o *gateway.Occurrence) []any {
	return []any{&o.GroupID, &o.ScheduleID, &o.Run, &o.ID, &o.At, (*string)(&o.State), (*string)(&o.Reason), &o.Detail, &o.By, &o.BroadcastID, &o.RecordedAt}
}

// Decided says whether a person may give a run this outcome; was is what is recorded of it.
func Decided(was gateway.OccurrenceState, o *gateway.Occurrence) error {
	if !was.CanStep(o.State) {
		return gateway.Faultf(gateway.CodeConflict, "the run %s has its outcome already: it was %s", o.Run, was)
	}
	return nil
}

// NameTaken is the answer to a new schedule with the name of another.
func NameTaken(name string) error {
	return gateway.Faultf(gateway.CodeConflict, "the group has a schedule %q already; choose another name, or change that one", name)
}
