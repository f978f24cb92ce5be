package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway/internal/queue/redisq"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store"
	"github.com/carillon-gateway/carillon/gateway/internal/store/postgres"
)

// Finding is one thing that Examine looked at.
type Finding struct {
	What string
	OK   bool
	Text string // what is so, and how to mend it if it is not OK; no secrets
}

// mostSkew is how far two clocks may be apart.
const mostSkew = time.Second

// Examine looks at what an instance stands on, as its file says: no gateway needs to run, and nothing is changed.
func Examine(ctx context.Context, c *config.Config) []Finding {
	s := &c.Storage
	if s.Alone() {
		return []Finding{{"profile", true, "alone: SQLite in the data folder, one process"}, examineFolder(c)}
	}
	found := []Finding{{"profile", true, "scaled: PostgreSQL and Redis, any number of processes"}}
	if _, err := os.Stat(c.Database()); err == nil {
		found = append(found, Finding{"data folder", false, "it holds a ledger of the profile alone, which the profile scaled does not read. Bring it over with carillon move; if that is done, lock it away and delete it here: it holds everybody's addresses"})
	}
	ring, err := keyRing(c)
	if err != nil {
		return append(found, Finding{"keys", false, err.Error()})
	}
	return append(append(found, examinePostgres(ctx, s, ring)...), examineRedis(ctx, s)...)
}

// examineFolder looks whether the ledger of the profile alone is where the file says. It does not open it: whoever runs this may not
// be whom its files belong to.
func examineFolder(c *config.Config) Finding {
	f := Finding{"ledger", true, "in " + c.Data}
	info, err := os.Stat(c.Database())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.Text = "none yet in " + c.Data + "; the next carillon serve begins an empty one. If there was one, put it back first, or mend data: in the operator's file"
	case err != nil:
		f = Finding{"ledger", false, "in " + c.Data + " cannot be looked at: " + err.Error()}
	case !info.Mode().IsRegular() || info.Size() == 0:
		f = Finding{"ledger", false, c.Database() + " is no ledger; put its backup back"}
	}
	return f
}

func examinePostgres(ctx context.Context, s *config.Storage, ring *seal.Ring) []Finding {
	r, err := postgres.Examine(ctx, postgres.Options{URL: s.Postgres.Reveal(), Pooled: s.Pooled, Ring: ring})
	if err != nil {
		return []Finding{{"PostgreSQL", false, err.Error()}}
	}
	found := []Finding{{"PostgreSQL", !r.ReadOnly, "version " + r.Version}}
	if r.ReadOnly {
		found[0].Text += ", and it only reads; storage.postgres must lead to the primary, where default_transaction_read_only is off"
	}
	mend := func(text string) { found = append(found, Finding{"PostgreSQL", false, text}) }
	if r.Unfit != nil {
		mend(r.Unfit.Error())
	}
	if r.Pooler && !s.Pooled {
		mend("a connection pooler stands before it; write storage.pooled: true, or what was prepared on one connection is looked for on another")
	}
	if len(r.Timeouts) > 0 {
		mend(strings.Join(r.Timeouts, " and ") + " would break off what it does for us; set it to 0 for the ledger's user (ALTER ROLE … SET …)")
	}
	for _, holder := range r.Holders {
		mend(holder)
	}
	tables := Finding{"tables", true, fmt.Sprintf("at migration %d", r.Applied)}
	switch newest := store.Newest("postgres"); {
	case r.Applied > newest:
		tables = Finding{"tables", false, store.CheckVersion("postgres", r.Applied).Error()}
	case r.Applied == 0:
		tables.Text = "none yet; the first carillon serve makes them"
	case r.Applied < newest:
		tables.Text += fmt.Sprintf("; the next carillon serve of this release goes on to %d, beside which the release before may still run", newest)
	}
	each := s.Connections
	if each == 0 {
		each = postgres.UsualConns
	}
	room := r.Connections / each
	connections := Finding{"connections", room > r.Processes, fmt.Sprintf("a process takes up to %d of %d: room for %d, and %d alive", each, r.Connections, room, r.Processes)}
	switch {
	case s.Pooled:
		connections.OK = true
		connections.Text = fmt.Sprintf("a process takes up to %d of the pooler, which shares out its own; %d processes are alive", each, r.Processes)
	case !connections.OK:
		connections.Text += ". Raise max_connections, lower storage.connections, or put a pooler in between (storage.pooled)"
	}
	keys := Finding{"keys", true, "are those of the ledger"}
	switch {
	case r.Keys != nil:
		keys = Finding{"keys", false, r.Keys.Error()}
	case r.Applied == 0:
		keys.Text = "nothing is sealed yet"
	}
	return append(found, tables, keys, connections, skew("PostgreSQL", r.Clock))
}

func examineRedis(ctx context.Context, s *config.Storage) []Finding {
	servers, err := redisq.Examine(ctx, redisOptions(&s.Redis, slog.New(slog.DiscardHandler)))
	if err != nil {
		return []Finding{{"Redis", false, err.Error()}}
	}
	var found []Finding
	for _, r := range servers {
		name := "Redis"
		if len(servers) > 1 {
			name += " " + r.Addr
		}
		if r.Unfit != nil {
			found = append(found, Finding{name, false, r.Unfit.Error()})
			continue
		}
		keeps := Finding{name, true, "version " + r.Version + ", maxmemory-policy " + r.Policy}
		lasts := Finding{name + " persistence", true, r.Persists}
		if r.Persists == "" {
			lasts.Text = "none, or it does not say; after a restart the lanes are filled again from PostgreSQL, which takes a moment"
		}
		found = append(found, keeps, lasts, skew(name, r.Clock))
	}
	return found
}

// skew tells how far a server's clock is from this computer's. Leases go by the ledger's clock, rates by that of Redis.
func skew(whose string, by time.Duration) Finding {
	f := Finding{"clock of " + whose, by.Abs() <= mostSkew, fmt.Sprintf("%v from this computer's", by.Abs().Round(time.Millisecond))}
	if !f.OK {
		f.Text += "; let both follow the same time servers (NTP)"
	}
	return f
}
