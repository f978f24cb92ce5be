package mattermost

import (
	"context"
	"net/http"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/carillon-gateway/carillon/channels"
)

const (
	// listSettles is how long after an attempt its post may be missing from the channel although the server has it: it
	// may be under way still, and a cluster reads from replicas.
	listSettles = time.Minute
	// clockSkew is how far the server's clock and ours may be apart.
	clockSkew = 5 * time.Minute
	// listMost is the most posts that the server lists since a time (server/channels/store/sqlstore, GetPostsSince).
	listMost = 1000
)

// FindStatus looks for the post of a part: by its id if that is known, else by the marker in the posts that the channel
// got since. It says NotSent only when the list is whole, a minute has passed, and the server's clock is near ours.
func (a *Adapter) FindStatus(ctx context.Context, q channels.Query) (channels.Finding, error) {
	if q.ProviderID != "" {
		return a.findByID(ctx, q)
	}
	to, err := parseTarget(q.To.Reveal())
	if err != nil || to.name != "" {
		return channels.Finding{Found: channels.NotSent}, nil // nothing is ever posted to a name
	}
	me, fail := a.me(ctx)
	if fail != nil {
		return channels.Finding{}, fail
	}
	channel, fail := a.channelOf(ctx, to)
	if fail != nil {
		return channels.Finding{}, fail
	}
	list, resp, err := a.lists.GetPostsSince(ctx, channel, q.Since.Add(-clockSkew).UnixMilli(), false)
	if err != nil {
		return channels.Finding{}, ofRead(a.failure(resp, err, ""))
	}
	if list == nil {
		return channels.Finding{}, notTheirs()
	}
	want := markerOf(q.Attempt, q.PartNo)
	for id, p := range list.Posts {
		if p != nil && p.UserId == me && p.GetProp(marker) == want {
			return wasSent(q, id), nil
		}
	}
	until := q.Until
	if until.IsZero() {
		until = q.Since.Add(longestSend)
	}
	if len(list.Posts) < listMost && a.now().After(until.Add(listSettles)) && a.near(resp) {
		return channels.Finding{Found: channels.NotSent}, nil
	}
	return channels.Finding{Found: channels.CannotTell}, nil
}

func (a *Adapter) findByID(ctx context.Context, q channels.Query) (channels.Finding, error) {
	_, resp, err := a.api.GetPost(ctx, q.ProviderID, "")
	switch {
	case err == nil:
		return wasSent(q, q.ProviderID), nil
	case resp != nil && resp.StatusCode == http.StatusNotFound:
		return channels.Finding{Found: channels.CannotTell}, nil // deleted since: it was accepted once
	}
	return channels.Finding{}, ofRead(a.failure(resp, err, ""))
}

func wasSent(q channels.Query, id string) channels.Finding {
	return channels.Finding{Found: channels.WasSent, Receipt: channels.Receipt{
		Attempt: q.Attempt, PartNo: q.PartNo, ProviderID: id, Status: channels.StatusAccepted,
	}}
}

// near says whether the server's clock, as its answer shows it, is near enough to ours for a list by time. Without the
// header nothing speaks against it.
func (a *Adapter) near(resp *model.Response) bool {
	at, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return true
	}
	off := a.now().Sub(at)
	return off < clockSkew-time.Minute && off > time.Minute-clockSkew
}
