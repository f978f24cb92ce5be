package kit

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels"
	"github.com/carillon-gateway/carillon/channels/channeltest"
	"github.com/carillon-gateway/carillon/channels/external"
)

var binary string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "adapter")
	if err == nil {
		binary = filepath.Join(dir, "adapter")
		var out []byte
		if out, err = exec.Command("go", "build", "-o", binary, "../testdata/adapter").CombinedOutput(); err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
	}
	code := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		code = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

const (
	secret      = channels.Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	description = `{"protocol":1,"name":"Test","kind":"testchat","address":{"pattern":"[a-z]+@[a-z.]+","example":"anna@chat.example"},
		"text":{"markup":"html","limit":1000,"parts":3,"subject":true,"calendar":true},"receipts":"delivered","receipt_within_seconds":60,"inbound":true,"events":"push","catch_up":true,"find":true,
		"buttons":3,"dedupe_seconds":3600,"longest_attempt_seconds":2,"concurrent":8,"test":{"people":["a@chat.example","b@chat.example"]},"of_later":{"x":1}}`
)

func args(t *testing.T, more ...string) []string {
	return append([]string{binary, "-file", filepath.Join(t.TempDir(), "sent"), "-description", description}, more...)
}

func byPipe(t *testing.T, more ...string) Target { return Target{Command: args(t, more...)} }

func byPost(t *testing.T, more ...string) Target {
	t.Helper()
	a := args(t, append([]string{"-listen", "127.0.0.1:0", "-secret", secret.Reveal()}, more...)...)
	cmd := exec.Command(a[0], a[1:]...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	target := Target{Secret: secret}
	if _, err := fmt.Fscanln(out, &target.URL); err != nil {
		t.Fatal(err)
	}
	return target
}

// TestAGoodAdapterPasses over both transports, also one that starts slowly.
func TestAGoodAdapterPasses(t *testing.T) {
	for name, target := range map[string]Target{"pipes": byPipe(t, "-slow", "100ms"), "HTTP": byPost(t)} {
		t.Run(name, func(t *testing.T) {
			checks, err := Checks(t.Context(), target)
			if err != nil {
				t.Fatal(err)
			}
			if len(checks) < 16 {
				t.Errorf("only %d checks", len(checks))
			}
			for _, c := range checks {
				if r := channeltest.Run(c); len(r.Faults) > 0 || (r.Skipped != "") != (c.Name == "refusal") { // it names no test.refused
					t.Errorf("%s: %v %s", c.Name, r.Faults, r.Skipped)
				}
			}
		})
	}
}

// TestABadAdapterIsCaught, each by the check that is there for it.
func TestABadAdapterIsCaught(t *testing.T) {
	for _, c := range []struct {
		bad, check string
		target     func(*testing.T, ...string) Target
	}{
		{"sends twice", "keys", byPipe}, {"same id", "send", byPipe}, {"finds all", "look-up", byPipe}, {"forgets", "events", byPipe},
		{"takes all", "over-long text", byPipe}, {"torn", "send", byPipe}, {"ignores what it does not know", "later versions", byPipe},
		{"dies of nonsense", "nonsense", byPipe}, {"chatter", "clean output", byPipe}, {"stays", "end", byPipe}, {"sends twice", "crash in mid-send", byPipe},
		{"knows no parts", "parts", byPipe}, {"refuses buttons", "fields", byPipe}, {"counts bytes", "over-long text", byPipe}, {"sends before it writes", "keys at once", byPipe},
		{"waits alone", "waiting", byPipe}, {"takes our ids", "posted events", byPost}, {"reads one signature", "changing the secret", byPost}, {"reads short lines", "later versions", byPipe},
		{"forgets", "catching up", byPipe}, {"refuses files", "subject and file", byPipe}, {"trusts all", "forgery", byPost}, {"takes old", "forgery", byPost}, {"posts once", "posted events", byPost}, {"torn", "concurrency", byPost},
	} {
		t.Run(c.bad+"/"+c.check, func(t *testing.T) {
			t.Parallel()
			target := c.target(t, "-bad", c.bad)
			target.patience = time.Second
			checks, err := Checks(t.Context(), target)
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range checks {
				if one.Name != c.check {
					continue
				}
				r := channeltest.Run(one)
				if len(r.Faults) == 0 {
					t.Error("nothing was found")
				} else if !strings.Contains(r.Faults[0], ";") {
					t.Errorf("it is not said what to do: %s", r.Faults[0])
				}
				return
			}
			t.Error("there is no such check")
		})
	}
}

// TestThereIsNothingToCheck says why.
func TestThereIsNothingToCheck(t *testing.T) {
	for what, target := range map[string]Target{"cannot be started": {Command: []string{"/no/such/program"}}, "not answered": {Command: []string{"/bin/true"}}, "whsec_": {URL: "http://127.0.0.1:1/"}} {
		if _, err := Checks(t.Context(), target); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%v, want %q", err, what)
		}
	}
}

