package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
	"github.com/carillon-gateway/carillon/templates"
)

// wordChange is a line of `template import` and `template export`.
type wordChange struct {
	Text   string `json:"text"`
	Locale string `json:"locale"`
	What   string `json:"what"` // create, change, same, remove; shipped: it is as Carillon ships it, and is not kept; of an export: written

	have, want string
}

func (sh *shell) templateImport() *cobra.Command {
	var dryRun, yes bool
	c := &cobra.Command{
		Use:   "import DIR",
		Short: "take in a group's own wording from a folder",
		Long: "DIR holds a folder for each text, named as the shipped one, with a LOCALE.md a language. Everything is checked first, as by\n" +
			"carillon template check --wording. A folder takes the place of all that the group had under its name; texts without a folder stay.\n" +
			"What is as Carillon ships it is not kept, so that later corrections reach the group. Only this group's members read it.",
		Args: cobra.ExactArgs(1),
	}
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show the difference, and change nothing")
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask before changing or removing what the group has")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		texts, err := readTexts(args[0])
		if err != nil {
			return err
		}
		g, err := api.Group(ctx, group)
		if err != nil {
			return err
		}
		remarks := append(checking{wording: true}.all(texts), naming(texts, g)...)
		if slices.ContainsFunc(remarks, func(r remark) bool { return r.Severity == isFault }) {
			return sh.showFindings(texts, remarks)
		}
		for _, t := range texts {
			if templates.ShippedText(t.name) == nil {
				fmt.Fprintln(sh.err, printable(t.folder+": nothing that Carillon writes is called "+t.name))
			}
		}
		have, err := api.Wordings(ctx, group)
		if err != nil {
			return err
		}
		var all []wordChange
		for _, t := range texts {
			all = append(all, changes(t, have[t.name])...)
		}
		if err := sh.showChanges(all, dryRun); err != nil || dryRun {
			return err
		}
		if n := count(all, "change") + count(all, "remove"); n > 0 {
			if err := sh.confirm(fmt.Sprintf("This changes or removes %s of %s. Go on?", plural(n, "text"), group), yes); err != nil {
				return err
			}
		}
		for _, t := range texts {
			if err := putText(ctx, api, group, t.name, all); err != nil {
				return fmt.Errorf("taking in %s; what comes before it is in, and the same command goes on from there: %w", t.name, err)
			}
		}
		return sh.sumUp(all, "Done")
	})
}

// naming finds words for members in neutral mode that tell which group writes: the gateway refuses them.
func naming(texts []text, g gateway.Group) []remark {
	var all []remark
	for _, t := range texts {
		for _, locale := range t.locales() {
			if templates.IsNeutral(t.name) && g.NamedIn(t.sources[locale]) {
				all = append(all, remark{File: t.file(locale), Severity: isFault, What: "it names the group, and is for members whose phone must not tell of it", Repair: "leave the name out"})
			}
		}
	}
	return all
}

// changes compares one text with what the group has under its name.
func changes(t text, have map[string]string) []wordChange {
	shipped := templates.ShippedText(t.name)
	var all []wordChange
	for _, locale := range t.locales() {
		c := wordChange{Text: t.name, Locale: locale, What: "create", want: t.sources[locale], have: have[locale]}
		_, there := have[locale]
		switch {
		case c.want == shipped[locale] && there && c.have != c.want:
			c.What = "remove"
		case c.want == shipped[locale]:
			c.What = "shipped"
		case there && c.have == c.want:
			c.What = "same"
		case there:
			c.What = "change"
		}
		all = append(all, c)
	}
	for _, locale := range slices.Sorted(maps.Keys(have)) {
		if _, stays := t.sources[locale]; !stays {
			all = append(all, wordChange{Text: t.name, Locale: locale, What: "remove", have: have[locale]})
		}
	}
	return all
}

// putText brings about the changes of one text.
func putText(ctx context.Context, api *client.Client, group, name string, all []wordChange) error {
	sources := map[string]string{}
	differs := false
	for _, c := range all {
		if c.Text != name {
			continue
		}
		if c.What == "create" || c.What == "change" || c.What == "same" {
			sources[c.Locale] = c.want
		}
		differs = differs || c.What == "create" || c.What == "change" || c.What == "remove"
	}
	switch {
	case !differs:
		return nil
	case len(sources) > 0:
		return api.PutWording(ctx, group, name, sources)
	}
	return api.DeleteWording(ctx, group, name)
}

func count(all []wordChange, what string) int {
	n := 0
	for _, c := range all {
		if c.What == what {
			n++
		}
	}
	return n
}

