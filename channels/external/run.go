package external

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"
)

// run is one life of a program.
type run struct {
	program *program
	cmd     *exec.Cmd
	in      *os.File
	began   time.Time
	slots   chan struct{} // one for every request that waits to be written or answered, answered late ones included
	asks    chan struct{} // holds one when the queue was empty and is not
	number  atomic.Uint64
	lastly  atomic.Int64 // when it last answered something, in nanoseconds since began

	mu      sync.Mutex
	queue   []*asked          // not wholly written, in the order in which they are; of the first, a part may be
	lines   []byte            // what is offered at once
	full    time.Duration     // since the run began: from when on it took no whole request, and one waits; 0: it takes what there is
	waiting map[string]*asked // those of which the program may have read something
	junk    int               // lines of its output that answer nothing
	why     error
	dead    chan struct{} // closed when nothing will be answered any more
	heard   chan struct{} // closed when its output was read to the end
	told    chan struct{} // and when its log was
	over    chan struct{} // closed when it is reaped
	out     *os.File
	err     *os.File
}

const (
	mostJunk   = 100 // lines that answer nothing, in one life
	mostStderr = 500 // bytes of a line of standard error that are kept
	stderrRate = 20  // lines of standard error that are logged in stderrSpan; others are counted
	stderrSpan = 10 * time.Second
	stderrGulp = 64 << 10 // bytes of standard error that are read at once
	stderrRest = 50 * time.Millisecond
	looks      = 50 // looks for hanging requests while the longest one lasts
)

// listen reads answers until the output ends, and ends the program where it floods.
func (r *run) listen() {
	defer close(r.heard)
	defer func() { _ = r.out.Close() }()
	lines := bufio.NewReaderSize(r.out, 64<<10)
	for empty := 0; r.junk <= mostJunk && empty <= mostJunk; { // nobody else writes junk
		text, err := readLine(lines)
		switch {
		case err != nil:
			r.end(err)
			return
		case len(bytes.TrimSpace(text)) == 0:
			empty++
		case r.deliver(text):
			empty = 0 // some end each answer with one more
		default:
			r.mu.Lock()
			r.junk++
			r.mu.Unlock()
		}
	}
	r.end(fmt.Errorf("it wrote more than %d lines that answer nothing to its standard output; logs belong on standard error", mostJunk))
}

// deliver gives a line to whoever waits for it; false if nobody can.
func (r *run) deliver(text []byte) bool {
	answer, err := ReadAnswer(text)
	if err != nil { // who asked must not wait for nothing, if it can be told who did
		var named struct {
			ID string `json:"id"`
		}
		if json.Unmarshal(text, &named) != nil {
			return false
		}
		answer = Answer{ID: named.ID, Error: &Failure{Detail: "the adapter's answer cannot be read"}}
	}
	r.mu.Lock()
	a := r.waiting[answer.ID]
	delete(r.waiting, answer.ID)
	r.mu.Unlock()
	if a == nil {
		return false
	}
	if len(text) > a.most {
		answer = Answer{ID: answer.ID, Error: &Failure{Detail: "the adapter's answer is too long"}}
	}
	r.lastly.Store(int64(time.Since(r.began)))
	a.answer <- answer
	<-r.slots
	return err == nil
}

var errLong = fmt.Errorf("it wrote a line of more than %d MiB", mostLine>>20)

// readLine reads up to the end of a line, in bounded memory. The bytes are good until the next call.
func readLine(from *bufio.Reader) ([]byte, error) {
	text, err := from.ReadSlice('\n')
	if err == nil {
		return text, nil
	}
	whole := bytes.Clone(text)
	for errors.Is(err, bufio.ErrBufferFull) {
		if len(whole) > mostLine {
			return nil, errLong
		}
		text, err = from.ReadSlice('\n')
		whole = append(whole, text...)
	}
	if err != nil {
		return nil, errors.New("it ended, or closed its output")
	}
	return whole, nil
}

