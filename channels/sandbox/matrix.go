package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unique"
)

// MatrixUser is an account of the homeserver.
type MatrixUser struct {
	Token string `json:"token"`
	ID    string `json:"id"` // such as @carillon:sandbox.example
}

// matrixUser is a MatrixUser in use.
type matrixUser struct {
	owner
	mu     sync.Mutex
	txns   map[string]string // room and transaction id → event id
	events []matrixEvent     // what the account's syncs tell, oldest first
}

// matrixEvent is something that happened in a room.
type matrixEvent struct {
	room      string
	seq       uint64 // of what somebody said; zero: the room was encrypted
	encrypted bool
}

// MatrixUser makes an account known by its access token.
func (s *Sandbox) MatrixUser(u MatrixUser) {
	s.matrixUsers.Store(u.Token, &matrixUser{owner: owner{s, Matrix, u.ID}, txns: map[string]string{}})
}

const matrixRoot = "/_matrix/client/v3/"

// serveMatrix is a homeserver with every room that is written to (https://spec.matrix.org/latest/client-server-api/). An account
// is in each of them, and nobody has to invite it.
func (s *Sandbox) serveMatrix(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		s.answer(w, r, nil, matrixError(400, "M_BAD_JSON", "The body cannot be read"))
		return
	}
	u := s.matrixBy(r)
	if u == nil {
		s.answer(w, r, nil, matrixError(401, "M_UNKNOWN_TOKEN", "Unrecognised access token"))
		return
	}
	path := strings.TrimPrefix(r.URL.Path, matrixRoot)
	room, txn, sends := strings.Cut(strings.TrimPrefix(path, "rooms/"), "/send/m.room.message/")
	if r.Method == http.MethodPut && sends {
		s.matrixSend(w, r, u, room, txn, body)
		return
	}
	f := s.faults.strike(Matrix, u.name, "", OnRead, onWire)
	if f != nil && f.Kind == Latency && !s.pause(r, f.For) {
		return
	}
	out, fails := f.matrix()
	if !fails && !f.spoils() {
		out = u.look(r, path)
	}
	s.answer(w, r, f, out)
}

// matrixBy finds the account of a token; one that is new is known from then on.
func (s *Sandbox) matrixBy(r *http.Request) *matrixUser {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		return nil
	}
	if _, known := s.matrixUsers.Load(token); !known {
		if s.opts.Strict {
			return nil
		}
		s.MatrixUser(MatrixUser{Token: token, ID: "@carillon:sandbox.example"})
	}
	have, _ := s.matrixUsers.Load(token)
	return have.(*matrixUser)
}

func matrixError(status int, code, text string) reply {
	return jsonReply(status, map[string]string{"errcode": code, "error": text})
}

// matrix is the error that a fault answers with; false if it gives none of the homeserver's own.
func (f *Fault) matrix() (reply, bool) {
	if f == nil {
		return reply{}, false
	}
	switch f.Kind {
	case Failure:
		return matrixError(f.status(500), "M_UNKNOWN", f.Text), true
	case Throttle:
		out := matrixError(429, "M_LIMIT_EXCEEDED", "Too many requests")
		out.retryAfter = f.RetryAfter
		return out, true
	case Unauthorized:
		return matrixError(401, "M_UNKNOWN_TOKEN", "Unrecognised access token"), true
	}
	return reply{}, false
}

// matrixSend says something in a room, once under its transaction id (same specification, "Transaction identifiers").
func (s *Sandbox) matrixSend(w http.ResponseWriter, r *http.Request, u *matrixUser, room, txn string, body []byte) {
	var said struct {
		Type string `json:"msgtype"`
		Body string `json:"body"`
	}
	bad := json.Unmarshal(body, &said) != nil || said.Type == "" || !matrixRoom(room)
	f := s.faults.strike(Matrix, u.name, room, OnSend, onWire)
	if f != nil && f.Kind == Latency && !s.pause(r, f.For) {
		return
	}
	out, fails := f.matrix()
	key := room + " " + txn
	u.mu.Lock()
	id, again := u.txns[key]
	keeps := !bad && !again && (!fails && !f.spoils() || f.Kept)
	if keeps {
		id = "$sandbox-" + strconv.Itoa(len(u.txns)+1)
		u.txns[key] = id
	}
	u.mu.Unlock()
	switch {
	case fails:
	case bad:
		out = matrixError(400, "M_BAD_JSON", "The event is not valid")
	default:
		out = jsonReply(200, map[string]string{"event_id": id})
	}
	l := line{
		at: s.now().UnixMicro(), owner: &u.owner, kind: EntryMessage, from: unique.Make(u.name), to: room, text: unique.Make(said.Body), answer: f.label(out.status), own: id,
	}
	st := statusNone
	if keeps {
		p, made := s.phones.get(KindMatrix, room)
		if made {
			s.wall.add(p)
		}
		l.phone, l.kept, st = p, true, statusDelivered
	}
	rec := s.journal.append(l, st)
	if keeps {
		s.receive(l.phone, rec, u.name, "")
	}
	s.seen.count(rec)
	if keeps {
		s.arrive(rec)
	}
	s.note()
	s.answer(w, r, f, out)
}

