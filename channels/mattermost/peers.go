package mattermost

import (
	"context"
	"sync"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/carillon-gateway/carillon/channels"
)

// identity is the bot's own id, which the server is asked for once.
type identity struct {
	mu sync.Mutex
	id string
}

func (i *identity) put(id string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.id = id
}

func (i *identity) get() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.id
}

// me gives the bot's own id.
func (a *Adapter) me(ctx context.Context) (string, *channels.Error) {
	if id := a.who.get(); id != "" {
		return id, nil
	}
	if err := a.Check(ctx); err != nil {
		return "", channels.AsError(err)
	}
	return a.who.get(), nil
}

// fresh is how long an account is believed to be in use. Mattermost takes posts to a deactivated account without a word,
// so this is the longest that such a post can be shown as handed over.
const fresh = time.Hour

// peers remembers the channel of direct messages with each account.
type peers struct {
	mu   sync.Mutex
	byID map[string]peer
}

type peer struct {
	channel string
	until   time.Time
}

func (p *peers) get(user string, now time.Time) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if have := p.byID[user]; now.Before(have.until) {
		return have.channel
	}
	return ""
}

func (p *peers) put(user, channel string, until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byID == nil {
		p.byID = make(map[string]peer)
	}
	p.byID[user] = peer{channel, until}
}

// channelOf gives the id of the channel that a post to a target goes into. A name is not written to: the error says that
// the contact point moves to the account's id.
func (a *Adapter) channelOf(ctx context.Context, to target) (string, *channels.Error) {
	switch {
	case to.channel != "":
		return to.channel, nil
	case to.name != "":
		return "", a.named(ctx, to.name)
	}
	if channel := a.peers.get(to.user, a.now()); channel != "" {
		return channel, nil
	}
	me, fail := a.me(ctx)
	if fail != nil {
		return "", fail
	}
	user, resp, err := a.api.GetUser(ctx, to.user, "")
	if err != nil {
		return "", ofRead(a.failure(resp, err, toPerson))
	}
	if fail := inUse(user); fail != nil {
		return "", fail
	}
	// Creating a channel of direct messages that is there gives the one that is there.
	channel, resp, err := a.api.CreateDirectChannel(ctx, me, to.user)
	if err != nil {
		return "", ofRead(a.failure(resp, err, toPerson))
	}
	if channel == nil || !model.IsValidId(channel.Id) {
		return "", notTheirs()
	}
	a.peers.put(to.user, channel.Id, a.now().Add(fresh))
	return channel.Id, nil
}

// named looks up an account's name.
func (a *Adapter) named(ctx context.Context, name string) *channels.Error {
	user, resp, err := a.api.GetUserByUsername(ctx, name, "")
	if err != nil {
		return ofRead(a.failure(resp, err, toPerson))
	}
	if fail := inUse(user); fail != nil {
		return fail
	}
	if !idForm.MatchString(user.Id) {
		return notTheirs()
	}
	return &channels.Error{
		Class: channels.Gone, Scope: channels.ScopeAddress, MovedTo: channels.Address(user.Id),
		Detail: "the account's name was looked up; its id is written to from now on, because names can change hands",
	}
}

// inUse says what speaks against writing to an account.
func inUse(user *model.User) *channels.Error {
	switch {
	case user == nil || user.Id == "":
		return notTheirs()
	case user.DeleteAt != 0:
		return &channels.Error{Class: channels.Gone, Scope: channels.ScopeAddress, Detail: "the account is deactivated"}
	}
	return nil
}

func notTheirs() *channels.Error {
	return &channels.Error{
		Class: channels.Temporary, Scope: channels.ScopeChannel,
		Detail: "the answer is not Mattermost's; check the channel's base_url",
	}
}

// urgency remembers whether the server takes urgent posts.
type urgency struct {
	mu    sync.Mutex
	takes bool
	until time.Time
}

func (u *urgency) get(now time.Time) (takes, known bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.takes, now.Before(u.until)
}

func (u *urgency) put(takes bool, until time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.takes, u.until = takes, until
}

// askTime bounds the question whether the server takes urgent posts, which must not hold an urgent message up.
const askTime = 2 * time.Second

// takesUrgent says whether a post may carry the priority. A server that refuses it refuses the whole post, and one that
// does not know it ignores it, so it is asked before; without an answer the message goes plain.
func (a *Adapter) takesUrgent(ctx context.Context) bool {
	if takes, known := a.urgency.get(a.now()); known {
		return takes
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	config, _, err := a.api.GetClientConfig(ctx, "")
	takes := err == nil && config["PostPriority"] == "true"
	wait := fresh
	if err != nil {
		wait = time.Minute
	}
	a.urgency.put(takes, a.now().Add(wait))
	return takes
}
