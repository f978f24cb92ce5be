package voice

import (
	"maps"
	"regexp"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"github.com/carillon-gateway/carillon/channels"
)

// Options is the channel's own section of the configuration.
type Options struct {
	AccountSID        string            `json:"account_sid" doc:"Twilio account: AC and 32 hexadecimal digits" required:"true"`
	AuthToken         channels.Secret   `json:"auth_token" doc:"the account's auth token; it also verifies webhooks" required:"true"`
	PreviousAuthToken channels.Secret   `json:"previous_auth_token,omitempty" doc:"while the auth token is changed: the old one, still taken for webhooks"`
	From              string            `json:"from" doc:"the number that calls, such as +12025550100" required:"true"`
	NeutralFrom       string            `json:"neutral_from,omitempty" doc:"the number that calls members in neutral mode; default from"`
	Voices            map[string]string `json:"voices,omitempty" doc:"for languages without a voice, or to choose another: language → Twilio's language and voice, such as cs: cs-CZ Google.cs-CZ-Standard-A"`
	Region            string            `json:"region,omitempty" doc:"country of numbers written without +, such as DE"`
	BaseURL           string            `json:"base_url,omitempty" doc:"where Twilio answers, for tests; default https://api.twilio.com"`
	PerSecond         float64           `json:"per_second,omitempty" doc:"most calls begun in a second; 0: 1, what Twilio allows an account"`
}

var (
	numberForm = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	sidForm    = regexp.MustCompile(`^AC[0-9a-fA-F]{32}$`)
	tagForm    = regexp.MustCompile(`^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)
	voiceForm  = regexp.MustCompile(`^([A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*) ([A-Za-z0-9][A-Za-z0-9._-]{1,60})$`)
)

// check returns the voices after filling in defaults, or every fault of the options, each with the way to mend it.
func (o *Options) check(s channels.Settings) (map[string]speech, error) {
	if o.PerSecond == 0 {
		o.PerSecond = 1
	}
	o.Region = strings.ToUpper(strings.TrimSpace(o.Region))
	fault, faults := channels.OptionFaults(s)
	if !sidForm.MatchString(o.AccountSID) {
		fault("account_sid", "must be AC and 32 hexadecimal digits; copy it from the dashboard of Twilio's console")
	}
	if o.AuthToken == "" {
		fault("auth_token", "is missing; copy it from the dashboard of Twilio's console")
	}
	if !numberForm.MatchString(o.From) {
		fault("from", "must be a number of the account in international form, such as +12025550100")
	}
	if o.NeutralFrom != "" && !numberForm.MatchString(o.NeutralFrom) {
		fault("neutral_from", "must be a number of the account in international form, such as +12025550100")
	}
	voices := maps.Clone(usualVoices)
	for tag, text := range o.Voices {
		parts := voiceForm.FindStringSubmatch(text)
		if !tagForm.MatchString(tag) || parts == nil {
			fault("voices", "must be language: Twilio's language and voice, such as cs: cs-CZ Google.cs-CZ-Standard-A")
			break
		}
		voices[tag] = speech{parts[1], parts[2]}
	}
	if o.Region != "" && !phonenumbers.GetSupportedRegions()[o.Region] {
		fault("region", "is no country; write its two letters, such as DE")
	}
	if !(o.PerSecond > 0 && o.PerSecond <= 1000) {
		fault("per_second", "must be above 0 and at most 1000")
	}
	return voices, faults()
}
