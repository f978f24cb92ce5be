// Package servers starts real servers for tests and benchmarks, each in a temporary folder and on a free port of the
// loopback interface, and lets them be paused, killed and started again. Nothing that ships imports it.
package servers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// RequireEnv is the variable that makes a missing server a failure instead of a reason to skip.
const RequireEnv = "CARILLON_REQUIRE_SERVICES"

// ErrMissing says that a program is not installed.
var ErrMissing = errors.New("the program is not installed")

// process is one server. Its methods are safe for concurrent use.
type process struct {
	path string
	args []string
	dir  string
	as   *syscall.Credential // nil: whoever we are

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	log  *tail
}

// find looks for a program where Debian puts it; more are further paths to try.
func find(name string, more ...string) (string, error) {
	for _, path := range append([]string{name, "/usr/sbin/" + name}, more...) {
		if found, err := exec.LookPath(path); err == nil {
			return found, nil
		}
	}
	return "", fmt.Errorf("%s: %w", name, ErrMissing)
}

// ordinary gives the credential of an ordinary user, for servers that refuse to run as root; nil if we are none.
func ordinary(name string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("looking for the user %s: %w", name, err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// start runs the program, and returns once ready says so or it has ended.
func (p *process) start(ctx context.Context, ready func(context.Context) error) error {
	p.mu.Lock()
	p.log = &tail{}
	p.cmd = exec.Command(p.path, p.args...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = p.dir, p.log, p.log
	// It dies with us, however we end.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.as, Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := p.cmd.Start(); err != nil {
		p.mu.Unlock()
		return err
	}
	done, cmd := make(chan struct{}), p.cmd
	p.done = done
	p.mu.Unlock()
	go func() { _ = cmd.Wait(); close(done) }()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-done:
			return fmt.Errorf("%s ended at once: %s", p.path, p.log)
		case <-ctx.Done():
			return fmt.Errorf("%s does not get ready: %w: %s", p.path, err, p.log)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// signal sends a signal to the whole group of the process.
func (p *process) signal(s syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil || p.cmd.Process == nil {
		return os.ErrProcessDone
	}
	return syscall.Kill(-p.cmd.Process.Pid, s)
}

// end sends a signal that ends the process, and waits until it has; after a while it is killed.
func (p *process) end(s syscall.Signal) {
	if p.signal(s) != nil {
		return
	}
	_ = p.signal(syscall.SIGCONT)
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		_ = p.signal(syscall.SIGKILL)
		<-p.done
	}
}

// freePort gives a port that nobody listens on now.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// tail keeps the end of what a server prints.
type tail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const tailBytes = 8 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.buf.Len() > tailBytes {
		t.buf.Next(t.buf.Len() - tailBytes/2)
	}
	return t.buf.Write(b)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}
