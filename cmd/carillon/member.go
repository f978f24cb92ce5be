package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

func (sh *shell) members() *cobra.Command {
	return holder("member", "take in, look up and erase members", sh.memberImport(), sh.memberList(), sh.memberShow(), sh.memberAsk(), sh.memberErase(), sh.memberExport(), sh.memberLink())
}

func (sh *shell) memberAsk() *cobra.Command {
	c := &cobra.Command{
		Use:   "ask",
		Short: "ask everybody without evidence of consent to confirm, at most once a day",
		Args:  cobra.NoArgs,
	}
	var topics []string
	c.Flags().StringSliceVar(&topics, "topic", nil, "what to ask about; a yes counts for that alone (repeat it for several; absent: every topic but the owners')")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, _ []string) error {
		done, err := api.AskMembers(ctx, group, topics)
		if err != nil {
			return err
		}
		text := "They are being asked; carillon broadcast show " + done.ID.String() + " --group " + group + " tells how it goes."
		text += draftsNote(done.Drafts)
		if !done.Created {
			text = "They were asked today already."
		}
		return sh.print(done, text)
	})
}

func (sh *shell) memberImport() *cobra.Command {
	var o gateway.ImportOptions
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "take in members from a CSV file: all good rows at once, or none",
		Long: "Take in members from a CSV file (UTF-8; commas, semicolons or tabs). One bad row leaves everything as it was, unless\n" +
			"--skip-bad. Without evidence of consent a member can only be asked to confirm. FILE may be - for standard input.",
		Args: cobra.ExactArgs(1),
	}
	c.Flags().BoolVar(&o.DryRun, "dry-run", false, "say what would happen, and change nothing")
	c.Flags().BoolVar(&o.SkipBad, "skip-bad", false, "take the good rows although others are bad")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		file, size, err := sh.open(args[0])
		if err != nil {
			return err
		}
		defer file.Close()
		bar := sh.progress(size, "reading", true)
		report, err := api.ImportMembers(ctx, group, io.TeeReader(file, bar), o)
		_ = bar.Finish()
		if err != nil {
			return err
		}
		return sh.showImport(args[0], report, o)
	})
}

// open opens a file, or standard input for "-", whose size is not known.
func (sh *shell) open(name string) (io.ReadCloser, int64, error) {
	if name == "-" {
		return io.NopCloser(sh.in), -1, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, wrong("%s cannot be opened; is the name right, and may you read it?", name)
	}
	info, err := f.Stat()
	if err != nil || info.IsDir() {
		_ = f.Close()
		return nil, 0, wrong("%s is not a file", name)
	}
	return f, info.Size(), nil
}

// showImport prints what became of a file. A file that was not taken in is wrong input.
func (sh *shell) showImport(name string, r gateway.ImportReport, o gateway.ImportOptions) error {
	taken := r.Published || o.DryRun && (r.Bad == 0 || o.SkipBad) && !r.Unreadable
	if sh.json() {
		if err := sh.print(r, ""); err != nil {
			return err
		}
	} else if err := sh.tellImport(name, r, o.DryRun); err != nil {
		return err
	}
	if !taken {
		return &toldError{exitWrong}
	}
	return nil
}

