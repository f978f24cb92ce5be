package gateway_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/gateway"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// people have up to four contact points, each over a channel of its own.
func routes(n int) []gateway.Route {
	all := make([]gateway.Route, n)
	for i := range all {
		all[i] = gateway.Route{Point: gateway.ID{15: byte(i + 1)}, Channel: gateway.ID{14: 1, 15: byte(i + 1)}}
	}
	return all
}

// at is the situation of a first attempt at the first of n contact points.
func at(class gateway.Class, n int) gateway.Situation {
	p, r := gateway.PolicyOf(class), routes(n)
	return gateway.Situation{
		Claim: gateway.Claim{Class: class, Policy: p, No: 1, Attempt: gateway.ID{13: 1}, Point: r[0].Point, Channel: r[0].Channel, Expires: noon.Add(p.Expires), ClaimedAt: noon},
		Now:   noon, Jitter: 0.5, Known: true, Routes: r,
	}
}

func fail(class, scope string) gateway.Failure {
	return gateway.Failure{Refusal: gateway.Refusal{Class: class, Scope: scope, Detail: "the provider said so"}}
}

func past(i int, state gateway.AttemptState, refusal gateway.Refusal) gateway.Attempt {
	return gateway.Attempt{ID: gateway.ID{12: 1, 15: byte(i)}, PointID: routes(4)[i].Point, State: state, Refusal: refusal, ClaimedAt: noon}
}

var classes = []gateway.Class{gateway.LifeSafety, gateway.Alert, gateway.Account, gateway.Reminder, gateway.Report}

// TestRefused is the table of error classes (design, section 6): what each does, for every class of message.
func TestRefused(t *testing.T) {
	for _, class := range classes {
		second := routes(2)[1]
		for _, c := range []struct {
			name  string
			f     gateway.Failure
			state gateway.AttemptState
			spent bool
			kind  gateway.StepKind
			point gateway.PointState
		}{
			{"temporary", fail("temporary", "channel"), gateway.Refused, true, gateway.StepRetry, ""},
			{"throttled", fail("throttled", "channel"), gateway.Refused, false, gateway.StepRetry, ""},
			{"auth", fail("auth", "channel"), gateway.Refused, false, gateway.StepRetry, ""},
			{"permanent, the address", fail("permanent", "address"), gateway.Refused, true, gateway.StepPoint, gateway.PointInvalid},
			{"permanent, the text", fail("permanent", "content"), gateway.Refused, true, gateway.StepPoint, ""},
			{"permanent, our number", fail("permanent", "sender"), gateway.Refused, true, gateway.StepPoint, ""},
			{"permanent, the provider", fail("permanent", "channel"), gateway.Refused, true, gateway.StepPoint, ""},
			{"gone", fail("gone", "address"), gateway.Refused, true, gateway.StepPoint, gateway.PointGone},
			{"opted out", optedOut(fail("gone", "address")), gateway.Refused, true, gateway.StepPoint, gateway.PointStopped},
			{"unknown", fail("unknown", "channel"), gateway.InDoubt, true, gateway.StepNone, ""},
			{"a class nobody knows", fail("purple", "channel"), gateway.InDoubt, true, gateway.StepNone, ""},
		} {
			t.Run(string(class)+"/"+c.name, func(t *testing.T) {
				d := at(class, 2).Refused(c.f)
				if c.state == gateway.InDoubt && class == gateway.LifeSafety {
					c.kind = gateway.StepPoint
				}
				if d.State != c.state || d.Spent != c.spent || d.Next.Kind != c.kind {
					t.Fatalf("got %+v", d)
				}
				if d.Next.Kind == gateway.StepPoint && (d.Next.Point != second.Point || d.Next.Channel != second.Channel || !d.Next.Due.Equal(noon)) {
					t.Errorf("went to %+v", d.Next)
				}
				if (d.Point == nil) != (c.point == "") || d.Point != nil && d.Point.State != c.point {
					t.Errorf("contact point: %+v", d.Point)
				}
			})
		}
	}
}

