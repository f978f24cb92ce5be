package email

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
)

// Each row of the provider facts on mail, over the wire: what the server says at which stage, and what follows from it.
func TestEachRefusalOverTheWire(t *testing.T) {
	for _, c := range []struct {
		stage, answer string
		class         channels.Class
		scope         channels.Scope
		code          string
		wait          time.Duration
	}{
		// 4yz: temporary, half an hour.
		{"RCPT", "450 mailbox busy", temporary, onAddress, "450", usualWait},
		{"RCPT", "451 local error", temporary, onChannel, "451", usualWait},
		{"RCPT", "452 4.3.1 disk full", temporary, onChannel, "452 4.3.1", usualWait},
		{"MAIL", "421 closing", temporary, onChannel, "421", 0},
		{"MAIL", "452 4.5.3 too many", channels.Throttled, onChannel, "452 4.5.3", floodWait},
		{"DATA", "451 4.3.0 trouble", temporary, onChannel, "451 4.3.0", usualWait},
		{".", "451 4.3.2 not now", temporary, onChannel, "451 4.3.2", usualWait},
		{".", "421 4.3.2 shutting down", temporary, onChannel, "421 4.3.2", 0},
		// Greylisting.
		{"RCPT", "451 4.7.1 Greylisting in action, please come back later", temporary, onSender, "451 4.7.1", greylistWait},
		{"RCPT", "450 4.2.0 Greylisted, try again in 300 seconds", temporary, onSender, "450 4.2.0", 300 * time.Second},
		{"RCPT", "451 Graylisted, come again in 10 minutes", temporary, onSender, "451", 10 * time.Minute},
		// 5yz: the subject digit decides.
		{"RCPT", "550 5.1.1 no such user anna@example.org", permanent, onAddress, "550 5.1.1", 0},
		{"RCPT", "550 5.1.2 no such domain", permanent, onAddress, "550 5.1.2", 0},
		{"RCPT", "553 5.1.3 bad syntax", permanent, onAddress, "553 5.1.3", 0},
		{"RCPT", "556 5.1.10 null MX", permanent, onAddress, "556 5.1.10", 0},
		{"RCPT", "551 5.1.6 moved", gone, onAddress, "551 5.1.6", 0},
		{"MAIL", "550 5.1.8 bad sender", permanent, onSender, "550 5.1.8", 0},
		{"MAIL", "550 5.1.1 who are you", permanent, onSender, "550 5.1.1", 0},
		{"RCPT", "550 no such user", permanent, onAddress, "550", 0},
		{"RCPT", "550 blocked by our policy", permanent, onSender, "550", 0},
		{"RCPT", "550-your reputation\r\n550 is bad", permanent, onSender, "550", 0},
		{"RCPT", "554 refused", permanent, onChannel, "554", 0},
		// Disabled or full: soft.
		{"RCPT", "550 5.2.1 disabled", temporary, onAddress, "550 5.2.1", usualWait},
		{"RCPT", "552 5.2.2 full", temporary, onAddress, "552 5.2.2", usualWait},
		{"RCPT", "452 4.2.2 full", temporary, onAddress, "452 4.2.2", usualWait},
		{"RCPT", "552 no room", temporary, onAddress, "552", usualWait},
		// Too big.
		{"RCPT", "552 5.2.3 too big", permanent, onContent, "552 5.2.3", 0},
		{"MAIL", "552 5.3.4 too big", permanent, onContent, "552 5.3.4", 0},
		{".", "552 too much data", permanent, onContent, "552", 0},
		// Policy, authentication, reputation: the sender, never the address.
		{"RCPT", "550 5.7.1 we do not like you", permanent, onSender, "550 5.7.1", 0},
		{".", "550 5.7.26 unauthenticated mail", permanent, onSender, "550 5.7.26", 0},
		{".", "550 5.7.515 access denied, sender does not meet the required authentication level", permanent, onSender, "550 5.7.515", 0},
		{".", "450 4.7.26 come with a signature", temporary, onSender, "450 4.7.26", usualWait},
		{"MAIL", "421 4.7.0 try again later", temporary, onSender, "421 4.7.0", usualWait},
		{"RCPT", "450 4.7.28 too many messages", channels.Throttled, onSender, "450 4.7.28", floodWait},
		{"RCPT", "550 5.7.17 another owner", gone, onAddress, "550 5.7.17", 0},
		{"greet", "554 5.7.1 no mail from you", permanent, onSender, "554 5.7.1", 0},
		{"greet", "421 too many connections", temporary, onChannel, "421", 0},
		{"MAIL", "530 5.7.0 sign in first", auth, onSender, "530 5.7.0", 0},
		{"MAIL", "530 5.7.11 encrypt first", auth, onSender, "530 5.7.11", 0},
		// What is read and refused.
		{".", "554 5.6.0 unreadable", permanent, onContent, "554 5.6.0", 0},
		{".", "554 refused after reading", permanent, onContent, "554", 0},
		{".", "550 5.4.6 loop", permanent, onChannel, "550 5.4.6", 0},
	} {
		t.Run(c.stage+" "+c.answer, func(t *testing.T) {
			t.Parallel()
			f := startFake(t, map[string]string{c.stage: c.answer})
			_, e := send(t, f.adapter(t, nil, ""), outbound("k"))
			if e == nil {
				t.Fatal("it was taken for sent")
			}
			if e.Class != c.class || e.Scope != c.scope || e.Code != c.code || e.RetryAfter != c.wait || e.Detail == "" {
				t.Errorf("got %v, %s, %q, %v; want %v, %s, %q, %v", e.Class, e.Scope, e.Code, e.RetryAfter, c.class, c.scope, c.code, c.wait)
			}
			if e.Scope == onAddress && e.Class == permanent && c.scope != onAddress {
				t.Error("the address is blamed")
			}
			messages, _, _ := f.got()
			if n := len(messages); n > 1 || c.stage != "." && n != 0 {
				t.Errorf("%d messages were handed over", n)
			}
		})
	}
}

