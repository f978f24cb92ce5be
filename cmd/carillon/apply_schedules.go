package main

import (
	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// scheduleList turns the schedules of a file into those of the API.
func scheduleList(in []config.Schedule) ([]gateway.DocumentSchedule, error) {
	var out []gateway.DocumentSchedule
	for _, s := range in {
		d := gateway.DocumentSchedule{Name: s.Name, Cron: s.Cron, RRule: s.RRule, Zone: s.Zone, Except: s.Except, Holidays: s.Holidays, HolidaysOf: s.HolidaysOf, Late: gateway.LatePolicy(s.Late), Window: s.WindowMinutes, Report: s.Report}
		if s.Send.Kind != "" {
			d.Send = &gateway.DocumentSend{Kind: gateway.Kind(s.Send.Kind), Topic: s.Send.Topic, Tags: s.Send.Tags, Locales: s.Send.Locales, Wording: s.Send.Wording, Words: s.Send.Words, Data: s.Send.Data, Sensitive: s.Send.Sensitive, Fallback: s.Send.Fallback}
		}
		if s.Week.Topic != "" {
			d.Week = &gateway.ActionWeek{Topic: s.Week.Topic, Empty: s.Week.Empty}
		}
		actions := 0
		for _, said := range []bool{d.Send != nil, d.Report != "", d.Week != nil} {
			if said {
				actions++
			}
		}
		if actions != 1 {
			return nil, wrong("schedules: %s: say with send which message it sends, with report which series' editions, or with week that it tells of the week ahead, one of them", s.Name)
		}
		for _, w := range []struct {
			key, text string
			into      *civil.Wall
		}{{"start", s.Start, &d.Start}, {"starts", s.Starts, &d.Starts}, {"ends", s.Ends, &d.Ends}} {
			if w.text == "" {
				continue
			}
			var err error
			if *w.into, err = civil.ParseWall(w.text); err != nil {
				return nil, wrong("schedules: %s: %s: %w", s.Name, w.key, err)
			}
		}
		out = append(out, d)
	}
	return out, nil
}

// writtenSchedules are schedules as a coalition file has them.
func writtenSchedules(all []gateway.DocumentSchedule) []map[string]any {
	var list []map[string]any
	for _, s := range all {
		out := map[string]any{"name": s.Name}
		given(out, "cron", s.Cron)
		given(out, "rrule", s.RRule)
		given(out, "zone", s.Zone)
		given(out, "report", s.Report)
		given(out, "late", string(s.Late))
		given(out, "window_minutes", s.Window)
		for key, w := range map[string]civil.Wall{"start": s.Start, "starts": s.Starts, "ends": s.Ends} {
			if w != 0 {
				out[key] = w.String()
			}
		}
		listGiven(out, "except", s.Except)
		listGiven(out, "holidays", s.Holidays)
		given(out, "holidays_of", s.HolidaysOf)
		if s.Week != nil {
			week := map[string]any{"topic": s.Week.Topic}
			given(week, "empty", s.Week.Empty)
			out["week"] = week
		}
		if send := s.Send; send != nil {
			what := map[string]any{"kind": string(send.Kind), "topic": send.Topic}
			listGiven(what, "tags", send.Tags)
			listGiven(what, "locales", send.Locales)
			given(what, "wording", send.Wording)
			given(what, "sensitive", send.Sensitive)
			given(what, "fallback", send.Fallback)
			if len(send.Words) > 0 {
				what["words"] = send.Words
			}
			if len(send.Data) > 0 {
				what["data"] = send.Data
			}
			out["send"] = what
		}
		list = append(list, out)
	}
	return list
}

// listGiven sets a key unless its list is empty.
func listGiven(out map[string]any, key string, list []string) {
	if len(list) > 0 {
		out[key] = list
	}
}
