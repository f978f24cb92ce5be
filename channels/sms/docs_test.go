package sms

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/channels"
)

var update = flag.Bool("update", false, "rewrite the table of codes in the manual")

// The manual lists the codes as the adapter uses them.
func TestDocumentedCodes(t *testing.T) {
	const page, begin, end = "../../docs/channels/sms.md", "<!-- codes: ", "<!-- end of codes -->"
	raw, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(raw), begin)
	comment, rest, ok2 := strings.Cut(rest, "\n")
	have, tail, ok3 := strings.Cut(rest, end)
	if !ok || !ok2 || !ok3 {
		t.Fatalf("%s has no place for the codes", page)
	}
	var b strings.Builder
	b.WriteString("\n| code | class | scope | trouble of the channel | meaning |\n|---|---|---|---|---|\n")
	for _, c := range Codes() {
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s |\n", c.Code, c.Class, c.Scope, channels.TroubleOf(&channels.Error{Class: c.Class, Trouble: c.Trouble}), c.Detail)
	}
	b.WriteString("\n")
	if have == b.String() {
		return
	}
	if !*update {
		t.Fatalf("the codes in %s are stale; run this test with -update", page)
	}
	if err := os.WriteFile(page, []byte(head+begin+comment+"\n"+b.String()+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Every option is in the manual.
func TestDocumentedOptions(t *testing.T) {
	raw, err := os.ReadFile("../../docs/channels/sms.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range optionKeys() {
		if !strings.Contains(string(raw), "`"+key+"`") {
			t.Errorf("option %s is not in the manual", key)
		}
	}
}

func optionKeys() []string {
	var keys []string
	for f := range reflect.TypeFor[Options]().Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		keys = append(keys, key)
	}
	return keys
}
