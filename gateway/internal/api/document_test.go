package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/carillon-gateway/carillon/gateway"
)

var update = flag.Bool("update", false, "write docs/openapi.json")

const docs = "../../../docs/"

// docs/openapi.json is what the gateway serves, to the byte.
func TestTheCommittedDocumentIsFresh(t *testing.T) {
	fresh, err := Document()
	must(t, err)
	if *update {
		must(t, os.WriteFile(docs+"openapi.json", fresh, 0o644))
	}
	committed, err := os.ReadFile(docs + "openapi.json")
	must(t, err)
	if !bytes.Equal(fresh, committed) {
		t.Error("docs/openapi.json is stale; run: go test ./gateway/internal/api -run Document -update")
	}
	w := newWorld(t)
	if r := w.want(200, ask{method: "GET", path: "/api/v1/openapi.json"}, nil); !bytes.Equal(r.body, fresh) {
		t.Error("the document that is served is another")
	}
}

// Every operation is in the document with an id of its own, words, what its path names, an example of what it takes
// and gives, and how it refuses.
func TestEveryOperationIsDocumented(t *testing.T) {
	s, err := build(Options{})
	must(t, err)
	seen := map[string]bool{}
	for _, rt := range s.routes {
		op := s.operation(t, rt)
		if op.OperationID == "" || seen[op.OperationID] {
			t.Errorf("%s %s has the id %q, which is none or taken", rt.Method, rt.Path, op.OperationID)
		}
		seen[op.OperationID] = true
		if op.Summary == "" || len(op.Tags) != 1 || op.Tags[0] == "" || len(op.Security) != 1 || op.Responses["default"] == nil {
			t.Errorf("%s lacks words, a tag, security or problems", rt.ID)
		}
		for _, name := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(rt.Path, -1) {
			if !slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.In == "path" && p.Name == name[1] && len(p.Schema.Examples) > 0 }) {
				t.Errorf("%s does not read or explain {%s}", rt.ID, name[1])
			}
		}
		if op.RequestBody != nil {
			for kind, media := range op.RequestBody.Content {
				if media.Example == nil {
					t.Errorf("%s has no example of %s", rt.ID, kind)
				}
			}
		}
		for status, response := range op.Responses {
			for kind, media := range response.Content {
				if media.Example == nil {
					t.Errorf("%s has no example of its answer %s in %s", rt.ID, status, kind)
				}
			}
		}
		keyed := slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.Name == "Idempotency-Key" })
		if want := rt.Method == "POST" && !rt.Fresh; keyed != want {
			t.Errorf("%s tells of an Idempotency-Key: %v, want %v", rt.ID, keyed, want)
		}
	}
}

// The document is OpenAPI 3.1 whose schemas are JSON Schema: each reference leads somewhere, and every example is what
// its schema says.
func TestExamplesFollowTheirSchemas(t *testing.T) {
	text, err := Document()
	must(t, err)
	var doc map[string]any
	must(t, json.Unmarshal(text, &doc))
	if doc["openapi"] != "3.1.0" {
		t.Errorf("openapi is %v", doc["openapi"])
	}
	compiler := jsonschema.NewCompiler()
	must(t, compiler.AddResource("doc.json", doc))
	checked := 0
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case map[string]any:
			if example, ok := v["example"]; ok && v["schema"] != nil {
				schema, err := compiler.Compile("doc.json#" + at + "/schema")
				if err != nil {
					t.Errorf("%s: %v", at, err)
				} else if err := schema.Validate(example); err != nil {
					t.Errorf("%s: the example is not what its schema says: %v", at, err)
				}
				checked++
			}
			for key, inner := range v {
				walk(at+"/"+strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(key), inner)
			}
		case []any:
			for i, inner := range v {
				walk(at+"/"+strconv.Itoa(i), inner)
			}
		}
	}
	walk("/paths", doc["paths"])
	if checked < 60 {
		t.Errorf("only %d examples found", checked)
	}
}

