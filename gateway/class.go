package gateway

import (
	"fmt"
	"time"
)

// Class decides how hard a message is tried and what doubt means for it. People never pick one: see ClassOf.
type Class string

// The classes (design, section 4).
const (
	LifeSafety Class = "life-safety"
	Alert      Class = "alert"
	Account    Class = "account"
	Reminder   Class = "reminder"
	Report     Class = "report"
)

// Kind is what people write.
type Kind string

// The kinds of broadcast.
const (
	KindReport   Kind = "report"
	KindReminder Kind = "reminder"
	KindAlert    Kind = "alert"
)

// Shipped reports whether a broadcast of this kind is in Carillon's own words: its kind is then the name of a shipped text.
func (k Kind) Shipped() bool {
	return k != "" && k != KindReport && k != KindReminder && k != KindAlert
}

// ClassOf gives the class of what a person wrote; dangerToLife counts for alerts only.
func ClassOf(kind Kind, dangerToLife bool) (Class, error) {
	switch {
	case kind == KindReport && !dangerToLife:
		return Report, nil
	case kind == KindReminder && !dangerToLife:
		return Reminder, nil
	case kind == KindAlert && dangerToLife:
		return LifeSafety, nil
	case kind == KindAlert:
		return Alert, nil
	case kind == KindReport, kind == KindReminder:
		return "", Faultf(CodeInvalid, "a %s cannot be marked as danger to life; write an alert instead", kind)
	default:
		return "", Faultf(CodeInvalid, "%q is no kind of broadcast; use report, reminder or alert", kind)
	}
}

// Lane is the queue that a class travels in, one set for each channel.
type Lane int

// The lanes, most urgent first.
const (
	Urgent Lane = iota
	Normal
	Bulk
)

// Lanes lists all lanes, most urgent first.
var Lanes = [...]Lane{Urgent, Normal, Bulk}

func (l Lane) String() string { return [...]string{"urgent", "normal", "bulk"}[l] }

// Doubt says what an attempt in doubt leads to once a look-up cannot settle it.
type Doubt int

// The ways to treat doubt.
const (
	DoubtShown       Doubt = iota // not resent; shown, and a person may resend
	DoubtNextAtOnce               // the next contact point at once; the same one only after a look-up found nothing
	DoubtAfterLookup              // the same contact point, only after a look-up found nothing
)

// Policy holds the numbers of a class. A group may change the numbers, not the meaning.
type Policy struct {
	Lane    Lane          `json:"-"`
	Tries   int           `json:"tries"`            // attempts that spend a try, over all contact points; at least 1
	Expires time.Duration `json:"expires"`          // after the broadcast's start
	Window  time.Duration `json:"window,omitempty"` // without a receipt, or without a hand-over, for so long: next contact point; zero: never
	Doubt   Doubt         `json:"-"`
	Resends int           `json:"-"`              // how often DoubtAfterLookup may send again
	Keep    time.Duration `json:"keep,omitempty"` // how long the text is kept after the broadcast
}

// PolicyOf gives the defaults of a class. It panics on a class that does not exist.
func PolicyOf(c Class) Policy {
	const day = 24 * time.Hour
	switch c {
	case LifeSafety:
		return Policy{Lane: Urgent, Tries: 8, Expires: 6 * time.Hour, Window: 2 * time.Minute, Doubt: DoubtNextAtOnce, Resends: 1, Keep: 30 * day}
	case Alert:
		return Policy{Lane: Urgent, Tries: 6, Expires: 12 * time.Hour, Window: 5 * time.Minute, Doubt: DoubtAfterLookup, Resends: 2, Keep: 30 * day}
	case Account:
		return Policy{Lane: Urgent, Tries: 3, Expires: 15 * time.Minute, Doubt: DoubtShown, Keep: day}
	case Reminder:
		return Policy{Lane: Normal, Tries: 5, Expires: day, Window: 30 * time.Minute, Doubt: DoubtShown, Keep: 7 * day}
	case Report:
		return Policy{Lane: Bulk, Tries: 5, Expires: day, Doubt: DoubtShown, Keep: 30 * day}
	}
	panic(fmt.Sprintf("gateway: no class %q", string(c)))
}
