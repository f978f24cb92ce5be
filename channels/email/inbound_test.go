package email

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/sandbox"
)

// harbour is a channel at a sandbox.
func harbour(t *testing.T, changes map[string]any, hook string) (*Adapter, *channeltest.SandboxDouble) {
	t.Helper()
	d, stop, err := channeltest.Sandbox(sandbox.Mail, sandbox.KindEmail, "", sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	a, err := made(at(d, changes), hook)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a, d
}

// poll gives what has come.
func poll(t *testing.T, a *Adapter, cursor string) ([]channels.Event, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	events, next, err := a.Poll(ctx, cursor)
	if err != nil {
		t.Fatal(err)
	}
	return events, next
}

func script(t *testing.T, d channeltest.Double, f sandbox.Fault) {
	t.Helper()
	if err := d.Script(f); err != nil {
		t.Fatal(err)
	}
}

// A message is taken and comes back an hour later: its attempt, and no other, has failed, and the address is to blame
// only if the status says so.
func TestABounceIsTheReceiptOfItsAttempt(t *testing.T) {
	for _, c := range []struct {
		status string
		class  channels.Class
		scope  channels.Scope
	}{
		{"5.1.1", permanent, onAddress}, {"5.1.2", permanent, onAddress}, {"5.1.3", permanent, onAddress}, {"5.1.10", permanent, onAddress},
		{"5.2.1", temporary, onAddress}, {"5.2.2", temporary, onAddress}, {"5.2.3", permanent, onContent}, {"5.3.4", permanent, onContent},
		{"5.7.1", permanent, onSender}, {"5.7.26", permanent, onSender}, {"4.4.7", temporary, onChannel}, {"5.7.17", gone, onAddress},
		{"5.7.8", permanent, onSender}, {"5.7.9", permanent, onSender}, {"5.7.13", permanent, onSender}, // whoever had a message could make such a bounce
	} {
		t.Run(c.status, func(t *testing.T) {
			t.Parallel()
			a, d := harbour(t, nil, "")
			script(t, d, sandbox.Fault{Kind: sandbox.Bounce, Text: c.status, For: time.Hour, Times: 1})
			m := outbound("k")
			m.PartNo = 3
			if _, e := send(t, a, m); e != nil {
				t.Fatal(e)
			}
			events, cursor := poll(t, a, "")
			if len(events) != 0 {
				t.Fatalf("%d events before it came back", len(events))
			}
			d.Box.Advance(time.Hour)
			if err := d.Box.Wait(t.Context(), func() bool { events, cursor = poll(t, a, cursor); return len(events) > 0 }); err != nil {
				t.Fatal(err)
			}
			r := events[0].Receipt
			if len(events) != 1 || r == nil || r.Attempt != attemptID || r.PartNo != 3 || r.Status != channels.StatusFailed || r.Err.Class != c.class || r.Err.Scope != c.scope || r.Err.Code != c.status || events[0].ID == "" {
				t.Errorf("got %+v, %+v", events[0], r)
			}
			if strings.Contains(r.Err.Error(), "anna") {
				t.Error("the receipt tells the address")
			}
		})
	}
}

// A notice of a delay is no failure, an auto-reply is nobody's answer, and a real answer is hers.
func TestOnlyPeopleAnswer(t *testing.T) {
	a, d := harbour(t, nil, "")
	script(t, d, sandbox.Fault{Kind: sandbox.Bounce, Receipt: sandbox.Late, Text: "4.4.1", Times: 1})
	script(t, d, sandbox.Fault{Kind: sandbox.AutoReply})
	for _, key := range []string{"late", "auto"} {
		if _, e := send(t, a, outbound(key)); e != nil {
			t.Fatal(e)
		}
	}
	if err := d.Reply("anna@example.org", "STOP"); err != nil {
		t.Fatal(err)
	}
	events, _ := poll(t, a, "")
	if len(events) != 1 || events[0].Inbound == nil || events[0].Inbound.From != "anna@example.org" || events[0].Inbound.Text != "STOP" {
		t.Errorf("got %+v", events)
	}
}

// One click: the program posts to the sealed URL, and she is stopped. Without https there is only the mail.
func TestUnsubscribing(t *testing.T) {
	calls := make(chan *http.Request, 1)
	var body []byte
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body = make([]byte, 100)
		n, _ := r.Body.Read(body)
		body = body[:n]
		calls <- r
	}))
	defer hook.Close()
	a, d := harbour(t, nil, hook.URL+"/hooks/email")
	if _, e := send(t, a, outbound("k")); e != nil {
		t.Fatal(e)
	}
	leave := sandbox.Reply{Kind: sandbox.KindEmail, Address: "anna@example.org", Leave: true}
	if _, err := d.Box.Reply(leave); err != nil {
		t.Fatal(err)
	}
	r := <-calls
	events, err := a.ParseWebhook(r, body)
	stopped := func(events []channels.Event) bool {
		return len(events) == 2 && events[0].Inbound != nil && events[0].Inbound.From == "anna@example.org" && events[0].Inbound.Action == "STOP" &&
			events[1].Signal != nil && events[1].Signal.Kind == channels.SignalStopped && events[1].Signal.Address == "anna@example.org"
	}
	if err != nil || !stopped(events) {
		t.Errorf("one click: %+v, %v", events, err)
	}
	if strings.Contains(r.URL.String(), "anna") {
		t.Error("the URL tells the address")
	}
	form := httptest.NewRequest(http.MethodPost, r.URL.String(), nil)
	form.Header.Set("Content-Type", `multipart/form-data; boundary="x"`)
	events, err = a.ParseWebhook(form, []byte("--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n"))
	if err != nil || !stopped(events) {
		t.Errorf("as a multipart form: %+v, %v", events, err)
	}
	for name, bad := range map[string]*http.Request{
		"a GET, as link checkers make it": httptest.NewRequest(http.MethodGet, r.URL.String(), nil),
		"a POST that says nothing":        httptest.NewRequest(http.MethodPost, r.URL.String(), nil),
	} {
		if events, err := a.ParseWebhook(bad, nil); err == nil || len(events) != 0 {
			t.Errorf("%s: %+v, %v", name, events, err)
		}
	}

	byMail, d := harbour(t, nil, "http://public.example/hooks/email") // not https, so no click is offered
	if _, e := send(t, byMail, outbound("k")); e != nil {
		t.Fatal(e)
	}
	if _, err := d.Box.Reply(leave); err != nil {
		t.Fatal(err)
	}
	if events, _ := poll(t, byMail, ""); !stopped(events) {
		t.Errorf("by mail: %+v", events)
	}
}

