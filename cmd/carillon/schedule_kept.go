package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/gateway/client"
)

func (sh *shell) scheduleList() *cobra.Command {
	return sh.inGroup(&cobra.Command{Use: "list", Short: "list the schedules of a group", Args: cobra.NoArgs},
		func(ctx context.Context, api *client.Client, group string, _ []string) error {
			all, err := api.Schedules(ctx, group)
			if err != nil {
				return err
			}
			return listed(sh, all, []string{"NAME", "RUNS", "ZONE", "NEXT", "SENDS", "STATE"}, "No schedules yet. Make one with: carillon schedule put", func(s gateway.ScheduleView) []string {
				return []string{s.Name, s.Cron + s.RRule, s.Zone, s.Next, sendsWhat(s), standing(s)}
			})
		})
}

func sendsWhat(s gateway.ScheduleView) string {
	switch {
	case s.Week != nil:
		return "the week ahead to " + s.Week.Topic
	case s.Send == nil:
		return "editions of " + s.Report
	}
	return string(s.Send.Kind) + " to " + s.Send.Topic
}

func standing(s gateway.ScheduleView) string {
	switch {
	case s.Paused && s.PausedUntil.IsZero():
		return "paused"
	case s.Paused && s.PausedUntil.After(time.Now()):
		return "paused until " + clock(s.PausedUntil)
	case s.Next == "":
		return "over"
	}
	return ""
}

func (sh *shell) scheduleShow() *cobra.Command {
	var most int
	c := &cobra.Command{Use: "show NAME", Short: "show a schedule and what became of its runs", Args: cobra.ExactArgs(1)}
	c.Flags().IntVar(&most, "limit", 20, "how many runs at most")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		if most < 1 {
			return wrong("--limit must be at least 1")
		}
		s, err := api.Schedule(ctx, group, args[0])
		if err != nil {
			return err
		}
		runs, err := api.Occurrences(ctx, group, args[0], most)
		if err != nil {
			return err
		}
		if sh.json() {
			return sh.print(struct {
				gateway.ScheduleView
				Occurrences []gateway.Occurrence `json:"occurrences"`
			}{s, runs}, "")
		}
		if err := sh.say("%s  %s, in the zone %s, sends: %s\nlate: %s; by %s; next %s %s\n", s.Name, s.Cron+s.RRule, s.Zone, sendsWhat(s), s.Late, s.Author, s.Next, standing(s)); err != nil {
			return err
		}
		return listed(sh, runs, []string{"RUN", "OUTCOME", "WHY", "BY", "MESSAGE"}, "It has not run yet.", func(o gateway.Occurrence) []string {
			message, why := "", string(o.Reason)
			if !o.BroadcastID.IsZero() {
				message = o.BroadcastID.String()
			}
			if o.Detail != "" {
				why = o.Detail
			}
			return []string{o.Run, string(o.State), why, o.By, message}
		})
	})
}

func (sh *shell) scheduleNext() *cobra.Command {
	var r client.Runs
	var from string
	c := &cobra.Command{Use: "next NAME", Short: "list the next runs of a schedule, and mark those that a clock change shifts", Args: cobra.ExactArgs(1)}
	c.Flags().StringVar(&r.Zone, "zone", "", "whose clocks to show, as in Asia/Kathmandu (absent: the schedule's, or the group's)")
	c.Flags().StringVar(&from, "from", "", "list what comes after this instant, as in 2026-03-28T00:00:00Z (empty: now)")
	c.Flags().IntVarP(&r.Number, "number", "n", 10, "how many runs, at most 1000")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		if from != "" {
			at, err := time.Parse(time.RFC3339, from)
			if err != nil {
				return wrong("--from %q is no instant; write 2026-03-28T00:00:00Z", from)
			}
			r.From = at
		}
		runs, err := api.NextRuns(ctx, group, args[0], r)
		if err != nil {
			return err
		}
		return sh.showRuns(runs)
	})
}

