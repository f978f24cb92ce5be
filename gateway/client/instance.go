package client

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// NewChannel is a channel to make or to change. Without options, one that exists keeps those it has.
type NewChannel struct {
	Name    string          `json:"name"`
	Adapter string          `json:"adapter"`
	Groups  []string        `json:"groups,omitempty"`
	Senders int             `json:"senders,omitempty"`
	Trip    gateway.Trip    `json:"trip,omitzero"`
	Options json.RawMessage `json:"options,omitempty"`

	Unchecked bool `json:"unchecked,omitempty"` // keep it, paused, although its provider cannot be asked
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
func (c *Client) Channels(ctx context.Context, group string) ([]gateway.ChannelView, error) {
	return list[gateway.ChannelView](ctx, c, channelsPath(group), nil, 0, true)
}

// PutChannel makes a channel or changes the one with its name, once its provider was asked.
func (c *Client) PutChannel(ctx context.Context, group string, n NewChannel) (gateway.Channel, error) {
	return fetch[gateway.Channel](ctx, c, call{method: http.MethodPost, path: channelsPath(group), in: n})
}

// CheckChannel asks the provider, disturbing nobody.
func (c *Client) CheckChannel(ctx context.Context, group string, id gateway.ID) (gateway.CheckResult, error) {
	return fetch[gateway.CheckResult](ctx, c, call{method: http.MethodPost, path: channelsPath(group, id.String(), "check")})
}

// PauseChannel holds everything back that would go over it, or reports and reminders only.
func (c *Client) PauseChannel(ctx context.Context, group string, id gateway.ID, routineOnly bool) error {
	return c.do(ctx, call{method: http.MethodPost, path: channelsPath(group, id.String(), "pause"), query: on("routine_only", routineOnly)})
}

// ResumeChannel lets it send again. An incident ends only if a check passes, or by force.
func (c *Client) ResumeChannel(ctx context.Context, group string, id gateway.ID, force bool) error {
	return c.do(ctx, call{method: http.MethodPost, path: channelsPath(group, id.String(), "resume"), query: on("force", force)})
}

// FormerChannels lists a group's channels that were deleted, or the operator's if group is empty.
func (c *Client) FormerChannels(ctx context.Context, group string) ([]gateway.FormerChannel, error) {
	return list[gateway.FormerChannel](ctx, c, channelsPath(group, "former"), nil, 0, true)
}

// DeleteChannel takes a channel away that nothing waits on and nothing is under way on.
func (c *Client) DeleteChannel(ctx context.Context, group string, id gateway.ID) error {
	return c.do(ctx, call{method: http.MethodDelete, path: channelsPath(group, id.String())})
}

// ReplaceChannel puts another channel in the place of one; by is its name or id. What waits leaves over the other,
// which must work now unless unchecked is set.
func (c *Client) ReplaceChannel(ctx context.Context, group string, id gateway.ID, by string, unchecked bool) error {
	query := url.Values{"by": {by}}
	if unchecked {
		query.Set("unchecked", "true")
	}
	return c.do(ctx, call{method: http.MethodPost, path: channelsPath(group, id.String(), "replace"), query: query})
}

// on is a query of one switch.
func on(name string, set bool) url.Values {
	if !set {
		return nil
	}
	return url.Values{name: {"true"}}
}

// pricesPath is where a group's prices are, or the operator's if group is empty.
func pricesPath(group string) string {
	if group == "" {
		return "/api/v1/prices"
	}
	return groupPath(group, "prices")
}

// Prices lists a group's own prices, or the operator's if group is empty.
func (c *Client) Prices(ctx context.Context, group string) ([]gateway.Price, error) {
	return list[gateway.Price](ctx, c, pricesPath(group), nil, 0, true)
}

// SetPrices puts prices in place of those with their kind, channel and country, and takes others away; it returns the
// whole list.
func (c *Client) SetPrices(ctx context.Context, group string, set, remove []gateway.Price) ([]gateway.Price, error) {
	type key struct {
		Kind    string `json:"kind"`
		Channel string `json:"channel,omitempty"`
		Country string `json:"country,omitempty"`
	}
	keys := make([]key, len(remove))
	for i, p := range remove {
		keys[i] = key{p.Kind, p.Channel, p.Country}
	}
	var out struct {
		Items []gateway.Price `json:"items"`
	}
	in := map[string]any{}
	if len(set) > 0 {
		in["set"] = set
	}
	if len(keys) > 0 {
		in["remove"] = keys
	}
	err := c.do(ctx, call{method: http.MethodPost, path: pricesPath(group), in: in, out: &out})
	return out.Items, err
}

// Spend says what a group's present month has cost.
func (c *Client) Spend(ctx context.Context, group string) (gateway.Spend, error) {
	return fetch[gateway.Spend](ctx, c, call{method: http.MethodGet, path: groupPath(group, "spend")})
}

// Wordings gives a group's own templates: name → locale → source.
func (c *Client) Wordings(ctx context.Context, group string) (map[string]map[string]string, error) {
	type wording struct {
		Name    string            `json:"name"`
		Sources map[string]string `json:"sources"`
	}
	all, err := list[wording](ctx, c, groupPath(group, "wordings"), nil, 0, true)
	if err != nil {
		return nil, err
	}
	byName := make(map[string]map[string]string, len(all))
	for _, w := range all {
		byName[w.Name] = w.Sources
	}
	return byName, nil
}

// PutWording puts a template, locale → source, in place of all that stood under this name.
func (c *Client) PutWording(ctx context.Context, group, name string, sources map[string]string) error {
	return c.do(ctx, call{method: http.MethodPut, path: groupPath(group, "wordings", name), in: map[string]any{"sources": sources}})
}

// DeleteWording takes a group's own template away; the shipped one stands in its place.
func (c *Client) DeleteWording(ctx context.Context, group, name string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: groupPath(group, "wordings", name)})
}

