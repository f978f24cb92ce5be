package matrix

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
)

const (
	token = "kit-token-of-the-account"
	self  = "@carillon:harbour.example"
)

// homeserver is a small one: it keeps what is said in rooms, and tells it by sync.
type homeserver struct {
	*channeltest.Fake
	mu     sync.Mutex
	said   []map[string]any // events of people, with their room under "room"
	secret map[string]bool  // encrypted rooms
	joined []string
}

func newHomeserver() (*homeserver, func(), error) {
	h := &homeserver{secret: map[string]bool{}}
	var stop func()
	var err error
	h.Fake, stop, err = channeltest.NewFake(channeltest.Wire{
		Message: func(r *http.Request, body []byte) (channeltest.Said, bool) {
			room, txn, ok := strings.Cut(strings.TrimPrefix(r.URL.Path, root+"/rooms/"), "/send/m.room.message/")
			var m struct {
				Body string `json:"body"`
			}
			if !ok || r.Method != http.MethodPut || json.Unmarshal(body, &m) != nil {
				return channeltest.Said{}, false
			}
			return channeltest.Said{To: room, Text: m.Body, Key: txn}, true
		},
		Answer: h.answer,
		Refuse: func(w http.ResponseWriter, status int, text string) {
			code := map[int]string{401: "M_UNKNOWN_TOKEN", 429: "M_LIMIT_EXCEEDED"}[status]
			if code == "" {
				code = "M_UNKNOWN"
			}
			say(w, status, map[string]string{"errcode": code, "error": text})
		},
		Reply: func(address, text string) error {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.said = append(h.said, map[string]any{
				"room": address, "event_id": "$e" + strconv.Itoa(len(h.said)+1), "type": "m.room.message", "sender": "@anna:harbour.example",
				"origin_server_ts": time.Now().UnixMilli(), "content": map[string]any{"msgtype": "m.text", "body": text},
			})
			return nil
		},
	})
	return h, stop, err
}

