package app

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/web"
)

// askNames bounds how long a provider is asked under which name it knows us.
const askNames = 5 * time.Second

// inviter makes invitations, with the ways in that the group's channels offer. It is safe for concurrent use.
type inviter struct {
	store gateway.Invitations
	live  *live
	now   func() time.Time
	mu    sync.Mutex
	names map[gateway.ID]knownName // of channels
}

// knownName is under which name people write to a channel, and when the provider said so.
type knownName struct {
	name string
	at   time.Time
}

// keepName is how long a name is believed, and namesKept how many are.
const (
	keepName  = 10 * time.Minute
	namesKept = 1000
)

func newInviter(store gateway.Invitations, l *live, now func() time.Time) *inviter {
	return &inviter{store: store, live: l, now: now, names: map[gateway.ID]knownName{}}
}

// Invite keeps a new invitation. A code that the group has already is thrown again.
func (d *inviter) Invite(ctx context.Context, i gateway.Invitation) (gateway.IssuedInvitation, error) {
	var code, link gateway.Private
	err := error(gateway.ErrConflict)
	for tries := 0; errors.Is(err, gateway.ErrConflict) && tries < 5; tries++ {
		code, link = gateway.MintInvitation()
		err = d.store.PutInvitation(ctx, i, code, link)
	}
	if err != nil {
		return gateway.IssuedInvitation{}, err
	}
	ways := d.ways(ctx, i.GroupID, link)
	issued := gateway.IssuedInvitation{Invitation: i, Code: code.Reveal(), Telegram: ways.Telegram}
	if ways.Number != "" {
		issued.SMS = "sms:" + ways.Number + "?body=" + code.Reveal() // RFC 5724
	}
	if d.live.publicURL != "" {
		issued.Page = d.live.publicURL + "/j/" + link.Reveal()
	}
	return issued, nil
}

// ways finds the ways into a group by an invitation with this link's secret.
func (d *inviter) ways(ctx context.Context, group gateway.ID, link gateway.Private) (w web.Ways) {
	for _, c := range d.live.Usable(group) {
		switch {
		case c.Kind == "telegram" && w.Telegram == "":
			if name := d.nameOf(ctx, c); strings.HasSuffix(strings.ToLower(name), "bot") {
				w.Telegram = "https://t.me/" + name + "?start=" + link.Reveal()
			}
		case c.Kind == "sms" && w.Number == "":
			if name := d.nameOf(ctx, c); strings.HasPrefix(name, "+") {
				w.Number = name
			}
		case c.Kind == "email":
			w.Mail = true
		}
	}
	return w
}

// nameOf finds under which name people write to a channel: a bot's name or a number; empty: nobody knows, or none.
func (d *inviter) nameOf(ctx context.Context, c gateway.Channel) string {
	d.mu.Lock()
	known, ok := d.names[c.ID]
	d.mu.Unlock()
	if ok && d.now().Sub(known.at) < keepName {
		return known.name
	}
	adapter, ok := d.live.Adapter(c.ID)
	introducer, introduces := adapter.(channels.Introducer)
	if !ok || !introduces {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, askNames)
	defer cancel()
	names, err := introducer.Names(ctx)
	if err != nil || len(names) == 0 {
		return "" // the code works all the same
	}
	name := names[len(names)-1] // the address stands behind the display name
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.names) >= namesKept {
		clear(d.names)
	}
	d.names[c.ID] = knownName{name, d.now()}
	return name
}
