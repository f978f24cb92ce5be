package client

import (
	"context"
	"net/http"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// NewInvitation is an invitation to make.
type NewInvitation struct {
	Label     string    `json:"label"`
	Topics    []string  `json:"topics"`
	Tags      []string  `json:"tags,omitempty"`
	Locale    string    `json:"locale,omitempty"`
	Uses      int       `json:"uses,omitempty"`      // zero: one
	ExpiresAt time.Time `json:"expires_at,omitzero"` // zero: in seven days
}

// CreateInvitation makes one; its code and links are shown this once.
func (c *Client) CreateInvitation(ctx context.Context, group string, n NewInvitation) (gateway.IssuedInvitation, error) {
	i, err := fetch[gateway.IssuedInvitation](ctx, c, call{method: http.MethodPost, path: groupPath(group, "invitations"), in: n})
	if err == nil && i.Code == "" { // the answer to a repeated request, after the first answer was lost
		err = gateway.Faultf(gateway.CodeConflict, "invitation %s was made, but its code was lost with the connection and is shown only once; revoke it and make another", i.ID)
	}
	return i, err
}

// Invitations lists a group's, those that are over too.
func (c *Client) Invitations(ctx context.Context, group string) ([]gateway.Invitation, error) {
	return list[gateway.Invitation](ctx, c, groupPath(group, "invitations"), nil, 0, false)
}

// Invitation reads one with those whom it brought in.
func (c *Client) Invitation(ctx context.Context, group string, id gateway.ID) (gateway.InvitationView, error) {
	return fetch[gateway.InvitationView](ctx, c, call{path: groupPath(group, "invitations", id.String())})
}

// RevokeInvitation ends one at once, and says whom it brought in.
func (c *Client) RevokeInvitation(ctx context.Context, group string, id gateway.ID) (gateway.InvitationView, error) {
	return fetch[gateway.InvitationView](ctx, c, call{method: http.MethodPost, path: groupPath(group, "invitations", id.String(), "revoke")})
}
