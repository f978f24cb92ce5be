package gateway_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

// TestADefectNamesItsPlaceAndNothingElse: what was thrown may hold an address, so only its type is told; what the runtime itself found is
// told in its words; and both with the functions that it came from, the innermost first.
func TestADefectNamesItsPlaceAndNothingElse(t *testing.T) {
	for _, c := range []struct {
		name, what string
		throw      func()
	}{
		{"a text", "string", func() { panic("no such number: +12025550100") }},
		{"an error", "*errors.errorString", func() { panic(errors.New("+12025550100")) }},
		{"an index", "index out of range [3] with length 0", func() { fourth(nil) }},
		{"a nil pointer", "invalid memory address or nil pointer dereference", func() { named(nil) }},
		{"a library", "string", func() { _ = strings.Repeat("x", minus()) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := caught(c.throw)
			if !strings.Contains(d.What, c.what) || strings.Contains(d.Error(), "2025550100") {
				t.Errorf("it says %q", d.Error())
			}
			if !strings.Contains(d.Where, "gateway_test.TestADefectNamesItsPlace") || !strings.Contains(d.Where, "(defect_test.go:") || !strings.Contains(d.Where, "caught") {
				t.Errorf("its place is %q", d.Where)
			}
			if strings.Contains(d.Where, "/") {
				t.Errorf("its place %q holds a path", d.Where)
			}
		})
	}
}

func caught(throw func()) (d *gateway.Defect) {
	defer func() {
		if r := recover(); r != nil {
			d = gateway.DefectOf(r)
		}
	}()
	throw()
	return nil
}

//go:noinline
func fourth(list []int) int { return list[3] }

//go:noinline
func named(f *gateway.Fault) string { return f.Text }

//go:noinline
func minus() int { return -1 }
