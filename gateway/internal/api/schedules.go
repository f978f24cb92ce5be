package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// Schedules is what people do with schedules.
type Schedules interface {
	// CheckTiming gives a timing in canonical form, or says what is wrong with it.
	CheckTiming(g gateway.Group, t gateway.Timing) (gateway.Timing, error)
	// Put makes a schedule, or changes the one with its name in all but its pause.
	Put(ctx context.Context, g gateway.Group, s gateway.Schedule) (done gateway.Schedule, created bool, err error)
	// Preview lists the runs of a schedule that is not kept yet; Runs those of one that is.
	Preview(ctx context.Context, g gateway.Group, t gateway.Timing, from time.Time, zone string, n int) ([]gateway.RunView, error)
	Runs(ctx context.Context, g gateway.Group, s gateway.Schedule, from time.Time, zone string, n int) ([]gateway.RunView, error)
	ScheduleActs
	ScheduleLog
}

// ScheduleActs is what people do to a schedule that is kept, and to its runs.
type ScheduleActs interface {
	Pause(ctx context.Context, group gateway.ID, name string, until time.Time, by string) (gateway.Schedule, error)
	Resume(ctx context.Context, group gateway.ID, name, by string) (gateway.Schedule, error)
	// Do does a run that is asked about or has failed, or without a name one of its own, now. Skip leaves one out.
	Do(ctx context.Context, g gateway.Group, name, run, by string) (gateway.Occurrence, error)
	Skip(ctx context.Context, g gateway.Group, name, run, by string) (gateway.Occurrence, error)
	DeleteSchedule(ctx context.Context, group, id gateway.ID) error
}

// ScheduleLog is what the API reads of schedules.
type ScheduleLog interface {
	Schedule(ctx context.Context, group gateway.ID, name string) (gateway.Schedule, error)
	Schedules(ctx context.Context, group, after gateway.ID, limit int) ([]gateway.Schedule, error)
	Occurrences(ctx context.Context, group, schedule, before gateway.ID, limit int) ([]gateway.Occurrence, error)
}

// InSchedule is a path to a schedule.
type InSchedule struct {
	InGroup
	Schedule string `path:"schedule" minLength:"2" maxLength:"40" pattern:"^[a-z0-9][a-z0-9-]*[a-z0-9]$" patternDescription:"2 to 40 of a to z, 0 to 9 and the hyphen, which neither begins nor ends it" example:"weekly-report"`
}

// Span is which runs to come are listed.
type Span struct {
	Number int       `query:"n" minimum:"1" maximum:"1000" default:"10" doc:"How many runs."`
	From   time.Time `query:"from" doc:"List what comes after this instant. Absent: now."`
	Zone   string    `query:"zone" maxLength:"64" doc:"Whose clocks are shown: an IANA name. Absent: the schedule's, or the group's where it runs at each member's own time."`
}

type (
	listSchedules struct {
		InGroup
		Paging
	}
	putSchedule struct {
		InSchedule
		Body gateway.DocumentSchedule
	}
	previewSchedule struct {
		InGroup
		Span
		Body gateway.DocumentSchedule
	}
	nextRuns struct {
		InSchedule
		Span
	}
	weekText struct {
		InGroup
		Topic  string `query:"topic" required:"true" maxLength:"40" doc:"Whose calendars it tells of."`
		Locale string `query:"locale" maxLength:"35" doc:"The language of the reader. Absent: the group's."`
	}
	listOccurrences struct {
		InSchedule
		Paging
	}
	pauseSchedule struct {
		InSchedule
		Until time.Time `query:"until" doc:"Runs before this instant are left out. Absent: all, until it is resumed."`
		Tell  bool      `query:"tell" doc:"Of a schedule that sends a series of reports: tell its readers, each in her language, that none come, and until when."`
	}
	runSchedule struct {
		InSchedule
		Run string `query:"run" maxLength:"64" doc:"Name of a run that is asked about or has failed. Absent: a run of its own, now."`
	}
	skipRun struct {
		InSchedule
		Run string `query:"run" required:"true" maxLength:"64" doc:"Name of a run that is asked about or has failed."`
	}
	scheduled struct {
		Status int
		Body   gateway.ScheduleView
	}
)

