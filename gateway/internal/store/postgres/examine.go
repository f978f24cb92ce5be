package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway/internal/store/sealed"
)

// Report is how a server and the ledger in it are, seen from outside.
type Report struct {
	Version     string
	Unfit       error         // why the ledger cannot be kept there; nil: it can
	ReadOnly    bool          // a standby, or one that was told to
	Clock       time.Duration // how far its clock is ahead of ours
	Connections int           // that it gives to all together, or to this user or database, but for those kept for administrators
	Processes   int           // of ours that are alive
	Applied     int64         // the last migration; zero: the ledger is empty
	Pooler      bool          // a connection pooler stands between
	Timeouts    []string      // settings of the server that would end our statements, by name
	Holders     []string      // who keeps statements of the ledger waiting for seconds, and what to do
	Keys        error         // why the ring is not the ledger's; nil: it is, as far as the ledger holds anything
}

// examineText asks what a server is set to, for this user and database.
const examineText = `SELECT current_setting('transaction_read_only') = 'on',
	least(current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
		(SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user), (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database())),
	ARRAY(SELECT name FROM pg_settings WHERE name IN ('statement_timeout', 'lock_timeout', 'transaction_timeout') AND setting <> '0' ORDER BY name),
	(extract(epoch FROM clock_timestamp()) * 1000000)::bigint`

// Examine looks at a server. It changes nothing, and migrates nothing.
func Examine(ctx context.Context, o Options) (r Report, err error) {
	config, err := pgx.ParseConfig(o.URL)
	if err != nil { // its text may show the password
		return r, errAddress
	}
	config.ConnectTimeout = connectTime
	config.DefaultQueryExecMode = pgx.QueryExecModeExec // behind a pooler too
	c, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return r, readable(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(ctx)) }()
	is, err := askServer(ctx, c)
	if err != nil {
		return r, readable(err)
	}
	r.Version, r.Unfit, r.Pooler = is.version, is.unfit(), is.behindPooler(c)
	var micros int64
	asked := time.Now()
	if err = c.QueryRow(ctx, examineText).Scan(&r.ReadOnly, &r.Connections, &r.Timeouts, &micros); err != nil {
		return r, readable(err)
	}
	now := time.Now()
	r.Clock = time.UnixMicro(micros).Sub(asked.Add(now.Sub(asked) / 2))
	var mark []byte
	var groups []sealed.Wrapped
	for _, look := range []struct {
		table, text string
		scan        func(pgx.Rows) error
	}{
		{"goose_db_version", "SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied", func(rows pgx.Rows) error { return rows.Scan(&r.Applied) }},
		{"duties", "SELECT count(*) FROM duties WHERE starts_with(name, 'process/') AND until > " + clockSQL, func(rows pgx.Rows) error { return rows.Scan(&r.Processes) }},
		{"instance", indexText, func(rows pgx.Rows) error { return rows.Scan(&mark) }},
		{"groups", sealedText, func(rows pgx.Rows) error {
			var w sealed.Wrapped
			err := rows.Scan(&w.Group, &w.RingKey, &w.Key)
			groups = append(groups, w)
			return err
		}},
	} {
		there := false
		if err := c.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", look.table).Scan(&there); err != nil {
			return r, readable(err)
		}
		if there {
			rows, err := c.Query(ctx, look.text)
			if err := each(rows, err, look.scan); err != nil {
				return r, readable(err)
			}
		}
	}
	r.Keys = sealed.Fit(o.Ring, mark, groups)
	waited, err := holders(ctx, c, looking, false)
	for _, h := range waited {
		r.Holders = append(r.Holders, h.String())
	}
	return r, readable(err)
}
