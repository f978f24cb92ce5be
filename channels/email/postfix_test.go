package email

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// needed finds a program that a test cannot do without; where services are required, its absence is a failure.
func needed(t *testing.T, name, pkg string) string {
	t.Helper()
	for _, dir := range []string{"", "/usr/sbin/", "/usr/bin/"} {
		if path, err := exec.LookPath(dir + name); err == nil {
			return path
		}
	}
	if os.Getenv("CARILLON_REQUIRE_SERVICES") == "1" {
		t.Fatalf("%s is required and is not there: install %s", name, pkg)
	}
	t.Skipf("no %s here", name)
	return ""
}

// root runs a program as root, which Postfix has to be started by.
func root(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	if os.Geteuid() != 0 {
		args = append([]string{"-n", name}, args...)
		name = "sudo"
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "MAIL_CONFIG=")
	cmd.WaitDelay = time.Second // a daemon may hold on to its output
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// postfix is a real mail server of its own, in a folder of its own.
type postfix struct {
	dir, ca string
	port    int
}

// mainCF: harbour.test is ours, with the mailbox of what comes back; people.test is theirs. Whom Postfix does not know it
// takes and bounces, as a relay does. Mail is taken from those only who signed in over TLS.
const mainCF = `compatibility_level = 3.6
queue_directory = DIR/spool
data_directory = DIR/data
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.harbour.test
mydestination =
local_transport = error:5.1.1 no local mail
alias_maps =
alias_database =
maillog_file_prefixes = DIR
maillog_file = DIR/mail.log
recipient_delimiter = +
virtual_mailbox_domains = harbour.test, people.test
virtual_mailbox_base = DIR/boxes
virtual_mailbox_maps = inline:{ mail@harbour.test=mail/, anna@people.test=anna/, grey@people.test=grey/ }
virtual_uid_maps = static:UID
virtual_gid_maps = static:GID
virtual_minimum_uid = 1
message_size_limit = 20000
mailbox_size_limit = 0
virtual_mailbox_limit = 0
smtpd_tls_security_level = encrypt
smtpd_tls_cert_file = DIR/cert.pem
smtpd_tls_key_file = DIR/key.pem
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = cyrus
smtpd_sasl_path = smtpd
cyrus_sasl_config_path = DIR/sasl
smtpd_sasl_local_domain = harbour.test
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = check_recipient_access inline:{ { gone@people.test = 550 5.1.1 no such mailbox } }, check_policy_service inet:127.0.0.1:POLICY, permit_sasl_authenticated, reject
smtpd_reject_unlisted_recipient = no
minimal_backoff_time = 1s
`

const masterCF = `127.0.0.1:PORT inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
`

// dovecotConf serves the mailbox of what comes back.
const dovecotConf = `base_dir = DIR/run
state_dir = DIR/state
log_path = DIR/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <DIR/cert.pem
ssl_key = <DIR/key.pem
mail_location = maildir:DIR/boxes/mail
first_valid_uid = 1
passdb {
  driver = static
  args = password=PASSWORD
}
userdb {
  driver = static
  args = uid=UID gid=GID home=DIR/boxes/mail
}
service imap-login {
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = IMAP
    ssl = yes
  }
}
`

// startDovecot serves the mailbox by IMAP, and gives its port.
func (p *postfix) startDovecot(t *testing.T) int {
	t.Helper()
	program, control := needed(t, "dovecot", "dovecot-imapd"), needed(t, "doveadm", "dovecot-core")
	uid, gid := ids(t, "postfix")
	port := freePort(t)
	conf := p.dir + "/dovecot.conf"
	text := strings.NewReplacer("DIR", p.dir, "UID", uid, "GID", gid, "PASSWORD", password, "IMAP", strconv.Itoa(port)).Replace(dovecotConf)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := root(t, "tail", "-n", "20", p.dir+"/dovecot.log")
			t.Log(log)
		}
		_, _ = root(t, control, "-c", conf, "stop")
	})
	if out, err := root(t, "sh", "-c", program+" -c "+conf+" >/dev/null 2>&1"); err != nil {
		t.Fatalf("starting Dovecot: %v\n%s", err, out)
	}
	return port
}

