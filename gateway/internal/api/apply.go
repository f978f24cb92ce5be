package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
)

// plan is what a document asks for, checked and compared with what is there. Nothing has been written yet.
type plan struct {
	server *server
	who    caller
	items  []*item
	flaws  []flaw

	channels map[string]gateway.Channel // by name, all there are
	managed  map[string]gateway.Group   // by slug, those that the caller acts for
	seen     map[string]bool            // paths
}

// item is one thing of a document. Its owner may be a group that an earlier item makes.
type item struct {
	path   string
	owner  *gateway.ID
	within bool   // it belongs to a group, not to the operator
	want   []byte // digest of what the document says
	have   []byte // digest of what is there; nil: nothing
	last   []byte // digest of what the last apply left; nil: it never wrote this
	barred string // why it cannot be written; empty: it can
	write  func(context.Context) error
}

// plan checks a whole document. A fault anywhere refuses all of it, every fault told with its path.
func (s *server) plan(ctx context.Context, who caller, d gateway.Document) (*plan, error) {
	all, err := s.Channels.Channels(ctx)
	if err != nil {
		return nil, err
	}
	own, err := s.managed(ctx, who, gateway.Administrator)
	if err != nil {
		return nil, err
	}
	p := &plan{server: s, who: who, channels: map[string]gateway.Channel{}, managed: map[string]gateway.Group{}, seen: map[string]bool{}}
	for _, c := range all {
		p.channels[c.Name] = c
	}
	for _, g := range own {
		p.managed[g.Slug] = g
	}
	for i, g := range d.Groups {
		if err := p.group(ctx, fmt.Sprintf("body.groups[%d]", i), g); err != nil {
			return nil, err
		}
	}
	records, err := s.Applied.Applied(ctx, gateway.ID{})
	if err != nil {
		return nil, err
	}
	barred := ""
	if who.Token.Role != gateway.Operator {
		barred = "it is the operator's; leave it out, or ask the operator to apply it"
	}
	if err := p.prices(ctx, "body", d.Prices, &item{path: "prices", owner: &gateway.ID{}, last: records["prices"], barred: barred}); err != nil {
		return nil, err
	}
	for i, c := range d.Channels {
		at := fmt.Sprintf("body.channels[%d]", i)
		if err := p.channel(ctx, at, c, &item{path: "channels/" + c.Name, owner: &gateway.ID{}, last: records["channels/"+c.Name], barred: barred}); err != nil {
			return nil, err
		}
	}
	if len(p.flaws) > 0 {
		text := "one thing is wrong with the document; nothing was done"
		if len(p.flaws) > 1 {
			text = fmt.Sprintf("%d things are wrong with the document; nothing was done", len(p.flaws))
		}
		problem := newProblem(ctx, http.StatusUnprocessableEntity, gateway.CodeInvalid, text)
		problem.Errors = p.flaws
		return nil, problem
	}
	return p, nil
}

func (p *plan) flaw(at, format string, args ...any) {
	p.flaws = append(p.flaws, flaw{Path: at, Text: fmt.Sprintf(format, args...)})
}

// fault keeps a fault as a flaw of the document, and gives any other error back.
func (p *plan) fault(at string, err error) error {
	var f *gateway.Fault
	if !errors.As(err, &f) {
		return err
	}
	p.flaw(at, "%s", f.Text)
	return nil
}

// once says whether a path is new in the document.
func (p *plan) once(at, path string) bool {
	if p.seen[path] {
		p.flaw(at, "it is in the document twice; leave one out")
		return false
	}
	p.seen[path] = true
	return true
}

