package channels

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/carillon-gateway/carillon/channels/content"
)

// Factory makes adapters of one sort. Package builtin lists them.
type Factory struct {
	Name    string     // as in a channel's "adapter": "sms", "telegram", …
	Kind    string     // the kind of contact point it takes; empty: each channel's own, in its Capabilities
	Summary string     // one line for lists
	Options func() any // a pointer to the zero value of the adapter's options struct, for schemas and documents
	New     func(Settings) (Adapter, error)
	// ParseAddress is the adapter's own, for members who come in before any channel is there; nil without Kind, as is Compose. Region is the country of
	// numbers without a prefix, or empty; kinds without countries ignore it.
	ParseAddress func(region, raw string) (Address, error)
	// Compose is that of an adapter whose options are as short as they can be, for a look at texts before any channel is there.
	Compose func(content.Document) ([]Part, error)
	// Country gives the country of a canonical address, ISO 3166, for prices by country; empty if nobody can tell. Nil: the
	// kind has no countries.
	Country func(Address) string
}

// Settings is what an adapter is made from. It does no I/O in New: a dead network must not stop the gateway.
type Settings struct {
	Name     string           // the channel's name, for messages
	Options  json.RawMessage  // the adapter's own section, secrets resolved to plain strings
	HookURL  string           // public URL of this channel's webhook, without query; empty: none, so the channel is polled
	LinkURL  string           // a page that members open, under an opaque name; what it posts reaches ParseWebhook; empty: HookURL
	HTTP     *http.Client     // to be used for every request; of a group's channel it keeps to Reach; nil: httpsend's default
	Now      func() time.Time // nil: time.Now
	PollWait time.Duration    // longest wait of one Poll; zero: return at once
	Log      *slog.Logger     // for what no error tells, such as what a program writes; nil: nothing is logged
	Before   Adapter          // that the channel had until its options changed; a new one keeps of it what bounds the channel; nil: none
	Operator bool             // it is the operator's own channel, which may start programs and be in any network
	// Reach says which addresses may be dialled for a channel that is not the operator's, since somebody typed in where its
	// provider is; nil: those of the open internet. An adapter that dials itself keeps to it by httpsend.Dialer.
	Reach func(netip.Addr) bool
}

// DecodeOptions reads a channel's options strictly into the adapter's struct: an unknown key is an error that names it.
func DecodeOptions(s Settings, into any) error {
	raw := s.Options
	if len(raw) == 0 {
		raw = json.RawMessage("{}")
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("channel %s: options: %w", s.Name, err)
	}
	return nil
}

// OptionFaults gathers what is wrong with a channel's options, so that all of it is told at once: fault adds what is wrong with one,
// and how to mend it; all gives what was added, nil if nothing was. They are for one goroutine.
func OptionFaults(s Settings) (fault func(key, text string), all func() error) {
	var faults []error
	return func(key, text string) {
			faults = append(faults, fmt.Errorf("channel %s: options.%s: %s", s.Name, key, text))
		},
		func() error { return errors.Join(faults...) }
}

// BaseURL reads an option that says where a server answers: an http or https URL without user, query and fragment. What path it
// may have is for the adapter to say. wrong says what is wrong with it and how to mend it, with an ask such as "write where the
// bridge answers" and an example of such a URL; it is empty if nothing is wrong.
func BaseURL(raw, ask, example string) (u *url.URL, wrong string) {
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return nil, "missing; " + ask + ", such as " + example
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return nil, "must be an http or https URL such as " + example
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		return nil, "must have no user, query or fragment"
	}
	return u, ""
}
