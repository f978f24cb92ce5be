package api

import (
	"context"
	"net/http"

	"github.com/carillon-gateway/carillon/gateway"
)

// Releases is what people do with messages that need a second person.
type Releases interface {
	// Replace puts another draft in the place of one that is not decided about.
	Replace(ctx context.Context, id gateway.ID, d gateway.Draft) (gateway.HandedIn, error)
	Approve(ctx context.Context, group, id gateway.ID, digest string, who gateway.Hand) (gateway.Release, error)
	// Refuse of somebody else's message needs that her role may decide.
	Refuse(ctx context.Context, group, id gateway.ID, reason string, who gateway.Hand, may bool) (gateway.Release, error)
	Break(ctx context.Context, group, id gateway.ID, reason string, who gateway.Hand) (gateway.Release, error)
	ReleaseArchive
}

// ReleaseArchive reads them.
type ReleaseArchive interface {
	Release(ctx context.Context, group, id gateway.ID) (gateway.Release, error)
	Releases(ctx context.Context, group, before gateway.ID, limit int) ([]gateway.Release, error)
}

// InRelease is a path to a release.
type InRelease struct {
	InGroup
	Release gateway.ID `path:"release" example:"0195a3c2-7b1e-7c3d-9f00-1a2b3c4d5e6f" doc:"Its id, which is that of the broadcast that it becomes."`
}

type (
	listReleases struct {
		InGroup
		Paging
	}
	replaceRelease struct {
		InRelease
		Body draftIn
	}
	approveRelease struct {
		InRelease
		Body approvalIn
	}
	refuseRelease struct {
		InRelease
		Body refusalIn
	}
	breakRelease struct {
		InRelease
		Body reasonIn
	}
	approvalIn struct {
		Digest string `json:"digest" pattern:"^[0-9a-f]{64}$" patternDescription:"64 hexadecimal digits" doc:"Of what was looked at: it is in the release. What was changed since is not approved with it."`
	}
	refusalIn struct {
		Reason string `json:"reason,omitempty" maxLength:"300" doc:"For its author."`
	}
	reasonIn struct {
		Reason string `json:"reason" minLength:"10" maxLength:"300" doc:"Why nobody can be waited for. It is kept, and shown to all who may approve."`
	}
)

func (c caller) hand() gateway.Hand { return gateway.Hand{Label: c.Token.Label, Token: c.Token.ID} }

