package gateway

import (
	"context"
	"time"
)

// Drill is an exercise that is planned and measured: it climbs by a policy as an alert would, is updated and ended by itself, and
// tells then whom it reached and who answered. Its exercise is the alert with its id; that is what lets it happen once.
type Drill struct {
	ID        ID                   `json:"id"`
	GroupID   ID                   `json:"group_id"`
	Revision  int64                `json:"-"`
	State     DrillState           `json:"state"`
	Policy    string               `json:"policy"`
	Audience  Audience             `json:"audience"`
	Texts     map[string]AlertText `json:"texts,omitempty"`  // by locale; gone when it is over
	Update    map[string]AlertText `json:"update,omitempty"` // what the update says; none: the same again
	Minutes   int                  `json:"minutes"`
	At        time.Time            `json:"at"` // when it is to begin
	Author    string               `json:"author"`
	Reference string               `json:"reference,omitempty"` // of its exercise
	BegunAt   time.Time            `json:"begun_at,omitzero"`
	Detail    string               `json:"detail,omitempty"` // why it was not held
	Result    *DrillResult         `json:"result,omitempty"` // once it is over
	Before    *Drill               `json:"before,omitempty"` // the last one by the same policy that was measured; only where one drill is read
	DueAt     time.Time            `json:"next_at,omitzero"` // when something happens with it next; zero: nothing does
}

// DrillState is how far a drill is.
type DrillState string

// The states of a drill.
const (
	DrillPlanned   DrillState = "planned"
	DrillRunning   DrillState = "running"
	DrillUpdated   DrillState = "updated" // it runs, and its update was sent
	DrillCleared   DrillState = "cleared" // the all-clear was given, and what comes in still counts
	DrillOver      DrillState = "over"    // it is measured
	DrillMissed    DrillState = "missed"  // nobody was there to begin it within DrillLate of its time
	DrillFailed    DrillState = "failed"  // it could not be held: Detail says why
	DrillWithdrawn DrillState = "withdrawn"
)

// Limits of drills.
const (
	MinDrill      = 6       // minutes
	MaxDrill      = 24 * 60 // minutes
	DefaultDrill  = 60      // minutes
	DrillLate     = time.Hour
	MaxDrillAhead = 366 * 24 * time.Hour
)

// DrillDraft is a drill as its author hands it in.
type DrillDraft struct {
	Policy   string               `json:"policy,omitempty"`  // its name. Absent: as for an alert
	Audience Audience             `json:"audience,omitzero"` // who is told at once. Absent: only those whom the policy asks
	Texts    map[string]AlertText `json:"texts"`
	Update   map[string]AlertText `json:"update,omitempty"`
	Minutes  int                  `json:"minutes,omitempty"` // how long it lasts, 6 to 1,440; absent: 60. After a third of it comes the update, after two thirds the all-clear
	At       time.Time            `json:"at,omitzero"`       // absent: now
}

// DrillResult is what a drill has shown. It counts, and names nobody.
type DrillResult struct {
	MeasuredAt time.Time    `json:"measured_at"`
	Alert      DrillReach   `json:"alert"` // to its audience and to those who were asked, together
	Update     DrillReach   `json:"update"`
	Clear      DrillReach   `json:"all_clear"`
	Taken      bool         `json:"taken"`                            // somebody took charge
	Unsent     []int        `json:"steps_not_sent,omitempty"`         // whose messages reached nobody, from 1; zero: the last resort
	Seconds    int          `json:"seconds_to_acknowledge,omitempty"` // from its beginning until the first did
	Asked      []DrillAsked `json:"asked"`                            // by step and role, in order of the steps
}

// DrillNotice is how long behind its time it is said of a drill that it was not as it should be.
const DrillNotice = 14 * 24 * time.Hour

// Outcome says in short how a drill ended: "well", or what was wanting, which is safe to show; empty: it has not ended, or was taken
// back.
func (d *Drill) Outcome() string {
	switch {
	case d.State == DrillMissed || d.State == DrillFailed:
		return string(d.State)
	case d.State != DrillOver || d.Result == nil:
		return ""
	case !d.Result.Taken:
		return "nobody acknowledged"
	case len(d.Result.Unsent) > 0:
		return "a step reached nobody"
	}
	return "well"
}

// DrillReach says how far messages came.
type DrillReach struct {
	Targeted   int `json:"targeted"`
	Delivered  int `json:"delivered"`
	HandedOver int `json:"handed_over"` // and nothing more is known
}

// Add counts what became of the messages of a broadcast.
func (r *DrillReach) Add(tallies []Tally) {
	for _, t := range tallies {
		r.Targeted += t.Count
		switch t.State {
		case Delivered:
			r.Delivered += t.Count
		case DeliveryAccepted:
			r.HandedOver += t.Count
		}
	}
}

// DrillAsked says how many of those whom a step asked answered. Somebody at a shared address did not, as far as anybody can tell.
type DrillAsked struct {
	Step   int    `json:"step"` // from 1; zero: the last resort
	Role   string `json:"role"` // whom the step asks: as in medic, topic alerts, or rota telephone
	Asked  int    `json:"asked"`
	Silent int    `json:"silent"` // did not answer
}

// Silent counts who did not answer, all steps together: somebody whom two steps asked counts in both.
func (r *DrillResult) Silent() (silent, asked int) {
	for _, a := range r.Asked {
		silent, asked = silent+a.Silent, asked+a.Asked
	}
	return silent, asked
}

// Drills keeps drills.
type Drills interface {
	// PutDrill keeps a new drill (Revision 0) or changes one. ErrStale: somebody else changed it, or a new one is there already.
	PutDrill(ctx context.Context, d Drill) (Drill, error)
	Drill(ctx context.Context, group, id ID) (Drill, error)
	// Drills lists the newest first, before the given id (zero: from the newest).
	Drills(ctx context.Context, group, before ID, limit int) ([]Drill, error)
	// DueDrills lists at most limit drills of which something is due by the store's clock, the longest due first.
	DueDrills(ctx context.Context, limit int) ([]Drill, error)
}

// KeepDrills is how long a drill and what it has shown are kept behind the time for which it was planned.
const KeepDrills = 3 * 366 * 24 * time.Hour
