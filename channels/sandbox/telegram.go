package sandbox

import (
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Bot is a Telegram bot.
type Bot struct {
	Token    string `json:"token"`              // "<id>:<secret>", as BotFather gives it
	Name     string `json:"name,omitempty"`     // first_name; empty: "Sandbox bot"
	Username string `json:"username,omitempty"` // empty: made from the id
}

// ID is the part of the token before the colon.
func (b Bot) ID() string {
	id, _, _ := strings.Cut(b.Token, ":")
	return id
}

// bot is a Bot in use.
type bot struct {
	owner
	id  int64
	set atomic.Pointer[Bot]

	mu      sync.Mutex
	updates []update // not yet confirmed, oldest first
	last    int64    // newest update id
	poll    chan error
	hook    webhook
	pumping bool
	queries map[string]time.Time // callback queries that may be answered
	tat     time.Time            // see rates.go
}

const telegramRoot = "/bot"

// splitToken reads a token: digits, a colon, and a secret of letters, digits, _ and -.
func splitToken(token string) (id int64, ok bool) {
	name, secret, found := strings.Cut(token, ":")
	id, err := strconv.ParseInt(name, 10, 64)
	if !found || err != nil || id <= 0 || len(secret) < 3 || strings.Trim(secret, tokenLetters) != "" {
		return 0, false
	}
	return id, true
}

const tokenLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

// Bot configures a Telegram bot, or replaces its token and names. A token that is none is ignored.
func (s *Sandbox) Bot(b Bot) {
	id, ok := splitToken(b.Token)
	if !ok {
		return
	}
	have, _ := s.bots.LoadOrStore(b.ID(), s.newBot(b.ID(), id))
	have.(*bot).set.Store(&b)
}

func (s *Sandbox) newBot(name string, id int64) *bot {
	return &bot{owner: owner{s, Telegram, name}, id: id, queries: make(map[string]time.Time)}
}

// bot finds the bot that a token proves. Telegram answers 404 to what is no token at all and 401 to a wrong one.
func (s *Sandbox) bot(token string) (*bot, *refusal) {
	id, ok := splitToken(token)
	if !ok {
		return nil, &refusal{404, 404, "Not Found"}
	}
	name := Bot{Token: token}.ID()
	have, known := s.bots.Load(name)
	if !known {
		if s.opts.Strict {
			return nil, &refusal{401, 401, "Unauthorized"}
		}
		fresh := s.newBot(name, id)
		fresh.set.Store(&Bot{Token: token})
		have, _ = s.bots.LoadOrStore(name, fresh)
	}
	b := have.(*bot)
	if subtle.ConstantTimeCompare([]byte(b.set.Load().Token), []byte(token)) != 1 {
		return nil, &refusal{401, 401, "Unauthorized"}
	}
	return b, nil
}

// params are the parameters of a call, JSON values as their text.
type params map[string]string

// readParams takes the parameters from the query, a form, a multipart form or a JSON object
// (https://core.telegram.org/bots/api, "Making requests").
func readParams(w http.ResponseWriter, r *http.Request) (params, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	p := params{}
	switch kind {
	case jsonType:
		raw, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(raw, &fields); err != nil {
			return nil, err
		}
		for k, v := range fields {
			var text string
			if json.Unmarshal(v, &text) == nil {
				p[k] = text
			} else {
				p[k] = string(v)
			}
		}
	case "multipart/form-data":
		if err := r.ParseMultipartForm(maxBody); err != nil {
			return nil, err
		}
	}
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	for k, v := range r.Form {
		p[k] = v[0]
	}
	return p, nil
}

func (p params) int(name string) int64 {
	n, err := strconv.ParseInt(p[name], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (p params) bool(name string) bool { return strings.EqualFold(p[name], "true") || p[name] == "1" }

// serveTelegram answers /bot<token>/<method>. Methods are known in any case, as at Telegram.
func (s *Sandbox) serveTelegram(w http.ResponseWriter, r *http.Request) {
	token, method, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, telegramRoot), "/")
	b, bad := s.bot(token)
	if bad != nil {
		s.answer(w, r, nil, telegramError(*bad, ""))
		return
	}
	p, err := readParams(w, r)
	if err != nil {
		s.answer(w, r, nil, telegramError(refusal{400, 400, "Bad Request: can't parse the parameters"}, ""))
		return
	}
	method = strings.ToLower(method)
	switch method {
	case "sendmessage":
		s.telegramSend(w, r, b, p)
	case "editmessagetext", "editmessagereplymarkup":
		s.telegramEdit(w, r, b, p, method == "editmessagetext")
	default:
		s.telegramRead(w, r, b, p, method)
	}
}

// telegramRead answers every method that neither sends nor changes a message, unless a fault does.
func (s *Sandbox) telegramRead(w http.ResponseWriter, r *http.Request, b *bot, p params, method string) {
	f := s.faults.strike(Telegram, b.name, "", OnRead, onWire)
	if f != nil && f.Kind == Latency && !s.pause(r, f.For) {
		return
	}
	if out, ok := f.telegram(); ok {
		s.answer(w, r, f, out)
		return
	}
	var out reply
	switch method {
	case "getme":
		out = telegramOK(b.user(true))
	case "getupdates":
		var gone bool
		if out, gone = s.getUpdates(r, b, p); gone {
			return
		}
	case "setwebhook":
		out = s.setWebhook(b, p)
	case "deletewebhook":
		out = s.deleteWebhook(b, p)
	case "getwebhookinfo":
		out = b.webhookInfo()
	case "answercallbackquery":
		out = b.answerQuery(p["callback_query_id"])
	default:
		out = telegramError(refusal{404, 404, "Not Found"}, "")
	}
	s.answer(w, r, f, out)
}

// telegramOK wraps a result that is JSON already.
func telegramOK(result []byte) reply {
	b := make([]byte, 0, len(result)+24)
	b = append(b, `{"ok":true,"result":`...)
	b = append(b, result...)
	return reply{status: 200, body: append(b, '}')}
}

// telegramError writes an error; parameters is the inside of a JSON object
// (https://core.telegram.org/bots/api#responseparameters).
func telegramError(f refusal, parameters string) reply {
	b := append(make([]byte, 0, 128), `{"ok":false,"error_code":`...)
	b = strconv.AppendInt(b, int64(f.code), 10)
	b = append(b, `,"description":`...)
	b = appendString(b, f.text)
	if parameters != "" {
		b = append(b, `,"parameters":{`...)
		b = append(b, parameters...)
		b = append(b, '}')
	}
	return reply{status: f.status, body: append(b, '}')}
}

// telegram is the error that a fault answers with; false if it gives none of the provider's own.
func (f *Fault) telegram() (reply, bool) {
	if f == nil {
		return reply{}, false
	}
	switch f.Kind {
	case Failure:
		status := f.status(500)
		text := f.Text
		if text == "" {
			text = http.StatusText(status)
		}
		return telegramError(refusal{status, f.code(status), text}, ""), true
	case Throttle:
		return tooMany(f.RetryAfter), true
	case Unauthorized:
		return telegramError(refusal{401, 401, "Unauthorized"}, ""), true
	default:
		return reply{}, false
	}
}

// tooMany is flood control: a whole number of seconds stands bare, anything else as the text it is.
func tooMany(after string) reply {
	if after == "" {
		return telegramError(refusal{429, 429, "Too Many Requests"}, "")
	}
	value := after
	if _, err := strconv.ParseInt(after, 10, 64); err != nil {
		value = string(appendString(nil, after))
	}
	return telegramError(refusal{429, 429, "Too Many Requests: retry after " + after}, `"retry_after":`+value)
}

// user is the bot as a User object; full adds what only getMe tells.
func (b *bot) user(full bool) []byte {
	set := b.set.Load()
	name, username := set.Name, set.Username
	if name == "" {
		name = "Sandbox bot"
	}
	if username == "" {
		username = "sandbox_" + b.name + "_bot"
	}
	out := append(make([]byte, 0, 160), `{"id":`...)
	out = append(out, b.name...)
	out = append(out, `,"is_bot":true,"first_name":`...)
	out = appendString(out, name)
	out = append(out, `,"username":`...)
	out = appendString(out, username)
	if full {
		out = append(out, `,"can_join_groups":true,"can_read_all_group_messages":false,"supports_inline_queries":false`...)
	}
	return append(out, '}')
}

// postBot configures a bot over the control API.
func (s *Sandbox) postBot(w http.ResponseWriter, r *http.Request) {
	var in Bot
	if !body(w, r, &in) {
		return
	}
	if _, ok := splitToken(in.Token); !ok {
		fail(w, http.StatusBadRequest, errors.New("token: a bot's token is digits, a colon and a secret"))
		return
	}
	s.Bot(in)
	w.WriteHeader(http.StatusNoContent)
}
