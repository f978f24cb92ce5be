package sms

import "testing"

// Nobody can answer a name, nor a sender of which its owner says so; whoever a service chooses may be a number.
func TestWhoHears(t *testing.T) {
	for _, c := range []struct {
		o    Options
		want bool
	}{
		{Options{From: "+12025550100"}, true},
		{Options{From: "72345"}, true},
		{Options{MessagingServiceSID: "MG0123456789abcdef0123456789abcdef"}, true},
		{Options{From: "HARBOUR"}, false},
		{Options{From: "+12025550100", OneWay: true}, false},
	} {
		if got := c.o.hears(); got != c.want {
			t.Errorf("%+v hears: %v", c.o, got)
		}
	}
}

// A sender is a number, a short code or a name of eleven characters; a number with a letter among its digits is none of them.
func TestSenders(t *testing.T) {
	for s, want := range map[string]bool{"+12025550100": true, "72345": true, "HARBOUR": true, "Night Watch": true, "Harbourmaster": false, "12": false, "+1202555O100": false, "": false} {
		if got := isSender(s); got != want {
			t.Errorf("%q is a sender: %v", s, got)
		}
	}
}
