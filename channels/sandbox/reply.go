package sandbox

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unique"
)

// Reply is what a person does on her phone. Exactly one of Text, Press, Block, Unblock and Leave is set.
type Reply struct {
	Kind    string `json:"kind"`
	Address string `json:"address"`
	To      string `json:"to,omitempty"`      // number, service or bot id, not for mail; empty: whoever wrote last
	Text    string `json:"text,omitempty"`    // a text that she sends
	Press   string `json:"press,omitempty"`   // data (Telegram) or id (Mattermost) of a button, or key (calls), that she presses
	Message int64  `json:"message,omitempty"` // the message whose button it is; zero: the newest that has it
	Block   bool   `json:"block,omitempty"`   // she blocks the bot (Telegram); the account is deactivated, the channel archived (Mattermost), or the room encrypted (Matrix)
	Unblock bool   `json:"unblock,omitempty"` // she starts the bot again (Telegram); the account or channel is there again (Mattermost)
	Leave   bool   `json:"leave,omitempty"`   // she presses "unsubscribe" (mail)
}

// ErrNobody is returned for a reply that has nobody to go to: nothing has been written to that phone yet, and Reply.To
// names nobody.
var ErrNobody = errors.New("nobody has written to this phone yet; say in \"to\" whom the reply is for")

// Reply makes a person answer. It returns the sequence number of the reply in the log once that is written; the webhook
// is called, or the update queued, at the same time and not waited for.
func (s *Sandbox) Reply(r Reply) (uint64, error) {
	if err := (Phone{Kind: r.Kind, Address: r.Address}).check(); err != nil {
		return 0, err
	}
	set := 0
	for _, given := range []bool{r.Text != "", r.Press != "", r.Block, r.Unblock, r.Leave} {
		if given {
			set++
		}
	}
	if set != 1 {
		return 0, errors.New("say exactly one of text, press, block, unblock and leave")
	}
	switch {
	case r.Kind == KindEmail:
		return s.replyMail(r)
	case r.Leave:
		return 0, fmt.Errorf("only mail offers to unsubscribe: %w", errors.ErrUnsupported)
	case r.Kind == KindTelegram:
		return s.replyTelegram(r)
	case r.Kind == KindMattermost:
		return s.replyTeam(r)
	case r.Kind == KindMatrix:
		return s.replyMatrix(r)
	case r.Kind == KindVoice:
		return s.replyCall(r)
	}
	if r.Text == "" {
		return 0, fmt.Errorf("a telephone can only send text: %w", errors.ErrUnsupported)
	}
	return s.replySMS(r)
}

// reserved is what Twilio makes of a message that is one reserved word
// (https://help.twilio.com/articles/223134027, and since May 2025 REVOKE and OPTOUT). Empty: the word is not reserved.
func reserved(text string) string {
	switch strings.ToUpper(strings.TrimSpace(text)) {
	case "STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT":
		return "STOP"
	case "START", "YES", "UNSTOP":
		return "START"
	case "HELP", "INFO":
		return "HELP"
	default:
		return ""
	}
}

// autoAnswer is what Twilio itself answers to a reserved word; the wording is ours.
func autoAnswer(word string) string {
	switch word {
	case "STOP":
		return "You have been unsubscribed and will get no more messages from this sender. Text START to get them again."
	case "START":
		return "You are subscribed again to messages from this sender. Text STOP to end them."
	default:
		return "Text STOP to end messages from this sender."
	}
}

