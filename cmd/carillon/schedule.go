package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler"
)

func (sh *shell) schedules() *cobra.Command {
	return holder("schedule", "what is sent by the clock, and when", sh.scheduleList(), sh.scheduleShow(), sh.scheduleNext(), sh.scheduleWeek(), sh.schedulePut(), sh.scheduleRun(), sh.scheduleSkip(),
		sh.schedulePause(), sh.scheduleResume(), sh.scheduleDelete(), sh.schedulePreview())
}

// maxPreview bounds how many runs one command lists.
const maxPreview = 100_000

func (sh *shell) schedulePreview() *cobra.Command {
	var cron, rrule, start, zone, from string
	var n int
	c := &cobra.Command{Use: "preview", Short: "list the next runs of a schedule, and mark those that a clock change shifts", Args: cobra.NoArgs}
	c.Flags().StringVar(&cron, "cron", "", "the schedule as a cron line: minute hour day month weekday, as in \"0 9 * * MON\"")
	c.Flags().StringVar(&rrule, "rrule", "", "or as a recurrence rule, as in \"FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;BYHOUR=9;BYMINUTE=0\"")
	c.Flags().StringVar(&start, "start", "", "from which wall time --rrule counts, as in 2026-01-05T09:00 (empty: from --from)")
	c.Flags().StringVar(&zone, "zone", "", "time zone of the clocks, as in Europe/Berlin")
	c.Flags().StringVar(&from, "from", "", "list what comes after this instant, as in 2026-03-28T00:00:00Z, or wall time of the zone (empty: now)")
	c.Flags().IntVarP(&n, "number", "n", 10, "how many runs")
	c.RunE = func(*cobra.Command, []string) error {
		if n < 1 || n > maxPreview {
			return wrong("-n %d: write a number from 1 to %d", n, maxPreview)
		}
		loc, err := civil.Zone(zone)
		if err != nil {
			return wrong("--zone: %w", err)
		}
		at := time.Now()
		if from != "" {
			if at, err = instant(from, loc); err != nil {
				return wrong("--from %w", err)
			}
		}
		rule, err := scheduleRule(cron, rrule, start, civil.Of(at, loc).Wall)
		if err != nil {
			return err
		}
		return sh.listRuns(rule, loc, at, n)
	}
	return c
}

// instant reads a point in time, or a wall time that it places in a zone.
func instant(s string, loc *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	if w, err := civil.ParseWall(s); err == nil {
		return civil.In(w, loc).Instant(), nil
	}
	return time.Time{}, wrong("%q is no point in time; write 2026-03-28T00:00:00Z or 2026-03-28", s)
}

// scheduleRule reads the one of both forms that was given.
func scheduleRule(cron, rrule, start string, from civil.Wall) (scheduler.Rule, error) {
	switch {
	case (cron == "") == (rrule == ""):
		return nil, wrong("write the schedule as --cron or as --rrule, one of both")
	case cron != "" && start != "":
		return nil, wrong("--start is for --rrule; a cron line has no first run")
	case cron != "":
		rule, err := scheduler.ParseCron(cron)
		if err != nil {
			return nil, wrong("--cron: %w", err)
		}
		return rule, nil
	}
	if start != "" {
		w, err := civil.ParseWall(start)
		if err != nil {
			return nil, wrong("--start: %w", err)
		}
		from = w
	}
	rule, err := scheduler.ParseRecurrence(rrule, from)
	if err != nil {
		return nil, wrong("--rrule: %w", err)
	}
	return rule, nil
}

func (sh *shell) listRuns(rule scheduler.Rule, loc *time.Location, at time.Time, n int) error {
	var rows [][]string
	for range n {
		m, ok := rule.Next(at, loc)
		if !ok {
			break
		}
		at = m.Instant()
		local := at.In(loc)
		if !sh.json() {
			rows = append(rows, []string{local.Format("Mon 2006-01-02 15:04 -07:00"), at.Format("2006-01-02 15:04"), shifted(m)})
			continue
		}
		err := sh.print(struct {
			Nominal string     `json:"nominal"`
			UTC     string     `json:"utc"`
			Local   string     `json:"local"`
			Note    civil.Note `json:"note"`
		}{m.Wall.String(), at.Format(time.RFC3339), local.Format(time.RFC3339), m.Note}, "")
		if err != nil {
			return err
		}
	}
	if sh.json() {
		return nil
	}
	if err := sh.table([]string{"RUNS AT", "UTC", ""}, rows, "No more runs."); err != nil || len(rows) == 0 || len(rows) == n {
		return err
	}
	return sh.say("No more runs after these.")
}

// shifted says in words what a clock change does to a run.
func shifted(m civil.Moment) string {
	switch m.Note {
	case civil.Gap:
		return "instead of " + m.Wall.Fields().Format("15:04") + ", which clocks skip"
	case civil.First:
		return "the first of two, as clocks are put back"
	case civil.Second:
		return "the second of two, as clocks are put back"
	}
	return ""
}