// watch ends a program that hangs: that does not read what it is sent, that answers nothing although it was asked long ago, or whose
// every slot is taken by requests that nobody waits for any more.
func (r *run) watch() {
	tick := time.NewTicker(max(r.program.longest/looks, time.Millisecond))
	defer tick.Stop()
	for {
		select {
		case <-r.dead:
			return
		case <-tick.C:
		}
		now, left, hangs := time.Since(r.began), 0, false
		r.mu.Lock()
		deaf := r.full > 0 && now-r.full > r.program.longest
		for _, a := range r.waiting {
			if age := now - a.begun; age > r.program.longest {
				hangs = hangs || age > 2*r.program.longest && a.begun > time.Duration(r.lastly.Load())
				if a.left {
					left++
				}
			}
		}
		r.mu.Unlock()
		switch {
		case deaf:
			r.end(errors.New("it does not read its input"))
			return
		case hangs || left >= cap(r.slots):
			r.end(errors.New("it does not answer"))
			return
		}
	}
}

// complain reads standard error and logs it: a line at a time, shortened, veiled, and not too many. It reads no faster than a log
// is written, so that a flood there makes its own program wait, and not the gateway.
func (r *run) complain() {
	defer close(r.told)
	defer func() { _ = r.err.Close() }()
	lines := bufio.NewReaderSize(&gulps{from: r.err, dead: r.dead}, 4<<10)
	var since time.Time
	told, dropped := 0, 0
	for {
		text, err := lines.ReadSlice('\n')
		said, cut := string(bytes.TrimSpace(text[:min(len(text), mostStderr)])), len(text) > mostStderr
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = lines.ReadSlice('\n')
		}
		if now := time.Now(); now.Sub(since) > stderrSpan {
			if dropped > 0 {
				r.program.log.Warn("an adapter wrote more to its log than is kept", "channel", r.program.channel, "count", dropped)
			}
			since, told, dropped = now, 0, 0
		}
		switch {
		case said == "":
		case told >= stderrRate:
			dropped++
		default:
			told++
			if said = r.program.veil.over(said); cut { // it may end within what is withheld
				said = short(said, max(0, len(said)-pieceSize))
			}
			r.program.log.Info("an adapter says", "channel", r.program.channel, "line", said)
		}
		if err != nil {
			return
		}
	}
}

// gulps reads stderrGulp bytes at a time and rests after each.
type gulps struct {
	from io.Reader
	dead <-chan struct{} // what is left then is read at once
	had  int
}

func (g *gulps) Read(b []byte) (int, error) {
	if g.had >= stderrGulp {
		g.had = 0
		rest := time.NewTimer(stderrRest)
		defer rest.Stop()
		select {
		case <-rest.C:
		case <-g.dead:
		}
	}
	n, err := g.from.Read(b)
	g.had += n
	return n, err
}

// end says that nothing will be answered any more, and kills the program with all that it started.
func (r *run) end(why error) {
	r.mu.Lock()
	if !r.isDead() {
		r.why = why
		close(r.dead)
	}
	r.mu.Unlock()
	_ = r.in.Close() // closing twice only says so
	select {
	case <-r.over:
	default:
		kill(r.cmd)
	}
}

func (r *run) isDead() bool {
	select {
	case <-r.dead:
		return true
	default:
		return false
	}
}

func (r *run) cause() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.why
}

// wait returns when the program is gone, with the reason.
func (r *run) wait() error {
	err := r.cmd.Wait()
	kill(r.cmd) // what it started ends with it, and lets go of its output
	last, cancel := context.WithTimeout(context.Background(), r.program.parting)
	defer cancel()
	select {
	case <-r.heard: // what it said last counts
	case <-last.Done():
	}
	r.end(errors.New("it ended"))
	select {
	case <-r.told:
	case <-last.Done():
	}
	_, _ = r.out.Close(), r.err.Close() // what left its group may hold them open for as long as it likes
	close(r.over)
	why := r.cause()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return fmt.Errorf("%w (%s)", why, exit.ProcessState)
	}
	return why
}

// part waits for the answers that are due, ends the input, and kills the program if it stays.
func (r *run) part(longest time.Duration) {
	late := time.NewTimer(longest)
	defer late.Stop()
	for range cap(r.slots) {
		select {
		case r.slots <- struct{}{}: // nothing is asked any more once all are held
			continue
		case <-r.dead:
		case <-late.C:
		}
		break
	}
	_ = r.in.Close()
	last := time.NewTimer(r.program.parting)
	defer last.Stop()
	select {
	case <-r.over:
	case <-last.C:
	}
	r.end(errors.New("the channel was changed or the gateway stops"))
}
