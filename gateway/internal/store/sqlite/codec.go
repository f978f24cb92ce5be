package sqlite

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// idColumn scans an identifier; null is the zero one.
type idColumn gateway.ID

// Scan reads 16 bytes or null.
func (c *idColumn) Scan(v any) error {
	switch b := v.(type) {
	case nil:
		*c = idColumn{}
	case []byte:
		if len(b) != 16 {
			return fmt.Errorf("an identifier has %d bytes", len(b))
		}
		copy(c[:], b)
	default:
		return fmt.Errorf("an identifier is stored as %T", v)
	}
	return nil
}

func scanID(id *gateway.ID) *idColumn { return (*idColumn)(id) }

// bytesOf gives an identifier as an argument; the zero one is null.
func bytesOf(id gateway.ID) any {
	if id.IsZero() {
		return nil
	}
	return id[:]
}

// timeColumn scans microseconds; null and 0 are the zero time.
type timeColumn time.Time

// Scan reads an integer or null.
func (c *timeColumn) Scan(v any) error {
	switch n := v.(type) {
	case nil:
		*c = timeColumn{}
	case int64:
		*c = timeColumn(fromMicros(n))
	default:
		return fmt.Errorf("a time is stored as %T", v)
	}
	return nil
}

func scanTime(t *time.Time) *timeColumn { return (*timeColumn)(t) }

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}

// toMicros gives a time as an argument; the zero time is 0.
func toMicros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// orNull gives a time as an argument; the zero time is null, which keeps the row out of partial indexes.
func orNull(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic("sqlite: " + err.Error()) // our own plain types always encode
	}
	return string(b)
}

func fromJSON(text string, into any) error { return json.Unmarshal([]byte(text), into) }

func splitList(s string) []string {
	s = strings.Trim(s, ",")
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}

// joinTags writes labels so that each stands between commas.
func joinTags(tags []string) string {
	if len(tags) == 0 {
		return ""
	}
	return "," + strings.Join(tags, ",") + ","
}

// batchSizes are the row counts for which statements over many rows are prepared, largest first.
var batchSizes = [...]int{64, 16, 4, 1}

// inBatches calls do for runs [lo, hi) whose lengths are of batchSizes only, so that the statements can be kept.
func inBatches(n int, do func(lo, hi int) error) error {
	for lo := 0; lo < n; {
		for _, size := range batchSizes {
			if n-lo >= size {
				if err := do(lo, lo+size); err != nil {
					return err
				}
				lo += size
				break
			}
		}
	}
	return nil
}

// values writes "(?,?),(?,?)" for rows of the given number of columns.
func values(rows, columns int) string {
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", columns), ",") + ")"
	return strings.TrimSuffix(strings.Repeat(row+",", rows), ",")
}

// one scans the only row of a read; none is ErrNotFound.
func one(row *sql.Row, what string, into ...any) error {
	err := row.Scan(into...)
	if err == sql.ErrNoRows {
		return gateway.Faultf(gateway.CodeNotFound, "there is no such %s", what)
	}
	return err
}
