package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unique"
)

// replyTeam makes a person do something in Mattermost.
func (s *Sandbox) replyTeam(in Reply) (uint64, error) {
	p, made := s.phones.get(KindMattermost, in.Address)
	if made {
		s.wall.add(p)
	}
	if in.Block || in.Unblock {
		return s.teamGone(p, in.Block)
	}
	b, err := s.teamBotFor(p, in.To)
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	gone := p.gone
	p.mu.Unlock()
	switch {
	case gone:
		return 0, errors.New("the account is deactivated or the channel archived; undo that first")
	case in.Press != "":
		return s.teamPress(b, p, in)
	case strings.HasPrefix(in.Text, "/"):
		return s.teamCommand(b, p, in.Text)
	}
	return s.keepTeamAnswer(b, p, EntryReply, in.Text, in.Text).seq, nil
}

// teamBotFor finds the bot that a person answers: the one with this id, the last that wrote, or the only one there is.
func (s *Sandbox) teamBotFor(p *phone, to string) (*teamBot, error) {
	p.mu.Lock()
	if to == "" && p.last != nil {
		to = p.last.name
	}
	p.mu.Unlock()
	var found *teamBot
	n := 0
	s.teamBots.Range(func(_, v any) bool {
		b := v.(*teamBot)
		if to == "" || b.name == to {
			found = b
			n++
		}
		return true
	})
	switch {
	case n == 1:
		return found, nil
	case to != "":
		return nil, fmt.Errorf("no Mattermost bot has the id %q", to)
	}
	return nil, ErrNobody
}

// author is the account that writes on a phone; in a channel one member stands for all.
func (p *phone) author() string {
	if id, ok := strings.CutPrefix(p.key.address, channelPrefix); ok {
		return mattermostID("member", id)
	}
	return p.key.address
}

// place is the id of Mattermost's channel that a phone and a bot share.
func (b *teamBot) place(p *phone) string {
	if id, ok := strings.CutPrefix(p.key.address, channelPrefix); ok {
		b.enter(id, p)
		return id
	}
	return b.direct(p)
}

// keepTeamAnswer logs and files what a person did: text as the bot gets it, shown as she sees it.
func (s *Sandbox) keepTeamAnswer(b *teamBot, p *phone, kind, text, shown string) *record {
	x := &rich{parsed: parsePlain(shown), id: p.nextMessage(), team: &teamRich{channel: b.place(p)}}
	x.face.Store(&face{parsed: x.parsed})
	rec := s.journal.append(line{
		at: s.now().UnixMicro(), owner: &b.owner, phone: p, kind: kind, from: unique.Make(p.author()), to: b.name,
		text: unique.Make(text), kept: true, service: unique.Make(""), rich: x,
	}, statusReceived)
	s.filed(p, &b.owner, b.name, rec)
	return rec
}

// teamGone deactivates an account or archives a channel, or undoes that. Nobody is told: the server tells no bot.
func (s *Sandbox) teamGone(p *phone, gone bool) (uint64, error) {
	b, err := s.teamBotFor(p, "")
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	p.gone = gone
	p.mu.Unlock()
	word := "(active again)"
	if gone {
		word = "(deactivated)"
	}
	return s.keepTeamAnswer(b, p, EntryPress, word, word).seq, nil
}

