package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/external"
	"github.com/carillon-gateway/carillon/channels/external/kit"
)

func (sh *shell) adapterTools() *cobra.Command {
	return holder("adapter", "hold adapters of your own against the protocol", sh.adapterNew(), sh.adapterCheck(), sh.adapterDescribe())
}

func (sh *shell) adapterNew() *cobra.Command {
	var language string
	c := &cobra.Command{
		Use:   "new NAME",
		Short: "write an adapter to begin with: it passes adapter check",
		Long: "Write an adapter into a new folder NAME, with its test and a README. It passes adapter check as it stands; its provider is a\n" +
			"folder until you put yours in. NAME becomes its kind of address. docs/adding-a-channel.md goes on from there.",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			name := args[0]
			if err := external.WriteSkeleton(name, name, language); err != nil {
				return wrong("%w", err)
			}
			return sh.print(map[string]string{"folder": name, "lang": language}, name+" is there; its README.md goes on")
		},
	}
	c.Flags().StringVar(&language, "lang", "", "its language: "+strings.Join(external.Languages(), ", "))
	return c
}

// target adds the flags that say how an adapter is reached.
func (sh *shell) target(c *cobra.Command, do func(kit.Target) error) *cobra.Command {
	var secret, settings string
	var env []string
	c.Args = cobra.MinimumNArgs(1)
	c.Flags().StringVar(&secret, "secret-env", "CARILLON_ADAPTER_SECRET", "for a URL: the environment variable that holds its secret, whsec_…")
	c.Flags().StringVar(&settings, "settings", "", "for a command: its settings, as JSON")
	c.Flags().StringArrayVar(&env, "env", nil, "for a command: NAME=value of its environment, which is empty otherwise but for PATH")
	c.Flags().SetInterspersed(false) // what follows is the command's own
	c.RunE = func(_ *cobra.Command, args []string) error {
		t := kit.Target{Environment: append([]string{"PATH=/usr/local/bin:/usr/bin:/bin"}, env...)}
		if strings.HasPrefix(args[0], "https://") || strings.HasPrefix(args[0], "http://") {
			if len(args) > 1 {
				return wrong("a URL stands alone; see %s --help", c.CommandPath())
			}
			text, ok := sh.lookup(secret)
			if !ok || text == "" {
				return wrong("the environment has no %s; put the adapter's secret there, or name another variable with --secret-env", secret)
			}
			t.URL, t.Secret = args[0], channels.Secret(text)
			return do(t)
		}
		path, err := filepath.Abs(args[0])
		if err != nil {
			return fmt.Errorf("finding the program: %w", err)
		}
		t.Command = append([]string{path}, args[1:]...)
		if settings != "" {
			if err := json.Unmarshal([]byte(settings), &t.Settings); err != nil {
				return wrong("--settings is no JSON object")
			}
		}
		return do(t)
	}
	return c
}

// adapterFinding is a line of the report.
type adapterFinding struct {
	Check   string   `json:"check"`
	Result  string   `json:"result"` // passed, failed or skipped
	Why     string   `json:"why,omitempty"`
	Faults  []string `json:"faults,omitempty"`
	Skipped string   `json:"skipped,omitempty"`
}

func (sh *shell) adapterCheck() *cobra.Command {
	c := &cobra.Command{
		Use:   "check URL|COMMAND...",
		Short: "hold an adapter against the protocol, a line a check, and have a bad day with it",
		Long: "Hold an adapter against the protocol (docs/adapter-protocol.md): what it describes, what it answers, and a bad day: crashes,\n" +
			"torn lines, late answers, texts that are too long. Messages go to the addresses that the adapter names as test.people, and\n" +
			"nowhere else. It exits 0 if every check passed, 1 if one failed, and 2 if there is nothing to check.",
	}
	return sh.target(c, func(t kit.Target) error {
		checks, err := kit.Checks(c.Context(), t)
		if err != nil {
			return wrong("%w", err)
		}
		failed := 0
		for _, one := range checks {
			r := channeltest.Run(one)
			f := adapterFinding{Check: r.Name, Result: "passed", Faults: r.Faults, Skipped: r.Skipped}
			text := "pass  " + r.Name
			switch {
			case len(r.Faults) > 0:
				failed++
				f.Result, f.Why = "failed", one.Why
				text = "FAIL  " + r.Name + ": " + strings.Join(r.Faults, "\n      ") + "\n      (otherwise " + one.Why + ")"
			case r.Skipped != "":
				f.Result, text = "skipped", "skip  "+r.Name+": "+r.Skipped
			}
			if err := sh.print(f, printable(text)); err != nil {
				return err
			}
		}
		if failed > 0 {
			return &toldError{exitFailed}
		}
		return nil
	})
}

func (sh *shell) adapterDescribe() *cobra.Command {
	c := &cobra.Command{
		Use:   "describe URL|COMMAND...",
		Short: "print what an adapter can do, as the description in its channel's options",
	}
	return sh.target(c, func(t kit.Target) error {
		d, err := kit.Describe(c.Context(), t)
		if err == nil {
			err = d.Check()
		}
		if err != nil {
			return wrong("%w", err)
		}
		text, err := yaml.MarshalWithOptions(map[string]any{"description": d}, yaml.UseJSONMarshaler())
		if err != nil {
			return fmt.Errorf("writing the description: %w", err)
		}
		return sh.print(d, strings.TrimSpace(string(text)))
	})
}
