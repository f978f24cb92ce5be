package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// update is one that waits for its bot.
type update struct {
	id   int64
	at   time.Time
	json []byte
}

// keepUpdates is how long Telegram keeps what nobody fetches (https://core.telegram.org/bots/api#getting-updates).
const keepUpdates = 24 * time.Hour

// webhook is where a bot's updates go instead of being fetched.
type webhook struct {
	url       string
	secret    string
	max       int64
	allowed   []string // kinds of update; nil: all
	failures  int
	lastError string
	failedAt  time.Time
}

var errTerminated = errors.New("terminated by other getUpdates request; make sure that only one bot instance is running")

// enqueue files an update; body is its one field, name and value.
func (s *Sandbox) enqueue(b *bot, kind string, body []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.hook.allowed) > 0 && !slices.Contains(b.hook.allowed, kind) {
		return
	}
	if b.last == 0 {
		b.last = int64(s.salt % 1e9)
	}
	b.last++
	out := append([]byte(nil), `{"update_id":`...)
	out = strconv.AppendInt(out, b.last, 10)
	out = append(append(append(out, ','), body...), '}')
	b.updates = append(b.updates, update{b.last, s.now(), out})
	if b.poll != nil {
		b.poll <- nil
		b.poll = nil
	}
	b.pump()
}

// pump starts the delivery to the webhook unless it runs; it needs b.mu.
func (b *bot) pump() {
	if b.pumping || b.hook.url == "" || len(b.updates) == 0 {
		return
	}
	b.pumping = true
	b.s.box.do(b.deliver)
}

// deliver posts the waiting updates one after the other. One that is not answered with 2xx is tried again, later each
// time, and holds up those behind it (https://core.telegram.org/bots/api#setwebhook).
func (b *bot) deliver(ctx context.Context) {
	for {
		b.mu.Lock()
		b.expire()
		if b.hook.url == "" || len(b.updates) == 0 || ctx.Err() != nil {
			b.pumping = false
			b.mu.Unlock()
			return
		}
		next, to, secret := b.updates[0], b.hook.url, b.hook.secret
		b.mu.Unlock()
		header := http.Header{}
		if secret != "" {
			header.Set("X-Telegram-Bot-Api-Secret-Token", secret)
		}
		ok := b.s.box.post(ctx, to, jsonType, header, string(next.json))
		b.mu.Lock()
		if ok {
			b.hook.failures = 0
			if len(b.updates) > 0 && b.updates[0].id == next.id {
				b.updates = b.updates[1:]
			}
			b.mu.Unlock()
			b.s.note()
			continue
		}
		b.hook.failures++
		b.hook.lastError, b.hook.failedAt = "Wrong response from the webhook, or none", b.s.now()
		wait := min(100*time.Millisecond<<min(b.hook.failures-1, 10), time.Minute)
		b.s.box.at(b.s.now().Add(wait), b.deliver)
		b.mu.Unlock()
		b.s.note()
		return
	}
}

// expire drops updates that are too old; it needs b.mu.
func (b *bot) expire() {
	oldest := b.s.now().Add(-keepUpdates)
	n := 0
	for n < len(b.updates) && b.updates[n].at.Before(oldest) {
		n++
	}
	b.updates = b.updates[n:]
}

