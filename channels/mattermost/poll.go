package mattermost

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

const (
	pollBack  = 24 * time.Hour  // how far the first poll looks back
	pollLap   = 2 * time.Minute // posts may become visible a little out of the order of their times
	pollEvery = 5 * time.Second // from one poll to the next, and
	pollMore  = 200             // a second longer for so many channels, because their list comes whole
	pollReads = 50              // channels read in one poll, so that a poll ends
	pollFlood = 200             // posts read of a channel in which more stands than is taken at once
)

// place is how far a channel of direct messages was read.
type place struct {
	total int64 // posts in it
	last  int64 // when the newest was made, in milliseconds of the server's clock
}

// heard remembers what the last poll saw, so that the next one reads only channels in which somebody else wrote: after a
// broadcast to thousands each channel has a new post, and it is ours.
type heard struct {
	mu     sync.Mutex
	cursor string // what seen belongs to: it counts only if the poll before was stored
	seen   map[string]place
	ours   map[string]map[string]int64 // channel → our posts since seen, by id: when they were made
	began  time.Time                   // of the last poll
	many   int                         // channels in its list
}

// posted notes a post of ours.
func (h *heard) posted(channel, id string, at int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.seen == nil {
		return // nobody polls, or the first poll is still to come: it reads everything
	}
	if h.ours[channel] == nil {
		h.ours[channel] = make(map[string]int64)
	}
	h.ours[channel][id] = at
}

// begin gives what was seen up to the cursor, and how long to wait before asking again.
func (h *heard) begin(cursor string, now time.Time) (seen map[string]place, wait time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cursor != cursor || cursor == "" {
		h.seen, h.ours = nil, nil
	}
	if !h.began.IsZero() {
		wait = pollEvery + time.Duration(h.many/pollMore)*time.Second - now.Sub(h.began)
	}
	return h.seen, wait
}

// started notes when a poll really began.
func (h *heard) started(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.began = now
}

// onlyOurs says whether a channel has nothing new but posts of ours. Ours count only if they are younger than what was
// seen: then the totals were taken before them.
func (h *heard) onlyOurs(c *model.Channel, was place) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	mine := int64(0)
	for _, at := range h.ours[c.Id] {
		if at > was.last && at <= c.LastPostAt {
			mine++
		}
	}
	return c.TotalMsgCount == was.total+mine
}

// end keeps what a poll has seen.
func (h *heard) end(cursor string, seen map[string]place, many int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cursor, h.seen, h.many = cursor, seen, many
	old := h.ours
	h.ours = make(map[string]map[string]int64)
	for channel, posts := range old { // those that the list did not hold yet
		for id, at := range posts {
			if at <= seen[channel].last {
				continue
			}
			if h.ours[channel] == nil {
				h.ours[channel] = make(map[string]int64)
			}
			h.ours[channel][id] = at
		}
	}
}

// Poll reads what people wrote to the bot in direct messages. It asks for the bot's channels and reads those in which
// somebody else wrote. The cursor is the time of the newest post that was seen, on the server's clock, and a number that
// changes with every batch of events; what lies two minutes before it comes again after a start, with the same ids. With
// PollWait it leaves at least five seconds between one poll and the next.
func (a *Adapter) Poll(ctx context.Context, cursor string) ([]channels.Event, string, error) {
	since, batch, err := a.readCursor(cursor)
	if err != nil {
		return nil, cursor, err
	}
	seen, wait := a.heard.begin(cursor, a.now())
	if fail := a.rest(ctx, min(wait, a.pollWait)); fail != nil {
		return nil, cursor, fail
	}
	a.heard.started(a.now())
	me, fail := a.me(ctx)
	if fail != nil {
		return nil, cursor, fail
	}
	all, fail := a.channels(ctx)
	if fail != nil {
		return nil, cursor, fail
	}
	slices.SortStableFunc(all, func(x, y *model.Channel) int { return cmp.Compare(x.LastPostAt, y.LastPostAt) })
	from := since - pollLap.Milliseconds()
	latest := a.now().Add(clockSkew).UnixMilli() // a post that was imported with a time to come must not hide those before it
	now := make(map[string]place)
	next, reads := since, 0
	var events []channels.Event
	for _, c := range all {
		if c.Type != model.ChannelTypeDirect {
			continue
		}
		is := place{c.TotalMsgCount, c.LastPostAt}
		was, known := seen[c.Id]
		switch {
		case c.LastPostAt <= from, known && was == is, known && a.heard.onlyOurs(c, was):
		case reads == pollReads:
			if known {
				now[c.Id] = was
			}
			continue
		default:
			reads++
			start := from
			if known {
				start = max(from, was.last-pollLap.Milliseconds())
			}
			found, fail := a.read(ctx, me, c.Id, start)
			if fail != nil && fail.Scope != channels.ScopeAddress { // one that the bot may not read keeps no other from being heard
				return nil, cursor, fail
			}
			events = append(events, found...)
		}
		now[c.Id] = is
		if reads < pollReads {
			next = max(next, min(c.LastPostAt, latest))
		}
	}
	if len(events) > 0 {
		batch++
	}
	to := fmt.Sprintf("%d.%d", next, batch)
	a.heard.end(to, now, len(all))
	return events, to, nil
}

