package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/mail"
	"strconv"
	"strings"
	"time"
	"unique"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

var imapCaps = imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapIMAP4rev2: {}, imap.CapIdle: {}}

// boxSession is one client of the IMAP server (RFC 9051).
type boxSession struct {
	*imapmemserver.UserSession // nil until Login
	s                          *Sandbox
	conn                       *imapserver.Conn
}

// Login signs in. The user of a mailbox is its address; a password is learned on its first use, unless Options.Strict.
func (b *boxSession) Login(user, password string) error {
	if f := b.s.faults.strike(Mail, user, "", OnRead, onWire); f != nil && f.Stage == "" {
		if err := b.struck(f); err != nil {
			return err
		}
	}
	known, err := b.s.mail.box(user, password, b.s.opts.Strict)
	if err != nil {
		return err
	}
	b.UserSession = imapmemserver.NewUserSession(known)
	b.s.handOver(user)
	return nil
}

// box finds the mailbox of a user, or makes it.
func (m *mailRoom) box(user, password string, strict bool) (*imapmemserver.User, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.boxes[strings.ToLower(user)]
	if known == nil {
		if strict {
			return nil, imapserver.ErrAuthFailed
		}
		known = imapmemserver.NewUser(user, password)
		if err := known.Create("INBOX", nil); err != nil {
			return nil, err
		}
		m.boxes[strings.ToLower(user)] = known
	}
	return known, known.Login(user, password)
}

// struck does what a fault does; the error is the answer (RFC 5530).
func (b *boxSession) struck(f *Fault) error {
	no := func(code imap.ResponseCode, text string) error {
		return &imap.Error{Type: imap.StatusResponseTypeNo, Code: code, Text: text}
	}
	switch f.Kind {
	case Latency:
		b.s.rest(f.For, nil)
		return nil
	case Unauthorized:
		return imapserver.ErrAuthFailed
	case Throttle:
		return no(imap.ResponseCodeLimit, "try again in "+f.RetryAfter+" seconds")
	case Failure:
		return no(imap.ResponseCodeUnavailable, "Temporary failure")
	case Hang:
		b.s.hang(f, nil)
	}
	_ = b.conn.NetConn().Close()
	return no(imap.ResponseCodeUnavailable, "Closing")
}

// post puts a message into the mailbox of an address, or keeps it until its user signs in.
// from is its return path; empty: a machine wrote it.
func (s *Sandbox) post(to, from string, header []string, body string) {
	raw := "Return-Path: <" + from + ">\r\nDelivered-To: " + to + "\r\n" + strings.Join(header, "\r\n") + "\r\n" + s.dated() + "\r\n\r\n" + body
	user := untagged(to)
	s.mail.mu.Lock()
	s.mail.held[user] = append(s.mail.held[user], []byte(raw))
	s.mail.mu.Unlock()
	s.handOver(user)
}

// handOver moves what is kept for a user into his mailbox, if he has one.
func (s *Sandbox) handOver(user string) {
	user = strings.ToLower(user)
	s.mail.mu.Lock()
	defer s.mail.mu.Unlock()
	box := s.mail.boxes[user]
	if box == nil {
		return
	}
	for _, raw := range s.mail.held[user] {
		_, _ = box.Append("INBOX", bytes.NewReader(raw), &imap.AppendOptions{Time: s.now()}) // INBOX is always there
	}
	delete(s.mail.held, user)
	s.note()
}

// bounce sends a message back as a mail server does that took it and could not deliver it (RFC 3464).
func (s *Sandbox) bounce(r *record, f *Fault) {
	status := "5.1.1"
	if m := statusForm.FindString(f.Text); m != "" {
		status = strings.TrimSpace(m)
	}
	action := "failed"
	if f.Receipt == Late {
		action = "delayed"
	} else {
		code, _ := strconv.Atoi(strings.ReplaceAll(status, ".", "")) // digits and dots only
		r.set(statusUndelivered, code, s.now())
	}
	s.wall.touch(r.phone, false)
	const edge = "sandbox-report"
	body := "--" + edge + "\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nYour message to " + r.to + " could not be delivered.\r\n" +
		"--" + edge + "\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; sandbox.localhost\r\n\r\n" +
		"Final-Recipient: rfc822; " + r.to + "\r\nAction: " + action + "\r\nStatus: " + status + "\r\nDiagnostic-Code: smtp; 550 " + status + " No delivery to <" + r.to + ">\r\n\r\n" +
		"--" + edge + "\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <" + r.mail.id + ">\r\n\r\n--" + edge + "--\r\n"
	s.post(r.mail.from, "", []string{
		"From: Mail Delivery System <MAILER-DAEMON@sandbox.localhost>", "To: " + r.mail.from, "Subject: Undelivered Mail Returned to Sender",
		"Auto-Submitted: auto-replied", "MIME-Version: 1.0", `Content-Type: multipart/report; report-type=delivery-status; boundary="` + edge + `"`,
	}, body)
}

