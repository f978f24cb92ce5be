package mattermost

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/mattermost/mattermost/server/public/model"

	"github.com/carillon-gateway/carillon/channels"
)

// CatchUp reads what people wrote in direct messages since two minutes before a time, some channels at a time. The server keeps
// posts unless it is told otherwise; what it deleted is not heard. The cursor is the id of the
// last channel that was read, in the order of their ids.
func (a *Adapter) CatchUp(ctx context.Context, since time.Time, cursor string) (channels.Caught, error) {
	from := since.Add(-pollLap).UnixMilli()
	me, fail := a.me(ctx)
	if fail != nil {
		return channels.Caught{}, fail
	}
	all, fail := a.channels(ctx)
	if fail != nil {
		return channels.Caught{}, fail
	}
	all = slices.DeleteFunc(all, func(c *model.Channel) bool {
		return c == nil || c.Type != model.ChannelTypeDirect || c.LastPostAt <= from || c.Id <= cursor
	})
	slices.SortFunc(all, func(x, y *model.Channel) int { return strings.Compare(x.Id, y.Id) })
	var c channels.Caught
	for i, channel := range all {
		if i == pollReads {
			c.Next = all[i-1].Id
			break
		}
		found, fail := a.read(ctx, me, channel.Id, from)
		if fail != nil && fail.Scope != channels.ScopeAddress { // one that the bot may not read keeps no other from being heard
			return channels.Caught{}, fail
		}
		c.Events = append(c.Events, found...)
	}
	return c, nil
}

var _ channels.Catcher = (*Adapter)(nil)
