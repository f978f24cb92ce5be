package sandbox

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unique"
)

// chat is the Telegram side of a phone. It is guarded by the phone's lock.
type chat struct {
	started map[string]bool // bots that the person has started; "*" for all
	blocked map[string]bool // bots that the person has blocked
	last    int64           // newest message_id
	tat     time.Time       // see rates.go
}

// telegram returns the chat of a phone; it needs p.mu.
func (p *phone) telegram() *chat {
	if p.chat == nil {
		p.chat = &chat{started: make(map[string]bool), blocked: make(map[string]bool)}
	}
	return p.chat
}

func (c *chat) start(bot string) {
	c.started[bot] = true
	delete(c.blocked, bot)
}

// group says whether a chat has several people: its id is negative (https://core.telegram.org/bots/api#chat).
func (p *phone) group() bool { return strings.HasPrefix(p.key.address, "-") }

func (p *phone) chatType() string {
	switch {
	case strings.HasPrefix(p.key.address, "-100"):
		return "supergroup"
	case p.group():
		return "group"
	default:
		return "private"
	}
}

func (p *phone) nextMessage() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.telegram()
	c.last++
	return c.last
}

// mayWrite says whether the bot may write to a chat, in Telegram's words if not. The text of the 403s is what bots see;
// the pages name the reasons only (https://core.telegram.org/bots/faq, "How do I message users?").
func (s *Sandbox) mayWrite(b *bot, to string, thread int64) (*phone, *refusal, string) {
	if err := (Phone{Kind: KindTelegram, Address: to}).check(); err != nil {
		return nil, badRequest("chat not found"), ""
	}
	if f := s.faults.strike(Telegram, b.name, to, OnSend, isKind(Migrate)); f != nil {
		return nil, badRequest("group chat was upgraded to a supergroup chat"), `"migrate_to_chat_id":` + f.MovedTo
	}
	p := s.phones.find(KindTelegram, to)
	if p == nil {
		if !s.opts.OpenChats {
			return nil, badRequest("chat not found"), ""
		}
		var made bool
		if p, made = s.phones.get(KindTelegram, to); made {
			s.wall.add(p)
		}
	}
	p.mu.Lock()
	c := p.telegram()
	blocked, started := c.blocked[b.name], c.started[b.name] || c.started["*"] || s.opts.OpenChats
	p.mu.Unlock()
	switch {
	case blocked && p.group():
		return nil, &refusal{403, 403, "Forbidden: bot was kicked from the " + p.chatType() + " chat"}, ""
	case blocked:
		return nil, &refusal{403, 403, "Forbidden: bot was blocked by the user"}, ""
	case !started && p.group():
		return nil, &refusal{403, 403, "Forbidden: bot is not a member of the " + p.chatType() + " chat"}, ""
	case !started:
		return nil, &refusal{403, 403, "Forbidden: bot can't initiate conversation with a user"}, ""
	case thread != 0 && p.chatType() != "supergroup":
		return nil, badRequest("message thread not found"), ""
	}
	if wait := s.flood(b, p); wait > 0 {
		after := strconv.Itoa(int(math.Ceil(wait.Seconds())))
		return nil, &refusal{429, 429, "Too Many Requests: retry after " + after}, `"retry_after":` + after
	}
	return p, nil, ""
}

// appendUser writes the person as a User object. In a group one member speaks for all.
func (p *phone) appendUser(out []byte) []byte {
	p.mu.Lock()
	name, language := p.name, p.language
	p.mu.Unlock()
	if name == "" || p.group() {
		name = "Person"
	}
	out = append(out, `{"id":`...)
	out = append(out, strings.TrimPrefix(p.key.address, "-")...)
	out = append(out, `,"is_bot":false,"first_name":`...)
	out = appendString(out, name)
	if language != "" {
		out = append(out, `,"language_code":`...)
		out = appendString(out, language)
	}
	return append(out, '}')
}

func (p *phone) appendChat(out []byte) []byte {
	p.mu.Lock()
	name := p.name
	p.mu.Unlock()
	out = append(out, `{"id":`...)
	out = append(out, p.key.address...)
	out = append(out, `,"type":"`...)
	out = append(out, p.chatType()...)
	if p.group() {
		out = append(out, `","title":`...)
	} else {
		out = append(out, `","first_name":`...)
	}
	if name == "" {
		name = "Person"
	}
	return append(appendString(out, name), '}')
}

// replyTelegram makes a person answer in a chat.
func (s *Sandbox) replyTelegram(in Reply) (uint64, error) {
	p, made := s.phones.get(KindTelegram, in.Address)
	if made {
		s.wall.add(p)
	}
	b, err := s.botFor(p, in.To)
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	blocked := p.telegram().blocked[b.name]
	p.mu.Unlock()
	switch {
	case in.Block || in.Unblock:
		return s.member(b, p, in.Block)
	case blocked:
		return 0, errors.New("she has blocked the bot; unblock it first")
	case in.Press != "":
		return s.press(b, p, in)
	}
	if in.Text == "/start" || strings.HasPrefix(in.Text, "/start ") {
		p.mu.Lock()
		p.telegram().start(b.name)
		p.mu.Unlock()
	}
	rec := s.keepAnswer(b, p, EntryReply, in.Text, in.Text)
	out := append([]byte(nil), `"message":`...)
	s.enqueue(b, "message", rec.appendTelegram(out))
	return rec.seq, nil
}

