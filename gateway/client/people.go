package client

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// Member is a member as the API shows her: masked, unless she was asked for in clear.
type Member struct {
	ID        gateway.ID     `json:"id"`
	Ref       string         `json:"ref,omitempty"`
	Name      string         `json:"name,omitempty"`
	Locale    string         `json:"locale"`
	Fallback  []string       `json:"fallback,omitempty"`
	Zone      string         `json:"zone"`
	Neutral   bool           `json:"neutral,omitempty"`
	Quiet     string         `json:"quiet,omitempty"`
	Leads     string         `json:"leads,omitempty"`
	Paused    time.Time      `json:"paused_until,omitzero"`
	Own       []string       `json:"own,omitempty"` // what she decided herself, so that no import changes it
	Tags      []string       `json:"tags,omitempty"`
	Points    []ContactPoint `json:"points"`
	CreatedAt time.Time      `json:"created_at"`
}

// ContactPoint is one address of a Member.
type ContactPoint struct {
	ID      gateway.ID         `json:"id"`
	Kind    string             `json:"kind"`
	Address string             `json:"address"`
	State   gateway.PointState `json:"state"`
	Topics  []string           `json:"topics"`
	Country string             `json:"country,omitempty"`
	Note    string             `json:"note,omitempty"`
	Shared  bool               `json:"shared,omitempty"`
}

// Groups lists the groups that the token may see.
func (c *Client) Groups(ctx context.Context) ([]gateway.Group, error) {
	return list[gateway.Group](ctx, c, "/api/v1/groups", nil, 0, true)
}

// Group reads one.
func (c *Client) Group(ctx context.Context, group string) (gateway.Group, error) {
	return fetch[gateway.Group](ctx, c, call{method: http.MethodGet, path: groupPath(group)})
}

// PutGroup makes a group or changes the one with its slug. Its id does not count.
func (c *Client) PutGroup(ctx context.Context, g gateway.Group) (gateway.Group, error) {
	in := gateway.DocumentGroup{Slug: g.Slug, Name: g.Name, Locale: g.Locale, Fallback: g.Fallback, Zone: g.Zone, Region: g.Region, Topics: g.Topics, Floor: g.Floor, Budget: g.Budget, Countries: g.Countries, Replies: g.Replies, Release: g.Release, ClimbFrom: g.ClimbFrom}
	return fetch[gateway.Group](ctx, c, call{method: http.MethodPut, path: groupPath(g.Slug), in: in})
}

// Members lists at most the given number of members, masked; zero: all.
func (c *Client) Members(ctx context.Context, group string, most int) ([]Member, error) {
	return list[Member](ctx, c, groupPath(group, "members"), nil, most, false)
}

// EachMember goes through all members, masked, in constant memory.
func (c *Client) EachMember(ctx context.Context, group string) iter.Seq2[Member, error] {
	return each[Member](ctx, c, groupPath(group, "members"), nil, largestPage)
}

// Member reads one, masked.
func (c *Client) Member(ctx context.Context, group string, id gateway.ID) (Member, error) {
	return fetch[Member](ctx, c, call{method: http.MethodGet, path: groupPath(group, "members", id.String())})
}

// FindMembers finds by ref (kind "ref") or by an address as people type it.
func (c *Client) FindMembers(ctx context.Context, group, kind string, value gateway.Private) ([]gateway.ID, error) {
	var found struct {
		Members []gateway.ID `json:"members"`
	}
	err := c.do(ctx, call{method: http.MethodPost, path: groupPath(group, "members", "find"), in: map[string]string{"kind": kind, "value": value.Reveal()}, out: &found})
	return found.Members, err
}

// RevealMember shows one in clear; the reason is logged.
func (c *Client) RevealMember(ctx context.Context, group string, id gateway.ID, reason gateway.RevealReason) (Member, error) {
	return fetch[Member](ctx, c, call{method: http.MethodPost, path: groupPath(group, "members", id.String(), "reveal"), in: map[string]any{"reason": reason}})
}

// ExportMember gives all that is known of one, for her.
func (c *Client) ExportMember(ctx context.Context, group string, id gateway.ID, reason gateway.RevealReason) (json.RawMessage, error) {
	return fetch[json.RawMessage](ctx, c, call{method: http.MethodPost, path: groupPath(group, "members", id.String(), "export"), in: map[string]any{"reason": reason}})
}

// AskMembers asks everybody without evidence of consent whether she wants these topics (none: all but the owners'); at most once a
// day.
func (c *Client) AskMembers(ctx context.Context, group string, topics []string) (s gateway.HandedIn, err error) {
	err = c.do(ctx, call{method: http.MethodPost, path: groupPath(group, "members", "ask"), query: url.Values{"topic": topics}, out: &s})
	return s, err
}

// LinkMember sends one a link to her own page, over a channel of hers; whoever asks does not see it.
func (c *Client) LinkMember(ctx context.Context, group string, id gateway.ID) error {
	return c.do(ctx, call{method: http.MethodPost, path: groupPath(group, "members", id.String(), "link")})
}

// EraseMember destroys her key and deletes her rows.
func (c *Client) EraseMember(ctx context.Context, group string, id gateway.ID) error {
	return c.do(ctx, call{method: http.MethodDelete, path: groupPath(group, "members", id.String())})
}

// ImportMembers sends a CSV file as it is read, and returns the report. It is not repeated by itself; importing a file
// twice changes nothing the second time.
func (c *Client) ImportMembers(ctx context.Context, group string, file io.Reader, o gateway.ImportOptions) (gateway.ImportReport, error) {
	var report gateway.ImportReport
	query := url.Values{}
	if o.DryRun {
		query.Set("dry_run", "true")
	}
	if o.SkipBad {
		query.Set("skip_bad", "true")
	}
	_, err := c.once(ctx, call{method: http.MethodPost, path: groupPath(group, "imports"), query: query, out: &report}, file, "text/csv; charset=utf-8")
	return report, err
}
