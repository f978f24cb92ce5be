package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/builtin"
	"github.com/carillon-gateway/carillon/channels/compose"
	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/templates"
)

func (sh *shell) configTools() *cobra.Command {
	return holder("config", "check the operator's file, or print its schema", sh.configCheck(), sh.configSchema())
}

func (sh *shell) configCheck() *cobra.Command {
	var file string
	c := &cobra.Command{Use: "check", Short: "print every fault of the operator's file at once", Args: cobra.NoArgs}
	c.Flags().StringVarP(&file, "config", "c", "carillon.yaml", "the operator's file")
	c.RunE = func(*cobra.Command, []string) error {
		c, err := config.Load(file, sh.lookup, optionStructs())
		if err == nil {
			err = unusable(file, c)
		}
		var faults config.Faults
		if sh.json() && errors.As(err, &faults) {
			for _, f := range faults {
				if err := sh.print(f, ""); err != nil {
					return err
				}
			}
			return &toldError{exitWrong}
		}
		if err != nil || sh.json() {
			return err
		}
		return sh.say("%s is in order", file)
	}
	return c
}

// unusable gives what the adapters find wrong with their options, in the order of the channels.
func unusable(file string, c *config.Config) error {
	var faults config.Faults
	for i, channel := range c.Channels {
		at := fmt.Sprintf("channels[%d].", i)
		for _, f := range builtin.All() {
			if f.Name != channel.Adapter {
				continue
			}
			settings := channels.Settings{Name: channel.Name, Options: channel.Options.JSON(), Operator: true}
			if c.PublicBaseURL != "" {
				settings.HookURL = c.PublicBaseURL + "/hooks/" + channel.Name
			}
			_, err := f.New(settings)
			for _, one := range each(err) {
				text := strings.TrimPrefix(one.Error(), "channel "+channel.Name+": ")
				path, what, found := strings.Cut(text, ": ")
				if !found || !strings.HasPrefix(path, "options.") {
					path, what = "options", text
				}
				faults = append(faults, config.Fault{File: file, Path: at + path, What: what, Repair: "see docs/channels/" + channel.Adapter + ".md"})
			}
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return faults
}

// each takes joined errors apart.
func each(err error) []error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		return joined.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

func (sh *shell) configSchema() *cobra.Command {
	var coalition bool
	c := &cobra.Command{Use: "schema", Short: "print the JSON Schema of carillon.yaml, with every adapter's options", Args: cobra.NoArgs}
	c.Flags().BoolVar(&coalition, "coalition", false, "the schema of coalition.yaml")
	c.RunE = func(*cobra.Command, []string) error {
		schema := config.Schema(optionStructs())
		if coalition {
			schema = config.CoalitionSchema(optionStructs())
		}
		_, err := sh.out.Write(schema)
		return err
	}
	return c
}

func (sh *shell) smsTools() *cobra.Command {
	count := &cobra.Command{Use: "count", Short: "count the segments of text messages (JSON strings, one a line, on standard input)", Args: cobra.NoArgs}
	count.RunE = func(*cobra.Command, []string) error { return sh.lines(sh.countSegments) }
	return holder("sms", "measure text messages", count)
}

func (sh *shell) countSegments(no int, line string) error {
	var text *string
	if err := json.Unmarshal([]byte(line), &text); err != nil || text == nil {
		return wrong("line %d is no JSON string; write each text as \"…\" on a line of its own", no)
	}
	encoding, units, segments, offending := compose.Count(*text)
	why := ""
	if len(offending) > 0 {
		why = ", because of " + strings.Join(offending, " ")
	}
	return sh.print(struct {
		Encoding  string   `json:"encoding"`
		Units     int      `json:"units"`
		Segments  int      `json:"segments"`
		Offending []string `json:"offending"`
	}{encoding, units, segments, offending}, printable(plural(segments, "segment")+" in "+encoding+", "+plural(units, "unit")+why))
}

func (sh *shell) versionTool() *cobra.Command {
	var licences bool
	c := &cobra.Command{Use: "version", Short: "print the version", Args: cobra.NoArgs}
	c.Flags().BoolVar(&licences, "licences", false, "print the notices that go with the tables of languages' customs")
	c.RunE = func(*cobra.Command, []string) error {
		if licences {
			return sh.print(struct {
				Licences string `json:"licences"`
			}{templates.Licences()}, strings.TrimSpace(templates.Licences()))
		}
		return sh.print(struct {
			Version string `json:"version"`
			Go      string `json:"go"`
		}{version, runtime.Version()}, "carillon "+version)
	}
	return c
}
