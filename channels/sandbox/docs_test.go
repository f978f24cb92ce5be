package sandbox_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/carillon-gateway/carillon/channels/sandbox"
)

// TestManual runs every example of docs/sandbox.md in its order.
func TestManual(t *testing.T) {
	manual, err := os.ReadFile("../../docs/sandbox.md")
	if err != nil {
		t.Fatal(err)
	}
	_, base := serve(t, sandbox.Options{})
	blocks := strings.Split(string(manual), "```http\n")[1:]
	if len(blocks) < 10 {
		t.Fatalf("only %d examples found", len(blocks))
	}
	for i, block := range blocks {
		request, rest, _ := strings.Cut(block, "```")
		_, answer, found := strings.Cut(rest, "```answer\n")
		if !found {
			t.Fatalf("example %d has no answer", i+1)
		}
		answer, _, _ = strings.Cut(answer, "```")
		t.Run(strconv.Itoa(i+1), func(t *testing.T) { tryExample(t, base, request, strings.TrimSpace(answer)) })
	}
}

func tryExample(t *testing.T, base, request, want string) {
	first, body, _ := strings.Cut(request, "\n")
	method, path, _ := strings.Cut(first, " ")
	req, err := http.NewRequest(method, base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	kind := "application/json"
	if credentials, ok := strings.CutPrefix(body, "Authorization: "); ok {
		credentials, body, _ = strings.Cut(credentials, "\n\n")
		user, password, _ := strings.Cut(credentials, " ")
		req.SetBasicAuth(user, password)
		kind = "application/x-www-form-urlencoded"
	}
	req.Header.Set("Content-Type", kind)
	req.Body = io.NopCloser(strings.NewReader(strings.TrimSpace(body)))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	status, fields, _ := strings.Cut(want, " ")
	if strconv.Itoa(resp.StatusCode) != status {
		t.Fatalf("%s: %d %s, want %s", first, resp.StatusCode, got, status)
	}
	if fields == "" {
		return
	}
	var have, need any
	if err := json.Unmarshal(got, &have); err != nil {
		t.Fatalf("%s: %s is no JSON: %v", first, got, err)
	}
	if err := json.Unmarshal([]byte(fields), &need); err != nil {
		t.Fatalf("the manual's answer to %s: %v", first, err)
	}
	if missing := holds(have, need, ""); missing != "" {
		t.Errorf("%s: %s", first, missing)
	}
}

// holds says what of need is not in have; objects may have more fields than are asked for.
func holds(have, need any, at string) string {
	fields, ok := need.(map[string]any)
	if !ok {
		if reflect.DeepEqual(have, need) {
			return ""
		}
		return fmt.Sprintf("at %s/ is %v, want %v", at, have, need)
	}
	object, _ := have.(map[string]any)
	for name, want := range fields {
		if missing := holds(object[name], want, at+"/"+name); missing != "" {
			return missing
		}
	}
	return ""
}
