package apptest_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-gateway/carillon/channels/sandbox"
	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/app/apptest"
)

// TestNothingLeaks: people with striking names and addresses get a striking text, while a provider fails in every way,
// one of them answers, and the gateway is killed. None of it can be read in the log, the metrics, the answers of the
// API that need no reason, or any file of the data folder, as it is or encoded.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	const text, answer = "Quizzaciously the zephyr lantern is lit.", "Borborygmus I cannot come"
	w := apptest.New(t, apptest.Options{Senders: 2, Sandbox: sandbox.Options{}})
	numbers := apptest.Numbers(t, 1000)[900:916]
	markers := []string{"Quizzaciously", "zephyr lantern", "Borborygmus", "Xylographine", "Ptarmigana", "ref-kerfuffle", "906070809"}
	var people []apptest.Person
	for i, number := range numbers {
		people = append(people, apptest.Person{Ref: "ref-kerfuffle-" + string(rune('a'+i)), Name: "Xylographine Ptarmigana", Language: "en", SMS: number})
		markers = append(markers, number, number[1:])
	}
	people = append(people, apptest.Person{Ref: "ref-kerfuffle-z", Name: "Xylographine", Language: "en", Telegram: "906070809"})
	w.Start()
	w.Apply("harbour")
	w.Join("harbour", people)
	faults := []sandbox.Fault{{Kind: sandbox.Cut}, {Kind: sandbox.Garbage}, {Kind: sandbox.HTML}, {Kind: sandbox.Failure, Status: 400, Code: 21211, Text: "no such number " + numbers[3]},
		{Kind: sandbox.Failure, Status: 500, Text: "cannot send " + text + " to " + numbers[4]}, {Kind: sandbox.Throttle, RetryAfter: "1"}, {Kind: sandbox.Hang, For: 50 * time.Millisecond}}
	for i, f := range faults {
		f.Address, f.Times = numbers[i], 1
		w.Script(f)
	}
	id := w.Report("harbour", "week-47", text)
	w.UntilBox(20*time.Second, "for messages", func() bool { return w.Box.Stats().Kept >= 5 })
	for _, said := range []string{answer, "STOP"} {
		if _, err := w.Box.Reply(sandbox.Reply{Kind: sandbox.KindSMS, Address: numbers[15], To: apptest.Number, Text: said}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.API.FindMembers(t.Context(), "harbour", "sms", gateway.Private(numbers[0])); err != nil {
		t.Fatal(err)
	}
	bad := apptest.Header + "ref-kerfuffle-y,Xylographine," + numbers[0] + ",Ptarmigana,906070809,x,y,z,a,b\n"
	if report, err := w.API.ImportMembers(t.Context(), "harbour", strings.NewReader(bad), gateway.ImportOptions{}); err != nil || report.Published {
		t.Fatalf("a bad file: %v, %+v", err, report)
	}
	for _, path := range []string{"/api/v1/groups/harbour/members", "/metrics", "/api/v1/groups/harbour/deliveries", "/api/v1/status", "/api/v1/export"} {
		search(t, "the answer to "+path, []byte(get(t, w, path)), markers)
	}
	w.Kill() // leaves the journal beside the database
	searchData(t, w, markers)
	w.Start()
	w.Settled(time.Minute, "harbour", id)
	for _, path := range []string{"/metrics", "/api/v1/groups/harbour/deliveries"} {
		search(t, "the answer to "+path, []byte(get(t, w, path)), markers)
	}
	w.Stop()
	searchData(t, w, markers)
	log, err := os.ReadFile(w.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(log, []byte("an attempt failed")) {
		t.Error("the log does not tell of the failures: nothing was searched")
	}
	search(t, "the log", log, markers)
}

func searchData(t *testing.T, w *apptest.World, markers []string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(w.Data(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		content, err := os.ReadFile(path)
		search(t, "the file "+entry.Name(), content, markers)
		return err
	})
	if err != nil || files < 2 {
		t.Errorf("searching %d files: %v", files, err)
	}
}

func get(t *testing.T, w *apptest.World, path string) string {
	t.Helper()
	status, body := ask(t, w, http.MethodGet, path, "")
	if status != http.StatusOK {
		t.Errorf("%s: status %d", path, status)
	}
	return body
}

// search finds markers as they are, turned round, and encoded in each way that a careless line of code would use.
func search(t *testing.T, where string, in []byte, markers []string) {
	t.Helper()
	lower := bytes.ToLower(in)
	for i, marker := range markers {
		for how, form := range forms(marker) {
			if bytes.Contains(in, []byte(form)) || !strings.Contains(how, "base64") && bytes.Contains(lower, []byte(strings.ToLower(form))) {
				t.Errorf("marker %d (%s) is in %s, %s", i, marker, where, how)
			}
		}
	}
}

func forms(marker string) map[string]string {
	back := []rune(marker)
	slices.Reverse(back)
	all := map[string]string{"plain": marker, "reversed": string(back), "hex": hex.EncodeToString([]byte(marker)), "URL-encoded": url.QueryEscape(marker)}
	for shift := range 3 { // base64 looks different at each of three places in its input
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + marker))
		first := (shift*8 + 5) / 6
		last := (shift + len(marker)) * 8 / 6
		all["base64 at "+string(rune('0'+shift))] = encoded[first:last]
		all["URL base64 at "+string(rune('0'+shift))] = strings.NewReplacer("+", "-", "/", "_").Replace(encoded[first:last])
	}
	return all
}

// TestTheSearchFinds: the search of TestNothingLeaks would find what it looks for.
func TestTheSearchFinds(t *testing.T) {
	const marker = "+447700900123"
	for _, leak := range []string{marker, "to " + url.QueryEscape(marker), hex.EncodeToString([]byte("a" + marker)), base64.StdEncoding.EncodeToString([]byte("ab" + marker + "c")),
		base64.RawURLEncoding.EncodeToString([]byte("abcd" + marker)), "321009007744+"} {
		if found := slices.ContainsFunc(slices.Collect(maps.Values(forms(marker))), func(form string) bool { return strings.Contains(leak, form) }); !found {
			t.Errorf("a leak is not found: %s", leak)
		}
	}
}
