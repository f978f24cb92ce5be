package escalation

import (
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// An exercise that says that it is none is refused where it says so, in whatever language and part, and so is an actual alert that
// says that it is an exercise: when it is raised, when it is planned as a drill, and when it is updated.
func TestWhatSaysTheContraryIsRefused(t *testing.T) {
	y, d := newYard()
	d.Belies = func(exercise bool, text string) string {
		phrase := map[bool]string{true: "not a drill", false: "this is a drill"}[exercise]
		if strings.Contains(strings.ToLower(text), phrase) {
			return phrase
		}
		return ""
	}
	g, _ := y.GroupByID(t.Context(), gateway.ID{})
	plain := gateway.AlertText{Source: "the office", What: "flood", Where: "harbour", Do: "go uphill"}
	with := func(change func(*gateway.AlertText)) map[string]gateway.AlertText {
		other := plain
		change(&other)
		return map[string]gateway.AlertText{"de": other, "en": plain}
	}
	const real, drill = "This is NOT A DRILL", "This is a drill"
	for _, c := range []struct {
		exercise bool
		saying   gateway.AlertSaying
		where    string // empty: it is taken
	}{
		{true, gateway.AlertSaying{Texts: with(func(t *gateway.AlertText) { t.What = real })}, "texts in de: what"},
		{true, gateway.AlertSaying{Texts: with(func(t *gateway.AlertText) { t.Details = real })}, "texts in de: details"},
		{true, gateway.AlertSaying{Texts: with(func(*gateway.AlertText) {}), Update: with(func(t *gateway.AlertText) { t.Do = real })}, "update in de: do"},
		{true, gateway.AlertSaying{Texts: with(func(*gateway.AlertText) {}), Clear: map[string]string{"en": real}}, "all_clear in en"},
		{true, gateway.AlertSaying{Texts: with(func(t *gateway.AlertText) { t.What = drill })}, ""},
		{false, gateway.AlertSaying{Texts: with(func(t *gateway.AlertText) { t.Source = drill })}, "texts in de: source"},
		{false, gateway.AlertSaying{Texts: with(func(t *gateway.AlertText) { t.What = real }), Withdrawn: map[string]string{"en": drill}}, ""},
	} {
		c.saying.Until, c.saying.Next = noon.Add(time.Hour), noon.Add(time.Hour)
		_, err := d.Check(t.Context(), g, gateway.AlertDraft{Exercise: c.exercise, Policy: "night", Saying: c.saying})
		if c.where == "" && err != nil || c.where != "" && (err == nil || !strings.Contains(err.Error(), c.where)) {
			t.Errorf("%v, %s: %v", c.exercise, c.where, err)
		}
	}
	draft := drillDraft
	draft.Update = with(func(t *gateway.AlertText) { t.What = real })
	if _, err := d.PlanDrill(t.Context(), g, draft, gateway.AlertHand{}); err == nil {
		t.Error("a drill is planned that says that it is none")
	}
	run, err := d.PlanDrill(t.Context(), g, drillDraft, gateway.AlertHand{Label: "office"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Act(t.Context(), g, run.ID.String(), Event{Kind: Update, Saying: gateway.AlertSaying{Texts: with(func(t *gateway.AlertText) { t.Where = real })}})
	if err == nil || !strings.Contains(err.Error(), "texts in de: where") || y.alerts[run.ID].Saying.Texts["en"].What != plain.What || y.alerts[run.ID].Climb.Text != 0 {
		t.Errorf("it is updated so: %v", err)
	}
}
