package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// TestAddingAChannel does what docs/adding-a-channel.md says, as somebody new would: begins with a skeleton, tests it, puts the
// page's own deliver into it, and holds it against the protocol. Commands that need a gateway are read.
func TestAddingAChannel(t *testing.T) {
	if _, err := exec.LookPath("python3"); err != nil {
		if os.Getenv("CARILLON_REQUIRE_SERVICES") != "" {
			t.Fatal("python3 is missing; .ci/install installs it")
		}
		t.Skip("python3 is missing")
	}
	raw, err := os.ReadFile("../../docs/adding-a-channel.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	carriedOut := map[string]int{}
	for _, block := range regexp.MustCompile("(?s)```(sh run|sh read|python deliver)\n(.*?)```").FindAllStringSubmatch(string(raw), -1) {
		carriedOut[block[1]]++
		switch block[1] {
		case "python deliver":
			putIn(t, "adapter.py", block[2])
		case "sh run":
			for _, line := range strings.Split(strings.TrimSpace(block[2]), "\n") {
				carryOut(t, line)
			}
		default:
			for _, line := range strings.Split(strings.TrimSpace(block[2]), "\n") {
				args := strings.Fields(line)
				c, rest, err := (&shell{}).root().Find(args[1:])
				if err == nil {
					err = c.ParseFlags(rest)
				}
				if err != nil {
					t.Errorf("%q: %v", line, err)
				}
			}
		}
	}
	for kind, least := range map[string]int{"sh run": 2, "sh read": 2, "python deliver": 1} {
		if carriedOut[kind] < least {
			t.Errorf("the page has %d blocks of %s, want %d", carriedOut[kind], kind, least)
		}
	}
}

// putIn puts a deliver in the place of the skeleton's.
func putIn(t *testing.T, file, deliver string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(text), "    def deliver(")
	_, after, ok2 := strings.Cut(rest, "    def check(")
	if !ok1 || !ok2 {
		t.Fatal("the skeleton has no deliver before check")
	}
	changed := strings.Replace(before, "import time\n", "import time\nimport socket\nimport urllib.error\nimport urllib.request\n", 1) + deliver + "\n    def check(" + after
	if err := os.WriteFile(file, []byte(changed), 0o755); err != nil {
		t.Fatal(err)
	}
}

// carryOut runs a line of the page: our own commands here, others as they are.
func carryOut(t *testing.T, line string) {
	t.Helper()
	args := strings.Fields(line)
	switch args[0] {
	case "cd":
		t.Chdir(args[1])
	case "carillon":
		var out bytes.Buffer
		sh := &shell{in: strings.NewReader(""), out: &out, err: &out, lookup: func(string) (string, bool) { return "", false }}
		if code := sh.run(context.Background(), args[1:]); code != exitDone || out.Len() == 0 {
			t.Fatalf("%s: exit %d\n%s", line, code, out.String())
		}
	default:
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
	}
}

// TestAdapterNewAsksForALanguage that there is, and says which.
func TestAdapterNewAsksForALanguage(t *testing.T) {
	t.Chdir(t.TempDir())
	var out bytes.Buffer
	sh := &shell{in: strings.NewReader(""), out: &out, err: &out, lookup: func(string) (string, bool) { return "", false }}
	if code := sh.run(context.Background(), []string{"adapter", "new", "harbourchat"}); code != exitWrong || !strings.Contains(out.String(), "go, python, node, shell") {
		t.Errorf("exit %d: %s", code, out.String())
	}
}
