package dispatch_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/dispatch"
	"github.com/carillon-gateway/carillon/gateway/internal/queue"
	"github.com/carillon-gateway/carillon/gateway/internal/queue/memq"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/blank"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite"
)

// real is a dispatcher over the ledger as it is in production.
type real struct {
	t       testing.TB
	s       *sqlite.Store
	d       *dispatch.Dispatcher
	group   gateway.Group
	channel gateway.Channel
	adapter channels.Adapter
	stop    func()
}

func (r *real) All() []gateway.Channel                      { return []gateway.Channel{r.channel} }
func (r *real) Adapter(gateway.ID) (channels.Adapter, bool) { return r.adapter, true }
func (r *real) Routes(ctx context.Context, group, member gateway.ID, _ string, _ gateway.Class) ([]gateway.Route, error) {
	m, err := r.s.Member(ctx, group, member)
	if err != nil {
		return nil, err
	}
	return []gateway.Route{{Point: m.Points[0].ID, Channel: r.channel.ID}}, nil
}

func (r *real) ok(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// onDisk opens a ledger with one group of n members who all have a number.
func onDisk(t testing.TB, n int, adapter channels.Adapter) *real {
	ctx := context.Background()
	ring, err := seal.NewRing(make([]byte, 32), seal.Key{ID: "k1", Secret: make([]byte, 32)})
	r := &real{t: t, adapter: adapter}
	r.ok(err)
	r.s, err = sqlite.Open(ctx, sqlite.Options{Dir: blank.Folder(t), Ring: ring})
	r.ok(err)
	t.Cleanup(func() { r.ok(r.s.Close()) })
	r.group, err = r.s.PutGroup(ctx, gateway.Group{Slug: "harbour", Name: "Harbour", Locale: "en", Zone: "Europe/Berlin", Topics: []gateway.Topic{{Name: "reports"}}})
	r.ok(err)
	r.channel, err = r.s.PutChannel(ctx, gateway.Channel{Name: "sms", Adapter: "sms", Kind: "sms", Senders: 64})
	r.ok(err)
	imp := gateway.NewID()
	r.ok(r.s.BeginImport(ctx, gateway.Import{ID: imp, GroupID: r.group.ID, At: time.Now()}))
	for i := 0; i < n; i += 500 {
		var rows []gateway.StagedMember
		for j := i; j < min(i+500, n); j++ {
			point := gateway.NewID()
			rows = append(rows, gateway.StagedMember{Line: j + 2,
				Member:   gateway.Member{Name: "Sample", Locale: "en", Zone: "Europe/Berlin", Points: []gateway.ContactPoint{{ID: point, Kind: "sms", Address: gateway.Private(fmt.Sprintf("+1555%07d", j))}}},
				Consents: []gateway.Consent{{PointID: point, Topic: "reports", Granted: true, Wording: "w1", Locale: "en", At: time.Now(), Proof: "paper", Source: "import"}}})
		}
		_, err := r.s.Stage(ctx, r.group.ID, imp, rows)
		r.ok(err)
	}
	r.ok(r.s.Publish(ctx, r.group.ID, imp))
	return r
}

// plan submits a broadcast and plans it for the first n members.
func (r *real) plan(kind gateway.Kind, class gateway.Class, n int) {
	ctx, now := context.Background(), time.Now()
	answer, err := r.s.Submit(ctx, gateway.Broadcast{ID: gateway.NewID(), GroupID: r.group.ID, Key: gateway.NewID().String(), Kind: kind, Class: class,
		Audience: gateway.Audience{Topic: "reports"}, Words: gateway.Words{Sources: map[string]string{"en": "Hello"}}, Policy: gateway.PolicyOf(class),
		CreatedAt: now, StartAt: now, ExpiresAt: now.Add(time.Hour)}, []byte("print"), nil)
	r.ok(err)
	part, err := json.Marshal(channels.Part{Text: "Hello", Cost: 1})
	r.ok(err)
	chunk := gateway.Chunk{Broadcast: answer.ID, Group: r.group.ID, Lane: gateway.PolicyOf(class).Lane,
		Renderings: []gateway.Rendering{{BroadcastID: answer.ID, GroupID: r.group.ID, Locale: "en", Kind: "sms", Parts: [][]byte{part}, Cost: 1}}}
	for left := n; left > 0; {
		page, err := r.s.Recipients(ctx, r.group.ID, gateway.Audience{Topic: "reports"}, chunk.After, min(left, 500))
		r.ok(err)
		chunk.Deliveries = chunk.Deliveries[:0]
		for _, who := range page {
			chunk.Deliveries = append(chunk.Deliveries, gateway.NewDelivery{ID: gateway.NewID(), MemberID: who.Member, Locale: "en", Channel: r.channel.ID, Point: who.Points[0].ID, Due: now})
		}
		left -= len(page)
		chunk.Cursor, chunk.Last = page[len(page)-1].Member, left == 0
		r.ok(r.s.Plan(ctx, chunk))
		chunk.After, chunk.Renderings = chunk.Cursor, nil
	}
}

func (r *real) start() {
	d, err := dispatch.New(dispatch.Options{Ledger: r.s, Mender: r.s, Succession: r.s, Routes: r, Deliveries: r.s, Texts: r.s, Health: r.s, Live: r, Queue: memq.New(queue.Window), Alone: true})
	r.ok(err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	r.d = d
	r.stop = func() { cancel(); r.ok(<-ended) }
}

// counting is a provider that answers at once, or holds what is not urgent.
type counting struct {
	provider
	want   int64
	n      atomic.Int64
	all    chan struct{}
	delay  time.Duration
	urgent chan time.Time
}

func (c *counting) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	if m.Urgent && c.urgent != nil {
		c.urgent <- time.Now()
		return channels.Sent{ProviderID: "SM" + m.Attempt}, nil
	}
	if c.delay > 0 {
		time.Sleep(c.delay)
	}
	if c.n.Add(1) == c.want {
		close(c.all)
	}
	return channels.Sent{ProviderID: "SM" + m.Attempt}, nil
}

// A report to two thousand people goes through the ledger on disk.
func TestOnDisk(t *testing.T) {
	c := &counting{want: 2000, all: make(chan struct{})}
	r := onDisk(t, 2000, c)
	r.plan(gateway.KindReport, gateway.Report, 2000)
	r.start()
	<-c.all
	r.stop()
	broadcasts, err := r.s.Broadcasts(t.Context(), r.group.ID, gateway.ID{}, 1)
	r.ok(err)
	tallies, err := r.s.Tallies(t.Context(), r.group.ID, broadcasts[0].ID)
	r.ok(err)
	if len(tallies) != 1 || tallies[0].State != gateway.DeliveryAccepted || tallies[0].Count != 2000 {
		t.Errorf("tallies are %v", tallies)
	}
}

// A report waits on a channel that no longer works at all. Another takes its place and sends the whole of it, each once.
func TestAnotherChannelTakesOver(t *testing.T) {
	c := &counting{want: 700, all: make(chan struct{})}
	r := onDisk(t, 700, c)
	r.plan(gateway.KindReport, gateway.Report, 700)
	heir, err := r.s.PutChannel(t.Context(), gateway.Channel{Name: "sms-new", Adapter: "sms", Kind: "sms", Senders: 64})
	r.ok(err)
	r.ok(r.s.Replace(t.Context(), r.channel.ID, heir.ID))
	r.channel = heir // the old one has no adapter any more
	r.start()
	<-c.all
	r.stop()
	broadcasts, err := r.s.Broadcasts(t.Context(), r.group.ID, gateway.ID{}, 1)
	r.ok(err)
	tallies, err := r.s.Tallies(t.Context(), r.group.ID, broadcasts[0].ID)
	r.ok(err)
	if len(tallies) != 1 || tallies[0].ChannelID != heir.ID || tallies[0].State != gateway.DeliveryAccepted || tallies[0].Count != 700 || c.n.Load() != 700 {
		t.Errorf("sent %d, tallies are %v", c.n.Load(), tallies)
	}
}

// A report is stopped, its channel deleted, and the report resumed: it leaves over the channel that there is now, each once.
func TestWhatAChannelLeftBehind(t *testing.T) {
	c := &counting{want: 70, all: make(chan struct{})}
	r := onDisk(t, 70, c)
	r.plan(gateway.KindReport, gateway.Report, 70)
	broadcasts, err := r.s.Broadcasts(t.Context(), r.group.ID, gateway.ID{}, 1)
	r.ok(err)
	r.ok(r.s.SetState(t.Context(), r.group.ID, broadcasts[0].ID, true))
	r.ok(r.s.DeleteChannel(t.Context(), r.channel.ID, "desk"))
	r.ok(r.s.SetState(t.Context(), r.group.ID, broadcasts[0].ID, false))
	r.channel, err = r.s.PutChannel(t.Context(), gateway.Channel{Name: "sms", Adapter: "sms", Kind: "sms", Senders: 64})
	r.ok(err)
	r.start()
	<-c.all
	r.stop()
	tallies, err := r.s.Tallies(t.Context(), r.group.ID, broadcasts[0].ID)
	r.ok(err)
	if len(tallies) != 1 || tallies[0].ChannelID != r.channel.ID || tallies[0].State != gateway.DeliveryAccepted || tallies[0].Count != 70 || c.n.Load() != 70 {
		t.Errorf("sent %d, tallies are %v", c.n.Load(), tallies)
	}
}

// BenchmarkDispatch is one message from due to settled, through a channel that answers at once.
func BenchmarkDispatch(b *testing.B) {
	n := max(b.N, 64)
	c := &counting{want: int64(n), all: make(chan struct{})}
	r := onDisk(b, n, c)
	r.plan(gateway.KindReport, gateway.Report, n)
	b.ResetTimer()
	before := processor()
	r.start()
	<-c.all
	b.StopTimer()
	b.ReportMetric(float64(processor()-before)/float64(n), "cpu-ns/op")
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "messages/s")
	r.stop()
}

// BenchmarkUrgent is an alert from planned to the adapter's call while reports wait and keep their senders busy.
func BenchmarkUrgent(b *testing.B) {
	for _, delay := range []time.Duration{0, 500 * time.Millisecond} {
		b.Run(delay.String(), func(b *testing.B) {
			c := &counting{delay: delay, urgent: make(chan time.Time, 1)}
			r := onDisk(b, 100_000, c)
			r.plan(gateway.KindReport, gateway.Report, 100_000)
			r.start()
			var took []time.Duration
			for b.Loop() {
				begun := time.Now()
				r.plan(gateway.KindAlert, gateway.Alert, 1)
				r.d.Nudge(r.channel.ID, gateway.Urgent)
				took = append(took, (<-c.urgent).Sub(begun))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "median-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(float64(c.n.Load()), "bulk-sent")
			r.stop()
		})
	}
}

func processor() int64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return u.Utime.Nano() + u.Stime.Nano()
}
