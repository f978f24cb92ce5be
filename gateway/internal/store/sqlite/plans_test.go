package sqlite

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/row"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// hot is what runs for every message, every answer of a person and every turn of a sweep, with what its plan must name:
// the index that was made for it, with the columns that it is searched by.
var hot = map[string]struct {
	text string
	by   []string
}{
	"due":           {dueQuery, []string{"deliveries USING INDEX deliveries_due (channel_no=? AND lane=? AND group_no=? AND due_at<?)"}},
	"due groups":    {groupsQuery, []string{"deliveries USING COVERING INDEX deliveries_due (channel_no=? AND lane=? AND group_no>?)"}},
	"inherited":     {inheritedQuery, []string{"d USING INDEX deliveries_due (channel_no=? AND lane=? AND group_no=?)", "a USING INTEGER PRIMARY KEY"}},
	"stranded":      {strandedQuery, []string{"d USING INDEX deliveries_due (channel_no=?)"}},
	"claim":         {claimQuery, []string{"d USING INTEGER PRIMARY KEY", "p USING PRIMARY KEY (group_id=? AND member_id=? AND id=?)", "m USING PRIMARY KEY (group_id=? AND id=?)"}},
	"quiet":         {quietToo, []string{"deliveries USING INDEX deliveries_quiet (group_no=? AND member_id=? AND quiet_until=?)"}},
	"case":          {caseQuery, []string{"a USING INTEGER PRIMARY KEY", "d USING INTEGER PRIMARY KEY", "p USING PRIMARY KEY (group_id=? AND member_id=? AND id=?)", "m USING PRIMARY KEY (group_id=? AND id=?)"}},
	"waiting":       {waitingQuery, []string{"d USING INTEGER PRIMARY KEY", "a USING INTEGER PRIMARY KEY", "p USING PRIMARY KEY (group_id=? AND member_id=? AND id=?)", "m USING PRIMARY KEY (group_id=? AND id=?)"}},
	"receipt":       {refQuery, []string{"r USING PRIMARY KEY (channel_no=? AND ref=?)", "a USING INTEGER PRIMARY KEY"}},
	"orphans":       {orphanQuery, []string{"a USING INDEX attempts_claimed (until<?)"}},
	"doubtful":      {doubtfulQuery, []string{"attempts USING INDEX attempts_doubt (until>? AND until<?)"}},
	"late":          {lateQuery, []string{"attempts USING INDEX attempts_unconfirmed (until>? AND until<?)"}},
	"stuck":         {stuckQuery, []string{"deliveries USING INDEX deliveries_move (move_at>? AND move_at<?)"}},
	"lapse":         {lapseQuery, []string{"b USING INDEX broadcasts_lapsing (expires_at<?)", "t USING PRIMARY KEY (group_no=? AND broadcast_no=?)"}},
	"look":          {lookQuery, []string{"deliveries USING INDEX deliveries_once (group_no=? AND broadcast_no=? AND member_id>?)"}},
	"held":          {heldQuery, []string{"deliveries USING COVERING INDEX deliveries_held (broadcast_no=?)"}},
	"failed":        {failedQuery, []string{"deliveries USING COVERING INDEX deliveries_ended (broadcast_no=? AND reason=?)"}},
	"capped":        {cappedQuery, []string{"deliveries USING COVERING INDEX deliveries_capped (group_no=?)"}},
	"capped count":  {cappedCountQuery, []string{"deliveries USING COVERING INDEX deliveries_capped (group_no=?)"}},
	"capped groups": {cappedGroupsQuery, []string{"deliveries USING COVERING INDEX deliveries_capped"}},
	"unplaced":      {unplacedQuery, []string{"p USING INDEX contact_points_unplaced", "m USING PRIMARY KEY (group_id=? AND id=?)"}},
	"open incident": {"SELECT " + incidentColumns + " FROM incidents WHERE channel_id = ? AND closed_at = 0", []string{"incidents USING INDEX incidents_open (channel_id=?)"}},
	"incidents":     {"SELECT " + incidentColumns + " FROM incidents WHERE channel_id = ? ORDER BY no DESC LIMIT ?", []string{"incidents USING INDEX incidents_channel (channel_id=?)"}},
	"untold":        {untoldQuery, []string{"owner_notices USING INDEX owner_notices_untold"}},

	"unplanned":     {unplannedQuery, []string{"broadcasts USING INDEX broadcasts_unplanned (start_at<?)"}},
	"recipients":    {everyoneQuery, []string{"members USING PRIMARY KEY (group_id=? AND id>?)"}},
	"series":        {seriesQuery + seriesByName, []string{"series USING INDEX series_name (group_id=? AND name=?)"}},
	"due series":    {seriesQuery + dueSeries, []string{"series USING INDEX series_due (next_at>? AND next_at<?)"}},
	"edition":       {editionByQuery, []string{"editions USING INDEX editions_id (id=?)"}},
	"released":      {releaseQuery + releaseByKey, []string{"releases USING INDEX releases_key (group_id=? AND key=?)"}},
	"unreleased":    {releaseQuery + overdueReleases, []string{"releases USING INDEX releases_waiting (expires_at<?)"}},
	"drafts":        {forgetDrafts, []string{"releases USING INDEX releases_forgetting (forget_at<?)", "releases USING PRIMARY KEY (group_id=? AND id=?)"}},
	"records":       {forgetReleases, []string{"releases USING COVERING INDEX releases_over (forget_at<?)", "releases USING PRIMARY KEY (group_id=? AND id=?)"}},
	"had":           {hadQuery, []string{"deliveries USING INDEX deliveries_once (group_no=? AND broadcast_no=? AND member_id=?)"}},
	"named":         {namedQuery, []string{"members USING PRIMARY KEY (group_id=? AND id=?)"}},
	"locales":       {localeQuery, []string{"members USING COVERING INDEX members_locale (group_id=? AND locale>?)"}},
	"points":        {pointsQuery, []string{"contact_points USING PRIMARY KEY (group_id=? AND member_id>? AND member_id<?)"}},
	"next":          {nextQuery, []string{"deliveries USING COVERING INDEX deliveries_due (channel_no=? AND lane=? AND group_no=? AND due_at>?)"}},
	"unheard":       {unheardQuery, []string{"attempts USING INTEGER PRIMARY KEY (rowid>?)"}},
	"hidden":        {hiddenQuery, []string{"imports USING COVERING INDEX imports_unfinished"}},
	"alert":         {alertQuery + alertByRef, []string{"alerts USING INDEX alerts_reference (group_id=? AND reference=?)"}},
	"due alerts":    {alertQuery + dueAlerts, []string{"alerts USING INDEX alerts_due (due_at>? AND due_at<?)"}},
	"next alert":    {nextAlert, []string{"alerts USING COVERING INDEX alerts_due (due_at>?)"}},
	"over alerts":   {overAlerts, []string{"alerts USING INDEX alerts_forget (forget_at>? AND forget_at<?)"}},
	"alert unheard": {"SELECT reference FROM alerts INDEXED BY alerts_unanswered WHERE state = 'nobody acknowledged'", []string{"alerts USING INDEX alerts_unanswered"}},
	"due drills":    {drillQuery + dueDrills, []string{"drills USING INDEX drills_due (due_at>? AND due_at<?)"}},
	"poor drills":   {row.WantingQuery("?1"), []string{"d USING INDEX drills_wanting (at>? AND at<?)", "n USING PRIMARY KEY (group_id=?)"}},
	"over drills":   {forgetDrills, []string{"drills USING COVERING INDEX drills_age (at<?)", "drills USING PRIMARY KEY (group_id=? AND id=?)"}},
	"policies":      {policiesQuery, []string{"alert_policies USING INDEX alert_policies_name (group_id=?)"}},
	"alert left":    {leftQuery, []string{"d USING INDEX deliveries_once (group_no=? AND broadcast_no=? AND member_id=?)", "a USING INTEGER PRIMARY KEY"}},

	"guests":     {guestsQuery, []string{"enrolments USING INDEX enrolments_by (group_id=? AND invitation_id=?)"}},
	"unanswered": {unansweredQuery, []string{"enrolments USING INDEX enrolments_open (at<?)"}},
	"tried":      {forgetTries, []string{"tries USING COVERING INDEX tries_over (until_at<?)"}},

	"staged ref":     {stagedRefQuery, []string{"members USING INDEX members_ref (group_id=? AND ref_index=?)"}},
	"staged address": {stagedAddressQuery, []string{"p USING COVERING INDEX contact_points_address (group_id=? AND kind=? AND address_index=?)", "m USING PRIMARY KEY (group_id=? AND id=?)"}},
	"STOP":           {addressQuery, []string{"p USING INDEX contact_points_address (group_id=? AND kind=? AND address_index=?)", "m USING PRIMARY KEY (group_id=? AND id=?)"}},
	"find":           {findQuery, []string{"p USING INDEX contact_points_address (group_id=? AND kind=? AND address_index=?)", "m USING PRIMARY KEY (group_id=? AND id=?)"}},
	"find ref":       {findRefQuery, []string{"members USING INDEX members_ref (group_id=? AND ref_index=?)"}},
	"stale":          {staleQuery, []string{"p USING INDEX contact_points_confirm (group_id=? AND confirm_by>? AND confirm_by<?)", "m USING PRIMARY KEY (group_id=? AND id=?)"}},
	"count stale":    {countStale, []string{"contact_points USING INDEX contact_points_confirm (group_id=? AND confirm_by>? AND confirm_by<?)"}},
	"heard":          {heardQuery, []string{"contact_points USING INDEX contact_points_address (group_id=? AND kind=? AND address_index=?)"}},
	"shared":         {memberPointsQuery, []string{"p USING PRIMARY KEY (group_id=? AND member_id=?)", "o USING INDEX contact_points_address (group_id=? AND kind=? AND address_index=?)"}},
	"inbox":          {inboundQuery, []string{"i USING PRIMARY KEY (group_id=? AND id<?)", "m USING PRIMARY KEY (group_id=? AND id=?)"}},
	"file":           {threadsQuery + threadByWho, []string{"threads USING INDEX threads_who (group_id=? AND who=?)"}},
	"said":           {threadInbound, []string{"i USING INDEX inbounds_thread (group_id=? AND thread_id=?)", "m USING PRIMARY KEY (group_id=? AND id=?)"}},
	"replied":        {threadReplies, []string{"r USING PRIMARY KEY (group_id=? AND thread_id=?)"}},
	"sent to":        {sentQuery, []string{"d USING INDEX deliveries_once (group_no=? AND broadcast_no=? AND member_id=?)", "a USING INTEGER PRIMARY KEY"}},
	"hers":           {hersQuery, []string{"threads USING COVERING INDEX threads_who (group_id=? AND who=?)", "t USING COVERING INDEX threads_who (group_id=? AND who=?)", "m USING PRIMARY KEY (group_id=? AND member_id=?)"}},
	"open threads":   {openThreads, []string{"threads USING COVERING INDEX threads_open"}},
	"unread threads": {watchQueries[6].text, []string{"threads USING COVERING INDEX threads_unread (unread_at>? AND unread_at<?)"}},
	"over commands":  {overCommands, []string{"inbounds USING INDEX inbounds_commands (at<?)"}},
	"over replies":   {forgetReplies, []string{"thread_replies USING COVERING INDEX thread_replies_over (at<?)"}},
	"over threads":   {forgetThreads, []string{"threads USING COVERING INDEX threads_over (changed_at<?)"}},

	"due calendars":   {dueCalendarsQuery, []string{"calendars USING INDEX calendars_due (next_at>? AND next_at<?)"}},
	"changed events":  {changedEventsQuery, []string{"events USING INDEX events_changed (id>?)"}},
	"due events":      {dueEventsQuery, []string{"events USING INDEX events_remind (remind_at>? AND remind_at<?)"}},
	"reminded":        {remindedQuery, []string{"reminders USING PRIMARY KEY (group_id=? AND event_id=?)"}},
	"told":            {toldQuery, []string{"m USING PRIMARY KEY (group_id=? AND id>?)", "r USING PRIMARY KEY (group_id=? AND event_id=?)", "d USING INDEX deliveries_once (group_no=? AND broadcast_no=? AND member_id=?)"}},
	"announced":       {announcedQuery, []string{"r USING PRIMARY KEY (group_id=? AND event_id=?)", "d USING INDEX deliveries_once (group_no=? AND broadcast_no=? AND member_id=?)"}},
	"leads wanted":    {leadsQuery, []string{"members USING COVERING INDEX members_leads (group_id=? AND leads>?)"}},
	"quiet wanted":    {anyQuietQuery, []string{"members USING COVERING INDEX members_quiet (group_id=? AND quiet>?)"}},
	"retain told":     {forgetReminders, []string{"reminders USING COVERING INDEX reminders_age (at<?)"}},
	"calendar events": {calendarEvents, []string{"events USING INDEX events_of (group_id=? AND calendar_id=? AND end_at>?)"}},
	"retain events":   {forgetEvents, []string{"events USING COVERING INDEX events_over (end_at<?)"}},
	"rota":            {rotaQuery + rotaByName, []string{"rotas USING INDEX sqlite_autoindex_rotas_2 (group_id=? AND name=?)"}},
	"due rotas":       {rotaQuery + dueRotas, []string{"rotas USING INDEX rotas_due (next_at>? AND next_at<?)"}},
	"feed":            {feedQuery, []string{"feeds USING INDEX sqlite_autoindex_feeds_1 (digest=?)"}},
	"erase feeds":     {eraseStatements[5], []string{"feeds USING INDEX feeds_member (group_id=? AND member_id=?)"}},
	"page":            {pageLinkQuery, []string{"page_links USING INDEX sqlite_autoindex_page_links_1 (digest=?)"}},
	"pages":           {pageLinksQuery, []string{"page_links USING INDEX page_links_member (group_id=? AND member_id=?)"}},
	"end pages":       {endPageLinks, []string{"page_links USING INDEX page_links_member (group_id=? AND member_id=?)"}},
	"erase pages":     {eraseStatements[6], []string{"page_links USING INDEX page_links_member (group_id=? AND member_id=?)"}},
	"roll-call":       {reportsQuery, []string{"alert_reports USING PRIMARY KEY (group_id=? AND alert_id=? AND member_id>?)"}},
	"erase reports":   {eraseStatements[9], []string{"alert_reports USING INDEX alert_reports_member (group_id=? AND member_id=?)"}},
	"retain reports":  {forgetReports, []string{"alert_reports USING COVERING INDEX alert_reports_age (at<?)", "alert_reports USING PRIMARY KEY (group_id=? AND alert_id=? AND member_id=?)"}},
	"retain pages":    {forgetLinks, []string{"page_links USING COVERING INDEX page_links_age (expires_at<?)", "page_links USING PRIMARY KEY (group_id=? AND id=?)"}},
	"retain claims":   {forgetProving, []string{"contact_points USING COVERING INDEX contact_points_proving (id<?)", "contact_points USING PRIMARY KEY (group_id=? AND member_id=? AND id=?)"}},
	"inbound of":      {inboundOfQuery, []string{"h USING PRIMARY KEY (group_id=? AND member_id=? AND inbound_id<?)", "i USING PRIMARY KEY (group_id=? AND id=?)", "m USING PRIMARY KEY (group_id=? AND id=?)"}},
	"schedule":        {scheduleQuery + byName, []string{"s USING INDEX schedules_name (group_id=? AND name=?)"}},
	"due schedules":   {scheduleQuery + dueSchedules, []string{"s USING INDEX schedules_due (next_at<?)"}},
	"next schedule":   {nextSchedule, []string{"schedules USING INDEX schedules_due (next_at>?)"}},
	"timings":         {timingsQuery, []string{"s USING INDEX schedules_timed (id>?)"}},
	"outcomes":        {outcomesQuery, []string{"occurrences USING INDEX occurrences_newest (group_id=? AND schedule_id=? AND id<?)"}},
	"asked":           {supersedeAsked, []string{"occurrences USING INDEX occurrences_asked (group_id=? AND schedule_id=?)"}},
	"retain outcomes": {forgetOutcomes, []string{"occurrences USING COVERING INDEX occurrences_age (recorded_at<?)", "occurrences USING PRIMARY KEY (group_id=? AND schedule_id=? AND run=?)"}},

	"runs late":        {watchQueries[0].text, []string{"schedules USING INDEX schedules_due (next_at<?)"}},
	"planning late":    {watchQueries[1].text, []string{"broadcasts USING INDEX broadcasts_unplanned (start_at<?)"}},
	"claims left":      {watchQueries[2].text, []string{"attempts USING COVERING INDEX attempts_claimed (until<?)"}},
	"calendars late":   {watchQueries[3].text, []string{"calendars USING INDEX calendars_due (next_at>? AND next_at<?)"}},
	"undecided":        {watchQueries[4].text, []string{"occurrences USING INDEX occurrences_open (recorded_at<?)", "n USING COVERING INDEX occurrences_newest (group_id=? AND schedule_id=? AND id>?)"}},
	"calendar missing": {watchQueries[len(watchQueries)-1].text, []string{"members USING COVERING INDEX members_holidays (group_id>?)"}},
	"calendar failing": {watchQueries[5].text, []string{"calendars USING INDEX calendars_failing"}},

	"retain texts":    {overQuery, []string{"broadcasts USING INDEX broadcasts_forgetting (forget_at<?)"}},
	"retain answers":  {forgetAnswers, []string{"requests USING COVERING INDEX requests_age (begun_at<?)", "requests USING PRIMARY KEY (token_id=? AND key=?)"}},
	"retain inbounds": {overInbounds, []string{"inbounds USING INDEX inbounds_forgetting (at<?)"}},
	"erase points":    {eraseStatements[0], []string{"contact_points USING PRIMARY KEY (group_id=? AND member_id=?)"}},
	"erase consents":  {eraseStatements[1], []string{"consents USING PRIMARY KEY (group_id=? AND member_id=?)"}},
	"erase changes":   {eraseStatements[2], []string{"import_changes USING PRIMARY KEY (group_id=? AND import_id=? AND member_id=?)", "imports USING COVERING INDEX imports_unfinished"}},
	"erase inbounds":  {eraseStatements[3], []string{"inbounds USING PRIMARY KEY (group_id=? AND id=?)", "inbound_members USING PRIMARY KEY (group_id=? AND member_id=?)"}},
}

