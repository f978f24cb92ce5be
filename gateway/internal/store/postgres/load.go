package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/store/move"
)

// Loader fills an empty database with the ledger of another one.
type Loader struct {
	s *Store
}

// movesTable makes a table that is there from the beginning of a move to its end and says how far each table is. While it
// is there, nobody else opens the ledger.
const movesTable = "CREATE TABLE IF NOT EXISTS moves (name text PRIMARY KEY, behind text NOT NULL, n bigint NOT NULL, whole boolean NOT NULL)"

// Load opens a database for a move. It answers CodeConflict if a ledger is in it that no move has left unfinished; with
// again, what an unfinished move has left is deleted first.
func Load(ctx context.Context, o Options, again bool) (*Loader, error) {
	return load(ctx, o, again, false)
}

// Resume is Load for a ledger that was left already: it answers CodeConflict unless a move into this database is unfinished.
// A ledger goes on in one place only.
func Resume(ctx context.Context, o Options, again bool) (*Loader, error) {
	return load(ctx, o, again, true)
}

func load(ctx context.Context, o Options, again, only bool) (*Loader, error) {
	s, err := open(ctx, o)
	if err != nil {
		return nil, err
	}
	s.answer = 0 // whole tables are read, and nobody waits behind
	l := &Loader{s}
	if err := l.prepare(ctx, again, only); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return l, nil
}

// Close lets go of the database.
func (l *Loader) Close() error { return l.s.Close() }

func (l *Loader) prepare(ctx context.Context, again, only bool) error {
	unfinished, err := l.s.unfinished(ctx)
	if err != nil {
		return err
	}
	if only && !unfinished {
		return gateway.Faultf(gateway.CodeConflict, "this ledger was moved already, and no move into this database is unfinished; it goes on where it was moved to")
	}
	var tables, filled []string
	for i := range move.Tables {
		tables = append(tables, move.Tables[i].Name)
		filled = append(filled, "EXISTS (SELECT FROM "+move.Tables[i].Name+")")
	}
	return l.s.do(ctx, false, func(t *txn) error {
		if !unfinished {
			if _, err := t.exec("LOCK TABLE duties"); err != nil { // whoever is alive writes there every few seconds
				return err
			}
			var used, alive bool
			if err := t.conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM duties WHERE until > $1)", t.now).Scan(&alive); err != nil {
				return err
			}
			if alive {
				return gateway.Faultf(gateway.CodeConflict, "a gateway runs on this database; stop all its processes, wait for half a minute, and move then")
			}
			if err := t.conn.QueryRow(ctx, "SELECT "+strings.Join(filled, " OR ")).Scan(&used); err != nil {
				return err
			}
			if used {
				return gateway.Faultf(gateway.CodeConflict, "this database holds a ledger already; a move needs an empty one (CREATE DATABASE)")
			}
		}
		if unfinished && again {
			if _, err := t.exec("TRUNCATE moves, " + strings.Join(tables, ", ")); err != nil {
				return err
			}
		}
		_, err := t.exec(movesTable)
		return err
	})
}

// unfinished says whether a move into this database was begun and not ended.
func (s *Store) unfinished(ctx context.Context) (yes bool, err error) {
	err = s.one(ctx, "table", "SELECT to_regclass('moves') IS NOT NULL", nil, &yes)
	return yes, err
}

// Progress implements move.Target.
func (l *Loader) Progress(ctx context.Context) (map[string]move.Progress, error) {
	progress := map[string]move.Progress{}
	err := l.s.query(ctx, "SELECT name, behind, n, whole FROM moves", nil, func(r pgx.Rows) error {
		var name, behind string
		var p move.Progress
		if err := r.Scan(&name, &behind, &p.Rows, &p.Whole); err != nil {
			return err
		}
		var err error
		p.Behind, err = move.ParseKey(behind)
		progress[name] = p
		return err
	})
	return progress, err
}

// Write implements move.Target.
func (l *Loader) Write(ctx context.Context, t *move.Table, rows []move.Row, p move.Progress) error {
	return l.s.do(ctx, false, func(x *txn) error {
		_, err := x.conn.CopyFrom(ctx, pgx.Identifier{t.Name}, names(t), pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) {
			for c, v := range rows[i] {
				if id, ok := v.([16]byte); ok {
					rows[i][c] = gateway.ID(id)
				}
			}
			return rows[i], nil
		}))
		if err != nil {
			return err
		}
		_, err = x.exec("INSERT INTO moves (name, behind, n, whole) VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO UPDATE SET behind = $2, n = $3, whole = $4", t.Name, p.Behind.String(), p.Rows, p.Whole)
		return err
	})
}

func names(t *move.Table) []string {
	all := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		all[i] = c.Name
	}
	return all
}

// Sum implements move.Target.
func (l *Loader) Sum(ctx context.Context, t *move.Table) (move.Sum, error) {
	var d move.Digester
	row := make(move.Row, len(t.Columns))
	err := l.s.query(ctx, "SELECT "+strings.Join(names(t), ", ")+" FROM "+t.Name, nil, func(r pgx.Rows) error {
		values, err := r.Values()
		if err != nil {
			return err
		}
		for i, v := range values {
			switch v := v.(type) {
			case int16:
				row[i] = int64(v)
			case int32:
				row[i] = int64(v)
			case gateway.ID:
				row[i] = [16]byte(v)
			default:
				row[i] = v
			}
		}
		d.Add(row)
		return nil
	})
	return d.Sum, err
}

// Finish implements move.Target.
func (l *Loader) Finish(ctx context.Context) error {
	return l.s.do(ctx, false, func(x *txn) error {
		var filled []string
		for i := range move.Tables {
			t := &move.Tables[i]
			if filled = append(filled, t.Name); t.Serial {
				if _, err := x.exec(fmt.Sprintf("SELECT setval(pg_get_serial_sequence('%[1]s', 'no'), greatest(1, (SELECT coalesce(max(no), 0) FROM %[1]s)))", t.Name)); err != nil {
					return err
				}
			}
		}
		if _, err := x.exec("ANALYZE " + strings.Join(filled, ", ")); err != nil { // plans are made from what it finds
			return err
		}
		_, err := x.exec("DROP TABLE moves")
		return err
	})
}

var _ move.Target = (*Loader)(nil)
