package sandbox

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
	"unique"
)

// The server's limits of a post, in characters (server/public/model/post.go).
const (
	teamText    = 16383
	oldTeamText = 4000
)

// pendingPost is what the server remembers of a pending_post_id: 30 seconds long, for 25,000 ids, without the author
// (server/channels/app/post.go, deduplicateCreatePost).
type pendingPost struct {
	seq   uint64 // zero: the post is still being made
	until time.Time
}

const (
	pendingFor  = 30 * time.Second
	pendingMost = 25000
)

// claim says what became of an earlier post with the same pending id: seq of it, or busy while it is being made. Neither:
// the id is the caller's now.
func (b *teamBot) claim(id string) (seq uint64, busy bool) {
	if id == "" {
		return 0, false
	}
	now := b.s.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if have := b.pending[id]; have != nil && now.Before(have.until) {
		return have.seq, have.seq == 0
	}
	if len(b.pending) >= pendingMost {
		clear(b.pending)
	}
	b.pending[id] = &pendingPost{until: now.Add(pendingFor)}
	return 0, false
}

// settle ends a claim: with the post, or with nothing, so that the id can be used again.
func (b *teamBot) settle(id string, seq uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if seq == 0 {
		delete(b.pending, id)
	} else if id != "" {
		b.pending[id] = &pendingPost{seq: seq, until: b.s.now().Add(pendingFor)}
	}
}

// teamDraft is what a client sends to make a post.
type teamDraft struct {
	Channel  string         `json:"channel_id"`
	Message  string         `json:"message"`
	Props    map[string]any `json:"props"`
	Pending  string         `json:"pending_post_id"`
	Metadata struct {
		Priority *struct {
			Priority *string `json:"priority"`
		} `json:"priority"`
	} `json:"metadata"`
}

// teamAction is a button of a post, with what the server keeps of it.
type teamAction struct {
	ID, Name, URL string
	Context       map[string]any
}

// attached is the part of props.attachments that is read here.
type attached struct {
	Text    string `json:"text"`
	Actions []struct {
		ID          string `json:"id"`
		Name        string `json:"name"`
		Type        string `json:"type"`
		Integration *struct {
			URL     string         `json:"url"`
			Context map[string]any `json:"context"`
		} `json:"integration"`
	} `json:"actions"`
}

// teamRich is what a post of Mattermost has beyond other messages.
type teamRich struct {
	channel string
	props   map[string]any
	actions []teamAction
	urgent  bool
}

// teamPost makes a post (server/channels/api4/post.go, createPost).
func (s *Sandbox) teamPost(w http.ResponseWriter, r *http.Request, b *teamBot, raw []byte) {
	var in teamDraft
	if json.Unmarshal(raw, &in) != nil {
		s.answer(w, r, nil, appError(400, "api.context.invalid_body_param.app_error", "Invalid or missing post in request body."))
		return
	}
	p := b.roomOf(in.Channel)
	to := channelPrefix + in.Channel
	if p != nil {
		to = p.key.address
	}
	attempt, part := markerOf(in.Props)
	lose := func(status int, answer string) {
		s.seen.count(s.journal.append(line{
			at: s.now().UnixMicro(), owner: &b.owner, kind: EntryMessage, from: unique.Make(b.name), to: to,
			text: unique.Make(in.Message), attempt: attempt, part: part, code: int32(status), answer: answer, service: unique.Make(""),
		}, statusNone))
		s.note()
	}
	f := s.faults.strike(Mattermost, b.name, to, OnSend, onWire)
	spoilt, own := f.mattermost()
	if own && !f.Kept {
		lose(spoilt.status, f.label(spoilt.status))
		s.answer(w, r, f, spoilt)
		return
	}
	if out, ok := s.mayPost(p, in); !ok {
		lose(out.status, strconv.Itoa(out.status))
		s.answer(w, r, f, out)
		return
	}
	if f.spoils() && !f.Kept {
		lose(0, f.label(0))
		s.answer(w, r, f, reply{status: http.StatusCreated})
		return
	}
	switch seq, busy := b.claim(in.Pending); {
	case busy:
		lose(500, "500")
		s.answer(w, r, nil, appError(500, "api.post.deduplicate_create_post.pending", "Rejected post since another client is making the same request."))
		return
	case seq != 0:
		lose(0, "201 again")
		s.answer(w, r, f, jsonReply(http.StatusCreated, s.journal.get(seq).teamPost()))
		return
	}
	if f != nil && f.Kind == Latency && !s.pause(r, f.For) {
		b.settle(in.Pending, 0)
		return
	}
	answer := f.label(http.StatusCreated)
	if own {
		answer = f.label(spoilt.status)
	}
	rec := s.keepTeamPost(b, p, in, answer)
	b.settle(in.Pending, rec.seq)
	if !own {
		spoilt = jsonReply(http.StatusCreated, rec.teamPost())
	}
	s.answer(w, r, f, spoilt)
}

