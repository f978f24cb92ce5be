package email

import (
	"net/mail"
	"net/textproto"
	"strings"

	"github.com/carillon-gateway/carillon/channels"
)

// maxText is the most bytes of an answer that are passed on.
const maxText = 10_000

// understand makes events of a message in the mailbox. What did not come to an address that we gave out for it is
// nobody's business here and gives none, and neither does what a machine wrote, but for bounces: nothing is ever
// answered to it (RFC 3834).
func (a *Adapter) understand(raw []byte) []channels.Event {
	l, err := readLetter(raw)
	if err != nil {
		return nil
	}
	for _, tag := range a.tags(l) {
		switch tag[0] {
		case bounceTag:
			if t, ok := a.keys.open(tag, ""); ok {
				return bounced(l, t)
			}
		case replyTag, leaveTag:
			for _, person := range a.writers(l) {
				if _, ok := a.keys.open(tag, person.Reveal()); !ok {
					continue
				}
				if tag[0] == leaveTag {
					return left(l, person, a.opts.ReturnTo)
				}
				return a.answered(l, person)
			}
		}
	}
	return nil
}

// tags lists what looks like tags in the addresses that a message was sent to. Mail systems write the address that they
// delivered to in one header or another.
func (a *Adapter) tags(l letter) []string {
	prefix, suffix := strings.ToLower(localOf(a.opts.ReturnTo)+"+"), "@"+domainOf(a.opts.ReturnTo)
	var out []string
	for _, name := range [...]string{"Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "To", "Cc"} {
		for _, value := range l.header[textproto.CanonicalMIMEHeaderKey(name)] {
			for rest := strings.ToLower(value[:min(len(value), 4096)]); len(out) < 16; {
				_, after, ok := strings.Cut(rest, prefix)
				if !ok {
					break
				}
				rest = after
				if len(after) < tagLength {
					break
				}
				if end, ok := strings.CutPrefix(after[tagLength:], suffix); ok && end == strings.TrimLeft(end, domainSigns) {
					out = append(out, after[:tagLength])
				}
			}
		}
	}
	return out
}

// domainSigns are what a domain that goes on would go on with.
const domainSigns = "abcdefghijklmnopqrstuvwxyz0123456789.-_"

// writers lists who may have written: whom the message that is answered was sent to, which its id says under seal, and
// whom From names.
func (a *Adapter) writers(l letter) []channels.Address {
	var out []channels.Address
	for _, id := range strings.Fields(l.header.Get("In-Reply-To") + " " + l.header.Get("References")) {
		sealed, _, ok := strings.Cut(strings.Trim(id, "<>"), "@")
		if address, good := a.keys.reveal(messageID, sealed); ok && good && len(out) < 16 {
			out = append(out, address)
		}
	}
	if from, err := mail.ParseAddress(l.header.Get("From")); err == nil {
		if address, err := parseAddress(from.Address); err == nil {
			out = append(out, address)
		}
	}
	return out
}

// answers gives the id of the first message of ours that a mail says it answers; others' ids may hold addresses.
func (a *Adapter) answers(l letter) string {
	for _, id := range strings.Fields(l.header.Get("In-Reply-To") + " " + l.header.Get("References")) {
		id = strings.Trim(id, "<>")
		sealed, _, _ := strings.Cut(id, "@")
		if _, good := a.keys.reveal(messageID, sealed); good {
			return id
		}
	}
	return ""
}

// left is a mail that a mail program wrote to unsubscribe (RFC 2369, section 3.2). A bounce of one is none.
func left(l letter, person channels.Address, to string) []channels.Event {
	if l.kind == "multipart/report" || l.header.Get("Return-Path") == "<>" {
		return nil
	}
	return leaving(person, to)
}

// leaving says what pressing "unsubscribe" means: a STOP of hers, which needs no answer.
func leaving(person channels.Address, to string) []channels.Event {
	return []channels.Event{
		{Inbound: &channels.Inbound{From: person, To: to, Action: "STOP"}},
		{Signal: &channels.Signal{Address: person, Kind: channels.SignalStopped}},
	}
}

func (a *Adapter) answered(l letter, person channels.Address) []channels.Event {
	if a.automatic(l) {
		return nil
	}
	text := answerText(l)
	if text == "" {
		text = bareSubject(words(l.header.Get("Subject")))
	}
	if text == "" {
		return nil
	}
	return []channels.Event{{Inbound: &channels.Inbound{From: person, To: a.opts.ReturnTo, Text: text, ReplyTo: a.answers(l)}}}
}

// automatic says whether a machine wrote a message: auto-replies, lists, reports, and copies of our own
// (RFC 3834, section 2; RFC 5230, section 4.6).
func (a *Adapter) automatic(l letter) bool {
	has := func(name string) bool { return l.header.Get(name) != "" }
	by := strings.ToLower(strings.TrimSpace(l.header.Get("Auto-Submitted")))
	switch strings.ToLower(strings.TrimSpace(l.header.Get("Precedence"))) {
	case "bulk", "junk", "list", "auto_reply":
		return true
	}
	if by != "" && by != "no" && !strings.HasPrefix(by, "no;") && !strings.HasPrefix(by, "no ") {
		return true
	}
	for name := range l.header {
		if strings.HasPrefix(name, "List-") {
			return true
		}
	}
	if strings.TrimSpace(l.header.Get("Return-Path")) == "<>" || l.kind == "multipart/report" || l.kind == "message/delivery-status" ||
		has("X-Autoreply") || has("X-Autoreply-From") || has("X-Mail-Autoreply") || has("X-Autorespond") || has("X-Autoresponder") || has("X-Failed-Recipients") || has("X-Loop") {
		return true
	}
	from, err := mail.ParseAddress(l.header.Get("From"))
	if err != nil {
		return true
	}
	local, _, _ := strings.Cut(strings.ToLower(from.Address), "@")
	switch local {
	case "mailer-daemon", "postmaster", "noreply", "no-reply", "do-not-reply", "donotreply":
		return true
	}
	return strings.EqualFold(from.Address, a.opts.From) || strings.EqualFold(from.Address, a.opts.ReturnTo) || strings.HasPrefix(strings.ToLower(from.Address), strings.ToLower(localOf(a.opts.ReturnTo))+"+")
}
