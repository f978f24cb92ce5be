package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/carillon-gateway/carillon/config"
	"github.com/carillon-gateway/carillon/templates"
)

// toldError ends a command whose output has said already what is wrong.
type toldError struct{ code int }

func (e *toldError) Error() string { return "see above" }

// complain says on standard error what went wrong. Faults of files begin with their place, as editors expect it.
func (sh *shell) complain(err error) {
	var told *toldError
	var faults config.Faults
	var words templates.Faults
	switch {
	case errors.As(err, &told):
	case errors.As(err, &faults), errors.As(err, &words):
		fmt.Fprintln(sh.err, printable(err.Error()))
	default:
		fmt.Fprintln(sh.err, printable("carillon: "+err.Error()))
	}
}

// say writes a line for people.
func (sh *shell) say(format string, args ...any) error {
	_, err := fmt.Fprintln(sh.out, printable(fmt.Sprintf(format, args...)))
	return err
}

// table writes aligned columns for people, or the sentence none when there are no rows.
func (sh *shell) table(head []string, rows [][]string, none string) error {
	if len(rows) == 0 {
		return sh.say("%s", none)
	}
	wide := make([]int, len(head))
	all := append([][]string{head}, rows...)
	for _, row := range all {
		for i := range row {
			row[i] = strings.ReplaceAll(printable(row[i]), "\n", " ")
			wide[i] = max(wide[i], width(row[i]))
		}
	}
	var b strings.Builder
	for _, row := range all {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell + strings.Repeat(" ", wide[i]-width(cell)+2))
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(sh.out, b.String())
	return err
}

// width counts the columns that a text takes on a terminal, closely enough for a table: marks take none, Han and
// other wide letters two.
func width(s string) int {
	n := 0
	for _, r := range s {
		switch {
		case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		case unicode.In(r, unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana), r >= 0xff01 && r <= 0xff60, r >= 0x1f300 && r <= 0x1faff:
			n += 2
		default:
			n++
		}
	}
	return n
}

// printable keeps texts from elsewhere from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '\ufffd'
		}
		return r
	}, s)
}

// maxLine bounds a line of standard input, in bytes.
const maxLine = 1 << 20

// lines gives each line of standard input to do, counted from 1.
func (sh *shell) lines(do func(no int, line string) error) error {
	scanner := bufio.NewScanner(sh.in)
	scanner.Buffer(make([]byte, 0, 64<<10), maxLine)
	no := 0
	for scanner.Scan() {
		no++
		if err := do(no, scanner.Text()); err != nil {
			return err
		}
	}
	if errors.Is(scanner.Err(), bufio.ErrTooLong) {
		return wrong("line %d is longer than %d bytes; shorten it", no+1, maxLine)
	}
	if err := scanner.Err(); err != nil {
		return fmt.Errorf("reading standard input: %w", err)
	}
	return nil
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	if strings.HasSuffix(noun, "s") {
		noun += "e"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// mistakes makes wrong arguments and unknown commands exit as wrong input, everywhere in the tree. A command that only
// holds others shows them.
func mistakes(c *cobra.Command) {
	args := c.Args
	if args == nil {
		args = cobra.NoArgs
	}
	c.Args = func(cmd *cobra.Command, given []string) error {
		if cmd.HasSubCommands() && len(given) > 0 {
			return wrong("%s %s does not exist; see %s --help", cmd.CommandPath(), printable(given[0]), cmd.CommandPath())
		}
		if err := args(cmd, given); err != nil {
			return wrong("this does not take %s; write it as %s, or see %s --help", plural(len(given), "word"), cmd.UseLine(), cmd.CommandPath())
		}
		return nil
	}
	if c.HasSubCommands() && !c.Runnable() {
		c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	}
	for _, sub := range c.Commands() {
		mistakes(sub)
	}
}

// holder is a command that only holds others.
func holder(use, short string, subs ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short}
	c.AddCommand(subs...)
	return c
}

var _ error = (*toldError)(nil)
