package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"github.com/carillon-gateway/carillon/gateway"
)

// Calendars reads calendars of others, and writes ours.
type Calendars interface {
	// List gives those of a group.
	List(ctx context.Context, group gateway.ID) ([]gateway.Calendar, error)
	// Show gives one with its events that have not ended, in the order of their starts.
	Show(ctx context.Context, group gateway.ID, name string) (gateway.Calendar, []gateway.Event, error)
	Told(ctx context.Context, g gateway.Group, c gateway.Calendar, e gateway.Event) ([]gateway.Reminded, error)
	// Put makes a calendar or changes the one with its name, and reads it; file is what was uploaded, if anything was.
	Put(ctx context.Context, g gateway.Group, c gateway.Calendar, file []byte) (gateway.Calendar, error)
	// Keep is Put for an address, without reading: that is done soon.
	Keep(ctx context.Context, g gateway.Group, c gateway.Calendar) (gateway.Calendar, error)
	Remove(ctx context.Context, group gateway.ID, name string) error
	Readings
}

// Readings is what is read of calendars, and given out.
type Readings interface {
	// Read asks for a calendar now.
	Read(ctx context.Context, group gateway.ID, name string) (gateway.Calendar, error)
	// Confirm cancels what two good answers lacked; it returns how many events.
	Confirm(ctx context.Context, group gateway.ID, name string) (int, error)
	// Mark keeps something back of an event or a series; it returns how many of those to come are meant.
	Mark(ctx context.Context, group gateway.ID, name string, mark gateway.EventMark) (int, error)
	// Issue makes a feed of a group, or of a member if one is named; with the name of a rota, one of its turns.
	Issue(ctx context.Context, group, member gateway.ID, rota, label string) (gateway.IssuedFeed, error)
	// Feed gives the calendar of a secret address.
	Feed(ctx context.Context, token string) ([]byte, error)
}

// feedsAtOnce is how many feeds are written at a time: each may hold thousands of events.
const feedsAtOnce = 4

// serveFeed gives a calendar to whoever knows its address. The address is a secret: it is in no log, for requests are told
// of by their route. Only the subscriber's own program may keep the answer.
func (s *server) serveFeed(w http.ResponseWriter, r *http.Request) {
	token, ok := strings.CutSuffix(r.PathValue("file"), ".ics")
	var feed []byte
	err := error(gateway.ErrNotFound)
	if ok {
		select {
		case s.writing <- struct{}{}:
			feed, err = func() ([]byte, error) {
				defer func() { <-s.writing }() // also if it meets a defect
				return s.Calendars.Feed(r.Context(), token)
			}()
		case <-r.Context().Done():
			return
		}
	}
	if errors.Is(err, gateway.ErrNotFound) { // no word of why
		writeProblem(w, newProblem(r.Context(), http.StatusNotFound, gateway.CodeNotFound, plainText(gateway.CodeNotFound)))
		return
	}
	if err != nil {
		writeProblem(w, s.problem(r.Context(), err))
		return
	}
	sum := sha256.Sum256(feed)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
	h := w.Header()
	h.Set("Cache-Control", "private, no-cache") // it asks each time, and is told if nothing has changed
	h.Set("ETag", tag)
	for known := range strings.SplitSeq(r.Header.Get("If-None-Match"), ",") {
		if strings.TrimPrefix(strings.TrimSpace(known), "W/") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	h.Set("Content-Disposition", `inline; filename="calendar.ics"`)
	write(w, http.StatusOK, "text/calendar; charset=utf-8", feed)
}
