package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/carillon-gateway/carillon/gateway"
)

// Every route with a body, sent rubbish: a problem that says where, and nothing done.
func TestWrongBodiesAreRefusedWhole(t *testing.T) {
	w := newWorld(t)
	all := deeds(w)
	for _, rt := range w.server.routes {
		if rt.Example == nil || rt.Stream != "" {
			continue
		}
		right, err := json.Marshal(all[rt.ID].body)
		must(t, err)
		var fields map[string]any
		must(t, json.Unmarshal(right, &fields))
		for name, body := range wrongBodies(fields, string(right)) {
			a := all[rt.ID].ask(rt, "berlin", "berlin administrator")
			if rt.Role == gateway.Operator {
				a.token = "operator"
			}
			a.body = body
			r := w.ask(a)
			if r.status < 400 || r.status > 499 {
				t.Errorf("%s with %s: status %d: %s", rt.ID, name, r.status, r.body)
				continue
			}
			p := r.problem(t)
			if p.Code == gateway.CodeNotFound || p.Code == gateway.CodeForbidden || p.Code == gateway.CodeNoToken || len(p.Errors) == 0 && p.Code == gateway.CodeInvalid && r.status == 422 {
				t.Errorf("%s with %s: %+v", rt.ID, name, p)
			}
		}
		big := all[rt.ID].ask(rt, "berlin", "berlin administrator")
		if rt.Role == gateway.Operator {
			big.token = "operator"
		}
		big.body = `{"x":"` + strings.Repeat("a", int(rt.Limit)) + `"}`
		if p := w.want(http.StatusRequestEntityTooLarge, big, nil).problem(t); p.Code != gateway.CodeTooLong {
			t.Errorf("%s with a body over its limit: %+v", rt.ID, p)
		}
	}
	if n := w.fake.submitted(); n != 2 { // by deeds
		t.Errorf("%d broadcasts were submitted by wrong requests", n-2)
	}
}

func wrongBodies(fields map[string]any, right string) map[string]string {
	with := func(key string, value any) string {
		c := maps.Clone(fields)
		if c[key] = value; value == nil {
			delete(c, key)
		}
		text, _ := json.Marshal(c)
		return string(text)
	}
	bodies := map[string]string{"nothing": "", "an unknown field": with("surprise", 1), "an array": "[]", "half": right[:len(right)/2], "two values": right + right, "null": "null",
		"not UTF-8 JSON": "\xff\xfe", "deep nesting": strings.Repeat("[", 100_000)}
	for key, value := range fields {
		bodies["the wrong type in "+key] = with(key, []any{map[string]any{"nonsense": 1}})
		text, _ := json.Marshal(map[string]any{key: value})
		bodies[key+" twice"] = right[:len(right)-1] + "," + string(text[1:])
		bodies[key+" twice, once in capitals"] = right[:len(right)-1] + "," + strings.Replace(string(text[1:]), `"`+key+`"`, `"`+strings.ToUpper(key)+`"`, 1)
	}
	return bodies
}

// All that is wrong is told at once, with its path, and no value that was sent comes back.
func TestAllFaultsAtOnce(t *testing.T) {
	w := newWorld(t)
	body := `{"kind":"` + memberName + `","audience":{"topic":"","tags":"` + memberAddress + `","nobody":true},"words":{"sources":{}},"start_at":"tomorrow"}`
	r := w.want(422, ask{method: "POST", path: "/api/v1/groups/berlin/broadcasts", token: "berlin author", body: body}, nil)
	var paths []string
	for _, e := range r.problem(t).Errors {
		paths = append(paths, e.Path)
	}
	for _, want := range []string{"body.kind", "body.audience.topic", "body.audience.tags", "body.audience.nobody", "body.words.sources", "body.start_at"} {
		if !slices.Contains(paths, want) {
			t.Errorf("%s is not told; told are %v", want, paths)
		}
	}
	if strings.Contains(string(r.body), memberName) || strings.Contains(string(r.body), memberAddress) || w.fake.submitted() != 0 {
		t.Errorf("what was sent came back, or was sent on: %s", r.body)
	}
}

// R30: every enumeration of the document, in bodies and queries, refuses what is not in it.
func TestEveryEnumerationIsClosed(t *testing.T) {
	w := newWorld(t)
	all := deeds(w)
	before := w.fake.submitted()
	tried := 0
	for _, rt := range w.server.routes {
		op := w.server.operation(t, rt)
		for _, param := range op.Parameters {
			if param.Schema == nil || len(param.Schema.Enum) == 0 {
				continue
			}
			for _, value := range strangers(param.Schema.Enum) {
				a := all[rt.ID].ask(rt, "berlin", "berlin administrator")
				a.path += "?" + param.Name + "=" + strings.ReplaceAll(value, " ", "%20")
				w.want(422, a, nil)
				tried++
			}
		}
		if op.RequestBody == nil || op.RequestBody.Content["application/json"] == nil {
			continue
		}
		schema := w.server.resolve(op.RequestBody.Content["application/json"].Schema)
		for name, property := range schema.Properties {
			for _, value := range strangers(w.server.resolve(property).Enum) {
				a := all[rt.ID].ask(rt, "berlin", "berlin administrator")
				if rt.Role == gateway.Operator {
					a.token = "operator"
				}
				text, err := json.Marshal(a.body)
				must(t, err)
				var fields map[string]any
				must(t, json.Unmarshal(text, &fields))
				fields[name] = value
				a.body = fields
				r := w.want(422, a, nil)
				if p := r.problem(t); len(p.Errors) == 0 || p.Errors[0].Path != "body."+name {
					t.Errorf("%s with %s %q: %s", rt.ID, name, value, r.body)
				}
				tried++
			}
		}
	}
	if tried < 30 || w.fake.submitted() != before {
		t.Errorf("%d strange values tried, %d broadcasts submitted by them", tried, w.fake.submitted()-before)
	}
}

