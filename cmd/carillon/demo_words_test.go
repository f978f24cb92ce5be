package main

import (
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// The first texts that anybody sees of the program are written by the customs of their readers: no date of the demo is as computers write it,
// a Persian reads her own calendar, and no sentence ends with two full stops.
func TestTheDemoWritesDatesAsItsReadersDo(t *testing.T) {
	data := templates.Text(map[string]string{"group": "Harbour Watch", "count": "1912", "next": "2026-12-06", "when": "2026-11-29T10:00", "place": "Sala 3"})
	for _, kind := range []gateway.Kind{gateway.KindReport, gateway.KindReminder} {
		words, err := sampleWords(string(kind))
		if err != nil {
			t.Fatal(err)
		}
		set, err := templates.NewSet(words)
		if err != nil {
			t.Fatal(err)
		}
		for locale := range words {
			doc, _, err := set.Render(templates.Reader{Chain: []string{locale}, Now: time.Unix(0, 0)}, data)
			if err != nil {
				t.Fatal(kind, locale, err)
			}
			said := doc.Subject + "\n" + doc.Short + "\n" + doc.Plain()
			if strings.Contains(said, "2026-") || strings.Contains(said, "..") || locale == "fa" && !strings.Contains(said, "۱۴۰۵") {
				t.Errorf("%s in %s: %s", kind, locale, said)
			}
		}
	}
}

// Whoever ran the demo with "go run", as the README says, has no program named carillon to type.
func TestTheDemoNamesAProgramThatIsThere(t *testing.T) {
	for path, want := range map[string]string{
		"/tmp/go-build12/b001/exe/carillon":           "go run ./cmd/carillon",
		"/home/ada/.cache/go-build/0a/0af-d/carillon": "go run ./cmd/carillon",
		"./carillon": "./carillon",
		"carillon":   "carillon",
	} {
		if got := typed(path); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// What the demo promises of its alert is what its policy does, and its text fits a terminal.
func TestTheDemoSaysWhatItsAlertDoes(t *testing.T) {
	first := samplePolicy().Steps[0]
	if first.Wait != 1 || first.Repeat != 1 || !strings.Contains(guide, "asked again after a minute, and others after two") {
		t.Errorf("step %+v, told as %s", first, guide)
	}
	for _, line := range strings.Split(guide, "\n") {
		if len(line) > 80 {
			t.Errorf("%d columns: %s", len(line), line)
		}
	}
}