func startPostfix(t *testing.T) *postfix {
	t.Helper()
	program := needed(t, "postfix", "postfix")
	passwords := needed(t, "saslpasswd2", "sasl2-bin")
	if out, err := root(t, "true"); err != nil {
		if os.Getenv("CARILLON_REQUIRE_SERVICES") == "1" {
			t.Fatalf("Postfix has to be started by root, and sudo does not work: %s", out)
		}
		t.Skip("Postfix has to be started by root")
	}
	dir, err := os.MkdirTemp("/tmp", "carillon-postfix-")
	if err != nil {
		t.Fatal(err)
	}
	p := &postfix{dir: dir, port: freePort(t)}
	uid, gid := ids(t, "postfix")
	fill := strings.NewReplacer("DIR", dir, "POLICY", strconv.Itoa(greylister(t)), "UID", uid, "GID", gid, "PORT", strconv.Itoa(p.port))
	var cert, key string
	cert, key, p.ca = certificate(t)
	for name, text := range map[string]string{
		"main.cf": fill.Replace(mainCF), "master.cf": fill.Replace(masterCF), "cert.pem": cert, "key.pem": key,
		"sasl/smtpd.conf": "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\nsasldb_path: " + dir + "/sasl/db\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	setup := fmt.Sprintf(`set -e
chmod 755 %[1]s; mkdir -p %[1]s/spool %[1]s/data %[1]s/boxes; chown postfix %[1]s/data %[1]s/boxes
printf %%s %[2]s | %[3]s -p -c -f %[1]s/sasl/db -u harbour.test carillon
chown postfix %[1]s/sasl/db
%[4]s -c %[1]s start`, dir, password, passwords, program)
	t.Cleanup(func() {
		_, _ = root(t, program, "-c", dir, "stop")
		if t.Failed() {
			log, _ := root(t, "tail", "-n", "30", dir+"/mail.log")
			t.Log(log)
		}
		_, _ = root(t, "rm", "-rf", dir)
	})
	if out, err := root(t, "sh", "-c", setup); err != nil {
		t.Fatalf("starting Postfix: %v\n%s", err, out)
	}
	return p
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func ids(t *testing.T, user string) (uid, gid string) {
	t.Helper()
	for _, what := range []struct {
		flag string
		into *string
	}{{"-u", &uid}, {"-g", &gid}} {
		out, err := exec.Command("id", what.flag, user).Output()
		if err != nil {
			t.Fatal(err)
		}
		*what.into = strings.TrimSpace(string(out))
	}
	return uid, gid
}

func certificate(t *testing.T) (cert, key, ca string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mx.harbour.test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return cert, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})), cert
}

// greylister is a policy service (https://www.postfix.org/SMTPD_POLICY_README.html) that lets "grey" in the second time.
func greylister(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	var once sync.Once
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				grey := false
				for s := bufio.NewScanner(conn); s.Scan(); {
					line := s.Text()
					grey = grey || line == "recipient=grey@people.test"
					if line != "" {
						continue
					}
					action := "DUNNO"
					if grey {
						once.Do(func() { action = "DEFER_IF_PERMIT 4.7.1 Greylisted, see you later" })
					}
					grey = false
					if _, err := fmt.Fprintf(conn, "action=%s\n\n", action); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port
}

// box gives the messages in a mailbox once there are as many.
func (p *postfix) box(t *testing.T, name string, want int) [][]byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		list, err := root(t, "sh", "-c", "ls "+p.dir+"/boxes/"+name+"/new 2>/dev/null || true")
		if err != nil {
			t.Fatal(err)
		}
		if files := strings.Fields(list); len(files) >= want {
			var out [][]byte
			for _, f := range files {
				raw, err := root(t, "cat", p.dir+"/boxes/"+name+"/new/"+f)
				if err != nil {
					t.Fatal(err)
				}
				out = append(out, []byte(raw))
			}
			return out
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the mailbox %s never had %d messages", name, want)
		}
	}
}

// A real mail server: TLS and a password, a message that arrives, one that is refused, one too big, one greylisted, and
// one that it takes and sends back.
func TestPostfix(t *testing.T) {
	p := startPostfix(t)
	imapPort := p.startDovecot(t)
	o := options(map[string]any{
		"port": p.port, "ca": p.ca, "username": "carillon@harbour.test", "from": "news@harbour.test", "return_to": "mail@harbour.test",
		"imap_host": "127.0.0.1", "imap_port": imapPort, "imap_username": "mail", "imap_password": password, "connections": 1,
	})
	a, err := made(o, "")
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	l, fail := a.dial(t.Context())
	if fail != nil {
		t.Fatalf("signing in over TLS: %v, %v", fail, fail.Cause)
	}
	if state, ok := l.smtp.TLSConnectionState(); !ok || !state.HandshakeComplete {
		t.Error("there is no TLS")
	}
	l.quit(t.Context())

	to := func(name string) channels.Outbound {
		m := outbound(name)
		m.To = channels.Address(name + "@people.test")
		return m
	}
	if _, e := send(t, a, to("anna")); e != nil {
		t.Fatal(e)
	}
	if raw := string(p.box(t, "anna", 1)[0]); !strings.Contains(raw, "Return-Path: <mail+b") || !strings.Contains(raw, "The well is dug.") {
		t.Errorf("what arrived is another message:\n%s", raw)
	}
	if _, e := send(t, a, to("gone")); e == nil || e.Class != permanent || e.Scope != onAddress || e.Code != "550 5.1.1" {
		t.Errorf("an unknown mailbox: %v", e)
	}
	big := to("anna")
	big.Part.Text = strings.Repeat("A long line of text. ", 2000)
	if _, e := send(t, a, big); e == nil || e.Class != permanent || e.Scope != onContent {
		t.Errorf("too big: %v", e)
	}
	a.pool.idle[0].size = 0 // as if the server had not said so before
	if _, e := send(t, a, big); e == nil || e.Class != permanent || e.Scope != onContent {
		t.Errorf("too big, and the server says so: %v", e)
	}
	if _, e := send(t, a, to("grey")); e == nil || e.Class != temporary || e.Scope != onSender || e.RetryAfter != greylistWait {
		t.Errorf("greylisted: %v", e)
	}
	if _, e := send(t, a, to("grey")); e != nil {
		t.Errorf("the second time: %v", e)
	}
	p.box(t, "grey", 1)

	if _, e := send(t, a, to("nobody")); e != nil {
		t.Fatalf("the relay takes it: %v", e)
	}
	bounce := p.box(t, "mail", 1)[0]
	if err := a.Check(t.Context()); err != nil {
		t.Fatalf("Check of Postfix and Dovecot: %v", err)
	}
	events, cursor := poll(t, a, "") // by IMAP, from Dovecot
	if again, same := poll(t, a, cursor); len(again) != 0 || same != cursor {
		t.Errorf("polling again gave %+v, %q after %q", again, same, cursor)
	}
	if len(events) != 1 || events[0].Receipt == nil || events[0].Receipt.Attempt != attemptID || events[0].Receipt.Status != channels.StatusFailed {
		t.Fatalf("Postfix's own bounce gave %+v:\n%s", events, bounce)
	}
	if e := events[0].Receipt.Err; e.Class != permanent || e.Scope != onAddress || e.Code != "5.1.1" {
		t.Errorf("Postfix's own bounce: %v", e)
	}

	wrong := options(nil)
	for k, v := range o {
		wrong[k] = v
	}
	wrong["password"] = "not-the-password"
	b, err := made(wrong, "")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if _, e := send(t, b, to("anna")); e == nil || e.Class != auth {
		t.Errorf("a wrong password: %v", e)
	}
	wrong["ca"], wrong["password"] = nil, password
	delete(wrong, "ca")
	c, err := made(wrong, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, e := send(t, c, to("anna")); e == nil || e.Class != temporary || !strings.Contains(e.Detail, "certificate") {
		t.Errorf("a certificate that nobody knows: %v", e)
	}
}
