package postgres

import (
	"regexp"
	"strings"
	"testing"
)

// owned are the tables whose rows belong to a group.
var owned = regexp.MustCompile(`\b(FROM|JOIN|INTO|UPDATE) (members|contact_points|consents|suppressions|imports|import_changes|broadcasts|renderings|deliveries|attempts|refs|tallies|charges|spends|inbounds|inbound_members|threads|thread_replies|wordings|reviews|schedules|occurrences|applied|tokens|calendars|events|feeds|rotas|reminders|series|editions|releases|page_links|invitations|enrolments|asks|alerts|alert_events|alert_broadcasts|alert_policies|drills|alert_reports)\b`)

// groupless are parts of statements that need not name a group, and why.
var groupless = map[string]string{
	"FROM unnest($1::uuid[]":        "these rows are locked, and were read with their group by the same transaction",
	"ORDER BY until LIMIT":          "work for all groups: it finds identifiers, and what is behind them is read with the group",
	"ORDER BY move_at LIMIT":        "work for all groups, as above",
	"WHERE c.former <> '' LIMIT $2": "work for all groups, as above",
	"WHERE a.id > $1 ORDER BY a.id": "work for all groups, as above",
	"next_at FROM schedules WHERE":  "work for all groups, as above",
	"revision FROM alerts WHERE":    "work for all groups, for the watchdog: that somebody's is late, not whose",
	"due_at FROM alerts WHERE":      "work for all groups: when the next is due, not whose",
	"ORDER BY start_at LIMIT 1":     "of all groups, for the watchdog: that somebody's is late, not whose",
	"ORDER BY next_at LIMIT":        "as above",
	"AND id <> $4 AND $5 = ANY":     "a channel of the operator's serves several groups: whether another attempt has a message, not whose",
	"FROM refs WHERE channel_id":    "a provider's identifier leads to an attempt, and that to its group",
}

// namesGroup says whether a statement on rows of a group says of which (threat T6).
func namesGroup(text string) bool {
	return !owned.MatchString(text) || regexp.MustCompile(`\bgroup_id\b`).MatchString(text)
}

func checkTenancy(t *testing.T, all map[string]bool) {
	used := map[string]bool{}
	for text := range all {
		if namesGroup(text) {
			continue
		}
		excused := false
		for part := range groupless {
			if strings.Contains(text, part) {
				excused, used[part] = true, true
			}
		}
		if !excused {
			t.Errorf("this names no group: %s", strings.Join(strings.Fields(text), " "))
		}
	}
	if len(all) < 150 {
		return // a part of the suite
	}
	for part, reason := range groupless {
		if !used[part] {
			t.Errorf("no statement holds %q any more (%s)", part, reason)
		}
	}
}