// misplanned lists what the plans of the hot statements lack. A statement that does not compile lacks its index.
func misplanned(conn *lite.Conn) (lacking []string) {
	for name, c := range hot {
		steps, err := explain(conn, c.text)
		if err != nil {
			lacking = append(lacking, name+": "+err.Error())
			continue
		}
		for _, by := range c.by {
			if !slices.ContainsFunc(steps, func(step string) bool {
				_, how, _ := strings.Cut(step, " ")
				return strings.HasPrefix(how, by)
			}) {
				lacking = append(lacking, fmt.Sprintf("%s: want %q, the plan is %q", name, by, steps))
			}
		}
	}
	return lacking
}

func TestHotStatementsUseTheirIndexes(t *testing.T) {
	h := newHall(t)
	conn := h.raw()
	for _, l := range misplanned(conn) {
		t.Error(l)
	}
	// Each index earns its place: without it, a statement has no good plan. Only those that keep something unique, and the
	// one that finds what an import brought, serve no statement above.
	var indexes []string
	h.ok(query(conn, "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL", nil, func(r *lite.Stmt) error {
		indexes = append(indexes, r.ColText(0))
		return nil
	}))
	if len(indexes) < 15 {
		t.Fatalf("the ledger has %d indexes only", len(indexes))
	}
	for _, index := range indexes {
		if slices.Contains([]string{"broadcasts_id", "broadcasts_key", "inbounds_once", "alert_events_once", "members_import"}, index) {
			continue
		}
		h.ok(conn.Exec("BEGIN IMMEDIATE"))
		h.ok(conn.Exec("DROP INDEX " + index))
		if len(misplanned(conn)) == 0 {
			t.Errorf("nobody misses the index %s", index)
		}
		h.ok(conn.Exec("ROLLBACK"))
	}
}

