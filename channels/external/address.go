package external

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/carillon-gateway/carillon/channels"
)

const (
	maxRaw     = 250   // bytes of an address
	maxPattern = 500   // bytes of an expression
	maxProgram = 1_000 // positions of an expression once its repetitions are written out: matching takes so many steps a character at most
)

// form reads addresses by the pattern that an adapter describes. It is pure and safe for concurrent use.
type form struct {
	AddressForm
	pattern, shared *regexp.Regexp
}

func newForm(a AddressForm) (*form, error) {
	f := &form{AddressForm: a}
	var faults []error
	var err error
	if f.pattern, err = expression(a.Pattern); err != nil {
		faults = append(faults, fmt.Errorf("description.address.pattern: %w", err))
	}
	if a.Shared != "" {
		if f.shared, err = expression(a.Shared); err != nil {
			faults = append(faults, fmt.Errorf("description.address.shared: %w", err))
		}
	}
	if len(a.Strip) > 50 {
		faults = append(faults, errors.New("description.address.strip: must have at most 50 bytes"))
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	if len(a.Example) > 100 {
		return nil, errors.New("description.address.example: must have at most 100 bytes")
	}
	if _, err := f.parse(a.Example); err != nil {
		return nil, errors.New("description.address.example: does not match the pattern; give an address that does")
	}
	return f, nil
}

// expression compiles a pattern that matches whole texts in bounded time: RE2 only, short, and without repetitions that
// multiply into a huge program.
func expression(pattern string) (*regexp.Regexp, error) {
	if pattern == "" || len(pattern) > maxPattern {
		return nil, fmt.Errorf("must have 1 to %d bytes", maxPattern)
	}
	if _, err := bounds(pattern); err != nil {
		return nil, err
	}
	return regexp.Compile(`^(?:` + pattern + `)$`)
}

// bounds gives the size of an expression, or what is wrong with it.
func bounds(pattern string) (int, error) {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	var wrong *syntax.Error
	switch {
	case errors.As(err, &wrong):
		return 0, fmt.Errorf("is no RE2 expression (%s); look-around and back-references do not exist in RE2", wrong.Code)
	case err != nil:
		return 0, errors.New("is no RE2 expression")
	}
	n := positions(tree)
	if n > maxProgram {
		return n, errors.New("repeats too much; write + or * in place of large numbers")
	}
	return n, nil
}

// positions bounds the size of an expression from above, with repetitions written out; more than maxProgram is not counted on.
func positions(re *syntax.Regexp) int {
	n := 1
	switch re.Op {
	case syntax.OpLiteral:
		n = len(re.Rune)
	case syntax.OpConcat, syntax.OpCapture, syntax.OpRepeat:
		n = 0
	}
	for _, sub := range re.Sub {
		n += positions(sub)
	}
	if re.Op == syntax.OpRepeat {
		n *= max(1, re.Min, re.Max)
	}
	return min(n, 10*maxProgram)
}

func (f *form) parse(raw string) (channels.Address, error) {
	if len(raw) > maxRaw {
		return "", errors.New("the address is too long; check it")
	}
	text := f.canonical(raw)
	switch {
	case text == "":
		return "", errors.New("the address is empty")
	case !utf8.ValidString(text), strings.ContainsFunc(text, unicode.IsControl):
		return "", errors.New("the address holds characters that nobody sees; type it anew")
	case !f.pattern.MatchString(text) || f.canonical(text) != text:
		return "", fmt.Errorf("this is no address here; write it as in %s", f.Example)
	}
	return channels.Address(text), nil
}

func (f *form) canonical(raw string) string {
	text := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) || strings.ContainsRune(f.Strip, r) {
			return -1 // direction marks and the like come along when addresses are copied
		}
		return r
	}, raw)
	if f.Lower {
		text = strings.ToLower(text)
	}
	return strings.TrimSpace(text)
}

// isShared says whether several people read at an address.
func (f *form) isShared(to channels.Address) bool {
	return f.shared != nil && f.shared.MatchString(to.Reveal())
}
