package postgres

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/servers"
)

// Processes that reach for the same deliveries, many times over, get each of them once.
func TestEachDeliveryIsClaimedOnce(t *testing.T) {
	p := quick(t)
	url := p.URL(newDatabase(t, p))
	y := newYard(t, url, 600)
	b, ids := y.plan()
	var mu sync.Mutex
	got := map[gateway.ID]int{}
	var all sync.WaitGroup
	for i := range 4 {
		s, err := Open(y.ctx, Options{URL: url, Ring: newRing(t), MaxConns: 4})
		y.ok(err)
		defer s.Close()
		all.Go(func() {
			by := gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute, Urgent: i%2 == 0}
			for lo := 0; lo < len(ids); lo += 50 {
				_, claims, err := s.Exchange(y.ctx, by, nil, ids[lo:min(len(ids), lo+100)])
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, c := range claims {
					if c.Verdict == gateway.Granted {
						got[c.Delivery]++
					}
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for _, id := range ids {
		if got[id] != 1 {
			t.Errorf("%s was granted %d times", id, got[id])
		}
	}
	if n := y.tally(b)[gateway.Sending]; n != len(ids) {
		t.Errorf("%d are counted as sending", n)
	}
}

// Two processes spend one budget: once its cap is reached nothing more is granted to either of them, but for what they
// held at that moment, and the sums are right.
func TestProcessesShareACap(t *testing.T) {
	const limit, size = 100, 5
	p := quick(t)
	url := p.URL(newDatabase(t, p))
	y := newYard(t, url, 300)
	g := y.group
	g.Budget = &gateway.Budget{HardSegments: limit}
	_, err := y.s.PutGroup(y.ctx, g)
	y.ok(err)
	y.ok(y.s.SetPrices(y.ctx, gateway.ID{}, true, []gateway.Price{{Kind: "sms", Currency: "EUR", Micros: 75_000}}))
	_, ids := y.plan()
	var all sync.WaitGroup
	var capped atomic.Int64
	for part := range 2 {
		s, err := Open(y.ctx, Options{URL: url, Ring: newRing(t), MaxConns: 4})
		y.ok(err)
		defer s.Close()
		mine := ids[part*150 : part*150+150]
		all.Go(func() {
			by := gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute}
			var done []gateway.Outcome
			for len(mine)+len(done) > 0 {
				n := min(size, len(mine))
				_, claims, err := s.Exchange(y.ctx, by, done, mine[:n])
				if err != nil {
					t.Error(err)
					return
				}
				mine, done = mine[n:], nil
				for _, c := range claims {
					if c.Verdict == gateway.Capped {
						capped.Add(1)
						continue
					}
					done = append(done, gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Accepted, ProviderID: "SM" + c.Attempt.String(), Cost: 1})
				}
			}
		})
	}
	all.Wait()
	spend, err := y.s.Spend(y.ctx, g.ID)
	y.ok(err)
	if spend.Segments < limit || spend.Segments >= limit+2*size || int(spend.Segments+capped.Load()) != len(ids) || spend.Held != int(capped.Load()) {
		t.Errorf("%d spent, %d held, %d told to wait", spend.Segments, spend.Held, capped.Load())
	}
	notices, err := y.s.Untold(y.ctx, 10)
	if err != nil || len(notices) != 1 {
		t.Errorf("%d notices, %v", len(notices), err)
	}
}

// A claim that meets a broadcast while it is resumed does not park its delivery for ever.
func TestAClaimMeetsAResume(t *testing.T) {
	p := quick(t)
	url := p.URL(newDatabase(t, p))
	y := newYard(t, url, 3)
	b, ids := y.plan()
	y.ok(y.s.SetState(y.ctx, b.GroupID, b.ID, true))
	conn, err := pgx.Connect(y.ctx, url)
	y.ok(err)
	defer conn.Close(y.ctx)
	tx, err := conn.Begin(y.ctx)
	y.ok(err)
	_, err = tx.Exec(y.ctx, "UPDATE broadcasts SET stopped = false")
	y.ok(err)
	var all sync.WaitGroup
	all.Go(func() {
		_, claims, err := y.s.Exchange(y.ctx, gateway.Claimant{ID: gateway.NewID(), Lease: time.Minute}, nil, ids)
		if err != nil {
			t.Error(err)
		}
		for _, c := range claims {
			if c.Verdict != gateway.Granted {
				t.Errorf("verdict %v", c.Verdict)
			}
		}
	})
	watch, err := pgx.Connect(y.ctx, url)
	y.ok(err)
	defer watch.Close(y.ctx)
	for waits := false; !waits; { // until the claim waits for the resumption
		y.ok(watch.QueryRow(y.ctx, "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')").Scan(&waits))
	}
	y.ok(tx.Commit(y.ctx))
	all.Wait()
}

// The server is killed in the middle and started again: everything is accepted in the end, nothing was granted twice, no
// outcome that is repeated is stale, and the counts are right.
func TestTheServerIsKilledInBetween(t *testing.T) {
	ctx, giveUp := context.WithCancel(context.Background())
	defer giveUp()
	p, err := shared.sound()
	servers.Need(t, err)
	y := newYard(t, p.URL(newDatabase(t, p)), 3000)
	b, ids := y.plan()
	var granted, done atomic.Int64
	killed := make(chan struct{})
	var once sync.Once
	var all sync.WaitGroup
	for part := range 3 {
		mine := ids[part*len(ids)/3 : (part+1)*len(ids)/3]
		all.Go(func() {
			by := gateway.Claimant{ID: gateway.NewID(), Lease: time.Hour}
			var outcomes []gateway.Outcome
			for len(mine)+len(outcomes) > 0 {
				n := min(25, len(mine))
				errs, claims, err := y.s.Exchange(ctx, by, outcomes, mine[:n])
				if errors.Is(err, &gateway.Fault{Code: gateway.CodeUnavailable}) && ctx.Err() == nil {
					<-killed // and the same again
					continue
				}
				if err != nil {
					t.Error(err)
					return
				}
				for _, err := range errs {
					if err != nil {
						t.Errorf("an outcome: %v", err)
					}
				}
				mine, outcomes = mine[n:], outcomes[:0]
				for _, c := range claims {
					if c.Verdict != gateway.Granted {
						t.Errorf("verdict %v", c.Verdict)
						continue
					}
					outcomes = append(outcomes, gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Accepted, ProviderID: "SM" + c.Attempt.String(), Cost: 1})
				}
				done.Add(int64(len(errs)))
				if granted.Add(int64(len(outcomes))) > int64(len(ids)/3) {
					once.Do(func() {
						go func() {
							p.Kill()
							if err := p.Start(ctx); err != nil {
								t.Error(err)
								giveUp()
							}
							close(killed)
						}()
					})
				}
			}
		})
	}
	all.Wait()
	<-killed
	if ctx.Err() != nil {
		return
	}
	if int(granted.Load()) != len(ids) || int(done.Load()) != len(ids) {
		t.Errorf("%d granted and %d settled of %d", granted.Load(), done.Load(), len(ids))
	}
	if n := y.tally(b)[gateway.DeliveryAccepted]; n != len(ids) {
		t.Errorf("accepted: %d of %d", n, len(ids))
	}
	page, err := y.s.Deliveries(ctx, gateway.DeliveryFilter{Group: y.group.ID, Broadcast: b.ID, Limit: 1000})
	y.ok(err)
	for _, d := range page[:50] {
		d, err := y.s.Delivery(ctx, y.group.ID, d.ID)
		y.ok(err)
		if len(d.Attempts) != 1 || d.Attempts[0].Cost != 1 {
			t.Errorf("%s has %d attempts, the first costs %d", d.ID, len(d.Attempts), d.Attempts[0].Cost)
		}
	}
}

// A server that died gives the number of a transaction again that it had not written down yet. Whoever commits under it then
// is not us.
func TestANumberIsGivenTwice(t *testing.T) {
	ctx := context.Background()
	p, err := shared.sound()
	servers.Need(t, err)
	y := newYard(t, p.URL(newDatabase(t, p)), 1)
	lost := errors.New("the connection was lost")
	y.ok(y.s.transact(ctx, true, func(x *txn) (bool, error) {
		y.ok(x.beginWith(x.s.planning.plans, &pgx.Batch{}))
		p.Kill()
		y.ok(p.Start(ctx))
		given := 0
		for number := int64(0); number < x.xid; given++ {
			err := y.s.do(ctx, true, func(x *txn) error { number = x.xid; return nil })
			if err != nil && !broken(err) && !errors.Is(err, &gateway.Fault{Code: gateway.CodeUnavailable}) {
				y.ok(err)
			}
		}
		if given == 0 {
			t.Error("no number was given again")
		}
		sent, err := x.fate(ctx, lost)
		if sent || err != lost {
			t.Errorf("of a transaction that was lost: %v, %v", sent, err)
		}
		return true, nil
	}))
}

// cutter stands between a ledger and its server, and cuts the connection at a commit.
type cutter struct {
	net.Listener
	to    string
	mode  atomic.Int32 // cutBefore, cutAfter or 0: it lets all pass
	cuts  atomic.Int32
	conns sync.WaitGroup
}

const (
	cutBefore = 1 // the server never sees the commit
	cutAfter  = 2 // the server commits, its answer is lost
)

func newCutter(t *testing.T, to string) *cutter {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{Listener: l, to: to}
	c.conns.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.conns.Go(func() { c.carry(conn) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); c.conns.Wait() })
	return c
}