// getUpdates gives what waits, or waits for it (https://core.telegram.org/bots/api#getupdates): offset confirms all before
// it, a negative one counts from the end; a second call ends the first. gone: the client is no longer there.
func (s *Sandbox) getUpdates(r *http.Request, b *bot, p params) (out reply, gone bool) {
	limit := int(p.int("limit"))
	if limit < 1 || limit > 100 {
		limit = 100
	}
	wait := min(time.Duration(p.int("timeout"))*time.Second, 50*time.Second)
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	over := wait <= 0
	for {
		b.mu.Lock()
		if b.hook.url != "" {
			b.mu.Unlock()
			return telegramError(refusal{409, 409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"}, ""), false
		}
		b.allow(p)
		b.expire()
		b.confirm(p.int("offset"))
		if len(b.updates) > 0 || over {
			out := b.page(limit)
			b.mu.Unlock()
			return out, false
		}
		if b.poll != nil {
			b.poll <- errTerminated
		}
		mine := make(chan error, 1)
		b.poll = mine
		b.mu.Unlock()
		select {
		case err := <-mine:
			if err != nil {
				return telegramError(refusal{409, 409, "Conflict: " + err.Error()}, ""), false
			}
		case <-deadline.C:
			over = true
		case <-r.Context().Done():
			gone = true
		case <-s.box.ctx.Done():
			gone = true
		}
		b.mu.Lock()
		if b.poll == mine {
			b.poll = nil
		}
		b.mu.Unlock()
		if gone {
			return reply{}, true
		}
	}
}

// confirm forgets what an offset says is done; it needs b.mu.
func (b *bot) confirm(offset int64) {
	if offset < 0 {
		b.updates = b.updates[max(len(b.updates)+int(max(offset, -1000)), 0):]
		return
	}
	n := 0
	for n < len(b.updates) && b.updates[n].id < offset {
		n++
	}
	b.updates = b.updates[n:]
}

// page needs b.mu.
func (b *bot) page(limit int) reply {
	list := []byte{'['}
	for i, u := range b.updates[:min(limit, len(b.updates))] {
		if i > 0 {
			list = append(list, ',')
		}
		list = append(list, u.json...)
	}
	return telegramOK(append(list, ']'))
}

// allow takes over allowed_updates if it is given; an empty list allows the default kinds, all that there are here. It
// needs b.mu.
func (b *bot) allow(p params) {
	raw, given := p["allowed_updates"]
	if !given {
		return
	}
	var kinds []string
	if json.Unmarshal([]byte(raw), &kinds) == nil {
		b.hook.allowed = kinds
	}
}

// setWebhook follows https://core.telegram.org/bots/api#setwebhook, except that plain HTTP is taken: callbacks stay on
// this machine.
func (s *Sandbox) setWebhook(b *bot, p params) reply {
	to, secret := p["url"], p["secret_token"]
	if to == "" {
		return s.deleteWebhook(b, p)
	}
	if !callbackURL(to) {
		return telegramError(*badRequest("bad webhook: Failed to resolve host"), "")
	}
	if len(secret) > 256 || strings.Trim(secret, tokenLetters) != "" {
		return telegramError(*badRequest("secret token contains unallowed characters"), "")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.allow(p)
	b.hook.url, b.hook.secret, b.hook.max = to, secret, p.int("max_connections")
	b.hook.failures, b.hook.lastError = 0, ""
	if p.bool("drop_pending_updates") {
		b.updates = nil
	}
	if b.poll != nil {
		b.poll <- nil
		b.poll = nil
	}
	b.pump()
	return reply{status: 200, body: []byte(`{"ok":true,"result":true,"description":"Webhook was set"}`)}
}

func (s *Sandbox) deleteWebhook(b *bot, p params) reply {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.hook.url, b.hook.secret = "", ""
	if p.bool("drop_pending_updates") {
		b.updates = nil
	}
	return reply{status: 200, body: []byte(`{"ok":true,"result":true,"description":"Webhook was deleted"}`)}
}

// webhookInfo follows https://core.telegram.org/bots/api#webhookinfo.
func (b *bot) webhookInfo() reply {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := append([]byte(nil), `{"url":`...)
	out = appendString(out, b.hook.url)
	out = append(out, `,"has_custom_certificate":false,"pending_update_count":`...)
	out = strconv.AppendInt(out, int64(len(b.updates)), 10)
	if b.hook.lastError != "" {
		out = append(out, `,"last_error_date":`...)
		out = strconv.AppendInt(out, b.hook.failedAt.Unix(), 10)
		out = append(out, `,"last_error_message":`...)
		out = appendString(out, b.hook.lastError)
	}
	if b.hook.url != "" {
		out = append(out, `,"max_connections":`...)
		out = strconv.AppendInt(out, max(b.hook.max, 40), 10)
	}
	return telegramOK(append(out, '}'))
}

// answerQuery ends the spinner on a button (https://core.telegram.org/bots/api#answercallbackquery). Queries grow old.
func (b *bot) answerQuery(id string) reply {
	b.mu.Lock()
	defer b.mu.Unlock()
	for old, at := range b.queries {
		if b.s.now().Sub(at) > 15*time.Minute {
			delete(b.queries, old)
		}
	}
	if _, ok := b.queries[id]; !ok {
		return telegramError(*badRequest("query is too old and response timeout expired or query ID is invalid"), "")
	}
	delete(b.queries, id)
	return telegramOK([]byte("true"))
}
