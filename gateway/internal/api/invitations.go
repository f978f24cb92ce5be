package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/language"

	"github.com/carillon-gateway/carillon/gateway"
)

// Inviter makes invitations.
type Inviter interface {
	// Invite keeps a new invitation and gives its code and the ways in.
	Invite(ctx context.Context, i gateway.Invitation) (gateway.IssuedInvitation, error)
}

type invitationIn struct {
	Label     string    `json:"label" minLength:"1" maxLength:"80" doc:"What it is for, so that it can be told from others; no name of a person."`
	Topics    []string  `json:"topics" minItems:"1" maxItems:"62" doc:"What whoever joins is asked about. Her yes counts for these alone."`
	Tags      []string  `json:"tags,omitempty" maxItems:"32" doc:"Tags that she gets."`
	Locale    string    `json:"locale,omitempty" doc:"The language of those invited. Absent: as their number's country speaks, or the group."`
	Uses      int       `json:"uses,omitempty" minimum:"1" maximum:"10000" doc:"How many may join. Absent: one."`
	ExpiresAt time.Time `json:"expires_at,omitzero" doc:"Absent: in seven days."`
}

type createInvitation struct {
	InGroup
	Body invitationIn
}

type listInvitations struct {
	InGroup
	Paging
}

type inInvitation struct {
	InGroup
	Invitation gateway.ID `path:"invitation" example:"0195a3c2-7b1e-7c3d-9f00-1a2b3c4d5e6f"`
}

const (
	invitationTag = "Invitations"
	usualLife     = 7 * 24 * time.Hour
)

func (s *server) addInvitations() {
	sample := gateway.Invitation{ID: sampleID, GroupID: sampleID, Label: "assembly in May", Author: "desk", Topics: []string{"reports"}, Uses: 50, Used: 12, CreatedAt: sampleTime, ExpiresAt: sampleTime.Add(usualLife)}
	view := gateway.InvitationView{Invitation: sample, Members: []gateway.ID{sampleID}, Asked: []gateway.ID{}}
	path := "/api/v1/groups/{group}/invitations"
	add(s, route{ID: "create-invitation", Method: http.MethodPost, Path: path, Tag: invitationTag, Scope: ofGroup, Role: gateway.Administrator, Status: http.StatusCreated, Keep: withoutWaysIn,
		Summary: "Make an invitation", About: "Whoever texts its code to the group's number, or opens one of its links, is asked whether she wants the topics, and joins by saying yes. Code and links are shown in this answer and never again; a repeated request gets the answer without them.",
		Example: invitationIn{Label: sample.Label, Topics: sample.Topics, Uses: 50},
		Answer:  gateway.IssuedInvitation{Invitation: sample, Code: "48151623", Telegram: "https://t.me/example_bot?start=AAECAwQFBgcICQoLDA0ODw", SMS: "sms:+12025550142?body=48151623", Page: "https://carillon.example.org/j/AAECAwQFBgcICQoLDA0ODw"}},
		func(ctx context.Context, who caller, in *createInvitation) (*body[gateway.IssuedInvitation], error) {
			i, err := s.checkInvitation(who.Group, in.Body)
			if err != nil {
				return nil, err
			}
			i.Author = who.Token.Label
			issued, err := s.Inviter.Invite(ctx, i)
			if err != nil {
				return nil, err
			}
			s.Log.Info("an invitation was made", "request", requestID(ctx), "group", who.Group.ID, "id", issued.ID, "token", who.Token.ID)
			return &body[gateway.IssuedInvitation]{issued}, nil
		})
	add(s, route{ID: "list-invitations", Method: http.MethodGet, Path: path, Tag: invitationTag, Scope: ofGroup, Role: gateway.Administrator,
		Summary: "List invitations", About: "Those that are over too.", Answer: page[gateway.Invitation]{Items: []gateway.Invitation{sample}}},
		func(ctx context.Context, who caller, in *listInvitations) (*body[page[gateway.Invitation]], error) {
			all, err := s.Invitations.Invitations(ctx, who.Group.ID, in.After, in.Limit+1)
			return &body[page[gateway.Invitation]]{pageOf(all, in.Limit, func(i gateway.Invitation) gateway.ID { return i.ID })}, err
		})
	one := path + "/{invitation}"
	add(s, route{ID: "get-invitation", Method: http.MethodGet, Path: one, Tag: invitationTag, Scope: ofGroup, Role: gateway.Administrator,
		Summary: "Read an invitation", About: "With the members whom it brought in, by id.", Answer: view},
		func(ctx context.Context, who caller, in *inInvitation) (*body[gateway.InvitationView], error) {
			v, err := s.Invitations.Invitation(ctx, who.Group.ID, in.Invitation)
			return &body[gateway.InvitationView]{v}, err
		})
	revoked := view
	revoked.RevokedAt = sampleTime
	add(s, route{ID: "revoke-invitation", Method: http.MethodPost, Path: one + "/revoke", Tag: invitationTag, Scope: ofGroup, Role: gateway.Administrator,
		Summary: "Revoke an invitation", About: "At once: its code and links lead nowhere any more, and whoever was asked and has not answered cannot join. Those whom it brought in stay members; the answer lists them.", Answer: revoked},
		func(ctx context.Context, who caller, in *inInvitation) (*body[gateway.InvitationView], error) {
			if err := s.Invitations.RevokeInvitation(ctx, who.Group.ID, in.Invitation); err != nil {
				return nil, err
			}
			s.Log.Info("an invitation was revoked", "request", requestID(ctx), "group", who.Group.ID, "id", in.Invitation, "token", who.Token.ID)
			v, err := s.Invitations.Invitation(ctx, who.Group.ID, in.Invitation)
			return &body[gateway.InvitationView]{v}, err
		})
}