func (sh *shell) showRuns(runs []gateway.RunView) error {
	return listed(sh, runs, []string{"RUN", "CLOCKS SHOW", "ZONE", ""}, "No more runs.", func(r gateway.RunView) []string {
		note := shifted(civil.Moment{Wall: r.Nominal, Note: r.Note})
		switch {
		case r.LeftOut != "":
			note = "left out: " + string(r.LeftOut)
		case r.UTC.IsZero():
			note = "the zone has no such date"
		}
		return []string{r.Run, r.Local, r.Zone, note}
	})
}

func (sh *shell) scheduleWeek() *cobra.Command {
	var topic, locale string
	c := &cobra.Command{Use: "week", Short: "show what a week ahead would tell now, and send nothing", Args: cobra.NoArgs}
	c.Flags().StringVar(&topic, "topic", "", "of the calendars of this topic")
	c.Flags().StringVar(&locale, "locale", "", "in this language, as in en or pt-BR (absent: the group's)")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, _ []string) error {
		if topic == "" {
			return wrong("--topic is missing; it says which calendars")
		}
		w, err := api.WeekText(ctx, group, topic, locale)
		if err != nil {
			return err
		}
		return sh.print(w, printable(w.Text+"\n\nAs a text message: "+w.Short))
	})
}

func (sh *shell) schedulePut() *cobra.Command {
	var d gateway.DocumentSchedule
	var m message
	var start, starts, ends, late string
	var window time.Duration
	c := &cobra.Command{Use: "put NAME", Short: "make a schedule or change it", Args: cobra.ExactArgs(1),
		Long:    "Make a schedule that sends a message at each of its runs, or change the one with this name. --dry-run lists its next runs\nand keeps nothing; who would get the message, and what is missing in it, says send --dry-run.",
		Example: "  carillon schedule put weekly-report --cron '0 9 * * MON' --zone member --kind report --topic reports --wording weekly --dry-run"}
	f := c.Flags()
	f.StringVar(&d.Cron, "cron", "", "when it runs, as a cron line: minute hour day month weekday, as in \"0 9 * * MON\"")
	f.StringVar(&d.RRule, "rrule", "", "or as a recurrence rule, as in \"FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;BYHOUR=9;BYMINUTE=0\"")
	f.StringVar(&start, "start", "", "from which wall time --rrule counts, as in 2026-01-05T09:00")
	f.StringVar(&d.Zone, "zone", gateway.ZoneGroup, "whose clocks count: a zone as in Europe/Berlin, group, or member for each member's own")
	f.StringVar(&starts, "starts", "", "no run before this wall time")
	f.StringVar(&ends, "ends", "", "no run from this wall time on")
	f.StringArrayVar(&d.Except, "except", nil, "a date without a run, as in 2026-12-25 (again for others)")
	f.StringArrayVar(&d.Holidays, "holiday", nil, "a date without a run because nobody works (again for others)")
	f.StringVar(&d.HolidaysOf, "holidays-of", "", "a calendar of the group: no run on the dates of its whole days")
	f.StringVar(&late, "late", string(gateway.LateOnce), "what becomes of a run that could not be done in its time: once, skip or ask")
	f.DurationVar(&window, "window", 0, "with --late once: how late it may be, as in 6h (absent: 12h)")
	f.StringVar(&d.Report, "report", "", "send the editions of this series: each run freezes the next one and sends it once it is approved")
	week := gateway.ActionWeek{}
	f.StringVar(&week.Topic, "week", "", "or what takes place in the week ahead, of the calendars of this topic and for its subscribers")
	f.BoolVar(&week.Empty, "even-empty", false, "with --week: also to those in whose week nothing takes place")
	f.StringVar(&m.kind, "kind", "", "or a message: report or reminder")
	f.StringVar(&m.topic, "topic", "", "to those who subscribed to this topic")
	f.StringArrayVar(&m.tags, "tag", nil, "only those with this tag (again: with all of them)")
	f.StringArrayVar(&m.languages, "language", nil, "only those who read this language (again: one of them)")
	var wording string
	f.StringVar(&wording, "wording", "", "name of the group's own words to send, as they stand when it runs")
	f.StringVar(&m.words, "words", "", "or a folder with the text: one LOCALE.md a language")
	f.StringVar(&m.text, "text", "", "or the text itself, in the one language of --locale; - reads standard input")
	f.StringVar(&m.locale, "locale", "", "language of --text, as in en or pt-BR")
	f.StringArrayVar(&m.data, "data", nil, "value of a placeholder, as in count=120 (again for others)")
	f.BoolVar(&m.sensitive, "sensitive", false, "in full only over channels that are fit for it (see channel list), over others as a pointer: \"You have a message\"")
	f.BoolVar(&m.fallback, "fallback", false, "keep the schedule although a language, placeholder or plural form is missing")
	f.BoolVar(&m.dryRun, "dry-run", false, "list its next runs, and keep nothing")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		for _, w := range []struct {
			flag, text string
			into       *civil.Wall
		}{{"--start", start, &d.Start}, {"--starts", starts, &d.Starts}, {"--ends", ends, &d.Ends}} {
			if w.text != "" {
				var err error
				if *w.into, err = civil.ParseWall(w.text); err != nil {
					return wrong("%s: %w", w.flag, err)
				}
			}
		}
		if window%time.Minute != 0 {
			return wrong("--window counts whole minutes, as in 6h or 90m")
		}
		d.Late, d.Window = gateway.LatePolicy(late), int(window/time.Minute)
		if m.dryRun {
			if m.words+m.text != "" {
				if _, err := sh.wordsOf(m); err != nil {
					return err
				}
			}
			runs, err := api.PreviewSchedule(ctx, group, d, client.Runs{})
			if err != nil {
				return err
			}
			return sh.showRuns(runs)
		}
		if week.Empty && week.Topic == "" {
			return wrong("--even-empty goes with --week")
		}
		if d.Report != "" || week.Topic != "" {
			if m.kind+m.topic+wording+m.words+m.text != "" || d.Report != "" && week.Topic != "" {
				return wrong("give --report, --week or a message, one of them")
			}
			if week.Topic != "" {
				d.Week = &week
			}
			return sh.keepSchedule(ctx, api, group, args[0], d)
		}
		send := &gateway.DocumentSend{Kind: gateway.Kind(m.kind), Topic: m.topic, Tags: m.tags, Locales: m.languages, Wording: wording, Sensitive: m.sensitive, Fallback: m.fallback}
		if send.Kind != gateway.KindReport && send.Kind != gateway.KindReminder {
			return wrong("--kind: write report or reminder; an alert is nothing that is sent by the clock")
		}
		if m.topic == "" {
			return wrong("--topic is missing; it says to whom: those who subscribed to it")
		}
		var err error
		if wording != "" && m.words+m.text+m.locale != "" {
			return wrong("give the text with --wording, --words or --text, one of the three")
		}
		if wording != "" {
			send.Data, err = dataOf(m)
		} else {
			var words gateway.Words
			words, err = sh.wordsOf(m)
			send.Words, send.Data = words.Sources, words.Data
		}
		if err != nil {
			return err
		}
		d.Send = send
		return sh.keepSchedule(ctx, api, group, args[0], d)
	})
}

