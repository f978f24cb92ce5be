package matrix

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

const (
	syncBody  = 8 << 20
	pollBack  = 24 * time.Hour // how far the first poll looks back
	gapPages  = 20             // of what a sync leaves out of one room
	gapEvents = 100            // of one page
)

// filter has a sync bring what is said, and encryption that is switched on; no presence, no typing, nobody's members.
const filter = `{"presence":{"types":[]},"account_data":{"types":[]},"room":{"account_data":{"types":[]},"ephemeral":{"types":[]},` +
	`"state":{"types":["m.room.encryption"]},"timeline":{"limit":50,"types":["m.room.message","m.room.encryption"]}}}`

// happened is an event of a room.
type happened struct {
	ID      string  `json:"event_id"`
	Type    string  `json:"type"`
	Sender  string  `json:"sender"`
	Key     *string `json:"state_key"`
	At      int64   `json:"origin_server_ts"` // milliseconds
	Content struct {
		Kind    string `json:"msgtype"`
		Body    string `json:"body"`
		Relates struct {
			Type  string `json:"rel_type"`
			Reply struct {
				ID string `json:"event_id"`
			} `json:"m.in_reply_to"`
		} `json:"m.relates_to"`
	} `json:"content"`
}

// synced is the answer to a sync.
type synced struct {
	Next  string `json:"next_batch"`
	Rooms struct {
		Join map[string]struct {
			Timeline struct {
				Events  []happened `json:"events"`
				Limited bool       `json:"limited"`
				Before  string     `json:"prev_batch"`
			} `json:"timeline"`
			State struct {
				Events []happened `json:"events"`
			} `json:"state"`
		} `json:"join"`
		Invite map[string]struct {
			State struct {
				Events []happened `json:"events"`
			} `json:"invite_state"`
		} `json:"invite"`
		Leave map[string]struct{} `json:"leave"`
	} `json:"rooms"`
}

// Poll makes one sync. The cursor is the homeserver's token; the empty one brings what was said in the last day. What a sync
// leaves out of a busy room is read from the room itself. Invitations are taken on the way, if their servers are allowed.
func (a *Adapter) Poll(ctx context.Context, cursor string) ([]channels.Event, string, error) {
	self, fail := a.whoami(ctx)
	if fail != nil {
		return nil, cursor, fail
	}
	q := url.Values{"filter": {filter}, "timeout": {strconv.FormatInt(a.wait(ctx, cursor).Milliseconds(), 10)}}
	if cursor != "" {
		q.Set("since", cursor)
	}
	var s synced
	if _, fail := a.call(ctx, a.syncing, http.MethodGet, "/sync?"+q.Encode(), nil, &s); fail != nil {
		return nil, cursor, httpsend.Asked(fail, provider)
	}
	if s.Next == "" {
		return nil, cursor, &channels.Error{Class: channels.Temporary, Scope: channels.ScopeChannel, Detail: "the answer is not a homeserver's; check the channel's base_url"}
	}
	var out []channels.Event
	for room, r := range s.Rooms.Join {
		said := r.Timeline.Events
		if r.Timeline.Limited && cursor != "" {
			more, fail := a.between(ctx, room, cursor, r.Timeline.Before)
			if fail != nil {
				return nil, cursor, fail
			}
			said = append(more, said...)
		}
		for _, e := range append(r.State.Events, said...) {
			if e.Type == "m.room.encryption" {
				a.encrypted(room)
			} else if event, ok := a.event(room, self, e); ok && (cursor != "" || event.At.After(a.now().Add(-pollBack))) {
				out = append(out, event)
			}
		}
	}
	for room, invited := range s.Rooms.Invite {
		if fail := a.accept(ctx, room, self, invited.State.Events); fail != nil {
			return nil, cursor, fail
		}
	}
	if cursor != "" { // the account was put out of these since: whoever did wants nothing more there
		for room := range s.Rooms.Leave {
			out = append(out, channels.Event{ID: "left:" + room + ":" + s.Next, Signal: &channels.Signal{Address: channels.Address(room), Kind: channels.SignalStopped}})
		}
	}
	return out, s.Next, nil
}

// wait is how long the homeserver may hold a sync: within PollWait, and with time left to answer. The first one is not held.
func (a *Adapter) wait(ctx context.Context, cursor string) time.Duration {
	wait := a.pollWait
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline)-2*time.Second)
	}
	if cursor == "" {
		wait = 0
	}
	return max(wait, 0)
}

// between reads what was said in a room after one token and before another, newest first, and gives it oldest first.
func (a *Adapter) between(ctx context.Context, room, after, before string) (out []happened, fail *channels.Error) {
	for range gapPages {
		q := url.Values{"dir": {"b"}, "from": {before}, "to": {after}, "limit": {strconv.Itoa(gapEvents)}, "filter": {`{"types":["m.room.message"]}`}}
		var page struct {
			Chunk []happened `json:"chunk"`
			End   string     `json:"end"`
		}
		if _, fail := a.call(ctx, a.syncing, http.MethodGet, "/rooms/"+segment(room)+"/messages?"+q.Encode(), nil, &page); fail != nil {
			return nil, httpsend.Asked(fail, provider)
		}
		out = append(out, page.Chunk...)
		if before = page.End; before == "" || len(page.Chunk) == 0 {
			break
		}
	}
	slices.Reverse(out)
	return out, nil
}

// event gives what somebody said. Notices are left out: they are what machines say, and are never answered
// (client-server API, "m.notice"). So are edits, whose first wording was heard.
func (a *Adapter) event(room, self string, e happened) (channels.Event, bool) {
	c := e.Content
	if e.Type != "m.room.message" || e.ID == "" || e.Sender == self || c.Kind != "m.text" && c.Kind != "m.emote" || c.Relates.Type == "m.replace" {
		return channels.Event{}, false
	}
	text := c.Body
	if c.Relates.Reply.ID != "" {
		text = unquoted(text)
	}
	if strings.TrimSpace(text) == "" {
		return channels.Event{}, false
	}
	return channels.Event{ID: e.ID, At: time.UnixMilli(e.At), Inbound: &channels.Inbound{
		From: channels.Address(room), To: self, Text: text, ReplyTo: c.Relates.Reply.ID,
	}}, true
}

// unquoted takes what a reply repeats out of it: lines behind > at the beginning, and an empty one behind them
// (client-server API, "Fallbacks for rich replies").
func unquoted(text string) string {
	if !strings.HasPrefix(text, "> ") {
		return text
	}
	rest := text
	for strings.HasPrefix(rest, ">") {
		_, rest, _ = strings.Cut(rest, "\n")
	}
	return strings.TrimPrefix(rest, "\n")
}

// accept takes an invitation by somebody of a server that may invite. One that cannot be taken for good is left alone; one that
// may be later is an error, and comes again.
func (a *Adapter) accept(ctx context.Context, room, self string, state []happened) *channels.Error {
	by := ""
	for _, e := range state {
		if e.Type == "m.room.member" && e.Key != nil && *e.Key == self {
			_, by, _ = strings.Cut(e.Sender, ":")
		}
	}
	if by == "" || !slices.ContainsFunc(a.opts.InvitesFrom, func(s string) bool { return strings.EqualFold(s, by) }) {
		return nil
	}
	var joined json.RawMessage
	_, fail := a.call(ctx, a.sender, http.MethodPost, "/rooms/"+segment(room)+"/join", struct{}{}, &joined)
	if fail != nil && fail.Class != channels.Permanent {
		return httpsend.Asked(fail, provider)
	}
	return nil
}