func matrixRoom(room string) bool {
	return len(room) > 1 && len(room) < 256 && room[0] == '!' && !strings.ContainsAny(room, " /\n")
}

// look answers everything that is no message.
func (u *matrixUser) look(r *http.Request, path string) reply {
	room, encryption := strings.CutSuffix(strings.TrimPrefix(path, "rooms/"), "/state/m.room.encryption/")
	alias, directory := strings.CutPrefix(path, "directory/room/#")
	switch {
	case path == "account/whoami":
		return jsonReply(200, map[string]string{"user_id": u.name})
	case strings.HasPrefix(path, "profile/"):
		return jsonReply(200, map[string]string{"displayname": "Carillon"})
	case directory:
		return jsonReply(200, map[string]string{"room_id": "!of-" + alias})
	case encryption:
		if p := u.s.phones.find(KindMatrix, room); p != nil {
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.gone {
				return jsonReply(200, map[string]string{"algorithm": "m.megolm.v1.aes-sha2"})
			}
		}
		return matrixError(404, "M_NOT_FOUND", "Event not found")
	case path == "sync":
		return u.sync(r)
	case strings.HasSuffix(path, "/join") && r.Method == http.MethodPost:
		return jsonReply(200, map[string]string{"room_id": strings.TrimSuffix(strings.TrimPrefix(path, "rooms/"), "/join")})
	}
	return matrixError(404, "M_UNRECOGNIZED", "Unrecognised request")
}

// sync tells what happened since a token, and waits for it as long as it is told (same specification, "Syncing").
func (u *matrixUser) sync(r *http.Request) reply {
	q := r.URL.Query()
	since, err := strconv.Atoi(strings.TrimPrefix(q.Get("since"), "s"))
	if err != nil && q.Get("since") != "" {
		return matrixError(400, "M_INVALID_PARAM", "Unknown since token")
	}
	count := func() int {
		u.mu.Lock()
		defer u.mu.Unlock()
		return len(u.events)
	}
	if wait, err := strconv.Atoi(q.Get("timeout")); err == nil && wait > 0 && q.Get("since") != "" {
		ctx, cancel := context.WithTimeout(r.Context(), time.Duration(wait)*time.Millisecond)
		// Its end without an event is an empty answer.
		_ = u.s.Wait(ctx, func() bool { return count() > since })
		cancel()
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	rooms := map[string]map[string]map[string][]any{}
	for i := min(max(since, 0), len(u.events)); i < len(u.events); i++ {
		e := u.events[i]
		told := map[string]any{"event_id": "$event-" + strconv.Itoa(i+1), "sender": "@person:sandbox.example"}
		if e.encrypted {
			told["type"], told["state_key"], told["content"] = "m.room.encryption", "", map[string]string{"algorithm": "m.megolm.v1.aes-sha2"}
		} else {
			rec := u.s.journal.get(e.seq)
			told["type"], told["origin_server_ts"] = "m.room.message", rec.at/1000
			told["content"] = map[string]string{"msgtype": "m.text", "body": rec.text.Value()}
		}
		if rooms[e.room] == nil {
			rooms[e.room] = map[string]map[string][]any{"timeline": {}}
		}
		rooms[e.room]["timeline"]["events"] = append(rooms[e.room]["timeline"]["events"], told)
	}
	return jsonReply(200, map[string]any{"next_batch": "s" + strconv.Itoa(len(u.events)), "rooms": map[string]any{"join": rooms}})
}

// replyMatrix has somebody write into a room, or encrypt it; block does that, and unblock makes another room of the same id.
func (s *Sandbox) replyMatrix(in Reply) (uint64, error) {
	p, made := s.phones.get(KindMatrix, in.Address)
	if made {
		s.wall.add(p)
	}
	if in.Press != "" {
		return 0, errors.New("rooms of Matrix have no buttons")
	}
	var users []*matrixUser
	s.matrixUsers.Range(func(_, v any) bool {
		users = append(users, v.(*matrixUser))
		return true
	})
	if len(users) == 0 {
		return 0, ErrNobody
	}
	if in.Block || in.Unblock {
		p.mu.Lock()
		p.gone = in.Block
		p.mu.Unlock()
	}
	text := in.Text
	if text == "" {
		text = map[bool]string{true: "(the room is encrypted)", false: "(the room is not encrypted any more)"}[in.Block]
	}
	rec := s.keepText(&users[0].owner, p, line{kind: EntryReply, from: unique.Make(in.Address), to: users[0].name, text: unique.Make(text)})
	if !in.Unblock {
		for _, u := range users {
			u.mu.Lock()
			u.events = append(u.events, matrixEvent{room: in.Address, seq: rec.seq, encrypted: in.Block})
			u.mu.Unlock()
		}
	}
	s.note()
	return rec.seq, nil
}
