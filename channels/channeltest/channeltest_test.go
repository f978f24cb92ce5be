package channeltest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/content"
	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/channels/sms"
)

const (
	account = "AC00000000000000000000000000000001"
	token   = "0123456789abcdef0123456789abcdef"
)

// whole is the sound adapter that the broken ones below are made of.
type whole = *sms.Adapter

// subject has the kit test what bend makes of the sound adapter.
func subject(bend func(whole) channels.Adapter) channeltest.Subject {
	build := func(token string) func(channeltest.Double, string) (channels.Adapter, error) {
		return func(d channeltest.Double, hook string) (channels.Adapter, error) {
			if box, ok := d.(*channeltest.SandboxDouble); ok {
				box.Box.Account(sandbox.Account{SID: account, Token: "0123456789abcdef0123456789abcdef", SMSURL: hook})
			}
			raw, err := json.Marshal(map[string]string{"account_sid": account, "auth_token": token, "from": "+12025550100", "base_url": d.URL()})
			if err != nil {
				return nil, err
			}
			a, err := sms.New(channels.Settings{Name: "kit", Options: raw, HookURL: hook})
			if err != nil {
				return nil, err
			}
			return bend(a), nil
		}
	}
	return channeltest.Subject{
		Start: func() (channeltest.Double, func(), error) {
			return channeltest.Sandbox(sandbox.Twilio, sandbox.KindSMS, "", sandbox.Options{})
		},
		Make: build(token), Stranger: build("another"),
		Valid:   map[string]channels.Address{"+1 202 555 0123": "+12025550123"},
		Invalid: []string{"Annabel"}, People: []channels.Address{"+12025550123", "+447700900123"}, Secrets: []string{token},
		Proof: "X-Twilio-Signature", SignsBody: true,
		OptOut: func(d channeltest.Double, a channels.Address) error { return d.Reply(a.Reveal(), "STOP") },
	}
}

// run gives what a check finds wrong.
func run(t *testing.T, check string, s channeltest.Subject) channeltest.Result {
	t.Helper()
	for _, c := range channeltest.Checks(s) {
		if c.Name == check {
			return channeltest.Run(c)
		}
	}
	t.Fatalf("there is no check %q", check)
	return channeltest.Result{}
}

// Every check passes the sound adapter, and none is skipped.
func TestTheSoundAdapterPasses(t *testing.T) {
	for _, c := range channeltest.Checks(subject(func(a whole) channels.Adapter { return a })) {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			if r := channeltest.Run(c); len(r.Faults) > 0 || r.Skipped != "" || c.Why == "" {
				t.Errorf("%+v", r)
			}
		})
	}
}

