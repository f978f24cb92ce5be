package api

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"

	"github.com/carillon-gateway/carillon/gateway"
)

func (s *server) addStatus() {
	add(s, route{ID: "get-status", Method: http.MethodGet, Path: "/api/v1/status", Tag: "Status", Scope: ofInstance, Role: gateway.Viewer,
		Summary: "Say how the instance is", About: "The operator sees all channels but those of groups that have an administrator; everybody else sees those that serve her group. The backlog counts what waits for these. Findings are what should have happened by itself and has not. Stale counts telephone numbers that may have new owners.",
		Answer: gateway.Status{Version: "v0.1.0", Profile: "alone", Roles: []string{"api", "scheduler", "relay", "sender", "inbound"}, Backlog: 3, Channels: []gateway.ChannelStatus{{ID: sampleID, Name: "sms-berlin", Kind: "sms", Backlog: 3, Breaker: "closed"}}}},
		func(ctx context.Context, who caller, _ *struct{}) (*body[gateway.Status], error) {
			status, err := s.Status(ctx)
			if err != nil {
				return nil, err
			}
			visible, err := s.visibleChannels(ctx, who)
			if err != nil {
				return nil, err
			}
			list := []gateway.ChannelStatus{}
			backlog := 0
			for _, c := range status.Channels {
				if visible[c.ID] {
					list = append(list, c)
					backlog += c.Backlog
				}
			}
			status.Channels, status.Backlog = list, backlog
			if status.Findings, err = visibleOf(ctx, s, who, status.Findings, func(f gateway.Finding) gateway.ID { return f.GroupID }); err != nil {
				return nil, err
			}
			if status.Stale, err = visibleOf(ctx, s, who, status.Stale, func(n gateway.StaleNumbers) gateway.ID { return n.GroupID }); err != nil {
				return nil, err
			}
			if !who.Token.GroupID.IsZero() {
				status.Processes, status.Spool, status.Wanting = nil, nil, nil
			}
			return &body[gateway.Status]{status}, nil
		})
}

func (s *server) visibleChannels(ctx context.Context, who caller) (map[gateway.ID]bool, error) {
	all, err := s.Channels.Channels(ctx)
	if err != nil {
		return nil, err
	}
	groups, err := s.managed(ctx, who, gateway.Viewer)
	if err != nil {
		return nil, err
	}
	visible := map[gateway.ID]bool{}
	for _, c := range all {
		operators := c.GroupID.IsZero() && who.Token.GroupID.IsZero()
		visible[c.ID] = operators || slices.ContainsFunc(groups, func(g gateway.Group) bool { return serves(c, g) })
	}
	return visible, nil
}

// visibleOf leaves out what is another's to know; of gives the group whose it is.
func visibleOf[T any](ctx context.Context, s *server, who caller, all []T, of func(T) gateway.ID) (visible []T, err error) {
	groups, err := s.managed(ctx, who, gateway.Viewer)
	for _, one := range all {
		operators := of(one).IsZero() && who.Token.GroupID.IsZero()
		if operators || slices.ContainsFunc(groups, func(g gateway.Group) bool { return g.ID == of(one) }) {
			visible = append(visible, one)
		}
	}
	return visible, err
}

// managed lists the groups that a token acts for with at least this role.
func (s *server) managed(ctx context.Context, who caller, role gateway.Role) ([]gateway.Group, error) {
	groups, err := s.visibleGroups(ctx, who)
	if err != nil {
		return nil, err
	}
	if who.Token.Role != gateway.Operator {
		return groups, enough(route{Role: role}, who)
	}
	var own []gateway.Group
	for _, g := range groups {
		tokens, err := s.Access.Tokens(ctx, g.ID)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(tokens, s.administers) {
			own = append(own, g)
		}
	}
	return own, nil
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
