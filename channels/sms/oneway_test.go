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
