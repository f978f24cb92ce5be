package external

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// long is a text of which a pipe holds a few.
var long = strings.Repeat("The roof is mended and the night bus runs again. ", 600)

// roomy describes an adapter that takes such texts, and as many at once as no pipe holds.
func roomy() Description {
	d := describe()
	d.Text.Limit, d.Concurrent = 100_000, 16
	return d
}

func (w *world) run() *run {
	p := w.program()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.current
}

// pause stops the program where it is, as one that hangs.
func (w *world) pause() (resume func()) {
	w.t.Helper()
	pid := w.run().cmd.Process.Pid
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		w.t.Fatal(err)
	}
	return func() {
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			w.t.Fatal(err)
		}
	}
}

// stuck waits until a program that is paused takes nothing more, and n requests are written or wait for it.
func (w *world) stuck(r *run, n int) {
	w.t.Helper()
	for until := time.Now().Add(20 * time.Second); time.Now().Before(until); runtime.Gosched() {
		r.mu.Lock()
		full, all := r.full > 0, len(r.waiting)+len(r.queue)
		for _, a := range r.queue {
			if a.begun > 0 {
				all-- // in both
			}
		}
		r.mu.Unlock()
		if full && all >= n {
			return
		}
	}
	w.t.Error("its pipe never fills")
}

// many sends n long texts at once and gives the classes of what came back, by key; those that were taken are missing.
func (w *world) many(ctx context.Context, name string, n int, text func(i int) string, meanwhile func()) map[string]channels.Class {
	w.t.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	failed := map[string]channels.Class{}
	for i := range n {
		all.Go(func() {
			key := fmt.Sprint(name, i)
			if _, err := w.Send(ctx, out(key, text(i))); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed[key] = channels.AsError(err).Class
			}
		})
	}
	meanwhile()
	all.Wait()
	return failed
}

// honest holds what callers were told against what the adapter has: what was not sent it never saw, and what was taken it has.
func (w *world) honest(name string, n int, failed map[string]channels.Class) (doubted, unsent int) {
	w.t.Helper()
	sent := w.sent()
	for i := range n {
		key := fmt.Sprint(name, i)
		class, wrong := failed[key]
		has := slices.Contains(sent, key)
		switch {
		case !wrong && !has:
			w.t.Errorf("%s is said to be taken, and is not", key)
		case wrong && class == channels.Temporary:
			unsent++
			if has {
				w.t.Errorf("%s is said not to be sent, and is", key)
			}
		case wrong && class == channels.Unknown:
			doubted++
		case wrong:
			w.t.Errorf("%s: %v", key, class)
		}
	}
	return doubted, unsent
}

// TestWhoGivesUpTearsNothing: a program stops reading for a while. Callers whose time is over are told at once, and rightly, whether
// anything of their message was written; the program goes on afterwards, and nothing of the others' lines is missing.
func TestWhoGivesUpTearsNothing(t *testing.T) {
	w := piped(t, roomy(), roomy())
	w.again(out("first", "hello"))
	r, resume := w.run(), w.pause()
	ctx, cancel := context.WithCancel(t.Context())
	failed := w.many(ctx, "k", 12, func(int) string { return long }, func() { w.stuck(r, 12); cancel() })
	resume()
	w.again(out("last", "hello"))
	if w.run() != r {
		t.Error("the program was ended")
	}
	_ = w.Adapter.(io.Closer).Close() // which waits until all that was written is answered
	doubted, unsent := w.honest("k", 12, failed)
	if doubted == 0 || unsent == 0 || doubted+unsent != 12 {
		t.Errorf("%d are in doubt and %d unsent, of 12", doubted, unsent)
	}
	if sent := w.sent(); len(sent) != doubted+2 {
		t.Errorf("sent %v, with %d in doubt", sent, doubted)
	}
}

// TestWhoNeverReads: a program that stops reading for good is ended, and each message goes once, to the next one.
func TestWhoNeverReads(t *testing.T) {
	w := piped(t, roomy(), roomy())
	w.program().longest = 300 * time.Millisecond
	w.again(out("first", "hello"))
	w.pause()
	failed := w.many(t.Context(), "k", 12, func(int) string { return long }, func() {})
	doubted, unsent := w.honest("k", 12, failed)
	if doubted == 0 || unsent == 0 || doubted+unsent != 12 {
		t.Errorf("%d are in doubt and %d unsent, of 12", doubted, unsent)
	}
	for i := range 12 {
		w.again(out(fmt.Sprint("k", i), long))
	}
	if sent := w.sent(); len(sent) != 13 {
		t.Errorf("sent %v", sent)
	}
	if log := w.log.String(); !strings.Contains(log, "it does not read its input") {
		t.Errorf("it ended for another reason: %s", log)
	}
}