func say(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func (h *homeserver) answer(w http.ResponseWriter, r *http.Request, _ []byte, kept *channeltest.Seen) {
	h.mu.Lock()
	defer h.mu.Unlock()
	path := strings.TrimPrefix(r.URL.Path, root)
	switch {
	case r.Header.Get("Authorization") != "Bearer "+token:
		say(w, http.StatusUnauthorized, map[string]string{"errcode": "M_UNKNOWN_TOKEN"})
	case kept != nil:
		say(w, http.StatusOK, map[string]string{"event_id": "$" + kept.ID})
	case path == "/account/whoami":
		say(w, http.StatusOK, map[string]string{"user_id": self})
	case strings.HasPrefix(path, "/directory/room/"):
		say(w, http.StatusOK, map[string]string{"room_id": "!of-" + strings.TrimPrefix(path, "/directory/room/#")})
	case strings.HasSuffix(path, "/state/m.room.encryption/"):
		if h.secret[strings.TrimSuffix(strings.TrimPrefix(path, "/rooms/"), "/state/m.room.encryption/")] {
			say(w, http.StatusOK, map[string]string{"algorithm": "m.megolm.v1.aes-sha2"})
			return
		}
		say(w, http.StatusNotFound, map[string]string{"errcode": "M_NOT_FOUND"})
	case path == "/sync":
		from := 0
		if since := r.URL.Query().Get("since"); since != "" {
			from, _ = strconv.Atoi(strings.TrimPrefix(since, "s"))
		}
		rooms := map[string]any{}
		for _, e := range h.said[from:] {
			room := e["room"].(string)
			timeline, _ := rooms[room].(map[string]any)
			if timeline == nil {
				timeline = map[string]any{"timeline": map[string]any{"events": []any{}}}
				rooms[room] = timeline
			}
			inner := timeline["timeline"].(map[string]any)
			inner["events"] = append(inner["events"].([]any), e)
		}
		say(w, http.StatusOK, map[string]any{"next_batch": "s" + strconv.Itoa(len(h.said)), "rooms": map[string]any{"join": rooms}})
	case strings.HasSuffix(path, "/join"):
		h.joined = append(h.joined, strings.TrimSuffix(strings.TrimPrefix(path, "/rooms/"), "/join"))
		say(w, http.StatusOK, map[string]string{"room_id": "x"})
	default:
		say(w, http.StatusNotFound, map[string]string{"errcode": "M_UNRECOGNIZED"})
	}
}

// allowed are the elements that clients are told to show (client-server API, "m.room.message msgtypes"), of those that we write.
var allowed = map[string]bool{"h2": true, "p": true, "ul": true, "ol": true, "li": true, "blockquote": true, "strong": true, "em": true, "code": true, "a": true, "br": true}

// called finds what a client calls somebody by: a user's id, or everybody (client-server API, "User and room mentions").
var called = regexp.MustCompile(`(^|\s)@(room\b|[a-z0-9._=/+-]+:[A-Za-z0-9][A-Za-z0-9.-]*)`)

// read reads a part's HTML with the tokenizer of golang.org/x/net.
func read(part channels.Part) (channeltest.Shape, error) {
	var shape channeltest.Shape
	var open []string
	z := html.NewTokenizer(strings.NewReader(part.HTML))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if !errors.Is(z.Err(), io.EOF) || len(open) > 0 {
				return shape, fmt.Errorf("%q are open: %w", open, z.Err())
			}
			return shape, nil
		case html.TextToken:
			text := z.Token().Data
			shape.Text += text
			for range called.FindAllString(text, -1) {
				shape.Marks = append(shape.Marks, "mention")
			}
		case html.StartTagToken:
			t := z.Token()
			if !allowed[t.Data] || t.Data == "a" != (len(t.Attr) == 1) || len(t.Attr) > 1 {
				return shape, fmt.Errorf("Matrix does not know %s", t)
			}
			if t.Data == "br" {
				continue
			}
			mark := t.Data
			if t.Data == "a" {
				mark += " " + t.Attr[0].Val
			}
			shape.Marks, open = append(shape.Marks, mark), append(open, t.Data)
		case html.EndTagToken:
			t := z.Token()
			if len(open) == 0 || open[len(open)-1] != t.Data {
				return shape, fmt.Errorf("%s closes nothing", t)
			}
			open = open[:len(open)-1]
		default:
			return shape, fmt.Errorf("neither text nor element: %s", z.Token())
		}
	}
}

func subject() channeltest.Subject {
	return channeltest.Subject{
		Start: func() (channeltest.Double, func(), error) {
			h, stop, err := newHomeserver()
			return h, stop, err
		},
		Make: func(d channeltest.Double, hook string) (channels.Adapter, error) {
			return New(channels.Settings{Name: "matrix-kit", HookURL: hook, Options: []byte(`{"base_url":"` + d.URL() + `","token":"` + token + `"}`)})
		},
		Valid: map[string]channels.Address{
			"!abc123:Harbour.example": "!abc123:Harbour.example", " #News:Harbour.Example ": "#News:harbour.example", "https://matrix.to/#/%23news:harbour.example?via=x": "#news:harbour.example",
			"!0sHgfdk3_nQ-1xZlN8f0v4hUfN1x6o2yC6uQn5dKpJc": "!0sHgfdk3_nQ-1xZlN8f0v4hUfN1x6o2yC6uQn5dKpJc",
		},
		Invalid: []string{"", "Anna", "@anna:harbour.example", "#hafen", "!a b:harbour.example", "!abc:harbour.example/../x"},
		People:  []channels.Address{"!room-one-8127:harbour.example", "!room-two-8128:harbour.example", "!room-three-8129:harbour.example"},
		Secrets: []string{token},
		Length:  func(p channels.Part) int { return len(p.Text) + len(p.HTML) },
		Read:    read,
	}
}

func TestConformance(t *testing.T) {
	for _, c := range channeltest.Checks(subject()) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			c.Run(t)
		})
	}
}
