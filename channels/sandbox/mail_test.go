package sandbox_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/smtp"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/carillon-gateway/carillon/channels/sandbox"
)

// postOffice is a sandbox's mail, as a client sees it.
type postOffice struct {
	box        *sandbox.Sandbox
	smtp, imap string
	roots      *x509.CertPool
}

func serveMail(t *testing.T, s *sandbox.Sandbox) postOffice {
	t.Helper()
	var at [2]net.Listener
	for i := range at {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		at[i] = l
	}
	certificate, err := s.ServeMail(at[0], at[1])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	p := postOffice{box: s, smtp: at[0].Addr().String(), imap: at[1].Addr().String(), roots: x509.NewCertPool()}
	if !p.roots.AppendCertsFromPEM([]byte(certificate)) {
		t.Fatal("the certificate cannot be read")
	}
	return p
}

// send sends as the standard library does: TLS first, then a password.
func (p postOffice) send(from, to, message string) error {
	conn, err := net.DialTimeout("tcp", p.smtp, 5*time.Second)
	if err != nil {
		return err
	}
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	c, err := smtp.NewClient(conn, "127.0.0.1")
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.StartTLS(&tls.Config{RootCAs: p.roots, ServerName: "127.0.0.1"}); err != nil {
		return err
	}
	if err := c.Auth(smtp.PlainAuth("", "carillon", "a password", "127.0.0.1")); err != nil {
		return err
	}
	if err := c.Mail(from); err != nil {
		return err
	}
	if err := c.Rcpt(to); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, message); err != nil {
		return err
	}
	return w.Close()
}

