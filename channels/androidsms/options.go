package androidsms

import (
	"strings"

	"github.com/nyaruka/phonenumbers"

	"github.com/carillon-gateway/carillon/channels"
)

// Options is the channel's own section of the configuration.
type Options struct {
	BaseURL            string          `json:"base_url" doc:"where the app answers, such as http://192.168.1.20:8080, or a server for it, such as https://sms.example.org/3rdparty/v1" required:"true"`
	Username           string          `json:"username" doc:"as the app shows it" required:"true"`
	Password           channels.Secret `json:"password" doc:"as the app shows it" required:"true"`
	SigningKey         channels.Secret `json:"signing_key,omitempty" doc:"key with which the app signs webhooks; needed with a public URL"`
	PreviousSigningKey channels.Secret `json:"previous_signing_key,omitempty" doc:"while signing_key is changed: the old one, still taken"`
	SIM                int             `json:"sim,omitempty" doc:"which SIM sends, from 1; 0: as the app is set"`
	DeviceID           string          `json:"device_id,omitempty" doc:"which phone sends, where a server has several; empty: any"`
	Region             string          `json:"region,omitempty" doc:"country of numbers written without +, such as DE"`
	SmartEncoding      bool            `json:"smart_encoding,omitempty" doc:"write typographic quotes, dashes, dots and bullets plainly where that makes a text message GSM-7 and shorter; letters are never changed"`
	PerMinute          float64         `json:"segments_per_minute,omitempty" doc:"most segments a minute; 0: 10"`
}

func readOptions(s channels.Settings) (Options, error) {
	var o Options
	if err := channels.DecodeOptions(s, &o); err != nil {
		return o, err
	}
	if o.PerMinute == 0 {
		o.PerMinute = 10
	}
	o.BaseURL = strings.TrimRight(o.BaseURL, "/")
	o.Region = strings.ToUpper(strings.TrimSpace(o.Region))
	fault, faults := channels.OptionFaults(s)
	u, wrong := channels.BaseURL(o.BaseURL, "write the address that the app shows", "http://192.168.1.20:8080")
	switch {
	case wrong != "":
		fault("base_url", wrong)
	case strings.HasSuffix(u.Path, "/message"), strings.HasSuffix(u.Path, "/messages"):
		fault("base_url", "must end before /messages")
	}
	if o.Username == "" || strings.Contains(o.Username, ":") {
		fault("username", "missing, or with a colon in it; copy it from the app")
	}
	if o.Password == "" {
		fault("password", "missing; copy it from the app")
	}
	switch {
	case o.SigningKey == "" && s.HookURL != "":
		fault("signing_key", "missing; copy it from the app under Settings, Webhooks, so that nobody else can post as the phone")
	case o.SigningKey == "" && o.PreviousSigningKey != "":
		fault("previous_signing_key", "stands alone; it is the key before signing_key")
	case o.SigningKey != "" && len(o.SigningKey.Reveal()) < 8:
		fault("signing_key", "has fewer than 8 characters; set a longer one in the app")
	}
	if o.SIM < 0 || o.SIM > 8 {
		fault("sim", "must be the number of a SIM, from 1, or absent")
	}
	if o.Region != "" && !phonenumbers.GetSupportedRegions()[o.Region] {
		fault("region", "is no country; write its two letters, such as DE")
	}
	if !(o.PerMinute > 0 && o.PerMinute <= 600) {
		fault("segments_per_minute", "must be above 0 and at most 600")
	}
	return o, faults()
}
