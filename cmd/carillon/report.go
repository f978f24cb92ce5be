package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

func (sh *shell) reports() *cobra.Command {
	return holder("report", "series of progress reports that groups write together", sh.reportSeries(), sh.reportPut(), sh.reportContribute(), sh.reportList(), sh.reportShow(), sh.reportExport(), sh.reportIndicators(),
		sh.reportStep("freeze", "end the collecting for an edition", "frozen: nothing in it changes any more"), sh.reportStep("reopen", "go on collecting for an edition that was not sent", "collecting again"),
		sh.reportStep("approve", "say that an edition may be sent", "approved"), sh.reportStep("send", "send an edition now", "sent"), sh.reportStep("correct", "begin a correction of an edition, for those who had it", "begun as a correction: write its summary with report contribute --edition, then freeze, approve and send it"), sh.reportStep("withdraw", "take an edition away that was not sent", "withdrawn"))
}

func (sh *shell) reportSeries() *cobra.Command {
	return sh.inGroup(&cobra.Command{Use: "series", Short: "list the series of a group", Args: cobra.NoArgs},
		func(ctx context.Context, api *client.Client, group string, _ []string) error {
			all, err := api.SeriesOf(ctx, group)
			if err != nil {
				return err
			}
			return listed(sh, all, []string{"NAME", "TITLE", "TOPIC", "APPROVED BY", "ALSO WRITTEN BY"}, "No series yet. Make one with: carillon report put", func(s gateway.Series) []string {
				return []string{s.Name, s.Title, s.Topic, string(s.Approve), strings.Join(s.Contributors, ", ")}
			})
		})
}

func (sh *shell) reportPut() *cobra.Command {
	var d gateway.DocumentSeries
	var approve, indicators string
	c := &cobra.Command{Use: "put SERIES", Short: "make a series or change it", Args: cobra.ExactArgs(1),
		Long:    "Make a series of progress reports, or change the one with this name. A schedule sends its editions: carillon schedule put --report.",
		Example: "  carillon report put harbour-report --title 'Harbour report' --topic reports --from rivers"}
	c.Flags().StringVar(&d.Title, "title", "", "the series' title, as members read it")
	c.Flags().StringVar(&d.Topic, "topic", "", "to those who subscribed to this topic")
	c.Flags().StringArrayVar(&d.Contributors, "from", nil, "another group that may contribute (again for others)")
	c.Flags().BoolVar(&d.Public, "public", false, "whoever knows the address of an edition that was sent may read it (report show tells it)")
	c.Flags().StringVar(&indicators, "indicators", "", "a JSON file with the numbers that each edition tells (absent: they stay; see docs/reports.md)")
	c.Flags().StringVar(&approve, "approve", string(gateway.ApprovePerson), "who approves an edition: person, or none to send what is frozen")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		d.Approve = gateway.Approval(approve)
		var err error
		if d.Indicators, err = sh.declared(ctx, api, group, args[0], indicators); err != nil {
			return err
		}
		s, err := api.PutSeries(ctx, group, args[0], d)
		if err != nil {
			return err
		}
		return sh.print(s, s.Name+" is kept. Write for it with: carillon report contribute "+s.Name)
	})
}

