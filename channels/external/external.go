package external

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/time/rate"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/httpsend"
)

const (
	usualMemory = 512 << 20        // bytes that a program may have, unless the options say otherwise
	usualStart  = 20 * time.Second // in which a program describes itself, unless the options say otherwise
	tokenSize   = 8                // bytes from which a value of the environment may be a secret
	pollRoom    = 2                // seconds of the longest attempt that are left for the answer to events
	eventRate   = 500              // events a second that may be posted, which is what polling brings: a flood keeps the ledger from others
	eventBurst  = 5000             // and at once
)

// Factory makes the adapter. Each channel's description names its own kind of contact point.
func Factory() channels.Factory {
	return channels.Factory{
		Name: "external", Summary: "An adapter of your own, in any language, by signed HTTP or as a program",
		Options: func() any { return new(Options) },
		New:     New,
	}
}

// adapter is one channel of an adapter that somebody else wrote. It is safe for concurrent use.
type adapter struct {
	describes Description
	caps      channels.Capabilities
	form      *form
	writer    writer
	wire      wire
	veil      *veil
	name      string
	hook      string // where events are pushed; empty: they are polled
	greeting  Introduction
	signer    *httpsend.Signer // of signed HTTP; nil: a program
	now       func() time.Time
	pollWait  time.Duration
	posts     *rate.Limiter // of events that are posted, by now
	asks      *rate.Limiter // of events that are caught up with, by the real clock
	log       *slog.Logger
}

