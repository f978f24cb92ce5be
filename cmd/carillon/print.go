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
	terminal := sh.columns()
	breaks := folds(wide, terminal)
	for _, row := range all {
		for i, from := range breaks {
			to := len(row)
			if i+1 < len(breaks) {
				to = breaks[i+1]
			}
			var line strings.Builder
			for j := from; j < to; j++ {
				if j == len(row)-1 && j > 0 { // a sentence goes on below its own beginning
					at := min(i, 1)*tableIndent + width(line.String())
					line.WriteString(strings.Join(wrapped(row[j], terminal-at), "\n"+strings.Repeat(" ", at)))
					break
				}
				line.WriteString(row[j] + strings.Repeat(" ", wide[j]-width(row[j])+tableGap))
			}
			text := strings.TrimRight(line.String(), " ")
			if i > 0 && text == "" {
				continue
			}
			b.WriteString(strings.Repeat(" ", min(i, 1)*tableIndent) + text + "\n")
		}
	}
	_, err := io.WriteString(sh.out, b.String())
	return err
}

const (
	tableGap    = 2 // blanks between columns
	tableIndent = 4 // before what did not fit into the line above

	narrowest = 30 // columns into which a sentence is still broken
)

// wrapped breaks a text at blanks into lines of at most so many columns; one line where there are fewer than narrowest.
func wrapped(text string, columns int) []string {
	if columns < narrowest || width(text) <= columns {
		return []string{text}
	}
	lines := []string{""}
	for _, word := range strings.Fields(text) {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case width(*last)+1+width(word) <= columns:
			*last += " " + word
		default:
			lines = append(lines, word)
		}
	}
	return lines
}

// folds says with which columns a row of a table goes on in another line, so that none is wider than a terminal of so many
// columns; 0: as wide as it takes. The first is 0. The last column, where sentences stand, needs no more than the narrowest
// room for them. Another that is too wide alone is left to the terminal.
func folds(wide []int, terminal int) []int {
	breaks, used := []int{0}, 0
	for i, n := range wide {
		if i > 0 && i == len(wide)-1 {
			n = min(n, narrowest)
		}
		if terminal > 0 && i > 0 && used+tableGap+n > terminal {
			breaks, used = append(breaks, i), tableIndent-tableGap
		}
		if used > 0 {
			used += tableGap
		}
		used += n
	}
	return breaks
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
	c.SuggestionsMinimumDistance = 2 // letters, which Cobra fills in for itself only
	c.Args = func(cmd *cobra.Command, given []string) error {
		if cmd.HasSubCommands() && len(given) > 0 {
			meant := ""
			if near := cmd.SuggestionsFor(given[0]); len(near) > 0 {
				meant = "did you mean " + cmd.CommandPath() + " " + strings.Join(near, " or "+cmd.CommandPath()+" ") + "? Otherwise "
			}
			return wrong("%s %s does not exist; %ssee %s --help", cmd.CommandPath(), printable(given[0]), meant, cmd.CommandPath())
		}
		if err := args(cmd, given); err != nil {
			amiss := "something is missing"
			if len(given) > 0 {
				amiss = "this does not take " + plural(len(given), "word")
			}
			return wrong("%s; write it as %s, or see %s --help", amiss, strings.TrimSuffix(cmd.UseLine(), " [flags]"), cmd.CommandPath())
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