// TestBackOff: a wait grows with each try, is drawn from nothing to its bound, and never undercuts the provider's demand.
func TestBackOff(t *testing.T) {
	bound := map[gateway.Lane][2]time.Duration{gateway.Urgent: {2 * time.Second, 8 * time.Second}, gateway.Normal: {10 * time.Second, 40 * time.Second}, gateway.Bulk: {30 * time.Second, 2 * time.Minute}}
	for _, class := range []gateway.Class{gateway.Alert, gateway.Reminder, gateway.Report} {
		for i, tries := range []int{0, 2} {
			s := at(class, 1)
			s.Claim.Tries, s.Jitter = tries, 0.5
			want := bound[s.Claim.Policy.Lane][i] / 2
			if got := s.Refused(fail("temporary", "channel")).Next.Due.Sub(noon); got != want {
				t.Errorf("%s after %d tries waits %v; want %v", class, tries, got, want)
			}
			s.Jitter = 0
			if got := s.Refused(fail("temporary", "channel")).Next.Due; !got.Equal(noon) {
				t.Errorf("%s: the jitter is not full: %v", class, got)
			}
			f := fail("temporary", "channel")
			f.RetryAfter = 20 * time.Minute
			if got := s.Refused(f).Next.Due.Sub(noon); got != f.RetryAfter {
				t.Errorf("%s: waits %v against the provider's demand of %v", class, got, f.RetryAfter)
			}
		}
	}
	f := fail("throttled", "channel")
	for _, after := range []time.Duration{-time.Second, 0} {
		f.RetryAfter = after
		if got := at(gateway.Alert, 1).Refused(f).Next.Due.Sub(noon); got != 5*time.Second {
			t.Errorf("throttled without a time waits %v", got)
		}
	}
	f.RetryAfter = time.Hour
	if got := at(gateway.Alert, 1).Refused(f).Next.Due.Sub(noon); got != time.Hour {
		t.Errorf("throttled for an hour waits %v", got)
	}
	if got := at(gateway.Report, 1).Refused(f).Next.Due.Sub(noon); got <= time.Hour {
		t.Errorf("a report comes back with the alerts, after %v", got)
	}
}

// TestSecondFailure: her phone is off; the second refusal there takes the message to a contact point not tried yet.
func TestSecondFailure(t *testing.T) {
	s := at(gateway.Report, 2)
	s.Claim.No, s.Claim.Tries = 2, 1
	s.Attempts = []gateway.Attempt{past(0, gateway.Refused, fail("temporary", "address").Refusal), past(0, gateway.Claimed, gateway.Refusal{})}
	if d := s.Refused(fail("temporary", "address")); d.Next.Kind != gateway.StepPoint || d.Next.Point != routes(2)[1].Point {
		t.Errorf("got %+v", d.Next)
	}
	s.Attempts = append(s.Attempts, past(1, gateway.Refused, fail("permanent", "sender").Refusal))
	if d := s.Refused(fail("temporary", "address")); d.Next.Kind != gateway.StepRetry {
		t.Errorf("with nothing untried left: %+v", d.Next)
	}
}

// TestTheEnd: tries, contact points and time run out.
func TestTheEnd(t *testing.T) {
	for _, class := range classes {
		last := at(class, 2)
		last.Claim.Tries = last.Claim.Policy.Tries - 1
		for _, f := range []gateway.Failure{fail("temporary", "channel"), fail("permanent", "content"), fail("gone", "address")} {
			if d := last.Refused(f); d.Next.Kind != gateway.StepEnd || d.Next.Reason != gateway.ReasonFailed {
				t.Errorf("%s, %s at the last try: %+v", class, f.Class, d.Next)
			}
		}
		if d := at(class, 1).Refused(fail("permanent", "address")); d.Next.Kind != gateway.StepEnd || d.Next.Reason != gateway.ReasonFailed {
			t.Errorf("%s, no contact point left: %+v", class, d.Next)
		}
		late, f := at(class, 1), fail("throttled", "channel")
		f.RetryAfter = late.Claim.Policy.Expires
		if d := late.Refused(f); d.Next.Kind != gateway.StepEnd || d.Next.Reason != gateway.ReasonExpired {
			t.Errorf("%s, worthless before the wait is over: %+v", class, d.Next)
		}
		if d := at(class, 2).Refused(f); d.Next.Kind != gateway.StepPoint {
			t.Errorf("%s, another contact point is quicker: %+v", class, d.Next)
		}
	}
}

