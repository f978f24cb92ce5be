package move

import (
	"errors"
	"fmt"
	"strings"
)

// ErrDiffers says that the two ledgers are not the same: the source was used between two runs, or a row was changed on
// its way.
var ErrDiffers = errors.New("the two ledgers differ")

// Kind is the type of a column.
type Kind int

// The kinds of column.
const (
	UUID Kind = iota
	Bytes
	Text
	Int
	Bool
)

// Table is one table, under its name and with its columns in the target, and how the source reads it.
type Table struct {
	Name    string
	Columns []Column
	Serial  bool // its column no is given out by the target: it goes on behind the highest

	From string // tables of the source; the first is called t
	Key  string // columns of the source, separated by commas: the order of its primary key
}

// Column is a column of the target; Expr gives its value in the source.
type Column struct {
	Name string
	Kind Kind
	Expr string
}

// Where the source keeps numbers or halves of identifiers, the target has the whole.
const (
	whole     = "unhex(printf('%016x%016x', t.no, t.tail))"
	none      = "zeroblob(16)"
	itsGroup  = " JOIN groups g ON g.no = t.group_no"
	itsCast   = " JOIN broadcasts b ON b.no = t.broadcast_no"
	itsRoute  = " LEFT JOIN channels c ON c.no = t.channel_no"
	groupID   = "group_id uuid g.id"
	castID    = "broadcast_id uuid b.id"
	channelID = "channel_id uuid coalesce(c.id, " + none + ")"
	shard     = "shard int 0"
)

