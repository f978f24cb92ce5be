package gateway

import "encoding/json"

// Document is a coalition as a file: what `apply` reads and `export` writes. It holds no members and no secrets of
// members; a channel's options are read, never written.
type Document struct {
	Groups   []DocumentGroup   `json:"groups,omitempty"`
	Prices   []Price           `json:"prices,omitempty"`   // the operator's
	Channels []DocumentChannel `json:"channels,omitempty"` // the operator's
}

// DocumentGroup is a group of a Document with what it owns. Its fields are those of Group.
type DocumentGroup struct {
	Slug      string                       `json:"slug"`
	Name      string                       `json:"name"`
	Locale    string                       `json:"locale"`
	Fallback  []string                     `json:"fallback,omitempty"`
	Zone      string                       `json:"zone"`
	Region    string                       `json:"region,omitempty"`
	Topics    []Topic                      `json:"topics,omitempty"`
	Floor     int                          `json:"floor,omitempty"`
	Budget    *Budget                      `json:"budget,omitempty"`
	Countries []string                     `json:"countries,omitempty"`
	Replies   *Replies                     `json:"replies,omitempty"`
	Release   *ReleaseRule                 `json:"release,omitempty"`
	ClimbFrom []string                     `json:"climb_from,omitempty"`
	Prices    []Price                      `json:"prices,omitempty"` // in place of all that the group has; none: they stay
	Channels  []DocumentChannel            `json:"channels,omitempty"`
	Calendars []DocumentCalendar           `json:"calendars,omitempty"`
	Wordings  map[string]map[string]string `json:"wordings,omitempty"` // name → locale → Markdown with front matter
	Rotas     []NamedRota                  `json:"rotas,omitempty"`    // their rules, without people
	Series    []NamedSeries                `json:"series,omitempty"`
	Policies  []AlertPolicy                `json:"policies,omitempty"` // how alerts climb
	Schedules []DocumentSchedule           `json:"schedules,omitempty"`
}

// Group gives the group itself, without an id.
func (d DocumentGroup) Group() Group {
	return Group{Slug: d.Slug, Name: d.Name, Locale: d.Locale, Fallback: d.Fallback, Zone: d.Zone, Region: d.Region, Topics: d.Topics, Floor: d.Floor, Budget: d.Budget, Countries: d.Countries, Replies: d.Replies, Release: d.Release, ClimbFrom: d.ClimbFrom}
}

// DocumentChannel is a channel of a Document. Without options, a channel that exists keeps the ones it has.
type DocumentChannel struct {
	Name    string          `json:"name"`
	Adapter string          `json:"adapter"`
	Groups  []string        `json:"groups,omitempty"` // for the operator's: who may use it; empty: all
	Senders int             `json:"senders,omitempty"`
	Trip    Trip            `json:"trip,omitzero"`
	Options json.RawMessage `json:"options,omitempty"` // with secrets in clear

	Unchecked bool `json:"unchecked,omitempty"` // keep it, paused, although its provider cannot be asked
}

// DocumentCalendar is a calendar of a Document. Without an address, one that exists keeps what it has.
type DocumentCalendar struct {
	Name  string `json:"name"`
	Topic string `json:"topic"`
	URL   string `json:"url,omitempty"` // in clear; read, never written
	Zone  string `json:"zone,omitempty"`
	Every int    `json:"every_minutes,omitempty"`
}

// NamedSeries is a series of reports of a Document. An indicator that has an address keeps it where the document has none.
type NamedSeries struct {
	Name string `json:"name"`
	DocumentSeries
}

// ApplyReport says what an apply did, or would do, item by item.
type ApplyReport struct {
	DryRun bool        `json:"dry_run,omitempty"`
	Items  []ApplyItem `json:"items"`
}

// ApplyItem is one thing of a Document.
type ApplyItem struct {
	Path string    `json:"path"` // such as "groups/berlin/channels/sms-berlin"
	What ApplyWhat `json:"what"`
	Why  string    `json:"why,omitempty"` // for a conflict: what stands against it and what to do
}

// ApplyWhat is what becomes of an item.
type ApplyWhat string

// The fates of an item.
const (
	ApplyCreate   ApplyWhat = "create"
	ApplyChange   ApplyWhat = "change"
	ApplySame     ApplyWhat = "same"
	ApplyConflict ApplyWhat = "conflict" // left as it is
)

// Conflicts counts the items that were left as they are.
func (r ApplyReport) Conflicts() int {
	n := 0
	for _, item := range r.Items {
		if item.What == ApplyConflict {
			n++
		}
	}
	return n
}
