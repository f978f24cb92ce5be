package client

import (
	"context"
	"net/http"

	"github.com/carillon-gateway/carillon/gateway"
)

// Releases lists what needed a second person, the newest first.
func (c *Client) Releases(ctx context.Context, group string, most int) ([]gateway.Release, error) {
	return list[gateway.Release](ctx, c, groupPath(group, "releases"), nil, most, false)
}

// Release reads one whole.
func (c *Client) Release(ctx context.Context, group string, id gateway.ID) (gateway.Release, error) {
	return fetch[gateway.Release](ctx, c, call{method: http.MethodGet, path: groupPath(group, "releases", id.String())})
}

// ReplaceRelease puts another draft in its place.
func (c *Client) ReplaceRelease(ctx context.Context, group string, id gateway.ID, d gateway.Draft) (gateway.HandedIn, error) {
	return fetch[gateway.HandedIn](ctx, c, call{method: http.MethodPut, path: groupPath(group, "releases", id.String()), in: d})
}

// ApproveRelease has it sent, if it is still what the digest says.
func (c *Client) ApproveRelease(ctx context.Context, group string, id gateway.ID, digest string) (gateway.Release, error) {
	return c.decide(ctx, group, id, "approve", map[string]string{"digest": digest})
}

// RefuseRelease keeps it from being sent; its author takes it back so.
func (c *Client) RefuseRelease(ctx context.Context, group string, id gateway.ID, reason string) (gateway.Release, error) {
	return c.decide(ctx, group, id, "refuse", map[string]string{"reason": reason})
}

// BreakGlass has an alert about danger to life sent at once, without a second person.
func (c *Client) BreakGlass(ctx context.Context, group string, id gateway.ID, reason string) (gateway.Release, error) {
	return c.decide(ctx, group, id, "break-glass", map[string]string{"reason": reason})
}

func (c *Client) decide(ctx context.Context, group string, id gateway.ID, how string, in map[string]string) (gateway.Release, error) {
	return fetch[gateway.Release](ctx, c, call{method: http.MethodPost, path: groupPath(group, "releases", id.String(), how), in: in})
}
