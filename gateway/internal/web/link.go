package web

import (
	"context"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// The shipped texts by which links and codes are sent.
const (
	LinkText = "page-link"
	CodeText = "enrol-code"
	// ChangedText says that something was changed on her page.
	ChangedText = "page-changed"
)

// Issue makes a link to a member's own page and sends it to one of her contact points; zero: the first that is active, one
// that she shares last. The key makes it happen once. Nobody else sees the link. CodeConflict: the instance has no public address, or
// she no contact point that is active. CodeTooMany: she has as many links as she may.
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
			if p.State == gateway.PointActive && !p.Shared {
				point = p.ID
				break
			}
			if p.State == gateway.PointActive && point.IsZero() { // others read it, too: only if there is no other
				point = p.ID
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

// tellOthers tells her other addresses that something was changed: the link may have come into hands that are not hers. It says
// nothing of what, for those may be shared one day; once for each link and day; an address that she shares is not told at all.
func (v *visit) tellOthers() {
	m, err := v.Members.Member(v.r.Context(), v.group.ID, v.member.ID) // as she is now
	if err != nil {
		v.Log.Error("a member whose page was changed cannot be read", "group", v.group.ID, "error", err)
		return
	}
	for _, p := range m.Points {
		if p.ID == v.link.PointID || p.State != gateway.PointActive || p.Shared {
			continue
		}
		key := "page-changed:" + v.link.ID.String() + ":" + p.ID.String() + ":" + v.Now().UTC().Format(time.DateOnly)
		if _, err := v.Tell(v.r.Context(), v.group.ID, key, ChangedText, nil, gateway.Audience{Members: []gateway.ID{m.ID}, Point: p.ID, Only: true}); err != nil {
			v.Log.Error("another address of a member is not told that her page was changed", "group", v.group.ID, "error", err)
		}
	}
}
