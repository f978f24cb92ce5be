package api

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

type groupTokenIn struct {
	Label     string       `json:"label" minLength:"1" maxLength:"80" doc:"What it is for; broadcasts name it as their author, so no name of a person."`
	Role      gateway.Role `json:"role" enum:"viewer,author,approver,administrator"`
	ExpiresAt time.Time    `json:"expires_at,omitzero" doc:"Absent: never."`
}

type operatorTokenIn struct {
	Label     string       `json:"label" minLength:"1" maxLength:"80"`
	Role      gateway.Role `json:"role,omitempty" enum:"operator,viewer" doc:"viewer reads the status and the metrics, and nothing of a group. Absent: operator."`
	ExpiresAt time.Time    `json:"expires_at,omitzero" doc:"Absent: never."`
}

type createGroupToken struct {
	InGroup
	Body groupTokenIn
}

type createOperatorToken struct{ Body operatorTokenIn }

type groupToken struct {
	InGroup
	InToken
}

// InToken is the part of a path that names a token.
type InToken struct {
	Token gateway.ID `path:"token" example:"0195a3c2-7b1e-7c3d-9f00-1a2b3c4d5e6f"`
}

const tokenTag = "Tokens"

func (s *server) addTokens() {
	sample := gateway.Token{ID: sampleID, GroupID: sampleID, Role: gateway.Author, Label: "weekly report", CreatedAt: sampleTime}
	issued := gateway.IssuedToken{Token: sample, Secret: "crl_…"}
	about := "Its text is shown in this answer and never again; a repeated request gets the answer without it."
	create := route{ID: "create-group-token", Method: http.MethodPost, Path: "/api/v1/groups/{group}/tokens", Tag: tokenTag, Scope: ofGroup, Role: gateway.Administrator, Status: http.StatusCreated,
		Summary: "Make a token of a group", About: about, Keep: withoutSecret, Example: groupTokenIn{Label: sample.Label, Role: sample.Role}, Answer: issued}
	add(s, create, func(ctx context.Context, who caller, in *createGroupToken) (*body[gateway.IssuedToken], error) {
		return s.issue(ctx, who, in.Body.Role, in.Body.Label, in.Body.ExpiresAt)
	})
	create.ID, create.Path, create.Scope, create.Role, create.Summary = "create-token", "/api/v1/tokens", ofInstance, gateway.Operator, "Make a token of the operator"
	create.Example = operatorTokenIn{Label: sample.Label}
	add(s, create, func(ctx context.Context, who caller, in *createOperatorToken) (*body[gateway.IssuedToken], error) {
		return s.issue(ctx, who, cmp.Or(in.Body.Role, gateway.Operator), in.Body.Label, in.Body.ExpiresAt)
	})

	list := route{ID: "list-group-tokens", Method: http.MethodGet, Path: "/api/v1/groups/{group}/tokens", Tag: tokenTag, Scope: ofGroup, Role: gateway.Administrator,
		Summary: "List the tokens of a group", Answer: page[gateway.Token]{Items: []gateway.Token{sample}}}
	add(s, list, func(ctx context.Context, who caller, _ *InGroup) (*body[page[gateway.Token]], error) {
		return s.listTokens(ctx, who)
	})
	list.ID, list.Path, list.Scope, list.Role, list.Summary = "list-tokens", "/api/v1/tokens", ofInstance, gateway.Operator, "List the tokens of the operator"
	add(s, list, func(ctx context.Context, who caller, _ *struct{}) (*body[page[gateway.Token]], error) {
		return s.listTokens(ctx, who)
	})

	revoke := route{ID: "revoke-group-token", Method: http.MethodDelete, Path: "/api/v1/groups/{group}/tokens/{token}", Tag: tokenTag, Scope: ofGroup, Role: gateway.Administrator,
		Summary: "Revoke a token of a group", About: "At once. The last administrator's cannot be revoked: make another one first."}
	add(s, revoke, func(ctx context.Context, who caller, in *groupToken) (*nothing, error) {
		return s.revoke(ctx, who, in.Token, gateway.Administrator)
	})
	revoke.ID, revoke.Path, revoke.Scope, revoke.Role, revoke.Summary = "revoke-token", "/api/v1/tokens/{token}", ofInstance, gateway.Operator, "Revoke a token of the operator"
	revoke.About = "At once. The last one cannot be revoked: make another one first."
	add(s, revoke, func(ctx context.Context, who caller, in *InToken) (*nothing, error) {
		return s.revoke(ctx, who, in.Token, gateway.Operator)
	})
}

// issue makes a token of the group that was asked about, or of the operator.
func (s *server) issue(ctx context.Context, who caller, role gateway.Role, label string, expires time.Time) (*body[gateway.IssuedToken], error) {
	if !oneLine(label) {
		return nil, gateway.Faultf(gateway.CodeInvalid, "body.label must be one line of text, without control characters")
	}
	now := s.Now().UTC()
	if !expires.IsZero() && !expires.After(now) {
		return nil, gateway.Faultf(gateway.CodeInvalid, "body.expires_at is over already; give a time to come, or leave it out")
	}
	text, digest := gateway.MintToken()
	token := gateway.Token{ID: gateway.NewID(), GroupID: who.Group.ID, Role: role, Label: label, Digest: digest, CreatedAt: now, ExpiresAt: expires}
	if err := s.Access.PutToken(ctx, token); err != nil {
		return nil, err
	}
	s.Log.Info("a token was made", "request", requestID(ctx), "group", token.GroupID, "id", token.ID, "role", string(role), "token", who.Token.ID)
	return &body[gateway.IssuedToken]{gateway.IssuedToken{Token: token, Secret: text.Reveal()}}, nil
}

func (s *server) listTokens(ctx context.Context, who caller) (*body[page[gateway.Token]], error) {
	tokens, err := s.Access.Tokens(ctx, who.Group.ID)
	return &body[page[gateway.Token]]{pageOf(tokens, len(tokens), func(t gateway.Token) gateway.ID { return t.ID })}, err
}

// revoke ends a token, but not the last one of the role that everything else hangs on: without an administrator a
// group's members would be open to the operator again, and without an operator nobody could make groups.
func (s *server) revoke(ctx context.Context, who caller, id gateway.ID, last gateway.Role) (*nothing, error) {
	tokens, err := s.Access.Tokens(ctx, who.Group.ID)
	if err != nil {
		return nil, err
	}
	holds, others := false, 0
	for _, t := range tokens {
		switch {
		case t.Role != last:
		case t.ID == id:
			holds = true
		case t.ExpiresAt.IsZero(): // one that ends by itself is no successor
			others++
		}
	}
	if holds && others == 0 {
		return nil, gateway.Faultf(gateway.CodeConflict, "this is the last token with the role %s that does not end by itself; make another one first", last)
	}
	if err := s.Access.RevokeToken(ctx, who.Group.ID, id); err != nil {
		return nil, err
	}
	s.Log.Info("a token was revoked", "request", requestID(ctx), "group", who.Group.ID, "id", id, "token", who.Token.ID)
	return &nothing{}, nil
}

// withoutSecret is what is kept of the answer that shows a token's text.
func withoutSecret(answer []byte) []byte {
	var issued gateway.IssuedToken
	if err := json.Unmarshal(answer, &issued); err != nil {
		return nil
	}
	issued.Secret = ""
	kept, err := json.Marshal(issued)
	if err != nil {
		return nil
	}
	return append(kept, '\n')
}