// wall stands for civil.Wall in the document.
type wall string

// Schema says how a wall time is written; the library checks requests against it.
func (wall) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Pattern: `^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?)?$`, PatternDescription: "a date and time of day without a zone, as in 2026-03-29T02:30"}
}

const scheduleTag = "Schedules"

func (s *server) addSchedules() {
	draft := gateway.DocumentSchedule{Cron: "0 9 * * MON", Zone: gateway.ZoneMember, Late: gateway.LateOnce, Window: 720, Send: &gateway.DocumentSend{Kind: gateway.KindReport, Topic: "reports", Wording: "weekly"}}
	sample := gateway.Schedule{ID: sampleID, Name: "weekly-report", Timing: draft.Schedule().Timing, Action: draft.Schedule().Action, Author: "weekly report", Revision: 1, Run: "2026-03-30T09:00", At: sampleTime.Add(-gateway.Lead), ChangedAt: sampleTime}.View()
	runs := page[gateway.RunView]{Items: []gateway.RunView{{Run: "2026-03-29T02:30+01:00", Nominal: civil.At(2026, 3, 29, 2, 30, 0), Zone: "Europe/Berlin", UTC: time.Date(2026, 3, 29, 1, 30, 0, 0, time.UTC), Local: "2026-03-29T03:30:00+02:00", Note: civil.Gap}}}

	add(s, route{ID: "list-schedules", Method: http.MethodGet, Path: "/api/v1/groups/{group}/schedules", Tag: scheduleTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "List schedules", Answer: page[gateway.ScheduleView]{Items: []gateway.ScheduleView{sample}}},
		func(ctx context.Context, who caller, in *listSchedules) (*body[page[gateway.ScheduleView]], error) {
			list, err := s.Schedules.Schedules(ctx, who.Group.ID, in.After, in.Limit+1)
			views := make([]gateway.ScheduleView, len(list))
			for i := range list {
				views[i] = list[i].View()
			}
			return &body[page[gateway.ScheduleView]]{pageOf(views, in.Limit, func(v gateway.ScheduleView) gateway.ID { return v.ID })}, err
		})
	add(s, route{ID: "get-schedule", Method: http.MethodGet, Path: "/api/v1/groups/{group}/schedules/{schedule}", Tag: scheduleTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "Read a schedule", Answer: sample},
		func(ctx context.Context, who caller, in *InSchedule) (*body[gateway.ScheduleView], error) {
			one, err := s.Schedules.Schedule(ctx, who.Group.ID, in.Schedule)
			return &body[gateway.ScheduleView]{one.View()}, err
		})
	add(s, route{ID: "put-schedule", Method: http.MethodPut, Path: "/api/v1/groups/{group}/schedules/{schedule}", Tag: scheduleTag, Scope: ofGroup, Role: gateway.Author,
		Summary: "Make or change a schedule", About: "Checked whole; one that never runs is refused. When it runs holds from now on. A change of anything else leaves the next run as it is, and a pause is left as it is. 201: it is new.", Example: draft, Answer: sample},
		func(ctx context.Context, who caller, in *putSchedule) (*scheduled, error) {
			if in.Body.Name != "" && in.Body.Name != in.Schedule {
				return nil, gateway.Faultf(gateway.CodeInvalid, "body.name is not the name of the path; leave it out")
			}
			in.Body.Name = in.Schedule
			want := in.Body.Schedule()
			want.Author = who.Token.Label
			done, created, err := s.Schedules.Put(ctx, who.Group, want)
			if err != nil {
				return nil, err
			}
			s.Log.Info("a schedule was changed", "request", requestID(ctx), "group", who.Group.ID, "schedule", done.ID, "token", who.Token.ID, "what", "put")
			status := http.StatusOK
			if created {
				status = http.StatusCreated
			}
			return &scheduled{status, done.View()}, nil
		})
	add(s, route{ID: "delete-schedule", Method: http.MethodDelete, Path: "/api/v1/groups/{group}/schedules/{schedule}", Tag: scheduleTag, Scope: ofGroup, Role: gateway.Author,
		Summary: "Delete a schedule", About: "With what is recorded of its runs. What they sent stays, and goes on."},
		func(ctx context.Context, who caller, in *InSchedule) (*nothing, error) {
			one, err := s.Schedules.Schedule(ctx, who.Group.ID, in.Schedule)
			if err == nil {
				err = s.Schedules.DeleteSchedule(ctx, who.Group.ID, one.ID)
			}
			if err != nil {
				return nil, err
			}
			s.Log.Info("a schedule was changed", "request", requestID(ctx), "group", who.Group.ID, "schedule", one.ID, "token", who.Token.ID, "what", "delete")
			return &nothing{}, nil
		})
	add(s, route{ID: "preview-schedule", Method: http.MethodPost, Path: "/api/v1/groups/{group}/schedules/preview", Tag: scheduleTag, Scope: ofGroup, Role: gateway.Author, Fresh: true,
		Summary: "Say when a schedule would run", About: "The next runs, with those marked that a clock change shifts and those that are left out. It changes nothing; what is to be sent is not looked at.", Example: draft, Answer: runs},
		func(ctx context.Context, who caller, in *previewSchedule) (*body[page[gateway.RunView]], error) {
			list, err := s.Schedules.Preview(ctx, who.Group, in.Body.Schedule().Timing, in.From, in.Zone, in.Number)
			return &body[page[gateway.RunView]]{page[gateway.RunView]{Items: list}}, err
		})
	add(s, route{ID: "next-runs", Method: http.MethodGet, Path: "/api/v1/groups/{group}/schedules/{schedule}/next", Tag: scheduleTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "List the next runs of a schedule", About: "As a preview does. Those that fall into a pause are left out, with the reason paused.", Answer: runs},
		func(ctx context.Context, who caller, in *nextRuns) (*body[page[gateway.RunView]], error) {
			one, err := s.Schedules.Schedule(ctx, who.Group.ID, in.Schedule)
			if err != nil {
				return nil, err
			}
			list, err := s.Schedules.Runs(ctx, who.Group, one, in.From, in.Zone, in.Number)
			return &body[page[gateway.RunView]]{page[gateway.RunView]{Items: list}}, err
		})
	add(s, route{ID: "preview-week", Method: http.MethodGet, Path: "/api/v1/groups/{group}/week-ahead", Tag: scheduleTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "Say what a week ahead would tell now", About: "As a schedule with week sends it, to a reader of one language on the clocks of the group. It sends nothing.",
		Answer: gateway.WeekText{Locale: "en", Subject: "The week ahead", Text: "The week ahead\n\n- Assembly, Tuesday at 18:00", Short: "This week: Assembly.", Events: 1}},
		func(ctx context.Context, who caller, in *weekText) (*body[gateway.WeekText], error) {
			text, err := s.WeekText(ctx, who.Group, in.Topic, in.Locale)
			return &body[gateway.WeekText]{text}, err
		})
	s.addScheduleActs()
}

