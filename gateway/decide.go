package gateway

import (
	"slices"
	"time"
)

// The classes of a Refusal, as package channels writes them.
const (
	classTemporary = "temporary"
	classThrottled = "throttled"
	classPermanent = "permanent"
	classGone      = "gone"
	classAuth      = "auth"
	scopeAddress   = "address"
	scopeContent   = "content"
)

// defaultThrottle is the wait that a provider means which slows us down without saying for how long.
const defaultThrottle = 5 * time.Second

// Failure is why a provider did not take a message.
type Failure struct {
	Refusal
	RetryAfter time.Duration // the provider's own demand; zero: none
	Moved      Private       // for gone by migration: the successor address
	OptedOut   bool          // for gone: by her own act at the provider, which is her STOP
}

// Situation is what is decided from when an attempt did not simply succeed. Deciding is pure: the same situation leads
// to the same decision, for the sender as for the receipt. Claim.Tries is what was spent before the attempt.
type Situation struct {
	Claim    Claim
	Now      time.Time
	Jitter   float64   // from [0, 1), new for each decision
	Known    bool      // Routes and Attempts are filled in
	Routes   []Route   // the ways to the member that are good now, in her order
	Attempts []Attempt // of the delivery so far, in any order
}

// Decision is what follows. Of Next, only what is legal for the delivery's state then is carried out.
type Decision struct {
	State  AttemptState // of the attempt: Refused or InDoubt; zero where there is none to settle
	Spent  bool
	Next   Step
	Point  *PointChange
	LookAt time.Time
	Ask    bool // undecided: fill in Routes and Attempts, and decide again
}

// Learn fills in what a decision asked for.
func (s *Situation) Learn(routes []Route, d Delivery) {
	if avoid := s.Claim.Avoid; !avoid.IsZero() {
		routes = slices.DeleteFunc(slices.Clone(routes), func(r Route) bool { return r.Channel == avoid })
	}
	if only := s.Claim.Only; !only.IsZero() {
		routes = slices.DeleteFunc(slices.Clone(routes), func(r Route) bool { return r.Point != only })
	}
	s.Known, s.Routes, s.Attempts = true, routes, d.Attempts
}

// Refused decides after the provider certainly did not take the message, whether its answer or a receipt says so.
func (s Situation) Refused(f Failure) Decision {
	d := Decision{State: Refused}
	switch f.Class {
	case classTemporary:
		d.Spent = true
		if s.Claim.Tries+1 >= s.Claim.Policy.Tries {
			return d.end(ReasonFailed)
		}
		if s.Claim.No > 1 { // the second time at one contact point is reason enough to take one that is untried
			if !s.Known {
				return Decision{Ask: true}
			}
			if route, ok := s.untried(); ok && s.tried(s.Claim.Point) >= 2 {
				return s.take(d, route, s.Now)
			}
		}
		return s.wait(d, max(s.backoff(s.Claim.Tries), f.RetryAfter))
	case classThrottled:
		wait := f.RetryAfter
		if wait <= 0 {
			wait = defaultThrottle
		}
		if s.Claim.Policy.Lane != Urgent { // urgent ones come back first, the others spread behind them
			wait += time.Duration(s.Jitter * float64(time.Second))
		}
		return s.wait(d, wait)
	case classAuth: // the channel is paused, and what waits leaves when it is mended
		return s.wait(d, time.Duration(s.Jitter*float64(time.Second)))
	case classPermanent:
		d.Spent = true
		if f.Scope == scopeAddress {
			d.Point = &PointChange{State: PointInvalid, Note: f.Detail}
		}
		return s.onward(d, s.Claim.Tries+1, f.Scope != scopeAddress && f.Scope != scopeContent)
	case classGone:
		d.Spent = true
		if f.Moved != "" {
			d.Point = &PointChange{Moved: f.Moved, Note: f.Detail}
			if s.Claim.Tries+1 >= s.Claim.Policy.Tries {
				return d.end(ReasonFailed)
			}
			return s.wait(d, 0)
		}
		d.Point = &PointChange{State: PointGone, Note: f.Detail}
		if f.OptedOut {
			d.Point.State = PointStopped
		}
		d = s.onward(d, s.Claim.Tries+1, false)
		if d.Next.Kind == StepEnd && d.Next.Reason == ReasonFailed && s.Claim.Tries+1 < s.Claim.Policy.Tries {
			d.Next.Reason = ReasonSuppressed // she left, and has no other address: nothing failed that a replay could mend
		}
		return d
	}
	return s.Doubt(true, CannotLook, 0) // an error that does not say is the careful one
}