// TestComesRound: after the last contact point, urgent messages go back to one that was refused for the sender's sake,
// never to one whose address or text was refused, nor to one that may have the message.
func TestComesRound(t *testing.T) {
	s := at(gateway.Alert, 4)
	s.Claim.Point, s.Claim.No, s.Claim.Tries = s.Routes[3].Point, 4, 2
	s.Attempts = []gateway.Attempt{
		past(0, gateway.Refused, fail("permanent", "content").Refusal),
		past(1, gateway.Accepted, gateway.Refusal{}),
		past(2, gateway.Refused, fail("permanent", "sender").Refusal),
	}
	d := s.Refused(fail("permanent", "content"))
	if d.Next.Kind != gateway.StepPoint || d.Next.Point != s.Routes[2].Point || !d.Next.Due.After(noon) {
		t.Errorf("got %+v", d.Next)
	}
	s.Attempts[2].State = gateway.InDoubt
	if d := s.Refused(fail("permanent", "content")); d.Next.Kind != gateway.StepEnd {
		t.Errorf("went to a contact point in doubt: %+v", d.Next)
	}
	if d := s.Refused(fail("permanent", "sender")); d.Next.Point != s.Routes[3].Point || d.Next.Kind != gateway.StepPoint {
		t.Errorf("our number may be mended: %+v", d.Next)
	}
	s.Claim.Policy, s.Attempts[2].State = gateway.PolicyOf(gateway.Report), gateway.Refused
	if d := s.Refused(fail("permanent", "content")); d.Next.Kind != gateway.StepEnd {
		t.Errorf("a report came round: %+v", d.Next)
	}
}

// TestLeft: the person said STOP to the provider. Where she has no other address her delivery was suppressed, it did not
// fail; where no try is left for the other one, it did.
func TestLeft(t *testing.T) {
	if d := at(gateway.Report, 1).Refused(fail("gone", "address")); d.Next.Kind != gateway.StepEnd || d.Next.Reason != gateway.ReasonSuppressed {
		t.Errorf("without another address: %+v", d.Next)
	}
	if d := at(gateway.Report, 1).Refused(fail("permanent", "address")); d.Next.Reason != gateway.ReasonFailed {
		t.Errorf("a number that does not exist: %+v", d.Next)
	}
	s := at(gateway.Report, 2)
	s.Claim.Tries = s.Claim.Policy.Tries - 1
	if d := s.Refused(fail("gone", "address")); d.Next.Reason != gateway.ReasonFailed {
		t.Errorf("without another try: %+v", d.Next)
	}
}

// TestMoved: a Telegram group became a supergroup; the message follows it.
func TestMoved(t *testing.T) {
	f := fail("gone", "address")
	f.Moved = "-1001"
	d := at(gateway.Report, 2).Refused(f)
	if d.Next.Kind != gateway.StepRetry || d.Point == nil || d.Point.Moved.Reveal() != "-1001" || d.Point.State != "" {
		t.Errorf("got %+v, %+v", d.Next, d.Point)
	}
}

