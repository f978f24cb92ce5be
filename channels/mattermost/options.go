package mattermost

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strings"

	"github.com/carillon-gateway/carillon/channels"
)

// Options is the channel's own section of the configuration.
type Options struct {
	BaseURL              string          `json:"base_url" doc:"where the Mattermost server answers, such as https://chat.example.org, with its subpath if it has one" required:"true"`
	Token                channels.Secret `json:"token" doc:"access token of the bot account" required:"true"`
	ActionSecret         channels.Secret `json:"action_secret,omitempty" doc:"at least 32 characters, made up by you; it signs the buttons. Needed with a public URL"`
	PreviousActionSecret channels.Secret `json:"previous_action_secret,omitempty" doc:"while action_secret is changed: the old one, still taken for buttons that are out"`
	CommandToken         channels.Secret `json:"command_token,omitempty" doc:"token of the slash command that leads here; empty: there is none"`
	PreviousCommandToken channels.Secret `json:"previous_command_token,omitempty" doc:"while the command's token is regenerated: the old one, still taken"`
	Sensitive            bool            `json:"sensitive,omitempty" doc:"the group trusts whoever runs this server with texts marked sensitive, and its notifications by mail and push hold no text; needs https"`
	TextLimit            int             `json:"text_limit,omitempty" doc:"longest post that the server takes, in characters: 16383, or 4000 on a database that was never migrated; 0: 16383"`
	Mentions             []string        `json:"mentions,omitempty" doc:"names, without @, that a text's author may call, such as channel or here; nobody else is called, and values that are put into a text call nobody"`
	PerSecond            float64         `json:"per_second,omitempty" doc:"most posts a second; 0: 10"`
}

// Limits of a post (mattermost/server/public, model/post.go, PostMessageMaxRunesV1 and V2).
const (
	oldText = 4000
	newText = 16383
)

// mentionForm is the form of names (docs.mattermost.com, username rules; channel, all and here are names of that form).
var mentionForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func readOptions(s channels.Settings) (Options, error) {
	var o Options
	if err := channels.DecodeOptions(s, &o); err != nil {
		return o, err
	}
	if o.TextLimit == 0 {
		o.TextLimit = newText
	}
	if o.PerSecond == 0 {
		o.PerSecond = 10 // docs.mattermost.com, rate limiting settings: PerSec is 10 where limiting is enabled
	}
	fault, faults := channels.OptionFaults(s)
	server, wrong := channels.BaseURL(o.BaseURL, "write where the Mattermost server answers", "https://chat.example.org")
	switch {
	case wrong != "":
		fault("base_url", wrong)
	case strings.Contains(server.Path, "/api/v4"):
		fault("base_url", "must be the server's address without /api/v4")
	}
	switch {
	case o.Token == "":
		fault("token", "missing; create a bot account under Integrations in Mattermost and refer to the token that it shows once")
	case strings.ContainsFunc(o.Token.Reveal(), func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		fault("token", "holds a character that no token has; copy it again, without a line end")
	}
	for key, secret := range map[string]channels.Secret{"action_secret": o.ActionSecret, "previous_action_secret": o.PreviousActionSecret} {
		if secret != "" && len(secret.Reveal()) < 32 {
			fault(key, "must have at least 32 characters; make one with openssl rand -hex 32")
		}
	}
	switch {
	case o.ActionSecret == "" && s.HookURL != "":
		fault("action_secret", "missing; make one with openssl rand -hex 32, so that nobody else can press buttons in a member's name")
	case o.ActionSecret == "" && o.PreviousActionSecret != "":
		fault("previous_action_secret", "stands alone; it is the secret before action_secret")
	}
	if o.CommandToken != "" && len(o.CommandToken.Reveal()) < 16 {
		fault("command_token", "does not look like the token of a slash command; copy it from the command's page in Mattermost")
	}
	switch {
	case o.CommandToken == "" && o.PreviousCommandToken != "":
		fault("previous_command_token", "stands alone; it is the token before command_token")
	case o.PreviousCommandToken != "" && len(o.PreviousCommandToken.Reveal()) < 16:
		fault("previous_command_token", "does not look like the token of a slash command; copy it from where command_token was")
	}
	if o.Sensitive && !private(o.BaseURL) {
		fault("sensitive", "needs a base_url with https; without it everybody on the way reads along")
	}
	if o.TextLimit < 500 || o.TextLimit > newText {
		fault("text_limit", fmt.Sprintf("must be between 500 and %d; leave it out, or write %d for an old database", newText, oldText))
	}
	for _, name := range o.Mentions {
		if !mentionForm.MatchString(name) {
			fault("mentions", "must be names without @, such as channel, here or anna")
			break
		}
	}
	if !(o.PerSecond > 0 && o.PerSecond <= 1000) {
		fault("per_second", "must be above 0 and at most 1000")
	}
	return o, faults()
}

// private says whether nobody on the way to a server reads along: https, or a server on this machine.
func private(base string) bool {
	u, err := url.Parse(base)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}