// markerOf reads the attempt and the part that the gateway marks its posts with.
func markerOf(props map[string]any) (attempt string, part int32) {
	text, _ := props["carillon_delivery_id"].(string)
	attempt, number, ok := strings.Cut(text, ":")
	n, err := strconv.ParseInt(number, 10, 32)
	if !ok || err != nil {
		return "", 0
	}
	return attempt, int32(n)
}

// mayPost says whether the bot may make the post, or the server's refusal.
func (s *Sandbox) mayPost(p *phone, in teamDraft) (reply, bool) {
	most := teamText
	if s.opts.OldMattermost {
		most = oldTeamText
	}
	switch n := utf8.RuneCountInString(in.Message); {
	case p == nil: // also for a channel that does not exist: the permission is looked at first
		return appError(403, "api.context.permissions.app_error", "You do not have the appropriate permissions."), false
	case p.archived():
		return appError(400, "api.post.create_post.can_not_post_to_deleted.error", "Can not post to deleted channel."), false
	case in.Metadata.Priority != nil && s.opts.NoPriority && !s.opts.OldMattermost:
		return appError(403, "api.post.post_priority.priority_post_not_allowed_for_user.request_error", "The post priority is not allowed."), false
	case n > most:
		return appError(400, "model.post.is_valid.message_length.app_error", "Post Message property is longer than the maximum permitted length."), false
	}
	return reply{}, true
}

func (p *phone) archived() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gone && strings.HasPrefix(p.key.address, channelPrefix)
}

// keepTeamPost takes a post: it is in the log and on the phone when this returns.
func (s *Sandbox) keepTeamPost(b *teamBot, p *phone, in teamDraft, answer string) *record {
	attempt, part := markerOf(in.Props)
	x := &rich{parsed: parseMarkdown(in.Message), id: p.nextMessage(), team: &teamRich{channel: in.Channel, props: in.Props}}
	x.team.urgent = in.Metadata.Priority != nil && in.Metadata.Priority.Priority != nil && *in.Metadata.Priority.Priority == "urgent"
	x.team.actions = readActions(in.Props)
	x.face.Store(&face{parsed: x.parsed, buttons: x.team.buttons()})
	rec := s.journal.append(line{
		at: s.now().UnixMicro(), owner: &b.owner, phone: p, kind: EntryMessage, from: unique.Make(b.name), to: p.key.address,
		text: unique.Make(in.Message), attempt: attempt, part: part, kept: true, answer: answer, service: unique.Make(""), rich: x,
	}, statusDelivered)
	s.receive(p, rec, b.name, "")
	s.seen.count(rec)
	s.arrive(rec)
	return rec
}

// readActions takes the buttons out of a post's attachments; the server leaves those without a name out.
func readActions(props map[string]any) []teamAction {
	raw, err := json.Marshal(props["attachments"])
	if err != nil {
		return nil
	}
	var list []attached
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	var out []teamAction
	for _, a := range list {
		for _, action := range a.Actions {
			if action.Name == "" || action.Type != "button" || action.Integration == nil {
				continue
			}
			out = append(out, teamAction{action.ID, action.Name, action.Integration.URL, action.Integration.Context})
		}
	}
	return out
}

