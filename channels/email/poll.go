package email

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/carillon-gateway/carillon/channels"
)

const (
	batch   = 32        // messages of one Poll
	maxMail = 256 << 10 // bytes that are read of one message; what matters of a bounce or an answer comes first
)

// mailbox is a connection to the IMAP server with the folder open for reading.
type mailbox struct {
	conn     net.Conn
	client   *imapclient.Client
	validity uint32
	news     chan struct{} // holds a token once the server has told of something new
	cleared  func() bool
}

// Poll reads what has come into the mailbox since the cursor, which names the folder's generation and the next message
// in it (RFC 9051, section 2.3.1.1): a folder that was made anew is read from its start. Nothing is changed or deleted.
// The first Poll reads all that is there. Where nothing is new and the server can tell of news (IDLE), it waits.
func (a *Adapter) Poll(ctx context.Context, cursor string) ([]channels.Event, string, error) {
	if !a.hears() { // there is no mailbox: nothing ever comes
		nothing := time.NewTimer(a.wait(ctx))
		defer nothing.Stop()
		select {
		case <-nothing.C:
		case <-ctx.Done():
		}
		return nil, cursor, nil
	}
	validity, next, err := readCursor(cursor)
	if err != nil {
		return nil, cursor, err
	}
	box, fail := a.openMailbox(ctx)
	if fail != nil {
		return nil, cursor, fail
	}
	defer box.close()
	if box.validity != validity {
		validity, next = box.validity, 1
	}
	found, err := box.after(next)
	if err == nil && len(found) == 0 && a.wait(ctx) > 0 {
		if err = box.idle(a.wait(ctx)); err == nil {
			found, err = box.after(next)
		}
	}
	if err != nil {
		return nil, cursor, box.failed(err)
	}
	events, next, err := a.fetch(box, found[:min(len(found), batch)], next)
	if err != nil {
		return nil, cursor, box.failed(err)
	}
	return events, fmt.Sprintf("%d %d", validity, next), nil
}

// wait is how long the server may be asked to tell of news: within PollWait, and with time left to read them.
func (a *Adapter) wait(ctx context.Context) time.Duration {
	wait := a.pollWait
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline)-5*time.Second)
	}
	return max(wait, 0)
}

func readCursor(cursor string) (validity, next uint32, err error) {
	if cursor == "" {
		return 0, 1, nil
	}
	first, second, _ := strings.Cut(cursor, " ")
	v, err1 := strconv.ParseUint(first, 10, 32)
	n, err2 := strconv.ParseUint(second, 10, 32)
	if err := errors.Join(err1, err2); err != nil || n == 0 {
		return 0, 0, &channels.Error{Class: channels.Permanent, Scope: channels.ScopeChannel, Detail: "the stored cursor is not one of this channel's; clear it to read the mailbox from its start"}
	}
	return uint32(v), uint32(n), nil
}

// openMailbox signs in and opens the folder.
func (a *Adapter) openMailbox(ctx context.Context) (*mailbox, *channels.Error) {
	conn, err := a.mailbox.connect(ctx)
	if err != nil {
		return nil, failing(err, "the mailbox's server cannot be reached; check imap_host and imap_port")
	}
	box := &mailbox{conn: conn, news: make(chan struct{}, 1)}
	// The library sets deadlines of its own, so the context's end closes the connection.
	box.cleared = context.AfterFunc(ctx, func() { _ = conn.Close() })
	options := &imapclient.Options{TLSConfig: a.mailbox.tls, UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Mailbox: func(*imapclient.UnilateralDataMailbox) { ring(box.news) },
	}}
	if a.mailbox.secured == startTLS {
		if box.client, err = imapclient.NewStartTLS(conn, options); err != nil {
			box.cleared()
			return nil, failing(err, "the mailbox's server does not encrypt on this port; set imap_tls to implicit with port 993")
		}
	} else {
		box.client = imapclient.New(conn, options)
	}
	if err := box.client.WaitGreeting(); err != nil {
		return nil, box.closeFor(err, "the mailbox's server does not greet as IMAP does; check imap_host and imap_port")
	}
	if err := box.client.Login(a.opts.IMAPUsername, a.opts.IMAPPassword.Reveal()).Wait(); err != nil {
		fail := box.closeFor(err, "the mailbox's server gave up while signing in")
		if no := new(imap.Error); errors.As(err, &no) && no.Type == imap.StatusResponseTypeNo && no.Code != imap.ResponseCodeUnavailable {
			fail = refusedLogin(no)
		}
		return nil, fail
	}
	data, err := box.client.Select(a.opts.IMAPFolder, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		return nil, box.closeFor(err, "the mailbox's folder cannot be opened; check imap_folder")
	}
	box.validity = data.UIDValidity
	return box, nil
}

