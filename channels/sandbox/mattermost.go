package sandbox

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// MattermostBot is a bot account of the Mattermost server.
type MattermostBot struct {
	Token    string  `json:"token"`              // its access token
	Username string  `json:"username,omitempty"` // empty: "sandbox-bot"
	Command  Command `json:"command,omitzero"`   // a slash command that leads to its webhook
}

// ID is the account's id: always the same for one token.
func (b MattermostBot) ID() string { return mattermostID("bot", b.Token) }

// Command is a slash command of the Mattermost server.
type Command struct {
	Trigger string `json:"trigger"` // without the slash
	URL     string `json:"url"`     // called with POST
	Token   string `json:"token"`   // made by the server, proves its calls
}

// teamBot is a MattermostBot in use.
type teamBot struct {
	owner
	set atomic.Pointer[MattermostBot]

	mu      sync.Mutex
	rooms   map[string]*phone       // by the id of Mattermost's channel
	order   []string                // of rooms, oldest first
	pending map[string]*pendingPost // see mattermost_post.go
	asked   time.Time               // see rates.go
}

const mattermostRoot = "/api/v4/"

// teamID is the only team of the server; every bot is in it.
const teamID = "teammmmmmmmmmmmmmmmmmmmmm1"

// mattermostLetters are those of the server's ids (server/public/model/utils.go, NewId).
var mattermostLetters = base32.NewEncoding("ybndrfg8ejkmcpqxot1uwisza345h769").WithPadding(base32.NoPadding)

// mattermostID makes an id of 26 characters out of names.
func mattermostID(names ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(names, "\x00")))
	return mattermostLetters.EncodeToString(sum[:16])
}

// postID writes a sequence number as an id that can be turned back without a table.
func (s *Sandbox) postID(seq uint64) string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], seq^s.salt)
	binary.BigEndian.PutUint64(raw[8:], ^scramble(seq^s.salt))
	return mattermostLetters.EncodeToString(raw[:])
}

// postOf finds the record that an id names, nil if this sandbox never gave it out.
func (s *Sandbox) postOf(id string) *record {
	raw, err := mattermostLetters.DecodeString(id)
	if err != nil || len(raw) != 16 {
		return nil
	}
	masked := binary.BigEndian.Uint64(raw[:8])
	if binary.BigEndian.Uint64(raw[8:]) != ^scramble(masked) {
		return nil
	}
	return s.journal.get(masked ^ s.salt)
}

// isMattermostID says whether a text has the form of the server's ids.
func isMattermostID(id string) bool {
	return len(id) == 26 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// MattermostBot configures a bot, or replaces what it was configured with. One without a token is ignored.
func (s *Sandbox) MattermostBot(b MattermostBot) {
	if b.Token == "" {
		return
	}
	have, _ := s.teamBots.LoadOrStore(b.Token, s.newTeamBot(b))
	have.(*teamBot).set.Store(&b)
}

func (s *Sandbox) newTeamBot(b MattermostBot) *teamBot {
	fresh := &teamBot{owner: owner{s, Mattermost, b.ID()}, rooms: make(map[string]*phone), pending: make(map[string]*pendingPost)}
	fresh.set.Store(&b)
	return fresh
}

// teamBot finds the bot that a token proves, nil if there is none.
func (s *Sandbox) teamBot(r *http.Request) *teamBot {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") || token == "" {
		return nil
	}
	have, known := s.teamBots.Load(token)
	if !known {
		if s.opts.Strict {
			return nil
		}
		have, _ = s.teamBots.LoadOrStore(token, s.newTeamBot(MattermostBot{Token: token}))
	}
	return have.(*teamBot)
}

// appError writes an error as the server does: what it means is in the id (server/public/model/utils.go, AppError).
func appError(status int, id, message string) reply {
	b := append(make([]byte, 0, 192), `{"id":`...)
	b = appendString(b, id)
	b = append(b, `,"message":`...)
	b = appendString(b, message)
	b = append(b, `,"detailed_error":"","request_id":"sandboxsandboxsandboxsandb","status_code":`...)
	b = appendInt(b, int64(status))
	return reply{status: status, body: append(b, '}')}
}

