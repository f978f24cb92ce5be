package gateway

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Series is a cadence of progress reports. Its groups write them together; the members of the group that it belongs to
// are told.
type Series struct {
	ID           ID       `json:"id"`
	GroupID      ID       `json:"group_id"`
	Name         string   `json:"name"`                   // a-z 0-9 -, 2 to 40 characters; unique in the group
	Title        string   `json:"title"`                  // as members read it; at most 100 characters
	Topic        string   `json:"topic"`                  // whoever subscribed to it is told
	Contributors []string `json:"contributors,omitempty"` // slugs of the other groups that may contribute
	Approve      Approval `json:"approve"`
	Public       bool     `json:"public,omitempty"` // whoever knows the address of an edition that was sent may read it: /r/ and its id

	Indicators []Indicator `json:"indicators,omitempty"`
	Next       time.Time   `json:"next_reading,omitzero"` // when their addresses are asked again; zero: never

	Author   string `json:"author"` // label of the token that changed it last
	Revision int64  `json:"revision"`
}

// Approval is a series' rule for its editions.
type Approval string

// The rules.
const (
	ApprovePerson Approval = "person" // somebody who wrote none of it approves each edition
	ApproveNone   Approval = "none"   // an edition that is frozen counts as approved
)

// Edition is one report of a series. What it holds is sealed in the ledger.
type Edition struct {
	ID          ID             `json:"id"`
	GroupID     ID             `json:"group_id"`
	SeriesID    ID             `json:"series_id"`
	Number      int            `json:"number"` // from 1 on
	State       EditionState   `json:"state"`
	Revision    int64          `json:"revision"` // zero: it is not kept yet
	Entries     []Contribution `json:"entries"`  // in the order in which they came
	Figures     []Figure       `json:"figures,omitempty"`
	Steps       []EditionStep  `json:"steps,omitempty"`    // who did what to it, the oldest first
	Corrects    int            `json:"corrects,omitempty"` // number of an edition of which this is a correction: it goes to those who had that, and has a summary only
	BroadcastID ID             `json:"broadcast_id,omitzero"`
}

// EditionState is how far an edition has come; see EditionSteps.
type EditionState string

// The states of an edition.
const (
	EditionCollecting EditionState = "collecting" // groups contribute
	EditionFrozen     EditionState = "frozen"     // nothing in it changes any more
	EditionApproved   EditionState = "approved"   // it may be sent
	EditionSent       EditionState = "sent"
	EditionWithdrawn  EditionState = "withdrawn" // it will not be sent
)

// EditionSteps lists every legal step of an edition.
var EditionSteps = map[EditionState][]EditionState{
	EditionCollecting: {EditionFrozen, EditionWithdrawn},
	EditionFrozen:     {EditionCollecting, EditionApproved, EditionWithdrawn},
	EditionApproved:   {EditionCollecting, EditionSent, EditionWithdrawn},
	EditionSent:       {},
	EditionWithdrawn:  {},
}

// CanStep reports whether an edition may go from s to next.
func (s EditionState) CanStep(next EditionState) bool { return slices.Contains(EditionSteps[s], next) }

// EditionStep is one step that was taken.
type EditionStep struct {
	To    EditionState `json:"to"`
	At    time.Time    `json:"at"`
	By    string       `json:"by"`                // label of the token, or what else did it
	Token ID           `json:"token_id,omitzero"` // zero: no person
}

// Hand is who does something: a token, or with a zero id something that is no person.
type Hand struct {
	Label string `json:"label"`
	Token ID     `json:"token_id,omitzero"`
}

// ApprovedByPerson reports whether the last to approve it was a person, and not the rule of its series.
func (e *Edition) ApprovedByPerson() bool {
	for _, s := range slices.Backward(e.Steps) {
		if s.To == EditionApproved {
			return !s.Token.IsZero()
		}
	}
	return false
}