// botFor finds the bot that a person answers: the named one, the last that wrote, or the only one there is.
func (s *Sandbox) botFor(p *phone, to string) (*bot, error) {
	p.mu.Lock()
	if to == "" && p.last != nil {
		to = p.last.name
	}
	p.mu.Unlock()
	if to != "" {
		if have, ok := s.bots.Load(to); ok {
			return have.(*bot), nil
		}
		return nil, fmt.Errorf("no bot has the id %q", to)
	}
	var only *bot
	n := 0
	s.bots.Range(func(_, v any) bool {
		only = v.(*bot)
		n++
		return n < 2
	})
	if n != 1 {
		return nil, ErrNobody
	}
	return only, nil
}

// keepAnswer logs and files what a person did in a chat: text as the bot gets it, shown as she sees it.
func (s *Sandbox) keepAnswer(b *bot, p *phone, kind, text, shown string) *record {
	plain := parsePlain(shown)
	if n := len(text); kind == EntryReply && strings.HasPrefix(text, "/") {
		if i := strings.IndexByte(text, ' '); i > 0 {
			n = i
		}
		plain.entities = []entity{{kind: "bot_command", length: min(n, plain.units)}}
	}
	x := &rich{parsed: plain, id: p.nextMessage()}
	x.face.Store(&face{parsed: plain})
	rec := s.journal.append(line{
		at: s.now().UnixMicro(), owner: &b.owner, phone: p, kind: kind, from: unique.Make(p.key.address), to: b.name,
		text: unique.Make(text), kept: true, service: unique.Make(""), rich: x,
	}, statusReceived)
	s.filed(p, &b.owner, b.name, rec)
	return rec
}

// filed puts what a person did on her phone.
func (s *Sandbox) filed(p *phone, to *owner, sender string, rec *record) {
	p.mu.Lock()
	p.items = append(p.items, uint32(rec.seq))
	p.replies++
	if p.last == nil {
		p.last, p.lastFrom = to, sender
	}
	p.mu.Unlock()
	s.seen.replies.Add(1)
	s.wall.touch(p, true)
	s.note()
}

// press presses a button of a message (https://core.telegram.org/bots/api#callbackquery).
func (s *Sandbox) press(b *bot, p *phone, in Reply) (uint64, error) {
	var of *record
	label := ""
	items := p.list()
	for i := len(items) - 1; i >= 0 && of == nil; i-- {
		r := s.journal.get(uint64(items[i]))
		if r.kind != EntryMessage || r.owner != &b.owner || in.Message != 0 && r.rich.id != in.Message {
			continue
		}
		for _, row := range r.rich.face.Load().buttons {
			for _, key := range row {
				if key.Data == in.Press {
					of, label = r, key.Text
				}
			}
		}
	}
	if of == nil {
		return 0, errors.New("no message in this chat has a button with that data")
	}
	rec := s.keepAnswer(b, p, EntryPress, in.Press, label)
	id := strconv.FormatUint(s.salt>>8+rec.seq, 10)
	b.mu.Lock()
	b.queries[id] = s.now()
	b.mu.Unlock()
	out := append([]byte(nil), `"callback_query":{"id":"`+id+`","from":`...)
	out = p.appendUser(out)
	out = append(out, `,"message":`...)
	out = of.appendTelegram(out)
	out = append(out, `,"chat_instance":"`+strconv.FormatUint(scramble(uint64(b.id)), 10)+`","data":`...)
	out = appendString(out, in.Press)
	s.enqueue(b, "callback_query", append(out, '}'))
	return rec.seq, nil
}

// member blocks the bot, or starts it again (https://core.telegram.org/bots/api#chatmemberupdated).
func (s *Sandbox) member(b *bot, p *phone, block bool) (uint64, error) {
	was, is, word := "kicked", "member", "(unblocked the bot)"
	if block {
		was, is, word = "member", "kicked", "(blocked the bot)"
	}
	p.mu.Lock()
	if block {
		p.telegram().blocked[b.name] = true
	} else {
		p.telegram().start(b.name)
	}
	p.mu.Unlock()
	rec := s.keepAnswer(b, p, EntryPress, word, word)
	out := append([]byte(nil), `"my_chat_member":{"chat":`...)
	out = p.appendChat(out)
	out = append(out, `,"from":`...)
	out = p.appendUser(out)
	out = append(out, `,"date":`...)
	out = strconv.AppendInt(out, rec.time().Unix(), 10)
	for _, m := range [][2]string{{"old", was}, {"new", is}} {
		out = append(out, `,"`+m[0]+`_chat_member":{"user":`...)
		out = append(out, b.user(false)...)
		out = append(out, `,"status":"`+m[1]+`"`...)
		if m[1] == "kicked" {
			out = append(out, `,"until_date":0`...)
		}
		out = append(out, '}')
	}
	s.enqueue(b, "my_chat_member", append(out, '}'))
	return rec.seq, nil
}
