package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

// TestExitCodes tells scripts apart what failed from what was wrong to ask.
func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{errors.New("disk full"), exitFailed},
		{wrong("no such flag"), exitWrong},
		{fmt.Errorf("sending: %w", gateway.Faultf(gateway.CodeNobody, "nobody")), exitWrong},
		{new(shell).incomplete(gateway.Faultf(gateway.CodeIncomplete, "a language is missing"), true), exitWrong},
		{gateway.Faultf(gateway.CodeUnavailable, "later"), exitFailed},
	} {
		if got := codeOf(c.err); got != c.want {
			t.Errorf("%v: exit %d, want %d", c.err, got, c.want)
		}
	}
	for _, c := range []struct {
		args string
		want int
	}{
		{"version", exitDone}, {"--help", exitDone}, {"config", exitDone}, {"fly", exitWrong}, {"version -x", exitWrong},
		{"config check --config none", exitWrong}, {"sms count", exitWrong}, {"broadcast show", exitWrong}, {"send extra", exitWrong},
		{"schedule preview --cron TZ=UTC --zone UTC", exitWrong}, {"schedule preview --rrule FREQ=DAILY --zone UTC", exitDone},
	} {
		var out, err bytes.Buffer
		sh := &shell{in: strings.NewReader("no JSON"), out: &out, err: &err, lookup: func(string) (string, bool) { return "", false }}
		if got := sh.run(context.Background(), strings.Fields(c.args)); got != c.want {
			t.Errorf("carillon %s: exit %d, want %d\n%s", c.args, got, c.want, err.String())
		}
	}
}
