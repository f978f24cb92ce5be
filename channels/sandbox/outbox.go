package sandbox

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Limits of Twilio's webhooks: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides.
const (
	connectTimeout  = 5 * time.Second
	callbackTimeout = 15 * time.Second
)

var errClosed = errors.New("sandbox: closed")

// task is something that the sandbox does later, on its own accord. ctx ends when the sandbox closes.
type task func(ctx context.Context)

// outbox runs tasks at their time, a bounded number at once. Goroutines live only while there is work.
type outbox struct {
	now      func() time.Time
	max      int
	idle     func() // called when a goroutine has run out of work
	client   *http.Client
	ctx      context.Context
	cancel   context.CancelCauseFunc
	answered atomic.Uint64
	failed   atomic.Uint64

	mu      sync.Mutex
	ready   []task // from head on
	head    int
	later   dueHeap
	running int
	timer   *time.Timer
	closed  bool
	wg      sync.WaitGroup
}

func (b *outbox) open(now func() time.Time, idle func(), callers int, reach []netip.Prefix) {
	b.now, b.idle, b.max = now, idle, callers
	b.ctx, b.cancel = context.WithCancelCause(context.Background())
	dialer := &net.Dialer{Timeout: connectTimeout, Control: func(_, address string, _ syscall.RawConn) error {
		return reachable(address, reach)
	}}
	b.client = &http.Client{
		Timeout: callbackTimeout,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, MaxIdleConnsPerHost: callers, MaxIdleConns: 2 * callers,
			IdleConnTimeout: 30 * time.Second, DisableCompression: true, TLSHandshakeTimeout: connectTimeout,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// reachable keeps the promise that nothing leaves the machine, on the address that a name has led to.
func reachable(address string, reach []netip.Prefix) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("sandbox: reading the callback's address: %w", err)
	}
	ip := at.Addr().Unmap().WithZone("")
	if ip.IsLoopback() {
		return nil
	}
	for _, p := range reach {
		if p.Contains(ip) {
			return nil
		}
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return fmt.Errorf("sandbox: reading this machine's addresses: %w", err)
	}
	for _, a := range own {
		if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip.AsSlice()) {
			return nil
		}
	}
	return errors.New("sandbox: the callback's address is not on this machine; allow its network with Options.Reach")
}

// do runs a task as soon as a goroutine is free.
func (b *outbox) do(t task) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.put(t)
}

// at runs a task when the sandbox's clock has come to due.
func (b *outbox) at(due time.Time, t task) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	heap.Push(&b.later, dueTask{due, t})
	b.plan()
}

// wake looks again at the clock.
func (b *outbox) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.plan()
}

// put needs b.mu.
func (b *outbox) put(t task) {
	if b.closed {
		return
	}
	b.ready = append(b.ready, t)
	if b.running < b.max {
		b.running++
		b.wg.Add(1)
		go b.work()
	}
}

// plan moves what is due and sets the timer for the next; it needs b.mu.
func (b *outbox) plan() {
	now := b.now()
	for len(b.later) > 0 && !b.later[0].due.After(now) {
		b.put(heap.Pop(&b.later).(dueTask).task)
	}
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	if len(b.later) > 0 && !b.closed {
		b.timer = time.AfterFunc(max(b.later[0].due.Sub(now), time.Millisecond), b.wake)
	}
}

func (b *outbox) work() {
	defer b.wg.Done()
	for {
		b.mu.Lock()
		if b.closed || b.head == len(b.ready) {
			b.ready, b.head = b.ready[:0], 0
			b.running--
			b.mu.Unlock()
			b.idle()
			return
		}
		t := b.ready[b.head]
		b.ready[b.head] = nil
		b.head++
		if b.head > 4096 && b.head > len(b.ready)/2 {
			n := copy(b.ready, b.ready[b.head:])
			clear(b.ready[n:])
			b.ready, b.head = b.ready[:n], 0
		}
		b.mu.Unlock()
		t(b.ctx)
	}
}

// pending is how many tasks wait or run.
func (b *outbox) pending() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.ready) - b.head + len(b.later) + b.running
}

func (b *outbox) close() {
	b.mu.Lock()
	b.closed = true
	b.later = nil
	if b.timer != nil {
		b.timer.Stop()
	}
	b.cancel(errClosed)
	b.mu.Unlock()
	b.wg.Wait()
	b.client.CloseIdleConnections()
}

// post makes one callback and reports whether it was answered with 2xx. A connection that cannot be made is tried once
// more, as Twilio does by default (same page as the limits); another failure is not.
func (b *outbox) post(ctx context.Context, url, contentType string, header http.Header, body string) bool {
	for try := range 2 {
		ctx, cancel := context.WithTimeout(ctx, callbackTimeout)
		ok, again := b.postOnce(ctx, url, contentType, header, body)
		cancel()
		if ok {
			b.answered.Add(1)
			return true
		}
		if !again || try == 1 {
			break
		}
	}
	b.failed.Add(1)
	return false
}

// ask makes one callback and gives its answer if that came with status 200, the only one that Mattermost takes.
func (b *outbox) ask(ctx context.Context, url, contentType string, header http.Header, body string) (answer []byte, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, callbackTimeout)
	defer cancel()
	status, answer, err := b.call(ctx, url, contentType, header, body)
	ok = err == nil && status == http.StatusOK
	if ok {
		b.answered.Add(1)
	} else {
		b.failed.Add(1)
	}
	return answer, ok
}

func (b *outbox) postOnce(ctx context.Context, url, contentType string, header http.Header, body string) (ok, again bool) {
	status, _, err := b.call(ctx, url, contentType, header, body)
	var op *net.OpError
	return err == nil && status/100 == 2, errors.As(err, &op) && op.Op == "dial"
}

// call posts once and reads the answer.
func (b *outbox) call(ctx context.Context, url, contentType string, header http.Header, body string) (status int, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	maps.Copy(req.Header, header)
	req.Header.Set("Content-Type", contentType)
	resp, err := b.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxBody))
	return resp.StatusCode, answer, err
}

type dueTask struct {
	due  time.Time
	task task
}

// dueHeap has the earliest task first.
type dueHeap []dueTask

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)        { *h = append(*h, x.(dueTask)) }
func (h *dueHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = dueTask{}
	*h = old[:len(old)-1]
	return last
}

var _ heap.Interface = (*dueHeap)(nil)