// TestDoubt is the column "in doubt" of the table of classes (design, section 4).
func TestDoubt(t *testing.T) {
	second := routes(2)[1].Point
	for _, c := range []struct {
		name   string
		class  gateway.Class
		points int
		look   gateway.Look
		age    time.Duration
		resent int
		state  gateway.AttemptState
		kind   gateway.StepKind
		looks  bool
	}{
		{"life-safety goes on at once", gateway.LifeSafety, 2, gateway.LookLater, 0, 0, gateway.InDoubt, gateway.StepPoint, true},
		{"and without a look-up", gateway.LifeSafety, 2, gateway.CannotLook, 0, 0, gateway.InDoubt, gateway.StepPoint, false},
		{"never again here unasked", gateway.LifeSafety, 1, gateway.CannotLook, 0, 0, gateway.InDoubt, gateway.StepNone, false},
		{"here again when nothing was found", gateway.LifeSafety, 1, gateway.FoundNothing, 0, 0, gateway.Refused, gateway.StepRetry, false},
		{"an alert asks first", gateway.Alert, 2, gateway.LookLater, 0, 0, gateway.InDoubt, gateway.StepNone, true},
		{"here again when nothing was found", gateway.Alert, 2, gateway.FoundNothing, time.Minute, 1, gateway.Refused, gateway.StepRetry, false},
		{"twice at most", gateway.Alert, 1, gateway.FoundNothing, time.Minute, 2, gateway.Refused, gateway.StepEnd, false},
		{"then elsewhere", gateway.Alert, 2, gateway.FoundNothing, time.Minute, 2, gateway.Refused, gateway.StepPoint, false},
		{"without a look-up it waits for a receipt", gateway.Alert, 2, gateway.CannotLook, time.Minute, 0, gateway.InDoubt, gateway.StepNone, true},
		{"until the window has passed", gateway.Alert, 2, gateway.CannotLook, 5 * time.Minute, 0, gateway.InDoubt, gateway.StepPoint, false},
		{"and stays if there is nowhere to go", gateway.Alert, 1, gateway.CannotLook, 5 * time.Minute, 0, gateway.InDoubt, gateway.StepNone, false},
		{"an account message is not resent", gateway.Account, 2, gateway.FoundNothing, 0, 0, gateway.InDoubt, gateway.StepNone, false},
		{"a reminder is not resent", gateway.Reminder, 2, gateway.FoundNothing, time.Hour, 0, gateway.InDoubt, gateway.StepNone, false},
		{"a report is not resent", gateway.Report, 2, gateway.FoundNothing, time.Hour, 0, gateway.InDoubt, gateway.StepNone, false},
		{"a report is looked up", gateway.Report, 2, gateway.LookLater, time.Hour, 0, gateway.InDoubt, gateway.StepNone, true},
		{"not for ever", gateway.Report, 2, gateway.LookLater, 25 * time.Hour, 0, gateway.InDoubt, gateway.StepNone, false},
	} {
		t.Run(string(c.class)+"/"+c.name, func(t *testing.T) {
			s := at(c.class, c.points)
			s.Now, s.Claim.Resends, s.Claim.Tries = noon.Add(c.age), c.resent, 1
			d := s.Doubt(false, c.look, 0)
			if d.State != c.state || d.Next.Kind != c.kind || d.LookAt.IsZero() == c.looks {
				t.Fatalf("got %+v", d)
			}
			if d.Next.Kind == gateway.StepPoint && d.Next.Point != second {
				t.Errorf("went to %v", d.Next.Point)
			}
			if d.Next.Kind == gateway.StepRetry && !d.Next.Resend {
				t.Error("sending again after doubt is not counted")
			}
		})
	}
}

// TestKey: while the provider honours our key, sending again under it cannot double, for any class.
func TestKey(t *testing.T) {
	s := at(gateway.Report, 2)
	s.Jitter = 0.1
	if d := s.Doubt(true, gateway.CannotLook, 10*time.Minute); d.Next.Kind != gateway.StepRetry || d.Next.Resend || !d.Spent {
		t.Errorf("got %+v", d)
	}
	s.Attempts = []gateway.Attempt{past(0, gateway.InDoubt, gateway.Refusal{})}
	s.Attempts[0].ClaimedAt = noon.Add(-8 * time.Minute)
	if d := s.Doubt(true, gateway.CannotLook, 10*time.Minute); d.Next.Kind != gateway.StepNone {
		t.Errorf("the window of the first one is nearly over: %+v", d)
	}
}

