package templates

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/templates/internal/cldr"
)

// Fault is one thing that is wrong with a template, where it stands and how to mend it.
type Fault struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`   // from 1; zero: the file as a whole
	Column int    `json:"column,omitempty"` // from 1, in characters
	What   string `json:"what"`
	Repair string `json:"repair"`
}

// Error writes the fault on one line: file:line:column: what; repair.
func (f Fault) Error() string {
	if f.Line == 0 {
		return printable(fmt.Sprintf("%s: %s; %s", f.File, f.What, f.Repair))
	}
	return printable(fmt.Sprintf("%s:%d:%d: %s; %s", f.File, f.Line, f.Column, f.What, f.Repair))
}

// Faults is everything that is wrong with a template, in the order of its lines.
type Faults []Fault

// Error writes one fault a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

// finder gathers faults and turns offsets into lines and columns.
type finder struct {
	file   string
	src    []byte
	faults Faults
	more   bool // there are faults beyond maxFaults

	plurals func() *cldr.Locale // whose plural forms a text needs; nil: nobody asks
	field   field               // of the text that is read
	gaps    []Gap

	names  Faults // where the text could not call a member by name
	greets greets // what is read now
}

// greets is where a message stands to the member's name.
type greets int

const (
	unasked greets = iota // nobody has asked yet whether she has one
	unnamed               // she has none
	knowing               // she has one
	nowhere               // no name may stand here: a subject, a link, code
)

// maxFaults bounds what is said of one text: a hostile one has a fault in every byte.
const maxFaults = 100

func (f *finder) at(offset int, what, repair string) {
	if len(f.faults) >= maxFaults {
		f.more = true
		return
	}
	if fault := f.fault(offset, what, repair); !slices.Contains(f.faults, fault) {
		f.faults = append(f.faults, fault)
	}
}

// fault finds the line and column of an offset.
func (f *finder) fault(offset int, what, repair string) Fault {
	before := f.src[:min(max(offset, 0), len(f.src))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := 1 + utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])
	return Fault{f.file, line, column, what, repair}
}

func (f *finder) whole(what, repair string) {
	f.faults = append(f.faults, Fault{File: f.file, What: what, Repair: repair})
}

func (f *finder) err() error {
	if len(f.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(f.faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	if f.more {
		f.whole("there are more faults than these", "mend these first")
	}
	return f.faults
}

// printable keeps what a file brings along from breaking the line or steering a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if forbidden(r) || r == '\n' || r == '\t' {
			return '�'
		}
		return r
	}, s)
}

// forbidden characters stand in no text: controls but newline and tab, the replacement of what was not UTF-8, and
// the invisible marks that reorder what is around them (CVE-2021-42574). U+200E and U+200F, and the joiners that
// Persian and Hindi need, are allowed.
func forbidden(r rune) bool {
	switch {
	case r == '\n' || r == '\t':
		return false
	case r < ' ', r >= 0x7f && r < 0xa0, r == utf8.RuneError, r == '\u2028', r == '\u2029':
		return true
	}
	return r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r >= 0xfdd0 && r <= 0xfdef // the last are noncharacters, see content.HoleMark
}

var (
	_ error = Fault{}
	_ error = Faults(nil)
)
