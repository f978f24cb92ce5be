package spool

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/carillon-gateway/carillon/gateway/internal/seal"
)

var plenty = Limits{Records: 1000, Bytes: 1 << 20}

func ring(t *testing.T, ids ...string) *seal.Ring {
	t.Helper()
	var keys []seal.Key
	for _, id := range ids {
		keys = append(keys, seal.Key{ID: id, Secret: bytes.Repeat([]byte(id[len(id)-1:]), seal.KeySize)})
	}
	r, err := seal.NewRing(make([]byte, seal.KeySize), keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func open(t *testing.T, dir string, keys ...string) *Spool {
	t.Helper()
	s, err := Open(dir, ring(t, keys...), plenty)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func add(t *testing.T, s *Spool, queue string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err := put(s, queue, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
}

func put(s *Spool, queue string, plain []byte) error {
	r, err := s.Reserve(queue)
	if err != nil {
		return err
	}
	return s.Add(r, plain)
}

// content gives what a spool holds, in order.
func content(t *testing.T, s *Spool) string {
	t.Helper()
	var all []string
	for _, r := range s.Records() {
		plain, err := s.Read(r)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r.Queue()+"="+string(plain))
	}
	return strings.Join(all, " ")
}

// Records outlive their process, in order, and nothing in them can be read without the key.
func TestRecordsOutliveTheirProcess(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, "k1")
	add(t, s, "sms-1", "STOP of Ann", "START of Ann")
	add(t, s, "chat", "hello")
	if err := s.Remove(s.Records()[0]); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil || len(files) != 3 { // two records and the lock
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		if raw, err := os.ReadFile(f); err != nil || bytes.Contains(raw, []byte("Ann")) {
			t.Errorf("%s is in clear, or %v", f, err)
		}
	}
	again := open(t, dir, "k2", "k1") // the key was changed meanwhile
	if got := content(t, again); got != "sms-1=START of Ann chat=hello" {
		t.Errorf("after a restart: %s", got)
	}
	if e := again.Extent(); e.Records != 2 || e.Oldest.IsZero() || e.Bytes == 0 {
		t.Errorf("%+v", e)
	}
	add(t, again, "chat", "later")
	if got := content(t, again); !strings.HasSuffix(got, "chat=later") {
		t.Errorf("what came later stands before: %s", got)
	}
}

// A process that is killed while it adds loses nothing that it had promised.
func TestKilledWhileAdding(t *testing.T) {
	if dir := os.Getenv("CARILLON_TEST_SPOOL"); dir != "" {
		s, err := Open(dir, ring(t, "k1"), plenty)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 1000 {
			if err := put(s, "sms", []byte(fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
			fmt.Println("promised", i)
		}
		return
	}
	dir := t.TempDir()
	child := exec.Command(os.Args[0], "-test.run=^TestKilledWhileAdding$")
	child.Env = append(os.Environ(), "CARILLON_TEST_SPOOL="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	buf := make([]byte, 1<<10)
	for strings.Count(said.String(), "\n") < 20 {
		n, err := out.Read(buf)
		if err != nil {
			t.Fatalf("the child ended: %v\n%s", err, said.String())
		}
		said.Write(buf[:n])
	}
	_ = child.Process.Kill()
	_, _ = said.ReadFrom(out)
	_ = child.Wait()
	promised := strings.Count(said.String(), "promised")
	records := open(t, dir, "k1").Records()
	if n := len(records); n < promised || n > promised+1 { // one may have been promised a moment later
		t.Errorf("%d records of %d that were promised", n, promised)
	}
}

// Processes that share a folder do not meet, and the next one takes over what a dead one left.
func TestProcessesThatShareAFolder(t *testing.T) {
	dir := t.TempDir()
	one, two := open(t, dir, "k1"), open(t, dir, "k1")
	add(t, two, "sms", "of the second")
	add(t, one, "sms", "of the first")
	if got := content(t, one); got != "sms=of the first" {
		t.Errorf("the first has %s", got)
	}
	_, _ = one.Close(), two.Close()
	next := open(t, dir, "k1")
	if got := content(t, next); got != "sms=of the second sms=of the first" {
		t.Errorf("the next has %s", got)
	}
}

// What cannot be kept is refused: a full spool, one that cannot be written to, records without their key.
func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, ring(t, "k1"), Limits{Records: 1, Bytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	add(t, s, "sms", "one")
	if err := put(s, "sms", []byte("two")); !errors.Is(err, ErrFull) {
		t.Errorf("beyond the records: %v", err)
	}
	_ = s.Close()
	if _, err := Open(dir, ring(t, "k2"), plenty); err == nil || !strings.Contains(err.Error(), `"k1", which is not in keys`) {
		t.Errorf("without the key: %v", err)
	}
	if s, err = Open(dir, ring(t, "k1"), Limits{Records: 9, Bytes: 150}); err != nil {
		t.Fatal(err)
	}
	if err := put(s, "sms", make([]byte, 100)); !errors.Is(err, ErrFull) {
		t.Errorf("beyond the bytes: %v", err)
	}
	_ = s.Close()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, "spool"), ring(t, "k1"), plenty); err == nil || !strings.Contains(err.Error(), "cannot be written to") {
		t.Errorf("where nothing can be written: %v", err)
	}
	s = open(t, dir, "k1")
	if err := os.RemoveAll(s.dir); err != nil {
		t.Fatal(err)
	}
	if err := put(s, "sms", []byte("lost")); err == nil || s.Extent().Records != 1 {
		t.Errorf("its folder is gone: %v, %+v", err, s.Extent())
	}
}

// A record that was altered, or put in another's place, is set aside and hides no other.
func TestDamagedRecords(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, "k1")
	add(t, s, "sms", "one", "two", "three")
	all := s.Records()
	path := func(i int) string { return filepath.Join(s.dir, all[i].name) }
	raw, err := os.ReadFile(path(1))
	if err != nil {
		t.Fatal(err)
	}
	for i, ruined := range [][]byte{raw, append(bytes.Clone(raw), 1)} { // the second in the first's place; the second, longer
		if err := os.WriteFile(path(i), ruined, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Read(all[i]); !errors.Is(err, ErrDamaged) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if err := os.WriteFile(filepath.Join(s.dir, all[0].name+unsaved), raw[:5], 0o600); err != nil {
		t.Fatal(err)
	}
	_ = s.Close()
	again := open(t, dir, "k1")
	if got := content(t, again); got != "sms=three" || again.Extent().Damaged != 2 {
		t.Errorf("%s, %+v", got, again.Extent())
	}
}

// The order is that of the places, whoever is written first.
func TestPlaces(t *testing.T) {
	s := open(t, t.TempDir(), "k1")
	first, err := s.Reserve("sms")
	if err != nil {
		t.Fatal(err)
	}
	add(t, s, "sms", "second")
	if _, err := s.Read(s.Records()[0]); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a place without its record: %v", err)
	}
	if err := s.Add(first, []byte("first")); err != nil {
		t.Fatal(err)
	}
	if got := content(t, s); got != "sms=first sms=second" {
		t.Error(got)
	}
}

// Many may add at once; each record is there once, and names never meet.
func TestAddingAtOnce(t *testing.T) {
	s := open(t, t.TempDir(), "k1")
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			if err := put(s, "sms", []byte{byte(i)}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	seen := map[string]bool{}
	for _, r := range s.Records() {
		plain, err := s.Read(r)
		if err != nil {
			t.Fatal(err)
		}
		seen[string(plain)] = true
	}
	if len(seen) != 50 {
		t.Errorf("%d of 50", len(seen))
	}
}

// FuzzParted takes any file for a record and never panics.
func FuzzParted(f *testing.F) {
	f.Add([]byte(version + "\x02k1sealed"))
	f.Add([]byte(version + "\xff"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if key, sealed, ok := parted(raw); ok && len(version)+1+len(key)+len(sealed) != len(raw) {
			t.Error("something was lost")
		}
	})
}
