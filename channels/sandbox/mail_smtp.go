package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unique"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// The stages of an SMTP session at which a fault can strike.
const (
	StageConnect = "connect" // instead of the greeting
	StageHello   = "hello"   // EHLO
	StageAuth    = "auth"
	StageMail    = "mail"
	StageRcpt    = "rcpt"
	StageData    = "data" // after the final dot: the default for faults on sending
)

// greeter strikes connections before they are greeted.
type greeter struct {
	net.Listener
	s *Sandbox
}

func (g *greeter) Accept() (net.Conn, error) {
	for {
		conn, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		f := g.s.mailFault(StageConnect, OnRead, "", "")
		if f == nil {
			return conn, nil
		}
		go func() {
			defer conn.Close()
			if bad := g.s.spoilMail(f, conn, StageConnect); bad != nil {
				_, _ = fmt.Fprintf(conn, "%d %s\r\n", bad.Code, bad.Message)
			}
		}()
	}
}

// mailSession is one client of the SMTP server (RFC 5321).
type mailSession struct {
	s    *Sandbox
	conn *smtp.Conn
	user string
	from string
	to   []string
}

func (s *Sandbox) newMailSession(c *smtp.Conn) (smtp.Session, error) {
	m := &mailSession{s: s, conn: c}
	if bad := m.struck(StageHello, OnRead, ""); bad != nil {
		return nil, bad
	}
	return m, nil
}

// mailFault finds the fault that strikes at a stage. A fault that names a stage strikes there; others strike where their
// kind and the calls that they are for have it.
func (s *Sandbox) mailFault(stage, on, user, address string) *Fault {
	named := func(f *Fault) bool { return onWire(f) && f.Stage == stage }
	if f := s.faults.strike(Mail, user, address, OnSend, named); f != nil {
		return f
	}
	return s.faults.strike(Mail, user, address, on, func(f *Fault) bool {
		usual := StageData
		if on == OnRead {
			usual = StageAuth
		} else if f.Kind == Unauthorized {
			usual = StageMail
		}
		return onWire(f) && f.Stage == "" && usual == stage
	})
}

// struck makes trouble as a fault says, if one strikes; the answer is to be given.
func (m *mailSession) struck(stage, on, address string) error {
	f := m.s.mailFault(stage, on, m.user, address)
	if f == nil || stage == StageData {
		return nil
	}
	if bad := m.s.spoilMail(f, m.conn.Conn(), stage); bad != nil {
		return bad
	}
	return nil
}

// spoilMail does what a fault does and returns the answer to give instead of the true one; nil: the true one. It closes
// the connection if nothing is to be said any more.
func (s *Sandbox) spoilMail(f *Fault, conn net.Conn, stage string) *smtp.SMTPError {
	cut := &smtp.SMTPError{Code: 421, EnhancedCode: smtp.EnhancedCode{4, 4, 2}, Message: "Closing"} // nobody reads it any more
	switch f.Kind {
	case Latency:
		s.rest(f.For, nil)
		return nil
	case Hang:
		s.hang(f, nil) // go-smtp does not tell when a client goes
		_ = conn.Close()
		return cut
	case Cut:
		_ = conn.Close()
		return cut
	case Garbage:
		_, _ = io.WriteString(conn, "\x00\xff<<<< no reply\r\n")
		_ = conn.Close()
		return cut
	case HTML:
		_, _ = io.WriteString(conn, "<html>\r\n<head><title>"+strconv.Itoa(f.status(503))+"</title></head>\r\n</html>\r\n")
		_ = conn.Close()
		return cut
	case Drip:
		each := f.For
		if each == 0 {
			each = 500 * time.Millisecond
		}
		for _, c := range []byte("250 2.0.0 OK: queued\r\n") {
			if _, err := conn.Write([]byte{c}); err != nil || !s.rest(each, nil) {
				break
			}
		}
		_ = conn.Close()
		return cut
	}
	return f.smtp(stage)
}

// smtp is the refusal of a fault (codes: RFC 5321, section 4.2.3, and RFC 4954, section 6).
func (f *Fault) smtp(stage string) *smtp.SMTPError {
	switch f.Kind {
	case Throttle:
		code, text := 450, "Too many messages"
		if stage == StageAuth {
			code = 454
		}
		if f.RetryAfter != "" {
			text += "; try again in " + f.RetryAfter + " seconds"
		}
		return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{4, 7, 28}, Message: text}
	case Unauthorized:
		if stage == StageAuth {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "Authentication credentials invalid"}
		}
		return &smtp.SMTPError{Code: 530, EnhancedCode: smtp.EnhancedCode{5, 7, 0}, Message: "Authentication required"}
	}
	code, text, status := f.status(451), f.Text, smtp.NoEnhancedCode
	if m := statusForm.FindStringSubmatch(text); m != nil {
		text = strings.TrimSpace(text[len(m[0]):])
		for i := range status {
			status[i], _ = strconv.Atoi(m[i+1]) // the form has digits only
		}
	}
	if text == "" {
		text = "Refused by the sandbox"
	}
	return &smtp.SMTPError{Code: code, EnhancedCode: status, Message: text}
}

// statusForm is an enhanced status code at the start of a fault's text.
var statusForm = regexp.MustCompile(`^([245])\.([0-9]{1,3})\.([0-9]{1,3})(?: |$)`)