func (sh *shell) keepSchedule(ctx context.Context, api *client.Client, group, name string, d gateway.DocumentSchedule) error {
	s, err := api.PutSchedule(ctx, group, name, d)
	if err != nil {
		return err
	}
	return sh.print(s, s.Name+" runs next: "+s.Next+". See more with: carillon schedule next "+s.Name+" --group "+group+sh.underWay(ctx, api, group, name))
}

// latest is how many runs are looked at for one that is under way: at each member's own time several of a day may be.
const latest = 5

// underWay names the runs that are planned already and go on as they are, whatever is said of the schedule now. It is said beside
// what was done, which a fault here does not undo.
func (sh *shell) underWay(ctx context.Context, api *client.Client, group, name string) (said string) {
	if sh.json() {
		return ""
	}
	runs, err := api.Occurrences(ctx, group, name, latest)
	if err != nil {
		return ""
	}
	for _, o := range runs {
		if o.BroadcastID.IsZero() {
			continue
		}
		b, err := api.Broadcast(ctx, group, o.BroadcastID)
		if err != nil || b.State == gateway.Stopped {
			continue
		}
		waiting := 0
		for _, t := range b.Tallies {
			if t.State == gateway.Waiting {
				waiting += t.Count
			}
		}
		if waiting > 0 {
			said += "\nIts run " + o.Run + " goes on as it was planned: " + plural(waiting, "message") + " still to come. Stop it with: carillon broadcast stop " + o.BroadcastID.String() + " --group " + group
		}
	}
	return said
}

