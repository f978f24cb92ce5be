package sqlite

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/carillon-gateway/carillon/gateway"
	"github.com/carillon-gateway/carillon/gateway/internal/seal"
	"github.com/carillon-gateway/carillon/gateway/internal/store/sqlite/lite"
)

// keptGroups bounds the group keys held open.
const keptGroups = 4096

// groupKey opens a group's key, and keeps it.
func (s *Store) groupKey(ctx context.Context, group gateway.ID) (key *seal.Group, err error) {
	if key = s.keptKey(group); key != nil {
		return key, nil
	}
	err = s.reading(ctx, func(c *lite.Conn) error {
		key, err = s.readKey(c, group)
		return err
	})
	return key, err
}

func (t *txn) groupKey(group gateway.ID) (*seal.Group, error) {
	if key := t.w.store.keptKey(group); key != nil {
		return key, nil
	}
	return t.w.store.readKey(t.Conn, group)
}

func (s *Store) keptKey(group gateway.ID) *seal.Group {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.groupKeys[group]
}

func (s *Store) readKey(c *lite.Conn, group gateway.ID) (*seal.Group, error) {
	var id string
	var sealed []byte
	if err := query(c, "SELECT key_id, key_sealed FROM groups WHERE id = ?", []any{group[:]}, func(r *lite.Stmt) error { return r.Scan(&id, &sealed) }); err != nil {
		return nil, err
	}
	if id == "" {
		return nil, missing("group")
	}
	secret, err := s.ring.Unwrap(id, sealed, place(group, "key"))
	if err != nil {
		return nil, fmt.Errorf("opening a group's key: %w", err)
	}
	key, err := seal.NewGroup(secret)
	if err != nil {
		return nil, err
	}
	s.keepKey(group, key)
	return key, nil
}

func (s *Store) keepKey(group gateway.ID, key *seal.Group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.groupKeys) >= keptGroups {
		clear(s.groupKeys)
	}
	s.groupKeys[group] = key
}

// place names a row and column, so that sealed bytes cannot be moved.
func place(id gateway.ID, column string) []byte {
	return append(id[:len(id):len(id)], column...)
}

// sealedUnit is what texts are lengthened to a multiple of before they are sealed, in bytes: sealed bytes show their
// length, and the length of an address helps to tell whose it is.
const sealedUnit = 32

// sealText lengthens a text by 0x80 and zeros (ISO/IEC 7816-4) and seals it; an empty one is NULL.
func sealText(box seal.Box, text gateway.Private, id gateway.ID, column string) []byte {
	if text == "" {
		return nil
	}
	plain := make([]byte, (len(text)/sealedUnit+1)*sealedUnit)
	plain[copy(plain, text.Reveal())] = 0x80
	return box.Seal(plain, place(id, column))
}

func openText(box seal.Box, sealed []byte, id gateway.ID, column string) (gateway.Private, error) {
	if sealed == nil {
		return "", nil
	}
	plain, err := box.Open(sealed, place(id, column))
	if err != nil {
		return "", err
	}
	end := bytes.LastIndexByte(plain, 0x80)
	if end < 0 {
		return "", fmt.Errorf("a sealed %s has no end: %w", column, seal.ErrOpen)
	}
	return gateway.Private(plain[:end]), nil
}

var errDestroyed = errors.New("the member's key is destroyed")

// memberBox opens a member's key; an erased one has none.
func memberBox(key *seal.Group, member gateway.ID, sealed []byte) (seal.Box, error) {
	if len(sealed) == 0 {
		return seal.Box{}, errDestroyed
	}
	return key.Member(sealed, place(member, "key"))
}

// RotateKeys wraps every group's and channel's key anew under the ring's current key, a few at a time, while the gateway runs. It
// returns how many were wrapped; zero means that older ring keys are no longer needed.
func (s *Store) RotateKeys(ctx context.Context, limit int) (int, error) {
	n := 0
	err := s.write.do(ctx, false, func(t *txn) error {
		n = 0
		for _, table := range [...]struct{ name, column, place string }{{"groups", "key_sealed", "key"}, {"channels", "options_sealed", "options"}} {
			if err := t.rewrap(table.name, table.column, table.place, limit-n, &n); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && n > 0 { // who took an old ring key must not find what it opened; Retain sees to that
		s.leftTraces()
	}
	return n, err
}

func (t *txn) rewrap(table, column, where string, limit int, n *int) error {
	type row struct {
		id     gateway.ID
		key    string
		sealed []byte
	}
	var rows []row
	current := t.w.store.ring.Current()
	err := t.query("SELECT id, key_id, "+column+" FROM "+table+" WHERE key_id <> ? LIMIT ?", []any{current, limit}, func(r *lite.Stmt) error {
		var one row
		if err := r.Scan(&one.id, &one.key, &one.sealed); err != nil {
			return err
		}
		rows = append(rows, one)
		return nil
	})
	if err != nil {
		return err
	}
	for _, r := range rows {
		secret, err := t.w.store.ring.Unwrap(r.key, r.sealed, place(r.id, where))
		if err != nil {
			return err
		}
		id, sealed := t.w.store.ring.Wrap(secret, place(r.id, where))
		if _, err := t.exec("UPDATE "+table+" SET key_id = ?, "+column+" = ? WHERE id = ?", id, sealed, r.id[:]); err != nil {
			return err
		}
		*n++
	}
	return nil
}