func (sh *shell) reportContribute() *cobra.Command {
	var d gateway.DocumentContribution
	var section, credit, locale, text string
	c := &cobra.Command{Use: "contribute SERIES", Short: "say what a group has to say in one section of the next edition", Args: cobra.ExactArgs(1),
		Long:    "Put what a group says into the edition that is collecting. The same command with another --locale adds a language, with the\nsame one it changes the text; an empty --text takes it away.",
		Example: "  carillon report contribute harbour-report --section objections --credit anonymous --locale en --text 'Too few chairs.'"}
	f := c.Flags()
	f.StringVar(&d.Owner, "of", "", "short name of the group that makes the series (absent: this one)")
	f.IntVar(&d.Edition, "edition", 0, "of a correction: its number")
	f.StringVar(&section, "section", "", "summary, progress, lessons, objections, credit or cost")
	f.IntVar(&d.Entry, "entry", 1, "which of several things that this group says there")
	f.StringVar(&credit, "credit", string(gateway.CreditGroup), "under whose name it stands: group, name or anonymous")
	f.StringVar(&d.Name, "name", "", "with --credit name: whose")
	f.StringVar(&locale, "locale", "", "language of the text, as in en or pt-BR")
	f.StringVar(&text, "text", "", "the text; - reads standard input")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		if section == "" || locale == "" {
			return wrong("--section and --locale are needed: where it stands, and in which language it is")
		}
		if text == "-" {
			read, err := io.ReadAll(io.LimitReader(sh.in, 64<<10))
			if err != nil {
				return err
			}
			text = strings.TrimSpace(string(read))
		}
		d.Series, d.Section, d.Credit, d.Texts = args[0], gateway.Section(section), gateway.Credit(credit), map[string]string{locale: text}
		done, err := api.Contribute(ctx, group, d)
		if err != nil {
			return err
		}
		return sh.print(done, fmt.Sprintf("In edition %d stands now: %s, %s, entry %d, in %s.", done.Edition, done.Group, done.Section, done.Entry, cmp.Or(strings.Join(slices.Sorted(maps.Keys(done.Texts)), ", "), "no language: it is gone")))
	})
}

func (sh *shell) reportList() *cobra.Command {
	var most int
	c := &cobra.Command{Use: "list SERIES", Short: "list the editions of a series, the newest first", Args: cobra.ExactArgs(1)}
	c.Flags().IntVar(&most, "limit", 20, "how many at most")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		if most < 1 {
			return wrong("--limit must be at least 1")
		}
		all, err := api.Editions(ctx, group, args[0], most)
		if err != nil {
			return err
		}
		return listed(sh, all, []string{"EDITION", "STATE", "MESSAGE"}, "No edition yet. Begin one with: carillon report contribute", func(e gateway.EditionStanding) []string {
			message := ""
			if !e.BroadcastID.IsZero() {
				message = e.BroadcastID.String()
			}
			state := string(e.State)
			if e.Corrects != 0 {
				state += fmt.Sprintf(", corrects %d", e.Corrects)
			}
			return []string{strconv.Itoa(e.Number), state, message}
		})
	})
}

// editionOf reads the edition that two arguments name.
func editionOf(ctx context.Context, api *client.Client, group string, args []string) (gateway.EditionView, error) {
	number, err := editionNumber(args[1])
	if err != nil {
		return gateway.EditionView{}, err
	}
	return api.Edition(ctx, group, args[0], number)
}

func editionNumber(arg string) (int, error) {
	number, err := strconv.Atoi(arg)
	if err != nil || number < 1 {
		return 0, wrong("%q is no edition; write its number, as report list shows it", arg)
	}
	return number, nil
}

func (sh *shell) reportShow() *cobra.Command {
	return sh.inGroup(&cobra.Command{Use: "show SERIES EDITION", Short: "show what is in an edition, in which languages, and what is missing", Args: cobra.ExactArgs(2)},
		func(ctx context.Context, api *client.Client, group string, args []string) error {
			e, err := editionOf(ctx, api, group, args)
			if err != nil || sh.json() {
				return sh.printOr(err, e)
			}
			if err := sh.say("Edition %d is %s.", e.Number, e.State); err != nil {
				return err
			}
			if e.State == gateway.EditionSent {
				if err := sh.say("Its page, if the series is public: /r/%s", e.ID); err != nil {
					return err
				}
			}
			for _, s := range e.Steps {
				if err := sh.say("  %s  %s, by %s", clock(s.At), s.To, s.By); err != nil {
					return err
				}
			}
			lacks := map[string]string{}
			for _, m := range e.Missing {
				lacks[fmt.Sprint(m.Group, m.Section, m.Entry)] = strings.Join(m.Locales, ", ")
			}
			return listed(sh, e.Entries, []string{"SECTION", "FROM", "ENTRY", "CREDIT", "WRITTEN IN", "MISSING IN"}, "Nobody has contributed.", func(c gateway.Contribution) []string {
				return []string{string(c.Section), c.Group, strconv.Itoa(c.Entry), string(c.Credit), strings.Join(slices.Sorted(maps.Keys(c.Texts)), ", "), lacks[fmt.Sprint(c.Group, c.Section, c.Entry)]}
			})
		})
}

