package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/gateway/civil"
	"github.com/carillon-gateway/carillon/templates"
)

func (sh *shell) templateTools() *cobra.Command {
	eval := &cobra.Command{
		Use:   "eval",
		Short: "put values into messages (JSON objects, one a line, on standard input)",
		Long: "Each line of standard input is one JSON object:\n\n" +
			`  {"locale": "en", "zone": "Europe/Berlin", "message": "{n, plural, one {# group} other {# groups}}", "data": {"n": 3}}` + "\n\n" +
			"zone is UTC if left out; now, an instant, is from when relative times count, and the clock's time if left out.\n" +
			"Each answer stands on a line: the text, or what is wrong with the message or its data.",
		Args: cobra.NoArgs,
	}
	eval.RunE = func(*cobra.Command, []string) error { return sh.lines(sh.evaluate) }
	return holder("template", "work on texts in every language", sh.templateCheck(), sh.templatePreview(), sh.templateReview(), sh.templateImport(), sh.templateExport(), eval, sh.templatePalette())
}

// evaluation is a line of `template eval`.
type evaluation struct {
	Locale  string         `json:"locale"`
	Zone    string         `json:"zone"`
	Message *string        `json:"message"`
	Data    templates.Data `json:"data"`
	Now     time.Time      `json:"now"`
}

func (sh *shell) evaluate(no int, line string) error {
	var e evaluation
	dec := json.NewDecoder(bytes.NewReader([]byte(line)))
	dec.UseNumber() // the visible fraction digits decide plural forms
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		return wrong(`line %d is no evaluation: %w; write {"locale": "en", "zone": "UTC", "message": "…", "data": {…}} on a line of its own`, no, err)
	}
	if _, err := dec.Token(); err != io.EOF || e.Message == nil || e.Locale == "" {
		return wrong(`line %d is no evaluation; write one {"locale": "en", "zone": "UTC", "message": "…", "data": {…}} on a line of its own`, no)
	}
	text, err := e.text()
	if err != nil {
		return sh.print(struct {
			Error string `json:"error"`
		}{err.Error()}, printable("error: "+err.Error()))
	}
	return sh.print(struct {
		Text string `json:"text"`
	}{text}, text)
}

func (e evaluation) text() (string, error) {
	r := templates.Reader{Now: e.Now}
	if r.Now.IsZero() {
		r.Now = time.Now()
	}
	if e.Zone != "" {
		zone, err := civil.Zone(e.Zone)
		if err != nil {
			return "", fmt.Errorf("zone: %w", err)
		}
		r.Zone = zone
	}
	s, err := templates.NewSentence(e.Locale, *e.Message)
	if err != nil {
		return "", err
	}
	return s.Render(r, e.Data)
}