// Look says what can be known about an attempt in doubt.
type Look int

// What a look-up can say.
const (
	CannotLook   Look = iota // the channel has no look-up
	LookLater                // it has, and has not been asked or could not tell
	FoundNothing             // the provider certainly does not have the message
)

// Doubt decides when nobody knows whether the provider took the message: just now (fresh), or again after a look-up.
// Then Claim.Tries already counts the attempt. Dedupe is how long the provider honours our key; zero: not at all.
func (s Situation) Doubt(fresh bool, look Look, dedupe time.Duration) Decision {
	d, p := Decision{State: InDoubt, Spent: fresh}, s.Claim.Policy
	spent := s.Claim.Tries
	if fresh {
		spent++
	}
	triesLeft := spent < p.Tries && !s.expired(s.Now)
	if look == FoundNothing {
		return s.foundNothing(d, spent)
	}
	if look == LookLater {
		d.LookAt = s.nextLook()
	}
	if look == CannotLook && dedupe > 0 && triesLeft && (s.Claim.Resends == 0 || p.Doubt != DoubtShown) {
		if !s.Known {
			return Decision{Ask: true}
		}
		due := s.Now.Add(s.backoff(spent - 1))
		if due.Before(s.firstDoubt().Add(dedupe-dedupe/4)) && !s.expired(due) {
			d.Next = Step{Kind: StepRetry, Due: due} // under the same key, so that it cannot double
			return d
		}
	}
	switch p.Doubt {
	case DoubtNextAtOnce:
		if !triesLeft {
			return d
		}
		if !s.Known {
			return Decision{Ask: true}
		}
		if route, ok := s.untried(); ok {
			return s.take(d, route, s.Now)
		}
		if route, ok := s.mendable(false); ok {
			return s.take(d, route, s.Now.Add(s.backoff(spent-1)))
		}
	case DoubtAfterLookup: // without a receipt within the window it goes elsewhere, never here
		due := s.claimed().Add(p.Window)
		switch {
		case p.Window == 0 || !triesLeft:
		case s.Now.Before(due):
			if d.LookAt.IsZero() || due.Before(d.LookAt) {
				d.LookAt = due
			}
		case !s.Known:
			return Decision{Ask: true}
		default:
			if route, ok := s.untried(); ok {
				return s.take(d, route, s.Now)
			}
		}
	}
	return d
}

// foundNothing decides when a look-up proved that the provider does not have the message.
func (s Situation) foundNothing(d Decision, spent int) Decision {
	p := s.Claim.Policy
	if p.Doubt == DoubtShown {
		return d // a look-up may err, and nothing routine may come twice: a person decides
	}
	d.State = Refused
	if s.expired(s.Now) {
		return d.end(ReasonExpired)
	}
	if s.Claim.Resends < p.Resends && spent < p.Tries {
		d.Next = Step{Kind: StepRetry, Due: s.Now, Resend: true}
		return d
	}
	return s.onward(d, spent, false)
}

// Unconfirmed decides when a message was handed over and no receipt came within the class's window: only contact
// points that were never tried come into question. StepNone: nothing is left to move to, or the class does not move for
// want of a receipt.
func (s Situation) Unconfirmed() Decision {
	if s.Claim.Policy.Window == 0 {
		return Decision{}
	}
	return s.elsewhere(false)
}

// ListenAgain says when the provider is to be asked again for a receipt that it did not have now: when the attempt is four
// times as old, and not after a day. Zero: no more.
func (s Situation) ListenAgain() time.Time {
	age := max(time.Minute, s.Now.Sub(s.claimed()))
	if 4*age > 24*time.Hour {
		return time.Time{}
	}
	return s.Now.Add(3 * age)
}

