package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/templates"
)

// talk is a text of the palette as `template palette` prints it.
type talk struct {
	Topic  string   `json:"topic"`
	Locale string   `json:"locale"`
	Title  string   `json:"title"`
	Notes  []string `json:"notes"`
	Source string   `json:"source"`
}

func (sh *shell) templatePalette() *cobra.Command {
	locale := "en"
	c := &cobra.Command{
		Use:   "palette [TOPIC]",
		Short: "list the talking points, or print one to copy and adapt",
		Long:  "With a topic, the template goes to standard output and the notes on its local use go to standard error.",
		Args:  cobra.MaximumNArgs(1),
	}
	c.Flags().StringVar(&locale, "locale", locale, "the language of the text")
	c.RunE = func(_ *cobra.Command, args []string) error {
		all := templates.Palette()
		var talks []talk
		for _, topic := range slices.Sorted(maps.Keys(all)) {
			if len(args) > 0 && args[0] != topic {
				continue
			}
			t, ok := all[topic][locale]
			if !ok {
				return wrong("the palette has no text in %q; take one of %s", locale, strings.Join(slices.Sorted(maps.Keys(all[topic])), ", "))
			}
			talks = append(talks, talk{topic, locale, t.Topic, t.Notes, t.Source})
		}
		switch {
		case len(talks) == 0:
			return wrong("the palette has no topic %q; take one of %s", args[0], strings.Join(slices.Sorted(maps.Keys(all)), ", "))
		case sh.json(), len(args) == 0:
			return listed(sh, talks, []string{"TOPIC", "TITLE"}, "", func(t talk) []string { return []string{t.Topic, t.Title} })
		}
		for _, note := range talks[0].Notes {
			if _, err := fmt.Fprintln(sh.err, "- "+note); err != nil {
				return err
			}
		}
		_, err := fmt.Fprint(sh.out, talks[0].Source)
		return err
	}
	return c
}
