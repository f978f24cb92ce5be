package postgres

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// held is how long a process waits for the server before it looks whether somebody holds a lock.
const held = 5 * time.Second

// looking is how long a statement must have waited by then: what took too long was tried again meanwhile.
const looking = time.Second

// waits is what a process has asked the server and has no answer to yet.
type waits struct {
	mu    sync.Mutex
	next  int
	begun map[int]time.Time
}

// begin notes that something is asked, with all its tries, until end is called.
func (w *waits) begin() (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.next++
	id := w.next
	if w.begun == nil {
		w.begun = map[int]time.Time{}
	}
	w.begun[id] = time.Now()
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.begun, id)
	}
}

// longest is how long the oldest has waited.
func (w *waits) longest() (longest time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, at := range w.begun {
		longest = max(longest, time.Since(at))
	}
	return longest
}

// Held says who holds locks that this process waits for, and how to mend it. waited is how long it has waited for the server, if
// that is five seconds or more, else zero; with nobody named, the server is slow, or what it is asked takes long. It uses a
// connection of its own: those of the pool may all be waiting.
func (s *Store) Held(ctx context.Context) (by []string, waited time.Duration, err error) {
	if waited = s.waits.longest(); waited < held {
		return nil, 0, nil
	}
	by, err = blame(ctx, s.pool.Config().ConnConfig, false)
	return by, waited, err
}

// blame asks over a new connection who holds locks that statements wait for; mine: those of whoever stands under its name.
func blame(ctx context.Context, config *pgx.ConnConfig, mine bool) (by []string, err error) {
	config = config.Copy()
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, readable(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	all, err := holders(ctx, c, looking, mine)
	for _, h := range all {
		by = append(by, h.String())
	}
	return by, readable(err)
}

// tellBlame says, until the context ends, who keeps the tables from being brought up to date over connections of this configuration.
func tellBlame(ctx context.Context, config *pgx.ConnConfig, log *slog.Logger) {
	for wait := held; ; wait = 6 * held {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		by, _ := blame(ctx, config, true) // if it cannot be reached, whoever waits hears it too
		for _, h := range by {
			log.Warn("the start waits until the ledger's tables can be brought up to date", "what", h)
		}
	}
}
