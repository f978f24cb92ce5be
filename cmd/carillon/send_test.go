package main

import "testing"

// Send asks one question at most: before many, and before braces go to a few if a person is there to ask. An alert to a few waits for
// nobody.
func TestSendAsksOnce(t *testing.T) {
	for _, c := range []struct {
		kind             string
		reached          int
		braces, attended bool
		want             string
	}{
		{"report", 19, false, true, ""},
		{"report", 20, false, false, "Send to 20 people of rivers?"},
		{"report", 20, true, false, "Send to 20 people of rivers, with the braces as they stand?"},
		{"alert", 20, true, false, "Send to 20 people of rivers, with the braces as they stand?"},
		{"report", 2, true, false, ""},
		{"report", 2, true, true, "Send to 2 people of rivers, with the braces as they stand?"},
		{"reminder", 1, true, true, "Send to 1 person of rivers, with the braces as they stand?"},
		{"alert", 2, true, true, ""},
	} {
		if got := (message{group: "rivers", kind: c.kind}).question(c.reached, c.braces, c.attended); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
