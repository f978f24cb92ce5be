package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/carillon-gateway/carillon/gateway"
)

// oldestVersion is the oldest PostgreSQL that the ledger is tested on, as server_version_num.
const oldestVersion = 150000

// server is what a server says of itself.
type server struct {
	number            int // server_version_num
	version, encoding string
	process           uint32 // of the server, behind this connection
}

const serverText = "SELECT current_setting('server_version_num')::int, current_setting('server_version'), current_setting('server_encoding'), pg_backend_pid()"

func askServer(ctx context.Context, c *pgx.Conn) (s server, err error) {
	return s, c.QueryRow(ctx, serverText).Scan(&s.number, &s.version, &s.encoding, &s.process)
}

// unfit says why the ledger cannot be kept there (CodeInvalid); nil: it can.
func (s server) unfit() error {
	switch {
	case s.number < oldestVersion:
		return gateway.Faultf(gateway.CodeInvalid, "PostgreSQL %s is too old for the ledger; it needs version %d or later", s.version, oldestVersion/10000)
	case s.encoding != "UTF8" && s.encoding != "SQL_ASCII": // the latter keeps every text as it is
		return gateway.Faultf(gateway.CodeInvalid, "the ledger's database is encoded in %s, which not every language fits into; make another one: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0", s.encoding)
	}
	return nil
}

// behindPooler reports whether somebody stands between: a pooler answers for its own processes.
func (s server) behindPooler(c *pgx.Conn) bool { return c.PgConn().PID() != s.process }

// refused says what a server's refusal means, and how to mend it; empty: nothing is known about it.
func refused(e *pgconn.PgError) string {
	switch e.Code {
	case "42501", "3F000": // insufficient_privilege; no schema in which it may make a table
		return "the ledger's user may not do this in the ledger's database (" + e.Message + "); make it the owner (ALTER DATABASE … OWNER TO …), or GRANT CREATE, USAGE ON SCHEMA public"
	case "42P07", "42710": // duplicate_table, duplicate_object
		return "the ledger's database holds something else under a name of ours (" + e.Message + "); give the ledger a database of its own (CREATE DATABASE)"
	case "42P05", "26000": // duplicate_prepared_statement, invalid_sql_statement_name
		return "statements that we prepared are not there any more, or are somebody else's: a connection pooler in transaction mode stands before the ledger; write storage.pooled: true (SQLSTATE " + e.Code + ")"
	case "57014", "55P03", "25P04": // query_canceled, lock_not_available, transaction_timeout
		return "the ledger's server broke off what it was doing for us, nothing was taken in (" + e.Message + "); its timeouts must not be set for the ledger's user: ALTER ROLE … SET statement_timeout = 0, and so lock_timeout and transaction_timeout"
	}
	return ""
}

// away says in a few words why no connection came about, and names no server; empty: that is not known.
func away(err error) string {
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var network net.Error
	var connect *pgconn.ConnectError
	switch {
	case !errors.As(err, &connect):
		return ""
	case errors.As(err, &name):
		return ": nobody knows the name of its server"
	case errors.Is(err, syscall.ECONNREFUSED):
		return ": nobody listens at its address"
	case errors.As(err, &certificate):
		return ": its certificate is not one that we trust for this name (sslmode, sslrootcert)"
	case errors.As(err, &network) && network.Timeout():
		return ": its server does not answer"
	case connect.Config != nil && connect.Config.TLSConfig != nil && !errors.As(err, &network) && !errors.Is(err, context.Canceled):
		return ": its server does not speak TLS as the address demands (sslmode)"
	}
	return ""
}

// holder is somebody who keeps statements of the ledger waiting.
type holder struct {
	process int
	name    string // of its program and user
	tables  string // in which it holds what is waited for, as far as the server says
	waiting int    // statements
	seconds int    // for how long, the longest
}

// holdersText finds who has kept statements of this database waiting for $1 seconds; with $2, of those only for whom somebody under
// the asker's own name waits, be it through others. Of others' sessions it needs only what everybody may see.
const holdersText = `WITH RECURSIVE ahead(pid) AS (
		SELECT pid FROM pg_stat_activity WHERE $2 AND datname = current_database() AND wait_event_type = 'Lock' AND application_name = current_setting('application_name')
		UNION SELECT unnest(pg_blocking_pids(pid)) FROM ahead)
	SELECT b.pid, concat_ws(', user ', nullif(h.application_name, ''), h.usename), coalesce(string_agg(DISTINCT l.name, ', '), ''), count(DISTINCT a.pid)::int, max(extract(epoch FROM clock_timestamp() - a.query_start))::int
	FROM pg_stat_activity a CROSS JOIN LATERAL unnest(pg_blocking_pids(a.pid)) b(pid) JOIN pg_stat_activity h ON h.pid = b.pid
		LEFT JOIN LATERAL (SELECT relation::regclass::text AS name FROM pg_locks WHERE pid = a.pid AND NOT granted AND relation IS NOT NULL) l ON true
	WHERE a.datname = current_database() AND a.wait_event_type = 'Lock' AND a.query_start < clock_timestamp() - make_interval(secs => $1)
		AND NOT EXISTS (SELECT FROM unnest(pg_blocking_pids(b.pid)))
		AND (NOT $2 OR h.application_name <> current_setting('application_name') AND b.pid IN (SELECT pid FROM ahead))
	GROUP BY 1, 2 ORDER BY 4 DESC LIMIT 3`

// holders finds whom statements have waited for, for at least so long; mine: those only of whoever stands under the name of c, and
// not that one itself.
func holders(ctx context.Context, c *pgx.Conn, least time.Duration, mine bool) (all []holder, err error) {
	rows, _ := c.Query(ctx, holdersText, least.Seconds(), mine) // its error comes with the rows
	var h holder
	_, err = pgx.ForEachRow(rows, []any{&h.process, &h.name, &h.tables, &h.waiting, &h.seconds}, func() error {
		all = append(all, h)
		return nil
	})
	return all, err
}

func (h holder) String() string {
	of := ""
	if h.tables != "" {
		of = " for " + h.tables
	}
	kept := "1 statement"
	if h.waiting != 1 {
		kept = fmt.Sprintf("%d statements", h.waiting)
	}
	switch {
	case strings.HasPrefix(h.name, migrating):
		return fmt.Sprintf("process %d of PostgreSQL brings the ledger's tables up to date for a newer release, and has kept %s waiting%s, for %d s; let it end", h.process, kept, of, h.seconds)
	case strings.HasPrefix(h.name, working+", user "): // by that name alone it is somebody's program without one
		return fmt.Sprintf("process %d of PostgreSQL is in another transaction of a gateway, and has kept %s waiting%s, for %d s; it ends by itself", h.process, kept, of, h.seconds)
	}
	return fmt.Sprintf("process %d of PostgreSQL (%q) has kept %s of the ledger waiting%s, for %d s; let it end its transaction, or SELECT pg_terminate_backend(%[1]d)", h.process, h.name, kept, of, h.seconds)
}

// The names under which our connections stand in pg_stat_activity, unless the ledger's address gives another.
const (
	working   = "carillon"
	migrating = "carillon, migrating"
)
