package kit

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/external"
)

// need finds a program of a language, which may be missing where nobody insists.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("CARILLON_REQUIRE_SERVICES") == "" {
		t.Skipf("%s is missing", program)
	}
	t.Fatalf("%s is missing; .ci/install installs it", program)
}

// languages says how a skeleton is tested and started, as its README does.
var languages = map[string]struct {
	needs, test, program []string
	http                 bool
}{
	"go":     {[]string{"go"}, []string{"go", "test", "./..."}, []string{"./adapter"}, true},
	"python": {[]string{"python3"}, []string{"python3", "-B", "-m", "unittest"}, []string{"./adapter.py"}, true},
	"node":   {[]string{"node"}, []string{"node", "--test"}, []string{"./adapter.mjs"}, true},
	"shell":  {[]string{"jq"}, []string{"sh", "test.sh"}, []string{"./adapter.sh"}, false},
}

// TestEverySkeletonPasses: somebody starts an adapter in each language, runs its test, and holds it against the kit over every
// transport that it speaks.
func TestEverySkeletonPasses(t *testing.T) {
	for _, name := range external.Languages() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := languages[name]
			for _, p := range l.needs {
				need(t, p)
			}
			folder := filepath.Join(t.TempDir(), "harbourchat")
			if err := external.WriteSkeleton(folder, "harbourchat", name); err != nil {
				t.Fatal(err)
			}
			run := func(args ...string) {
				cmd := exec.Command(args[0], args[1:]...)
				cmd.Dir = folder
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%v: %v\n%s", args, err, out)
				}
			}
			run(l.test...)
			if name == "go" {
				run("go", "build", "-o", "adapter", ".")
			}
			program := filepath.Join(folder, l.program[0])
			conforms(t, Target{Command: []string{program, filepath.Join(folder, "state")}, Environment: []string{"PATH=" + os.Getenv("PATH")}})
			if !l.http {
				return
			}
			cmd := exec.Command(program, filepath.Join(folder, "state"), "--listen", "127.0.0.1:0")
			cmd.Env = append(os.Environ(), "ADAPTER_SECRET="+secret.Reveal())
			log, err := cmd.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
			line, err := bufio.NewReader(log).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			conforms(t, Target{URL: strings.TrimSpace(strings.TrimPrefix(line, "listening on ")), Secret: secret})
		})
	}
}

// TestASkeletonShowsWhatElseThereIs: the page beside each shows what else an adapter may describe and tell, so that the gateway and
// the kit take it as it stands there.
func TestASkeletonShowsWhatElseThereIs(t *testing.T) {
	for _, name := range external.Languages() {
		page, err := os.ReadFile(filepath.Join("..", "examples", name, "README.md"))
		if err != nil {
			t.Fatal(err)
		}
		block := func(sort string, into any) {
			_, rest, _ := strings.Cut(string(page), "```json "+sort+"\n")
			raw, _, ok := strings.Cut(rest, "```")
			d := json.NewDecoder(strings.NewReader(raw))
			d.DisallowUnknownFields()
			if err := d.Decode(into); !ok || err != nil {
				t.Fatalf("%s, %s: %v", name, sort, err)
			}
		}
		d := external.Description{Protocol: 1, Kind: "examplechat", Address: external.AddressForm{Pattern: "[a-z]+", Example: "anna"}}
		block("description", &d)
		if err := d.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		k := &kit{described: described{Description: d}}
		for _, capability := range []string{"events", "catch_up", "text.subject or text.calendar"} {
			if !k.describes(capability) {
				t.Errorf("%s does not show %s", name, capability)
			}
		}
		var b external.Batch
		block("events", &b)
		if len(b.Events) != 3 || b.Next == "" || b.Events[0].Receipt == nil || b.Events[1].Inbound == nil || b.Events[2].Signal == nil {
			t.Errorf("%s shows other events than a receipt, a reply and an opt-out", name)
		}
	}
}

// conforms wants every check to pass, and those alone to be skipped that are of what a skeleton does not describe, each with what would
// have it checked. None describes find: who is asked that is not sent a message again under its key, and a skeleton knows no more
// than its keys.
func conforms(t *testing.T, target Target) {
	t.Helper()
	skips := map[string]string{"look-up": " find;", "parts": "text.parts above 1;", "events": " events;", "waiting": " events;", "catching up": " catch_up;", "subject and file": "text.subject or text.calendar;", "posted events": `events "push";`}
	checks, err := Checks(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range checks {
		names = append(names, c.Name)
		if r := channeltest.Run(c); len(r.Faults) > 0 || r.Skipped != "" && (skips[c.Name] == "" || !strings.Contains(r.Skipped, skips[c.Name])) {
			t.Errorf("%s: %v %s", c.Name, r.Faults, r.Skipped)
		} else if c.Name == "look-up" && r.Skipped == "" {
			t.Error("it describes find, so that the gateway leaves a lost answer in doubt that its keys would settle")
		}
	}
	for _, must := range []string{"send", "keys", "fields", "refusal", "texts", "concurrency", "over-long text", "nonsense"} {
		if !slices.Contains(names, must) {
			t.Errorf("%s was not checked", must)
		}
	}
}

// TestNothingIsWrittenOver, and what cannot be a name or a language is refused with what can.
func TestNothingIsWrittenOver(t *testing.T) {
	folder := t.TempDir()
	for want, try := range map[string][3]string{
		"is there already": {folder, "harbourchat", "shell"},
		"choose one of":    {filepath.Join(folder, "a"), "harbourchat", "cobol"},
		"small letter":     {filepath.Join(folder, "b"), "../Harbour", "shell"},
	} {
		if err := external.WriteSkeleton(try[0], try[1], try[2]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("%d files were left, %v", len(left), err)
	}
}