// Every check finds the adapters that it is there for.
func TestBrokenAdaptersAreFound(t *testing.T) {
	for _, c := range []struct {
		check string
		how   string
		says  string // part of a fault that must be found
		bend  func(whole) channels.Adapter
	}{
		{"capabilities", "no limit", "text limit of 0", func(a whole) channels.Adapter { return &otherLimits{a, channels.Capabilities{Kind: "sms"}} }},
		{"capabilities", "changing", "differ from one call", func(a whole) channels.Adapter { return &changing{whole: a} }},
		{"addresses", "never the same", "want", func(a whole) channels.Adapter { return &counting{whole: a} }},
		{"addresses", "not idempotent", "want itself", func(a whole) channels.Adapter { return &growing{a} }},
		{"addresses", "takes anything", "was taken as", func(a whole) channels.Adapter { return &credulous{a} }},
		{"addresses", "repeats what was typed", "repeats it", func(a whole) channels.Adapter { return &chatty{a} }},
		{"compose", "no limit", "over the limit", func(a whole) channels.Adapter { return &endless{a} }},
		{"compose", "changing", "differs from one call", func(a whole) channels.Adapter { return &dated{whole: a} }},
		{"compose", "plain errors", "want a *channels.Error", func(a whole) channels.Adapter { return &plainErrors{a} }},
		{"compose", "changes the document", "changed the document", func(a whole) channels.Adapter { return &meddling{a} }},
		{"hostile", "writes what it gets", "nobody sees and programs obey", func(a whole) channels.Adapter { return &endless{a} }},
		{"hostile", "becomes more for some", "parts, with a plain one", func(a whole) channels.Adapter { return &swayed{a} }},
		{"send", "twice", "saw 6 messages", func(a whole) channels.Adapter { return &twice{a} }},
		{"send", "without an id", "without the provider's id", func(a whole) channels.Adapter { return &nameless{a} }},
		{"send", "another's text", "with another text", func(a whole) channels.Adapter { return &mumbling{a} }},
		{"faults", "tries again", "in one attempt", func(a whole) channels.Adapter { return &retrying{a} }},
		{"faults", "plain errors", "want a *channels.Error", func(a whole) channels.Adapter { return &plainErrors{a} }},
		{"faults", "takes doubt for failure", "class temporary, want unknown", func(a whole) channels.Adapter { return &optimist{a} }},
		{"faults", "tells the text", "tells an address", func(a whole) channels.Adapter { return &quoting{a} }},
		{"faults", "tells it in a cause", "tells an address", func(a whole) channels.Adapter { return &telltale{a} }},
		{"faults", "forgets the wait", "it waits 0s, want 7s", func(a whole) channels.Adapter { return &impatient{a} }},
		{"faults", "succeeds always", "no error, want class", func(a whole) channels.Adapter { return &liar{a} }},
		{"unreachable", "always in doubt", "class unknown, want temporary", func(a whole) channels.Adapter { return &pessimist{a} }},
		{"context", "deaf", "although its deadline was", func(a whole) channels.Adapter { return &deaf{a} }},
		{"check", "disturbs people", "Check sent", func(a whole) channels.Adapter { return &disturbing{a} }},
		{"check", "always well", "no error, want class", func(a whole) channels.Adapter { return &blind{a} }},
		{"receipts", "forgets the attempt", "does not bring back", func(a whole) channels.Adapter { return &forgetful{a} }},
		{"receipts", "two things at once", "2 things at once", func(a whole) channels.Adapter { return &muddled{a} }},
		{"inbound", "without ids", "has no id", func(a whole) channels.Adapter { return &forgetful{a} }},
		{"forgery", "believes everything", "want ErrForged", func(a whole) channels.Adapter { return &gullible{whole: a} }},
		{"forgery", "panics", "panic: ", func(a whole) channels.Adapter { return &fragile{a} }},
		{"opt-out", "knows no STOP", "class permanent, want gone", func(a whole) channels.Adapter { return &stubborn{a} }},
		{"polling", "loses its place", "empty cursor", func(a whole) channels.Adapter { return &lost{a} }},
		{"polling", "moves on after a failure", "moved the cursor", func(a whole) channels.Adapter { return &hasty{a} }},
		{"look-up", "rash", "would be sent twice", func(a whole) channels.Adapter { return &rash{a} }},
		{"concurrency", "one id for all", "got 1 ids", func(a whole) channels.Adapter { return &sameID{a} }},
	} {
		t.Run(c.check+", "+c.how, func(t *testing.T) {
			t.Parallel()
			r := run(t, c.check, subject(c.bend))
			if !strings.Contains(strings.Join(r.Faults, "\n"), c.says) {
				t.Errorf("the check did not say %q; it found %q", c.says, r.Faults)
			}
		})
	}
}

type otherLimits struct {
	whole
	c channels.Capabilities
}

func (a *otherLimits) Capabilities() channels.Capabilities { return a.c }

type changing struct {
	whole
	n atomic.Int64
}

func (a *changing) Capabilities() channels.Capabilities {
	c := a.whole.Capabilities()
	c.TextLimit += int(a.n.Add(1))
	return c
}

type counting struct {
	whole
	n atomic.Int64
}

func (a *counting) ParseAddress(raw string) (channels.Address, error) {
	got, err := a.whole.ParseAddress(raw)
	return got + channels.Address(fmt.Sprint(a.n.Add(1))), err
}

type growing struct{ whole }

func (a *growing) ParseAddress(raw string) (channels.Address, error) {
	if !strings.Contains(raw, " ") {
		return channels.Address(raw + "0"), nil
	}
	return a.whole.ParseAddress(raw)
}