// TestWithoutReceipt: handed over, and silence; and not even handed over.
func TestWithoutReceipt(t *testing.T) {
	s := at(gateway.Alert, 3)
	s.Now = noon.Add(5 * time.Minute)
	s.Attempts = []gateway.Attempt{past(0, gateway.Accepted, gateway.Refusal{}), past(1, gateway.Refused, fail("permanent", "sender").Refusal)}
	if d := s.Unconfirmed(); d.Next.Kind != gateway.StepPoint || d.Next.Point != s.Routes[2].Point {
		t.Errorf("got %+v", d.Next)
	}
	s.Attempts = append(s.Attempts, past(2, gateway.Accepted, gateway.Refusal{}))
	if d := s.Unconfirmed(); d.Next.Kind != gateway.StepNone {
		t.Errorf("with all told, it went on: %+v", d.Next)
	}
	if d := s.Stuck(); d.Next.Kind != gateway.StepPoint || d.Next.Point != s.Routes[1].Point {
		t.Errorf("what was never handed over comes round: %+v", d.Next)
	}
	s.Now = s.Claim.Expires
	if d := s.Stuck(); d.Next.Kind != gateway.StepNone {
		t.Errorf("after its time: %+v", d.Next)
	}
}

// TestUnusable: she left the channel before the message did.
func TestUnusable(t *testing.T) {
	s := at(gateway.Report, 2)
	if d := s.Unusable(); d.Next.Kind != gateway.StepPoint || d.Next.Point != s.Routes[1].Point || d.State != 0 {
		t.Errorf("got %+v", d)
	}
	s.Routes = nil
	if d := s.Unusable(); d.Next.Reason != gateway.ReasonSuppressed {
		t.Errorf("nothing was ever usable: %+v", d.Next)
	}
	s.Attempts = []gateway.Attempt{past(0, gateway.Refused, fail("gone", "address").Refusal)}
	if d := s.Unusable(); d.Next.Reason != gateway.ReasonFailed {
		t.Errorf("nothing is left: %+v", d.Next)
	}
	s.Claim.Dropped = true
	if d := s.Unusable(); d.Next.Reason != gateway.ReasonSuppressed {
		t.Errorf("she dropped the topic: %+v", d.Next)
	}
}

