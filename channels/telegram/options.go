package telegram

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/carillon-gateway/carillon/channels"
)

// DefaultBaseURL is Telegram's own API.
const DefaultBaseURL = "https://api.telegram.org"

// Options is the channel's own section of the configuration.
type Options struct {
	Token                 channels.Secret `json:"token" doc:"the bot's token, as @BotFather gave it" required:"true"`
	WebhookSecret         channels.Secret `json:"webhook_secret,omitempty" doc:"16 to 256 of A-Z a-z 0-9 _ -, made up by you; Telegram shows it with every webhook. Needed unless the channel is polled"`
	PreviousWebhookSecret channels.Secret `json:"previous_webhook_secret,omitempty" doc:"while webhook_secret is changed: the old one, still taken"`
	BaseURL               string          `json:"base_url,omitempty" doc:"where the Bot API is, without the token; empty: Telegram's own"`
	Topic                 int             `json:"topic,omitempty" doc:"topic (message thread) of a group for addresses that name none"`
	Protect               bool            `json:"protect_content,omitempty" doc:"forbid forwarding and saving, for every message"`
	Previews              bool            `json:"link_previews,omitempty" doc:"let Telegram fetch linked pages and show a preview"`
	Quiet                 bool            `json:"quiet_unless_urgent,omitempty" doc:"only urgent messages make a sound"`
	Mentions              []string        `json:"mentions,omitempty" doc:"usernames, without @, that a text's author may mention; nobody else is, and values that are put into a text mention nobody"`
	PerSecond             float64         `json:"per_second,omitempty" doc:"most messages a second for the bot; 0: 30"`
	PerChat               float64         `json:"per_chat_per_second,omitempty" doc:"most messages a second to one chat; 0: 1"`
}

var (
	tokenForm = regexp.MustCompile(`^[0-9]{1,20}:[A-Za-z0-9_-]+$`)
	// mentionForm is what Telegram makes a mention of, behind an @ (tdlib/td, MessageEntity.cpp, match_mentions).
	mentionForm = regexp.MustCompile(`^[A-Za-z0-9_]{2,32}$`)
	secretForm  = regexp.MustCompile(`^[A-Za-z0-9_-]{16,256}$`)
)

func readOptions(s channels.Settings) (Options, error) {
	o := Options{BaseURL: DefaultBaseURL}
	if err := channels.DecodeOptions(s, &o); err != nil {
		return o, err
	}
	if o.BaseURL == "" {
		o.BaseURL = DefaultBaseURL
	}
	if o.PerSecond == 0 {
		o.PerSecond = 30 // core.telegram.org/bots/faq: about 30 a second for bulk
	}
	if o.PerChat == 0 {
		o.PerChat = 1 // same page: one a second to a chat, short bursts tolerated
	}
	fault, faults := channels.OptionFaults(s)
	switch {
	case o.Token == "":
		fault("token", "missing; ask @BotFather in Telegram for /newbot (or /token for a bot you have) and refer to what it gives you")
	case !tokenForm.MatchString(o.Token.Reveal()):
		fault("token", "does not look like a bot's token, which is digits, a colon and letters; copy the whole line from @BotFather")
	}
	switch {
	case o.WebhookSecret == "" && s.HookURL != "":
		fault("webhook_secret", "missing; make one up (16 to 256 of A-Z a-z 0-9 _ -), so that nobody else can post as Telegram")
	case o.WebhookSecret != "" && !secretForm.MatchString(o.WebhookSecret.Reveal()):
		fault("webhook_secret", "must be 16 to 256 of A-Z a-z 0-9 _ -")
	case o.WebhookSecret == "" && o.PreviousWebhookSecret != "":
		fault("previous_webhook_secret", "stands alone; it is the secret before webhook_secret")
	case o.PreviousWebhookSecret != "" && !secretForm.MatchString(o.PreviousWebhookSecret.Reveal()):
		fault("previous_webhook_secret", "must be 16 to 256 of A-Z a-z 0-9 _ -")
	}
	if why := badBase(o.BaseURL); why != "" {
		fault("base_url", why)
	}
	if o.Topic < 0 {
		fault("topic", "must be the number of a topic, or absent")
	}
	for _, name := range o.Mentions {
		if !mentionForm.MatchString(name) {
			fault("mentions", "must be usernames without @, of 2 to 32 letters, digits and _")
			break
		}
	}
	if !(o.PerSecond > 0 && o.PerSecond <= 1000) {
		fault("per_second", "must be above 0 and at most 1000")
	}
	if !(o.PerChat > 0 && o.PerChat <= 30) {
		fault("per_chat_per_second", "must be above 0 and at most 30")
	}
	return o, faults()
}

// badBase says what is wrong with a base URL. A percent sign would be read as a verb by the library's format string.
func badBase(base string) string {
	u, err := url.Parse(base)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return "must be an http or https URL such as " + DefaultBaseURL
	case u.User != nil, u.RawQuery != "", u.Fragment != "", strings.ContainsAny(base, "%?#"):
		return "must have no user, query, fragment or percent sign"
	}
	return ""
}