// Tables lists all tables of a ledger, in the order in which they are copied.
var Tables = []Table{
	{Name: "groups", From: "groups t", Key: "t.no", Columns: columns("id uuid", "slug text", "name text", "locale text", "fallback text", "zone text", "region text", "topics text", "floor int",
		"key_id text", "key_sealed bytes", "created_at int", "budget text", "countries text", "replies text", "release text", "climb_from text")},
	{Name: "members", From: "members t", Key: "t.group_id, t.id", Columns: columns("group_id uuid", "id uuid", "import_id uuid", "line int", "locale text", "fallback text", "zone text", "neutral bool",
		"tags text", "key_sealed bytes", "name_sealed bytes", "ref_sealed bytes", "ref_index bytes", "created_at int", "quiet text", "leads text", "paused_until int", "own int")},
	{Name: "contact_points", From: "contact_points t", Key: "t.group_id, t.member_id, t.id", Columns: columns("group_id uuid", "member_id uuid", "id uuid", "position int", "kind text", "state int",
		"topics int", "address_sealed bytes", "address_index bytes", "note text", "country text", "dropped int", "confirm_by int")},
	{Name: "consents", From: "consents t", Key: "t.group_id, t.member_id, t.id", Columns: columns("group_id uuid", "member_id uuid", "id uuid", "point_id uuid", "topic text", "granted bool", "wording text",
		"locale text", "at int", "proof_sealed bytes", "source text")},
	{Name: "suppressions", From: "suppressions t", Key: "t.group_id, t.kind, t.address_index", Columns: columns("group_id uuid", "kind text", "address_index bytes", "at int", "source text")},
	{Name: "suppressions_everywhere", From: "suppressions_everywhere t", Key: "t.kind, t.address_index", Columns: columns("kind text", "address_index bytes", "at int")},
	{Name: "imports", From: "imports t", Key: "t.group_id, t.id", Columns: columns("group_id uuid", "id uuid", "author text", "at int", "state text")},
	{Name: "import_changes", From: "import_changes t", Key: "t.group_id, t.import_id, t.member_id", Columns: columns("group_id uuid", "import_id uuid", "member_id uuid", "line int", "row_sealed bytes")},
	{Name: "channels", From: "channels t", Key: "t.no", Columns: columns("id uuid", "group_id uuid", "name text", "adapter text", "kind text", "groups text", "senders int", "key_id text", "options_sealed bytes",
		"paused text", "paused_until int", "code text", "detail text", "since int", "cursor text", "routine_only bool", "trip_after int", "trip_minutes int", "sensitive bool",
		"heard_at int", "gap_from int", "gap_until int", "gap_reason text", "replaced_by uuid", "former text", "deleted_at int", "deleted_by text")},
	{Name: "broadcasts", From: "broadcasts t", Key: "t.no", Columns: columns("group_id uuid", "id uuid", "key text", "fingerprint bytes", "kind text", "class text", "audience text", "words_sealed bytes",
		"sensitive bool", "personal bool", "author text", "state text", "stopped bool", "policy text", "lane int", "created_at int", "start_at int", "expires_at int", "forget_at int", "planned int", "cursor uuid", "lapsed bool", "local_at text", "late_for int", "replaced bool")},
	{Name: "renderings", From: "renderings t", Key: "t.group_id, t.broadcast_id, t.locale, t.kind, t.neutral", Columns: columns("group_id uuid", "broadcast_id uuid", "locale text", "kind text", "neutral bool",
		"cost int", "parts int", "parts_sealed bytes")},
	{Name: "deliveries", From: "deliveries t" + itsGroup + itsCast + itsRoute + " LEFT JOIN attempts a ON a.no = t.attempt_no AND t.attempts > 0", Key: "t.no", Columns: columns("id uuid "+whole, groupID, castID,
		"member_id uuid", "point_id uuid coalesce(t.point_id, "+none+")", channelID, "attempt_id uuid "+halvesOf("a"), "due_at int", "move_at int", "attempts int", "tries int", "resends int",
		"first_part int", "lane int", "state int", "neutral bool", "locale text", "reason text", "detail text", "expires_at int", "quiet_until int")},
	{Name: "attempts", From: "attempts t" + itsGroup + itsCast + itsRoute + " JOIN deliveries d ON d.no = t.delivery_no LEFT JOIN attempts p ON p.no = t.previous_no AND t.previous_no <> 0", Key: "t.no",
		Columns: columns("id uuid "+whole, groupID, castID, "delivery_id uuid "+halvesOf("d"), "previous_id uuid "+halvesOf("p"), channelID, "point_id uuid", "token int", "until int", "arrived int",
			"claimed_at int", "settled_at int", "nth int", "parts int", "first_part int", "cost int", "state int", "left_behind bool", "refs text rtrim(t.refs)", "refusal text coalesce(t.refusal, '')",
			"price_no int", "said int")},
	{Name: "refs", From: "refs t" + itsGroup + itsRoute + " JOIN attempts a ON a.no = t.attempt_no", Key: "t.channel_no, t.ref, t.group_no", Columns: columns(channelID, "ref text", groupID,
		"attempt_id uuid "+halvesOf("a"), "part int")},
	{Name: "tallies", From: "tallies t" + itsGroup + itsCast + itsRoute, Key: "t.group_no, t.broadcast_no, t.channel_no, t.state, t.reason", Columns: columns(groupID, castID, channelID, "state text", "reason text",
		shard, "n int")},
	{Name: "schedules", From: "schedules t", Key: "t.group_id, t.id", Columns: columns("group_id uuid", "id uuid", "name text", "timing text", "action_sealed bytes", "author text", "revision int",
		"paused bool", "paused_until int", "next_run text", "next_at int", "changed_at int")},
	{Name: "occurrences", From: "occurrences t", Key: "t.group_id, t.schedule_id, t.run", Columns: columns("group_id uuid", "schedule_id uuid", "run text", "id uuid", "at int", "state text",
		"reason text", "detail text", "decided_by text", "broadcast_id uuid", "recorded_at int")},
	{Name: "releases", From: "releases t", Key: "t.group_id, t.id", Columns: columns("group_id uuid", "id uuid", "key text", "fingerprint bytes", "state text", "revision int", "digest text", "created_at int",
		"expires_at int", "forget_at int", "record_sealed bytes", "draft_sealed bytes")},
	{Name: "series", From: "series t", Key: "t.group_id, t.id", Columns: columns("group_id uuid", "id uuid", "name text", "revision int", "next_at int", "body_sealed bytes")},
	{Name: "editions", From: "editions t", Key: "t.group_id, t.series_id, t.number", Columns: columns("group_id uuid", "series_id uuid", "number int", "id uuid", "state text", "revision int",
		"broadcast_id uuid", "body_sealed bytes")},
	{Name: "alerts", From: "alerts t", Key: "t.group_id, t.id", Columns: columns("group_id uuid", "id uuid", "reference text", "recent bool", "state text", "revision int", "due_at int", "forget_at int",
		"body_sealed bytes", "saying_sealed bytes")},
	{Name: "alert_events", From: "alert_events t", Key: "t.group_id, t.alert_id, t.no", Columns: columns("group_id uuid", "alert_id uuid", "no int", "key text", "body_sealed bytes")},
	{Name: "alert_broadcasts", From: "alert_broadcasts t", Key: "t.group_id, t.alert_id, t.broadcast_id", Columns: columns("group_id uuid", "alert_id uuid", "broadcast_id uuid", "says bool", "asks bool")},
	{Name: "alert_policies", From: "alert_policies t", Key: "t.group_id, t.id", Columns: columns("group_id uuid", "id uuid", "name text", "revision int", "body text")},
	{Name: "drills", From: "drills t", Key: "t.group_id, t.id", Columns: columns("group_id uuid", "id uuid", "revision int", "due_at int", "at int", "outcome text", "body_sealed bytes")},
	{Name: "inbounds", From: "inbounds t", Key: "t.group_id, t.id", Columns: columns("group_id uuid", "id uuid", "channel_id uuid", "event_id text", "members text", "sealed_for uuid", "kind text",
		"from_sealed bytes", "text_sealed bytes", "meaning text", "at int", "thread_id uuid", "reply_to text")},
	{Name: "threads", From: "threads t", Key: "t.group_id, t.id", Columns: columns("group_id uuid", "id uuid", "who bytes", "member_id uuid", "members text", "kind text", "channel_id uuid", "state int", "urgent bool",
		"messages int", "unread int", "unread_at int", "opened_at int", "changed_at int", "read_at int", "told_at int")},
	{Name: "thread_replies", From: "thread_replies t", Key: "t.group_id, t.thread_id, t.id", Columns: columns("group_id uuid", "thread_id uuid", "id uuid", "sealed_for uuid", "text_sealed bytes",
		"locale text", "author text", "at int")},
	{Name: "inbound_members", From: "inbound_members t", Key: "t.group_id, t.member_id, t.inbound_id", Columns: columns("group_id uuid", "member_id uuid", "inbound_id uuid")},
	{Name: "wordings", From: "wordings t", Key: "t.group_id, t.name", Columns: columns("group_id uuid", "name text", "sources_sealed bytes")},
	{Name: "reviews", From: "reviews t", Key: "t.group_id, t.digest", Columns: columns("group_id uuid", "digest text", "at int", "review_sealed bytes")},
	{Name: "tokens", From: "tokens t", Key: "t.id", Columns: columns("id uuid", "group_id uuid", "role text", "label text", "digest bytes", "created_at int", "expires_at int")},
	{Name: "requests", From: "requests t", Key: "t.token_id, t.key", Columns: columns("token_id uuid", "key text", "fingerprint bytes", "begun_at int", "status int", "type text", "body bytes")},
	{Name: "applied", From: "applied t", Key: "t.group_id, t.item", Columns: columns("group_id uuid", "item text", "digest bytes")},
	{Name: "price_points", From: "price_points t", Key: "t.no", Serial: true, Columns: columns("no int", "currency text", "micros int")},
	{Name: "prices", From: "prices t", Key: "t.owner_id, t.kind, t.channel, t.country", Columns: columns("owner_id uuid", "kind text", "channel text", "country text", "currency text", "micros int")},
	{Name: "charges", From: "charges t" + itsGroup + itsCast + itsRoute, Key: "t.group_no, t.broadcast_no, t.channel_no, t.price_no", Columns: columns(groupID, castID, channelID, "price_no int", shard, "segments int")},
	{Name: "spends", From: "spends t" + itsGroup, Key: "t.group_no, t.month, t.price_no", Columns: columns(groupID, "month text", "price_no int", shard, "segments int")},
	{Name: "incidents", From: "incidents t", Key: "t.no", Columns: columns("id uuid", "channel_id uuid", "trouble text", "code text", "detail text", "deliveries int", "opened_at int", "closed_at int", "closed_by text")},
	{Name: "strikes", From: "strikes t", Key: "t.channel_id, t.delivery_id", Columns: columns("channel_id uuid", "delivery_id uuid", "at int")},
	{Name: "channel_errors", From: "channel_errors t", Key: "t.channel_id, t.class, t.scope, t.code, t.detail", Columns: columns("channel_id uuid", "class text", "scope text", "code text", "detail text", "trouble text",
		"n int", "first_at int", "last_at int")},
	{Name: "calendars", From: "calendars t", Key: "t.group_id, t.id", Columns: columns("group_id uuid", "id uuid", "name text", "topic text", "zone text", "every int", "fresh text", "next_at int", "edition int",
		"url_sealed bytes", "file_sealed bytes", "marks_sealed bytes")},
	{Name: "events", From: "events t", Key: "t.group_id, t.id", Columns: columns("group_id uuid", "id uuid", "calendar_id uuid", "start_at int", "end_at int", "revision int", "settled int", "event_sealed bytes",
		"before_sealed bytes", "remind_at int")},
	{Name: "reminders", From: "reminders t", Key: "t.group_id, t.event_id, t.broadcast_id", Columns: columns("group_id uuid", "event_id uuid", "broadcast_id uuid", "lead text", "at int", "start text", "early bool")},
	{Name: "feeds", From: "feeds t", Key: "t.group_id, t.id", Columns: columns("group_id uuid", "id uuid", "member_id uuid", "label text", "digest bytes", "created_at int", "rota_id uuid")},
	{Name: "rotas", From: "rotas t", Key: "t.group_id, t.id", Columns: columns("group_id uuid", "id uuid", "name text", "revision int", "next_at int", "body_sealed bytes")},
	{Name: "page_links", From: "page_links t", Key: "t.group_id, t.id", Columns: columns("group_id uuid", "id uuid", "member_id uuid", "point_id uuid", "digest bytes", "created_at int", "expires_at int", "codes int",
		"code_digest bytes", "code_until int", "code_tries int")},
	{Name: "alert_reports", From: "alert_reports t", Key: "t.group_id, t.alert_id, t.member_id", Columns: columns("group_id uuid", "alert_id uuid", "member_id uuid", "answer int", "way text", "shared bool", "at int")},
	{Name: "invitations", From: "invitations t", Key: "t.group_id, t.id", Columns: columns("group_id uuid", "id uuid", "code_index bytes", "link_digest bytes", "label text", "author text", "topics text", "tags text",
		"locale text", "uses int", "used int", "created_at int", "expires_at int", "revoked_at int")},
	{Name: "enrolments", From: "enrolments t", Key: "t.group_id, t.member_id", Columns: columns("group_id uuid", "member_id uuid", "invitation_id uuid", "point_id uuid", "topics text", "wording text", "locale text",
		"made bool", "at int", "confirmed_at int")},
	{Name: "asks", From: "asks t", Key: "t.group_id, t.broadcast_id", Columns: columns("group_id uuid", "broadcast_id uuid", "topics text", "wording text", "at int")},
	{Name: "tries", From: "tries t", Key: "t.key", Columns: columns("key bytes", "n int", "until_at int")},
	{Name: "owner_notices", From: "owner_notices t", Key: "t.id", Columns: columns("id uuid", "once text", "group_id uuid", "avoid uuid", "wording text", "data text", "at int", "told_at int")},
}

// halvesOf is the identifier of a row of deliveries or attempts, none if it is not there.
func halvesOf(table string) string {
	return fmt.Sprintf("CASE WHEN %[1]s.no IS NULL THEN "+none+" ELSE unhex(printf('%%016x%%016x', %[1]s.no, %[1]s.tail)) END", table)
}

// columns reads "name kind" or "name kind expression"; without one, the value is the source's column of that name.
func columns(specs ...string) []Column {
	kinds := map[string]Kind{"uuid": UUID, "bytes": Bytes, "text": Text, "int": Int, "bool": Bool}
	all := make([]Column, len(specs))
	for i, spec := range specs {
		words := strings.SplitN(spec, " ", 3)
		kind, known := kinds[words[1]]
		if !known {
			panic("move: no kind of column in " + spec) // a defect of the list above
		}
		if all[i] = (Column{Name: words[0], Kind: kind, Expr: "t." + words[0]}); len(words) == 3 {
			all[i].Expr = words[2]
		}
	}
	return all
}