// Stuck decides when a delivery was not handed over within the class's window; urgent classes come round again.
// StepNone: nothing is left to move to.
func (s Situation) Stuck() Decision { return s.elsewhere(s.Claim.Policy.Lane == Urgent) }

func (s Situation) elsewhere(round bool) Decision {
	if s.Claim.Tries >= s.Claim.Policy.Tries || s.expired(s.Now) {
		return Decision{}
	}
	if !s.Known {
		return Decision{Ask: true}
	}
	if route, ok := s.untried(); ok {
		return s.take(Decision{}, route, s.Now)
	}
	if route, ok := s.mendable(false); ok && round {
		return s.take(Decision{}, route, s.Now)
	}
	return Decision{}
}

// Unusable decides when the contact point of a waiting delivery is no good any more.
func (s Situation) Unusable() Decision {
	if !s.Known {
		return Decision{Ask: true}
	}
	d := s.onward(Decision{}, s.Claim.Tries, false)
	if d.Next.Kind == StepEnd && d.Next.Reason == ReasonFailed && (len(s.Attempts) == 0 || s.Claim.Dropped) {
		d.Next.Reason = ReasonSuppressed
	}
	return d
}

// notHeard is how long a process may not have heard that a channel was deleted.
const notHeard = 5 * time.Second

// Stranded decides when the channel on which a delivery waits was deleted: another channel for the same contact point, if nothing
// of it can have been sent there, or the next contact point. Who still has ways over the deleted channel waits to hear of it.
func (s Situation) Stranded() Decision {
	if !s.Known {
		return Decision{Ask: true}
	}
	for _, r := range s.Routes {
		if r.Channel == s.Claim.Channel {
			return s.wait(Decision{}, notHeard)
		}
	}
	for _, r := range s.Routes {
		if r.Point == s.Claim.Point && s.mayMend(r.Point, ID{}) {
			return s.take(Decision{}, r, s.Now)
		}
	}
	return s.onward(Decision{}, s.Claim.Tries, false)
}

// ConfirmBy says until when a receipt is waited for after a hand-over now; zero: for ever.
func (s Situation) ConfirmBy() time.Time {
	by := s.Now.Add(s.Claim.Policy.Window)
	if s.Claim.Policy.Window == 0 || s.expired(by) {
		return time.Time{}
	}
	return by
}

// onward takes the next contact point, or ends. Urgent classes come round again, to the present one too if here is set.
func (s Situation) onward(d Decision, spent int, here bool) Decision {
	if spent >= s.Claim.Policy.Tries {
		return d.end(ReasonFailed)
	}
	if s.expired(s.Now) {
		return d.end(ReasonExpired)
	}
	if !s.Known {
		return Decision{Ask: true}
	}
	if route, ok := s.untried(); ok {
		return s.take(d, route, s.Now)
	}
	if s.Claim.Policy.Lane == Urgent {
		if route, ok := s.mendable(here); ok {
			return s.take(d, route, s.Now.Add(s.backoff(spent-1)))
		}
	}
	return d.end(ReasonFailed)
}

// wait stays at the contact point, unless the message would be worthless by then: then an untried one, or the end.
func (s Situation) wait(d Decision, wait time.Duration) Decision {
	due := s.Now.Add(wait)
	if !s.expired(due) {
		d.Next = Step{Kind: StepRetry, Due: due}
		return d
	}
	if !s.Known {
		return Decision{Ask: true}
	}
	if route, ok := s.untried(); ok && !s.expired(s.Now) {
		return s.take(d, route, s.Now)
	}
	return d.end(ReasonExpired)
}

func (s Situation) take(d Decision, r Route, due time.Time) Decision {
	if s.expired(due) {
		return d.end(ReasonExpired)
	}
	d.Next = Step{Kind: StepPoint, Due: due, Channel: r.Channel, Point: r.Point}
	return d
}

func (d Decision) end(why Reason) Decision {
	d.Next, d.LookAt = Step{Kind: StepEnd, Reason: why}, time.Time{}
	return d
}

