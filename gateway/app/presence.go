package app

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
)

// How often a process of the profile scaled shows that it is alive, for how long it is believed, and after how long
// without an answer it does not call itself ready any more.
const (
	beat       = 2 * time.Second
	beatLease  = 15 * time.Second
	beatMissed = 6 * time.Second
)

// processDuty begins the names of the duties that say who is alive: process/<roles>/<id>/<file>.
const processDuty = "process/"

// presence writes to the ledger that this process is alive, and asks the queue whether it is there: so it knows, without
// anybody asking, whether it can work.
type presence struct {
	ledger  gateway.Duties
	check   func(context.Context) error                            // of the queue
	held    func(context.Context) ([]string, time.Duration, error) // who keeps the ledger's work waiting, and for how long
	log     *slog.Logger
	needs   bool // the queue: part of its work stands still without
	queued  bool // the queue: all of it does
	process gateway.ID
	name    string

	mu       sync.Mutex
	ledgerAt time.Time // when it last answered
	queueAt  time.Time
	ledgerIs error
	queueIs  error
	heldBy   []string // as held last said
	nobody   int      // how often it has named nobody since
	waited   time.Duration
}

func newPresence(ledger gateway.Duties, check func(context.Context) error, process gateway.ID, roles []Role, file string) *presence {
	now := time.Now() // both have answered while the process was built
	p := &presence{ledger: ledger, check: check, process: process, log: slog.New(slog.DiscardHandler), needs: slices.Contains(roles, RoleRelay) || slices.Contains(roles, RoleSender),
		held: func(context.Context) ([]string, time.Duration, error) { return nil, 0, nil }, name: processDuty + joinRoles(roles, "+") + "/" + process.String() + "/" + file, ledgerAt: now, queueAt: now}
	p.queued = p.needs && !slices.Contains(roles, RoleAPI) // what that takes in is kept in the ledger
	if l, ok := ledger.(interface {
		Held(context.Context) ([]string, time.Duration, error)
	}); ok {
		p.held = l.Held
	}
	return p
}

// run beats until the context ends, and then says that the process is gone.
func (p *presence) run(ctx context.Context) error {
	var fence gateway.Fence
	var said telling
	var others sync.WaitGroup
	for _, ask := range []func(context.Context){p.askQueue, p.askHeld, func(context.Context) { said.say(p) }} { // one that hangs says nothing of the others
		others.Go(func() { beating(ctx, ask) })
	}
	beating(ctx, func(ctx context.Context) {
		asked := time.Now()
		f, err := p.ledger.Hold(ctx, p.name, p.process, beatLease)
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.ledgerIs = err; err == nil {
			fence, p.ledgerAt = f, asked
		}
	})
	others.Wait()
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), beat)
	defer cancel()
	_ = p.ledger.Leave(leaving, fence) // the lease ends soon by itself
	return nil
}

// beating asks again and again until the context ends, and waits for no answer longer than may be missed.
func beating(ctx context.Context, ask func(context.Context)) {
	for {
		bounded, cancel := context.WithTimeout(ctx, beatMissed)
		ask(bounded)
		cancel()
		if !pause(ctx, beat) {
			return
		}
	}
}