// Texts lists the shipped texts and the group's own wordings, or the one of that name, with who has reviewed them.
func (c *Client) Texts(ctx context.Context, group, name string, sources bool) ([]gateway.TextStatus, error) {
	query := url.Values{}
	if name != "" {
		query.Set("name", name)
	}
	if sources {
		query.Set("sources", "true")
	}
	return list[gateway.TextStatus](ctx, c, groupPath(group, "texts"), query, 0, true)
}

// Reviews lists a group's reviews of texts, the newest first.
func (c *Client) Reviews(ctx context.Context, group string) ([]gateway.Review, error) {
	return list[gateway.Review](ctx, c, groupPath(group, "reviews"), nil, 0, true)
}

// PutReview records that a person has reviewed exactly this text.
func (c *Client) PutReview(ctx context.Context, group, name, locale, source, by string) (gateway.Review, error) {
	in := map[string]string{"name": name, "locale": locale, "source": source, "by": by}
	return fetch[gateway.Review](ctx, c, call{method: http.MethodPost, path: groupPath(group, "reviews"), in: in})
}

// DropReview takes a review back.
func (c *Client) DropReview(ctx context.Context, group, digest string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: groupPath(group, "reviews", digest)})
}

// Apply seeds and updates what a document holds.
func (c *Client) Apply(ctx context.Context, doc gateway.Document, dryRun, overwrite bool) (gateway.ApplyReport, error) {
	query := url.Values{}
	if dryRun {
		query.Set("dry_run", "true")
	}
	if overwrite {
		query.Set("overwrite", "true")
	}
	return fetch[gateway.ApplyReport](ctx, c, call{method: http.MethodPost, path: "/api/v1/apply", query: query, in: doc})
}

// Export gives the document back, without members and secrets.
func (c *Client) Export(ctx context.Context) (gateway.Document, error) {
	return fetch[gateway.Document](ctx, c, call{method: http.MethodGet, path: "/api/v1/export"})
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
	return list[gateway.Token](ctx, c, tokensPath(group), nil, 0, true)
}

// CreateToken makes one; its text is shown this once.
func (c *Client) CreateToken(ctx context.Context, group string, role gateway.Role, label string, expires time.Time) (gateway.IssuedToken, error) {
	in := map[string]any{"role": role, "label": label}
	if !expires.IsZero() {
		in["expires_at"] = expires
	}
	t, err := fetch[gateway.IssuedToken](ctx, c, call{method: http.MethodPost, path: tokensPath(group), in: in})
	if err == nil && t.Secret == "" { // the answer to a repeated request, after the first answer was lost
		err = gateway.Faultf(gateway.CodeConflict, "token %s was made, but its text was lost with the connection and is shown only once; revoke it and make another", t.ID)
	}
	return t, err
}

// RevokeToken ends one at once.
func (c *Client) RevokeToken(ctx context.Context, group string, id gateway.ID) error {
	return c.do(ctx, call{method: http.MethodDelete, path: tokensPath(group) + "/" + id.String()})
}

// Status says how the instance is.
func (c *Client) Status(ctx context.Context) (gateway.Status, error) {
	return fetch[gateway.Status](ctx, c, call{method: http.MethodGet, path: "/api/v1/status"})
}

// NotReady is what a gateway says that answers and cannot serve requests now.
type NotReady struct{ Reasons string } // in one line, beginning with "not ready"

func (e *NotReady) Error() string { return e.Reasons }

// Ready says whether the gateway can serve requests now; it needs no token. The error is a *NotReady if the gateway says that it
// cannot; any other says that no gateway answers, and holds a *net.OpError of a dial, and the address, if nothing takes connections there.
func (c *Client) Ready(ctx context.Context) error {
	err := c.do(ctx, call{method: http.MethodGet, path: "/readyz"})
	fault, dial := (*gateway.Fault)(nil), (*net.OpError)(nil)
	if errors.As(err, &fault) && fault.Code == gateway.CodeUnavailable && !errors.As(err, &dial) {
		line, _, _ := strings.Cut(fault.Text, "\n") // which holds all the reasons; those below say them one by one
		return &NotReady{line}
	}
	return err
}