// Contribution is what one group says in one section of an edition.
type Contribution struct {
	Group   string            `json:"group"` // slug of the group that says it
	Section Section           `json:"section"`
	Entry   int               `json:"entry"` // tells apart what one group says in one section: 1 to 20
	Credit  Credit            `json:"credit"`
	Name    string            `json:"name,omitempty"` // of CreditName: the person's; of CreditGroup: the group's
	Texts   map[string]string `json:"texts"`          // locale → text, as it was written: nobody edits it
	Author  string            `json:"author"`         // label of the token
	Token   ID                `json:"token_id"`
	Others  []ID              `json:"other_tokens,omitempty"` // that had a hand in it before
	At      time.Time         `json:"at"`
}

// WrittenBy reports whether a token had a hand in a contribution.
func (c Contribution) WrittenBy(token ID) bool {
	return c.Token == token || slices.Contains(c.Others, token)
}

// Section is a part of an edition.
type Section string

// The sections, and the summary, which stands before them: a sentence or two, all that a text message has room for.
const (
	SectionSummary    Section = "summary" // written by the series' own group only
	SectionProgress   Section = "progress"
	SectionLessons    Section = "lessons"
	SectionObjections Section = "objections"
	SectionCredit     Section = "credit"
	SectionCost       Section = "cost"
)

// Sections lists them in the order in which they are read.
var Sections = [...]Section{SectionProgress, SectionLessons, SectionObjections, SectionCredit, SectionCost}

// Credit says under whose name a contribution stands.
type Credit string

// The credits.
const (
	CreditGroup     Credit = "group"
	CreditName      Credit = "name"
	CreditAnonymous Credit = "anonymous" // readers are not told; whoever makes the report sees which group it came from
)

// Figure is a number that an edition tells, from Carillon's own ledger or of an indicator; it says where it is from.
type Figure struct {
	Kind    FigureKind `json:"kind"`
	Edition int        `json:"edition"` // which it is about; of FigureOnTime, FigureAlerts and FigureIndicator: zero
	Count   int64      `json:"count"`
	Of      int64      `json:"of"`
	Money   []Money    `json:"money,omitempty"` // of FigureCost
	Source  string     `json:"source"`
	At      time.Time  `json:"at"`

	Indicated *Indicated    `json:"indicator,omitempty"` // of FigureIndicator
	Alerts    *AlertsFigure `json:"alerts,omitempty"`    // of FigureAlerts
}

// AlertsFigure is how long it took until somebody took charge of the group's alerts; exercises are only counted.
type AlertsFigure struct {
	Since     time.Time `json:"since"`          // when the edition before was frozen, or OnTimeDays ago
	Median    int64     `json:"median_seconds"` // from the beginning of an alert, or its release by a second person, to the first who took charge
	Worst     int64     `json:"worst_seconds"`  // of those that somebody took charge of; zero, as Median: nobody did of any
	Exercises int64     `json:"exercises"`      // in the same time
}

// FigureKind says what a figure counts.
type FigureKind string

// OnTimeDays is how far back runs are counted for FigureOnTime.
const OnTimeDays = 90

// The figures. The first three are about the edition that was sent before.
const (
	FigureReach    FigureKind = "reach"    // Count of Of members who were meant: it was handed over or delivered
	FigureCost     FigureKind = "cost"     // Money
	FigureUnpriced FigureKind = "unpriced" // Count of Of messages have no known price

	FigureOnTime    FigureKind = "on-time"   // Count of Of runs of the series' schedules within OnTimeDays were done on time
	FigureIndicator FigureKind = "indicator" // Indicated
	FigureAlerts    FigureKind = "alerts"    // somebody took charge of Count of Of alerts; Alerts
)

// Locales lists the languages in which something of an edition is written, sorted.
func (e *Edition) Locales() []string {
	all := map[string]string{}
	for i := range e.Entries {
		maps.Copy(all, e.Entries[i].Texts)
	}
	return slices.Sorted(maps.Keys(all))
}