// The URL of one click is worth what its seal is: none, a broken one, another's, an old one after its time, one that stands
// there twice are all refused alike; a proxy may have changed scheme and host; a repeat is known for one.
func TestForgedClicks(t *testing.T) {
	const old = "the-secret-before-the-present-one"
	click := func(a *Adapter, query string) ([]channels.Event, error) {
		r := httptest.NewRequest(http.MethodPost, "http://10.0.0.7:8080/hooks/email?"+query, nil)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Forwarded-Host", "evil.example")
		return a.ParseWebhook(r, []byte("List-Unsubscribe=One-Click"))
	}
	made := func(changes map[string]any) *Adapter {
		a, err := made(options(changes), "https://public.example/hooks/email")
		if err != nil {
			t.Fatal(err)
		}
		a.now = func() time.Time { return time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC) } // or a minute might begin in between
		return a
	}
	now, both, before := made(nil), made(map[string]any{"previous_secret": old}), made(map[string]any{"secret": old})
	seal := func(a *Adapter) string { return "u=" + a.keys[0].hide(oneClick, "k", "anna@example.org") }
	first, err := click(now, seal(now))
	if err != nil || len(first) != 2 || first[0].Inbound.From != "anna@example.org" {
		t.Fatalf("%+v, %v", first, err)
	}
	if again, err := click(both, seal(now)); err != nil || again[0].ID != first[0].ID || again[1].ID != first[1].ID {
		t.Errorf("a repeat within the minute: %v, %v", again, err)
	}
	if _, err := click(both, seal(before)); err != nil {
		t.Errorf("under the old secret, in its time: %v", err)
	}
	for name, query := range map[string]string{
		"none": "", "empty": "u=", "broken": seal(now)[:20], "altered": seal(now)[:len(seal(now))-4] + "AAAA", "the old secret's, after its time": seal(before),
		"twice": seal(now) + "&" + seal(now), "sealed for something else": "u=" + now.keys[0].hide(messageID, "k", "anna@example.org"),
	} {
		if events, err := click(now, query); !errors.Is(err, channels.ErrForged) || len(events) != 0 {
			t.Errorf("%s: %+v, %v", name, events, err)
		}
	}
}

