package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/carillon-gateway/carillon/gateway"
)

// Submit hands in a broadcast. A draft with a key is safe to submit again.
func (c *Client) Submit(ctx context.Context, group string, d gateway.Draft) (s gateway.Submission, err error) {
	return s, c.do(ctx, call{method: http.MethodPost, path: groupPath(group, "broadcasts"), in: d, out: &s})
}

// Preview says what a draft would do.
func (c *Client) Preview(ctx context.Context, group string, d gateway.Draft) (p gateway.Preview, err error) {
	return p, c.do(ctx, call{method: http.MethodPost, path: groupPath(group, "broadcasts", "preview"), in: d, out: &p})
}

// Broadcasts lists the newest first.
func (c *Client) Broadcasts(ctx context.Context, group string, most int) ([]gateway.Broadcast, error) {
	return list[gateway.Broadcast](ctx, c, groupPath(group, "broadcasts"), nil, most)
}

// Broadcast reads one with its counts.
func (c *Client) Broadcast(ctx context.Context, group string, id gateway.ID) (b gateway.BroadcastStatus, err error) {
	return b, c.do(ctx, call{method: http.MethodGet, path: groupPath(group, "broadcasts", id.String()), out: &b})
}

// StopBroadcast lets nothing new of it leave.
func (c *Client) StopBroadcast(ctx context.Context, group string, id gateway.ID) error {
	return c.do(ctx, call{method: http.MethodPost, path: groupPath(group, "broadcasts", id.String(), "stop")})
}

// ResumeBroadcast goes on with the rest.
func (c *Client) ResumeBroadcast(ctx context.Context, group string, id gateway.ID) error {
	return c.do(ctx, call{method: http.MethodPost, path: groupPath(group, "broadcasts", id.String(), "resume")})
}

// ReplayBroadcast gives its dead letters another try; it returns how many.
func (c *Client) ReplayBroadcast(ctx context.Context, group string, id gateway.ID) (int, error) {
	var answer struct {
		Replayed int `json:"replayed"`
	}
	err := c.do(ctx, call{method: http.MethodPost, path: groupPath(group, "broadcasts", id.String(), "replay"), out: &answer})
	return answer.Replayed, err
}

// Deliveries lists those that the filter picks; most of zero lists all.
func (c *Client) Deliveries(ctx context.Context, group string, f gateway.DeliveryFilter, most int) ([]gateway.Delivery, error) {
	query := url.Values{}
	for name, id := range map[string]gateway.ID{"broadcast": f.Broadcast, "member": f.Member} {
		if !id.IsZero() {
			query.Set(name, id.String())
		}
	}
	if f.State != "" {
		query.Set("state", string(f.State))
	}
	if f.Reason != "" {
		query.Set("reason", string(f.Reason))
	}
	return list[gateway.Delivery](ctx, c, groupPath(group, "deliveries"), query, most)
}

// Delivery reads one with its attempts.
func (c *Client) Delivery(ctx context.Context, group string, id gateway.ID) (d gateway.Delivery, err error) {
	return d, c.do(ctx, call{method: http.MethodGet, path: groupPath(group, "deliveries", id.String()), out: &d})
}

// ResendDelivery gives one that is in doubt or failed another try.
func (c *Client) ResendDelivery(ctx context.Context, group string, id gateway.ID) error {
	return c.do(ctx, call{method: http.MethodPost, path: groupPath(group, "deliveries", id.String(), "resend")})
}