type credulous struct{ whole }

func (a *credulous) ParseAddress(raw string) (channels.Address, error) {
	return channels.Address("+" + strings.NewReplacer(" ", "", "+", "").Replace(raw)), nil
}

type chatty struct{ whole }

func (a *chatty) ParseAddress(raw string) (channels.Address, error) {
	got, err := a.whole.ParseAddress(raw)
	if err != nil {
		err = fmt.Errorf("%q is wrong: %w", raw, err)
	}
	return got, err
}

type endless struct{ whole }

func (a *endless) Compose(doc content.Document) ([]channels.Part, error) {
	return []channels.Part{{Text: "x" + doc.Plain(), Cost: 1}}, nil
}

type swayed struct{ whole }

func (a *swayed) Compose(doc content.Document) ([]channels.Part, error) {
	parts, err := a.whole.Compose(doc)
	if strings.Contains(doc.Plain(), "{") {
		parts = append(parts, parts...)
	}
	return parts, err
}

// What a parser reads is held against what it reads of a plain name: structure and text.
func TestWhatIsReadIsCompared(t *testing.T) {
	for says, read := range map[string]func(channels.Part) (channeltest.Shape, error){
		"another structure": func(p channels.Part) (channeltest.Shape, error) {
			return channeltest.Shape{Text: p.Text, Marks: strings.SplitAfter(p.Text, "<b>")[1:]}, nil
		},
		"reads\n": func(p channels.Part) (channeltest.Shape, error) {
			return channeltest.Shape{Text: strings.ReplaceAll(p.Text, "@all", "everybody")}, nil
		},
		"cannot be read": func(p channels.Part) (channeltest.Shape, error) {
			if strings.Contains(p.Text, "]]>") {
				return channeltest.Shape{}, errors.New("it ends too early")
			}
			return channeltest.Shape{Text: p.Text}, nil
		},
	} {
		s := subject(func(a whole) channels.Adapter { return a })
		s.Read = read
		if r := run(t, "hostile", s); !strings.Contains(strings.Join(r.Faults, "\n"), says) {
			t.Errorf("the check did not say %q; it found %d faults", says, len(r.Faults))
		}
	}
}

type dated struct {
	whole
	n atomic.Int64
}

func (a *dated) Compose(doc content.Document) ([]channels.Part, error) {
	return []channels.Part{{Text: fmt.Sprint("x", a.n.Add(1)), Cost: 1}}, nil
}

type meddling struct{ whole }

func (a *meddling) Compose(doc content.Document) ([]channels.Part, error) {
	if len(doc.Blocks) > 0 {
		doc.Blocks[0].Kind = content.Quote
	}
	return a.whole.Compose(doc)
}

type plainErrors struct{ whole }

func plain(err error) error {
	if err == nil {
		return nil
	}
	return errors.New("it failed")
}

func (a *plainErrors) Compose(doc content.Document) ([]channels.Part, error) {
	parts, err := a.whole.Compose(doc)
	return parts, plain(err)
}

func (a *plainErrors) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	sent, err := a.whole.Send(ctx, m)
	return sent, plain(err)
}

type twice struct{ whole }

func (a *twice) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	if sent, err := a.whole.Send(ctx, m); err != nil {
		return sent, err
	}
	return a.whole.Send(ctx, m)
}

type nameless struct{ whole }

func (a *nameless) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	_, err := a.whole.Send(ctx, m)
	return channels.Sent{}, err
}

type mumbling struct{ whole }

func (a *mumbling) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	m.Part.Text = strings.ToUpper(m.Part.Text)
	return a.whole.Send(ctx, m)
}

type sameID struct{ whole }

func (a *sameID) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	_, err := a.whole.Send(ctx, m)
	return channels.Sent{ProviderID: "SM1"}, err
}

type retrying struct{ whole }

func (a *retrying) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	sent, err := a.whole.Send(ctx, m)
	if err != nil && ctx.Err() == nil {
		return a.whole.Send(ctx, m)
	}
	return sent, err
}