// teamPress presses a button: the server posts the context that it kept to the button's address, and shows what that
// answers (server/channels/app/integration_action.go, DoPostActionWithCookie).
func (s *Sandbox) teamPress(b *teamBot, p *phone, in Reply) (uint64, error) {
	var of *record
	var action teamAction
	items := p.list()
	for i := len(items) - 1; i >= 0 && of == nil; i-- {
		r := s.journal.get(uint64(items[i]))
		if r.kind != EntryMessage || r.owner != &b.owner || in.Message != 0 && r.rich.id != in.Message {
			continue
		}
		for _, a := range r.rich.team.actions {
			if a.ID == in.Press {
				of, action = r, a
			}
		}
	}
	if of == nil {
		return 0, errors.New("no post here has a button with that id")
	}
	rec := s.keepTeamAnswer(b, p, EntryPress, in.Press, action.Name)
	p.mu.Lock()
	name := p.username
	p.mu.Unlock()
	body, err := json.Marshal(map[string]any{
		"user_id": p.author(), "user_name": name, "channel_id": of.rich.team.channel, "channel_name": "", "team_id": "", "team_domain": "",
		"post_id": of.id(), "trigger_id": mattermostID("trigger", strconv.FormatUint(s.salt+rec.seq, 10)), "type": "", "data_source": "",
		"context": action.Context,
	})
	if err != nil {
		return 0, fmt.Errorf("writing the button's context: %w", err)
	}
	s.box.do(func(ctx context.Context) {
		answer, ok := s.box.ask(ctx, action.URL, jsonType, http.Header{"Accept": {jsonType}}, string(body))
		var out struct {
			Ephemeral string `json:"ephemeral_text"`
			Update    *struct {
				Message string         `json:"message"`
				Props   map[string]any `json:"props"`
			} `json:"update"`
		}
		if !ok || len(answer) > 0 && json.Unmarshal(answer, &out) != nil {
			out.Ephemeral = "Action integration error."
		}
		if out.Update != nil { // a new message; the buttons stay unless new properties come with it
			shown := *of.rich.face.Load()
			shown.parsed, shown.edited = parseMarkdown(out.Update.Message), s.now()
			if out.Update.Props != nil {
				shown.buttons = (&teamRich{actions: readActions(out.Update.Props)}).buttons()
			}
			of.rich.face.Store(&shown)
		}
		s.tellTeam(b, p, out.Ephemeral)
	})
	return rec.seq, nil
}

// teamCommand runs a slash command (https://developers.mattermost.com, "Custom slash commands").
func (s *Sandbox) teamCommand(b *teamBot, p *phone, typed string) (uint64, error) {
	command := b.set.Load().Command
	trigger, text, _ := strings.Cut(strings.TrimPrefix(typed, "/"), " ")
	if command.Trigger == "" || trigger != command.Trigger {
		return 0, fmt.Errorf("command with a trigger of %q not found", "/"+trigger)
	}
	rec := s.keepTeamAnswer(b, p, EntryPress, typed, typed)
	p.mu.Lock()
	name := p.username
	p.mu.Unlock()
	form := url.Values{
		"channel_id": {b.place(p)}, "channel_name": {""}, "command": {"/" + trigger}, "team_domain": {"sandbox"}, "team_id": {teamID},
		"text": {text}, "token": {command.Token}, "trigger_id": {mattermostID("trigger", strconv.FormatUint(s.salt+rec.seq, 10))},
		"user_id": {p.author()}, "user_name": {name},
	}
	s.box.do(func(ctx context.Context) {
		header := http.Header{"Accept": {jsonType}, "Authorization": {"Token " + command.Token}}
		answer, ok := s.box.ask(ctx, command.URL, "application/x-www-form-urlencoded", header, form.Encode())
		var out struct {
			Text string `json:"text"`
		}
		if !ok || len(answer) > 0 && json.Unmarshal(answer, &out) != nil {
			out.Text = "Command with a trigger of /" + trigger + " failed."
		}
		s.tellTeam(b, p, out.Text)
	})
	return rec.seq, nil
}

// tellTeam shows a person what only she sees; an empty text shows nothing.
func (s *Sandbox) tellTeam(b *teamBot, p *phone, text string) {
	if text != "" {
		rec := s.journal.append(line{
			at: s.now().UnixMicro(), owner: &b.owner, phone: p, kind: EntryAuto, from: unique.Make(b.name), to: p.key.address,
			text: unique.Make(text), kept: true, service: unique.Make(""),
		}, statusDelivered)
		p.mu.Lock()
		p.items = append(p.items, uint32(rec.seq))
		p.mu.Unlock()
	}
	s.wall.touch(p, true)
	s.note()
}
