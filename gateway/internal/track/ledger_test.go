package track_test

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/blank"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite"
	"github.com/carillon-gateway/carillon/gateway/internal/track"
)

// town is a ledger on disk with one member, whom reports can be handed over to.
type town struct {
	s       *sqlite.Store
	group   gateway.Group
	channel gateway.Channel
	must    func(error)
}

func open(t *testing.T) *town {
	ctx := t.Context()
	w := &town{must: func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}}
	ring, err := seal.NewRing(make([]byte, 32), seal.Key{ID: "k1", Secret: make([]byte, 32)})
	w.must(err)
	w.s, err = sqlite.Open(ctx, sqlite.Options{Dir: blank.Folder(t), Ring: ring})
	w.must(err)
	t.Cleanup(func() { w.must(w.s.Close()) })
	w.group, err = w.s.PutGroup(ctx, gateway.Group{Slug: "harbour", Name: "Harbour", Locale: "en", Zone: "Europe/Berlin", Topics: []gateway.Topic{{Name: "reports"}}})
	w.must(err)
	w.channel, err = w.s.PutChannel(ctx, gateway.Channel{Name: "sms", Adapter: "sms", Kind: "sms"})
	w.must(err)
	imp, point := gateway.NewID(), gateway.NewID()
	w.must(w.s.BeginImport(ctx, gateway.Import{ID: imp, GroupID: w.group.ID, At: time.Now()}))
	_, err = w.s.Stage(ctx, w.group.ID, imp, []gateway.StagedMember{{Line: 2,
		Member:   gateway.Member{Name: "Sample", Locale: "en", Zone: "Europe/Berlin", Points: []gateway.ContactPoint{{ID: point, Kind: "sms", Address: "+15550100"}}},
		Consents: []gateway.Consent{{PointID: point, Topic: "reports", Granted: true, Wording: "w1", Locale: "en", At: time.Now(), Proof: "paper", Source: "import"}}}})
	w.must(err)
	w.must(w.s.Publish(ctx, w.group.ID, imp))
	return w
}

// handOver sends her a report of so many parts as far as settled says.
func (w *town) handOver(ctx context.Context, parts int, settled gateway.AttemptState) gateway.Claim {
	now := time.Now()
	answer, err := w.s.Submit(ctx, gateway.Broadcast{ID: gateway.NewID(), GroupID: w.group.ID, Key: gateway.NewID().String(), Kind: gateway.KindReport, Class: gateway.Report,
		Audience: gateway.Audience{Topic: "reports"}, Policy: gateway.PolicyOf(gateway.Report), CreatedAt: now, StartAt: now, ExpiresAt: now.Add(time.Hour)}, []byte("print"), nil)
	w.must(err)
	who, err := w.s.Recipients(ctx, w.group.ID, gateway.Audience{Topic: "reports"}, gateway.ID{}, 1)
	w.must(err)
	delivery := gateway.NewDelivery{ID: gateway.NewID(), MemberID: who[0].Member, Locale: "en", Channel: w.channel.ID, Point: who[0].Points[0].ID, Due: now}
	text := make([][]byte, parts)
	for i := range text {
		text[i] = []byte("{}")
	}
	w.must(w.s.Plan(ctx, gateway.Chunk{Broadcast: answer.ID, Group: w.group.ID, Cursor: who[0].Member, Last: true, Lane: gateway.Bulk,
		Renderings: []gateway.Rendering{{BroadcastID: answer.ID, GroupID: w.group.ID, Locale: "en", Kind: "sms", Parts: text, Cost: parts}}, Deliveries: []gateway.NewDelivery{delivery}}))
	_, claims, err := w.s.Exchange(ctx, gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute}, nil, []gateway.ID{delivery.ID})
	w.must(err)
	for i := range parts - 1 {
		_, _, err := w.s.Exchange(ctx, gateway.Claimant{}, []gateway.Outcome{{Attempt: claims[0].Attempt, Token: claims[0].Token, State: gateway.Claimed, Part: i, ProviderID: "SM"}}, nil)
		w.must(err)
	}
	if settled != gateway.Claimed {
		_, _, err = w.s.Exchange(ctx, gateway.Claimant{}, []gateway.Outcome{{Attempt: claims[0].Attempt, Token: claims[0].Token, State: settled, Part: parts - 1, Refusal: gateway.Refusal{Class: "unknown"}}}, nil)
		w.must(err)
	}
	return claims[0]
}

// Receipts come in any order, again and again, for another channel and from before we knew ourselves: once all parts
// are reported to have arrived, the delivery is delivered, and nothing that comes later or came earlier changes that.
func TestReceiptsInAnyOrder(t *testing.T) {
	w := open(t)
	tracker := track.New(track.Parts{Ledger: w.s, Routes: routes{}})
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- tracker.Run(ctx) }()
	defer func() { stop(); <-ended }()
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.IntRange(1, 2).Draw(t, "parts")
		c := w.handOver(ctx, parts, rapid.SampledFrom([]gateway.AttemptState{gateway.Claimed, gateway.Accepted, gateway.InDoubt}).Draw(t, "settled"))
		var receipts []channels.Receipt
		for part := range parts {
			about := channels.Receipt{Attempt: c.Attempt.String(), PartNo: part}
			for _, status := range []channels.Status{channels.StatusAccepted, channels.StatusDelivered, channels.StatusFailed} {
				about.Status, about.Err = status, nil
				if status == channels.StatusFailed {
					about.Err = &channels.Error{Class: channels.Permanent, Scope: channels.ScopeContent, Code: "30007"}
				}
				for range rapid.IntRange(1, 2).Draw(t, "times") {
					receipts = append(receipts, about)
				}
			}
		}
		for _, r := range rapid.Permutation(receipts).Draw(t, "order") {
			if err := tracker.Observe(ctx, gateway.NewID(), []channels.Receipt{r}); err != nil { // from another channel: nothing
				t.Fatal(err)
			}
			if err := tracker.Observe(ctx, w.channel.ID, []channels.Receipt{r}); err != nil {
				t.Fatal(err)
			}
		}
		d, err := w.s.Delivery(ctx, w.group.ID, c.Delivery)
		if err != nil || d.State != gateway.Delivered || len(d.Attempts) != 1 || d.Attempts[0].State != gateway.AttemptDelivered {
			t.Fatalf("it is %v, %v", d.State, err)
		}
	})
}
