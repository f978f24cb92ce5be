package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing that is wrong with a file: where it stands, what is wrong and how to mend it. It never holds the
// value of a secret or of an adapter's option.
type Fault struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`   // from 1; zero: the file as a whole, or the environment
	Column int    `json:"column,omitempty"` // from 1, in characters
	Path   string `json:"path,omitempty"`   // as in channels[1].options.from; lists count from 0
	What   string `json:"what"`
	Repair string `json:"repair"`
}

// Error writes the fault on one line: file:line:column: path: what; repair.
func (f Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", f.Line, f.Column)
	}
	b.WriteString(": ")
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	return oneLine(b.String() + f.What + "; " + f.Repair)
}

// Faults is everything that is wrong with a file, in the order of its lines.
type Faults []Fault

// Error writes one fault a line.
func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.Error()
	}
	return strings.Join(lines, "\n")
}

func (f Faults) sorted() Faults {
	slices.SortStableFunc(f, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return f
}

// oneLine keeps what a file brings along (keys, paths) from breaking the line or steering the terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return '�'
		}
		return r
	}, s)
}

// nearest gives the known name that the wrong one was probably meant to be, or nothing.
func nearest(wrong string, known []string) string {
	best, limit := "", max(1, min(3, len(wrong)/3))+1
	for _, name := range known {
		if d := distance(strings.ToLower(wrong), name); d < limit {
			best, limit = name, d
		}
	}
	return best
}

// distance counts the letters to insert, delete, change or swap with their neighbour. Names over 64 bytes are not
// compared: nobody mistypes so much.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

var (
	_ error = Fault{}
	_ error = Faults(nil)
)
