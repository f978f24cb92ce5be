package api

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/carillon-gateway/carillon/gateway"
)

// admit lets a request through that its token allows, with who asks in its context.
func (s *server) admit(rt route) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		who, err := s.authenticate(ctx.Context(), ctx.Header("Authorization"))
		if err == nil {
			who, err = s.authorize(ctx.Context(), rt, who, ctx.Param("group"))
		}
		if err != nil {
			p := s.problem(ctx.Context(), err)
			if p.Status < 500 {
				s.Log.Warn("a request was denied", "request", requestID(ctx.Context()), "token", who.Token.ID, "route", rt.ID, "code", p.Code)
			}
			refuse(ctx, p)
			return
		}
		next(withTimedBody(huma.WithValue(ctx, callerKey{}, who)))
	}
}

// authenticate finds the token of a request. One that is unknown, malformed, revoked or expired takes the same way.
func (s *server) authenticate(ctx context.Context, header string) (caller, error) {
	scheme, text, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || text == "" {
		return caller{}, gateway.Faultf(gateway.CodeNoToken, "this needs a token, sent as Authorization: Bearer crl_…")
	}
	digest := gateway.DigestToken(text)
	token, err := s.Access.TokenByDigest(ctx, digest)
	if err != nil && !errors.Is(err, gateway.ErrNotFound) {
		return caller{}, err
	}
	known := err == nil && subtle.ConstantTimeCompare(token.Digest, digest) == 1
	if !known || !token.ExpiresAt.IsZero() && !token.ExpiresAt.After(s.Now()) {
		return caller{}, gateway.Faultf(gateway.CodeNoToken, "the token is unknown, revoked or expired; ask an administrator of your group for a new one")
	}
	mac := hmac.New(sha256.New, []byte(text))
	mac.Write([]byte("carillon request fingerprint"))
	return caller{Token: token, mac: mac.Sum(nil)}, nil
}

// authorize finds the group that a request is about and checks that the token may. A group that is another's and one
// that does not exist cost the same look-up and get the same answer.
func (s *server) authorize(ctx context.Context, rt route, who caller, slug string) (caller, error) {
	if rt.Scope == ofInstance {
		return who, enough(rt, who)
	}
	group, err := s.Groups.Group(ctx, slug)
	missing := errors.Is(err, gateway.ErrNotFound)
	if err != nil && !missing {
		return who, err
	}
	operator := who.Token.Role == gateway.Operator
	switch {
	case missing && operator && rt.Scope == maybeNew:
		return who, nil
	case missing, !operator && group.ID != who.Token.GroupID:
		return who, gateway.ErrNotFound
	}
	who.Group = group
	if operator && rt.Scope != seenByOperator {
		return who, s.unadministered(ctx, group)
	}
	return who, enough(rt, who)
}

func enough(rt route, who caller) error {
	if who.Token.Role.Rank() >= rt.Role.Rank() {
		return nil
	}
	if rt.Role == gateway.Operator {
		return gateway.Faultf(gateway.CodeForbidden, "only the operator's token may do this")
	}
	return gateway.Faultf(gateway.CodeForbidden, "this needs the role %s, and the token has %s; ask an administrator of your group", rt.Role, who.Token.Role)
}

// unadministered is the right of the operator to act for a group: as long as it has no administrator, and no longer.
func (s *server) unadministered(ctx context.Context, group gateway.Group) error {
	tokens, err := s.Access.Tokens(ctx, group.ID)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(tokens, s.administers) {
		return gateway.Faultf(gateway.CodeForbidden, "%s has an administrator, so the operator's token no longer acts for it; use a token of the group", group.Slug)
	}
	return nil
}

func (s *server) administers(t gateway.Token) bool {
	return t.Role == gateway.Administrator && (t.ExpiresAt.IsZero() || t.ExpiresAt.After(s.Now()))
}

// watches admits the operator's tokens outside the library's handlers, a viewer's too, or tells why not. A group's token
// would learn of other groups.
func (s *server) watches(w http.ResponseWriter, r *http.Request) bool {
	who, err := s.authenticate(r.Context(), r.Header.Get("Authorization"))
	if err == nil && !who.Token.GroupID.IsZero() {
		err = gateway.Faultf(gateway.CodeForbidden, "this tells of every group's channels; only the operator's tokens may read it, one with the role viewer is enough")
	}
	if err != nil {
		writeProblem(w, s.problem(r.Context(), err))
		return false
	}
	return true
}