// 250 is handed over, and no more.
func TestAcceptedIsNotDelivered(t *testing.T) {
	f := startFake(t, map[string]string{})
	sent, e := send(t, f.adapter(t, nil, ""), outbound("k"))
	if e != nil || sent.Delivered || sent.ProviderID == "" {
		t.Errorf("%+v, %v", sent, e)
	}
}

// What failed before the final dot was certainly not sent; what got no answer after it perhaps was.
func TestTheFinalDotDrawsTheLine(t *testing.T) {
	for _, c := range []struct {
		at, answer string
		class      channels.Class
	}{
		{"greet", "", temporary}, {"EHLO", "", temporary}, {"MAIL", "", temporary}, {"RCPT", "", temporary}, {"DATA", "", temporary},
		{".", "250 2.0.0 que✂", channels.Unknown}, {".", "250-2.0.0 one\r\n250✂", channels.Unknown}, {".", "550 5.1.1 n✂", channels.Unknown},
		{".", "250-" + strings.Repeat("x", 5000), channels.Unknown}, {".", strings.Repeat("250-x\r\n", 200) + "250 x", channels.Unknown},
		{".", "999 what", channels.Unknown}, {".", "25", channels.Unknown}, {"RCPT", "250 2.✂", temporary},
		{".", "", channels.Unknown}, {".", "<html>502</html>", channels.Unknown}, {".", "354 go on", channels.Unknown},
		{"greet", "HTTP/1.1 400 Bad Request", temporary}, {"RCPT", "nonsense", temporary}, {"DATA", "250 what", temporary},
	} {
		t.Run(c.at+" "+c.answer, func(t *testing.T) {
			t.Parallel()
			f := startFake(t, map[string]string{c.at: c.answer})
			_, e := send(t, f.adapter(t, nil, ""), outbound("k"))
			if e == nil || e.Class != c.class || e.Scope != onChannel {
				t.Errorf("got %v, want class %v", e, c.class)
			}
		})
	}
	for _, at := range []string{"greet", "EHLO", "MAIL", "RCPT", "DATA"} { // silence after the dot: see below
		t.Run("silence at "+at, func(t *testing.T) {
			t.Parallel()
			f := startFake(t, map[string]string{at: "…"})
			a := f.adapter(t, nil, "")
			ctx, cancel := context.WithTimeout(context.Background(), 150*time.Millisecond)
			defer cancel()
			_, err := a.Send(ctx, outbound("k"))
			var e *channels.Error
			if !errors.As(err, &e) || e.Class != temporary {
				t.Errorf("got %v, want class %v", err, temporary)
			}
		})
	}
}

