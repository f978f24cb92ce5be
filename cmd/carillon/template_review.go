package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
	"github.com/carillon-gateway/carillon/templates"
)

// reviewing says what the flags of template review say.
type reviewing struct {
	locale, by    string
	withdraw, yes bool
}

func (sh *shell) templateReview() *cobra.Command {
	var r reviewing
	c := &cobra.Command{
		Use:   "review [NAME]",
		Short: "list which texts are drafts, or record that a person has reviewed one",
		Long: "Without NAME, list every text that Carillon writes itself, and in which languages it is a draft. With --by, record that this\n" +
			"person has read the text in one language and stands by it: for this group, and for exactly this text. A later release that\n" +
			"changes it makes it a draft again. NAME is a shipped text, a group's own wording, or a path to a folder with a LOCALE.md a language.",
		Example: "  carillon template review\n  carillon template review pointer --locale fa --by 'Shirin A.'\n  carillon template review ./words/weekly --locale sw --by 'Amani'",
		Args:    cobra.MaximumNArgs(1),
	}
	f := c.Flags()
	f.StringVar(&r.locale, "locale", "", "the language of the text")
	f.StringVar(&r.by, "by", "", "name of the person who has read it, as she wants it to stand there")
	f.BoolVar(&r.withdraw, "withdraw", false, "take the review back, and delete the person's name; without NAME, all reviews of --by")
	f.BoolVarP(&r.yes, "yes", "y", false, "do not show the text and ask")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		switch {
		case len(args) == 0 && r.withdraw && r.by != "":
			return sh.forget(ctx, api, group, r.by)
		case len(args) == 0 && (r.by != "" || r.withdraw || r.locale != ""):
			return wrong("which text? Name it, as in carillon template review pointer --locale fa --by 'Shirin A.'")
		case len(args) == 0:
			return sh.listDrafts(ctx, api, group)
		case r.by == "" && !r.withdraw:
			return sh.listReviews(ctx, api, group, args[0], r.locale)
		case r.locale == "":
			return wrong("--locale is missing: the review is of the text in one language")
		}
		name, source, err := reviewedText(ctx, api, group, args[0], r.locale)
		if err != nil {
			return err
		}
		if r.withdraw {
			return sh.withdraw(ctx, api, group, name, r.locale, source)
		}
		if !r.yes {
			if _, err := fmt.Fprintln(sh.err, printable(source)); err != nil {
				return err
			}
			if err := sh.confirm(fmt.Sprintf("Has %s read this text, and does she stand by it?", r.by), false); err != nil {
				return err
			}
		}
		done, err := api.PutReview(ctx, group, name, r.locale, source, r.by)
		if err != nil {
			return err
		}
		return sh.print(done, printable(fmt.Sprintf("%s in %s is reviewed by %s, for %s. A change makes it a draft again.", done.Name, done.Locale, done.By, group)))
	})
}