// New makes an adapter from a channel's settings, without any I/O: a program is started when it is first needed. The error names
// every option that is wrong and how to mend it.
func New(s channels.Settings) (channels.Adapter, error) {
	o, err := readOptions(s)
	if err != nil {
		return nil, err
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	f, err := newForm(o.Description.Address)
	if err != nil {
		return nil, err
	}
	d := o.Description
	a := &adapter{
		describes: d, form: f, veil: &veil{}, name: s.Name, now: s.Now, pollWait: s.PollWait, log: s.Log,
		posts: rate.NewLimiter(eventRate, eventBurst), asks: rate.NewLimiter(eventRate, mostEvents),
		writer:   writer{TextForm: d.Text, name: cmp.Or(d.Name, "the adapter"), buttons: d.Buttons},
		greeting: Introduction{Protocol: Protocol, Channel: s.Name},
	}
	if before, ok := s.Before.(interface {
		takes() (posts, asks *rate.Limiter)
	}); ok {
		a.posts, a.asks = before.takes() // other options are no new allowance
	}
	if len(o.Command) > 0 {
		a.overPipes(o)
	} else if err := a.overHTTP(o, s); err != nil {
		return nil, err
	}
	a.caps = d.capabilities(a.hook != "")
	return a.able(), nil
}

// takes gives what bounds the events that are taken from this channel.
func (a *adapter) takes() (posts, asks *rate.Limiter) { return a.posts, a.asks }

func (a *adapter) overPipes(o Options) {
	a.greeting.Settings, a.greeting.Secrets = o.Settings, map[string]string{}
	for name, secret := range o.Secrets {
		a.greeting.Secrets[name] = secret.Reveal()
		a.veil.secrets = append(a.veil.secrets, secret.Reveal())
	}
	for _, value := range o.Environment { // some hand their tokens over so
		if len(value) >= tokenSize {
			a.veil.secrets = append(a.veil.secrets, value)
		}
	}
	p := &program{
		launch: launch{
			channel: a.name, command: o.Command, directory: cmp.Or(o.Directory, "/"), user: o.User, env: environment(o.Environment),
			memory: cmp.Or(int64(o.Memory)<<20, usualMemory),
		},
		longest: seconds(a.describes.Attempt), concurrent: a.describes.Concurrent, start: cmp.Or(seconds(o.StartSeconds), usualStart),
		backoff: firstBackoff, parting: usualParting, log: a.log, veil: a.veil,
		greet: func(ctx context.Context, r *run) error {
			return a.described(r.exchange(ctx, DoDescribe, a.greeting))
		},
	}
	p.living, p.stop = context.WithCancel(context.Background())
	a.wire = p
}

// environment gives the whole environment of a program: nothing of the gateway's own.
func environment(own map[string]string) []string {
	env := []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	for name, value := range own {
		env = append(env, name+"="+value)
	}
	slices.Sort(env[1:])
	return env
}

func (a *adapter) overHTTP(o Options, s channels.Settings) error {
	signer, err := httpsend.NewSigner(o.Secret, o.PreviousSecret)
	if err != nil {
		return err
	}
	if a.describes.Events == byPush {
		a.hook = s.HookURL
	}
	a.greeting.Hook = a.hook
	client := s.HTTP
	if client == nil && !s.Operator {
		client = &http.Client{Transport: httpsend.GuardedTransport(s.Reach)}
	}
	a.signer, a.veil.secrets = signer, []string{o.Secret.Reveal(), o.PreviousSecret.Reveal()}
	a.wire = &post{url: o.URL, signer: signer, sender: httpsend.New(client, seconds(a.describes.Attempt)), now: s.Now}
	return nil
}

// able gives the adapter with the abilities that its description has and no others. Who is polled needs no catching up: the cursor
// tells what was missed.
func (a *adapter) able() channels.Adapter {
	switch polls, hears, finds, catches := a.describes.Events != byNone, a.hook != "", a.describes.Find, a.describes.CatchUp; {
	case hears && finds && catches:
		return struct {
			*adapter
			poller
			hearer
			finder
			catcher
		}{a, poller{a}, hearer{a}, finder{a}, catcher{a}}
	case hears && catches:
		return struct {
			*adapter
			poller
			hearer
			catcher
		}{a, poller{a}, hearer{a}, catcher{a}}
	case hears && finds:
		return struct {
			*adapter
			poller
			hearer
			finder
		}{a, poller{a}, hearer{a}, finder{a}}
	case hears:
		return struct {
			*adapter
			poller
			hearer
		}{a, poller{a}, hearer{a}}
	case polls && finds:
		return struct {
			*adapter
			poller
			finder
		}{a, poller{a}, finder{a}}
	case polls:
		return struct {
			*adapter
			poller
		}{a, poller{a}}
	case finds:
		return struct {
			*adapter
			finder
		}{a, finder{a}}
	default:
		return a
	}
}

// Close ends the program, once what is under way was answered, or lets connections go.
func (a *adapter) Close() error { return a.wire.Close() }

// Capabilities are those of the description.
func (a *adapter) Capabilities() channels.Capabilities {
	c := a.caps
	c.Rates, c.Reserved = slices.Clone(c.Rates), slices.Clone(c.Reserved)
	return c
}

// ParseAddress reads an address by the description's pattern.
func (a *adapter) ParseAddress(raw string) (channels.Address, error) { return a.form.parse(raw) }

// Compose writes a document in the description's markup.
func (a *adapter) Compose(doc content.Document) ([]channels.Part, error) {
	return a.writer.compose(doc)
}

// Fill puts a name into a message, unless several people read it.
func (a *adapter) Fill(p channels.Part, to channels.Address, name string) (channels.Part, bool) {
	if a.form.isShared(to) {
		return p, false
	}
	return a.writer.fill(p, name)
}

// Send hands one part to the adapter.
func (a *adapter) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	if err := ctx.Err(); err != nil {
		return channels.Sent{}, unsent("the time for the attempt ran out", err)
	}
	m.Part = a.writer.suited(m.Part)
	msg := Message{
		Attempt: m.Attempt, Part: m.PartNo, Key: m.Key, To: m.To.Reveal(), Text: m.Part.Text, HTML: m.Part.HTML, Subject: m.Part.Subject, Calendar: m.Part.Calendar, Buttons: m.Part.Buttons,
		Urgent: m.Urgent, Neutral: m.Neutral, Protected: m.Protected,
	}
	if a.describes.Text.Markup == TextMessage {
		msg.Encoding, msg.Segments = m.Part.Encoding, m.Part.Cost
	}
	if !m.Expires.IsZero() {
		if !m.Expires.After(a.now()) {
			return channels.Sent{}, &channels.Error{Class: channels.Permanent, Scope: channels.ScopeContent, Detail: "the message expired before it was sent", Cause: channels.ErrExpired}
		}
		at := m.Expires.UTC()
		msg.Expires = &at
	}
	a.veil.told(msg.To, msg.Text, msg.HTML)
	if msg.Subject != "" {
		a.veil.told("", msg.Subject, "")
	}
	var taken Taken
	if err := a.ask(ctx, DoSend, msg, &taken); err != nil {
		return channels.Sent{}, err
	}
	if taken.ID == "" || len(taken.ID) > mostID {
		return channels.Sent{}, inDoubt("the adapter's answer names no message", errors.New("the answer has no usable id"))
	}
	return channels.Sent{ProviderID: taken.ID, Delivered: taken.Delivered}, nil
}

