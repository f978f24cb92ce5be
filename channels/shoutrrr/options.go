package shoutrrr

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/carillon-gateway/carillon/channels"
)

// Options is the channel's own section of the configuration.
type Options struct {
	URL       channels.Secret `json:"url" doc:"the service's shoutrrr URL, with {address} where the address of a member belongs, such as pushover://shoutrrr:TOKEN@{address}/" required:"true"`
	PerSecond float64         `json:"per_second,omitempty" doc:"most messages a second; 0: 0.5"`
}

// readOptions never puts anything of the URL into an error: all of it is secret.
func readOptions(s channels.Settings) (Options, *service, error) {
	var o Options
	if err := channels.DecodeOptions(s, &o); err != nil {
		return o, nil, err
	}
	if o.PerSecond == 0 {
		o.PerSecond = 0.5
	}
	fault, faults := channels.OptionFaults(s)
	if !(o.PerSecond > 0 && o.PerSecond <= 100) {
		fault("per_second", "must be above 0 and at most 100")
	}
	found, err := serviceOf(o.URL.Reveal())
	if err != nil {
		fault("url", err.Error())
	}
	return o, found, faults()
}

// serviceOf finds the service of a URL, and holds the URL against it.
func serviceOf(raw string) (*service, error) {
	if raw == "" {
		return nil, errors.New("missing; write the service's URL, such as pushover://shoutrrr:TOKEN@{address}/")
	}
	scheme, _, ok := strings.Cut(raw, "://")
	i := slices.IndexFunc(services[:], func(s service) bool { return s.name == strings.ToLower(scheme) })
	switch instead := otherwise(strings.ToLower(scheme)); {
	case !ok:
		return nil, errors.New("is no URL; it begins with the service's name, such as pushover://")
	case i < 0 && instead != "":
		return nil, fmt.Errorf("names a service that has an adapter of its own; write adapter: %s", instead)
	case i < 0:
		return nil, errors.New("names a service that this adapter does not have; it has pushover, gotify, discord and pagerduty. For others write an adapter of your own (docs/adding-a-channel.md)")
	}
	found := services[i]
	if strings.Count(raw, hole) > 1 {
		return nil, errors.New("has {address} more than once")
	}
	at, err := url.Parse(strings.ReplaceAll(raw, hole, found.example))
	if err != nil {
		return nil, fmt.Errorf("cannot be read; a %s URL looks like %s", found.title, found.shape)
	}
	for key := range at.Query() {
		if !slices.Contains(found.keys, key) {
			return nil, fmt.Errorf("has a parameter that is not taken here; %s may have %s", found.title, strings.Join(found.keys, ", "))
		}
	}
	ready, err := found.ready(at)
	switch {
	case err != nil:
		return nil, fmt.Errorf("is not taken by the library; a %s URL looks like %s", found.title, found.shape)
	case strings.Contains(raw, hole) && ready.place != found.example:
		return nil, fmt.Errorf("has {address} where none belongs; a %s URL looks like %s", found.title, found.shape)
	case !strings.Contains(raw, hole) && found.always:
		return nil, fmt.Errorf("leads to one person; put {address} in place of her key, as in %s", found.shape)
	}
	return &found, nil
}
