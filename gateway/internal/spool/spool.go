// Package spool keeps sealed records in a folder until they can be delivered, in the order in which they came. It knows
// bytes, not people: what a record says is for whoever adds it.
//
// The form is one file for each record. Its name is the time at which it came, in nanoseconds, and the name of its queue:
//
//	00000001795680000000000-0193c5d2-….record
//
// and its content a version, the id of the key that seals it, and the sealed bytes, bound to the file's name:
//
//	"carillon spool 1\n" | length of the id (1 byte) | id | sealed
//
// A record is written under another name, synced, renamed, and its folder synced before Add returns: what has been added
// outlives a kill and a power cut, and a half-written file is never taken for a record.
package spool

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	version = "carillon spool 1\n"
	suffix  = ".record"
	unsaved = ".unsaved" // was being written when its process died: nobody was promised anything
	damaged = ".damaged" // could not be opened
	digits  = 23         // of the time in a name, so that names sort as times do
	slots   = 64         // processes that may share a folder
)

// Limits bound a spool.
type Limits struct {
	Records int
	Bytes   int64
}

// ErrFull is returned when a record would pass the limits.
var ErrFull = errors.New("the spool is full; the ledger must answer before more can be taken")

// Sealer seals under a key whose id it gives, and opens again. seal.Ring does.
type Sealer interface {
	Wrap(plain, place []byte) (keyID string, sealed []byte)
	Unwrap(keyID string, sealed, place []byte) ([]byte, error)
	// Has reports whether it has the key of that id.
	Has(keyID string) bool
}

// Record names one record of a spool.
type Record struct {
	name string
	size int64
}

// At is when the record came.
func (r Record) At() time.Time {
	n, _ := strconv.ParseInt(r.name[:digits], 10, 64) // Open and Add let no other name pass
	return time.Unix(0, n)
}

// Queue is the queue that it was added to.
func (r Record) Queue() string { return strings.TrimSuffix(r.name[digits+1:], suffix) }

// Spool is a folder of records. It is safe for concurrent use.
type Spool struct {
	dir    string
	sealer Sealer
	limits Limits
	lock   *os.File

	mu      sync.Mutex
	last    int64 // time in the newest name
	records []Record
	queues  map[string]int // records by queue
	bytes   int64
	spoilt  int // records that were found damaged, those of earlier processes among them
}

// Open opens the spool of this process under a folder, which processes may share: each has a part of its own, and takes over
// what those left behind that are no more. It proves that the folder can be written to, and that the sealer has the key of
// every record.
func Open(dir string, sealer Sealer, limits Limits) (*Spool, error) {
	s := &Spool{sealer: sealer, limits: limits, queues: map[string]int{}}
	for slot := 0; slot < slots && s.lock == nil; slot++ {
		s.dir = filepath.Join(dir, strconv.Itoa(slot))
		if err := os.MkdirAll(s.dir, 0o700); err != nil {
			return nil, unwritable(dir, err)
		}
		lock, err := lockFolder(s.dir)
		if err != nil {
			return nil, unwritable(dir, err)
		}
		s.lock = lock
	}
	if s.lock == nil {
		return nil, fmt.Errorf("the spool %s is shared by %d processes already; give this one a data folder of its own", dir, slots)
	}
	err := s.load(dir)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func unwritable(dir string, err error) error {
	return fmt.Errorf("the spool %s cannot be written to, so what members write while the ledger is away would be lost; mend the folder's rights or free space on its disk: %w", dir, err)
}

// lockFolder gives nil if another process has the folder. The lock goes with the process, however it ends.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = nil
		}
		return nil, err
	}
	return f, nil
}

