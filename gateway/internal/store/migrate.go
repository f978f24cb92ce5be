package store

import (
	"context"
	"database/sql"
	"embed"
	"io/fs"
	"strconv"
	"strings"

	"github.com/pressly/goose/v3"

	"github.com/carillon-gateway/carillon/gateway"
)

// Migrations holds a folder for each dialect; files pair by name.
//
//go:embed migrations
var Migrations embed.FS

// Newest gives the number of the last migration that this binary knows for a dialect, the name of its folder.
func Newest(dialect string) (newest int64) {
	files, _ := fs.Glob(Migrations, "migrations/"+dialect+"/*.sql")
	for _, file := range files {
		name := file[strings.LastIndex(file, "/")+1:]
		number, _, _ := strings.Cut(name, "_")
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			newest = max(newest, n)
		}
	}
	return newest
}

// CheckVersion refuses a ledger whose tables a newer release has changed (CodeInvalid): this one would not know what it
// writes.
func CheckVersion(dialect string, applied int64) error {
	if known := Newest(dialect); applied > known {
		return gateway.Faultf(gateway.CodeInvalid, "a newer carillon has changed the ledger's tables (migration %d; this one knows %d); run that release, or a later one", applied, known)
	}
	return nil
}

// Migrate brings a ledger's tables up to date, or says what CheckVersion does. The caller sees to it that nobody else is
// at it.
func Migrate(ctx context.Context, db *sql.DB, dialect string) error {
	language := map[string]goose.Dialect{"sqlite": goose.DialectSQLite3, "postgres": goose.DialectPostgres}[dialect]
	folder, err := fs.Sub(Migrations, "migrations/"+dialect)
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(language, db, folder, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return err
	}
	applied, err := provider.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	return CheckVersion(dialect, applied)
}
