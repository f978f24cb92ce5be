package apptest_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
	"github.com/carillon-gateway/carillon/gateway/client"
)

// astray lists how adapters go astray, each on a channel of its own; over HTTP nobody sees a log.
var astray = []string{"dies before it reads", "dies before it sends", "dies before it answers", "dies within its answer", "hangs", "hangs forgetful",
	"dies before it answers forgetful", "floods its output", "floods empty lines", "floods its log", "floods events"}

// TestAdaptersGoAstray: a report goes out over text messages and, for each way in which an adapter can die, hang or flood, over
// one that does so beside the gateway and one by signed HTTP. By the adapters' own logs nobody is lost and nobody gets it twice;
// only what an adapter took that knows no keys may be in doubt. Meanwhile text messages leave as fast as they may.
func TestAdaptersGoAstray(t *testing.T) {
	t.Parallel()
	const each, texters, rate, senders = 12, 150, 100, 4
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	type place struct{ kind, ways, url string }
	var places []place
	var beside strings.Builder
	for i, ways := range astray {
		p := place{kind: fmt.Sprintf("pipe%d", i), ways: ways}
		places = append(places, p)
		fmt.Fprintf(&beside, "  - name: %s\n    adapter: external\n    senders: %d\n    options: {command: [%q], environment: {%s: %q, %s: %q}, description: %s}\n",
			p.kind, senders, self, envStray, filepath.Join(folder, p.kind), envWays, ways, describedAs(t, p.kind, ways))
	}
	for i, ways := range astray {
		if ways != "floods its log" && ways != "floods empty lines" && ways != "dies within its answer" {
			places = append(places, place{kind: fmt.Sprintf("post%d", i), ways: ways})
		}
	}
	w := apptest.New(t, apptest.Options{Senders: 4 * senders, Rate: rate, Beside: beside.String(), More: "private_networks: [127.0.0.0/8]"})
	for i, p := range places {
		if err := os.Mkdir(filepath.Join(folder, p.kind), 0o700); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(p.kind, "post") {
			places[i].url = "http://" + apptest.FreeAddress(t)
			keepAlive(t, self, filepath.Join(folder, p.kind), p.ways, strings.TrimPrefix(places[i].url, "http://"))
		}
	}
	w.Start()
	w.Apply("harbour")
	for _, p := range places {
		if p.url == "" {
			continue
		}
		options := fmt.Sprintf(`{"url":%q,"secret":%q,"description":%s}`, p.url, straySecret.Reveal(), describedAs(t, p.kind, p.ways))
		if _, err := w.API.PutChannel(t.Context(), "harbour", client.NewChannel{Name: p.kind, Adapter: "external", Senders: senders, Options: []byte(options)}); err != nil {
			t.Fatal(p, err)
		}
	}
	people := apptest.PeopleWith("s", apptest.Numbers(t, texters))
	head, rows := "ref,language,sms", ""
	for i, p := range places {
		head += "," + p.kind
		for n := range each {
			rows += fmt.Sprintf("%s-%d,en,%s%s-%d%s,reports,join-2,en,2026-01-10T10:00:00Z,paper form\n", p.kind, n, strings.Repeat(",", i+1), p.kind, n, strings.Repeat(",", len(places)-i-1))
		}
	}
	for _, p := range people {
		rows += fmt.Sprintf("%s,en,%s%s,reports,join-2,en,2026-01-10T10:00:00Z,paper form\n", p.Ref, p.SMS, strings.Repeat(",", len(places)))
	}
	head += ",consent_topics,consent_wording,consent_language,consent_time,consent_proof\n"
	if report, err := w.API.ImportMembers(t.Context(), "harbour", strings.NewReader(head+rows), gateway.ImportOptions{}); err != nil || !report.Published {
		t.Fatalf("importing: %v, %+v", err, report)
	}

	report := w.Report("harbour", "week-47", "The roof is mended.")
	texts := func() (n int, took time.Duration) {
		log := w.Box.Log(0, 0)
		for _, e := range log {
			if e.Kind == sandbox.EntryMessage {
				n++
			}
		}
		if n > 0 {
			took = log[len(log)-1].Time.Sub(log[0].Time)
		}
		return n, took
	}
	limit, least := 30*time.Second, rate/4.0
	if raced { // the gateway itself is too slow for the floods then
		limit, least = 4*limit, 0
	}
	w.UntilBox(limit, "for all text messages", func() bool { n, _ := texts(); return n >= texters })
	n, took := texts()
	t.Logf("%d text messages in %v beside them, %.0f a second of %d", n, took.Round(time.Millisecond), float64(n)/took.Seconds(), rate)
	if float64(n)/took.Seconds() < least { // a log read without end left an eighth; on an idle machine it is all of the rate, beside others less
		t.Errorf("the other channel is slowed: %d text messages took %v at %d a second", n, took, rate)
	}
	for _, p := range places {
		if err := os.WriteFile(filepath.Join(folder, p.kind, "calm"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	settled := func() bool {
		c := w.Counts("harbour", report)
		return c["planning"]+c["waiting"]+c["sending"] == 0
	}
	for until := time.Now().Add(limit); !settled() && time.Now().Before(until); {
		w.Wind(20 * time.Second)
		time.Sleep(200 * time.Millisecond)
	}
	if !settled() {
		t.Errorf("it does not settle: %v", w.Counts("harbour", report))
	}
	w.Stop()
	fates := w.Fates("harbour", report)
	for _, p := range places {
		sent := map[string]int{}
		raw, err := os.ReadFile(filepath.Join(folder, p.kind, "sent"))
		if err != nil {
			t.Errorf("%s %s: %v", p.kind, p.ways, err)
		}
		for line := range strings.Lines(string(raw)) {
			to, _, _ := strings.Cut(line, " ")
			sent[to]++
		}
		forgetful, doubtful := strings.HasSuffix(p.ways, "forgetful"), 0
		for i := range each {
			who := fmt.Sprintf("%s-%d", p.kind, i)
			switch state := fates[who].State; {
			case sent[who] > 1:
				t.Errorf("%s %s: %s got it %d times", p.kind, p.ways, who, sent[who])
			case state == gateway.DeliveryInDoubt && forgetful:
				doubtful++
			case state != gateway.DeliveryAccepted && state != gateway.Delivered:
				t.Errorf("%s %s: %s is shown as %q", p.kind, p.ways, who, state)
			case sent[who] == 0:
				t.Errorf("%s %s: %s is shown as %q and got nothing", p.kind, p.ways, who, state)
			}
		}
		if forgetful && (doubtful == 0 || doubtful > senders+apptest.UrgentSenders) {
			t.Errorf("%s %s: %d are in doubt", p.kind, p.ways, doubtful)
		}
		strayed := !strings.HasPrefix(p.ways, "floods its log") && p.ways != "floods events"
		if _, err := os.Stat(filepath.Join(folder, p.kind, "strayed")); strayed && err != nil {
			t.Errorf("%s %s: it never went astray, so this proves nothing", p.kind, p.ways)
		}
	}
}

func describedAs(t *testing.T, kind, ways string) []byte {
	t.Helper()
	ways, forgetful := strings.CutSuffix(ways, " forgetful")
	text, err := json.Marshal(strayDescription(kind, ways, forgetful))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// keepAlive runs an adapter at a place, again and again until the test ends, as whoever owns it would.
func keepAlive(t *testing.T, self, folder, ways, at string) {
	var mu sync.Mutex
	var current *exec.Cmd
	over := false
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			cmd := exec.Command(self)
			cmd.Env = append(os.Environ(), envStray+"="+folder, envWays+"="+ways, envAt+"="+at)
			cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			mu.Lock()
			if over {
				mu.Unlock()
				return
			}
			err := cmd.Start()
			current = cmd
			mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			_ = cmd.Wait() // it was killed, by itself or by the end of the test
		}
	}()
	t.Cleanup(func() {
		mu.Lock()
		over = true
		if current != nil {
			_ = current.Process.Kill()
		}
		mu.Unlock()
		<-done
	})
}
