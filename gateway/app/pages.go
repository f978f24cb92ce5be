package app

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/fanout"
	"github.com/carillon-gateway/carillon/gateway/internal/web"
)

// newPages makes the pages that members open.
func (a *App) newPages() (*web.Server, error) {
	return web.New(web.Options{
		Pages: a.store, Points: a.store, Wishes: a.store, Members: a.store, Stops: a.store, Sent: a.store, Sign: a.ring.Sign, Kinds: a.writable, Leave: a.leaveMail, Public: a.live.publicURL, Now: a.Now, Log: a.Log,
		Tell: func(ctx context.Context, group gateway.ID, key, wording string, data map[string]string, to gateway.Audience) (gateway.ID, error) {
			s, err := a.fanout.Tell(ctx, fanout.Note{Group: group, Key: key, Wording: wording, Audience: to, Data: data, Author: "carillon"})
			return s.ID, err
		},
		Parse: func(group gateway.ID, kind, region, raw string) (gateway.Private, error) {
			address, err := a.parseAddress(group, kind, region, raw)
			return gateway.Private(address.Reveal()), err
		},
		Joining:   web.Joining{Groups: a.store, Guests: a.store, Confirm: a.store, Ways: a.inviter.ways, Notice: a.store.PutNotice},
		Answering: a.answering(),
		Wait:      func(ctx context.Context, until time.Time) { pause(ctx, until.Sub(a.Now())) },
	})
}

// writable lists the kinds of contact point that a group can write to first. A bot of Telegram cannot: she opens the chat
// (core.telegram.org/bots/features#privacy-mode), and joins there by herself.
func (a *App) writable(group gateway.ID) []string {
	var kinds []string
	for _, c := range a.live.Usable(group) {
		if c.Kind != "telegram" && !slices.Contains(kinds, c.Kind) {
			kinds = append(kinds, c.Kind)
		}
	}
	return kinds
}

// leaveMail passes a POST of the page that stops mail on, as a provider's call of the channel that the link names.
func (a *App) leaveMail(w http.ResponseWriter, r *http.Request, channel string) {
	r = r.Clone(r.Context())
	r.SetPathValue("channel", channel)
	a.ears.ServeHTTP(w, r)
}

// linkMember sends a member a link to her own page, because an administrator says so.
func (a *App) linkMember(ctx context.Context, group, member gateway.ID) error {
	return a.pages.Issue(ctx, group, member, gateway.ID{}, "page:"+gateway.NewID().String())
}