func (s Situation) expired(at time.Time) bool {
	return !s.Claim.Expires.IsZero() && !at.Before(s.Claim.Expires)
}

func (s Situation) claimed() time.Time {
	if s.Claim.ClaimedAt.IsZero() {
		return s.Now
	}
	return s.Claim.ClaimedAt
}

// around lists the routes from the one behind the present contact point, once round, without the present one.
func (s Situation) around(yield func(Route) bool) {
	at := -1
	for i, r := range s.Routes {
		if r.Point == s.Claim.Point {
			at = i
		}
	}
	for i := range s.Routes {
		if r := s.Routes[(at+1+i)%len(s.Routes)]; r.Point != s.Claim.Point && !yield(r) {
			return
		}
	}
}

// tried counts the attempts at a contact point.
func (s Situation) tried(point ID) (n int) {
	for _, a := range s.Attempts {
		if a.PointID == point {
			n++
		}
	}
	return n
}

func (s Situation) untried() (Route, bool) {
	for r := range s.around {
		if s.tried(r.Point) == 0 {
			return r, true
		}
	}
	return Route{}, false
}

// mendable finds a contact point that was tried and may take the message yet: every attempt there was refused, and
// neither for the address's nor for the text's sake. The present one comes last, and only if here is set.
func (s Situation) mendable(here bool) (Route, bool) {
	for r := range s.around {
		if s.mayMend(r.Point, ID{}) {
			return r, true
		}
	}
	for _, r := range s.Routes {
		if here && r.Point == s.Claim.Point && s.mayMend(r.Point, s.Claim.Attempt) {
			return r, true
		}
	}
	return Route{}, false
}

// mayMend looks at all attempts at a contact point but the one that is being decided on.
func (s Situation) mayMend(point, but ID) bool {
	for _, a := range s.Attempts {
		if a.PointID != point || a.ID == but {
			continue
		}
		final := a.Refusal.Class == classGone || a.Refusal.Class == classPermanent && (a.Refusal.Scope == scopeAddress || a.Refusal.Scope == scopeContent)
		if a.State != Refused || final {
			return false
		}
	}
	return true
}

// firstDoubt is when the provider may first have seen our key for the present contact point.
func (s Situation) firstDoubt() time.Time {
	first := s.claimed()
	for _, a := range s.Attempts {
		if a.PointID == s.Claim.Point && a.State == InDoubt && a.ClaimedAt.Before(first) {
			first = a.ClaimedAt
		}
	}
	return first
}

// KeyForgotten says whether a retry under the key of an attempt before comes so late that the provider, which honours a
// key for dedupe, may have forgotten it: the retry may have waited longer than was decided, as in an outage. Where it was
// sent again since (Claim.Resends) the key is another one, and how old that is cannot be told: false.
func (s Situation) KeyForgotten(dedupe time.Duration) bool {
	if dedupe <= 0 || s.Claim.Resends > 0 {
		return false
	}
	return slices.ContainsFunc(s.Attempts, func(a Attempt) bool {
		return a.ID != s.Claim.Attempt && a.PointID == s.Claim.Point && a.State != Refused && !s.Now.Before(a.ClaimedAt.Add(dedupe-dedupe/8))
	})
}

// backoff is a wait with full jitter: uniform between nothing and a bound that doubles with every try.
func (s Situation) backoff(tries int) time.Duration {
	base, most := 30*time.Second, time.Hour
	switch s.Claim.Policy.Lane {
	case Urgent:
		base, most = 2*time.Second, 2*time.Minute
	case Normal:
		base, most = 10*time.Second, 10*time.Minute
	}
	return time.Duration(s.Jitter * float64(min(most, base<<max(0, min(tries, 16)))))
}

// nextLook doubles the time between look-ups with the age of the doubt; zero: it is old enough to be left to people.
func (s Situation) nextLook() time.Time {
	first, last := 30*time.Second, 24*time.Hour
	if s.Claim.Policy.Lane == Urgent {
		first, last = 2*time.Second, time.Hour
	}
	age := s.Now.Sub(s.claimed())
	if age > last {
		return time.Time{}
	}
	return s.Now.Add(min(max(first, age), 10*time.Minute))
}