var slug = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,38}[a-z0-9]$`)

func (p *plan) group(ctx context.Context, at string, d gateway.DocumentGroup) error {
	path := "groups/" + d.Slug
	if !p.once(at, path) {
		return nil
	}
	want, err := p.server.CheckGroup(d.Group())
	if err != nil {
		return p.fault(at, err)
	}
	have, mine := p.managed[d.Slug]
	barred := ""
	if !mine {
		if barred, err = p.bar(ctx, d.Slug); err != nil {
			return err
		}
	}
	records := map[string][]byte{}
	if mine {
		if records, err = p.server.Applied.Applied(ctx, have.ID); err != nil {
			return err
		}
	}
	owner := have.ID
	it := &item{path: path, owner: &owner, want: digestGroup(want), last: records[path], barred: barred}
	if mine {
		it.have = digestGroup(have)
	}
	it.write = func(ctx context.Context) error {
		done, err := p.server.Groups.PutGroup(ctx, want)
		owner = done.ID
		return err
	}
	p.items = append(p.items, it)
	for i, c := range d.Channels {
		path := path + "/channels/" + c.Name
		if err := p.channel(ctx, fmt.Sprintf("%s.channels[%d]", at, i), c, &item{path: path, owner: &owner, within: true, last: records[path], barred: barred}); err != nil {
			return err
		}
	}
	if err := p.prices(ctx, at, d.Prices, &item{path: path + "/prices", owner: &owner, within: true, last: records[path+"/prices"], barred: barred}); err != nil {
		return err
	}
	if err := p.calendars(ctx, at, path, d, want, &owner, records, barred); err != nil {
		return err
	}
	if err := p.wordings(ctx, at, path, d, &owner, records, barred); err != nil {
		return err
	}
	if err := p.rotas(ctx, at, path, want, d, &owner, records, barred); err != nil {
		return err
	}
	if err := p.series(ctx, at, path, want, d, &owner, records, barred); err != nil {
		return err
	}
	if err := p.policies(ctx, at, path, want, d, &owner, records, barred); err != nil {
		return err
	}
	return p.schedules(ctx, at, path, want, d, &owner, records, barred)
}

// bar says why the caller cannot act for a group that she does not manage; for the operator a group that does not
// exist bars nothing. To others it is the same whether the group exists.
func (p *plan) bar(ctx context.Context, name string) (string, error) {
	if p.who.Token.Role != gateway.Operator {
		return "it is not the group of this token; leave it out, or use a token of that group", nil
	}
	_, err := p.server.Groups.Group(ctx, name)
	if errors.Is(err, gateway.ErrNotFound) {
		return "", nil
	}
	return "the group has an administrator, so the operator no longer acts for it; apply it with a token of the group", err
}

// channel plans one channel; it has all but what the document says.
func (p *plan) channel(ctx context.Context, at string, d gateway.DocumentChannel, it *item) error {
	if !slug.MatchString(d.Name) {
		p.flaw(at+".name", "use 2 to 40 of a-z, 0-9 and -, with a letter or digit first and last")
		return nil
	}
	if !p.once(at, "channel "+d.Name) {
		return nil
	}
	if text := bytes.TrimSpace(d.Options); len(text) > 0 && text[0] != '{' {
		p.flaw(at+".options", "options must be an object")
		return nil
	}
	if it.within && len(d.Groups) > 0 {
		p.flaw(at+".groups", "only the operator's channels name groups; leave it out")
	}
	want := gateway.Channel{GroupID: *it.owner, Name: d.Name, Adapter: d.Adapter, Options: d.Options, Groups: d.Groups, Senders: d.Senders, Trip: d.Trip}
	have, exists := p.channels[d.Name]
	switch {
	case it.barred != "":
	case exists && (have.GroupID != *it.owner || it.within && it.owner.IsZero()):
		it.barred = "the name is taken; choose another"
	default:
		if _, err := p.server.Channels.Try(ctx, want); err != nil {
			return p.fault(at, err)
		}
		compared := want
		if exists {
			it.have = digestChannel(have)
			if len(want.Options) == 0 {
				compared.Options = have.Options
			}
		}
		it.want = digestChannel(compared)
	}
	it.write = func(ctx context.Context) error {
		want.GroupID = *it.owner
		_, err := p.server.Channels.PutChannel(ctx, want, d.Unchecked)
		return err
	}
	p.items = append(p.items, it)
	return nil
}

func (p *plan) wordings(ctx context.Context, at, path string, d gateway.DocumentGroup, owner *gateway.ID, records map[string][]byte, barred string) error {
	if len(d.Wordings) == 0 {
		return nil
	}
	have := map[string]map[string]string{}
	if !owner.IsZero() && barred == "" {
		var err error
		if have, err = p.server.Wordings.Wordings(ctx, *owner); err != nil {
			return err
		}
	}
	for _, name := range sortedKeys(d.Wordings) {
		sources := d.Wordings[name]
		here := at + ".wordings." + name
		if !slug.MatchString(name) {
			p.flaw(here, "its name must be 2 to 40 of a-z, 0-9 and -, with a letter or digit first and last")
			continue
		}
		if len(sources) == 0 {
			p.flaw(here, "it has no language; nothing is deleted by leaving it empty")
			continue
		}
		if err := checkWording(d.Group(), name, sources); err != nil {
			if err := p.fault(here, err); err != nil {
				return err
			}
			continue
		}
		it := &item{path: path + "/wordings/" + name, owner: owner, within: true, want: digest(sources), barred: barred, last: records[path+"/wordings/"+name]}
		if have[name] != nil {
			it.have = digest(have[name])
		}
		it.write = func(ctx context.Context) error { return p.server.Wordings.PutWording(ctx, *owner, name, sources) }
		p.items = append(p.items, it)
	}
	return nil
}

// run writes what is to be written, in order, and remembers each item's digest. An item that cannot be written is a
// conflict; the others go on.
func (p *plan) run(ctx context.Context, dryRun, overwrite bool) (gateway.ApplyReport, error) {
	report := gateway.ApplyReport{DryRun: dryRun, Items: make([]gateway.ApplyItem, 0, len(p.items))}
	for _, it := range p.items {
		told := it.judge(overwrite)
		if !dryRun && told.What != gateway.ApplyConflict {
			err := p.carryOut(ctx, it, told.What)
			var fault *gateway.Fault
			if errors.As(err, &fault) {
				told.What, told.Why = gateway.ApplyConflict, fault.Text
			} else if err != nil {
				return report, fmt.Errorf("applying %s: %w", it.path, err)
			}
		}
		report.Items = append(report.Items, told)
	}
	if !dryRun {
		p.server.Log.Info("a document was applied", "request", requestID(ctx), "token", p.who.Token.ID, "count", len(report.Items))
	}
	return report, nil
}

func (it *item) judge(overwrite bool) gateway.ApplyItem {
	told := gateway.ApplyItem{Path: it.path}
	switch {
	case it.barred != "":
		told.What, told.Why = gateway.ApplyConflict, it.barred
	case it.have == nil:
		told.What = gateway.ApplyCreate
	case bytes.Equal(it.want, it.have):
		told.What = gateway.ApplySame
	case overwrite || bytes.Equal(it.have, it.last):
		told.What = gateway.ApplyChange
	default:
		told.What, told.Why = gateway.ApplyConflict, "people changed it since the last apply; take their change into the document, or apply with overwrite"
	}
	return told
}

func (p *plan) carryOut(ctx context.Context, it *item, what gateway.ApplyWhat) error {
	if what != gateway.ApplySame {
		if it.within && it.owner.IsZero() {
			return gateway.Faultf(gateway.CodeConflict, "its group could not be made")
		}
		if err := it.write(ctx); err != nil {
			return err
		}
	}
	if bytes.Equal(it.last, it.want) {
		return nil
	}
	return p.server.Applied.SetApplied(ctx, *it.owner, it.path, it.want)
}

func digestGroup(g gateway.Group) []byte {
	g.ID = gateway.ID{}
	if len(g.Fallback) == 0 {
		g.Fallback = nil
	}
	g.Topics = slices.SortedFunc(slices.Values(g.Topics), func(a, b gateway.Topic) int { return strings.Compare(a.Name, b.Name) }) // their order is the ledger's
	return digest(g)
}

// digestChannel digests what a document says of a channel. Options hold at least one long secret, so their digest
// gives nothing away.
func digestChannel(c gateway.Channel) []byte {
	var options any
	if len(c.Options) > 0 {
		if err := json.Unmarshal(c.Options, &options); err != nil {
			options = string(c.Options)
		}
	}
	groups := c.Groups
	if len(groups) == 0 {
		groups = nil
	}
	said := map[string]any{"adapter": c.Adapter, "groups": groups, "senders": c.Senders, "options": options}
	if c.Trip != (gateway.Trip{}) { // else the digest is that of a release without it
		said["trip"] = c.Trip
	}
	return digest(said)
}

// digest is the SHA-256 of a value's JSON, in which the keys of maps are sorted.
func digest(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // only maps, strings and numbers come here
	}
	sum := sha256.Sum256(text)
	return sum[:]
}
