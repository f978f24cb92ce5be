package mastodon

import (
	"strings"

	"github.com/carillon-gateway/carillon/channels"
)

// Options is the channel's own section of the configuration.
type Options struct {
	BaseURL   string          `json:"base_url" doc:"where the server answers, such as https://social.example.org" required:"true"`
	Token     channels.Secret `json:"token" doc:"access token of the account's application, with write:statuses and read:accounts" required:"true"`
	TextLimit int             `json:"text_limit,omitempty" doc:"longest post that the server takes, in characters; 0: 500"`
	PerMinute float64         `json:"per_minute,omitempty" doc:"most posts a minute; 0: 6"`
}

func readOptions(s channels.Settings) (Options, error) {
	var o Options
	if err := channels.DecodeOptions(s, &o); err != nil {
		return o, err
	}
	if o.TextLimit == 0 {
		o.TextLimit = usualLimit
	}
	if o.PerMinute == 0 {
		o.PerMinute = 6
	}
	o.BaseURL = strings.TrimRight(o.BaseURL, "/")
	fault, faults := channels.OptionFaults(s)
	u, wrong := channels.BaseURL(o.BaseURL, "write where the server answers", "https://social.example.org")
	switch {
	case wrong != "":
		fault("base_url", wrong)
	case strings.HasPrefix(u.Path, "/api"), strings.HasPrefix(u.Path, "/@"):
		fault("base_url", "must be the server's address, without /api or the account's page")
	}
	switch token := o.Token.Reveal(); {
	case token == "":
		fault("token", "missing; make an application under Preferences, Development, and refer to its access token")
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		fault("token", "holds a character that no token has; copy it again, without a line end")
	}
	if o.TextLimit < 200 || o.TextLimit > 100000 {
		fault("text_limit", "must be 200 to 100000")
	}
	if !(o.PerMinute > 0 && o.PerMinute <= 60) {
		fault("per_minute", "must be above 0 and at most 60: a server takes 300 requests in five minutes")
	}
	return o, faults()
}
