package signal

import (
	"net/netip"
	"net/url"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/phone"
)

// Options is the channel's own section of the configuration.
type Options struct {
	BaseURL       string          `json:"base_url" doc:"where the bridge answers, such as http://127.0.0.1:8080" required:"true"`
	Number        string          `json:"number" doc:"number of the account, such as +12025550100" required:"true"`
	Username      string          `json:"username,omitempty" doc:"where a proxy before the bridge asks for it"`
	Password      channels.Secret `json:"password,omitempty" doc:"of that user"`
	HookToken     channels.Secret `json:"hook_token,omitempty" doc:"at least 32 characters, made up by you; stands as ?token=… in the bridge's RECEIVE_WEBHOOK_URL. Needed with a public URL unless polled"`
	PreviousToken channels.Secret `json:"previous_hook_token,omitempty" doc:"while hook_token is changed: the old one, still taken"`
	Polled        bool            `json:"polled,omitempty" doc:"the bridge runs in mode normal or native, which call no webhook, so that it is polled"`
	Sensitive     bool            `json:"sensitive,omitempty" doc:"the group runs the bridge itself and trusts it with texts marked sensitive; needs https, or a bridge on this machine"`
	Region        string          `json:"region,omitempty" doc:"country of numbers written without +, such as DE"`
	PerMinute     float64         `json:"per_minute,omitempty" doc:"most messages a minute; 0: 10"`
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
	u, wrong := channels.BaseURL(o.BaseURL, "write where the bridge answers", "http://127.0.0.1:8080")
	switch {
	case wrong != "":
		fault("base_url", wrong)
	case strings.HasSuffix(u.Path, "/v1"), strings.HasSuffix(u.Path, "/v2"):
		fault("base_url", "must end before /v1")
	case o.Sensitive && u.Scheme != "https" && !here(u.Hostname()):
		fault("sensitive", "needs a base_url with https or on this machine, or everybody between here and the bridge reads along")
	}
	if number, err := phone.ParseNumber(o.Number, ""); err != nil || number.Reveal() != o.Number {
		fault("number", "must be the account's number in international form, such as +12025550100")
	}
	if (o.Username == "") != (o.Password == "") {
		fault("password", "and username go together; give both or neither")
	}
	for key, token := range map[string]channels.Secret{"hook_token": o.HookToken, "previous_hook_token": o.PreviousToken} {
		if token != "" && (len(token.Reveal()) < 32 || url.QueryEscape(token.Reveal()) != token.Reveal()) {
			fault(key, "must have at least 32 letters and digits; make one with openssl rand -hex 32")
		}
	}
	switch {
	case o.HookToken == "" && o.PreviousToken != "":
		fault("previous_hook_token", "stands alone; it is the token before hook_token")
	case o.HookToken == "" && s.HookURL != "" && !o.Polled:
		fault("hook_token", "missing; make one with openssl rand -hex 32 and put it into the bridge's RECEIVE_WEBHOOK_URL, or set polled")
	}
	if o.Region != "" && !phonenumbers.GetSupportedRegions()[o.Region] {
		fault("region", "is no country; write its two letters, such as DE")
	}
	if !(o.PerMinute > 0 && o.PerMinute <= 600) {
		fault("per_minute", "must be above 0 and at most 600")
	}
	return o, faults()
}

// here says whether a host is this machine.
func here(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
