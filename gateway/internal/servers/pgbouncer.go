package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// PgBouncer is a connection pooler in transaction mode before a server of PostgreSQL. It is safe for concurrent use.
type PgBouncer struct {
	process
	port int
}

// StartPgBouncer starts one with so many connections to each database. It answers ErrMissing if PgBouncer is not installed.
func StartPgBouncer(ctx context.Context, to *Postgres, connections int) (*PgBouncer, error) {
	path, err := find("pgbouncer")
	if err != nil {
		return nil, err
	}
	as, err := ordinary("postgres")
	if err != nil {
		return nil, err
	}
	dir, err := folder("carillon-pgbouncer-", as)
	if err != nil {
		return nil, err
	}
	b := &PgBouncer{process: process{path: path, dir: dir, as: as}}
	if b.port, err = freePort(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	file := filepath.Join(dir, "pgbouncer.ini")
	text := fmt.Sprintf("[databases]\n* = host=127.0.0.1 port=%d user=carillon\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = %d\nmax_client_conn = 1000\nadmin_users = carillon\n", to.port, b.port, connections)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	b.args = []string{file}
	if err := b.Start(ctx); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return b, nil
}

// URL is where a database is reached through the pooler.
func (b *PgBouncer) URL(database string) string {
	return fmt.Sprintf("postgres://carillon@127.0.0.1:%d/%s?sslmode=disable", b.port, database)
}

// Start runs the pooler again after Kill.
func (b *PgBouncer) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	return b.start(ctx, func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, b.URL("postgres"))
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
}

// Kill ends it at once.
func (b *PgBouncer) Kill() { b.end(syscall.SIGKILL) }

// Close ends the pooler and deletes its folder.
func (b *PgBouncer) Close() {
	b.Kill()
	_ = os.RemoveAll(b.dir)
}
