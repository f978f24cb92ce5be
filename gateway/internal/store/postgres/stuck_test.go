package postgres

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
)

// A process that is stopped in the middle of a transaction, or whose computer is gone without a word, keeps its locks
// from the others for a few seconds only: a broadcast can be stopped, and its deliveries are claimed.
func TestAPausedProcessLetsGo(t *testing.T) {
	p := quick(t)
	url := p.URL(newDatabase(t, p))
	y := newYard(t, url, 3)
	b, ids := y.plan()
	paused, err := Open(y.ctx, Options{URL: url, Ring: newRing(t), MaxConns: 4})
	y.ok(err)
	defer paused.Close()
	held, goOn, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	first := true
	go func() {
		ended <- paused.do(y.ctx, false, func(x *txn) error {
			_, err := x.exec("UPDATE broadcasts SET cursor = cursor WHERE id = $1", b.ID)
			if err == nil {
				_, err = x.exec("SELECT FROM deliveries WHERE id = ANY ($1) FOR UPDATE", ids)
			}
			if first {
				first = false
				close(held)
				<-goOn
			}
			return err
		})
	}()
	<-held
	ctx, cancel := context.WithTimeout(y.ctx, 30*time.Second)
	defer cancel()
	y.ok(y.s.SetState(ctx, b.GroupID, b.ID, true))
	y.ok(y.s.SetState(ctx, b.GroupID, b.ID, false))
	_, claims, err := y.s.Exchange(ctx, gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute}, nil, ids)
	y.ok(err)
	for _, c := range claims {
		if c.Verdict != gateway.Granted {
			t.Errorf("verdict %v", c.Verdict)
		}
	}
	close(goOn) // what it wanted to do is done anew
	y.ok(<-ended)
}

// After a failover the old primary may go on as a server that only reads, and keep its connections: they are given up.
func TestConnectionsToAServerThatOnlyReads(t *testing.T) {
	p := quick(t)
	name := newDatabase(t, p)
	y := newYard(t, p.URL(name), 1)
	admin, err := pgx.Connect(y.ctx, p.URL(name))
	y.ok(err)
	defer admin.Close(y.ctx)
	only := func(how string) {
		t.Helper()
		_, err := admin.Exec(y.ctx, fmt.Sprintf("ALTER DATABASE %s SET default_transaction_read_only = %s", pgx.Identifier{name}.Sanitize(), how))
		y.ok(err)
	}
	y.s.pool.Reset()
	only("on")
	if _, err := y.s.PutGroup(y.ctx, y.group); !errors.Is(err, &gateway.Fault{Code: gateway.CodeUnavailable}) {
		t.Fatalf("a server that only reads: %v", err)
	}
	only("off")
	_, err = y.s.PutGroup(y.ctx, y.group)
	y.ok(err)
}

// swamp stands between a ledger and its server, and swallows what is sent over the connections that are open when it is
// told to, without closing them.
type swamp struct {
	net.Listener
	edition atomic.Int32
	ends    chan struct{} // closes all connections
}

func newSwamp(t *testing.T, to string) *swamp {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &swamp{Listener: l, ends: make(chan struct{})}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", to)
			if err != nil {
				_ = client.Close()
				return
			}
			mine := s.edition.Load()
			go func() { <-s.ends; _ = client.Close() }()
			go func() { _, _ = io.Copy(client, server); _ = client.Close() }()
			go func() {
				defer server.Close()
				buf := make([]byte, 1<<16)
				for {
					n, err := client.Read(buf)
					if err != nil {
						return
					}
					if s.edition.Load() == mine {
						_, _ = io.Copy(server, bytes.NewReader(buf[:n]))
					}
				}
			}()
		}
	}()
	return s
}

