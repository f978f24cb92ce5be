package app

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// What a log line says of is an id, and stands there; an address does not, wherever it stands, nor what has a key that nobody allowed.
func TestALogNamesNobody(t *testing.T) {
	var out bytes.Buffer
	log := NewLogger(&out, slog.LevelInfo, false)
	id := gateway.NewID()
	log.With("member", id, "address", "+4915112345678").Error("cannot reach ann@example.org", "error", errors.New("dial +49 151 12345678: refused"), "name", "Ann", "since", time.Date(2026, 11, 26, 8, 0, 0, 0, time.UTC),
		slog.Group("what", "count", 3, "name", "Ann"))
	const said = ` level=ERROR msg="cannot reach [withheld]" member=ID address=[withheld] error="dial [withheld]: refused" name=[withheld] since=2026-11-26T08:00:00.000Z what.count=3 what.name=[withheld]` + "\n"
	if _, line, _ := strings.Cut(out.String(), " "); line != strings.Replace(said, "ID", id.String(), 1)[1:] {
		t.Errorf("%s", out.String())
	}
}
