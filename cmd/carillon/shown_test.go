package main

import (
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

// TestAScheduleSaysWhatItSends, also one of the week ahead, which is neither a message nor a series.
func TestAScheduleSaysWhatItSends(t *testing.T) {
	for want, s := range map[string]gateway.DocumentSchedule{
		"report to news":             {Send: &gateway.DocumentSend{Kind: gateway.KindReport, Topic: "news"}},
		"editions of harbour-report": {Report: "harbour-report"},
		"the week ahead to meetings": {Week: &gateway.ActionWeek{Topic: "meetings"}},
	} {
		if got := sendsWhat(gateway.ScheduleView{DocumentSchedule: s}); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestAnExportTellsIndicators with the number and its day, or why there is none.
func TestAnExportTellsIndicators(t *testing.T) {
	titles := map[string]string{"en": "Meals", "de": "Essen"}
	e := gateway.EditionView{Edition: gateway.Edition{Number: 3, Figures: []gateway.Figure{
		{Kind: gateway.FigureIndicator, Source: "the kitchen", Indicated: &gateway.Indicated{Titles: titles, Value: "412", Unit: "plates", Date: "2026-11-25"}},
		{Kind: gateway.FigureIndicator, Source: "the pier", Indicated: &gateway.Indicated{Titles: titles, Gap: gateway.GapStale, Date: "2026-08-01"}},
	}}}
	got := exported("harbour", e)
	for _, want := range []string{"\n- Essen (de), Meals (en): 412 plates, 2026-11-25 (the kitchen, ", "\n- Essen (de), Meals (en): no number: " + string(gateway.GapStale) + ", 2026-08-01 (the pier, "} {
		if !strings.Contains(got, want) {
			t.Errorf("without %q: %s", want, got)
		}
	}
	if strings.Contains(got, "of edition") || strings.Contains(got, "## cost") || strings.Count(got, "## progress") != 1 {
		t.Errorf("an indicator is about no edition, and stands under progress: %s", got)
	}
}

// TestAnInvitationThatNobodyCanUseSaysSo: a code is good for nothing where the group has no number.
func TestAnInvitationThatNobodyCanUseSaysSo(t *testing.T) {
	i := gateway.IssuedInvitation{Code: "12345678"}
	if got := waysIn(i); !strings.Contains(got, "Nobody can use it yet") {
		t.Errorf("%s", got)
	}
	i.SMS = "sms:+12025550100?body=12345678"
	if got := waysIn(i); strings.Contains(got, "Nobody can use it") {
		t.Errorf("%s", got)
	}
}