// Step takes a step. CodeConflict: it is not a legal one.
func (e *Edition) Step(s EditionStep) error {
	if !e.State.CanStep(s.To) {
		return Faultf(CodeConflict, "edition %d is %s, so it cannot be %s", e.Number, e.State, s.To)
	}
	e.State = s.To
	e.Steps = append(slices.Clone(e.Steps), s)
	return nil
}

// ErrReplaced says that a broadcast was to go on whose words were corrected meanwhile.
var ErrReplaced = errors.New("what it says was corrected")

// ErrUnapproved says that an edition is to be sent that nobody has approved.
var ErrUnapproved = errors.New("nobody has approved it")

// EditionWords is what an edition says, for Words.
type EditionWords struct {
	Number  int            `json:"number"`
	Entries []Contribution `json:"entries"`
	Figures []Figure       `json:"figures,omitempty"`
}

// Telling is an edition that is to be sent.
type Telling struct {
	Series  Series
	Edition Edition
	Date    string        // that it bears, as in 2026-11-26
	LocalAt civil.Wall    // at each member's own time; zero: at once
	LateFor time.Duration // of Broadcast
	By      string

	Corrected []ID      // broadcasts of the edition that this one corrects: it goes to those who had one of them; empty: it is no correction
	Rest      ID        // broadcast of the correction that is worked into it: it goes to those whom that was not for; zero: it is sent for the first time
	Until     time.Time // with Rest: when it expires
}

// SendKey is the key of the broadcast that sends an edition: however often and by whomever it is tried, it happens once.
func (e *Edition) SendKey() string { return sendMark + e.ID.String() }

const sendMark = "edition-"

// RestMark ends the key of a broadcast that goes on with an edition after a correction; before it stands the correction's key.
const RestMark = "-rest"

// RestKey is the key of the broadcast that goes on with an edition after this one, a correction of it, was sent.
func (e *Edition) RestKey() string { return e.SendKey() + RestMark }

// EditionOf gives the id of the edition that a broadcast sends, goes on with, or corrects. False: it sends none.
func EditionOf(b *Broadcast) (ID, bool) {
	id, sends := strings.CutPrefix(strings.TrimSuffix(b.Key, RestMark), sendMark)
	if !sends {
		return ID{}, false
	}
	edition, err := ParseID(id)
	return edition, err == nil
}

// DocumentSeries is a series as people write it.
type DocumentSeries struct {
	Title        string   `json:"title"`                  // as members read it
	Topic        string   `json:"topic"`                  // whoever subscribed to it is told
	Contributors []string `json:"contributors,omitempty"` // short names of the other groups that may contribute
	Approve      Approval `json:"approve,omitempty"`      // person, as if absent, or none
	Public       bool     `json:"public,omitempty"`       // whoever knows the address of an edition that was sent may read it

	Indicators []DocumentIndicator `json:"indicators,omitempty"` // numbers that each edition tells
}

// Series gives the series itself, under a name.
func (d DocumentSeries) Series(name string) Series {
	s := Series{Name: name, Title: d.Title, Topic: d.Topic, Contributors: d.Contributors, Approve: d.Approve, Public: d.Public}
	for _, one := range d.Indicators {
		s.Indicators = append(s.Indicators, one.Indicator())
	}
	return s
}

// Document gives a series as people write it, without the addresses of its indicators.
func (s Series) Document() DocumentSeries {
	d := DocumentSeries{Title: s.Title, Topic: s.Topic, Contributors: s.Contributors, Approve: s.Approve, Public: s.Public}
	for _, one := range s.Indicators {
		d.Indicators = append(d.Indicators, one.Document())
	}
	return d
}

