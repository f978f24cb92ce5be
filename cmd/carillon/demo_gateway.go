package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

const (
	sampleAccount = "AC00000000000000000000000000000001"
	sampleToken   = "00000000000000000000000000000001"
	sampleNumber  = "+12025550100"
	sampleBot     = "700000001:sample-bot-secret-of-the-tour-000001"
	sampleTeamBot = "samplebotofthetour00000001"
	sampleCommand = "samplecommandofthetour0001"
	sampleButtons = "sample-secret-of-the-buttons-of-the-tour"
)

// child is the gateway in a process of its own, so that it can be killed.
type child struct {
	url string
	mu  sync.Mutex
	cmd *exec.Cmd
	log *os.File

	clock io.Writer     // takes durations, a line each
	ahead time.Duration // of its clock, in this life and in those after it
}

// configure writes the operator's file of the tour.
func (t *tour) configure() error {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		return err
	}
	t.gateway = &child{url: "http://" + address}
	for _, name := range [...]string{"key", "index"} {
		secret := make([]byte, 32)
		_, _ = rand.Read(secret) // never fails
		if err := os.WriteFile(filepath.Join(t.dir, name), []byte(base64.StdEncoding.EncodeToString(secret)), 0o600); err != nil {
			return err
		}
	}
	for name, secret := range map[string]string{"twilio": sampleToken, "telegram": sampleBot, "hook": "sample-hook-secret", "mattermost": sampleTeamBot, "command": sampleCommand, "buttons": sampleButtons, "mail": "sample-mail-password", "tags": "sample-mail-secret"} {
		if err := os.WriteFile(filepath.Join(t.dir, name), []byte(secret), 0o600); err != nil {
			return err
		}
	}
	text := fmt.Sprintf(`listen: %q
public_base_url: %q
data: data
keys: [{id: demo, secret: {file: key}}]
index_key: {file: index}
limits: {reveals: 1000000} # the wall looks up whose phone it shows
channels:
  - name: sms
    adapter: sms
    senders: 4
    options: {account_sid: %q, auth_token: {file: twilio}, from: %q, segments_per_second: 100, base_url: %q}
  - name: telegram
    adapter: telegram
    senders: 4
    options: {token: {file: telegram}, webhook_secret: {file: hook}, base_url: %q}
  - name: mattermost
    adapter: mattermost
    senders: 4
    options: {token: {file: mattermost}, action_secret: {file: buttons}, command_token: {file: command}, base_url: %q}
  - name: email
    adapter: email
    senders: 4
    options:
      {host: 127.0.0.1, port: %s, ca: %q, username: carillon, password: {file: mail}, from: news@carillon.example, secret: {file: tags}, per_second: 100,
      return_to: mail@carillon.example, imap_host: 127.0.0.1, imap_port: %s, imap_tls: starttls, imap_username: mail@carillon.example, imap_password: {file: mail}}
`, address, t.gateway.url, sampleAccount, sampleNumber, t.wall, t.wall, t.wall, portOf(t.mail.smtp), t.mail.certificate, portOf(t.mail.imap))
	return os.WriteFile(filepath.Join(t.dir, "carillon.yaml"), []byte(text), 0o600)
}

// portOf is the port of an address that listens.
func portOf(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

// boot starts the gateway and waits until it is ready.
func (t *tour) boot(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil { // where there is no /proc, as in an empty chroot
		if self, err = exec.LookPath(os.Args[0]); err != nil {
			return fmt.Errorf("finding this program's own file: %w", err)
		}
	}
	t.gateway.mu.Lock()
	defer t.gateway.mu.Unlock()
	if t.gateway.log == nil {
		if t.gateway.log, err = os.OpenFile(filepath.Join(t.dir, "gateway.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
			return err
		}
	}
	cmd := exec.Command(self, "demo", "gateway", "--config", filepath.Join(t.dir, "carillon.yaml"), "--ahead", t.gateway.ahead.String())
	if t.gateway.clock, err = cmd.StdinPipe(); err != nil {
		return fmt.Errorf("starting the gateway: %w", err)
	}
	cmd.Stderr, cmd.Stdout = t.gateway.log, t.gateway.log // an empty folder has no /dev/null
	for _, entry := range os.Environ() {                  // the operator's own settings are not the tour's
		if !strings.HasPrefix(entry, "CARILLON_") {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	dieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the gateway: %w", err)
	}
	t.gateway.cmd = cmd
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	probe := client.New(t.gateway.url, "", nil)
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for probe.Ready(ctx) != nil {
		select {
		case <-ended:
			log, _ := os.ReadFile(filepath.Join(t.dir, "gateway.log"))
			return fmt.Errorf("the gateway did not start:\n%s", log)
		case <-ctx.Done():
			return fmt.Errorf("the gateway is not ready after 30 s")
		case <-time.After(20 * time.Millisecond):
		}
	}
	token, err := os.ReadFile(filepath.Join(t.dir, "data", "operator.token"))
	if err != nil {
		return err
	}
	t.api = client.New(t.gateway.url, gateway.Private(strings.TrimSpace(string(token))), nil)
	return nil
}

// demoGateway is the gateway of the tour: one whose clock the tour winds, so that nobody waits for minutes to pass.
func (sh *shell) demoGateway() *cobra.Command {
	var file string
	var ahead time.Duration
	c := &cobra.Command{Use: "gateway", Short: "the gateway of the tour, until its standard input ends", Args: cobra.NoArgs, Hidden: true,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := context.WithCancel(c.Context())
			defer stop()
			var wound atomic.Int64
			wound.Store(int64(ahead))
			go func() {
				for lines := bufio.NewScanner(sh.in); lines.Scan(); {
					if by, err := time.ParseDuration(lines.Text()); err == nil {
						wound.Add(int64(by))
					}
				}
				stop()
			}()
			return sh.runServe(ctx, file, "", func() time.Time { return time.Now().Add(time.Duration(wound.Load())) })
		}}
	configFlag(c, &file)
	c.Flags().DurationVar(&ahead, "ahead", 0, "how far its clock is ahead")
	return c
}

// wind puts the gateway's clock forward. What is due by then happens within about a second.
func (c *child) wind(by time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += by
	if _, err := fmt.Fprintln(c.clock, by); err != nil {
		return fmt.Errorf("winding the gateway's clock: %w", err)
	}
	return nil
}

// wound is how far the gateway's clock is ahead.
func (c *child) wound() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ahead
}

// crash kills the gateway as the kernel would, in the middle of whatever it does.
func (c *child) crash() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		return fmt.Errorf("killing the gateway: %w", err)
	}
	for c.cmd.Process.Signal(syscall.Signal(0)) == nil {
		time.Sleep(5 * time.Millisecond)
	}
	return nil
}

// stop ends the gateway as an operator would.
func (c *child) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cmd != nil {
		_ = c.cmd.Process.Signal(syscall.SIGTERM)
		for i := 0; i < 1000 && c.cmd.Process.Signal(syscall.Signal(0)) == nil; i++ {
			time.Sleep(5 * time.Millisecond)
		}
		_ = c.cmd.Process.Kill()
	}
	if c.log != nil {
		_ = c.log.Close()
	}
}
