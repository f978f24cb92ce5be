package main

import (
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

// TestWhatIsNoMatterOfCredentials is not called one: a program that describes itself otherwise than its channel's options.
func TestWhatIsNoMatterOfCredentials(t *testing.T) {
	for code, credentials := range map[string]bool{"description": false, "20003": true} {
		got := health(gateway.ChannelHealth{Paused: gateway.PauseAuth, Code: code, Detail: "why"})
		if strings.Contains(got, "credentials") != credentials || !strings.Contains(got, "why") {
			t.Errorf("%s: %s", code, got)
		}
	}
}