func (p *presence) askQueue(ctx context.Context) {
	asked := time.Now()
	err := p.check(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.queueIs = err; err == nil {
		p.queueAt = asked
	}
}

func (p *presence) askHeld(ctx context.Context) {
	by, waited, err := p.held(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waited = waited
	switch {
	case waited == 0 || err == nil && len(by) > 0:
		p.heldBy, p.nobody = by, 0
	case err == nil:
		if p.nobody++; p.nobody > 1 { // between two tries nobody waits for a moment
			p.heldBy = nil
		}
	}
}

// telling is what the log has been told of a process.
type telling struct {
	missing, held bool
	last          time.Time
}

// say has the log told, once, of what keeps the process from its work, and that it is over.
func (t *telling) say(p *presence) {
	now := time.Now()
	slept := now.Sub(t.last) > beatMissed // the process was stopped itself, and nobody has been asked since
	if t.last = now; slept {
		return
	}
	reasons := p.missing(p.needs)
	if is := len(reasons) > 0; is != t.missing {
		if t.missing = is; is {
			p.log.Error("the process cannot do its work", "reason", strings.Join(reasons, "; "))
		} else {
			p.log.Info("the process can do its work again")
		}
	}
	by, waited := p.waiting()
	if is := len(by) > 0; is != t.held {
		if t.held = is; is {
			p.log.Error("what this process does waits for a lock in PostgreSQL", "wait", waited.Round(time.Second), "what", strings.Join(by, "; "))
		} else {
			p.log.Info("the lock in PostgreSQL is gone")
		}
	}
}

// waiting says who holds locks that this process waits for, and for how long it has.
func (p *presence) waiting() ([]string, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heldBy, p.waited
}

// missing says what keeps the process from working; the queue counts for those who need it.
func (p *presence) missing(needsQueue bool) (reasons []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.ledgerAt) > beatMissed {
		reason := "the ledger does not answer"
		if fault := (*gateway.Fault)(nil); errors.As(p.ledgerIs, &fault) {
			reason = fault.Text
		}
		reasons = append(reasons, reason)
	}
	if needsQueue && time.Since(p.queueAt) > beatMissed {
		reason := "Redis does not answer"
		if p.queueIs != nil {
			reason, _, _ = strings.Cut(p.queueIs.Error(), ": ") // the rest may name a server; the log has it
		}
		reasons = append(reasons, reason)
	}
	return reasons
}

// processes lists who is alive.
func processes(ctx context.Context, ledger gateway.Duties) ([]gateway.ProcessStatus, error) {
	held, err := ledger.Holders(ctx, processDuty)
	if err != nil {
		return nil, err
	}
	all := make([]gateway.ProcessStatus, 0, len(held))
	for _, d := range held {
		roles, rest, _ := strings.Cut(strings.TrimPrefix(d.Name, processDuty), "/")
		_, file, _ := strings.Cut(rest, "/")
		all = append(all, gateway.ProcessStatus{ID: d.By, Roles: strings.Split(roles, "+"), File: file})
	}
	slices.SortFunc(all, func(a, b gateway.ProcessStatus) int { return strings.Compare(a.ID.String(), b.ID.String()) })
	return all, nil
}

// fileMark tells what all processes must read alike in the operator's file from anything else, and says nothing about it.
func fileMark(c *config.Config, ring *seal.Ring) (string, error) {
	addresses := slices.Sorted(slices.Values(c.Storage.Redis.Addresses))
	same := []any{c.PublicBaseURL, addresses, c.Storage.Redis.Master, c.Storage.Redis.Cluster, c.Languages, c.Contacts, c.PrivateNets, c.Watchdog}
	for _, k := range c.Keys {
		same = append(same, k.ID)
	}
	for _, ch := range c.Channels {
		same = append(same, ch.Name, ch.Adapter, ch.Groups, ch.Senders, ch.Trip, ch.Options.JSON())
	}
	text, err := json.Marshal(same)
	return hex.EncodeToString(ring.Suppression().Of("operator's file", string(text))[:8]), err
}

// tellFiles has the log told what the operator's file has changed, and of processes that read another: one of the two is older, and
// whoever starts last is obeyed.
func (a *App) tellFiles(ctx context.Context, changed []string) error {
	for _, name := range changed {
		a.Log.Warn("the operator's file has changed a channel", "channel", name)
	}
	if a.desk.others == nil {
		return nil
	}
	mine, err := fileMark(a.Config, a.ring)
	if err != nil {
		return err
	}
	alive, err := a.desk.others(ctx)
	if err != nil {
		return err
	}
	for _, p := range alive {
		if p.File != "" && p.File != mine {
			a.Log.Warn("another process reads another operator's file; give both the newer one, and start again whichever read the older", "role", strings.Join(p.Roles, ","), "id", p.ID)
		}
	}
	return nil
}
