package email

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"

	"github.com/carillon-gateway/carillon/channels"
)

// link is a connection to the SMTP server, greeted, secured and signed in. One sender uses it at a time.
type link struct {
	conn net.Conn
	smtp *smtp.Client
	text *textproto.Conn // of smtp, behind TLS
	dsn  bool            // the server offers delivery status notifications (RFC 3461)
	size int64           // the largest message that it takes, in bytes; zero: it does not say
	sent int
	idle time.Time // since when nobody uses it
	torn bool      // a transaction was left open, so RSET must come first
	lost bool      // of no more use
}

// dial opens a link. Whatever goes wrong, nothing was sent.
func (a *Adapter) dial(ctx context.Context) (*link, *channels.Error) {
	conn, err := a.server.connect(ctx)
	if err != nil {
		return nil, failing(err, "the mail server cannot be reached; check host and port")
	}
	l := &link{conn: conn}
	done := guard(ctx, conn)
	fail := a.greet(l)
	if !done() && fail == nil {
		fail = failing(context.Cause(ctx), "the mail server took too long to greet")
	}
	if fail != nil {
		_ = conn.Close()
		return nil, fail
	}
	return l, nil
}

func (a *Adapter) greet(l *link) *channels.Error {
	var err error
	if l.smtp, err = smtp.NewClient(l.conn, a.opts.Host); err != nil {
		return before(atConnect, err)
	}
	if err := l.smtp.Hello(a.opts.HelloName); err != nil {
		return before(atHello, err)
	}
	if a.server.secured == startTLS {
		if ok, _ := l.smtp.Extension("STARTTLS"); !ok {
			return failing(errors.New("no STARTTLS among the extensions"), "the mail server offers no encryption on this port; set tls to implicit with port 465, or use another server")
		}
		if err := l.smtp.StartTLS(a.server.tls); err != nil {
			return before(atHello, err)
		}
	}
	if fail := a.signIn(l); fail != nil {
		return fail
	}
	l.text = l.smtp.Text
	l.dsn, _ = l.smtp.Extension("DSN")
	if ok, most := l.smtp.Extension("SIZE"); ok {
		if n, err := strconv.ParseInt(strings.TrimSpace(most), 10, 64); err == nil && n > 0 {
			l.size = n
		}
	}
	return nil
}

func (a *Adapter) signIn(l *link) *channels.Error {
	if a.opts.Username == "" {
		return nil
	}
	ok, offered := l.smtp.Extension("AUTH")
	if !ok {
		return &channels.Error{Class: channels.Auth, Scope: channels.ScopeSender, Detail: "the mail server takes no passwords on this port; use the port for submission, or drop username and password"}
	}
	var by smtp.Auth
	user, password, clear := a.opts.Username, a.opts.Password.Reveal(), a.server.secured == noTLS // this machine only
	mechanisms := strings.Fields(strings.ToUpper(offered))
	has := func(name string) bool { return slices.Contains(mechanisms, name) }
	switch {
	case has("PLAIN"):
		by = smtp.PlainAuth("", user, password, a.opts.Host, clear)
	case has("LOGIN"):
		by = smtp.LoginAuth(user, password, a.opts.Host, clear)
	case has("SCRAM-SHA-256"):
		by = smtp.ScramSHA256Auth(user, password)
	default:
		return &channels.Error{Class: channels.Auth, Scope: channels.ScopeSender, Detail: "the mail server offers none of the ways of signing in PLAIN, LOGIN and SCRAM-SHA-256"}
	}
	if err := l.smtp.Auth(by); err != nil {
		return before(atAuth, err)
	}
	return nil
}

// before makes the error of what failed before the final dot: nothing was sent.
func before(at stage, err error) *channels.Error {
	var refused *textproto.Error
	if errors.As(err, &refused) {
		return judge(at, refused.Code, refused.Msg)
	}
	detail := "the connection to the mail server was lost before the message was handed over"
	var nonsense textproto.ProtocolError
	if errors.As(err, &nonsense) || errors.Is(err, errNonsense) {
		detail, err = "something answers in the mail server's place and speaks no SMTP; check host and port", errNonsense
	}
	return failing(err, detail)
}

// errNonsense stands for what a server said against the protocol: it may have repeated the message.
var errNonsense = errors.New("the answer is no SMTP reply")

// command writes one line and reads the reply, whose code must begin with the digits of want.
func (l *link) command(want int, format string, args ...any) error {
	if err := l.text.PrintfLine(format, args...); err != nil {
		l.lost = true
		return err
	}
	return l.reply(want)
}

// mostLines is the most lines of a reply; servers that explain themselves take a dozen.
const mostLines = 100