func (sh *shell) tellImport(name string, r gateway.ImportReport, dryRun bool) error {
	for _, p := range r.Problems {
		column := ""
		if p.Column != "" {
			column = p.Column + ": "
		}
		note := ""
		if p.Note {
			note = "note: "
		}
		if err := sh.say("%s:%d: %s%s%s", name, p.Line, note, column, p.Text); err != nil {
			return err
		}
	}
	total := 0
	for _, n := range r.Counts {
		total += n
	}
	if more := total - len(r.Problems); more > 0 {
		if err := sh.say("… and %d more of these", more); err != nil {
			return err
		}
	}
	if err := sh.say("%s: %d new, %d changed, %d bad.", plural(r.Rows, "row"), r.New, r.Changed, r.Bad); err != nil {
		return err
	}
	if r.Asked > 0 {
		if err := sh.say("%s without evidence of consent: who is new there gets nothing but a question, from carillon member ask.", plural(r.Asked, "row")); err != nil {
			return err
		}
	}
	if r.Stopped > 0 {
		if err := sh.say("%s once said STOP at an address: it stays stopped.", plural(r.Stopped, "member")); err != nil {
			return err
		}
	}
	if r.Hers > 0 {
		if err := sh.say("%s decided for themselves what their rows say again or otherwise: that stays as they chose.", plural(r.Hers, "member")); err != nil {
			return err
		}
	}
	switch {
	case r.Published:
		return sh.say("They are members now.")
	case dryRun:
		return sh.say("This was a trial: nothing was changed.")
	case r.Rows == 0 || r.Unreadable:
		return sh.say("Nothing was changed.")
	}
	return sh.say("Nothing was changed. Mend the rows above, or take the good ones with --skip-bad.")
}

func (sh *shell) memberList() *cobra.Command {
	var most int
	c := &cobra.Command{Use: "list", Short: "list members, with names and addresses masked", Args: cobra.NoArgs}
	c.Flags().IntVar(&most, "limit", 100, "how many at most; 0: all")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, _ []string) error {
		all, err := api.Members(ctx, group, max(most, 0))
		if err != nil {
			return err
		}
		return listed(sh, all, []string{"ID", "REF", "NAME", "LANGUAGE", "ZONE", "CONTACT POINTS", "TAGS"}, "No members yet. Take some in with: carillon member import FILE.csv",
			func(m client.Member) []string {
				points := make([]string, len(m.Points))
				for i, p := range m.Points {
					points[i] = p.Kind + " " + p.Address + " (" + string(p.State) + ")"
				}
				return []string{m.ID.String(), m.Ref, m.Name, m.Locale, m.Zone, strings.Join(points, ", "), strings.Join(m.Tags, " ")}
			})
	})
}

func (sh *shell) memberShow() *cobra.Command {
	var clear string
	c := &cobra.Command{Use: "show ID|REF", Short: "show one member, masked unless a reason is given", Args: cobra.ExactArgs(1)}
	c.Flags().StringVar(&clear, "clear", "", "show her in clear, for this reason, which is recorded: "+reasons)
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		id, err := memberID(ctx, api, group, args[0])
		if err != nil {
			return err
		}
		var m client.Member
		if clear != "" {
			m, err = api.RevealMember(ctx, group, id, gateway.RevealReason(clear))
		} else {
			m, err = api.Member(ctx, group, id)
		}
		if err != nil || sh.json() {
			return sh.printOr(err, m)
		}
		if err := sh.say("%s  %s  %s\nreads %s, lives by %s, tags: %s", m.ID, m.Ref, m.Name, strings.Join(append([]string{m.Locale}, m.Fallback...), ", then "), m.Zone, cmp.Or(strings.Join(m.Tags, " "), "none")); err != nil {
			return err
		}
		if m.Neutral {
			if err := sh.say("neutral: she gets a pointer without the group's name instead of texts"); err != nil {
				return err
			}
		}
		if m.Quiet != "" {
			if err := sh.say("quiet hours: %s", m.Quiet); err != nil {
				return err
			}
		}
		if m.Leads != "" {
			if err := sh.say("reminders of events: %s", m.Leads); err != nil {
				return err
			}
		}
		switch {
		case m.Paused.Equal(gateway.Endless):
			if err := sh.say("paused: no reports and reminders until she says so"); err != nil {
				return err
			}
		case !m.Paused.IsZero():
			if err := sh.say("paused: no reports and reminders until %s", clock(m.Paused)); err != nil {
				return err
			}
		}
		if len(m.Own) > 0 {
			if err := sh.say("her own choice, which no import changes: %s", strings.Join(m.Own, ", ")); err != nil {
				return err
			}
		}
		rows := make([][]string, len(m.Points))
		for i, p := range m.Points {
			rows[i] = []string{strconv.Itoa(i + 1), p.Kind, p.Address, string(p.State), strings.Join(p.Topics, " "), p.Note}
		}
		return sh.table([]string{"NO", "KIND", "ADDRESS", "STATE", "TOPICS", "NOTE"}, rows, "She has no contact point.")
	})
}

