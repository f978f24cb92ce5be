// Package kit is the conformance kit of the adapter protocol: what is asked of a program that is to be an adapter, in any
// language, before anybody's message goes over it. It talks to the adapter itself, by signed HTTP or by pipes, has a bad day with
// it, and sends only to the test addresses that the adapter names. It is a plain library: a command runs it.
package kit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/external"
	"github.com/carillon-gateway/carillon/channels/httpsend"
	"github.com/carillon-gateway/carillon/channels/sandbox"
)

const (
	start   = 20 * time.Second // in which an adapter has described itself
	leave   = 5 * time.Second  // from the end of its input to the end of a program
	arrives = 20 * time.Second // in which an event comes that is due
)

// Target is the adapter that is held against the protocol: a command or a URL.
type Target struct {
	Command     []string
	Environment []string // of the command, as NAME=value; nothing is added
	Settings    map[string]any
	Secrets     map[string]string
	URL         string
	Secret      channels.Secret // of the URL

	patience time.Duration // for what is due; zero: arrives, and leave for the end of a program
}

// Tests is what an adapter says to the kit in its description, under "test".
type Tests struct {
	People  []string `json:"people"`            // at least two addresses; what is sent there reaches nobody, and is answered as if it had arrived
	Refused string   `json:"refused,omitempty"` // an address that is refused
}

// described is the answer to describe.
type described struct {
	external.Description
	Test Tests `json:"test"`
}

// Describe asks an adapter what it can do.
func Describe(ctx context.Context, t Target) (external.Description, error) {
	p, err := t.open()
	if err != nil {
		return external.Description{}, err
	}
	defer p.close()
	d, err := t.describe(ctx, p, "")
	return d.Description, err
}

func (t Target) open() (peer, error) {
	if t.URL == "" {
		p, err := startProgram(t.Command, t.Environment, t.due(leave))
		if err != nil {
			return nil, errors.New("the program cannot be started; give its whole path, and make it executable")
		}
		return p, nil
	}
	signer, err := httpsend.NewSigner(t.Secret)
	if err != nil {
		return nil, err
	}
	return &posting{t.URL, signer, httpsend.New(&http.Client{Transport: httpsend.Transport()}, time.Minute)}, nil
}

func (t Target) describe(ctx context.Context, p peer, hook string) (described, error) {
	ctx, cancel := context.WithTimeout(ctx, start)
	defer cancel()
	var d described
	answer, err := p.ask(ctx, external.DoDescribe, external.Introduction{Protocol: external.Protocol, Channel: "kit", Hook: hook, Settings: t.Settings, Secrets: t.Secrets})
	switch {
	case err != nil:
		return d, fmt.Errorf("describe was not answered: %w", err)
	case answer.Error != nil:
		return d, fmt.Errorf("describe was refused (%s)", errorOf(answer.Error))
	}
	if err := json.Unmarshal(answer.OK, &d); err != nil {
		return d, fmt.Errorf("the description cannot be read: %s", mistyped(err))
	}
	return d, nil
}

// Checks gives the checks in the order in which they are run; those of what the adapter does not describe are skipped, and say so. The
// error says that there is nothing to check: the adapter cannot be started or asked, or describes itself wrongly, each fault with
// what to do.
func Checks(ctx context.Context, t Target) ([]channeltest.Check, error) {
	p, err := t.open()
	if err != nil {
		return nil, err
	}
	d, err := t.describe(ctx, p, "")
	p.close()
	if err != nil {
		return nil, err
	}
	if err := d.Check(); err != nil {
		return nil, err
	}
	if len(d.Test.People) < 2 {
		return nil, errors.New(`description.test.people: name at least two addresses at which the adapter sends nothing to anybody and answers as if it had, as in "test":{"people":["test-1","test-2"]}`)
	}
	k := &kit{Target: t, described: d}
	if err := k.addressed(); err != nil {
		return nil, err
	}
	var out []channeltest.Check
	pure := map[string]bool{"capabilities": true, "addresses": true, "compose": true} // the others of this sort are about our own composing
	for _, c := range channeltest.Checks(k.subject()) {
		if pure[c.Name] {
			out = append(out, c)
		}
	}
	for _, c := range k.list() {
		if c.only != nil && !c.only(k) {
			continue
		}
		run := func(t channeltest.T) { k.run(ctx, t, c.run) }
		if !k.describes(c.needs) { // told, or who misspells a capability thinks it checked
			run = func(t channeltest.T) { t.Skipf("the description has no %s; with it this is checked too", c.needs) }
		}
		out = append(out, channeltest.Check{Name: c.name, Why: c.why, Run: run})
	}
	return out, nil
}

