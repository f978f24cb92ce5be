package store

import (
	"io/fs"
	"strconv"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
)

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

// CheckVersion refuses a ledger whose tables a newer release has changed: this one would not know what it writes.
func CheckVersion(dialect string, applied int64) error {
	if known := Newest(dialect); applied > known {
		return gateway.Faultf(gateway.CodeInvalid, "a newer carillon has changed the ledger's tables (migration %d; this one knows %d); run that release, or a later one", applied, known)
	}
	return nil
}
