package sandbox

import (
	"context"
	"hash/maphash"
	"io"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// The providers that the sandbox stands in for.
const (
	Twilio     = "twilio"
	Telegram   = "telegram"
	Mattermost = "mattermost"
	Mail       = "email"   // SMTP and IMAP; see ServeMail
	Voice      = "voice"   // calls through Twilio
	Android    = "android" // the app SMS Gateway for Android
	Matrix     = "matrix"  // a homeserver
)

// The kinds of address that people have here. They equal the kinds of contact point of the adapters.
const (
	KindSMS        = "sms"
	KindTelegram   = "telegram"
	KindMattermost = "mattermost"
	KindEmail      = "email"
	KindVoice      = "voice"  // a telephone that is called
	KindMatrix     = "matrix" // a room
)

// Options says how a sandbox behaves. The zero value is a sandbox that takes every credential on its first use.
type Options struct {
	Now           func() time.Time // nil: time.Now
	Accounts      []Account        // Twilio accounts known from the start
	Bots          []Bot            // Telegram bots known from the start
	TeamBots      []MattermostBot  // Mattermost bots known from the start
	Mail          []MailUser       // users of SMTP and IMAP known from the start
	Strict        bool             // refuse credentials that were not configured, instead of learning them on first use
	OpenChats     bool             // every Telegram chat counts as started, and every Mattermost account and channel is there
	OldMattermost bool             // the Mattermost server is one of old: 4,000 characters, no priorities, channels listed by team
	NoPriority    bool             // its administrators switched priorities off
	Pace          time.Duration    // between one status of a text message and the next; zero: at once
	Statuses      []string         // the statuses that are called back ("sent", "delivered", …); nil: all
	Callers       int              // callbacks under way at once; zero: 64
	LogTo         io.Writer        // also gets the log, as NDJSON, buffered for at most 50 ms; nil: nowhere
	Hosts         []string         // names under which browsers may open the wall, beside IP addresses and names without a dot
	Reach         []netip.Prefix   // networks, beside this machine, to which callbacks may go
	Tracker       Tracker          // what the wall shows beside each phone; nil: nothing
	Actions       []Action         // buttons of the wall's control strip
}

// Sandbox is one set of stand-ins. All methods are safe for concurrent use. It runs no goroutine while nothing is
// under way; Close ends those that are.
type Sandbox struct {
	opts    Options
	seed    maphash.Seed
	salt    uint64 // makes identifiers of one sandbox differ from those of the next
	offset  atomic.Int64
	journal journal
	phones  phoneBook
	seen    tally
	faults  faultScript
	box     outbox
	mail    mailRoom
	wall    wall
	handler http.Handler

	accounts    sync.Map // Twilio account SID → *account
	matrixUsers sync.Map // access token → *matrixUser
	handsets    sync.Map // user of an Android phone → *handset
	bots        sync.Map // Telegram bot id → *bot
	teamBots    sync.Map // token → *teamBot
	usernames   sync.Map // of Mattermost → *phone
	attached    atomic.Pointer[attachment]

	waitMu  sync.Mutex
	waiters atomic.Int64
	changed chan struct{}
}

type attachment struct {
	tracker Tracker
	actions []Action
}

// New makes a sandbox. Nothing listens yet: serve its Handler.
func New(opts Options) *Sandbox {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Callers <= 0 {
		opts.Callers = 64
	}
	s := &Sandbox{opts: opts, seed: maphash.MakeSeed(), changed: make(chan struct{})}
	s.salt = maphash.String(s.seed, "identifiers") | 1
	s.journal.open(opts.LogTo)
	s.phones.open(s.seed)
	s.seen.open(s.seed)
	s.box.open(s.now, s.note, opts.Callers, opts.Reach)
	s.wall.open()
	s.mail.open(opts.Mail)
	s.Attach(opts.Tracker, opts.Actions...)
	for _, a := range opts.Accounts {
		s.Account(a)
	}
	for _, b := range opts.Bots {
		s.Bot(b)
	}
	for _, b := range opts.TeamBots {
		s.MattermostBot(b)
	}
	s.handler = s.routes()
	return s
}

// Handler serves the providers, the control API and the phone wall.
func (s *Sandbox) Handler() http.Handler { return s.handler }

// Attach sets what the wall shows beside the phones and the buttons of its control strip, for a gateway that is made
// after its sandbox. It replaces what was attached before.
func (s *Sandbox) Attach(t Tracker, actions ...Action) {
	s.attached.Store(&attachment{tracker: t, actions: actions})
}

// Run waits until ctx ends and then closes the sandbox.
func (s *Sandbox) Run(ctx context.Context) error {
	<-ctx.Done()
	return s.Close()
}

// Close cancels callbacks under way, ends long polls and hanging answers, and flushes the log. The error is that of
// writing Options.LogTo. Closing twice is harmless.
func (s *Sandbox) Close() error {
	s.box.close()
	s.mail.close()
	return s.journal.close()
}

// Advance winds the sandbox's clock on, so that what is due by then happens now. Advance(0) only looks again, for
// tests that wind the clock given in Options.
func (s *Sandbox) Advance(by time.Duration) {
	s.offset.Add(int64(by))
	s.box.wake()
	s.note()
}

// Wait returns nil as soon as done says true; it asks again after every change. It returns the context's cause if that
// ends first.
func (s *Sandbox) Wait(ctx context.Context, done func() bool) error {
	s.waiters.Add(1)
	defer s.waiters.Add(-1)
	for {
		s.waitMu.Lock()
		changed := s.changed
		s.waitMu.Unlock()
		if done() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.box.ctx.Done():
			return context.Cause(s.box.ctx)
		}
	}
}

// note wakes those who wait for a change.
func (s *Sandbox) note() {
	if s.waiters.Load() == 0 {
		return
	}
	s.waitMu.Lock()
	close(s.changed)
	s.changed = make(chan struct{})
	s.waitMu.Unlock()
}

func (s *Sandbox) now() time.Time {
	return s.opts.Now().Add(time.Duration(s.offset.Load()))
}