// buttons shows the actions as one row for each.
func (t *teamRich) buttons() [][]button {
	var out [][]button
	for _, a := range t.actions {
		out = append(out, []button{{Text: a.Name, Data: a.ID}})
	}
	return out
}

// teamPost is the post as clients get it: what the server keeps of the buttons is taken out
// (server/public/model/integration_action.go, StripActionIntegrations).
func (r *record) teamPost() map[string]any {
	props := map[string]any{}
	channel, user := "", r.from.Value()
	if r.rich.team != nil {
		channel = r.rich.team.channel
		for k, v := range r.rich.team.props {
			props[k] = v
		}
		if len(r.rich.team.actions) > 0 {
			var actions []map[string]any
			for _, a := range r.rich.team.actions {
				actions = append(actions, map[string]any{"id": a.ID, "name": a.Name, "type": "button"})
			}
			props["attachments"] = []any{map[string]any{"id": 0, "actions": actions}}
		}
	}
	metadata := map[string]any{}
	if r.kind == EntryMessage {
		props["from_bot"] = "true"
		if r.rich.team.urgent {
			metadata["priority"] = map[string]any{"priority": "urgent", "requested_ack": false}
		}
	}
	ms := r.at / 1000
	return map[string]any{
		"id": r.id(), "create_at": ms, "update_at": ms, "edit_at": 0, "delete_at": 0, "user_id": user, "channel_id": channel, "root_id": "",
		"message": r.text.Value(), "type": "", "props": props, "hashtags": "", "pending_post_id": "", "metadata": metadata,
	}
}

// posts lists what stands in a channel of the bot's, whoever wrote it, oldest first.
func (b *teamBot) posts(p *phone, channel string) []*record {
	var out []*record
	for _, seq := range p.list() {
		r := b.s.journal.get(uint64(seq))
		if r.rich != nil && r.rich.team != nil && r.rich.team.channel == channel && r.kind != EntryPress {
			out = append(out, r)
		}
	}
	return out
}

// room is the Channel object (server/public/model/channel.go).
func (b *teamBot) room(id string) map[string]any {
	p := b.roomOf(id)
	out := map[string]any{"id": id, "type": "D", "name": b.name + "__" + p.key.address, "delete_at": 0, "last_post_at": 0, "total_msg_count": 0}
	if strings.HasPrefix(p.key.address, channelPrefix) {
		out["type"], out["name"] = "O", "sandbox-channel"
	}
	if posts := b.posts(p, id); len(posts) > 0 {
		out["last_post_at"], out["total_msg_count"] = posts[len(posts)-1].at/1000, len(posts)
	}
	return out
}

// list gives all channels that the bot is a member of, whole (server/channels/api4/channel.go, getChannelsForUser).
func (b *teamBot) list() reply {
	b.mu.Lock()
	ids := append([]string(nil), b.order...)
	b.mu.Unlock()
	out := make([]map[string]any, len(ids))
	for i, id := range ids {
		out[i] = b.room(id)
	}
	return jsonReply(200, out)
}

// since gives the posts of a channel that changed after a time, at most 1,000, the newest first
// (server/channels/store/sqlstore/post_store.go, GetPostsSince).
func (b *teamBot) since(channel, since string) reply {
	p := b.roomOf(channel)
	if p == nil {
		return appError(403, "api.context.permissions.app_error", "You do not have the appropriate permissions.")
	}
	after, err := strconv.ParseInt(since, 10, 64)
	if err != nil {
		return appError(400, "api.context.invalid_param.app_error", "Invalid since parameter.")
	}
	order, posts := []string{}, map[string]any{}
	list := b.posts(p, channel)
	for i := len(list) - 1; i >= 0 && len(order) < 1000; i-- {
		if list[i].at/1000 > after {
			order = append(order, list[i].id())
			posts[list[i].id()] = list[i].teamPost()
		}
	}
	return jsonReply(200, map[string]any{"order": order, "posts": posts, "next_post_id": "", "prev_post_id": ""})
}
