package external

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/carillon-gateway/carillon/channels"
)

// TestTheManualIsTrue holds every example of the protocol's page against its schema, and reads it as this package does.
func TestTheManualIsTrue(t *testing.T) {
	page, err := os.ReadFile("../../docs/adapter-protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	of := protocolSchema(t)
	f, err := newForm(AddressForm{Pattern: `[a-z]+@[a-z.]+`, Example: "anna@chat.example"})
	if err != nil {
		t.Fatal(err)
	}
	open := func(s string) string { return s }
	seen := map[string]int{}
	for _, found := range regexp.MustCompile("(?s)```json ([a-z]+)\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		kind, text := found[1], []byte(found[2])
		seen[kind]++
		if kind == "request" || kind == "post" {
			valid(t, of(kind), text)
			if kind == "post" {
				var b Batch
				if err := json.Unmarshal(text, &b); err != nil {
					t.Fatal(err)
				}
				if events, unusable := readBatch(&b, f, open); unusable > 0 || len(events) == 0 {
					t.Errorf("%d unusable events in %s", unusable, text)
				}
			}
			continue
		}
		valid(t, of("answer"), text)
		answer, err := ReadAnswer(text)
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if kind == "answer" {
			continue
		}
		valid(t, of(kind), answer.OK)
		var into any
		switch kind {
		case "description":
			into = new(Description)
		case "taken":
			into = new(Taken)
		case "found":
			into = new(Found)
		case "batch":
			into = new(Batch)
		default:
			t.Fatalf("an example of %s, which nothing reads", kind)
		}
		if err := json.Unmarshal(answer.OK, into); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		switch v := into.(type) {
		case *Description:
			if err := v.Check(); err != nil {
				t.Errorf("the description: %v", err)
			}
		case *Batch:
			if _, unusable := readBatch(v, f, open); unusable > 0 {
				t.Errorf("%d unusable events", unusable)
			}
		}
	}
	for _, kind := range []string{"request", "answer", "description", "taken", "found", "batch", "post"} {
		if seen[kind] == 0 {
			t.Errorf("the page has no example of %s", kind)
		}
	}
}

// protocolSchema gives a part of the schema by its name.
func protocolSchema(t *testing.T) func(string) *jsonschema.Schema {
	t.Helper()
	raw, err := os.ReadFile("../../docs/adapter-protocol.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("protocol.json", doc); err != nil {
		t.Fatal(err)
	}
	return func(name string) *jsonschema.Schema {
		s, err := c.Compile("protocol.json#/$defs/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

func valid(t *testing.T, s *jsonschema.Schema, raw []byte) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err == nil {
		err = s.Validate(v)
	}
	if err != nil {
		t.Errorf("%s\n%v", raw, err)
	}
}

// TestWhatWeSayFitsTheSchema: every request that the gateway makes.
func TestWhatWeSayFitsTheSchema(t *testing.T) {
	of := protocolSchema(t)
	d := describe()
	w := piped(t, d, d)
	a := core(w.Adapter)
	said := &tapped{wire: a.wire, t: t}
	a.wire = said
	m := out("1", "Meeting at seven?")
	_, _ = w.Send(t.Context(), m)
	_ = w.Check(t.Context())
	_, _ = w.Adapter.(channels.StatusFinder).FindStatus(t.Context(), channels.Query{Attempt: "a-1", To: m.To, Part: m.Part})
	_, _, _ = w.Adapter.(channels.Poller).Poll(t.Context(), "")
	if len(said.requests) != 5 {
		t.Errorf("%d requests", len(said.requests))
	}
	for _, r := range said.requests {
		valid(t, of("request"), r)
	}
	raw, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	valid(t, of("description"), []byte(strings.ReplaceAll(string(raw), "\n", "")))
}

// tapped notes what is said.
type tapped struct {
	wire
	t        *testing.T
	requests [][]byte
}

func (w *tapped) Exchange(ctx context.Context, do string, with any) (Answer, error) {
	b, err := json.Marshal(Request{ID: "1", Do: do, With: with})
	if err != nil {
		w.t.Fatal(err)
	}
	w.requests = append(w.requests, b)
	return w.wire.Exchange(ctx, do, with)
}