func (s *server) addReleases() {
	const tag, path = "Releases", "/api/v1/groups/{group}/releases"
	digest := "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
	hand := gateway.Hand{Label: "north desk", Token: sampleID}
	sample := gateway.Release{ID: sampleID, GroupID: sampleID, Key: "dyke-1", State: gateway.ReleaseWaiting, Revision: 1, Digest: digest, Class: gateway.Alert, Why: "it is an alert, and an alert of this group needs a second person", Members: 120,
		Channels: []gateway.ReleaseWay{{Kind: "sms", ChannelID: sampleID, Channel: "sms-berlin"}}, Hands: []gateway.Hand{hand}, Steps: []gateway.ReleaseStep{{To: gateway.ReleaseWaiting, At: sampleTime, By: hand}},
		CreatedAt: sampleTime, ExpiresAt: sampleTime.Add(gateway.ReleaseAlerts)}
	whole := sample
	whole.Draft = &gateway.Draft{Key: sample.Key, Kind: gateway.KindAlert, Audience: gateway.Audience{Topic: "alerts"}, Words: gateway.Words{Sources: map[string]string{"en": "The dyke may break. Go to the school.\n"}}}
	decided := func(to gateway.ReleaseState) gateway.Release {
		r := sample
		r.State = to
		return r
	}

	add(s, route{ID: "list-releases", Method: http.MethodGet, Path: path, Tag: tag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "List what needed a second person", About: "The newest first, without what it says: what waits, and what became of the others.", Answer: page[gateway.Release]{Items: []gateway.Release{sample}}},
		func(ctx context.Context, who caller, in *listReleases) (*body[page[gateway.Release]], error) {
			list, err := s.Releases.Releases(ctx, who.Group.ID, in.After, in.Limit+1)
			return &body[page[gateway.Release]]{pageOf(list, in.Limit, func(r gateway.Release) gateway.ID { return r.ID })}, err
		})
	add(s, route{ID: "get-release", Method: http.MethodGet, Path: path + "/{release}", Tag: tag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "Read what needs a second person", About: "Whole: its text in every language, to whom, over which channels, who wrote it and what was decided. The digest is of text, audience and channels. Without draft, the text is forgotten.", Answer: whole},
		func(ctx context.Context, who caller, in *InRelease) (*body[gateway.Release], error) {
			r, err := s.Releases.Release(ctx, who.Group.ID, in.Release)
			return &body[gateway.Release]{r}, err
		})
	add(s, route{ID: "replace-release", Method: http.MethodPut, Path: path + "/{release}", Tag: tag, Scope: ofGroup, Role: gateway.Author,
		Summary: "Change what waits for a second person", About: "It waits again, also one that was refused or has expired; whatever was looked at before cannot be approved any more. Whoever changes it cannot approve it. Its key stays.",
		Example: draftIn{Kind: gateway.KindAlert, Audience: audienceIn{Topic: "alerts"}, Words: wordsIn{Sources: map[string]string{"en": "The dyke has broken. Go to the school.\n"}}},
		Answer:  gateway.HandedIn{Submission: gateway.Submission{ID: sampleID}, Release: &gateway.ReleaseNeed{Why: sample.Why, State: string(gateway.ReleaseWaiting), Digest: digest, Until: sample.ExpiresAt, Approvers: 2}}},
		func(ctx context.Context, who caller, in *replaceRelease) (*body[gateway.HandedIn], error) {
			done, err := s.Releases.Replace(ctx, in.Release, in.Body.draft(who))
			return &body[gateway.HandedIn]{done}, err
		})
	add(s, route{ID: "approve-release", Method: http.MethodPost, Path: path + "/{release}/approve", Tag: tag, Scope: ofGroup, Role: gateway.Approver, Fresh: true,
		Summary: "Release a message", About: "It is sent now. Not by whoever wrote or changed it, with any token under her label. If it was changed meanwhile, or other channels would carry it, nothing is sent: look at it again. Of one that went without a second person (glass), it says that she has looked at it since.",
		Example: approvalIn{Digest: digest}, Answer: decided(gateway.ReleaseApproved)},
		func(ctx context.Context, who caller, in *approveRelease) (*body[gateway.Release], error) {
			return s.released(s.Releases.Approve(ctx, who.Group.ID, in.Release, in.Body.Digest, who.hand()))
		})
	add(s, route{ID: "refuse-release", Method: http.MethodPost, Path: path + "/{release}/refuse", Tag: tag, Scope: ofGroup, Role: gateway.Author, Fresh: true,
		Summary: "Refuse a message, or take one's own back", About: "It is not sent. An approver refuses it, and it may be changed and asked about again; whoever wrote it takes it back, for good.",
		Example: refusalIn{Reason: "The dyke holds."}, Answer: decided(gateway.ReleaseRefused)},
		func(ctx context.Context, who caller, in *refuseRelease) (*body[gateway.Release], error) {
			may := who.Token.Role.Rank() >= gateway.Approver.Rank()
			return s.released(s.Releases.Refuse(ctx, who.Group.ID, in.Release, in.Body.Reason, who.hand(), may))
		})
	add(s, route{ID: "break-glass", Method: http.MethodPost, Path: path + "/{release}/break-glass", Tag: tag, Scope: ofGroup, Role: gateway.Author, Fresh: true,
		Summary: "Send an alert about danger to life without a second person", About: "At once. All owners and approvers are told, the reason is kept, and somebody else looks at it afterwards (approve).",
		Example: reasonIn{Reason: "The water rises and nobody answers."}, Answer: decided(gateway.ReleaseGlass)},
		func(ctx context.Context, who caller, in *breakRelease) (*body[gateway.Release], error) {
			return s.released(s.Releases.Break(ctx, who.Group.ID, in.Release, in.Body.Reason, who.hand()))
		})
}

// released is the answer after a step: without what the message says.
func (s *server) released(r gateway.Release, err error) (*body[gateway.Release], error) {
	r.Draft = nil
	return &body[gateway.Release]{r}, err
}
