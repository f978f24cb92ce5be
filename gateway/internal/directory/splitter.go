package directory

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/gateway"
)

// maxRow is the longest row of a file, in bytes. It bounds what a forgotten quote can swallow.
const maxRow = 64 << 10

// flawError is a problem that the splitter found. A fatal one ends reading, because what follows cannot be trusted.
type flawError struct {
	flaw  gateway.ImportFlaw
	line  int
	text  string
	fatal bool
}

func (e *flawError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.text) }

// splitter reads rows of RFC 4180 with any of three separators, in constant memory. It differs from encoding/csv in
// what an import needs: it goes on behind a broken row, bounds a row, and knows the line and byte of bad text.
type splitter struct {
	in     *bufio.Reader
	sep    byte
	line   int   // physical lines read
	offset int64 // bytes read before the current physical line
	out    []byte
	ends   []int
	fields []string
}

// newSplitter looks at the start of a file: byte order mark, "sep=;", and which separator the header uses.
func newSplitter(r io.Reader) (*splitter, error) {
	s := &splitter{in: bufio.NewReaderSize(r, maxRow), sep: ','}
	head, err := s.in.Peek(maxRow)
	if err != nil && err != io.EOF && !errors.Is(err, bufio.ErrBufferFull) && len(head) == 0 {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return nil, &flawError{flaw: gateway.FlawEncoding, line: 1, fatal: true,
			text: "the file is UTF-16, not UTF-8; save it again as \"CSV UTF-8\""}
	case bytes.HasPrefix(head, []byte{0xef, 0xbb, 0xbf}):
		if err := s.skip(3); err != nil {
			return nil, err
		}
		head = head[3:]
	}
	if len(head) >= 6 && bytes.EqualFold(head[:4], []byte("sep=")) && (head[5] == '\n' || head[5] == '\r') {
		s.sep = head[4]
		if !isSeparator(s.sep) {
			return nil, &flawError{flaw: gateway.FlawHeader, line: 1, fatal: true, text: "the first line names a separator that is none; use comma, semicolon or tab"}
		}
		n := bytes.IndexByte(head, '\n') + 1
		if n == 0 {
			n = len(head)
		}
		s.line++
		return s, s.skip(n)
	}
	s.sep = detect(head)
	return s, nil
}

func (s *splitter) skip(n int) error {
	_, err := s.in.Discard(n)
	s.offset += int64(n)
	return err
}

func isSeparator(c byte) bool { return c == ',' || c == ';' || c == '\t' }

// detect gives the separator that the first line uses most outside quotes.
func detect(head []byte) byte {
	counts := map[byte]int{}
	quoted := false
	for _, c := range head {
		if c == '"' {
			quoted = !quoted
		}
		if quoted {
			continue
		}
		if c == '\n' {
			break
		}
		if isSeparator(c) {
			counts[c]++
		}
	}
	best := byte(',')
	for _, c := range []byte{';', '\t'} {
		if counts[c] > counts[best] {
			best = c
		}
	}
	return best
}

// next gives the fields of the next row that is not empty, and the line where it begins. The slice is valid until the
// next call, its strings for ever. io.EOF: the end. A *flawError that is not fatal: this row is broken, go on.
func (s *splitter) next() (fields []string, line int, err error) {
	for {
		line = s.line + 1
		fields, err = s.row()
		if err != nil || slices.ContainsFunc(fields, func(f string) bool { return f != "" }) {
			return fields, line, err
		}
	}
}

// states of the splitter within a row.
const (
	atStart = iota // of a field
	inPlain
	inQuotes
	pastQuote // behind a closing quote, or the first of a doubled one
)

func (s *splitter) row() ([]string, error) {
	s.out, s.ends = s.out[:0], s.ends[:0]
	state, size, first := atStart, 0, s.line+1
	var broken *flawError
	for {
		line, more, err := s.physical()
		if err == io.EOF && state == inQuotes {
			return nil, s.unclosed(first)
		}
		if err != nil {
			return nil, err
		}
		if size += len(line); size > maxRow || more {
			if state == inQuotes || bytes.IndexByte(line, '"') >= 0 {
				return nil, s.unclosed(first)
			}
			if err := s.drain(more); err != nil {
				return nil, err
			}
			return nil, &flawError{flaw: gateway.FlawTooLong, line: first, text: fmt.Sprintf("the row is longer than %d KiB; shorten it", maxRow>>10)}
		}
		if state, broken = s.scan(line, state, broken, first); state == inQuotes {
			continue
		}
		if broken != nil {
			return nil, broken
		}
		s.ends = append(s.ends, len(s.out))
		all := string(s.out)
		s.fields = s.fields[:0]
		from := 0
		for _, end := range s.ends {
			s.fields = append(s.fields, all[from:end])
			from = end
		}
		return s.fields, nil
	}
}

// scan takes one physical line into the row.
func (s *splitter) scan(line []byte, state int, broken *flawError, first int) (int, *flawError) {
	text := bytes.TrimSuffix(line, []byte("\n"))
	ended := len(text) < len(line)
	text = bytes.TrimSuffix(text, []byte("\r"))
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case state == inQuotes:
			if c == '"' {
				state = pastQuote
			} else {
				s.out = append(s.out, c)
			}
		case c == s.sep:
			s.ends = append(s.ends, len(s.out))
			state = atStart
		case state == atStart && c == '"':
			state = inQuotes
		case state == pastQuote && c == '"':
			s.out = append(s.out, '"')
			state = inQuotes
		case state == pastQuote, c == '"':
			if broken == nil {
				broken = &flawError{flaw: gateway.FlawQuotes, line: first,
					text: fmt.Sprintf("a quotation mark is out of place in field %d; put the whole field in quotation marks and double those within", len(s.ends)+1)}
			}
			state = inPlain
		default:
			s.out = append(s.out, c)
			state = inPlain
		}
	}
	if state == inQuotes && ended {
		s.out = append(s.out, '\n')
	}
	return state, broken
}

func (s *splitter) unclosed(first int) error {
	return &flawError{flaw: gateway.FlawQuotes, line: first, fatal: true,
		text: "a quotation mark is opened in this row and never closed; close it. Nothing behind this line was read"}
}

// physical gives the next line with its end, valid until the next read; more: it is longer than a row may be.
func (s *splitter) physical() (line []byte, more bool, err error) {
	line, err = s.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		more, err = true, nil
	}
	if err != nil && (err != io.EOF || len(line) == 0) {
		return nil, false, err
	}
	s.line++
	if !more && !utf8.Valid(line) {
		bad := 0
		for bad < len(line) {
			r, n := utf8.DecodeRune(line[bad:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			bad += n
		}
		return nil, false, &flawError{flaw: gateway.FlawEncoding, line: s.line, fatal: true,
			text: fmt.Sprintf("the file is not UTF-8: byte %d of the file (byte %d of this line) is no part of a character; save it again as \"CSV UTF-8\". Nothing behind this line was read", s.offset+int64(bad)+1, bad+1)}
	}
	s.offset += int64(len(line))
	return line, more, nil
}

// drain skips the rest of a line that is too long.
func (s *splitter) drain(more bool) error {
	for more {
		rest, err := s.in.ReadSlice('\n')
		s.offset += int64(len(rest))
		more = errors.Is(err, bufio.ErrBufferFull)
		if err != nil && !more && err != io.EOF {
			return err
		}
	}
	return nil
}
