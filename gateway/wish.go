package gateway

import (
	"context"
	"slices"
	"time"

	"golang.org/x/text/language"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Wishes takes what a member decides about what reaches her.
type Wishes interface {
	// Wish carries out all of a wish or nothing. ErrNotFound: the group has no such member. CodeInvalid: Wish.Checked says
	// why, Order names what is not hers, or Topics a contact point or topic that is not there. CodeConflict: she takes a
	// topic at a contact point that is not confirmed. Every topic that she takes or drops leaves the proof as evidence, with
	// the topic's name; a proof of source "wish" that names a contact point leaves one piece besides; one that she had, or had not, leaves none. What she decides is her Own from then on. No wish changes the state of a contact point: a STOP stands.
	Wish(ctx context.Context, group, member ID, w Wish, proof Consent) error
}

// Wish is what a member decides; what is zero stays as it is.
type Wish struct {
	Locale      string     // BCP 47
	Fallback    []string   // languages; empty but not nil: none
	Zone        string     // IANA name
	Quiet       string     // quiet hours as ParseQuiet reads them; NoQuiet: none
	Leads       string     // when she is reminded of events, as ParseLeads reads it; DefaultRules: as her group says
	Neutral     *bool      // neutral mode
	PausedUntil *time.Time // until then she gets no routine messages; zero or past: she gets them again; Endless: until she says so
	Order       []ID       // contact points in the order she prefers; those that are not named come behind, as they were
	Topics      []TopicWish
}

// TopicWish is a topic that she takes or drops at one of her contact points.
type TopicWish struct {
	Point ID
	Topic string
	Taken bool
}

// Own is what a member decided herself: hers until she decides otherwise, whatever a file of members says.
type Own int64

// What is a member's own.
const (
	OwnLocale Own = 1 << iota
	OwnFallback
	OwnZone
	OwnQuiet
	OwnNeutral
	OwnOrder  // of her contact points
	OwnTopics // some that she dropped
	OwnLeadTimes
)

// ownNames are the words for them, in order.
var ownNames = [...]string{"language", "fallback", "zone", "quiet", "neutral", "order", "topics", "leads"}

// Names gives the words for what is her own.
func (o Own) Names() (names []string) {
	for i, name := range ownNames {
		if o&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// Own is what becomes a member's own by a wish, but for topics, where that depends on those she had.
func (w Wish) Own() (o Own) {
	for i, said := range [...]bool{w.Locale != "", w.Fallback != nil, w.Zone != "", w.Quiet != "", w.Neutral != nil, w.Order != nil} {
		if said {
			o |= 1 << i
		}
	}
	if w.Leads != "" {
		o |= OwnLeadTimes
	}
	return o
}

// MaxPause is the longest pause with an end.
const MaxPause = 90 * 24 * time.Hour

// Endless is the end of a pause that lasts until she ends it herself.
var Endless = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

// Paused says whether messages of a class are held back at an instant from a member who is paused until another: reports
// and reminders are, alerts, danger to life and what belongs to her account are not.
func Paused(c Class, until, at time.Time) bool {
	return at.Before(until) && (c == Report || c == Reminder)
}

// PausedDetail is said of what a member does not get because she paused.
const PausedDetail = "she has paused reports and reminders"

// Checked gives a wish in canonical form, or a fault that says what is wrong.
func (w Wish) Checked(now time.Time) (Wish, error) {
	var err error
	if w.Locale != "" {
		if w.Locale, err = canonicalLocale(w.Locale); err != nil {
			return w, err
		}
	}
	w.Fallback = slices.Clone(w.Fallback)
	for i := range w.Fallback {
		if w.Fallback[i], err = canonicalLocale(w.Fallback[i]); err != nil {
			return w, err
		}
	}
	if w.Zone != "" {
		if _, err := civil.Zone(w.Zone); err != nil {
			return w, Faultf(CodeInvalid, "time zone %q: %v", w.Zone, err)
		}
	}
	if w.Quiet != "" && w.Quiet != NoQuiet {
		q, err := ParseQuiet(w.Quiet)
		if err != nil {
			return w, Faultf(CodeInvalid, "quiet hours: %v", err)
		}
		w.Quiet = q.String()
	}
	if w.Leads != "" && w.Leads != DefaultRules {
		rules, err := ParseLeads(w.Leads)
		if err != nil {
			return w, Faultf(CodeInvalid, "lead times: %v", err)
		}
		w.Leads = rules.String()
	}
	if u := w.PausedUntil; u != nil && !u.Equal(Endless) && u.Sub(now) > MaxPause {
		return w, Faultf(CodeInvalid, "a pause lasts %d days at most; choose an earlier end, or none at all", int(MaxPause.Hours()/24))
	}
	return w, nil
}

// canonicalLocale gives a language tag in its canonical form: "pt-br" is "pt-BR", "iw" is "he".
func canonicalLocale(s string) (string, error) {
	tag, err := language.Parse(s)
	base, _ := tag.Base()
	if err != nil || tag == language.Und || base.String() == "und" || len(s) > 35 {
		return "", Faultf(CodeInvalid, "%q is no language; use a BCP 47 tag such as en, pt-BR or zh-Hant", s)
	}
	return tag.String(), nil
}