// DocumentContribution is a contribution as people write it.
type DocumentContribution struct {
	Owner   string            `json:"owner,omitempty"` // short name of the group that makes the series. Absent: this one
	Series  string            `json:"series"`
	Edition int               `json:"edition,omitempty"` // of a correction: its number
	Section Section           `json:"section"`
	Entry   int               `json:"entry,omitempty"`  // tells apart what one group says in one section. Absent: 1
	Credit  Credit            `json:"credit,omitempty"` // under whose name it stands. Absent: group
	Name    string            `json:"name,omitempty"`   // for the credit name: whose
	Texts   map[string]string `json:"texts"`            // locale → text; an empty one takes that language away
}

// Contributed is the answer to a contribution: what is kept of the entry now. Without texts, it is gone.
type Contributed struct {
	Edition int `json:"edition"` // its number
	Contribution
}

// EditionView is an edition as screens show it, with what is missing in it.
type EditionView struct {
	Edition
	Locales []string         `json:"locales"` // in which something of it is written
	Missing []EditionMissing `json:"missing"`
}

// EditionMissing says in which languages of an edition one of its entries is not written.
type EditionMissing struct {
	Group   string   `json:"group"`
	Section Section  `json:"section"`
	Entry   int      `json:"entry"`
	Locales []string `json:"locales"`
}

// View gives an edition as screens show it.
func (e Edition) View() EditionView {
	v := EditionView{Edition: e, Locales: e.Locales(), Missing: []EditionMissing{}}
	for _, c := range e.Entries {
		lacks := slices.DeleteFunc(slices.Clone(v.Locales), func(l string) bool { return c.Texts[l] != "" })
		if len(lacks) > 0 {
			v.Missing = append(v.Missing, EditionMissing{c.Group, c.Section, c.Entry, lacks})
		}
	}
	return v
}

// EditionStanding says how far an edition is, without what it says.
type EditionStanding struct {
	Number      int          `json:"number"`
	State       EditionState `json:"state"`
	Corrects    int          `json:"corrects,omitempty"` // the edition of which it is a correction
	BroadcastID ID           `json:"broadcast_id,omitzero"`
}

// Standing gives it.
func (e Edition) Standing() EditionStanding {
	return EditionStanding{e.Number, e.State, e.Corrects, e.BroadcastID}
}

// Reports keeps series and their editions. Editions are an archive: nothing but a person deletes them.
type Reports interface {
	// PutSeries makes a series if its id is zero (CodeConflict: the name is taken), or changes the one with its id and
	// revision (ErrStale: somebody else changed it).
	PutSeries(ctx context.Context, s Series) (Series, error)
	Series(ctx context.Context, group ID, name string) (Series, error)
	// SeriesOf lists a group's behind after, in order of id.
	SeriesOf(ctx context.Context, group, after ID, limit int) ([]Series, error)
	// PutEdition keeps a new edition, or changes the one with its number and revision, and submits what it sends, in one
	// transaction. ErrStale: somebody else changed it, or made one with its number. CodeConflict: it is in a state from
	// which it cannot go to this one. If it sends a correction, the broadcasts that its audience names are stopped for good
	// in that transaction; ErrStale: one of them is on its way, or is gone on with by one that it does not name.
	PutEdition(ctx context.Context, e Edition, send *ReadyBroadcast) (Edition, error)
	// Editions lists the newest first, those before a number (zero: from the newest).
	Editions(ctx context.Context, group, series ID, before, limit int) ([]Edition, error)
}

// Corrections keeps what goes on with an edition after a correction.
type Corrections interface {
	// SubmitRest stores, once, a broadcast to those whom the correction was not for that its audience names. CodeConflict:
	// that is not planned, or stopped. ErrReplaced: it was corrected itself.
	SubmitRest(ctx context.Context, send *ReadyBroadcast) (Submission, error)
	// BroadcastByKey finds a group's broadcast; ErrNotFound.
	BroadcastByKey(ctx context.Context, group ID, key string) (Broadcast, error)
}

// PublicEditions finds editions by what stands in the address of their page.
type PublicEditions interface {
	// EditionByID finds one of any group; ErrNotFound. Whether anybody may read it is for its series to say.
	EditionByID(ctx context.Context, id ID) (Edition, error)
}
