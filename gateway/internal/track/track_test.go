package track_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/track"
)

// ledger remembers one attempt of a report over the first of two contact points.
type ledger struct {
	claim    gateway.Claim
	ref      string
	observed []gateway.Receipt
	fail     error
}

func (l *ledger) Observe(_ context.Context, receipts []gateway.Receipt) ([]gateway.Effect, error) {
	if l.fail != nil {
		return nil, l.fail
	}
	effects := make([]gateway.Effect, len(receipts))
	for i, r := range receipts {
		l.observed = append(l.observed, r)
		if r.Attempt == l.claim.Attempt && r.Channel == l.claim.Channel {
			effects[i] = gateway.Applied
		}
	}
	return effects, nil
}

func (l *ledger) Delivery(context.Context, gateway.ID, gateway.ID) (gateway.Delivery, error) {
	return gateway.Delivery{Attempts: []gateway.Attempt{{ID: l.claim.Attempt, PointID: l.claim.Point, State: gateway.Accepted}}}, nil
}

func (l *ledger) Cases(_ context.Context, ids []gateway.ID) ([]gateway.Claim, error) {
	if ids[0] != l.claim.Attempt {
		return nil, nil
	}
	return []gateway.Claim{l.claim}, nil
}

func (l *ledger) AttemptByRef(_ context.Context, channel gateway.ID, ref string) (gateway.ID, error) {
	if channel != l.claim.Channel || ref != l.ref {
		return gateway.ID{}, gateway.Faultf(gateway.CodeNotFound, "no such attempt")
	}
	return l.claim.Attempt, nil
}

type routes []gateway.Route

func (r routes) Routes(context.Context, gateway.ID, gateway.ID, string, gateway.Class) ([]gateway.Route, error) {
	return r, nil
}

func start(t *testing.T) (*track.Tracker, *ledger, routes) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	l := &ledger{ref: "SM1", claim: gateway.Claim{Attempt: gateway.NewID(), Delivery: gateway.NewID(), Channel: gateway.NewID(), Point: gateway.NewID(), No: 1,
		Class: gateway.Report, Policy: gateway.PolicyOf(gateway.Report), State: gateway.Accepted, Expires: now.Add(time.Hour), ClaimedAt: now}}
	ways := routes{{Point: l.claim.Point, Kind: "sms", Channel: l.claim.Channel}, {Point: gateway.NewID(), Kind: "telegram", Channel: gateway.NewID()}}
	tracker := track.New(track.Parts{Ledger: l, Routes: ways, Now: func() time.Time { return now }, Jitter: func() float64 { return 0.5 }})
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = tracker.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	return tracker, l, ways
}

// Of an urgent message that a receipt has end, or wait for another try, it is told; not of one that goes on at once, nor of a report.
func TestARefusalOfAnAlertIsTold(t *testing.T) {
	for _, c := range []struct {
		class  gateway.Class
		others bool // she has another contact point
		told   int
	}{{gateway.Alert, false, 1}, {gateway.Alert, true, 0}, {gateway.Report, false, 0}} {
		tracker, l, ways := start(t)
		l.claim.Class, l.claim.Policy, l.claim.Group, l.claim.Broadcast = c.class, gateway.PolicyOf(c.class), gateway.ID{1}, gateway.ID{2}
		if !c.others {
			tracker.Routes = ways[:1]
		}
		told := 0
		tracker.Refused = func(group, broadcast gateway.ID) {
			if told++; group != l.claim.Group || broadcast != l.claim.Broadcast {
				t.Errorf("told of broadcast %s of group %s", broadcast, group)
			}
		}
		if err := tracker.Observe(context.Background(), l.claim.Channel, []channels.Receipt{{Attempt: l.claim.Attempt.String(), ProviderID: "SM1", Status: channels.StatusFailed}}); err != nil {
			t.Fatal(err)
		}
		if told != c.told {
			t.Errorf("%s, with another contact point: %v: told of %d times", c.class, c.others, told)
		}
	}
}

// The carrier says that the number is dead: the address is marked, and the next contact point takes over.
func TestALateRefusalMovesOn(t *testing.T) {
	tracker, l, ways := start(t)
	err := tracker.Observe(context.Background(), l.claim.Channel, []channels.Receipt{{Attempt: l.claim.Attempt.String(), ProviderID: "SM1", Status: channels.StatusFailed,
		Err: &channels.Error{Class: channels.Permanent, Scope: channels.ScopeAddress, Code: "30005", Detail: "unknown number"}}})
	if err != nil || len(l.observed) != 1 {
		t.Fatalf("observed %d, %v", len(l.observed), err)
	}
	got := l.observed[0]
	if got.Next.Kind != gateway.StepPoint || got.Next.Point != ways[1].Point || got.Point == nil || got.Point.State != gateway.PointInvalid || !got.Spent || got.Refusal.Code != "30005" {
		t.Errorf("the receipt leads to %+v", got)
	}
}

// A filtered text is not the address's fault: the next contact point is tried, and the number keeps its good name.
func TestAFilteredTextDoesNotBlameTheNumber(t *testing.T) {
	tracker, l, _ := start(t)
	_ = tracker.Observe(context.Background(), l.claim.Channel, []channels.Receipt{{Attempt: l.claim.Attempt.String(), Status: channels.StatusFailed,
		Err: &channels.Error{Class: channels.Permanent, Scope: channels.ScopeContent, Code: "30007"}}})
	if len(l.observed) != 1 || l.observed[0].Point != nil {
		t.Errorf("observed %+v", l.observed)
	}
}