// A server that has read the final dot and says nothing leaves the message in doubt, however the waiting ends.
func TestSilenceAfterTheDotIsDoubt(t *testing.T) {
	f := startFake(t, map[string]string{".": "…"})
	a := f.adapter(t, nil, "")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := a.Send(ctx, outbound("k"))
		done <- err
	}()
	<-f.dotted
	cancel()
	var e *channels.Error
	if err := <-done; !errors.As(err, &e) || e.Class != channels.Unknown {
		t.Errorf("after the dot: %v", err)
	}
}

// Connections are kept, checked before they are used again, and closed after their number of messages.
func TestConnectionsAreKept(t *testing.T) {
	f := startFake(t, map[string]string{})
	a := f.adapter(t, map[string]any{"connections": 1, "messages_per_connection": 5}, "")
	for i := range 12 {
		if _, e := send(t, a, outbound(fmt.Sprint(i))); e != nil {
			t.Fatal(e)
		}
	}
	messages, _, opened := f.got()
	if len(messages) != 12 || opened != 3 {
		t.Errorf("%d messages over %d connections, want 12 over 3", len(messages), opened)
	}
}

// A connection that has lain for a while is asked for a sign of life, and one that has lain long is not used again.
func TestIdleConnectionsAreChecked(t *testing.T) {
	f := startFake(t, map[string]string{})
	a := f.adapter(t, map[string]any{"connections": 1}, "")
	for i, lain := range []time.Duration{0, 2 * idleTrust, 2 * idleMost} {
		if i > 0 {
			a.pool.idle[0].idle = time.Now().Add(-lain)
		}
		if _, e := send(t, a, outbound(fmt.Sprint(i))); e != nil {
			t.Fatal(e)
		}
	}
	_, lines, opened := f.got()
	if all := strings.Join(lines, "\n"); opened != 2 || strings.Count(all, "NOOP") != 1 || strings.Count(all, "QUIT") != 1 {
		t.Errorf("%d connections; %s", opened, all)
	}
}

// Signing in: a refusal pauses the channel, trouble at the server does not, and a password goes nowhere that takes none.
func TestSigningIn(t *testing.T) {
	for _, c := range []struct {
		offer, answer string
		class         channels.Class
	}{
		{"AUTH PLAIN LOGIN", "235 2.7.0 welcome", -1},
		{"AUTH PLAIN", "535 5.7.8 no", auth},
		{"AUTH PLAIN", "535 no", auth},
		{"AUTH PLAIN", "534 5.7.9 use another way", auth},
		{"AUTH PLAIN", "454 4.7.0 not now", temporary},
		{"AUTH PLAIN", "421 4.3.2 closing", temporary},
		{"AUTH XOAUTH2", "235 welcome", auth},
		{"SIZE 1000", "235 welcome", auth},
	} {
		t.Run(c.offer+" "+c.answer, func(t *testing.T) {
			t.Parallel()
			f := startFake(t, map[string]string{"EHLO": "250-fake\r\n250 " + c.offer, "AUTH": c.answer})
			_, e := send(t, f.adapter(t, map[string]any{"username": "carillon", "password": password}, ""), outbound("k"))
			if c.class < 0 && e != nil || c.class >= 0 && (e == nil || e.Class != c.class) {
				t.Errorf("got %v, want class %v", e, c.class)
			}
			if e != nil && e.Class == auth && e.Scope != onSender {
				t.Errorf("the fault is with the %s", e.Scope)
			}
		})
	}
}

// A refusal leaves the connection good: RSET comes before the next message.
func TestARefusalLeavesTheConnectionGood(t *testing.T) {
	f := startFake(t, map[string]string{"RCPT": "550 5.1.1 no"})
	a := f.adapter(t, map[string]any{"connections": 1}, "")
	if _, e := send(t, a, outbound("1")); e == nil {
		t.Fatal("it was taken")
	}
	f.set("RCPT", "250 ok")
	if _, e := send(t, a, outbound("2")); e != nil {
		t.Fatal(e)
	}
	_, lines, opened := f.got()
	if opened != 1 || !strings.Contains(strings.Join(lines, "\n"), "RSET") {
		t.Errorf("%d connections; %q", opened, lines)
	}
}

