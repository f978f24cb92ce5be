package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler/calendar"
)

// maxExpanding bounds how long one calendar may take.
const maxExpanding = 30 * time.Second

func (sh *shell) calendars() *cobra.Command {
	var from, to, zone string
	c := &cobra.Command{Use: "expand FILE", Short: "list what a calendar (.ics; - reads standard input) holds, each occurrence by itself", Args: cobra.ExactArgs(1)}
	c.Flags().StringVar(&from, "from", "", "list what starts at this instant or later, as in 2026-03-01T00:00:00Z, or wall time of the zone, as in 2026-03-01")
	c.Flags().StringVar(&to, "to", "", "and before this one")
	c.Flags().StringVar(&zone, "zone", "", "time zone that times without one are placed in, as in Europe/Berlin (empty: they stay without)")
	c.RunE = func(c *cobra.Command, args []string) error {
		place, clock := (*time.Location)(nil), time.UTC
		if zone != "" {
			loc, err := civil.Zone(zone)
			if err != nil {
				return wrong("--zone: %w", err)
			}
			place, clock = loc, loc
		}
		begin, err := instant(from, clock)
		if err != nil {
			return wrong("--from %w", err)
		}
		end, err := instant(to, clock)
		if err != nil {
			return wrong("--to %w", err)
		}
		if !begin.Before(end) {
			return wrong("--to %s is not after --from %s", to, from)
		}
		return sh.expandCalendar(c.Context(), args[0], begin, end, place)
	}
	return holder("calendar", "read calendars of other programs, and give calendars out", append(sh.groupCalendars(), c)...)
}

func (sh *shell) expandCalendar(ctx context.Context, file string, from, to time.Time, place *time.Location) error {
	in := sh.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return wrong("%w", err)
		}
		defer f.Close()
		in = f
	}
	ctx, cancel := context.WithTimeout(ctx, maxExpanding)
	defer cancel()
	return sh.listOccurrences(ctx, file, in, from, to, place)
}

func (sh *shell) listOccurrences(ctx context.Context, file string, in io.Reader, from, to time.Time, place *time.Location) error {
	about := func(err error) error {
		if errors.Is(err, calendar.ErrNotCalendar) || errors.Is(err, calendar.ErrTooBig) {
			return wrong("%s: %w", file, err)
		}
		return fmt.Errorf("%s: %w", file, err)
	}
	read, err := calendar.Read(in)
	if err != nil {
		return about(err)
	}
	all, faults, err := read.Expand(ctx, from, to, place)
	if err != nil {
		return about(err)
	}
	for _, f := range append(read.Faults, faults...) {
		fmt.Fprintln(sh.err, printable(fmt.Sprintf("carillon: %s: %v", file, f)))
	}
	if read.Cut {
		fmt.Fprintln(sh.err, printable(fmt.Sprintf("carillon: %s: the file is cut off: END:VCALENDAR is missing", file)))
	}
	shown := make([]occurrence, len(all))
	for i, o := range all {
		shown[i] = occurrence{UID: o.UID, Start: o.Start.String(), End: o.End.String(), AllDay: o.Start.Kind == calendar.Date, Status: o.Status, Summary: o.Summary, of: o}
		if o.RecurrenceID != nil {
			id := o.RecurrenceID.String()
			shown[i].RecurrenceID = &id
		}
	}
	clocks := func(t calendar.Time) string { // for people, on the clocks of the zone if they gave one
		if t.Kind == calendar.Instant && place != nil {
			return t.Moment.Instant().In(place).Format("2006-01-02 15:04 -07:00")
		}
		return t.String()
	}
	return listed(sh, shown, []string{"START", "END", "STATUS", "SUMMARY"}, "Nothing starts in that time.", func(o occurrence) []string {
		return []string{clocks(o.of.Start), clocks(o.of.End), o.Status, o.Summary}
	})
}

// occurrence is a line of `calendar expand`.
type occurrence struct {
	UID          string  `json:"uid"`
	RecurrenceID *string `json:"recurrence_id"`
	Start        string  `json:"start"`
	End          string  `json:"end"`
	AllDay       bool    `json:"all_day"`
	Status       string  `json:"status"`
	Summary      string  `json:"summary"`

	of calendar.Occurrence
}