// Every code has its section in docs/errors.md, under the heading that a problem's type leads to, and no other has one.
func TestEveryCodeIsExplained(t *testing.T) {
	page, err := os.ReadFile(docs + "errors.md")
	must(t, err)
	var explained []gateway.Code
	for _, heading := range regexp.MustCompile(`(?m)^## (.+)\n\n\((\d{3})`).FindAllStringSubmatch(string(page), -1) {
		code := gateway.Code(heading[1])
		explained = append(explained, code)
		if got := strconv.Itoa(statusOf(code)); got != heading[2] {
			t.Errorf("%s is told with status %s, and docs/errors.md says %s", code, got, heading[2])
		}
	}
	for _, code := range gateway.Codes {
		if !slices.Contains(explained, code) {
			t.Errorf("docs/errors.md lacks a section on %s", code)
		}
	}
	if len(explained) != len(gateway.Codes) {
		t.Errorf("docs/errors.md explains %v, which are not all codes", explained)
	}
	source, err := os.ReadFile("../../fault.go")
	must(t, err)
	if n := len(regexp.MustCompile(`(?m)^\tCode\w+\s+Code = "`).FindAll(source, -1)); n != len(gateway.Codes) {
		t.Errorf("package gateway has %d codes, and its list %d", n, len(gateway.Codes))
	}
}

var example = regexp.MustCompile("(?s)```http\n(.+?)\n```\n\n```json (\\d{3})\n(.+?)\n```")

// The examples of docs/api.md, one after the other, as a reader would try them.
func TestTheManualIsTrue(t *testing.T) {
	page, err := os.ReadFile(docs + "api.md")
	must(t, err)
	found := example.FindAllStringSubmatch(string(page), -1)
	if len(found) < 6 || len(found) != strings.Count(string(page), "```http") {
		t.Fatalf("%d examples can be read", len(found))
	}
	w := newWorld(t)
	for _, e := range found {
		head, content, _ := strings.Cut(e[1], "\n\n")
		first, fields, _ := strings.Cut(head, "\n")
		method, path, _ := strings.Cut(first, " ")
		a := ask{method: method, path: path, header: map[string]string{}}
		if content != "" {
			a.body = strings.NewReader(content + "\n")
			a.header["Content-Type"] = "application/json"
		}
		for field := range strings.SplitSeq(fields, "\n") {
			name, value, _ := strings.Cut(field, ": ")
			if role, ok := strings.CutPrefix(value, "Bearer {"); ok {
				role = strings.TrimSuffix(role, "}")
				if role != "operator" {
					role = "berlin " + role
				}
				value = "Bearer " + w.tokens[role]
			}
			a.header[name] = value
		}
		status, err := strconv.Atoi(e[2])
		must(t, err)
		var want, got any
		must(t, json.Unmarshal([]byte(e[3]), &want))
		w.want(status, a, &got)
		if where := differs("", want, got); where != "" {
			t.Errorf("%s: %s", first, where)
		}
	}
}

// differs says where an answer is not as the manual has it. A text with … matches any with the same ends; fields that
// the manual leaves out do not count.
func differs(at string, want, got any) string {
	switch want := want.(type) {
	case map[string]any:
		object, _ := got.(map[string]any)
		for key, value := range want {
			if where := differs(at+"."+key, value, object[key]); where != "" {
				return where
			}
		}
		return ""
	case []any:
		list, _ := got.([]any)
		if len(list) != len(want) {
			return fmt.Sprintf("%s has %d entries, not %d", at, len(list), len(want))
		}
		for i, value := range want {
			if !slices.ContainsFunc(list, func(g any) bool { return differs("", value, g) == "" }) {
				return fmt.Sprintf("%s[%d] is not there: %v", at, i, list)
			}
		}
		return ""
	case string:
		text, ok := got.(string)
		begin, end, any := strings.Cut(want, "…")
		if ok && (text == want || any && len(text) > len(begin)+len(end) && strings.HasPrefix(text, begin) && strings.HasSuffix(text, end)) {
			return ""
		}
	default:
		if want == got {
			return ""
		}
	}
	return fmt.Sprintf("%s is %v, not %v", at, got, want)
}