// tagsOf gives the addresses and the id of a message.
func tagsOf(t *testing.T, a *Adapter) (bounce, reply, leave, id string) {
	t.Helper()
	m := outbound("k")
	r, err := a.returns(m)
	if err != nil {
		t.Fatal(err)
	}
	e, err := a.write(m)
	if err != nil {
		t.Fatal(err)
	}
	return r.bounce, r.reply, r.leave, e.id
}

func mailOf(headers []string, body string) []byte {
	return []byte(strings.Join(headers, "\r\n") + "\r\n\r\n" + strings.ReplaceAll(body, "\n", "\r\n"))
}

// Spoofers and loops (threat T9): no tag, no event; what a machine wrote is never an answer.
func TestNothingIsBelievedWithoutItsTag(t *testing.T) {
	a, d := harbour(t, nil, "")
	bounce, reply, leave, id := tagsOf(t, a)
	stranger, err := made(at(d, map[string]any{"secret": "a-secret-that-is-another"}), "")
	if err != nil {
		t.Fatal(err)
	}
	_, forged, forgedLeave, forgedID := tagsOf(t, stranger)
	dsn := func(to string) []byte {
		return mailOf([]string{"To: " + to, "From: MAILER-DAEMON@x.example", `Content-Type: multipart/report; report-type=delivery-status; boundary=b`},
			"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822; anna@example.org\nAction: failed\nStatus: 5.1.1\n\n--b--\n")
	}
	hers := func(headers ...string) []byte {
		return mailOf(append([]string{"From: Anna <anna@example.org>", "Subject: Re: The well"}, headers...), "STOP\n")
	}
	for name, raw := range map[string][]byte{
		"no tag":                          hers("To: mail@harbour.example"),
		"a tag of another secret":         hers("To: "+forged, "In-Reply-To: <"+forgedID+">"),
		"another person with her tag":     mailOf([]string{"From: eve@example.org", "To: " + reply}, "STOP\n"),
		"leaving with a forged tag":       hers("To: " + forgedLeave),
		"a bounce to the answer's tag":    dsn(reply),
		"a bounce without a tag":          dsn("mail@harbour.example"),
		"a bounce of the leave mail":      dsn(leave),
		"a vacation reply":                hers("To: "+reply, "Auto-Submitted: auto-replied"),
		"a vacation reply to the return":  hers("To: "+bounce, "Auto-Submitted: auto-replied"),
		"an unmarked one to the return":   hers("To: " + bounce),
		"a null return path":              hers("Return-Path: <>", "To: "+reply),
		"a list":                          hers("To: "+reply, "List-Id: <x.example>"),
		"bulk":                            hers("To: "+reply, "Precedence: bulk"),
		"an old autoresponder":            hers("To: "+reply, "X-Autoreply: yes"),
		"our own copy":                    mailOf([]string{"From: news@harbour.example", "To: " + reply, "In-Reply-To: <" + id + ">"}, "STOP\n"),
		"a copy from our mailbox":         mailOf([]string{"From: mail@harbour.example", "To: " + reply, "In-Reply-To: <" + id + ">"}, "STOP\n"),
		"one forwarded from a tag":        mailOf([]string{"From: " + reply, "To: " + reply, "In-Reply-To: <" + id + ">"}, "STOP\n"),
		"a receipt that it was read":      hers("To: "+reply, "Content-Type: multipart/report; report-type=disposition-notification; boundary=b"),
		"a complaint's report":            hers("To: "+reply, "Content-Type: multipart/report; report-type=feedback-report; boundary=b"),
		"one that a program made":         hers("To: "+reply, "Auto-Submitted: auto-generated (rejected)"),
		"an empty return path, spaced":    hers("Return-Path:  <> ", "To: "+reply),
		"Exchange out of office":          hers("To: "+reply, "X-Autoreply-From: anna@example.org"),
		"a daemon":                        mailOf([]string{"From: MAILER-DAEMON@x.example", "To: " + reply, "In-Reply-To: <" + id + ">"}, "STOP\n"),
		"a tag that was cut":              hers("To: " + strings.Replace(reply, "+r", "+", 1)),
		"an address that ends otherwise":  hers("To: " + strings.Replace(reply, "@harbour.example", "@harbour.example.evil", 1) + "x"),
		"no mail at all":                  []byte("\x00\x01"),
		"nothing":                         nil,
		"headers without end":             []byte("To: " + reply + "\r\n" + strings.Repeat("X: y\r\n", 1<<16)),
		"an answer of nothing but quotes": mailOf([]string{"From: anna@example.org", "To: " + reply, "Subject: Re: The well"}, "\n> The well is dug.\n"),
	} {
		if events := a.understand(raw); len(events) != 0 {
			t.Errorf("%s: %+v", name, events)
		}
	}
	for name, raw := range map[string][]byte{
		"her address in another case":          mailOf([]string{"From: ANNA@Example.ORG", "To: " + strings.ToUpper(reply)}, "STOP\n"),
		"an alias of hers that answers the id": mailOf([]string{"From: anna@other.example", "To: " + reply, "In-Reply-To: <" + id + ">"}, "STOP\n"),
		"tag in Delivered-To only":             hers("Delivered-To: "+reply, "To: mail@harbour.example"),
	} {
		events := a.understand(raw)
		if len(events) != 1 || events[0].Inbound == nil || events[0].Inbound.Text != "STOP" || !strings.EqualFold(events[0].Inbound.From.Reveal(), "anna@example.org") {
			t.Errorf("%s: %+v", name, events)
		}
	}
	rotated, err := made(at(d, map[string]any{"secret": "the-new-secret-of-the-channel", "previous_secret": secret}), "")
	if err != nil {
		t.Fatal(err)
	}
	if events := rotated.understand(hers("To: " + reply)); len(events) != 1 {
		t.Errorf("with the secret before: %+v", events)
	}
	for other, want := range map[string]string{"<" + id + ">": id, "<" + forgedID + "> <" + id + ">": id, "<anna@example.org>": ""} {
		if events := a.understand(hers("To: "+reply, "References: "+other)); len(events) != 1 || events[0].Inbound == nil || events[0].Inbound.ReplyTo != want {
			t.Errorf("what is answered: %+v, want %s", events, want)
		}
	}
	if events := a.understand(dsn(bounce)); len(events) != 1 || events[0].Receipt == nil {
		t.Errorf("a bounce: %+v", events)
	}
}

