package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/carillon-gateway/carillon/gateway"
)

// Limits of a source, beside those of package fetch.
const (
	MaxSource = 1 << 20 // bytes
	maxSpot   = 200     // bytes of each part of a Spot
	maxFields = 1000    // of a line of CSV
	maxDepth  = 32      // of a pointer
)

var decimal = regexp.MustCompile(`^-?[0-9]{1,15}(\.[0-9]{1,6})?$`)

// wrongSpot says what is wrong with where a number is to be looked for.
func wrongSpot(s *gateway.Spot) string {
	switch {
	case (s.Pointer == "") == (s.Column == ""):
		return "say where the number stands: pointer for JSON, as in /meals/total, or column for CSV, one of both"
	case len(s.Pointer) > maxSpot || len(s.Column) > maxSpot || len(s.Row) > maxSpot || len(s.Date) > maxSpot:
		return fmt.Sprintf("pointer, column, row and date have at most %d bytes each", maxSpot)
	case s.Pointer != "" && s.Row != "":
		return "row: it is for CSV; JSON has a pointer only"
	}
	for _, p := range []string{s.Pointer, s.Date} {
		if s.Pointer == "" || p == "" {
			continue
		}
		if _, err := tokens(p); err != nil {
			return err.Error()
		}
	}
	return ""
}

// tokens cuts a JSON pointer (RFC 6901).
func tokens(pointer string) ([]string, error) {
	if !strings.HasPrefix(pointer, "/") || strings.Count(pointer, "/") > maxDepth {
		return nil, fmt.Errorf("%.40q is no JSON pointer of at most %d steps; write it as in /meals/total", pointer, maxDepth)
	}
	all := strings.Split(pointer[1:], "/")
	for i, t := range all {
		all[i] = strings.ReplaceAll(strings.ReplaceAll(t, "~1", "/"), "~0", "~")
	}
	return all, nil
}

// find reads the number at a spot of a source, in canonical form, and its date, empty if the spot names none. The source is
// of others: an error quotes nothing of it, and is safe to show.
func find(source []byte, s gateway.Spot) (value, date string, err error) {
	if len(source) > MaxSource {
		return "", "", fmt.Errorf("it is longer than %d KiB", MaxSource>>10)
	}
	source = bytes.TrimPrefix(source, []byte("\ufeff"))
	if s.Pointer != "" {
		value, date, err = inJSON(source, s)
	} else {
		value, date, err = inCSV(source, s)
	}
	if err != nil {
		return "", "", err
	}
	if !decimal.MatchString(value) {
		return "", "", errors.New("what stands there is no number of at most 15 digits and 6 behind the point; write it as in -1234.5, without spaces or commas")
	}
	if s.Date == "" {
		return value, "", nil
	}
	of, err := day(date)
	return value, of, err
}

// day reads a date, or the date of an instant.
func day(text string) (string, error) {
	text = strings.TrimSpace(text)
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil && at.Year() >= 1900 {
			return at.Format(time.DateOnly), nil
		}
	}
	return "", errors.New("what stands in the place of the date is none; write it as in 2026-11-26")
}

func inJSON(source []byte, s gateway.Spot) (value, date string, err error) {
	decoder := json.NewDecoder(bytes.NewReader(source))
	decoder.UseNumber()
	var whole any
	if err := decoder.Decode(&whole); err != nil {
		return "", "", errors.New("it is no JSON; the address may lead to a page that asks to log in")
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return "", "", errors.New("it is more than one JSON document")
	}
	at, err := follow(whole, s.Pointer)
	if err != nil {
		return "", "", err
	}
	switch v := at.(type) {
	case json.Number:
		value = plain(v.String())
	case string:
		value = strings.TrimSpace(v)
	}
	if s.Date == "" {
		return value, "", nil
	}
	if at, err = follow(whole, s.Date); err == nil {
		date, _ = at.(string)
	}
	return value, date, err
}

// plain writes a number of JSON without an exponent; what has too many digits stays as it is.
func plain(number string) string {
	if !strings.ContainsAny(number, "eE") || len(number) > 40 {
		return number
	}
	_, exponent, _ := strings.Cut(strings.ToLower(number), "e")
	if e, err := strconv.Atoi(exponent); err != nil || e < -40 || e > 40 {
		return number
	}
	r, ok := new(big.Rat).SetString(number)
	if !ok {
		return number
	}
	text := r.FloatString(7)
	if back, ok := new(big.Rat).SetString(text); !ok || back.Cmp(r) != 0 {
		return number
	}
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// follow goes along a pointer.
func follow(v any, pointer string) (any, error) {
	steps, err := tokens(pointer)
	if err != nil {
		return nil, err
	}
	for _, step := range steps {
		switch in := v.(type) {
		case map[string]any:
			next, ok := in[step]
			if !ok {
				return nil, fmt.Errorf("there is nothing at %s", pointer)
			}
			v = next
		case []any:
			n, err := strconv.ParseUint(step, 10, 31)
			if err != nil || strconv.FormatUint(n, 10) != step || n >= uint64(len(in)) {
				return nil, fmt.Errorf("there is nothing at %s", pointer)
			}
			v = in[n]
		default:
			return nil, fmt.Errorf("there is nothing at %s", pointer)
		}
	}
	return v, nil
}

func inCSV(source []byte, s gateway.Spot) (value, date string, err error) {
	r := csv.NewReader(bytes.NewReader(source))
	r.FieldsPerRecord, r.ReuseRecord = -1, true
	if first, _, _ := bytes.Cut(source, []byte("\n")); bytes.Count(first, []byte(";")) > bytes.Count(first, []byte(",")) {
		r.Comma = ';'
	}
	head, err := r.Read()
	if err != nil || len(head) > maxFields {
		return "", "", fmt.Errorf("it is no CSV with at most %d columns", maxFields)
	}
	column, err := titled(head, s.Column)
	if err != nil {
		return "", "", err
	}
	dated := -1
	if s.Date != "" {
		if dated, err = titled(head, s.Date); err != nil {
			return "", "", err
		}
	}
	found := false
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || len(record) > maxFields {
			return "", "", errors.New("it is no CSV after some lines: a quote is left open, or stands within a field")
		}
		if s.Row != "" && strings.TrimSpace(record[0]) != s.Row || s.Row == "" && blank(record) {
			continue
		}
		if found && s.Row != "" {
			return "", "", fmt.Errorf("two rows begin with %s", s.Row)
		}
		found, value, date = true, field(record, column), field(record, dated)
	}
	if !found {
		return "", "", errors.New("it has no such row")
	}
	return value, date, nil
}

// titled finds a column by what stands in the first line.
func titled(head []string, title string) (int, error) {
	same := func(field string) bool { return strings.TrimSpace(field) == title }
	i := slices.IndexFunc(head, same)
	switch {
	case i < 0:
		return 0, fmt.Errorf("no column is called %s; the answer may be a page that asks to log in", title)
	case slices.ContainsFunc(head[i+1:], same):
		return 0, fmt.Errorf("two columns are called %s", title)
	}
	return i, nil
}

func blank(record []string) bool {
	return !slices.ContainsFunc(record, func(f string) bool { return strings.TrimSpace(f) != "" })
}

func field(record []string, i int) string {
	if i < 0 || i >= len(record) {
		return ""
	}
	return strings.TrimSpace(record[i])
}
