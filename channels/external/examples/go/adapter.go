package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"
)

const (
	limit      = 1000 // characters
	concurrent = 8

	// For the conformance kit: what goes there reaches nobody.
	person1, person2, nobody = "test-1", "test-2", "test-nobody"
)

// describe says what the adapter can do. README.md has what else may stand here: receipts, replies, opt-outs, CommonMark, a subject.
func describe() map[string]any {
	return map[string]any{
		"protocol":                1,
		"name":                    "examplechat",
		"kind":                    "examplechat",
		"address":                 map[string]any{"pattern": "[a-z0-9._-]+", "example": "anna", "lower": true},
		"text":                    map[string]any{"markup": "plain", "limit": limit, "unit": "characters"},
		"dedupe_seconds":          86400,
		"longest_attempt_seconds": 20,
		"concurrent":              concurrent,
		"test":                    map[string]any{"people": []string{person1, person2}, "refused": nobody},
	}
}

// message goes with send.
type message struct {
	Attempt string    `json:"attempt"`
	Part    int       `json:"part"`
	Key     string    `json:"key"`
	To      string    `json:"to"`
	Text    string    `json:"text"`
	Expires time.Time `json:"expires"`
}

// refusal says that the provider did not take the message, for sure, unless its class is unknown. Any other error of deliver is
// doubt.
type refusal struct {
	Class   string `json:"class"`
	Scope   string `json:"scope"`
	Code    string `json:"code,omitempty"`
	Detail  string `json:"detail"`
	Expired bool   `json:"expired,omitempty"`
}

func (r *refusal) Error() string { return r.Detail }

type adapter struct {
	keys, out string
	deliver   func(m message, name string) (id string, err error)
}

func newAdapter(folder string) (*adapter, error) {
	a := &adapter{keys: filepath.Join(folder, "keys"), out: filepath.Join(folder, "out")}
	a.deliver = a.drop
	return a, errors.Join(os.MkdirAll(a.keys, 0o700), os.MkdirAll(a.out, 0o700))
}

// drop hands one message to the provider and gives its id there. Make one attempt. This provider collects files from out/.
func (a *adapter) drop(m message, name string) (string, error) {
	raw, err := json.Marshal(map[string]string{"to": m.To, "text": m.Text})
	if err != nil {
		return "", err
	}
	return name, write(filepath.Join(a.out, name+".json"), raw)
}

// check says whether messages could be sent now: ask the provider about your credentials here.
func (a *adapter) check() error {
	for _, folder := range []string{a.keys, a.out} {
		f, err := os.CreateTemp(folder, "check")
		if err != nil {
			return &refusal{Class: "auth", Scope: "channel", Code: "folder", Detail: "a folder cannot be written to; let the adapter's user write there"}
		}
		if err := errors.Join(f.Close(), os.Remove(f.Name())); err != nil {
			return err
		}
	}
	return nil
}

// forget clears keys that are older than two days, which is more than dedupe_seconds.
func (a *adapter) forget(now time.Time) error {
	all, err := os.ReadDir(a.keys)
	for _, each := range all {
		if info, gone := each.Info(); gone == nil && now.Sub(info.ModTime()) > 48*time.Hour {
			if fault := os.Remove(filepath.Join(a.keys, each.Name())); !errors.Is(fault, fs.ErrNotExist) { // another process clears too
				err = errors.Join(err, fault)
			}
		}
	}
	return err
}

func (a *adapter) send(m message) (any, error) {
	switch {
	case m.Key == "" || m.To == "" || m.Text == "":
		return nil, &refusal{Class: "permanent", Scope: "content", Code: "incomplete", Detail: "key, to or text is missing"}
	case !m.Expires.IsZero() && m.Expires.Before(time.Now()):
		return nil, &refusal{Class: "permanent", Scope: "content", Code: "expired", Detail: "it came too late", Expired: true}
	case utf8.RuneCountInString(m.Text) > limit:
		return nil, &refusal{Class: "permanent", Scope: "content", Code: "too-long", Detail: "the text is longer than the limit"}
	case m.To == nobody:
		return nil, &refusal{Class: "permanent", Scope: "address", Code: "no-such-user", Detail: "there is no such user at the provider"}
	}
	// The key is taken before the attempt and gets its id after it: whoever finds it without one does not send again.
	name := digest(m.Key)
	record := filepath.Join(a.keys, name)
	f, err := os.OpenFile(record, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		id, err := os.ReadFile(record)
		if err == nil && len(id) == 0 {
			err = &refusal{Class: "unknown", Scope: "channel", Code: "in-doubt", Detail: "an attempt under this key has not told its end"}
		}
		return map[string]string{"id": string(id)}, err
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	id := name
	if m.To != person1 && m.To != person2 {
		if id, err = a.deliver(m, name); err != nil {
			var refused *refusal
			if errors.As(err, &refused) && refused.Class != "unknown" {
				err = errors.Join(err, os.Remove(record))
			}
			return nil, err
		}
	}
	return map[string]string{"id": id}, write(record, []byte(id))
}

// write writes whole or not at all.
func write(path string, raw []byte) error {
	if err := os.WriteFile(path+".part", raw, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".part", path)
}

func digest(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:16])
}
