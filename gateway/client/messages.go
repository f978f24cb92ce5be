package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/carillon-gateway/carillon/gateway"
)

// Submit hands in a broadcast. A draft with a key is safe to submit again.
func (c *Client) Submit(ctx context.Context, group string, d gateway.Draft) (gateway.HandedIn, error) {
	return fetch[gateway.HandedIn](ctx, c, call{method: http.MethodPost, path: groupPath(group, "broadcasts"), in: d})
}

// Preview says what a draft would do.
func (c *Client) Preview(ctx context.Context, group string, d gateway.Draft) (gateway.Preview, error) {
	return fetch[gateway.Preview](ctx, c, call{method: http.MethodPost, path: groupPath(group, "broadcasts", "preview"), in: d})
}

// Broadcasts lists the newest first.
func (c *Client) Broadcasts(ctx context.Context, group string, most int) ([]gateway.Broadcast, error) {
	return list[gateway.Broadcast](ctx, c, groupPath(group, "broadcasts"), nil, most, false)
}

// Broadcast reads one with its counts.
func (c *Client) Broadcast(ctx context.Context, group string, id gateway.ID) (gateway.BroadcastStatus, error) {
	return fetch[gateway.BroadcastStatus](ctx, c, call{method: http.MethodGet, path: groupPath(group, "broadcasts", id.String())})
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

// Deliveries lists those that the filter picks; most of zero lists all. The filter's page is not used.
func (c *Client) Deliveries(ctx context.Context, group string, f gateway.DeliveryFilter, most int) ([]gateway.Delivery, error) {
	return list[gateway.Delivery](ctx, c, groupPath(group, "deliveries"), deliveryQuery(f), most, false)
}

// EachDelivery goes through those that the filter picks, in constant memory. The filter's page is not used.
func (c *Client) EachDelivery(ctx context.Context, group string, f gateway.DeliveryFilter) iter.Seq2[gateway.Delivery, error] {
	return each[gateway.Delivery](ctx, c, groupPath(group, "deliveries"), deliveryQuery(f), largestPage)
}

func deliveryQuery(f gateway.DeliveryFilter) url.Values {
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
	return query
}

// Delivery reads one with its attempts.
func (c *Client) Delivery(ctx context.Context, group string, id gateway.ID) (gateway.Delivery, error) {
	return fetch[gateway.Delivery](ctx, c, call{method: http.MethodGet, path: groupPath(group, "deliveries", id.String())})
}

// ResendDelivery gives one that is in doubt or failed another try.
func (c *Client) ResendDelivery(ctx context.Context, group string, id gateway.ID) error {
	return c.do(ctx, call{method: http.MethodPost, path: groupPath(group, "deliveries", id.String(), "resend")})
}
