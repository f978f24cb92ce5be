package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/config"
)

// fenced finds the files of settings in a document.
var fenced = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// ofGroup are keys of a group with which examples in documents begin.
var ofGroup = []string{"policies:", "topics:", "schedules:", "rotas:", "replies:"}

// What the documents show of coalition.yaml is read by apply.
func TestCoalitionFilesInDocuments(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	lookup := func(string) (string, bool) { return "secret", true }
	read := 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range fenced.FindAllStringSubmatch(string(raw), -1) {
			text := dedent(block[1])
			switch key, _, _ := strings.Cut(text, "\n"); {
			case key == "groups:":
				text = complete.ReplaceAllString(text, "$0"+someGroup)
			case slices.Contains(ofGroup, key):
				begin := someGroup
				if key == "topics:" {
					begin = strings.Replace(begin, "    topics: [{ name: reports }]\n", "", 1)
				}
				text = "groups:\n  - slug: harbour\n" + begin + indent(text)
			default:
				continue
			}
			read++
			if _, err := config.ParseCoalition(file, []byte(text), lookup, optionStructs()); err != nil {
				t.Errorf("%s: %v\n%s", file, err, text)
			}
		}
	}
	if read < 8 {
		t.Errorf("only %d files were found", read)
	}
}

// complete finds where a group begins; someGroup is what it must have.
var complete = regexp.MustCompile(`(?m)^  - slug: .*\n`)

const someGroup = "    name: Harbour\n    locale: en\n    zone: Europe/Berlin\n    topics: [{ name: reports }]\n"

// dedent takes away how far the first line is indented.
func dedent(text string) string {
	margin := text[:len(text)-len(strings.TrimLeft(text, " "))]
	return strings.ReplaceAll("\n"+text, "\n"+margin, "\n")[1:]
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n    ") + "\n"
}