// TestDecisions holds what must be true of every decision whatsoever.
func TestDecisions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		class := rapid.SampledFrom(classes).Draw(t, "class")
		s := at(class, rapid.IntRange(1, 4).Draw(t, "points"))
		s.Now = noon.Add(time.Duration(rapid.Int64Range(0, int64(26*time.Hour)).Draw(t, "age")))
		s.Jitter = rapid.Float64Range(0, 0.999).Draw(t, "jitter")
		s.Claim.Tries = rapid.IntRange(0, 9).Draw(t, "tries")
		s.Claim.No = rapid.IntRange(1, 9).Draw(t, "no")
		s.Claim.Resends = rapid.IntRange(0, 3).Draw(t, "resends")
		taken := map[gateway.ID]bool{}
		for range rapid.IntRange(0, 5).Draw(t, "attempts") {
			a := past(rapid.IntRange(0, 3).Draw(t, "where"), rapid.SampledFrom([]gateway.AttemptState{gateway.Refused, gateway.Accepted, gateway.InDoubt}).Draw(t, "state"),
				fail(rapid.SampledFrom([]string{"temporary", "permanent", "gone"}).Draw(t, "past"), rapid.SampledFrom([]string{"address", "content", "sender", "channel"}).Draw(t, "past scope")).Refusal)
			s.Attempts = append(s.Attempts, a)
			taken[a.PointID] = taken[a.PointID] || a.State != gateway.Refused
		}
		f := fail(rapid.SampledFrom([]string{"unknown", "temporary", "throttled", "permanent", "gone", "auth"}).Draw(t, "error"), rapid.SampledFrom([]string{"address", "content", "sender", "channel"}).Draw(t, "scope"))
		f.RetryAfter = time.Duration(rapid.Int64Range(-int64(time.Minute), int64(30*time.Hour)).Draw(t, "retry after"))
		look := rapid.SampledFrom([]gateway.Look{gateway.CannotLook, gateway.LookLater, gateway.FoundNothing}).Draw(t, "look")
		decisions := map[string]func(gateway.Situation) gateway.Decision{
			"refused":     func(s gateway.Situation) gateway.Decision { return s.Refused(f) },
			"doubt":       func(s gateway.Situation) gateway.Decision { return s.Doubt(true, look, 0) },
			"old doubt":   func(s gateway.Situation) gateway.Decision { return s.Doubt(false, look, 0) },
			"unconfirmed": gateway.Situation.Unconfirmed, "stuck": gateway.Situation.Stuck, "unusable": gateway.Situation.Unusable,
		}
		for name, decide := range decisions {
			d := decide(s)
			if d.Ask {
				t.Fatalf("%s: asks although it knows", name)
			}
			blind := s
			blind.Known, blind.Routes, blind.Attempts = false, nil, nil
			if b := decide(blind); !b.Ask && (b.Next != d.Next || b.State != d.State || !b.LookAt.Equal(d.LookAt)) {
				t.Fatalf("%s: decided %+v without asking, %+v after", name, b, d)
			}
			moves := d.Next.Kind == gateway.StepRetry || d.Next.Kind == gateway.StepPoint
			if moves && (!d.Next.Due.Before(s.Claim.Expires) || d.Next.Due.Before(s.Now)) {
				t.Fatalf("%s: due %v, now %v, expires %v", name, d.Next.Due, s.Now, s.Claim.Expires)
			}
			if d.Next.Kind == gateway.StepPoint && taken[d.Next.Point] {
				t.Fatalf("%s: goes to a contact point that may have the message", name)
			}
			if d.State == gateway.InDoubt && d.Next.Kind == gateway.StepRetry {
				t.Fatalf("%s: the same contact point again while in doubt", name)
			}
			if moves && d.Spent && s.Claim.Tries+1 >= s.Claim.Policy.Tries {
				t.Fatalf("%s: goes on without a try left", name)
			}
			if d.Next.Resend && (s.Claim.Resends >= s.Claim.Policy.Resends || s.Claim.Policy.Doubt == gateway.DoubtShown) {
				t.Fatalf("%s: sends a %s again after doubt, time %d", name, class, s.Claim.Resends+1)
			}
			if d.State == gateway.InDoubt && s.Claim.Policy.Doubt == gateway.DoubtShown && d.Next.Kind != gateway.StepNone {
				t.Fatalf("%s: routine doubt leads to %+v", name, d.Next)
			}
			if !d.LookAt.IsZero() && !d.LookAt.After(s.Now) {
				t.Fatalf("%s: looks in the past", name)
			}
			if d.State == gateway.Refused && d.Next.Kind == gateway.StepNone {
				t.Fatalf("%s: refused and nothing follows", name)
			}
		}
	})
}

