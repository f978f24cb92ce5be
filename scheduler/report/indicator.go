package report

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/scheduler/fetch"
)

const (
	maxUnit    = 20             // characters
	maxAddress = 2000           // bytes
	patience   = 24 * time.Hour // for a source that does not answer: so long its last number is told, with its date
)

// checkIndicators gives the indicators of a series as they are kept, or says what is wrong with one.
func checkIndicators(all []gateway.Indicator) ([]gateway.Indicator, error) {
	if len(all) > gateway.MaxIndicators {
		return nil, gateway.Faultf(gateway.CodeInvalid, "indicators: %d of them; %d is the most", len(all), gateway.MaxIndicators)
	}
	all = slices.Clone(all)
	for n := range all {
		i := &all[n]
		if i.Stale == 0 {
			i.Stale = gateway.IndicatorStale
		}
		if wrong := wrongIndicator(i, all[:n]); wrong != "" {
			return nil, gateway.Faultf(gateway.CodeInvalid, "indicators[%d]: %s", n, wrong)
		}
		if i.URL == "" {
			continue
		}
		u, err := fetch.Check(i.URL.Reveal())
		if err != nil {
			return nil, gateway.Faultf(gateway.CodeInvalid, "indicators[%d].url: %w", n, err)
		}
		*i = i.At(gateway.Private(u.String()))
	}
	return all, nil
}

// wrongIndicator says what is wrong with an indicator beside its address; others stand before it.
func wrongIndicator(i *gateway.Indicator, others []gateway.Indicator) string {
	switch {
	case !named.MatchString(i.Name):
		return "name: use 2 to 40 of a-z, 0-9 and -, with a letter or digit first and last"
	case slices.ContainsFunc(others, func(o gateway.Indicator) bool { return o.Name == i.Name }):
		return "name: another indicator of the series has it"
	case !line(i.Source, maxTitle):
		return fmt.Sprintf("source: say who counts, with 1 to %d printable characters; readers are told", maxTitle)
	case i.Unit != "" && !line(i.Unit, maxUnit):
		return fmt.Sprintf("unit: use at most %d printable characters", maxUnit)
	case len(i.Titles) == 0:
		return "titles: say what is counted, in at least one language"
	case len(i.URL) > maxAddress:
		return fmt.Sprintf("url: it is longer than %d bytes", maxAddress)
	case i.Stale < 1 || i.Stale > gateway.MaxStale:
		return fmt.Sprintf("stale_days: use 1 to %d", gateway.MaxStale)
	}
	for locale, title := range i.Titles {
		if !locales.MatchString(locale) {
			return fmt.Sprintf("titles: %.40q is no language; use a BCP 47 tag such as en, pt-BR or zh-Hant", locale)
		}
		if !line(title, maxTitle) {
			return fmt.Sprintf("titles: use 1 to %d printable characters in %s", maxTitle, locale)
		}
	}
	return wrongSpot(&i.Spot)
}

// HandIn reads the numbers of a series' indicators from a file: of those that are named, or of all that have no address. It
// is refused whole if one of them is not in it.
func (d *Desk) HandIn(ctx context.Context, g gateway.Group, series string, names []string, file []byte) (gateway.Series, error) {
	for range tries {
		s, err := d.Series(ctx, g.ID, series)
		if err != nil {
			return s, err
		}
		for _, name := range names {
			if !slices.ContainsFunc(s.Indicators, func(i gateway.Indicator) bool { return i.Name == name && i.URL == "" }) {
				return s, gateway.Faultf(gateway.CodeInvalid, "the series has no indicator %.40q of which files are handed in", name)
			}
		}
		today, err := d.today(g)
		if err != nil {
			return s, err
		}
		read := 0
		for n := range s.Indicators {
			i := &s.Indicators[n]
			if i.URL != "" || len(names) > 0 && !slices.Contains(names, i.Name) {
				continue
			}
			value, date, err := find(file, i.Spot)
			if err != nil {
				return s, gateway.Faultf(gateway.CodeInvalid, "%s: %w", i.Name, err)
			}
			i.Measure = gateway.Measure{Value: value, Date: orToday(date, today), Good: d.now().UTC()}
			read++
		}
		if read == 0 {
			return s, gateway.Faultf(gateway.CodeConflict, "the series %s has no indicator of which files are handed in; declare one first", series)
		}
		if s, err = d.PutSeries(ctx, s); !errors.Is(err, gateway.ErrStale) {
			return s, err
		}
	}
	return gateway.Series{}, errBusy
}