// optedOut refuses a message to a person who stopped its sender (https://www.twilio.com/docs/api/errors/21610).
func (a *account) optedOut(m *smsRequest) *refusal {
	p := a.s.phones.find(KindSMS, m.to)
	if p == nil {
		return nil
	}
	sender := m.service
	if sender == "" {
		sender = m.from
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.silenced[sender] {
		return &refusal{400, 21610, "Attempt to send to unsubscribed recipient"}
	}
	return nil
}

// replySMS sends a text from a phone: it is kept, the sender's opt-out state follows the reserved words, and the account's
// webhook is called (https://www.twilio.com/docs/messaging/guides/webhook-request).
func (s *Sandbox) replySMS(in Reply) (uint64, error) {
	p, made := s.phones.get(KindSMS, in.Address)
	if made {
		s.wall.add(p)
	}
	if h := s.handsetFor(p, in.To); h != nil {
		return s.replyAndroid(h, p, in)
	}
	a, number, service, err := s.counterpart(p, in.To)
	if err != nil {
		return 0, err
	}
	word := reserved(in.Text)
	sender := service
	if sender == "" {
		sender = number
	}
	p.mu.Lock()
	switch word {
	case "STOP":
		if p.silenced == nil {
			p.silenced = make(map[string]bool)
		}
		p.silenced[sender] = true
	case "START":
		delete(p.silenced, sender)
	}
	p.mu.Unlock()
	rec := s.keepReply(a, p, line{kind: EntryReply, from: unique.Make(in.Address), to: number, text: unique.Make(in.Text), service: unique.Make(service)})
	a.mu.Lock()
	a.inbound[number] = append(a.inbound[number], uint32(rec.seq))
	a.mu.Unlock()
	if word != "" {
		s.keepReply(a, p, line{kind: EntryAuto, from: unique.Make(number), to: in.Address, text: unique.Make(autoAnswer(word)), service: unique.Make(service)})
	}
	if to := a.set.Load().SMSURL; to != "" {
		s.box.do(func(ctx context.Context) { s.incoming(ctx, a, rec, word, to) })
	}
	return rec.seq, nil
}

// keepReply logs and files what a person or the provider itself wrote.
func (s *Sandbox) keepReply(a *account, p *phone, l line) *record { return s.keepText(&a.owner, p, l) }

func (s *Sandbox) keepText(of *owner, p *phone, l line) *record {
	l.at, l.owner, l.phone, l.kept = s.now().UnixMicro(), of, p, true
	st := statusReceived
	if l.kind == EntryAuto {
		st = statusDelivered
	}
	rec := s.journal.append(l, st)
	p.mu.Lock()
	p.items = append(p.items, uint32(rec.seq))
	if l.kind == EntryReply {
		p.replies++
	}
	p.mu.Unlock()
	if l.kind == EntryReply {
		s.seen.replies.Add(1)
	}
	s.wall.touch(p, true)
	s.note()
	return rec
}

// counterpart finds the account, number and messaging service that a reply goes to.
func (s *Sandbox) counterpart(p *phone, to string) (a *account, number, service string, err error) {
	p.mu.Lock()
	last, from, via := p.last, p.lastFrom, p.service
	p.mu.Unlock()
	if last != nil && last.provider == Twilio && (to == "" || to == from || to == via) {
		have, _ := s.accounts.Load(last.name)
		return have.(*account), from, via, nil
	}
	if to == "" {
		return nil, "", "", ErrNobody
	}
	s.accounts.Range(func(_, v any) bool {
		set := v.(*account).set.Load()
		if len(set.Numbers) == 0 && len(set.Services) == 0 && a == nil {
			a, number = v.(*account), to
		}
		for _, n := range set.Numbers {
			if n == to {
				a, number, service = v.(*account), n, ""
				return false
			}
		}
		for _, sv := range set.Services {
			for _, n := range sv.Numbers {
				if n == to || sv.SID == to {
					a, number, service = v.(*account), n, sv.SID
					return false
				}
			}
		}
		return true
	})
	if a == nil {
		return nil, "", "", ErrNobody
	}
	return a, number, service, nil
}

// incoming calls the account's webhook. What it answers (TwiML) is not acted upon.
func (s *Sandbox) incoming(ctx context.Context, a *account, r *record, word, to string) {
	id := r.id()
	f := make(fields, 0, 12)
	f.add("AccountSid", a.name)
	f.add("ApiVersion", "2010-04-01")
	f.add("Body", r.text.Value())
	f.add("From", r.from.Value())
	f.add("MessageSid", id)
	if service := r.service.Value(); service != "" {
		f.add("MessagingServiceSid", service)
	}
	f.add("NumMedia", "0")
	f.add("NumSegments", strconv.Itoa(segments(r.text.Value())))
	if word != "" {
		f.add("OptOutType", word)
	}
	f.add("SmsMessageSid", id)
	f.add("SmsSid", id)
	f.add("SmsStatus", "received")
	f.add("To", r.to)
	s.postTwilio(ctx, a, to, f)
	s.note()
}
