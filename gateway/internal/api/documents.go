package api

import (
	"context"
	"net/http"

	"github.com/carillon-gateway/carillon/gateway"
)

// documentLimit is the size of a coalition's document: thousands of groups with their words.
const documentLimit = 16 << 20

type applyDocument struct {
	DryRun    bool `query:"dry_run" doc:"Say what would be done, and do nothing."`
	Overwrite bool `query:"overwrite" doc:"Also overwrite what people changed since the last apply."`
	Body      gateway.Document
}

func (s *server) addDocuments() {
	sample := gateway.Document{
		Groups: []gateway.DocumentGroup{{Slug: "berlin", Name: "Berlin", Locale: "de", Zone: "Europe/Berlin", Topics: []gateway.Topic{{Name: "reports"}},
			Wordings: map[string]map[string]string{"welcome": {"en": "Welcome to {group}. You will get: {topics, list}."}}}},
		Channels: []gateway.DocumentChannel{{Name: "telegram", Adapter: "telegram"}},
	}
	add(s, route{ID: "apply", Method: http.MethodPost, Path: "/api/v1/apply", Tag: "Documents", Scope: ofInstance, Role: gateway.Administrator, Limit: documentLimit,
		Summary: "Bring a coalition's document about", About: "Items are made or changed one by one, in the document's order; nothing is ever deleted. What people changed since the last apply, and what is another's, is left as it is and told as a conflict. " +
			"If anything in the document is wrong, nothing is done.",
		Example: sample, Answer: gateway.ApplyReport{Items: []gateway.ApplyItem{{Path: "groups/berlin", What: gateway.ApplyCreate}, {Path: "channels/telegram", What: gateway.ApplySame}}}},
		func(ctx context.Context, who caller, in *applyDocument) (*body[gateway.ApplyReport], error) {
			p, err := s.plan(ctx, who, in.Body)
			if err != nil {
				return nil, err
			}
			report, err := p.run(ctx, in.DryRun, in.Overwrite)
			return &body[gateway.ApplyReport]{report}, err
		})
	add(s, route{ID: "export", Method: http.MethodGet, Path: "/api/v1/export", Tag: "Documents", Scope: ofInstance, Role: gateway.Administrator,
		Summary: "Write a coalition's document", About: "Everything that the token may apply, without members, without the options of channels and without the addresses of calendars and indicators.", Answer: sample},
		func(ctx context.Context, who caller, _ *struct{}) (*body[gateway.Document], error) {
			d, err := s.export(ctx, who)
			return &body[gateway.Document]{d}, err
		})
}

func (s *server) export(ctx context.Context, who caller) (gateway.Document, error) {
	var d gateway.Document
	groups, err := s.managed(ctx, who, gateway.Administrator)
	if err != nil {
		return d, err
	}
	all, err := s.Channels.Channels(ctx)
	if err != nil {
		return d, err
	}
	for _, g := range groups {
		words, err := s.Wordings.Wordings(ctx, g.ID)
		if err != nil {
			return d, err
		}
		prices, err := s.Costs.Prices(ctx, g.ID)
		if err != nil {
			return d, err
		}
		calendars, err := s.Calendars.List(ctx, g.ID)
		if err != nil {
			return d, err
		}
		schedules, err := s.documentSchedules(ctx, g.ID)
		if err != nil {
			return d, err
		}
		policies, err := s.Alerts.AlertPolicies(ctx, g.ID)
		if err != nil {
			return d, err
		}
		series, err := s.documentSeries(ctx, g.ID)
		if err != nil {
			return d, err
		}
		rotas, err := s.documentRotas(ctx, g.ID)
		if err != nil {
			return d, err
		}
		d.Groups = append(d.Groups, gateway.DocumentGroup{Slug: g.Slug, Name: g.Name, Locale: g.Locale, Fallback: g.Fallback, Zone: g.Zone, Region: g.Region,
			Topics: g.Topics, Floor: g.Floor, Budget: g.Budget, Countries: g.Countries, Replies: g.Replies, Release: g.Release, ClimbFrom: g.ClimbFrom, Prices: prices, Channels: documentChannels(all, g.ID), Calendars: documentCalendars(calendars), Rotas: rotas, Series: series, Policies: policies, Schedules: schedules, Wordings: words})
	}
	if who.Token.Role == gateway.Operator {
		d.Channels = documentChannels(all, gateway.ID{})
		if d.Prices, err = s.Costs.Prices(ctx, gateway.ID{}); err != nil {
			return d, err
		}
	}
	return d, nil
}

func documentCalendars(all []gateway.Calendar) []gateway.DocumentCalendar {
	var list []gateway.DocumentCalendar
	for _, c := range all {
		list = append(list, gateway.DocumentCalendar{Name: c.Name, Topic: c.Topic, Zone: c.Zone, Every: c.Every})
	}
	return list
}

func documentChannels(all []gateway.Channel, owner gateway.ID) []gateway.DocumentChannel {
	var list []gateway.DocumentChannel
	for _, c := range all {
		if c.GroupID == owner {
			list = append(list, gateway.DocumentChannel{Name: c.Name, Adapter: c.Adapter, Groups: c.Groups, Senders: c.Senders, Trip: c.Trip})
		}
	}
	return list
}
