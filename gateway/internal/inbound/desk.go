package inbound

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// maxReply is the longest answer, in characters.
const maxReply = 4000

// Outgoing is an answer on its way to one contact point of one member.
type Outgoing struct {
	ID     gateway.ID // of the broadcast, if the key is new
	Group  gateway.ID
	Key    string // makes it happen once
	Member gateway.ID
	Point  gateway.ID
	Text   string
	Locale string // of the text
	Author string
}

// Post sends answers.
type Post interface {
	// Weigh says what sending would do now.
	Weigh(ctx context.Context, o Outgoing) (gateway.Preview, error)
	// Send hands it in, and gives the id of the broadcast that has the key.
	Send(ctx context.Context, o Outgoing) (gateway.ID, error)
}

// DeskParts is what a Desk stands on. All are required.
type DeskParts struct {
	Conversations gateway.Conversations
	Answers       gateway.Answers
	Members       Members
	Groups        interface {
		GroupByID(ctx context.Context, id gateway.ID) (gateway.Group, error)
	}
	Deliveries interface {
		Deliveries(ctx context.Context, f gateway.DeliveryFilter) ([]gateway.Delivery, error)
	}
	Post Post
}

// Desk is where the people of a group read what members wrote, and answer. It shows no address. It is safe for concurrent use.
type Desk struct{ DeskParts }

// NewDesk makes a desk.
func NewDesk(p DeskParts) *Desk { return &Desk{p} }

// List gives a page of conversations, as gateway.Conversations has it.
func (d *Desk) List(ctx context.Context, group, after gateway.ID, limit int) ([]gateway.ThreadView, error) {
	all, err := d.Conversations.Threads(ctx, group, after, limit)
	if err != nil {
		return nil, err
	}
	views := make([]gateway.ThreadView, len(all))
	for i, t := range all {
		if views[i], _, err = d.view(ctx, t); err != nil {
			return nil, err
		}
	}
	return views, nil
}

// view describes a conversation without what was said. It gives who may have written too.
func (d *Desk) view(ctx context.Context, t gateway.Thread) (gateway.ThreadView, []gateway.Member, error) {
	v := gateway.ThreadView{ID: t.ID, MemberIDs: []gateway.ID{}, Stranger: t.Stranger, Kind: t.Kind, ChannelID: t.ChannelID, State: t.State, Urgent: t.Urgent,
		Messages: t.Messages, Unread: t.Unread, OpenedAt: t.OpenedAt, ChangedAt: t.ChangedAt, ReadAt: t.ReadAt}
	var members []gateway.Member
	for _, id := range t.MemberIDs {
		m, err := d.Members.Member(ctx, t.GroupID, id)
		if errors.Is(err, gateway.ErrNotFound) {
			continue // erased since
		}
		if err != nil {
			return v, nil, fmt.Errorf("read who wrote: %w", err)
		}
		members, v.MemberIDs = append(members, m), append(v.MemberIDs, id)
		if v.Locale == "" {
			v.Locale = m.Locale
		}
	}
	return v, members, nil
}

// Read gives a conversation with what was said, and notes that it was read.
func (d *Desk) Read(ctx context.Context, group, id gateway.ID) (gateway.Conversation, error) {
	t, err := d.Conversations.Thread(ctx, group, id)
	if err != nil {
		return gateway.Conversation{}, err
	}
	c, err := d.conversation(ctx, t)
	if err != nil {
		return c, err
	}
	return c, d.Answers.TurnThread(ctx, group, id, false)
}

// With gives the conversation with one member, for her, and notes nothing; ErrNotFound: there is none.
func (d *Desk) With(ctx context.Context, group, member gateway.ID) (gateway.Conversation, error) {
	t, err := d.Conversations.ThreadWith(ctx, group, member)
	if err != nil {
		return gateway.Conversation{}, err
	}
	return d.conversation(ctx, t)
}

// Close closes a conversation.
func (d *Desk) Close(ctx context.Context, group, id gateway.ID) error {
	return d.Answers.TurnThread(ctx, group, id, true)
}

