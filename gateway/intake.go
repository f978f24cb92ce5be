package gateway

// ImportReport says what became of a file of members. It quotes nothing from the file: a cell in the wrong column
// may hold an address.
type ImportReport struct {
	ID         ID                 `json:"id"`
	Published  bool               `json:"published"`            // all good rows are members now; false: nothing changed
	Unreadable bool               `json:"unreadable,omitempty"` // reading stopped before the end; the last problem says where
	Rows       int                `json:"rows"`                 // with data
	New        int                `json:"new"`
	Changed    int                `json:"changed"`
	Bad        int                `json:"bad"`         // rows with a problem that is not a note
	Asked      int                `json:"unconfirmed"` // rows with an address and without evidence of consent: an address that is new can only be asked to confirm
	Stopped    int                `json:"stopped"`     // members with an address against which a STOP stands
	Hers       int                `json:"hers"`        // members who decided something herself that their row says otherwise or again: it stays as she decided
	Problems   []ImportProblem    `json:"problems"`    // the first MaxImportProblems
	Counts     map[ImportFlaw]int `json:"counts"`      // of all problems
}

// ImportOptions says how a file of members is taken in.
type ImportOptions struct {
	Author   string         // label of the token; recorded
	SkipBad  bool           // publish the good rows although others are bad; otherwise one bad row leaves everything as it was
	DryRun   bool           // publish nothing
	Progress func(rows int) // called after every chunk with the rows read so far; nil: nobody watches
}

// MaxImportProblems is how many problems a report spells out.
const MaxImportProblems = 1000

// ImportProblem is something wrong with one row, and what to do about it.
type ImportProblem struct {
	Line   int        `json:"line"`             // in the file, from 1, where the row begins
	Column string     `json:"column,omitempty"` // as the file's header names it; empty: the whole row
	Flaw   ImportFlaw `json:"flaw"`
	Text   string     `json:"text"`           // what is wrong and what to do
	Note   bool       `json:"note,omitempty"` // good to know; the row is taken all the same
}

// ImportFlaw is the kind of an ImportProblem.
type ImportFlaw string

// The flaws.
const (
	FlawEncoding  ImportFlaw = "encoding"    // not UTF-8
	FlawHeader    ImportFlaw = "header"      // a column is unknown, named twice or missing
	FlawQuotes    ImportFlaw = "quotes"      // a quote is out of place or never closed
	FlawFields    ImportFlaw = "fields"      // more or fewer fields than the header
	FlawTooLong   ImportFlaw = "too-long"    // a row or a field
	FlawControl   ImportFlaw = "control"     // control characters
	FlawAddress   ImportFlaw = "address"     // malformed, or given twice
	FlawLanguage  ImportFlaw = "language"    //
	FlawZone      ImportFlaw = "zone"        //
	FlawTopic     ImportFlaw = "topic"       //
	FlawTag       ImportFlaw = "tag"         //
	FlawConsent   ImportFlaw = "consent"     // evidence is incomplete or cannot be right
	FlawValue     ImportFlaw = "value"       // another cell cannot be understood
	FlawNobody    ImportFlaw = "nobody"      // neither a ref nor an address
	FlawRefTwice  ImportFlaw = "ref-twice"   //
	FlawDuplicate ImportFlaw = "duplicate"   // of an earlier line
	FlawStopped   ImportFlaw = "stop-stands" // a note
)
