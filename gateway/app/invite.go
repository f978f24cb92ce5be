package app

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

// askNames bounds how long a provider is asked under which name it knows us.
const askNames = 5 * time.Second

// inviter makes invitations, with the ways in that the group's channels offer.
type inviter struct {
	store gateway.Invitations
	live  *live
}

// Invite keeps a new invitation. A code that the group has already is thrown again.
func (d inviter) Invite(ctx context.Context, i gateway.Invitation) (gateway.IssuedInvitation, error) {
	var code, link gateway.Private
	err := error(gateway.ErrConflict)
	for tries := 0; errors.Is(err, gateway.ErrConflict) && tries < 5; tries++ {
		code, link = gateway.MintInvitation()
		err = d.store.PutInvitation(ctx, i, code, link)
	}
	if err != nil {
		return gateway.IssuedInvitation{}, err
	}
	issued := gateway.IssuedInvitation{Invitation: i, Code: code.Reveal()}
	for _, c := range d.live.Usable(i.GroupID) {
		name := d.nameOf(ctx, c)
		switch {
		case c.Kind == "telegram" && issued.Telegram == "" && strings.HasSuffix(strings.ToLower(name), "bot"):
			issued.Telegram = "https://t.me/" + name + "?start=" + link.Reveal()
		case c.Kind == "sms" && issued.SMS == "" && strings.HasPrefix(name, "+"):
			issued.SMS = "sms:" + name + "?body=" + code.Reveal() // RFC 5724
		}
	}
	return issued, nil
}

// nameOf finds under which name people write to a channel: a bot's name or a number; empty: nobody knows, or none.
func (d inviter) nameOf(ctx context.Context, c gateway.Channel) string {
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
	return names[len(names)-1] // the address stands behind the display name
}
