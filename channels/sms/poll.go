package sms

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	api "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/twilio"
)

const (
	pollBack  = 24 * time.Hour // how far the first poll looks back
	pollQueue = 10 * time.Hour // longest that a message waits at Twilio; so long it holds the window open
	pollKeep  = 4 * time.Hour  // how long after its sending a message without an end still does
	pollLap   = 2 * time.Minute
	pollPages = 50 // of one Poll, so that its events fit in memory
)

// sweep is one pass over the message list, which may take several polls.
type sweep struct {
	since   time.Time // the list is read from here
	started time.Time
	open    time.Time   // when the oldest message was made that may still change; zero: none seen
	page    twilio.Page // where to go on; zero: at the start
}

// Poll reads the message list for what webhooks would have brought: texts of members, and messages that were delivered
// or failed; that a message was accepted is known from Send. The list can only be filtered by time, while a
// status changes later. So each sweep starts where the oldest unfinished message was made, with two minutes to spare, and
// events come again with the same ids until that moves on. It never waits.
func (a *Adapter) Poll(ctx context.Context, cursor string) ([]channels.Event, string, error) {
	return a.poll(ctx, cursor, pollPages)
}

func (a *Adapter) poll(ctx context.Context, cursor string, pages int) ([]channels.Event, string, error) {
	s, err := readSweep(cursor, a.now())
	if err != nil {
		return nil, cursor, err
	}
	p := (&api.ListMessageParams{}).SetDateSentAfter(s.since.UTC()).SetPageSize(pageSize)
	var events []channels.Event
	for range pages {
		list, next, err := a.client.PageMessages(ctx, p, s.page)
		if err != nil {
			return nil, cursor, ofRead(err)
		}
		for i := range list {
			events = append(events, a.listed(&list[i], &s)...)
		}
		s.page = next
		if next == (twilio.Page{}) {
			return events, s.following().String(), nil
		}
	}
	return events, s.String(), nil
}

// listed makes the events of one message of the list.
func (a *Adapter) listed(m *api.ApiV2010Message, s *sweep) []channels.Event {
	sid, status := value(m.Sid), value(m.Status)
	at, sent := sentAt(m)
	if sid == "" || sent && at.Before(s.since) { // the filter may see dates only
		return nil
	}
	if value(m.Direction) == "inbound" {
		in := &channels.Inbound{From: a.correspondent(value(m.From)), To: value(m.To), Text: value(m.Body)}
		return []channels.Event{{ID: sid, At: at, Inbound: in}}
	}
	if st, known := statusOf(status); !known || st == channels.StatusAccepted {
		if made := created(m); !made.IsZero() && !(status == "sent" && at.Before(s.started.Add(-pollKeep))) && (s.open.IsZero() || made.Before(s.open)) {
			s.open = made
		}
		return nil
	}
	events := receipt(sid, status, value(m.ErrorCode), "", 0)
	for i := range events {
		events[i].At = at
	}
	return events
}

// sentAt is when Twilio sent a message, or took it if it has not sent it.
func sentAt(m *api.ApiV2010Message) (at time.Time, sent bool) {
	at, err := time.Parse(time.RFC1123Z, value(m.DateSent))
	if err != nil {
		return created(m), false
	}
	return at, true
}

// following is the sweep after this one.
func (s sweep) following() sweep {
	since := s.started
	if !s.open.IsZero() && s.open.Before(since) {
		since = s.open
	}
	if oldest := s.started.Add(-pollQueue - pollKeep); since.Before(oldest) {
		since = oldest
	}
	return sweep{since: since.Add(-pollLap)}
}

// String writes the sweep as a cursor: the times in Unix seconds, then the page.
func (s sweep) String() string {
	seconds := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return strconv.FormatInt(t.Unix(), 10)
	}
	if s.page == (twilio.Page{}) {
		return seconds(s.since)
	}
	return strings.Join([]string{seconds(s.since), seconds(s.started), seconds(s.open), s.page.Number, s.page.Token}, " ")
}

var errCursor = errors.New("the polling cursor cannot be read; clear it to poll the last day again")

func readSweep(cursor string, now time.Time) (sweep, error) {
	now = now.Truncate(time.Second)
	if cursor == "" {
		return sweep{since: now.Add(-pollBack), started: now}, nil
	}
	bad := &channels.Error{Class: channels.Permanent, Scope: channels.ScopeChannel, Detail: errCursor.Error(), Cause: errCursor}
	fields := strings.SplitN(cursor, " ", 5)
	if len(fields) != 1 && len(fields) != 5 {
		return sweep{}, bad
	}
	s := sweep{started: now}
	for i, into := range []*time.Time{&s.since, &s.started, &s.open} {
		if i >= len(fields) || fields[i] == "-" && i == 2 {
			continue
		}
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil || n < 0 {
			return sweep{}, bad
		}
		*into = time.Unix(n, 0).UTC()
	}
	if len(fields) == 5 {
		s.page = twilio.Page{Number: fields[3], Token: fields[4]}
	}
	return s, nil
}