// reply reads a reply (RFC 5321, section 4.2.1) whole. The standard library's reader takes a line that a lost connection
// has cut for a line, and a "250" of which the rest never came is no answer.
func (l *link) reply(want int) error {
	var text []string
	for {
		line, err := l.text.R.ReadSlice('\n')
		if err != nil {
			l.lost = true
			if errors.Is(err, bufio.ErrBufferFull) {
				err = errNonsense
			}
			return err
		}
		code, more, said, ok := replyLine(strings.TrimRight(string(line), "\r\n"))
		if !ok || len(text) == mostLines {
			l.lost = true
			return errNonsense
		}
		text = append(text, said)
		switch {
		case more:
			continue
		case code == want || code/100 == want:
			return nil
		}
		l.lost = l.lost || code == 421 // RFC 5321, section 3.8: it closes
		return &textproto.Error{Code: code, Msg: strings.Join(text, "\n")}
	}
}

// replyLine takes one line of a reply apart.
func replyLine(line string) (code int, more bool, text string, ok bool) {
	if len(line) < 3 || strings.Trim(line[:3], "0123456789") != "" || line[0] < '1' || line[0] > '5' || len(line) > 3 && line[3] != ' ' && line[3] != '-' {
		return 0, false, "", false
	}
	code = int(line[0]-'0')*100 + int(line[1]-'0')*10 + int(line[2]-'0')
	if len(line) == 3 {
		return code, false, "", true
	}
	return code, line[3] == '-', line[4:], true
}

// noop asks for a sign of life.
func (l *link) noop(ctx context.Context) *channels.Error {
	done := guard(ctx, l.conn)
	err := l.command(2, "NOOP")
	if !done() {
		l.lost = true
	}
	if err != nil {
		return before(atHello, err)
	}
	return nil
}

// quit takes leave, if that costs no time, and closes.
func (l *link) quit(ctx context.Context) {
	if !l.lost {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		defer guard(ctx, l.conn)()
		_ = l.command(2, "QUIT") // nothing hangs on the answer
	}
	_ = l.conn.Close()
}

// hand makes one transaction. begun says whether the server was asked to take this message; while it was not, nothing
// speaks against asking another connection.
func (l *link) hand(e envelope) (begun bool, fail *channels.Error) {
	if l.size > 0 && int64(len(e.data)) > l.size {
		return true, judge(atMail, 552, "5.3.4 larger than the server says that it takes")
	}
	if l.torn {
		if err := l.command(2, "RSET"); err != nil {
			l.lost = true
			return false, before(atHello, err)
		}
		l.torn = false
	}
	mail, rcpt := "", ""
	if l.size > 0 {
		mail = " SIZE=" + strconv.Itoa(len(e.data)) // RFC 1870
	}
	if l.dsn {
		mail += " RET=HDRS" // the text need not travel back
		if e.tag != "" {
			mail += " ENVID=" + e.tag
		}
		rcpt = " NOTIFY=FAILURE"
	}
	if err := l.command(2, "MAIL FROM:<%s>%s", e.from, mail); err != nil {
		return false, before(atMail, err)
	}
	l.torn = true
	if err := l.command(2, "RCPT TO:<%s>%s", e.to, rcpt); err != nil {
		return true, before(atRcpt, err)
	}
	if err := l.command(354, "DATA"); err != nil {
		return true, before(atData, err)
	}
	w := l.text.DotWriter()
	if _, err := w.Write(e.data); err != nil {
		l.lost = true
		return true, before(atData, err)
	}
	if l.outOfTurn() { // or that would be taken for the answer to the final dot
		return true, before(atData, errNonsense)
	}
	return true, l.finish(w)
}

// outOfTurn says whether the server said what nobody asked for: from then on its replies cannot be told apart.
func (l *link) outOfTurn() bool {
	if l.text.R.Buffered() > 0 {
		l.lost = true
	}
	return l.lost
}

// finish writes the final dot. From here on only an answer tells that the message is not sent.
func (l *link) finish(w io.WriteCloser) *channels.Error {
	doubt := &channels.Error{Class: channels.Unknown, Scope: channels.ScopeChannel, Detail: "the mail server said nothing after the message was handed over, and may have taken it"}
	if err := w.Close(); err != nil {
		l.lost, doubt.Cause = true, err
		return doubt
	}
	err := l.reply(2)
	var refused *textproto.Error
	switch {
	case err == nil:
		l.torn = l.outOfTurn()
		return nil
	case errors.As(err, &refused) && refused.Code >= 400:
		l.torn = false
		return judge(atDot, refused.Code, refused.Msg)
	}
	l.lost, doubt.Cause = true, err
	if errors.Is(err, errNonsense) || refused != nil {
		doubt.Detail, doubt.Cause = "something answered in the mail server's place after the message was handed over; it may have been taken", errNonsense
	}
	return doubt
}