// Lists of deliveries are written as they are asked for.
func TestListsOfDeliveriesUseTheirIndexes(t *testing.T) {
	h := newHall(t)
	members := h.take(h.group.ID, 1)
	b := gateway.Broadcast{ID: gateway.NewID(), GroupID: h.group.ID, Key: "k", Kind: gateway.KindReport, Class: gateway.Report, Policy: gateway.PolicyOf(gateway.Report)}
	_, err := h.s.Submit(h.ctx, b, []byte("print"), nil)
	h.ok(err)
	conn := h.raw()
	for _, c := range []struct {
		f  gateway.DeliveryFilter
		by string
	}{
		{gateway.DeliveryFilter{Broadcast: b.ID}, "d USING INDEX deliveries_once (group_no=? AND broadcast_no=? AND member_id>?)"},
		{gateway.DeliveryFilter{Broadcast: b.ID, State: gateway.Waiting}, "d USING INDEX deliveries_once (group_no=? AND broadcast_no=? AND member_id>?)"},
		{gateway.DeliveryFilter{Broadcast: b.ID, State: gateway.Ended, Reason: gateway.ReasonFailed}, "d USING INDEX deliveries_ended (broadcast_no=? AND reason=? AND no>?)"},
		{gateway.DeliveryFilter{Member: members[0]}, "d USING INDEX deliveries_once (group_no=? AND broadcast_no=? AND member_id=?)"},
		{gateway.DeliveryFilter{}, "d USING INDEX deliveries_once (group_no=? AND broadcast_no=?)"},
	} {
		c.f.Group = h.group.ID
		text, _, err := deliveriesQuery(conn, 1, c.f)
		h.ok(err)
		steps, err := explain(conn, text)
		h.ok(err)
		for _, step := range steps {
			if strings.Contains(step, "TEMP B-TREE") && c.f.Member.IsZero() { // one member's are few
				t.Errorf("%+v: it is sorted: %q", c.f, steps)
			}
		}
		if !slices.ContainsFunc(steps, func(step string) bool { return strings.HasSuffix(step, c.by) }) {
			t.Errorf("%+v: want %q, the plan is %q", c.f, c.by, steps)
		}
	}
}