// A server that is gone without closing its connections (its computer lost its power, a firewall forgot them) is given
// up in time, and the next one is asked over new connections.
func TestNobodyAnswersAnyMore(t *testing.T) {
	p := quick(t)
	name := newDatabase(t, p)
	y := newYard(t, p.URL(name), 4)
	_, ids := y.plan()
	through := newSwamp(t, p.Address())
	s, err := Open(y.ctx, Options{URL: "postgres://carillon@" + through.Addr().String() + "/" + name + "?sslmode=disable", Ring: newRing(t)})
	y.ok(err)
	defer s.Close()
	defer close(through.ends) // else closing takes long
	s.answer = time.Second
	by := gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute}
	for i, ask := range []func(ctx context.Context) error{
		func(ctx context.Context) error {
			_, claims, err := s.Exchange(ctx, by, nil, ids[:2])
			if err == nil && claims[0].Verdict != gateway.Granted {
				t.Errorf("verdict %v", claims[0].Verdict)
			}
			return err
		},
		func(ctx context.Context) error { _, err := s.Due(ctx, y.channel.ID, gateway.Bulk, 10); return err },
	} {
		through.edition.Add(1)
		ctx, cancel := context.WithTimeout(y.ctx, 20*time.Second)
		if err := ask(ctx); err != nil {
			t.Errorf("question %d: %v", i, err)
		}
		cancel()
	}
}

// A delivery that goes on to the member's next contact point in the moment between a claim's look and its lock is claimed
// for that one, and not taken for one without any.
func TestAClaimMeetsAMove(t *testing.T) {
	p := quick(t)
	url := p.URL(newDatabase(t, p))
	y := newYard(t, url, 1)
	_, ids := y.plan()
	conn, err := pgx.Connect(y.ctx, url)
	y.ok(err)
	defer conn.Close(y.ctx)
	next := gateway.NewID()
	for _, text := range []string{
		fmt.Sprintf(`INSERT INTO contact_points (group_id, member_id, id, position, kind, state, topics, address_sealed, address_index, note, country)
			SELECT group_id, member_id, '%s', position + 1, kind, state, topics, address_sealed, 'other', note, country FROM contact_points`, next),
		// A look at contact points waits, behind its snapshot.
		"ALTER TABLE contact_points RENAME TO real_points",
		"CREATE VIEW contact_points AS SELECT * FROM real_points WHERE pg_advisory_xact_lock_shared(42) IS NOT NULL",
		"SELECT pg_advisory_lock(42)",
	} {
		_, err := conn.Exec(y.ctx, text)
		y.ok(err)
	}
	verdict := make(chan gateway.Verdict, 1)
	go func() {
		_, claims, err := y.s.Exchange(y.ctx, gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute}, nil, ids)
		if err != nil || len(claims) != 1 {
			t.Error(len(claims), err)
			verdict <- -1
			return
		}
		verdict <- claims[0].Verdict
	}()
	for waits := false; !waits; {
		y.ok(conn.QueryRow(y.ctx, "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')").Scan(&waits))
	}
	_, err = conn.Exec(y.ctx, "UPDATE deliveries SET point_id = $1", next[:])
	y.ok(err)
	_, err = conn.Exec(y.ctx, "SELECT pg_advisory_unlock(42)")
	y.ok(err)
	if got := <-verdict; got != gateway.Granted {
		t.Errorf("verdict %v", got)
	}
}

// However many long reads there are, urgent work has a connection.
func TestReadsLeaveRoomForUrgentWork(t *testing.T) {
	p := quick(t)
	url := p.URL(newDatabase(t, p))
	y := newYard(t, url, 1)
	_, ids := y.plan()
	s, err := Open(y.ctx, Options{URL: url, Ring: newRing(t), MaxConns: 4})
	y.ok(err)
	defer s.Close()
	reading, stop := context.WithCancel(y.ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer stop()
	for range 8 {
		all.Go(func() { _ = s.query(reading, "SELECT pg_sleep(60)", nil, func(pgx.Rows) error { return nil }) })
	}
	for s.pool.Stat().AcquiredConns() < 4-urgentConns {
		runtime.Gosched()
	}
	ctx, cancel := context.WithTimeout(y.ctx, 5*time.Second)
	defer cancel()
	_, claims, err := s.Exchange(ctx, gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute, Urgent: true}, nil, ids)
	y.ok(err)
	if claims[0].Verdict != gateway.Granted {
		t.Errorf("verdict %v", claims[0].Verdict)
	}
	_, err = s.Due(ctx, y.channel.ID, gateway.Urgent, 10)
	y.ok(err)
}

