package client

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// Runs says which runs to come are listed; zero fields are left to the gateway.
type Runs struct {
	From   time.Time
	Zone   string
	Number int
}

func (r Runs) query() url.Values {
	query := url.Values{}
	if !r.From.IsZero() {
		query.Set("from", r.From.UTC().Format(time.RFC3339))
	}
	if r.Zone != "" {
		query.Set("zone", r.Zone)
	}
	if r.Number != 0 {
		query.Set("n", strconv.Itoa(r.Number))
	}
	return query
}

// Schedules lists a group's schedules.
func (c *Client) Schedules(ctx context.Context, group string) ([]gateway.ScheduleView, error) {
	return list[gateway.ScheduleView](ctx, c, groupPath(group, "schedules"), nil, 0, false)
}

// Schedule reads one.
func (c *Client) Schedule(ctx context.Context, group, name string) (gateway.ScheduleView, error) {
	return fetch[gateway.ScheduleView](ctx, c, call{method: http.MethodGet, path: groupPath(group, "schedules", name)})
}

// PutSchedule makes a schedule or changes it.
func (c *Client) PutSchedule(ctx context.Context, group, name string, d gateway.DocumentSchedule) (gateway.ScheduleView, error) {
	d.Name = name
	return fetch[gateway.ScheduleView](ctx, c, call{method: http.MethodPut, path: groupPath(group, "schedules", name), in: d})
}

// DeleteSchedule takes one away.
func (c *Client) DeleteSchedule(ctx context.Context, group, name string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: groupPath(group, "schedules", name)})
}

// PreviewSchedule says when a schedule would run.
func (c *Client) PreviewSchedule(ctx context.Context, group string, d gateway.DocumentSchedule, r Runs) ([]gateway.RunView, error) {
	p, err := fetch[page[gateway.RunView]](ctx, c, call{method: http.MethodPost, path: groupPath(group, "schedules", "preview"), query: r.query(), in: d})
	return p.Items, err
}

// NextRuns lists the next runs of a schedule.
func (c *Client) NextRuns(ctx context.Context, group, name string, r Runs) ([]gateway.RunView, error) {
	p, err := fetch[page[gateway.RunView]](ctx, c, call{method: http.MethodGet, path: groupPath(group, "schedules", name, "next"), query: r.query()})
	return p.Items, err
}

// WeekText says what subscribers of a topic would be told of the week ahead now, in a language or (empty) the group's.
func (c *Client) WeekText(ctx context.Context, group, topic, locale string) (gateway.WeekText, error) {
	query := url.Values{"topic": {topic}}
	if locale != "" {
		query.Set("locale", locale)
	}
	return fetch[gateway.WeekText](ctx, c, call{method: http.MethodGet, path: groupPath(group, "week-ahead"), query: query})
}

// Occurrences lists what became of the runs of a schedule, the newest first.
func (c *Client) Occurrences(ctx context.Context, group, name string, most int) ([]gateway.Occurrence, error) {
	return list[gateway.Occurrence](ctx, c, groupPath(group, "schedules", name, "occurrences"), nil, most, false)
}

// PauseSchedule has runs left out, until a time or (zero) until someone resumes it. With tell the readers of the series that it
// sends are told so, as the answer's Told or Untold says.
func (c *Client) PauseSchedule(ctx context.Context, group, name string, until time.Time, tell bool) (gateway.ScheduleView, error) {
	query := url.Values{}
	maps.Copy(query, on("tell", tell))
	if !until.IsZero() {
		query.Set("until", until.UTC().Format(time.RFC3339))
	}
	return fetch[gateway.ScheduleView](ctx, c, call{method: http.MethodPost, path: groupPath(group, "schedules", name, "pause"), query: query})
}

// ResumeSchedule lets a paused schedule run again.
func (c *Client) ResumeSchedule(ctx context.Context, group, name string) (gateway.ScheduleView, error) {
	return fetch[gateway.ScheduleView](ctx, c, call{method: http.MethodPost, path: groupPath(group, "schedules", name, "resume")})
}

// RunSchedule does a run now: one that is asked about or has failed, or (empty) one of its own.
func (c *Client) RunSchedule(ctx context.Context, group, name, run string) (gateway.Occurrence, error) {
	query := url.Values{}
	if run != "" {
		query.Set("run", run)
	}
	return fetch[gateway.Occurrence](ctx, c, call{method: http.MethodPost, path: groupPath(group, "schedules", name, "run"), query: query})
}

// SkipRun leaves a run out that is asked about or has failed.
func (c *Client) SkipRun(ctx context.Context, group, name, run string) (gateway.Occurrence, error) {
	return fetch[gateway.Occurrence](ctx, c, call{method: http.MethodPost, path: groupPath(group, "schedules", name, "skip"), query: url.Values{"run": {run}}})
}