// ask makes one exchange within the described time, and reads its answer.
func (a *adapter) ask(ctx context.Context, do string, with, into any) error {
	ctx, cancel := context.WithTimeout(ctx, seconds(a.describes.Attempt))
	defer cancel()
	return a.asked(into)(a.wire.Exchange(ctx, do, with))
}

// asked reads the answer of an exchange.
func (a *adapter) asked(into any) func(Answer, error) error {
	return func(answer Answer, err error) error {
		switch {
		case err != nil:
			return channels.AsError(err)
		case answer.Error != nil:
			return answer.Error.failure(a.form, a.veil.over)
		case json.Unmarshal(answer.OK, into) != nil:
			return inDoubt("the adapter's answer cannot be read", errUnreadable)
		}
		return nil
	}
}

// described holds what an adapter says of itself against what the channel was told.
func (a *adapter) described(answer Answer, err error) error {
	var d Description
	if err := a.asked(&d)(answer, err); err != nil {
		return err
	}
	if differ := a.describes.same(d); differ != "" {
		return &channels.Error{
			Class: channels.Auth, Scope: channels.ScopeChannel, Code: "description",
			Detail: "the adapter describes itself otherwise than the channel's options, in: " + differ + "; look at what carillon adapter describe prints, and enter it if it is right",
		}
	}
	return nil
}

// Check asks the adapter to describe itself, and whether it works.
func (a *adapter) Check(ctx context.Context) error {
	if err := a.Subscribe(ctx); err != nil {
		return err
	}
	var nothing struct{}
	return a.ask(ctx, DoCheck, nil, &nothing)
}

// Subscribe tells the adapter where to post events, and holds what it describes against the options.
func (a *adapter) Subscribe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, seconds(a.describes.Attempt))
	defer cancel()
	return a.described(a.wire.Exchange(ctx, DoDescribe, a.greeting))
}

// finder is the ability to tell what became of a message.
type finder struct{ of *adapter }

// FindStatus asks the adapter what became of a part.
func (f finder) FindStatus(ctx context.Context, q channels.Query) (channels.Finding, error) {
	a := f.of
	ask := Question{Attempt: q.Attempt, Part: q.PartNo, ID: q.ProviderID, To: q.To.Reveal(), Since: q.Since.UTC(), Until: q.Until.UTC()}
	if !content.HasHole(q.Part.Text) {
		ask.Text = q.Part.Text
	}
	a.veil.told(ask.To, ask.Text, "")
	var found Found
	if err := a.ask(ctx, DoFind, ask, &found); err != nil {
		return channels.Finding{}, err
	}
	switch findings[found.Found] {
	case channels.NotSent:
		return channels.Finding{Found: channels.NotSent}, nil
	case channels.WasSent:
		if found.Receipt == nil {
			return channels.Finding{}, nil
		}
		r, ok := found.Receipt.receipt(a.form, a.veil.over)
		if !ok || q.ProviderID != "" && r.ProviderID != "" && r.ProviderID != q.ProviderID || r.Attempt != "" && r.Attempt != q.Attempt {
			return channels.Finding{}, nil // about another message: nothing is known of this one
		}
		r.Attempt, r.PartNo, r.ProviderID = q.Attempt, q.PartNo, cmp.Or(r.ProviderID, q.ProviderID)
		if r.ProviderID == "" {
			return channels.Finding{}, nil
		}
		return channels.Finding{Found: channels.WasSent, Receipt: *r}, nil
	}
	return channels.Finding{}, nil
}

