package civil_test

import (
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway/civil"
)

// TestWallTimesThatAreSkippedOrShownTwice takes clocks over changes of one hour, half an hour and a whole day.
func TestWallTimesThatAreSkippedOrShownTwice(t *testing.T) {
	for _, c := range []struct{ zone, wall, want string }{
		{"Europe/Berlin", "2026-03-29T02:30:00", "2026-03-29T01:30:00Z"}, // skipped: as if it were still winter
		{"Europe/Berlin", "2026-10-25T02:30:00", "2026-10-25T00:30:00Z"}, // twice: the first
		{"Europe/Berlin", "2026-10-25T03:00:00", "2026-10-25T02:00:00Z"},
		{"Australia/Lord_Howe", "2026-10-04T02:15:00", "2026-10-03T15:45:00Z"}, // half an hour
		{"Australia/Lord_Howe", "2026-04-05T01:45:00", "2026-04-04T14:45:00Z"},
		{"Africa/Cairo", "2026-04-24T00:00:00", "2026-04-23T22:00:00Z"}, // midnight is skipped
		{"Asia/Kathmandu", "2026-01-01T00:00:00", "2025-12-31T18:15:00Z"},
		{"UTC", "2026-12-31T23:59:59", "2026-12-31T23:59:59Z"},
	} {
		zone, err := civil.Zone(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		wall, err := time.Parse("2006-01-02T15:04:05", c.wall)
		if err != nil {
			t.Fatal(err)
		}
		if got := civil.Instant(wall, zone); got.UTC().Format(time.RFC3339) != c.want || got.Location() != zone {
			t.Errorf("%s in %s: got %v, want %s", c.wall, c.zone, got, c.want)
		}
	}
}
