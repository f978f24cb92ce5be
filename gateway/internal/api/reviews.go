package api

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

type listTexts struct {
	InGroup
	Name    string `query:"name" maxLength:"40" doc:"This text only."`
	Sources bool   `query:"sources" doc:"With the source of each."`
}

type putReview struct {
	InGroup
	Body reviewIn
}

type reviewIn struct {
	Name   string `json:"name" minLength:"1" maxLength:"100" doc:"Of the text; what counts is its source."`
	Locale string `json:"locale" minLength:"2" maxLength:"35"`
	Source string `json:"source" minLength:"1" doc:"The text that was read: Markdown with front matter. The review is of exactly this."`
	By     string `json:"by" minLength:"1" maxLength:"100" doc:"Her name, as she wants it to stand there."`
}

// InReview is a path to a review.
type InReview struct {
	InGroup
	Digest string `path:"digest" pattern:"^[0-9a-f]{64}$" patternDescription:"64 hexadecimal digits" example:"2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"`
}

func (s *server) addReviews() {
	const tag = "Wordings"
	sample := gateway.Review{Digest: "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae", Name: "pointer", Locale: "fa", By: "Shirin", At: sampleTime}
	add(s, route{ID: "list-texts", Method: http.MethodGet, Path: "/api/v1/groups/{group}/texts", Tag: tag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "List what Carillon writes itself, and who has reviewed it", About: "The shipped texts and the group's own words, in every language. A draft is sent all the same, and its sender is told.",
		Answer: page[gateway.TextStatus]{Items: []gateway.TextStatus{{Name: "pointer", Locale: "fa", State: gateway.TextReviewed, Digest: sample.Digest, By: sample.By, At: &sample.At}}}},
		func(ctx context.Context, who caller, in *listTexts) (*body[page[gateway.TextStatus]], error) {
			all, err := s.texts(ctx, who.Group.ID, in)
			return &body[page[gateway.TextStatus]]{page[gateway.TextStatus]{Items: all}}, err
		})
	add(s, route{ID: "list-reviews", Method: http.MethodGet, Path: "/api/v1/groups/{group}/reviews", Tag: tag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "List the group's reviews of texts", About: "The newest first. One of a text that has changed since stays in the list and counts for nothing.", Answer: page[gateway.Review]{Items: []gateway.Review{sample}}},
		func(ctx context.Context, who caller, _ *InGroup) (*body[page[gateway.Review]], error) {
			all, err := s.Reviews.Reviews(ctx, who.Group.ID)
			return &body[page[gateway.Review]]{page[gateway.Review]{Items: all}}, err
		})
	add(s, route{ID: "put-review", Method: http.MethodPost, Path: "/api/v1/groups/{group}/reviews", Tag: tag, Scope: ofGroup, Role: gateway.Approver, Fresh: true,
		Summary: "Record that a person has reviewed a text", About: "For this group, and for exactly this text: one that differs by a letter is a draft. It takes the place of an earlier review of the same text.",
		Example: reviewIn{Name: "pointer", Locale: "fa", Source: "---\nstatus: draft\n---\nپیامی دارید.\n", By: "Shirin"}, Answer: sample},
		func(ctx context.Context, who caller, in *putReview) (*body[gateway.Review], error) {
			r, err := s.review(ctx, who, in.Body)
			return &body[gateway.Review]{r}, err
		})
	add(s, route{ID: "delete-review", Method: http.MethodDelete, Path: "/api/v1/groups/{group}/reviews/{digest}", Tag: tag, Scope: ofGroup, Role: gateway.Approver,
		Summary: "Take a review back", About: "The person's name is deleted, and the text is a draft again."},
		func(ctx context.Context, who caller, in *InReview) (*nothing, error) {
			return &nothing{}, s.Reviews.DropReview(ctx, who.Group.ID, in.Digest)
		})
}

// review keeps who has reviewed a text.
func (s *server) review(ctx context.Context, who caller, in reviewIn) (gateway.Review, error) {
	by, err := gateway.CheckReviewer(in.By)
	if err != nil {
		return gateway.Review{}, err
	}
	set, err := templates.NewSet(map[string]string{in.Locale: in.Source})
	if err != nil {
		return gateway.Review{}, wordsFault(err)
	}
	r := gateway.Review{Digest: set.Digest(in.Locale), Name: in.Name, Locale: set.Locales()[0], By: by, At: s.Now().UTC().Truncate(time.Microsecond)}
	if err := s.Reviews.PutReview(ctx, who.Group.ID, r); err != nil {
		return gateway.Review{}, err
	}
	s.Log.Info("a text was reviewed", "request", requestID(ctx), "group", who.Group.ID, "token", who.Token.ID)
	return r, nil
}

// texts lists what Carillon may write in a group's name.
func (s *server) texts(ctx context.Context, group gateway.ID, in *listTexts) ([]gateway.TextStatus, error) {
	own, err := s.Wordings.Wordings(ctx, group)
	if err != nil {
		return nil, err
	}
	reviews, err := s.Reviews.Reviews(ctx, group)
	if err != nil {
		return nil, err
	}
	by := make(map[string]*gateway.Review, len(reviews))
	for i := range reviews {
		by[reviews[i].Digest] = &reviews[i]
	}
	shipped := map[string]map[string]string{in.Name: templates.ShippedText(in.Name)}
	if in.Name == "" {
		shipped = templates.Shipped()
	}
	for name, sources := range own {
		if in.Name == "" || in.Name == name {
			if shipped[name] == nil {
				shipped[name] = map[string]string{}
			}
			maps.Copy(shipped[name], sources)
		}
	}
	all := []gateway.TextStatus{}
	for name, sources := range shipped {
		if sources == nil {
			return nil, gateway.ErrNotFound
		}
		all = append(all, textsOf(name, sources, own[name], by)...)
	}
	if !in.Sources {
		for i := range all {
			all[i].Source = ""
		}
	}
	slices.SortFunc(all, func(a, b gateway.TextStatus) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Locale, b.Locale))
	})
	return all, nil
}

// textsOf tells of one text in each of its languages; own are the group's among its sources.
func textsOf(name string, sources, own map[string]string, by map[string]*gateway.Review) []gateway.TextStatus {
	_, unfit := templates.Wording(name, own)
	all := make([]gateway.TextStatus, 0, len(sources))
	for locale, source := range sources {
		t := gateway.TextStatus{Name: name, Locale: locale, State: gateway.TextOwn, Source: source}
		_, t.Own = own[locale]
		set, err := templates.NewSet(map[string]string{locale: source})
		if err == nil {
			t.Locale, t.Digest = set.Locales()[0], set.Digest(locale)
		}
		reviewed := by[t.Digest]
		switch {
		case err != nil || t.Own && unfit != nil:
			t.State = gateway.TextUnfit
		case reviewed != nil:
			t.State, t.By, t.At = gateway.TextReviewed, reviewed.By, &reviewed.At
		case len(set.Drafts(nil)) > 0:
			t.State = gateway.TextDraft
		}
		all = append(all, t)
	}
	return all
}
