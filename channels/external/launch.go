package external

import (
	"errors"
	"os"
	"os/exec"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// launch is how the program is started.
type launch struct {
	channel   string
	command   []string
	directory string
	user      string
	env       []string
	memory    int64 // bytes
}

// run starts the program.
func (l *launch) run(p *program) (*run, error) {
	cmd := exec.Command(l.command[0], l.command[1:]...)
	cmd.Dir, cmd.Env = l.directory, l.env
	if err := confine(cmd, l.user); err != nil {
		return nil, &channels.Error{Class: channels.Auth, Scope: channels.ScopeChannel, Detail: err.Error() + "; check user in the channel's options", Cause: err}
	}
	pipes, err := newPipes()
	if err != nil {
		return nil, unsent("the adapter's program cannot be given pipes", err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = pipes.inRead, pipes.outWrite, pipes.errWrite
	err = cmd.Start()
	pipes.closeTheirs()
	if err != nil {
		pipes.closeOurs()
		return nil, &channels.Error{Class: channels.Auth, Scope: channels.ScopeChannel, Detail: "the adapter's program cannot be started: " + reason(err) + "; check command, directory and user in the channel's options", Cause: errors.New(reason(err))}
	}
	if err := limit(cmd.Process.Pid, l.memory); err != nil {
		p.log.Warn("an adapter's program runs without limits", "channel", l.channel, "error", err)
	}
	r := &run{
		program: p, cmd: cmd, in: pipes.inWrite, out: pipes.outRead, err: pipes.errRead, began: time.Now(), slots: make(chan struct{}, p.concurrent), asks: make(chan struct{}, 1),
		lines: make([]byte, 0, atOnce), waiting: map[string]*asked{}, dead: make(chan struct{}), heard: make(chan struct{}), told: make(chan struct{}), over: make(chan struct{}),
	}
	p.reaped.Go(r.listen)
	p.reaped.Go(r.feed)
	p.reaped.Go(r.complain)
	p.reaped.Go(r.watch)
	return r, nil
}

// pipes are the three streams of a program, with our end and its own of each.
type pipes struct{ inRead, inWrite, outRead, outWrite, errRead, errWrite *os.File }

func newPipes() (*pipes, error) {
	var p pipes
	for _, ends := range [][2]**os.File{{&p.inRead, &p.inWrite}, {&p.outRead, &p.outWrite}, {&p.errRead, &p.errWrite}} {
		r, w, err := os.Pipe()
		if err != nil {
			p.closeOurs()
			p.closeTheirs()
			return nil, err
		}
		*ends[0], *ends[1] = r, w
	}
	return &p, nil
}

func (p *pipes) closeTheirs() { _, _, _ = p.inRead.Close(), p.outWrite.Close(), p.errWrite.Close() }
func (p *pipes) closeOurs()   { _, _, _ = p.inWrite.Close(), p.outRead.Close(), p.errRead.Close() }

// reason is why a program cannot be started, without its arguments.
func reason(err error) string {
	var path *os.PathError
	var exe *exec.Error
	switch {
	case errors.As(err, &path):
		return path.Err.Error()
	case errors.As(err, &exe):
		return exe.Err.Error()
	}
	return "the system refuses"
}