func (sh *shell) schedulePause() *cobra.Command {
	var until string
	var tell bool
	c := &cobra.Command{Use: "pause NAME", Short: "leave the runs of a schedule out", Args: cobra.ExactArgs(1)}
	c.Flags().StringVar(&until, "until", "", "until this instant, as in 2026-12-24T00:00:00+01:00 (absent: until it is resumed)")
	c.Flags().BoolVar(&tell, "tell", false, "of a schedule that sends a series of reports: tell its readers that none come, and until when")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		var at time.Time
		if until != "" {
			var err error
			if at, err = time.Parse(time.RFC3339, until); err != nil {
				return wrong("--until is no instant; write date, time and offset, as in 2026-12-24T00:00:00+01:00")
			}
		}
		s, err := api.PauseSchedule(ctx, group, args[0], at, tell)
		if err != nil {
			return err
		}
		text := "Its readers are not told so: carillon send tells them."
		switch {
		case s.Untold != "":
			text = "Its readers are not told so: " + s.Untold
		case s.Told != nil && s.Told.Release != nil:
			text = needs(s.Told.Release, s.Told.ID, group, false)
		case s.Told != nil:
			text = "Its readers are told, by message " + s.Told.ID.String() + "." + draftsNote(s.Told.Drafts)
		}
		if err := sh.print(s, printable(s.Name+" is "+standing(s)+". "+text+sh.underWay(ctx, api, group, args[0]))); err != nil || s.Untold == "" {
			return err
		}
		return &toldError{exitFailed}
	})
}

func (sh *shell) scheduleResume() *cobra.Command {
	return sh.inGroup(&cobra.Command{Use: "resume NAME", Short: "let a paused schedule run again", Args: cobra.ExactArgs(1)},
		func(ctx context.Context, api *client.Client, group string, args []string) error {
			s, err := api.ResumeSchedule(ctx, group, args[0])
			if err != nil {
				return err
			}
			return sh.print(s, s.Name+" runs next: "+s.Next+".")
		})
}

func (sh *shell) scheduleDelete() *cobra.Command {
	var yes bool
	c := &cobra.Command{Use: "delete NAME", Short: "delete a schedule and what is recorded of its runs", Args: cobra.ExactArgs(1)}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask first")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		if err := sh.confirm("Delete "+args[0]+" and what is recorded of its runs? What it sent stays.", yes); err != nil {
			return err
		}
		goesOn := sh.underWay(ctx, api, group, args[0])
		if err := api.DeleteSchedule(ctx, group, args[0]); err != nil {
			return err
		}
		return sh.print(map[string]string{"deleted": args[0]}, args[0]+" is deleted."+goesOn)
	})
}

func (sh *shell) scheduleRun() *cobra.Command {
	var run string
	c := &cobra.Command{Use: "run NAME", Short: "run a schedule now", Args: cobra.ExactArgs(1),
		Long: "Do a run that waits for an answer or has failed, as schedule show names it, or without --occurrence one of its own, which takes\nno other's place."}
	c.Flags().StringVar(&run, "occurrence", "", "the run, as in 2026-10-25T02:30+01:00")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		o, err := api.RunSchedule(ctx, group, args[0], run)
		if err != nil {
			return err
		}
		return sh.print(o, "Handed in as "+o.BroadcastID.String()+". Follow it with: carillon broadcast show "+o.BroadcastID.String()+" --group "+group)
	})
}

func (sh *shell) scheduleSkip() *cobra.Command {
	var run string
	c := &cobra.Command{Use: "skip NAME", Short: "leave out a run that waits for an answer or has failed", Args: cobra.ExactArgs(1)}
	c.Flags().StringVar(&run, "occurrence", "", "the run, as in 2026-10-25T02:30+01:00")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		if run == "" {
			return wrong("--occurrence is missing: which run? carillon schedule show %s lists them", args[0])
		}
		o, err := api.SkipRun(ctx, group, args[0], run)
		if err != nil {
			return err
		}
		return sh.print(o, "The run "+o.Run+" is left out.")
	})
}