func (d *Desk) conversation(ctx context.Context, t gateway.Thread) (gateway.Conversation, error) {
	c := gateway.Conversation{Lines: []gateway.ConversationLine{}}
	view, members, err := d.view(ctx, t)
	if err != nil {
		return c, err
	}
	c.ThreadView = view
	answered, err := d.answered(ctx, t, members)
	if err != nil {
		return c, err
	}
	for i := range t.Said {
		m := &t.Said[i]
		if m.Text == "" {
			continue // its time is over
		}
		c.Lines = append(c.Lines, gateway.ConversationLine{ID: m.ID, At: m.At, Kind: m.Kind, Text: m.Text.Reveal(), Answers: answered(m)})
	}
	for i := range t.Replies {
		r := &t.Replies[i]
		line := gateway.ConversationLine{ID: r.ID, At: r.At, Text: r.Text.Reveal(), Ours: true, Locale: r.Locale, Author: r.Author}
		sent, err := d.Deliveries.Deliveries(ctx, gateway.DeliveryFilter{Group: t.GroupID, Broadcast: r.ID, Limit: 1})
		if err != nil {
			return c, fmt.Errorf("read what became of an answer: %w", err)
		}
		for _, s := range sent {
			line.State, line.Detail = s.State, s.Detail
		}
		c.Lines = append(c.Lines, line)
	}
	slices.SortStableFunc(c.Lines, func(a, b gateway.ConversationLine) int { return a.At.Compare(b.At) })
	return c, nil
}

// answered tells of each message what it answers: what the provider says, or else the newest message that left for that
// contact point shortly before.
func (d *Desk) answered(ctx context.Context, t gateway.Thread, members []gateway.Member) (func(*gateway.InboundMessage) *gateway.Answered, error) {
	if len(t.Said) == 0 {
		return nil, nil
	}
	from, until := t.Said[0].At.Add(-gateway.GuessWithin), t.Said[len(t.Said)-1].At
	for i := range t.Said {
		if t.Said[i].At.After(until) {
			until = t.Said[i].At
		}
	}
	sent := make([][]gateway.SentMessage, len(members))
	for i, m := range members {
		var err error
		if sent[i], err = d.Conversations.SentTo(ctx, t.GroupID, m.ID, from, until); err != nil {
			return nil, fmt.Errorf("find what she was sent: %w", err)
		}
	}
	return func(m *gateway.InboundMessage) *gateway.Answered {
		var guess *gateway.Answered
		var newest time.Time
		for i := range members {
			point, ok := pointOf(&members[i], m)
			if !ok {
				continue
			}
			for _, s := range sent[i] {
				if s.Channel != m.ChannelID || s.Point != point.ID || s.At.After(m.At) {
					continue
				}
				a := &gateway.Answered{Delivery: s.Delivery, Broadcast: s.Broadcast, Kind: s.Kind, At: s.At}
				if m.ReplyTo != "" && slices.Contains(s.Parts, m.ReplyTo) {
					return a
				}
				if s.At.After(newest) && m.At.Sub(s.At) <= gateway.GuessWithin {
					newest, a.Guess, guess = s.At, true, a
				}
			}
		}
		return guess
	}, nil
}

// pointOf finds the contact point of a member that a message came from.
func pointOf(m *gateway.Member, in *gateway.InboundMessage) (gateway.ContactPoint, bool) {
	i := slices.IndexFunc(m.Points, func(p gateway.ContactPoint) bool { return p.Kind == in.Kind && p.Address == in.From })
	if i < 0 {
		return gateway.ContactPoint{}, false
	}
	return m.Points[i], true
}

// Reply answers the newest message of a conversation, at the contact point that it came from. The same key again sends
// nothing more. Every error that the writer can mend is a fault.
func (d *Desk) Reply(ctx context.Context, group, id gateway.ID, in gateway.ReplyDraft) (gateway.ReplyAnswer, error) {
	var out gateway.ReplyAnswer
	t, err := d.Conversations.Thread(ctx, group, id)
	if err != nil {
		return out, err
	}
	_, members, err := d.view(ctx, t)
	if err != nil {
		return out, err
	}
	m, point, err := addressee(t, members)
	if err != nil {
		return out, err
	}
	g, err := d.Groups.GroupByID(ctx, group)
	if err != nil {
		return out, err
	}
	text, err := replyText(in)
	if err != nil {
		return out, err
	}
	if m.Neutral && g.NamedIn(text) {
		return out, gateway.Faultf(gateway.CodeInvalid, "she asked that no message names the group, and the answer does; leave the name out")
	}
	if in.Locale, err = statedLocale(in.Locale, m.Locale); err != nil {
		return out, err
	}
	o := Outgoing{ID: gateway.NewID(), Group: group, Key: replyKey(t.ID, in.Key), Member: m.ID, Point: point.ID, Text: text, Locale: in.Locale, Author: in.Author}
	weighed, err := d.Post.Weigh(ctx, o)
	if err != nil {
		return out, err
	}
	if weighed.Reached == 0 {
		why := "no channel of the group reaches her there now"
		for _, l := range weighed.LeftOut {
			why = l.Why
		}
		return out, gateway.Faultf(gateway.CodeConflict, "the answer cannot be sent to where she wrote from: she %s", why)
	}
	out = gateway.ReplyAnswer{Kind: point.Kind, Locale: in.Locale, HerLocale: m.Locale, Segments: weighed.Cost, Total: weighed.Total, Warnings: []string{}}
	if !sameLanguage(in.Locale, m.Locale) {
		out.Warnings = append(out.Warnings, fmt.Sprintf("the answer is in %s and she reads %s: it is marked as being in %s", in.Locale, m.Locale, in.Locale))
	}
	if len(t.MemberIDs) > 1 {
		out.Warnings = append(out.Warnings, "several members share this address: the answer reaches whoever holds it")
	}
	if in.DryRun {
		return out, nil
	}
	if out.ID, err = d.Post.Send(ctx, o); err != nil {
		return out, err
	}
	// From here on it is on its way. If this fails, the same key again keeps it and sends nothing.
	return out, d.Answers.PutReply(ctx, gateway.Reply{ID: out.ID, GroupID: group, ThreadID: t.ID, Text: gateway.Private(text), Locale: in.Locale, Author: in.Author})
}