// PostgreSQL takes no zero bytes and no broken UTF-8 in a text, and nothing long in an index. Whatever a provider says, its attempt is settled, what it
// reports is heard, and what comes with it is not held up.
func TestWhatAProviderSays(t *testing.T) {
	p := quick(t)
	long := make([]byte, 5000)
	_, _ = rand.Read(long)
	for _, bad := range []string{"a\x00b\xff c", hex.EncodeToString(long)} {
		newYard(t, p.URL(newDatabase(t, p)), 8).listen(bad)
	}
}

// listen has a provider say something in all places.
func (y *yard) listen(bad string) {
	t := y.TB
	_, ids := y.plan()
	_, claims, err := y.s.Exchange(y.ctx, gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute}, nil, ids)
	y.ok(err)
	o := func(i int) gateway.Outcome {
		return gateway.Outcome{Attempt: claims[i].Attempt, Token: claims[i].Token}
	}
	refusal := gateway.Refusal{Class: "permanent", Scope: "address", Code: bad, Detail: bad}
	accepted, polled, refused, moved := o(0), o(1), o(2), o(3)
	accepted.State, accepted.ProviderID = gateway.Accepted, bad
	polled.State, polled.ProviderID, polled.Polled = gateway.Accepted, bad, true
	refused.State, refused.Refusal, refused.Next = gateway.Refused, refusal, gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed}
	moved.State, moved.Refusal, moved.Next = gateway.Refused, refusal, gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonSuppressed}
	moved.Point = &gateway.PointChange{State: gateway.PointStopped, Note: bad}
	for i, outcome := range []gateway.Outcome{accepted, polled, refused, moved} {
		errs, _, err := y.s.Exchange(y.ctx, gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute}, []gateway.Outcome{outcome}, nil)
		if err := errors.Join(append(errs, err)...); err != nil {
			t.Errorf("outcome %d: %v", i, err)
		}
	}
	effects, err := y.s.Observe(y.ctx, []gateway.Receipt{{ProviderID: bad, Channel: y.channel.ID, State: gateway.AttemptDelivered}})
	if err != nil || effects[0] != gateway.Applied {
		t.Errorf("receipt: %v %v", effects, err)
	}
	_, err = y.s.Observe(y.ctx, []gateway.Receipt{{Attempt: claims[0].Attempt, Channel: y.channel.ID, State: gateway.Refused, Refusal: refusal, Next: gateway.Step{Kind: gateway.StepEnd, Reason: gateway.ReasonFailed}}})
	if err != nil {
		t.Errorf("refused by receipt: %v", err)
	}
	if _, err := y.s.AttemptByRef(y.ctx, y.channel.ID, bad); err != nil {
		t.Errorf("look-up: %v", err)
	}
	if err := y.s.SetChannelHealth(y.ctx, y.channel.ID, gateway.ChannelHealth{Paused: gateway.PauseAuth, Code: bad, Detail: bad}); err != nil {
		t.Errorf("health: %v", err)
	}
	if _, err := y.s.Strike(y.ctx, gateway.Strike{Channel: y.channel.ID, Delivery: ids[2], Trouble: "filtered", Code: bad, Detail: bad}); err != nil {
		t.Errorf("strike: %v", err)
	}
	if err := y.s.NoteErrors(y.ctx, y.channel.ID, []gateway.ChannelError{{Class: "permanent", Scope: "sender", Code: bad, Detail: bad, Count: 1, First: time.Now(), Last: time.Now()}}); err != nil {
		t.Errorf("errors: %v", err)
	}
}
