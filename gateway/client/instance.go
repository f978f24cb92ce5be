package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// NewChannel is a channel to make or to change. Without options, one that exists keeps those it has.
type NewChannel struct {
	Name    string          `json:"name"`
	Adapter string          `json:"adapter"`
	Groups  []string        `json:"groups,omitempty"`
	Senders int             `json:"senders,omitempty"`
	Options json.RawMessage `json:"options,omitempty"`
}

// channelsPath is where a group's channels are, or the operator's if group is empty.
func channelsPath(group string, parts ...string) string {
	if group != "" {
		return groupPath(group, append([]string{"channels"}, parts...)...)
	}
	path := "/api/v1/channels"
	for _, p := range parts {
		path += "/" + url.PathEscape(p)
	}
	return path
}

// Channels lists the channels that serve a group, or all of the operator's if group is empty.
func (c *Client) Channels(ctx context.Context, group string) ([]gateway.Channel, error) {
	return list[gateway.Channel](ctx, c, channelsPath(group), nil, 0)
}

// PutChannel makes a channel or changes the one with its name.
func (c *Client) PutChannel(ctx context.Context, group string, n NewChannel) (made gateway.Channel, err error) {
	return made, c.do(ctx, call{method: http.MethodPost, path: channelsPath(group), in: n, out: &made})
}

// CheckChannel asks the provider, disturbing nobody.
func (c *Client) CheckChannel(ctx context.Context, group string, id gateway.ID) (r gateway.CheckResult, err error) {
	return r, c.do(ctx, call{method: http.MethodPost, path: channelsPath(group, id.String(), "check"), out: &r})
}

// PauseChannel holds everything back that would go over it.
func (c *Client) PauseChannel(ctx context.Context, group string, id gateway.ID) error {
	return c.do(ctx, call{method: http.MethodPost, path: channelsPath(group, id.String(), "pause")})
}

// ResumeChannel lets it send again.
func (c *Client) ResumeChannel(ctx context.Context, group string, id gateway.ID) error {
	return c.do(ctx, call{method: http.MethodPost, path: channelsPath(group, id.String(), "resume")})
}

// Apply seeds and updates what a document holds.
func (c *Client) Apply(ctx context.Context, doc gateway.Document, dryRun, overwrite bool) (r gateway.ApplyReport, err error) {
	query := url.Values{}
	if dryRun {
		query.Set("dry_run", "true")
	}
	if overwrite {
		query.Set("overwrite", "true")
	}
	return r, c.do(ctx, call{method: http.MethodPost, path: "/api/v1/apply", query: query, in: doc, out: &r})
}

// Export gives the document back, without members and secrets.
func (c *Client) Export(ctx context.Context) (doc gateway.Document, err error) {
	return doc, c.do(ctx, call{method: http.MethodGet, path: "/api/v1/export", out: &doc})
}

// tokensPath is where a group's tokens are, or the operator's if group is empty.
func tokensPath(group string) string {
	if group == "" {
		return "/api/v1/tokens"
	}
	return groupPath(group, "tokens")
}

// Tokens lists tokens, without their texts.
func (c *Client) Tokens(ctx context.Context, group string) ([]gateway.Token, error) {
	return list[gateway.Token](ctx, c, tokensPath(group), nil, 0)
}

// CreateToken makes one; its text is shown this once.
func (c *Client) CreateToken(ctx context.Context, group string, role gateway.Role, label string, expires time.Time) (t gateway.IssuedToken, err error) {
	in := map[string]any{"role": role, "label": label}
	if !expires.IsZero() {
		in["expires_at"] = expires
	}
	return t, c.do(ctx, call{method: http.MethodPost, path: tokensPath(group), in: in, out: &t})
}

// RevokeToken ends one at once.
func (c *Client) RevokeToken(ctx context.Context, group string, id gateway.ID) error {
	return c.do(ctx, call{method: http.MethodDelete, path: tokensPath(group) + "/" + id.String()})
}

// Status says how the instance is.
func (c *Client) Status(ctx context.Context) (s gateway.Status, err error) {
	return s, c.do(ctx, call{method: http.MethodGet, path: "/api/v1/status", out: &s})
}

// Ready says whether the gateway can serve requests now; it needs no token.
func (c *Client) Ready(ctx context.Context) error {
	return c.do(ctx, call{method: http.MethodGet, path: "/readyz"})
}