// strangers are values that are nearly in an enumeration.
func strangers(enum []any) []string {
	if len(enum) == 0 {
		return nil
	}
	known, _ := enum[0].(string)
	return []string{"nonsense", strings.ToUpper(known), known + "x", " " + known, known[:len(known)-1], known + "," + known, "null", "0"}
}

func (s *server) operation(t *testing.T, rt route) *huma.Operation {
	t.Helper()
	item := s.huma.OpenAPI().Paths[rt.Path]
	if item == nil {
		t.Fatalf("%s is not in the document", rt.Path)
	}
	op := map[string]*huma.Operation{"GET": item.Get, "POST": item.Post, "PUT": item.Put, "DELETE": item.Delete}[rt.Method]
	if op == nil {
		t.Fatalf("%s %s is not in the document", rt.Method, rt.Path)
	}
	return op
}

func (s *server) resolve(schema *huma.Schema) *huma.Schema {
	for schema.Ref != "" {
		schema = s.huma.OpenAPI().Components.Schemas.SchemaFromRef(schema.Ref)
	}
	return schema
}

// Queries are as strict as bodies, and a body in another form is refused.
func TestStrictQueriesAndForms(t *testing.T) {
	w := newWorld(t)
	get := func(path string) ask { return ask{method: "GET", path: path, token: "berlin administrator"} }
	for _, path := range []string{"members?surprise=1", "members?limit=0", "members?limit=501", "members?limit=many", "members?after=nonsense", "broadcasts?before=1", "deliveries?state=in+trouble", "members/nonsense"} {
		w.want(422, get("/api/v1/groups/berlin/"+path), nil)
	}
	w.want(200, get("/api/v1/groups/berlin/deliveries?state=in%20doubt"), nil)
	text, err := json.Marshal(report("Hello."))
	must(t, err)
	for kind, status := range map[string]int{"text/plain": 415, "application/x-www-form-urlencoded": 415, "application/cbor": 415, "application/json; charset=utf-8": 201} {
		w.want(status, ask{method: "POST", path: "/api/v1/groups/berlin/broadcasts", token: "berlin author", body: strings.NewReader(string(text)), header: map[string]string{"Content-Type": kind}}, nil)
	}
	w.want(405, ask{method: "DELETE", path: "/api/v1/groups", token: "operator"}, nil)
	w.want(404, get("/api/v1/nothing"), nil)
	w.want(404, get("/api/v1/groups/../groups"), nil)
	w.want(404, get("//api/v1/groups"), nil)
}

// GET changes nothing, whatever it carries: a body is not read, and a method in a header is not followed.
func TestGETChangesNothing(t *testing.T) {
	w := newWorld(t)
	all := deeds(w)
	for _, rt := range w.server.routes {
		a := all[rt.ID].ask(rt, "berlin", "berlin administrator")
		a.header = map[string]string{"X-HTTP-Method-Override": rt.Method}
		a.body, a.method = nil, "GET"
		if rt.Method == "GET" {
			continue
		}
		if r := w.ask(a); r.status == 204 || r.status == 201 {
			t.Errorf("GET %s did something: %d", a.path, r.status)
		}
	}
	if _, err := w.store.Member(t.Context(), w.berlin.ID, w.member); err != nil {
		t.Errorf("the member is gone: %v", err)
	}
}

func FuzzUniqueNames(f *testing.F) {
	for _, seed := range []string{`{"a":1,"b":[{"a":2},{"a":3}]}`, `{"a":{"a":{"a":"a"}}}`, `{"a":1,"a":2}`, `[["a","a"],{"a":[1,2,"a"],"b":{}}]`, `{"":1,"":2}`, `{"kind":1,"Kind":2}`, `{"k":1,"\u212a":2}`, `"a"`, ``, `{"a":[{"b":1,"b":2}]}`, `{"a\u0062":1,"ab":2}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var v any
		if json.Unmarshal(data, &v) != nil {
			return
		}
		text, err := json.Marshal(v) // what Go writes has no name twice
		must(t, err)
		plain := strings.ToLower(string(text)) == string(text) && !strings.ContainsFunc(string(text), func(r rune) bool { return r > '~' })
		if err := unmarshalStrict(text, &v); err != nil && plain {
			t.Errorf("%s: %v", text, err)
		}
		if object, ok := v.(map[string]any); ok && len(object) > 0 && unmarshalStrict(data, &v) == nil {
			for name := range object {
				again, _ := json.Marshal(name)
				twice := strings.TrimSuffix(string(text), "}") + "," + string(again) + ":0}"
				if unmarshalStrict([]byte(twice), &v) == nil {
					t.Errorf("%s has a name twice and was taken", twice)
				}
			}
		}
	})
}

func FuzzContentDigest(f *testing.F) {
	for _, seed := range []string{digestOf("x"), "sha-512=:AA==:, " + digestOf("y"), "sha-256=::", "sha-256=:AAAA", ",,", "sha-256=AAAA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, field string) {
		if sum, err := parseDigest(field); err == nil && field != "" && len(sum) != 32 {
			t.Errorf("%q gave %d bytes", field, len(sum))
		}
	})
}
