package directory

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzSplitter holds the splitter against the standard library's reader: where that one reads a whole file without
// complaint, both give the same rows on the same lines. Whatever the bytes, reading ends and lines only rise.
func FuzzSplitter(f *testing.F) {
	for _, seed := range []string{
		"a,b\n1,2\n", "\ufeffa;b\r\n\"1;1\";2\r\n", "a\tb\n\"x\ny\"\t\"q\"\"q\"\n", "sep=;\na;b\n", "a,b\n\"never", "a,b\n\"x\"y,z\n1,2",
		"\xff\xfe", "a,b\nx\xff,y\n", "\n\n,,\n", "\"\"", "a\r\r\n", "x\"y\n", ",\n\",\"\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, file string) {
		s, err := newSplitter(strings.NewReader(file))
		if err != nil {
			return
		}
		type rec struct {
			fields []string
			line   int
		}
		var got []rec
		clean, last := true, 0
		for {
			fields, line, err := s.next()
			if err == io.EOF {
				break
			}
			if line <= last {
				t.Fatalf("line %d after line %d", line, last)
			}
			last = line
			var flaw *flawError
			if errors.As(err, &flaw) {
				clean = false
				if flaw.fatal {
					break
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, rec{slices.Clone(fields), line})
		}
		body := strings.TrimPrefix(file, "\ufeff")
		if strings.HasPrefix(strings.ToLower(body), "sep=") || !utf8.ValidString(file) || len(file) > maxRow {
			return
		}
		std := csv.NewReader(strings.NewReader(body))
		std.Comma, std.FieldsPerRecord = rune(s.sep), -1
		var want []rec
		for {
			fields, err := std.Read()
			if err == io.EOF {
				break
			}
			if err != nil {
				if clean {
					t.Fatalf("the standard library says %v and we say nothing", err)
				}
				return
			}
			if line, _ := std.FieldPos(0); strings.Join(fields, "") != "" {
				want = append(want, rec{fields, line})
			}
		}
		if !clean || len(got) != len(want) {
			t.Fatalf("%d rows (clean: %v), the standard library has %d", len(got), clean, len(want))
		}
		for i := range got {
			if got[i].line != want[i].line || !slices.Equal(got[i].fields, want[i].fields) {
				t.Fatalf("row %d: %q on line %d, the standard library has %q on line %d", i, got[i].fields, got[i].line, want[i].fields, want[i].line)
			}
		}
	})
}