// addressed refuses test addresses that the description does not take, for every check would stumble over them.
func (k *kit) addressed() error {
	s := k.subject()
	a, err := s.Make(nobody{}, "")
	if err != nil {
		return err
	}
	for _, raw := range append(slices.Clone(k.Test.People), k.Test.Refused) {
		if got, err := a.ParseAddress(raw); raw != "" && (err != nil || string(got) != raw) {
			return fmt.Errorf("description.test: %q is no address by description.address, or not as it is kept; name one that its pattern takes as it stands", raw)
		}
	}
	return nil
}

// kit is an adapter under test.
type kit struct {
	Target
	described
}

// probe is one check under way.
type probe struct {
	channeltest.T
	*kit
	peer
	ctx context.Context
	n   int
}

func (k *kit) run(ctx context.Context, t channeltest.T, check func(*probe)) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	p, err := k.open()
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer func() { p.close() }()
	pr := &probe{T: t, kit: k, peer: p, ctx: ctx}
	if d, err := k.Target.describe(ctx, p, ""); err != nil {
		t.Fatalf("%v", err)
	} else if a, b := written(d), written(k.described); a != b {
		t.Errorf("it describes itself otherwise than before; a description must not change from one start to the next")
	}
	check(pr)
}

func written(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// subject lets the checks for every adapter look at what is declared. They send nothing.
func (k *kit) subject() channeltest.Subject {
	valid := map[string]channels.Address{}
	var people []channels.Address
	for _, a := range k.Test.People {
		people = append(people, channels.Address(a))
		valid[a] = channels.Address(a)
	}
	return channeltest.Subject{
		Start: func() (channeltest.Double, func(), error) { return nobody{}, func() {}, nil },
		Make: func(channeltest.Double, string) (channels.Adapter, error) {
			d, err := json.Marshal(map[string]any{"command": []string{"/never/started"}, "description": k.Description, "settings": k.Target.Settings})
			if err != nil {
				return nil, err
			}
			return external.New(channels.Settings{Name: "kit", Operator: true, Options: d})
		},
		Valid: valid, Invalid: []string{"", "\x00", " \n"}, People: people,
	}
}

// nobody is a provider that nothing reaches.
type nobody struct{}

func (nobody) URL() string                { return "" }
func (nobody) Script(sandbox.Fault) error { return nil }
func (nobody) Clear()                     {}
func (nobody) Seen() []channeltest.Seen   { return nil }
func (nobody) Reply(string, string) error { return nil }

func (p *probe) message(to, text string) external.Message {
	p.n++
	key := fmt.Sprintf("kit-%d-%d", time.Now().UnixNano(), p.n)
	expires := time.Now().Add(time.Hour).UTC()
	m := external.Message{Attempt: key, Key: "key-of-" + key + "-0", To: to, Text: text, Expires: &expires}
	if p.Text.Markup == external.HTML {
		m.HTML = "<p>kit</p>"
	}
	return m
}

// sent sends a message that must be taken.
func (p *probe) sent(m external.Message) external.Taken {
	p.Helper()
	taken, failure := p.tried(m)
	if failure != nil {
		p.Fatalf("a message to a test address was refused (%s); take what is sent to the addresses of test.people", errorOf(failure))
	}
	if taken.ID == "" {
		p.Fatalf("send was answered without an id; give the provider's id of the message, or make one")
	}
	return taken
}

// tried sends a message that may be refused, and must be answered.
func (p *probe) tried(m external.Message) (external.Taken, *external.Failure) {
	p.Helper()
	var taken external.Taken
	failure := p.must(external.DoSend, m, &taken)
	return taken, failure
}

// must asks for what must be answered in the described time.
func (p *probe) must(do string, with, into any) *external.Failure {
	p.Helper()
	longest := time.Duration(max(1, p.Attempt)) * time.Second
	if p.Attempt == 0 {
		longest = 20 * time.Second
	}
	ctx, cancel := context.WithTimeout(p.ctx, longest)
	defer cancel()
	answer, err := p.ask(ctx, do, with)
	switch {
	case errors.Is(err, errEnded):
		p.Fatalf("%s: %v; go on whatever comes, a line that is no JSON or no UTF-8 too, and answer with an error", do, err)
	case err != nil:
		p.Fatalf("%s: %v; answer every request within longest_attempt_seconds, with the id of the request", do, err)
	}
	if answer.Error != nil {
		return answer.Error
	}
	if err := json.Unmarshal(answer.OK, into); err != nil {
		p.Fatalf("%s: the answer cannot be read: %s", do, mistyped(err))
	}
	return nil
}