func (s *Spool) load(parent string) error {
	probe := filepath.Join(s.dir, "probe"+unsaved)
	if err := s.save(probe, []byte(version)); err != nil {
		return unwritable(parent, err)
	}
	if err := os.Remove(probe); err != nil {
		return unwritable(parent, err)
	}
	others, err := filepath.Glob(filepath.Join(parent, "*"))
	if err != nil {
		return err
	}
	for _, other := range others {
		if other != s.dir {
			if err := s.takeOver(other); err != nil {
				return unwritable(parent, err)
			}
		}
	}
	entries, err := os.ReadDir(s.dir) // in order of names
	if err != nil {
		return unwritable(parent, err)
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case strings.HasSuffix(name, unsaved):
			err = os.Remove(filepath.Join(s.dir, name))
		case strings.HasSuffix(name, damaged):
			s.spoilt++
		case well(name):
			err = s.find(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// takeOver moves the records of a process that is no more here. Their names keep their order, and what seals them.
func (s *Spool) takeOver(other string) error {
	if _, err := os.Stat(filepath.Join(other, "lock")); err != nil {
		return nil //nolint:nilerr // it is no part of a spool
	}
	lock, err := lockFolder(other)
	if lock == nil || err != nil {
		return err
	}
	defer lock.Close()
	entries, err := os.ReadDir(other)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if well(e.Name()) {
			if err := os.Rename(filepath.Join(other, e.Name()), filepath.Join(s.dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return errors.Join(syncFolder(s.dir), syncFolder(other))
}

// well reports whether a name is that of a record.
func well(name string) bool {
	at, queue, ok := strings.Cut(name, "-")
	_, err := strconv.ParseInt(at, 10, 64)
	return ok && err == nil && len(at) == digits && strings.HasSuffix(queue, suffix)
}

// find takes in a record of an earlier process.
func (s *Spool) find(name string) error {
	raw, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		return err
	}
	if key, _, ok := parted(raw); ok && !s.sealer.Has(key) {
		return fmt.Errorf("the spool %s holds what members wrote, sealed under the key %q, which is not in keys; put that key back behind the others until the spool is empty", s.dir, key)
	}
	r := Record{name, int64(len(raw))}
	s.records, s.bytes, s.last = append(s.records, r), s.bytes+r.size, max(s.last, r.At().UnixNano())
	s.queues[r.Queue()]++
	return nil
}

// parted takes a record's content apart.
func parted(raw []byte) (key string, sealed []byte, ok bool) {
	rest, ok := bytes.CutPrefix(raw, []byte(version))
	if !ok || len(rest) == 0 || len(rest) < 1+int(rest[0]) {
		return "", nil, false
	}
	n := int(rest[0])
	return string(rest[1 : 1+n]), rest[1+n:], true
}

// Reserve gives a record its place in a queue, whose name holds nothing but letters, digits and hyphens, behind all that have
// one. Add or Remove must follow. ErrFull: the limits are reached.
func (s *Spool) Reserve(queue string) (Record, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.records) >= s.limits.Records {
		return Record{}, ErrFull
	}
	s.last = max(s.last+1, time.Now().UnixNano())
	r := Record{name: fmt.Sprintf("%0*d-%s%s", digits, s.last, queue, suffix)}
	s.records = append(s.records, r)
	s.queues[queue]++
	return r, nil
}

// Add fills a record's place. It is on the disk when Add returns; after an error it is not there, and its place is given up.
func (s *Spool) Add(r Record, plain []byte) error {
	key, sealed := s.sealer.Wrap(plain, []byte(r.name))
	raw := slices.Concat([]byte(version), []byte{byte(len(key))}, []byte(key), sealed)
	if !s.grow(r, int64(len(raw))) {
		return errors.Join(ErrFull, s.Remove(r))
	}
	path := filepath.Join(s.dir, r.name)
	err := s.save(path+unsaved, raw)
	if err == nil {
		err = os.Rename(path+unsaved, path)
	}
	if err == nil {
		err = syncFolder(s.dir)
	}
	if err != nil {
		_ = os.Remove(path + unsaved)
		_ = s.Remove(r)
		return fmt.Errorf("the spool cannot be written to: %w", err)
	}
	return nil
}

// grow counts the bytes of a record that has a place; false: they are too many.
func (s *Spool) grow(r Record, size int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, found := s.place(r)
	if !found || s.bytes+size > s.limits.Bytes {
		return false
	}
	s.records[at].size, s.bytes = size, s.bytes+size
	return true
}

// place finds a record in the list; the caller holds the lock.
func (s *Spool) place(r Record) (at int, found bool) {
	return slices.BinarySearchFunc(s.records, r, func(a, b Record) int { return strings.Compare(a.name, b.name) })
}

func (s *Spool) save(path string, raw []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Waits reports whether a queue has records, or places for some.
func (s *Spool) Waits(queue string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queues[queue] > 0
}

// Records lists all, the oldest first, those among them that have only a place so far.
func (s *Spool) Records() []Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.records)
}

// ErrDamaged is returned for a record that does not open: its file was altered or ruined. It is set aside under another
// name, and is no record any more.
var ErrDamaged = errors.New("a record of the spool is damaged; it was set aside")

// Read gives what was added. os.ErrNotExist: it has only a place, or is gone.
func (s *Spool) Read(r Record) ([]byte, error) {
	path := filepath.Join(s.dir, r.name)
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, sealed, ok := parted(raw)
	if ok {
		plain, err := s.sealer.Unwrap(key, sealed, []byte(r.name))
		if err == nil {
			return plain, nil
		}
	}
	if err := os.Rename(path, path+damaged); err != nil {
		return nil, fmt.Errorf("setting a damaged record aside: %w", err)
	}
	s.mu.Lock()
	s.spoilt++
	s.mu.Unlock()
	return nil, errors.Join(ErrDamaged, s.Remove(r))
}

// Remove takes a record out that was dealt with. If the computer dies at once it may be there again: what it asks for must
// be harmless a second time.
func (s *Spool) Remove(r Record) error {
	err := os.Remove(filepath.Join(s.dir, r.name))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("taking a record out of the spool: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, found := s.place(r); found {
		s.bytes -= s.records[at].size
		s.records = slices.Delete(s.records, at, at+1)
		s.queues[r.Queue()]--
	}
	return nil
}

// Extent says how much a spool holds.
type Extent struct {
	Records int
	Bytes   int64
	Oldest  time.Time // when the oldest came; zero: it is empty
	Damaged int       // records that were set aside
}

// Extent says how much it holds now.
func (s *Spool) Extent() Extent {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := Extent{Records: len(s.records), Bytes: s.bytes, Damaged: s.spoilt}
	if len(s.records) > 0 {
		e.Oldest = s.records[0].At()
	}
	return e
}

// Close lets go of the folder.
func (s *Spool) Close() error { return s.lock.Close() }