func (s *Sandbox) dated() string { return "Date: " + s.now().Format(time.RFC1123Z) }

// autoReply answers as a vacation program does (RFC 3834): to the return path.
func (s *Sandbox) autoReply(r *record, f *Fault) {
	text := f.Text
	if text == "" {
		text = "I am away until Monday."
	}
	s.post(r.mail.from, "", []string{
		"From: <" + r.to + ">", "To: " + r.mail.from, "Subject: Auto: " + mime.QEncoding.Encode("utf-8", r.mail.subject),
		"Auto-Submitted: auto-replied", "In-Reply-To: <" + r.mail.id + ">", "Content-Type: text/plain; charset=utf-8",
	}, text+"\r\n")
}

// replyMail answers the newest message, or unsubscribes by it.
func (s *Sandbox) replyMail(in Reply) (uint64, error) {
	if in.Text == "" && !in.Leave {
		return 0, fmt.Errorf("from a mailbox one can only write or unsubscribe: %w", errors.ErrUnsupported)
	}
	p, made := s.phones.get(KindEmail, in.Address)
	if made {
		s.wall.add(p)
	}
	var last *record
	for _, seq := range p.list() {
		if r := s.journal.get(uint64(seq)); r.kind == EntryMessage && r.mail != nil {
			last = r
		}
	}
	if last == nil {
		return 0, ErrNobody
	}
	if in.Leave {
		return s.leaveMail(p, last)
	}
	to := last.mail.header.Get("Reply-To")
	if to == "" {
		to = last.mail.header.Get("From")
	}
	address, err := mail.ParseAddress(to)
	if err != nil {
		return 0, fmt.Errorf("the message names no address to answer to: %w", err)
	}
	rec := s.keepMailReply(last, p, EntryReply, address.Address, in.Text)
	s.post(address.Address, in.Address, []string{
		"From: <" + in.Address + ">", "To: " + address.Address,
		"Subject: Re: " + mime.QEncoding.Encode("utf-8", last.mail.subject), "In-Reply-To: <" + last.mail.id + ">",
		"Message-ID: <sandbox-" + strconv.FormatUint(rec.seq, 10) + "@sandbox.localhost>", "MIME-Version: 1.0",
		"Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit",
	}, strings.ReplaceAll(in.Text, "\n", "\r\n")+"\r\n\r\n> "+strings.ReplaceAll(last.text.Value(), "\n", "\r\n> ")+"\r\n")
	return rec.seq, nil
}

// leaveMail presses "unsubscribe" as a mail program does: with one click where the message offers that (RFC 8058), else
// by the mail that it asks for.
func (s *Sandbox) leaveMail(p *phone, last *record) (uint64, error) {
	oneClick, byMail := "", ""
	for _, one := range strings.Split(last.mail.header.Get("List-Unsubscribe"), ",") {
		one = strings.Trim(strings.TrimSpace(one), "<>")
		switch {
		case strings.HasPrefix(one, "http"):
			oneClick = one
		case strings.HasPrefix(one, "mailto:"):
			byMail, _, _ = strings.Cut(one[len("mailto:"):], "?")
		}
	}
	if oneClick != "" && strings.EqualFold(strings.TrimSpace(last.mail.header.Get("List-Unsubscribe-Post")), "List-Unsubscribe=One-Click") {
		rec := s.keepMailReply(last, p, EntryPress, "one click", "unsubscribe")
		s.box.do(func(ctx context.Context) {
			s.box.post(ctx, oneClick, "application/x-www-form-urlencoded", http.Header{}, "List-Unsubscribe=One-Click")
			s.note()
		})
		return rec.seq, nil
	}
	if byMail == "" {
		return 0, errors.New("the newest message offers no way to unsubscribe")
	}
	rec := s.keepMailReply(last, p, EntryPress, byMail, "unsubscribe")
	s.post(byMail, p.key.address, []string{"From: <" + p.key.address + ">", "To: " + byMail, "Subject: unsubscribe"}, "\r\n")
	return rec.seq, nil
}

func (s *Sandbox) keepMailReply(last *record, p *phone, kind, to, text string) *record {
	rec := s.journal.append(line{
		at: s.now().UnixMicro(), owner: last.owner, phone: p, kind: kind, from: unique.Make(p.key.address), to: to,
		text: unique.Make(text), kept: true, service: unique.Make(""),
	}, statusReceived)
	s.filed(p, last.owner, to, rec)
	return rec
}

var _ imapserver.SessionIMAP4rev2 = (*boxSession)(nil)