func orToday(date, today string) string {
	if date == "" {
		return today
	}
	return date
}

// today is the date at the group's place.
func (d *Desk) today(g gateway.Group) (string, error) {
	loc, err := civil.Zone(g.Zone)
	if err != nil {
		return "", err
	}
	return d.now().In(loc).Format(time.DateOnly), nil
}

// date is the one that an edition bears which is told at a wall time; zero: now.
func (d *Desk) date(g gateway.Group, at civil.Wall) (string, error) {
	if at == 0 {
		return d.today(g)
	}
	return at.Fields().Format(time.DateOnly), nil
}

// indicated gives what an edition tells of the indicators now. What cannot be told has its reason in place of a number.
func indicated(s *gateway.Series, now time.Time) []gateway.Figure {
	var figures []gateway.Figure
	for _, i := range s.Indicators {
		told := &gateway.Indicated{Name: i.Name, Titles: i.Titles, Unit: i.Unit, Value: i.Measure.Value, Date: i.Measure.Date}
		if told.Gap = gap(&i, now); told.Gap != gateway.GapNone && told.Gap != gateway.GapStale {
			told.Date = ""
		}
		if told.Gap != gateway.GapNone {
			told.Value = ""
		}
		if told.Gap == gateway.GapSilent {
			told.Date = i.Measure.Since.Format(time.DateOnly)
		}
		source := i.Source
		if i.Host != "" {
			source += ", " + i.Host
		}
		figures = append(figures, gateway.Figure{Kind: gateway.FigureIndicator, Source: source, At: now, Indicated: told})
	}
	return figures
}

// gap says why there is no figure of an indicator.
func gap(i *gateway.Indicator, now time.Time) gateway.Gap {
	m := &i.Measure
	of, err := time.Parse(time.DateOnly, m.Date)
	switch {
	case m.Fault != "" && !m.Mute:
		return gateway.GapNumber
	case m.Mute && (m.Value == "" || now.Sub(m.Since) >= patience):
		return gateway.GapSilent
	case m.Value == "" || err != nil:
		return gateway.GapNever
	case now.Sub(of) > time.Duration(i.Stale+1)*24*time.Hour: // the whole of that day, wherever it was
		return gateway.GapStale
	}
	return gateway.GapNone
}

// onTime tells how many runs of the schedules that send a series were done in their time.
func (d *Desk) onTime(ctx context.Context, s gateway.Series) ([]gateway.Figure, error) {
	now := d.now().UTC()
	f := gateway.Figure{Kind: gateway.FigureOnTime, Source: fmt.Sprintf("Carillon's ledger, runs within %d days", gateway.OnTimeDays), At: now}
	since := now.AddDate(0, 0, -gateway.OnTimeDays)
	var after gateway.ID
	for {
		page, err := d.Schedules(ctx, s.GroupID, after, 500)
		if err != nil {
			return nil, err
		}
		for _, schedule := range page {
			if after = schedule.ID; schedule.Action.Series != s.Name {
				continue
			}
			if err := d.countRuns(ctx, schedule, since, &f); err != nil {
				return nil, err
			}
		}
		if len(page) < 500 {
			break
		}
	}
	if f.Of == 0 {
		return nil, nil
	}
	return []gateway.Figure{f}, nil
}

// countRuns counts the runs of one schedule. Those that were left out on purpose, or meant nobody, do not count.
func (d *Desk) countRuns(ctx context.Context, s gateway.Schedule, since time.Time, f *gateway.Figure) error {
	var before gateway.ID
	for {
		page, err := d.Occurrences(ctx, s.GroupID, s.ID, before, 500)
		if err != nil {
			return err
		}
		for _, o := range page {
			before = o.ID
			switch {
			case o.RecordedAt.Before(since):
				return nil // they are listed in the order in which they were recorded
			case o.At.Before(since), o.Reason == gateway.RunPaused, o.Reason == gateway.RunExcepted, o.Reason == gateway.RunHoliday, o.Reason == gateway.RunNobody:
				continue
			}
			if f.Of++; o.State == gateway.OccurrenceFired && o.Reason == "" {
				f.Count++
			}
		}
		if len(page) < 500 {
			return nil
		}
	}
}