func (sh *shell) reportExport() *cobra.Command {
	return sh.inGroup(&cobra.Command{Use: "export SERIES EDITION", Short: "write an edition with all its texts as Markdown, or with -o json as JSON", Args: cobra.ExactArgs(2)},
		func(ctx context.Context, api *client.Client, group string, args []string) error {
			e, err := editionOf(ctx, api, group, args)
			if err != nil {
				return err
			}
			return sh.print(e, exported(args[0], e))
		})
}

// exported writes an edition as Markdown. What people wrote stands in quotes, as it is; who wants no name has none.
func exported(series string, e gateway.EditionView) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s, edition %d (%s)\n", series, e.Number, e.State)
	for _, section := range append([]gateway.Section{gateway.SectionSummary}, gateway.Sections[:]...) {
		head := "\n## " + string(section) + "\n"
		for _, c := range e.Entries {
			if c.Section != section {
				continue
			}
			b.WriteString(head)
			head = ""
			for _, locale := range slices.Sorted(maps.Keys(c.Texts)) {
				fmt.Fprintf(&b, "\n%s, %s:\n\n> %s\n", printable(cmp.Or(c.Name, "anonymous")), locale, strings.Join(strings.Split(printable(c.Texts[locale]), "\n"), "\n> "))
			}
		}
		for _, f := range e.Figures { // indicators stand under progress, Carillon's own figures under cost
			if f.Indicated != nil && section != gateway.SectionProgress || f.Indicated == nil && section != gateway.SectionCost {
				continue
			}
			b.WriteString(head)
			head = ""
			if i := f.Indicated; i != nil {
				titles := make([]string, 0, len(i.Titles))
				for _, locale := range slices.Sorted(maps.Keys(i.Titles)) {
					titles = append(titles, printable(i.Titles[locale])+" ("+locale+")")
				}
				number := "no number: " + string(i.Gap)
				if i.Value != "" {
					number = strings.TrimSpace(i.Value + " " + i.Unit)
				}
				if i.Date != "" {
					number += ", " + i.Date
				}
				fmt.Fprintf(&b, "\n- %s: %s (%s, %s)\n", strings.Join(titles, ", "), printable(number), printable(f.Source), f.At.Format("2006-01-02 15:04Z"))
				continue
			}
			var money []string
			for _, m := range f.Money {
				money = append(money, m.String())
			}
			fmt.Fprintf(&b, "\n- %s of edition %d: %s (%s, %s)\n", f.Kind, f.Edition, cmp.Or(strings.Join(money, " + "), fmt.Sprintf("%d of %d", f.Count, f.Of)), f.Source, f.At.Format("2006-01-02 15:04Z"))
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (sh *shell) reportStep(step, short, now string) *cobra.Command {
	return sh.inGroup(&cobra.Command{Use: step + " SERIES EDITION", Short: short, Args: cobra.ExactArgs(2)},
		func(ctx context.Context, api *client.Client, group string, args []string) error {
			number, err := editionNumber(args[1])
			if err != nil {
				return err
			}
			e, err := api.StepEdition(ctx, group, args[0], number, step)
			if err != nil {
				return err
			}
			said := fmt.Sprintf("Edition %d of %s is %s.", e.Number, args[0], now)
			if !e.BroadcastID.IsZero() {
				said += " Follow it with: carillon broadcast show " + e.BroadcastID.String() + " --group " + group
			}
			return sh.print(e, said)
		})
}
