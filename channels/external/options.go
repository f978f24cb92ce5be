package external

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

// Options is the section of a channel with adapter "external".
type Options struct {
	URL            string                     `json:"url,omitempty" doc:"where the adapter takes signed requests; this or command"`
	Secret         channels.Secret            `json:"secret,omitempty" doc:"with url: whsec_ and 24 to 64 random bytes in base64; both sides sign with it"`
	PreviousSecret channels.Secret            `json:"previous_secret,omitempty" doc:"while the secret is changed: the old one, still taken and signed with"`
	Command        []string                   `json:"command,omitempty" max:"50" doc:"the program and its arguments, started by the gateway and spoken to in lines of JSON; for the operator's channels only, because it runs beside everyone's keys"`
	Directory      string                     `json:"directory,omitempty" doc:"with command: where it runs; default /"`
	User           string                     `json:"user,omitempty" doc:"with command: the user that it runs as; the gateway must be allowed to become that user"`
	Environment    map[string]string          `json:"environment,omitempty" doc:"with command: its environment; of the gateway's own it gets nothing but PATH"`
	Settings       map[string]any             `json:"settings,omitempty" doc:"with command: what it is told when it starts, as its description's settings_schema wants"`
	Secrets        map[string]channels.Secret `json:"secrets,omitempty" doc:"with command: what it is told beside settings, by reference"`
	Memory         int                        `json:"memory_mb,omitempty" min:"0" max:"65536" doc:"with command: most memory for its data, in MiB, where the system can tell (Linux); 0: 512"`
	StartSeconds   int                        `json:"start_seconds,omitempty" min:"0" max:"120" doc:"with command: it has described itself by then; 0: 20"`
	Description    Description                `json:"description" required:"true" doc:"what the adapter can do; carillon adapter describe prints it"`
}

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func readOptions(s channels.Settings) (Options, error) {
	var o Options
	if err := channels.DecodeOptions(s, &o); err != nil {
		return o, err
	}
	bad, faults := channels.OptionFaults(s)
	switch {
	case o.URL == "" && len(o.Command) == 0:
		bad("url", "is missing; give the adapter's URL, or for the operator's own channel a command")
	case o.URL != "" && len(o.Command) > 0:
		bad("command", "stands beside url; give one of the two")
	case o.URL != "":
		if why := badURL(o.URL, s.Operator); why != "" {
			bad("url", why)
		}
		if _, err := httpsend.NewSigner(o.Secret, o.PreviousSecret); err != nil {
			bad("secret", err.Error())
		}
		if o.Directory != "" || o.User != "" || len(o.Environment)+len(o.Settings)+len(o.Secrets) > 0 || o.Memory != 0 || o.StartSeconds != 0 {
			bad("command", "is missing; directory, user, environment, settings, secrets, memory_mb and start_seconds are for programs that the gateway starts")
		}
	case !s.Operator:
		bad("command", "only the operator may name programs, because they run beside everyone's keys: run yours elsewhere and give its url; the operator has one started in a channel that is not the group's own (channel add without --group, with --for and the group)")
	default:
		o.checkCommand(bad)
	}
	if err := o.Description.Check(); err != nil {
		for _, one := range each(err) {
			key, text, _ := strings.Cut(one.Error(), ": ")
			bad(key, text)
		}
	} else if len(o.Command) > 0 {
		if err := o.checkSettings(); err != nil {
			bad("settings", err.Error())
		}
	}
	o.Description = o.Description.filled()
	return o, faults()
}

func (o *Options) checkCommand(bad func(key, text string)) {
	if !filepath.IsAbs(o.Command[0]) {
		bad("command", "must begin with the program's whole path, as in /usr/local/bin/adapter")
	}
	if o.Secret != "" || o.PreviousSecret != "" {
		bad("secret", "is for url; what a program is to keep to itself goes into secrets")
	}
	if o.Directory != "" && !filepath.IsAbs(o.Directory) {
		bad("directory", "must be a whole path")
	}
	for name, value := range o.Environment {
		if !variable.MatchString(name) || strings.ContainsRune(value, 0) {
			bad("environment", "names are letters, digits and _, not beginning with a digit")
			break
		}
	}
	if o.Memory < 0 || o.Memory > 65536 {
		bad("memory_mb", "must be 1 to 65536; 0: 512")
	}
	if o.StartSeconds < 0 || o.StartSeconds > 120 {
		bad("start_seconds", "must be 1 to 120; 0: 20")
	}
}

