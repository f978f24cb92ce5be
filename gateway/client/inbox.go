package client

import (
	"context"
	"net/http"

	"github.com/carillon-gateway/carillon/gateway"
)

// Inbox lists the conversations of a group, what waits first, most of them at most; zero: all.
func (c *Client) Inbox(ctx context.Context, group string, most int) ([]gateway.ThreadView, error) {
	return list[gateway.ThreadView](ctx, c, groupPath(group, "inbox"), nil, most, false)
}

// ReadInbox reads a conversation with what was said; that it was read is noted.
func (c *Client) ReadInbox(ctx context.Context, group string, id gateway.ID) (gateway.Conversation, error) {
	return fetch[gateway.Conversation](ctx, c, call{method: http.MethodPost, path: groupPath(group, "inbox", id.String(), "read")})
}

// ReplyInbox answers a conversation. The draft's key and author do not count.
func (c *Client) ReplyInbox(ctx context.Context, group string, id gateway.ID, d gateway.ReplyDraft) (gateway.ReplyAnswer, error) {
	in := map[string]any{"text": d.Text.Reveal(), "dry_run": d.DryRun}
	if d.Locale != "" {
		in["locale"] = d.Locale
	}
	if d.As != "" {
		in["as"] = d.As.Reveal()
	}
	return fetch[gateway.ReplyAnswer](ctx, c, call{method: http.MethodPost, path: groupPath(group, "inbox", id.String(), "reply"), in: in})
}

// CloseInbox closes a conversation; what she writes then opens it again.
func (c *Client) CloseInbox(ctx context.Context, group string, id gateway.ID) error {
	return c.do(ctx, call{method: http.MethodPost, path: groupPath(group, "inbox", id.String(), "close")})
}