// A kept connection that the server closed meanwhile is replaced, and the message goes once.
func TestAClosedConnectionIsReplaced(t *testing.T) {
	f := startFake(t, map[string]string{})
	a := f.adapter(t, map[string]any{"connections": 1}, "")
	if _, e := send(t, a, outbound("1")); e != nil {
		t.Fatal(e)
	}
	f.mu.Lock()
	for _, c := range f.conns {
		_ = c.Close()
	}
	f.mu.Unlock()
	if _, e := send(t, a, outbound("2")); e != nil {
		t.Fatal(e)
	}
	if messages, _, opened := f.got(); len(messages) != 2 || opened != 2 {
		t.Errorf("%d messages over %d connections, want 2 over 2", len(messages), opened)
	}
}

// The same part has the same Message-ID however often it is sent; another part has another.
func TestMessageIDFollowsTheKey(t *testing.T) {
	f := startFake(t, map[string]string{})
	a := f.adapter(t, nil, "")
	ids := map[string]int{}
	for _, key := range []string{"x", "x", "y"} {
		sent, e := send(t, a, outbound(key))
		if e != nil {
			t.Fatal(e)
		}
		ids[sent.ProviderID]++
	}
	messages, _, _ := f.got()
	if len(ids) != 2 {
		t.Errorf("%d ids, want 2", len(ids))
	}
	for id := range ids {
		if strings.Contains(id, "anna") || !strings.Contains(strings.Join(messages, ""), "Message-ID: <"+id+">\r\n") {
			t.Errorf("the id %q is not the message's, or tells the address", id)
		}
	}
}

// The server's SIZE is believed before anything is handed over, and DSN is asked for only where it is offered.
func TestExtensionsAreUsed(t *testing.T) {
	f := startFake(t, map[string]string{"EHLO": "250-fake\r\n250 SIZE 400"})
	_, e := send(t, f.adapter(t, nil, ""), outbound("k"))
	if e == nil || e.Class != permanent || e.Scope != onContent {
		t.Errorf("too big for the server: %v", e)
	}
	if _, lines, _ := f.got(); strings.Contains(strings.Join(lines, " "), "MAIL") {
		t.Error("the server was asked all the same")
	}
	f = startFake(t, map[string]string{})
	if _, e := send(t, f.adapter(t, nil, ""), outbound("k")); e != nil {
		t.Fatal(e)
	}
	_, lines, _ := f.got()
	if all := strings.Join(lines, "\n"); !strings.Contains(all, "NOTIFY=FAILURE") || !strings.Contains(all, "RET=HDRS") || !strings.Contains(all, " SIZE=") {
		t.Errorf("the extensions are not used: %s", all)
	}
}

// A subject with a line break would write headers of its own.
func TestAFrozenPartCannotWriteHeaders(t *testing.T) {
	f := startFake(t, map[string]string{})
	a := f.adapter(t, nil, "")
	for _, subject := range []string{"x\r\nBcc: eve@example.org", "x\ny", "x\x00y"} {
		m := outbound("k")
		m.Part.Subject = subject
		if _, e := send(t, a, m); e == nil || e.Class != permanent || e.Scope != onContent {
			t.Errorf("%q: %v", subject, e)
		}
	}
	for _, to := range []channels.Address{"anna@example.org\r\nRCPT TO:<eve@example.org>", "<anna@example.org>", "anna@example.org> X=<"} {
		m := outbound("k")
		m.To = to
		if _, e := send(t, a, m); e == nil || e.Class != permanent || e.Scope != onAddress {
			t.Errorf("%q: %v", to.Reveal(), e)
		}
	}
	expired := outbound("k")
	expired.Expires = time.Now().Add(-time.Second)
	if _, e := send(t, a, expired); !errors.Is(e, channels.ErrExpired) {
		t.Errorf("expired: %v", e)
	}
	if _, lines, _ := f.got(); len(lines) != 0 {
		t.Errorf("the server heard of them: %q", lines)
	}
}

