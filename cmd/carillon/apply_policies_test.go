package main

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/civil"
)

// What export writes of policies, rotas, schedules and series, apply reads as it was.
func TestPoliciesSurviveExportAndApply(t *testing.T) {
	member := gateway.NewID()
	last := []gateway.AlertTarget{{Topic: "alerts"}}
	want := []gateway.AlertPolicy{samplePolicy(), {Name: "day", Last: last, Rounds: 2, Quorum: 3, Progress: 15, Code: true, Named: true, Members: true, Release: true, Steps: []gateway.AlertStep{
		{Targets: []gateway.AlertTarget{{Members: []gateway.ID{member}}, {Rota: "night-watch"}}, Wait: 7, Repeat: 2, Window: 3, Hours: "22:00-06:00", Kinds: []string{"sms"}}}}}
	dir := filepath.Join(t.TempDir(), "out")
	group := sampleGroups[0]
	topics := append([]gateway.Topic{{Name: "kitchen", Title: "Kitchen", Titles: map[string]string{"de": "Küche", "pt-BR": "Cozinha"}}}, sampleTopics...)
	group.Topics, group.Policies = topics, want
	start, err := civil.ParseWall("2026-03-30T08:00")
	if err != nil {
		t.Fatal(err)
	}
	rotas := []gateway.NamedRota{{Name: "night-watch", DocumentRota: gateway.DocumentRota{Kind: gateway.RotaDays, Start: start}},
		{Name: "telephone", DocumentRota: gateway.DocumentRota{Title: "Telephone", Kind: gateway.RotaWeeks, Every: 2, Zone: "Europe/Berlin", Start: start, Until: start + 300*civil.Day}}}
	series := []gateway.NamedSeries{{Name: "harbour-report", DocumentSeries: gateway.DocumentSeries{Title: "Harbour report", Topic: "reports", Contributors: []string{"rivers"}, Approve: gateway.ApproveNone, Public: true,
		Indicators: []gateway.DocumentIndicator{{Name: "meals", Titles: map[string]string{"en": "Meals"}, Unit: "plates", Source: "the kitchen", Spot: gateway.Spot{Column: "total", Row: "week", Date: "day"}, Stale: 9}}}}}
	schedules := []gateway.DocumentSchedule{{Name: "week", Cron: "0 9 * * SUN", Zone: "member", HolidaysOf: "public-holidays", Week: &gateway.ActionWeek{Topic: "reports", Empty: true}}}
	group.Rotas, group.Series, group.Schedules = rotas, series, schedules
	if err := writeCoalition(dir, gateway.Document{Groups: []gateway.DocumentGroup{group}}); err != nil {
		t.Fatal(err)
	}
	sh := &shell{lookup: func(string) (string, bool) { return "", false }}
	doc, err := sh.document(filepath.Join(dir, "coalition.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if got := doc.Groups[0].Topics; !reflect.DeepEqual(got, topics) {
		t.Errorf("topics come back as %+v, want %+v", got, topics)
	}
	if got := doc.Groups[0].Rotas; !reflect.DeepEqual(got, rotas) {
		t.Errorf("rotas come back as %+v, want %+v", got, rotas)
	}
	if got := doc.Groups[0].Schedules; !reflect.DeepEqual(got, schedules) {
		t.Errorf("schedules come back as %+v, want %+v", got, schedules)
	}
	if got := doc.Groups[0].Series; !reflect.DeepEqual(got, series) {
		t.Errorf("series come back as %+v, want %+v", got, series)
	}
	if got := doc.Groups[0].Policies; !reflect.DeepEqual(got, want) {
		t.Errorf("it comes back as %+v, want %+v", got, want)
	}
}