// channels lists the channels that the bot is a member of. Servers before 6.1 list them by team only, each time with all
// direct messages.
func (a *Adapter) channels(ctx context.Context) ([]*model.Channel, *channels.Error) {
	all, resp, err := a.lists.GetChannelsForUserWithLastDeleteAt(ctx, "me", 0)
	if err == nil {
		return all, nil
	}
	if resp == nil || resp.StatusCode != http.StatusNotFound {
		return nil, ofRead(a.failure(resp, err, ""))
	}
	teams, resp, err := a.api.GetTeamsForUser(ctx, "me", "")
	if err != nil {
		return nil, ofRead(a.failure(resp, err, ""))
	}
	if len(teams) == 0 || teams[0] == nil {
		return nil, &channels.Error{
			Class: channels.Permanent, Scope: channels.ScopeSender,
			Detail: "the bot is in no team, so this old server lists no direct messages for it; add it to one",
		}
	}
	all, resp, err = a.lists.GetChannelsForTeamForUser(ctx, teams[0].Id, "me", false, "")
	if err != nil {
		return nil, ofRead(a.failure(resp, err, ""))
	}
	return all, nil
}

// rest waits before a poll that would come too soon.
func (a *Adapter) rest(ctx context.Context, d time.Duration) *channels.Error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return &channels.Error{Class: channels.Temporary, Scope: channels.ScopeChannel, Detail: "the poll was ended before it began", Cause: ctx.Err()}
	}
}

// read gives what others wrote in a channel since a time. Of somebody who writes megabytes it gives the newest, so that
// she keeps nobody else from being heard.
func (a *Adapter) read(ctx context.Context, me, channel string, since int64) ([]channels.Event, *channels.Error) {
	list, resp, err := a.lists.GetPostsSince(ctx, channel, since, false)
	if errors.Is(err, httpsend.ErrTooLong) {
		list, resp, err = a.lists.GetPostsForChannel(ctx, channel, 0, pollFlood, "", false, false)
	}
	if err != nil {
		return nil, ofRead(a.failure(resp, err, toChannel))
	}
	if list == nil {
		return nil, notTheirs()
	}
	var events []channels.Event
	for _, p := range list.Posts {
		// A post counts by when it was made: an edit of an old answer would read as a new one. Types other than the
		// empty one are the server's own notices.
		if p == nil || p.UserId == me || p.Type != "" || p.DeleteAt != 0 || p.CreateAt <= since || p.Message == "" || !idForm.MatchString(p.UserId) {
			continue
		}
		events = append(events, channels.Event{
			ID: p.Id, At: time.UnixMilli(p.CreateAt).UTC(),
			Inbound: &channels.Inbound{From: channels.Address(p.UserId), To: a.host, Text: p.Message, ReplyTo: p.RootId},
		})
	}
	slices.SortFunc(events, func(x, y channels.Event) int { return cmp.Or(x.At.Compare(y.At), cmp.Compare(x.ID, y.ID)) })
	return events, nil
}

// readCursor reads a time in milliseconds and the number of the batch.
func (a *Adapter) readCursor(cursor string) (since, batch int64, err error) {
	if cursor == "" {
		return a.now().Add(-pollBack).UnixMilli(), 0, nil
	}
	at, n, ok := strings.Cut(cursor, ".")
	since, err = strconv.ParseInt(at, 10, 64)
	batch, err2 := strconv.ParseInt(n, 10, 64)
	if !ok || err != nil || err2 != nil || since < 0 || batch < 0 {
		return 0, 0, &channels.Error{
			Class: channels.Permanent, Scope: channels.ScopeChannel,
			Detail: "the stored cursor is not one of this channel's; clear it to read the last day again",
		}
	}
	return since, batch, nil
}
