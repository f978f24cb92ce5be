package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// PostgresOptions says how a server of PostgreSQL runs.
type PostgresOptions struct {
	Unsafe        bool     // fsync, synchronous_commit and full_page_writes off: fast, for suites that do not crash it
	SharedBuffers string   // "64MB" and the like; empty: 128MB
	Settings      []string // more, each "name=value"
}

// Postgres is a server of PostgreSQL with a superuser "carillon" who needs no password. It is safe for concurrent use.
type Postgres struct {
	process
	port   int
	serial atomic.Int64
}

// startTime is how long a server may take to become ready.
const startTime = 60 * time.Second

// StartPostgres makes a cluster in a temporary folder and starts it. It answers ErrMissing if PostgreSQL is not installed.
func StartPostgres(ctx context.Context, o PostgresOptions) (*Postgres, error) {
	installed, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.Sort(installed)
	slices.Reverse(installed)
	paths := func(name string) (all []string) {
		for _, dir := range installed {
			all = append(all, filepath.Join(dir, name))
		}
		return all
	}
	initdb, err := find("initdb", paths("initdb")...)
	if err != nil {
		return nil, err
	}
	postgres, err := find("postgres", paths("postgres")...)
	if err != nil {
		return nil, err
	}
	as, err := ordinary("postgres")
	if err != nil {
		return nil, err
	}
	dir, err := folder("carillon-postgres-", as)
	if err != nil {
		return nil, err
	}
	p := &Postgres{process: process{path: postgres, dir: dir, as: as}}
	if p.port, err = freePort(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	data := filepath.Join(dir, "data")
	init := exec.CommandContext(ctx, initdb, "-D", data, "-U", "carillon", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
	init.Dir, init.SysProcAttr = dir, &syscall.SysProcAttr{Credential: as}
	if out, err := init.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("initdb: %w: %s", err, out), os.RemoveAll(dir))
	}
	if o.SharedBuffers == "" {
		o.SharedBuffers = "128MB"
	}
	settings := []string{"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(p.port), "unix_socket_directories=" + dir, "shared_buffers=" + o.SharedBuffers, "max_connections=200", "logging_collector=off", "max_wal_size=4GB"}
	if o.Unsafe {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off")
	}
	p.args = []string{"-D", data}
	for _, setting := range append(settings, o.Settings...) {
		p.args = append(p.args, "-c", setting)
	}
	if err := p.Start(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return p, nil
}

// folder makes a temporary folder that a server can write to.
func folder(prefix string, as *syscall.Credential) (string, error) {
	dir, err := os.MkdirTemp("", prefix)
	if err == nil && as != nil {
		err = os.Chown(dir, int(as.Uid), int(as.Gid))
	}
	return dir, err
}

// URL is where a database of the server is reached.
func (p *Postgres) URL(database string) string {
	return fmt.Sprintf("postgres://carillon@127.0.0.1:%d/%s?sslmode=disable", p.port, database)
}

// Address is where the server listens.
func (p *Postgres) Address() string { return fmt.Sprintf("127.0.0.1:%d", p.port) }

// NewDatabase makes an empty database and gives its name.
func (p *Postgres) NewDatabase(ctx context.Context) (string, error) {
	name := fmt.Sprintf("ledger_%d", p.serial.Add(1))
	return name, p.exec(ctx, "CREATE DATABASE "+name)
}

// EmptyDatabase deletes all rows of all tables but those named, so that the database can be used again: making another
// takes a hundred times as long.
func (p *Postgres) EmptyDatabase(ctx context.Context, name string, keep ...string) error {
	conn, err := pgx.Connect(ctx, p.URL(name))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, "SELECT set_config('servers.keep', $1, false)", strings.Join(keep, ","))
	if err == nil {
		_, err = conn.Exec(ctx, `DO $$ DECLARE t regclass; BEGIN
			FOR t IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> ALL (string_to_array(current_setting('servers.keep'), ',')) LOOP
				EXECUTE format('DELETE FROM %s', t);
			END LOOP; END $$`)
	}
	return errors.Join(err, conn.Close(ctx))
}

// DropDatabase takes a database away, whoever is connected to it.
func (p *Postgres) DropDatabase(ctx context.Context, name string) error {
	return p.exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
}

func (p *Postgres) exec(ctx context.Context, text string) error {
	conn, err := pgx.Connect(ctx, p.URL("postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, text)
	return errors.Join(err, conn.Close(ctx))
}

// Start runs the server again after Stop or Kill, on the same folder and port.
func (p *Postgres) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	return p.start(ctx, func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, p.URL("postgres"))
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
}

// Stop shuts the server down in order; connections are broken off.
func (p *Postgres) Stop() { p.end(syscall.SIGINT) }

// Kill ends all its processes at once, as a loss of power would.
func (p *Postgres) Kill() {
	_ = p.signal(syscall.SIGSTOP) // it must begin no process that is not among them: one that is left keeps the memory of all, and the next start fails
	family := p.family()
	for _, pid := range family {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	p.end(syscall.SIGKILL)
}

// Close ends the server and deletes its folder.
func (p *Postgres) Close() {
	p.Kill()
	_ = os.RemoveAll(p.dir)
}

// Used is the processor time that all its processes have used, those that have ended too.
func (p *Postgres) Used() time.Duration {
	ticks := 0
	for _, pid := range p.family() {
		fields := statOf(pid)
		for _, i := range []int{11, 12, 13, 14} { // utime and stime, its own and those of children that have ended, counted behind the name
			if i < len(fields) {
				n, _ := strconv.Atoi(fields[i])
				ticks += n
			}
		}
	}
	return time.Duration(ticks) * time.Second / 100
}

// family gives the server's process and its children, which are leaders of groups of their own.
func (p *Postgres) family() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil || p.cmd.Process == nil {
		return nil
	}
	parent := p.cmd.Process.Pid
	all := []int{parent}
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if fields := statOf(pid); len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			all = append(all, pid)
		}
	}
	return all
}

// statOf reads what the system says of a process, from its state on.
func statOf(pid int) []string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return strings.Fields(rest)
}

// Need skips a test whose server is missing, or fails it where services are required; any other error fails it.
func Need(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, ErrMissing) && os.Getenv(RequireEnv) == "":
		t.Skipf("%v; set %s=1 to make this a failure", err, RequireEnv)
	default:
		t.Fatal(err)
	}
}