// reworked is an adapter whose errors of Send were changed.
func reworked(a whole, ctx context.Context, m channels.Outbound, change func(*channels.Error)) (channels.Sent, error) {
	sent, err := a.Send(ctx, m)
	var e *channels.Error
	if errors.As(err, &e) {
		changed := *e
		change(&changed)
		err = &changed
	}
	return sent, err
}

type optimist struct{ whole }

func (a *optimist) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	return reworked(a.whole, ctx, m, func(e *channels.Error) {
		if e.Class == channels.Unknown {
			e.Class = channels.Temporary
		}
	})
}

type pessimist struct{ whole }

func (a *pessimist) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	return reworked(a.whole, ctx, m, func(e *channels.Error) { e.Class = channels.Unknown })
}

type telltale struct{ whole }

func (a *telltale) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	return reworked(a.whole, ctx, m, func(e *channels.Error) { e.Cause = fmt.Errorf("sending: %w", errors.New(m.To.Reveal())) })
}

type quoting struct{ whole }

func (a *quoting) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	return reworked(a.whole, ctx, m, func(e *channels.Error) { e.Detail = "could not send " + m.Part.Text })
}

type impatient struct{ whole }

func (a *impatient) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	return reworked(a.whole, ctx, m, func(e *channels.Error) { e.RetryAfter = 0 })
}

type stubborn struct{ whole }

func (a *stubborn) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	return reworked(a.whole, ctx, m, func(e *channels.Error) { e.Class = channels.Permanent })
}

type liar struct{ whole }

func (a *liar) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	sent, err := a.whole.Send(ctx, m)
	if err != nil {
		sent.ProviderID = "SM1"
	}
	return sent, nil
}

type deaf struct{ whole }

func (a *deaf) Send(ctx context.Context, m channels.Outbound) (channels.Sent, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return a.whole.Send(ctx, m)
}

type disturbing struct{ whole }

func (a *disturbing) Check(ctx context.Context) error {
	if _, err := a.Send(ctx, channels.Outbound{To: "+12025550123", Part: channels.Part{Text: "Are you there?"}}); err != nil {
		return err
	}
	return a.whole.Check(ctx)
}

type blind struct{ whole }

func (a *blind) Check(context.Context) error { return nil }

type forgetful struct{ whole }

func (a *forgetful) ParseWebhook(r *http.Request, body []byte) ([]channels.Event, error) {
	events, err := a.whole.ParseWebhook(r, body)
	for i := range events {
		events[i].ID = ""
		if rec := events[i].Receipt; rec != nil {
			rec.Attempt = ""
		}
	}
	return events, err
}

type muddled struct{ whole }

func (a *muddled) ParseWebhook(r *http.Request, body []byte) ([]channels.Event, error) {
	events, err := a.whole.ParseWebhook(r, body)
	for i := range events {
		events[i].Signal = &channels.Signal{}
	}
	return events, err
}

// gullible answers whatever comes with what came last that was genuine.
type gullible struct {
	whole
	last atomic.Pointer[[]channels.Event]
}

func (a *gullible) ParseWebhook(r *http.Request, body []byte) ([]channels.Event, error) {
	events, err := a.whole.ParseWebhook(r, body)
	if last := a.last.Load(); err != nil && last != nil {
		return *last, nil
	}
	a.last.Store(&events)
	return events, err
}

type fragile struct{ whole }

func (a *fragile) ParseWebhook(r *http.Request, body []byte) ([]channels.Event, error) {
	_ = body[0]
	return a.whole.ParseWebhook(r, body)
}

type lost struct{ whole }

func (a *lost) Poll(ctx context.Context, cursor string) ([]channels.Event, string, error) {
	events, _, err := a.whole.Poll(ctx, cursor)
	return events, "", err
}

type hasty struct{ whole }

func (a *hasty) Poll(ctx context.Context, cursor string) ([]channels.Event, string, error) {
	events, next, err := a.whole.Poll(ctx, cursor)
	if err != nil {
		next = fmt.Sprint(time.Now().Unix() + 1)
	}
	return events, next, err
}

type rash struct{ whole }

func (a *rash) FindStatus(context.Context, channels.Query) (channels.Finding, error) {
	return channels.Finding{Found: channels.NotSent}, nil
}
