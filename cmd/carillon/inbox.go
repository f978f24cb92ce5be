package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/client"
)

func (sh *shell) inbox() *cobra.Command {
	return holder("inbox", "read what members wrote, and answer", sh.inboxList(), sh.inboxShow(), sh.inboxReply(), sh.inboxClose())
}

func (sh *shell) inboxList() *cobra.Command {
	var most int
	var all bool
	c := &cobra.Command{Use: "list", Short: "list what waits for an answer, the urgent first", Args: cobra.NoArgs,
		Long: "List the conversations of a group: open ones first, then answered ones; of each the urgent first, then the newest. No texts and\nno addresses: inbox show ID has what was said."}
	c.Flags().IntVar(&most, "limit", 50, "how many at most; 0: all")
	c.Flags().BoolVar(&all, "all", false, "closed ones too")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, _ []string) error {
		list, err := api.Inbox(ctx, group, max(most, 0))
		if err != nil {
			return err
		}
		for i, t := range list { // closed ones come last
			if !all && t.State == gateway.ThreadClosed {
				list = list[:i]
				break
			}
		}
		names := channelNames(ctx, api, group)
		return listed(sh, list, []string{"", "ID", "FROM", "LANGUAGE", "OVER", "STATE", "UNREAD", "ALL", "LAST"}, "Nobody waits for an answer.", func(t gateway.ThreadView) []string {
			mark := ""
			if t.Urgent {
				mark = "!"
			}
			over := t.Kind
			if name := names[t.ChannelID]; name != "" {
				over = name
			}
			return []string{mark, t.ID.String(), whoWrote(t), t.Locale, over, string(t.State), strconv.Itoa(t.Unread), strconv.Itoa(t.Messages), ago(time.Since(t.ChangedAt))}
		})
	})
}

// whoWrote names nobody: an id is a pseudonym.
func whoWrote(t gateway.ThreadView) string {
	switch len(t.MemberIDs) {
	case 0:
		return t.Stranger
	case 1:
		return t.MemberIDs[0].String()
	}
	return fmt.Sprintf("somebody at an address of %d members", len(t.MemberIDs))
}

func (sh *shell) inboxShow() *cobra.Command {
	return sh.inGroup(&cobra.Command{Use: "show ID", Short: "show what was said; that you read it is noted", Args: cobra.ExactArgs(1)},
		func(ctx context.Context, api *client.Client, group string, args []string) error {
			id, err := parseID(args[0])
			if err != nil {
				return err
			}
			c, err := api.ReadInbox(ctx, group, id)
			if err != nil || sh.json() {
				return sh.printOr(err, c)
			}
			if err := sh.say("%s  %s  reads %s\n", whoWrote(c.ThreadView), c.State, orNone(c.Locale)); err != nil {
				return err
			}
			for _, l := range c.Lines {
				if err := sh.say("%s\n%s\n", lineHead(l), "  "+strings.ReplaceAll(l.Text, "\n", "\n  ")); err != nil {
					return err
				}
			}
			return nil
		})
}

func orNone(locale string) string {
	if locale == "" {
		return "nobody knows which language"
	}
	return locale
}

// lineHead says whose a line is, and what became of it or what it answers.
func lineHead(l gateway.ConversationLine) string {
	head := l.At.Local().Format("2006-01-02 15:04") + "  "
	if l.Ours {
		state := "not handed in"
		if l.State != "" {
			state = strings.TrimSpace(spoken(l.State, "") + "  " + l.Detail)
		}
		return head + "answer by " + l.Author + " in " + l.Locale + ": " + state
	}
	head += "over " + l.Kind
	if l.Answers == nil {
		return head
	}
	head += fmt.Sprintf(", answers the %s of %s", l.Answers.Kind, l.Answers.At.Local().Format("2006-01-02 15:04"))
	if l.Answers.Guess {
		head += " (a guess: the newest that she had got there)"
	}
	return head
}

func (sh *shell) inboxReply() *cobra.Command {
	var d gateway.ReplyDraft
	var as, file string
	c := &cobra.Command{Use: "reply ID [TEXT]", Short: "answer where she wrote from", Args: cobra.RangeArgs(1, 2),
		Long:    "Answer a conversation, at the address that its newest message came from. Write in her language, and say so with --locale if it is\nanother one. TEXT may be - for standard input.",
		Example: "  carillon inbox reply 0195a3c2-7b1e-7c3d-9f00-1a2b3c4d5e6f 'Msaada unakuja.' --locale sw --dry-run"}
	f := c.Flags()
	f.StringVar(&d.Locale, "locale", "", "language of the text (absent: hers)")
	f.StringVar(&as, "as", "", "sign it so (absent: it is not signed)")
	f.StringVar(&file, "file", "", "read the text from this file")
	f.BoolVar(&d.DryRun, "dry-run", false, "send nothing; say what it would cost")
	return sh.inGroup(c, func(ctx context.Context, api *client.Client, group string, args []string) error {
		id, err := parseID(args[0])
		if err != nil {
			return err
		}
		text, err := sh.replyText(args[1:], file)
		if err != nil {
			return err
		}
		d.Text, d.As = gateway.Private(text), gateway.Private(as)
		a, err := api.ReplyInbox(ctx, group, id, d)
		if err != nil || sh.json() {
			return sh.printOr(err, a)
		}
		for _, w := range a.Warnings {
			if err := sh.say("Note: %s.", w); err != nil {
				return err
			}
		}
		size := plural(a.Segments, "part")
		if a.Kind == "sms" {
			size = plural(a.Segments, "segment")
			for _, m := range a.Total.Amounts {
				size += ", " + m.String()
			}
		}
		if d.DryRun {
			return sh.say("Nothing is sent. It would go out in %s over %s: %s.", a.Locale, a.Kind, size)
		}
		return sh.say("On its way in %s over %s: %s.", a.Locale, a.Kind, size)
	})
}

// replyText is the text that an answer was given as an argument, on standard input or in a file.
func (sh *shell) replyText(args []string, file string) (string, error) {
	var from io.Reader
	switch {
	case file != "" && len(args) > 0:
		return "", wrong("give the text or --file, not both")
	case file != "":
		opened, err := os.Open(file)
		if err != nil {
			return "", errors.Join(wrong("--file cannot be read"), err)
		}
		defer opened.Close()
		from = opened
	case len(args) == 0:
		return "", wrong("give the text, - for standard input, or --file")
	case args[0] != "-":
		return args[0], nil
	default:
		from = sh.in
	}
	read, err := io.ReadAll(io.LimitReader(from, 64<<10))
	return strings.TrimSpace(string(read)), err
}

func (sh *shell) inboxClose() *cobra.Command {
	return sh.inGroup(&cobra.Command{Use: "close ID", Short: "close a conversation; what she writes then opens it again", Args: cobra.ExactArgs(1)},
		func(ctx context.Context, api *client.Client, group string, args []string) error {
			id, err := parseID(args[0])
			if err != nil {
				return err
			}
			if err := api.CloseInbox(ctx, group, id); err != nil {
				return err
			}
			return sh.print(map[string]any{"id": id, "state": gateway.ThreadClosed}, "Closed. It is deleted in 30 days.")
		})
}