// AuthMechanisms lists the one way of signing in.
func (m *mailSession) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth signs in. A password is learned on its first use, unless Options.Strict.
func (m *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		m.user = user
		if err := m.struck(StageAuth, OnRead, ""); err != nil {
			return err
		}
		room := &m.s.mail
		room.mu.Lock()
		defer room.mu.Unlock()
		want, known := room.secrets[user]
		if !known && !m.s.opts.Strict {
			want, room.secrets[user] = password, password
		}
		if want != password || want == "" {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}

func (m *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	if err := m.struck(StageMail, OnSend, ""); err != nil {
		return err
	}
	m.from = from
	return nil
}

func (m *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if err := m.struck(StageRcpt, OnSend, to); err != nil {
		m.lose(to, err)
		return err
	}
	if err := m.s.greylisted(m.user, m.from, to); err != nil {
		m.lose(to, err)
		return err
	}
	if (Phone{Kind: KindEmail, Address: to}).check() != nil {
		return &smtp.SMTPError{Code: 501, EnhancedCode: smtp.EnhancedCode{5, 1, 3}, Message: "Bad recipient address syntax"}
	}
	m.to = append(m.to, to)
	return nil
}

// greylisted refuses a sender and recipient that were never seen together, for a while (RFC 6647, section 2).
func (s *Sandbox) greylisted(user, from, to string) error {
	f := s.faults.strike(Mail, user, to, OnSend, isKind(Greylist))
	if f == nil {
		return nil
	}
	wait := f.For
	if wait == 0 {
		wait = 5 * time.Minute
	}
	key := untagged(from) + " " + to
	s.mail.mu.Lock()
	defer s.mail.mu.Unlock()
	first, known := s.mail.greylist[key]
	if !known {
		first = s.now()
		s.mail.greylist[key] = first
	}
	if s.now().Sub(first) >= wait {
		return nil
	}
	return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "Greylisted, please come again"}
}

// Data takes the message. It is in the log before the answer is given.
func (m *mailSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	l, text, err := readLetter(raw)
	if err != nil {
		return &smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 6, 0}, Message: "The message cannot be read"}
	}
	l.from = m.from
	f := m.s.mailFault(StageData, OnSend, m.user, m.to[0])
	spoilt := f.spoils()
	refused := spoilt && (f.Kind == Failure || f.Kind == Throttle || f.Kind == Unauthorized)
	for _, to := range m.to {
		answer := "250"
		if spoilt {
			answer = f.label(f.status(503))
		}
		if refused {
			answer = strconv.Itoa(f.smtp(StageData).Code)
		}
		if spoilt && !f.Kept {
			m.s.logMail(m.sender(), l, text, to, answer, 0, false)
			continue
		}
		m.s.keepMail(m.sender(), l, text, to, answer)
	}
	if f == nil {
		return nil
	}
	if bad := m.s.spoilMail(f, m.conn.Conn(), StageData); bad != nil {
		return bad
	}
	return nil
}

func (m *mailSession) Reset() { m.from, m.to = "", nil }

func (m *mailSession) Logout() error { return nil }

// sender is whose messages this session brings.
func (m *mailSession) sender() *owner { return m.s.mailOwner(m.user) }

func (s *Sandbox) mailOwner(user string) *owner {
	s.mail.mu.Lock()
	defer s.mail.mu.Unlock()
	o := s.mail.senders[user]
	if o == nil {
		o = &owner{s, Mail, user}
		s.mail.senders[user] = o
	}
	return o
}

// lose logs a message that was refused before it came.
func (m *mailSession) lose(to string, why error) {
	code := 0
	if bad := new(smtp.SMTPError); errors.As(why, &bad) {
		code = bad.Code
	}
	m.s.logMail(m.sender(), letter{from: m.from}, "", to, strconv.Itoa(code), code, false)
}

func (s *Sandbox) logMail(by *owner, l letter, text, to, answer string, code int, kept bool) *record {
	entry := line{
		at: s.now().UnixMicro(), owner: by, kind: EntryMessage, from: unique.Make(l.sender), to: strings.Clone(to),
		text: unique.Make(text), code: int32(code), kept: kept, answer: answer, service: unique.Make(""), mail: &l,
	}
	st := statusNone
	if kept {
		entry.phone, _ = s.phones.get(KindEmail, to)
		s.wall.add(entry.phone)
		st = statusSent
	}
	rec := s.journal.append(entry, st)
	s.seen.count(rec)
	s.note()
	return rec
}

// keepMail takes a message: it is in the mailbox, or will come back.
func (s *Sandbox) keepMail(by *owner, l letter, text, to, answer string) {
	rec := s.logMail(by, l, text, to, answer, 0, true)
	s.receive(rec.phone, rec, l.sender, "")
	if f := s.faults.strike(Mail, by.name, to, OnSend, isKind(Bounce)); f != nil {
		s.later(f.For, func(context.Context) { s.bounce(rec, f) })
		return
	}
	s.later(s.opts.Pace, func(context.Context) {
		rec.set(statusDelivered, 0, s.now())
		s.arrive(rec)
		if f := s.faults.strike(Mail, by.name, to, OnSend, isKind(AutoReply)); f != nil {
			s.later(f.For, func(context.Context) { s.autoReply(rec, f) })
		}
	})
}

// later runs a task after a while of the sandbox's clock; at once for zero.
func (s *Sandbox) later(wait time.Duration, do task) {
	if wait <= 0 {
		do(s.box.ctx)
		return
	}
	s.box.at(s.now().Add(wait), do)
}

var (
	_ smtp.AuthSession = (*mailSession)(nil)
	_ net.Listener     = (*greeter)(nil)
)
