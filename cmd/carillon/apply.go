package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

func (sh *shell) apply() *cobra.Command {
	var file string
	var dryRun, overwrite bool
	c := &cobra.Command{
		Use:   "apply",
		Short: "make or change groups, their channels, calendars and words from a file",
		Long: "Make or change what a coalition file holds: groups, their channels, calendars and words, never members. What people changed since\n" +
			"the last apply is left as it is, item by item, unless --overwrite.",
		Args: cobra.NoArgs,
	}
	c.Flags().StringVarP(&file, "file", "f", "coalition.yaml", "the coalition file")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show the difference, and change nothing")
	c.Flags().BoolVar(&overwrite, "overwrite", false, "write over what people changed since the last apply")
	c.RunE = func(c *cobra.Command, _ []string) error {
		doc, err := sh.document(file)
		if err != nil {
			return err
		}
		api, err := sh.connect()
		if err != nil {
			return err
		}
		report, err := api.Apply(c.Context(), doc, dryRun, overwrite)
		if err != nil {
			return err
		}
		return sh.showApply(report)
	}
	return c
}

// document reads a coalition file and checks its words, so that every fault is named before anything is sent.
func (sh *shell) document(file string) (gateway.Document, error) {
	coalition, err := config.LoadCoalition(file, sh.lookup, optionStructs())
	if err != nil {
		return gateway.Document{}, err
	}
	var doc gateway.Document
	var faults templates.Faults
	if doc.Prices, err = priceList(coalition.Prices); err != nil {
		return doc, err
	}
	for _, g := range coalition.Groups {
		d := gateway.DocumentGroup{Slug: g.Slug, Name: g.Name, Locale: g.Locale, Fallback: g.Fallback, Zone: g.Zone, Region: g.Region, Floor: g.Floor, Countries: g.Countries, Replies: repliesOf(g.Replies), Release: releaseOf(g.Release), ClimbFrom: g.ClimbFrom, Wordings: g.Words}
		if d.Budget, err = budget(g.Budget); err != nil {
			return doc, err
		}
		if d.Prices, err = priceList(g.Prices); err != nil {
			return doc, err
		}
		if d.Schedules, err = scheduleList(g.Schedules); err != nil {
			return doc, err
		}
		if d.Rotas, err = rotaList(g.Rotas); err != nil {
			return doc, err
		}
		d.Series = seriesList(g.Series)
		if d.Policies, err = policyList(g.Policies); err != nil {
			return doc, err
		}
		for _, t := range g.Topics {
			d.Topics = append(d.Topics, gateway.Topic{Name: t.Name, Title: t.Title, Titles: t.Titles, Leads: t.Leads})
		}
		for _, ch := range g.Channels {
			channel := gateway.DocumentChannel{Name: ch.Name, Adapter: ch.Adapter, Senders: ch.Senders, Trip: gateway.Trip{After: ch.Trip.After, Minutes: ch.Trip.Minutes}, Unchecked: ch.Unchecked}
			if ch.Options.Given() {
				channel.Options = ch.Options.JSON()
			}
			d.Channels = append(d.Channels, channel)
		}
		for _, c := range g.Calendars {
			d.Calendars = append(d.Calendars, gateway.DocumentCalendar{Name: c.Name, Topic: c.Topic, URL: c.URL.Reveal(), Zone: c.Zone, Every: int(time.Duration(c.Every) / time.Minute)})
		}
		for _, name := range slices.Sorted(maps.Keys(g.Words)) {
			_, err := templates.Wording(name, g.Words[name])
			var found templates.Faults
			errors.As(err, &found)
			faults = append(faults, text{name, filepath.Join(g.Wording, name), g.Words[name]}.place(found)...)
		}
		doc.Groups = append(doc.Groups, d)
	}
	if len(faults) > 0 {
		return doc, faults
	}
	return doc, nil
}

func (sh *shell) showApply(r gateway.ApplyReport) error {
	counts := map[gateway.ApplyWhat]int{}
	shown := r.Items
	for _, item := range r.Items {
		counts[item.What]++
	}
	if !sh.json() {
		shown = slices.DeleteFunc(slices.Clone(r.Items), func(i gateway.ApplyItem) bool { return i.What == gateway.ApplySame })
	}
	if err := listed(sh, shown, []string{"WHAT", "ITEM", "WHY"}, "Everything is as the file says.", func(i gateway.ApplyItem) []string {
		return []string{string(i.What), i.Path, i.Why}
	}); err != nil {
		return err
	}
	if !sh.json() {
		did := "Done"
		if r.DryRun {
			did = "This was a trial; it would be"
		}
		why := "."
		if r.Conflicts() > 0 { // people changed it, or a channel does not work
			why = ": see WHY above."
		}
		if err := sh.say("%s: %d made, %d changed, %d as they were, %d not done%s", did,
			counts[gateway.ApplyCreate], counts[gateway.ApplyChange], counts[gateway.ApplySame], r.Conflicts(), why); err != nil {
			return err
		}
	}
	if r.Conflicts() > 0 {
		return &toldError{exitFailed}
	}
	return nil
}