// What she wrote anew is told from what her program quotes.
func TestFreshText(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"Gmail":        {"STOP\n\nOn Mon, 1 Jan 2026 at 10:00, Harbour <\nnews@harbour.example> wrote:\n\n> The well is dug.\n", "STOP"},
		"German":       {"Ja\n\nAm 01.01.2026 um 10:00 schrieb Harbour:\n> Der Brunnen\n", "Ja"},
		"Outlook":      {"YES\n\n________________________________\nFrom: Harbour\nSent: Monday\n", "YES"},
		"Outlook rows": {"YES\n\nVon: Harbour\nGesendet: Montag\nAn: Anna\nBetreff: Brunnen\n\nDer Brunnen\n", "YES"},
		"signature":    {"STOP\n-- \nAnna\n", "STOP"},
		"original":     {"STOP\n-----Original Message-----\nold\n", "STOP"},
		"several":      {"We come.\n\nTwo of us:\nBen and Chi\n", "We come.\n\nTwo of us:\nBen and Chi"},
		"Arabic":       {"توقف\n\nكتب Harbour:\n> البئر\n", "توقف"},
		"nothing new":  {"> old\n", ""},
	} {
		if got := fresh(c.in); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	for in, want := range map[string]string{
		"STOP\n\nSent from my iPhone": "STOP", "Ja\n\nVon meinem Samsung Galaxy gesendet": "Ja", "YES\n\n\nGet Outlook for iOS": "YES",
		"My iPhone\nis lost": "My iPhone\nis lost", "Hello\n\nWe come by mobile library.\nAll of us.": "Hello\n\nWe come by mobile library.\nAll of us.", "iPhone": "iPhone",
	} {
		if got := clipped(fresh(in)); got != want {
			t.Errorf("%q gave %q, want %q", in, got, want)
		}
	}
	html := mailOf([]string{"Content-Type: text/html; charset=iso-8859-1", "Content-Transfer-Encoding: quoted-printable"},
		"<html><head><style>p{}</style></head><body><p>Caf=E9 &amp; more</p><script>x</script><blockquote>old</blockquote></body></html>")
	l, err := readLetter(html)
	if err != nil {
		t.Fatal(err)
	}
	if got := answerText(l); got != "Café & more" {
		t.Errorf("HTML: %q", got)
	}
}