// Where statuses are polled, the provider's id finds the attempt; an id of somebody else's message is passed over.
func TestPolledReceiptsFindTheirAttempt(t *testing.T) {
	tracker, l, _ := start(t)
	err := tracker.Observe(context.Background(), l.claim.Channel, []channels.Receipt{{ProviderID: "SM1", Status: channels.StatusFailed, Err: &channels.Error{Class: channels.Temporary, Scope: channels.ScopeAddress}}, {ProviderID: "SM2", Status: channels.StatusFailed}})
	if err != nil || len(l.observed) != 1 || l.observed[0].Attempt != l.claim.Attempt || l.observed[0].Next.Kind != gateway.StepRetry {
		t.Errorf("observed %+v, %v", l.observed, err)
	}
}

// Another channel cannot speak for an attempt, and nonsense names none.
func TestForeignReceiptsChangeNothing(t *testing.T) {
	tracker, l, _ := start(t)
	other := gateway.NewID()
	if err := tracker.Observe(context.Background(), other, []channels.Receipt{{Attempt: l.claim.Attempt.String(), Status: channels.StatusFailed}, {Attempt: "0' OR 1=1", Status: channels.StatusDelivered}}); err != nil {
		t.Fatal(err)
	}
	if len(l.observed) != 0 {
		t.Errorf("observed %+v", l.observed)
	}
}

// A provider's list names messages of others at every reading: that is no warning. A claim to an attempt of ours is one.
func TestOnlyClaimsToAttemptsAreWarnedOf(t *testing.T) {
	tracker, l, _ := start(t)
	var log bytes.Buffer
	tracker.Log = slog.New(slog.NewTextHandler(&log, nil))
	for _, c := range []struct {
		receipt channels.Receipt
		warns   bool
	}{
		{channels.Receipt{ProviderID: "SM-of-others", Status: channels.StatusDelivered}, false},
		{channels.Receipt{Attempt: gateway.NewID().String(), Status: channels.StatusDelivered}, true},
	} {
		if err := tracker.Observe(t.Context(), l.claim.Channel, []channels.Receipt{c.receipt}); err != nil {
			t.Fatal(err)
		}
		if warned := strings.Contains(log.String(), "level=WARN"); warned != c.warns {
			t.Errorf("%+v: log %q", c.receipt, log.String())
		}
	}
}

// If the ledger cannot write, the provider must hear it, so that it reports again.
func TestALedgerThatFailsIsToldToTheProvider(t *testing.T) {
	tracker, l, _ := start(t)
	l.fail = errors.New("disk full")
	if err := tracker.Observe(context.Background(), l.claim.Channel, []channels.Receipt{{Attempt: l.claim.Attempt.String(), Status: channels.StatusDelivered}}); !errors.Is(err, l.fail) {
		t.Errorf("answered %v", err)
	}
}

// The next contact point, the number's good name and a try: what each kind of late refusal takes.
func TestLateRefusalsByClass(t *testing.T) {
	for _, c := range []struct {
		name  string
		err   *channels.Error
		class gateway.Class
		kind  gateway.StepKind
		point bool
	}{
		{"no reason at all", nil, gateway.Report, gateway.StepPoint, false},
		{"the provider does not know, a report", &channels.Error{Class: channels.Unknown, Scope: channels.ScopeAddress}, gateway.Report, gateway.StepEnd, false},
		{"the provider does not know, an alert", &channels.Error{Class: channels.Unknown, Scope: channels.ScopeAddress}, gateway.Alert, gateway.StepPoint, false},
		{"its queue was full", &channels.Error{Class: channels.Throttled, Scope: channels.ScopeSender}, gateway.Report, gateway.StepRetry, false},
		{"our account is suspended", &channels.Error{Class: channels.Auth, Scope: channels.ScopeChannel}, gateway.Report, gateway.StepPoint, false},
		{"she opted out at the provider", &channels.Error{Class: channels.Gone, Scope: channels.ScopeAddress, Code: "21610"}, gateway.Report, gateway.StepPoint, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			tracker, l, _ := start(t)
			l.claim.Class, l.claim.Policy = c.class, gateway.PolicyOf(c.class)
			if err := tracker.Observe(t.Context(), l.claim.Channel, []channels.Receipt{{Attempt: l.claim.Attempt.String(), Status: channels.StatusFailed, Err: c.err}}); err != nil {
				t.Fatal(err)
			}
			got := l.observed[0]
			if got.State != gateway.Refused || got.Next.Kind != c.kind || !got.Spent || (got.Point != nil) != c.point {
				t.Errorf("leads to %+v", got)
			}
		})
	}
}

// The provider's reason is passed on with the delivery, once it is written; what arrived gives none.
func TestReasonsAreHeard(t *testing.T) {
	tracker, l, _ := start(t)
	heard := map[gateway.ID]string{}
	tracker.Heard = func(channel, delivery gateway.ID, e *channels.Error) {
		if channel == l.claim.Channel {
			heard[delivery] += e.Code
		}
	}
	filtered := channels.Receipt{Attempt: l.claim.Attempt.String(), Status: channels.StatusFailed, Err: &channels.Error{Class: channels.Permanent, Scope: channels.ScopeContent, Trouble: channels.TroubleFiltered, Code: "30007"}}
	arrived := channels.Receipt{Attempt: l.claim.Attempt.String(), Status: channels.StatusDelivered}
	for _, r := range []channels.Receipt{filtered, arrived, {Attempt: gateway.NewID().String(), Status: channels.StatusFailed, Err: filtered.Err}} {
		if err := tracker.Observe(t.Context(), l.claim.Channel, []channels.Receipt{r}); err != nil {
			t.Fatal(err)
		}
	}
	if len(heard) != 1 || heard[l.claim.Delivery] != "30007" {
		t.Errorf("heard %v", heard)
	}
}
