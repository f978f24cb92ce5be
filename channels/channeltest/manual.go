package channeltest

import (
	"fmt"
	"os"
	"reflect"
	"strings"
)

// Page is an adapter's page of the manual, as its test holds it against the code.
type Page struct {
	Path    string     // of the Markdown file
	Options any        // the adapter's options struct, or a pointer to it
	Columns []string   // of the table of refusals
	Rows    [][]string //
	Rewrite bool       // write the table instead of finding it stale
}

// The marks between which the table of refusals stands.
const (
	pageBegin = "<!-- refusals -->\n"
	pageEnd   = "<!-- /refusals -->"
)

// Stale lists what the page does not tell, or not as it is: an option, or the table of refusals. The error is that of reading
// or writing the file.
func (p Page) Stale() (faults []string, err error) {
	raw, err := os.ReadFile(p.Path)
	if err != nil {
		return nil, err
	}
	text := string(raw)
	before, rest, ok := strings.Cut(text, pageBegin)
	_, after, closed := strings.Cut(rest, pageEnd)
	if !ok || !closed {
		return []string{p.Path + " has no place for the table of refusals"}, nil
	}
	if want := before + pageBegin + p.table() + pageEnd + after; text != want {
		if !p.Rewrite {
			faults = append(faults, p.Path+" does not hold the table of refusals as it is now; run this test with -manual")
		} else if err := os.WriteFile(p.Path, []byte(want), 0o644); err != nil {
			return nil, err
		}
	}
	options := reflect.TypeOf(p.Options)
	if options.Kind() == reflect.Pointer {
		options = options.Elem()
	}
	for i := range options.NumField() {
		key, _, _ := strings.Cut(options.Field(i).Tag.Get("json"), ",")
		if !strings.Contains(text, "`"+key+"`") {
			faults = append(faults, fmt.Sprintf("%s does not tell of the option %s", p.Path, key))
		}
	}
	return faults, nil
}

func (p Page) table() string {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(p.Columns)
	b.WriteString(strings.Repeat("|---", len(p.Columns)) + "|\n")
	for _, row := range p.Rows {
		line(row)
	}
	return b.String()
}
