package directory_test

import (
	"fmt"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

// What a row leaves empty, or a file has no column for, a member who is known keeps; none takes away what she has.
func TestWhatARowDoesNotSayIsKept(t *testing.T) {
	all := gateway.Kept{Locale: true, Fallback: true, Zone: true, Tags: true}
	for file, want := range map[string]gateway.Kept{
		"ref,name\na1,Ann\n":                                    all,
		"ref,language,fallback,zone,tags\na1,,,,\n":             all,
		"ref,language,fallback,zone,tags\na1,es,fr,UTC,north\n": {},
		"ref,language,fallback,zone,tags\na1,,none,UTC,NONE\n":  {Locale: true},
		"ref,language,zone\na1,es,\n":                           {Fallback: true, Zone: true, Tags: true},
	} {
		s := &shelf{}
		r := take(t, s, file, gateway.ImportOptions{})
		if !r.Published || len(s.published) != 1 {
			t.Fatalf("%q: %+v", file, r)
		}
		row := s.published[0]
		if row.Keeps != want {
			t.Errorf("%q keeps %+v, want %+v", file, row.Keeps, want)
		}
		if !row.Keeps.Tags && fmt.Sprint(row.Member.Tags) == "[NONE]" {
			t.Errorf("%q gives the tag none", file)
		}
	}
}