// The cursor moves behind what was read and survives a folder that is made anew.
func TestPollingGoesOn(t *testing.T) {
	a, d := harbour(t, nil, "")
	if _, e := send(t, a, outbound("k")); e != nil {
		t.Fatal(e)
	}
	for range batch + 3 {
		if err := d.Reply("anna@example.org", "hello"); err != nil {
			t.Fatal(err)
		}
	}
	first, cursor := poll(t, a, "")
	second, next := poll(t, a, cursor)
	third, last := poll(t, a, next)
	if len(first) != batch || len(second) != 3 || len(third) != 0 || last != next {
		t.Errorf("%d, %d, %d events; %q, %q", len(first), len(second), len(third), next, last)
	}
	ids := map[string]bool{}
	for _, e := range slices.Concat(first, second) {
		ids[e.ID] = true
	}
	if len(ids) != batch+3 {
		t.Errorf("%d ids of %d events", len(ids), batch+3)
	}
	if anew, _ := poll(t, a, "77 9999"); len(anew) != batch {
		t.Errorf("a folder made anew gave %d events", len(anew))
	}
	if _, _, err := a.Poll(t.Context(), "nonsense"); err == nil {
		t.Error("a foreign cursor was taken")
	}
}

// With PollWait, an answer that comes while nothing is new is told at once.
func TestPollingWaitsForNews(t *testing.T) {
	a, d := harbour(t, nil, "")
	if _, e := send(t, a, outbound("k")); e != nil {
		t.Fatal(e)
	}
	_, cursor := poll(t, a, "")
	a.pollWait = 30 * time.Second
	got := make(chan []channels.Event, 1)
	go func() {
		events, _, err := a.Poll(context.Background(), cursor)
		if err != nil {
			t.Error(err)
		}
		got <- events
	}()
	if err := d.Reply("anna@example.org", "hello"); err != nil {
		t.Fatal(err)
	}
	select {
	case events := <-got:
		if len(events) != 1 {
			t.Errorf("%d events", len(events))
		}
	case <-time.After(20 * time.Second):
		t.Error("the news did not come")
	}
}

// A channel without a mailbox has nothing to tell, and ends its waiting with its context.
func TestWithoutAMailboxNothingComes(t *testing.T) {
	a, err := made(options(nil), "")
	if err != nil {
		t.Fatal(err)
	}
	a.pollWait = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if events, next, err := a.Poll(ctx, ""); len(events) != 0 || next != "" || err != nil {
		t.Errorf("%+v, %q, %v", events, next, err)
	}
	if c := a.Capabilities(); c.Inbound || c.Polled {
		t.Errorf("%+v", c)
	}
}

func FuzzUnderstand(f *testing.F) {
	a, err := made(options(map[string]any{"return_to": "mail@harbour.example", "imap_host": "127.0.0.1", "imap_username": "x", "imap_password": "y"}), "")
	if err != nil {
		f.Fatal(err)
	}
	m := outbound("k")
	r, err := a.returns(m)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("From: anna@example.org\r\nTo: " + r.reply + "\r\n\r\nSTOP\r\n"))
	f.Add([]byte("To: " + r.bounce + "\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nX: y\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"))
	f.Add([]byte("From: anna@example.org\r\nTo: " + r.reply + "\r\nContent-Type: text/html; charset=utf-16\r\nContent-Transfer-Encoding: base64\r\n\r\n////AAA="))
	f.Add([]byte("To: " + r.reply + "\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n", 100)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, e := range a.understand(raw) {
			if e.Inbound != nil && (len(e.Inbound.Text) > maxText || e.Inbound.From == "") {
				t.Errorf("an answer of %d bytes", len(e.Inbound.Text))
			}
			if e.Receipt != nil && (e.Receipt.Status == channels.StatusFailed) != (e.Receipt.Err != nil) {
				t.Error("a receipt without its error")
			}
		}
	})
}

// A bomb of parts in parts is given up early.
func TestHostileMessagesAreBounded(t *testing.T) {
	deep := "Content-Type: multipart/mixed; boundary=b0\r\n\r\n"
	for i := range 50 {
		deep += fmt.Sprintf("--b%d\r\nContent-Type: multipart/mixed; boundary=b%d\r\n\r\n", i, i+1)
	}
	wide := "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + strings.Repeat("--b\r\n\r\nx\r\n", 20_000)
	for name, raw := range map[string]string{"deep": deep, "wide": wide, "big": "Content-Type: text/plain\r\n\r\n" + strings.Repeat("x", maxMail)} {
		l, err := readLetter([]byte(raw))
		size := 0
		for _, one := range l.leaves {
			size += len(one.body)
		}
		if err != nil || len(l.leaves) > mostLeaves || size > mostLeaves*maxLeaf {
			t.Errorf("%s: %d parts, %d bytes, %v", name, len(l.leaves), size, err)
		}
	}
}