// A retry under a provider's key is allowed only as long as the provider surely knows the key.
func TestKeyForgotten(t *testing.T) {
	point, other := gateway.NewID(), gateway.NewID()
	claimed := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	attempt := func(at gateway.ID, state gateway.AttemptState) gateway.Attempt {
		return gateway.Attempt{ID: gateway.NewID(), PointID: at, State: state, ClaimedAt: claimed}
	}
	own := attempt(point, gateway.InDoubt)
	for _, c := range []struct {
		name     string
		after    time.Duration
		resends  int
		attempts []gateway.Attempt
		want     bool
	}{
		{"in time", 8 * time.Minute, 0, []gateway.Attempt{attempt(point, gateway.InDoubt)}, false},
		{"too late", 9 * time.Minute, 0, []gateway.Attempt{attempt(point, gateway.InDoubt)}, true},
		{"too late for one that a receipt proved", time.Hour, 0, []gateway.Attempt{attempt(point, gateway.Accepted)}, true},
		{"surely not taken", time.Hour, 0, []gateway.Attempt{attempt(point, gateway.Refused)}, false},
		{"elsewhere", time.Hour, 0, []gateway.Attempt{attempt(other, gateway.InDoubt)}, false},
		{"itself", time.Hour, 0, []gateway.Attempt{own}, false},
		{"a person had it sent again, under a new key", time.Hour, 1, []gateway.Attempt{attempt(point, gateway.InDoubt)}, false},
	} {
		s := gateway.Situation{Claim: gateway.Claim{Attempt: own.ID, Point: point, Resends: c.resends}, Now: claimed.Add(c.after), Attempts: c.attempts}
		if got := s.KeyForgotten(10 * time.Minute); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	// What a person had sent again and is in doubt once more is hers to decide: no key tells the two apart.
	s := gateway.Situation{Claim: gateway.Claim{Point: point, Resends: 1, Policy: gateway.PolicyOf(gateway.Report), ClaimedAt: claimed, Expires: claimed.Add(time.Hour)}, Now: claimed, Known: true}
	if d := s.Doubt(true, gateway.CannotLook, 10*time.Minute); d.Next.Kind != gateway.StepNone || d.State != gateway.InDoubt {
		t.Errorf("a report that was sent again by hand is tried again: %+v", d)
	}
}

func optedOut(f gateway.Failure) gateway.Failure {
	f.OptedOut = true
	return f
}

// An answer is for one contact point: refused there, it goes nowhere else.
func TestAPinnedMessageStaysWhereItIs(t *testing.T) {
	for _, pinned := range []bool{false, true} {
		s := at(gateway.Account, 2)
		if pinned {
			s.Claim.Only = s.Claim.Point
		}
		s.Learn(s.Routes, gateway.Delivery{})
		next := s.Refused(fail("permanent", "address")).Next
		if moved := next.Kind == gateway.StepPoint; moved == pinned {
			t.Errorf("pinned %t: the next step is %+v", pinned, next)
		}
	}
}

// TestStranded: what waits on a channel that was deleted leaves over another one for the same address, if that is certainly no
// second time, else at the next address, or ends as failed. A process that has not heard of the deletion yet waits.
func TestStranded(t *testing.T) {
	refusedThere, doubtThere := past(0, gateway.Refused, gateway.Refusal{Class: "temporary"}), past(0, gateway.InDoubt, gateway.Refusal{})
	for name, c := range map[string]struct {
		points   int
		other    bool // the first address has another channel now
		attempts []gateway.Attempt
		want     gateway.Step
	}{
		"another channel":           {1, true, nil, gateway.Step{Kind: gateway.StepPoint, Due: noon, Point: routes(1)[0].Point, Channel: gateway.ID{14: 9}}},
		"another, tried before":     {1, true, []gateway.Attempt{refusedThere}, gateway.Step{Kind: gateway.StepPoint, Due: noon, Point: routes(1)[0].Point, Channel: gateway.ID{14: 9}}},
		"perhaps sent":              {1, true, []gateway.Attempt{doubtThere}, gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed}},
		"perhaps sent, two":         {2, true, []gateway.Attempt{doubtThere}, gateway.Step{Kind: gateway.StepPoint, Due: noon, Point: routes(2)[1].Point, Channel: routes(2)[1].Channel}},
		"the next address":          {2, false, nil, gateway.Step{Kind: gateway.StepPoint, Due: noon, Point: routes(2)[1].Point, Channel: routes(2)[1].Channel}},
		"nothing else, so it ended": {1, false, nil, gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed}},
	} {
		s := at(gateway.Report, c.points)
		s.Attempts = c.attempts
		if c.other {
			s.Routes[0].Channel = gateway.ID{14: 9}
		} else {
			s.Routes = s.Routes[1:]
		}
		if got := s.Stranded(); got.Next != c.want {
			t.Errorf("%s: %+v, want %+v", name, got.Next, c.want)
		}
	}
	s := at(gateway.Report, 2)
	if got := s.Stranded().Next; got.Kind != gateway.StepRetry || !got.Due.After(noon) {
		t.Errorf("ways that are not up to date: %+v", got)
	}
	s.Known = false
	if !s.Stranded().Ask {
		t.Error("it decides without knowing the ways")
	}
}