// checkInvitation makes an invitation of what was asked for, or says what is wrong with it.
func (s *server) checkInvitation(g gateway.Group, in invitationIn) (gateway.Invitation, error) {
	now := s.Now().UTC()
	i := gateway.Invitation{ID: gateway.NewID(), GroupID: g.ID, Label: in.Label, Topics: in.Topics, Tags: in.Tags, Uses: max(in.Uses, 1), CreatedAt: now, ExpiresAt: in.ExpiresAt}
	if !oneLine(in.Label) {
		return i, gateway.Faultf(gateway.CodeInvalid, "body.label must be one line of text, without control characters")
	}
	for _, topic := range in.Topics {
		if !hasTopic(g, topic) {
			return i, gateway.Faultf(gateway.CodeInvalid, "body.topics: the group has no topic %q", topic)
		}
	}
	for _, tag := range in.Tags {
		if tag == "" || len(tag) > 80 || strings.ContainsFunc(tag, func(r rune) bool { return r == ',' || unicode.IsSpace(r) || unicode.IsControl(r) }) {
			return i, gateway.Faultf(gateway.CodeInvalid, "body.tags: %q is no tag; tags have no spaces and no commas", tag)
		}
	}
	if in.Locale != "" {
		tag, err := language.Parse(in.Locale)
		if err != nil || tag == language.Und {
			return i, gateway.Faultf(gateway.CodeInvalid, "body.locale: %q is no language; use a BCP 47 tag such as en, pt-BR or zh-Hant", in.Locale)
		}
		i.Locale = tag.String()
	}
	switch {
	case i.ExpiresAt.IsZero():
		i.ExpiresAt = now.Add(usualLife)
	case !i.ExpiresAt.After(now):
		return i, gateway.Faultf(gateway.CodeInvalid, "body.expires_at is over already; give a time to come, or leave it out")
	case i.ExpiresAt.Sub(now) > gateway.MaxInvitation:
		return i, gateway.Faultf(gateway.CodeInvalid, "body.expires_at is more than a year ahead")
	}
	return i, nil
}

func hasTopic(g gateway.Group, name string) bool {
	for _, t := range g.Topics {
		if t.Name == name {
			return true
		}
	}
	return false
}

// withoutWaysIn is what is kept of the answer that shows an invitation's code and links.
func withoutWaysIn(answer []byte) []byte {
	var issued gateway.IssuedInvitation
	if err := json.Unmarshal(answer, &issued); err != nil {
		return nil
	}
	kept, err := json.Marshal(issued.Invitation)
	if err != nil {
		return nil
	}
	return append(kept, '\n')
}