// A subject is text, also where it looks like a header's encoding: what it hides must not come out in her list of mails.
func TestASubjectIsShownAsItStands(t *testing.T) {
	f := startFake(t, map[string]string{})
	a := f.adapter(t, nil, "")
	for _, subject := range []string{
		"=?utf-8?q?=E2=80=AEfdp=2Eexe?=", "well =?utf-8?b?DQpCY2M6IGV2ZUBleGFtcGxlLm9yZw==?=", "=?", "a ?= b =? c", strings.Repeat("=?x?q?y?= ", 20) + "z", "=?utf-8?q?é?=",
	} {
		m := outbound("k")
		m.Part.Subject = subject
		if _, e := send(t, a, m); e != nil {
			t.Fatal(e)
		}
		messages, _, _ := f.got()
		read, err := mail.ReadMessage(strings.NewReader(messages[len(messages)-1]))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := new(mime.WordDecoder).DecodeHeader(read.Header.Get("Subject")); err != nil || got != subject {
			t.Errorf("%q is shown as %q, %v", subject, got, err)
		}
	}
}

// A server that speaks out of turn is not believed: its next words could be taken for the answer to another question.
func TestRepliesOutOfTurn(t *testing.T) {
	f := startFake(t, map[string]string{"DATA": "354 go on\r\n250 2.0.0 queued", ".": "554 5.7.1 refused"})
	a := f.adapter(t, map[string]any{"connections": 1}, "")
	if _, e := send(t, a, outbound("1")); e == nil || e.Class != temporary || e.Scope != onChannel {
		t.Errorf("an answer before the final dot: %v", e)
	}
	f.set("DATA", "354 go on")
	f.set(".", "250 2.0.0 queued\r\n250 2.0.0 queued again")
	for range 2 {
		if _, e := send(t, a, outbound("2")); e != nil {
			t.Fatal(e)
		}
	}
	if messages, _, opened := f.got(); len(messages) != 2 || opened != 3 {
		t.Errorf("%d messages over %d connections, want each over its own", len(messages), opened)
	}
}

// A refusal of ours for policy is a trouble of the channel; one of an address, or one that may pass, is not.
func TestPolicyIsTroubleOfTheChannel(t *testing.T) {
	for _, c := range []struct {
		at   stage
		code int
		text string
		want channels.Trouble
	}{
		{atRcpt, 550, "5.7.1 we do not like you", channels.TroubleFiltered},
		{atDot, 550, "5.7.26 unauthenticated mail", channels.TroubleFiltered},
		{atMail, 550, "5.1.8 bad sender", channels.TroubleUnregistered},
		{atMail, 530, "5.7.0 sign in first", channels.TroubleCredentials},
		{atRcpt, 550, "5.1.1 nobody here", ""},
		{atRcpt, 451, "4.7.1 later", ""},
		{atDot, 552, "5.3.4 too big", ""},
	} {
		if got := channels.TroubleOf(judge(c.at, c.code, c.text)); got != c.want {
			t.Errorf("%v: %d %s: trouble %q, want %q", c.at, c.code, c.text, got, c.want)
		}
	}
}

// To a member in neutral mode the headers say neither the sender's name nor the list's; to others they do.
func TestNeutralHeadersNameNobody(t *testing.T) {
	f := startFake(t, map[string]string{})
	a := f.adapter(t, map[string]any{"from_name": "Zephyr Choir", "list_id": "zephyr.harbour.example"}, "https://gateway.example/hooks/01890000-0000-7000-8000-00000000cafe")
	for _, neutral := range []bool{true, false} {
		m := outbound("x")
		m.Neutral = neutral
		if _, e := send(t, a, m); e != nil {
			t.Fatal(e)
		}
		messages, _, _ := f.got()
		head, _, _ := strings.Cut(messages[len(messages)-1], "\r\n\r\n")
		for _, line := range strings.Split(head, "\r\n") {
			if neutral && strings.Contains(strings.ToLower(line), "zephyr") {
				t.Errorf("it says %s", line)
			}
		}
		if named := strings.Contains(head, "Zephyr Choir") && strings.Contains(head, "List-Id: <zephyr.harbour.example>"); named == neutral {
			t.Errorf("neutral %v:\n%s", neutral, head)
		}
	}
}