// refusedLogin tells limits from bad credentials (RFC 5530).
func refusedLogin(no *imap.Error) *channels.Error {
	if no.Code == imap.ResponseCodeLimit || no.Code == imap.ResponseCodeInUse {
		wait, ok := askedWait(no.Text)
		if !ok {
			wait = floodWait
		}
		return &channels.Error{Class: channels.Throttled, Scope: channels.ScopeChannel, Code: string(no.Code), RetryAfter: wait, Detail: "the mailbox's server asks to come less often"}
	}
	return &channels.Error{Class: channels.Auth, Scope: channels.ScopeSender, Code: string(no.Code), Detail: "the mailbox refuses user or password; check imap_username and imap_password"}
}

func (b *mailbox) close() {
	b.cleared()
	_ = b.conn.Close() // nothing was changed, so there is nothing to take leave for
	<-b.client.Closed()
}

func (b *mailbox) closeFor(cause error, detail string) *channels.Error {
	b.close()
	return quiet(cause, detail)
}

func (b *mailbox) failed(cause error) *channels.Error {
	return quiet(cause, "the mailbox could not be read just now")
}

// quiet keeps what the server says, which may repeat a person's mail, out of the error.
func quiet(cause error, detail string) *channels.Error {
	if no := new(imap.Error); errors.As(cause, &no) {
		e := failing(errors.New("IMAP "+string(no.Type)), detail)
		e.Code = string(no.Code)
		return e
	}
	var network net.Error
	if !errors.As(cause, &network) {
		cause = errors.New("the connection ended or what came is no IMAP")
	}
	return failing(cause, detail)
}

// after lists the messages from a number on.
func (b *mailbox) after(next uint32) ([]imap.UID, error) {
	var from imap.UIDSet
	from.AddRange(imap.UID(next), 0) // to the last one
	data, err := b.client.UIDSearch(&imap.SearchCriteria{UID: []imap.UIDSet{from}}, nil).Wait()
	if err != nil {
		return nil, err
	}
	all := slices.DeleteFunc(data.AllUIDs(), func(uid imap.UID) bool { return uint32(uid) < next }) // "n:*" holds the last one always
	slices.Sort(all)
	return all, nil
}

// idle waits until the server tells of news, which some cannot, or the time is over.
func (b *mailbox) idle(wait time.Duration) error {
	end := func() error { return nil }
	if caps := b.client.Caps(); caps.Has(imap.CapIdle) || caps.Has(imap.CapIMAP4rev2) {
		cmd, err := b.client.Idle()
		if err != nil {
			return err
		}
		end = func() error { return errors.Join(cmd.Close(), cmd.Wait()) }
	}
	over := time.NewTimer(wait)
	defer over.Stop()
	select {
	case <-b.news:
	case <-over.C:
	case <-b.client.Closed():
	}
	return end()
}

// ring leaves a token, if there is none.
func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

// fetch reads messages and makes events of them. next is behind the last one that was read.
func (a *Adapter) fetch(b *mailbox, uids []imap.UID, next uint32) ([]channels.Event, uint32, error) {
	if len(uids) == 0 {
		return nil, next, nil
	}
	body := &imap.FetchItemBodySection{Peek: true, Partial: &imap.SectionPartial{Size: maxMail}}
	list, err := b.client.Fetch(imap.UIDSetNum(uids...), &imap.FetchOptions{UID: true, InternalDate: true, BodySection: []*imap.FetchItemBodySection{body}}).Collect()
	if err != nil {
		return nil, next, err
	}
	slices.SortFunc(list, func(x, y *imapclient.FetchMessageBuffer) int { return int(int64(x.UID) - int64(y.UID)) })
	var events []channels.Event
	for _, m := range list {
		raw := m.FindBodySection(body)
		sum := sha256.Sum256(raw)
		for i, e := range a.understand(raw) {
			e.At, e.ID = m.InternalDate, hex.EncodeToString(sum[:12])+"-"+strconv.Itoa(i)
			events = append(events, e)
		}
	}
	return events, uint32(uids[len(uids)-1]) + 1, nil
}
