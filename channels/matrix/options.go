package matrix

import (
	"errors"
	"net/url"
	"regexp"
	"strings"

	"github.com/carillon-gateway/carillon/channels"
)

// Options is the channel's own section of the configuration.
type Options struct {
	BaseURL     string          `json:"base_url" doc:"where the homeserver answers, such as https://matrix.example.org, without /_matrix" required:"true"`
	Token       channels.Secret `json:"token" doc:"access token of an account that is used for nothing else" required:"true"`
	InvitesFrom []string        `json:"invites_from,omitempty" doc:"server names, such as example.org, whose people may invite the account into rooms; nobody else's invitations are taken"`
	PerSecond   float64         `json:"per_second,omitempty" doc:"most messages a second; 0: 0.2, what Synapse allows an account"`
}

var (
	serverForm = regexp.MustCompile(`^[A-Za-z0-9.-]{1,230}(:[0-9]{1,5})?$`)
	// roomForm is that of room ids; since room version 12 they have no server name (appendices, "Room IDs").
	roomForm  = regexp.MustCompile(`^![A-Za-z0-9._~=/+-]{1,200}(:[A-Za-z0-9.-]{1,230}(:[0-9]{1,5})?)?$`)
	aliasForm = regexp.MustCompile(`^#[^\s:\x00-\x1f\x7f]{1,200}:[a-z0-9.-]{1,230}(:[0-9]{1,5})?$`)
)

func readOptions(s channels.Settings) (Options, error) {
	var o Options
	if err := channels.DecodeOptions(s, &o); err != nil {
		return o, err
	}
	if o.PerSecond == 0 {
		o.PerSecond = 0.2
	}
	o.BaseURL = strings.TrimRight(o.BaseURL, "/")
	fault, faults := channels.OptionFaults(s)
	u, wrong := channels.BaseURL(o.BaseURL, "write where the homeserver answers", "https://matrix.example.org")
	switch {
	case wrong != "":
		fault("base_url", wrong)
	case strings.Contains(u.Path, "_matrix"):
		fault("base_url", "must end before /_matrix")
	}
	switch token := o.Token.Reveal(); {
	case token == "":
		fault("token", "missing; log in as the account and refer to its access token")
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		fault("token", "holds a character that no token has; copy it again, without a line end")
	}
	for _, server := range o.InvitesFrom {
		if !serverForm.MatchString(server) {
			fault("invites_from", "must be server names such as example.org, as they stand behind the colon of a user's id")
			break
		}
	}
	if !(o.PerSecond > 0 && o.PerSecond <= 1000) {
		fault("per_second", "must be above 0 and at most 1000")
	}
	return o, faults()
}

// ParseAddress takes a room's id or its alias, and links of matrix.to to one.
func (a *Adapter) ParseAddress(raw string) (channels.Address, error) { return parseAddress(raw) }

func parseAddress(raw string) (channels.Address, error) {
	text := strings.TrimSpace(raw)
	if _, rest, ok := strings.Cut(text, "matrix.to/#/"); ok {
		rest, _, _ = strings.Cut(rest, "?")
		if plain, err := url.PathUnescape(rest); err == nil {
			text = plain
		}
	}
	switch {
	case text == "":
		return "", errors.New("type the room's id, such as !abc:example.org, or its address, such as #news:example.org")
	case strings.HasPrefix(text, "@"):
		return "", errors.New("this is a person; she opens a chat with the account and writes JOIN, or type the id of a room that both are in")
	case strings.HasPrefix(text, "#"):
		name, server, _ := strings.Cut(text, ":")
		text = name + ":" + strings.ToLower(server)
		if len(text) <= 255 && aliasForm.MatchString(text) {
			return channels.Address(text), nil
		}
	case len(text) <= 255 && roomForm.MatchString(text):
		return channels.Address(text), nil
	}
	return "", errors.New("this is no room; type its id, such as !abc:example.org, or its address, such as #news:example.org")
}
