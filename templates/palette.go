package templates

import (
	"embed"
	"strings"

	"github.com/goccy/go-yaml"
)

//go:embed palette
var palette embed.FS

// Talk is a text of the palette in one language: talking points that a group copies and adapts. Nobody sends it as it is.
type Talk struct {
	Topic  string   // its name, in the text's language
	Notes  []string // what to change and to mind on the spot, for those who adapt it
	Source string   // of the template, without topic and notes
}

// Palette gives the talking points that come with Carillon: topic → locale → text. The caller may change what it gets.
func Palette() map[string]map[string]Talk {
	out := map[string]map[string]Talk{}
	for topic, texts := range embedded(palette, "palette") {
		out[topic] = map[string]Talk{}
		for locale, src := range texts {
			talk, err := readTalk(src)
			if err != nil {
				panic("templates: palette/" + topic + "/" + locale + ".md: " + err.Error()) // the binary is broken
			}
			out[topic][locale] = talk
		}
	}
	return out
}

// readTalk cuts topic and notes off the front matter, where they come first; the status follows them.
func readTalk(src string) (Talk, error) {
	about, rest, _ := strings.Cut(strings.TrimPrefix(src, fence), "status: ")
	var front struct {
		Topic string   `yaml:"topic"`
		Notes []string `yaml:"notes"`
	}
	err := yaml.UnmarshalWithOptions([]byte(about), &front, yaml.Strict())
	return Talk{Topic: front.Topic, Notes: front.Notes, Source: fence + "status: " + rest}, err
}