// inbox reads a mailbox by IMAP.
func (p postOffice) inbox(t *testing.T, user string) []string {
	t.Helper()
	conn, err := net.Dial("tcp", p.imap)
	if err != nil {
		t.Fatal(err)
	}
	c, err := imapclient.NewStartTLS(conn, &imapclient.Options{TLSConfig: &tls.Config{RootCAs: p.roots, ServerName: "127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Login(user, "a password").Wait(); err != nil {
		t.Fatal(err)
	}
	data, err := c.Select("INBOX", nil).Wait()
	if err != nil {
		t.Fatal(err)
	}
	if data.NumMessages == 0 {
		return nil
	}
	var all imap.SeqSet
	all.AddRange(1, 0)
	whole := &imap.FetchItemBodySection{}
	list, err := c.Fetch(all, &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{whole}}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range list {
		out = append(out, string(m.FindBodySection(whole)))
	}
	return out
}

func letterTo(to, subject, text, html, leave string) string {
	return "From: Harbour <news@harbour.example>\r\nTo: <" + to + ">\r\nSubject: " + subject + "\r\nMessage-ID: <m1@harbour.example>\r\n" +
		"Reply-To: <mail+r1@harbour.example>\r\n" + leave + "MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + text + "\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html + "\r\n--b--\r\n"
}

func replyCode(err error) int {
	var e *textproto.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return 0
}

// A message is in the log before it is answered, and on the wall with subject and text.
func TestMailArrives(t *testing.T) {
	p := serveMail(t, sandbox.New(sandbox.Options{}))
	if err := p.send("mail+b1@harbour.example", anna2, letterTo(anna2, "=?utf-8?q?Caf=C3=A9?=", "Dear Anna,\r\ncome.", "<p>Dear Anna</p>", "")); err != nil {
		t.Fatal(err)
	}
	log := p.box.Log(0, 0)
	if e := log[0]; len(log) != 1 || e.Provider != sandbox.Mail || e.Credential != "carillon" || e.To != anna2 || e.Subject != "Café" || e.Text != "Dear Anna,\ncome." || e.ID != "m1@harbour.example" || !e.Kept || e.Status != "delivered" || e.Answer != "250" {
		t.Errorf("the log says %+v", log)
	}
	if _, err := p.box.Reply(sandbox.Reply{Kind: sandbox.KindEmail, Address: anna2, Text: "I come"}); err != nil {
		t.Fatal(err)
	}
	got := p.inbox(t, "mail@harbour.example")
	if len(got) != 1 || !strings.Contains(got[0], "\r\nI come\r\n") || !strings.Contains(got[0], "In-Reply-To: <m1@harbour.example>") || !strings.Contains(got[0], "From: <"+anna2+">") || strings.Contains(got[0], "Auto-Submitted") {
		t.Errorf("the answer is %q", got)
	}
}

const anna2 = "anna@people.example"

// Every stage can refuse with any code, be silent, or cut the connection.
func TestMailFaults(t *testing.T) {
	p := serveMail(t, sandbox.New(sandbox.Options{}))
	message := letterTo(anna2, "x", "y", "z", "")
	for i, stage := range []string{sandbox.StageConnect, sandbox.StageHello, sandbox.StageAuth, sandbox.StageMail, sandbox.StageRcpt, sandbox.StageData} {
		code := 450 + i*20
		if _, err := p.box.Script(sandbox.Fault{Kind: sandbox.Failure, Provider: sandbox.Mail, Stage: stage, Status: code, Text: fmt.Sprintf("%d.7.%d no", code/100, i), Times: 2}); err != nil {
			t.Fatal(err)
		}
		err := p.send("a@b.example", anna2, message)
		if got := replyCode(err); got != code || !strings.Contains(err.Error(), "no") {
			t.Errorf("at %s: %v, want %d", stage, err, code)
		}
		p.box.Clear()
		if _, err := p.box.Script(sandbox.Fault{Kind: sandbox.Cut, Provider: sandbox.Mail, Stage: stage, Times: 2}); err != nil {
			t.Fatal(err)
		}
		if err := p.send("a@b.example", anna2, message); err == nil || replyCode(err) != 0 {
			t.Errorf("cut at %s: %v", stage, err)
		}
		p.box.Clear()
	}
	before := p.box.Stats().Kept
	if _, err := p.box.Script(sandbox.Fault{Kind: sandbox.Cut, Provider: sandbox.Mail, Kept: true, Times: 1}); err != nil {
		t.Fatal(err)
	}
	if err := p.send("a@b.example", anna2, message); err == nil || p.box.Stats().Kept != before+1 {
		t.Errorf("kept and cut: %v, %d kept", err, p.box.Stats().Kept-before)
	}
	if _, err := p.box.Script(sandbox.Fault{Kind: sandbox.Hang, Provider: sandbox.Mail, Stage: sandbox.StageRcpt, For: 20 * time.Millisecond, Times: 1}); err != nil {
		t.Fatal(err)
	}
	if err := p.send("a@b.example", anna2, message); err == nil {
		t.Error("a silent server took it")
	}
	if _, err := p.box.Script(sandbox.Fault{Kind: sandbox.Latency, Provider: sandbox.Mail, For: 20 * time.Millisecond, Times: 1}); err != nil {
		t.Fatal(err)
	}
	if err := p.send("a@b.example", anna2, message); err != nil {
		t.Errorf("a late 250: %v", err)
	}
}

// Greylisting asks to come again; a bounce comes later; a machine answers; all by the sandbox's clock.
func TestMailThatComesBack(t *testing.T) {
	p := serveMail(t, sandbox.New(sandbox.Options{}))
	message := letterTo(anna2, "x", "y", "z", "")
	for _, f := range []sandbox.Fault{
		{Kind: sandbox.Greylist, For: 5 * time.Minute}, {Kind: sandbox.Bounce, Text: "5.2.2", For: time.Hour, Times: 1}, {Kind: sandbox.AutoReply, Text: "I am away"},
	} {
		if _, err := p.box.Script(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.send("mail+b1@harbour.example", anna2, message); replyCode(err) != 451 || !strings.Contains(err.Error(), "Greylisted") {
		t.Errorf("the first time: %v", err)
	}
	p.box.Advance(5 * time.Minute)
	for range 2 {
		if err := p.send("mail+b1@harbour.example", anna2, message); err != nil {
			t.Errorf("the second time: %v", err)
		}
	}
	got := p.inbox(t, "mail@harbour.example")
	if len(got) != 1 || !strings.Contains(got[0], "Auto-Submitted: auto-replied") || !strings.Contains(got[0], "I am away") || !strings.Contains(got[0], "Return-Path: <>") {
		t.Errorf("the machine's answer is %q", got)
	}
	p.box.Advance(time.Hour)
	if err := p.box.Wait(t.Context(), func() bool { got = p.inbox(t, "mail@harbour.example"); return len(got) == 2 }); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got[1], "report-type=delivery-status") || !strings.Contains(got[1], "Action: failed\r\nStatus: 5.2.2") || !strings.Contains(got[1], "Delivered-To: mail+b1@harbour.example") {
		t.Errorf("the bounce is %q", got[1])
	}
}

// Credentials are learned once; another password is refused from then on, and a strict sandbox learns none.
func TestMailCredentials(t *testing.T) {
	p := serveMail(t, sandbox.New(sandbox.Options{Strict: true}))
	if err := p.send("a@b.example", anna2, "x"); replyCode(err) != 535 {
		t.Errorf("a strict sandbox: %v", err)
	}
	p = serveMail(t, sandbox.New(sandbox.Options{Strict: true, Mail: []sandbox.MailUser{{Name: "carillon", Password: "a password"}, {Name: "mail@harbour.example", Password: "a password"}}}))
	if err := p.send("a@b.example", anna2, letterTo(anna2, "x", "y", "z", "")); err != nil {
		t.Errorf("a user that it knows: %v", err)
	}
	if got := p.inbox(t, "mail@harbour.example"); len(got) != 0 {
		t.Errorf("an empty mailbox holds %q", got)
	}
}

// Each person does what her end of a channel can: only mail unsubscribes, and a mailbox has no buttons and nobody to block.
func TestWhatNoChannelOffers(t *testing.T) {
	box := sandbox.New(sandbox.Options{})
	defer box.Close()
	for _, r := range []sandbox.Reply{
		{Kind: sandbox.KindSMS, Address: "+12025550123", Leave: true},
		{Kind: sandbox.KindTelegram, Address: "900000001", Leave: true},
		{Kind: sandbox.KindMattermost, Address: "annaaaaaaaaaaaaaaaaaaaaaa1", Leave: true},
		{Kind: sandbox.KindEmail, Address: "anna@example.org", Block: true},
		{Kind: sandbox.KindEmail, Address: "anna@example.org", Press: "yes"},
	} {
		if _, err := box.Reply(r); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if log := box.Log(0, 0); len(log) != 0 {
		t.Errorf("the log holds %d lines", len(log))
	}
}

// TestMailboxOnTheWall: a mail with hostile text and HTML is read, answered and left, as a person would.
func TestMailboxOnTheWall(t *testing.T) {
	pressed := make(chan string, 1)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		pressed <- r.Method + " " + r.URL.String() + " " + string(body)
	}))
	defer hook.Close()
	s, base := serve(t, sandbox.Options{})
	p := serveMail(t, s)
	if err := s.Phones(sandbox.Phone{Kind: sandbox.KindEmail, Address: anna2, Name: "Layla", Language: "ar"}); err != nil {
		t.Fatal(err)
	}
	ctx := browser(t, 1280, 900)
	do(t, ctx, chromedp.Navigate(base+"/"), until(`document.documentElement.classList.contains('live') && document.querySelectorAll('.card.email').length === 1`))
	html := `<html dir="rtl"><body><p id="x">مرحبا</p><script>document.title='owned'</script><img src="` + base + `/wall/static/wall.css" onerror="document.title='owned'"></body></html>`
	leave := "List-Unsubscribe: <" + hook.URL + "/u?u=token>\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
	subject := "=?utf-8?q?=D9=85=D8=B1=D8=AD=D8=A8=D8=A7_<b>x</b>?="
	if err := p.send("mail+b1@harbour.example", anna2, letterTo(anna2, subject, "مرحبا <script>document.title='owned'</script>", html, leave)); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, until(`document.querySelector('.card-text')?.textContent.includes('مرحبا')`), click(`.card a`),
		until(`document.querySelector('#open .msg .subject')?.textContent === 'مرحبا <b>x</b>'`),
		until(`getComputedStyle(document.querySelector('#open .msg .subject')).direction === 'rtl'`),
		until(`document.querySelector('#open .device').getAttribute('aria-label').startsWith('Mailbox of ')`),
		until(`[...document.querySelectorAll('#open .msg p')].some(p => p.textContent === "مرحبا <script>document.title='owned'</script>")`))
	if n, title := value[int](t, ctx, `document.querySelectorAll('.msg script, .msg b, .msg img, iframe').length`), value[string](t, ctx, `document.title`); n != 0 || strings.Contains(title, "owned") {
		t.Errorf("the text became %d elements; title %q", n, title)
	}
	if link := value[string](t, ctx, `document.querySelector('#open .msg footer a').getAttribute('href')`); link != "/wall/mail/1" {
		t.Errorf("the HTML is at %q", link)
	}
	do(t, ctx, chromedp.SendKeys(`#answer`, "I will come"), click(`.send`), until(`document.querySelector('#open .msg.mine p')?.textContent === 'I will come'`),
		click(`.leave`), until(`[...document.querySelectorAll('#open .note')].some(n => n.textContent.includes('unsubscribe'))`))
	select {
	case got := <-pressed:
		if got != "POST /u?u=token List-Unsubscribe=One-Click" {
			t.Errorf("pressing unsubscribe made %q", got)
		}
	case <-ctx.Done():
		t.Error("pressing unsubscribe did nothing")
	}
	if got := p.inbox(t, "mail@harbour.example"); len(got) != 1 || !strings.Contains(got[0], "I will come") {
		t.Errorf("the answer is %q", got)
	}
	do(t, ctx, chromedp.Navigate(base+"/wall/mail/1"), until(`document.querySelector('#x') !== null`))
	if title, direction := value[string](t, ctx, `document.title`), value[string](t, ctx, `getComputedStyle(document.querySelector('#x')).direction`); title == "owned" || direction != "rtl" {
		t.Errorf("the HTML by itself: title %q, direction %s", title, direction)
	}
	do(t, ctx, chromedp.Navigate(base+"/?open=email:"+anna2), chromedp.EmulateViewport(320, 640), until(`innerWidth === 320`))
	if value[bool](t, ctx, `document.documentElement.scrollWidth > 320`) {
		t.Error("the page must be scrolled sideways at 320 pixels")
	}
}