func (c *cutter) carry(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", c.to)
	if err != nil {
		return
	}
	defer server.Close()
	var deaf atomic.Bool // the client hears nothing any more
	back := make(chan struct{})
	go func() {
		defer close(back)
		buf := make([]byte, 64<<10)
		for {
			n, err := server.Read(buf)
			if err != nil || deaf.Load() {
				_ = client.Close()
				return
			}
			if _, err := client.Write(buf[:n]); err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 1<<20)
	for {
		n, err := client.Read(buf)
		if err != nil {
			break
		}
		if mode := c.mode.Load(); mode != 0 && bytes.Contains(buf[:n], []byte("COMMIT\x00")) && !bytes.Contains(buf[:n], []byte("READ ONLY")) && c.mode.CompareAndSwap(mode, 0) {
			c.cuts.Add(1)
			if mode == cutBefore {
				break
			}
			deaf.Store(true)
		}
		if _, err := server.Write(buf[:n]); err != nil {
			break
		}
		if deaf.Load() {
			<-back
			break
		}
	}
	_ = server.Close()
	<-back
	_, _ = io.Copy(io.Discard, client)
}

// A connection that breaks in a commit: whether the server had it or not, the answer is right, nothing is charged or
// granted twice, and nothing hangs.
func TestTheConnectionBreaksInACommit(t *testing.T) {
	p := quick(t)
	name := newDatabase(t, p)
	y := newYard(t, p.URL(name), 40)
	b, ids := y.plan()
	cut := newCutter(t, p.Address())
	s, err := Open(y.ctx, Options{URL: "postgres://carillon@" + cut.Addr().String() + "/" + name + "?sslmode=disable", Pooled: true, Ring: newRing(t)}) // so that the text of a commit is seen
	y.ok(err)
	defer s.Close()
	by := gateway.Claimant{ID: gateway.NewID(), Lease: time.Hour}
	want := 0
	for i, mode := range []int32{cutBefore, cutAfter, cutAfter, cutBefore} {
		cut.mode.Store(mode)
		_, claims, err := s.Exchange(y.ctx, by, nil, ids[i*10:i*10+10])
		y.ok(err)
		var outcomes []gateway.Outcome
		for k := range claims {
			for mode == cutBefore && claims[k].Verdict == gateway.NotDue { // the server has not noticed yet that nobody is there to commit
				_, again, err := s.Exchange(y.ctx, by, nil, []gateway.ID{claims[k].Delivery})
				y.ok(err)
				claims[k] = again[0]
			}
			c := claims[k]
			if c.Verdict != gateway.Granted {
				t.Errorf("mode %d: verdict %v", mode, c.Verdict)
			}
			outcomes = append(outcomes, gateway.Outcome{Attempt: c.Attempt, Token: c.Token, State: gateway.Accepted, ProviderID: "SM" + c.Attempt.String(), Cost: 1})
		}
		cut.mode.Store(mode)
		errs, _, err := s.Exchange(y.ctx, by, outcomes, nil)
		y.ok(errors.Join(append(errs, err)...))
		want += len(outcomes)
		if n := y.tally(b)[gateway.DeliveryAccepted]; n != want {
			t.Errorf("mode %d: %d accepted, want %d", mode, n, want)
		}
		for _, c := range claims {
			d, err := s.Delivery(y.ctx, y.group.ID, c.Delivery)
			y.ok(err)
			if len(d.Attempts) != 1 || d.Attempts[0].Cost != 1 {
				t.Errorf("mode %d: %d attempts, the first costs %d", mode, len(d.Attempts), d.Attempts[0].Cost)
			}
		}
	}
	if n := cut.cuts.Load(); n != 8 {
		t.Errorf("%d commits were cut", n)
	}
}