// showChanges prints what an import does, and in a trial for people line by line.
func (sh *shell) showChanges(all []wordChange, dryRun bool) error {
	for _, c := range all {
		if sh.json() {
			if err := sh.print(c, ""); err != nil {
				return err
			}
			continue
		}
		if c.What == "same" || c.What == "shipped" {
			continue
		}
		if err := sh.say("%s %s/%s.md", c.What, c.Text, c.Locale); err != nil {
			return err
		}
		if !dryRun || c.What != "change" {
			continue
		}
		for _, line := range difference(c.have, c.want) {
			if err := sh.say("  %s", line); err != nil {
				return err
			}
		}
	}
	if dryRun {
		return sh.sumUp(all, "This was a trial; it would be")
	}
	return nil
}

// sumUp counts for people what an import did.
func (sh *shell) sumUp(all []wordChange, did string) error {
	if sh.json() {
		return nil
	}
	return sh.say("%s: %d made, %d changed, %d removed, %d as they were, %d as Carillon ships them.", did,
		count(all, "create"), count(all, "change"), count(all, "remove"), count(all, "same"), count(all, "shipped"))
}

// difference lists the lines that two texts do not have in common, in order: - of the old one, + of the new one.
func difference(old, new string) []string {
	a, b := strings.Split(old, "\n"), strings.Split(new, "\n")
	if len(a)*len(b) > 1<<20 { // nobody reads that; a text of so many lines is not sent either
		return []string{fmt.Sprintf("- %s", plural(len(a), "line")), fmt.Sprintf("+ %s", plural(len(b), "line"))}
	}
	common := make([][]int, len(a)+1) // of a[i:] and b[j:], how many lines at most
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var lines []string
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			lines = append(lines, "- "+a[i])
			i++
		default:
			lines = append(lines, "+ "+b[j])
			j++
		}
	}
	return lines
}

func (sh *shell) templateExport() *cobra.Command {
	var shipped, overwrite bool
	c := &cobra.Command{
		Use:   "export DIR",
		Short: "write a group's own wording to a folder",
		Long: "Write DIR/NAME/LOCALE.md for each text, byte for byte as the group has it, so that import takes it in again. With --shipped,\n" +
			"the shipped texts stand where the group has none of its own: translators begin with these.",
		Args: cobra.ExactArgs(1),
	}
	c.Flags().BoolVar(&shipped, "shipped", false, "the shipped texts too, in every language")
	c.Flags().BoolVar(&overwrite, "overwrite", false, "also into a folder that is not empty; other files in it stay")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		dir := args[0]
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return wrong("%s cannot be read; name a new folder", dir)
		}
		if len(entries) > 0 && !overwrite {
			return wrong("%s is not empty; name a new folder, or add --overwrite", dir)
		}
		own, err := api.Wordings(ctx, group)
		if err != nil {
			return err
		}
		all := []wordChange{}
		if shipped {
			texts, err := api.Texts(ctx, group, "", true)
			if err != nil {
				return err
			}
			for _, t := range texts {
				if !t.Own {
					all = append(all, wordChange{Text: t.Name, Locale: t.Locale, What: "written", want: t.Source})
				}
			}
		}
		for _, name := range slices.Sorted(maps.Keys(own)) {
			for _, locale := range slices.Sorted(maps.Keys(own[name])) {
				all = append(all, wordChange{Text: name, Locale: locale, What: "written", want: own[name][locale]})
			}
		}
		for _, c := range all {
			if err := c.write(dir); err != nil {
				return err
			}
			if sh.json() {
				if err := sh.print(c, ""); err != nil {
					return err
				}
			}
		}
		if sh.json() {
			return nil
		}
		if len(all) == 0 {
			return sh.say("%s has no wording of its own; --shipped writes the shipped texts.", group)
		}
		return sh.say("%s written to %s.", plural(len(all), "file"), dir)
	})
}

// write puts one text into its file. A gateway that is not ours cannot lead it elsewhere.
func (c wordChange) write(dir string) error {
	file := filepath.Join(c.Text, c.Locale+".md")
	if strings.ContainsAny(c.Text+c.Locale, `/\`) || !filepath.IsLocal(file) || filepath.Dir(file) != c.Text {
		return fmt.Errorf("the gateway has a text called %q in %q, which is no name of a file", c.Text, c.Locale)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making the folder %s: %w", dir, err)
	}
	root, err := os.OpenRoot(dir) // nor can links in a folder that was there
	if err != nil {
		return fmt.Errorf("opening the folder %s: %w", dir, err)
	}
	err = root.MkdirAll(c.Text, 0o700)
	if err == nil {
		err = root.WriteFile(file, []byte(c.want), 0o600)
	}
	if err = errors.Join(err, root.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return nil
}
