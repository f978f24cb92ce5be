package api

import (
	"context"
	"net/http"

	"github.com/carillon-gateway/carillon/gateway"
)

// InGroup is the part of a path that names a group. The library reads an embedded struct only if its name is exported.
type InGroup struct {
	Group string `path:"group" example:"berlin" doc:"The group's slug."`
}

type groupIn struct {
	Slug      string               `json:"slug,omitempty" doc:"If it is here, it must be that of the path."`
	Name      string               `json:"name" minLength:"1" maxLength:"100" doc:"As its members know it."`
	Locale    string               `json:"locale" minLength:"2" maxLength:"35" doc:"Language of members without one; a BCP 47 tag."`
	Fallback  []string             `json:"fallback,omitempty" maxItems:"10" doc:"Languages to try after the member's own, in order."`
	Zone      string               `json:"zone" minLength:"1" maxLength:"64" doc:"IANA name of the time zone."`
	Region    string               `json:"region,omitempty" maxLength:"2" doc:"ISO 3166 country of numbers without a prefix."`
	Topics    []gateway.Topic      `json:"topics,omitempty" maxItems:"62" doc:"What members may subscribe to."`
	Floor     int                  `json:"floor,omitempty" minimum:"0" maximum:"1000" doc:"Smallest number shown to others; 0 means 10."`
	Countries []string             `json:"countries,omitempty" maxItems:"250" doc:"ISO 3166: text messages of every class go to these only. Absent: to all."`
	Replies   *gateway.Replies     `json:"replies,omitempty" doc:"The group's own about what members write: its contact for HELP, more words for commands, and acknowledgement words by language."`
	Release   *gateway.ReleaseRule `json:"release,omitempty" doc:"What needs a second person: alerts, and what is meant for more members than above. Absent: nothing."`
	ClimbFrom []string             `json:"climb_from,omitempty" maxItems:"50" doc:"Slugs of groups whose alerts may climb to members of this one. Absent: none."`
	Budget    *gateway.Budget      `json:"budget,omitempty" doc:"Caps of a month of the group's zone, amounts in millionths. Absent: none."`
}

type putGroup struct {
	InGroup
	Body groupIn
}

func (s *server) addGroups() {
	berlin := gateway.Group{ID: sampleID, Slug: "berlin", Name: "Berlin", Locale: "de", Fallback: []string{"en"}, Zone: "Europe/Berlin", Region: "DE",
		Topics: []gateway.Topic{{Name: "reports", Title: "Progress reports"}, {Name: "alerts"}}}
	add(s, route{ID: "list-groups", Method: http.MethodGet, Path: "/api/v1/groups", Tag: "Groups", Scope: ofInstance, Role: gateway.Viewer,
		Summary: "List groups", About: "The operator sees all groups, everybody else her own.", Answer: page[gateway.Group]{Items: []gateway.Group{berlin}}},
		func(ctx context.Context, who caller, _ *struct{}) (*body[page[gateway.Group]], error) {
			groups, err := s.visibleGroups(ctx, who)
			return &body[page[gateway.Group]]{pageOf(groups, len(groups), groupID)}, err
		})
	add(s, route{ID: "get-group", Method: http.MethodGet, Path: "/api/v1/groups/{group}", Tag: "Groups", Scope: seenByOperator, Role: gateway.Viewer,
		Summary: "Read a group", Answer: berlin},
		func(_ context.Context, who caller, _ *InGroup) (*body[gateway.Group], error) {
			return &body[gateway.Group]{who.Group}, nil
		})
	add(s, route{ID: "put-group", Method: http.MethodPut, Path: "/api/v1/groups/{group}", Tag: "Groups", Scope: maybeNew, Role: gateway.Administrator,
		Summary: "Make or change a group", About: "The operator makes groups, and changes those that have no administrator yet.", Answer: berlin,
		Example: groupIn{Name: "Berlin", Locale: "de", Fallback: []string{"en"}, Zone: "Europe/Berlin", Region: "DE", Topics: berlin.Topics}},
		func(ctx context.Context, _ caller, in *putGroup) (*body[gateway.Group], error) {
			b := in.Body
			if b.Slug != "" && b.Slug != in.Group {
				return nil, gateway.Faultf(gateway.CodeInvalid, "body.slug is not the group of the path; leave it out, because a slug cannot be changed")
			}
			group, err := s.CheckGroup(gateway.Group{Slug: in.Group, Name: b.Name, Locale: b.Locale, Fallback: b.Fallback, Zone: b.Zone, Region: b.Region, Topics: b.Topics, Floor: b.Floor, Budget: b.Budget, Countries: b.Countries, Replies: b.Replies, Release: b.Release, ClimbFrom: b.ClimbFrom})
			if err != nil {
				return nil, err
			}
			group, err = s.Groups.PutGroup(ctx, group)
			return &body[gateway.Group]{group}, err
		})
}

func groupID(g gateway.Group) gateway.ID { return g.ID }

// visibleGroups are all for the operator, none for the operator's viewers, and for everybody else her own.
func (s *server) visibleGroups(ctx context.Context, who caller) ([]gateway.Group, error) {
	switch {
	case who.Token.Role == gateway.Operator:
		return s.Groups.Groups(ctx)
	case who.Token.GroupID.IsZero():
		return nil, nil
	}
	own, err := s.Groups.GroupByID(ctx, who.Token.GroupID)
	return []gateway.Group{own}, err
}

// sampleID stands in examples.
var sampleID = gateway.ID{0x01, 0x95, 0xa3, 0xc2, 0x7b, 0x1e, 0x7c, 0x3d, 0x9f, 0x00, 0x1a, 0x2b, 0x3c, 0x4d, 0x5e, 0x6f}
