package main

import (
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/gateway"
)

// Doctor says which role nobody has, and which processes read another operator's file than the rest.
func TestDoctorLooksAtProcesses(t *testing.T) {
	front, back := gateway.ProcessStatus{Roles: []string{"api", "inbound"}, File: "f1"}, gateway.ProcessStatus{Roles: []string{"scheduler", "relay"}, File: "f1"}
	sender := func(file string) gateway.ProcessStatus {
		return gateway.ProcessStatus{Roles: []string{"sender"}, File: file}
	}
	for name, c := range map[string]struct {
		processes []gateway.ProcessStatus
		want      string // nothing: all is well
	}{
		"all":                       {[]gateway.ProcessStatus{front, back, sender("f1")}, ""},
		"one of the release before": {[]gateway.ProcessStatus{front, back, sender("")}, ""},
		"nobody sends":              {[]gateway.ProcessStatus{front, back}, "nobody has the role sender: start carillon serve --roles sender"},
		"two files":                 {[]gateway.ProcessStatus{front, back, sender("f2"), sender("f2")}, "different operator's files (api+inbound, scheduler+relay; another: sender, sender)"},
	} {
		if f := shared(c.processes); f.OK != (c.want == "") || !strings.Contains(f.Text, c.want) {
			t.Errorf("%s: %+v", name, f)
		}
	}
}