const reasons = string(gateway.RevealContact) + ", " + string(gateway.RevealCorrect) + ", " + string(gateway.RevealRequest) + " or " + string(gateway.RevealIncident)

func (sh *shell) memberErase() *cobra.Command {
	var yes bool
	c := &cobra.Command{Use: "erase ID|REF", Short: "destroy all that is known of a member, for good", Args: cobra.ExactArgs(1)}
	c.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask first")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		id, err := memberID(ctx, api, group, args[0])
		if err != nil {
			return err
		}
		if err := sh.confirm(fmt.Sprintf("Erase member %s for good? A STOP of hers stays.", id), yes); err != nil {
			return err
		}
		if err := api.EraseMember(ctx, group, id); err != nil {
			return err
		}
		return sh.print(map[string]any{"id": id, "erased": true}, id.String()+" is erased.")
	})
}

func (sh *shell) memberExport() *cobra.Command {
	var reason, to string
	c := &cobra.Command{Use: "export ID|REF", Short: "write all that is known of a member, for her, as JSON", Args: cobra.ExactArgs(1)}
	c.Flags().StringVar(&reason, "reason", string(gateway.RevealRequest), "why, which is recorded: "+reasons)
	c.Flags().StringVar(&to, "to", "", "a new file, readable by you only (absent: standard output)")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		id, err := memberID(ctx, api, group, args[0])
		if err != nil {
			return err
		}
		doc, err := api.ExportMember(ctx, group, id, gateway.RevealReason(reason))
		if err != nil {
			return err
		}
		if to != "" {
			if err := writePrivate(to, append(doc, '\n')); err != nil {
				return err
			}
			return sh.print(map[string]any{"id": id, "file": to}, "Wrote all that is known of her to "+to+".")
		}
		_, err = fmt.Fprintln(sh.out, string(doc))
		return err
	})
}

func (sh *shell) memberLink() *cobra.Command {
	c := &cobra.Command{
		Use: "link ID|REF", Short: "send a member a link to her own page", Args: cobra.ExactArgs(1),
		Long: "Send a member a link to her own page, where she sees what is kept about her, changes it, or erases it. The gateway sends\n" +
			"it to her first active contact point and shows it to nobody else. It works for a day.",
	}
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		id, err := memberID(ctx, api, group, args[0])
		if err != nil {
			return err
		}
		if err := api.LinkMember(ctx, group, id); err != nil {
			return err
		}
		return sh.print(map[string]any{"id": id, "sent": true}, "A link is on its way to her.")
	})
}

// memberID reads an id, or finds the member with the group's own reference for her. Addresses are not taken: they
// would stay in the shell's history.
func memberID(ctx context.Context, api *client.Client, group, arg string) (gateway.ID, error) {
	if id, err := gateway.ParseID(arg); err == nil {
		return id, nil
	}
	found, err := api.FindMembers(ctx, group, "ref", gateway.Private(arg))
	switch {
	case err != nil:
		return gateway.ID{}, err
	case len(found) == 0:
		return gateway.ID{}, wrong("no member of %s has this id or reference; carillon member list shows them", group)
	}
	return found[0], nil
}

// writePrivate makes a file that only its owner reads, and never writes over one.
func writePrivate(name string, b []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return wrong("%s cannot be made; name a file that does not exist, in a folder that does", name)
	}
	if _, err := f.Write(b); err != nil {
		_ = f.Close()
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return f.Close()
}