// checkSettings holds settings against the schema that the description has for them. It names keys and never values.
func (o *Options) checkSettings() error {
	schema, err := settingsSchema(o.Description.Settings)
	if err != nil || schema == nil {
		return nil // the description's own fault
	}
	settings := o.Settings
	if settings == nil {
		settings = map[string]any{}
	}
	raw, err := json.Marshal(settings)
	if err != nil {
		return errors.New("cannot be written as JSON")
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return errors.New("cannot be read as JSON")
	}
	var wrong *jsonschema.ValidationError
	if err := schema.Validate(value); errors.As(err, &wrong) {
		at := wrong
		for len(at.Causes) > 0 {
			at = at.Causes[0]
		}
		return fmt.Errorf("does not fit the description's settings_schema at /%s (%s)", strings.Join(at.InstanceLocation, "/"), strings.Join(at.ErrorKind.KeywordPath(), "/"))
	}
	return nil
}

// settingsSchema compiles a schema. It fetches nothing: what is referred to must be in it. Nil for none.
func settingsSchema(raw json.RawMessage) (*jsonschema.Schema, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	if depth(raw) > mostDepth { // compiling takes far longer with each level
		return nil, fmt.Errorf("is nested more than %d deep; take $ref and $defs", mostDepth)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, errors.New("is no JSON")
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(closed{})
	c.UseRegexpEngine(patterns())
	if err := c.AddResource("settings.json", doc); err != nil {
		return nil, errors.New("is no JSON Schema")
	}
	schema, err := c.Compile("settings.json")
	if err != nil {
		return nil, errors.New("is no JSON Schema (draft 2020-12), or refers to one elsewhere")
	}
	return schema, nil
}

const (
	mostDepth    = 50              // brackets of a schema within each other
	mostPatterns = 20 * maxProgram // positions of all its expressions; each is read twice
)

// depth counts the brackets that stand within each other in JSON; of what is none, until it is seen to be none.
func depth(raw []byte) int {
	now, most := 0, 0
	for tokens := json.NewDecoder(bytes.NewReader(raw)); ; {
		token, err := tokens.Token()
		if err != nil {
			return most
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			now++
			most = max(most, now)
		case json.Delim('}'), json.Delim(']'):
			now--
		}
	}
}

// patterns compiles the expressions of one schema, each within the bounds of one for addresses, and all together within mostPatterns
// positions: a line of a schema may ask for gigabytes.
func patterns() jsonschema.RegexpEngine {
	left := mostPatterns
	return func(pattern string) (jsonschema.Regexp, error) {
		n, err := bounds(pattern)
		if left -= n; err == nil && left < 0 {
			err = errors.New("its expressions repeat too much")
		}
		if err != nil {
			return nil, err
		}
		return regexp.Compile(pattern)
	}
}

// closed loads nothing.
type closed struct{}

func (closed) Load(string) (any, error) { return nil, errors.New("schemas are not fetched") }

// badURL says what is wrong with the URL of an adapter; empty: nothing.
func badURL(raw string, operator bool) string {
	u, err := url.Parse(raw)
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "", u.Opaque != "":
		return "must be a whole URL, as in https://adapter.example/carillon"
	case u.User != nil, u.Fragment != "":
		return "must have no user, password or fragment; the signature proves who asks"
	case u.Scheme == "http" && !operator && !isLoopback(u.Hostname()): // which is refused when it is dialled, unless it is allowed
		return "must begin with https://; texts and addresses must not travel in clear"
	}
	return ""
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback()
}

// each takes joined errors apart.
func each(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	return []error{err}
}