func (sh *shell) export() *cobra.Command {
	var dir string
	c := &cobra.Command{
		Use:   "export",
		Short: "write groups, channels and words as files that apply reads",
		Long:  "Write a folder with coalition.yaml and the groups' words. It holds no members, no channel's options and no calendar's address, which are secret;\napplying it again keeps those that are there.",
		Args:  cobra.NoArgs,
	}
	c.Flags().StringVar(&dir, "to", "", "a new folder (absent, with -o json: standard output)")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if dir == "" && !sh.json() {
			return wrong("say where with --to FOLDER, or use -o json for standard output")
		}
		api, err := sh.connect()
		if err != nil {
			return err
		}
		doc, err := api.Export(c.Context())
		if err != nil || dir == "" {
			return sh.printOr(err, doc)
		}
		if err := writeCoalition(dir, doc); err != nil {
			return err
		}
		return sh.print(map[string]any{"folder": dir, "groups": len(doc.Groups)}, "Wrote "+plural(len(doc.Groups), "group")+" to "+dir+".")
	}
	return c
}

// writeCoalition writes what LoadCoalition reads, through the same types, so that the two cannot drift apart.
func writeCoalition(dir string, doc gateway.Document) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return wrong("%s cannot be made; name a folder that does not exist, inside one that does", dir)
	}
	groups := make([]map[string]any, len(doc.Groups))
	for i, g := range doc.Groups {
		out := map[string]any{"slug": g.Slug, "name": g.Name, "locale": g.Locale, "zone": g.Zone}
		topics := make([]map[string]any, len(g.Topics))
		for j, t := range g.Topics {
			topics[j] = map[string]any{"name": t.Name}
			given(topics[j], "title", t.Title)
			if len(t.Titles) > 0 {
				topics[j]["titles"] = t.Titles
			}
			if t.Leads != nil {
				topics[j]["leads"] = t.Leads
			}
		}
		out["topics"] = topics
		given(out, "region", g.Region)
		given(out, "floor", g.Floor)
		if len(g.Fallback) > 0 {
			out["fallback"] = g.Fallback
		}
		if len(g.Countries) > 0 {
			out["countries"] = g.Countries
		}
		if g.Release != nil {
			rule := map[string]any{}
			if g.Release.Alerts {
				rule["alerts"] = true
			}
			given(rule, "above", g.Release.Above)
			given(rule, "minutes", g.Release.Minutes)
			out["release"] = rule
		}
		listGiven(out, "climb_from", g.ClimbFrom)
		if g.Replies != nil {
			out["replies"] = writtenReplies(*g.Replies)
		}
		if g.Budget != nil {
			out["budget"] = writtenBudget(*g.Budget)
		}
		if len(g.Prices) > 0 {
			out["prices"] = writtenPrices(g.Prices)
		}
		var channels []map[string]any
		for _, ch := range g.Channels {
			channel := map[string]any{"name": ch.Name, "adapter": ch.Adapter}
			given(channel, "senders", ch.Senders)
			if ch.Trip != (gateway.Trip{}) {
				trip := map[string]any{}
				given(trip, "after", ch.Trip.After)
				given(trip, "within_minutes", ch.Trip.Minutes)
				channel["trip"] = trip
			}
			channels = append(channels, channel)
		}
		if channels != nil {
			out["channels"] = channels
		}
		var calendars []map[string]any
		for _, c := range g.Calendars {
			calendar := map[string]any{"name": c.Name, "topic": c.Topic}
			given(calendar, "zone", c.Zone)
			if c.Every > 0 {
				calendar["every"] = config.Duration(time.Duration(c.Every) * time.Minute).String()
			}
			calendars = append(calendars, calendar)
		}
		if calendars != nil {
			out["calendars"] = calendars
		}
		if len(g.Rotas) > 0 {
			out["rotas"] = writtenRotas(g.Rotas)
		}
		if len(g.Policies) > 0 {
			out["policies"] = writtenPolicies(g.Policies)
		}
		if len(g.Series) > 0 {
			out["series"] = writtenSeries(g.Series)
		}
		if len(g.Schedules) > 0 {
			out["schedules"] = writtenSchedules(g.Schedules)
		}
		if len(g.Wordings) > 0 {
			out["wording"] = filepath.ToSlash(filepath.Join("words", g.Slug))
			if err := writeWords(filepath.Join(dir, "words", g.Slug), g.Wordings); err != nil {
				return err
			}
		}
		groups[i] = out
	}
	file := map[string]any{"groups": groups}
	if len(doc.Prices) > 0 {
		file["prices"] = writtenPrices(doc.Prices)
	}
	b, err := yaml.Marshal(file)
	if err != nil {
		return fmt.Errorf("writing the coalition file: %w", err)
	}
	return writePrivate(filepath.Join(dir, "coalition.yaml"), b)
}

// given sets a key unless its value is the zero one.
func given[T comparable](out map[string]any, key string, value T) {
	var zero T
	if value != zero {
		out[key] = value
	}
}

func writeWords(dir string, wordings map[string]map[string]string) error {
	for name, sources := range wordings {
		folder := filepath.Join(dir, filepath.Base(name))
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return fmt.Errorf("making a folder for words: %w", err)
		}
		for locale, src := range sources {
			if err := writePrivate(filepath.Join(folder, filepath.Base(locale)+".md"), []byte(src)); err != nil {
				return err
			}
		}
	}
	return nil
}
