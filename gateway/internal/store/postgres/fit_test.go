package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/servers"
)

// tell runs statements as the superuser in a database.
func tell(t *testing.T, p *servers.Postgres, database string, texts ...string) {
	t.Helper()
	ctx := context.Background() // also when the test is over
	c, err := pgx.Connect(ctx, p.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	for _, text := range texts {
		if _, err := c.Exec(ctx, text); err != nil {
			t.Fatal(err)
		}
	}
}

// as gives an address for another user.
func as(t *testing.T, address, user string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(user)
	return u.String()
}

// Where the ledger cannot be kept, nothing is made, and what is wrong is said with how to mend it.
func TestADatabaseThatDoesNotFit(t *testing.T) {
	p := quick(t)
	foreign, closed, latin := newDatabase(t, p), newDatabase(t, p), "latin"
	tell(t, p, foreign, "CREATE TABLE members (id integer)")
	tell(t, p, closed, "CREATE ROLE weak LOGIN", "REVOKE ALL ON SCHEMA public FROM PUBLIC")
	tell(t, p, "postgres", "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
	t.Cleanup(func() {
		_ = p.DropDatabase(context.Background(), latin)
		_ = p.DropDatabase(context.Background(), closed)
		tell(t, p, "postgres", "DROP ROLE weak")
	})
	for name, c := range map[string]struct{ url, want string }{
		"a table of somebody else": {p.URL(foreign), "a database of its own"},
		"no rights":                {as(t, p.URL(closed), "weak"), "ALTER DATABASE"},
		"another encoding":         {p.URL(latin), "LATIN1"},
		"nobody listens":           {"postgres://nobody@127.0.0.1:1/none?sslmode=disable", "nobody listens"},
		"no TLS":                   {strings.Replace(p.URL(foreign), "disable", "require", 1), "sslmode"},
	} {
		s, err := Open(t.Context(), Options{URL: c.url, Ring: newRing(t)})
		if err == nil {
			_ = s.Close()
		}
		var fault *gateway.Fault
		if !errors.As(err, &fault) || !strings.Contains(fault.Text, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	unknown, err := pgx.ParseConfig("postgres://nobody@ledger.invalid/none?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	unknown.LookupFunc = func(context.Context, string) ([]string, error) { return nil, &net.DNSError{IsNotFound: true} }
	if _, err := pgx.ConnectConfig(t.Context(), unknown); !strings.Contains(readable(err).Error(), "nobody knows the name") {
		t.Errorf("no such name: %v", readable(err))
	}
	if err := (server{number: 140013, version: "14.13", encoding: "UTF8"}).unfit(); err == nil || !strings.Contains(err.Error(), "15 or later") {
		t.Errorf("an old server: %v", err)
	}
}

// What the server's own settings do to us is told as that, before it happens and when it does.
func TestSettingsOfTheServer(t *testing.T) {
	p := quick(t)
	name := newDatabase(t, p)
	s, err := Open(t.Context(), Options{URL: p.URL(name), Ring: newRing(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if r, err := Examine(t.Context(), Options{URL: p.URL(name), Ring: newRing(t)}); err != nil || r.Unfit != nil || r.Pooler || len(r.Timeouts)+len(r.Holders) > 0 {
		t.Errorf("a sound one: %+v, %v", r, err)
	}
	tell(t, p, name, "ALTER DATABASE "+name+" SET statement_timeout = '1h'", "ALTER DATABASE "+name+" SET lock_timeout = 1", "ALTER DATABASE "+name+" CONNECTION LIMIT 40")
	if r, err := Examine(t.Context(), Options{URL: p.URL(name), Ring: newRing(t)}); err != nil || strings.Join(r.Timeouts, " ") != "lock_timeout statement_timeout" || r.Connections != 40 {
		t.Errorf("timeouts %v, %d connections; %v", r.Timeouts, r.Connections, err)
	}
	err = s.do(t.Context(), true, func(x *txn) error {
		if _, err := x.exec("SET LOCAL statement_timeout = 1"); err != nil {
			return err
		}
		_, err := x.exec("SELECT pg_sleep(60)")
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "SET statement_timeout = 0") {
		t.Errorf("a statement that was broken off: %v", err)
	}
	pooler, err := shared.pooler()
	servers.Need(t, err)
	if r, err := Examine(t.Context(), Options{URL: pooler.URL(name), Ring: newRing(t)}); err != nil || !r.Pooler {
		t.Errorf("a pooler is not noticed: %v", err)
	}
	if _, err := s.pool.Exec(t.Context(), "DEALLOCATE nobody"); err == nil || !strings.Contains(readable(err).Error(), "storage.pooled: true") {
		t.Errorf("a statement that was prepared elsewhere: %v", readable(err))
	}
}

// Who keeps the ledger waiting is named.
func TestWhoHoldsALock(t *testing.T) {
	p := quick(t)
	name := newDatabase(t, p)
	connect := func() *pgx.Conn {
		c, err := pgx.Connect(t.Context(), p.URL(name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close(context.Background()) })
		return c
	}
	somebody, waiter, doctor := connect(), connect(), connect()
	tell(t, p, name, "CREATE TABLE held (n integer)")
	if _, err := somebody.Exec(t.Context(), "SET application_name = 'a shell'"); err != nil {
		t.Fatal(err)
	}
	lock, err := somebody.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Exec(t.Context(), "LOCK TABLE held"); err != nil {
		t.Fatal(err)
	}
	waited := make(chan error, 1)
	go func() { _, err := waiter.Exec(t.Context(), "SELECT n FROM held"); waited <- err }()
	var found []holder
	for len(found) == 0 && t.Context().Err() == nil && err == nil {
		found, err = holders(t.Context(), doctor, 0, false)
	}
	if err != nil || len(found) != 1 || uint32(found[0].process) != somebody.PgConn().PID() || found[0].name != "a shell, user carillon" || found[0].waiting != 1 || found[0].tables != "held" {
		t.Errorf("found %v, %v", found, err)
	}
	if late, err := holders(t.Context(), doctor, time.Hour, false); err != nil || len(late) > 0 {
		t.Errorf("for an hour: %v, %v", late, err)
	}
	if err := lock.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
}

// Somebody locks a table, and all connections of a process but those kept for what is urgent wait for it. The process finds out who it
// is, over another connection, once it has waited for seconds; and not before, nor afterwards.
func TestAProcessFindsOutForWhomItWaits(t *testing.T) {
	p := quick(t)
	address := p.URL(newDatabase(t, p))
	y := newYard(t, address, 1)
	var cancel context.CancelFunc
	y.ctx, cancel = context.WithTimeout(y.ctx, time.Minute)
	defer cancel()
	lock, err := pgx.Connect(y.ctx, address)
	y.ok(err)
	defer lock.Close(context.Background())
	_, err = lock.Exec(y.ctx, "BEGIN; LOCK TABLE deliveries")
	y.ok(err)
	asked := make(chan error, 1)
	go func() { _, err := y.s.NextDue(y.ctx, gateway.NewID(), gateway.Bulk); asked <- err }()
	for y.s.waits.longest() == 0 {
		y.ok(y.ctx.Err())
		runtime.Gosched()
	}
	if by, waited, err := y.s.Held(y.ctx); len(by) > 0 || waited > 0 || err != nil {
		t.Errorf("before it has waited: %v for %v, %v", by, waited, err)
	}
	y.s.waits.mu.Lock()
	for id := range y.s.waits.begun {
		y.s.waits.begun[id] = time.Now().Add(-held)
	}
	y.s.waits.mu.Unlock()
	var by []string
	for len(by) == 0 && err == nil { // until its statement has waited, too
		by, _, err = y.s.Held(y.ctx)
	}
	if err != nil || len(by) != 1 || !strings.Contains(by[0], fmt.Sprintf("process %d ", lock.PgConn().PID())) || !strings.Contains(by[0], "for deliveries") {
		t.Errorf("found %q, %v", by, err)
	}
	_, err = lock.Exec(y.ctx, "ROLLBACK")
	y.ok(err)
	y.ok(<-asked)
	if by, waited, err := y.s.Held(y.ctx); len(by) > 0 || waited > 0 || err != nil {
		t.Errorf("when it is over: %v for %v, %v", by, waited, err)
	}
}

// A start waits while a shell holds what it has to change, and is told of the shell, also when a gateway stands between. Another start
// that waits for the first one is told of that, and the first one of nothing: it is whom the others wait for.
func TestAStartIsToldWhomItWaitsForItself(t *testing.T) {
	p := quick(t)
	address := p.URL(newDatabase(t, p))
	s := newYard(t, address, 1).s
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	connect := func(config *pgx.ConnConfig) (*pgx.Conn, int) {
		t.Helper()
		c, err := pgx.ConnectConfig(ctx, config)
		ok(err)
		t.Cleanup(func() { _ = c.Close(context.Background()) })
		return c, int(c.PgConn().PID())
	}
	do := func(c *pgx.Conn, text string) error { _, err := c.Exec(ctx, text); return err }
	later := func(does func() error) chan error {
		done := make(chan error, 1)
		go func() { done <- does() }()
		return done
	}
	bare, err := pgx.ParseConfig(address)
	ok(err)
	own := s.pool.Config().ConnConfig
	starts := []*pgx.ConnConfig{toMigrate(own), toMigrate(own)}
	first, _ := connect(starts[0])
	second, _ := connect(starts[1])
	all, _ := connect(bare)
	told := func(c *pgx.Conn, mine bool) (pids []int) {
		t.Helper()
		found, err := holders(ctx, c, 0, mine)
		ok(err)
		for _, h := range found {
			pids = append(pids, h.process)
		}
		slices.Sort(pids)
		return pids
	}
	until := func(c *pgx.Conn, mine bool, want ...int) {
		t.Helper()
		for !slices.Equal(told(c, mine), want) {
			runtime.Gosched()
		}
	}
	shell, shellIs := connect(bare)
	between, betweenIs := connect(own)
	migrates, migratesIs := connect(starts[0])
	ok(do(shell, "BEGIN; LOCK TABLE goose_db_version"))
	ok(do(between, "BEGIN; LOCK TABLE duties"))
	betweenWaits := later(func() error { return do(between, "LOCK TABLE goose_db_version") })
	until(all, false, shellIs)
	if told := told(first, true); len(told) > 0 {
		t.Errorf("a start that waits for nobody is told of %v", told)
	}
	ok(do(migrates, "BEGIN; SELECT pg_advisory_xact_lock("+strconv.FormatInt(migrationLock, 10)+")"))
	migratesWaits := later(func() error { return do(migrates, "LOCK TABLE duties") })
	until(first, true, shellIs)
	ok(do(shell, "ROLLBACK"))
	ok(<-betweenWaits)
	until(first, true, betweenIs)
	ok(do(between, "ROLLBACK"))
	ok(<-migratesWaits)
	same, _ := connect(starts[0])
	sameWaits := later(func() error { return do(same, "BEGIN; LOCK TABLE duties; ROLLBACK") })
	until(all, false, migratesIs)
	if told := told(first, true); len(told) > 0 {
		t.Errorf("a start that waits for itself is told of %v", told)
	}
	secondWaits := later(func() error { return migrate(ctx, starts[1]) })
	until(second, true, migratesIs)
	if told := told(first, true); len(told) > 0 {
		t.Errorf("a start for which others wait is told of %v", told)
	}
	ok(do(migrates, "ROLLBACK"))
	ok(<-secondWaits)
	ok(<-sameWaits)
}

// Nobody is told to end what brings the tables up to date, or another transaction of a gateway; a program without a name is neither.
func TestWhomNobodyIsToldToEnd(t *testing.T) {
	for name, want := range map[string]string{
		migrating + " A2B3C4D5, user carillon": "newer release",
		working + ", user carillon":            "ends by itself",
		"carillon":                             "pg_terminate_backend(7)",
		"carillon-shell, user carillon":        "pg_terminate_backend(7)",
	} {
		text := holder{process: 7, name: name, tables: "deliveries", waiting: 1, seconds: 9}.String()
		if !strings.Contains(text, want) || strings.Contains(text, "terminate") != strings.Contains(want, "terminate") || !strings.Contains(text, "kept 1 statement ") {
			t.Errorf("%s: %s", name, text)
		}
	}
	if text := (holder{waiting: 3}).String(); !strings.Contains(text, "kept 3 statements ") {
		t.Error(text)
	}
}
