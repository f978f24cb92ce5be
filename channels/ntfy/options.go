package ntfy

import (
	"strings"

	"github.com/carillon-gateway/carillon/channels"
)

// Options is the channel's own section of the configuration.
type Options struct {
	BaseURL              string          `json:"base_url" doc:"where the ntfy server answers, such as https://ntfy.example.org" required:"true"`
	Token                channels.Secret `json:"token,omitempty" doc:"access token (tk_…) of a user who may publish; empty: the server asks for none, or username and password do"`
	Username             string          `json:"username,omitempty" doc:"a user who may publish, instead of token"`
	Password             channels.Secret `json:"password,omitempty" doc:"of that user"`
	ActionSecret         channels.Secret `json:"action_secret,omitempty" doc:"at least 32 characters, made up by you; it signs buttons. Empty: messages have none"`
	PreviousActionSecret channels.Secret `json:"previous_action_secret,omitempty" doc:"while action_secret is changed: the old one, still taken for buttons that are out"`
	Title                string          `json:"title,omitempty" doc:"title of every message but those to members in neutral mode; empty: the app shows the topic instead"`
	Priority             int             `json:"priority,omitempty" doc:"of messages that are not urgent, 1 to 5; 0: 3, the usual"`
	UrgentPriority       int             `json:"urgent_priority,omitempty" doc:"of alerts and codes, 1 to 5; 0: 5, which sounds for long"`
	PerSecond            float64         `json:"per_second,omitempty" doc:"most messages a second; 0: 0.2, what a server allows that is not set otherwise"`
}

func readOptions(s channels.Settings) (Options, error) {
	var o Options
	if err := channels.DecodeOptions(s, &o); err != nil {
		return o, err
	}
	if o.PerSecond == 0 {
		o.PerSecond = 0.2 // docs.ntfy.sh/publish/#limitations: a burst of 60 requests, and one every 5 s
	}
	if o.Priority == 0 {
		o.Priority = 3
	}
	if o.UrgentPriority == 0 {
		o.UrgentPriority = 5
	}
	o.BaseURL = strings.TrimRight(o.BaseURL, "/")
	fault, faults := channels.OptionFaults(s)
	u, wrong := channels.BaseURL(o.BaseURL, "write where the ntfy server answers", "https://ntfy.example.org")
	switch {
	case wrong != "":
		fault("base_url", wrong)
	case u.Path != "":
		fault("base_url", "must have no path; topics are the addresses of members")
	}
	switch {
	case o.Token != "" && o.Username != "":
		fault("token", "stands beside username; give one of the two")
	case strings.ContainsFunc(o.Token.Reveal(), func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		fault("token", "holds a character that no token has; copy it again, without a line end")
	case (o.Username == "") != (o.Password == ""):
		fault("password", "and username go together; give both or neither")
	}
	for key, secret := range map[string]channels.Secret{"action_secret": o.ActionSecret, "previous_action_secret": o.PreviousActionSecret} {
		if secret != "" && len(secret.Reveal()) < 32 {
			fault(key, "must have at least 32 characters; make one with openssl rand -hex 32")
		}
	}
	if o.ActionSecret == "" && o.PreviousActionSecret != "" {
		fault("previous_action_secret", "stands alone; it is the secret before action_secret")
	}
	if len(o.Title) > 200 || strings.ContainsFunc(o.Title, func(r rune) bool { return r < ' ' }) {
		fault("title", "must be one line of at most 200 bytes")
	}
	for key, n := range map[string]int{"priority": o.Priority, "urgent_priority": o.UrgentPriority} {
		if n < 1 || n > 5 {
			fault(key, "must be 1 to 5")
		}
	}
	if !(o.PerSecond > 0 && o.PerSecond <= 1000) {
		fault("per_second", "must be above 0 and at most 1000")
	}
	return o, faults()
}
