package row

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// Overdue is a row that a query of the watchdog gives: the first of what waits, or each.
type Overdue struct {
	Group, About gateway.ID
	Name, Part   string
	At           time.Time
	Mark         string
}

// OverdueInto names where the columns of such a query go: group, about, name, part, at, mark.
func OverdueInto(o *Overdue) []any {
	return []any{&o.Group, &o.About, &o.Name, &o.Part, &o.At, &o.Mark}
}

// AheadOfRuns is how far into the future the watchdog looks for schedules that are tried again and again: each try puts
// them off for less.
const AheadOfRuns = 20 * time.Second

// Signs makes signs of the rows that a query found.
func Signs(code gateway.FindingCode, now time.Time, found []Overdue) ([]gateway.Sign, error) {
	signs := []gateway.Sign{}
	latest := now.Add(-gateway.WatchFor(code).Patience)
	for _, o := range found {
		switch code {
		case gateway.RunsLate:
			o.At, o.Part = gateway.LookDue(o.Part, o.At), ""
		case gateway.CalendarFailing:
			var fresh gateway.Freshness
			if err := json.Unmarshal([]byte(o.Part), &fresh); err != nil {
				return nil, fmt.Errorf("reading how fresh a calendar is: %w", err)
			}
			if fresh.Tried.Sub(fresh.Since) < gateway.WatchFor(code).Patience {
				continue // no try says so: a clock was set, or a computer slept
			}
			o.At, o.Part = fresh.Since, ""
		case gateway.RoleEnds:
			o.Part, o.At = o.At.UTC().Format(time.DateOnly), o.At.Add(-gateway.RoleNotice)
		case gateway.DrillWanting:
			o.Name = o.At.UTC().Format(time.DateOnly)
		}
		if !o.At.After(latest) {
			signs = append(signs, gateway.Sign{Finding: gateway.Finding{Code: code, GroupID: o.Group, About: o.About, Name: o.Name, Part: o.Part, Since: o.At}, Mark: o.Mark})
		}
	}
	if code == gateway.RunsLate && len(signs) > 1 { // one for all: they wait for the same
		signs = []gateway.Sign{slices.MinFunc(signs, func(a, b gateway.Sign) int { return a.Since.Compare(b.Since) })}
	}
	return signs, nil
}

// RoleEndsQuery finds the tokens whose role ends within gateway.RoleNotice; until is the place of the time among the arguments.
func RoleEndsQuery(until string) string {
	return fmt.Sprintf("SELECT group_id, id, role, '', expires_at, '' FROM tokens WHERE expires_at > %[1]s AND expires_at <= %[1]s + %[2]d ORDER BY expires_at LIMIT 100", until, gateway.RoleNotice.Microseconds())
}

// RoleAloneQuery finds the groups with one administrator, since when she can have been the only one; none is what no group is.
func RoleAloneQuery(until, none string) string {
	return fmt.Sprintf("SELECT group_id, group_id, 'administrator', '', max(created_at), '' FROM tokens WHERE role = 'administrator' AND group_id <> %s AND (expires_at = 0 OR expires_at > %s + %d) GROUP BY group_id HAVING count(*) = 1 LIMIT 100",
		none, until, gateway.WatchFor(gateway.RoleAlone).Patience.Microseconds())
}

// WantingQuery finds the drills that were not as they should be, for gateway.DrillNotice, unless a later one of the group was; until
// is the place of the time among the arguments.
func WantingQuery(until string) string {
	return fmt.Sprintf(`SELECT d.group_id, d.id, '', d.outcome, d.at, '' FROM drills d WHERE d.outcome NOT IN ('', 'well') AND d.at > %[1]s - %[2]d AND d.at <= %[1]s
		AND NOT EXISTS (SELECT 1 FROM drills n WHERE n.group_id = d.group_id AND n.at > d.at AND n.outcome = 'well') ORDER BY d.at LIMIT 100`, until, gateway.DrillNotice.Microseconds())
}

// FindingColumns are the columns of a finding; FindingInto names where they go.
const FindingColumns = "id, code, group_id, about, name, part, since, opened_at"

// FindingInto names where FindingColumns go.
func FindingInto(f *gateway.Finding) []any {
	return []any{&f.ID, (*string)(&f.Code), &f.GroupID, &f.About, &f.Name, &f.Part, &f.Since, &f.OpenedAt}
}

// Turned tells which findings are new and which are over. One that goes on keeps its row.
func Turned(were, are []gateway.Finding) (opened, ended []gateway.Finding) {
	without := func(all, those []gateway.Finding) (left []gateway.Finding) {
		for _, f := range all {
			if !slices.ContainsFunc(those, f.Same) {
				left = append(left, f)
			}
		}
		return left
	}
	return without(are, were), without(were, are)
}

// ThreadAge is the place in gateway.ThreadAges of what has been open since a time, in microseconds.
func ThreadAge(now, opened int64) int {
	switch age := time.Duration(now-opened) * time.Microsecond; {
	case age < time.Hour:
		return 0
	case age < 24*time.Hour:
		return 1
	}
	return 2
}
