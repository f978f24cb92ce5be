package postgres

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/carillon-gateway/carillon/gateway/internal/store/storetest"
)

// Threat T2: somebody has a dump of the database and its files, and a list of all numbers, but no keys.
func TestTheDumpAloneTellsNothing(t *testing.T) {
	p := quick(t)
	name := newDatabase(t, p)
	s, err := Open(context.Background(), Options{URL: p.URL(name), Ring: newRing(t), Country: storetest.Country})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	storetest.TellNothing(t, s, func() storetest.Taken { return takeAll(t, p.URL(name)) })
}

// takeAll reads every row of every table, a dump as text, and the files of the database behind a checkpoint.
func takeAll(t *testing.T, url string) (taken storetest.Taken) {
	t.Helper()
	ctx := context.Background()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	conn, err := pgx.Connect(ctx, url)
	ok(err)
	defer conn.Close(ctx)
	texts := func(text string, args ...any) (all []string) {
		rows, err := conn.Query(ctx, text, args...)
		ok(err)
		all, err = pgx.CollectRows(rows, pgx.RowTo[string])
		ok(err)
		return all
	}
	for _, table := range texts("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'") {
		rows, err := conn.Query(ctx, "SELECT * FROM "+pgx.Identifier{table}.Sanitize())
		ok(err)
		for rows.Next() {
			values, err := rows.Values()
			ok(err)
			row := storetest.TakenRow{Table: table, Values: map[string]string{}, Numbers: map[string]int64{}}
			for i, field := range rows.FieldDescriptions() {
				switch v := values[i].(type) {
				case string:
					row.Values[field.Name] = v
				case []byte:
					row.Values[field.Name] = string(v)
				case int64:
					row.Numbers[field.Name] = v
				case [16]byte:
					row.Values[field.Name] = string(v[:])
				}
			}
			taken.Rows = append(taken.Rows, row)
		}
		ok(rows.Err())
	}
	dump, err := exec.Command("pg_dump", "--data-only", url).Output()
	ok(err)
	taken.Files = dump
	_, err = conn.Exec(ctx, "CHECKPOINT")
	ok(err)
	folder := filepath.Join(texts("SHOW data_directory")[0], "base", texts("SELECT oid::text FROM pg_database WHERE datname = current_database()")[0])
	files, err := filepath.Glob(filepath.Join(folder, "*"))
	ok(err)
	for _, file := range files {
		b, err := os.ReadFile(file)
		ok(err)
		taken.Files = append(taken.Files, b...)
	}
	if len(files) < 50 || !strings.Contains(string(dump), "COPY public.members") {
		t.Fatalf("%d files and %d bytes of a dump were taken", len(files), len(dump))
	}
	return taken
}