// TestItSaysWhyNothingCame: what a program logged before it ended, and that a secret is another.
func TestItSaysWhyNothingCame(t *testing.T) {
	stranger := byPost(t)
	stranger.Secret = channels.Secret("whsec_" + strings.Repeat("QUJD", 12))
	for what, target := range map[string]Target{
		`logged last: "no token"; `:                      {Command: []string{"/bin/sh", "-c", "echo no token >&2"}},
		"refuses our signature":                          stranger,
		"the field text.limit must not be a JSON string": {Command: describing(`{"kind":"testchat","text":{"limit":"500"}}`)},
		`"A" is no address`:                              {Command: describing(`{"protocol":1,"kind":"testchat","address":{"pattern":"[a-z]+","example":"anna"},"text":{"markup":"plain","limit":500},"test":{"people":["a","A"]}}`)},
		"nobody can be reached":                          {URL: "http://127.0.0.1:1/", Secret: secret},
	} {
		if _, err := Checks(t.Context(), target); err == nil || !strings.Contains(err.Error()+"; ", what) {
			t.Errorf("%v, want %q", err, what)
		}
	}
}

// TestAnAnswerThatAnswersNothingIsShown where one is waited for in vain.
func TestAnAnswerThatAnswersNothingIsShown(t *testing.T) {
	p, err := startProgram([]string{"/bin/sh", "-c", `echo '{"id":1,"ok":{}}'; read -r line; read -r line`}, nil, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	for heard := false; !heard; runtime.Gosched() {
		p.mu.Lock()
		heard = len(p.junk) > 0
		p.mu.Unlock()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.ask(ctx, external.DoCheck, nil); err == nil || !strings.Contains(err.Error(), `{\"id\":1`) {
		t.Errorf("%v", err)
	}
}

// describing is a program that describes itself so, and refuses all else.
func describing(description string) []string {
	const program = `while read -r line; do
		id=${line#*'"id":"'}
		case $line in
		*describe*) printf '{"id":"%s","ok":%s}\n' "${id%%\"*}" "$1" ;;
		*) printf '{"id":"%s","error":{"class":"temporary"}}\n' "${id%%\"*}" ;;
		esac
	done`
	return []string{"/bin/sh", "-c", program, "sh", description}
}

// TestWhatIsNotDescribedIsNamed: a check that is left out says so, and what the adapter would have to describe.
func TestWhatIsNotDescribedIsNamed(t *testing.T) {
	const plain = `{"protocol":1,"kind":"testchat","address":{"pattern":"[a-z]+","example":"anna"},"text":{"markup":"plain","limit":500},"test":{"people":["a","b"]}}`
	checks, err := Checks(t.Context(), Target{Command: describing(plain)})
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]string{"keys": "dedupe_seconds", "refusal": "test.refused", "look-up": "find", "events": "events", "catching up": "catch_up", "subject and file": "text.subject or text.calendar"}
	for _, c := range checks {
		if left[c.Name] == "" {
			continue
		}
		if r := channeltest.Run(c); len(r.Faults) > 0 || r.Skipped != "the description has no "+left[c.Name]+"; with it this is checked too" {
			t.Errorf("%s: %v, %q", c.Name, r.Faults, r.Skipped)
		}
		delete(left, c.Name)
	}
	if len(left) > 0 {
		t.Errorf("nothing is said of %v", left)
	}
}

// TestWhatRefusesAllIsToldOnce, and not for every text that it might have taken otherwise.
func TestWhatRefusesAllIsToldOnce(t *testing.T) {
	const plain = `{"protocol":1,"kind":"testchat","address":{"pattern":"[a-z]+","example":"anna"},"text":{"markup":"plain","limit":500},"test":{"people":["a","b"]}}`
	checks, err := Checks(t.Context(), Target{Command: describing(plain)})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range checks {
		if c.Name == "texts" {
			if r := channeltest.Run(c); len(r.Faults) != 1 {
				t.Errorf("%d faults, want 1", len(r.Faults))
			}
		}
	}
}

// TestEveryMarkup holds what is composed for adapters against what holds for every channel.
func TestEveryMarkup(t *testing.T) {
	for _, markup := range []string{external.Plain, external.HTML, external.Markdown, external.TextMessage} {
		var d described
		if err := json.Unmarshal([]byte(strings.Replace(description, `"limit":1000`, `"limit":20000`, 1)), &d); err != nil {
			t.Fatal(err)
		}
		d.Text.Markup = markup
		if markup == external.TextMessage {
			d.Text = external.TextForm{Markup: markup, Limit: d.Text.Limit, Unit: "utf-16"}
		}
		k := &kit{described: d}
		for _, c := range channeltest.Checks(k.subject()) {
			if c.Name == "compose" || c.Name == "hostile" || c.Name == "filling in" {
				t.Run(markup+"/"+c.Name, func(t *testing.T) { c.Run(t) })
			}
		}
	}
}
