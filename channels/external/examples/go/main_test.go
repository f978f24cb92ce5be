package main

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
)

type answered struct {
	OK struct {
		ID string
	}
	Error refusal
}

func ask(t *testing.T, a *adapter, line string) (got answered) {
	t.Helper()
	if err := json.Unmarshal(a.answer([]byte(line)), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

const send = `{"id":"1","do":"send","with":{"attempt":"a","part":0,"key":"d-p-0-0","to":"anna","text":"Meeting at seven."}}`

func TestAMessageIsDeliveredOnce(t *testing.T) {
	a, err := newAdapter(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	first := ask(t, a, send)
	if again := ask(t, a, send); again != first || first.OK.ID == "" {
		t.Errorf("%+v, then %+v", first, again)
	}
	out, err := os.ReadDir(a.out)
	if err != nil || len(out) != 1 {
		t.Fatalf("%d messages, %v", len(out), err)
	}
	if raw, err := os.ReadFile(a.out + "/" + out[0].Name()); err != nil || !strings.Contains(string(raw), "Meeting at seven.") {
		t.Errorf("%s, %v", raw, err)
	}
}

func TestWhatWasRefusedMayBeTriedAgain(t *testing.T) {
	a, err := newAdapter(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	deliver := a.deliver
	a.deliver = func(message, string) (string, error) { return "", &refusal{Class: "temporary"} }
	if got := ask(t, a, send); got.Error.Class != "temporary" {
		t.Errorf("%+v", got)
	}
	a.deliver = deliver
	if got := ask(t, a, send); got.OK.ID == "" {
		t.Errorf("%+v", got)
	}
}

func TestDoubtStaysDoubt(t *testing.T) {
	a, err := newAdapter(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a.deliver = func(message, string) (string, error) { return "", errors.New("silence") }
	for range 2 {
		if got := ask(t, a, send); got.Error.Class != "unknown" {
			t.Errorf("%+v", got)
		}
	}
}