func sessionExpired() reply {
	return appError(401, "api.context.session_expired.app_error", "Invalid or expired session, please login again.")
}

// limited is the answer of the server's limiter, which is plain text and says when to come back in headers
// (server/channels/app/ratelimit.go). An empty wait gives none of these headers.
func limited(wait string) reply {
	out := reply{status: http.StatusTooManyRequests, kind: "text/plain; charset=utf-8", body: []byte("limit exceeded\n"), retryAfter: wait}
	if wait != "" {
		out.header = http.Header{"X-Ratelimit-Limit": {"100"}, "X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {wait}}
	}
	return out
}

// mattermost is the error that a fault answers with; false if it gives none of the provider's own. The words of a Failure
// that have the form of an id are one.
func (f *Fault) mattermost() (reply, bool) {
	if f == nil {
		return reply{}, false
	}
	switch f.Kind {
	case Failure:
		id, message := "sandbox.failure.app_error", f.Text
		if strings.Contains(f.Text, ".") && !strings.Contains(f.Text, " ") {
			id, message = f.Text, "The server refuses."
		}
		return appError(f.status(500), id, message), true
	case Throttle:
		return limited(f.RetryAfter), true
	case Unauthorized:
		return sessionExpired(), true
	default:
		return reply{}, false
	}
}

// serveMattermost answers the part of the REST API that bots use
// (https://developers.mattermost.com/api-documentation).
func (s *Sandbox) serveMattermost(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat)) // the server has one clock
	w.Header().Set("X-Version-Id", "10.11.0.10.11.0.sandbox.false")
	b := s.teamBot(r)
	if b == nil {
		s.answer(w, r, nil, sessionExpired())
		return
	}
	if wait := s.teamRate(b); wait != "" {
		s.answer(w, r, nil, limited(wait))
		return
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		s.answer(w, r, nil, appError(413, "api.context.request_body_too_large.app_error", "The request body is too large."))
		return
	}
	path := strings.TrimPrefix(r.URL.Path, mattermostRoot)
	if path == "posts" && r.Method == http.MethodPost {
		s.teamPost(w, r, b, raw)
		return
	}
	f := s.faults.strike(Mattermost, b.name, "", OnRead, onWire)
	if f != nil && f.Kind == Latency && !s.pause(r, f.For) {
		return
	}
	if out, ok := f.mattermost(); ok {
		s.answer(w, r, f, out)
		return
	}
	s.answer(w, r, f, s.teamRead(b, r, strings.Split(path, "/"), raw))
}

// teamRead answers what neither sends nor changes a post.
func (s *Sandbox) teamRead(b *teamBot, r *http.Request, path []string, raw []byte) reply {
	at := func(method string, pattern ...string) bool {
		if r.Method != method || len(path) != len(pattern) {
			return false
		}
		for i, p := range pattern {
			if p != "*" && p != path[i] {
				return false
			}
		}
		return true
	}
	switch {
	case at("GET", "system", "ping"):
		return reply{status: 200, body: []byte(`{"status":"OK"}`)}
	case at("GET", "config", "client"):
		return s.teamConfig()
	case at("GET", "users", "me"), at("GET", "users", b.name):
		return jsonReply(200, map[string]any{"id": b.name, "username": b.username(), "delete_at": 0, "is_bot": true, "roles": "system_user"})
	case at("GET", "users", "username", "*"):
		if have, ok := s.usernames.Load(path[2]); ok {
			return have.(*phone).teamUser()
		}
		return appError(404, "app.user.get_by_username.app_error", "Unable to find an existing account matching your username for this team.")
	case at("GET", "users", "*"):
		if p := s.teamPerson(path[1]); p != nil {
			return p.teamUser()
		}
		return appError(404, "app.user.missing_account.const", "Unable to find the user.")
	case at("POST", "channels", "direct"):
		return s.teamDirect(b, raw)
	case !s.opts.OldMattermost && (at("GET", "users", "me", "channels") || at("GET", "users", b.name, "channels")), at("GET", "users", "me", "teams", teamID, "channels"):
		return b.list()
	case at("GET", "users", "me", "teams"):
		return jsonReply(200, []map[string]any{{"id": teamID, "name": "sandbox", "type": "O"}})
	case at("GET", "channels", "*", "posts"):
		return b.since(path[1], r.URL.Query().Get("since"))
	case at("GET", "posts", "*"):
		rec := s.postOf(path[1])
		if rec == nil || rec.rich == nil || rec.rich.team == nil || b.roomOf(rec.rich.team.channel) == nil {
			return appError(404, "app.post.get.app_error", "Unable to get the post.")
		}
		return jsonReply(200, rec.teamPost())
	}
	return appError(404, "api.context.404.app_error", "Sorry, we could not find the page.")
}

