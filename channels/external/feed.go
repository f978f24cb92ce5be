package external

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"slices"
	"strconv"
	"time"
)

// asked is a request, from when it stands in the queue until it is answered.
type asked struct {
	id     string
	line   []byte        // what is left to write of it
	begun  time.Duration // since the run began: when the first of it was written; 0: nothing of it is
	answer chan Answer   // holds one
	most   int           // bytes of the answer
	left   bool          // nobody waits for it any more
}

// atOnce is how many bytes are offered to a program at once: some dozens of messages, a quarter of what a pipe of Linux holds.
const atOnce = 16 << 10

// exchange puts one line into the queue and waits for the one that answers it.
func (r *run) exchange(ctx context.Context, do string, with any) (Answer, error) {
	a, err := r.request(do, with)
	if err != nil {
		return Answer{}, unsent("the request cannot be written as JSON", err)
	}
	select {
	case r.slots <- struct{}{}:
	case <-r.dead:
		return Answer{}, unsent("the adapter's program ended", r.cause())
	case <-ctx.Done():
		return Answer{}, unsent("the adapter is busy with other messages", ctx.Err())
	}
	if err := ctx.Err(); err != nil {
		<-r.slots
		return Answer{}, unsent("the time for the attempt ran out", err)
	}
	r.mu.Lock()
	r.queue = append(r.queue, a)
	first := len(r.queue) == 1
	r.mu.Unlock()
	if first { // else it is being written
		select {
		case r.asks <- struct{}{}:
		default:
		}
	}
	return r.outcome(ctx, a)
}

// outcome waits for the answer to a request, or tells what became of it without one.
func (r *run) outcome(ctx context.Context, a *asked) (Answer, error) {
	var fate error
	select {
	case answer := <-a.answer:
		return answer, nil
	case <-r.dead:
		fate = r.lost(a)
	case <-ctx.Done():
		fate = r.leave(ctx, a)
	}
	select {
	case answer := <-a.answer: // it came at the last moment
		return answer, nil
	default:
		return Answer{}, fate
	}
}

// request makes a line of a request.
func (r *run) request(do string, with any) (*asked, error) {
	id := strconv.FormatUint(r.number.Add(1), 10)
	var line bytes.Buffer
	if err := json.NewEncoder(&line).Encode(Request{ID: id, Do: do, With: with}); err != nil {
		return nil, err
	}
	return &asked{id: id, line: line.Bytes(), answer: make(chan Answer, 1), most: mostOf(do)}, nil
}

// lost tells what became of a request whose program ended.
func (r *run) lost(a *asked) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case a.begun == 0:
		return unsent("the adapter's program ended", r.why)
	case len(a.line) > 0:
		return inDoubt("the adapter did not read the whole request", r.why)
	}
	return inDoubt("the adapter's program ended in the middle of it", r.why)
}

// leave takes a request back of which nothing was written, and else leaves it to be written and answered with nobody waiting.
func (r *run) leave(ctx context.Context, a *asked) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a.begun > 0 {
		a.left = true
		if r.junk > 0 {
			return inDoubt("the adapter did not answer in time, but wrote lines to its standard output that answer nothing (carillon adapter check says more)", ctx.Err())
		}
		return inDoubt("the adapter did not answer in time", ctx.Err())
	}
	r.queue = slices.DeleteFunc(r.queue, func(q *asked) bool { return q == a })
	<-r.slots
	return unsent("the adapter does not read what it is sent", ctx.Err())
}

// feed writes what stands in the queue, as much at once as there is, since each writing wakes the program. After an error the
// stream is torn.
func (r *run) feed() {
	in, err := r.in.SyscallConn()
	if err != nil {
		r.end(errors.New("its input is closed"))
		return
	}
	for {
		select {
		case <-r.asks:
		case <-r.dead:
			return
		}
		runtime.Gosched() // whoever is about to ask does so first
		var broken error
		err := in.Write(func(fd uintptr) (done bool) {
			done, broken = r.offer(fd)
			return done
		})
		if err != nil || broken != nil {
			r.end(errors.New("its input is closed"))
			return
		}
	}
}

// offer writes what the program takes without waiting; false if more of it has to wait. What is written is counted before anybody
// else sees the queue, so of a request either something was written, or it can be taken back and is not in doubt.
func (r *run) offer(fd uintptr) (done bool, broken error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.queue) > 0 && !r.isDead() { // once it is dead, who asked is told what was written
		r.lines = r.lines[:0]
		for _, a := range r.queue {
			if len(r.lines) == atOnce {
				break
			}
			r.lines = append(r.lines, a.line[:min(len(a.line), atOnce-len(r.lines))]...)
		}
		now := time.Since(r.began)
		n, again, err := give(fd, r.lines)
		if err != nil {
			return true, err
		}
		if whole := r.took(n, now); whole > 0 {
			r.full = 0
		}
		if again {
			if r.full == 0 {
				r.full = now
			}
			return false, nil
		}
	}
	r.full = 0
	return true, nil
}

// took notes that the next n bytes are written, and gives how many requests are now wholly so. mu is held.
func (r *run) took(n int, now time.Duration) (whole int) {
	for _, a := range r.queue {
		if n == 0 {
			break
		}
		if a.begun == 0 {
			a.begun, r.waiting[a.id] = now, a
		}
		part := min(n, len(a.line))
		a.line, n = a.line[part:], n-part
		if len(a.line) == 0 {
			a.line = nil // its bytes are not needed while it waits
			whole++
		}
	}
	r.queue = slices.Delete(r.queue, 0, whole)
	return whole
}