// addressee finds whom an answer goes to, and where: at the address of the newest message.
func addressee(t gateway.Thread, members []gateway.Member) (m gateway.Member, point gateway.ContactPoint, err error) {
	if t.Stranger != "" {
		if t.Kind == "sms" {
			return m, point, gateway.Faultf(gateway.CodeConflict, "%s is no member: no text message goes to somebody whom the group does not know, for anybody can feign a number. She can join, and then be answered", t.Stranger)
		}
		return m, point, gateway.Faultf(gateway.CodeConflict, "%s is no member of the group: only members are answered. She can join, and then be answered", t.Stranger)
	}
	if len(t.Said) == 0 || t.Said[len(t.Said)-1].From == "" {
		return m, point, gateway.Faultf(gateway.CodeConflict, "what was written is forgotten, as everything is after 30 days, and with it where to answer; write to her as to any member")
	}
	newest := &t.Said[len(t.Said)-1]
	for i := range members {
		p, ok := pointOf(&members[i], newest)
		if ok && (point.ID.IsZero() || point.State != gateway.PointActive && p.State == gateway.PointActive) {
			m, point = members[i], p
		}
	}
	switch {
	case point.ID.IsZero():
		return m, point, gateway.Faultf(gateway.CodeConflict, "the address that this was written from is no member's any more")
	case point.State == gateway.PointStopped:
		return m, point, gateway.Faultf(gateway.CodeConflict, "she said STOP where she wrote from: nothing is sent there until she writes START")
	case point.State == gateway.PointGone, point.State == gateway.PointInvalid:
		return m, point, gateway.Faultf(gateway.CodeConflict, "nothing can be sent to where she wrote from: %s", point.Note)
	}
	return m, point, nil
}

func replyText(in gateway.ReplyDraft) (string, error) {
	text := strings.TrimSpace(in.Text.Reveal())
	if text == "" {
		return "", gateway.Faultf(gateway.CodeInvalid, "the answer is empty; write something")
	}
	if in.As != "" {
		text += "\n" + strings.TrimSpace(in.As.Reveal())
	}
	if n := utf8.RuneCountInString(text); n > maxReply {
		return "", gateway.Faultf(gateway.CodeTooLong, "the answer has %d characters; %d is the most", n, maxReply)
	}
	return text, nil
}

// statedLocale is the language of an answer in canonical form; hers if its writer states none.
func statedLocale(stated, hers string) (string, error) {
	if stated == "" {
		plain, _, _ := strings.Cut(hers, "-u-")
		return plain, nil
	}
	tag, err := language.Parse(stated)
	if err != nil || tag == language.Und {
		return "", gateway.Faultf(gateway.CodeInvalid, "%q is no language; use a BCP 47 tag such as en, pt-BR or zh-Hant", stated)
	}
	return tag.String(), nil
}

// sameLanguage compares the languages alone: who reads pt-BR reads pt.
func sameLanguage(a, b string) bool {
	x, _ := language.Make(a).Base()
	y, _ := language.Make(b).Base()
	return x == y
}

// replyKey makes one answer of one request.
func replyKey(thread gateway.ID, key string) string {
	if key == "" {
		key = gateway.NewID().String()
	}
	sum := sha256.Sum256([]byte(thread.String() + key))
	return "answer:" + templates.InboxReply + ":" + hex.EncodeToString(sum[:16])
}
