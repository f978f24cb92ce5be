package shoutrrr

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/nicholas-fedor/shoutrrr/pkg/services/chat/discord"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/incident/pagerduty"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/gotify"
	"github.com/nicholas-fedor/shoutrrr/pkg/services/push/pushover"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
)

// pagerDuty is the name of a service that has nothing to ask: it says no to every question, which shows that it is there.
const pagerDuty = pagerduty.Scheme

// service is one service of the library.
type service struct {
	name    string         // the scheme of its URL, and the kind of contact point
	title   string         // as people call it
	shape   string         // of its URL, for errors
	form    *regexp.Regexp // of what stands for {address}
	wanted  string         // what to tell who typed something else
	example string         // of an address
	always  bool           // its URL must have {address}
	keys    []string       // parameters that a URL may have; the others would change what a message is
	hidden  []string       // of these, the ones that tell who writes
	urgent  types.Params   // for what is urgent
	limit   int            // characters of a message
	parts   int            // most messages that one document may become
	write   func(plain string) string
	markup  string // of what write gives; empty: none
	ready   func(*url.URL) (ready, error)
	// check gives the address that can be asked without disturbing anybody, from the channel's URL.
	check func(raw string) string
}

// ready is a service that was made for one message.
type ready struct {
	place string // what the URL has in place of {address}
	// through hands the service what makes its requests. It is called before send, once.
	through func(http.RoundTripper)
	send    func(text string, params types.Params) error
}

