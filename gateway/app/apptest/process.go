package apptest

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// Process is a gateway in a process of its own.
type Process struct {
	T     testing.TB
	Roles string // separated by commas; empty: all
	URL   string

	w     *World
	cmd   *exec.Cmd
	stdin io.WriteCloser
	wound *os.File      // gets a byte for each line that it took from stdin
	owes  int           // of them that are still to come, since it is stopped
	stops bool          // by SIGSTOP
	ended chan struct{} // closed when it has ended
}

// Launch starts a process with some roles ("relay,sender"; empty: all) and waits until it is ready. All processes of a
// World share its file, its data folder and its log; the Front leads to those that are ready.
func (w *World) Launch(roles string) *Process {
	w.T.Helper()
	p, ready := w.launch(roles, "")
	if !ready {
		w.T.Fatalf("the process with the roles %q ended before it was ready", roles)
	}
	return p
}

// launch starts a process, which dies at kill ("point@n") unless that is empty.
func (w *World) launch(roles, kill string) (p *Process, ready bool) {
	w.T.Helper()
	p = &Process{T: w.T, Roles: roles, URL: w.URL, w: w, ended: make(chan struct{})}
	place := ""
	if w.front != nil {
		place = FreeAddress(w.T)
		p.URL = "http://" + place
	}
	p.cmd = w.command(roles, kill, place)
	p.cmd.Stdout, p.cmd.Stderr = w.log, w.log
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		w.T.Fatal(err)
	}
	var told *os.File
	if p.wound, told, err = os.Pipe(); err != nil {
		w.T.Fatal(err)
	}
	w.T.Cleanup(func() { _ = p.wound.Close() })
	p.cmd.ExtraFiles, p.cmd.Env = []*os.File{told}, append(p.cmd.Env, envWound+"=3")
	err = p.cmd.Start()
	_ = told.Close()
	if err != nil {
		w.T.Fatal(err)
	}
	w.processes = append(w.processes, p)
	go func() {
		_ = p.cmd.Wait() // how it ended is told by what it left behind
		close(p.ended)
	}()
	deadline := time.After(time.Minute)
	for !p.Ready() {
		select {
		case <-p.ended:
			return p, false
		case <-deadline:
			w.T.Fatal("the gateway is not ready after a minute")
		case <-time.After(10 * time.Millisecond):
		}
	}
	if w.front != nil {
		w.front.add(p)
	}
	if p.does("api") {
		w.API = w.operator(w.URL)
	}
	return p, true
}

// command makes a gateway's process.
func (w *World) command(roles, kill, place string) *exec.Cmd {
	w.T.Helper()
	self, err := os.Executable()
	if err != nil {
		w.T.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), envServe+"="+w.ConfigFile(), envKill+"="+kill, envAhead+"="+w.ahead.String(), envRoles+"="+roles, envPlace+"="+place)
	if w.storage != nil && w.storage.OwnClock {
		cmd.Env = append(cmd.Env, envClock+"=own")
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// wind puts its clock forward, and returns when it goes by that; one that is stopped does so later.
func (p *Process) wind(by time.Duration) {
	p.T.Helper()
	if _, err := fmt.Fprintln(p.stdin, by); err != nil {
		if !p.gone() {
			p.T.Fatalf("winding the gateway's clock: %v", err)
		}
		return
	}
	if p.owes++; p.stops {
		return
	}
	_ = p.wound.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadFull(p.wound, make([]byte, p.owes)); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) { // else it died
		p.T.Fatalf("the gateway does not say that its clock was wound: %v", err)
	}
	p.owes = 0
}

func (p *Process) does(role string) bool {
	return p.Roles == "" || slices.Contains(strings.Split(p.Roles, ","), role)
}

// Ready says whether it calls itself ready now.
func (p *Process) Ready() bool { return client.New(p.URL, "", nil).Ready(p.T.Context()) == nil }

func (p *Process) gone() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// API speaks to this process, as the operator.
func (p *Process) API() *client.Client {
	p.T.Helper()
	return p.w.operator(p.URL)
}

// operator speaks to a gateway as its operator.
func (w *World) operator(url string) *client.Client {
	w.T.Helper()
	token, err := os.ReadFile(filepath.Join(w.Data(), "operator.token"))
	if err != nil {
		w.T.Fatal(err)
	}
	return client.New(url, gateway.Private(strings.TrimSpace(string(token))), nil)
}

// Kill ends it as the kernel would, and waits until it is gone. It does nothing to one that is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
	_ = p.stdin.Close()
}

// Stop lets it drain, and returns when it has ended.
func (p *Process) Stop() {
	p.T.Helper()
	_ = p.stdin.Close()
	p.AwaitEnd()
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		p.T.Errorf("the gateway stopped with exit code %d", code)
	}
}

// AwaitEnd waits until it has ended by itself.
func (p *Process) AwaitEnd() {
	p.T.Helper()
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		p.T.Fatal("the gateway has not ended after a minute")
	}
}

// Pause freezes it, as a computer does that is moved or overloaded: its connections stay open and nothing answers.
func (p *Process) Pause() {
	p.T.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		p.T.Fatalf("pausing a process: %v", err)
	}
	p.stops = true
}

// Resume lets a paused process go on.
func (p *Process) Resume() {
	p.T.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		p.T.Fatalf("resuming a process: %v", err)
	}
	p.stops = false
}

// PeakMemory is the most memory that it had so far, in bytes; zero where the system does not tell.
func (p *Process) PeakMemory() int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), "VmHWM:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}
