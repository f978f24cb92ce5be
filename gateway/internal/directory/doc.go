// Package directory knows who is meant and how she can be reached: groups, members, contact points, consent, and
// how members come in by CSV. It keeps nothing itself; what it is given by the ledger it checks, masks and orders.
package directory

import (
	"context"
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/gateway"
)

// Parts is what a Directory stands on. All are required but Now.
type Parts struct {
	Groups    gateway.Groups
	Members   gateway.Members
	Audiences gateway.Audiences
	Imports   gateway.Imports
	// Kinds lists the kinds of contact point that a group knows on this instance: "sms", "telegram", …
	Kinds func(group gateway.ID) []string
	// Usable lists the channels that serve a group: its own first, then the operator's.
	Usable func(group gateway.ID) []gateway.Channel
	// Parse gives the canonical form of a group's address; region is the country of numbers without a prefix, or empty. The
	// error can be shown to the person who typed the address.
	Parse func(group gateway.ID, kind, region, raw string) (channels.Address, error)
	// Calendars lists the calendars of a group; nil: it has none.
	Calendars func(ctx context.Context, group gateway.ID) ([]gateway.Calendar, error)
	Now       func() time.Time // nil: time.Now
}

// Directory answers questions about groups and members. It is safe for concurrent use.
type Directory struct {
	Parts
}

// New makes a directory.
func New(p Parts) *Directory {
	if p.Now == nil {
		p.Now = time.Now
	}
	return &Directory{Parts: p}
}

// Routes lists the contact points that may be used for a topic, in the member's order, each with the first channel that
// serves it. Messages of class account need no topic and may go to a point that is not confirmed yet, because asking
// to confirm is one of them; everything else needs an active point that is subscribed, and what is urgent may, at last, go to one
// that is stale. A member who is not there, or belongs to another group, has none.
func (d *Directory) Routes(ctx context.Context, group, member gateway.ID, topic string, class gateway.Class) ([]gateway.Route, error) {
	only := gateway.Audience{Topic: topic, Members: []gateway.ID{member}}
	found, err := d.Audiences.Recipients(ctx, group, only, gateway.ID{}, 1)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	var g gateway.Group // allows all
	if slices.ContainsFunc(found[0].Points, func(p gateway.PointRef) bool { return p.Country != "" }) {
		if g, err = d.Groups.GroupByID(ctx, group); err != nil {
			return nil, err
		}
	}
	usable := d.Usable(group)
	var routes, last []gateway.Route
	urgent := gateway.PolicyOf(class).Lane == gateway.Urgent
	for _, p := range found[0].Points {
		stale := p.State == gateway.PointStale                                                       // and so it comes behind those that are surely hers
		open := (p.State == gateway.PointActive || stale && urgent) && (p.Subscribed || topic == "") // what says how an alert ends has none
		if class == gateway.Account {
			open = p.State == gateway.PointActive || stale || p.State == gateway.PointUnconfirmed
		}
		if !open || !g.Allows(p.Country) {
			continue
		}
		for _, ch := range usable {
			if ch.Kind != p.Kind {
				continue
			}
			route := gateway.Route{Point: p.ID, Kind: p.Kind, Channel: ch.ID}
			if stale {
				last = append(last, route)
			} else {
				routes = append(routes, route)
			}
			break
		}
	}
	return append(routes, last...), nil
}

var _ gateway.Routes = (*Directory)(nil)
