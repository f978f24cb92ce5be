package templates_test

import (
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/templates"
)

// In every language there are phrases of both sorts, each is found in its own sort of alert alone, wherever it stands, and in no
// phrase of the other sort; our own texts of exercises are none of what an exercise must not say.
func TestAnExerciseSaysSoAndNothingElseDoes(t *testing.T) {
	l := templates.Words()
	for locale := range l.Names {
		if len(l.Real[locale]) < 3 || len(l.Exercise[locale]) < 3 {
			t.Errorf("%s has %d and %d phrases", locale, len(l.Real[locale]), len(l.Exercise[locale]))
		}
		for exercise, phrases := range map[bool][]string{true: l.Real[locale], false: l.Exercise[locale]} {
			for _, p := range phrases {
				text, whole := strings.CutPrefix(p, "=")
				around := "4711: " + text + "! 4712"
				if found := l.Belies(exercise, text); found == "" {
					t.Errorf("%s: %q is not found", locale, text)
				}
				if found := l.Belies(exercise, around); (found == "") != whole && !strings.ContainsAny(p, "演လ") {
					t.Errorf("%s: in %q there is %q", locale, around, found)
				}
				if found := l.Belies(!exercise, text); found != "" {
					t.Errorf("%s: %q is taken for %q", locale, text, found)
				}
			}
		}
		for _, name := range []string{"exercise-prefix", "exercise-suffix", "alert", "update", "all-clear"} {
			if found := l.Belies(true, templates.ShippedText(name)[locale]); found != "" {
				t.Errorf("%s in %s says %q", name, locale, found)
			}
		}
		for _, name := range []string{"alert", "update", "all-clear", "alert-withdrawn", "help-call"} {
			if found := l.Belies(false, templates.ShippedText(name)[locale]); found != "" {
				t.Errorf("%s in %s says %q", name, locale, found)
			}
		}
		if found := l.Belies(false, templates.ShippedText("exercise-prefix")[locale]); found == "" {
			t.Errorf("who writes our own words for an exercise into an actual alert in %s is not told", locale)
		}
	}
	for text, exercise := range map[string]bool{
		"Army exercise on the north beach": false, "Do not drill here": false, "The fire drill hall burns": false, "Test the water before you drink": false,
		"Es brennt in der Übungshalle": false, "Учения на полигоне закончены": false, "演练场着火": false, "Ejercicio militar en la playa": false,
		"Nobody drills on this day": true, "Use the real exit": true, "EXERCISE. Nothing has happened": true,
	} {
		if found := l.Belies(exercise, text); found != "" {
			t.Errorf("%q is taken for %q", text, found)
		}
	}
}