// services lists the ones that can be handed a client. Each was read in the library's source, v0.13.2.
var services = [...]service{
	{
		name: pushover.Scheme, title: "Pushover", shape: "pushover://shoutrrr:TOKEN@{address}/",
		form: regexp.MustCompile(`^[A-Za-z0-9]{30}$`), example: strings.Repeat("u", 30), always: true,
		wanted: "type her user key, of 30 letters and digits; she finds it in her account at pushover.net",
		keys:   []string{"title", "priority", "devices"}, hidden: []string{"title"}, urgent: types.Params{"priority": "1"},
		limit: 1024, parts: 5, write: asItIs, // pushover.net/api, "Messages": 1,024 characters
		ready: func(at *url.URL) (ready, error) {
			s := &pushover.Service{}
			err := s.Initialize(at, nil)
			return ready{
				place: s.Config.User, through: func(rt http.RoundTripper) { s.Client = client(rt) },
				send: func(text string, p types.Params) error { return s.Send(text, &p) },
			}, err
		},
		// pushover.net/api/limits: it says how many messages are left, and refuses a token that is none.
		check: func(raw string) string {
			token, _ := parsed(raw).User.Password()
			return "https://api.pushover.net/1/apps/limits.json?token=" + url.QueryEscape(token)
		},
	},
	{
		name: gotify.Scheme, title: "Gotify", shape: "gotify://gotify.example.org/{address} or gotify://gotify.example.org/TOKEN",
		form: regexp.MustCompile(`^A[A-Za-z0-9._-]{14}$`), example: "A" + strings.Repeat("a", 14),
		wanted: "type the token of an application that she made for this in her Gotify account: 15 characters, the first an A",
		keys:   []string{"title", "priority", "disabletls"}, hidden: []string{"title"}, urgent: types.Params{"priority": "8"},
		limit: 8000, parts: 3, write: asItIs,
		ready: func(at *url.URL) (ready, error) {
			s := &gotify.Service{}
			if err := s.Initialize(at, nil); err != nil {
				return ready{}, err
			}
			if s.Config.Path != "" { // the library writes two slashes behind it
				return ready{}, gotify.ErrConfigPropertyFailed
			}
			return ready{
				place: s.Config.Token,
				through: func(rt http.RoundTripper) {
					c := s.GetHTTPClient()
					*c = *client(rt)
				},
				// The token goes into a header, and the library's own title away: the server shows the application's name.
				send: func(text string, p types.Params) error {
					p["useheader"] = "yes"
					if _, given := p["title"]; !given && s.Config.Title == "Shoutrrr notification" {
						p["title"] = ""
					}
					return s.Send(text, &p)
				},
			}, nil
		},
		// gotify.net/api-docs: /health asks for no token, and no request tells whether one is right but a message.
		check: func(raw string) string {
			scheme, config := "https", gotify.Config{}
			if config.SetURL(parsed(raw)) == nil && config.DisableTLS {
				scheme = "http"
			}
			return scheme + "://" + config.Host + "/health"
		},
	},
	{
		name: discord.Scheme, title: "Discord", shape: "discord://TOKEN@WEBHOOK or discord://TOKEN@WEBHOOK?thread_id={address}",
		form: regexp.MustCompile(`^[0-9]{17,20}$`), example: "100000000000000000",
		wanted: "type the id of a thread of the webhook's channel, of 17 to 20 digits; Discord shows it in developer mode",
		keys:   []string{"username", "avatar", "thread_id"}, hidden: []string{"username", "avatar"},
		limit: discord.ChunkSize, parts: 3, write: markdown, markup: "discord",
		ready: func(at *url.URL) (ready, error) {
			s := &discord.Service{}
			err := s.Initialize(at, nil)
			if err == nil && (s.Config.JSON || at.Path != "") {
				err = discord.ErrIllegalURLArgument // a text would be taken for the whole request
			}
			return ready{
				place:   s.Config.ThreadID,
				through: func(rt http.RoundTripper) { s.HTTPClient, s.Sleeper = client(rt), awake{} },
				// One line an embed is what the library does otherwise, and several requests for a long text.
				send: func(text string, p types.Params) error {
					s.Config.SplitLines = false
					return s.Send(text, &p)
				},
			}, err
		},
		// Discord's documentation, "Get Webhook with Token": it says what the webhook is.
		check: func(raw string) string {
			at := parsed(raw)
			return discord.HooksBaseURL + "/" + url.PathEscape(at.Host) + "/" + url.PathEscape(at.User.Username())
		},
	},
	{
		name: pagerduty.Scheme, title: "PagerDuty", shape: "pagerduty://events.pagerduty.com/{address}",
		form: regexp.MustCompile(`^[A-Fa-f0-9]{32}$`), example: strings.Repeat("0", 32),
		wanted: "type the integration key (Events API v2) of the team's service in PagerDuty, of 32 hexadecimal digits",
		keys:   []string{"severity", "source", "client"}, hidden: []string{"source", "client"}, urgent: types.Params{"severity": "critical"},
		limit: 1024, parts: 3, write: asItIs, // PagerDuty's documentation of the Common Event Format; the library cuts what is longer
		ready: func(at *url.URL) (ready, error) {
			s := &pagerduty.Service{}
			err := s.Initialize(at, nil)
			return ready{
				place: s.Config.IntegrationKey, through: func(rt http.RoundTripper) { s.SetHTTPClient(client(rt)) },
				send: func(text string, p types.Params) error { return s.Send(text, &p) },
			}, err
		},
		check: func(raw string) string {
			host := parsed(raw).Host
			if host == "" {
				host = "events.pagerduty.com"
			}
			return "https://" + host + "/v2/enqueue"
		},
	},
}

// otherwise says which adapter of ours speaks to a service that the library also knows; empty: none.
func otherwise(scheme string) string {
	switch scheme {
	case "telegram", "mattermost", "matrix", "ntfy", "signal":
		return scheme
	case "smtp":
		return "email"
	case "generic":
		return "webhook"
	}
	return ""
}

// parsed gives a URL that readOptions has taken.
func parsed(raw string) *url.URL {
	at, err := url.Parse(strings.ReplaceAll(raw, hole, "0"))
	if err != nil {
		return &url.URL{User: &url.Userinfo{}}
	}
	if at.User == nil {
		at.User = &url.Userinfo{}
	}
	return at
}

// client makes requests through rt and follows nothing.
func client(rt http.RoundTripper) *http.Client {
	return &http.Client{Transport: rt, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// awake is for a library that sleeps before it tries again; there is no second time here.
type awake struct{}

// Sleep does not.
func (awake) Sleep(time.Duration) {}

func asItIs(plain string) string { return plain }
