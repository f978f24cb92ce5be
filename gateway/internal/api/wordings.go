package api

import (
	"context"
	"net/http"

	"github.com/carillon-gateway/carillon/gateway"
)

// InWording is a path to a group's own words.
type InWording struct {
	InGroup
	Wording string `path:"wording" minLength:"2" maxLength:"40" pattern:"^[a-z0-9][a-z0-9-]*[a-z0-9]$" patternDescription:"2 to 40 of a to z, 0 to 9 and the hyphen, which neither begins nor ends it" example:"welcome"`
}

type putWording struct {
	InWording
	Body wording
}

type wording struct {
	Name    string            `json:"name,omitempty" doc:"In answers; if it is here, it must be that of the path."`
	Sources map[string]string `json:"sources" minProperties:"1" maxProperties:"200" doc:"For each language Markdown with front matter."`
}

func (s *server) addWordings() {
	sample := wording{Name: "welcome", Sources: map[string]string{"en": "Welcome to {group}. You will get: {topics, list}."}}
	tag := "Wordings"
	add(s, route{ID: "list-wordings", Method: http.MethodGet, Path: "/api/v1/groups/{group}/wordings", Tag: tag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "List a group's own words", Answer: page[wording]{Items: []wording{sample}}},
		func(ctx context.Context, who caller, _ *InGroup) (*body[page[wording]], error) {
			all, err := s.Wordings.Wordings(ctx, who.Group.ID)
			list := make([]wording, 0, len(all))
			for _, name := range sortedKeys(all) {
				list = append(list, wording{Name: name, Sources: all[name]})
			}
			return &body[page[wording]]{page[wording]{Items: list}}, err
		})
	add(s, route{ID: "put-wording", Method: http.MethodPut, Path: "/api/v1/groups/{group}/wordings/{wording}", Tag: tag, Scope: ofGroup, Role: gateway.Administrator,
		Summary: "Put a group's own words", About: "In place of all that stood under this name.", Example: wording{Sources: sample.Sources}, Answer: sample},
		func(ctx context.Context, who caller, in *putWording) (*body[wording], error) {
			if in.Body.Name != "" && in.Body.Name != in.Wording {
				return nil, gateway.Faultf(gateway.CodeInvalid, "body.name is not the name of the path; leave it out")
			}
			in.Body.Name = in.Wording
			if err := checkWording(who.Group, in.Wording, in.Body.Sources); err != nil {
				return nil, err
			}
			return &body[wording]{in.Body}, s.Wordings.PutWording(ctx, who.Group.ID, in.Wording, in.Body.Sources)
		})
	add(s, route{ID: "delete-wording", Method: http.MethodDelete, Path: "/api/v1/groups/{group}/wordings/{wording}", Tag: tag, Scope: ofGroup, Role: gateway.Administrator,
		Summary: "Delete a group's own words", About: "The coalition's stand in their place."},
		func(ctx context.Context, who caller, in *InWording) (*nothing, error) {
			all, err := s.Wordings.Wordings(ctx, who.Group.ID)
			if err == nil && all[in.Wording] == nil {
				err = gateway.ErrNotFound
			}
			if err != nil {
				return nil, err
			}
			return &nothing{}, s.Wordings.PutWording(ctx, who.Group.ID, in.Wording, nil)
		})
}