// addScheduleActs adds what is done to a schedule that is kept, and what became of its runs.
func (s *server) addScheduleActs() {
	sample := gateway.Occurrence{ID: sampleID, GroupID: sampleID, ScheduleID: sampleID, Run: "2026-03-30T09:00+02:00", At: sampleTime, State: gateway.OccurrenceFired, BroadcastID: sampleID, RecordedAt: sampleTime}
	kept := gateway.Schedule{ID: sampleID, Name: "weekly-report", Timing: gateway.Timing{Cron: "0 9 * * MON", Zone: gateway.ZoneGroup, Late: gateway.LateAsk}, Author: "weekly report", Revision: 2, Run: sample.Run, At: sampleTime, ChangedAt: sampleTime, Paused: true}.View()
	path := "/api/v1/groups/{group}/schedules/{schedule}"
	add(s, route{ID: "list-occurrences", Method: http.MethodGet, Path: path + "/occurrences", Tag: scheduleTag, Scope: ofGroup, Role: gateway.Viewer,
		Summary: "List what became of a schedule's runs", About: "The newest first. Each run has one outcome, with its reason.", Answer: page[gateway.Occurrence]{Items: []gateway.Occurrence{sample}}},
		func(ctx context.Context, who caller, in *listOccurrences) (*body[page[gateway.Occurrence]], error) {
			one, err := s.Schedules.Schedule(ctx, who.Group.ID, in.Schedule)
			if err != nil {
				return nil, err
			}
			list, err := s.Schedules.Occurrences(ctx, who.Group.ID, one.ID, in.After, in.Limit+1)
			return &body[page[gateway.Occurrence]]{pageOf(list, in.Limit, func(o gateway.Occurrence) gateway.ID { return o.ID })}, err
		})
	told := func(ctx context.Context, who caller, id gateway.ID, what string) {
		s.Log.Info("a schedule was changed", "request", requestID(ctx), "group", who.Group.ID, "schedule", id, "token", who.Token.ID, "what", what)
	}
	act := route{Method: http.MethodPost, Tag: scheduleTag, Scope: ofGroup, Role: gateway.Author, Answer: kept}
	act.ID, act.Path, act.Summary, act.About = "pause-schedule", path+"/pause", "Pause a schedule", "Its runs are left out, each with the reason paused. With tell the answer has the message to the readers of its series under told, or under untold why there is none; the schedule is paused in either case."
	add(s, act, func(ctx context.Context, who caller, in *pauseSchedule) (*body[gateway.ScheduleView], error) {
		view, err := s.pauseSchedule(ctx, who, in)
		if err != nil {
			return nil, err
		}
		told(ctx, who, view.ID, "pause")
		return &body[gateway.ScheduleView]{view}, nil
	})
	act.ID, act.Path, act.Summary, act.About = "resume-schedule", path+"/resume", "Resume a paused schedule", "From its next run on."
	add(s, act, func(ctx context.Context, who caller, in *InSchedule) (*body[gateway.ScheduleView], error) {
		one, err := s.Schedules.Resume(ctx, who.Group.ID, in.Schedule, who.Token.Label)
		if err != nil {
			return nil, err
		}
		told(ctx, who, one.ID, "resume")
		return &body[gateway.ScheduleView]{one.View()}, nil
	})
	act.Answer = sample
	act.ID, act.Path, act.Summary, act.About = "run-schedule", path+"/run", "Run a schedule now", "A run that is asked about or has failed, or one of its own, which takes no other's place. At each member's own time, who has her hour still ahead is told then."
	add(s, act, func(ctx context.Context, who caller, in *runSchedule) (*body[gateway.Occurrence], error) {
		o, err := s.Schedules.Do(ctx, who.Group, in.Schedule, in.Run, who.Token.Label)
		if err != nil {
			return nil, err
		}
		told(ctx, who, o.ScheduleID, "run")
		return &body[gateway.Occurrence]{o}, nil
	})
	act.ID, act.Path, act.Summary, act.About = "skip-run", path+"/skip", "Leave a run out", "One that is asked about or has failed."
	add(s, act, func(ctx context.Context, who caller, in *skipRun) (*body[gateway.Occurrence], error) {
		o, err := s.Schedules.Skip(ctx, who.Group, in.Schedule, in.Run, who.Token.Label)
		if err != nil {
			return nil, err
		}
		told(ctx, who, o.ScheduleID, "skip")
		return &body[gateway.Occurrence]{o}, nil
	})
}
