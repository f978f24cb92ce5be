package web

import (
	"context"

	"github.com/carillon-gateway/carillon/gateway"
)

// The shipped texts by which links and codes are sent.
const (
	LinkText = "page-link"
	CodeText = "enrol-code"
)

// Issue makes a link to a member's own page and sends it to one of her contact points; zero: the first that is active. The
// key makes it happen once. Nobody else sees the link. CodeConflict: the instance has no public address, or she no contact
// point that is active. CodeTooMany: she has as many links as she may.
func (s *Server) Issue(ctx context.Context, group, member, point gateway.ID, key string) error {
	if s.Public == "" {
		return gateway.Faultf(gateway.CodeConflict, "this instance has no public address, so no page can be opened; its operator sets public_base_url")
	}
	if point.IsZero() {
		m, err := s.Members.Member(ctx, group, member)
		if err != nil {
			return err
		}
		for _, p := range m.Points {
			if p.State == gateway.PointActive {
				point = p.ID
				break
			}
		}
		if point.IsZero() {
			return gateway.Faultf(gateway.CodeConflict, "she has no active contact point to send a link to")
		}
	}
	token, digest := gateway.MintPageToken()
	now := s.Now()
	if err := s.Pages.PutPageLink(ctx, gateway.PageLink{ID: gateway.NewID(), GroupID: group, MemberID: member, PointID: point, Digest: digest, CreatedAt: now, ExpiresAt: now.Add(gateway.PageLinkLife)}); err != nil {
		return err
	}
	_, err := s.Tell(ctx, group, key, LinkText, map[string]string{"link": s.Public + "/m/" + token.Reveal()}, gateway.Audience{Members: []gateway.ID{member}, Point: point})
	return err
}
