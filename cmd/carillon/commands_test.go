package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

var update = flag.Bool("update", false, "write the list of commands in docs/commands.md anew")

// TestTheManualListsEveryCommand holds docs/commands.md, below its mark, against the commands and flags that there are.
func TestTheManualListsEveryCommand(t *testing.T) {
	const file, mark = "../../docs/commands.md", "## Every command\n"
	manual, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	intro, listed, found := strings.Cut(string(manual), mark)
	if !found {
		t.Fatalf("%s has no line %q", file, mark)
	}
	var out bytes.Buffer
	sh := &shell{in: strings.NewReader(""), out: &out, err: &out, lookup: func(string) (string, bool) { return "", false }}
	var want strings.Builder
	describe(&want, sh.root())
	if *update {
		if err := os.WriteFile(file, []byte(intro+mark+want.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if listed != want.String() {
		t.Errorf("%s is stale: go test ./cmd/carillon -run TheManual -update writes it anew", file)
	}
	for _, line := range strings.Split(intro, "\n") {
		if _, example, ok := strings.Cut(line, "    carillon "); ok {
			c, rest, err := sh.root().Find(strings.Fields(example))
			if err != nil || c == sh.root() {
				t.Errorf("%q: no such command: %v", example, err)
			} else if err := c.ParseFlags(rest); err != nil {
				t.Errorf("%q: %v", example, err)
			}
		}
	}
}

// TestTheReadmeCanBeTyped holds its commands against those that there are, and their order: the sample's channel is tried when the file
// is applied, so what lets it through stands before the gateway is started.
func TestTheReadmeCanBeTyped(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	sh := &shell{in: strings.NewReader(""), lookup: func(string) (string, bool) { return "", false }}
	at := map[string]int{}
	for i, line := range strings.Split(string(readme), "\n") {
		if strings.Contains(line, "private_networks: [127.0.0.1/32]") {
			at["allowed"] = i
		}
		example, ok := strings.CutPrefix(line, "./carillon ")
		if !ok {
			continue
		}
		example, _, _ = strings.Cut(example, " #")
		c, rest, err := sh.root().Find(strings.Fields(example))
		if err != nil || c == sh.root() {
			t.Errorf("%q: no such command: %v", example, err)
		} else if err := c.ParseFlags(rest); err != nil {
			t.Errorf("%q: %v", example, err)
		} else {
			at[c.Name()] = i
		}
	}
	if at["allowed"] == 0 || at["allowed"] > at["serve"] || at["serve"] > at["sandbox"] || at["sandbox"] > at["apply"] {
		t.Errorf("the order of the lines: %v", at)
	}
}

// TestMissingWordsAreNamed tells a person how the command is written, instead of how many arguments it has.
func TestMissingWordsAreNamed(t *testing.T) {
	var out, complaint bytes.Buffer
	sh := &shell{in: strings.NewReader(""), out: &out, err: &complaint, lookup: func(string) (string, bool) { return "", false }}
	want := "carillon: something is missing; write it as carillon broadcast show ID, or see carillon broadcast show --help\n"
	if code := sh.run(context.Background(), []string{"broadcast", "show"}); code != exitWrong || complaint.String() != want {
		t.Errorf("exit %d: %s", code, complaint.String())
	}
}

// TestTheManualOfTextsRuns carries out the examples of docs/templates.md that need no server, and reads the others.
func TestTheManualOfTextsRuns(t *testing.T) {
	manual, err := os.ReadFile("../../docs/templates.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir("../..")
	carriedOut := 0
	for _, line := range strings.Split(string(manual), "\n") {
		example, ok := strings.CutPrefix(line, "    carillon ")
		if !ok {
			continue
		}
		var args []string
		for i, part := range strings.Split(example, "'") { // what stands between quotes is one word
			if i%2 == 1 {
				args = append(args, part)
			} else {
				args = append(args, strings.Fields(part)...)
			}
		}
		for i, arg := range args {
			if strings.HasSuffix(arg, ".html") {
				args[i] = t.TempDir() + "/" + arg
			}
		}
		var out, complaint bytes.Buffer
		sh := &shell{in: strings.NewReader(""), out: &out, err: &complaint, lookup: func(string) (string, bool) { return "", false }}
		c, rest, err := sh.root().Find(args)
		if err != nil {
			t.Errorf("%q: %v", line, err)
			continue
		}
		if c.Flags().Lookup("group") != nil {
			if err := c.ParseFlags(rest); err != nil {
				t.Errorf("%q: %v", line, err)
			}
			continue
		}
		carriedOut++
		if code := sh.run(context.Background(), args); code != exitDone || out.Len() == 0 {
			t.Errorf("%q: exit %d: %s", line, code, complaint.String())
		}
	}
	if carriedOut < 6 {
		t.Errorf("only %d examples were carried out", carriedOut)
	}
}

// describe writes what a command tree can do, in the order of its help.
func describe(b *strings.Builder, c *cobra.Command) {
	for _, sub := range c.Commands() {
		if sub.Hidden || sub.Name() == "help" || sub.Name() == "completion" {
			continue
		}
		if sub.HasAvailableSubCommands() {
			describe(b, sub)
			continue
		}
		fmt.Fprintf(b, "\n### %s\n\n%s.\n", strings.TrimSuffix(sub.UseLine(), " [flags]"), strings.ToUpper(sub.Short[:1])+sub.Short[1:])
		rows := 0
		sub.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name == "help" || f.Hidden {
				return
			}
			if rows == 0 {
				b.WriteString("\n| flag | meaning |\n|---|---|\n")
			}
			rows++
			name := "--" + f.Name
			if f.Shorthand != "" {
				name = "-" + f.Shorthand + ", " + name
			}
			kind, usage := pflag.UnquoteUsage(f)
			if kind != "" {
				name += " " + kind
			}
			if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" && f.DefValue != "0" && f.DefValue != "0s" {
				usage += " (default " + f.DefValue + ")"
			}
			fmt.Fprintf(b, "| `%s` | %s |\n", name, strings.ReplaceAll(usage, "|", "\\|"))
		})
	}
}