func (b *teamBot) username() string {
	if name := b.set.Load().Username; name != "" {
		return name
	}
	return "sandbox-bot"
}

// teamConfig is what every client may know of the server's configuration.
func (s *Sandbox) teamConfig() reply {
	config := map[string]string{"Version": "10.11.0", "PostPriority": strconv.FormatBool(!s.opts.NoPriority), "MaxPostSize": "16383"}
	if s.opts.OldMattermost {
		config = map[string]string{"Version": "5.31.0", "MaxPostSize": "4000"}
	}
	return jsonReply(200, config)
}

// teamPerson finds the phone of an account.
func (s *Sandbox) teamPerson(id string) *phone {
	if !isMattermostID(id) {
		return nil
	}
	p := s.phones.find(KindMattermost, id)
	if p == nil && s.opts.OpenChats {
		var made bool
		if p, made = s.phones.get(KindMattermost, id); made {
			s.wall.add(p)
		}
	}
	return p
}

func (p *phone) teamUser() reply {
	p.mu.Lock()
	defer p.mu.Unlock()
	deleted := int64(0)
	if p.gone {
		deleted = 1767225600000
	}
	return jsonReply(200, map[string]any{
		"id": p.key.address, "username": p.username, "delete_at": deleted, "locale": p.language, "roles": "system_user",
	})
}

// teamDirect gives the channel of direct messages between the bot and a person, and makes it if need be
// (server/channels/app/channel.go, GetOrCreateDirectChannel).
func (s *Sandbox) teamDirect(b *teamBot, raw []byte) reply {
	var ids []string
	if json.Unmarshal(raw, &ids) != nil || len(ids) != 2 || ids[0] != b.name && ids[1] != b.name {
		return appError(400, "api.context.invalid_body_param.app_error", "Invalid or missing user_ids in request body.")
	}
	other := ids[0]
	if other == b.name {
		other = ids[1]
	}
	p := s.teamPerson(other)
	if p == nil {
		return appError(400, "api.channel.create_direct_channel.invalid_user.app_error", "Invalid user ID.")
	}
	return jsonReply(201, b.room(b.direct(p)))
}

// direct is the id of the channel of direct messages with a person.
func (b *teamBot) direct(p *phone) string {
	id := mattermostID("direct", b.name, p.key.address)
	b.enter(id, p)
	return id
}

func (b *teamBot) enter(id string, p *phone) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rooms[id] == nil {
		b.rooms[id] = p
		b.order = append(b.order, id)
	}
}

// roomOf finds a channel that the bot is a member of.
func (b *teamBot) roomOf(id string) *phone {
	b.mu.Lock()
	p := b.rooms[id]
	b.mu.Unlock()
	if p != nil {
		return p
	}
	p = b.s.phones.find(KindMattermost, channelPrefix+id)
	if p == nil {
		return nil
	}
	p.mu.Lock()
	in := p.members[b.name] || p.members["*"]
	p.mu.Unlock()
	if !in && !b.s.opts.OpenChats {
		return nil
	}
	b.enter(id, p)
	return p
}

// channelPrefix begins the addresses of channels, for people have ids of the same form.
const channelPrefix = "channel:"

// postBotOfTeam configures a Mattermost bot over the control API.
func (s *Sandbox) postBotOfTeam(w http.ResponseWriter, r *http.Request) {
	var in MattermostBot
	if !body(w, r, &in) {
		return
	}
	if in.Token == "" {
		fail(w, http.StatusBadRequest, errors.New("token: a bot has an access token"))
		return
	}
	s.MattermostBot(in)
	writeJSON(w, http.StatusOK, struct {
		ID string `json:"id"`
	}{in.ID()})
}