// poller is the ability to be asked for events.
type poller struct{ of *adapter }

// Poll asks the adapter for events. Those that cannot be used are left out and counted in the log.
func (p poller) Poll(ctx context.Context, cursor string) ([]channels.Event, string, error) {
	a := p.of
	after := After{After: cursor}
	if a.signer != nil || a.describes.Concurrent > 1 { // else waiting would hold up everything else
		after.Wait = min(int(a.pollWait/time.Second), max(0, a.describes.Attempt-pollRoom))
	}
	var batch Batch
	if err := a.ask(ctx, DoEvents, after, &batch); err != nil {
		return nil, cursor, err
	}
	if !isCursor(batch.Next) {
		return nil, cursor, errNoCursor()
	}
	return a.usable(&batch), batch.Next, nil
}

func (a *adapter) usable(batch *Batch) []channels.Event {
	events, unusable := readBatch(batch, a.form, a.veil.over)
	if unusable > 0 {
		a.log.Warn("an adapter reported what cannot be used", "channel", a.name, "count", unusable)
	}
	return events
}

// hearer is the ability to take events that the adapter posts.
type hearer struct{ of *adapter }

// ParseWebhook reads events that the adapter posted and signed. One of our own requests, posted back, is a forgery.
func (h hearer) ParseWebhook(r *http.Request, body []byte) ([]channels.Event, error) {
	a := h.of
	id, genuine := a.signer.Verify(r.Header, body, a.now())
	if !genuine || strings.HasPrefix(id, OwnID) {
		return nil, channels.ErrForged
	}
	var batch Batch
	if !utf8.Valid(body) || json.Unmarshal(body, &batch) != nil || batch.Events == nil {
		return nil, errUnreadable
	}
	if len(batch.Events) > mostEvents {
		return nil, errors.New("too many events at once; at most 500 may be posted together")
	}
	if !a.posts.AllowN(a.now(), max(1, len(batch.Events))) {
		return nil, channels.ErrBusy
	}
	return a.usable(&batch), nil
}

// catcher is the ability to tell what was posted while nobody listened.
type catcher struct{ of *adapter }

// CatchUp asks the adapter for what came since a time. An answer without events is the last one. It waits so that no more comes in
// than by polling.
func (c catcher) CatchUp(ctx context.Context, since time.Time, cursor string) (channels.Caught, error) {
	a := c.of
	since = since.UTC()
	var batch Batch
	if err := a.ask(ctx, DoEvents, After{After: cursor, Since: &since}, &batch); err != nil {
		return channels.Caught{}, err
	}
	if len(batch.Events) > 0 && !isCursor(batch.Next) {
		return channels.Caught{}, errNoCursor()
	}
	if err := a.asks.WaitN(ctx, min(len(batch.Events), mostEvents)); err != nil {
		return channels.Caught{}, unsent("there was no time for more events", err)
	}
	out := channels.Caught{Events: a.usable(&batch)}
	if len(batch.Events) > 0 {
		out.Next = batch.Next
	}
	if batch.Lost != nil && batch.Lost.Before(a.now()) {
		out.Lost = *batch.Lost
	}
	return out, nil
}

func isCursor(s string) bool { return s != "" && len(s) <= mostCursor && utf8.ValidString(s) }

func errNoCursor() *channels.Error {
	return &channels.Error{Class: channels.Permanent, Scope: channels.ScopeChannel, Detail: "the adapter's answer to events names no next cursor"}
}

var (
	_ channels.Adapter       = (*adapter)(nil)
	_ channels.Filler        = (*adapter)(nil)
	_ channels.Subscriber    = (*adapter)(nil)
	_ io.Closer              = (*adapter)(nil)
	_ channels.StatusFinder  = finder{}
	_ channels.Poller        = poller{}
	_ channels.WebhookParser = hearer{}
	_ channels.Catcher       = catcher{}
)
