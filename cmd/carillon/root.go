package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/templates"
)

// shell is what every command works with: its streams, its environment and the shape of its answers.
type shell struct {
	in     io.Reader
	out    io.Writer
	err    io.Writer
	lookup func(string) (string, bool) // of environment variables
	format string                      // "text" or "json": one JSON object a line
}

// The exit codes that scripts rely on.
const (
	exitDone   = 0
	exitFailed = 1
	exitWrong  = 2
)

// wrongInput marks an error whose mend is another input.
type wrongInput struct{ error }

func (w wrongInput) Unwrap() error { return w.error }

// wrong says that the input cannot be used.
func wrong(format string, args ...any) error { return wrongInput{fmt.Errorf(format, args...)} }

// run carries out one command line and returns the exit code.
func (sh *shell) run(ctx context.Context, args []string) int {
	root := sh.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	sh.complain(err)
	return codeOf(err)
}

func codeOf(err error) int {
	var told *toldError
	var input wrongInput
	var faults config.Faults
	var words templates.Faults
	var fault *gateway.Fault
	switch {
	case errors.As(err, &told):
		return told.code
	case errors.As(err, &input), errors.As(err, &faults), errors.As(err, &words):
		return exitWrong
	case errors.As(err, &fault) && (fault.Code == gateway.CodeInvalid || fault.Code == gateway.CodeTooLong || fault.Code == gateway.CodeNobody):
		return exitWrong
	}
	return exitFailed
}

func (sh *shell) json() bool { return sh.format == "json" }

// print writes one answer: as a JSON object on a line, or as text.
func (sh *shell) print(v any, text string) error {
	if !sh.json() {
		_, err := fmt.Fprintln(sh.out, text)
		return err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(sh.out, string(b))
	return err
}

// The groups of the help: what people do first, tools for scripts last.
const (
	helpFirst   = "first"
	helpDaily   = "daily"
	helpScripts = "scripts"
)

func (sh *shell) root() *cobra.Command {
	cobra.EnableCommandSorting = false // the order of the lists below is the order of the help
	root := &cobra.Command{
		Use:           "carillon",
		Short:         "Reach every member, in her language, on a channel she has",
		Long:          "Carillon sends reports, reminders and alerts of groups to their members, in each one's language,\nover text message, Telegram, mail and other channels, and keeps account of what became of every one.",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if sh.format != "text" && sh.format != "json" {
				return wrong("-o %s: write text or json", sh.format)
			}
			return nil
		},
	}
	root.SetIn(sh.in)
	root.SetOut(sh.out)
	root.SetErr(sh.err)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		var value *pflag.InvalidValueError
		if errors.As(err, &value) { // the cause beneath speaks of Go's functions
			want := map[string]string{"int": "whole number", "duration": "length of time, as in 90m or 720h", "bool": "true or false"}
			kind := value.GetFlag().Value.Type()
			return wrong("--%s: %q is no %s; see %s --help", value.GetFlag().Name, value.GetValue(), cmp.Or(want[kind], kind), c.CommandPath())
		}
		return wrong("%w; see %s --help", err, c.CommandPath())
	})
	root.PersistentFlags().StringVarP(&sh.format, "output", "o", "text", "text, or json: one JSON object a line")
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddGroup(
		&cobra.Group{ID: helpFirst, Title: "What people do:"},
		&cobra.Group{ID: helpDaily, Title: "Day to day:"},
		&cobra.Group{ID: helpScripts, Title: "Tools for scripts:"},
	)
	sh.add(root, helpFirst, sh.demo(), sh.initialise(), sh.serve(), sh.send(), sh.alerts(), sh.doctor())
	sh.add(root, helpDaily, sh.broadcasts(), sh.releases(), sh.deliveries(), sh.inbox(), sh.schedules(), sh.rotas(), sh.reports(), sh.members(), sh.invitations(), sh.calendars(), sh.channels(), sh.prices(), sh.spending(), sh.apply(), sh.export(), sh.tokens(), sh.move(), sh.sandbox())
	sh.add(root, helpScripts, sh.configTools(), sh.smsTools(), sh.addressTools(), sh.templateTools(), sh.adapterTools(), sh.versionTool())
	root.SetHelpCommandGroupID(helpScripts)
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages |", ".FlagUsagesWrapped 80 |"))
	mistakes(root)
	return root
}

func (sh *shell) add(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = group
		root.AddCommand(c)
	}
}