// reviewedText finds what is reviewed: a file of a folder if the name is a path, else what the gateway would write.
func reviewedText(ctx context.Context, api *client.Client, group, name, locale string) (title, source string, err error) {
	if strings.ContainsAny(name, `/\`) || name == "." {
		sources, err := readWords(name)
		if err != nil {
			return "", "", err
		}
		set, err := templates.NewSet(sources)
		if err != nil {
			return "", "", err
		}
		for own, source := range sources {
			if set.Digest(own) == set.Digest(locale) {
				return filepath.Base(filepath.Clean(name)), source, nil
			}
		}
		return "", "", wrong("%s has no text in %q; it is in %s", name, locale, strings.Join(set.Locales(), ", "))
	}
	texts, err := textsNamed(ctx, api, group, name, true)
	if err != nil {
		return "", "", err
	}
	var locales []string
	for _, t := range texts {
		if strings.EqualFold(t.Locale, locale) {
			return name, t.Source, nil
		}
		locales = append(locales, t.Locale)
	}
	return "", "", wrong("%s has no text in %q; it is in %s", name, locale, strings.Join(locales, ", "))
}

// textsNamed lists one text in its languages.
func textsNamed(ctx context.Context, api *client.Client, group, name string, sources bool) ([]gateway.TextStatus, error) {
	texts, err := api.Texts(ctx, group, name, sources)
	if errors.Is(err, gateway.ErrNotFound) {
		if all, listErr := api.Texts(ctx, group, "", false); listErr == nil {
			return nil, wrong("there is no text %q; there are %s (a folder is written as a path: ./%s)", name, strings.Join(names(all), ", "), name)
		}
	}
	return texts, err
}

func names(all []gateway.TextStatus) []string {
	var names []string
	for _, t := range all {
		names = append(names, t.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func (sh *shell) withdraw(ctx context.Context, api *client.Client, group, name, locale, source string) error {
	set, err := templates.NewSet(map[string]string{locale: source})
	if err != nil {
		return err
	}
	if err := api.DropReview(ctx, group, set.Digest(locale)); err != nil {
		if errors.Is(err, gateway.ErrNotFound) {
			return wrong("nobody has reviewed %s in %s as it is now", name, locale)
		}
		return err
	}
	return sh.print(gateway.TextStatus{Name: name, Locale: locale, State: gateway.TextDraft, Digest: set.Digest(locale)}, name+" in "+locale+" is not reviewed any more.")
}

// forget takes back all reviews of one person, those of texts that have changed since included.
func (sh *shell) forget(ctx context.Context, api *client.Client, group, by string) error {
	all, err := api.Reviews(ctx, group)
	if err != nil {
		return err
	}
	n := 0
	for _, r := range all {
		if r.By != strings.TrimSpace(by) {
			continue
		}
		if err := api.DropReview(ctx, group, r.Digest); err != nil {
			return err
		}
		n++
	}
	return sh.print(map[string]int{"withdrawn": n}, plural(n, "review")+" of "+printable(by)+" taken back.")
}

// listDrafts prints a line for each text: in which languages it is a draft, and in which it is not.
func (sh *shell) listDrafts(ctx context.Context, api *client.Client, group string) error {
	all, err := api.Texts(ctx, group, "", false)
	if err != nil {
		return err
	}
	if sh.json() {
		return listed(sh, all, nil, "", nil)
	}
	in := map[[2]string][]string{}
	for _, t := range all {
		key := [2]string{t.Name, string(t.State)}
		in[key] = append(in[key], t.Locale)
	}
	var rows [][]string
	for _, name := range names(all) {
		row := []string{name}
		for _, state := range []gateway.TextState{gateway.TextDraft, gateway.TextReviewed, gateway.TextOwn, gateway.TextUnfit} {
			row = append(row, orElse(strings.Join(in[[2]string{name, string(state)}], " "), "-"))
		}
		rows = append(rows, row)
	}
	return sh.table([]string{"TEXT", "DRAFT IN", "REVIEWED IN", "WRITTEN BY THE GROUP IN", "NO LONGER FITS IN"}, rows, "There are no texts.")
}

// listReviews prints how one text stands in each of its languages.
func (sh *shell) listReviews(ctx context.Context, api *client.Client, group, name, locale string) error {
	all, err := textsNamed(ctx, api, group, name, false)
	if err != nil {
		return err
	}
	if locale != "" {
		all = slices.DeleteFunc(all, func(t gateway.TextStatus) bool { return !strings.EqualFold(t.Locale, locale) })
	}
	return listed(sh, all, []string{"LANGUAGE", "STATE", "WORDS OF", "REVIEWED BY", "ON"}, "It is not in this language.", func(t gateway.TextStatus) []string {
		owner, at := "Carillon", "-"
		if t.Own {
			owner = "the group"
		}
		if t.At != nil {
			at = clock(*t.At)
		}
		return []string{t.Locale, string(t.State), owner, orElse(t.By, "-"), at}
	})
}
