package main

import (
	"context"
	"sync"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// examineSenders asks providers under which names channels write, and says which of these tell members in neutral mode who does.
// Channels that the token may not check are for others to look at.
func (sh *shell) examineSenders(ctx context.Context, api *client.Client) []finding {
	groups, err := api.Groups(ctx)
	if err != nil {
		return nil // examineSpending says so
	}
	owners := []string{""}
	for _, g := range groups {
		owners = append(owners, g.Slug)
	}
	said := make([][]finding, len(owners))
	var all sync.WaitGroup
	for i, owner := range owners {
		all.Go(func() { said[i] = telltales(ctx, api, owner) })
	}
	all.Wait()
	var out []finding
	for _, one := range said {
		out = append(out, one...)
	}
	return out
}

// telltales looks at the channels of one owner.
func telltales(ctx context.Context, api *client.Client, owner string) (out []finding) {
	list, err := api.Channels(ctx, owner)
	if err != nil {
		return nil
	}
	for _, ch := range list {
		if ch.GroupID.IsZero() != (owner == "") || ch.Problem != "" || ch.Health.Paused != gateway.NotPaused {
			continue // another owner's, or one whose condition is said already
		}
		result, err := api.CheckChannel(ctx, owner, ch.ID)
		if err != nil {
			continue
		}
		for _, w := range result.Warnings {
			out = append(out, finding{"sender " + ch.Name, true, w})
		}
	}
	return out
}