// TestKilledAmongMany: a program dies with many requests written at once, of which one kills it. Those that it did not take are sent
// again, and each is there once.
func TestKilledAmongMany(t *testing.T) {
	w := piped(t, roomy(), roomy())
	for life := range 5 {
		name := fmt.Sprint("life ", life, " ")
		w.again(out(name, "hello"))
		failed := w.many(t.Context(), name, 12, func(i int) string {
			if i == 7 {
				return "#crash-before"
			}
			return "hello"
		}, func() {})
		if w.honest(name, 12, failed); failed[name+"7"] != channels.Unknown {
			t.Errorf("what killed it: %v", failed[name+"7"])
		}
		for i := range 12 {
			w.again(out(fmt.Sprint(name, i), "hello"))
		}
	}
	if sent := w.sent(); len(sent) != 5*13 {
		t.Errorf("sent %d: %v", len(sent), sent)
	}
}

// TestWhatIsOfferedAtOnce: lines go to the program whole and in their order, however many bytes it takes; of one that was begun
// nobody says that it was not sent, and one that was not begun can be taken back.
func TestWhatIsOfferedAtOnce(t *testing.T) {
	theirs, ours, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()
	defer ours.Close()
	r := &run{program: &program{}, in: ours, began: time.Now(), slots: make(chan struct{}, 32), lines: make([]byte, 0, atOnce), waiting: map[string]*asked{}, dead: make(chan struct{})}
	offer := func() (done bool, broken error) {
		raw, err := ours.SyscallConn()
		if err == nil {
			err = raw.Control(func(fd uintptr) { done, broken = r.offer(fd) })
		}
		if err != nil {
			t.Fatal(err)
		}
		return done, broken
	}
	var all []*asked
	for range cap(r.slots) {
		a, err := r.request(DoSend, Message{Text: long})
		if err != nil {
			t.Fatal(err)
		}
		r.slots <- struct{}{}
		all = append(all, a)
		r.queue = append(r.queue, a)
	}
	want := make([]string, len(all))
	for i, a := range all {
		want[i] = string(a.line)
	}
	if done, broken := offer(); done || broken != nil || r.full == 0 {
		t.Fatalf("a pipe takes all of it: %v, %v", done, broken)
	}
	first := slices.IndexFunc(all, func(a *asked) bool { return a.begun == 0 })
	if first < 1 || first == len(all)-1 {
		t.Fatalf("%d were begun", first)
	}
	if err := r.lost(all[first-1]); len(all[first-1].line) == 0 || channels.AsError(err).Class != channels.Unknown {
		t.Errorf("a part of it was written, and %d bytes are left: %v", len(all[first-1].line), err)
	}
	over, end := context.WithCancel(t.Context())
	end()
	last := all[first-1]
	for range 20 { // whichever of the two is seen first
		last.answer <- Answer{ID: last.id}
		if answer, err := r.outcome(over, last); err != nil || answer.ID != last.id {
			t.Fatalf("it was answered as the time ran out: %v, %v", answer, err)
		}
	}
	if err := r.leave(over, all[first]); channels.AsError(err).Class != channels.Temporary {
		t.Errorf("nothing of it was written: %v", err)
	}
	if err := r.leave(over, all[first-1]); channels.AsError(err).Class != channels.Unknown {
		t.Errorf("some of it was written: %v", err)
	}
	want = slices.Delete(want, first, first+1)
	var read strings.Builder
	for b := make([]byte, 10_000); ; { // as odd as they come
		n, err := theirs.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		read.Write(b[:n])
		if done, broken := offer(); broken != nil {
			t.Fatal(broken)
		} else if done && read.Len() == len(strings.Join(want, "")) {
			break
		}
	}
	if read.String() != strings.Join(want, "") {
		t.Error("the lines are not those that were asked, in their order")
	}
	if r.full != 0 || len(r.queue) != 0 || len(r.waiting) != len(want) || len(r.slots) != len(want) {
		t.Errorf("afterwards: full %v, %d in the queue, %d waiting, %d slots", r.full, len(r.queue), len(r.waiting), len(r.slots))
	}
	r.why = errors.New("it ended")
	if err := r.lost(all[0]); channels.AsError(err).Class != channels.Unknown {
		t.Errorf("it was written: %v", err)
	}
	if err := r.lost(all[first]); channels.AsError(err).Class != channels.Temporary {
		t.Errorf("it was not: %v", err)
	}
	_ = theirs.Close()
	r.queue = append(r.queue, &asked{line: []byte("{}\n")})
	if _, broken := offer(); broken == nil || r.queue[0].begun != 0 {
		t.Errorf("a pipe without an end takes something: %v", r.queue[0])
	}
}
