package webhook

import (
	"net/url"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// Options is the channel's own section of the configuration.
type Options struct {
	URL            string          `json:"url" doc:"where the receiver takes events, such as https://bridge.example.org/carillon" required:"true"`
	Secret         channels.Secret `json:"secret" doc:"signs events both ways: whsec_ and 24 to 64 random bytes in base64" required:"true"`
	PreviousSecret channels.Secret `json:"previous_secret,omitempty" doc:"while secret is changed: the old one; events are signed with both, and taken with either"`
	Receipts       bool            `json:"receipts,omitempty" doc:"the receiver tells what became of each message; needs a public URL"`
	Replies        bool            `json:"replies,omitempty" doc:"the receiver brings what people answer; needs a public URL"`
	DedupeHours    int             `json:"dedupe_hours,omitempty" doc:"for how many hours the receiver remembers the ids of events and takes a repeated one once, up to 720; 0: it does not"`
	Sensitive      bool            `json:"sensitive,omitempty" doc:"the group trusts the receiver, and whatever it hands texts to, with those marked sensitive; needs https"`
	PerSecond      float64         `json:"per_second,omitempty" doc:"most messages a second; 0: 10"`
}

func readOptions(s channels.Settings) (Options, *httpsend.Signer, error) {
	var o Options
	if err := channels.DecodeOptions(s, &o); err != nil {
		return o, nil, err
	}
	if o.PerSecond == 0 {
		o.PerSecond = 10
	}
	fault, faults := channels.OptionFaults(s)
	u, err := url.Parse(o.URL)
	switch {
	case o.URL == "":
		fault("url", "missing; write where the receiver takes events, such as https://bridge.example.org/carillon")
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		fault("url", "must be an http or https URL such as https://bridge.example.org/carillon")
	case u.User != nil, u.Fragment != "":
		fault("url", "must have no user and no fragment; the signature proves who sends")
	case o.Sensitive && u.Scheme != "https":
		fault("sensitive", "needs a url with https, or everybody on the way reads along")
	}
	signer, err := httpsend.NewSigner(o.Secret)
	if err != nil {
		fault("secret", err.Error())
	} else if o.PreviousSecret != "" {
		if signer, err = httpsend.NewSigner(o.Secret, o.PreviousSecret); err != nil {
			fault("previous_secret", err.Error())
		}
	}
	if o.DedupeHours < 0 || o.DedupeHours > 720 {
		fault("dedupe_hours", "must be 0 to 720")
	}
	if !(o.PerSecond > 0 && o.PerSecond <= 1000) {
		fault("per_second", "must be above 0 and at most 1000")
	}
	return o, signer, faults()
}
