package kit

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/external"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// peer is one conversation with the adapter, closer to the bytes than the gateway's own.
type peer interface {
	ask(ctx context.Context, do string, with any) (external.Answer, error)
	// nonsense sends what is no request.
	nonsense(ctx context.Context, raw []byte) error
	close()
}

// posting talks by signed HTTP.
type posting struct {
	url    string
	signer *httpsend.Signer
	sender *httpsend.Sender
}

func (p *posting) post(ctx context.Context, body []byte, at time.Time, sign *httpsend.Signer) (*httpsend.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the URL cannot be used")
	}
	req.Header.Set("Content-Type", "application/json")
	if sign != nil {
		sign.Sign(req.Header, external.OwnID+rand.Text(), at, body)
	}
	return p.sender.Do(req)
}

func (p *posting) ask(ctx context.Context, do string, with any) (external.Answer, error) {
	body, err := json.Marshal(external.Request{ID: "kit_" + rand.Text(), Do: do, With: with})
	if err != nil {
		return external.Answer{}, err
	}
	resp, err := p.post(ctx, body, time.Now(), p.signer)
	var e *channels.Error
	switch {
	case errors.As(err, &e) && e.Class == channels.Temporary:
		return external.Answer{}, errors.New("nobody can be reached at that URL; start the adapter there, and look at host, port and certificate")
	case err != nil:
		return external.Answer{}, err
	}
	answer, err := external.ReadAnswer(resp.Body)
	switch {
	case err != nil && resp.Status == http.StatusUnauthorized:
		err = errors.New("the adapter refuses our signature (status 401); give both sides the same secret, and look at both clocks and at what you sign: webhook-id, webhook-timestamp and the body as it came, joined by dots")
	case err != nil:
		err = fmt.Errorf("status %d: %w", resp.Status, err)
	}
	return answer, err
}

func (p *posting) nonsense(ctx context.Context, raw []byte) error {
	_, err := p.post(ctx, raw, time.Now(), p.signer)
	return err
}

func (p *posting) close() { p.sender.Close() }

// piping talks in lines of JSON to a program of its own.
type piping struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	dead  chan struct{}
	leave time.Duration // from the end of its input to its own

	mu      sync.Mutex
	number  int
	waiting map[string]chan external.Answer
	junk    []string
	log     tail // of its standard error
}

// mostLog is how many bytes of the end of a program's log are kept, to show why it ended.
const mostLog = 1000

// tail keeps the end of what is written. It has a lock of its own, so that a program may log while it does not read.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(text []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, text...)
	t.text = bytes.Clone(t.text[max(0, len(t.text)-mostLog):])
	return len(text), nil
}

// ended says that the program is gone, and what it logged last, so that nobody has to guess.
func (p *piping) ended() error {
	p.log.mu.Lock()
	defer p.log.mu.Unlock()
	if log := bytes.TrimSpace(p.log.text); len(log) > 0 {
		return fmt.Errorf("%w and logged last: %q", errEnded, log)
	}
	return errEnded
}

// late says what came instead of an answer.
func (p *piping) late() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.junk) > 0 {
		return fmt.Errorf("no answer came in time, but %s did, which is none; give back the id of the request as it came, a text, with ok or error", p.junk[len(p.junk)-1])
	}
	return errors.New("no answer came in time; write each out at once, where your language would keep it back until there are more (flush)")
}

var (
	errEnded  = errors.New("the program ended without an answer")
	errClosed = errors.New("the program's input is closed")
)

func startProgram(command, env []string, leave time.Duration) (*piping, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = env
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	p := &piping{cmd: cmd, in: in, dead: make(chan struct{}), leave: leave, waiting: map[string]chan external.Answer{}}
	cmd.Stderr, cmd.WaitDelay = &p.log, time.Second // what the program started may hold the log open after it
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.dead)
		lines := bufio.NewReaderSize(out, 64<<10)
		for {
			text, err := lines.ReadBytes('\n')
			if err != nil {
				_ = cmd.Wait() // how it ended does not matter: that it ended does
				return
			}
			p.hear(bytes.TrimSpace(text))
		}
	}()
	return p, nil
}

func (p *piping) hear(text []byte) {
	answer, err := external.ReadAnswer(text)
	p.mu.Lock()
	defer p.mu.Unlock()
	to := p.waiting[answer.ID]
	if err != nil || to == nil {
		if len(text) > 0 && len(p.junk) < 10 {
			p.junk = append(p.junk, fmt.Sprintf("%.80q", text))
		}
		return
	}
	delete(p.waiting, answer.ID)
	to <- answer
}

func (p *piping) begin(do string, with any) (chan external.Answer, error) {
	p.mu.Lock()
	p.number++
	id, to := strconv.Itoa(p.number), make(chan external.Answer, 1)
	p.waiting[id] = to
	p.mu.Unlock()
	body, err := json.Marshal(external.Request{ID: id, Do: do, With: with})
	if err != nil {
		return nil, err
	}
	return to, p.nonsense(context.Background(), append(body, '\n'))
}

func (p *piping) ask(ctx context.Context, do string, with any) (external.Answer, error) {
	to, err := p.begin(do, with)
	if err != nil && !errors.Is(err, errClosed) { // closed: it is about to end, and may have said why
		return external.Answer{}, err
	}
	select {
	case a := <-to:
		return a, nil
	case <-p.dead:
		return external.Answer{}, p.ended()
	case <-ctx.Done():
		return external.Answer{}, p.late()
	}
}

// nonsense writes as a whole, so that two lines are never mixed.
func (p *piping) nonsense(_ context.Context, raw []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, err := p.in.Write(raw); err != nil {
		return errClosed
	}
	return nil
}

func (p *piping) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.dead
}

func (p *piping) close() {
	_ = p.in.Close()
	select {
	case <-p.dead:
	case <-time.After(p.leave):
		p.kill()
	}
}

// mistyped says which field could not be read; err is of encoding/json.
func mistyped(err error) string {
	var e *json.UnmarshalTypeError
	if !errors.As(err, &e) || e.Field == "" {
		return "a field is of another type than the protocol's; adapter-protocol.schema.json has them"
	}
	return fmt.Sprintf("the field %s must not be a JSON %s; adapter-protocol.schema.json says what it is", strings.TrimPrefix(e.Field, "Description."), e.Value) // which is embedded here, and not in JSON
}

// errorOf reads a refusal.
func errorOf(f *external.Failure) string {
	return fmt.Sprintf("class %q, scope %q: %s", f.Class, f.Scope, f.Detail)
}
